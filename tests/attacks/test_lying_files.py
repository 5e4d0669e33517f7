"""Files whose header, or whose description of a model, lies."""

import json

import numpy as np
import pytest
from attacking import described, made, small, tally

import nn
from nn.architecture import REGISTERED

F64 = {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}
WEIGHTS = {"__metadata__": {"autograd_lite": '{"version": 1, "architecture": null}'}}
ENTRY = '{"version": 1, "architecture": %s}'


def tensors(**entries):
    return {**WEIGHTS, **entries}


def tensor(**changes):
    return made(tensors(w={**F64, **changes}), bytes(16))


def lengths():
    """Headers that say that they are longer or shorter than they are."""
    honest = made(tensors(w=F64), bytes(16))
    size = len(honest) - 8
    for length in (0, 1, size - 17, size - 15, size, size + 1, 10**8, 10**8 + 1, 2**63, 2**64 - 1):
        yield f"length {length}", made(tensors(w=F64), bytes(16), length)


def places():
    """Tensors that lie over each other, apart, backwards, or outside of the file."""
    for offsets in (
        [0, 8], [0, 17], [8, 16], [16, 0], [-8, 8], [0, 2**63], [0, 2**64], [2**64 - 16, 0],
        [0.0, 16.0], [None, 16], ["0", "16"], [], [16], [0, 16, 32], {}, None, 16, [[0], [16]],
    ):  # fmt: skip
        yield f"offsets {offsets}", tensor(data_offsets=offsets)
    yield "one place for two", made(tensors(w=F64, v=F64), bytes(16))
    over = {**F64, "data_offsets": [8, 24]}
    yield "one over the other", made(tensors(w=F64, v=over), bytes(24))
    yield "data behind all", made(tensors(w=F64), bytes(24))
    yield "data between", made(tensors(w=F64, v={**F64, "data_offsets": [24, 40]}), bytes(40))
    yield "one place for a thousand", made(tensors(**dict.fromkeys(map(str, range(1000)), F64)),
                                           bytes(16))  # fmt: skip


def shapes():
    for shape in (
        [3], [1], [], [-2], [-1, -2], [2.0], ["2"], [None], [True, 2], [[2]], 2, None, {}, "2",
        [2**32, 2**32], [2**63, 2], [2**64], [10**400], [1] * 63 + [2], [1] * 64 + [2], [1] * 1000,
    ):  # fmt: skip
        yield f"shape {str(shape)[:40]}", tensor(shape=shape)
    for shape in ([0] * 100, [2**62, 0], [0, 2**63], [0, 2**64 - 1], [2**40, 2**40, 0]):
        empty = {**F64, "shape": shape, "data_offsets": [0, 0]}
        yield f"empty shape {str(shape)[:40]}", made(tensors(w=empty))


def dtypes():
    for dtype in ("F65", "f64", "object", "O", "V8", "", 64, None, [], ["F64"], {"F64": 1}):
        yield f"dtype {dtype}", tensor(dtype=dtype)
    for dtype in ("BF16", "F8_E5M2", "F8_E4M3", "C64", "F4", "F6_E2M3"):
        size = {"BF16": 2, "C64": 8}.get(dtype, 1)
        entry = {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}
        yield f"dtype {dtype}", made(tensors(w=entry), bytes(size))


def counts():
    """Very many tensors, or none of those that are needed."""
    empty = {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}
    many = tensors(**dict.fromkeys(map(str, range(5000)), empty))
    yield "5000 empty tensors", made(json.dumps(many, separators=(",", ":")).encode())
    yield "no tensors", made(WEIGHTS)
    yield "an entry that is missing", made(tensors(w={"dtype": "F64", "shape": [2]}), bytes(16))
    yield "an entry too many", tensor(more=1)
    yield (
        "one name twice",
        made(
            json.dumps(tensors(w=F64)).encode()[:-1] + b', "w": ' + json.dumps(F64).encode() + b"}",
            bytes(16),
        ),
    )


def nested():
    """Data that is nested deeper than anything can be read."""
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = opening * 50_000 + closing * 50_000
        yield f"header of {opening}", made(text.encode())
        yield f"entry of {opening}", made({"__metadata__": {"autograd_lite": text}})
        yield f"architecture of {opening}", made({"__metadata__": {"autograd_lite": ENTRY % text}})


def texts():
    for text in (b"", b"{", b"null", b"3", b"[]", b'"a"', b"\xff\xfe", b"\0" * 100, b"NaN"):
        yield f"header {text[:10]!r}", made(text)
    for metadata in (None, 3, [], "a", {"autograd_lite": None}, {"autograd_lite": {}}, {3: "a"}):
        yield f"metadata {metadata}", made({"__metadata__": metadata, "w": F64}, bytes(16))


