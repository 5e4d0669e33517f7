"""A layout for where Graphviz is not: boxes in layers, from top to bottom, and frames around them.

Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981: boxes lie below what they are computed from, each layer is ordered by the mean place of its
neighbours, and long edges run through places that are kept free in the layers between. What a
module computed is laid out by itself, and is then one box among those around it.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from viz.vertices import Edge, Group

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


CHARACTER = 6.65
"""The width of one of the font."""
GAPS = {"down": 44.0, "right": 62.0}
"""Between layers."""
AROUND, MARGIN = 8.0, 24.0
"""Between a frame and what is in it, and around the whole picture."""
LABELS = {"down": 26.0, "right": 12.0}
"""For a label of a frame, and the numbers of arguments below it."""


@dataclass(eq=False)
class Frame(Place):
    """A place around others, which are placed from its middle until it has a place itself."""

    label: str = ""
    inside: list[Place] = field(default_factory=list)

    def carry(self) -> None:
        """Move what is inside of it to where it is."""
        for place in self.inside:
            place.across += self.across
            place.along += self.along


class Layout(NamedTuple):
    """Where all is: boxes, the places that each edge runs through, frames, and the whole."""

    boxes: list[Place]
    routes: list[list[Place]]
    frames: list[Frame]
    whole: Frame


def laid_out(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[Edge],
    heavy: Sequence[bool],
    groups: Sequence[Group],
    direction: str,
) -> Layout:
    """Where all is.

    Args:
        sizes: width along the layer, and height, of each box.
        edges: from boxes to later ones.
        heavy: whether the edges from a box are to be straight.
        groups: what is framed.
        direction: "down" or "right", in which layers stand upright.
    """
    framing = _Framing(sizes, edges, heavy, direction)
    grouped = {number for group in groups for number in group.members}
    alone = tuple(number for number in range(len(sizes)) if number not in grouped)
    whole = framing.framed(_without_torn(Group("", alone, tuple(groups)), edges))
    whole.across, whole.along = whole.width / 2, whole.height / 2
    whole.carry()
    routes = [[*start, *end] for start, end in framing.routes]
    return Layout(framing.boxes, routes, framing.frames[:-1], whole)


def _without_torn(group: Group, edges: Sequence[Edge]) -> Group:
    """The group without frames that would stand above and below what uses a part of them."""
    vertices = [*group.vertices]
    groups: list[Group] = []
    for each in group.groups:
        whole = _without_torn(each, edges)
        inside = {*whole.members}
        last = max(inside)
        if any(e.tail in inside and e.head not in inside and e.head < last for e in edges):
            vertices += whole.vertices
            groups += whole.groups
        else:
            groups.append(whole)
    return Group(group.label, tuple(vertices), tuple(groups))


class _Framing:
    """Places what is in groups, those that are inside of others first."""

    def __init__(
        self,
        sizes: Sequence[tuple[float, float]],
        edges: Sequence[Edge],
        heavy: Sequence[bool],
        direction: str,
    ) -> None:
        self.boxes = [Place(*size) for size in sizes]
        self.routes = [([self.boxes[edge.tail]], [self.boxes[edge.head]]) for edge in edges]
        self.frames: list[Frame] = []
        self._edges, self._direction = edges, direction
        self._weights = [4.0 if heavy[edge.tail] else 1.0 for edge in edges]
        # Of arguments of one operation the first comes first, as if it were a little to the left.
        self._shifts = [shift / 100 for shift in arrivals(edges, self.boxes)]

    def framed(self, group: Group) -> Frame:
        """A group as one box in which all has room; its frame comes after those inside of it."""
        inner = {max(each.members): self.framed(each) for each in group.groups}
        own = {number: self.boxes[number] for number in group.vertices} | inner
        boxes = [own[number] for number in sorted(own)]
        owner = {number: self.boxes[number] for number in group.vertices}
        for each, frame in zip(group.groups, inner.values()):
            owner |= dict.fromkeys(each.members, frame)
        numbers = [
            number
            for number, edge in enumerate(self._edges)
            if owner.get(edge.tail) is not owner.get(edge.head)
        ]
        runs = arranged(boxes, [self._line(n, owner) for n in numbers], GAPS[self._direction])
        for number, run in zip(numbers, runs):
            start, end = self.routes[number]
            if self._edges[number].tail in owner:
                start += run
            else:
                end[:0] = run
        made = self._around(group.label, [*boxes, *(place for run in runs for place in run)])
        for frame in inner.values():
            frame.carry()
            made.inside += frame.inside
        self.frames.append(made)
        return made

    def _line(self, number: int, owner: Mapping[int, Place]) -> Line:
        """What of an edge is among the boxes of a group, of which frames have its ends in them."""
        edge, (start, end) = self._edges[number], self.routes[number]
        tail, head = owner.get(edge.tail), owner.get(edge.head)
        leaving = start[-1].across if isinstance(tail, Frame) else 0.0
        arriving = end[0].across if isinstance(head, Frame) else 0.0
        if end[0] is self.boxes[edge.head]:
            arriving += self._shifts[number]
        return Line(tail, head, leaving, arriving, self._weights[number])

    def _around(self, label: str, places: list[Place]) -> Frame:
        """A frame around places, which are moved to be placed from its middle."""
        right = self._direction == "right"
        margin, above = (AROUND, LABELS[self._direction]) if label else (MARGIN, 0.0)
        left = min(place.across - place.width / 2 for place in places) - margin
        top = min(place.along - place.height / 2 for place in places) - margin
        width = max(place.across + place.width / 2 for place in places) + margin - left
        height = max(place.along + place.height / 2 for place in places) + margin - top
        length = len(label) * CHARACTER + 2 * AROUND
        if right:
            left, width, height = left - above, width + above, max(height, length)
        else:
            top, height, width = top - above, height + above, max(width, length)
        for place in places:
            place.across -= left + width / 2
            place.along -= top + height / 2
        return Frame(width, height, label=label, inside=places)


def arrivals(edges: Sequence[Edge], boxes: Sequence[Place]) -> list[float]:
    """How far from the middle of its head each edge arrives, arguments in their order."""
    arriving: dict[int, list[int]] = {}
    for number, edge in enumerate(edges):
        arriving.setdefault(edge.head, []).append(number)
    shifts = [0.0] * len(edges)
    for head, numbers in arriving.items():
        if not edges[numbers[0]].label:
            numbers.sort(key=lambda number: boxes[edges[number].tail].across)
        for place, number in enumerate(numbers, 1):
            shifts[number] = boxes[head].width * (place / (len(numbers) + 1) - 0.5)
    return shifts
