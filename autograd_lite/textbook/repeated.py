"""Lines that repeat: the loops of a program as a person writes them, with names for what they keep.

Values that are carried from one iteration to the next are variables, and those that are read later
are appended to lists.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.program.loops import Loop, Sliced
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.rolling import rolled
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.terms import parts_written

Line = tuple[str, Any]
"""name = term."""


class Block(NamedTuple):
    """Lines that are run as often as their loop."""

    loop: Loop
    variable: str
    before: list[Line]  # what is carried, at first
    lists: list[Line]  # names of lists, and what is appended to them at the end of an iteration
    slices: list[tuple[str, list[Step]]]  # names of lists of arrays, and these
    lines: list[Line]
    carried: list[tuple[str, str]]  # variables that take the value of others at the end


def terms_of(line: Line | Block) -> list[Any]:
    """What a line computes, or those of a loop do."""
    if not isinstance(line, Block):
        return [line[1]]
    inside = [term for _, term in (*line.before, *line.lines)]
    return [*inside, *(part for _, parts in line.slices for part in parts)]


def with_loops(
    needed: Mapping[Step, list[Step]],
    first: int,
    results: Iterable[Any],
    is_view: Callable[[Step], bool],
) -> list[Step | Loop]:
    """Computed terms in an order in which that can be done, with loops in place of what repeats.

    Values come as they were computed. Of what is from `first` on, the backward pass, sums come as
    early as they can, so that a loop adds what it contributes.
    """
    terms = {term: parts for term, parts in needed.items() if term.function}
    values = sorted([term for term in terms if term.number < first], key=attrgetter("number"))
    gradients = {term: parts for term, parts in terms.items() if term.number >= first}
    parts = rolled([*values, *_early(gradients)], results)
    loops = [part for part in parts if isinstance(part, Loop)]
    read = {sliced.of for loop in loops for sliced in loop.sliced.values() if _is_step(sliced.of)}
    # A loop does more than to look at slices, unless others read from it.
    idle = {loop for loop in loops if all(is_view(s) and s not in read for s in loop.body)}
    kept: list[Step | Loop] = []
    for part in parts:
        kept += itertools.chain(*part.originals) if part in idle else [part]
    return kept


def _is_step(value: Any) -> bool:
    return isinstance(value, Step)


def _early(terms: Mapping[Step, list[Step]]) -> list[Step]:
    """The terms, given with their parts, each sum as soon as both of its parts are there."""
    missing = {
        term: {part for part in parts if part in terms}
        for term, parts in terms.items()
        if term.function is np.add
    }
    waiting: dict[Step, list[Step]] = {}
    for term, parts in missing.items():
        for part in parts:
            waiting.setdefault(part, []).append(term)
    found: dict[Step, None] = {}
    for term in terms:
        stack = [] if term in found or missing.get(term) else [term]
        while stack:
            done = stack.pop()
            found[done] = None
            for later in waiting.get(done, ())[::-1]:
                missing[later].discard(done)
                if not missing[later]:
                    stack.append(later)
    return [*found]


class Repeater:
    """Writes loops as blocks, and says what their results are called outside."""

    def __init__(
        self,
        identifiers: Identifiers,
        wishes: Callable[[Step], str | None],
        temporaries: Iterable[str],
        is_long: Callable[[Step, dict[Step, int], int], bool],
    ) -> None:
        self.identifiers = identifiers
        self.wishes = wishes
        self.temporaries = iter(temporaries)
        self.is_long = is_long
        self.lists: dict[Step, str] = {}  # by step of a body
        self.names: dict[Step, str] = {}  # of placeholders, of steps in bodies, and outside

    def block(self, loop: Loop) -> Block:
        variable = self.identifiers.unique("t")
        slices = []
        for place, sliced in loop.sliced.items():
            if isinstance(sliced.of, list):
                name = self.identifiers.unique("slices")
                slices.append((name, sliced.of))
                self.names[place] = f"{name}[{variable}]"
            else:
                self.names[place] = self._read(sliced, variable)
        lines = self._lines(loop)
        self._name_results(loop)
        before, carried = self._carried(loop, lines)
        lists = [(self.lists[s], s) for s in loop.collected if s in self.lists]
        return Block(loop, variable, before, lists, slices, lines, carried)

    def _read(self, sliced: Sliced, variable: str) -> str:
        start, step = sliced.indices.start, sliced.indices.step
        index = variable if step == 1 else f"{step} * {variable}"
        if step < 0:
            index = f"{start} - {variable if step == -1 else f'{-step} * {variable}'}"
        elif start:
            index = f"{index} + {start}"
        return index if sliced.of is None else f"{self.lists[sliced.of]}[{index}]"

    def _lines(self, loop: Loop) -> list[Line]:
        """The lines of an iteration; what is long, used often or used later has a name."""
        kept = {*loop.collected, *(then for _, then in loop.carried.values())}
        uses = Counter(part for step in loop.body for part in steps_in(step))
        weights: dict[Step, int] = {}
        lines = []
        for position, step in enumerate(loop.body):
            long = self.is_long(step, weights, uses[step])
            if step in kept or long:
                found = (self.wishes(iteration[position]) for iteration in loop.originals[::-1])
                name = next(filter(None, found), None) or next(self.temporaries)
                self.names[step] = name
                weights[step] = 0
                lines.append((name, step))
        return lines

    def _name_results(self, loop: Loop) -> None:
        """Say what the values are called that are used after the loop."""
        for step, iterations in loop.collected.items():
            position = loop.body.index(step)
            if iterations == {loop.count - 1}:
                self.names[loop.originals[-1][position]] = self.names[step]
                continue
            own = self.lists[step] = self.identifiers.unique(f"{self.names[step]}_list")
            for j in iterations:
                self.names[loop.originals[j][position]] = f"{own}[{j}]"

    def _carried(self, loop: Loop, lines: list[Line]) -> tuple[list[Line], list[tuple[str, str]]]:
        """What is carried at first; and what takes other values at the end of an iteration.

        A value is in the variable that it is carried in, if that is not read any more.
        """
        before, carried = [], []
        taken: set[Step] = set()
        written = [{*parts_written(step, self.names)} for _, step in lines]
        for place, (first, then) in loop.carried.items():
            own = next(i for i, (_, step) in enumerate(lines) if step is then)
            free = not any(place in parts for parts in written[own + 1 :]) and then not in taken
            if free:
                taken.add(then)
                self.names[place] = self.names[then]
            else:
                self.names[place] = self.identifiers.unique(f"{self.names[then]}_before")
                carried.append((self.names[place], self.names[then]))
            before.append((self.names[place], first))
        return before, carried
