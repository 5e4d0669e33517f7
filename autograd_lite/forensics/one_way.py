"""A mistake in what arrives at a node that shows on one of the ways that lead on from it only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.place import Place
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.softmax_mistakes import SOFTMAX_MISTAKES
from autograd_lite.forensics.step_mistakes import forgotten_or_twice, misplaced
from autograd_lite.node import Array, plain


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
