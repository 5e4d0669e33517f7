"""Bad input of modules, of parameters and buffers, and of the layers that hold them."""

import numpy as np
from declaring import Spreads, array, bad, declare, number
from world import NAN, RAGGED, TEXT, nans

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, IndexingError, ShapeError, UnsupportedError

ONE_ARRAY = "it takes one array, whose lengths are its shape"


def dtype(make):
    return [
        bad("type", lambda w: make("text"), ArgumentError, "dtype='text'"),
        bad("type", lambda w: make(int), ArgumentError, "dtype=int"),
        bad("type", lambda w: make(complex), ArgumentError, "dtype=complex"),
    ]


def generator(make):
    return [
        bad("type", lambda w: make("a"), UnsupportedError, "rng='a'"),
        bad("type", lambda w: make(1.5), UnsupportedError, "rng=1.5"),
        bad("nan", lambda w: make(NAN), UnsupportedError, "rng=nan"),
        bad("range", lambda w: make(-1), UnsupportedError, "rng=-1"),
    ]


def ragged(rng, fan_in, fan_out):
    return RAGGED


def transposed(rng, fan_in, fan_out):
    return np.ones((fan_out, fan_in))


def tensor(kind):
    """Parameters and buffers."""
    made = "Tensor"
    return [
        bad("type", lambda w: kind("abc"), UnsupportedError, "<U3", named=made),
        bad("type", lambda w: kind(None), UnsupportedError, "object", named=made),
        bad("type", lambda w: kind([1j]), UnsupportedError, "complex128", named=made),
        bad("type", lambda w: kind(w.w), UnsupportedError, "'w' (2, 3)", named="conversion"),
        bad("type", lambda w: kind([1.0], dtype="text"), UnsupportedError, "[1.0]", "'text'"),
        bad("length", lambda w: kind(RAGGED), UnsupportedError, "inhomogeneous"),
        Spreads(lambda w: kind([NAN])),
    ]


def assign(w, **attributes):
    for name, value in attributes.items():
        setattr(w.model, name, value)


def load(change):
    """A call that loads the state after a change."""

    def call(w):
        state = w.model.state_dict()
        change(state)
        w.model.load_state_dict(state)

    return call


def loaded(change, *words, kind=ArgumentError):
    return (load(change), kind, "Sequential", *words)


def load_nan(w):
    w.model.load_state_dict({name: array * NAN for name, array in w.model.state_dict().items()})
    return w.parameter


LOAD = "load_state_dict"

