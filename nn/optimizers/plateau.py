"""What counts as progress of a figure, and a learning rate that goes down where there is none."""

from __future__ import annotations

import math
from typing import Any, ClassVar, TypeGuard

import numpy as np

from autograd_lite.arguments import NOT_NEGATIVE, WHOLE, Range, is_number, one_of
from autograd_lite.errors import ArgumentError, describe_one
from autograd_lite.interruption import whole
from nn.declared import declared
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.schedules import DECAY, Schedule

MODE = one_of("min", "max")


def _is_figure(value: Any) -> TypeGuard[float]:
    """Whether a loss or a metric may be this: a number that is a float's, NaN or infinity."""
    return is_number(value) or isinstance(value, float | np.floating)


NOT_NAN = Range(lambda x: _is_figure(x) and x == x, "a number or infinity")


def worst(mode: str) -> float:
    """What each figure but NaN and itself is better than."""
    return math.inf if mode == "min" else -math.inf


def is_better(
    value: float, best: float, mode: str, margin: float = 0.0, share: float = 0.0
) -> bool:
    """Whether a value is below the best one by more than `margin` plus `share` of |best|.

    With mode "max" it is above. NaN is not better, and neither is an infinite value on the wrong
    side.

    >>> [is_better(value, 2.0, "min", margin=0.5) for value in [1.75, 1.25, math.nan]]
    [False, True, False]
    """
    gain = best - value if mode == "min" else value - best
    return gain > margin + (share * abs(best) if math.isfinite(best) else 0.0)


class ReduceOnPlateau(Schedule):
    """A rate that is multiplied by a factor when a value no longer improves.

    That is when it has not been better than the best so far for more than `patience` calls in a
    row; better means below best - threshold |best| or, with mode "max", above best + threshold
    |best|. NaN is not better. The rate falls no lower than `minimum`, or stays where it is if that
    is lower. Assigning `threshold` or `mode` forgets the best so far. (ReduceLROnPlateau in
    PyTorch.)

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = ReduceOnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [1.0, 0.9, 0.95, 0.92]:
    ...     schedule.step(loss)
    >>> optimizer.learning_rate
    0.25
    """

    base: Optimizer = declared(
        Range(
            lambda x: isinstance(x, Optimizer),
            "an optimizer, as the rate is no function of the step",
        )
    )
    factor: float = declared(DECAY, default=0.1)
    patience: int = declared(WHOLE, default=10)
    threshold: float = declared(NOT_NEGATIVE, default=1e-4)
    minimum: float = declared(NOT_NEGATIVE, default=0.0)
    mode: str = declared(MODE, default="min")

    state_ranges: ClassVar = {"best": NOT_NAN, "waited": WHOLE, "reductions": WHOLE}

    def _set_up(self) -> None:
        self.best, self.waited, self.reductions = worst(self.mode), 0, 0
        super()._set_up()

    def _assign(self, name: str, value: Any) -> None:
        super()._assign(name, value)
        if name in ("threshold", "mode"):
            self.best, self.waited = worst(self.mode), 0

    def _kind(self) -> str:
        return f"{super()._kind()} with mode={self.mode!r}"

    def rate(self, base: float, t: int) -> float:
        """The rate after the reductions so far."""
        return max(base * self.factor**self.reductions, min(base, self.minimum))

    def _advance(self, value: float | None) -> None:
        if not _is_figure(value):
            raise ArgumentError(
                f"step of ReduceOnPlateau with {describe_one(value)}",
                "it watches a number",
                "Give schedule.step(validation_loss)",
            )
        with whole():
            if is_better(value, self.best, self.mode, share=self.threshold):
                self.best, self.waited = float(value), 0
            else:
                self.waited += 1
            if self.waited > self.patience:
                self.reductions, self.waited = self.reductions + 1, 0
            super()._advance(value)
