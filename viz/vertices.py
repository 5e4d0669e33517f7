"""Read the record of a tensor into vertices and edges that say in words what is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from types import FunctionType
from typing import Any, Literal, NamedTuple

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor
from viz.calls import Call
from viz.collapse import TIMES, Box, boxes_of, is_array, kinds_in, owners

PRINTED_ENTRIES = 6
"""An array of more entries is summarized."""


def lines(array: Any) -> tuple[str, ...]:
    """The entries of a small array, a matrix in aligned columns; else a summary.

    >>> lines(np.array([[1, -0.5], [0.25, 1]]))
    ('[[   1, -0.5],', ' [0.25,    1]]')
    >>> lines(np.arange(100.0)), lines(np.arange(100) < 5)
    (('mean 49.5 ± 28.87', 'min 0, max 99'), ('5 of 100 True',))
    """
    array = np.asarray(array)
    if array.size == 0:
        return ("empty",)
    if array.size > PRINTED_ENTRIES:
        return _summary(array)
    entries = [number(entry) for entry in array.ravel().tolist()]
    if array.ndim > 1:
        columns = array.shape[-1]
        widths = [max(map(len, entries[column::columns])) for column in range(columns)] * array.size
        entries = [entry.rjust(width) for entry, width in zip(entries, widths)]
    text = _nested(np.array(entries, dtype=object).reshape(array.shape).tolist())
    return tuple(text.replace("], ", "],\n ").split("\n"))


def _nested(entries: Any) -> str:
    return f"[{', '.join(map(_nested, entries))}]" if isinstance(entries, list) else str(entries)


def _summary(array: Any) -> tuple[str, ...]:
    strange = array.size - np.count_nonzero(np.isfinite(array))
    if strange:
        return (f"{strange} of {array.size} not finite",)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = array.mean(dtype=float), array.std(dtype=float)
    smallest, largest = array.min(), array.max()
    if smallest == largest:
        return (f"all {number(smallest)}",)
    if array.dtype == bool:
        return (f"{np.count_nonzero(array)} of {array.size} True",)
    rounding = np.finfo(array.dtype).eps if array.dtype.kind == "f" else 0.0
    if abs(mean) < rounding * max(abs(smallest), abs(largest)):
        mean = 0.0
    return (
        f"mean {number(mean)} ± {number(deviation)}",
        f"min {number(smallest)}, max {number(largest)}",
    )


def number(value: Any) -> str:
    """A number with four digits.

    >>> number(1 / 3)
    '0.3333'
    """
    return f"{value:z.4g}" if isinstance(value, float | np.floating) else str(value)


def constant(value: Any) -> str:
    """A constant argument, as one writes it in NumPy.

    >>> constant((slice(0, 2), ..., np.float64(0.1)))
    '(0:2, ..., 0.1)'
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(constant, value))}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        text = ":".join("" if part is None else str(part) for part in parts)
        return text if value.step is not None else text.removesuffix(":")
    if value is Ellipsis:
        return "..."
    if isinstance(value, float | np.generic | np.dtype):
        return number(value)
    return describe_one(value)


Kind = Literal["input", "parameter", "constant", "operation", "collapsed", "output"]
"""A constant was given neither to the graph nor to the module that uses it: a mask, statistics."""

Facts = tuple[tuple[str, tuple[str, ...]], ...]
"""Lines of text by what they are."""

NAMED = 4
"""So many parameters of a box are named."""


