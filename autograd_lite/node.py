"""One array, and how it was computed: what the record consists of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.foreign import PLAIN, admit
from autograd_lite.operation import Operation
from autograd_lite.trees import leaves_of, nested_without_end

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

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


def held_array(data: Any, requires_grad: bool, name: str | None, dtype: DTypeLike | None) -> Any:
    """The array, or for a number the NumPy scalar, that a tensor holds."""
    if type(data) not in PLAIN:
        data = admit(data, "Tensor of")
    # No other node: what a tensor holds while a rule is traced is one.
    if isinstance(data, Node.tensor_class):
        raise _unsuitable(
            data,
            name,
            "the data are a tensor already, and its record would be lost",
            "Write tensor.detach(), or tensor.copy() to keep the record",
        )
    # Anything that speaks NumPy's protocol stays what it is: a Dask or CuPy array as well.
    if not hasattr(data, "__array_function__"):
        try:
            array = np.asarray(data, dtype)
        except (ValueError, TypeError, OverflowError) as error:
            reason, remedy = str(error).rstrip("."), "Give numbers, or nested lists of one shape"
            raise _unsuitable(data, name, reason, remedy) from error
        data = array if array.ndim else array.dtype.type(array)
    elif dtype is not None and getattr(data, "dtype", np.dtype(object)).kind in "fiub":
        try:
            data = data.astype(dtype, copy=False)
        except TypeError as error:
            raise _unsuitable(data, name, str(error), "Give a dtype of floats") from error
    dtype_given = getattr(data, "dtype", np.dtype(object))
    if dtype_given.kind not in "fiub":
        remedy = "Give real numbers, or nested lists of them"
        if dtype_given.kind == "c":
            remedy = "Compute with the real and the imaginary part"
        reason = f"data of dtype {dtype_given} cannot be differentiated"
        raise _unsuitable(data, name, reason, remedy)
    if requires_grad and dtype_given.kind != "f":
        raise _unsuitable(
            data,
            name,
            f"data of dtype {dtype_given} cannot require grad",
            "Give floats: write 1.0 for 1, or dtype=float",
        )
    return data


def _unsuitable(data: Any, name: str | None, reason: str, remedy: str) -> UnsupportedError:
    named = f", name={name!r}" if name else ""
    return UnsupportedError(f"Tensor({describe_one(data)}{named})", reason, remedy)
