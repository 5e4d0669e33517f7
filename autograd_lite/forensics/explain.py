"""The search for what explains all gradients that were derived by hand.

explain(case)           one mistake, or slips alone; else pairs
_pairs(...)             what builds on partial success, and a factor or slip on top of others
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.forensics.case import Case, largest_error
from autograd_lite.forensics.given import Slip, previous_step, slips
from autograd_lite.forensics.harmless import harmless
from autograd_lite.forensics.ranking import Hypothesis, is_plausible, rank, ranked
from autograd_lite.forensics.replay import Array, Wrong
from autograd_lite.forensics.search import Finding, Search
from autograd_lite.tensor import Tensor

STEPS_FOR_SINGLES = 1_000_000
"""Steps that are replayed in search of one mistake, a few seconds' worth."""
STEPS_FOR_PAIRS = 300_000
"""Steps that are replayed in search of two mistakes, about a second's worth."""
PARTIAL = 8
"""Partial explanations that a second mistake is looked for on top of."""
WHOLLY = 200
"""Mistakes that explain nothing alone, and that a factor or a slip is looked for on top of."""


def explain(case: Case) -> list[Hypothesis]:
    """What explains all gradients that were handed in, the most plausible first."""
    search = Search(case)
    found: list[Hypothesis] = []
    for base in _bases(case, search):
        found = ranked(case, [*found, *_explain_on(case, search, base)])
        if found and found[0].size() == 1 and is_plausible(case, found[0]):
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
                largest_error(automatic[tensor], predicted[tensor], 0.0) > case.tolerance / 100
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
    search.budget = STEPS_FOR_SINGLES
    singles = list(search.singles(base))
    complete = [
        Hypothesis([f], {}, everything)
        for _, f in singles
        if f.fitted == everything and not _says_nothing(case, f)
    ]
    alone = _slips(case, right, everything - already)
    earlier = None if already else previous_step(case.graph, case.manual)
    if earlier is not None:
        complete.append(Hypothesis([], dict.fromkeys(case.manual, earlier), everything))
    if alone is not None:
        complete.append(Hypothesis([], alone, everything))
    if any(e.size() == 1 for e in complete):
        return complete
    search.budget = STEPS_FOR_PAIRS
    pairs = _pairs(case, search, base, singles, already)
    search.budget = math.inf
    return [*complete, *pairs]


def _says_nothing(case: Case, finding: Finding) -> bool:
    """Whether a number was solved for that one wrong entry fixes, and that means nothing."""
    wrong = frozenset(case.manual) - case.fitted(case.graph.cotangents)
    one_entry = sum(tensor.size for tensor in wrong) == 1
    return one_entry and not finding.recipe.strengths and bool(rank(case, finding)[0])


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
    """Two mistakes, of which the first makes more gradients right, and the second the others.

    Or the first makes none right, and what is left is a factor or a slip.
    """
    everything = frozenset(case.manual)
    some = [f for _, f in singles if already < f.fitted < everything]
    some.sort(key=lambda f: (-len(f.fitted), rank(case, f)))
    found: list[Hypothesis] = []
    for first in _distinct(some)[:PARTIAL]:
        found += _with_slips(case, search, base, first)
        rest = everything - first.fitted
        numbers = {number for number, finding in singles if finding.changed & rest}
        numbers |= {n for n, recipe in enumerate(search.recipes) if not recipe.strengths}
        found += _with_second(case, search, {**base, **first.wrong}, first, numbers)
    if found:
        return found
    wholly = [f for _, f in singles if f.recipe.strengths and not f.fitted > already]
    wholly.sort(key=lambda f: rank(case, f))
    for first in wholly[:WHOLLY]:
        found += _with_slips(case, search, base, first)
        numbers = _factors_left(case, search, {**base, **first.wrong})
        found += _with_second(case, search, {**base, **first.wrong}, first, numbers)
    return found


def _with_slips(case: Case, search: Search, base: Wrong, first: Finding) -> list[Hypothesis]:
    predicted = search.predict({**base, **first.wrong})
    rest = frozenset(case.manual) - first.fitted
    found = _slips(case, predicted, rest) if predicted else None
    return [] if found is None else [Hypothesis([first], found, frozenset(case.manual))]


def _with_second(
    case: Case, search: Search, base: Wrong, first: Finding, numbers: set[int]
) -> list[Hypothesis]:
    everything = frozenset(case.manual)
    return [
        Hypothesis([first, second], {}, everything)
        for _, second in search.singles(base, numbers)
        if second.fitted == everything and not _says_nothing(case, second)
    ]


def _factors_left(case: Case, search: Search, base: Wrong) -> set[int]:
    """The recipes for factors, if a factor is all that is missing in the gradients."""
    predicted = search.predict(base)
    if predicted is None:
        return set()
    for tensor, given in case.manual.items():
        right = predicted[tensor]
        square = float(np.vdot(right, right)) if given.shape == np.shape(right) else 0.0
        factor = float(np.vdot(right, given)) / square if square else np.nan
        if not case.error(tensor, factor * right) <= case.tolerance:
            return set()
    return {n for n, recipe in enumerate(search.recipes) if recipe.kind == "factor"}


def _distinct(findings: list[Finding]) -> list[Finding]:
    """One of those that come to the same."""
    kept: list[Finding] = []
    for finding in findings:
        if not any(np.allclose(finding.sums, other.sums, rtol=1e-9, atol=0) for other in kept):
            kept.append(finding)
    return kept
