"""Losses of numbers, and the hinge loss of scores: how far predictions are off.

Predictions and targets have one shape. At a kink the slope is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite import Tensor, relu
from autograd_lite.arguments import FLAG, POSITIVE, one_of
from autograd_lite.errors import ArgumentError
from autograd_lite.node import plain
from nn.declared import declared
from nn.losses.loss import REDUCTIONS, Loss, holds
from nn.losses.probabilities import log_above, logarithms_that_count


class MSELoss(Loss):
    """Mean squared error: mean((predictions - targets)²).

    >>> MSELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item()
    2.0
    >>> MSELoss(reduction="none")(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).data
    array([0., 4.])
    """

    def entries(self, predictions: Any, targets: Any) -> Any:
        """(p - t)² of each entry."""
        return np.square(predictions - targets)


class HalfSquaredErrorLoss(Loss):
    """Half the sum of squares of each sample: ½‖predictions - targets‖².

    A sample is an entry of the first axis; its other axes are summed. Reduction "sum" (the
    default) gives ½ Σ (p - t)² over everything, "mean" the mean over samples, "none" (n,).

    >>> predictions, targets = Tensor([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 4.0], [2.0, 0.0]])
    >>> HalfSquaredErrorLoss()(predictions, targets).item()
    4.0
    >>> HalfSquaredErrorLoss(reduction="mean")(predictions, targets).item()
    2.0
    """

    reduction: str = declared(one_of(*REDUCTIONS), default="sum", kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """½‖p - t‖² of each sample."""
        squares = np.square(predictions - targets)
        return squares.sum(axis=tuple(range(1, squares.ndim))) / 2


class MAELoss(Loss):
    """Mean absolute error: mean(|predictions - targets|), PyTorch's L1Loss.

    >>> MAELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item()
    1.0
    """

    def entries(self, predictions: Any, targets: Any) -> Any:
        """|p - t| of each entry."""
        return np.abs(predictions - targets)


class RMSELoss(Loss):
    """Root mean squared error: sqrt(mean((predictions - targets)²)).

    It belongs to all entries together, so "mean" is the only reduction; weights multiply the
    squares. Its slope is 0 where all predictions are exact.

    >>> round(RMSELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item(), 4)
    1.4142
    """

    reduction: str = declared(one_of("mean"), default="mean", kw_only=True)

    def mean(self, predictions: Any, targets: Any) -> Tensor:
        """The root of the mean without weights."""
        predictions, targets = self.prepared(predictions, targets)
        return _root_mean_square(predictions - targets)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """(p - t)² of each entry."""
        return np.square(predictions - targets)

    def averaged(self, losses: Any, targets: Any) -> Tensor:
        """The root of the mean of squared errors, which weights may have multiplied."""
        return _root_mean_square(np.sqrt(losses))


class HuberLoss(Loss):
    """½e² for errors |e| <= delta, and delta (|e| - ½ delta) beyond: outliers pull less.

    Huber, "Robust estimation of a location parameter", 1964.

    Args:
        delta: where the parabola becomes a line, > 0.

    >>> HuberLoss()(Tensor([0.5, 3.0]), np.array([0.0, 0.0])).item()
    1.3125
    """

    delta: float = declared(POSITIVE, default=1.0, kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """½e² or delta (|e| - ½ delta) of each entry."""
        errors = predictions - targets
        near = np.clip(errors, -self.delta, self.delta)
        return near * (errors - near / 2)


class PoissonNLLLoss(Loss):
    """-log of the probability of counts: exp(p) - t p, of predictions that are logarithms of rates.

    As in PyTorch the term log t! is left out, unless `full` adds Stirling's t log t - t + ½ log 2πt
    for counts above 1.

    Args:
        log_input: whether predictions are logarithms; if not, rates r: r - t log(r + epsilon).
        full: whether the term of the targets is added.
        epsilon: is added in the logarithm of rates.

    >>> PoissonNLLLoss()(Tensor([0.0]), np.array([3.0])).item()
    1.0
    """

    log_input: bool = declared(FLAG, default=True, kw_only=True)
    full: bool = declared(FLAG, default=False, kw_only=True)
    epsilon: float = declared(POSITIVE, default=1e-8, kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """The loss of each entry."""
        if holds(are_below_0, targets):
            raise ArgumentError(
                self.describe(predictions, targets),
                f"counts are 0 or more, and one is {np.min(plain(targets))}",
                "Give numbers of events",
            )
        if self.log_input:
            losses = np.exp(predictions) - targets * logarithms_that_count(targets, predictions)
        else:
            self._require_rates(predictions, targets)
            losses = predictions - targets * log_above(predictions, self.epsilon)
        if not self.full:
            return losses
        several = np.where(targets > 1, targets, 1)
        term = several * np.log(several) - several + np.log(2 * math.pi * several) / 2
        return losses + np.where(targets > 1, term, 0)

    def _require_rates(self, predictions: Any, targets: Any) -> None:
        if holds(are_below_0, predictions):
            raise ArgumentError(
                self.describe(predictions, targets),
                f"rates are 0 or more, and one is {np.min(plain(predictions))}",
                "Give what autograd_lite.softplus makes of a layer's outputs, or leave out "
                "log_input=False for logarithms of rates",
            )


class HingeLoss(Loss):
    """mean(max(0, 1 - targets * scores)), the loss of a support vector machine.

    Targets are -1 or 1; others raise an ArgumentError.

    >>> HingeLoss()(Tensor([2.0, 0.5]), np.array([1, -1])).item()
    0.75
    """

    takes = "scores"

    def entries(self, predictions: Any, targets: Any) -> Any:
        """max(0, 1 - t z) of each entry."""
        if not holds(are_signs, targets):
            values = plain(targets)
            raise ArgumentError(
                self.describe(predictions, targets),
                f"targets are -1 or 1, and these range from {np.min(values)} to {np.max(values)}",
                "Write 2 * targets - 1 for targets 0 and 1",
            )
        return relu(1 - predictions * targets)


def are_below_0(values: Any) -> bool:
    """Whether one is below 0."""
    return bool(np.min(values) < 0)


def are_signs(values: Any) -> bool:
    """Whether all are -1 or 1."""
    return bool(np.all(np.abs(values) == 1))


def _root_mean_square(values: Any) -> Tensor:
    # The norm of many in float16 may be infinite where the mean is not.
    wide = values.astype(np.float32) if values.dtype == np.float16 else values
    norm: Any = np.linalg.norm(wide.reshape(-1))
    mean = norm / math.sqrt(values.size)
    return mean.astype(values.dtype) if wide is not values else mean  # type: ignore[no-any-return] # functions of tensors give Any
