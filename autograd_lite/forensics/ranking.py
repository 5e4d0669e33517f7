"""Which of several explanations is the more plausible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import is_round
from autograd_lite.forensics.search import FACTORS, Finding
from autograd_lite.forensics.slips import Slip
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

MOST = 5
"""Explanations that are kept where many explain the same."""


@dataclass(eq=False)
class Hypothesis:
    """Mistakes in steps, and slips in gradients as handed in, that explain what was handed in."""

    findings: list[Finding]
    slips: dict[Tensor, Slip] = field(default_factory=dict)

    def size(self) -> int:
        """The number of different mistakes: the same slip in several gradients is one."""
        return len(self.findings) + len({(s.kind, s.factor) for s in self.slips.values()})


def ranked(case: Case, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses of the fewest mistakes, each once, the most plausible first."""
    smallest = min((e.size() for e in hypotheses), default=0)
    ranks = {
        h: [rank(case, f) for f in h.findings] + [_rank_of_slip(case, s) for s in h.slips.values()]
        for h in hypotheses
        if h.size() == smallest
    }
    known = [h for h in ranks if not any(rank[0] for rank in ranks[h][: len(h.findings)])]
    best = sorted(known or ranks, key=ranks.__getitem__)
    return list({_signature(h): h for h in reversed(best)}.values())[::-1][:MOST]


def _signature(hypothesis: Hypothesis) -> frozenset[Any]:
    """What hypotheses share that say the same.

    A factor may stand anywhere on its path; of other mistakes in one step, one is enough.
    """
    of_findings = {
        (f.kind, f"{f.strength:.6g}") if f.kind in FACTORS else tuple(f.wrong)
        for f in hypothesis.findings
    }
    of_slips = {(t, s.kind, f"{s.factor or 0:.6g}") for t, s in hypothesis.slips.items()}
    return frozenset(of_findings | of_slips)


def is_plausible(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether there is no need to look further."""
    doubts = ((*rank(case, f)[:2], f.kind == "another loss") for f in hypothesis.findings)
    return not any(map(any, doubts))


def _rank_of_slip(case: Case, slip: Slip) -> tuple[Any, ...]:
    known = slip.factor is None or bool(case.in_words(slip.factor))
    return not known, False, KINDS.index(slip.kind) + 0.5


def rank(case: Case, finding: Finding) -> tuple[Any, ...]:
    """What is more plausible sorts first; what has a number that means nothing has True first."""
    graph, candidate = case.graph, finding.candidate
    words = case.in_words(finding.strength) if finding.kind in FACTORS else ""
    place = graph.first_of(finding.wrong)
    # A learning rate is left in what the weights are updated with, other factors early on.
    is_late = "learning rate" in words and place.argument.operation is not None
    return (
        candidate.solve is not None
        and not words
        and not is_round(finding.strength * candidate.unit),
        candidate.far_fetched,
        KINDS.index(finding.kind),
        len(finding.wrong),
        is_late,
        place.argument not in case.named,
        graph.position[place.node],
    )
