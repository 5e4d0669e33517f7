"""The search for mistakes that reproduce gradients that were derived by hand.

recipes(graph)          every mistake at every step where it can be made
Search.singles(base)    each of them replayed, on top of mistakes assumed already
explain(case)           one mistake, or slips alone; else pairs that build on partial success
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.factors import factor_in_words, is_round, rounded
from autograd_lite.forensics.given import Slip, previous_step, slips
from autograd_lite.forensics.group_mistakes import Family, always, families
from autograd_lite.forensics.harmless import harmless
from autograd_lite.forensics.mistakes import step_mistakes
from autograd_lite.forensics.replay import Array, Graph, Place, Wrong, replay
from autograd_lite.tensor import Tensor

KINDS = (
    "ties",
    "branches",
    "dropout",
    "constant statistics",
    "softmax cross terms",
    "penalty",
    "wrong place",
    "derivative twice",
    "derivative forgotten",
    "sign",
    "factor",
    "dropped path",
    "transposed",
    "reshaped",
    "wrong axis",
    "not summed",
    "swapped",
    "another derivative",
    "another loss",
    "previous step",
    "stale weights",
)
"""Kinds of mistakes, the more plausible ones first where several explain the same."""


@dataclass
class Case:
    """What was handed in: a graph, gradients, how far rounding may take each off, known nodes."""

    graph: Graph
    manual: dict[Tensor, Array]
    tolerance: float
    rounding: dict[Tensor, float]
    named: frozenset[Any]

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The largest difference over the largest entry of both; infinite if shapes differ."""
        given = self.manual[tensor]
        if given.shape != np.shape(predicted):
            return np.inf
        return largest_error(given, predicted, self.rounding[tensor])

    def alike(self, given: Array, predicted: Array) -> bool:
        """Whether two arrays have one shape and differ by no more than the tolerance."""
        same = np.shape(given) == np.shape(predicted)
        return same and largest_error(given, predicted, 0.0) <= self.tolerance

    def fitted(self, predicted: Mapping[Any, Array]) -> frozenset[Tensor]:
        """The tensors whose gradients are as predicted."""
        return frozenset(t for t in self.manual if self.error(t, predicted[t]) <= self.tolerance)


def largest_error(given: Array, predicted: Array, rounding: float) -> float:
    """The largest difference of two entries over the largest entry; 0 within rounding."""
    if given.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        differences = np.where(given == predicted, 0.0, np.abs(given - predicted))
        difference = float(np.max(differences))
        scale = float(max(np.max(np.abs(given)), np.max(np.abs(predicted))))
    if difference <= rounding or difference == 0:
        return 0.0
    return difference / scale if np.isfinite(difference) else np.inf


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


FACTORS = {"factor", "sign", "dropped path", "penalty"}


@dataclass(eq=False)
class Hypothesis:
    """Mistakes in steps, and slips in gradients as handed in, that explain what was handed in."""

    findings: list[Finding]
    slips: dict[Tensor, Slip]
    fitted: frozenset[Tensor]

    def size(self) -> int:
        """The number of different mistakes: the same slip in several gradients is one."""
        return len(self.findings) + len({(s.kind, s.factor) for s in self.slips.values()})


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
    """Replays of one case's recipes."""

    def __init__(self, case: Case) -> None:
        self.case = case
        rng = np.random.default_rng(0)
        self.weights = {tensor: rng.normal(size=tensor.shape) for tensor in case.manual}
        self.recipes = list(recipes(case.graph, case.manual))

    def predict(self, wrong: Wrong) -> dict[Any, Array] | None:
        """The gradients of the tensors in question, and the cotangents of all nodes."""
        return replay(self.case.graph.loss, wrong)

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
        neutral = 1.0 if recipe.kind == "factor" or "another one" in recipe.what else 0.0
        for tensor, given in self.case.manual.items():
            zero = at_zero[tensor]
            if given.shape != np.shape(zero):
                continue
            with np.errstate(all="ignore"):
                slope = at_one[tensor] - zero
                square = float(np.vdot(slope, slope))
                strength = float(np.vdot(slope, given - zero)) / square if square else np.nan
            if not np.isfinite(strength):
                continue
            strength = rounded(strength)
            fits = self.case.error(tensor, zero + strength * slope) <= max(
                1e-6, self.case.tolerance
            )
            new = all(abs(strength - other) > 1e-6 * abs(strength) for other in [neutral, *found])
            if fits and new:
                found.append(strength if abs(strength) > 1e-9 else 0.0)
        return found[:2]


def _named(recipe: Family, strength: float) -> tuple[str, str]:
    if recipe.kind == "factor" and strength == 0:
        return "dropped path", "a path is dropped: what arrives over this step is left out"
    if recipe.kind == "factor" and strength == -1:
        return "sign", "the sign is wrong"
    return recipe.kind, recipe.what


def explain(case: Case) -> list[Hypothesis]:
    """What explains all gradients that were handed in, the most plausible first."""
    search = Search(case)
    found: list[Hypothesis] = []
    for base in _bases(case, search):
        found = _ranked(case, [*found, *_explain_on(case, search, base)])
        if found and found[0].size() == 1 and _is_plausible(case, found[0]):
            break
    return found