LIES = {each.__name__: each for each in (lengths, places, shapes, dtypes, counts, nested, texts)}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_a_header_that_lies_is_refused_whatever_it_is_read_as(tmp_path, lies):
    path = tmp_path / "file"
    model = small()
    before = model.state_dict()
    with tally(f"headers with lies of {lies.__name__}") as attempts:
        for name, content in lies():
            path.write_bytes(content)
            for read in (lambda: nn.load(path), lambda: nn.load(path, model)):
                attempts.attempt(name, read, len(content), lambda _: False)
    assert all((array == before[name]).all() for name, array in model.state_dict().items())


# --- models


def sequential(*layers):
    return {"class": "Sequential", "layers": list(layers)}


def residual(block, projection):
    return {"class": "Residual", "block": block, "projection": projection}


def doubled(depth, pair):
    """Modules each of which has the one before it twice."""
    description = sequential({"class": "ReLU"})
    for number in range(1, depth + 1):
        description = pair(description, {"repeats": number})
    return description


def dense(in_features, out_features, activation=None):
    return {"class": "Dense", "in_features": in_features, "out_features": out_features,
            "activation": activation, "bias": False, "dtype": {"dtype": "float64"}}  # fmt: skip


def wide(features):
    return {"class": "BatchNorm1d", "num_features": features, "epsilon": 1e-5, "momentum": 0.1,
            "dtype": {"dtype": "float64"}}  # fmt: skip


def exponential():
    """Modules of shared modules, where there can be none; written out, 2 ** depth."""
    for depth in (30, 200):
        for pair in (sequential, residual):
            twice = doubled(depth, pair)
            yield f"{depth} doubled, for a number", sequential({"class": "Dropout", "p": twice})
            yield f"{depth} doubled, for a size", dense(twice, 2)
            yield f"{depth} doubled, and text", sequential(twice, "a")


def large():
    """Models that are much larger than their files."""
    yield "one layer", dense(10**6, 10**6)
    yield "a wide one", wide(10**12)
    yield "absurd sizes", dense(10**400, 10**400)
    shape = {"tuple": [1] * 1000}
    yield "a shape of many ones", {**wide(1), "class": "LayerNorm", "normalized_shape": shape}
    yield "many layers", sequential(*[dense(1000, 36)] * 60)
    yield "many wide ones", sequential(*[wide(36_000)] * 60)
    yield "many inside of each other", sequential(*[sequential(dense(1000, 36))] * 60)
    yield "many as activations", sequential(*[dense(1000, 36, dense(1000, 36))] * 30)


def long():
    """Very many modules, or repeats of them, the last of which is none."""
    yield "many modules", sequential(*[{"class": "ReLU"}] * 2000, 3)
    yield "many repeats", sequential({"class": "ReLU"}, *[{"repeats": 0}] * 2000, 3)
    for index in (-1, 1, 10**400, True, None, 0.0, "0", [0]):
        yield f"repeats {str(index)[:9]}", sequential({"class": "ReLU"}, {"repeats": index})


CLAIMS = {each.__name__: each for each in (exponential, large, long)}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_a_model_that_claims_to_be_large_is_refused_before_it_is_made(tmp_path, claims):
    path = tmp_path / "file"
    with tally(f"models with claims, {claims.__name__}") as attempts:
        for name, architecture in claims():
            arrays = {"w": np.zeros(36_000)} if claims is large else {}
            path.write_bytes(described(architecture, **arrays))
            size = path.stat().st_size
            attempts.attempt(name, lambda: nn.load(path), size, lambda _: False)


def test_a_model_of_shared_modules_is_read_as_it_was(tmp_path):
    path = tmp_path / "file"
    for depth in (1, 10, 40):
        for pair in (sequential, residual):
            content = described(doubled(depth, pair))
            path.write_bytes(content)
            model = nn.load(path)
            assert len(list(model.named_modules())) == depth + 2
            assert len(repr(model)) < 100 * (depth + 2) ** 2
            nn.save(model, path)
            assert path.read_bytes() == content


def test_building_a_model_from_a_file_draws_no_weights(tmp_path):
    path = tmp_path / "file"
    drawn = []

    class Drawn(nn.Module):
        """A class of one's own, of which a file can ask for any initial weights."""

        def __init__(self, initial):
            self.inner = nn.Dense(40, 40, weight_init=initial, bias=False)
            self.initial = initial
            drawn.append(bool(self.inner.weight.data.any()))

    nn.register(Drawn)
    try:
        nn.save(Drawn("orthogonal"), path)
        loaded = nn.load(path)
    finally:
        del REGISTERED["Drawn"]
    assert drawn[0]
    assert not any(drawn[1:])  # where it was built again
    assert len(drawn) > 2
    assert loaded.inner.weight.data.any()
