"""Differences that are no mistakes: an epsilon more or less, another choice at a kink."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.candidate import Always, Candidate, unchanged
from autograd_lite.forensics.replay import Graph, Place, Vjp, Wrong, is_recorded
from autograd_lite.node import Array
from autograd_lite.operators import plain
from autograd_lite.tensor import Tensor

EPSILONS = tuple(10.0**-power for power in range(5, 17))
"""What people add inside of a logarithm or to a denominator."""
LEFT_OUT = "the loss's epsilon is left out"


def harmless(graph: Graph) -> Iterator[Candidate]:
    """Variations of the backward pass that are as right as the engine's."""
    yield from _epsilons(graph)
    yield from _kinks(graph)


def _epsilons(graph: Graph) -> Iterator[Candidate]:
    """The loss's epsilons and clips left out, or one added that the loss has not."""
    bare = _bare_values(graph)
    without = {place: _bare_vjp(place, bare) for place in graph.places if _involves(place, bare)}
    if without:
        yield Candidate("epsilon", LEFT_OUT, without)
        yield from _shortcuts(graph, without)
    logarithms = [place for place in graph.places if place.traits.logarithm]
    if logarithms:
        for epsilon in EPSILONS:
            words = "an epsilon is added inside of the logarithm"
            wrong = {place: _with_epsilon(place, epsilon) for place in logarithms}
            yield Candidate("epsilon", words, wrong, far_fetched=True)


def _bare_values(graph: Graph) -> dict[Any, Array]:
    """The values of nodes as they were without epsilons that are added, and without clips."""
    bare: dict[Any, Array] = {}
    for node in reversed(graph.order):
        inner = _guarded(node)
        if inner is not None:
            bare[node] = bare.get(inner, inner._data)
        elif any(isinstance(argument, Tensor) and argument in bare for argument in node.arguments):
            assert node.operation is not None
            values = [_bare(argument, bare) for argument in node.arguments]
            result = node.operation.compute(*values, **node.keywords)
            bare[node] = result[0] if node.operation.residual else result
    return bare


def _bare(argument: Any, bare: Mapping[Any, Array]) -> Any:
    known = isinstance(argument, Tensor) and argument in bare
    return bare[argument] if known else plain(argument)


def _guarded(node: Tensor) -> Tensor | None:
    """What an epsilon is added to, or what is clipped just above 0 or just below 1."""
    if node.operation is None or not node.operation.traits.commutative:
        return None
    traits = node.operation.traits
    inner = [a for a in node.arguments if is_recorded(a)]
    others = [plain(a) for a in node.arguments if not is_recorded(a)]
    if not (traits.additive or traits.extremum) or len(inner) != 1 or len(others) != 1:
        return None
    if np.size(others[0]) != 1:
        return None
    number = float(np.sum(others[0]))
    at_most = node.operation.function in (np.minimum, np.fmin)
    distance = abs(1 - number) if at_most else abs(number)
    return inner[0] if 0 < distance <= 1.1 * EPSILONS[0] else None


def _involves(place: Place, bare: Mapping[Any, Array]) -> bool:
    nodes = (place.node, *place.node.arguments)
    return any(isinstance(value, Tensor) and value in bare for value in nodes)


def _bare_vjp(place: Place, bare: Mapping[Any, Array]) -> Vjp:
    if _guarded(place.node) is not None:
        return unchanged
    y = bare.get(place.node, place.node._data)
    values = [_bare(argument, bare) for argument in place.node.arguments]
    if place.operation.residual:
        values.append(None)
    return lambda g, *given, **keywords: place.vjp(g, y, *values, **keywords)


def _shortcuts(graph: Graph, without: Wrong) -> Iterator[Candidate]:
    """p - y for the logits, which is right where p saturates and y / p is not a number any more."""
    right = graph.replay(without)
    if right is None:
        return
    for place in graph.places:
        probabilities = place.traits.probabilities
        if not place.traits.activation or probabilities is None:
            continue
        slope = right[place.argument]
        p = probabilities(place.node._data, place.argument._data)
        for y in graph.plain_arrays:
            if np.shape(y) != np.shape(p):
                continue
            usual = (np.abs(p - y) > 1e-3) & np.isfinite(slope) & (slope != 0)
            ratios = (slope / np.where(usual, p - y, 1.0))[usual]
            if ratios.size and np.ptp(ratios) <= 1e-6 * np.max(np.abs(ratios)):
                vjp = Always(np.median(ratios) * (p - y), "({0} - {1})", y)
                yield Candidate("epsilon", LEFT_OUT, {**without, place: vjp})


def _with_epsilon(place: Place, epsilon: float) -> Vjp:
    if place.operation.function is neural.binary_cross_entropy:
        return lambda g, y, p, t: ((1 - t) / (1 - p + epsilon) - t / (p + epsilon)) * g / p.size
    return lambda g, y, x, *rest, **keywords: place.vjp(g, y, x + epsilon, *rest, **keywords)


def _kinks(graph: Graph) -> Iterator[Candidate]:
    """At ties, where the engine shares equally, all to one side: max(x, 0) with slope 0 at 0."""
    chosen: dict[Place, Vjp] = {}
    for place in graph.places:
        others = [plain(argument) for argument in place.other_arguments]
        extremum = place.traits.extremum and place.traits.elementwise
        if extremum and len(others) == 1 and np.size(others[0]) == 1:
            chosen[place] = _to_one_side(place.slot, others[0])
    if chosen:
        yield Candidate("kink", "at ties the slope is 0", chosen)


def _to_one_side(slot: int, other: Any) -> Vjp:
    return lambda g, y, *pair: g * (pair[slot] != other) * (pair[slot] == y)
