"""What layers of sequences promise, without any other library to compare with."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor, UnsupportedError
from autograd_lite.trees import leaves_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 2))
LENGTHS = [5, 2, 3]
LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


def last_of(ends):
    return [x.data for x in leaves_of(ends)]


@looped("name", LAYERS)
def test_cells_step_by_step_are_the_layer(name):
    layer, cell = LAYERS[name](2, 4, rng=0), getattr(nn, f"{name}Cell")(2, 4, rng=1)
    for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(cell, kind).data = RNG.normal(size=getattr(cell, kind).shape)
        getattr(layer, f"{kind}_l0").data = getattr(cell, kind).data
    states, ends = layer(X)
    state = None
    for t in range(5):
        state = cell(X[:, t], state)
        np.testing.assert_allclose(leaves_of(state)[0].data, states.data[:, t], rtol=1e-12)
    for found, end in zip(leaves_of(state), last_of(ends), strict=True):
        np.testing.assert_allclose(found.data, end[0], rtol=1e-12)


@looped("name", LAYERS)
def test_a_short_sequence_beside_long_ones_is_what_it_is_alone(name):
    layer = LAYERS[name](2, 4, num_layers=2, bidirectional=True, rng=0)
    filled = X.copy()
    filled[1, 2:] = filled[2, 3:] = np.nan
    x = Tensor(filled, requires_grad=True)
    states, ends = layer(x, lengths=LENGTHS)
    weights = RNG.normal(size=states.shape)
    (states * weights).sum().backward()
    for i, length in enumerate(LENGTHS):
        alone = Tensor(X[i : i + 1, :length], requires_grad=True)
        own, own_ends = layer(alone)
        (own * weights[i : i + 1, :length]).sum().backward()
        np.testing.assert_allclose(states.data[i, :length], own.data[0], rtol=1e-12)
        assert not states.data[i, length:].any()
        np.testing.assert_allclose(x.grad[i, :length], alone.grad[0], rtol=1e-10, atol=1e-14)
        for whole, part in zip(last_of(ends), last_of(own_ends), strict=True):
            np.testing.assert_allclose(whole[:, i], part[:, 0], rtol=1e-12)
    assert all(np.isfinite(p.grad).all() for p in layer.parameters())


def test_states_are_dropped_between_layers_in_training_only():
    layer = nn.LSTM(2, 4, num_layers=2, dropout=0.5, rng=0)
    first, second = layer(X)[0].data, layer(X)[0].data
    assert not np.array_equal(first, second)
    layer.eval()
    np.testing.assert_array_equal(layer(X)[0].data, layer(X)[0].data)
    single = nn.LSTM(2, 4, dropout=0.5, rng=0)
    np.testing.assert_array_equal(single(X)[0].data, single(X)[0].data)


def test_attention_does_not_depend_on_what_is_hidden():
    layer = nn.MultiHeadAttention(4, 2, rng=0)
    x = RNG.normal(size=(2, 5, 4))
    changed = x.copy()
    changed[:, 3:] += 1
    later = np.triu(np.ones((5, 5), bool), 1)
    padding = np.array([[False] * 3 + [True] * 2] * 2)
    for options in ({"is_causal": True}, {"attn_mask": later}, {"key_padding_mask": padding}):
        for need_weights in (True, False):
            y, _ = layer(x, x, x, need_weights=need_weights, **options)
            other, _ = layer(changed, changed, changed, need_weights=need_weights, **options)
            np.testing.assert_array_equal(y.data[:, :3], other.data[:, :3])
    weights = layer(x, x, x, attn_mask=later, average_attn_weights=False)[1].data
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)
    assert not weights[:, :, later].any()


def test_a_query_that_sees_no_key_gets_zeros_and_gives_no_nan():
    layer = nn.MultiHeadAttention(4, 2, rng=0)
    x = Tensor(RNG.normal(size=(1, 3, 4)), requires_grad=True)
    for need_weights in (True, False):
        y, _ = layer(x, x, x, np.ones((1, 3), bool), need_weights=need_weights)
        np.testing.assert_array_equal(y.data[0], [layer.out_proj.bias.data] * 3)
        x.zero_grad()
        y.sum().backward()
        assert not x.grad.any()


def test_weights_of_attention_are_dropped_in_training():
    layer = nn.MultiHeadAttention(4, 2, dropout=0.5, rng=0)
    x = RNG.normal(size=(2, 5, 4))
    call = lambda: layer(x, x, x, need_weights=False)[0].data
    assert not np.array_equal(call(), call())
    layer.eval()
    np.testing.assert_array_equal(call(), call())


def test_layers_of_sequences_stay_in_float32_and_accept_whole_numbers_of_any_kind():
    words = np.array([[1, 2], [0, 3]])
    embedding = nn.Embedding(4, 6, rng=0, dtype=np.float32)
    x = embedding(words)
    for kind in (np.uint8, np.int32, np.float64):
        np.testing.assert_array_equal(embedding(words.astype(kind)).data, x.data)
    x = nn.PositionalEncoding(6)(x)
    x = nn.TransformerEncoderLayer(6, 2, 8, rng=0, dtype=np.float32)(x)
    x = nn.TransformerDecoderLayer(6, 2, 8, rng=0, dtype=np.float32)(x, x)
    for kind in LAYERS.values():
        x = kind(6, 6, rng=0, dtype=np.float32)(x)[0]
    assert x.dtype == np.float32
    x.sum().backward()
    assert embedding.weight.grad.dtype == np.float32


def test_a_summary_lists_layers_of_sequences():
    class Model(nn.Module):
        def __init__(self):
            self.embedding = nn.Embedding(9, 4)
            self.encoder = nn.TransformerEncoderLayer(4, 2, 8)
            self.lstm = nn.LSTM(4, 3)
            self.head = nn.Dense(3, 9)

        def forward(self, x):
            return self.head(self.lstm(self.encoder(self.embedding(x)))[0])

    model = Model()
    table = nn.summary(model, np.zeros((1, 7), int))
    shapes = {row.name: row.output_shape for row in table.rows}
    assert shapes["embedding"] == (1, 7, 4)
    assert shapes["lstm"] == [(1, 7, 3), (1, 1, 3), (1, 1, 3)]
    assert table.parameters == sum(p.size for p in model.parameters())


def test_masks_of_0_and_1_that_are_no_booleans_are_refused():
    layer, x = nn.MultiHeadAttention(4, 2, rng=0), np.ones((2, 3, 4))
    for name, flags in (("key_padding_mask", [[0, 0, 1], [0, 0, 0]]), ("attn_mask", np.eye(3))):
        for dtype in (int, np.uint8, float, np.float32):
            with pytest.raises(UnsupportedError, match=rf"{name}.* mask\.astype\(bool\)"):
                layer(x, x, x, **{name: np.array(flags, dtype)})
    added = layer(x, x, x, attn_mask=np.zeros((3, 3)))[0].data
    np.testing.assert_array_equal(added, layer(x, x, x)[0].data)
    layer(x, x, x, attn_mask=-np.eye(3), key_padding_mask=np.array([[0, 0, -np.inf], [0, 0, 0.5]]))
