"""What losses share: the reduction of entries' losses, weights, logarithms that stay finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from autograd_lite import Tensor, differentiable
from autograd_lite.arguments import as_array, one_of, require_real
from autograd_lite.derivatives.cross_entropies import (
    SMALLEST_LOGARITHM,
    as_divisor,
    other_shape,
)
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import PLAIN, admit, beside
from autograd_lite.modes import noted_now, take
from autograd_lite.names import explains_keywords
from autograd_lite.node import NO_KEYWORDS, plain
from autograd_lite.operation import Traits
from autograd_lite.precision import widened
from autograd_lite.trees import leaves_of
from nn.declared import Declared, declared

REDUCTIONS = ("mean", "sum", "none")
THRESHOLDS = {
    "values": 0.5,
    "scores": 0.0,
    "logits": 0.0,
    "probabilities": 0.5,
    "log-probabilities": math.log(0.5),
}
"""What predictions can be, and the number above which one alone means class 1."""


class Loss(Declared):
    """Base of losses: a function of predictions and targets, with its options.

    A subclass says in `entries` what predictions cost, and in `takes` what they are.

    Args:
        reduction: "mean" and "sum" give a scalar, "none" the losses themselves.

    Raises:
        ArgumentError: an option is out of its range.
    """

    takes: ClassVar[str] = "values"
    """What predictions are: one of `THRESHOLDS`."""
    link: ClassVar[str | None] = None
    """What makes probabilities of logits, "sigmoid" or "softmax"; None without probabilities."""

    reduction: str = declared(one_of(*REDUCTIONS), default="mean", kw_only=True)

    @property
    def threshold(self) -> float:
        """The prediction above which a sample is of class 1, where it has but one."""
        return THRESHOLDS[self.takes]

    @explains_keywords
    def __call__(self, predictions: Any, targets: Any, weights: Any = None) -> Tensor:
        """The loss of predictions and targets, of samples that count by their weights.

        The losses of a sample are multiplied by its weight, and then reduced as they are without
        weights: a mean is over their number, not over the sum of the weights, and weights of 1
        change nothing.

        Args:
            predictions: the outputs of a model (n, ...).
            targets: what they should be, as the loss takes them.
            weights: how much each sample counts (n,), 0 or more; all the same by default.

        Raises:
            ShapeError: shapes do not fit together, or there are no entries.
            ArgumentError: a value is out of the range of what it stands for.
            UnsupportedError: they are no real numbers.

        >>> import numpy as np
        >>> from nn import MSELoss
        >>> predictions, targets = Tensor([[1.0], [2.0]]), np.array([[0.0], [0.0]])
        >>> MSELoss()(predictions, targets, np.array([0.5, 1.5])).item()
        3.25
        """
        if type(predictions) not in PLAIN:
            predictions = admit(predictions, f"{type(self).__name__} of predictions")
        if type(targets) not in PLAIN:
            targets = admit(targets, f"{type(self).__name__} of targets")
        try:
            shape, _ = predictions.shape, targets.shape
        except AttributeError:
            predictions, targets = self.with_shape(predictions), self.with_shape(targets)
            shape = predictions.shape
        if 0 in shape:
            raise ShapeError(
                self.describe(predictions, targets),
                "they have no entries, and nothing has no mean",
                "Give at least one sample",
            )
        if noted_now() is not None:
            # What is computed from a tensor is noted.
            targets, weights = [
                Tensor(self.with_shape(x)) if x is not None and not isinstance(x, Tensor) else x
                for x in (targets, weights)
            ]
        if weights is None and self.reduction == "mean":
            return self.mean(predictions, targets)
        predictions, targets = self.prepared(predictions, targets)
        losses = self.entries(predictions, targets)
        if weights is not None:
            weights = admit(weights, f"{type(self).__name__} with weights")
            weights, n = self.with_shape(weights), losses.shape[0] if losses.ndim else 1
            require_weights(weights, n, f"{self.describe(predictions, targets)} with weights")
            losses = weighed(losses, weights)
        return self.reduced(losses, targets)

    def mean(self, predictions: Any, targets: Any) -> Tensor:
        """The mean without weights, for which a loss may have an operation of its own."""
        predictions, targets = self.prepared(predictions, targets)
        return self.averaged(self.entries(predictions, targets), targets)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """The loss of each entry, or sample, of predictions and targets that are prepared."""
        raise NotImplementedError(f"{type(self).__name__} has no method entries")

    def averaged(self, losses: Any, targets: Any) -> Tensor:
        """The mean of the losses for those targets."""
        return losses.mean()  # type: ignore[no-any-return] # functions of tensors give Any

    def reduced(self, losses: Any, targets: Any) -> Tensor:
        """The mean or the sum of the losses for those targets, or they themselves."""
        if self.reduction == "mean":
            return self.averaged(losses, targets)
        return losses.sum() if self.reduction == "sum" else losses  # type: ignore[no-any-return] # functions of tensors give Any

    def prepared(self, predictions: Any, targets: Any) -> tuple[Any, Any]:
        """Predictions and targets of one shape, as arrays or tensors of one dtype."""
        if predictions.shape != targets.shape:
            columns = predictions.ndim == targets.ndim == 2 and targets.shape[1] > 1
            if columns and len(predictions) == len(targets):
                raise other_classes(self.describe(predictions, targets), predictions, targets)
            raise ShapeError(
                self.describe(predictions, targets), *other_shape(predictions, targets)
            )
        if targets.dtype != predictions.dtype:
            targets = self.cast(targets, predictions)
        elif targets.dtype.kind not in "fiub":
            raise self.not_real(predictions, targets)
        return predictions, targets

    def with_shape(self, values: Any) -> Any:
        """The array or tensor itself, or an array of numbers or lists."""
        if hasattr(values, "shape"):
            return values
        if isinstance(values, Mapping) or any(isinstance(x, Tensor) for x in leaves_of(values)):
            raise UnsupportedError(
                f"{type(self).__name__} of a {type(values).__name__}",
                "it is of one array of predictions and one of targets, and these are several",
                "Give nn.fit a loss for each, loss={'price': 'mse', ...}; or add them up: lambda "
                "predictions, targets: loss(predictions[0], targets[0]) + ...",
            )
        return as_array(values, f"{type(self).__name__} of")

    def cast(self, targets: Any, predictions: Any) -> Any:
        """Targets of the predictions' dtype: integers or float64 make no float32 loss wider."""
        if predictions.dtype.kind != "f" or targets.dtype.kind not in "fiub":
            raise self.not_real(predictions, targets)
        return targets.astype(predictions.dtype)

    def not_real(self, predictions: Any, targets: Any) -> UnsupportedError:
        """The error for dtypes that have no loss."""
        return UnsupportedError(
            self.describe(predictions, targets),
            f"their dtypes are {predictions.dtype} and {targets.dtype}",
            "Give predictions that are floats first, then targets that are real numbers",
        )

    def describe(self, predictions: Any, targets: Any) -> str:
        """The call as an error shows it."""
        return (
            f"{type(self).__name__} of predictions {describe_one(predictions)} "
            f"and targets {describe_one(targets)}"
        )