@dataclass(frozen=True)
class Vertex:
    """One box: an array, or several. Values and gradients are lines of text.

    Attributes:
        kind: what it is.
        name: of the array, if it has one.
        operation: how it was computed; of several, which.
        shape: with the dtype; of several arrays, of the last.
        value: of the array.
        gradient: of the array; nothing before `backward()`.
        facts: what else is known, lines by what they are.
        path: the modules and named parts around it.
        highlighted: whether it is.
        digest: of the entries, from which it is known whether they changed.
    """

    kind: Kind
    name: str | None
    operation: str | None
    shape: str
    value: tuple[str, ...]
    gradient: tuple[str, ...]
    facts: Facts = ()
    path: tuple[str, ...] = ()
    highlighted: bool = False
    digest: bytes = b""

    @property
    def title(self) -> str:
        """What it is called, or how it was computed, or both."""
        return " = ".join(filter(None, (self.name, self.operation))) or self.kind

    @property
    def rows(self) -> Facts:
        """What stands below the title, lines by what they are. A number takes one line."""
        if self.shape == "() float64" and self.value and len(self.gradient) < 2:
            gradient = f"   grad {self.gradient[0]}" if self.gradient else ""
            own: Facts = (("value", (f"{self.value[0]}{gradient}",)),)
        else:
            own = (("shape", (self.shape,)), ("value", self.value), ("grad", self.gradient))
        return tuple((key, text) for key, text in (*own, *self.facts) if text and text[0])

    @property
    def tooltip(self) -> str:
        """All that is known of it, as a text."""
        head = " / ".join((*self.path, self.title))
        return "\n".join([head, *(f"{key} {line}" for key, text in self.rows for line in text)])


@dataclass(frozen=True)
class Edge:
    """From an argument to the operation, both as positions among the vertices.

    The label is the number of the argument, where the order of arguments matters.
    """

    tail: int
    head: int
    label: str


@dataclass(frozen=True)
class Group:
    """What a module, or a named part, computed: positions of vertices, and groups inside of it."""

    label: str
    vertices: tuple[int, ...]
    groups: tuple[Group, ...]

    @property
    def members(self) -> list[int]:
        """The positions of all vertices, those in groups inside of it included."""
        return [*self.vertices, *(number for each in self.groups for number in each.members)]


class Look(NamedTuple):
    """What is shown of arrays: their names by identity, and what a user asked for.

    The inputs of a model have a box of their own, also without names.
    """

    labels: Mapping[int, str]
    values: bool = True
    gradients: bool = True
    highlighted: frozenset[int] = frozenset()
    inputs: frozenset[int] = frozenset()


class Reading(NamedTuple):
    """What is drawn, and at which position each array is, by its identity."""

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]
    note: str
    positions: dict[int, int]


def read(roots: Sequence[Tensor], look: Look, depth: int | None = None) -> Reading:
    """What tensors were computed from, arguments before operations."""
    boxes, note = boxes_of(roots, depth, look.labels.keys() | look.inputs)
    positions = {id(box): position for position, box in enumerate(boxes)}
    found = owners(boxes)
    edges: list[Edge] = []
    first_use: dict[int, tuple[Any, int]] = {}
    for box in boxes:
        head = box.arrays[-1]
        given = box.given
        numbered = box.is_one and len(given) > 1 and not head.operation.traits.commutative
        joined = set()
        for number, array in enumerate(given, 1):
            tail = found[id(array)]
            if box.is_one:
                first_use.setdefault(id(array), (head, number - 1))
            elif id(tail) in joined:
                continue
            joined.add(id(tail))
            label = str(number) if numbered else ""
            edges.append(Edge(positions[id(tail)], positions[id(box)], label))
    outputs = {id(root) for root in roots}
    vertices = [_vertex(box, look, outputs, first_use.get(id(box.arrays[0]))) for box in boxes]
    places = {key: positions[id(box)] for key, box in found.items()}
    groups = _groups([(box.path, position) for position, box in enumerate(boxes)])
    return Reading(tuple(vertices), tuple(edges), groups, note, places)


def _groups(members: Iterable[tuple[Sequence[Call], int]]) -> tuple[Group, ...]:
    inside: dict[Call, list[tuple[Sequence[Call], int]]] = {}
    for path, position in members:
        if path:
            inside.setdefault(path[0], []).append((path[1:], position))
    return tuple(
        Group(call.label, tuple(at for path, at in found if not path), _groups(found))
        for call, found in inside.items()
    )


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


