"""What explains all gradients that were derived by hand, the most plausible first.

Search                  replays of every mistake at every step where it can be made
explain(case)           one mistake, or slips alone; else pairs
_pairs(...)             what builds on partial success, and a factor or slip on top of others
ranked(case, ...)       which of several explanations is the more plausible
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case, Variation, relative_error
from autograd_lite.forensics.factors import closest_factor, is_round, rounded
from autograd_lite.forensics.group_mistakes import GROUP_MISTAKES
from autograd_lite.forensics.joint_mistakes import JOINT_MISTAKES
from autograd_lite.forensics.other_data import other_arrays
from autograd_lite.forensics.replay import Place, Replay, Wrong
from autograd_lite.forensics.slips import Slip, newton, previous_step, slips_in
from autograd_lite.forensics.step_mistakes import STEP_MISTAKES
from autograd_lite.forensics.uses import (
    alike,
    dropped_uses,
    factors_alike,
    own_term,
    roles,
    wrong_cotangent,
)
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

KINDS = (
    *("ties", "branches", "dropout", "constant statistics", "softmax cross terms", "penalty"),
    "repeated index",
    *("wrong place", "derivative twice", "derivative forgotten", "sign", "factor", "dropped path"),
    *("transposed", "reshaped", "wrong axis", "not summed", "swapped", "wrong formula"),
    *("another derivative", "cotangent lost", "entries left out", "labels", "misplaced", "kernel"),
    *("another loss", "previous step", "stale weights", "other arrays", "copied"),
    "another quantity",
)
"""Kinds of mistakes, the more plausible ones first where several explain the same."""
MOST = 5
"""Explanations that are kept where many explain the same."""
STEPS_FOR_SINGLES = 1_000_000
"""Steps that are replayed in search of one mistake, a few seconds' worth."""
STEPS_FOR_PAIRS = 300_000
"""Steps that are replayed in search of two mistakes, about a second's worth."""
PARTIAL = 8
"""Partial explanations that a second mistake is looked for on top of."""
WHOLLY = 200
"""Mistakes that explain nothing alone, and that a factor or a slip is looked for on top of."""
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
    same: dict[Any, Wrong] = {}
    for place in case.graph.places:
        counts: Counter[Any] = Counter()
        for of_step in (*STEP_MISTAKES, wrong_cotangent, own_term):
            for kind, what, vjp in of_step(case.graph, place):
                counts[kind, what] += 1
                key = (kind, what, place.operation, place.slot, counts[kind, what])
                same.setdefault(key, {})[place] = vjp
    of = roles(case.graph)
    for (kind, what, *_), wrong in same.items():
        places = [*wrong]
        several = {tuple(group): group for group in [places, places[1:], *alike(places, of)]}
        groups = [group for group in several.values() if len(group) > 1]
        for chosen in [*([place] for place in places), *groups]:
            yield Candidate(kind, what, {place: wrong[place] for place in chosen})
    for of_case in (*GROUP_MISTAKES, *JOINT_MISTAKES, dropped_uses, factors_alike, other_arrays):
        yield from of_case(case)


class Search:
    """Replays of one case's candidates."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.budget = math.inf  # steps that may still be replayed
        rng = np.random.default_rng(0)
        self.weights = {tensor: rng.normal(size=tensor.shape) for tensor in case.manual}
        self.below: dict[Tensor, frozenset[Tensor]] = {}
        for node in reversed(case.graph.order):
            inputs = [self.below[place.argument] for place in case.graph.places_of.get(node, ())]
            self.below[node] = frozenset({node} & case.manual.keys()).union(*inputs)
        self.reached: list[tuple[Candidate, frozenset[Tensor]]] = []
        for candidate in candidates(case):
            changed = self.changed(candidate)
            self.reached += [(candidate, changed)] if changed else []
        self.last_zero: tuple[list[Place], Replay, Replay | None] | None = None

    def changed(self, mistake: Candidate | Slip) -> frozenset[Tensor]:
        """The tensors whose gradients a mistake has an influence on."""
        if isinstance(mistake, Slip):
            return frozenset(mistake.tensors)
        none: frozenset[Tensor] = frozenset()
        return none.union(*[self.below[place.argument] for place in mistake.wrong])

    def explains(self, findings: Sequence[Finding]) -> bool:
        """Whether all gradients fit with the last finding, and no number that is none's."""
        fits = findings[-1].fitted == self.case.everything
        return fits and _is_evidence(self.case, self, [f.mistake for f in findings])

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
            # What is nothing but rounding was summed up; 0 is written down.
            summed = strength == 0 and given.any() and not at_zero.any()
            if not summed and case.error(tensor, at_zero + strength * slope) <= case.tolerance:
                return strength
        return solved


