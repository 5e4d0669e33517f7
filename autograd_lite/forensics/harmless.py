"""Differences that are no mistakes: an epsilon more or less, another choice at a kink."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.group_mistakes import Family, always, plain_arrays
from autograd_lite.forensics.replay import Array, Graph, Place, Vjp, Wrong, replay, vjp_of
from autograd_lite.forensics.written import Always
from autograd_lite.operators import plain
from autograd_lite.tensor import Tensor

EPSILONS = tuple(10.0**-power for power in range(5, 17))
"""What people add inside of a logarithm or to a denominator."""
LEFT_OUT = "the loss's epsilon is left out"


def harmless(graph: Graph) -> Iterator[Family]:
    """Variations of the backward pass that are as right as the engine's."""
    yield from _epsilons(graph)
    yield from _kinks(graph)


def _epsilons(graph: Graph) -> Iterator[Family]:
    """The loss's epsilons and clips left out, or one added that the loss has not."""
    bare = _bare_values(graph)
    without = {place: _bare_vjp(place, bare) for place in graph.places if _involves(place, bare)}
    if without:
        yield Family("epsilon", LEFT_OUT, partial(always, without), (0.0,))
        yield from _shortcuts(graph, without)
    logarithms = [p for p in graph.places if p.operation.name in {"log", "binary_cross_entropy"}]
    if logarithms:
        yield Family(
            "epsilon",
            "an epsilon is added inside of the logarithm",
            lambda c: {place: _with_epsilon(place, c) for place in logarithms},
            EPSILONS,
        )


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
    if node.operation is None or node.operation.name not in {"add", "maximum", "minimum"}:
        return None
    inner = [a for a in node.arguments if isinstance(a, Tensor) and a.requires_grad]
    plain_ones = [plain(a) for a in node.arguments if not any(a is tensor for tensor in inner)]
    if len(inner) != 1 or len(plain_ones) != 1 or np.size(plain_ones[0]) != 1:
        return None
    number = float(np.sum(plain_ones[0]))
    distance = abs(1 - number) if node.operation.name == "minimum" else abs(number)
    return inner[0] if 0 < distance <= 1.1 * EPSILONS[0] else None


def _involves(place: Place, bare: Mapping[Any, Array]) -> bool:
    nodes = (place.node, *place.node.arguments)
    return any(isinstance(value, Tensor) and value in bare for value in nodes)


def _bare_vjp(place: Place, bare: Mapping[Any, Array]) -> Vjp:
    if _guarded(place.node) is not None:
        return lambda g, *given, **keywords: g
    vjp, y = vjp_of(place), bare.get(place.node, place.node._data)
    values = [_bare(argument, bare) for argument in place.node.arguments]
    if place.operation.residual:
        values.append(None)
    return lambda g, *given, **keywords: vjp(g, y, *values, **keywords)


def _shortcuts(graph: Graph, without: Wrong) -> Iterator[Family]:
    """p - y for the logits, which is right where p saturates and y / p is not a number any more."""
    cotangents = replay(graph.loss, without) or {}
    for place in graph.places:
        if place.operation.name not in {"sigmoid", "softmax"} or place.argument not in cotangents:
            continue
        p, right = place.node._data, cotangents[place.argument]
        for y in plain_arrays(graph):
            if np.shape(y) != np.shape(p):
                continue
            usual = (np.abs(p - y) > 1e-3) & np.isfinite(right) & (right != 0)
            ratios = (right / np.where(usual, p - y, 1.0))[usual]
            if ratios.size and np.ptp(ratios) <= 1e-6 * np.max(np.abs(ratios)):
                slope: Vjp = Always(np.median(ratios) * (p - y), "({0} - {1})", y)
                wrong = {**without, place: slope}
                yield Family("epsilon", LEFT_OUT, partial(always, wrong), (0.0,))


def _with_epsilon(place: Place, epsilon: float) -> Vjp:
    if place.operation.name == "binary_cross_entropy":
        return lambda g, y, p, t: ((1 - t) / (1 - p + epsilon) - t / (p + epsilon)) * g / p.size
    vjp = vjp_of(place)
    return lambda g, y, x, *rest, **keywords: vjp(g, y, x + epsilon, *rest, **keywords)


def _kinks(graph: Graph) -> Iterator[Family]:
    """At ties, where the engine shares equally, all to one side: max(x, 0) with slope 0 at 0."""
    chosen: dict[Place, Vjp] = {}
    for place in graph.places:
        if place.operation.name in {"maximum", "minimum"} and (other := _other(place)) is not None:
            chosen[place] = lambda g, y, *pair, i=place.slot, other=other: (
                g * (pair[i] != other) * (pair[i] == y)
            )
    if chosen:
        yield Family("kink", "at ties the slope is 0", partial(always, chosen), (0.0,))


def _other(place: Place) -> object:
    """The number that an argument of maximum is compared with, if it is one."""
    values = [plain(a) for i, a in enumerate(place.node.arguments) if i != place.slot]
    return values[0] if len(values) == 1 and np.size(values[0]) == 1 else None
