"""Whether a loss of the classes' probabilities is given such: they add up to 1 in each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import ArgumentError
from autograd_lite.foreign import on_host
from autograd_lite.node import plain
from nn.losses.loss import Loss
from nn.losses.loss_function import parts_of

TOLERANCE = 0.05
"""How far from 1 the sum may be: by an epsilon that was added, and the rounding of float16."""
REMEDIES = {
    "probabilities": "End the model in nn.Softmax(), or give logits to nn.CrossEntropyLoss; "
    "answers that do not exclude each other are for nn.BCELoss",
    "log-probabilities": "End the model in nn.LogSoftmax(), or give logits to nn.CrossEntropyLoss",
}
"""For predictions that add up to something else, by what the loss takes."""


def require_distributions(attempted: str, loss: Any, predictions: Any) -> None:
    """Raise an ArgumentError where a loss takes what is no distribution over classes for one.

    It would fall without limit as logits grow, or as each of the probabilities goes to 1. The
    classes are along any axis but the first, or all of those. Predictions that are not finite are
    not looked at, nor are losses that are no `Loss`.
    """
    for one, part in parts_of(loss, predictions):
        takes = one.takes if isinstance(one, Loss) and one.link == "softmax" else None
        if takes in REMEDIES and np.ndim(plain(part)) > 1:
            _require_sums_of_one(attempted, one, on_host(plain(part)).astype(float))


def _require_sums_of_one(attempted: str, loss: Loss, values: Any) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.exp(values) if loss.takes == "log-probabilities" else values
        axes = [*range(1, values.ndim), tuple(range(1, values.ndim))]
        sums = [shares.sum(axis=axis) for axis in axes]
    if not all(abs(each - 1).max() > TOLERANCE for each in sums):
        return
    low, high = sums[0].min(), sums[0].max()
    raise ArgumentError(
        f"{attempted} with {type(loss).__name__} of predictions {values.shape}",
        f"it takes {loss.takes} of classes, and {_SUMMED[loss.takes]} of a sample add up to "
        f"{low:.3g} to {high:.3g}, not to 1",
        REMEDIES[loss.takes],
    )


_SUMMED = {"probabilities": "those", "log-probabilities": "the exponentials of those"}
