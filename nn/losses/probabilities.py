"""What losses of probabilities share: logarithms that stay finite, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import differentiable
from autograd_lite.arguments import as_array
from autograd_lite.derivatives.cross_entropies import SMALLEST_LOGARITHM, are_shares, as_divisor
from autograd_lite.errors import ArgumentError, describe_one
from autograd_lite.node import plain
from autograd_lite.operation import Traits
from autograd_lite.precision import widened
from nn.losses.loss import Loss, holds

LOGARITHM = Traits(elementwise=True, logarithm=True)
REMEDIES: dict[str | None, str] = {
    "sigmoid": "Apply a sigmoid, or give logits to BCEWithLogitsLoss",
    "softmax": "Apply softmax, or give logits to CrossEntropyLoss",
}
"""For predictions that are no probabilities, by the link of the loss."""


@differentiable(lambda g, y, p: g / as_divisor(p), traits=LOGARITHM)
def bounded_log(p: Any) -> Any:
    """log p, -100 at least, entry by entry."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), SMALLEST_LOGARITHM)


def log_above(values: Any, epsilon: float) -> Any:
    """log(values + epsilon), computed in float32 of float16, in which a small epsilon is 0."""
    logarithms = np.log(widened(values) + epsilon)
    return logarithms if logarithms.dtype == values.dtype else logarithms.astype(values.dtype)


def _are_possible(logarithms: Any) -> bool:
    return bool((logarithms > -np.inf).all())


def logarithms_that_count(factors: Any, logarithms: Any) -> Any:
    """Logarithms for t log p, which is 0 where t and p are 0, as its limit is."""
    if holds(_are_possible, logarithms):
        return logarithms
    return np.where(np.equal(factors, 0) & np.equal(logarithms, -np.inf), 0, logarithms)


@differentiable(lambda g, y, p, t: g * (p - t) / as_divisor(p * (1 - p)), traits=LOGARITHM)
def binary_cross_entropies(p: Any, t: Any) -> Any:
    """-(t log p + (1 - t) log(1 - p)), entry by entry, with logarithms of -100 at least."""
    with np.errstate(divide="ignore"):
        right = t * np.maximum(np.log(p), SMALLEST_LOGARITHM)
        wrong = (1 - t) * np.maximum(np.log1p(-p), SMALLEST_LOGARITHM)
    return -(right + wrong)


def _are_probabilities(values: Any) -> bool:
    """As `are_shares`, but that NaN is none."""
    return bool(values.min() >= 0 and values.max() <= 1)


def require_probabilities(loss: Loss, predictions: Any, targets: Any) -> None:
    """Raise an ArgumentError unless predictions lie between 0 and 1."""
    if not holds(_are_probabilities, predictions):
        attempted = loss.describe(predictions, targets)
        raise _beyond(attempted, "predictions", predictions, REMEDIES[loss.link])


def require_shares(loss: Loss, predictions: Any, targets: Any) -> None:
    """Raise if a target is below 0 or above 1; NaN is let through, into the loss."""
    if not holds(are_shares, targets):
        remedy = "Give 1 for yes and 0 for no, or what lies between: (targets + 1) / 2 for -1 and 1"
        raise _beyond(loss.describe(predictions, targets), "targets", targets, remedy)


def _beyond(attempted: str, name: str, values: Any, remedy: str) -> ArgumentError:
    low, high = plain(values).min(), plain(values).max()
    reason = f"the {name} range from {low} to {high}, and probabilities from 0 to 1"
    return ArgumentError(attempted, reason, remedy)


def positive_weights(loss: Loss, name: str, weights: Any) -> Any:
    """Weights as an array, or an ArgumentError unless they are None, or above 0 and finite."""
    if weights is None:
        return None
    weights = as_array(plain(weights), f"{type(loss).__name__} with {name}")
    if weights.dtype.kind not in "fiu" or not np.all((weights > 0) & np.isfinite(weights)):
        raise ArgumentError(
            f"{type(loss).__name__} with {name} {describe_one(weights)}",
            "a weight says how much a class counts, as a positive finite number",
            "Give positive numbers; to leave out a class leave out its samples",
        )
    return weights
