"""Write vertices and edges as text in the DOT language."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from viz.vertices import Group, Kind, Vertex

if TYPE_CHECKING:
    from viz.picture import Graph

# Okabe and Ito's colours, which colour-blind people tell apart, made light under the dark text.
# There is none left for constants, which are inputs of a kind, in another shape.
STYLES: dict[Kind, dict[str, str]] = {
    "input": {"shape": "note", "fillcolor": "#AED8F5", "color": "#0072B2"},
    "parameter": {"shape": "component", "fillcolor": "#FBD88A", "color": "#8F6200"},
    "constant": {"shape": "folder", "fillcolor": "#AED8F5", "color": "#0072B2"},
    "operation": {"shape": "box", "style": "rounded,filled", "fillcolor": "#F7F7F7"},
    "collapsed": {"shape": "box3d", "fillcolor": "#C49DF8", "color": "#5B2A9D"},
    "output": {"shape": "octagon", "margin": "0", "fillcolor": "#6FCBAA", "color": "#00624A"},
}
HIGHLIGHT = {"color": "#B34700", "penwidth": "4"}
TEXT_COLOR = "#111111"
KEY_COLOR = "#404040"
LINE_COLOR = "#666666"
FRAME_COLOR = "#8A8A8A"
FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": TEXT_COLOR, "fontsize": "11"}
CLEAR = 'paint-order="stroke" stroke="white" stroke-width="4"'
"""Of a text in SVG that edges run under."""
DIGITS = "Courier New,Courier,monospace"
"""The font of values, in which columns are aligned."""


def dot_text(graph: Graph) -> str:
    """DOT text, the same for the same vertices and edges; the last vertex is an output."""
    import graphviz

    digraph = graphviz.Digraph(
        "computation",
        # Boxes hide no label of an edge; the tabs of parameters stick out of them.
        graph_attr={
            "nodesep": "0.25",
            "ranksep": "0.4",
            "pad": "0.12",
            "outputorder": "nodesfirst",
            **FONT,
        },
        node_attr={"style": "filled", "color": LINE_COLOR, **FONT},
        edge_attr={"color": LINE_COLOR, "arrowsize": "0.7", **FONT},
    )
    if graph.direction == "right":
        digraph.graph_attr["rankdir"] = "LR"
    if graph.note:
        digraph.graph_attr |= {"label": f"<{_escaped(graph.note)}>", "labelloc": "b"}
    groups, edges = graph.groups, graph.edges
    if graph.direction == "right" and groups:
        # Beside clusters Graphviz puts what comes first at the bottom, and at the top elsewhere.
        groups, edges = _turned(groups), edges[::-1]
    # The order of arguments matters: they come from left to right, or downwards.
    ordered = {edge.head for edge in graph.edges if edge.label}
    grouped = {position for group in graph.groups for position in group.members}
    nodes = []
    for position, vertex in enumerate(graph.vertices):
        style = STYLES[vertex.kind] | (HIGHLIGHT if vertex.highlighted else {})
        style |= {"ordering": "in"} if position in ordered else {}
        nodes.append((f"n{position}", _vertex_label(vertex), {"id": f"n{position}", **style}))
        if position not in grouped:
            digraph.node(nodes[-1][0], nodes[-1][1], **nodes[-1][2])
    for number, group in enumerate(groups):
        _write_group(digraph, group, f"cluster_{number}", nodes)
    for edge in edges:
        # A heavy edge is short and straight: the chain of operations makes the picture's spine.
        weight = "4" if graph.vertices[edge.tail].operation else "1"
        ends = f"n{edge.tail}", f"n{edge.head}"
        # A label of the edge itself would be a node to the layout, and undo the order.
        near = {"headlabel": edge.label, "labeldistance": "1.5"} if edge.label else {}
        if edge.label not in ("", "1") and graph.direction == "down":
            near["labelangle"] = "25"  # over an edge that comes from the right
        digraph.edge(*ends, id="->".join(ends), weight=weight, **near)
    if graph.legend:
        _write_legend(digraph, graph.vertices)
    return str(digraph.source)


def _turned(groups: Sequence[Group]) -> tuple[Group, ...]:
    """All of them from the last to the first, also what is in them."""
    return tuple(
        Group(each.label, each.vertices[::-1], _turned(each.groups)) for each in groups[::-1]
    )


def _write_group(digraph: Any, group: Group, name: str, nodes: Sequence[Any]) -> None:
    with digraph.subgraph(name=name) as cluster:
        cluster.attr(
            label=f"<{_escaped(group.label)}>", color=FRAME_COLOR, style="rounded", labelloc="t"
        )
        cluster.attr(labeljust="l", margin="10")
        for position in group.vertices:
            identity, label, style = nodes[position]
            cluster.node(identity, label, **style)
        for number, inside in enumerate(group.groups):
            _write_group(cluster, inside, f"{name}_{number}", nodes)


def _write_legend(digraph: Any, vertices: Sequence[Vertex]) -> None:
    kinds = {vertex.kind for vertex in vertices}
    # A cluster would have a frame, and undo the order of arguments.
    with digraph.subgraph(name="legend") as legend:
        legend.attr(rank="same")
        legend.node("legend", "Legend:", id="legend", shape="plaintext", style="")
        samples = {kind: style for kind, style in STYLES.items() if kind in kinds}
        for kind, style in samples.items():
            legend.node(kind, kind, id=kind, **style)
        for name in ("legend", *samples):  # below the output is room
            digraph.edge(f"n{len(vertices) - 1}", name, style="invis")


def _vertex_label(vertex: Vertex) -> str:
    """The title above shape, value and gradient, in Graphviz's HTML."""
    if vertex.name and vertex.operation:
        title = f"<B>{_escaped(vertex.name)}</B> = {_escaped(vertex.operation)}"
    else:
        title = f"<B>{_escaped(vertex.title)}</B>"
    rows = [f'<TD></TD><TD ALIGN="LEFT">{title}</TD>']
    for key, lines in vertex.rows:
        for number, line in enumerate(lines):
            first = number == 0 and key  # an empty font is none to Graphviz
            shown = f'<FONT COLOR="{KEY_COLOR}">{_escaped(key)}</FONT>' if first else ""
            text = _escaped(line)
            if len(lines) > 1 and line.lstrip().startswith("["):
                text = f'<FONT FACE="{DIGITS}">{text.replace(" ", "&#160;")}</FONT>'
            rows.append(f'<TD ALIGN="LEFT">{shown}</TD><TD ALIGN="LEFT">{text}</TD>')
    body = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{body}</TABLE>>'


def _escaped(text: str) -> str:
    """Text that Graphviz's HTML shows as it is; control characters as Python escapes them.

    >>> print(_escaped("a<b\\n"))
    a&lt;b<FONT>\\</FONT>n
    """
    # In a run of text Graphviz replaces \N and the like; a backslash that is a run by itself stays.
    return html.escape(printable(text)).replace("\\", "<FONT>\\</FONT>")


def printable(text: str) -> str:
    """Text with control characters as Python escapes them.

    >>> printable("a\\tb")
    'a\\\\tb'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
