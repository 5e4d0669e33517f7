"""What people use: the graph of a tensor, to look at or to save.

Graphviz draws it: the `dot` program, or pygraphviz, which carries it as a library.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd_lite.arguments import require_path
from autograd_lite.errors import ArgumentError, RenderingError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from autograd_lite.tensor import Tensor
from autograd_lite.whole_files import FileName, require_place, write_file
from viz.dot import dot_text
from viz.vertices import Edge, Vertex, labels_of, read

FORMATS = ("svg", "png", "pdf")
WITHOUT = "graph.save('graph.dot') works without it"


@dataclass(frozen=True, repr=False)
class Graph:
    """How a tensor was computed, as it was when the graph was made; a notebook shows it drawn.

    An operation comes after its arguments, and the output is last.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]

    @property
    def dot(self) -> str:
        """The graph in the DOT language; needs no renderer."""
        return dot_text(self.vertices, self.edges)

    def svg(self) -> str:
        """The picture, as the text of an SVG file.

        Raises:
            RenderingError: there is neither a `dot` program nor pygraphviz, or the program failed.
        """
        return _render(self.dot, "svg").decode()

    def save(self, path: FileName) -> Path:
        """Write the picture to a file and return its path; the suffix selects the format.

        The file takes the place of an older one in one step.

        Args:
            path: a file name with suffix .svg, .png, .pdf, or .dot, which needs no renderer.

        Raises:
            ArgumentError: another suffix.
            UnsupportedError: that is no name of a file.
            FileError: the file cannot be written.
            RenderingError: as in `svg`. No file is written then.
        """
        require_path(path, "graph.save to")
        path = Path(path)
        file_format = path.suffix.lower().removeprefix(".")
        if file_format not in ("dot", *FORMATS):
            reason = f"{path.suffix!r} is not the suffix of a format that a graph can be written in"
            remedy = f"End the name in .dot, .{', .'.join(FORMATS[:-1])} or .{FORMATS[-1]}"
            raise ArgumentError(f"graph.save({str(path)!r})", reason, remedy)
        attempted = f"graph.save to {path}"
        require_place(path, attempted)
        text = self.dot
        content = text.encode() if file_format == "dot" else _render(text, file_format)
        write_file(path, content, attempted)
        return path

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f"Graph({len(self.vertices)} nodes, {len(self.edges)} edges)"


@explains_keywords
def graph(tensor: Tensor, names: Mapping[str, Any] | None = None) -> Graph:
    """The graph of everything that a tensor was computed from.

    Args:
        tensor: the output, usually a loss. After `backward()` the graph shows the gradients too.
        names: what to call tensors and arrays, instead of their own names; for example
            `dict(model.named_parameters())`.

    Raises:
        UnsupportedError: `tensor` is not a tensor, or `names` is no dict of tensors by name.

    >>> weight = Tensor([3.0, 4.0], requires_grad=True)
    >>> loss = (weight**2).sum()
    >>> loss.backward()
    >>> for vertex in graph(loss, names={"w": weight}).vertices:
    ...     print(vertex.kind, vertex.title, vertex.value, vertex.gradient)
    parameter w ('[3, 4]',) ('[6, 8]',)
    operation power(·, 2) ('[9, 16]',) ('[1, 1]',)
    output sum ('25',) ('1',)
    """
    if not isinstance(tensor, Tensor):
        reason = "it is not a tensor, so that nothing was recorded in it"
        remedy = "Give it the tensor that was computed, such as the loss"
        raise UnsupportedError(f"viz.graph({describe_one(tensor)})", reason, remedy)
    return Graph(*read(tensor, labels_of({} if names is None else names)))


def _render(dot: str, file_format: str) -> bytes:
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
