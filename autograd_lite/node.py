"""One array, and how it was computed: what the record consists of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence, Set
from typing import Any, ClassVar

import numpy as np

from autograd_lite.foreign import admit
from autograd_lite.operation import Operation
from autograd_lite.trees import leaves_of, nested_without_end

Array = Any
Scope = tuple[Any, tuple[Any, ...] | None, int, Any]
"""Of a call that returned a tensor: the module, what it was given, when it began among all calls,
and the scope that the tensor had before. A part of a computation that a user named has the name,
and None for what it was given."""
Sample = tuple[tuple[int, ...], bytes]
"""By what an array is recognized, see `mutation`."""
NO_KEYWORDS: dict[str, Any] = {}
NONE: tuple[int, ...] = ()
FIRST: tuple[int, ...] = (0,)
SECOND: tuple[int, ...] = (1,)
BOTH: tuple[int, ...] = (0, 1)
"""The indices of the arguments that require grad."""
begun = itertools.count()
"""Numbers calls in the order in which they begin."""
clock = itertools.count(1)
"""Numbers what is computed, and changes in place, in the order in which they happen."""


class Node:
    """One array, and how it was computed. `Tensor` is the node that people use.

    A leaf has no operation, operands, keywords, residual, scope or seen constants. The arguments
    hold the inputs of a node; nothing holds its consumers, so that dropping a result frees its
    graph.
    """

    __slots__ = (
        "__weakref__",
        "_array",
        "_grad",
        "_requires_grad",
        "arguments",
        "created",
        "keywords",
        "lent",
        "mutated",
        "name",
        "operands",
        "operation",
        "residual",
        "scope",
        "seen",
        "wanted",
    )
    tensor_class: ClassVar[type[Node]]

    _array: Array
    _grad: Any  # its gradient, or a Shared one
    _requires_grad: bool
    name: str | None
    operation: Operation  # None in a leaf
    arguments: tuple[Any, ...]
    operands: tuple[Any, ...]  # the arguments as they were computed with: arrays for tensors
    wanted: Sequence[int]  # the indices of the arguments that required grad
    keywords: dict[str, Any]
    residual: Any  # what the operation computed for its rule, see `table`
    seen: Sequence[tuple[Array, Sample]]  # constants and their samples, see `mutation`
    scope: Scope | None  # of what a module returned, see `nn.Module`; for pictures
    lent: bool  # whether the array may be, or show, one that others hold and write to
    created: int  # when it was computed, by `clock`; 0 if it was not
    mutated: int  # when it was last changed in place

    @property
    def grad(self) -> Array:
        """The gradient, an array of its own; None before a backward pass."""
        if type(self._grad) is Shared:
            self._grad = self._grad.array.copy()
        return self._grad

    @grad.setter
    def grad(self, gradient: Array) -> None:
        self._grad = None if gradient is None else admit(gradient, "gradient of")


class Shared:
    """An array that is the gradient of several computed nodes, until somebody asks for one."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


Cotangents = dict[Node, Array]


class Pass:
    """What holds for one backward pass.

    Attributes:
        create_graph: whether rules are handed tensors, and so record themselves.
        leaves_only: whether cotangents of computed nodes are dropped as soon as they were used.
        left_out: the nodes whose cotangents nobody wants.
        own: the nodes to whose cotangents more may be added in their own memory.
    """

    def __init__(
        self,
        create_graph: bool = False,
        leaves_only: bool = False,
        left_out: Set[Node] = frozenset(),
    ) -> None:
        self.create_graph = create_graph
        self.leaves_only = leaves_only
        self.left_out = left_out
        self.own: set[Node] = set()


def wanted_of(arguments: Sequence[Any]) -> list[int]:
    """The indices of the arguments that require grad."""
    return [i for i, a in enumerate(arguments) if isinstance(a, Node) and a._requires_grad]


def inputs_of(node: Node) -> list[Node]:
    """The nodes among the arguments of a node that require grad."""
    return [a for i in node.wanted if (a := node.arguments[i])._requires_grad]


ARRAYS = (Node, np.ndarray)


def arrays_in(value: Any) -> list[Any]:
    """The nodes and plain arrays among the arguments of a node, also within tuples and lists."""
    if type(value) is not tuple:
        return [leaf for leaf in leaves_of(value) if isinstance(leaf, ARRAYS)]
    found = []
    for part in value:
        if isinstance(part, ARRAYS):
            found.append(part)
        elif type(part) is not float:
            found += arrays_in(part)
    return found


def plain(value: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return value._array if isinstance(value, Node) else value


def unshared(value: Any) -> Any:
    """Copies of nested lists and dicts, which whoever gave them may change; arrays are kept."""
    kind = type(value)
    try:
        if kind is list or kind is tuple:
            return kind(map(unshared, value))
        return {key: unshared(part) for key, part in value.items()} if kind is dict else value
    except RecursionError:
        raise nested_without_end(value) from None
