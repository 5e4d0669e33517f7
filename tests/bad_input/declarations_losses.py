"""Bad input of losses."""

import numpy as np
from declaring import Spreads, bad, declare, number
from world import COMPLEX, NAN, OBJECTS, RAGGED, TEXT, named, nans

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError

HALVES = np.full((2, 2), 0.5)
LABELS = np.array([0, 1])


def reductions(loss):
    return [
        bad("type", lambda w: loss(reduction=None), ArgumentError, "None"),
        bad("type", lambda w: loss(reduction=["mean"]), ArgumentError, "['mean']"),
        bad("type", lambda w: loss(reduction=np.ones(2)), ArgumentError, "array (2,)"),
        bad("range", lambda w: loss(reduction="average"), ArgumentError, "'average'"),
    ]


def entry_by_entry(loss, targets=HALVES):
    """Refusals of predictions and targets of one shape, in which NaN goes through."""
    predictions = Tensor(HALVES, requires_grad=True, name="p")
    wrong = [("abc", "<U3"), (None, "object"), (TEXT, "<U1"), (COMPLEX, "complex128")]
    wrong.append((OBJECTS, "object"))
    return [
        reductions(loss),
        *(bad("type", lambda w, x=x: loss()(x, x), UnsupportedError, word) for x, word in wrong),
        *(
            bad("type", lambda w, x=x: loss()(predictions, x), UnsupportedError, "'p' (2, 2)", word)
            for x, word in wrong[2:]
        ),
        bad("type", lambda w: loss()(TEXT, targets), UnsupportedError, "<U1"),
        bad("length", lambda w: loss()(RAGGED, [1.0, 1.0]), UnsupportedError, "lists"),
        bad("length", lambda w: loss()(predictions, targets[:1]), ShapeError, "(2, 2)", "(1, 2)"),
        bad("length", lambda w: loss()(np.ones((0, 2)), np.ones((0, 2))), ShapeError, "(0, 2)"),
        bad("shape", lambda w: loss()(predictions, targets[0]), ShapeError, "'p' (2, 2)", "(2,)"),
        bad("shape", lambda w: loss()(predictions, None), ShapeError, "'p' (2, 2)", "()"),
        bad("shape", lambda w: loss()(named(2), np.ones((2, 1))), ShapeError, "(2,)", "(2, 1)"),
    ]


def data(loss, targets=HALVES):
    """NaN among predictions, and among targets."""
    return [
        Spreads(lambda w: loss()(Tensor(nans(2, 2)), targets)),
        Spreads(lambda w: loss()(Tensor(HALVES), nans(2, 2))),
    ]


def shares(loss):
    """Refusals of targets that are no probabilities."""
    ones = np.ones((2, 2))
    return [
        bad("range", lambda w: loss()(Tensor(ones), ones * 7), ArgumentError, "7.0", "(2, 2)"),
        bad("range", lambda w: loss(reduction="sum")(Tensor(ones), -ones), ArgumentError, "-1.0"),
        bad("range", lambda w: loss(reduction="none")(Tensor(ones), ones * 2), ArgumentError,
            "2.0"),
    ]  # fmt: skip


def weights(loss, name):
    """Refusals of how much classes count."""
    return [
        bad("type", lambda w: loss(**{name: "a"}), ArgumentError, name),
        bad("type", lambda w: loss(**{name: {0: 1.0}}), ArgumentError, name),
        bad("type", lambda w: loss(**{name: [True]}), ArgumentError, name, "(1,)"),
        bad("length", lambda w: loss(**{name: RAGGED}), UnsupportedError, name, "lists"),
        bad("range", lambda w: loss(**{name: [1.0, 0.0]}), ArgumentError, name, "(2,)"),
        bad("range", lambda w: loss(**{name: [1.0, -1.0]}), ArgumentError, name, "(2,)"),
        bad("nan", lambda w: loss(**{name: [1.0, NAN]}), ArgumentError, name, "(2,)"),
        bad("shape", lambda w: loss(**{name: [1.0, 2.0, 3.0]})(Tensor(HALVES), HALVES), ShapeError,
            name, "(3,)"),
    ]  # fmt: skip


def binary(loss):
    return [
        entry_by_entry(loss),
        shares(loss),
        weights(loss, "pos_weight"),
        number("label_smoothing", lambda w, v: loss(label_smoothing=v), -0.1, 1.1),
    ]


