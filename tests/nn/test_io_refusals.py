"""Models and files that are refused, and the models that stay as they were."""

import json
import sys

import numpy as np
import pytest
from looping import looped
from model_files import (
    OwnModel,
    assert_same_bits,
    refusal,
    rewrite,
    safetensors_numpy,
    small,
)

import nn
from autograd_lite import AutogradError
from autograd_lite.errors import UnsupportedError

NORM = {"epsilon": 1e-5, "dtype": {"dtype": "float64"}}


# --- what cannot be saved


def test_dicts_of_dicts_as_checkpoints_are_in_pytorch_are_told_what_writes_those(path):
    model = small()
    optimizer = nn.Adam(model.parameters())
    for state in (optimizer.state_dict(), {"model": model.state_dict(), "epoch": 3}):
        with pytest.raises(UnsupportedError, match=r"nn\.Checkpoint\(path\).*resume_from=path"):
            nn.save(state, path)


@pytest.mark.parametrize(
    "model",
    [
        nn.Dense(2, 2, activation=lambda x: x * 2),
        nn.Sequential(nn.Dense(2, 2, activation=np.sin)),
        OwnModel(),
        nn.Sequential(nn.Dense(2, 2), OwnModel()),
    ],
    ids=["lambda", "function", "class", "class inside"],
)
def test_what_only_code_can_rebuild_is_refused_with_the_line_to_write(path, model):
    with pytest.raises(UnsupportedError, match="holds no code") as info:
        nn.save(model, path)
    assert "nn.load(path, model)" in info.value.args[2]
    assert not path.exists()
    nn.save(model.state_dict(), path)
    nn.load(path, model)


def test_a_subclass_of_a_layer_is_not_taken_for_the_layer(path):
    class Doubled(nn.Dense):
        def forward(self, x):
            return super().forward(x) * 2

    with pytest.raises(UnsupportedError, match="Doubled"):
        nn.save(nn.Sequential(Doubled(2, 2)), path)


def test_parameters_that_the_layers_do_not_tell_are_refused_by_name(path):
    tied = nn.Sequential(nn.Dense(2, 2), nn.Dense(2, 2))
    tied[1].weight = tied[0].weight
    with pytest.raises(UnsupportedError, match=r"1\.weight"):
        nn.save(tied, path)
    extended = nn.Sequential(nn.Dense(2, 2))
    extended[0].gain = nn.Parameter([1.0])
    with pytest.raises(UnsupportedError, match=r"0\.gain"):
        nn.save(extended, path)
    widened = nn.Sequential(nn.Dense(2, 2))
    widened[0].weight.data = np.ones((3, 2))
    with pytest.raises(UnsupportedError, match=r"0\.weight"):
        nn.save(widened, path)


@pytest.mark.parametrize("array", [np.array([1j]), np.array(["a"]), np.array([1.0], np.longdouble)])
def test_dtypes_that_a_file_cannot_hold_are_refused(path, array):
    with pytest.raises(UnsupportedError, match="'w'"):
        nn.save({"w": array}, path)


def test_names_that_are_not_strings_and_things_that_are_no_model_are_refused(path):
    with pytest.raises(UnsupportedError, match="by name"):
        nn.save({1: np.ones(2)}, path)
    with pytest.raises(UnsupportedError, match="neither a module nor a mapping"):
        nn.save(str(path), small())


# --- files that are refused


