"""Terms in an order in which they can be computed, with loops in place of what repeats."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from autograd_lite.program.loops import Loop, Sliced, moving_in, replaced, with_moved
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.rolling import collect, rolled
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.line_names import is_trivial, is_view, weight_of
from autograd_lite.textbook.written_out import input_of_activation

LEAST, MANY = 3, 6
"""Iterations that make a loop of a recurrence; and of the rest."""
LONG = 4
"""Steps in the body of a recurrence, besides those that only look."""


def with_loops(
    needed: Collection[Step],
    results: Collection[Any],
    named: Collection[Step],
    formulas: Formulas | None,
) -> list[Step | Loop]:
    """Computed terms in order, with loops in place of what repeats: of formulas, or found here."""
    parts: list[Step | Loop] = [term for term in needed if term.function]
    if formulas:
        loops = [loop for each in formulas.loops for loop in each.loops(needed)]
        inside = {step for loop in loops for step in loop.body}
        parts = [*loops, *(part for part in parts if part not in inside)]
        parts.sort(key=lambda part: (part if isinstance(part, Step) else part.body[-1]).number)
    else:
        parts = loops_in(parts, named, MANY)
    _write_again([part for part in parts if isinstance(part, Loop)], named)
    collect(parts, results, is_view)
    return [part for part in parts if isinstance(part, Step) or part.collected]


def loops_in(
    steps: Iterable[Step], named: Collection[Step], least: int = LEAST
) -> list[Step | Loop]:
    """Steps in order, with loops in place of what repeats so often, if these are some to a reader.

    Steps that are `named` have names of their own.
    """
    return _busy(_together(rolled(steps, least=least), named), least)


def _busy(parts: Sequence[Step | Loop], least: int) -> list[Step | Loop]:
    """The parts, with single steps for loops that are none to a reader.

    These only write what a person writes again, and no other reads them; or they are short, and
    neither do they belong to a recurrence.
    """
    loops = [part for part in parts if isinstance(part, Loop)]
    read = {step for loop in loops for step in read_from(loop)}
    loops = [x for x in loops if not (read.isdisjoint(x.body) and all(map(_is_slight, x.body)))]
    busy = {loop for loop in loops if _is_busy(loop, least)}
    return _with(parts, _joined(busy, loops))


def _together(parts: Sequence[Step | Loop], named: Collection[Step]) -> list[Step | Loop]:
    """The parts, with single steps for short loops whose iterations have names of their own."""
    loops = [part for part in parts if isinstance(part, Loop)]
    short = [loop for loop in loops if loop.count < MANY]
    apart = {
        x for x in short if any(sum(map(named.__contains__, y)) > 1 for y in zip(*x.originals))
    }
    return _with(parts, {*loops} - _joined(apart, loops))


def _joined(some: set[Loop], loops: Sequence[Loop]) -> set[Loop]:
    """Some loops, and all that are joined to them, as one reads from another."""
    owner = {step: loop for loop in loops for step in loop.body}
    for _ in loops:
        for loop in loops:
            others = {owner[step] for step in read_from(loop)}
            if loop in some or not others.isdisjoint(some):
                some |= {loop, *others}
    return some


def _with(parts: Sequence[Step | Loop], loops: Collection[Loop]) -> list[Step | Loop]:
    """The parts, with single steps for all loops but some."""
    found: list[Step | Loop] = []
    for part in parts:
        if isinstance(part, Loop) and part not in loops:
            found += itertools.chain(*part.originals)
        else:
            found.append(part)
    return found


def _is_busy(loop: Loop, least: int) -> bool:
    return loop.count >= least and (loop.count >= MANY or _is_recurrent(loop))


def _is_slight(step: Step) -> bool:
    return is_trivial(step, weight_of(step))


def _is_recurrent(loop: Loop) -> bool:
    """Whether more is made of what is carried than a sum."""
    goes_on = any(
        place in steps_in(step)
        for place, (_, then) in loop.carried.items()
        for step in loop.body
        if step is not then and not is_view(then)
    )
    return goes_on and sum(not is_view(step) for step in loop.body) >= LONG


def _write_again(loops: Sequence[Loop], named: Collection[Step]) -> None:
    """Let loops compute again what is trivial and unnamed, such as 1 - a or x[t], not read it."""
    writer = _Again(loops, named)
    for loop in loops:
        read, loop.sliced = loop.sliced, {}
        used = set[Any]().union(*map(moving_in, loop.body))
        again = {x: writer.read(loop, *read[x], x) for x in read if x in used}
        for step in loop.body:
            step.arguments, step.keywords = replaced(step, again)


class _Again:
    """Writes what is read in a loop, or how that is computed."""

    def __init__(self, loops: Sequence[Loop], named: Collection[Step]) -> None:
        self.named = named
        self.owner = {step: loop for loop in loops for step in loop.body}
        self.written: set[Step] = set()

    def read(self, loop: Loop, of: Any, at: range, like: Step) -> Step:
        if isinstance(of, Step) and min(at) >= 0 and self._is_trivial(of):
            return self._again(loop, of, at, self.owner[of])
        known = (place for place, sliced in loop.sliced.items() if sliced == (of, at))
        place = next(known, None) or Step(None, (), {}, like.shape, -1, like.dtype)
        loop.sliced[place] = Sliced(of, at)
        return place

    def _is_trivial(self, step: Step) -> bool:
        rows = self.owner[step].originals
        place = self.owner[step].body.index(step)
        return (
            _is_slight(step)
            and input_of_activation(step) is None
            and not any(row[place] in self.named for row in rows)
        )

    def _again(self, loop: Loop, step: Step, at: range, earlier: Loop) -> Step:
        """A step of an earlier loop, for a loop that reads its value at some iterations."""

        def own(part: Any) -> Any:
            if part in self.written:
                return self._again(loop, part, at, earlier)
            if part in earlier.sliced:
                of, inner = earlier.sliced[part]
                return self.read(loop, of, _range(inner[at[0]], inner.step * at.step, at), part)
            if part in earlier.carried:
                then = earlier.carried[part][1]
                return self.read(loop, then, _range(at[0] - 1, at.step, at), part)
            return self.read(loop, part, at, part) if part in earlier.body else part

        arguments, keywords = with_moved(step, own)
        found = Step(step.function, arguments, keywords, step.shape, step.number, step.dtype)
        self.written.add(found)
        return found


def _range(start: int, step: int, like: range) -> range:
    return range(start, start + step * len(like), step)


def read_from(loop: Loop) -> list[Step]:
    """The steps of earlier loops that a loop reads."""
    return [of for of, _ in loop.sliced.values() if isinstance(of, Step)]
