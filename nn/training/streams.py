"""Batches that come from elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any

import numpy as np

from autograd_lite.arguments import as_array
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.trees import map_tree
from nn.losses.loss import require_weights
from nn.training.inputs import Batch, Source, checked, joined, shown
from nn.training.rows import loaded


class Stream(Source):
    """Batches that come from elsewhere: from an iterable, or one that a function makes anew.

    A function with a parameter is given the generator that shuffles.
    """

    n = None

    def __init__(self, source: Any, dtype: Any, kind: str = "") -> None:
        self.source, self.dtype, self.kind = source, dtype, kind
        self.once = iter(source) is source if not callable(source) else False
        self._like: Any = None

    def steps(self, size: int, together: int = 1) -> int | None:
        """Batches of an epoch, as put together, where that is known."""
        return -(-len(self.source) // together) if hasattr(self.source, "__len__") else None

    def batches(self, rng: np.random.Generator, size: int, together: int = 1) -> Iterator[Batch]:
        """An epoch, batches put together; nothing is kept of one while the next one is made."""
        checked_ones, came = map(self._checked, count(1), self._made(rng)), False
        while parts := [*islice(checked_ones, together)]:
            came = True
            yield joined(parts)
        if not came:
            raise ArgumentError(
                f"fit with {self.kind}batches from {describe_one(self.source)}",
                "an epoch of them has no batch",
                "Give at least one; a function that makes a new iterator each time, if this one is "
                "used up",
            )

    def in_order(self, size: int) -> Iterator[Batch]:
        """All batches once."""
        return self.batches(np.random.default_rng(0), size)

    def require_replay(self) -> None:
        """Raise an ArgumentError unless it can be gone through again."""
        if self.once:
            raise ArgumentError(
                f"fit with {self.kind}batches from {describe_one(self.source)}",
                "it can be gone through only once, and more than once is needed",
                "Give a function that makes a new one, such as lambda: read_batches(path)",
            )

    def _made(self, rng: np.random.Generator) -> Iterable[Any]:
        if not callable(self.source):
            return self.source  # type: ignore[no-any-return] # of Any, as it is callable or not
        made = self.source(rng) if takes_generator(self.source) else self.source()
        if not isinstance(made, Iterable):
            raise UnsupportedError(
                f"fit with {self.kind}batches from {describe_one(self.source)}",
                f"it returned {describe_one(made)}, which cannot be gone through",
                "Return an iterable of pairs of samples and targets",
            )
        return made

    def _checked(self, number: int, batch: Any) -> Batch:
        kind = f"{self.kind}batch {number} of an epoch, "
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise UnsupportedError(
                f"fit with {kind.rstrip(', ')}",
                f"it is {describe_one(batch)}, and no pair",
                "Give samples and targets, (X, y), or (X, y, weights)",
            )
        X, y, n = checked(self.dtype, batch[0], batch[1], kind)
        X, y = map_tree(loaded, (X, y))
        like = map_tree(lambda leaf: leaf.shape[1:], (X, y)), len(batch)
        if number == 1:
            self.size = n
        if self._like not in (None, like):
            raise ShapeError(
                f"fit with {kind}X {shown(X)} and y {shown(y)}",
                f"samples and targets of the first batch had the shapes {self._like[0]}, and "
                f"{self._like[1]} entries were in it",
                "Give batches that differ in the number of samples only",
            )
        self._like = like
        if len(batch) == 2:
            return X, y
        weights = as_array(batch[2], f"fit with {kind}weights")
        require_weights(weights, n, f"fit with {kind}weights")
        return X, y, weights.astype(float)


def is_stream(values: Any) -> bool:
    """Whether batches come from it: an iterable, or a function that makes one."""
    if hasattr(values, "shape") or isinstance(values, str | bytes | Mapping | tuple | type):
        return False
    return callable(values) or isinstance(values, Iterable)


def takes_generator(function: Callable[..., Any]) -> bool:
    """Whether it has a parameter to be given the generator that shuffles."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:  # written in C
        pass
    return False
