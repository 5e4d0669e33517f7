"""Read the record of a tensor into vertices and edges that say in words what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autograd_lite.engine import backward_order
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.tensor import Tensor

Kind = Literal["input", "parameter", "operation", "output"]

PRINTED_ENTRIES = 6
"""An array of more entries is summarized."""
LINE_LENGTH = 44
"""An array that takes more characters gets one line for each row."""


@dataclass(frozen=True)
class Vertex:
    """One array. Value and gradient are lines of text; no gradient before `backward()`."""

    kind: Kind
    name: str | None
    operation: str | None
    shape: str
    value: tuple[str, ...]
    gradient: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is called, or how it was computed, or both."""
        return " = ".join(filter(None, (self.name, self.operation))) or self.kind


@dataclass(frozen=True)
class Edge:
    """From an argument to the operation, both as positions among the vertices.

    The label is the number of the argument, where the order of arguments matters.
    """

    tail: int
    head: int
    label: str


def drawn(tensor: Tensor) -> list[Any]:
    """The tensors and arrays that a tensor was computed from, and itself, in order."""
    arrays = {id(array): array for node in computed(tensor) for array in _operands(node)}
    return [*arrays.values(), tensor]


def computed(tensor: Tensor) -> list[Any]:
    """The tensors of operations, each after its arguments."""
    return [node for node in reversed(backward_order(tensor)) if node.operation is not None]


def read(tensor: Tensor, labels: Mapping[int, str]) -> tuple[tuple[Vertex, ...], tuple[Edge, ...]]:
    """The vertices and edges of what a tensor was computed from, arguments before operations."""
    arrays = drawn(tensor)
    positions = {id(array): position for position, array in enumerate(arrays)}
    edges = []
    for node in computed(tensor):
        operands = _operands(node)
        for number, operand in enumerate(operands, 1):
            numbered = len(operands) > 1 and not node.operation.traits.commutative
            label = str(number) if numbered else ""
            edges.append(Edge(positions[id(operand)], positions[id(node)], label))
    vertices = [_vertex(array, labels.get(id(array)), tensor) for array in arrays]
    return tuple(vertices), tuple(edges)


def _operands(node: Any) -> list[Any]:
    return [argument for argument in node.arguments if _is_array(argument)]


def _is_array(argument: Any) -> bool:
    """Whether an argument is drawn as a vertex; numbers, shapes and axes are not."""
    return hasattr(argument, "__array_function__") and not isinstance(argument, np.generic)


def labels_of(names: Mapping[str, Any]) -> dict[int, str]:
    """The name of each array, by its identity."""
    remedy = "Write names={'W1': W1} or names=dict(model.named_parameters())"
    if not isinstance(names, Mapping):
        reason = "it is no dict of tensors by name"
        raise UnsupportedError(f"viz.graph with names={describe_one(names)}", reason, remedy)
    for name, array in names.items():
        if not isinstance(name, str) or not hasattr(array, "shape"):
            attempted = f"viz.graph with names={{{describe_one(name)}: {describe_one(array)}}}"
            reason = "the keys of names are to be strings, and its values tensors"
            raise UnsupportedError(attempted, reason, remedy)
    return {id(array): name for name, array in names.items()}


def _vertex(array: Any, name: str | None, root: Tensor) -> Vertex:
    if not isinstance(array, Tensor):
        return Vertex("input", name, None, _shape(array), lines(array), ())
    kind: Kind = "input"
    if array.operation is not None:
        kind = "output" if array is root else "operation"
    elif array.requires_grad:
        kind = "parameter"
    operation = None if array.operation is None else _call(array)
    gradient = array.grad.data if isinstance(array.grad, Tensor) else array.grad
    slopes = () if gradient is None else lines(gradient)
    return Vertex(kind, name or array.name, operation, _shape(array), lines(array.data), slopes)


def _shape(array: Any) -> str:
    return f"{array.shape} {array.dtype}"


def _call(node: Any) -> str:
    """The operation with its constants: `matmul`, `power(·, 2)`, `sum axis=0`."""
    text: str = node.operation.name
    if any(argument is not None and not _is_array(argument) for argument in node.arguments):
        shown = ("·" if _is_array(argument) else _constant(argument) for argument in node.arguments)
        text += f"({', '.join(shown)})"
    for keyword, value in node.keywords.items():
        if value is not None and value is not False:
            text += f" {keyword}={_constant(value)}"
    return text


def _constant(value: Any) -> str:
    """A constant argument, as one writes it in NumPy.

    >>> _constant((slice(0, 2), ..., np.float64(0.1)))
    '(0:2, ..., 0.1)'
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        text = ":".join("" if part is None else str(part) for part in parts)
        return text if value.step is not None else text.removesuffix(":")
    if value is Ellipsis:
        return "..."
    if isinstance(value, float | np.generic | np.dtype):
        return _number(value)
    return describe_one(value)


def lines(array: Any) -> tuple[str, ...]:
    """The entries of a small array, else a summary.

    >>> lines(np.eye(2))
    ('[[1, 0], [0, 1]]',)
    >>> lines(np.arange(100.0))
    ('mean 49.5 ± 28.87', 'min 0, max 99')
    """
    array = np.asarray(array)
    if array.size == 0:
        return ("empty",)
    if array.size > PRINTED_ENTRIES:
        return _summary(array)
    text = _nested(array.tolist())
    return (text,) if len(text) <= LINE_LENGTH else tuple(text.replace("], ", "],\n ").split("\n"))


def _summary(array: Any) -> tuple[str, ...]:
    strange = array.size - np.count_nonzero(np.isfinite(array))
    if strange:
        return (f"{strange} of {array.size} not finite",)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = array.mean(dtype=float), array.std(dtype=float)
    smallest, largest = array.min(), array.max()
    if smallest == largest:
        return (f"all {_number(smallest)}",)
    return (
        f"mean {_number(mean)} ± {_number(deviation)}",
        f"min {_number(smallest)}, max {_number(largest)}",
    )


def _nested(entries: Any) -> str:
    if isinstance(entries, list):
        return f"[{', '.join(map(_nested, entries))}]"
    return _number(entries)


def _number(value: Any) -> str:
    return f"{value:z.4g}" if isinstance(value, float | np.floating) else str(value)