DECLARED = {
    "nn.Parameter": declare(
        tensor(nn.Parameter),
        bad("type", lambda w: nn.Parameter([1]), UnsupportedError, "int64", named="Tensor"),
        shape="a parameter may have any shape",
        range="it takes any numbers",
    ),
    "nn.Buffer": declare(
        tensor(nn.Buffer),
        shape="a buffer may have any shape",
        range="it takes any numbers",
    ),
    "nn.Module": declare(
        bad("type", lambda w: assign(w, W=w.w), UnsupportedError, "W", "'w' (2, 3)",
            named="Sequential"),
        bad("type", lambda w: w.model.train("yes"), ArgumentError, "mode='yes'",
            named="Sequential"),
        bad("type", lambda w: w.model.train(None), ArgumentError, "mode=None", named="Sequential"),
        bad("type", lambda w: w.model.astype("text"), ArgumentError, "'text'", named="Sequential"),
        bad("type", lambda w: w.model.astype(int), ArgumentError, "dtype=int", named="Sequential"),
        bad("type", lambda w: w.model.load_state_dict(3), UnsupportedError, "int", named=LOAD),
        bad("type", *loaded(lambda s: s.update({"0.bias": np.full(3, "a")}), "0.bias", "<U1"),
            named=LOAD),
        bad("type", *loaded(lambda s: s.update({"3.bias": None}), "3.bias", "object"), named=LOAD),
        bad("shape", *loaded(lambda s: s.update({"0.bias": np.ones(4)}), "0.bias", "(4,)", "(3,)"),
            named=LOAD),
        bad("shape", *loaded(lambda s: s.update({"3.bias": 1.0}), "3.bias", "()", "(1,)"),
            named=LOAD),
        bad("length", *loaded(lambda s: s.pop("3.bias"), "3.bias is missing"), named=LOAD),
        bad("length", *loaded(lambda s: s.update(odd=1.0), "odd is unknown"), named=LOAD),
        bad("length", *loaded(lambda s: s.update({3: 1.0}), "3 is unknown"), named=LOAD),
        bad("length", *loaded(lambda s: s.update({"0.bias": RAGGED}), "'0.bias'",
                              kind=UnsupportedError), named=LOAD),
        Spreads(load_nan),
        range="it takes any numbers",
    ),
    "nn.Sequential": declare(
        bad("type", lambda w: nn.Sequential(nn.ReLU(), 3), UnsupportedError, "layer 1", "3"),
        bad("type", lambda w: nn.Sequential(nn.ReLU), UnsupportedError, "layer 0", "ReLU"),
        bad("type", lambda w: nn.Sequential([nn.ReLU()]), UnsupportedError, "[ReLU()]"),
        bad("type", lambda w: w.model.append("tanh"), UnsupportedError, "layer 4", "tanh"),
        bad("range", lambda w: w.model.append(w.model), ArgumentError, "layer 4"),
        bad("type", lambda w: w.model["0"], IndexingError, "'0'"),
        bad("range", lambda w: w.model[4], IndexingError, "[4]", "4 layers"),
        bad("shape", lambda w: w.model(np.ones((5, 3))), ShapeError, "(5, 3)", "(2, 3)",
            named="Dense"),
        bad("shape", lambda w: nn.Sequential(nn.Dense(2, 2), nn.Dense(3, 1))(w.X), ShapeError,
            "(12, 2)", "(3, 1)", named="Dense"),
        Spreads(lambda w: w.model(nans(4, 2))),
        length="it takes any number of layers",
    ),
    "nn.Function": declare(
        bad("type", lambda w: nn.Function("tanh"), ArgumentError, "function='tanh'",
            named="function"),
        bad("type", lambda w: nn.Function(np.float64), ArgumentError, "float64", named="function"),
        **dict.fromkeys(("shape", "range", "length", "nan"), "the function itself sees to that"),
    ),
    "nn.functional_call": declare(
        bad("type", lambda w: nn.functional_call(np.tanh, {}, w.X), UnsupportedError, "tanh"),
        bad("type", lambda w: nn.functional_call(w.model, [w.w], w.X), UnsupportedError,
            "Sequential"),
        bad("type", lambda w: nn.functional_call(w.model, {"0.bias": "a"}, w.X), UnsupportedError,
            "<U1", named="Tensor"),
        bad("range", lambda w: nn.functional_call(w.model, {"4.bias": 1.0}, w.X), ArgumentError,
            "4.bias is unknown"),
        bad("shape", lambda w: nn.functional_call(w.model, {"0.bias": 1.0}, w.X), ArgumentError,
            "0.bias", "()", "(3,)"),
        Spreads(lambda w: nn.functional_call(w.model, {"0.bias": np.full(3, NAN)}, w.X)),
        length="it takes any number of parameters, and of arguments",
    ),
    "nn.Residual": declare(
        bad("type", lambda w: nn.Residual(np.tanh), UnsupportedError, "block", "tanh"),
        bad("type", lambda w: nn.Residual(nn.Tanh), UnsupportedError, "block", "Tanh"),
        bad("type", lambda w: nn.Residual(nn.Tanh(), 3), UnsupportedError, "projection", "3"),
        array(lambda w, x: nn.Residual(nn.Tanh())(x)),
        bad("shape", lambda w: nn.Residual(nn.Dense(2, 3))(w.X), ShapeError, "(12, 2)", "(12, 3)"),
        bad("shape", lambda w: nn.Residual(nn.Dense(2, 1))(w.X), ShapeError, "(12, 2)", "(12, 1)"),
        Spreads(lambda w: nn.Residual(nn.Dense(2, 2))(nans(4, 2))),
        range="it takes no number",
        length=ONE_ARRAY,
    ),
    "nn.Dense": declare(
        number("in_features", lambda w, v: nn.Dense(v, 2), 0, -1, 2.0, True),
        number("out_features", lambda w, v: nn.Dense(2, v), 0, 1.5),
        dtype(lambda dtype: nn.Dense(2, 3, dtype=dtype)),
        generator(lambda rng: nn.Dense(2, 3, rng=rng)),
        bad("type", lambda w: nn.Dense(2, 3, activation=3), ArgumentError, "3",
            named="activation"),
        bad("type", lambda w: nn.Dense(2, 3, activation=["relu"]), ArgumentError, "['relu']",
            named="activation"),
        bad("type", lambda w: nn.Dense(2, 3, activation=nn.ReLU), ArgumentError, "ReLU()",
            named="activation"),
        bad("range", lambda w: nn.Dense(2, 3, activation="rleu"), ArgumentError, "'rleu'",
            named="activation"),
        bad("type", lambda w: nn.Dense(2, 3, weight_init=3), ArgumentError, "3",
            named="weight_init"),
        bad("type", lambda w: nn.Dense(2, 3, weight_init=["zeros"]), ArgumentError, "['zeros']",
            named="weight_init"),
        bad("range", lambda w: nn.Dense(2, 3, weight_init="hee"), ArgumentError, "'hee'",
            named="weight_init"),
        bad("shape", lambda w: nn.Dense(2, 3, weight_init=transposed), ShapeError, "(3, 2)"),
        bad("shape", lambda w: nn.Dense(2, 3)(np.ones((4, 3))), ShapeError, "(2, 3)", "(4, 3)"),
        bad("shape", lambda w: nn.Dense(2, 3)(Tensor(1.0)), ShapeError, "(2, 3)", "tensor ()"),
        bad("shape", lambda w: nn.Dense(2, 3, bias=False)(np.ones(3)), ShapeError, "(3,)"),
        array(lambda w, x: nn.Dense(2, 3)(x)),
        array(lambda w, x: nn.Dense(2, 2, activation="softmax")(x)),
        bad("type", lambda w: nn.Dense(2, 3, bias=False)(TEXT), UnsupportedError, "<U1"),
        Spreads(lambda w: nn.Dense(2, 3, activation="relu")(nans(4, 2))),
        length=ONE_ARRAY,
    ),
    "nn.Dropout": declare(
        number("p", lambda w, v: nn.Dropout(v), -0.1, 1, 1.5),
        generator(lambda rng: nn.Dropout(0.5, rng=rng)),
        array(lambda w, x: w.model[1](x)),
        array(lambda w, x: nn.Dropout(0.5).eval()(x)),
        Spreads(lambda w: nn.Dropout(0.5, rng=0)(nans(4, 2))),
        Spreads(lambda w: nn.Dropout(0.5).eval()(nans(4, 2))),
        shape="it takes any shape",
        length=ONE_ARRAY,
    ),
    "nn.Flatten": declare(
        array(lambda w, x: nn.Flatten()(x)),
        bad("shape", lambda w: nn.Flatten()(Tensor(1.0)), ShapeError, "()"),
        Spreads(lambda w: nn.Flatten()(nans(4, 2, 2))),
        range="it takes no number",
        length=ONE_ARRAY,
    ),
    "nn.BatchNorm1d": declare(
        number("num_features", lambda w, v: nn.BatchNorm1d(v), 0, -1, 2.0),
        number("epsilon", lambda w, v: nn.BatchNorm1d(3, epsilon=v), 0, -1e-5),
        number("momentum", lambda w, v: nn.BatchNorm1d(3, momentum=v), -0.1, 1.1),
        dtype(lambda dtype: nn.BatchNorm1d(3, dtype=dtype)),
        bad("type", lambda w: nn.BatchNorm1d(3, affine=1), ArgumentError, "affine=1"),
        array(lambda w, x: w.model[2](x)),
        array(lambda w, x: w.model[2](x), given=lambda w: w.model.train()),
        bad("shape", lambda w: w.model[2](np.ones((6, 4))), ShapeError, "(6, 4)", "(n, 3)",
            given=lambda w: w.model.train()),
        bad("shape", lambda w: w.model[2](np.ones(3)), ShapeError, "(3,)", "(n, 3)"),
        bad("shape", lambda w: w.model[2](np.ones((2, 3, 1, 1))), ShapeError, "(n, 3, length)"),
        bad("length", lambda w: w.model[2](np.ones((1, 3))), ShapeError, "(1, 3)", "two samples",
            given=lambda w: w.model.train()),
        Spreads(lambda w: nn.BatchNorm1d(3)(nans(4, 3))),
    ),
    "nn.LayerNorm": declare(
        bad("type", lambda w: nn.LayerNorm((2, "a")), ArgumentError, "normalized_shape=(2, 'a')"),
        bad("nan", lambda w: nn.LayerNorm((2, NAN)), ArgumentError, "normalized_shape=(2, nan)"),
        number("epsilon", lambda w, v: nn.LayerNorm(3, epsilon=v), 0, -1),
        dtype(lambda dtype: nn.LayerNorm(3, dtype=dtype)),
        bad("type", lambda w: nn.LayerNorm(3, bias="no"), ArgumentError, "bias='no'"),
        bad("type", lambda w: nn.LayerNorm(3, elementwise_affine=0), ArgumentError, "affine=0"),
        bad("type", lambda w: nn.LayerNorm(None), ArgumentError, "normalized_shape"),
        bad("range", lambda w: nn.LayerNorm(0), ArgumentError, "(0,)"),
        bad("length", lambda w: nn.LayerNorm(()), ArgumentError, "normalized_shape=()"),
        array(lambda w, x: nn.LayerNorm(2)(x)),
        bad("shape", lambda w: nn.LayerNorm(3)(np.ones((3, 4))), ShapeError, "(3, 4)", "(3,)"),
        bad("shape", lambda w: nn.LayerNorm((2, 3))(np.ones(3)), ShapeError, "(3,)", "(2, 3)"),
        Spreads(lambda w: nn.LayerNorm(3)(nans(4, 3))),
    ),
}  # fmt: skip
