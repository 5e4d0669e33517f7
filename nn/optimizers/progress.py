"""What counts as progress of a figure that is watched."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autograd_lite.arguments import Range, one_of

MODE = one_of("min", "max")
NOT_NAN = Range(lambda x: isinstance(x, int | float) and not math.isnan(x), "a number or infinity")


@dataclass
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

    mode: str
    margin: float = 0.0
    share: float = 0.0
    best: float = field(init=False)
    """At the beginning the worst there is."""
    waited: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.best = math.inf if self.mode == "min" else -math.inf

    def made_by(self, value: float) -> bool:
        """Whether the next value is better than the best one; it takes its place then."""
        gain = self.best - value if self.mode == "min" else value - self.best
        share = self.share * abs(self.best) if math.isfinite(self.best) else 0.0
        better = gain > self.margin + share
        self.best = value if better else self.best
        self.waited = 0 if better else self.waited + 1
        return better
