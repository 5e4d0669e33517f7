"""Loops found in steps: a stretch that repeats with a period, and whose arguments move with it.

What does not is left as single steps.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.node import Array
from autograd_lite.program.loops import Loop, Sliced, distance_between, with_moved
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.trace import value_key

LEAST = 6
"""Iterations that make a loop of what repeats."""
OCCURRENCES = 8
"""So many calls of a kind may be in a body in which no call is the only one of its kind."""


def rolled(steps: Iterable[Step], results: Iterable[Any] = ()) -> list[Step | Loop]:
    """The steps in order, with loops in place of what repeats.

    Steps without a function, which are arrays, are left out. What is collected is what other parts
    use, and the results.
    """
    roller = _Roller([step for step in steps if step.function is not None])
    parts = roller.parts()
    roller.collect(parts, results)
    return parts


# What may move from one iteration to the next


def _movable(step: Step) -> list[Any]:
    """The steps, and the numbers in an index, among the arguments of a step."""
    if step.function not in (operator.getitem, scatter):
        return steps_in(step)
    found: list[Any] = []
    with_moved(step, found.append)
    return found


def _kind(step: Step) -> Any:
    """What is the same for steps that differ in nothing but what may move."""
    key: list[Any] = [step.function, step.shape, step.dtype]
    for value in step.arguments if step.function not in (operator.getitem, scatter) else ():
        key.append(value.shape if type(value) is Step else _frozen(value))
    if len(key) == 3:
        key += map(_frozen, with_moved(step, lambda part: None)[0])
    return (*key, *map(_frozen, step.keywords.items()))


def _frozen(value: Any) -> Any:
    if type(value) in (int, float, str, type(None)):
        return type(value), value or repr(value)
    if type(value) in (list, tuple):
        return type(value), *map(_frozen, value)
    if type(value) is Step:
        return value.shape
    return id(value) if isinstance(value, np.ndarray) else value_key(value)


def _between_slices(one: Step, two: Step) -> Any:
    """What tells how slices of one array follow each other; None if these are none."""
    a, b = one.arguments[0], two.arguments[0]
    if not isinstance(a, np.ndarray) or a.base is None or a.base is not getattr(b, "base", None):
        return None
    alike = (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    return ("slices", distance_between(a, b)) if alike and distance_between(a, b) else None


class _Run(NamedTuple):
    """A stretch of calls: `times` iterations of `period` calls from the one at `start`."""

    start: int
    period: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.period * self.times


class _Roller:
    """Finds the loops in calls."""

    def __init__(self, calls: list[Step]) -> None:
        self.calls = calls
        self.position = {step: place for place, step in enumerate(calls)}
        self.parts_of = [_movable(step) for step in calls]
        numbers: dict[Any, int] = {}
        self.kinds = np.array([numbers.setdefault(_kind(step), len(numbers)) for step in calls])
        # Of calls that are in a loop: it, the place in its body, and the iteration.
        self.inside: dict[Step, tuple[Loop, int, int]] = {}

    def parts(self) -> list[Step | Loop]:
        found: list[Step | Loop] = []
        place = 0
        for run in self.repeated():
            while place < run.stop:
                rest = max(place, run.start)
                # Calls of one kind, such as sums, may repeat in twos.
                periods = range(run.period, run.period * OCCURRENCES + 1, run.period)
                spans = (self.moving(_Run(rest, p, (run.stop - rest) // p)) for p in periods)
                span = next(filter(None, spans), None)
                if span is None:
                    break
                found += self.calls[place : span.start]
                found.append(self.loop(span))
                place = span.stop
        return found + self.calls[place:]

    # Where calls repeat

    def repeated(self) -> list[_Run]:
        """Stretches in which calls of the same kinds repeat, in order and without overlap."""
        free = np.ones(len(self.calls), dtype=bool)
        runs = []
        while run := self._longest(free):
            runs.append(run)
            free[run.start : run.stop] = False
        return sorted(runs)

    def _longest(self, free: Array) -> _Run | None:
        best = None
        for period in self._periods(free):
            same = (self.kinds[:-period] == self.kinds[period:]) & free[:-period] & free[period:]
            edges = np.flatnonzero(np.diff(np.concatenate([[0], same.view(np.int8), [0]])))
            lengths = edges[1::2] - edges[::2] + period
            longest = int(lengths.argmax()) if len(lengths) else 0
            # A multiple of the period may cover a little more.
            covered = best.period * (best.times + 1) if best else LEAST * period - 1
            if len(lengths) and lengths[longest] > covered:
                best = _Run(int(edges[2 * longest]), period, int(lengths[longest]) // period)
        return best

    def _periods(self, free: Array) -> list[int]:
        """Distances at which calls of one kind often follow each other, the shortest first."""
        places = np.flatnonzero(free)
        order = places[np.argsort(self.kinds[places], kind="stable")]
        distances: set[int] = set()
        for apart in range(1, min(OCCURRENCES, len(order) - 1) + 1):
            one, two = order[:-apart], order[apart:]
            alike = self.kinds[one] == self.kinds[two]
            found, counts = np.unique((two - one)[alike], return_counts=True)
            distances.update(found[counts >= LEAST - 1].tolist())
        return sorted(distances)

    # Where their arguments move alike

    def moving(self, run: _Run) -> _Run | None:
        """The longest part of a run in which all arguments move alike."""
        starts = range(run.start, run.stop, run.period)
        rows = self._rows(run)
        moves = [
            [self._moved(one, two, start) for one, two in zip(*pair)]
            for pair, start in zip(pairwise(rows), starts)
        ]
        best, first = (0, 0), 0
        while first < len(moves):
            last = first
            while last < len(moves) and moves[last] == moves[first] and None not in moves[last]:
                last += 1
            # One before may begin with other values of what is carried.
            begin = first
            if (
                last > first
                and first
                and self._begins(rows[first - 1], moves[first - 1 : first + 1], starts[first - 1])
            ):
                begin -= 1
            best = max(best, (last - begin, -begin))
            first = max(last, first + 1)
        count, begin = best[0] + 1, -best[1]
        if count < LEAST:
            return None
        return _Run(starts[begin], run.period, count)

    def _rows(self, run: _Run) -> list[list[Any]]:
        """What may move, by iteration."""
        return [
            [*chain.from_iterable(self.parts_of[start : start + run.period])]
            for start in range(run.start, run.stop, run.period)
        ]

    def _moved(self, one: Any, two: Any, start: int) -> Any:
        """How an argument moves from an iteration, which starts there, to the next; None if
        that is no way to move."""
        if type(one) is not Step or type(two) is not Step:
            return "number", two - one
        place = self.position.get(one, -1)
        if one is two:
            return "same" if place < start else None
        if one.function is None or two.function is None:
            return _between_slices(one, two) if one.function is two.function else None
        if one in self.inside and two in self.inside:
            (loop, q, i), (other, other_q, j) = self.inside[one], self.inside[two]
            return ("history", loop, q, j - i) if (loop, q) == (other, other_q) else None
        then = self.position[two]
        return ("inside", place - start, then - place) if then >= start else None

    def _begins(self, row: list[Any], moves: list[list[Any]], start: int) -> bool:
        """Whether an iteration is like those that follow, but for what is carried into it."""
        return all(
            before == after
            or (
                after is not None
                and after[0] == "inside"
                and after[1] < 0
                and self._is_before(one, start)
            )
            for one, before, after in zip(row, *moves)
        )

    def _is_before(self, step: Any, start: int) -> bool:
        return type(step) is Step and self.position.get(step, -1) < start

    # As a loop

    def loop(self, run: _Run) -> Loop:
        """The calls of a run, all of whose arguments move alike, as a loop."""
        iterations = [
            self.calls[start : start + run.period]
            for start in range(run.start, run.stop, run.period)
        ]
        body = [Step(s.function, (), {}, s.shape, s.number, s.dtype) for s in iterations[0]]
        loop = Loop(body, run.times, originals=iterations)
        columns = iter(zip(*self._rows(run)))
        known: dict[Any, Any] = {}

        def own(_: Any) -> Any:
            column = next(columns)
            key = tuple(map(id, column)) if type(column[0]) is Step else column
            if key not in known:
                known[key] = self._argument(loop, column, run)
            return known[key]

        for step, original in zip(body, iterations[0]):
            step.arguments, step.keywords = with_moved(original, own)
        for j, steps in enumerate(iterations):
            self.inside.update({step: (loop, q, j) for q, step in enumerate(steps)})
        return loop

    def _argument(self, loop: Loop, column: Sequence[Any], run: _Run) -> Any:
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
            step = int(second - first)
            placeholder = Step(None, (), {}, (), -1, np.dtype(int))
            indices = range(int(first), int(first) + step * loop.count, step)
            loop.sliced[placeholder] = Sliced(None, indices)
            return placeholder
        placeholder = Step(None, (), {}, first.shape, -1, first.dtype)
        if first.function is None:
            loop.sliced[placeholder] = Sliced([*column], range(loop.count))
        else:
            earlier, q, i = self.inside[first]
            step = self.inside[second][2] - i
            indices = range(i, i + step * loop.count, step)
            loop.sliced[placeholder] = Sliced(earlier.body[q], indices)
        return placeholder

    def collect(self, parts: Iterable[Step | Loop], results: Iterable[Any]) -> None:
        """Note which values of each loop are used after it."""
        used = steps_in([*results])
        for part in parts:
            if isinstance(part, Step):
                used += steps_in(part)
                continue
            used += [step for body in part.body for step in steps_in(body)]
            used += [first for first, _ in part.carried.values() if type(first) is Step]
            for of, indices in part.sliced.values():
                if type(of) is Step:
                    earlier, q = self._place(of, parts)
                    used += [earlier.originals[index][q] for index in indices]
        for step in used:
            if step in self.inside:
                loop, q, j = self.inside[step]
                loop.collected.setdefault(loop.body[q], set()).add(j)

    def _place(self, step: Step, parts: Iterable[Step | Loop]) -> tuple[Loop, int]:
        for part in parts:
            if isinstance(part, Loop) and step in part.body:
                return part, part.body.index(step)
        raise LookupError(step)
