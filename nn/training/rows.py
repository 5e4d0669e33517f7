"""Samples in arrays: in memory; or memory maps and Dask arrays, which are read block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_lite.trees import leaves_of, map_tree
from nn.training.batches import batches
from nn.training.inputs import (
    Batch,
    Source,
    at,
    floats_in,
    is_dask,
    is_mapped,
    joined,
    named_parts,
    require_finite,
)

BLOCK = 2**24
"""Bytes of a memory map that are shuffled together: far more than a disk reads at once."""


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
