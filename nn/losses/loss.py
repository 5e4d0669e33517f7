"""What all losses share: the reduction of the entries' losses, and the shapes they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autograd_lite import Tensor
from autograd_lite.arguments import as_array
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one

REDUCTIONS = ("mean", "sum", "none")


@dataclass(kw_only=True, eq=False)
class Loss:
    """Base of losses: a function of predictions and targets, with its options.

    Args:
        reduction: "mean" and "sum" give a scalar, "none" the losses themselves.

    Raises:
        ArgumentError: an option is out of its range.
    """

    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS
    reduction: str = "mean"

    def __post_init__(self) -> None:
        if not isinstance(self.reduction, str) or self.reduction not in self.reductions:
            raise ArgumentError(
                f"{type(self).__name__} with reduction={describe_one(self.reduction)}",
                "it has no reduction of that name",
                f"Give one of {', '.join(self.reductions)}",
            )

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        """The loss of predictions and targets."""
        raise NotImplementedError(f"{type(self).__name__} has no method __call__")

    def reduced(self, losses: Any, targets: Any) -> Tensor:
        """The mean or the sum of the losses for those targets, or they themselves."""
        if self.reduction == "mean":
            return losses.mean()  # type: ignore[no-any-return]
        return losses.sum() if self.reduction == "sum" else losses  # type: ignore[no-any-return]

    def prepared(self, predictions: Any, targets: Any) -> tuple[Any, Any]:
        """Predictions and targets of one shape, as arrays or tensors of one dtype.

        Raises:
            ShapeError: the shapes differ, or there are no entries.
            UnsupportedError: the dtypes are none of real numbers.
        """
        try:
            shape, targets_shape = predictions.shape, targets.shape
        except AttributeError:
            return self.prepared(self.with_shape(predictions), self.with_shape(targets))
        if shape != targets_shape:
            raise ShapeError(
                self.describe(predictions, targets),
                "broadcasting them would compare every prediction with every target",
                f"Give targets of the same shape: targets.reshape{(-1, *shape[1:])}",
            )
        if 0 in shape:
            raise self.empty(predictions, targets)
        if targets.dtype != predictions.dtype:
            targets = self.cast(targets, predictions)
        elif targets.dtype.kind not in "fiub":
            raise self.not_real(predictions, targets)
        return predictions, targets

    def with_shape(self, values: Any) -> Any:
        """The array or tensor itself, or an array of numbers or lists."""
        if hasattr(values, "shape"):
            return values
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
            "Give predictions that are floats, and targets that are real numbers",
        )

    def empty(self, predictions: Any, targets: Any) -> ShapeError:
        """The error for arrays without entries."""
        return ShapeError(
            self.describe(predictions, targets),
            "they have no entries, and nothing has no mean",
            "Give at least one sample",
        )

    def describe(self, predictions: Any, targets: Any) -> str:
        """The call as an error shows it."""
        return (
            f"{type(self).__name__} of predictions {describe_one(predictions)} "
            f"and targets {describe_one(targets)}"
        )
