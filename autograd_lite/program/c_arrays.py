"""What a program in C works on: arrays in memory that is laid out once; what is done to them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.program.loops import Uneven, distance_between

Shape = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Buffer:
    """A stretch of memory: within that of the program, or given at each run."""

    size: int  # in bytes
    given: int | None = None  # which of the arrays that are given, if it is one
    constant: Any = None  # what is in it from the beginning
    offset: int = 0  # in the memory of the program
    home: Array | None = None  # where else it is: in another one, as that array is
    turns: int = 0  # how many arrays that are given further it is in the next iteration of a loop


@dataclass(eq=False, slots=True)
class Array:
    """An array in a buffer, or a view of one."""

    buffer: Buffer
    shape: Shape
    dtype: np.dtype[Any]
    strides: tuple[int, ...]  # in entries, 0 along axes of length 1
    offset: int = 0  # in entries
    move: int = 0  # in entries, from one iteration of a loop to the next

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells what it reads from what others do, whatever axes of length 1 they have."""
        long = [(n, s) for n, s in zip(self.shape, self.strides) if n > 1]
        return self.buffer, self.offset, self.move, self.dtype, *long

    @property
    def place(self) -> tuple[Buffer, int, int]:
        """The buffer that it is in, where in that it begins, and how far it moves, in bytes."""
        start, move = (self.dtype.itemsize * x for x in (self.offset, self.move))
        if self.buffer.home is None:
            return self.buffer, start, move
        buffer, first, more = self.buffer.home.place
        return buffer, first + start, more + move

    def within(self, memory: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The array itself, in memory that begins where its buffer does."""
        item = self.dtype.itemsize
        strides = [item * stride for stride in self.strides]
        return np.ndarray(self.shape, self.dtype, memory, item * self.offset, strides)


def new_array(shape: Shape, dtype: Any, **of_buffer: Any) -> Array:
    """An array in a buffer of its own.

    >>> new_array((2, 3), float).strides
    (3, 1)
    """
    dtype = np.dtype(dtype)
    size = dtype.itemsize * math.prod(shape)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    flat = tuple(0 if n == 1 else stride for n, stride in zip(shape, strides))
    return Array(Buffer(size, **of_buffer), shape, dtype, flat)


def view_of(array: Array, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function of NumPy's gives of an array if it is a view of that; else None."""
    if array.size == 0:
        return None
    memory = np.empty(_needed(array), np.uint8)
    shown = array.within(memory[: memory.size])
    result = function(shown, *arguments, **keywords)
    if not isinstance(result, np.ndarray) or result.dtype != array.dtype or result.size == 0:
        return None
    start = distance_between(memory, result)
    if not 0 <= start < memory.size:
        return None
    item = array.dtype.itemsize
    strides = [0 if n == 1 else s // item for n, s in zip(result.shape, result.strides)]
    shape, strides_ = result.shape, tuple(strides)
    return Array(array.buffer, shape, array.dtype, strides_, start // item, array.move)


def broadcast_strides(array: Array, shape: Shape) -> list[int]:
    """The strides of an array that is read along the axes of a shape."""
    return [0] * (len(shape) - len(array.shape)) + [*array.strides]


class Moving(list[Any]):
    """Indices, one for each iteration of a loop."""


def part_at(array: Array, index: Any) -> Any:
    """The view that an index gives, of a single entry too; None if it gives no view."""
    if isinstance(index, Moving):
        return _moving_part(array, index)
    parts = index if isinstance(index, tuple) else (index,)
    if not any(part is Ellipsis for part in parts):
        parts = (*parts, ...)
    return view_of(array, lambda x: x[parts])


def _moving_part(array: Array, indices: Moving) -> Any:
    """The view at the first index, which moves to those at the others; None if it is none.

    Raises:
        Uneven: they do not follow on one another, as negative numbers count from the end.
    """
    first, second, last = (part_at(array, indices[place]) for place in (0, 1, -1))
    if first is None:
        return None
    move = second.offset - first.offset
    if first.offset + move * (len(indices) - 1) != last.offset:
        raise Uneven
    first.move += move
    return first


def _needed(array: Array) -> int:
    """The bytes of memory up to the last entry of an array."""
    ends = [(n - 1) * stride for n, stride in zip(array.shape, array.strides) if stride > 0]
    return array.dtype.itemsize * (array.offset + sum(ends) + 1)


@dataclass(eq=False, slots=True)
class Statement:
    """What is computed and written to an array."""

    out: Array
    reads: list[Any]  # arrays, and numbers

    @property
    def arrays(self) -> list[Array]:
        return [x for x in self.reads if isinstance(x, Array)]

    @property
    def outs(self) -> list[Array]:
        return [self.out]


@dataclass(eq=False, slots=True)
class Entries(Statement):
    """Entry by entry, from arguments that are broadcast."""

    form: str = "{0}"
    dtypes: tuple[np.dtype[Any], ...] = ()  # in which the arguments are taken
    table: Array | None = None  # `{table}` in the form, which takes entries of it from anywhere

    @property
    def arrays(self) -> list[Array]:
        """What is read: entry by entry, and from anywhere."""
        found = [x for x in self.reads if isinstance(x, Array)]
        return found if self.table is None else [*found, self.table]

    @property
    def calls(self) -> bool:
        """Whether it calls a function, other than those that machines have."""
        return (
            re.search("[a-z0-9]\\(", self.form.replace("fabs", "").replace("sqrt", "")) is not None
        )

    @property
    def loops(self) -> Shape:
        return self.out.shape


def copied(value: Any, out: Array) -> Entries:
    """What writes an array, or a number, to an array."""
    return Entries(out, [value], dtypes=(out.dtype,))


@dataclass(eq=False, slots=True)
class Reduced(Statement):
    """One entry of many, along axes; the result has length 1 there."""

    axes: tuple[int, ...] = ()
    start: str = "0"
    step: str = "{0} + {1}"

    @property
    def loops(self) -> Shape:
        shape: Shape = self.reads[0].shape
        return shape


@dataclass(eq=False, slots=True)
class Product(Statement):
    """A product of two matrices, or of two stacks of them."""


@dataclass(eq=False, slots=True)
class Check(Statement):
    """What ends a run where the one entry that it reads is true."""


@dataclass(eq=False, slots=True)
class Kept:
    """What NumPy gives that C has no form for: a tuple, or an array of another dtype."""

    value: Any = None


@dataclass(eq=False, slots=True)
class Host(Statement):
    """What NumPy computes."""

    function: Callable[..., Any] | None = None
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    kept: Kept | None = None  # where the result goes, if that is not `out`
    product: bool = False  # of matrices, which cannot fail


@dataclass(eq=False, slots=True)
class Looped(Statement):
    """Statements that run `count` times; the memory that they need meanwhile is what it returns."""

    writes: list[Array] = field(default_factory=list)
    count: int = 0
    groups: list[list[Statement]] = field(default_factory=list)
    stored: set[Array] = field(default_factory=set)

    @property
    def outs(self) -> list[Array]:
        return [self.out, *self.writes]
