"""What counts as progress of a figure, and a learning rate that goes down where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

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


class Progress:
    """The best value so far, and how many after it were in a row not better.

    A value is better if it is below the best one by more than `margin` plus `share` of that one's
    absolute value, or with mode "max" above it. NaN is not better, and neither is an infinite
    value on the wrong side.

    >>> progress = Progress("min", margin=0.5)
    >>> [progress.made_by(value) for value in [2.0, 1.75, 1.25, math.nan]]
    [True, False, True, False]
    >>> progress.best, progress.waited
    (1.25, 1)
    """

    def __init__(self, mode: str, margin: float = 0.0, share: float = 0.0) -> None:
        self.mode, self.margin, self.share = mode, margin, share
        self.best = math.inf if mode == "min" else -math.inf  # the worst there is
        self.waited = 0

    def made_by(self, value: float) -> bool:
        """Whether the next value is better than the best one; it takes its place then."""
        gain = self.best - value if self.mode == "min" else value - self.best
        share = self.share * abs(self.best) if math.isfinite(self.best) else 0.0
        better = gain > self.margin + share
        self.best = value if better else self.best
        self.waited = 0 if better else self.waited + 1
        return better


class ReduceOnPlateau(Schedule):
    """A rate that is multiplied by a factor when a value has stopped getting better.

    That is when it was not better than the best so far for more than `patience` calls in a row;
    better means below best - threshold |best|, or with mode "max" above best + threshold |best|.
    NaN is not better. The rate goes down to `minimum`, or stays where it was if that is lower.
    Assigning `threshold` or `mode` forgets the best so far.
    (ReduceLROnPlateau in PyTorch.)

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

    state_ranges = Schedule.state_ranges | {"best": NOT_NAN, "waited": WHOLE, "reductions": WHOLE}

    def _set_up(self) -> None:
        self.reductions = 0
        self.progress = Progress(self.mode, share=self.threshold)
        super()._set_up()

    def _assign(self, name: str, value: Any) -> None:
        super()._assign(name, value)
        if name in ("threshold", "mode"):
            self.progress = Progress(self.mode, share=self.threshold)

    def _kind(self) -> str:
        return f"{super()._kind()} with mode={self.mode!r}"

    def rate(self, base: float, t: int) -> float:
        """The equation above."""
        return max(base * self.factor**self.reductions, min(base, self.minimum))

    def _advance(self, value: float | None) -> None:
        if not _is_figure(value):
            raise ArgumentError(
                f"step of ReduceOnPlateau with {describe_one(value)}",
                "it watches a number",
                "Give schedule.step(validation_loss)",
            )
        with whole():
            self.progress.made_by(float(value))
            if self.progress.waited > self.patience:
                self.reductions += 1
                self.progress.waited = 0
            super()._advance(value)

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on from here."""
        best, waited = self.progress.best, self.progress.waited
        own = {"best": best, "waited": waited, "reductions": self.reductions}
        return {**super().state_dict(), **own}

    def _take_over(self, state: Mapping[str, Any]) -> None:
        super()._take_over(state)
        self.progress.best, self.progress.waited = state["best"], state["waited"]
        self.reductions = state["reductions"]
