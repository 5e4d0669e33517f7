"""Candidates for what was mistaken, tried one by one within a budget of time."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import FACTORS, Candidate, Scaled, scaled
from autograd_lite.forensics.candidates import candidates
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, rounded
from autograd_lite.forensics.place import Place, Wrong
from autograd_lite.forensics.projection import Change, Projection
from autograd_lite.forensics.replay import Replay
from autograd_lite.forensics.slips import Slip
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

LINEAR_ENOUGH = 1e-6
"""Relative error up to which a gradient is taken to be linear in a strength."""
ENOUGH = 0.3
"""Share of the budget after which no more candidates are tried once one explains everything."""
LARGE = 200_000
"""Entries of a graph from which on a replay takes much longer than a projection."""


LEFT_OUT = {"repeated index", "constant statistics", "entries left out", "dropout", "one path"}
"""Kinds that say that something is left out."""


class Finding(NamedTuple):
    """A mistake with its strength, and what comes out with it."""

    mistake: Candidate
    fitted: frozenset[Tensor]  # whose gradients are as they were handed in
    sums: tuple[str, ...] = ()  # where more fit, what findings with the same gradients share
    error: float = math.inf  # the largest relative one that is left, where all fit


def now() -> tuple[float, float]:
    """Seconds of computing, in this thread, and on the clock."""
    return time.thread_time(), time.perf_counter()


def seconds_since(start: tuple[float, float]) -> float:
    """Seconds of computing; or a third of those on the clock, where others keep it waiting."""
    computing, clock = start
    return max(time.thread_time() - computing, (time.perf_counter() - clock) / 3)


def _is_lost(array: Array, right: Array) -> bool:
    """Whether an array is 0 up to rounding, where the right one is not."""
    return bool(np.max(abs(array), initial=0.0) <= 1e-14 * np.max(abs(right), initial=0.0))


def _is_in_some_steps(places: frozenset[Place], loops: list[frozenset[Place]]) -> bool:
    """Whether a mistake is made in some steps of a loop, and not in all."""
    return places not in loops and any(len(loop) > 2 and places < loop for loop in loops)


DELAY = 1.0
"""Seconds that a search takes before it says anything."""


class ProgressLine:
    """A line of seconds used up; where it cannot be written it ends, and nothing else does."""

    def __init__(self, seconds: float, start: tuple[float, float]) -> None:
        self._start = start
        self._bar: Any = None
        is_terminal = getattr(sys.stderr, "isatty", bool)()
        if is_terminal or (sys.stderr is not None and "ipykernel" in sys.modules):
            from tqdm.auto import tqdm

            shape = "compare_gradients looks for the mistake: {n:.1f} of {total:.1f} s"
            self._bar = tqdm(total=seconds, delay=DELAY, leave=False, bar_format=shape)

    def update(self) -> None:
        """Show how many seconds are used up."""
        try:
            if self._bar is not None:
                self._bar.update(seconds_since(self._start) - self._bar.n)
        except Exception:  # of the file that stderr is, or of the widget in a notebook
            self._bar = None

    def close(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Search:
    """Tries of one case's candidates, for so many seconds from a start."""

    def __init__(self, case: Case, seconds: float, start: tuple[float, float]) -> None:
        self.case = case
        self.seconds, self.start = seconds, start
        self.progress = ProgressLine(seconds, start)
        self.limit = 1.0  # the share of the budget after which no more are tried
        rng = np.random.default_rng(0)
        self.weights = {tensor: rng.normal(size=tensor.shape) for tensor in case.manual}
        self.below: dict[Tensor, frozenset[Tensor]] = {}
        for node in reversed(case.graph.order):
            inputs = [self.below[place.argument] for place in case.graph.places_of.get(node, ())]
            self.below[node] = frozenset({node} & case.manual.keys()).union(*inputs)
        # What is nothing but rounding was summed up; what is left out is exactly 0.
        given = [(case.manual[tensor], case.graph.right[tensor]) for tensor in case.wrong]
        self.is_rounding = any(hand.any() and _is_lost(hand, right) for hand, right in given)
        self.projection = Projection(case)
        self.is_large = sum(node.size for node in case.graph.order) > LARGE
        self.known: list[tuple[Candidate, frozenset[Tensor]]] = []
        self.changes: list[tuple[Candidate, Change]] = []  # of what was tried, without a number
        suspects = [p for p in case.graph.places if self.below[p.argument] == case.wrong]
        self.more = candidates(case, suspects)
        self.last_zero: tuple[list[Place], Replay, Replay | None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether as much of the budget is used up as there is for now."""
        return seconds_since(self.start) > self.limit * self.seconds

    def changed(self, mistake: Candidate | Slip) -> frozenset[Tensor]:
        """The tensors whose gradients a mistake has an influence on."""
        if isinstance(mistake, Slip):
            return frozenset(mistake.tensors)
        none: frozenset[Tensor] = frozenset()
        return none.union(*[self.below[place.argument] for place in mistake.wrong])

    def reaching(self, tensors: frozenset[Tensor]) -> Iterator[Candidate]:
        """The candidates that have an influence on the gradients of all of these."""
        yield from (candidate for candidate, reached in self.known if tensors <= reached)
        for candidate in self.more:
            reached = self.changed(candidate) if self._is_asked(candidate) else frozenset()
            self.known += [(candidate, reached)] if reached else []
            if reached and tensors <= reached:
                yield candidate
            if self.is_over:
                return

    def _is_asked(self, candidate: Candidate) -> bool:
        """Whether a candidate is at one of the nodes at which mistakes are looked for."""
        within = self.case.within
        return not within or any(place.node in within for place in candidate.wrong)

    def others(self, tensors: frozenset[Tensor]) -> list[Candidate]:
        """The candidates known by now that have none on some of them."""
        return [candidate for candidate, reached in self.known if not tensors <= reached]

    def predict(self, wrong: Wrong, base: Replay) -> Replay | None:
        """What comes out with more steps wrong; None if nothing, or the budget is used up."""
        return None if self.is_over else self.case.graph.replay(wrong, base)

    def findings(self, base: Replay, chosen: Iterable[Candidate]) -> Iterator[Finding]:
        """Those of the candidates that change something, on top of mistakes assumed."""
        for candidate in chosen:
            self.progress.update()
            if base is self.case.graph.right and self.projection.takes(candidate):
                fitted = self._projected(candidate)
                if fitted is None:
                    continue
                if not (fitted > self.case.fitted(base) or fitted >= self.case.wrong):
                    yield Finding(candidate, fitted)
                    continue
            elif base is self.case.graph.right and self._is_off_at_once(candidate):
                continue
            yield from self._replayed(candidate, base)
            if self.is_over:
                return

    def _is_off_at_once(self, candidate: Candidate) -> bool:
        """Whether the first of several steps gives others than what was handed in.

        It is asked where the gradients that no other step changes tell, and replays take long.
        """
        steps = [*candidate.wrong]
        backward = self.is_large and self.projection.pays and all(p.slot >= 0 for p in steps)
        if not backward or len(steps) < 2 or candidate.solve:
            return False
        first = self.case.graph.first_of(steps)
        others = [place for place in steps if place is not first]
        alone = self.below[first.argument].difference(*[self.below[p.argument] for p in others])
        change = self.projection.change({first: candidate.wrong[first]}) if alone else None
        return change is not None and not alone <= self.projection.fitted(change)

    def but_for_factors(self) -> Iterator[Candidate]:
        """The candidates after which each gradient may be a multiple of the one handed in."""
        right = self.projection.of(self.case.graph.right)
        for candidate, change in self.changes:
            if self.projection.fitted_but_for_factors(right, change) == self.case.everything:
                yield candidate

    def pairs(
        self, rank: Callable[[Candidate], Any], most: int
    ) -> Iterator[tuple[Candidate, Finding]]:
        """Two of so many likely mistakes, one of them below the other, that all fits with.

        Alone they leave right what was handed in right.
        """
        graph, projection = self.case.graph, self.projection
        wrong, fine = self.case.wrong, self.case.everything - self.case.wrong
        # What changes nothing alone, as what softmax takes away again, may do so after another one.
        alone = {}
        for m, change in self.changes[::-1]:
            alone[str([*change.by.values()]), *[place.slot for place in m.wrong]] = m, change
        chosen = [(m, c) for m, c in alone.values() if fine <= projection.fitted(c)]
        loops = [frozenset(group) for group in graph.alike]
        chosen = [(m, c) for m, c in chosen if not _is_in_some_steps(frozenset(m.wrong), loops)]
        chosen = sorted(chosen, key=lambda each: rank(each[0]))[:most]
        steps = [frozenset(place.number for place in m.wrong) for m, _ in chosen]
        factors = [m for m, _ in self.known if m.kind == "factor" and m.solve]
        factors = [m for m in factors if projection.takes(m)]
        for first, change in chosen:
            replay = self.predict(first.wrong, graph.right)
            if replay is None:
                continue
            below = frozenset(graph.program.below([place.number for place in first.wrong]))
            for (second, more), numbers in zip(chosen, steps):
                if self.is_over:
                    return
                is_below = not below.isdisjoint(numbers)
                if {*first.wrong} & {*second.wrong}:
                    continue
                if is_below and not projection.takes(second):
                    if second.kind == "constant statistics":  # Of the others there are too many.
                        yield from ((first, found) for found in self._replayed(second, replay))
                    continue
                added = projection.change(second.wrong, replay) if is_below else more
                total = change.plus(added, 1.0) if added else None
                if total and projection.fits(total):
                    yield from ((first, found) for found in self._replayed(second, replay))
            for second in factors if first.kind not in FACTORS and not self.is_over else ():
                slope = projection.change(scaled(second.wrong, 2.0), replay)
                ways = projection.with_strengths(change, slope, wrong) if slope else ()
                if any(map(projection.fits, ways)):
                    yield from ((first, found) for found in self._replayed(second, replay))

    def _projected(self, candidate: Candidate) -> frozenset[Tensor] | None:
        """Whose gradients may be as handed in, at the best strength; None if nothing changes."""
        projection, wrong = self.projection, self.case.wrong
        change = projection.change(candidate.wrong)
        if change is None:
            return None
        if candidate.solve is None:
            self.changes.append((candidate, change))
            return projection.fitted(change) if any(change.by.values()) else None
        fixed = projection.none()
        if candidate.neutral != 0:
            zero = projection.change(candidate.solve(0.0))
            if zero is None:
                return None
            fixed, change = zero, change.plus(zero, -1.0)
        if candidate.kind == "factor":
            for strength in (0.0, -1.0):
                alone = candidate.at(strength)._replace(solve=None)
                self.changes.append((alone, fixed.plus(change, strength)))
        if all(abs(change.by[key]) <= change.exactly_to[key] for key in change.by):
            return None
        found = self.case.everything - wrong
        for there in projection.with_strengths(fixed, change, wrong):
            found = max(found, projection.fitted(there), key=lambda f: (f >= wrong, len(f)))
        return found

    def _replayed(self, candidate: Candidate, base: Replay) -> Iterator[Finding]:
        case = self.case
        for mistake in self._solved(candidate, base):
            predicted = self.predict(mistake.wrong, base)
            if predicted is None or not case.differ(base, predicted):
                continue
            if base is case.graph.right and not (mistake.solve or self.projection.takes(mistake)):
                self.changes.append((mistake, self.projection.between(base, predicted)))
            finding = Finding(mistake, case.fitted(predicted))
            if finding.fitted > case.fitted(base) and self._loses_all(mistake, predicted):
                finding = finding._replace(mistake=mistake._replace(far_fetched=True))
            if finding.fitted == case.everything:
                error = max([case.error(t, predicted[t]) for t in case.manual])
                finding = finding._replace(error=error)
            elif finding.fitted > case.fitted(base) or finding.fitted >= case.wrong:
                sums = [np.vdot(predicted[t], w) for t, w in self.weights.items()]
                finding = finding._replace(sums=tuple([f"{x:.8e}" for x in sums]))
            yield finding

    def _loses_all(self, mistake: Candidate, predicted: Replay) -> bool:
        """Whether a step is left out in effect, though not in words: what it adds becomes 0."""
        right, manual = self.case.graph.right.values, self.case.manual
        summed = mistake.kind == "wrong axis" and all(p.argument in manual for p in mistake.wrong)
        if mistake.kind in LEFT_OUT or (self.is_rounding and summed):
            return False
        if any(isinstance(vjp, Scaled) for vjp in mistake.wrong.values()):
            return False
        graph = self.case.graph
        backward = slice(graph.program.values[graph.loss].number + 1, None)
        pairs = zip(predicted.values[backward], right[backward])
        changed = (pair for pair in pairs if pair[0] is not pair[1])
        # Of a step with several results, each is that of a step of its own as well.
        return any(_is_lost(*pair) for pair in changed if type(pair[0]) is not tuple)

    def _solved(self, candidate: Candidate, base: Replay) -> list[Candidate]:
        """Itself, or with the strengths that make a gradient right, which they change linearly."""
        wrong, solve = candidate.wrong, candidate.solve
        if base.replaced and any(place.number in base.replaced for place in wrong):
            return []
        if solve is None:
            return [candidate]
        at_zero = base if candidate.neutral == 0 else self._at_zero(solve, [*wrong], base)
        at_one = base if candidate.neutral == 1 else self.predict(wrong, base)
        if at_zero is None or at_one is None:
            return []
        neutral = candidate.neutral or 0.0
        known = {f"{neutral:.6g}": neutral}
        for tensor, number in self.case.steps.items():
            zero, one = at_zero.values[number], at_one.values[number]
            if zero is not one and tensor not in self.case.fitted(base):
                strength = self._strength(tensor, zero, one - zero)
                if strength is not None:
                    known.setdefault(f"{strength:.6g}", strength)
        return [candidate.at(strength) for strength in [*known.values()][1:3]]

    def _at_zero(
        self, solve: Callable[[float], Wrong], places: list[Place], base: Replay
    ) -> Replay | None:
        """What comes out where steps add nothing: the same for candidates of the same steps."""
        if self.last_zero is None or self.last_zero[:2] != (places, base):
            self.last_zero = places, base, self.predict(solve(0.0), base)
        return self.last_zero[2]

    def _strength(self, tensor: Tensor, at_zero: Array, slope: Array) -> float | None:
        """The strength that reproduces a tensor's gradient by hand, if there is one."""
        case, given = self.case, self.case.manual[tensor]
        if given.shape != at_zero.shape:
            return None
        solved = closest_factor(given - at_zero, slope)
        if not case.error(tensor, at_zero + solved * slope) <= max(LINEAR_ENOUGH, case.tolerance):
            return None
        for strength in (0.0, rounded(solved)):
            # What is nothing but rounding was summed up; 0 is written down.
            summed = strength == 0 and given.any() and not at_zero.any()
            if not summed and case.error(tensor, at_zero + strength * slope) <= case.tolerance:
                return strength
        return solved
