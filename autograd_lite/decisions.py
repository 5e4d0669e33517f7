"""From which prediction on a sample is of class 1: what predictions are, a loss knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arguments import NUMBER, require
from autograd_lite.errors import ArgumentError, describe_one


def decision_threshold(owner: str, scores: Any, threshold: float | None, loss: Any) -> float:
    """The threshold that is given, or that of a loss, or 0.5 for what can be probabilities.

    Raises:
        ArgumentError: both are given, the threshold is no number, or the loss has none; or neither
            is given and scores lie beyond 0 and 1.

    >>> decision_threshold("accuracy", np.array([0.1, 0.7]), None, None)
    0.5
    """
    known = threshold_of(owner, threshold, loss)
    if known is not None:
        return known
    finite = scores[np.isfinite(scores)]
    if finite.size and not (finite.min() >= 0 and finite.max() <= 1):
        raise ArgumentError(
            f"{owner} of scores {describe_one(scores)} without a threshold",
            f"they range from {finite.min():.4g} to {finite.max():.4g}, and are no probabilities",
            "Give the loss that the model was trained with, loss=nn.BCEWithLogitsLoss(), or "
            "threshold=0 for logits, and threshold=0.5 after a squared error",
        )
    return 0.5


def threshold_of(owner: str, threshold: float | None, loss: Any) -> float | None:
    """The threshold that is given, or that of a loss; None if neither is given.

    Raises:
        ArgumentError: both are given, the threshold is no number, or the loss has none.
    """
    if threshold is not None:
        require(owner, "threshold", threshold, NUMBER)
        if loss is None:
            return threshold
        raise ArgumentError(
            f"{owner} with threshold={threshold} and loss={describe_one(loss)}",
            "the loss has a threshold, too",
            "Give one of them",
        )
    if loss is None:
        return None
    known: Any = getattr(loss, "threshold", None)
    if NUMBER.holds(known):
        return float(known)
    raise ArgumentError(
        f"{owner} with loss={describe_one(loss)}",
        "it does not say what predictions are",
        "Give a loss of nn, such as nn.BCEWithLogitsLoss(), or a threshold",
    )
