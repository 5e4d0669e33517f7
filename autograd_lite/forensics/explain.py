"""What explains all gradients that were derived by hand, the most plausible first.

Search                  replays of every mistake at every step where it can be made
explain(case)           one mistake, or slips alone; else pairs
_pairs(...)             what builds on partial success, and a factor or slip on top of others
ranked(search, ...)     which of several explanations is the more plausible
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd_lite.forensics.candidate import SIGN, Candidate
from autograd_lite.forensics.candidates import LONG
from autograd_lite.forensics.case import Case, relative_error
from autograd_lite.forensics.coincidences import is_evidence, is_solved
from autograd_lite.forensics.factors import closest_factor, is_round
from autograd_lite.forensics.harmless import Variation
from autograd_lite.forensics.replay import AXIS, Replay
from autograd_lite.forensics.search import ENOUGH, Finding, Search
from autograd_lite.forensics.slips import Slip, slips_in
from autograd_lite.forensics.slips_in_all import (
    accumulated,
    computed_after_updates,
    differences,
    nothing_arrives,
    of_all,
    of_other_weights,
    of_second_order,
    sample_by_sample,
)
from autograd_lite.tensor import Tensor

KINDS = (
    *("ties", "branches", "dropout", "constant statistics", "softmax cross terms", "penalty"),
    "repeated index",
    *("wrong place", "derivative twice", "dropped path", "derivative forgotten", "sign", "factor"),
    *("transposed", "reshaped", "wrong axis", "not summed", "swapped", "wrong formula"),
    *("another derivative", "cotangent lost", "entries left out", "labels", "misplaced", "kernel"),
    *("windows", "copied"),
    *("other step", "other values", "one path", "another mask"),
    *("another loss", "previous step", "stale weights", "other arrays"),
    "another quantity",
)
"""Kinds of mistakes, the more plausible ones first where several explain the same."""
MOST = 5
"""Explanations that are kept where many explain the same."""
SINGLES = 0.7
"""Share of the budget for mistakes alone; the rest is for pairs."""
PARTIAL = 8
"""Partial explanations that a second mistake is looked for on top of."""
LIKELY = 300
"""Mistakes of which two on one path are looked for."""
WHOLLY = 200
"""Mistakes that explain nothing alone, and that a factor or a slip is looked for on top of."""


@dataclass(eq=False)
class Hypothesis:
    """Mistakes in steps, then slips in gradients as handed in, that explain these."""

    mistakes: Sequence[Candidate | Slip]
    error: float = 0.0  # the largest relative one that is left in a gradient
    unexplained: frozenset[Tensor] = frozenset()  # what is wrong all the same
    only: bool = False  # whether it was made in the wrong gradients only, not in the right ones


def explain(
    case: Case, harmless: Iterable[Variation], seconds: float, start: tuple[float, float]
) -> list[Hypothesis]:
    """What explains all gradients that were handed in, besides differences that are harmless."""
    search = Search(case, seconds, start)
    found: list[Hypothesis] = []
    in_part: list[Hypothesis] = []
    variations = [*harmless]
    fine = case.fitted(case.graph.right).union(*[case.fitted(v.replay) for v in variations])
    changed = [variation.replay for variation in variations if _matters(case, variation)]
    for base in [case.graph.right, *changed]:
        found_here, singles = _explain_on(case, search, base)
        found = ranked(search, [*found, *found_here])
        if found and len(found[0].mistakes) == 1 and is_plausible(case, found[0]):
            break
        in_part += [] if found_here else _in_part(case, search, base, singles, fine)
    search.progress.close()
    return found or sorted(in_part, key=lambda h: len(h.unexplained))[:1]


def _matters(case: Case, variation: Variation) -> bool:
    """Whether what is no mistake changes the gradients noticeably, or makes more of them fit."""
    right, replay = case.graph.right, variation.replay
    if variation.far_fetched or case.fitted(replay) > case.fitted(right):
        return case.fitted(replay) > case.fitted(right)
    return any(relative_error(right[t], replay[t]) > case.tolerance / 100 for t in case.manual)


def _explain_on(case: Case, search: Search, base: Replay) -> tuple[list[Hypothesis], list[Finding]]:
    """What explains all gradients, and what was found of single mistakes."""
    already = case.fitted(base)
    wrong = case.everything - already
    nothing = nothing_arrives(case)
    if nothing:
        return [Hypothesis(nothing)], []
    slips = slips_in(case, base, wrong)
    complete = [Hypothesis(slips)] if slips and is_evidence(case, search, slips) else []
    search.limit = SINGLES if len(case.graph.places) < LONG else 1.0
    singles: list[Finding] = []
    for finding in search.findings(base, search.reaching(wrong)):
        singles.append(finding)
        if _explains(case, search, [finding]):
            complete.append(Hypothesis([finding.mistake], error=finding.error))
            search.limit = ENOUGH
    if case.within or any(len(each.mistakes) == 1 for each in complete):
        return complete, singles
    if base is case.graph.right and not complete and not search.is_over:
        slips = of_all(case) or of_second_order(case) or computed_after_updates(case)
        slips = slips or of_other_weights(case) or differences(case) or sample_by_sample(case)
        slips = slips or accumulated(case)
        if slips:
            return [Hypothesis(slips)], singles
    singles += search.findings(base, search.others(wrong))
    search.limit = 1.0
    only = [f for f in singles if wrong <= f.fitted]
    only = [f for f in only if is_evidence(case, search, [f.mistake])]
    complete += _pairs(case, search, base, singles)
    # One in the formula of one gradient alone is more likely than two, of which one is rarer.
    alone = min([rank(case, f.mistake) for f in only], default=None)
    rarer = [max(rank(case, m) for m in each.mistakes) for each in complete]
    if alone and (not complete or (len(wrong) == 1 and alone <= min(rarer))):
        return [Hypothesis([f.mistake], only=True) for f in only], singles
    return complete, singles


def _in_part(
    case: Case, search: Search, base: Replay, singles: list[Finding], fine: frozenset[Tensor]
) -> list[Hypothesis]:
    """What makes some of the wrong gradients right, in steps and in those that are left.

    Those that are fine are right already, up to what is harmless.
    """
    already = case.fitted(base) | fine
    some = [f for f in singles if f.fitted > already]
    some = [f for f in some if is_evidence(case, search, [f.mistake], f.fitted - already)]
    # What leads to more would have spoiled that in the same way.
    off = {id(f): len(search.changed(f.mistake) - f.fitted) for f in some}
    some.sort(key=lambda f: (-len(f.fitted), off[id(f)], rank(case, f.mistake)))
    mistakes: list[Candidate | Slip] = [f.mistake for f in some[:1]]
    left = case.everything - (some[0].fitted if some else already)
    for tensor in case.manual:
        alone = frozenset([tensor])
        slips = slips_in(case, base, alone) if tensor in left else None
        if slips and is_evidence(case, search, slips, alone):
            mistakes += slips
            left -= alone
    return [Hypothesis(mistakes, unexplained=left)] if mistakes and left else []


def _explains(case: Case, search: Search, findings: Sequence[Finding]) -> bool:
    """Whether all gradients fit with the last finding, and no number that is none's."""
    fits = findings[-1].fitted == case.everything
    return fits and is_evidence(case, search, [f.mistake for f in findings])


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
        found += [] if search.is_over else _with_another(case, search, base, first)
    if not found:
        wholly = [f for f in singles if not f.mistake.solve and not f.fitted > already]
        factors = [f.mistake for f in singles if f.mistake.solve and f.mistake.kind == "factor"]
        left_out = [mistake.at(0.0)._replace(solve=None) for mistake in factors]
        wholly += [Finding(mistake, frozenset()) for mistake in left_out]
        if base is case.graph.right and search.projection.pays:
            wholly = [Finding(mistake, frozenset()) for mistake in search.but_for_factors()]
        for first in sorted(wholly, key=lambda f: rank(case, f.mistake))[:WHOLLY]:
            if not search.is_over:
                found += _with_another(case, search, base, first, factors_only=True)
    if all(_twice(search, each) for each in found) and base is case.graph.right:
        for mistake, second in search.pairs(lambda mistake: rank(case, mistake), LIKELY):
            found += _of_two(case, search, Finding(mistake, frozenset()), [second])
    return found