def _vertex(box: Box, look: Look, outputs: set[int], use: tuple[Any, int] | None) -> Vertex:
    """A box in words; `use` is where an input is first used, and as which argument."""
    array = box.arrays[-1]
    path = tuple(call.label for call in box.path)
    lit = any(id(each) in look.highlighted for each in box.arrays)
    # A column of a table has a name for other reasons.
    own = array.name if isinstance(array, Tensor) else None
    name = look.labels.get(id(array)) or own
    operation = getattr(array, "operation", None)
    kind: Kind = "input"
    title = None
    if not box.is_one:
        kind = "output" if id(array) in outputs else "collapsed"
        title = box.call.label if box.call else box.title
    elif operation is not None:
        kind, title = "output" if id(array) in outputs else "operation", _call(array)
    elif getattr(array, "requires_grad", False):
        kind = "parameter"
    elif box.constants:
        kind, name = "constant", name or _buffer(box) or _argument(use)
    if not box.is_one and operation is None:
        return Vertex(kind, None, title, "", (), (), path=path, highlighted=lit)
    gradient = plain(array.grad) if isinstance(array, Tensor) else None
    return Vertex(
        kind,
        name,
        title,
        f"{array.shape} {array.dtype}",
        lines(plain(array)) if look.values else (),
        lines(gradient) if look.gradients and gradient is not None else (),
        () if box.is_one else _facts(box, look),
        path,
        lit,
        hashlib.blake2b(np.asarray(plain(array)).tobytes(), digest_size=8).digest(),
    )


def _facts(box: Box, look: Look) -> Facts:
    """Of several arrays: which operations, and which parameters."""
    learned = [array for array in box.leaves if getattr(array, "requires_grad", False)]
    facts: list[tuple[str, tuple[str, ...]]] = []
    if box.parts:
        facts.append(("each" if box.title.startswith(TIMES) else "in all", (kinds_in(box.parts),)))
    if learned:
        count = sum(array.size for array in learned)
        facts.append(("parameters", (f"{count:,}",)))
        if len(learned) <= NAMED:
            names = [look.labels.get(id(array)) or array.name or "" for array in learned]
            text = tuple(f"{name} {x.shape}".strip() for name, x in zip(names, learned))
            facts.append(("", text))
    counts = {
        "inputs": len(box.leaves) - len(learned) - box.constants,
        "constants": box.constants,
    }
    facts += [(kind, (f"{count:,}",)) for kind, count in counts.items() if count]
    return tuple(facts)


def _buffer(box: Box) -> str | None:
    """What the outermost module calls the buffer that an array is, or shows the entries of."""
    array, modules = plain(box.arrays[0]), [call.module for call in box.path if not call.is_named]
    for name, buffer in modules[0].named_buffers() if modules else ():
        are_here = all(isinstance(each, np.ndarray) for each in (array, buffer._array))
        if are_here and np.may_share_memory(array, buffer._array):
            return str(name)
    return None


def _argument(use: tuple[Any, int] | None) -> str | None:
    """What the function calls an argument: a mask, a mean."""
    if use is None or not isinstance(use[0].operation.function, FunctionType):
        return None
    node, slot = use
    names = [*signature(node.operation.function).parameters]
    slots = [place for place, argument in enumerate(node.arguments) if is_array(argument)]
    return names[slots[slot]] if slots[slot] < len(names) else None


def _call(node: Any) -> str:
    """The operation with its constants: `matmul`, `power(·, 2)`, `sum axis=0`."""
    text: str = node.operation.name
    given = [*node.arguments]
    while given and _is_off(given[-1]):
        given.pop()
    if not all(map(is_array, given)):
        shown = ("·" if is_array(argument) else constant(argument) for argument in given)
        text += f"({', '.join(shown)})"
    for keyword, value in node.keywords.items():
        if not _is_off(value):
            text += f" {keyword}={constant(value)}"
    return text


def _is_off(option: Any) -> bool:
    return option is None or option is False
