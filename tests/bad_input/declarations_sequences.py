"""Bad input of the layers of sequences, and of weights from PyTorch."""

import numpy as np
from declarations_layers import ONE_ARRAY, dtype, generator
from declaring import Spreads, array, bad, declare, number
from world import TEXT, nans

import nn
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError

SEQUENCES = np.ones((2, 4, 3))


def sizes(kind):
    return [
        number("input_size", lambda w, v: kind(v, 2), 0, -1, 2.0, True),
        number("hidden_size", lambda w, v: kind(2, v), 0, 1.5),
        bad("type", lambda w: kind(2, 3, bias=1), ArgumentError, "bias=1"),
        dtype(lambda dtype: kind(2, 3, dtype=dtype)),
        generator(lambda rng: kind(2, 3, rng=rng)),
    ]


def recurrent(kind, *more):
    layer = kind(3, 2, rng=0)
    return declare(
        sizes(kind),
        *more,
        number("num_layers", lambda w, v: kind(2, 3, v), 0, 1.5),
        number("dropout", lambda w, v: kind(2, 3, dropout=v), -0.1, 1),
        bad("type", lambda w: kind(2, 3, batch_first=0), ArgumentError, "batch_first=0"),
        bad("type", lambda w: kind(2, 3, bidirectional="y"), ArgumentError, "bidirectional='y'"),
        bad("shape", lambda w: kind(4, 2)(SEQUENCES), ShapeError, "(2, 4, 3)", "axis 2", "4)"),
        bad("shape", lambda w: layer(SEQUENCES[0]), ShapeError, "(4, 3)", "(n, length, 3)"),
        bad("length", lambda w: layer(SEQUENCES[:, :0]), ShapeError, "(2, 0, 3)", "axis 1"),
        bad(
            "shape",
            lambda w: layer(SEQUENCES, lengths=[1, 2, 3]),
            ShapeError,
            "(2, 4, 3)",
            "(3,)",
            "axis 0",
        ),
        bad("range", lambda w: layer(SEQUENCES, lengths=[1, 5]), ArgumentError, "1 to 5", "axis 1"),
        bad("range", lambda w: layer(SEQUENCES, lengths=[0, 4]), ArgumentError, "0 to 4"),
        bad("type", lambda w: layer(SEQUENCES, lengths=[1.0, 2.0]), UnsupportedError, "float64"),
        bad(
            "shape",
            lambda w: layer(SEQUENCES, _states(layer, (2, 2))),
            ShapeError,
            "(2, 4, 3)",
            "(2, 2)",
            "(1, 2, 2)",
        ),
        array(lambda w, x: layer(x)),
        Spreads(lambda w: layer(nans(2, 4, 3))[0]),
    )


def _states(layer, shape):
    zeros = np.zeros(shape)
    return (zeros, zeros) if isinstance(layer, nn.LSTM | nn.LSTMCell) else zeros


def cell(kind, *more):
    layer = kind(3, 2, rng=0)
    return declare(
        sizes(kind),
        *more,
        bad("shape", lambda w: layer(SEQUENCES), ShapeError, "(2, 4, 3)", "(n, 3)"),
        bad("shape", lambda w: layer(np.ones((4, 2))), ShapeError, "(4, 2)", "axis 1", "3)"),
        bad(
            "shape",
            lambda w: layer(np.ones((4, 3)), _states(layer, (4, 3))),
            ShapeError,
            "(4, 3)",
            "(4, 2)",
        ),
        array(lambda w, x: layer(x)),
        Spreads(lambda w: np.stack(layer(nans(2, 3)))),
        length=ONE_ARRAY,
    )


