"""Layers of sequences, forward and gradients, against PyTorch with random options."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor

torch = pytest.importorskip("torch")

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}
TRANSPOSED = ("linear1.weight", "linear2.weight", "out_proj.weight")


def assert_close(mine, other, what):
    np.testing.assert_allclose(mine, other.detach().numpy(), **TOLERANCE, err_msg=what)


def assert_same(ours, theirs, call_ours, call_theirs, inputs, rng):
    """Results, and gradients of inputs and parameters, of two layers with the same weights."""
    for parameter in theirs.parameters():
        parameter.data = torch.tensor(rng.normal(size=parameter.shape) * 0.5)
    nn.from_torch(theirs.state_dict(), ours)
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    ts = [torch.tensor(x, requires_grad=True) for x in inputs]
    results = list(zip(call_ours(*xs), call_theirs(*ts), strict=True))
    loss, torch_loss = 0, 0
    for number, (y, t) in enumerate(results):
        assert y.shape == tuple(t.shape)
        assert_close(y.data, t, f"result {number}")
        weights = rng.normal(size=y.shape)
        loss = loss + (y * weights).sum()
        torch_loss = torch_loss + (t * torch.tensor(weights)).sum()
    loss.backward()
    torch_loss.backward()
    for number, (x, t) in enumerate(zip(xs, ts, strict=True)):
        assert_close(x.grad, t.grad, f"gradient of input {number}")
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    for name, parameter in theirs.named_parameters():
        grad = parameter.grad.T if name.endswith(TRANSPOSED) else parameter.grad
        assert_close(gradients[name], grad, f"gradient of {name}")


def recurrent(name, seed):
    rng = np.random.default_rng(seed)
    n, length, features, hidden, layers = (int(k) for k in rng.integers(1, 5, 5))
    options = {
        "num_layers": layers,
        "bias": bool(rng.integers(2)),
        "bidirectional": bool(rng.integers(2)),
        "batch_first": bool(rng.integers(2)),
    }
    if name == "RNN":
        options["nonlinearity"] = str(rng.choice(["tanh", "relu"]))
    if name == "LSTM":
        options["proj_size"] = int(rng.integers(hidden))
    ours = getattr(nn, name)(features, hidden, **options)
    theirs = getattr(torch.nn, name)(features, hidden, dtype=torch.float64, **options)
    shape = (n, length, features) if options["batch_first"] else (length, n, features)
    sizes = [options.get("proj_size") or hidden, hidden][: 1 + (name == "LSTM")]
    states = [(layers * (1 + options["bidirectional"]), n, size) for size in sizes]
    inputs = [rng.normal(size=shape)]
    inputs += [rng.normal(size=state) for state in (states if rng.integers(2) else [])]
    lengths = None
    if rng.integers(2):
        lengths = rng.integers(1, length + 1, n)
        lengths[rng.integers(n)] = length

    def given(states):
        return (states if name == "LSTM" else states[0]) if states else None

    def flat(y, last):
        return [y, *last] if isinstance(last, tuple) else [y, last]

    def call_theirs(x, *states):
        if lengths is None:
            return flat(*theirs(x, given(states)))
        first = options["batch_first"]
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), first, enforce_sorted=False
        )
        y, last = theirs(packed, given(states))
        return flat(torch.nn.utils.rnn.pad_packed_sequence(y, first)[0], last)

    def call_ours(x, *states):
        return flat(*ours(x, given(states), lengths))

    assert_same(ours, theirs, call_ours, call_theirs, inputs, rng)


def cell(name, seed):
    rng = np.random.default_rng(seed)
    n, features, hidden = (int(k) for k in rng.integers(1, 5, 3))
    options = {"bias": bool(rng.integers(2))}
    if name == "RNNCell":
        options["nonlinearity"] = str(rng.choice(["tanh", "relu"]))
    ours = getattr(nn, name)(features, hidden, **options)
    theirs = getattr(torch.nn, name)(features, hidden, dtype=torch.float64, **options)
    count = rng.integers(2) * (1 + (name == "LSTMCell"))
    inputs = [rng.normal(size=(n, features)), *(rng.normal(size=(n, hidden)) for _ in range(count))]

    def called(layer):
        def call(x, *states):
            hx = (states if name == "LSTMCell" else states[0]) if states else None
            y = layer(x, hx)
            return y if isinstance(y, tuple) else [y]

        return call

    assert_same(ours, theirs, called(ours), called(theirs), inputs, rng)


def embedding(_, seed):
    rng = np.random.default_rng(seed)
    count, features = (int(k) for k in rng.integers(2, 6, 2))
    padding = int(rng.integers(count)) if rng.integers(2) else None
    ours = nn.Embedding(count, features, padding)
    theirs = torch.nn.Embedding(count, features, padding, dtype=torch.float64)
    numbers = rng.integers(0, count, rng.integers(1, 4, rng.integers(1, 4)))
    assert_same(
        ours,
        theirs,
        lambda: [ours(numbers)],
        lambda: [theirs(torch.tensor(numbers))],
        [],
        rng,
    )


def masks_of(rng, n, heads, queries, keys):
    """A mask between positions and one of keys, of booleans or numbers; each query sees a key."""
    between = padding = None
    numbers = bool(rng.integers(2))
    if rng.integers(2):
        shape = (queries, keys) if rng.integers(2) else (n * heads, queries, keys)
        between = rng.random(shape) < 0.4
        between[..., 0] = False
    if rng.integers(2):
        padding = rng.random((n, keys)) < 0.4
        padding[:, 0] = False
    if numbers:
        between, padding = (
            mask if mask is None else np.where(mask, -np.inf, rng.normal(size=mask.shape))
            for mask in (between, padding)
        )
    return between, padding


def in_torch(mask):
    return None if mask is None else torch.tensor(mask)


def attention(_, seed):
    rng = np.random.default_rng(seed)
    n, queries, keys, heads, size = (int(k) for k in rng.integers(1, 5, 5))
    dims = {name: int(rng.integers(1, 5)) for name in ("kdim", "vdim")} if rng.integers(2) else {}
    options = {"bias": bool(rng.integers(2)), "batch_first": bool(rng.integers(2)), **dims}
    ours = nn.MultiHeadAttention(heads * size, heads, **options)
    theirs = torch.nn.MultiheadAttention(heads * size, heads, dtype=torch.float64, **options)
    features = [heads * size, *(dims.get(name, heads * size) for name in ("kdim", "vdim"))]
    inputs = [
        rng.normal(size=(n, length, k) if options["batch_first"] else (length, n, k))
        for length, k in zip((queries, keys, keys), features, strict=True)
    ]
    between, padding = masks_of(rng, n, heads, queries, keys)
    named = {"average_attn_weights": bool(rng.integers(2)), "need_weights": bool(rng.integers(2))}

    def called(layer, own):
        def call(q, k, v):
            others = 0 * (k.sum() + v.sum())
            if seed % 3 == 0 and not dims and queries == keys:
                k = v = q
            found = layer(q, k, v, key_padding_mask=own(padding), attn_mask=own(between), **named)
            return [found[0] + others, *([found[1]] if named["need_weights"] else [])]

        return call

    assert_same(ours, theirs, called(ours, lambda m: m), called(theirs, in_torch), inputs, rng)


def encoder(_, seed):
    rng = np.random.default_rng(seed)
    n, length, heads, size, inner = (int(k) for k in rng.integers(1, 5, 5))
    options = {
        "activation": str(rng.choice(["relu", "gelu"])),
        "norm_first": bool(rng.integers(2)),
        "batch_first": bool(rng.integers(2)),
        "bias": bool(rng.integers(2)),
    }
    given = (heads * (size + 1), heads, inner, 0.0)
    ours = nn.TransformerEncoderLayer(*given, **options)
    theirs = torch.nn.TransformerEncoderLayer(*given, dtype=torch.float64, **options)
    between, padding = masks_of(rng, n, heads, length, length)
    shape = (n, length, given[0]) if options["batch_first"] else (length, n, given[0])
    assert_same(
        ours,
        theirs,
        lambda x: [ours(x, between, padding)],
        lambda x: [theirs(x, in_torch(between), in_torch(padding))],
        [rng.normal(size=shape)],
        rng,
    )


def decoder(_, seed):
    rng = np.random.default_rng(seed)
    n, length, others, heads, size = (int(k) for k in rng.integers(1, 5, 5))
    names = ("norm_first", "batch_first", "bias")
    options = {name: bool(rng.integers(2)) for name in names}
    given = (heads * (size + 1), heads, 3, 0.0)
    ours = nn.TransformerDecoderLayer(*given, **options)
    theirs = torch.nn.TransformerDecoderLayer(*given, dtype=torch.float64, **options)
    own, own_padding = masks_of(rng, n, heads, length, length)
    between, padding = masks_of(rng, n, heads, length, others)
    shapes = [(n, k, given[0]) for k in (length, others)]
    if not options["batch_first"]:
        shapes = [(k, n, f) for n, k, f in shapes]
    masks = (own, between, own_padding, padding)
    assert_same(
        ours,
        theirs,
        lambda x, m: [ours(x, m, *masks)],
        lambda x, m: [theirs(x, m, *map(in_torch, masks))],
        [rng.normal(size=shape) for shape in shapes],
        rng,
    )


KINDS = {
    **dict.fromkeys(("RNN", "GRU", "LSTM"), recurrent),
    **dict.fromkeys(("RNNCell", "GRUCell", "LSTMCell"), cell),
    "Embedding": embedding,
    "MultiHeadAttention": attention,
    "TransformerEncoderLayer": encoder,
    "TransformerDecoderLayer": decoder,
}


def assert_agree(name, seeds):
    for seed in seeds:
        try:
            KINDS[name](name, seed)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error}") from error


@looped("name", KINDS)
def test_a_layer_of_sequences_is_that_of_pytorch_whatever_its_options(name):
    assert_agree(name, range(3))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", KINDS)
def test_a_layer_of_sequences_is_that_of_pytorch_for_many_options(name):
    assert_agree(name, range(3, 100))
