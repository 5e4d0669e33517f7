"""Bad input of tensors, their methods, contexts, and of new rows of the table."""

import numpy as np
from declaring import Spreads, bad, declare
from world import COMPLEX, NAN, RAGGED, TEXT, named, nans

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.errors import (
    AnomalyError,
    ArgumentError,
    GradientError,
    IndexingError,
    LinearAlgebraError,
    MutationError,
    ShapeError,
    UnsupportedError,
)

SUM = "sum().backward()"


def method(kind, name, error, *arguments, shown="'w' (2, 3)", named=None, **keywords):
    """A method of the tensor `w` (2, 3)."""
    call = lambda w: getattr(w.w, name)(*arguments, **keywords)
    return bad(kind, call, error, shown, named=named or name)


def operator(kind, compute, error, *words, named):
    return bad(kind, lambda w: compute(w.w), error, "'w' (2, 3)", *words, named=named)


def numpy(kind, name, compute, error, *words):
    """A function of NumPy's of the tensor `w` (2, 3)."""
    return bad(kind, lambda w: compute(w.w), error, "'w' (2, 3)", *words, named=name)


def in_place(kind, change, error, *words, named):
    """A change of a buffer."""
    call = lambda w: change(w.model[2].running_mean)
    return bad(kind, call, error, "(3,)", *words, named=named)


def assign(attribute, value):
    return lambda w: setattr(w.w, attribute, value)


MAKING = [
    bad("type", lambda w: Tensor("abc"), UnsupportedError, "<U3"),
    bad("type", lambda w: Tensor(None), UnsupportedError, "object"),
    bad("type", lambda w: Tensor(COMPLEX, name="z"), UnsupportedError, "complex128", "'z'"),
    bad("type", lambda w: Tensor(w.w), UnsupportedError, "'w' (2, 3)"),
    bad("type", lambda w: Tensor([1], requires_grad=True), UnsupportedError, "int64"),
    bad("type", lambda w: Tensor([1.0], dtype="text"), UnsupportedError, "'text'"),
    bad("type", lambda w: Tensor(w.X, dtype="text"), UnsupportedError, "array (12, 2)"),
    bad("type", lambda w: Tensor(COMPLEX, dtype=float), UnsupportedError, "complex128"),
    bad("length", lambda w: Tensor(RAGGED), UnsupportedError, "[[1.0], [1.0, 2.0]]"),
    bad("type", assign("data", "abc"), UnsupportedError, "'w'", "<U3"),
    bad("type", assign("data", np.ones((2, 3), int)), UnsupportedError, "'w'", "int64"),
    bad("type", lambda w: setattr(w.w * 2, "requires_grad", False), GradientError, "(2, 3)",
        named="requires_grad"),
]  # fmt: skip

BACKWARD = [
    method("shape", "backward", GradientError),
    method("shape", "backward", ShapeError, np.ones(3)),
    method("type", "backward", UnsupportedError, "a", shown="'a'", named="Tensor"),
    bad("type", lambda w: Tensor(1.0, name="c").backward(), GradientError, "'c' ()",
        named="backward"),
    bad("type", lambda w: float(w.w), UnsupportedError, "'w' (2, 3)", named="conversion"),
    bad("type", lambda w: np.asarray(w.w), UnsupportedError, "'w' (2, 3)", named="conversion"),
    method("shape", "item", ShapeError),
    bad("type", lambda w: w.w.__setitem__(0, 1.0), MutationError, "'w' (2, 3)",
        named="assignment"),
    bad("type", lambda w: w.w.__iadd__(1.0), MutationError, "'w' (2, 3)", named="w +="),
    method("type", "backward", UnsupportedError, np.ones((2, 3), complex), shown="complex128",
           named="Tensor"),
    in_place("type", lambda b: b.__iadd__("a"), UnsupportedError, "'a'", named="+="),
    in_place("shape", lambda b: b.__isub__(np.ones(4)), ShapeError, "(4,)", named="-="),
    in_place("range", lambda b: b.__setitem__(9, 1.0), IndexingError, "9", named="setitem"),
    in_place("type", lambda b: b.__setitem__("a", 1.0), IndexingError, "'a'", named="setitem"),
    in_place("type", lambda b: b.__setitem__(0, "a"), ArgumentError, "'a'", named="setitem"),
    in_place("shape", lambda b: b.__setitem__(0, np.ones(4)), ShapeError, "(4,)",
             named="setitem"),
]  # fmt: skip