def classes(loss, labels_named=None):
    """Refusals of predictions (n, classes) with labels or rows."""
    p = named(2, 3, name="p") * 0.25
    p.name = "p"
    rows = np.full((2, 3), 1 / 3)
    by_label = {"named": labels_named}
    return [
        reductions(loss),
        weights(loss, "weight"),
        number("label_smoothing", lambda w, v: loss(label_smoothing=v), -0.1, 1.1),
        number("ignore_index", lambda w, v: loss(ignore_index=v), 0.5),
        bad("range", lambda w: loss(ignore_index=1)(p, LABELS * 0 + 1), ArgumentError, "are 1"),
        bad("shape", lambda w: loss()(np.ones((2, 3, 4)) / 3, np.zeros((2, 3), int)), ShapeError,
            "(2, 3, 4)", "(2, 3)"),
        *(
            bad("type", lambda w, x=x: loss()(x, LABELS), UnsupportedError, "(2, 2)")
            for x in (TEXT, COMPLEX, OBJECTS, np.ones((2, 2), int))
        ),
        bad("type", lambda w: loss()(p, LABELS + 0.0), UnsupportedError, "float64", **by_label),
        bad("type", lambda w: loss()(p, LABELS > 0), UnsupportedError, "bool", **by_label),
        bad("type", lambda w: loss()(p, np.array(["a", "b"])), UnsupportedError, "<U1", **by_label),
        bad("nan", lambda w: loss()(p, np.array([0, NAN])), UnsupportedError, "float64",
            **by_label),
        bad("shape", lambda w: loss()(p, "b"), ShapeError, "'p' (2, 3)", "()"),
        bad("shape", lambda w: loss()(p, LABELS[:, None]), ShapeError, "(2, 3)", "(2, 1)"),
        bad("shape", lambda w: loss()(p[0], LABELS), ShapeError, "(3,)", "(2,)", **by_label),
        bad("length", lambda w: loss()(p, LABELS[:1]), ShapeError, "(2, 3)", **by_label),
        bad("length", lambda w: loss()(np.ones((0, 3)), np.ones(0, int)), ShapeError, "(0, 3)"),
        bad("length", lambda w: loss()(RAGGED, LABELS), UnsupportedError, "lists"),
        bad("range", lambda w: loss()(p, LABELS + 2), ArgumentError, "'p' (2, 3)", "3", **by_label),
        bad("range", lambda w: loss()(p, LABELS - 1), ArgumentError, "-1", **by_label),
        bad("range", lambda w: loss()(p, rows * 7), ArgumentError, "'p' (2, 3)", "2.3"),
        bad("range", lambda w: loss(reduction="sum")(p, -rows), ArgumentError, "-0.3"),
        Spreads(lambda w: loss()(p, nans(2, 3))),
    ]  # fmt: skip


def probabilities(loss, targets):
    """Refusals of predictions that are no probabilities, as NaN is none."""
    return [
        bad("range", lambda w: loss()(Tensor(HALVES + 1), targets), ArgumentError, "1.5", "(2, 2)"),
        bad("range", lambda w: loss()(Tensor(HALVES - 1), targets), ArgumentError, "-0.5"),
        bad("nan", lambda w: loss()(Tensor(nans(2, 2)), targets), ArgumentError, "nan"),
        number("epsilon", lambda w, v: loss(epsilon=v), -1e-8, 1),
    ]


SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])
FUSED = "softmax_cross_entropy"


def several(kind, last=HALVES):
    """Refusals of a loss of three arrays."""
    return [
        reductions(kind),
        bad("type", lambda w: kind()("abc", HALVES, last), UnsupportedError, "<U3"),
        bad("type", lambda w: kind()(HALVES, COMPLEX, last), UnsupportedError, "complex128"),
        bad("type", lambda w: kind()(HALVES, HALVES, OBJECTS), UnsupportedError, "object"),
        bad("shape", lambda w: kind()(HALVES, HALVES[:1], last), ShapeError, "(2, 2)", "(1, 2)"),
        bad("shape", lambda w: kind()(HALVES[:0], HALVES[:0], last), ShapeError, "(0, 2)"),
        Spreads(lambda w: kind()(nans(2, 2), HALVES, last)),
    ]


