"""Replays of every mistake at every step where it can be made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, rounded
from autograd_lite.forensics.function_mistakes import FUNCTION_MISTAKES
from autograd_lite.forensics.group_mistakes import GROUP_MISTAKES
from autograd_lite.forensics.product_mistakes import PRODUCT_MISTAKES
from autograd_lite.forensics.replay import Place, Replay, Wrong
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

STEP_MISTAKES = (*FUNCTION_MISTAKES, *PRODUCT_MISTAKES)
"""What yields the mistakes that a step invites."""

STEPS_PER_REPLAY = 50
"""Steps of a replay that take as long as what is done with its result."""

LINEAR_ENOUGH = 1e-6
"""Relative error up to which a gradient is taken to be linear in a strength."""


class Finding(NamedTuple):
    """A mistake with its strength, and what comes out with it."""

    mistake: Candidate
    fitted: frozenset[Tensor]  # whose gradients are as they were handed in
    sums: tuple[str, ...] = ()  # where more fit, what findings with the same gradients share
    error: float = math.inf  # the largest relative one that is left, where all fit


def candidates(case: Case) -> Iterator[Candidate]:
    """Every mistake at every step where it can be made: at one of them, or at all alike."""
    alike: dict[Any, Wrong] = {}
    for place in case.graph.places:
        own = [mistake for of_step in STEP_MISTAKES for mistake in of_step(case.graph, place)]
        for number, (kind, what, vjp) in enumerate(own):
            key = (kind, what, place.operation, place.slot, number)
            alike.setdefault(key, {})[place] = vjp
    for (kind, what, *_), wrong in alike.items():
        places = [*wrong]
        several = [places] * (len(places) > 1) + [places[1:]] * (len(places) > 2)
        for chosen in [*([place] for place in places), *several]:
            yield Candidate(kind, what, {place: wrong[place] for place in chosen})
    for of_case in GROUP_MISTAKES:
        yield from of_case(case)


class Search:
    """Replays of one case's candidates."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.budget = math.inf  # steps that may still be replayed
        rng = np.random.default_rng(0)
        self.weights = {tensor: rng.normal(size=tensor.shape) for tensor in case.manual}
        below: dict[Tensor, frozenset[Tensor]] = {}
        for node in reversed(case.graph.order):
            inputs = [below[place.argument] for place in case.graph.places_of.get(node, ())]
            below[node] = frozenset({node} & case.manual.keys()).union(*inputs)
        self.reached: list[tuple[Candidate, frozenset[Tensor]]] = []
        for candidate in candidates(case):
            changed = frozenset().union(*[below[place.argument] for place in candidate.wrong])
            self.reached += [(candidate, changed)] if changed else []
        self.last_zero: tuple[list[Place], Replay, Replay | None] | None = None

    def reaching(self, tensors: frozenset[Tensor]) -> list[Candidate]:
        """The candidates that have an influence on the gradients of all of these."""
        return [candidate for candidate, reached in self.reached if tensors <= reached]

    def predict(self, wrong: Wrong, base: Replay) -> Replay | None:
        """What comes out with more steps wrong; None if nothing, or the budget is used up."""
        if self.budget <= 0:
            return None
        replay = self.case.graph.replay(wrong, base)
        self.budget -= (replay.ran if replay else 0) + STEPS_PER_REPLAY
        return replay

    def findings(self, base: Replay, chosen: Iterable[Candidate]) -> Iterator[Finding]:
        """Those of the candidates that change something, on top of mistakes assumed."""
        case = self.case
        for candidate in chosen:
            for mistake in self._solved(candidate, base):
                predicted = self.predict(mistake.wrong, base)
                if predicted is None or not case.differ(base, predicted):
                    continue
                finding = Finding(mistake, case.fitted(predicted))
                if finding.fitted == case.everything:
                    error = max([case.error(t, predicted[t]) for t in case.manual])
                    finding = finding._replace(error=error)
                elif finding.fitted > case.fitted(base):
                    sums = [np.vdot(predicted[t], w) for t, w in self.weights.items()]
                    finding = finding._replace(sums=tuple([f"{x:.8e}" for x in sums]))
                yield finding

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
            if case.error(tensor, at_zero + strength * slope) <= case.tolerance:
                return strength
        return solved
