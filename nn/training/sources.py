"""What samples come from: arrays, in memory or read block by block, or batches from elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count, islice, pairwise
from typing import Any

import numpy as np

from autograd_lite.arguments import as_array
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import comes_by_number
from autograd_lite.trees import leaves_of, map_tree
from nn.losses.loss import require_weights
from nn.training.inputs import (
    at,
    batches,
    checked,
    floats_in,
    is_dask,
    is_mapped,
    joined,
    named_parts,
    require_finite,
    shown,
)

Batch = tuple[Any, ...]
"""Samples, targets where there are any, and weights where there are any."""
BLOCK = 2**24
"""Bytes of a memory map that are shuffled together: far more than a disk reads at once."""


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

    @staticmethod  # and so goes to another process without the source
    def lasting(batch: Any) -> Any:
        """What does not change while the next batch is made."""
        return batch

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
            return iter(batches(*self._arrays, batch_size=size * together, rng=rng))
        rows = Rows(self.X, self.y, None)
        rows.weights, rows.odds = self.weights, self.odds
        return rows.batches(rng, size, together)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All samples once."""
        return iter(batches(*self._arrays, batch_size=size, shuffle=False))


class Rows(Source):
    """Samples in arrays of which some are not in memory, read a block at a time.

    Blocks are those of the first Dask array, or of about `BLOCK` bytes of memory maps, or all that
    is in memory.
    """

    def __init__(self, X: Any, y: Any, dtype: Any, kind: str = "", kept: Any = None) -> None:
        self.X, self.y, self.dtype, self.kind = X, y, dtype, kind
        self.kept = kept
        """For each row, whether it belongs to these samples; None for all."""
        self.bounds = _bounds([*leaves_of(X), *leaves_of(y)])

    @property
    def n(self) -> int:
        """How many samples there are."""
        return int(self.bounds[-1] if self.kept is None else np.count_nonzero(self.kept))

    def batches(self, rng: np.random.Generator, size: int, together: int = 1) -> Iterator[Batch]:
        """An epoch: blocks in random order, and the rows of each."""
        return map(self._checked, self._read(self.shuffled(rng), size * together))

    def in_order(self, size: int) -> Iterator[Batch]:
        """All samples once."""
        return map(self._checked, self._read(self._ordered(), size))

    def some(self, numbers: Any, size: int) -> Iterator[Batch]:
        """The rows of those numbers, where all are in memory."""
        return map(self._checked, self._read([numbers], size))

    def unchecked(self, size: int) -> Iterator[Any]:
        """The samples without their targets."""
        return (batch[0] for _, batch in self._read(self._ordered(), size))

    def shuffled(self, rng: np.random.Generator) -> Iterator[Any]:
        """The rows of each block, in random order; drawn with their odds, if they have any."""
        blocks = len(self.bounds) - 1
        counts = None
        if self.odds is not None:
            of_blocks = np.add.reduceat(self.odds, self.bounds[:-1])
            counts = rng.multinomial(self.n, of_blocks / of_blocks.sum())
        for block in rng.permutation(blocks):
            rows = self._rows(block)
            if counts is None:
                yield rng.permutation(rows)
            elif counts[block]:
                odds = self.odds[rows]
                yield rng.choice(rows, counts[block], p=odds / odds.sum())

    def _ordered(self) -> Iterator[Any]:
        return map(self._rows, range(len(self.bounds) - 1))

    def _rows(self, block: int) -> Any:
        start, stop = self.bounds[block : block + 2]
        if self.kept is None:
            return np.arange(start, stop)
        return start + np.flatnonzero(self.kept[start:stop])

    def _read(self, orders: Iterable[Any], size: int) -> Iterator[tuple[Any, Batch]]:
        """Batches of rows in that order, with their numbers; the last one may be smaller.

        A batch is put together from parts of blocks: no more than both and a block are in memory.
        """
        columns = tuple([x for x in (self.X, self.y, self.weights) if x is not None])
        parts: list[Any] = []
        lacks = size
        for rows in filter(len, orders):
            block = np.searchsorted(self.bounds, rows[0], side="right")
            start, stop = self.bounds[block - 1 : block + 1]
            held = map_tree(loaded, at(columns, slice(start, stop)))
            while len(rows):
                some, rows = rows[:lacks], rows[lacks:]
                X, *others = at(held, some - start)
                X = map_tree(partial(floats_in, self.dtype), X)
                parts.append((some, (X, *others)))
                del X, others  # or they would be in memory beside the next batch
                lacks -= len(some)
                if not lacks:
                    yield joined(parts)
                    lacks = size
            del held
            for leaf in leaves_of((self.X, self.y)):
                _give_back(leaf)
        if parts:
            yield joined(parts)

    def _checked(self, read: tuple[Any, Batch]) -> Batch:
        numbers, batch = read
        for name, array in named_parts(batch, self.kind):
            require_finite(name, array, numbers)
        return batch