DECLARED = {
    "nn.MSELoss": declare(entry_by_entry(nn.MSELoss), data(nn.MSELoss)),
    "nn.MAELoss": declare(entry_by_entry(nn.MAELoss), data(nn.MAELoss)),
    "nn.RMSELoss": declare(
        entry_by_entry(nn.RMSELoss),
        data(nn.RMSELoss),
        bad("range", lambda w: nn.RMSELoss(reduction="none"), ArgumentError, "'none'"),
    ),
    "nn.HalfSquaredErrorLoss": declare(
        entry_by_entry(nn.HalfSquaredErrorLoss), data(nn.HalfSquaredErrorLoss)
    ),
    "nn.HuberLoss": declare(
        entry_by_entry(nn.HuberLoss),
        data(nn.HuberLoss),
        number("delta", lambda w, v: nn.HuberLoss(delta=v), 0, -1.0, float("inf")),
    ),
    "nn.HingeLoss": declare(
        entry_by_entry(nn.HingeLoss, SIGNS),
        bad("range", lambda w: nn.HingeLoss()(Tensor(HALVES), HALVES), ArgumentError, "0.5"),
        bad("nan", lambda w: nn.HingeLoss()(Tensor(HALVES), nans(2, 2)), ArgumentError, "nan"),
        Spreads(lambda w: nn.HingeLoss()(Tensor(nans(2, 2)), SIGNS)),
    ),
    "nn.PoissonNLLLoss": declare(
        entry_by_entry(nn.PoissonNLLLoss),
        data(nn.PoissonNLLLoss),
        number("epsilon", lambda w, v: nn.PoissonNLLLoss(epsilon=v), 0, -1.0),
        bad("type", lambda w: nn.PoissonNLLLoss(full=1), ArgumentError, "full=1"),
        bad("type", lambda w: nn.PoissonNLLLoss(log_input=1), ArgumentError, "log_input=1"),
        bad("range", lambda w: nn.PoissonNLLLoss()(Tensor(HALVES), -HALVES), ArgumentError, "-0.5"),
    ),
    "nn.GaussianNLLLoss": declare(
        several(nn.GaussianNLLLoss),
        number("epsilon", lambda w, v: nn.GaussianNLLLoss(epsilon=v), 0, -1.0),
        bad("type", lambda w: nn.GaussianNLLLoss(full=1), ArgumentError, "full=1"),
        bad("range", lambda w: nn.GaussianNLLLoss()(HALVES, HALVES, -HALVES), ArgumentError,
            "-0.5"),
        bad("shape", lambda w: nn.GaussianNLLLoss()(HALVES, HALVES, np.ones((1, 2))), ShapeError,
            "(2, 2)", "(1, 2)"),
        length="the shapes are the lengths",
    ),
    "nn.TripletMarginLoss": declare(
        several(nn.TripletMarginLoss),
        number("margin", lambda w, v: nn.TripletMarginLoss(margin=v), 0, -1.0),
        number("p", lambda w, v: nn.TripletMarginLoss(p=v), 0, -1.0),
        bad("type", lambda w: nn.TripletMarginLoss(swap=1), ArgumentError, "swap=1"),
        length="the shapes are the lengths",
    ),
    "nn.CosineEmbeddingLoss": declare(
        number("margin", lambda w, v: nn.CosineEmbeddingLoss(margin=v), -1.5, 1.5),
        several(nn.CosineEmbeddingLoss, np.ones(2)),
        bad("range", lambda w: nn.CosineEmbeddingLoss()(HALVES, HALVES, LABELS), ArgumentError,
            "0.0 to 1.0"),
        bad("shape", lambda w: nn.CosineEmbeddingLoss()(HALVES, HALVES, np.ones(3)), ShapeError,
            "(2, 2)", "(3,)"),
        length="the shapes are the lengths",
    ),
    "nn.BCELoss": declare(
        binary(nn.BCELoss),
        probabilities(nn.BCELoss, HALVES),
        Spreads(lambda w: nn.BCELoss()(Tensor(HALVES), nans(2, 2))),
    ),
    "nn.BCEWithLogitsLoss": declare(
        binary(nn.BCEWithLogitsLoss),
        data(nn.BCEWithLogitsLoss),
    ),
    "nn.CrossEntropyLoss": declare(
        classes(nn.CrossEntropyLoss, FUSED),
        Spreads(lambda w: nn.CrossEntropyLoss()(Tensor(nans(2, 2)), LABELS)),
    ),
    "nn.CategoricalCrossEntropyLoss": declare(
        classes(nn.CategoricalCrossEntropyLoss),
        probabilities(nn.CategoricalCrossEntropyLoss, LABELS),
    ),
    "nn.NLLLoss": declare(
        classes(nn.NLLLoss),
        Spreads(lambda w: nn.NLLLoss()(Tensor(nans(2, 2)), LABELS)),
    ),
    "nn.KLDivLoss": declare(entry_by_entry(nn.KLDivLoss), shares(nn.KLDivLoss), data(nn.KLDivLoss)),
    "nn.loss_function": declare(
        bad("type", lambda w: nn.loss_function(3), ArgumentError, "loss=3", named="loss"),
        bad("type", lambda w: nn.loss_function(None), ArgumentError, "None", named="loss"),
        bad("type", lambda w: nn.loss_function(["mse"]), ArgumentError, "['mse']", named="loss"),
        bad("type", lambda w: nn.loss_function(nn.MSELoss), ArgumentError, "MSELoss()",
            named="loss"),
        bad("range", lambda w: nn.loss_function("root"), ArgumentError, "'root'", "rmse",
            named="loss"),
        shape="it takes no array",
        length="it takes no list",
        nan="it takes no number",
    ),
}  # fmt: skip
