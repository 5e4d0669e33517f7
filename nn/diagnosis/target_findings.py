"""What can be wrong with targets, or with the loss that predictions are compared with them by.

A function for each finding looks at the evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nn.diagnosis.evidence import (
    LEARNED,
    Evidence,
    are_indices,
    optimized,
    reshapes,
    traits_of,
)
from nn.diagnosis.report import IMBALANCED, Finding
from nn.training.inputs import are_one_hot

LARGE_TARGET = 1e3
"""Root of the mean square of targets, of which a network that begins near 0 is far: steps of a
usual size take thousands of epochs to get there."""
FEW = 16
"""Samples, of which fewer may well be of one class, or of each class once."""
MOST = 0.95
"""Share of one class beyond which to answer it always is hard to beat."""
CLASSES = 20
"""Different targets of a regression that may be indices of classes, at most."""
EVEN = 0.9
"""Of the entropy of classes that are equally frequent: what those have at least. Counts have rare
values, and less: Poisson's 0.88 for a mean of 2."""
MARGIN = 3.0
"""Of the right class in logits: a probability of 0.95, as one would still train for where labels
are smoothed."""


def large_targets(seen: Evidence) -> Finding | None:
    """Targets of a regression that are far from what a network gives in the beginning."""
    if seen.compares_probabilities or seen.has_learned or seen.y.shape != seen.predictions.shape:
        return None
    size = float(np.sqrt(np.mean(np.square(seen.y, dtype=float))))
    if not size > LARGE_TARGET * max(1.0, float(np.sqrt(np.mean(seen.predictions.data**2)))):
        return None
    losses = [after.loss for after in optimized(seen)]
    if losses and losses[-1] < LEARNED * seen.loss:
        return None
    meaning = (
        f"The targets have mean {seen.y.mean():.3g} and standard deviation {seen.y.std():.3g}, and "
        f"the predictions {seen.predictions.data.std():.3g}; the figure is the root of the mean "
        "square of the targets. Steps of the usual size hardly reach them."
    )
    remedy = (
        "Standardize: train on (y - mean) / standard_deviation of the training targets, and "
        "compute predictions * standard_deviation + mean."
    )
    return Finding("targets not standardized", ("y",), size, LARGE_TARGET, meaning, remedy)


def out_of_range(seen: Evidence) -> Finding | None:
    """Targets that the function in which the model ends cannot give."""
    node: Any = seen.predictions
    while reshapes(node):
        node = node.arguments[0]
    traits = traits_of(node)
    limits = (0.0, np.inf) if traits.rectifies else traits.limits
    if limits is None or seen.y.shape != seen.predictions.shape or seen.compares_probabilities:
        return None
    low, high = limits
    beyond = (seen.y < low) | (seen.y > high)
    if not beyond.any():
        return None
    name = node.operation.name
    meaning = (
        f"The model ends in {name}, whose values lie between {low:g} and {high:g}, and targets "
        f"range from {seen.y.min():.3g} to {seen.y.max():.3g}. The figure is the share of them "
        "that no weights can reach."
    )
    remedy = f"Leave out the {name} after the last layer, or scale the targets into its range."
    return Finding("targets out of range", ("y",), float(beyond.mean()), 0, meaning, remedy)


def class_shares(seen: Evidence) -> Any:
    """The share of each class among the targets of a classification; None for a regression."""
    y, predicted = seen.y, seen.predictions
    if len(y) < FEW or not seen.compares_probabilities:
        return None
    if y.shape == predicted.shape and y.ndim > 1 and y.shape[-1] > 1:
        y = y.argmax(axis=-1) if are_one_hot(y) else y
    if y.size != len(y) or not (y == np.round(y)).all():
        return None
    return np.unique(y, return_counts=True)[1] / y.size


