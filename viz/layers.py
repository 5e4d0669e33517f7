"""A layout for where Graphviz is not: boxes in layers, from top to bottom.

Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981: boxes lie below what they are computed from, each layer is ordered by the mean place of its
neighbours, and long edges run through places that are kept free in the layers between.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from viz.vertices import Edge

GAP, ROUTE_GAP = 24, 8
"""Between boxes, and between edges, of a layer."""
TOP = 24.0
SWEEPS = 13


@dataclass(eq=False)
class Place:
    """A box, or where an edge runs through a layer. Across is along the layer, along is down."""

    layer: int
    width: float = 0.0
    height: float = 0.0
    across: float = 0.0
    along: float = 0.0
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)


class Link(NamedTuple):
    """What a place is drawn to: another, and how far from the middle of that; and how strongly."""

    place: Place
    shift: float
    weight: float


def laid_out(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[Edge],
    heavy: Sequence[bool],
    gap: float,
) -> tuple[list[Place], list[list[Place]]]:
    """Where boxes are, and the places that each edge runs through, its ends included.

    Args:
        sizes: width along the layer, and height, of each box.
        edges: from boxes to later ones.
        heavy: whether the edges from a box are to be straight.
        gap: between layers.
    """
    places = _places(edges, sizes)
    routes = _routes(edges, places, heavy)
    layers = _layers([*places, *(place for route in routes for place in route[1:-1])])
    _arrange(layers, gap)
    return places, routes


def _places(edges: Sequence[Edge], sizes: Sequence[tuple[float, float]]) -> list[Place]:
    """A place for each vertex, in the layer below all that it is computed from."""
    layers = [0] * len(sizes)
    first = [len(sizes)] * len(sizes)
    for edge in edges:  # in the order of their heads
        layers[edge.head] = max(layers[edge.head], layers[edge.tail] + 1)
    heads = {edge.head for edge in edges}
    for edge in edges:
        first[edge.tail] = min(first[edge.tail], layers[edge.head] - 1)
    for number, nearest in enumerate(first):
        if number not in heads and nearest < len(sizes):
            layers[number] = nearest
    return [Place(layer, *size) for layer, size in zip(layers, sizes)]


def _routes(
    edges: Sequence[Edge], places: Sequence[Place], heavy: Sequence[bool]
) -> list[list[Place]]:
    """The places that each edge runs through, its ends included."""
    routes = []
    for edge, shift in zip(edges, arrivals(edges, places)):
        tail, head = places[edge.tail], places[edge.head]
        route = [tail, *(Place(layer) for layer in range(tail.layer + 1, head.layer)), head]
        weight = 4.0 if heavy[edge.tail] else 1.0
        for upper, lower in itertools.pairwise(route):
            upper.below.append(Link(lower, shift if lower is head else 0.0, weight))
            lower.above.append(Link(upper, 0.0, weight))
        routes.append(route)
    return routes


def _layers(places: Iterable[Place]) -> list[list[Place]]:
    layers: dict[int, list[Place]] = {}
    for place in places:
        layers.setdefault(place.layer, []).append(place)
    return [layers[number] for number in sorted(layers)]


def _arrange(layers: list[list[Place]], gap: float) -> None:
    """Order the layers, and set where each place is."""
    for layer in layers:
        _spread(layer)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            means = {id(place): _mean(place, sweep % 2 == 0) for place in layer}
            if sweep < SWEEPS - 4:
                layer.sort(key=lambda place: means[id(place)])
            _spread(layer, [means[id(place)] for place in layer])
    left = min(place.across - place.width / 2 for layer in layers for place in layer)
    along = TOP
    for layer in layers:
        height = max(place.height for place in layer)
        for place in layer:
            place.across += 24 - left
            place.height = place.height or height  # an edge runs straight through a layer
            place.along = along + height / 2
        along += height + gap


def _mean(place: Place, from_above: bool) -> float:
    neighbours = place.above if from_above else place.below
    if not neighbours:
        return place.across
    # Of arguments of one operation the first comes first, as if it were a little to the left.
    total = sum(weight * (each.across + shift / 100) for each, shift, weight in neighbours)
    return total / sum(weight for *_, weight in neighbours)


def _spread(layer: Sequence[Place], wishes: Sequence[float] | None = None) -> None:
    """Places in their order without overlap, on the whole where they are wished to be."""
    end = float("-inf") if wishes else 0.0
    given = wishes or [0.0] * len(layer)
    for place, wish in zip(layer, given):
        gap = GAP if place.width else ROUTE_GAP
        place.across = max(wish, end + gap + place.width / 2)
        end = place.across + place.width / 2
    if wishes:
        weights = [max((link.weight for link in place.below), default=1) for place in layer]
        moved = zip(layer, wishes, weights)
        shift = sum(weight * (wish - place.across) for place, wish, weight in moved) / sum(weights)
        for place in layer:
            place.across += shift


def arrivals(edges: Sequence[Edge], places: Sequence[Place]) -> list[float]:
    """How far from the middle of its head each edge arrives, arguments in their order."""
    arriving: dict[int, list[int]] = {}
    for number, edge in enumerate(edges):
        arriving.setdefault(edge.head, []).append(number)
    shifts = [0.0] * len(edges)
    for head, numbers in arriving.items():
        if not edges[numbers[0]].label:
            numbers.sort(key=lambda number: places[edges[number].tail].across)
        for place, number in enumerate(numbers, 1):
            shifts[number] = places[head].width * (place / (len(numbers) + 1) - 0.5)
    return shifts
