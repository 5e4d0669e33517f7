"""Have Graphviz draw DOT text: the `dot` program, or pygraphviz, which carries it as a library.

It runs in a process of its own, which ends with its time, or with Ctrl-C.
"""

from __future__ import annotations

import html
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

from autograd_lite.errors import RenderingError
from viz.dot import CLEAR

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
