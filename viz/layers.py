"""A layout for where Graphviz is not: boxes in layers, from top to bottom.

Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981: boxes lie below what they are computed from, each layer is ordered by the mean place of its
neighbours, and long edges run through places that are kept free in the layers between.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

GAP, RUN_GAP = 24, 8
"""Between boxes, and between edges, of a layer."""
SWEEPS = 13


@dataclass(eq=False)
class Place:
    """A box, or where an edge runs through a layer. Across is along the layer, along is down."""

    width: float = 0.0
    height: float = 0.0
    layer: int = 0
    across: float = 0.0
    along: float = 0.0
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)


class Link(NamedTuple):
    """What a place is drawn to: how far from the middle of another; and how strongly."""

    place: Place
    shift: float
    weight: float


class Line(NamedTuple):
    """An edge; an end that is not among the boxes is None: it is above, or below, all of them.

    Attributes:
        tail: from where.
        head: to where.
        leaving: how far from the middle of its tail.
        arriving: how far from the middle of its head.
        weight: how straight it is to be.
    """

    tail: Place | None
    head: Place | None
    leaving: float
    arriving: float
    weight: float


def arranged(boxes: Sequence[Place], lines: Sequence[Line], gap: float) -> list[list[Place]]:
    """Places boxes, and returns the places that each line runs through between its ends.

    Args:
        boxes: each after those that it has a line from.
        lines: between them.
        gap: between layers.
    """
    reached = {id(line.head) for line in lines}
    _set_layers(boxes, lines, reached)
    last = max(box.layer for box in boxes)
    runs = [_run(line, last) for line in lines]
    layers: dict[int, list[Place]] = {}
    for place in (*boxes, *(place for run in runs for place in run)):
        layers.setdefault(place.layer, []).append(place)
    _order([layers[number] for number in sorted(layers)])
    bottoms = _stack(layers, gap, reached)
    for line, run in zip(lines, runs):
        if line.tail is not None:  # a line leaves the layer before it turns to a side
            bottom, shift = line.tail.along + line.tail.height / 2, line.leaving
            free = bottoms[line.tail.layer] - bottom
            run.insert(0, Place(0.0, free, 0, line.tail.across + shift, bottom + free / 2))
    return runs


def _set_layers(boxes: Sequence[Place], lines: Sequence[Line], reached: Container[int]) -> None:
    """Each box goes below all that have a line to it, and what no line reaches above its users."""
    ranks = {id(box): rank for rank, box in enumerate(boxes)}
    inner = [(line.tail, line.head) for line in lines if line.tail and line.head]
    for tail, head in sorted(inner, key=lambda ends: ranks[id(ends[1])]):
        head.layer = max(head.layer, tail.layer + 1)
    nearest: dict[int, int] = {}
    for tail, head in inner:
        nearest[id(tail)] = min(nearest.get(id(tail), head.layer), head.layer - 1)
    for box in boxes:
        if id(box) not in reached:
            box.layer = nearest.get(id(box), box.layer)


def _run(line: Line, last: int) -> list[Place]:
    """The places between the ends of a line, with links between all of them."""
    tail, head, leaving, arriving, weight = line
    first = tail.layer + 1 if tail else 0
    run = [Place(layer=layer) for layer in range(first, head.layer if head else last + 1)]
    ends = [*([tail] if tail else []), *run, *([head] if head else [])]
    for upper, lower in itertools.pairwise(ends):
        shift = (arriving if lower is head else 0.0) - (leaving if upper is tail else 0.0)
        upper.below.append(Link(lower, shift, weight))
        lower.above.append(Link(upper, -shift, weight))
    return run


def _order(layers: list[list[Place]]) -> None:
    """Order each layer, and set where across it its places are."""
    for layer in layers:
        _spread(layer)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            means = {id(place): _mean(place, sweep % 2 == 0) for place in layer}
            if sweep < SWEEPS - 4:
                layer.sort(key=lambda place: means[id(place)])
            _spread(layer, [means[id(place)] for place in layer])


def _stack(
    layers: Mapping[int, Sequence[Place]], gap: float, reached: Container[int]
) -> dict[int, float]:
    """Set where down the picture places are: of a layer what a line reaches is at the top.

    Returns where each layer ends.
    """
    bottoms, top = {}, 0.0
    for number in sorted(layers):
        height = max(place.height for place in layers[number])
        bottoms[number] = top + height
        for place in layers[number]:
            place.height = place.height or height  # an edge runs straight through a layer
            free = 0.0 if id(place) in reached else height - place.height
            place.along = top + free + place.height / 2
        top += height + gap
    return bottoms


def _mean(place: Place, from_above: bool) -> float:
    neighbours = place.above if from_above else place.below
    if not neighbours:
        return place.across
    total = sum(weight * (each.across + shift) for each, shift, weight in neighbours)
    return total / sum(weight for *_, weight in neighbours)


def _spread(layer: Sequence[Place], wishes: Sequence[float] | None = None) -> None:
    """Places in their order without overlap, on the whole where they are wished to be."""
    end = float("-inf") if wishes else 0.0
    given = wishes or [0.0] * len(layer)
    for place, wish in zip(layer, given):
        gap = GAP if place.width else RUN_GAP
        place.across = max(wish, end + gap + place.width / 2)
        end = place.across + place.width / 2
    if wishes:
        weights = [max((link.weight for link in place.below), default=1) for place in layer]
        moved = zip(layer, wishes, weights)
        shift = sum(weight * (wish - place.across) for place, wish, weight in moved) / sum(weights)
        for place in layer:
            place.across += shift
