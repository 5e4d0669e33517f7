"""Have Graphviz draw DOT text: the `dot` program, or pygraphviz, which carries it as a library."""

from __future__ import annotations

import importlib
import shutil
import subprocess

from autograd_lite.errors import RenderingError

FORMATS = ("svg", "png", "pdf")
WITHOUT = "graph.save('graph.dot') works without it"


def render(dot: str, file_format: str) -> bytes:
    """The content of a picture file, in one of the formats svg, png and pdf."""
    attempted = f"drawing a graph as {file_format}"
    program = shutil.which("dot")
    if program:
        import graphviz  # type: ignore[import-untyped]

        try:
            content: bytes = graphviz.pipe("dot", file_format, dot.encode(), quiet=True)
        except subprocess.CalledProcessError as error:
            reason = f"the program {program} failed: {error.stderr.decode(errors='replace')}"
            remedy = f"Mend the installation of Graphviz; {WITHOUT}"
            raise RenderingError(attempted, reason, remedy) from error
        return content
    try:
        pygraphviz = importlib.import_module("pygraphviz")
        content = pygraphviz.AGraph(string=dot).draw(format=file_format, prog="dot")
    except ImportError as error:
        raise RenderingError(
            attempted,
            "there is no program `dot` on the PATH, and pygraphviz is not installed",
            "Install Graphviz (https://graphviz.org/download), or run: pip install pygraphviz; "
            f"{WITHOUT}",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = f"pygraphviz failed: {error}"
        raise RenderingError(attempted, reason, f"Install Graphviz; {WITHOUT}") from error
    return content
