"""A layout of its own for where Graphviz is not: layers from top to bottom, as SVG.

Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981: boxes lie below what they are computed from, each layer is ordered by the mean place of its
neighbours, and long edges run through places that are kept free in the layers between.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from viz.dot import HIGHLIGHT, KEY_COLOR, LINE_COLOR, STYLES, TEXT_COLOR, printable
from viz.vertices import Group, Vertex

if TYPE_CHECKING:
    from viz.picture import Graph

CHARACTER, LINE, PADDING = 6.65, 15, 8
"""Width and height of a character of the font, and the room around a text."""
GAP, ROUTE_GAP, LAYER_GAP = 24, 8, 44
TOP = 48.0
SWEEPS = 13
CORNER = 4


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


def svg_text(graph: Graph) -> str:
    """The picture."""
    rows = [_rows(vertex) for vertex in graph.vertices]
    places = _places(graph, [_size(each) for each in rows])
    routes = _routes(graph, places)
    layers = _layers([*places, *(place for route in routes for place in route[1:-1])])
    _arrange(layers, graph.direction == "right")
    right = graph.direction == "right"
    groups = [text for group in graph.groups for text in _frames(group, places, right)]
    shifts = _shifts(graph, places)
    edges = [
        _curve(route, f"n{edge.tail}->n{edge.head}", edge.label, shift, right)
        for edge, route, shift in zip(graph.edges, routes, shifts)
    ]
    boxes = [
        _box(f"n{number}", vertex, lines, place, right)
        for number, (vertex, lines, place) in enumerate(zip(graph.vertices, rows, places))
    ]
    width, height = _extent(places, right)
    below = [graph.note] * bool(graph.note)
    if graph.legend:
        kinds = {vertex.kind for vertex in graph.vertices}
        samples = [kind for kind in STYLES if kind in kinds]
        legend = [_sample(kind, 16 + 100 * n, height) for n, kind in enumerate(samples)]
        width, height = max(width, 16 + 100 * len(samples)), height + 40
        boxes += legend
    texts = [
        f'<text x="16" y="{height + 8}" fill="{TEXT_COLOR}">{html.escape(line)}</text>'
        for line in below
    ]
    height += 24 * len(below)
    width = max([width, *(len(line) * CHARACTER + 32 for line in below)])
    return "\n".join(
        [
            '<svg style="max-width:100%;height:auto" '
            f'width="{width:.0f}pt" height="{height:.0f}pt" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" xmlns="http://www.w3.org/2000/svg" '
            'font-family="Courier New,Courier,monospace" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            *groups,
            *edges,
            *boxes,
            *texts,
            "</svg>",
        ]
    )


def _rows(vertex: Vertex) -> list[tuple[str, str]]:
    rows = [("", printable(vertex.title))]
    for key, lines in vertex.rows:
        rows += [("" if n else key, printable(line)) for n, line in enumerate(lines)]
    return rows


def _key_width(rows: Sequence[tuple[str, str]]) -> int:
    return max(len(key) + 1 if key else 0 for key, _ in rows)


def _size(rows: Sequence[tuple[str, str]]) -> tuple[float, float]:
    characters = _key_width(rows) + max(len(text) for _, text in rows)
    return characters * CHARACTER + 2 * PADDING, len(rows) * LINE + 2 * PADDING


def _places(graph: Graph, sizes: Sequence[tuple[float, float]]) -> list[Place]:
    """A place for each vertex, in the layer below all that it is computed from."""
    layers = [0] * len(sizes)
    first = [len(sizes)] * len(sizes)
    for edge in graph.edges:  # in the order of their heads
        layers[edge.head] = max(layers[edge.head], layers[edge.tail] + 1)
    heads = {edge.head for edge in graph.edges}
    for edge in graph.edges:
        first[edge.tail] = min(first[edge.tail], layers[edge.head] - 1)
    for number, nearest in enumerate(first):
        if number not in heads and nearest < len(sizes):
            layers[number] = nearest
    if graph.direction == "right":
        sizes = [(height, width) for width, height in sizes]
    return [Place(layer, *size) for layer, size in zip(layers, sizes)]


def _routes(graph: Graph, places: Sequence[Place]) -> list[list[Place]]:
    """The places that each edge runs through, its ends included."""
    routes = []
    for edge, shift in zip(graph.edges, _shifts(graph, places)):
        tail, head = places[edge.tail], places[edge.head]
        route = [tail, *(Place(layer) for layer in range(tail.layer + 1, head.layer)), head]
        weight = 4.0 if graph.vertices[edge.tail].operation else 1.0
        for upper, lower in zip(route, route[1:]):
            upper.below.append(Link(lower, shift if lower is head else 0.0, weight))
            lower.above.append(Link(upper, 0.0, weight))
        routes.append(route)
    return routes


def _layers(places: Iterable[Place]) -> list[list[Place]]:
    layers: dict[int, list[Place]] = {}
    for place in places:
        layers.setdefault(place.layer, []).append(place)
    return [layers[number] for number in sorted(layers)]


def _arrange(layers: list[list[Place]], right: bool) -> None:
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
            place.along = along + height / 2
        along += height + (LAYER_GAP * 1.4 if right else LAYER_GAP)


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


def _at(place: Place, right: bool) -> tuple[float, float, float, float]:
    """Centre, width and height as they are drawn."""
    if right:
        return place.along, place.across, place.height, place.width
    return place.across, place.along, place.width, place.height


def _extent(places: Sequence[Place], right: bool) -> tuple[float, float]:
    corners = [_at(place, right) for place in places]
    return (
        max(x + width / 2 for x, _, width, _ in corners) + 24,
        max(y + height / 2 for _, y, _, height in corners) + 24,
    )


def _shifts(graph: Graph, places: Sequence[Place]) -> list[float]:
    """How far from the middle of its head each edge arrives: arguments in order where it matters."""
    arriving: dict[int, list[int]] = {}
    for number, edge in enumerate(graph.edges):
        arriving.setdefault(edge.head, []).append(number)
    shifts = [0.0] * len(graph.edges)
    for head, numbers in arriving.items():
        if not graph.edges[numbers[0]].label:
            numbers.sort(key=lambda number: places[graph.edges[number].tail].across)
        for place, number in enumerate(numbers, 1):
            shifts[number] = places[head].width * (place / (len(numbers) + 1) - 0.5)
    return shifts


def _curve(
    route: Sequence[Place], identity: str, label: str, shift: float, right: bool
) -> str:
    """An edge, with its label before the arrow."""
    points = []
    for place in route:
        points += [
            (place.across, place.along - place.height / 2),
            (place.across, place.along + place.height / 2),
        ]
    points = points[1:-1]
    points[-1] = points[-1][0] + shift, points[-1][1] - 7
    text, before = "M{:.1f},{:.1f}".format(*_turned(points[0], right)), points[0]
    for point in points[1:]:
        middle = (before[1] + point[1]) / 2
        controls = [(before[0], middle), (point[0], middle), point]
        text += "C" + " ".join("{:.1f},{:.1f}".format(*_turned(each, right)) for each in controls)
        before = point
    across, end = before
    arrow = [(across, end + 7), (across - 3, end), (across + 3, end)]
    corners = " ".join("{:.1f},{:.1f}".format(*_turned(each, right)) for each in arrow)
    x, y = _turned((across + 5, end - 4), right)
    return (
        f'<g id="{html.escape(identity)}" class="edge"><title></title>'
        f'<path d="{text}" fill="none" stroke="{LINE_COLOR}"/>'
        f'<polygon points="{corners}" fill="{LINE_COLOR}" stroke="{LINE_COLOR}"/>'
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{TEXT_COLOR}">{label}</text></g>'
    )


def _turned(point: tuple[float, float], right: bool) -> tuple[float, float]:
    return (point[1], point[0]) if right else point


def _box(
    identity: str, vertex: Vertex, rows: Sequence[tuple[str, str]], place: Place, right: bool
) -> str:
    x, y, width, height = _at(place, right)
    left, top = x - width / 2, y - height / 2
    key_width = _key_width(rows) * CHARACTER
    texts = []
    for number, (key, text) in enumerate(rows):
        base = top + PADDING + LINE * number + 11
        weight = "" if number else ' font-weight="bold"'
        for start, part, color in ((0.0, key, KEY_COLOR), (key_width, text, TEXT_COLOR)):
            if part:
                texts.append(
                    f'<text xml:space="preserve" x="{left + PADDING + start:.1f}" '
                    f'y="{base:.1f}" fill="{color}"{weight}>{html.escape(part)}</text>'
                )
    style = STYLES[vertex.kind] | (HIGHLIGHT if vertex.highlighted else {})
    title = html.escape(printable(vertex.tooltip).replace("\\n", "\n"))
    return (
        f'<g id="{identity}" class="node"><title>{title}</title>'
        f"{_outline(left, top, width, height, style)}{''.join(texts)}</g>"
    )


def _outline(left: float, top: float, width: float, height: float, style: dict[str, str]) -> str:
    right, bottom = left + width, top + height
    corners = f"{left:.1f},{top:.1f} {right:.1f},{top:.1f} {right:.1f},{bottom:.1f} "
    return (
        f'<polygon points="{corners}{left:.1f},{bottom:.1f}" fill="{style["fillcolor"]}" '
        f'stroke="{style.get("color", LINE_COLOR)}" stroke-width="{style.get("penwidth", "1")}"/>'
    )


def _sample(kind: str, left: float, top: float) -> str:
    """A box of the legend."""
    outline = _outline(left, top, 92, 22, STYLES[kind])  # type: ignore[index]
    return (
        f'<g class="node"><title>{kind}</title>{outline}'
        f'<text x="{left + 8}" y="{top + 15}" fill="{TEXT_COLOR}">{kind}</text></g>'
    )


def _frames(group: Group, places: Sequence[Place], right: bool) -> list[str]:
    """A frame around what a module computed, where nothing else is within it."""
    inside = {*_members(group)}
    corners = [_at(places[number], right) for number in inside]
    left = min(x - width / 2 for x, _, width, _ in corners) - 10
    end = max(x + width / 2 for x, _, width, _ in corners) + 10
    top = min(y - height / 2 for _, y, _, height in corners) - 18
    bottom = max(y + height / 2 for _, y, _, height in corners) + 8
    for number, place in enumerate(places):
        x, y, width, height = _at(place, right)
        across = left < x + width / 2 and x - width / 2 < end
        if number not in inside and across and top < y + height / 2 and y - height / 2 < bottom:
            break
    else:
        own = [
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{end - left:.1f}" rx="{CORNER}" '
            f'height="{bottom - top:.1f}" fill="none" stroke="#8A8A8A"/>'
            f'<text x="{left + 6:.1f}" y="{top + 12:.1f}" fill="{KEY_COLOR}">'
            f"{html.escape(printable(group.label))}</text>"
        ]
        return own + [text for each in group.groups for text in _frames(each, places, right)]
    return [text for each in group.groups for text in _frames(each, places, right)]


def _members(group: Group) -> list[int]:
    return [*group.vertices, *(number for each in group.groups for number in _members(each))]
