"""Write vertices and edges as text in the DOT language, and have Graphviz draw it.

That is the `dot` program, or pygraphviz, which carries it as a library. It runs in a process of its
own, which ends with its time, or with Ctrl-C.
"""

from __future__ import annotations

import html
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autograd_lite.errors import RenderingError
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


SECONDS = 10.0
"""How long Graphviz may take where another layout takes its place."""
LONGEST = 60.0
"""How long it may take where there is no other."""
DRAW = """
import sys, pygraphviz
text = sys.stdin.buffer.read().decode()
content = pygraphviz.AGraph(string=text).draw(format=sys.argv[1], prog="dot")
sys.stdout.buffer.write(content)
"""


def renderer() -> list[str] | None:
    """The command that draws DOT text, before the format; None where there is none."""
    if program := shutil.which("dot"):
        return [program, "-Kdot", "-T"]
    if "pygraphviz" not in sys.modules or sys.modules["pygraphviz"] is not None:
        if importlib.util.find_spec("pygraphviz"):
            return [sys.executable, "-P", "-c", DRAW, ""]
    return None


def draw(dot: str, file_format: str, seconds: float | None = None) -> bytes | None:
    """The picture as the content of a file; None where Graphviz is not, or takes too long.

    Raises:
        RenderingError: the program failed.
    """
    command = renderer()
    if command is None:
        return None
    command[-1] += file_format
    try:
        status, content, said = _run(command, dot.encode(), seconds or SECONDS)
    except subprocess.TimeoutExpired:
        return None
    if status:
        program = "pygraphviz" if command[0] == sys.executable else f"the program {command[0]}"
        raise RenderingError(
            f"drawing a graph as {file_format}",
            f"{program} failed: {said.decode(errors='replace')}",
            "Mend the installation of Graphviz; graph.save('graph.dot') works without it",
        )
    return content


def render(dot: str, file_format: str) -> bytes:
    """The picture as the content of a file; a RenderingError says why there is none."""
    content = draw(dot, file_format, LONGEST)
    if content is None:
        reason = "there is no program `dot` on the PATH, and pygraphviz is not installed"
        remedy = "Install Graphviz (https://graphviz.org/download), or run: pip install pygraphviz"
        if renderer():
            reason = f"Graphviz took longer than {LONGEST:.0f} seconds"
            remedy = "Draw less of it, as with depth=1"
        attempted = f"drawing a graph as {file_format}"
        otherwise = "graph.save('graph.svg') and graph.save('graph.dot') work without it"
        raise RenderingError(attempted, reason, f"{remedy}; {otherwise}")
    return content


def _run(command: list[str], text: bytes, seconds: float) -> tuple[int, bytes, bytes]:
    """The status of a program, what it wrote, and what it said beside that."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            content, said = process.communicate(text, seconds)
        except BaseException:
            process.kill()
            process.wait()
            raise
    return process.returncode, content, said


def fitted(svg: str, tooltips: Mapping[str, str]) -> str:
    """An SVG that is no wider than what it is shown in, and says more where a pointer rests.

    What frames are called stands over the edges, which Graphviz draws later.
    """
    captions = []

    def without_caption(match: re.Match[str]) -> str:
        captions.append(match[2])
        return match[1] + match[3]

    def told(match: re.Match[str]) -> str:
        text = tooltips.get(html.unescape(match[1]), "")
        return f"<title>{html.escape(text)}</title>"

    svg = svg.replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)
    svg = re.sub(r'(<g id="clust.*?)(<text.*?)(</g>)', without_caption, svg, flags=re.DOTALL)
    if captions:
        drawn, end, rest = svg.rpartition("</g>")
        svg = f"{drawn}<g {CLEAR}>\n{''.join(captions)}</g>\n{end}{rest}"
    return re.sub(r"<title>(.*?)</title>", told, svg)
