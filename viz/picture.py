"""What people use: the graph of a tensor, to look at or to save."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from autograd_lite.arguments import COUNT, FLAG, one_of, optional, require
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.modes import enable_grad, setting
from autograd_lite.names import explains_keywords, tell_of
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor
from autograd_lite.trees import leaves_of, map_tree
from autograd_lite.whole_files import FileName
from viz.collapse import drawn
from viz.dot import dot_text, draw, fitted, printable, render
from viz.drawing import svg_text
from viz.saving import saved
from viz.vertices import Edge, Group, Look, Vertex, labels_of, read


@dataclass(frozen=True, repr=False)
class Graph:
    """How a tensor was computed, at the time the graph was made; a notebook displays it.

    An operation comes after its arguments, and the output is last.

    Attributes:
        vertices: the boxes.
        edges: from arguments to operations.
        groups: modules and named parts, drawn around what they computed.
        note: which boxes stand for many operations, if any do.
        direction: which way the computation runs, "down" or "right".
        legend: whether the picture explains the kinds of boxes.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    note: str = ""
    direction: str = "down"
    legend: bool = True

    @property
    def dot(self) -> str:
        """The graph in the DOT language; needs no renderer."""
        return dot_text(self)

    def svg(self) -> str:
        """The picture, as the text of an SVG file.

        If there is neither a `dot` program nor pygraphviz, or if it takes longer than 10 seconds,
        the layout is a simpler one.

        Raises:
            RenderingError: the program failed.
        """
        content = draw(self.dot, "svg")
        if content is None:
            return svg_text(self)
        told = {
            f"n{number}": "\n".join(map(printable, vertex.tooltip.split("\n")))
            for number, vertex in enumerate(self.vertices)
        }
        return fitted(content.decode(), told)

    def save(self, path: FileName) -> Path:
        """Write the picture to a file and return its path; the suffix selects the format.

        The file replaces an older one in one step.

        Args:
            path: a file name with suffix .svg, .png, .pdf, or .dot, which needs no renderer.

        Raises:
            ArgumentError: the suffix is another one.
            UnsupportedError: that is not the name of a file.
            FileError: the file cannot be written.
            RenderingError: as in `svg`, or there is nothing to make a .png or .pdf with. Then no
                file is written.
        """
        formats = {
            ".dot": self.dot.encode,
            ".svg": lambda: self.svg().encode(),
            ".png": lambda: render(self.dot, "png"),
            ".pdf": lambda: render(self.dot, "pdf"),
        }
        return saved(path, "graph.save", "a format that a graph can be written in", formats)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        # As HTML it is as wide as the page at most; as SVG alone a notebook makes an image of it.
        svg = self.svg()
        return {"text/html": svg[svg.index("<svg") :], "image/svg+xml": svg}

    def __repr__(self) -> str:
        return f"Graph({len(self.vertices)} nodes, {len(self.edges)} edges)"


@explains_keywords
def graph(
    tensor: Any,
    names: Any = None,
    *,
    direction: Literal["down", "right"] = "down",
    values: bool = True,
    gradients: bool = True,
    legend: bool = True,
    depth: int | None = None,
    highlight: Iterable[Any] = (),
    before: Graph | None = None,
) -> Graph:
    """The graph of everything that a tensor was computed from.

    Modules are drawn around what they computed, under their names in the model. If there are many
    operations, calls of modules become one box each, then equal steps of loops, and then
    neighbouring levels; the picture says so.

    Args:
        tensor: the output, usually a loss. After `backward()` the graph shows the gradients too. Or
            an `nn.Module`: then `names` is an example input, or a tuple of several, and the picture
            shows what the model computes from it in evaluation mode.
        names: what to call tensors and arrays instead of their own names, such as
            `dict(model.named_parameters())`.
        direction: which way the computation runs.
        values: whether values are shown.
        gradients: whether gradients are shown.
        legend: whether the kinds of boxes are explained.
        depth: modules and named parts at this depth become one box each; 1 is the outermost. Then
            equal steps are drawn one by one if there is room.
        highlight: tensors, or names, whose boxes stand out.
        before: an earlier graph of the same computation: what has changed since stands out,
            together with its earlier value.

    Raises:
        UnsupportedError: `tensor` is not a tensor, or `names` is not a dict of tensors by name.
        ArgumentError: an option is invalid, or what is to be highlighted is not in the graph.

    >>> weight = Tensor([3.0, 4.0], requires_grad=True)
    >>> loss = (weight**2).sum()
    >>> loss.backward()
    >>> for vertex in graph(loss, names={"w": weight}).vertices:
    ...     print(vertex.kind, vertex.title, vertex.value, vertex.gradient)
    parameter w ('[3, 4]',) ('[6, 8]',)
    operation power(·, 2) ('[9, 16]',) ('[1, 1]',)
    output sum ('25',) ('1',)
    """
    attempted = f"viz.graph({describe_one(tensor)})"
    require("viz.graph", "direction", direction, one_of("down", "right"))
    for name, flag in (("values", values), ("gradients", gradients), ("legend", legend)):
        require("viz.graph", name, flag, FLAG)
    require("viz.graph", "depth", depth, optional(COUNT))
    if before is not None and not isinstance(before, Graph):
        reason = f"before={describe_one(before)} is no graph"
        raise UnsupportedError(attempted, reason, "Give what viz.graph returned earlier")
    given: dict[int, Tensor] = {}
    if isinstance(tensor, Tensor):
        roots, labels = [tensor], labels_of({} if names is None else names)
    else:
        roots, labels = _computed(tensor, names, attempted, given)
    lit = _highlighted(highlight, given, roots, labels, attempted)
    look = Look(labels, values, gradients, lit, frozenset(map(id, given.values())))
    vertices, edges, groups, note, _ = read(roots, look, depth)
    if before is not None:
        vertices = _with_changes(vertices, before.vertices)
    return Graph(vertices, edges, groups, note, direction, legend)


