"""Differences that are no mistakes: an epsilon more or less, another choice at a kink."""

from __future__ import annotations

from collections.abc import Iterator
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


def harmless(graph: Graph) -> Iterator[Family]:
    """Variations of the backward pass that are as right as the engine's."""
    yield from _epsilons(graph)
    yield from _kinks(graph)


def _epsilons(graph: Graph) -> Iterator[Family]:
    """Logarithms and quotients with an epsilon that the loss has not, or without the loss's."""
    places = [
        place
        for place in graph.places
        if place.operation.name in {"log", "divide", "sqrt", "reciprocal", "binary_cross_entropy"}
    ]
    clips = [place for place in graph.places if place.operation.name == "clip"]
    without = {place: vjp for place in places if (vjp := _without_epsilon(place)) is not None}
    without |= {place: lambda g, *given, **keywords: g for place in clips}
    if without:
        yield Family("epsilon", "the loss's epsilon is left out", lambda c: without, (0.0,))
        yield from _shortcuts(graph, without)
    logarithms = [p for p in places if p.operation.name in {"log", "binary_cross_entropy"}]
    if logarithms:
        yield Family(
            "epsilon",
            "an epsilon is added inside of the logarithm",
            lambda c: {place: _with_epsilon(place, c) for place in logarithms},
            EPSILONS,
        )


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
            usual = (np.abs(p - y) > 1e-3) & np.isfinite(right)
            ratios = (right / np.where(usual, p - y, 1.0))[usual]
            if ratios.size and np.ptp(ratios) <= 1e-6 * np.max(np.abs(ratios)):
                slope: Vjp = Always(np.median(ratios) * (p - y), "({0} - {1})", y)
                wrong = {**without, place: slope}
                what = "the loss's epsilon is left out"
                yield Family("epsilon", what, partial(always, wrong), (0.0,))


def _without_epsilon(place: Place) -> Vjp | None:
    """The vjp without the small number that was added to an argument, if there is one."""
    vjp, compute = vjp_of(place), place.operation.compute
    for slot, argument in enumerate(place.node.arguments):
        made_by = argument.operation if isinstance(argument, Tensor) else None
        if made_by is None or made_by.name not in {"add", "clip"}:
            continue
        small = [float(np.sum(plain(a))) for a in argument.arguments if np.size(plain(a)) == 1]
        inner = [a for a in argument.arguments if isinstance(a, Tensor) and a.requires_grad]
        if len(inner) == 1 and any(0 < abs(value) <= 1e-3 for value in small):
            value = inner[0]._data

            def without(g: Array, y: Array, *given: Any, **keywords: Any) -> Array:
                changed = (*given[:slot], value, *given[slot + 1 :])  # noqa: B023
                return vjp(g, compute(*changed, **keywords), *changed, **keywords)

            return without
    return None


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
        yield Family("kink", "at ties the slope is 0", lambda c: chosen, (0.0,))


def _other(place: Place) -> object:
    """The number that an argument of maximum is compared with, if it is one."""
    values = [plain(a) for i, a in enumerate(place.node.arguments) if i != place.slot]
    return values[0] if len(values) == 1 and np.size(values[0]) == 1 else None