def transformer(kind, call):
    layer = kind(6, 2, 5, rng=0)
    return declare(
        number("d_model", lambda w, v: kind(v, 1), 0, 1.5),
        number("nhead", lambda w, v: kind(6, v), 0, 1.5),
        number("dim_feedforward", lambda w, v: kind(6, 2, v), 0, 1.5),
        number("dropout", lambda w, v: kind(6, 2, dropout=v), -0.1, 1),
        number("layer_norm_eps", lambda w, v: kind(6, 2, layer_norm_eps=v), 0, -1),
        bad("range", lambda w: kind(6, 4), ArgumentError, "num_heads=4", named="MultiHead"),
        bad(
            "range",
            lambda w: kind(6, 2, activation="rely"),
            ArgumentError,
            "'rely'",
            named="activation",
        ),
        bad("type", lambda w: kind(6, 2, batch_first=1), ArgumentError, "batch_first=1"),
        bad("type", lambda w: kind(6, 2, norm_first=1), ArgumentError, "norm_first=1"),
        bad("type", lambda w: kind(6, 2, bias=1), ArgumentError, "bias=1"),
        dtype(lambda dtype: kind(6, 2, dtype=dtype)),
        generator(lambda rng: kind(6, 2, rng=rng)),
        bad("shape", lambda w: call(layer, SEQUENCES), ShapeError, "(2, 4, 3)", "6)", "axis 2"),
        array(lambda w, x: call(layer, x)),
        Spreads(lambda w: call(layer, nans(2, 4, 6))),
        length="sequences may have any length",
    )


ATTENTION = nn.MultiHeadAttention(6, 2, rng=0)
QUERIES = np.ones((2, 4, 6))


def attend(**options):
    return ATTENTION(QUERIES, QUERIES, QUERIES, **options)


EMBEDDING = nn.Embedding(4, 3, rng=0)
POSITIONS = nn.PositionalEncoding(3, 5)

