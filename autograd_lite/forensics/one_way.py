"""A mistake in what arrives at a node that shows on one of the ways that lead on from it only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Candidate, StepMistakes, joint, scaled
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.softmax_mistakes import SOFTMAX_MISTAKES
from autograd_lite.forensics.step_mistakes import forgotten_or_twice, misplaced
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def on_one_way(graph: Graph, place: Place) -> StepMistakes:
    """A step before is done wrongly in the formula for a parameter, and rightly elsewhere."""
    node = place.node
    if len(graph.places_of[node]) < 2:
        return
    for use in graph.consumers.get(node, ()):
        right = graph.right.values[use.number]
        for words, other in _done_wrongly(graph, use, right):
            if np.shape(other) == right.shape and not np.array_equal(other, right):
                more = place.arriving(lambda g, *_, by=other - right: g + by)
                yield "one path", f"{words}, only here", more


def _done_wrongly(graph: Graph, use: Place, right: Array) -> Iterator[tuple[str, Any]]:
    name = use.operation.name
    if len(graph.consumers[use.argument]) > 1:
        yield f"of what arrives through {name} the sign is wrong", -right
        yield f"what arrives through {name} is left out", 0 * right
    given = graph.right[use.node], use.node._array, *map(plain, use.node.arguments)
    for mistakes in (forgotten_or_twice, misplaced, *SOFTMAX_MISTAKES):
        for _, words, vjp in mistakes(graph, use):
            yield words.replace("{operation}", name), vjp(*given, **use.node.keywords)


def skip_before_block(case: Case) -> Iterator[Candidate]:
    """What arrives over a skip connection is added at the block's output, or within, not below."""
    graph = case.graph
    for x, uses in graph.consumers.items():
        skips = [use for use in uses if use.traits.additive and use.node.shape == x.shape]
        if x.ndim == 0 or len(uses) < 2 or len(skips) != 1 or x.operation is None:
            continue
        carried = graph.right.values[skips[0].number]
        for node in _within_block(graph, x, skips[0]):
            more: Wrong = {
                place: place.arriving(lambda g, *_, by=carried: g + by)
                for place in graph.places_of[node]
            }
            words = "what arrives over the skip connection is added before the derivative of what "
            words += "it skips, and not after it"
            yield joint("one path", words, scaled(skips, 0.0) | more)


def _within_block(graph: Graph, x: Tensor, skip: Place) -> list[Tensor]:
    """What is computed in the next operations from a node that a skip connection starts at."""
    found: dict[Tensor, None] = {}
    ahead = [x]
    for node in ahead:
        for use in graph.consumers.get(node, ()):
            if use is not skip and use.node is not skip.node and len(found) < MOST_WITHIN:
                found.setdefault(use.node)
                ahead.append(use.node)
    return [node for node in found if node.shape == x.shape]


MOST_WITHIN = 8
"""Nodes of a block that what skips it may be added at."""


def past_the_slope(graph: Graph, place: Place) -> StepMistakes:
    """What one of several ways brings is added after an activation's derivative, not before."""
    before = [b for b in graph.places_of.get(place.argument, ()) if b.bends and b.traits.activation]
    if not before or len(graph.consumers[place.argument]) < 2:
        return
    node = before[0].node
    given = np.ones_like(node._array), node._array, *map(plain, node.arguments)
    slope = before[0].vjp(*given, **node.keywords)
    if np.all(slope):
        words = f"what arrives over it is not multiplied by the derivative of {node.operation.name}"
        yield "derivative forgotten", words, place.changed(lambda result, *_: result / slope)
