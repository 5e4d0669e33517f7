"""The search for what explains all gradients that were derived by hand.

explain(case)           one mistake, or slips alone; else pairs
_pairs(...)             what builds on partial success, and a factor or slip on top of others
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case, largest_error
from autograd_lite.forensics.ranking import Hypothesis, is_plausible, rank, ranked
from autograd_lite.forensics.replay import Replay
from autograd_lite.forensics.search import Finding, Search
from autograd_lite.forensics.slips import Slip, previous_step, slips
from autograd_lite.tensor import Tensor

STEPS_FOR_SINGLES = 1_000_000
"""Steps that are replayed in search of one mistake, a few seconds' worth."""
STEPS_FOR_PAIRS = 300_000
"""Steps that are replayed in search of two mistakes, about a second's worth."""
PARTIAL = 8
"""Partial explanations that a second mistake is looked for on top of."""
WHOLLY = 200
"""Mistakes that explain nothing alone, and that a factor or a slip is looked for on top of."""


def explain(case: Case, harmless: Iterable[tuple[Candidate, Replay]]) -> list[Hypothesis]:
    """What explains all gradients that were handed in, the most plausible first.

    Args:
        case: what was handed in.
        harmless: differences that are no mistakes, and what comes out with them.
    """
    search = Search(case)
    found: list[Hypothesis] = []
    changed = [replay for candidate, replay in harmless if _matters(case, candidate, replay)]
    for base in [case.graph.right, *changed]:
        found = ranked(case, [*found, *_explain_on(case, search, base)])
        if found and found[0].size() == 1 and is_plausible(case, found[0]):
            break
    return found


def _matters(case: Case, candidate: Candidate, replay: Replay) -> bool:
    """Whether what is no mistake changes the gradients noticeably, or makes more of them fit."""
    right = case.graph.right
    if case.fitted(replay) > case.fitted(right):
        return True
    return len(candidate.strengths) <= 1 and any(
        largest_error(right[tensor], replay[tensor], 0.0) > case.tolerance / 100
        for tensor in case.manual
    )


def _explain_on(case: Case, search: Search, base: Replay) -> list[Hypothesis]:
    already = case.fitted(base)
    search.budget = STEPS_FOR_SINGLES
    able = search.reaching(case.everything - already)
    singles = [*search.findings(base, able)]
    complete = [
        Hypothesis([f], {})
        for f in singles
        if f.fitted == case.everything and not _says_nothing(case, f)
    ]
    alone = _slips(case, base, case.everything - already)
    earlier = None if already else previous_step(case.graph, case.manual)
    if earlier is not None:
        complete.append(Hypothesis([], dict.fromkeys(case.manual, earlier)))
    if alone is not None:
        complete.append(Hypothesis([], alone))
    if any(e.size() == 1 for e in complete):
        return complete
    others = sorted({*range(len(search.candidates))}.difference(able))
    singles += search.findings(base, others)
    singles.sort(key=lambda f: f.number)
    search.budget = STEPS_FOR_PAIRS
    pairs = _pairs(case, search, base, singles, already)
    search.budget = math.inf
    return [*complete, *pairs]


def _says_nothing(case: Case, finding: Finding) -> bool:
    """Whether a number was solved for that one wrong entry fixes, and that means nothing."""
    wrong = case.everything - case.fitted(case.graph.right)
    one_entry = sum(tensor.size for tensor in wrong) == 1
    return one_entry and finding.candidate.is_solved and bool(rank(case, finding)[0])


def _slips(case: Case, predicted: Replay, tensors: frozenset[Tensor]) -> dict[Tensor, Slip] | None:
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
    base: Replay,
    singles: list[Finding],
    already: frozenset[Tensor],
) -> list[Hypothesis]:
    """Two mistakes, of which the first makes more gradients right, and the second the others.

    Or the first makes none right, and what is left is a factor or a slip.
    """
    some = [f for f in singles if already < f.fitted < case.everything]
    some.sort(key=lambda f: (-len(f.fitted), rank(case, f)))
    found: list[Hypothesis] = []
    for first in itertools.islice(_distinct(some), PARTIAL):
        found += _with_another(case, search, base, first)
    if found:
        return found
    wholly = [f for f in singles if not f.candidate.is_solved and not f.fitted > already]
    wholly.sort(key=lambda f: rank(case, f))
    for first in wholly[:WHOLLY]:
        found += _with_another(case, search, base, first, factors_only=True)
    return found


def _with_another(
    case: Case, search: Search, base: Replay, first: Finding, factors_only: bool = False
) -> list[Hypothesis]:
    """The first mistake with slips, or with a second one."""
    replay = search.predict(first.wrong, base)
    if replay is None:
        return []
    alone = _slips(case, replay, case.everything - first.fitted)
    found = [] if alone is None else [Hypothesis([first], alone)]
    numbers = search.reaching(case.everything - case.fitted(replay))
    if factors_only:
        left = _is_a_factor_left(case, replay)
        numbers = [n for n in numbers if left and search.candidates[n].kind == "factor"]
    return found + [
        Hypothesis([first, second], {})
        for second in search.findings(replay, numbers)
        if second.fitted == case.everything and not _says_nothing(case, second)
    ]


def _is_a_factor_left(case: Case, predicted: Replay) -> bool:
    """Whether a factor is all that is missing in each gradient."""
    for tensor, given in case.manual.items():
        right = predicted[tensor]
        square = float(np.vdot(right, right)) if given.shape == right.shape else 0.0
        factor = float(np.vdot(right, given)) / square if square else np.nan
        if not case.error(tensor, factor * right) <= case.tolerance:
            return False
    return True


def _distinct(findings: list[Finding]) -> Iterator[Finding]:
    """One of those that come to the same."""
    kept: list[list[float]] = []
    for finding in findings:
        if not any(_alike(finding.sums, sums) for sums in kept):
            kept.append(finding.sums)
            yield finding


def _alike(one: list[float], other: list[float]) -> bool:
    return all(map(functools.partial(math.isclose, rel_tol=1e-9), one, other))
