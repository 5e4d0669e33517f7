"""Memory in which places are given out, and taken back to be given out again."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from autograd_lite.node import Array

LINE = 64
"""Bytes of a line of the processor's cache, at which places begin."""


class Memory:
    """Places in one memory, by their offsets in bytes.

    >>> memory = Memory()
    >>> memory.take(100), memory.take(8), memory.size
    (0, 128, 192)
    >>> memory.give_back(0, 100)
    >>> memory.take(64), memory.take(64), memory.take(64), memory.size
    (0, 64, 192, 256)
    """

    def __init__(self) -> None:
        self.size = 0
        self._free: list[tuple[int, int]] = []  # offset, size

    def take(self, size: int, new: bool = False) -> int:
        """The offset of a place of that size; `new` if nothing was there."""
        size = in_lines(size)
        for index, (offset, room) in enumerate(() if new else self._free):
            if room >= size:
                self._free[index : index + 1] = [(offset + size, room - size)] * (room > size)
                return offset
        self.size += size
        return self.size - size

    def give_back(self, offset: int, size: int) -> None:
        """Free a place, and join it with what is free beside it."""
        free, size = self._free, in_lines(size)
        index = bisect_left(free, (offset, 0))
        if index < len(free) and free[index][0] == offset + size:
            size += free.pop(index)[1]
        if index and sum(free[index - 1]) == offset:
            index -= 1
            offset, before = free.pop(index)
            size += before
        free.insert(index, (offset, size))


def in_lines(size: int) -> int:
    """The bytes of the whole lines of the cache that so many take."""
    return max(1, -(-size // LINE)) * LINE


def memory_of(size: int) -> Array:
    """So many bytes that are 0, from the beginning of a line."""
    memory = np.zeros(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size]


def in_rows(rows: int, entries: int, dtype: np.dtype[Any]) -> Array:
    """Rows of so many entries, each of which begins at a line.

    >>> in_rows(2, 3, np.dtype(float)).shape
    (2, 3)
    """
    memory = memory_of(rows * in_lines(entries * dtype.itemsize))
    return memory.view(dtype).reshape(rows, -1)[:, :entries]
