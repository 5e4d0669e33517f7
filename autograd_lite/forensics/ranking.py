"""Which of several explanations is the more plausible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import is_round
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
    """Mistakes in steps, and slips in gradients as handed in, that explain what was handed in.

    `error` is the largest relative error that is left in a gradient.
    """

    mistakes: list[Candidate]
    slips: dict[Tensor, Slip] = field(default_factory=dict)
    error: float = 0.0

    def size(self) -> int:
        """The number of different mistakes: the same slip in several gradients is one."""
        return len(self.mistakes) + len({(s.kind, s.factor) for s in self.slips.values()})

    def signature(self) -> frozenset[Any]:
        """What hypotheses share that say the same.

        A factor may stand anywhere on its path; of other mistakes in one step, one is enough.
        """
        of_mistakes = {
            tuple(m.wrong) if m.factor is None else (m.kind, f"{m.factor:.6g}")
            for m in self.mistakes
        }
        of_slips = {(t, s.kind, f"{s.factor or 0:.6g}") for t, s in self.slips.items()}
        return frozenset(of_mistakes | of_slips)


def ranked(case: Case, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses of the fewest mistakes, each once, the most plausible first."""
    smallest = min((h.size() for h in hypotheses), default=0)
    ranks = {
        h: [rank(case, m) for m in h.mistakes] + [rank(case, s) for s in h.slips.values()]
        for h in hypotheses
        if h.size() == smallest
    }
    known = [h for h in ranks if not any(rank[0] for rank in ranks[h][: len(h.mistakes)])]
    best = sorted(known or ranks, key=ranks.__getitem__)
    return list({h.signature(): h for h in reversed(best)}.values())[::-1][:MOST]


def is_plausible(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether there is no need to look further."""
    doubts = ((*rank(case, m)[:2], m.kind == "another loss") for m in hypothesis.mistakes)
    return not any(map(any, doubts))


def rank(case: Case, mistake: Candidate | Slip) -> tuple[Any, ...]:
    """What is more plausible sorts first; what has a number that means nothing has True first."""
    words = case.in_words(mistake.factor) if mistake.factor is not None else ""
    if isinstance(mistake, Slip):
        known = mistake.factor is None or bool(words)
        return not known, False, KINDS.index(mistake.kind) + 0.5
    place = case.graph.first_of(mistake.wrong)
    solved, number = mistake.solve is not None, mistake.strength * mistake.unit
    return (
        solved and not words and not is_round(number),
        mistake.far_fetched,
        KINDS.index(mistake.kind),
        len(mistake.wrong),
        # A learning rate is left in what the weights are updated with, other factors early on.
        "learning rate" in words and place.argument.operation is not None,
        place.argument not in case.named,
        case.graph.position[place.node],
    )