def _of_two(
    case: Case, search: Search, first: Finding, others: Iterable[Finding]
) -> list[Hypothesis]:
    """What one mistake explains together with each of others."""
    both = [f for f in others if _explains(case, search, [first, f])]
    return [Hypothesis([first.mistake, f.mistake], error=f.error) for f in both]


def _with_another(
    case: Case, search: Search, base: Replay, first: Finding, factors_only: bool = False
) -> list[Hypothesis]:
    replay = search.predict(first.mistake.wrong, base)
    if replay is None:
        return []
    left = case.everything - case.fitted(replay)
    slips = slips_in(case, replay, left)
    both: list[Candidate | Slip] = [first.mistake, *(slips or ())]
    found = [Hypothesis(both)] if slips and is_evidence(case, search, both) else []
    if factors_only and not _is_a_factor_left(case, replay):
        return found
    reaching = search.reaching(left)
    second = (c for c in reaching if c.kind == "factor" or not factors_only)
    return found + _of_two(case, search, first, search.findings(replay, second))


def _is_a_factor_left(case: Case, predicted: Replay) -> bool:
    pairs = [(tensor, given, predicted[tensor]) for tensor, given in case.manual.items()]
    return all(
        given.shape == right.shape
        and case.error(tensor, closest_factor(given, right) * right) <= case.tolerance
        for tensor, given, right in pairs
    )


