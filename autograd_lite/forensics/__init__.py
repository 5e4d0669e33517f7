"""Which step of a derivation is wrong: the search for the mistakes that people make.

The engine owns the record and the rules, so a backward pass can be replayed with a mistake in it.
What reproduces the gradients that were handed in is the explanation. Files in the order of reading,
each after those that it needs: `place`, `replay`, `candidate`, `factors`, `recorded_factors`,
`rounding`, `case`; then mistakes: `formulas`, `formula_mistakes`, `array_mistakes`,
`step_mistakes`, `sums` and `value_mistakes` in one step; `harmless`, which are none; `penalties`,
`normalized`, `masks`, `joint_mistakes`, `wholes`, `windows`, `uses`, `terms`, `loops`, `deltas`,
`weighted_errors`, `other_data`, `group_mistakes` and `other_forward` in several; `projection`;
`updates`, `slips` and `slips_in_all` in what is handed in; `candidates`, a list of those in steps;
`search`, `coincidences`, `explain`; `names`, `wording`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from autograd_lite.cotangents import seed_of
from autograd_lite.engine import backpropagate, backward_order
from autograd_lite.forensics.case import NEARLY, Case, refuse_changed, relative_error
from autograd_lite.forensics.explain import explain
from autograd_lite.forensics.harmless import Variation, harmless, kinks_one_by_one
from autograd_lite.forensics.names import Names
from autograd_lite.forensics.place import is_array, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.search import now
from autograd_lite.forensics.wording import Explanation, explained, pattern_of
from autograd_lite.modes import enable_grad, setting, watching
from autograd_lite.node import plain
from autograd_lite.recognition import recorded_again, written_out
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.naming import visible_arrays

Examination = tuple[dict[Tensor, str], list[Explanation], str]
"""For gradients that are right all the same, what they differ by; explanations; the pattern."""


def examine(
    loss: Tensor, manual: Mapping[Tensor, Any], tolerance: float, frame: FrameType, seconds: float
) -> Examination:
    """Find what explains gradients that are not the automatic ones, with the caller's names."""
    start = now()
    if not all(is_array(node._array) for node in backward_order(loss)):
        return {}, [], "Mistakes are looked for in NumPy arrays only."
    if not all(node._array.size for node in backward_order(loss)):
        return {}, [], "Mistakes are not looked for where an array has no entries."
    # Wrong formulas meet logarithms of 0 and quotients of infinities, which is no anomaly.
    with enable_grad(), setting(watching, None), np.errstate(all="ignore"):
        refuse_changed(loss)
        graph = Graph(loss)
        names = Names(graph, frame)
        held = [(name, a) for name, a in visible_arrays(names.variables) if not is_recorded(a)]
        seen = [(name, plain(a)) for name, a in held if is_array(plain(a))]
        arrays = {name: a for name, a in seen if a.dtype.kind in "fiub"}
        named = {node: names.of[node] for node in names.given}
        case = Case(graph, dict(manual), tolerance, named, arrays, names.numbers())
        return _examined(case, names, seconds, start)


def _with_activations(case: Case, names: Names) -> Case:
    """The case in which activations written out are single nodes, if as much is right then."""
    loss, nodes, right = case.graph.loss, case.graph.order[::-1], case.graph.right
    found = written_out(nodes, {node: right[node] for node in nodes}, case.manual)
    if not found:
        return case
    smooth = {node: activation for node, activation in found.items() if not activation.ties.any()}
    again = recorded_again(nodes, smooth)
    cotangents = backpropagate(again[loss], seed_of(loss))
    for tensor, rounding in case.rounding.items():
        error = relative_error(right[tensor], cotangents[again[tensor]], rounding)
        if not error <= case.tolerance:
            return case
    again = recorded_again(nodes, found)
    manual = {again[tensor]: array for tensor, array in case.manual.items()}
    named = {again.get(node, node): name for node, name in case.named.items()}
    other = Case(Graph(again[loss]), manual, case.tolerance, named, case.arrays, case.numbers)
    before = {again[tensor] for tensor in case.fitted(right)}
    after = other.fitted(other.graph.right)
    if not before <= after or (before != after and found == smooth):
        return case
    names.move(again)
    return other


def _excuse(
    case: Case,
    variations: Iterable[Variation],
    excused: dict[Tensor, str],
    own: Mapping[Any, Tensor],
) -> None:
    """Note which gradients come out of a variation, and are right all the same."""
    for variation in variations:
        for tensor in case.fitted(variation.replay):
            words = f"equal up to {variation.kind}: {variation.what}"
            excused.setdefault(own.get(tensor, tensor), words)
        if len(excused) == len(case.manual):
            return


OF_WHOLES = 0.8
"""Share of the budget for what is written out as a whole; the rest is for the steps within."""


def _examined(
    original: Case, names: Names, seconds: float, start: tuple[float, float]
) -> Examination:
    right = original.fitted(original.graph.right)
    case = original if right == original.everything else _with_activations(original, names)
    graph, own = case.graph, names.originals
    words = "agrees up to rounding, which changes it by up to {:.1e}"
    excused = {t: words.format(original.rounding[t].max(initial=0.0)) for t in right}
    at_kinks = Variation("kink", "at ties the slope is 0", graph.right)
    variations = [at_kinks, *harmless(graph)] if right != original.everything else []
    _excuse(case, variations, excused, own)
    if len(excused) < len(case.manual):
        others = harmless(original.graph) if case is not original else []
        _excuse(original, itertools.chain(others, kinks_one_by_one(original.graph)), excused, {})
    wrong = frozenset(t for t in case.manual if own.get(t, t) not in excused)
    if not wrong:
        return excused, [], ""
    if all(case.error(tensor, graph.right[tensor]) <= NEARLY for tensor in wrong):
        return excused, [], pattern_of(case, wrong, names)
    share = 1.0 if case is original else OF_WHOLES
    hypotheses = explain(case, variations, share * seconds, start)
    if case is not original and all(h.unexplained for h in hypotheses):
        # It may have been made within what is written out.
        as_written = {own.get(node, node): node.operation for node in graph.places_of}
        nodes = original.graph.places_of
        original.within = frozenset(n for n in nodes if as_written.get(n) is not n.operation)
        within = explain(original, [], seconds, start)
        if within:
            case, hypotheses = original, within
            wrong = frozenset(own.get(tensor, tensor) for tensor in wrong)
    found = [explained(case, hypothesis, wrong, names) for hypothesis in hypotheses]
    distinct: dict[Any, Explanation] = {}
    for each in found:
        distinct.setdefault(tuple((m.used or m.sentence, m.right) for m in each.mistakes), each)
    pattern = "" if found else pattern_of(case, wrong, names)
    return excused, [*distinct.values()], pattern
