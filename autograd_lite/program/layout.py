"""Where the values of a program lie: buffers that are used again as values die, and views of them.

A buffer is a part of one memory. What is computed entry by entry takes the place of an operand of
the same layout that dies there. The layout of a value, in which order its axes lie, is the one that
the engine would give it: sums depend on it in their last bits.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.folding import Repeated
from autograd_lite.program.joining import Strip
from autograd_lite.program.memory import Memory
from autograd_lite.program.program import Step, function_of
from autograd_lite.program.simpler import layout_of
from autograd_lite.program.templates import Adding
from autograd_lite.table import TABLE
from autograd_lite.trees import leaves_of

if TYPE_CHECKING:
    from autograd_lite.program.numpy_lines import Lines


class Layout:
    """Which steps are views, and where the buffers of others lie.

    Attributes:
        offsets: of the buffers of steps, in bytes.
        in_place: the operand whose place a step takes.
        kept: steps whose buffers are theirs alone.
        size: of all memory, in bytes.
    """

    def __init__(
        self,
        lines: Lines,
        buffered: Collection[Step],
        kept: Collection[Step],
        used_at_end: Iterable[Step],
    ) -> None:
        self.offsets: dict[Step, int] = {}
        self.in_place: dict[Step, Step] = {}
        self.kept = kept
        self.owners, lasting = owners_of(lines, buffered)
        self._values, self._used = lines.values, lines.used
        self._memory = Memory()
        self._joining, self._strips = lines.joining, lines.joining.strips
        self._sizes: dict[Step, int] = {}  # of the buffers, by the step that has each now
        dying = self._dying(lines.steps, [*used_at_end, *lasting])
        for step in lines.steps:
            dead = dying.get(step, ())
            if step in self._strips:
                self._place_in_strip(step, dying)
            elif step in buffered:
                self._place(step, dead)
            for owner in dead:
                if owner in self._strips:
                    self._leave(self._strips[owner])
                elif owner in self._sizes and owner not in kept:
                    self._memory.give_back(self.offsets[owner], self._sizes.pop(owner))
        self.size = self._memory.size

    def _dying(self, steps: Sequence[Step], used_at_end: Iterable[Step]) -> dict[Step, list[Step]]:
        """By step the owners of memory that nothing uses after it."""
        last = {}
        for step in steps:
            last[self.owners[step]] = step
            for used in self._used[step.number]:
                last[self.owners[used]] = step
        for step in used_at_end:
            last.pop(self.owners[step], None)
        dying: dict[Step, list[Step]] = {}
        for owner, step in last.items():
            dying.setdefault(step, []).append(owner)
        return dying

    def _place(self, step: Step, dead: Sequence[Step]) -> None:
        value = self._values[step.number]
        for operand in replaceable(step, self._used) if dead else ():
            if operand in dead and operand in self._sizes and operand not in self.kept:
                alike = layout_of(self._values[operand.number]) == layout_of(value)
                if alike and self._alone(step, operand):
                    self.in_place[step] = operand
                    self.offsets[step] = self.offsets[operand]
                    self._sizes[step] = self._sizes.pop(operand)
                    return
        self._sizes[step] = value.nbytes
        self.offsets[step] = self._memory.take(value.nbytes, step in self.kept)

    def _place_in_strip(self, step: Step, dying: Mapping[Step, Sequence[Step]]) -> None:
        strip = self._strips[step]
        if strip.offset < 0:
            dead = self._dead_strip(step, dying)
            strip.offset = dead.offset if dead else self._memory.take(strip.size)
        self.offsets[step] = strip.offset + strip.places[step]

    def _dead_strip(self, step: Step, dying: Mapping[Step, Sequence[Step]]) -> Strip | None:
        """The strip of an operand that a call takes the place of, if there is one."""
        group = self._joining.calls.get(step, ())
        for operands in zip(*[x.arguments for x in group]):
            pairs = zip(operands, group)
            if all(type(x) is Step and x in dying.get(by, ()) for x, by in pairs):
                strip = self._strips[operands[0]]
                strip.left += 1  # so that its place is not given back
                return strip
        return None

    def _leave(self, strip: Strip) -> None:
        strip.left -= 1
        if not strip.left:
            self._memory.give_back(strip.offset, strip.size)

    def _alone(self, step: Step, operand: Step) -> bool:
        """Whether no other view of an operand's memory is an operand too."""
        return all(
            other is operand or self.owners[other] is not operand
            for other in self._used[step.number]
        )


def replaceable(step: Step, used: Sequence[list[Step]]) -> list[Step]:
    """The operands whose place a step may take while it reads them."""
    function = function_of(step)
    if isinstance(function, Adding):
        return added_to(step)
    function = getattr(function, "func", function)
    elementwise = isinstance(function, np.ufunc) and function.signature is None
    return used[step.number] if elementwise else []


def added_to(step: Step) -> list[Step]:
    """The step whose value another one adds to, in its memory where nothing else reads it."""
    total = step.arguments[0] if isinstance(function_of(step), Adding) else None
    return [total] if type(total) is Step else []


def is_dense(array: Array) -> bool:
    """Whether its entries lie one after another, in some order of the axes."""
    return bool(np.empty_like(array).strides == array.strides)


def owners_of(lines: Lines, buffered: Collection[Step]) -> tuple[dict[Step, Step], list[Step]]:
    """For each step the one in whose memory its value lies, and those that others show besides."""
    owners: dict[Step, Step] = {}
    lasting: list[Step] = []
    values, used = lines.values, lines.used
    for step in lines.steps:
        if step in buffered or isinstance(values[step.number], np.generic):
            owners[step] = step
            continue
        if isinstance(step.function, Repeated):
            owners[step] = step
            lasting += used[step.number]
            continue
        first = step.arguments[0] if step.function is operator.getitem else None
        if type(first) is Step and isinstance(values[first.number], list | tuple):
            owners[step] = owners[first]
            continue
        found = leaves_of(values[step.number])
        shown = [x for x in used[step.number] if _may_show(found, leaves_of(values[x.number]))]
        owners[step] = owners[shown[0]] if shown else step
        lasting += shown[1:]
    return owners, lasting


def _may_show(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether some of the values may lie in the memory of others."""
    return any(
        isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)
        for a in values
        for b in others
    )


def shows(step: Step) -> Step | None:
    """The argument of which a step's value may be a view."""
    function, arguments = function_of(step), step.arguments
    if function is None or not arguments or type(arguments[0]) is not Step:
        return None
    row = TABLE.get(function)
    moves = row is not None and row.traits.moves
    return arguments[0] if moves or function in (operator.getitem, np.diag) else None
