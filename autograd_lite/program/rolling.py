"""Loops found in steps: a stretch that repeats with a period, and whose arguments move with it.

What does not is left as single steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from operator import is_not
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.loops import (
    Loop,
    Sliced,
    distance_between,
    evenly,
    index_place,
    with_moved,
    with_moved_parts,
)
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.templates import value_key

LEAST = 6
"""Iterations that make a loop of what repeats."""
OCCURRENCES = 8
"""So many of a kind may be in a body in which nothing is the only one of its kind."""


Between = Callable[[Step, Step], int] | None


def rolled(
    steps: Iterable[Step], results: Iterable[Any] = (), least: int = LEAST, between: Between = None
) -> list[Step | Loop]:
    """The steps in order, with loops in place of what repeats so often.

    Steps without a function, which are arrays, are left out; `between` says how far apart they are,
    or 0. What is collected is what other parts use, and the results.
    """
    calls = [step for step in steps if step.function is not None]
    roller = _Roller(calls, least, between or between_slices)
    parts = roller.parts()
    collect(parts, results)
    return parts


# Stretches in which kinds repeat with a period


class Run(NamedTuple):
    """A stretch: `times` iterations of `period` places from the one at `start`."""

    start: int
    period: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.period * self.times


def repeated(kinds: Array, least: int = LEAST) -> list[Run]:
    """Stretches in which numbers of kinds repeat so often, in order and without overlap.

    >>> repeated(np.array([7, *[1, 2, 3] * 10, 7]))
    [Run(start=1, period=3, times=10)]
    """
    runs, parts = list[Run](), [(0, len(kinds))]
    while parts:
        first, last = parts.pop()
        run = _longest(kinds[first:last], least)
        if run:
            run = run._replace(start=first + run.start)
            runs.append(run)
            parts += [(first, run.start), (run.stop, last)]
    return sorted(runs)


def _longest(kinds: Array, least: int) -> Run | None:
    best = None
    for period in _periods(kinds, least):
        start, length = longest_stretch(kinds[:-period] == kinds[period:])
        # A multiple of the period may cover a little more.
        covered = best.period * (best.times + 1) if best else 0
        if length and length + period > max(covered, least * period - 1):
            best = Run(start, period, (length + period) // period)
    return best


def longest_stretch(marked: Array) -> tuple[int, int]:
    """Where the longest stretch of True begins, and how long it is.

    >>> longest_stretch(np.array([True, False, True, True]))
    (2, 2)
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.view(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    longest = int(lengths.argmax()) if len(lengths) else 0
    return (int(edges[2 * longest]), int(lengths[longest])) if len(lengths) else (0, 0)


def _periods(kinds: Array, least: int) -> list[int]:
    """Distances at which those of one kind often follow each other, the shortest first."""
    order = np.argsort(kinds, kind="stable")
    distances: set[int] = set()
    for apart in range(1, min(OCCURRENCES, len(order) - 1) + 1):
        one, two = order[:-apart], order[apart:]
        alike = kinds[one] == kinds[two]
        found, counts = np.unique((two - one)[alike], return_counts=True)
        distances.update(found[counts >= least - 1].tolist())
    return sorted(distances)


# What may move from one iteration to the next


def read_call(step: Step) -> tuple[Any, list[Any]]:
    """What is the same for steps that differ in nothing but what may move, and that.

    Those are the steps, and the numbers in an index, among the arguments.
    """
    moving = list[Any]()
    key: list[Any] = [step.function, step.shape, step.dtype]

    def take(part: Any) -> Any:
        moving.append(part)
        return part.shape if type(part) is Step else int

    for place, x in enumerate(step.arguments):
        if type(x) is Step:
            moving.append(x)
            key.append(x.shape)
        elif place == (index := index_place(step)) or type(x) in (list, tuple):
            key.append(value_key(with_moved_parts(x, place == index, take), id))
        else:
            key.append(value_key(x, id))
    if step.keywords:
        key.append(value_key(with_moved_parts(step.keywords, False, take), id))
    return tuple(key), moving


def _read_all(calls: Sequence[Step]) -> tuple[Array, list[Sequence[Any]]]:
    """A number for what is the same in each call, and what may move in it."""
    numbers: dict[Any, int] = {}
    known: dict[Step, tuple[int, list[Any] | None]] = {}  # by what calls are like; without steps
    kinds, parts = list[int](), list[Sequence[Any]]()
    for step in calls:
        like = step.like
        if like is None or like not in known:
            key, found = read_call(step)
            moving: Sequence[Any] = found
            kind = numbers.setdefault(key, len(numbers))
            if like is not None:
                steps_alone = all(type(x) is Step for x in step.arguments)
                rest = None if steps_alone else [x for x in found if type(x) is not Step]
                known[like] = kind, rest
        else:
            kind, rest = known[like]
            moving = step.arguments
            if rest is not None:  # in an index, which comes behind the steps
                moving = [x for x in moving if type(x) is Step] + rest
        kinds.append(kind)
        parts.append(moving)
    return np.array(kinds, int), parts


def between_slices(one: Step, two: Step) -> int:
    """How many bytes lie between slices of one array; 0 if these are none."""
    a, b = one.arguments[0], two.arguments[0]
    if not isinstance(a, np.ndarray) or a.base is None or a.base is not getattr(b, "base", None):
        return 0
    alike = (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    return distance_between(a, b) if alike else 0


NONE, SAME, NUMBER, SLICE, INSIDE, HISTORY = range(6)
"""How an argument moves from an iteration to the next: in no way that can be said; not at all; a
number by a difference; an array to the next slice; a call by so many calls, with the one that it is
an argument of; or to the same call in another iteration of an earlier loop."""


class _Roller:
    """Finds the loops in calls."""

    def __init__(self, calls: list[Step], least: int, between: Callable[[Step, Step], int]) -> None:
        self.calls, self.least, self.between = calls, least, between
        self.position = {step: place for place, step in enumerate(calls)}
        self.kinds, self.parts_of = _read_all(calls)
        parts = [*chain.from_iterable(self.parts_of)]
        # Of each part: the place of the call, a negative number for an array, or itself.
        arrays = dict.fromkeys(x for x in parts if type(x) is Step and x not in self.position)
        self.arrays = [*arrays]
        places = self.position | {x: place - len(arrays) for place, x in enumerate(self.arrays)}
        self.codes = np.fromiter(map(places.get, parts, parts), int)
        self.is_number = np.fromiter(map(is_not, map(type, parts), repeat(Step)), bool)
        self.offsets = np.cumsum([0, *map(len, self.parts_of)])
        # Of calls that are in a loop: the place of the one that is first so, and the iteration.
        self.first, self.iteration = np.full((2, len(calls)), -1)
        self.loops: dict[int, tuple[Loop, int]] = {}  # by that place; and the place in its body

    def parts(self) -> list[Step | Loop]:
        found: list[Step | Loop] = []
        place = 0
        for run in repeated(self.kinds, self.least):
            stop = self._stop(run)
            while place < stop:
                rest = max(place, run.start)
                # Calls of one kind, such as sums, may repeat in twos.
                periods = range(run.period, run.period * OCCURRENCES + 1, run.period)
                spans = (self.moving(Run(rest, p, (stop - rest) // p)) for p in periods)
                span = next(filter(None, spans), None)
                if span is None:
                    break
                found += self.calls[place : span.start]
                found.append(self.loop(span))
                place = span.stop
        return found + self.calls[place:]

    def _stop(self, run: Run) -> int:
        """Where a run ends, with what a longer one behind it begins with."""
        stop, kinds = run.stop, self.kinds
        while stop < len(kinds) and kinds[stop] == kinds[stop - run.period]:
            stop += 1
        return stop

    # Where their arguments move alike

    def moving(self, run: Run) -> Run | None:
        """The longest part of a run in which all arguments move alike."""
        if run.times < self.least:
            return None
        parts = slice(*self.offsets[[run.start, run.stop]])
        codes = self.codes[parts].reshape(run.times, -1)
        is_number = self.is_number[parts].reshape(run.times, -1)
        starts = np.arange(run.start, run.stop, run.period)[:-1, None]
        moves = self._moves(codes, is_number, starts, run.period)
        can = (moves[0] != NONE).all(axis=1).tolist()
        equal = (moves[:, :-1] == moves[:, 1:]).all(axis=0)
        # One before may begin with other values of what is carried.
        kind, place, distance = moves[:, 1:]
        carried = (kind == INSIDE) & (place < 0) & (distance == run.period)
        begins = equal | (carried & ~is_number[:-2] & (codes[:-2] < starts[:-1]))
        as_before, begun = (x.all(axis=1).tolist() for x in (equal, begins))
        best, first = (0, 0), 0
        while first < len(can):
            last = first
            while last < len(can) and can[last] and (last == first or as_before[last - 1]):
                last += 1
            start = first - 1 if last > first > 0 and begun[first - 1] else first
            best = max(best, (last - start, -start))
            first = max(last, first + 1)
        count, start = best[0] + 1, -best[1]
        found = Run(run.start + start * run.period, run.period, count)
        return found if count >= self.least else None

    def _moves(self, codes: Array, is_number: Array, starts: Array, period: int) -> Array:
        """How each part moves from an iteration to the next: the kind, and two numbers."""
        one, two = codes[:-1], codes[1:]
        numbers, mixed = is_number[1:], is_number[:-1] != is_number[1:]
        arrays = (one < 0) | (two < 0)
        places = np.where(is_number | (codes < 0), 0, codes)
        loops, iterations = self.first[places], self.iteration[places]
        looped, same_loop = (loops[:-1] >= 0) & (loops[1:] >= 0), loops[:-1] == loops[1:]
        kinds = np.select(
            [mixed, numbers, one == two, arrays, looped, two >= starts],
            [
                NONE,
                NUMBER,
                np.where(one < starts, SAME, NONE),
                np.where((one < 0) & (two < 0), SLICE, NONE),
                np.where(same_loop, HISTORY, NONE),
                # What is in the same iteration is so in the one before, too.
                np.where((two < starts + period) | (two - one == period), INSIDE, NONE),
            ],
            NONE,
        )
        cases = [kinds == NUMBER, kinds == INSIDE, kinds == HISTORY]
        first = np.select(cases, [two - one, one - starts, loops[:-1]], 0)
        second = np.select(cases, [0, two - one, iterations[1:] - iterations[:-1]], 0)
        for place in zip(*np.nonzero(kinds == SLICE)):
            first[place] = self.between(self.arrays[one[place]], self.arrays[two[place]])
            kinds[place] = SLICE if first[place] else NONE
        return np.stack([kinds, first, second])

    # As a loop

    def loop(self, run: Run) -> Loop:
        """The calls of a run, all of whose arguments move alike, as a loop."""
        starts = range(run.start, run.stop, run.period)
        iterations = [self.calls[start : start + run.period] for start in starts]
        body = [Step(s.function, (), {}, s.shape, s.number, s.dtype) for s in iterations[0]]
        loop = Loop(body, run.times, originals=iterations)
        rows = [chain.from_iterable(self.parts_of[start : start + run.period]) for start in starts]
        columns = iter(zip(*rows))
        known: dict[Any, Any] = {}

        def own(_: Any) -> Any:
            column = next(columns)
            key = tuple(map(id, column)) if type(column[0]) is Step else column
            if key not in known:
                known[key] = self._argument(loop, column, run)
            return known[key]

        for step, original in zip(body, iterations[0]):
            step.arguments, step.keywords = with_moved(original, own)
        places = range(run.start, run.stop)
        self.first[places] = np.tile(places[: run.period], run.times)
        self.iteration[places] = np.repeat(range(run.times), run.period)
        self.loops |= {place: (loop, q) for q, place in enumerate(places[: run.period])}
        return loop

    def _inside(self, step: Step) -> tuple[Loop, int, int]:
        """The loop that a call is in, its place in the body, and the iteration."""
        place = self.position[step]
        return *self.loops[int(self.first[place])], int(self.iteration[place])

    def _argument(self, loop: Loop, column: Sequence[Any], run: Run) -> Any:
        """What stands in the body for an argument, given by iteration."""
        first, second = column[:2]
        if first is second or (type(first) is not Step and first == second):
            return first
        place = self.position.get(second, -1) if type(second) is Step else -1
        if place >= run.start:
            iteration, q = divmod(place - run.start, run.period)
            if iteration == 1:
                return loop.body[q]
            placeholder = Step(None, (), {}, first.shape, -1, first.dtype)
            loop.carried[placeholder] = first, loop.body[q]
            return placeholder
        if type(first) is not Step:
            placeholder = Step(None, (), {}, (), -1, np.dtype(int))
            indices = evenly(int(first), int(second - first), loop.count)
            loop.sliced[placeholder] = Sliced(None, indices)
            return placeholder
        placeholder = Step(None, (), {}, first.shape, -1, first.dtype)
        if first.function is None:
            loop.sliced[placeholder] = Sliced([*column], range(loop.count))
        else:
            earlier, q, i = self._inside(first)
            indices = evenly(i, self._inside(second)[2] - i, loop.count)
            loop.sliced[placeholder] = Sliced(earlier.body[q], indices)
        return placeholder


def collect(parts: Iterable[Step | Loop], results: Iterable[Any]) -> None:
    """Note which values of each loop are used after it."""
    used = steps_in([*results])
    loops = [part for part in parts if isinstance(part, Loop)]
    owners = {step: loop for loop in loops for step in loop.body}
    for part in parts:
        if isinstance(part, Step):
            used += steps_in(part)
            continue
        part.collected = {}
        used += [step for body in part.body for step in steps_in(body)]
        used += [first for first, _ in part.carried.values() if type(first) is Step]
        for of, indices in part.sliced.values():
            if type(of) is Step:
                numbers = owners[of].collected.setdefault(of, set())
                numbers.update(index for index in indices if index >= 0)
    inside = {
        original: (loop, step, j)
        for loop in loops
        for j, iteration in enumerate(loop.originals)
        for step, original in zip(loop.body, iteration)
    }
    for loop, step, j in [inside[step] for step in used if step in inside]:
        loop.collected.setdefault(step, set()).add(j)
