"""Others of the entries count than should: parts that the steps of a loop take, masks of pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.engine import backpropagate
from autograd_lite.forensics.candidate import Candidate, joint, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong, is_square
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def parts_of_loops(case: Case) -> Iterator[Candidate]:
    """What the steps of a loop sum up, such as those at risk, are others in both passes."""
    graph = case.graph
    for uses in graph.consumers.values():
        if len(uses) > MOST_PARTS:
            continue
        taken = {use: part for use in uses if (part := _slice_of(use.node)) is not None}
        for words, others in _other_slices([*taken.values()]):
            steps = [_of_other_part(graph, use, other) for use, other in zip(taken, others)]
            if all(steps):
                wrong: Wrong = {place: vjp for each in steps for place, vjp in each.items()}
                yield joint("misplaced", f"in both passes the steps take {words}", wrong)


def _of_other_part(graph: Graph, use: Place, part: slice) -> Wrong:
    """The steps from an array to a sum, say, over a part of it, with another part; or none."""
    whole = use.argument
    start = total = Tensor(whole._array[part], requires_grad=True)
    way = [use]
    while len(way) == 1 or not way[-1].traits.reduces:
        uses = graph.consumers.get(way[-1].node, ())
        if len(uses) != 1 or len(way) > MOST_STEPS:
            return {}
        way += uses
        given: list[Any] = [*map(plain, way[-1].node.arguments)]
        given[way[-1].slot] = total
        try:
            total = way[-1].operation.function(*given, **way[-1].node.keywords)
        except Exception:  # What is beside the part may not fit another one.
            return {}
    if way[-1].node.size != 1 or total.size != 1:
        return {}
    sent = np.zeros_like(whole._array)
    sent[part] = backpropagate(total, np.ones_like(total._array))[start]
    wrong: Wrong = dict.fromkeys(way, unchanged)
    shape = way[-1].argument.shape
    wrong[way[-1]] = lambda g, *given, **k: np.full(shape, np.sum(g))
    wrong[use] = lambda g, *given, **k: np.where(sent == 0, 0, sent * g.flat[0])
    wrong[graph.forward_step(way[-1].node)] = lambda *given, **k: total._array
    return wrong


MOST_PARTS = 100
"""Uses of an array, each of which may be of a part of it."""
MOST_STEPS = 5
"""Steps from a part of an array to the number that it is summed up to."""


def _slice_of(node: Tensor) -> tuple[int, int] | None:
    """The first entry and that after the last one of what a node takes, if it is a slice."""
    index = node.arguments[1] if node.operation.traits.indexes else None
    if not isinstance(index, slice) or index.step not in (None, 1):
        return None
    return index.indices(len(node.arguments[0]._array))[:2]


def _other_slices(own: list[tuple[int, int]]) -> Iterator[tuple[str, list[slice]]]:
    """For the first entries of slices, and those after the last ones, what stands for them."""
    first, last = {start for start, _ in own}, {stop for _, stop in own}
    if len(first) > 1:
        yield "all entries from one later on: > for >=", [slice(a + 1, b) for a, b in own]
        yield "all entries from one earlier on", [slice(max(a - 1, 0), b) for a, b in own]
        yield "those before, and not those after", [slice(0, a + 1) for a, _ in own]
        yield "their own entry alone", [slice(a, a + 1) for a, _ in own]
    if len(last) > 1:
        yield "all entries up to one earlier: < for <=", [slice(a, b - 1) for a, b in own]
        yield "all entries up to one later", [slice(a, b + 1) for a, b in own]
        yield "those after, and not those before", [slice(b - 1, None) for _, b in own]
        yield "their own entry alone", [slice(b - 1, b) for _, b in own]
    if len(first | last) > 2:
        yield "all entries, whatever the step", [slice(None)] * len(own)


def other_pairs(matrix: Array) -> Iterator[tuple[str, Array]]:
    """What a square matrix of two numbers chooses, such as a mask of pairs, with others chosen."""
    values = np.unique(matrix)
    if not is_square(matrix) or matrix.ndim != 2 or len(values) != 2:
        return
    own, diagonal = matrix == values[1], np.eye(len(matrix)) > 0
    for words, chosen in (
        ("the diagonal is left out of the pairs that count", own & ~diagonal),
        ("the diagonal is among the pairs that count, too", own | diagonal),
        ("all pairs count: the mask of pairs is left out", own | True),
        ("the mask of pairs is transposed: those before for those after", own.T),
        ("the mask of pairs is inverted", ~own),
    ):
        if not np.array_equal(chosen, own):
            words = f"in both passes {words}"
            yield words, np.where(chosen, values[1], values[0]).astype(matrix.dtype)
