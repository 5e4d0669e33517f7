"""Replays of every mistake at every step where it can be made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import rounded
from autograd_lite.forensics.function_mistakes import FUNCTION_MISTAKES
from autograd_lite.forensics.group_mistakes import Family, always, families
from autograd_lite.forensics.mistake import Mistake
from autograd_lite.forensics.product_mistakes import PRODUCT_MISTAKES
from autograd_lite.forensics.replay import Array, Graph, Place, Wrong, replay
from autograd_lite.tensor import Tensor


@dataclass(eq=False)
class Finding:
    """A mistake with its strength, and what comes out with it.

    Attributes:
        fitted: tensors whose gradients are as they were handed in.
        changed: tensors whose gradients are others than without the mistake.
        sums: a number for each tensor that two findings share if their gradients are the same,
            for those that fit anything.
        error: the largest relative error that is left in a gradient.
    """

    kind: str
    what: str
    places: list[Place]
    wrong: Wrong
    recipe: Family
    strength: float
    fitted: frozenset[Tensor]
    changed: frozenset[Tensor]
    sums: list[float]
    error: float

    @property
    def factor(self) -> float | None:
        """The number that a step is multiplied by, for mistakes that are one."""
        return self.strength if self.kind in FACTORS else None


STEPS_PER_REPLAY = 50
"""Steps of a replay that take as long as what is done with its result."""

FACTORS = {"factor", "sign", "dropped path", "penalty"}


def step_mistakes(graph: Graph, place: Place) -> Iterator[Mistake]:
    """All mistakes that a step invites."""
    for mistakes in (*FUNCTION_MISTAKES, *PRODUCT_MISTAKES):
        yield from mistakes(graph, place)


def recipes(graph: Graph, manual: Mapping[Tensor, Array]) -> Iterator[Family]:
    """Every mistake at every step where it can be made: at one of them, or at all alike."""
    alike: dict[Any, dict[Place, Any]] = {}
    for place in graph.places:
        for number, mistake in enumerate(step_mistakes(graph, place)):
            key = (mistake.kind, mistake.what, place.operation, place.slot, number)
            alike.setdefault(key, {})[place] = mistake.vjp
    for (kind, what, operation, *_), wrong in alike.items():
        words = what.replace("{operation}", operation.name)
        places = list(wrong)
        groups = [[place] for place in places]
        groups += [places] if len(places) > 1 else []
        groups += [places[1:]] if len(places) > 2 else []
        for group in groups:
            chosen = {place: wrong[place] for place in group}
            yield Family(kind, words, partial(always, chosen), (1.0,))
    yield from families(graph, manual)


class Search:
    """Replays of one case's recipes.

    Attributes:
        budget: steps that may still be replayed, where that is limited.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.budget = math.inf
        rng = np.random.default_rng(0)
        self.weights = {tensor: rng.normal(size=tensor.shape) for tensor in case.manual}
        self.recipes = list(recipes(case.graph, case.manual))

    def predict(self, wrong: Wrong) -> dict[Any, Array] | None:
        """The cotangents of all nodes; None if there are none, or the budget is used up."""
        self.budget -= len(self.case.graph.places) + STEPS_PER_REPLAY
        return replay(self.case.graph.loss, wrong) if self.budget > 0 else None

    def singles(self, base: Wrong, only: set[int] | None = None) -> Iterator[tuple[int, Finding]]:
        """Each mistake that changes something, with its number, on top of others assumed."""
        right = self.predict(base)
        if right is None:
            return
        for number, recipe in enumerate(self.recipes):
            if only is None or number in only:
                for finding in self._findings(recipe, base, right):
                    yield number, finding

    def _findings(
        self, recipe: Family, base: Wrong, right: Mapping[Any, Array]
    ) -> Iterator[Finding]:
        for strength in recipe.strengths or self._solved(recipe, base, right):
            wrong = recipe.wrong(strength)
            if not wrong or any(place in base for place in wrong):
                continue
            predicted = self.predict({**base, **wrong})
            if predicted is None:
                continue
            tensors = self.case.manual
            changed = [t for t in tensors if not np.array_equal(right[t], predicted[t])]
            if changed:
                kind, what = _named(recipe, strength)
                fitted = self.case.fitted(predicted)
                weights = self.weights if fitted else {}
                yield Finding(
                    *(kind, what, list(wrong), wrong, recipe, strength),
                    fitted=fitted,
                    changed=frozenset(changed),
                    sums=[float(np.vdot(predicted[t], weights[t])) for t in weights],
                    error=max(self.case.error(tensor, predicted[tensor]) for tensor in tensors),
                )

    def _solved(self, recipe: Family, base: Wrong, right: Mapping[Any, Array]) -> list[float]:
        """The strengths that reproduce at least one gradient, which they change linearly."""
        if any(place in base for place in recipe.wrong(0.0)):
            return []
        at_zero = self.predict({**base, **recipe.wrong(0.0)})
        at_one = self.predict({**base, **recipe.wrong(1.0)})
        if at_zero is None or at_one is None:
            return []
        found: list[float] = []
        for tensor in self.case.manual:
            strength = self._strength(tensor, at_zero[tensor], at_one[tensor])
            known = [recipe.neutral, *found]
            if strength is not None and not any(_close(strength, other) for other in known):
                found.append(strength)
        return found[:2]

    def _strength(self, tensor: Tensor, at_zero: Array, at_one: Array) -> float | None:
        """The strength that reproduces a tensor's gradient by hand, if there is one."""
        given = self.case.manual[tensor]
        if given.shape != np.shape(at_zero):
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


def _named(recipe: Family, strength: float) -> tuple[str, str]:
    if recipe.kind == "factor" and strength == 0:
        return "dropped path", "a path is dropped: what arrives over this step is left out"
    if recipe.kind == "factor" and strength == -1:
        return "sign", "the sign is wrong"
    return recipe.kind, recipe.what
