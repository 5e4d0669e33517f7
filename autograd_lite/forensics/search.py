"""Replays of every mistake at every step where it can be made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import rounded
from autograd_lite.forensics.function_mistakes import FUNCTION_MISTAKES
from autograd_lite.forensics.group_mistakes import GROUP_MISTAKES, stale_weights
from autograd_lite.forensics.product_mistakes import PRODUCT_MISTAKES
from autograd_lite.forensics.replay import Graph, Replay, Wrong
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor


@dataclass(eq=False)
class Finding:
    """A candidate with its strength, and what comes out with it.

    Attributes:
        number: of the candidate.
        wrong: the steps that are done wrongly.
        fitted: tensors whose gradients are as they were handed in.
        sums: a number for each tensor that two findings share if their gradients are the same,
            for those that fit anything.
        error: the largest relative error that is left in a gradient, where all fit.
    """

    number: int
    kind: str
    what: str
    wrong: Wrong
    candidate: Candidate
    strength: float
    fitted: frozenset[Tensor]
    sums: list[float]
    error: float

    @property
    def factor(self) -> float | None:
        """The number that a step is multiplied by, for mistakes that are one."""
        return self.strength if self.kind in FACTORS else None


STEPS_PER_REPLAY = 50
"""Steps of a replay that take as long as what is done with its result."""

FACTORS = {"factor", "sign", "dropped path", "penalty"}


def candidates(graph: Graph, manual: Mapping[Tensor, Array]) -> Iterator[Candidate]:
    """Every mistake at every step where it can be made: at one of them, or at all alike."""
    alike: dict[Any, list[Candidate]] = {}
    for place in graph.places:
        own = (c for mistakes in STEP_MISTAKES for c in mistakes(graph, place))
        for number, candidate in enumerate(own):
            kind, what = candidate.kind, candidate.what.replace("{operation}", place.operation.name)
            key = (kind, what, place.operation, place.slot, number)
            alike.setdefault(key, []).append(candidate._replace(what=what))
    for single in alike.values():
        yield from single
        for several in [single] * (len(single) > 1) + [single[1:]] * (len(single) > 2):
            wrong = {place: vjp for each in several for place, vjp in each.steps(1.0).items()}
            yield several[0]._replace(wrong=wrong)
    for mistakes in GROUP_MISTAKES:
        yield from mistakes(graph)
    yield from stale_weights(graph, manual)


STEP_MISTAKES = (*FUNCTION_MISTAKES, *PRODUCT_MISTAKES)


class Search:
    """Replays of one case's candidates.

    Attributes:
        candidates: all of them, by number.
        reached: for each of them the tensors on whose gradients it has an influence.
        budget: steps that may still be replayed, where that is limited.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.budget = math.inf
        rng = np.random.default_rng(0)
        self.weights = {tensor: rng.normal(size=tensor.shape) for tensor in case.manual}
        self.candidates = list(candidates(case.graph, case.manual))
        reached: dict[Tensor, frozenset[Tensor]] = {}
        for node in reversed(case.graph.order):
            inputs = [reached[place.argument] for place in case.graph.places_of[node]]
            reached[node] = frozenset({node} & case.manual.keys()).union(*inputs)
        self.reached = [
            frozenset().union(*(reached[place.argument] for place in candidate.steps(0.0)))
            for candidate in self.candidates
        ]

    def reaching(self, tensors: frozenset[Tensor]) -> list[int]:
        """The numbers of candidates that have an influence on the gradients of all of these."""
        return [number for number, reached in enumerate(self.reached) if tensors <= reached]

    def predict(self, wrong: Wrong, base: Replay) -> Replay | None:
        """What comes out with more steps wrong; None if nothing, or the budget is used up."""
        graph = self.case.graph
        self.budget -= graph.steps_below(wrong) + STEPS_PER_REPLAY
        return graph.replay(wrong, base) if self.budget > 0 else None

    def findings(self, base: Replay, numbers: Iterable[int]) -> Iterator[Finding]:
        """The candidates of some numbers that change something, on top of mistakes assumed."""
        for number in numbers:
            yield from self._findings(number, base)

    def _findings(self, number: int, base: Replay) -> Iterator[Finding]:
        case, candidate, reached = self.case, self.candidates[number], self.reached[number]
        if not reached:
            return
        if candidate.is_solved:
            strengths = self._solved(candidate, base)
        else:
            strengths = [*candidate.strengths] or [1.0]
        for strength in strengths:
            wrong = candidate.steps(strength)
            if not base.wrong.keys().isdisjoint(wrong):
                continue
            predicted = self.predict(wrong, base)
            if predicted is None or all((base[t] == predicted[t]).all() for t in reached):
                continue
            fitted = case.fitted(predicted)
            weights = self.weights if fitted else {}
            yield Finding(
                number,
                *_named(candidate, strength),
                wrong,
                candidate,
                strength,
                fitted,
                sums=[float(np.vdot(predicted[t], weights[t])) for t in weights],
                error=self._error(predicted),
            )

    def _error(self, predicted: Replay) -> float:
        case = self.case
        if case.fitted(predicted) != case.everything:
            return math.inf
        return max(case.error(tensor, predicted[tensor]) for tensor in case.manual)

    def _solved(self, candidate: Candidate, base: Replay) -> list[float]:
        """The strengths that reproduce at least one gradient, which they change linearly."""
        if not base.wrong.keys().isdisjoint(candidate.steps(0.0)):
            return []
        at_zero, at_one = (
            base if strength == candidate.neutral else self.predict(candidate.steps(strength), base)
            for strength in (0.0, 1.0)
        )
        if at_zero is None or at_one is None:
            return []
        known = [candidate.neutral or 0.0]
        for tensor in self.case.manual:
            if at_zero[tensor] is not at_one[tensor]:
                strength = self._strength(tensor, at_zero[tensor], at_one[tensor])
                if strength is not None and not any(_close(strength, other) for other in known):
                    known.append(strength)
        return known[1:3]

    def _strength(self, tensor: Tensor, at_zero: Array, at_one: Array) -> float | None:
        """The strength that reproduces a tensor's gradient by hand, if there is one."""
        given = self.case.manual[tensor]
        if given.shape != at_zero.shape:
            return None
        slope = at_one - at_zero
        square = float(np.vdot(slope, slope))
        strength = float(np.vdot(slope, given - at_zero)) / square if square else np.nan
        if not np.isfinite(strength):
            return None
        if self.case.error(tensor, at_zero) <= self.case.tolerance:
            return 0.0
        if self.case.error(tensor, at_zero + rounded(strength) * slope) <= self.case.tolerance:
            return rounded(strength)
        error = self.case.error(tensor, at_zero + strength * slope)
        return strength if error <= max(LINEAR_ENOUGH, self.case.tolerance) else None


LINEAR_ENOUGH = 1e-6
"""Relative error up to which a gradient is taken to be linear in a strength."""


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * abs(one)


def _named(candidate: Candidate, strength: float) -> tuple[str, str]:
    if candidate.kind == "factor" and strength == 0:
        return "dropped path", "a path is dropped: what arrives over this step is left out"
    if candidate.kind == "factor" and strength == -1:
        return "sign", "the sign is wrong"
    return candidate.kind, candidate.what