INDEXING = [
    operator("range", lambda w: w[5], IndexingError, "5", named="getitem"),
    operator("type", lambda w: w["a"], IndexingError, "'a'", named="getitem"),
    operator("type", lambda w: w[0.5], IndexingError, "0.5", named="getitem"),
    operator("length", lambda w: w[0, 0, 0], IndexingError, "(0, 0, 0)", named="getitem"),
    operator("shape", lambda w: w[np.array([True])], IndexingError, "(1,)", named="getitem"),
    method("range", "take", IndexingError, 9),
]  # fmt: skip

AXES = [
    *(
        method("range", name, IndexingError, axis=3)
        for name in (
            *("sum", "mean", "max", "min", "prod", "var", "std", "cumsum", "cumprod"),
            *("argmax", "argmin", "argsort", "all", "any"),
        )
    ),
    *(method("type", name, UnsupportedError, axis="a") for name in ("sum", "mean", "max", "prod")),
    method("range", "swapaxes", IndexingError, 0, 5),
    method("length", "transpose", ShapeError, 0, 1, 2),
    method("shape", "squeeze", ShapeError, axis=0),
    method("shape", "reshape", ShapeError, 4),
    method("type", "reshape", UnsupportedError, "a"),
    method("range", "repeat", ShapeError, -1),
    method("type", "astype", UnsupportedError, int),
    method("type", "astype", UnsupportedError, "text"),
    method("type", "astype", UnsupportedError, complex),
    method("range", "softmax", IndexingError, 2),
    method("range", "log_softmax", IndexingError, 2),
    bad("shape", lambda w: named(0).max(), ShapeError, "'x' (0,)", named="max"),
    bad("shape", lambda w: named(3).trace(), ShapeError, "'x' (3,)", named="diagonal"),
    bad("shape", lambda w: named(3).mT, IndexingError, "'x' (3,)", named="swapaxes"),
]

ARITHMETIC = [
    operator("shape", lambda w: w + np.ones(4), ShapeError, "(4,)", named="add"),
    operator("shape", lambda w: np.ones(4) - w, ShapeError, "(4,)", named="subtract"),
    operator("shape", lambda w: w @ np.ones(4), ShapeError, "(4,)", named="matmul"),
    operator("shape", lambda w: w.dot(np.ones((4, 2))), ShapeError, "(4, 2)", named="dot"),
    operator("type", lambda w: w * "a", UnsupportedError, "'a'", named="multiply"),
    operator("type", lambda w: w + None, UnsupportedError, "None", named="add"),
    operator("type", lambda w: w**TEXT, UnsupportedError, "(2, 2)", named="power"),
    operator("type", lambda w: w / COMPLEX[:, :1], UnsupportedError, "complex128", named="divide"),
    operator("shape", lambda w: w < np.ones(4), ShapeError, "(4,)", named="less"),
    operator("shape", lambda w: w == np.ones(4), ShapeError, "(4,)", named="equal"),
    operator("type", lambda w: w >= "a", UnsupportedError, "'a'", named="greater_equal"),
    Spreads(lambda w: w.w * NAN),
]

NUMPY = [
    numpy("length", "concatenate", lambda w: np.concatenate([w, w[:, :2]]), ShapeError, "(2, 2)"),
    numpy("length", "stack", lambda w: np.stack([w, w[:, :2]]), ShapeError, "(2, 2)"),
    numpy("shape", "where", lambda w: np.where(w > 0, w, np.ones(4)), ShapeError, "(4,)"),
    numpy("range", "sort", lambda w: np.sort(w, axis=3), IndexingError, "axis=3"),
    numpy("range", "expand_dims", lambda w: np.expand_dims(w, 9), IndexingError, "9"),
    numpy("range", "roll", lambda w: np.roll(w, 1, axis=4), IndexingError, "axis=4"),
    numpy("range", "flip", lambda w: np.flip(w, 4), IndexingError, "4"),
    numpy("range", "tile", lambda w: np.tile(w, -1), ShapeError, "-1"),
    numpy("range", "diff", lambda w: np.diff(w, n=-1), ArgumentError, "n=-1"),
    numpy("range", "norm", lambda w: np.linalg.norm(w, axis=4), IndexingError, "axis=4"),
    numpy("shape", "inv", np.linalg.inv, LinearAlgebraError),
    numpy("shape", "einsum", lambda w: np.einsum("ij,jk", w, np.ones((4, 4))), ShapeError,
          "(4, 4)"),
    numpy("shape", "broadcast_to", lambda w: np.broadcast_to(w, (4,)), ShapeError, "(4,)"),
    numpy("length", "split", lambda w: np.split(w, 3), ShapeError, "3"),
    numpy("type", "pad", lambda w: np.pad(w, "a"), UnsupportedError, "'a'"),
    numpy("type", "packbits", np.packbits, UnsupportedError),
    bad("range", lambda w: np.linalg.inv(named(2, 2)), LinearAlgebraError, "'x' (2, 2)", "ingular",
        named="inv"),
]  # fmt: skip


