"""Write vertices and edges as text in the DOT language."""

from __future__ import annotations

import html
from collections.abc import Sequence

from viz.vertices import Edge, Kind, Vertex

# Okabe and Ito's colours, which colour-blind people tell apart, made light under the dark text.
STYLES: dict[Kind, dict[str, str]] = {
    "input": {"shape": "note", "fillcolor": "#AED8F5", "color": "#0072B2"},
    "parameter": {"shape": "component", "fillcolor": "#FBD88A", "color": "#8F6200"},
    "operation": {"shape": "box", "style": "rounded,filled", "fillcolor": "#F7F7F7"},
    "output": {"shape": "octagon", "margin": "0", "fillcolor": "#6FCBAA", "color": "#00624A"},
}
TEXT_COLOR = "#111111"
KEY_COLOR = "#404040"
LINE_COLOR = "#666666"
FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": TEXT_COLOR, "fontsize": "11"}


def dot_text(vertices: Sequence[Vertex], edges: Sequence[Edge]) -> str:
    """DOT text, the same for the same vertices and edges; the last vertex is the output."""
    import graphviz  # type: ignore[import-untyped]

    digraph = graphviz.Digraph(
        "computation",
        graph_attr={"nodesep": "0.25", "ranksep": "0.4", **FONT},
        node_attr={"style": "filled", "color": LINE_COLOR, **FONT},
        edge_attr={"color": LINE_COLOR, "arrowsize": "0.7", **FONT},
    )
    for position, vertex in enumerate(vertices):
        digraph.node(f"n{position}", _vertex_label(vertex), **STYLES[vertex.kind])
    for edge in edges:
        # A heavy edge is short and straight: the chain of operations makes the picture's spine.
        weight = "4" if vertices[edge.tail].operation else "1"
        label = _table([f"<TD>{edge.label}</TD>"], ' BGCOLOR="white"') if edge.label else None
        digraph.edge(f"n{edge.tail}", f"n{edge.head}", label, weight=weight)
    with digraph.subgraph(name="cluster_legend") as legend:
        legend.attr(label="Legend", rank="same", color="#BFBFBF", style="rounded")
        for kind, style in STYLES.items():
            legend.node(kind, kind, **style)
            digraph.edge(f"n{len(vertices) - 1}", kind, style="invis")  # below the output is room
    return str(digraph.source)


def _vertex_label(vertex: Vertex) -> str:
    """The title above shape, value and gradient, in Graphviz's HTML."""
    if vertex.name and vertex.operation:
        title = f"<B>{_escaped(vertex.name)}</B> = {_escaped(vertex.operation)}"
    else:
        title = f"<B>{_escaped(vertex.title)}</B>"
    rows = [f'<TD></TD><TD ALIGN="LEFT">{title}</TD>']
    shown_below = {"shape": [vertex.shape], "value": vertex.value, "grad": vertex.gradient}
    for key, lines in shown_below.items():
        for number, line in enumerate(lines):
            shown = "" if number else f'<FONT COLOR="{KEY_COLOR}">{key}</FONT>'
            rows.append(f'<TD ALIGN="LEFT">{shown}</TD><TD ALIGN="LEFT">{_escaped(line)}</TD>')
    return _table(rows)


def _table(rows: Sequence[str], attributes: str = "") -> str:
    body = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2"{attributes}>{body}</TABLE>>'


def _escaped(text: str) -> str:
    """Text that Graphviz's HTML shows as it is; control characters as Python escapes them.

    >>> print(_escaped("a<b\\n"))
    a&lt;b<FONT>\\</FONT>n
    """
    printable = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
    # In a run of text Graphviz replaces \N and the like; a backslash that is a run by itself stays.
    return html.escape(printable).replace("\\", "<FONT>\\</FONT>")
