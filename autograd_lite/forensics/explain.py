"""The search for what explains all gradients that were derived by hand.

explain(case)           one mistake, or slips alone; else pairs
_pairs(...)             what builds on partial success, and a factor or slip on top of others
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autograd_lite.forensics.case import Case, relative_error
from autograd_lite.forensics.factors import closest_factor
from autograd_lite.forensics.harmless import Variation
from autograd_lite.forensics.ranking import Hypothesis, is_plausible, rank, ranked
from autograd_lite.forensics.replay import Replay
from autograd_lite.forensics.search import Finding, Search
from autograd_lite.forensics.slips import previous_step, slips_in

STEPS_FOR_SINGLES = 1_000_000
"""Steps that are replayed in search of one mistake, a few seconds' worth."""
STEPS_FOR_PAIRS = 300_000
"""Steps that are replayed in search of two mistakes, about a second's worth."""
PARTIAL = 8
"""Partial explanations that a second mistake is looked for on top of."""
WHOLLY = 200
"""Mistakes that explain nothing alone, and that a factor or a slip is looked for on top of."""


def explain(case: Case, harmless: Iterable[Variation]) -> list[Hypothesis]:
    """What explains all gradients that were handed in, the most plausible first.

    Args:
        case: what was handed in.
        harmless: differences that are no mistakes.
    """
    search = Search(case)
    found: list[Hypothesis] = []
    changed = [variation.replay for variation in harmless if _matters(case, variation)]
    for base in [case.graph.right, *changed]:
        found = ranked(case, [*found, *_explain_on(case, search, base)])
        if found and found[0].size() == 1 and is_plausible(case, found[0]):
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
    complete = [Hypothesis([f.mistake], error=f.error) for f in singles if _explains(case, f)]
    earlier = None if already else previous_step(case)
    if earlier is not None:
        complete.append(Hypothesis([], dict.fromkeys(case.manual, earlier)))
    alone = slips_in(case, base, wrong)
    if alone is not None:
        complete.append(Hypothesis([], alone))
    if any(e.size() == 1 for e in complete):
        return complete
    others = [candidate for candidate, reached in search.reached if not wrong <= reached]
    singles += search.findings(base, others)
    search.budget = STEPS_FOR_PAIRS
    pairs = _pairs(case, search, base, singles)
    search.budget = math.inf
    return [*complete, *pairs]


def _explains(case: Case, finding: Finding) -> bool:
    """Whether all fits, not by a number that was solved for one wrong entry and means nothing."""
    if finding.fitted != case.everything:
        return False
    wrong = case.everything - case.fitted(case.graph.right)
    return sum(tensor.size for tensor in wrong) != 1 or not rank(case, finding.mistake)[0]


def _pairs(case: Case, search: Search, base: Replay, singles: list[Finding]) -> list[Hypothesis]:
    """Two mistakes, of which the first makes more gradients right, and the second the others.

    Or the first makes none right, and what is left is a factor or a slip.
    """
    already = case.fitted(base)
    some = [f for f in singles if already < f.fitted < case.everything]
    some.sort(key=lambda f: (-len(f.fitted), rank(case, f.mistake)))
    distinct: dict[Any, Finding] = {}
    for finding in some:
        distinct.setdefault(finding.sums, finding)
    found: list[Hypothesis] = []
    for first in [*distinct.values()][:PARTIAL]:
        found += _with_another(case, search, base, first)
    if found:
        return found
    wholly = [f for f in singles if not f.mistake.solve and not f.fitted > already]
    wholly.sort(key=lambda f: rank(case, f.mistake))
    for first in wholly[:WHOLLY]:
        found += _with_another(case, search, base, first, factors_only=True)
    return found


def _with_another(
    case: Case, search: Search, base: Replay, first: Finding, factors_only: bool = False
) -> list[Hypothesis]:
    """The first mistake with slips, or with a second one."""
    replay = search.predict(first.mistake.wrong, base)
    if replay is None:
        return []
    slips = slips_in(case, replay, case.everything - first.fitted)
    found = [] if slips is None else [Hypothesis([first.mistake], slips)]
    second = search.reaching(case.everything - case.fitted(replay))
    if factors_only:
        left = _is_a_factor_left(case, replay)
        second = [candidate for candidate in second if left and candidate.kind == "factor"]
    on_top = search.findings(replay, second)
    return found + [
        Hypothesis([first.mistake, f.mistake], error=f.error) for f in on_top if _explains(case, f)
    ]


def _is_a_factor_left(case: Case, predicted: Replay) -> bool:
    """Whether a factor is all that is missing in each gradient."""
    pairs = [(tensor, given, predicted[tensor]) for tensor, given in case.manual.items()]
    return all(
        given.shape == right.shape
        and case.error(tensor, closest_factor(given, right) * right) <= case.tolerance
        for tensor, given, right in pairs
    )