def test_a_file_truncated_anywhere_is_refused(path):
    nn.save(nn.Dense(1, 1), path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert "truncated" in refusal(path)


@pytest.mark.parametrize("suffix", [b"x", b"\0" * 8])
def test_a_file_with_something_appended_is_refused(path, suffix):
    nn.save(small(), path)
    path.write_bytes(path.read_bytes() + suffix)
    assert "no safetensors file" in refusal(path)


@pytest.mark.parametrize("data", [b"PK\x03\x04" * 50, b"\x80\x04\x95" * 50, b"\x93NUMPY" * 50])
def test_files_of_other_kinds_are_refused(path, data):
    path.write_bytes(data)
    assert "no safetensors file" in refusal(path)


def test_a_pickle_is_not_executed(path):
    witness = path.parent / "executed"
    path.write_bytes(f"cos\nmkdir\n(S'{witness}'\ntR.".encode())
    refusal(path)
    assert not witness.exists()


def test_a_training_is_no_model(path):
    model = nn.Dense(1, 1, rng=0)
    optimizer, X = nn.SGD(model.parameters(), 0.1), np.ones((4, 1))
    saved = nn.Checkpoint(path)
    nn.fit(model, X, X, loss="mse", optimizer=optimizer, epochs=1, callbacks=[saved])
    assert "nn.Checkpoint wrote" in refusal(path, model)


def test_a_safetensors_file_of_another_program_is_refused(path):
    path.write_bytes(safetensors_numpy.save(small().state_dict(), {"format": "pt"}))
    assert "another program" in refusal(path)
    assert "another program" in refusal(path, small(rng=1))
    path.write_bytes(safetensors_numpy.save(small().state_dict()))
    assert "another program" in refusal(path)


def test_tensors_without_an_architecture_ask_for_a_model(path):
    nn.save(small().state_dict(), path)
    assert "not what kind of model" in refusal(path)


def test_a_file_that_is_not_there_is_reported_as_by_open(path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        nn.load(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", '{"version": 1}', '{"architecture": {}}', "[" * 100_000]
)
def test_metadata_that_is_not_the_right_json_is_refused(path, text):
    nn.save(small(), path)
    rewrite(path, text=text)
    assert "not as nn.save writes it" in refusal(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_of_the_format_is_refused(path, version):
    nn.save(small(), path)
    rewrite(path, text=json.dumps({"version": version, "architecture": None}))
    assert f"version {version!r}" in refusal(path)


@looped(
    ("change", "reason"),
    [
        ({"class": "Convolution"}, "no layer 'Convolution'"),
        ({"class": "os.system"}, "no layer 'os.system'"),
        ({"class": "Module"}, "no layer 'Module'"),
        ({"class": ["Dense"]}, "no layer ['Dense']"),
        ({"class": "ReLU"}, "ReLU takes other arguments: activation, bias"),
        ({"activation": "exec"}, "no activation of that name"),
        ({"activation": 3}, "no activation of that name"),
        ({"activation": "relu"}, "another configuration"),
        ({"activation": {"function": "exec"}}, "KeyError('exec')"),
        ({"activation": {"function": ["relu"]}}, ""),
        ({"activation": {"function": "relu", "dtype": "float64"}}, ""),
        ({"activation": {"import": "os"}}, "KeyError('import')"),
        ({"activation": {}}, ""),
        ({"weight_init": "he_normal"}, "takes other arguments: weight_init"),
        ({"rng": 3}, "takes other arguments: rng"),
        ({"unknown": 3}, "takes other arguments: unknown"),
        ({"dtype": "float64"}, "another configuration"),
        ({"dtype": {"dtype": "object"}}, "dtype"),
        ({"bias": 1}, "bias=1: out of range"),
        ({"dtype": "object"}, "dtype"),
        ({"dtype": "no"}, "no"),
        ({"bias": "yes"}, "bias='yes': out of range"),
        ({"in_features": 0}, "in_features=0"),
        ({"in_features": "2"}, ""),
        ({"in_features": 2.0}, ""),
        ({"in_features": None}, ""),
        ({"in_features": 10**9, "out_features": 10**9}, "larger than the file"),
        ({"layers": [{"class": "ReLU"}]}, "takes other arguments: layers"),
        ({"bias": {"repeats": 0}}, "out of range"),
    ],
)
def test_an_architecture_that_was_tampered_with_is_refused(path, change, reason):
    nn.save(small(), path)
    rewrite(path, architecture=change)
    found = refusal(path)
    assert "architecture cannot be built" in found
    assert reason in found


@looped(
    "layer",
    [
        {"class": "LeakyReLU", "negative_slope": "0.1"},
        {"class": "LeakyReLU", "negative_slope": [0.1]},
        {"class": "ELU", "alpha": None},
        {"class": "Dropout", "p": 2},
        {"class": "Softmax", "axis": 0.5},
        {"class": "Softmax", "axis": "0"},
        {"class": "ReLU", "layers": [3]},
        {"class": "Sequential", "layers": 3},
        {"class": "Sequential", "layers": [3]},
        {"class": "Residual"},
        {"class": "Residual", "block": {"class": "ReLU"}},
        {"class": "Residual", "block": 3, "projection": None},
        {"class": "Residual", "block": {"repeats": 0}, "projection": None},
        {"class": "LayerNorm", "normalized_shape": {"tuple": [10**6] * 3}, **NORM},
        {"class": "LayerNorm", "normalized_shape": 3, **NORM},
        {"class": "BatchNorm1d", "num_features": 10**12, "momentum": 0.1, **NORM},
        "Dense",
        None,
        [],
    ],
)
def test_a_layer_with_arguments_of_the_wrong_kind_is_refused(path, layer):
    nn.save(nn.Sequential(), path)
    architecture = {"class": "Sequential", "layers": [layer]}
    text = json.dumps({"version": 1, "architecture": architecture})
    path.write_bytes(safetensors_numpy.save({}, {"autograd_lite": text}))
    assert "architecture cannot be built" in refusal(path)


def test_layers_nested_beyond_measure_are_refused(path):
    text = '{"class":"Sequential","layers":[' * 600 + "3" + "]}" * 600
    entry = f'{{"version": 1, "architecture": {text}}}'
    path.write_bytes(safetensors_numpy.save({}, {"autograd_lite": entry}))
    assert "RecursionError" in refusal(path)


@pytest.mark.parametrize("given", [False, True], ids=["rebuilt", "given"])
@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"0.weight": None}, "0.weight is missing"),
        ({"2.weight": np.ones((1, 1))}, "2.weight is unknown"),
        (
            {"0.weight": np.ones((3, 2))},
            "0.weight is array (3, 2) instead of numbers of shape (2, 3)",
        ),
        (
            {"0.bias": np.ones((1, 3))},
            "0.bias is array (1, 3) instead of numbers of shape (3,)",
        ),
        (
            {"0.weight": np.ones((2, 3), np.float32)},
            "0.weight has dtype float32 instead of float64",
        ),
        ({"0.weight": np.ones((2, 3), int)}, "0.weight has dtype int64 instead of float64"),
    ],
    ids=["missing", "unknown", "transposed", "misshapen", "narrower", "integers"],
)
def test_tensors_that_do_not_fit_are_refused_by_name(path, tensors, reason, given):
    nn.save(small(), path)
    rewrite(path, tensors=tensors)
    assert reason in refusal(path, small(rng=1) if given else None)


def test_a_model_of_another_dtype_is_not_converted_silently(path):
    nn.save(small(dtype=np.float64), path)
    model = small(rng=1, dtype=np.float32)
    assert "dtype float64 instead of float32" in refusal(path, model)
    assert_same_bits(nn.load(path, model.astype(np.float64)), small())


def test_a_dtype_that_numpy_lacks_is_refused(path):
    nn.save(nn.Dense(1, 1), path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"F64"', b'"F8_E5M2"'))
    assert refusal(path)
    header = json.dumps(
        {
            "__metadata__": {"autograd_lite": '{"version": 1, "architecture": null}'},
            "w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        }
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    assert "w (BF16)" in refusal(path, small())


def test_without_safetensors_the_error_says_what_to_install(path, monkeypatch):
    nn.save(small(), path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: nn.save(small(), path), lambda: nn.load(path)):
        with pytest.raises(ImportError, match=r"pip install 'autograd-lite\[io\]'") as info:
            call()
        assert isinstance(info.value, AutogradError)