@dataclass(eq=False)
class Hypothesis:
    """Mistakes in steps, then slips in gradients as handed in, that explain these."""

    mistakes: Sequence[Candidate | Slip]
    error: float = 0.0  # the largest relative one that is left in a gradient


def explain(case: Case, harmless: Iterable[Variation]) -> list[Hypothesis]:
    """What explains all gradients that were handed in, besides differences that are harmless."""
    search = Search(case)
    found: list[Hypothesis] = []
    changed = [variation.replay for variation in harmless if _matters(case, variation)]
    for base in [case.graph.right, *changed]:
        found = ranked(case, [*found, *_explain_on(case, search, base)])
        if found and len(found[0].mistakes) == 1 and is_plausible(case, found[0]):
            break
    return found


def _matters(case: Case, variation: Variation) -> bool:
    """Whether what is no mistake changes the gradients noticeably, or makes more of them fit."""
    right, replay = case.graph.right, variation.replay
    return case.fitted(replay) > case.fitted(right) or (
        not variation.far_fetched
        and any(relative_error(right[t], replay[t]) > case.tolerance / 100 for t in case.manual)
    )


def _explain_on(case: Case, search: Search, base: Replay) -> list[Hypothesis]:
    already = case.fitted(base)
    wrong = case.everything - already
    search.budget = STEPS_FOR_SINGLES
    singles = [*search.findings(base, search.reaching(wrong))]
    complete = [Hypothesis([f.mistake], error=f.error) for f in singles if search.explains([f])]
    slips = [None if already else previous_step(case), slips_in(case, base, wrong)]
    slips += [newton(case)] if base is case.graph.right and not any(slips) else []
    complete += [Hypothesis(s) for s in slips if s and _is_evidence(case, search, s)]
    if any(len(each.mistakes) == 1 for each in complete):
        return complete
    others = [candidate for candidate, reached in search.reached if not wrong <= reached]
    singles += search.findings(base, others)
    search.budget = STEPS_FOR_PAIRS
    pairs = _pairs(case, search, base, singles)
    search.budget = math.inf
    return [*complete, *pairs]


def _is_evidence(case: Case, search: Search, mistakes: Sequence[Candidate | Slip]) -> bool:
    """Whether mistakes explain more than what their numbers were solved for.

    A number without words makes any entry right: there are to be two wrong ones more.
    """
    wrong = case.everything - case.fitted(case.graph.right)
    solved = [mistake for mistake in mistakes if _is_solved(case, mistake)]
    entries = [sum(t.size for t in wrong & search.changed(mistake)) for mistake in solved]
    return all(count > 2 for count in entries) and (
        not solved or len(solved) < sum(tensor.size for tensor in wrong) - 1
    )


def _is_solved(case: Case, mistake: Candidate | Slip) -> bool:
    """Whether a mistake has a number that means nothing: one that was solved for."""
    if isinstance(mistake, Slip):
        return mistake.factor is not None and not case.in_words(mistake.factor)
    if mistake.solve is None:
        return False
    factor, place = mistake.factor, case.graph.first_of(mistake.wrong)
    words = case.in_words(factor, place) if factor is not None else ""
    return not words and not is_round(mistake.strength * mistake.unit)