DECLARED = {
    "nn.RNN": recurrent(nn.RNN),
    "nn.GRU": recurrent(nn.GRU),
    "nn.LSTM": recurrent(
        nn.LSTM, number("proj_size", lambda w, v: nn.LSTM(2, 3, proj_size=v), -1, 1.5, 3)
    ),
    "nn.RNNCell": cell(
        nn.RNNCell,
        bad("range", lambda w: nn.RNNCell(2, 3, nonlinearity="elu"), ArgumentError, "'elu'"),
    ),
    "nn.GRUCell": cell(nn.GRUCell, bad("range", lambda w: nn.GRUCell(0, 3), ArgumentError, "=0")),
    "nn.LSTMCell": cell(
        nn.LSTMCell,
        bad(
            "type",
            lambda w: nn.LSTMCell(3, 2)(np.ones((4, 3)), np.ones((4, 2))),
            UnsupportedError,
            "(4, 2)",
            "(h_0, c_0)",
        ),
    ),
    "nn.Embedding": declare(
        number("num_embeddings", lambda w, v: nn.Embedding(v, 2), 0, 1.5),
        number("embedding_dim", lambda w, v: nn.Embedding(2, v), 0, 1.5),
        number("padding_idx", lambda w, v: nn.Embedding(2, 3, v), -1, 2),
        dtype(lambda dtype: nn.Embedding(2, 3, dtype=dtype)),
        generator(lambda rng: nn.Embedding(2, 3, rng=rng)),
        bad(
            "range",
            lambda w: EMBEDDING(np.array([0, 4])),
            ArgumentError,
            "0 to 4",
            "(4, 3)",
            "axis 0",
        ),
        bad("range", lambda w: EMBEDDING(np.array([-1])), ArgumentError, "-1 to -1"),
        bad("type", lambda w: EMBEDDING(np.array([0.5])), UnsupportedError, "(1,)"),
        bad("type", lambda w: EMBEDDING(np.array([True])), UnsupportedError, "bool"),
        bad("nan", lambda w: EMBEDDING(nans(2)), UnsupportedError, "(2,)"),
        bad("type", lambda w: EMBEDDING(TEXT), UnsupportedError, str(TEXT.shape)),
        bad("type", lambda w: EMBEDDING(None), UnsupportedError, "None"),
        shape="it takes any shape",
        length=ONE_ARRAY,
    ),
    "nn.PositionalEncoding": declare(
        number("embedding_dim", lambda w, v: nn.PositionalEncoding(v), 0, 1.5),
        number("max_length", lambda w, v: nn.PositionalEncoding(2, v), 0, 1.5),
        bad("type", lambda w: nn.PositionalEncoding(2, learned=1), ArgumentError, "learned=1"),
        dtype(lambda dtype: nn.PositionalEncoding(2, dtype=dtype)),
        generator(lambda rng: nn.PositionalEncoding(2, learned=True, rng=rng)),
        bad("shape", lambda w: POSITIONS(QUERIES), ShapeError, "(2, 4, 6)", "axis 2"),
        bad("length", lambda w: POSITIONS(np.ones((1, 6, 3))), ShapeError, "(1, 6, 3)", "axis 1"),
        array(lambda w, x: POSITIONS(x)),
        Spreads(lambda w: POSITIONS(nans(1, 2, 3))),
    ),
    "nn.MultiHeadAttention": declare(
        number("embed_dim", lambda w, v: nn.MultiHeadAttention(v, 1), 0, 1.5),
        number("num_heads", lambda w, v: nn.MultiHeadAttention(4, v), 0, 1.5, 3),
        number("dropout", lambda w, v: nn.MultiHeadAttention(4, 2, v), -0.1, 1),
        number("kdim", lambda w, v: nn.MultiHeadAttention(4, 2, kdim=v), 0, 1.5),
        number("vdim", lambda w, v: nn.MultiHeadAttention(4, 2, vdim=v), 0, 1.5),
        bad("type", lambda w: nn.MultiHeadAttention(4, 2, bias=1), ArgumentError, "bias=1"),
        bad(
            "type",
            lambda w: nn.MultiHeadAttention(4, 2, batch_first=1),
            ArgumentError,
            "batch_first=1",
        ),
        dtype(lambda dtype: nn.MultiHeadAttention(4, 2, dtype=dtype)),
        generator(lambda rng: nn.MultiHeadAttention(4, 2, rng=rng)),
        bad(
            "shape",
            lambda w: ATTENTION(SEQUENCES, SEQUENCES, SEQUENCES),
            ShapeError,
            "query",
            "(2, 4, 3)",
            "axis 2",
        ),
        bad(
            "shape",
            lambda w: ATTENTION(QUERIES, QUERIES[:1], QUERIES[:1]),
            ShapeError,
            "(2, 4, 6)",
            "(1, 4, 6)",
            "axis 0",
            "as many samples",
        ),
        bad(
            "shape",
            lambda w: ATTENTION(QUERIES, QUERIES, QUERIES[:, :3]),
            ShapeError,
            "(2, 4, 6)",
            "(2, 3, 6)",
            "axis 1",
            "a key and a value for each position",
        ),
        bad(
            "shape",
            lambda w: attend(attn_mask=np.ones((4, 3), bool)),
            ShapeError,
            "(4, 3)",
            "(4, 4)",
            "attn_mask",
        ),
        bad(
            "shape",
            lambda w: attend(key_padding_mask=np.ones((4, 2), bool)),
            ShapeError,
            "(4, 2)",
            "(2, 4)",
            "key_padding_mask",
        ),
        bad("type", lambda w: attend(attn_mask=np.ones((4, 4), int)), UnsupportedError, "int64"),
        bad(
            "length",
            lambda w: ATTENTION(QUERIES, QUERIES[:, :0], QUERIES[:, :0]),
            ShapeError,
            "(2, 0, 6)",
        ),
        array(lambda w, x: ATTENTION(x, QUERIES, QUERIES)),
        array(lambda w, x: ATTENTION(QUERIES, QUERIES, x)),
        Spreads(lambda w: ATTENTION(nans(2, 4, 6), QUERIES, QUERIES)[0]),
    ),
    "nn.TransformerEncoderLayer": transformer(
        nn.TransformerEncoderLayer, lambda layer, x: layer(x)
    ),
    "nn.TransformerDecoderLayer": transformer(
        nn.TransformerDecoderLayer, lambda layer, x: layer(x, np.ones((2, 3, 6)))
    ),
    "nn.from_torch": declare(
        bad("type", lambda w: nn.from_torch(w.model, w.model), UnsupportedError, "Sequential"),
        bad("type", lambda w: nn.from_torch({}, "model"), UnsupportedError, "'model'"),
        bad(
            "shape",
            lambda w: nn.from_torch(
                {"weight": np.ones((2, 3)), "bias": np.ones(3)}, nn.Dense(2, 3)
            ),
            ArgumentError,
            "(3, 2)",
            named="load_state_dict",
        ),
        bad(
            "length",
            lambda w: nn.from_torch({}, nn.Dense(2, 3)),
            ArgumentError,
            "bias is missing",
            named="load_state_dict",
        ),
        range="weights may be any numbers",
        nan="weights may be any numbers",
    ),
    "nn.to_torch": declare(
        bad("type", lambda w: nn.to_torch("model"), UnsupportedError, "'model'"),
        **dict.fromkeys(("shape", "range", "length", "nan"), "it takes a model alone"),
    ),
}
