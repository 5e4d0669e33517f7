"""The condition of a choice, np.where, is another one on the way back: taken elsewhere, or none."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Candidate, joint
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Wrong, is_array
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

SIGNS = np.greater, np.less, np.greater_equal, np.less_equal
"""How the sign of an array is asked for."""


def other_conditions(case: Case) -> Iterator[Candidate]:
    """What a choice is made by is the sign of another array than its own; one branch gets all.

    It is done so in one choice, or in all, as in the layers of a network.
    """
    graph = case.graph
    found: dict[tuple[str, str], list[Wrong]] = {}
    for node, places in graph.places_of.items():
        condition = plain(node.arguments[0])
        if node.operation.function is not np.where or not is_condition(condition):
            continue
        for kind, words, other in _others(graph, node, condition):
            wrong: Wrong = {
                place: place.given(lambda y, own, *both, of=other: (y, of, *both))
                for place in places
            }
            found.setdefault((kind, words), []).append(wrong)
    for (kind, words), several in found.items():
        if len(several) > 1:
            every: Wrong = {place: vjp for wrong in several for place, vjp in wrong.items()}
            yield joint(kind, f"{words}, in all {len(several)} choices", every)
        yield from (joint(kind, words, wrong) for wrong in several)


def is_condition(array: Any) -> bool:
    """Whether an array can be what a choice is made by: truth values, and both of them."""
    return (
        is_array(array)
        and array.dtype.kind in "biu"
        and bool(0 < np.count_nonzero(array) < array.size)
    )


def chooses_by(graph: Graph, arrays: Container[int]) -> bool:
    """Whether one of the arrays, by their `id`, is the condition of a choice."""
    found = graph.of_operation.items()
    choices = (node for row, nodes in found if row.function is np.where for node in nodes)
    return any(id(plain(node.arguments[0])) in arrays for node in choices)


def _others(graph: Graph, node: Tensor, condition: Array) -> Iterator[tuple[str, str, Array]]:
    known = {condition.astype(bool).tobytes()}
    words = "the condition of {operation} is "
    for what, array in (("its result", node._array), ("what arrives", graph.right[node])):
        for ask in _signs_asked_for(node, condition):
            mask = ask(array, 0)
            if mask.shape == condition.shape and mask.tobytes() not in known:
                known.add(mask.tobytes())
                alike = mask.all() or not mask.any()
                everywhere = f", which is {bool(mask.flat[0])} everywhere" * bool(alike)
                which = f"the sign of {what}{everywhere}, not that of its input"
                yield "branches", words + which, mask
    if len(graph.places_of[node]) < 2:  # One branch is a mask, which others say is forgotten.
        return
    for branch, value in (("first", True), ("second", False)):
        mask = np.full(condition.shape, value)
        if mask.tobytes() not in known:
            what = f"forgotten: the {branch} branch gets all that arrives"
            yield "one path", words + what, mask


def _signs_asked_for(node: Tensor, condition: Array) -> list[Any]:
    """What the condition asks of a branch, or of what a branch is computed from, if of any."""
    branches = [a for a in node.arguments[1:] if isinstance(a, Tensor)]
    before = [a for branch in branches if branch.operation for a in branch.arguments]
    values = [a for a in map(plain, (*branches, *before)) if np.shape(a) == condition.shape]
    chosen = condition.astype(bool)
    return [ask for ask in SIGNS if any(np.array_equal(chosen, ask(a, 0)) for a in values)]
