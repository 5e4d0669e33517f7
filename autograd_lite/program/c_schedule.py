"""In which order statements run: those over the same entries together, as far as that can be."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from autograd_lite.program.c_arrays import (
    Array,
    Buffer,
    Check,
    Entries,
    Host,
    Reduced,
    Shape,
    Statement,
)

LONGEST_NEST = 48
"""The most statements in one nest of loops."""


class Schedule:
    """Groups of statements, in order; each group is one nest of loops, or a single statement."""

    def __init__(self) -> None:
        self.groups: list[list[Statement]] = []
        self._open: dict[Shape, list[int]] = {}
        self._written: dict[Buffer, int] = {}  # the last group that writes it
        self._read: dict[Buffer, int] = {}
        self._computed: dict[Any, int] = {}  # by key of an array, the nest that computes it

    def add(self, statement: Statement, after: int = 0) -> None:
        """Put a statement into the first group that it can be in."""
        loops = isinstance(statement, Entries | Reduced)
        if loops and statement.out.size == 0:
            return
        earliest = max(after, self._earliest(statement))
        group = self._group(statement.loops, earliest) if loops else None  # type: ignore[attr-defined]
        if group is None:
            group = len(self.groups)
            self.groups.append([])
            if loops:
                self._open.setdefault(statement.loops, []).append(group)  # type: ignore[attr-defined]
        self.groups[group].append(statement)
        for array in statement.arrays:
            self._read[array.buffer] = max(group, self._read.get(array.buffer, 0))
        self._written[statement.out.buffer] = group
        if isinstance(statement, Entries):
            self._computed[statement.out.key] = group

    def _earliest(self, statement: Statement) -> int:
        earliest, out = 0, statement.out.buffer
        for array in statement.arrays:
            written = self._written.get(array.buffer, -1)
            here = isinstance(statement, Entries | Reduced) and self._is_at(array, written)
            earliest = max(earliest, written + (not here))
        return max(earliest, self._written.get(out, -1) + 1, self._read.get(out, -1) + 1)

    def _is_at(self, array: Array, group: int) -> bool:
        """Whether a nest computes just that array, entry by entry."""
        return self._computed.get(array.key) == group

    def _group(self, loops: Shape, earliest: int) -> int | None:
        groups = self._open.get(loops, [])
        for group in groups[bisect_left(groups, earliest) :]:
            if len(self.groups[group]) < LONGEST_NEST:
                return group
        return None

    def stored(self, wanted: Iterable[Array]) -> set[Array]:
        """The results that are written to memory: all that is read in another group, or wanted."""
        buffers = {array.buffer for array in wanted}
        for number, group in enumerate(self.groups):
            for statement in group:
                loops = isinstance(statement, Entries | Reduced)
                buffers |= {
                    array.buffer
                    for array in statement.arrays
                    if not (loops and self._is_at(array, number))
                }
        everything = (statement for group in self.groups for statement in group)
        return {
            x.out
            for x in everything
            if not isinstance(x, Entries) or x.out.buffer in buffers or x.out.buffer.given is not None
        }

    @property
    def last_that_may_fail(self) -> int:
        """The last group that may refuse what it is given; -1 if there is none."""
        return max(
            (
                number
                for number, (first, *_) in enumerate(self.groups)
                if isinstance(first, Check) or (isinstance(first, Host) and not first.product)
            ),
            default=-1,
        )

    def may_write_to(self, target: Array, array: Array) -> bool:
        """Whether an array may be computed right where another one is that it takes the place of."""
        number = self._computed.get(array.key)
        if number is None or number <= self.last_that_may_fail:
            return False
        if self._read.get(target.buffer, -1) > number or target.key[1:] != array.key[1:]:
            return False
        reads = [x for statement in self.groups[number] for x in statement.arrays]
        return all(x.key == target.key for x in reads if x.buffer is target.buffer)


def place_in_memory(
    groups: Sequence[Sequence[Statement]], stored: set[Array], wanted: Iterable[Array]
) -> int:
    """Give each buffer its place, that of another one where that is needed no longer.

    Returns the bytes that are needed.
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for number, group in enumerate(groups):
        for statement in group:
            outs = [statement.out] if statement.out in stored else []
            for array in (*statement.arrays, *outs):
                buffer = array.buffer
                first.setdefault(buffer, -1 if buffer.copied else number)
                last[buffer] = number
    for array in wanted:
        first.setdefault(array.buffer, -1)
        last[array.buffer] = len(groups)
    total = 0
    for buffer in first:
        if buffer.constant is not None:
            buffer.offset, total = total, _aligned(total + buffer.size)
    start, taken = total, list[Buffer]()
    movable = [x for x in first if x.given is None and x.constant is None]
    for buffer in sorted(movable, key=lambda x: first[x]):
        taken = [other for other in taken if last[other] >= first[buffer]]
        offset, index = start, 0
        for index, other in enumerate(taken):
            if offset + buffer.size <= other.offset:
                break
            offset = _aligned(other.offset + other.size)
        else:
            index = len(taken)
        buffer.offset = offset
        taken.insert(index, buffer)
        total = max(total, _aligned(offset + buffer.size))
    return total


def _aligned(size: int) -> int:
    return -(-size // 64) * 64
