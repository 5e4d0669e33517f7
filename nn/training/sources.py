"""Where samples come from: arrays in memory, arrays that are read in blocks, or batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.trees import leaves_of
from nn.training.batches import batches
from nn.training.inputs import Batch


class Source:
    """What samples with their targets, and weights where there are any, come from."""

    weights: Any = None
    """Of each sample in the loss, of mean 1; None where all count the same."""
    odds: Any = None
    """How likely each sample is drawn, in proportion; None where each comes once."""
    once = False
    """Whether it can be gone through only once."""
    size = 0
    """Samples in the first batch of an epoch, where that is not for us to say."""

    @property
    def n(self) -> Any:
        """How many samples there are; None where that is not known."""
        raise NotImplementedError

    def steps(self, size: int, together: int = 1) -> int | None:
        """Batches of an epoch, as put together, where that is known."""
        n: int = self.n
        return -(-n // (size * together))

    def batches(self, rng: np.random.Generator, size: int, together: int = 1) -> Iterator[Batch]:
        """An epoch in random order, of which so many batches are put together."""
        raise NotImplementedError

    def in_order(self, size: int) -> Iterator[Batch]:
        """All samples once."""
        raise NotImplementedError

    def each(self, function: Callable[[Batch], Any], size: int) -> Iterator[Any]:
        """What a function makes of all samples, in batches."""
        return map(function, self.in_order(size))

    def require_replay(self) -> None:
        """Raise an ArgumentError unless it can be gone through again."""


@dataclass(eq=False)
class Part(Source):
    """Samples in memory."""

    X: Any
    y: Any
    weights: Any = None
    odds: Any = None

    @property
    def n(self) -> int:
        """How many samples there are."""
        return len(leaves_of((self.X, self.y))[0])

    @property
    def _arrays(self) -> Batch:
        return (self.X, self.y) if self.weights is None else (self.X, self.y, self.weights)

    def batches(self, rng: np.random.Generator, size: int, together: int = 1) -> Iterator[Batch]:
        """An epoch; drawn with their odds, if they have any."""
        if self.odds is None:
            return batches(*self._arrays, batch_size=size * together, rng=rng)
        from nn.training.rows import Rows

        rows = Rows(self.X, self.y, None)
        rows.weights, rows.odds = self.weights, self.odds
        return rows.batches(rng, size, together)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All samples once."""
        return batches(*self._arrays, batch_size=size, shuffle=False)
