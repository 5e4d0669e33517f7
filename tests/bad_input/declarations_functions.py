"""Bad input of the functions that NumPy lacks; NaN goes through, as in NumPy's own."""

import inspect

import numpy as np
from declaring import Spreads, bad, declare
from world import NAN, TEXT, named, nans

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, IndexingError, ShapeError, UnsupportedError
from autograd_lite.table import activations

NO_NUMBER = {"range": "it takes no number"}
ANY_SHAPE = {"shape": "it takes any shape", "length": "it takes one array"}
LABELS = np.array([0, 1])
OF_X_ALONE = [
    name
    for name, function in activations().items()
    if hasattr(ag, name) and len(inspect.signature(function).parameters) == 1
]


def inputs(function, named=None):
    """Text and objects."""
    wrong = [("abc", "'abc'"), (None, "None"), (TEXT, "(2, 2)"), (np.array([None]), "(1,)")]
    return [
        *(
            bad("type", lambda w, x=x: function(x), UnsupportedError, word, named=named)
            for x, word in wrong
        ),
        Spreads(lambda w: function(Tensor(nans(2, 3)))),
    ]


def elementwise(function, named=None):
    return declare(inputs(function, named), **ANY_SHAPE, **NO_NUMBER)


def with_number(function):
    """x, and a number."""
    return declare(
        inputs(function),
        bad("type", lambda w: function(w.w, "a"), UnsupportedError, "'w' (2, 3)", "'a'"),
        bad("type", lambda w: function(w.w, w.w), UnsupportedError, "'w' (2, 3)"),
        bad("shape", lambda w: function(w.w, np.ones(4)), ShapeError, "'w' (2, 3)", "(4,)"),
        Spreads(lambda w: function(Tensor([-1.0]), NAN)),
        range="any number may be given",
        length="it takes one array",
    )


def along_axes(function):
    return declare(
        inputs(function),
        bad("type", lambda w: function(w.w, axis="a"), UnsupportedError, "'w' (2, 3)", "axis='a'"),
        bad("type", lambda w: function(w.w, axis=0.5), UnsupportedError, "'w' (2, 3)", "axis=0.5"),
        bad("range", lambda w: function(w.w, axis=2), IndexingError, "'w' (2, 3)", "axis=2"),
        length="it takes one array",
        shape="it takes any shape",
    )


def of_targets(function):
    """Predictions and targets of one shape."""
    return declare(
        *(
            bad("type", lambda w, x=x: function(w.w, x), UnsupportedError, "'w' (2, 3)", word)
            for x, word in (("a", "'a'"), (None, "None"), ([1.0], "[1.0]"))
        ),
        bad("type", lambda w: function(w.w, np.full((2, 3), "a")), UnsupportedError, "'w' (2, 3)"),
        bad("shape", lambda w: function(w.w, np.ones(3)), ShapeError, "'w' (2, 3)", "(3,)"),
        bad("shape", lambda w: function(w.w, np.ones((1, 3))), ShapeError, "'w' (2, 3)", "(1, 3)"),
        bad("length", lambda w: function(w.w, np.ones((4, 3))), ShapeError, "(2, 3)", "(4, 3)"),
        Spreads(lambda w: function(Tensor(nans(2, 3)), np.ones((2, 3)))),
        Spreads(lambda w: function(w.w * 0.5, nans(2, 3))),
        range="the losses of nn check the range of targets; their common part here does not",
    )


def affine(kind, x, weight, bias, error, *words):
    return bad(kind, lambda w: ag.affine(x, weight, bias), error, *words)


WEIGHT, BIAS = named(2, 3, name="W"), named(3, name="b")