def _pairs(case: Case, search: Search, base: Replay, singles: list[Finding]) -> list[Hypothesis]:
    """One that makes more gradients right, or leaves a factor or a slip, and one for the others."""
    already = case.fitted(base)
    some = [f for f in singles if already < f.fitted < case.everything]
    some.sort(key=lambda f: (-len(f.fitted), rank(case, f.mistake)))
    distinct: dict[Any, Finding] = {}
    for finding in some:
        distinct.setdefault(finding.sums, finding)
    found: list[Hypothesis] = []
    for first in [*distinct.values()][:PARTIAL]:
        found += _with_another(case, search, base, first)
    if not found:
        wholly = [f for f in singles if not f.mistake.solve and not f.fitted > already]
        for first in sorted(wholly, key=lambda f: rank(case, f.mistake))[:WHOLLY]:
            found += _with_another(case, search, base, first, factors_only=True)
    return found


def _with_another(
    case: Case, search: Search, base: Replay, first: Finding, factors_only: bool = False
) -> list[Hypothesis]:
    replay = search.predict(first.mistake.wrong, base)
    if replay is None:
        return []
    slips = slips_in(case, replay, case.everything - first.fitted)
    both = None if slips is None else [first.mistake, *slips]
    found = [Hypothesis(both)] if both and _is_evidence(case, search, both) else []
    second = search.reaching(case.everything - case.fitted(replay))
    if factors_only:
        left = _is_a_factor_left(case, replay)
        second = [candidate for candidate in second if left and candidate.kind == "factor"]
    on_top = search.findings(replay, second)
    return found + [
        Hypothesis([first.mistake, f.mistake], error=f.error)
        for f in on_top
        if search.explains([first, f])
    ]


def _is_a_factor_left(case: Case, predicted: Replay) -> bool:
    pairs = [(tensor, given, predicted[tensor]) for tensor, given in case.manual.items()]
    return all(
        given.shape == right.shape
        and case.error(tensor, closest_factor(given, right) * right) <= case.tolerance
        for tensor, given, right in pairs
    )


def ranked(case: Case, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses of the fewest mistakes, each once, the most plausible first."""
    smallest = min((len(h.mistakes) for h in hypotheses), default=0)
    fewest = [h for h in hypotheses if len(h.mistakes) == smallest]
    ranks = {h: [rank(case, mistake) for mistake in h.mistakes] for h in fewest}
    in_doubt = {
        h for h in fewest for m, r in zip(h.mistakes, ranks[h]) if r[0] and isinstance(m, Candidate)
    }
    known = [h for h in fewest if h not in in_doubt]
    best = sorted(known or fewest, key=ranks.__getitem__)
    distinct: dict[Any, Hypothesis] = {}
    for hypothesis in best:
        distinct.setdefault(frozenset(m.says for m in hypothesis.mistakes), hypothesis)
    return [*distinct.values()][:MOST]


def is_plausible(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether there is no need to look further."""
    return not any(
        isinstance(m, Candidate) and (any(rank(case, m)[:2]) or m.kind == "another loss")
        for m in hypothesis.mistakes
    )


def rank(case: Case, mistake: Candidate | Slip) -> tuple[Any, ...]:
    """What is more plausible sorts first; what has a number that means nothing has True first."""
    if isinstance(mistake, Slip):
        return _is_solved(case, mistake), False, KINDS.index(mistake.kind) + 0.5
    place, factor = case.graph.first_of(mistake.wrong), mistake.factor
    words = case.in_words(factor, place) if factor is not None else ""
    return (
        not words if factor is not None else _is_solved(case, mistake),
        mistake.far_fetched,
        KINDS.index(mistake.kind),
        len(mistake.wrong),
        factor is not None and not case.usual_words(factor, place),
        # A learning rate is left in what the weights are updated with, other factors early on.
        "learning rate" in words and place.argument.operation is not None,
        place.argument not in case.named,
        case.graph.position[place.node],
    )