def _bases(case: Case, search: Search) -> list[Wrong]:
    """Nothing, and what is no mistake but changes the gradients noticeably."""
    bases: list[Wrong] = [{}]
    automatic = case.graph.cotangents
    for recipe in harmless(case.graph):
        for strength in recipe.strengths:
            predicted = search.predict(recipe.wrong(strength))
            if predicted is None:
                continue
            fits_more = case.fitted(predicted) > case.fitted(automatic)
            changes = any(
                largest_error(automatic[tensor], predicted[tensor], 0.0) > case.tolerance
                for tensor in case.manual
            )
            if fits_more or (changes and len(recipe.strengths) == 1):
                bases.append(recipe.wrong(strength))
    return bases


def _explain_on(case: Case, search: Search, base: Wrong) -> list[Hypothesis]:
    right = search.predict(base)
    if right is None:
        return []
    everything = frozenset(case.manual)
    already = case.fitted(right)
    singles = list(search.singles(base))
    complete = [Hypothesis([f], {}, everything) for _, f in singles if f.fitted == everything]
    alone = _slips(case, right, everything - already)
    earlier = None if already else previous_step(case.graph, case.manual)
    if earlier is not None:
        complete.append(Hypothesis([], dict.fromkeys(case.manual, earlier), everything))
    if alone is not None:
        complete.append(Hypothesis([], alone, everything))
    if any(e.size() == 1 for e in complete):
        return complete
    return complete + _pairs(case, search, base, singles, already)


def _slips(
    case: Case, predicted: Mapping[Any, Array], tensors: frozenset[Tensor]
) -> dict[Tensor, Slip] | None:
    """A slip for each of the tensors, or None if one has none."""
    found = {}
    for tensor in tensors:
        own = list(slips(case.graph, predicted, tensor, case.manual, case.alike))
        if not own:
            return None
        found[tensor] = own[0]
    return found


def _pairs(
    case: Case,
    search: Search,
    base: Wrong,
    singles: list[tuple[int, Finding]],
    already: frozenset[Tensor],
) -> list[Hypothesis]:
    """Two mistakes: the first makes more gradients right than none, the second the others."""
    everything = frozenset(case.manual)
    partial = [(n, f) for n, f in singles if f.fitted > already]
    partial.sort(key=lambda pair: (-len(pair[1].fitted), _rank(case, pair[1])))
    found: list[Hypothesis] = []
    for _, first in _distinct(partial)[:PARTIAL]:
        rest = everything - first.fitted
        predicted = search.predict({**base, **first.wrong})
        slips_of_rest = _slips(case, predicted, rest) if predicted else None
        if slips_of_rest is not None:
            found.append(Hypothesis([first], slips_of_rest, everything))
        numbers = {number for number, finding in singles if finding.changed & rest}
        numbers |= {n for n, recipe in enumerate(search.recipes) if not recipe.strengths}
        for _, second in search.singles({**base, **first.wrong}, numbers):
            if second.fitted == everything:
                found.append(Hypothesis([first, second], {}, everything))
    return found


PARTIAL = 8
"""Partial explanations that a second mistake is looked for on top of."""


def _distinct(partial: list[tuple[int, Finding]]) -> list[tuple[int, Finding]]:
    """One of those that come to the same."""
    kept: list[tuple[int, Finding]] = []
    for number, finding in partial:
        if not any(np.allclose(finding.sums, other.sums, rtol=1e-9, atol=0) for _, other in kept):
            kept.append((number, finding))
    return kept


def _ranked(case: Case, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    smallest = min((e.size() for e in hypotheses), default=0)
    best = [e for e in hypotheses if e.size() == smallest]
    best.sort(
        key=lambda h: (
            [_rank(case, f) for f in h.findings]
            + [_rank_of_slip(case, s) for s in h.slips.values()]
        )
    )
    return list({_signature(h): h for h in reversed(best)}.values())[::-1]


def _signature(hypothesis: Hypothesis) -> frozenset[Any]:
    """What is alike for hypotheses that say the same: a factor may stand anywhere on its path."""
    of_findings = {
        (f.kind, None if f.kind in FACTORS else f.what, f"{f.strength:.6g}", *_places(f))
        for f in hypothesis.findings
    }
    of_slips = {(t, s.kind, f"{s.factor or 0:.6g}") for t, s in hypothesis.slips.items()}
    return frozenset(of_findings | of_slips)


def _places(finding: Finding) -> list[Place]:
    return [] if finding.kind in FACTORS else finding.places


def _is_plausible(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether there is no need to look further."""
    for finding in hypothesis.findings:
        unknown, far_fetched, *_ = _rank(case, finding)
        if unknown or far_fetched or finding.kind == "another loss":
            return False
    return True


def _rank_of_slip(case: Case, slip: Slip) -> tuple[Any, ...]:
    known = slip.factor is None or bool(factor_in_words(slip.factor, case.graph))
    return not known, False, KINDS.index(slip.kind) + 0.5


def _rank(case: Case, finding: Finding) -> tuple[Any, ...]:
    """What is more plausible sorts first."""
    graph = case.graph
    known = True
    if not finding.recipe.strengths:
        words = factor_in_words(finding.strength, graph) if finding.kind in FACTORS else ""
        known = bool(words) or is_round(finding.strength)
    place = min(finding.places, key=lambda p: graph.position[p.node])
    named = place.argument in case.named
    return (
        not known,
        finding.recipe.far_fetched,
        KINDS.index(finding.kind),
        len(finding.places),
        not named,
        graph.position[place.node],
    )
