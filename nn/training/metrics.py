"""What fraction of predictions is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import (
    NUMBER,
    as_array,
    decision_threshold,
    optional,
    require,
    require_real,
)
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import beside
from autograd_lite.names import explains_keywords
from nn.losses.loss_function import loss_function
from nn.training.inputs import is_tree, shown

Metric = Callable[[Any, Any], float]


@explains_keywords
def accuracy(
    predictions: Any, targets: Any, threshold: float | None = None, *, loss: Any = None
) -> float:
    """The fraction of predictions that are the right class; NaN never is.

    Args:
        predictions: scores or logits (n, classes), of which the largest counts; or numbers (n,) or
            (n, 1), which mean class 1 above the threshold; or integers that are classes.
        targets: labels (n,) or (n, 1), one-hot rows (n, classes), or rows of probabilities with one
            largest entry; for numbers, 0 and 1.
        threshold: 0.5 for probabilities, 0 for logits; each loss of `nn` has its `threshold`. The
            default is 0.5, and numbers outside 0 to 1 are then refused.
        loss: instead of a threshold, the loss that the model was trained with, or its name.

    Raises:
        ShapeError: the shapes are others, the lengths differ, or there are no samples.
        UnsupportedError: they are not real numbers, or are several arrays.
        ArgumentError: the threshold is not a number, or is needed; a target is not a class: not
            whole, beyond the columns of predictions, or neither 0 nor 1 for numbers; or a row of
            targets has no single largest entry.

    >>> accuracy(np.array([[0.1, 2.0], [3.0, 0.2]]), np.array([1, 1]))
    0.5
    >>> accuracy(np.array([[0.9], [0.2]]), np.array([[1], [0]]))
    1.0
    >>> accuracy(np.array([1.5, -0.2, 0.3]), np.array([1, 0, 1]), loss="bce_with_logits")
    1.0
    """
    require("accuracy", "threshold", threshold, optional(NUMBER))
    loss = loss if loss is None else loss_function(loss)
    predictions, targets = _columns(predictions), _columns(targets)
    attempted = f"accuracy of {describe_one(predictions)} and targets {describe_one(targets)}"
    n = len(predictions)
    if n == 0 or len(targets) != n:
        raise ShapeError(
            attempted,
            f"there are {n} predictions and {len(targets)} targets",
            "Give one label, or one one-hot row, for each prediction, and at least one",
        )
    _require_one_class(attempted, targets)
    labels = _classes(targets)
    classes = predictions.shape[1]
    if classes > 1:
        _require_classes(attempted, targets, labels, classes)
    numbers = classes == 1 and predictions.dtype.kind not in "iu"
    if numbers and not np.isin(labels, (0, 1)).all():
        raise ArgumentError(
            attempted,
            f"targets range from {labels.min()} to {labels.max()}, and one number for each sample "
            "tells class 1 from class 0",
            "Give targets 0 and 1; for those of HingeLoss, -1 and 1, write "
            "nn.accuracy(scores, (targets + 1) / 2, threshold=0)",
        )
    named = ~np.isnan(predictions).any(axis=1)
    if numbers:
        predicted = predictions[:, 0] > decision_threshold("accuracy", predictions, threshold, loss)
    else:
        predicted = _classes(predictions)
    return float(np.mean(named & (predicted == labels)))


def _require_one_class(attempted: str, targets: Any) -> None:
    """Raise unless each row of several columns has one largest entry."""
    if targets.shape[1] == 1:
        return
    largest = (targets == targets.max(axis=1, keepdims=True)).sum(axis=1)
    wrong = np.flatnonzero(largest != 1)
    if len(wrong):
        raise ArgumentError(
            attempted,
            f"row {wrong[0]} of the targets, {targets[wrong[0]].tolist()}, is not of one class",
            "For answers that do not exclude each other count those that are right: "
            "((predictions > threshold) == targets).mean()",
        )


def _require_classes(attempted: str, targets: Any, labels: Any, classes: int) -> None:
    """Raise unless each sample is of one of the classes that predictions have columns for."""
    if targets.shape[1] not in (1, classes):
        raise ShapeError(
            attempted,
            f"predictions have {classes} columns, and targets {targets.shape[1]}",
            "Give rows with a column for each class, or labels (n,)",
        )
    wrong = labels[~np.isin(labels, beside(np.arange(classes), labels))]
    if len(wrong):
        raise ArgumentError(
            attempted,
            f"{wrong[0]} is no class: the columns are those of the classes 0 to {classes - 1}",
            "Number the classes from 0, as in numpy.unique(labels, return_inverse=True)[1]",
        )


def _columns(values: Any) -> Any:
    """An array with a row for each sample."""
    if is_tree(values):
        first = next(iter(values)) if isinstance(values, Mapping) else 0
        one = f"nn.accuracy(predictions[{first!r}], targets[{first!r}])"
        raise UnsupportedError(
            f"accuracy of {shown(values)}",
            "these are several, and it is of one array of predictions and one of targets",
            f"Name one: lambda predictions, targets: {one}",
        )
    values = as_array(values.data if isinstance(values, Tensor) else values, "accuracy of")
    require_real(values, "accuracy of")
    if values.ndim not in (1, 2) or 0 in values.shape[1:]:
        raise ShapeError(
            f"accuracy of {describe_one(values)}",
            "that is neither one number for each sample nor one column for each class",
            "Give arrays (n,), (n, 1) or (n, classes); for sequences and images, with classes on "
            "axis 1, write lambda p, y: (p.argmax(axis=1) == y).mean()",
        )
    return values.reshape(len(values), -1) if len(values) else values


def _classes(values: Any) -> Any:
    return values.argmax(axis=1) if values.shape[1] > 1 else values[:, 0]
