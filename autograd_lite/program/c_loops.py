"""Loops in C: a body whose arrays move in memory from one iteration to the next.

What is carried lies in one place, in which what takes its place is written at the end of an
iteration; or, if the values of all iterations are used, before those, in the same array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite.program.c_arrays import (
    Array,
    Buffer,
    Host,
    Kept,
    Looped,
    Moving,
    copied,
    new_array,
)
from autograd_lite.program.c_forms import C_TYPES
from autograd_lite.program.c_schedule import Schedule, place_in_memory
from autograd_lite.program.folding import Repeated
from autograd_lite.program.loops import Uneven, as_range
from autograd_lite.program.program import Step


class LoopInC:
    """A loop as one statement of a lowering; `values` are what it gives.

    Raises:
        Uneven: it is none in C, as NumPy computes a part of it.
    """

    def __init__(self, outer: Any, made: Repeated, given: Any, sequences: Any, firsts: Any) -> None:
        self._outer, self._made = outer, made
        self._outside: set[Buffer] = set()  # buffers that are there before and after it
        self._writes: list[Array] = []
        self._homed: list[Array] = []
        self._around: list[Array] = []  # what is read by turns
        inputs = dict(zip(made.given, given))
        inputs |= {
            place: self._entries(sequence, indices)
            for sequence, (place, indices) in zip(sequences, made.sliced)
        }
        # By step of the body: the values of all iterations, behind what is carried at first.
        self._all: dict[Step, Array] = {}
        thens = dict(zip([then for _, then in made.carried], firsts))
        for step, every in made.outputs:
            if every and step not in self._all:
                self._all[step] = self._new((made.count + 1, *step.shape), step.dtype)
        carried: list[tuple[Array, Step]] = []
        for (place, then), first in zip(made.carried, firsts):
            if isinstance(first, Kept | tuple):
                raise Uneven
            if then in self._all and thens[then] is first:
                inputs[place] = self._part(self._all[then], 0)
                outer.copy(first, replace(inputs[place], move=0))
            else:
                inputs[place] = self._new(place.shape, place.dtype)
                outer.copy(first, inputs[place])
                carried.append((inputs[place], then))
        self._outside |= {x.buffer for x in inputs.values() if isinstance(x, Array)}
        ends = [step for step, _ in made.outputs] + [then for _, then in made.carried]
        # In one place, that is, and not after the values of all iterations before.
        still = [x for x, _ in made.carried if not inputs[x].move]
        self._body = type(outer)(inputs, made.body, ends, made.guards, still)
        if any(isinstance(statement, Host) for statement in self._body.statements):
            raise Uneven
        self._schedule = Schedule(self._body.statements)
        self.values = self._finish(carried)

    def _new(self, shape: Any, dtype: Any) -> Array:
        if shape is None or dtype not in C_TYPES:
            raise Uneven
        array = new_array(shape, dtype)
        self._outside.add(array.buffer)
        self._writes.append(array)
        return array

    def _part(self, array: Array, first: int, indices: Any = range(2)) -> Array:
        """The entries of an array along its first axis, one in each iteration."""
        size = array.strides[0]
        start, step = first + indices.start, indices.step
        offset, move = array.offset + size * start, size * step
        return replace(
            array, shape=array.shape[1:], strides=array.strides[1:], offset=offset, move=move
        )

    def _entries(self, sequence: Any, indices: range) -> Any:
        """What takes one entry of a sequence in each iteration."""
        if isinstance(sequence, Array):
            return self._part(sequence, 0, indices)
        if not all(isinstance(x, Array | np.generic | float) for x in sequence):
            if any(isinstance(x, Array | Kept) for x in sequence):
                raise Uneven
            return Moving(sequence)
        sequence = [sequence[index] for index in indices]
        taken = self._in_turns(sequence)
        if taken:
            self._around += sequence
            return taken
        first = np.asarray(sequence[0]) if not isinstance(sequence[0], Array) else sequence[0]
        whole = self._new((len(sequence), *first.shape), first.dtype)
        for number, x in enumerate(sequence):
            self._outer.copy(x, replace(self._part(whole, number), move=0))
        return self._part(whole, 0)

    def _in_turns(self, arrays: Sequence[Any]) -> Array | None:
        """What is another one of the arrays that are given in each iteration, if they lie so."""
        if not all(isinstance(x, Array) and x.buffer.given is not None for x in arrays):
            return None
        first: Array = arrays[0]
        numbers = as_range([x.buffer.given for x in arrays])
        if not numbers or any(x.key[1:] != first.key[1:] for x in arrays):
            return None
        return replace(first, buffer=Buffer(first.buffer.size, numbers[0], turns=numbers.step))

    def _finish(self, carried: Sequence[tuple[Array, Step]]) -> tuple[Array, ...]:
        """Write what is carried on, and outputs, and add the loop to the outer statements."""
        made, value = self._made, self._body.value
        found: list[Array] = []
        at_end = {then: place for place, then in carried}
        for step, every in made.outputs:
            if every:
                whole = self._all[step]
                self._put(value(step), self._part(whole, 1))
                shape, offset = (made.count, *whole.shape[1:]), whole.offset + whole.strides[0]
                found.append(replace(whole, shape=shape, offset=offset))
            elif step in at_end:
                found.append(at_end[step])
            else:
                found.append(self._new(step.shape, step.dtype))
                self._put(value(step), found[-1])
        moved = [(place, value(then)) for place, then in carried]
        # All at once: what is carried may take the place of what else is.
        pairs = [
            (place, self._aside(x))
            for place, x in moved
            if not (isinstance(x, Array) and x.key == place.key)
        ]
        for place, x in pairs:
            if _is_alone(x) and self._schedule.may_write_to(place, x):
                self._home(x, place)
            else:
                self._schedule.add(copied(x, place))
        self._add()
        return tuple(found)

    def _add(self) -> None:
        """Add the loop to the statements around it."""
        groups = self._schedule.groups
        statements = [statement for group in groups for statement in group]
        stored = self._schedule.stored([*self._homed, *self._writes])
        reads = {x.buffer: x for statement in statements for x in statement.arrays}
        apart = self._outside | {x.buffer for x in self._homed}
        apart |= {buffer for buffer in reads if buffer.constant is not None}
        room = new_array((place_in_memory(groups, stored, (), apart),), bool)
        inner = {x.buffer for statement in statements for x in statement.outs} - apart
        for buffer in inner:
            buffer.home = Array(room.buffer, (), room.dtype, (), buffer.offset)
        around = self._around + [x for buffer, x in reads.items() if buffer.home is None]
        count = self._made.count
        self._outer.add(Looped(room, around, self._writes, count, groups, stored))

    def _aside(self, x: Any) -> Any:
        """A copy of what is carried itself, or moves, as it is before others take its place."""
        if not isinstance(x, Array) or x.buffer not in self._outside:
            return x
        return self._schedule.aside(x)

    def _put(self, x: Any, place: Array) -> None:
        """Let a value be computed into a place, or else copy it there."""
        if isinstance(x, Array) and x.buffer not in self._outside and _is_alone(x):
            self._home(x, place)
        else:
            self._schedule.add(copied(x, place))

    def _home(self, x: Array, place: Array) -> None:
        x.buffer.home = place
        self._homed.append(x)


def _is_alone(x: Any) -> bool:
    """Whether it is all that is in its buffer, which is nowhere else."""
    if not isinstance(x, Array) or x.buffer.home is not None or x.buffer.constant is not None:
        return False
    alike = new_array(x.shape, x.dtype)
    return x.key[1:] == alike.key[1:] and x.buffer.size == alike.buffer.size