DECLARED = {
    **{
        f"autograd_lite.{name}": elementwise(getattr(ag, name))
        for name in ("erf", *OF_X_ALONE)
    },
    "autograd_lite.leaky_relu": with_number(ag.leaky_relu),
    "autograd_lite.elu": with_number(ag.elu),
    "autograd_lite.softmax": along_axes(ag.softmax),
    "autograd_lite.log_softmax": along_axes(ag.log_softmax),
    "autograd_lite.logsumexp": along_axes(ag.logsumexp),
    "autograd_lite.dropout": declare(
        bad("type", lambda w: ag.dropout("a", "b", 0.5), UnsupportedError, "'a'", "'b'"),
        bad("type", lambda w: ag.dropout(w.w, "b", 0.5), UnsupportedError, "'w' (2, 3)", "'b'"),
        bad("type", lambda w: ag.dropout(w.w, [True], 0.5), UnsupportedError, "[True]"),
        bad("type", lambda w: ag.dropout(w.w, np.ones((2, 3), bool), "a"), UnsupportedError, "'a'"),
        bad("shape", lambda w: ag.dropout(w.w, np.ones(4, bool), 0.5), ShapeError, "(2, 3)",
            "(4,)"),
        Spreads(lambda w: ag.dropout(Tensor(nans(2)), np.ones(2, bool), 0.5)),
        *(
            bad("range", lambda w, p=p: ag.dropout(w.w, np.ones((2, 3), bool), p), ArgumentError,
                str(p))
            for p in (2.0, 1.0, -0.5, NAN)
        ),
        bad("range", lambda w: ag.dropout(w.w, np.full((2, 3), 0.5), 0.5), ArgumentError,
            "mask of truth values"),
        length="it takes one array and its mask",
    ),
    "autograd_lite.binary_cross_entropy": of_targets(ag.binary_cross_entropy),
    "autograd_lite.sigmoid_cross_entropy": of_targets(ag.sigmoid_cross_entropy),
    "autograd_lite.softmax_cross_entropy": declare(
        bad("type", lambda w: ag.softmax_cross_entropy("a", "b"), UnsupportedError, "'a'", "'b'"),
        bad("type", lambda w: ag.softmax_cross_entropy(w.w, [0, 1]), UnsupportedError, "[0, 1]"),
        bad("type", lambda w: ag.softmax_cross_entropy(w.w, LABELS + 0.0), UnsupportedError,
            "'w' (2, 3)", "float64"),
        bad("type", lambda w: ag.softmax_cross_entropy(w.w, np.array(["a", "b"])),
            UnsupportedError, "<U1"),
        bad("nan", lambda w: ag.softmax_cross_entropy(w.w, np.array([0, NAN])), UnsupportedError,
            "float64"),
        bad("shape", lambda w: ag.softmax_cross_entropy(w.w, LABELS[:, None]), ShapeError,
            "'w' (2, 3)", "(2, 1)"),
        bad("shape", lambda w: ag.softmax_cross_entropy(w.w[0], LABELS), ShapeError, "(3,)"),
        bad("length", lambda w: ag.softmax_cross_entropy(w.w, LABELS[:1]), ShapeError, "(1,)"),
        bad("range", lambda w: ag.softmax_cross_entropy(w.w, LABELS + 2), ArgumentError, "3"),
        bad("range", lambda w: ag.softmax_cross_entropy(w.w, LABELS - 1), ArgumentError, "-1"),
        Spreads(lambda w: ag.softmax_cross_entropy(Tensor(nans(2, 3)), LABELS)),
    ),
    "autograd_lite.affine": declare(
        affine("type", "a", WEIGHT, BIAS, UnsupportedError, "'a'", "'W' (2, 3)", "'b' (3,)"),
        affine("type", None, WEIGHT, BIAS, UnsupportedError, "None"),
        affine("type", [[1.0, 2.0]], WEIGHT, BIAS, UnsupportedError, "[[1.0, 2.0]]"),
        affine("type", np.ones((1, 2)), WEIGHT, None, UnsupportedError, "None"),
        affine("type", np.ones((1, 2)) * 1j, WEIGHT, BIAS, UnsupportedError, "complex128"),
        affine("shape", np.ones((4, 5)), WEIGHT, BIAS, ShapeError, "(4, 5)", "'W' (2, 3)"),
        affine("shape", np.ones((4, 2)), BIAS, BIAS, ShapeError, "(4, 2)", "'b' (3,)"),
        affine("shape", np.float64(1.0), WEIGHT, BIAS, ShapeError, "'W' (2, 3)"),
        affine("length", np.ones((4, 2)), WEIGHT, named(2, name="b"), ShapeError, "'b' (2,)"),
        Spreads(lambda w: ag.affine(nans(4, 2), WEIGHT, BIAS)),
        **NO_NUMBER,
    ),
}  # fmt: skip
