"""What fits by chance: a number that was solved for, short numbers, which many mistakes give."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import is_round
from autograd_lite.forensics.search import Search
from autograd_lite.forensics.slips import Slip
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

FEW = 2
"""Short numbers, such as counts of signs and of ones, that say nothing."""
LEFT_OUT = {"dropped path", "derivative forgotten"}
"""Kinds of mistakes that often leave a short number, or 0."""
DECIMALS = 4
"""Those that short numbers have at most."""
LARGEST_OF_ONE = 10
"""Factors that one entry is enough for, if they are round."""


def is_evidence(
    case: Case,
    search: Search,
    mistakes: Sequence[Candidate | Slip],
    explained: frozenset[Tensor] | None = None,
) -> bool:
    """Whether mistakes explain more than what their numbers were solved for.

    A number without words makes any entry right: there are to be two wrong ones more.
    """
    if any(isinstance(m, Candidate) and _is_negative(m) for m in mistakes):
        return False
    wrong = case.wrong if explained is None else case.wrong & explained
    # Of the pairs of mistakes some give any short number.
    is_one = len(mistakes) > 1 and _shown(case, wrong) < 2
    if is_one and all(_is_short(case.manual[tensor]) for tensor in wrong):
        return False
    changed = [wrong & search.changed(mistake) for mistake in mistakes]
    pairs, is_all = zip(mistakes, changed), explained is None
    if any(_is_met_by_chance(case, mistake, tensors, is_all) for mistake, tensors in pairs):
        return False
    if any(_is_in_right_ones(case, search, mistake) for mistake in mistakes):
        return False
    solved = [mistake for mistake in mistakes if is_solved(case, mistake)]
    entries = [_shown(case, wrong & search.changed(mistake)) for mistake in solved]
    # One entry is some number times the right one, or more than it, and the number may be round.
    large = [m for m in mistakes if m.kind == "factor" and abs(m.factor or 0) > LARGEST_OF_ONE]
    unknown = [m for m in large if not _is_known(case, m)]
    unknown += [m for m in mistakes if isinstance(m, Candidate) and _is_guessed(case, m)]
    if any(_shown(case, wrong & search.changed(m)) < 2 for m in unknown):
        return False
    if not all(count > 2 for count in entries):
        return False
    return not solved or len(solved) < sum(tensor.size for tensor in wrong) - 1


def _shown(case: Case, tensors: Iterable[Tensor]) -> int:
    """How many entries show a number: what is 0 is so times any, and what is right has none."""
    count = 0
    for tensor in tensors:
        given, right = case.manual[tensor], case.graph.right[tensor]
        within = case.tolerance * case.largest[tensor]
        off = abs(given - right) > within if given.shape == right.shape else True
        count += int(np.count_nonzero(off & (given != 0)))
    return count


def _is_in_right_ones(case: Case, search: Search, mistake: Candidate | Slip) -> bool:
    """Whether it only takes back, in a gradient that is right, what another mistake did."""
    changed = search.changed(mistake)
    if isinstance(mistake, Slip):
        return not changed <= case.wrong
    return changed.isdisjoint(case.wrong)


def _is_negative(mistake: Candidate) -> bool:
    """Whether large weights, or errors, would be rewarded, which nobody does."""
    added = mistake.kind == "penalty" and mistake.far_fetched
    other = mistake.kind == "another loss" and mistake.solve is not None
    return (added or other) and mistake.strength * mistake.unit <= 0


def _is_guessed(case: Case, mistake: Candidate) -> bool:
    """Whether a penalty that is not in the loss has a strength that is nowhere else."""
    known = mistake.strength == 1 or mistake.strength * mistake.unit in case.numbers.values()
    return mistake.kind == "penalty" and mistake.far_fetched and not known


def is_solved(case: Case, mistake: Candidate | Slip) -> bool:
    """Whether a mistake has a number that means nothing: one that was solved for."""
    if _is_known(case, mistake):
        return False
    return isinstance(mistake, Slip) or not is_round(mistake.strength * mistake.unit)


def _is_known(case: Case, mistake: Candidate | Slip) -> bool:
    """Whether a mistake has no number, or one that there are words for."""
    if isinstance(mistake, Slip):
        if mistake.factor is None:
            return not mistake.solved
        return bool(case.in_words(mistake.factor))
    if mistake.solve is None:
        return True
    factor, place = mistake.factor, case.graph.first_of(mistake.wrong)
    return factor is not None and bool(case.in_words(factor, place))


def _is_met_by_chance(
    case: Case, mistake: Candidate | Slip, explained: Collection[Tensor], is_all: bool
) -> bool:
    """Whether all that is explained is a few short numbers, where the right ones are none.

    Of data that are short themselves, as in a lesson, mistakes give short numbers, too.
    """
    given = [case.manual[tensor] for tensor in explained]
    # Zeros beside other numbers show nothing: what leaves those is one mistake.
    size = sum(map(np.count_nonzero, given)) or sum(array.size for array in given)
    if not 0 < size <= FEW:
        return False
    right = [case.graph.right[tensor] for tensor in explained]
    data = [*(leaf._array for leaf in case.graph.leaves), *case.graph.plain_arrays]
    if not all(map(_is_short, given)) or all(map(_is_short, right)) or all(map(_is_short, data)):
        return False
    is_left_out = mistake.kind in LEFT_OUT or mistake.factor == 0
    return not (is_left_out and (is_all or not any(map(np.any, given))))


def _is_short(array: Array) -> bool:
    return np.allclose(array, np.round(array, DECIMALS), rtol=1e-12, atol=1e-12)
