"""Draw a graph as SVG without Graphviz, in the layout of `layers`."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from viz.dot import (
    CLEAR,
    FRAME_COLOR,
    HIGHLIGHT,
    KEY_COLOR,
    LINE_COLOR,
    STYLES,
    TEXT_COLOR,
    printable,
)
from viz.layers import AROUND, CHARACTER, Frame, Place, arrivals, laid_out
from viz.vertices import Kind, Vertex

if TYPE_CHECKING:
    from viz.picture import Graph

LINE, PADDING = 15, 8
"""The height of a line of the font, and the room around a text."""


def svg_text(graph: Graph) -> str:
    """The picture."""
    right = graph.direction == "right"
    rows = [_rows(vertex) for vertex in graph.vertices]
    sizes = [_size(each) for each in rows]
    heavy = [vertex.operation is not None for vertex in graph.vertices]
    turned = [size[::-1] for size in sizes] if right else sizes
    layout = laid_out(turned, graph.edges, heavy, graph.groups, graph.direction)
    places = layout.boxes
    parts = [_outline_of(frame, right) for frame in reversed(layout.frames)]
    for edge, route, shift in zip(graph.edges, layout.routes, arrivals(graph.edges, places)):
        parts.append(_curve(route, f"n{edge.tail}->n{edge.head}", edge.label, shift, right))
    for number, (vertex, lines, place) in enumerate(zip(graph.vertices, rows, places)):
        parts.append(_box(f"n{number}", vertex, lines, place, right))
    parts += [_label_of(frame, right) for frame in layout.frames]
    *_, width, height = _at(layout.whole, right)
    if graph.legend:
        kinds = {vertex.kind for vertex in graph.vertices}
        samples = [kind for kind in STYLES if kind in kinds]
        parts.append(_text(16, height, "Legend", KEY_COLOR))
        parts += [_sample(kind, 16 + 100 * n, height + 8) for n, kind in enumerate(samples)]
        width, height = max(width, 16 + 100 * len(samples)), height + 48
    if graph.note:
        parts.append(_text(16, height + 8, graph.note, TEXT_COLOR))
        width, height = max(width, len(graph.note) * CHARACTER + 32), height + 24
    return (
        f'<svg style="max-width:100%;height:auto" width="{width:.0f}pt" height="{height:.0f}pt" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" xmlns="http://www.w3.org/2000/svg" '
        'font-family="Courier New,Courier,monospace" font-size="11">\n'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, color: str, more: str = "") -> str:
    return (
        f'<text xml:space="preserve" x="{x:.1f}" y="{y:.1f}" fill="{color}"{more}>'
        f"{html.escape(text)}</text>"
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


def _at(place: Place, right: bool) -> tuple[float, float, float, float]:
    """Centre, width and height as they are drawn."""
    if right:
        return place.along, place.across, place.height, place.width
    return place.across, place.along, place.width, place.height


def _curve(route: Sequence[Place], identity: str, label: str, shift: float, right: bool) -> str:
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
    size = CHARACTER * len(label)
    if right:
        x, y = end - size, across - 4
    else:
        x, y = across + (-5 - size if points[-2][0] > across + CHARACTER else 5), end - 4
    return (
        f'<g id="{html.escape(identity)}" class="edge"><title></title>'
        f'<path d="{text}" fill="none" stroke="{LINE_COLOR}"/>'
        f'<polygon points="{corners}" fill="{LINE_COLOR}" stroke="{LINE_COLOR}"/>'
        f"{_text(x, y, label, TEXT_COLOR)}</g>"
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
                texts.append(_text(left + PADDING + start, base, part, color, weight))
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


def _sample(kind: Kind, left: float, top: float) -> str:
    """A box of the legend."""
    outline = _outline(left, top, 92, 22, STYLES[kind])
    text = _text(left + 8, top + 15, kind, TEXT_COLOR)
    return f'<g id="{kind}" class="node"><title>{kind}</title>{outline}{text}</g>'


def _outline_of(frame: Frame, right: bool) -> str:
    """What is drawn around what a module computed."""
    x, y, width, height = _at(frame, right)
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="4" fill="none" stroke="{FRAME_COLOR}"/>'
    )


def _label_of(frame: Frame, right: bool) -> str:
    """What a frame is called, over the edges that run there."""
    x, y, width, height = _at(frame, right)
    left, base = x - width / 2 + AROUND, y - height / 2 + 14
    return _text(left, base, printable(frame.label), KEY_COLOR, f" {CLEAR}")
