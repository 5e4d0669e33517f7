"""Have Graphviz draw DOT text: the `dot` program, or pygraphviz, which carries it as a library."""

from __future__ import annotations

import importlib
import shutil
import subprocess

from autograd_lite.errors import RenderingError

FORMATS = ("svg", "png", "pdf")


def render(dot: str, file_format: str) -> bytes:
    """The content of a picture file, in one of the formats svg, png and pdf.

    Raises:
        RenderingError: there is neither a `dot` program nor pygraphviz, or the program failed.
    """
    if shutil.which("dot"):
        return _render_by_program(dot, file_format)
    return _render_in_process(dot, file_format)


def _render_by_program(dot: str, file_format: str) -> bytes:
    import graphviz  # type: ignore[import-untyped]

    try:
        content: bytes = graphviz.pipe("dot", file_format, dot.encode(), quiet=True)
    except subprocess.CalledProcessError as error:
        raise RenderingError(
            f"drawing a graph as {file_format}",
            f"the program {shutil.which('dot')} failed: {error.stderr.decode(errors='replace')}",
            "Mend the installation of Graphviz; graph.save('graph.dot') works without it",
        ) from error
    return content


def _render_in_process(dot: str, file_format: str) -> bytes:
    try:
        pygraphviz = importlib.import_module("pygraphviz")
    except ImportError as error:
        raise RenderingError(
            f"drawing a graph as {file_format}",
            "there is no program `dot` on the PATH, and pygraphviz is not installed",
            "Install Graphviz (https://graphviz.org/download), or run: pip install pygraphviz; "
            "graph.save('graph.dot') works without either",
        ) from error
    try:
        content: bytes = pygraphviz.AGraph(string=dot).draw(format=file_format, prog="dot")
    except (OSError, RuntimeError, ValueError) as error:
        raise RenderingError(
            f"drawing a graph as {file_format}",
            f"pygraphviz failed: {error}",
            "Install Graphviz; graph.save('graph.dot') works without it",
        ) from error
    return content