def uneven_classes(seen: Evidence) -> Finding | None:
    """Targets of one class only, or of hardly any other."""
    shares = class_shares(seen)
    if shares is None or not (len(shares) == 1 or shares.max() > MOST):
        return None
    figure = float(shares.max())
    if len(shares) == 1:
        meaning = f"All {len(seen.y)} targets are of one class: there is nothing to distinguish."
        remedy = (
            "Shuffle the samples before they are split or cut into batches, and look at the labels."
        )
        return Finding("one class only", ("y",), figure, 1, meaning, remedy)
    meaning = (
        f"One class has {figure:.1%} of the {len(seen.y)} targets, which is the accuracy of a "
        "model that always answers it."
    )
    remedy = (
        "Judge by precision and recall rather than accuracy; give the rare class more weight in "
        "the loss, or draw more of its samples."
    )
    return Finding(IMBALANCED, ("y",), figure, MOST, meaning, remedy)


def indices_as_numbers(seen: Evidence) -> Finding | None:
    """Targets of a regression that are indices of classes."""
    y = seen.y
    if seen.compares_probabilities or y.size != len(y) or y.shape != seen.predictions.shape:
        return None
    if len(y) < FEW or not are_indices(y) or y.min() not in (0, 1):
        return None
    values, counts = np.unique(y, return_counts=True)
    contiguous = np.array_equal(values, np.arange(len(values)) + values[0])
    if not contiguous or not 3 <= len(values) <= CLASSES:
        return None
    shares = counts / counts.sum()
    if -(shares * np.log(shares)).sum() < EVEN * np.log(len(values)):
        return None
    meaning = (
        f"The loss compares numbers, and the targets are {len(values)} whole numbers from "
        f"{values[0]:g} to {values[-1]:g}, all of them frequent, as indices of classes are. Class "
        "1 is not the mean of classes 0 and 2."
    )
    remedy = (
        "For classes, give the model one output for each, and use nn.CrossEntropyLoss; for "
        "ratings or counts there is nothing to do."
    )
    return Finding("class indices as numbers", ("y",), len(values), 3, meaning, remedy)


def negated_loss(seen: Evidence) -> Finding | None:
    """A loss that is larger for right predictions than for the same prediction everywhere."""
    right, even = _right_predictions(seen)
    if right is None or seen.predictions not in seen.gradients:
        return None
    best, constant = seen.loss_of(right), seen.loss_of(even)
    towards = float(np.sum(seen.gradients[seen.predictions] * (right - seen.predictions.data)))
    if not (np.isfinite([best, constant]).all() and towards > 0):
        return None
    if not best > max(constant, seen.loss):
        return None
    meaning = (
        f"The loss is {seen.loss:.3g} now, {constant:.3g} for one prediction for all samples, and "
        "the figure for right predictions: training moves away from the targets."
    )
    remedy = "Change the sign of the loss: what is minimized is -log(p), or a squared error."
    return Finding("negated loss", ("the loss",), best, constant, meaning, remedy)


def _right_predictions(seen: Evidence) -> tuple[Any, Any]:
    """Predictions that are right, and the best constant ones; None where that is not known."""
    y, predicted = seen.targets, seen.predictions.data
    applied = "log" if seen.taken_for[0] == "log-probabilities" else seen.applied
    if applied in ("softmax", "log") or y.shape != predicted.shape:
        classes = predicted.shape[-1]
        whole = predicted.ndim == 2 and classes > 1 and y.dtype.kind in "iu"
        if y.shape == predicted.shape:
            rows = y
        elif whole and y.shape == predicted.shape[:1] and y.min() >= 0 and y.max() < classes:
            rows = np.eye(classes)[y]
        else:
            return None, None
        logits = MARGIN * rows
        logarithms = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        if applied == "softmax":
            return logits, np.zeros_like(logits)
        if applied == "log":
            return logarithms, np.full_like(logarithms, -np.log(classes))
        return np.exp(logarithms), np.full_like(logarithms, 1 / classes)
    if seen.compares_probabilities and (y.min() < 0 or y.max() > 1):
        return None, None
    if applied == "sigmoid":
        return MARGIN * (2.0 * y - 1), np.zeros(y.shape)
    if seen.compares_probabilities or seen.ends_in == "sigmoid":
        sure = 1 / (1 + np.exp(-MARGIN))
        return np.where(y > 0.5, sure, 1 - sure), np.full(y.shape, 0.5)
    return y.astype(float), np.broadcast_to(y.mean(axis=0), y.shape).astype(float)
