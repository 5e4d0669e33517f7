"""In which order statements run: those over the same entries together, as far as that can be."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

from autograd_lite.program.c_arrays import (
    Array,
    Buffer,
    Check,
    Entries,
    Host,
    Looped,
    Reduced,
    Shape,
    Statement,
    broadcast_strides,
    copied,
    new_array,
)
from autograd_lite.program.memory import Memory

LONGEST_NEST = 48
"""The most statements in one nest of loops."""
LONG_ROW = 32
"""Entries that follow on one another from which a loop over them is worth running in vectors."""
# Calls gain most by running in vectors: what keeps a loop from it is in another one.
APART = {"calls": "sums", "sums": "calls", "calls of a whole": "rows", "rows": "calls of a whole"}
"""By kind of a statement, see `_kinds`, of which others it is kept apart."""


class Schedule:
    """Groups of statements, in order; each group is one nest of loops, or a single statement."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.groups: list[list[Statement]] = []
        self._open: dict[Shape, list[int]] = {}
        self._written: dict[Buffer, int] = {}  # the last group that writes it
        self._read: dict[Buffer, int] = {}
        self._computed: dict[Any, int] = {}  # by key of an array, the nest that computes it
        self._kinds: list[set[str]] = []  # of the statements in a group
        for statement in statements:
            self.add(statement)

    def add(self, statement: Statement, after: int = 0) -> None:
        """Put a statement into the first group that it can be in."""
        loops = isinstance(statement, Entries | Reduced)
        if loops and statement.out.size == 0:
            return
        earliest = max(after, self._earliest(statement))
        group = self._group(statement, earliest) if loops else None
        if group is None:
            group = len(self.groups)
            self.groups.append([])
            self._kinds.append(set())
            if loops:
                self._open.setdefault(statement.loops, []).append(group)  # type: ignore[attr-defined] # they are not None here
        self.groups[group].append(statement)
        for array in statement.arrays:
            self._read[array.buffer] = max(group, self._read.get(array.buffer, 0))
        self._written |= {out.buffer: group for out in statement.outs}
        if isinstance(statement, Entries):
            self._computed[statement.out.key] = group
        self._kinds[group] |= _kinds(statement)

    def aside(self, array: Array) -> Array:
        """A copy of an array, as it is before anything more is written to it."""
        found = new_array(array.shape, array.dtype)
        self.add(copied(array, found))
        return found

    def _earliest(self, statement: Statement) -> int:
        earliest = 0
        for array in statement.arrays:
            written = self._written.get(array.buffer, -1)
            here = self._takes_at(statement, array, written)
            earliest = max(earliest, written + (not here))
        for out in statement.outs:
            last = max(self._written.get(out.buffer, -1), self._read.get(out.buffer, -1))
            earliest = max(earliest, last + 1)
        return earliest

    def _takes_at(self, statement: Statement, array: Array, group: int) -> bool:
        """Whether a statement reads entry by entry what a nest computes so."""
        in_loops = isinstance(statement, Entries | Reduced)
        anywhere = isinstance(statement, Entries) and array is statement.table
        return in_loops and not anywhere and self._computed.get(array.key) == group

    def _group(self, statement: Any, earliest: int) -> int | None:
        groups = self._open.get(statement.loops, [])
        apart = {APART[kind] for kind in _kinds(statement)}
        for group in groups[bisect_left(groups, earliest) :]:
            if len(self.groups[group]) < LONGEST_NEST and apart.isdisjoint(self._kinds[group]):
                return group
        return None

    def stored(self, wanted: Iterable[Array]) -> set[Array]:
        """The results that are written to memory: all that is read in another group, or wanted."""
        buffers = {array.buffer for array in wanted}
        for number, group in enumerate(self.groups):
            for statement in group:
                # What is added to in place was written to memory before.
                buffers |= {
                    array.buffer
                    for array in statement.arrays
                    if array.key == statement.out.key
                    or not self._takes_at(statement, array, number)
                }
        everything = (statement for group in self.groups for statement in group)
        return {
            out
            for x in everything
            for out in x.outs
            if not isinstance(x, Entries) or out.buffer in buffers or out.buffer.given is not None
        }

    @property
    def last_that_may_fail(self) -> int:
        """The last group that may refuse what it is given; -1 if there is none."""
        return max(
            (number for number, (first, *_) in enumerate(self.groups) if _may_fail(first)),
            default=-1,
        )

    def may_write_to(self, target: Array, array: Array) -> bool:
        """Whether an array may be computed right in the memory of what it takes the place of."""
        alike = target.key[1:] == array.key[1:] and array.buffer.size == target.buffer.size
        if not alike or array.buffer.given is not None or array.buffer.constant is not None:
            return False
        if target.buffer not in self._read:
            return True
        number = self._computed.get(array.key)
        if number is None or number <= self.last_that_may_fail:
            return False
        if self._read[target.buffer] > number:
            return False
        reads = [x for statement in self.groups[number] for x in statement.arrays]
        return all(x.key == target.key for x in reads if x.buffer is target.buffer)


def _may_fail(statement: Statement) -> bool:
    """Whether it may refuse what it is given."""
    if isinstance(statement, Looped):
        return any(_may_fail(first) for first, *_ in statement.groups)
    return isinstance(statement, Check) or (isinstance(statement, Host) and not statement.product)


def _kinds(statement: Statement) -> set[str]:
    """What decides whether its loops run in vectors."""
    if not isinstance(statement, Entries | Reduced):
        return set()
    kinds = set[str]()
    if isinstance(statement, Reduced) and len(statement.loops) - 1 in statement.axes:
        kinds.add("sums")
    calls = isinstance(statement, Entries) and statement.calls
    if calls:
        kinds.add("calls")
    if _is_whole(statement):
        kinds |= {"calls of a whole"} if calls else set()
    elif statement.loops[-1] < LONG_ROW:
        kinds.add("rows")
    return kinds


def _is_whole(statement: Entries | Reduced) -> bool:
    """Whether one loop goes through all entries, as they follow on one another in memory."""
    long = [axis for axis, length in enumerate(statement.loops) if length > 1]
    steps = [
        broadcast_strides(array, statement.loops) for array in (*statement.arrays, statement.out)
    ]
    return all(s[a] == s[b] * statement.loops[b] for s in steps for a, b in pairwise(long))


def place_in_memory(
    groups: Sequence[Sequence[Statement]],
    stored: set[Array],
    wanted: Iterable[Array],
    outside: Collection[Buffer] = (),
) -> int:
    """Give each buffer its place, that of another one where that is needed no longer.

    Those outside have one. Returns the bytes that are needed.
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    kept = {array.buffer for array in stored}
    for number, group in enumerate(groups):
        for statement in group:
            for array in (*statement.arrays, *statement.outs):
                buffer = array.buffer
                if buffer not in outside and (buffer in kept or buffer.constant is not None):
                    first.setdefault(buffer, number)
                    last[buffer] = number
    for array in wanted:
        first.setdefault(array.buffer, -1)
        last[array.buffer] = len(groups)
    memory, taken = Memory(), list[tuple[int, int, int]]()
    for buffer in first:
        if buffer.constant is not None:
            buffer.offset = memory.take(buffer.size)
    movable = [x for x in first if x.given is None and x.constant is None]
    for buffer in sorted(movable, key=first.__getitem__):
        while taken and taken[0][0] < first[buffer]:
            memory.give_back(*heappop(taken)[1:])
        buffer.offset = memory.take(buffer.size)
        heappush(taken, (last[buffer], buffer.offset, buffer.size))
    return memory.size
