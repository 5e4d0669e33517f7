"""Terms in an order in which they can be computed, with loops in place of what repeats."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from autograd_lite.program.loops import Loop, Sliced, evenly, with_moved
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.rolling import Between, collect, rolled
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.iterations import Iterations
from autograd_lite.textbook.numpy_source import is_trivial, is_view, weight_of
from autograd_lite.textbook.slopes import input_of_activation

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
    """Terms in order, with loops in place of what repeats: those of formulas, or found here."""
    computed = [term for term in needed if term.function]
    if formulas:
        loops = loops_of(formulas, needed)
        inside = {step for loop in loops for step in loop.body}
        parts: list[Any] = [*loops, *(term for term in computed if term not in inside)]
    else:
        parts = loops_in(computed, named, MANY)
    parts += [term for term in needed if term.function is None and term.arguments]
    parts.sort(key=lambda part: (part if isinstance(part, Step) else part.body[-1]).number)
    collect(parts, results)
    return [part for part in parts if isinstance(part, Step) or part.collected]


def loops_in(
    steps: Iterable[Step], named: Collection[Step], least: int = LEAST, between: Between = None
) -> list[Step | Loop]:
    """Steps in order, with loops in place of what repeats so often, if these are some to a reader.

    Short ones are so if they belong to a recurrence, and no two iterations have names of their own
    for a step: `named` ones.
    """
    parts = rolled(steps, (), least, between)
    loops = [part for part in parts if isinstance(part, Loop)]
    short = [loop for loop in loops if loop.count < MANY]
    apart = {
        x for x in short if any(sum(map(named.__contains__, y)) > 1 for y in zip(*x.originals))
    }
    busy = {loop for loop in loops if loop.count >= MANY or _is_recurrent(loop)}
    kept = _joined(busy, loops) - _joined(apart, loops)
    return [
        step
        for part in parts
        for step in ([part] if isinstance(part, Step) or part in kept else chain(*part.originals))
    ]


def _joined(some: set[Loop], loops: Sequence[Loop]) -> set[Loop]:
    """Some loops, and all that are joined to them, as one reads from another."""
    owner = {step: loop for loop in loops for step in loop.body}
    for _ in loops:
        for loop in loops:
            others = {owner[of] for of, _ in loop.sliced.values() if isinstance(of, Step)}
            if loop in some or not others.isdisjoint(some):
                some |= {loop, *others}
    return some


def _is_recurrent(loop: Loop) -> bool:
    """Whether more is made of what is carried than a sum."""
    goes_on = any(
        place in steps_in(step)
        for place, (_, then) in loop.carried.items()
        for step in loop.body
        if step is not then and not is_view(then)
    )
    return goes_on and sum(not is_view(step) for step in loop.body) >= LONG


def loops_of(formulas: Formulas, needed: Collection[Step]) -> list[Loop]:
    """The loops of the forward and of the backward passes, as far as they are needed."""
    loops, readers = [], []
    for found in formulas.loops:
        inside = [term for term in needed if term.function and found.moves(term)]
        for carried in (found.carried, found.back):
            is_back = carried is found.back
            body = [term for term in inside if (term.number > formulas.terms.values) == is_back]
            begun = {place: carried[place] for place in carried if place in needed}
            loop = Loop(body, found.count, begun)
            numbers = range(found.count)[:: -1 if is_back else 1]
            nothing = Step(None, (), {}, (), -1)
            loop.originals = [[found.values.get((x, j), nothing) for x in body] for j in numbers]
            loops += [loop] if body else []
            readers.append(_Reader(loop, found, numbers))
    read = [
        (step, *with_moved(step, reader.own)) for reader in readers for step in reader.loop.body
    ]
    for step, arguments, keywords in read:
        step.arguments, step.keywords = arguments, keywords
    return loops


class _Reader:
    """Says what a loop reads; 1 - a, x[t] and the like are written again, if they have no names."""

    def __init__(self, loop: Loop, found: Iterations, numbers: range) -> None:
        self.loop, self.found, self.numbers = loop, found, numbers
        self.known: dict[Any, Any] = {(x, found, numbers): x for x in (*loop.body, *loop.carried)}

    def own(self, x: Any) -> Any:
        """What stands for a term of these iterations."""
        return self.read(self.found, x, self.numbers)

    def read(self, of: Iterations, x: Any, at: range) -> Any:
        """What stands for a term of some iterations, at other numbers of them in each."""
        if not of.moves(x):
            return x
        key = x, of, at
        if key not in self.known:
            self.known[key] = self._read(of, x, at)
        return self.known[key]

    def _read(self, of: Iterations, x: Step, at: range) -> Any:
        if x in of.carried:
            return self.read(of, of.carried[x][1], range(at.start - 1, at.stop - 1, at.step))
        if x in of.sliced:
            source, indices = of.sliced[x]
            inner = evenly(indices[at[0]], indices.step * at.step, len(at))
            if type(source) is tuple:
                return self.read(source[0], source[1], inner)
            return self._place(source, inner, x)
        again = is_trivial(x, weight_of(x)) and input_of_activation(x) is None
        if again and min(at) >= 0 and x not in of.named:
            arguments, keywords = with_moved(x, lambda part: self.read(of, part, at))
            return Step(x.function, arguments, keywords, x.shape, x.number)
        if x.number > of.terms.values:  # it is numbered as the backward pass goes
            at = evenly(of.count - 1 - at[0], -at.step, len(at))
        return self._place(x, at, x)

    def _place(self, of: Any, at: range, like: Step) -> Step:
        places = self.loop.sliced
        known = (place for place, sliced in places.items() if sliced == (of, at))
        place = next(known, None) or Step(None, (), {}, like.shape, -1)
        places[place] = Sliced(of, at)
        return place
