"""Differences that are no mistakes: an epsilon more or less, another choice at a kink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.cross_entropies import binary_cross_entropy
from autograd_lite.forensics.candidate import Always, unchanged
from autograd_lite.forensics.replay import Graph, Place, Replay, Vjp, Wrong, is_recorded
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor

EPSILONS = tuple(10.0**-power for power in range(5, 17))
"""What people add inside of a logarithm or to a denominator."""


class Variation(NamedTuple):
    """A difference that is no mistake, what comes out with it, and whether it is far-fetched."""

    kind: str
    what: str
    replay: Replay
    far_fetched: bool = False


def harmless(graph: Graph) -> Iterator[Variation]:
    """Variations of the backward pass that are as right as the engine's."""
    bare = _without_epsilons(graph)
    if bare:
        yield Variation("epsilon", "the loss's epsilon is left out", bare)
        for wrong in _shortcuts(graph, bare):
            replay = graph.replay(wrong, bare)
            if replay:
                yield Variation("epsilon", "the loss's epsilon is left out", replay)
    logarithms = [place for place in graph.places if place.traits.logarithm]
    for epsilon in EPSILONS if logarithms else ():
        replay = graph.replay({place: _with_epsilon(place, epsilon) for place in logarithms})
        if replay:
            words = "an epsilon is added inside of the logarithm"
            yield Variation("epsilon", words, replay, far_fetched=True)
    kinks = _kinks(graph)
    replay = graph.replay(kinks) if kinks else None
    if replay:
        yield Variation("kink", "at ties the slope is 0", replay)


def _without_epsilons(graph: Graph) -> Replay | None:
    """Both passes without epsilons that are added, and without clips, if there are any."""
    replaced: dict[int, Vjp] = {}
    for node, places in graph.places_of.items():
        slot = _guarded(node)
        if slot is not None:
            value = graph.program.values[node].number
            replaced[value] = lambda *given, slot=slot, **keywords: given[slot]
            replaced |= graph.steps_of(dict.fromkeys(places, unchanged))
    return graph.run_again(replaced, graph.right) if replaced else None


def _guarded(node: Tensor) -> int | None:
    """The index of what an epsilon is added to, or what is clipped just above 0 or just below 1."""
    if node.operation is None or not node.operation.traits.commutative:
        return None
    traits = node.operation.traits
    inner = [slot for slot, a in enumerate(node.arguments) if is_recorded(a)]
    others = [plain(a) for a in node.arguments if not is_recorded(a)]
    if not (traits.additive or traits.extremum) or len(inner) != 1 or len(others) != 1:
        return None
    if np.size(others[0]) != 1:
        return None
    number = float(np.sum(others[0]))
    at_most = node.operation.function in (np.minimum, np.fmin)
    distance = abs(1 - number) if at_most else abs(number)
    return inner[0] if 0 < distance <= 1.1 * EPSILONS[0] else None


def _shortcuts(graph: Graph, bare: Replay) -> Iterator[Wrong]:
    """p - y for the logits, which is right where p saturates and y / p is not a number any more."""
    for place in graph.places:
        probabilities = place.traits.probabilities
        if not place.traits.activation or probabilities is None:
            continue
        slope = bare[place.argument]
        p = probabilities(place.node._array, place.argument._array)
        for y in graph.plain_arrays:
            if y.shape != p.shape:
                continue
            usual = (np.abs(p - y) > 1e-3) & np.isfinite(slope) & (slope != 0)
            ratios = (slope / np.where(usual, p - y, 1.0))[usual]
            if ratios.size and np.ptp(ratios) <= 1e-6 * np.max(np.abs(ratios)):
                yield {place: Always(np.median(ratios) * (p - y), "({0} - {1})", y)}


def _with_epsilon(place: Place, epsilon: float) -> Vjp:
    if place.operation.function is binary_cross_entropy:
        return lambda g, y, p, t: ((1 - t) / (1 - p + epsilon) - t / (p + epsilon)) * g / p.size
    return lambda g, y, x, *rest, **keywords: place.vjp(g, y, x + epsilon, *rest, **keywords)


def _kinks(graph: Graph) -> Wrong:
    """At ties, where the engine shares equally, all to one side: max(x, 0) with slope 0 at 0."""
    chosen: dict[Place, Vjp] = {}
    for place in graph.places:
        others = [plain(argument) for argument in place.other_arguments]
        extremum = place.traits.extremum and place.traits.elementwise
        if extremum and len(others) == 1 and np.size(others[0]) == 1:
            chosen[place] = _to_one_side(place.slot, others[0])
    return chosen


def _to_one_side(slot: int, other: Any) -> Vjp:
    return lambda g, y, *pair: g * (pair[slot] != other) * (pair[slot] == y)