def watched(compute):
    """What is computed where anomalies are detected."""

    def call(w):
        with ag.detect_anomaly():
            compute(w)

    return call


def no_array(g, y, x):
    return None


def other_shape(g, y, x):
    return np.ones(5)


def doubled(x):
    return x * 2.0


def text(x):
    return "abc"


WITHOUT_ARRAY = ag.differentiable(no_array)(doubled)
WITHOUT_NUMBERS = ag.differentiable(other_shape)(text)
OF_OTHER_SHAPE = ag.differentiable(other_shape)(doubled)
WITHOUT_VJP = ag.differentiable()(doubled)


def generator():
    yield 1


def context(make):
    """A context is a decorator too, of functions whose body runs when they are called."""
    return [
        bad("type", lambda w: make()(generator), UnsupportedError, "generator"),
        bad("type", lambda w: make()(3), UnsupportedError, "3"),
    ]


CONTEXT = {
    "shape": "it takes no array",
    "range": "it takes no number",
    "length": "it takes no list",
}

DECLARED = {
    "autograd_lite.Tensor": declare(MAKING, BACKWARD, INDEXING, AXES, ARITHMETIC, NUMPY),
    "autograd_lite.no_grad": declare(
        context(ag.no_grad), **CONTEXT, nan="what is not recorded is as in NumPy"
    ),
    "autograd_lite.enable_grad": declare(
        context(ag.enable_grad), **CONTEXT, nan="it leaves values as they are"
    ),
    "autograd_lite.detect_anomaly": declare(
        context(ag.detect_anomaly),
        bad("nan", watched(lambda w: w.w * nans(3)), AnomalyError, "'w' (2, 3)",
            named="multiply"),
        bad("nan", watched(lambda w: (w.w * NAN).sum()), AnomalyError, "'w' (2, 3)",
            named="multiply"),
        bad("nan", watched(lambda w: (w.w * 1.0).backward(nans(2, 3))), AnomalyError, "(2, 3)",
            named="backward"),
        **CONTEXT,
    ),
    "autograd_lite.define": declare(
        bad("type", lambda w: ag.define(doubled, no_array), UnsupportedError, "doubled"),
        bad("type", lambda w: ag.define(3, no_array), UnsupportedError, "3"),
        bad("type", lambda w: ag.define("tanh", no_array), UnsupportedError, "'tanh'"),
        bad("type", lambda w: ag.define(np.spacing, 3), UnsupportedError, "3", named="spacing"),
        shape="a function of arrays is applied later",
        range="it takes no number",
        length="a function without vjps refuses tensors that require grad",
        nan="it takes no number",
    ),
    "autograd_lite.differentiable": declare(
        bad("type", lambda w: WITHOUT_ARRAY(w.w).sum().backward(), ShapeError, "'w' (2, 3)",
            "no array", named="doubled"),
        bad("type", lambda w: ag.differentiable(3)(doubled), UnsupportedError, "3",
            named="row of"),
        bad("type", lambda w: ag.differentiable(no_array)(3), UnsupportedError, "3"),
        bad("type", lambda w: WITHOUT_NUMBERS(w.w), UnsupportedError, "'w' (2, 3)", named="text"),
        bad("shape", lambda w: OF_OTHER_SHAPE(w.w).sum().backward(), ShapeError, "'w' (2, 3)",
            "(5,)", named="doubled"),
        bad("length", lambda w: WITHOUT_VJP(w.w), UnsupportedError, "'w' (2, 3)",
            named="doubled"),
        range="it takes no number",
        nan="what a function makes of NaN is its own",
    ),
}  # fmt: skip