# Arrays that are not in memory


def loaded(part: Any) -> Any:
    """A part of an array, in memory."""
    if is_dask(part):
        return part.compute()
    return np.asarray(part) if is_mapped(part) else part


def read_parts(array: Any) -> Iterator[Any]:
    """An array whole, or a memory map block by block."""
    if not is_mapped(array):
        yield array
        return
    for start, stop in pairwise(_bounds([array])):
        yield np.asarray(array[start:stop])
        _give_back(array)


def _give_back(leaf: Any) -> None:
    """Let go of the pages that were read, which count as memory of this process."""
    import mmap

    if not is_mapped(leaf) or leaf.mode == "c":  # what was written to a copy is only there
        return
    base = leaf
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _bounds(leaves: list[Any]) -> Any:
    """Where blocks begin, and where the last one ends."""
    n = leaves[0].shape[0]
    chunked = [leaf for leaf in leaves if is_dask(leaf)]
    if chunked:
        return np.cumsum([0, *filter(None, chunked[0].chunks[0])])
    mapped = [leaf for leaf in leaves if is_mapped(leaf)]
    if not mapped:
        return np.array([0, n])
    rows = max(1, BLOCK // max(1, sum(leaf[:1].nbytes for leaf in mapped)))
    return np.array([*range(0, n, rows), n])


class Stream(Source):
    """Batches that come from elsewhere: from an iterable, or one that a function makes anew.

    Or by their numbers, as from a `Sequence` of Keras.

    A function with a parameter is given the generator that shuffles.
    """

    n = None

    def __init__(self, source: Any, dtype: Any, kind: str = "") -> None:
        self.source, self.dtype, self.kind = source, dtype, kind
        own = not callable(source) and isinstance(source, Iterable)
        self.once = own and iter(source) is source
        self._like: Any = None

    def steps(self, size: int, together: int = 1) -> int | None:
        """Batches of an epoch, as put together, where that is known."""
        return -(-len(self.source) // together) if hasattr(self.source, "__len__") else None

    def batches(self, rng: np.random.Generator, size: int, together: int = 1) -> Iterator[Batch]:
        """An epoch, batches put together; nothing is kept of one while the next one is made."""
        checked_ones, came = map(self._checked, count(1), self._made(rng)), False
        if together > 1:
            checked_ones = map(self.lasting, checked_ones)
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

    @staticmethod
    def lasting(batch: Any) -> Any:
        """A copy: whoever makes the batches may fill the same arrays again."""
        return map_tree(lambda array: array.copy(), batch)

    def require_replay(self) -> None:
        """Raise an ArgumentError unless it can be gone through again."""
        if self.once:
            raise ArgumentError(
                f"fit with {self.kind}batches from {describe_one(self.source)}",
                "it can be gone through only once, and more than once is needed",
                "Give a function that makes a new one, such as lambda: read_batches(path)",
            )

    def _made(self, rng: np.random.Generator) -> Iterable[Any]:
        source = self.source
        if not callable(source):
            by_number = comes_by_number(source)
            return map(source.__getitem__, range(len(source))) if by_number else source
        made = source(rng) if takes_generator(source) else source()
        if not isinstance(made, Iterable):
            raise UnsupportedError(
                f"fit with {self.kind}batches from {describe_one(source)}",
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
    """Whether batches come from it: an iterable, a function that makes one, or by their numbers."""
    if hasattr(values, "shape") or isinstance(values, str | bytes | Mapping | tuple | type):
        return False
    return callable(values) or isinstance(values, Iterable) or comes_by_number(values)


def takes_generator(function: Callable[..., Any]) -> bool:
    """Whether it has a parameter to be given the generator that shuffles."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:  # written in C
        pass
    return False