def weighed(losses: Any, weights: Any) -> Any:
    """The losses of samples (n, ...) times their weights (n,)."""
    weights = weights.reshape(-1, *[1] * (losses.ndim - 1))
    return losses * beside(weights.astype(losses.dtype), losses)


def holds(condition: Callable[..., bool], values: Any, *options: Any) -> bool:
    """Whether a condition of entries holds; noted, where what is computed is, as it decides."""
    outcome = condition(values._array if isinstance(values, Tensor) else values, *options)
    if noted_now() is not None:
        take(condition, (values, *options), NO_KEYWORDS, outcome)
    return outcome


def require_each(
    condition: Callable[..., bool],
    values: Any,
    attempted: Callable[[], str],
    wanted: str,
    remedy: str,
) -> None:
    """Raise an ArgumentError with the range of the entries unless a condition of them holds."""
    if not holds(condition, values):
        raise _out_of_range(values, attempted(), wanted, remedy)


def _out_of_range(values: Any, attempted: str, wanted: str, remedy: str) -> ArgumentError:
    low, high = plain(values).min(), plain(values).max()
    return ArgumentError(attempted, f"{wanted}, and these range from {low} to {high}", remedy)


def _are_weights(values: Any) -> bool:
    return bool((np.isfinite(values) & (values >= 0)).all())


def require_weights(weights: Any, n: int, attempted: str) -> None:
    """Raise unless an array has a weight for each of n samples, finite and 0 or more."""
    require_real(weights, attempted)
    if weights.shape != (n,):
        raise ShapeError(
            f"{attempted} {describe_one(weights)}",
            f"there are {n} samples",
            f"Give one weight for each sample, in an array ({n},)",
        )
    if not holds(_are_weights, weights):
        values = plain(weights)
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        raise ArgumentError(
            f"{attempted} {describe_one(weights)}",
            f"the weight at index {wrong[0]} is {values[wrong[0]]}",
            "Give finite weights of 0 or more",
        )


def other_classes(attempted: str, predictions: Any, targets: Any) -> ShapeError:
    """The error of targets that have another number of columns than there are outputs."""
    return ShapeError(
        attempted,
        f"there are {predictions.shape[1]} outputs for {targets.shape[1]} columns of targets",
        f"Give the last layer {targets.shape[1]} outputs, or other targets",
    )


LOGARITHM = Traits(elementwise=True, logarithm=True)
REMEDIES: dict[str | None, str] = {
    "sigmoid": "Apply a sigmoid, or give logits to BCEWithLogitsLoss",
    "softmax": "Apply softmax, or give logits to CrossEntropyLoss",
}
"""For predictions that are no probabilities, by the link of the loss."""


def log_above(values: Any, epsilon: float) -> Any:
    """log(values + epsilon), computed in float32 of float16, in which a small epsilon is 0."""
    logarithms = np.log(widened(values) + epsilon)
    return logarithms if logarithms.dtype == values.dtype else logarithms.astype(values.dtype)


@differentiable(lambda g, y, p: g / as_divisor(p), traits=LOGARITHM)
def bounded_log(p: Any) -> Any:
    """log p, -100 at least, entry by entry."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), SMALLEST_LOGARITHM)


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
    wanted = "predictions are probabilities, from 0 to 1"
    attempted = partial(loss.describe, predictions, targets)
    require_each(_are_probabilities, predictions, attempted, wanted, REMEDIES[loss.link])


def no_shares(loss: Loss, predictions: Any, targets: Any) -> ArgumentError:
    """The error of targets that lie below 0 or above 1; NaN is let through, into the loss."""
    wanted = "targets are probabilities, from 0 to 1"
    remedy = "Give 1 for yes and 0 for no, or what lies between: (targets + 1) / 2 for -1 and 1"
    return _out_of_range(targets, loss.describe(predictions, targets), wanted, remedy)


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