def ranked(search: Search, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses of the fewest mistakes, each once, the most plausible first."""
    case = search.case
    smallest = min((len(h.mistakes) for h in hypotheses), default=0)
    fewest = [h for h in hypotheses if len(h.mistakes) == smallest]
    ranks = {h: [rank(case, mistake) for mistake in h.mistakes] for h in fewest}
    pairs = [(h, *each) for h in fewest for each in zip(h.mistakes, ranks[h])]
    in_doubt = {h for h, mistake, r in pairs if r[0] and isinstance(mistake, Candidate)}
    known = [h for h in fewest if h not in in_doubt]
    twice = {h: _twice(search, h) for h in known or fewest}
    least = min(twice.values(), default=0)
    best = sorted((h for h in twice if twice[h] == least), key=ranks.__getitem__)
    distinct: dict[Any, Hypothesis] = {}
    for hypothesis in best:
        distinct.setdefault(frozenset(m.says for m in hypothesis.mistakes), hypothesis)
    return [*distinct.values()][:MOST]


def _twice(search: Search, hypothesis: Hypothesis) -> int:
    """Of several mistakes, how many are two at once, or are in what another one gives.

    Two factors of one gradient are one.
    """
    several = hypothesis.mistakes if len(hypothesis.mistakes) > 1 else ()
    steps = {p.argument for m in several if isinstance(m, Candidate) for p in m.wrong}
    mended = [m for m in several if isinstance(m, Slip) and not steps.isdisjoint(m.tensors)]
    by_factor = [search.changed(m) for m in several if m.kind in ("factor", "sign")]
    meet = len(by_factor) > 1 and not by_factor[0].isdisjoint(by_factor[1])
    return len(mended) + meet + sum(f"and {SIGN[1]}" in m.what for m in several)


def is_plausible(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether there is no need to look further."""
    in_steps = [m for m in hypothesis.mistakes if isinstance(m, Candidate)]
    return not any(any(rank(case, m)[:2]) or m.kind == "another loss" for m in in_steps)


def _is_in_part(case: Case, mistake: Candidate) -> bool:
    """Whether a factor is at one of two uses that give the same: it is more likely at both.

    A sign there takes away what the other one gives, so that both are left out. Samples are left
    out of all that comes of them, and not of one term.
    """
    graph, (place, *others) = case.graph, mistake.wrong
    if mistake.kind == "entries left out" and place.argument.operation is not None:
        return len(graph.consumers[place.argument]) > 1
    while mistake.kind in ("sign", "factor") and not others:
        own, uses = graph.sent(place), graph.consumers[place.argument]
        for use in uses:
            other = graph.sent(use)
            by = closest_factor(other, own) if own.size > 2 else 1.0
            if use is not place and other.any() and case.alike(by * own, other):
                return True
        below = graph.places_of.get(place.argument, ())
        if len(below) != 1 or len(uses) != 1:
            return False
        (place,) = below
    return False


def rank(case: Case, mistake: Candidate | Slip) -> tuple[Any, ...]:
    """What is more plausible sorts first; what has a number that means nothing has True first."""
    if isinstance(mistake, Slip):
        solved = is_solved(case, mistake)
        odd = solved and not is_round(mistake.factor or 1.0)
        return solved, False, odd, KINDS.index(mistake.kind) + 0.5
    place, factor = case.graph.first_of(mistake.wrong), mistake.factor
    words = case.in_words(factor, place) if factor is not None else ""
    rarely = factor is not None and not case.usual_words(factor, place)
    called = mistake.wrong if mistake.joint else [place]
    return (
        not words if factor is not None else is_solved(case, mistake),
        mistake.far_fetched or _is_in_part(case, mistake),
        factor is not None and not words and not is_round(factor),
        max(KINDS.index(mistake.kind), rarely * KINDS.index("another derivative")),
        len(mistake.wrong),
        len(mistake.wrong) > 1 and mistake.is_any_path,
        # Of several steps those to parameters, whose gradients are overwritten in a loop.
        factor == 0 and len(mistake.wrong) > 1 and place.argument.operation is not None,
        rarely,
        AXIS in words,
        factor == -1 and not place.has_minus,
        # The sign of a slope, a (a - 1), is mistaken more often than that of a product before it.
        factor == -1 and place.multiplies_matrices and place.argument.operation is not None,
        factor is not None and not case.words_here(factor, place),
        # A learning rate is left in what the weights are updated with, other factors early on.
        "learning rate" in words and place.argument.operation is not None,
        case.named.keys().isdisjoint(p.argument for p in called),
        case.graph.position[place.node],
    )
