"""Which step of a derivation is wrong: the search for the mistakes that people make.

The engine owns the record and the rules, so a backward pass can be replayed with a mistake in it.
What reproduces the gradients that were handed in is the explanation. Files in the order of
reading: `replay`, `mistake`, `function_mistakes`, `product_mistakes`, `group_mistakes`, `given`,
`harmless`, `case`, `search`, `ranking`, `explain`, `wording`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from autograd_lite.forensics.case import Case
from autograd_lite.forensics.explain import explain
from autograd_lite.forensics.harmless import harmless
from autograd_lite.forensics.pattern import pattern_of
from autograd_lite.forensics.replay import Graph, replay
from autograd_lite.forensics.rounding import rounding_of
from autograd_lite.forensics.wording import Explanation, Names, explained
from autograd_lite.tensor import Tensor


class Examination(NamedTuple):
    """What an examination says of gradients that differ from the automatic ones.

    `excused` names, for gradients that are right all the same, what they differ by; `explanations`
    and `pattern` are those of the report.
    """

    excused: dict[Tensor, str]
    explanations: list[Explanation]
    pattern: str


def examine(
    loss: Tensor,
    manual: Mapping[Tensor, Any],
    tolerance: float,
    strict: bool,
    variables: Mapping[str, Any],
) -> Examination:
    """Find what explains gradients that are not the automatic ones.

    Args:
        loss: what the gradients are of.
        manual: the gradients that were derived by hand, as arrays.
        tolerance: relative error allowed.
        strict: whether the tolerance holds even where rounding explains more.
        variables: of the caller, in which tensors may have names.
    """
    graph = Graph(loss)
    names = Names(graph, variables)
    case = Case(graph, dict(manual), tolerance, dict.fromkeys(manual, 0.0), names.given)
    if not strict:
        case.rounding = rounding_of(graph, list(manual))
    wrong = frozenset(manual) - case.fitted(graph.cotangents)
    excused = dict.fromkeys(frozenset(manual) - wrong, "agrees up to rounding")
    excused |= _harmless(case, wrong)
    wrong -= excused.keys()
    found = explain(case) if wrong else []
    explanations = [explained(case, hypothesis, wrong, names) for hypothesis in found]
    return Examination(excused, explanations, pattern_of(case, wrong, names) if not found else "")


def _harmless(case: Case, wrong: frozenset[Tensor]) -> dict[Tensor, str]:
    """The tensors whose gradients only differ by what is no mistake, and by what."""
    found: dict[Tensor, str] = {}
    for recipe in harmless(case.graph) if wrong else ():
        for strength in recipe.strengths:
            predicted = replay(case.graph.loss, recipe.wrong(strength))
            for tensor in case.fitted(predicted) & wrong if predicted else ():
                found.setdefault(tensor, f"equal up to {recipe.kind}: {recipe.what}")
    return found