def _computed(
    model: Any, inputs: Any, attempted: str, given: dict[int, Tensor]
) -> tuple[list[Tensor], dict[int, str]]:
    """What a model computes, and the names of its parameters.

    It is given tensors, by the ids of its inputs, or what it does with arrays alone would not be
    recorded.
    """

    def recorded(x: Any) -> Any:
        is_tensor, data = isinstance(x, Tensor), plain(x)
        is_recorded = is_tensor and x.requires_grad
        if is_recorded or not isinstance(data, np.ndarray) or data.dtype.kind != "f":
            return x
        if id(x) not in given:
            given[id(x)] = Tensor(data, requires_grad=True, name=x.name if is_tensor else None)
        return given[id(x)]

    # Where nobody imported nn nothing is a module.
    module: Any = getattr(sys.modules.get("nn"), "Module", ())
    if inputs is None or not isinstance(model, module):
        reason = "it is not a tensor, so that nothing was recorded in it"
        remedy = "Give it the tensor that was computed, such as the loss; or a model and its input"
        raise UnsupportedError(attempted, reason, remedy)
    several = inputs if isinstance(inputs, tuple) else (inputs,)
    with setting(sys.modules["nn.calls"].modes, {}), enable_grad():
        result = model(*map_tree(recorded, several))
    for each in given.values():
        each.requires_grad = False  # they are inputs, and no parameters
    roots = [leaf for leaf in leaves_of(result) if isinstance(leaf, Tensor)]
    if not roots:
        reason = f"it returned {describe_one(result)}, which is no tensor"
        raise UnsupportedError(attempted, reason, "Give a model whose forward returns tensors")
    return roots, labels_of(dict(model.named_parameters()))


def _highlighted(
    highlight: Iterable[Any],
    given: Mapping[int, Tensor],
    roots: Sequence[Tensor],
    labels: Mapping[int, str],
    attempted: str,
) -> frozenset[int]:
    """The arrays that are to stand out, by identity; of inputs, the tensors of them."""
    if isinstance(highlight, Tensor | str | np.ndarray) or not isinstance(highlight, Iterable):
        reason = f"highlight={describe_one(highlight)} is no list of tensors or names"
        raise UnsupportedError(attempted, reason, "Write highlight=[W1] or highlight=['W1']")
    wanted = [given.get(id(each), each) for each in highlight]
    if not wanted:
        return frozenset()
    by_name: dict[str, int] = {}
    arrays = {id(array): array for array in drawn(*roots)}
    for key, array in arrays.items():
        by_name[labels.get(key) or getattr(array, "name", None) or ""] = key
    found = [by_name.get(each, -1) if isinstance(each, str) else id(each) for each in wanted]
    for each, key in zip(wanted, found):
        if key not in arrays:
            reason = f"{describe_one(each)} is to be highlighted, and is not in the graph"
            raise ArgumentError(attempted, reason, "Give tensors that it was computed from")
    return frozenset(found)


def _with_changes(vertices: Sequence[Vertex], before: Sequence[Vertex]) -> tuple[Vertex, ...]:
    """The vertices; those whose entries are others than before stand out, with what they were.

    The first vertex of a title is compared with the first of that title, and so on, if they differ
    in shape by the number of samples alone.
    """
    earlier: dict[tuple[str, str], list[Vertex]] = {}
    for vertex in reversed(before):
        earlier.setdefault(_kind(vertex), []).append(vertex)
    found = []
    for vertex in vertices:
        same = earlier.get(_kind(vertex))
        old = same.pop() if same else None
        if old is None or old.digest != vertex.digest or old.shape != vertex.shape:
            was = ("new",) if old is None else old.value
            facts = (*vertex.facts, ("was", was))
            vertex = replace(vertex, facts=facts, highlighted=True)
        found.append(vertex)
    return tuple(found)


def _kind(vertex: Vertex) -> tuple[str, str]:
    """Its title, and its shape but for the first axis."""
    return vertex.title, vertex.shape.partition(",")[2]


tell_of(
    Graph,
    {"render": "graph.save(path)", "show": "graph.save(path)", "view": "graph.save(path)"},
    "a graph",
)
