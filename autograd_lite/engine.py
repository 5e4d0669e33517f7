"""Record what was computed, and carry cotangents back through the record.

The flow of data:

    define(np.tanh, vjp)        a row of the table: a function and its vector-Jacobian products
    apply(operation, ...)       computes, and returns a node that remembers operation and arguments
    backward_order(root)        the nodes that root depends on, each one before its inputs
    apply_rule(node, cotangent) the cotangents of one node's inputs
    backpropagate(root, seed)   composes the last two: every node with its complete cotangent

A rule is called as `vjp(g, y, *arguments, **keywords)`: g is the cotangent of the output, y the
output, then come the function's arguments as they were given. A rule need not undo broadcasting
or a change of dtype: `match` does that for all of them.
"""

from __future__ import annotations

import dis
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar

import numpy as np

from autograd_lite.errors import (
    AutogradError,
    IndexingError,
    MutationError,
    ShapeError,
    UnsupportedError,
    describe,
    describe_one,
)
from autograd_lite.modes import recording

Array = Any
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Node:
    """One array, and how it was computed. `Tensor` is the node that people use.

    A leaf has no operation, no values and no keywords. The arguments hold a node's inputs; nothing holds its consumers, so
    that dropping a result frees its graph at once.
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "arguments",
        "created",
        "grad",
        "keywords",
        "mutated",
        "name",
        "operation",
        "requires_grad",
        "values",
    )
    tensor_class: ClassVar[type[Node]]

    _data: Array
    grad: Array
    requires_grad: bool
    name: str | None
    operation: Operation | None
    arguments: tuple[Any, ...]
    values: list[Any]  # the arguments, arrays in place of nodes, as the operation saw them
    keywords: dict[str, Any]
    created: int  # the number of mutations, of any node, before this one was made
    mutated: int  # the number of the last mutation of this node

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return self is other


class Operation:
    """A row of the table: a function, how to compute it, and its vjps.

    `sequence` marks functions like `np.stack`, whose first argument is a list of arrays;
    `variadic` those with one vjp for all arguments, called as `vjp(i, g, y, *arguments)`.
    """

    __slots__ = ("complete", "compute", "function", "name", "sequence", "variadic", "vjps")

    def __init__(
        self,
        function: Callable[..., Any],
        vjps: Sequence[Any],
        compute: Callable[..., Any],
        sequence: bool,
        variadic: bool,
    ) -> None:
        self.function = function
        self.vjps = vjps
        self.compute = compute
        self.name = function.__name__
        self.sequence = sequence
        self.variadic = variadic or sequence
        self.complete = None not in vjps

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


TABLE: dict[Callable[..., Any], Operation] = {}
"""The table of derivatives: each differentiable function and its row."""

WITHOUT_DERIVATIVE: set[Callable[..., Any]] = set()
"""Functions whose results are plain arrays: comparisons, arg-functions, creation functions."""

_OPERATORS: dict[Callable[..., Any], Callable[..., Any]] = {
    # On scalars an operator takes a tenth of the time of the function.
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.power: operator.pow,
    np.negative: operator.neg,
    np.absolute: operator.abs,
    np.matmul: operator.matmul,
}


def define(
    function: Callable[..., Any],
    *vjps: Callable[..., Any] | None,
    compute: Callable[..., Any] | None = None,
    sequence: bool = False,
    variadic: bool = False,
) -> Operation:
    """Add a row to the table: a function that exists already, and the vjps of its arguments.

    Args:
        function: a NumPy function or ufunc, or any function that applies one to its argument.
        vjps: for each argument in turn `vjp(g, y, *arguments, **keywords)`, the product of the
            cotangent `g` of the output `y` with the Jacobian; None where there is no derivative.
        compute: what to call with plain arrays, where that is not `function` itself.
        sequence: the first argument is a list of arrays; `compute` takes them one by one.
        variadic: there is one vjp for all arguments, `vjp(i, g, y, *arguments, **keywords)`.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> row = define(np.spacing, lambda g, y, x: 0 * g)
    >>> x = Tensor(1.0, requires_grad=True)
    >>> np.spacing(x).backward()
    >>> float(x.grad)
    0.0
    """
    chosen = compute or _OPERATORS.get(function, function)
    operation = Operation(function, vjps, chosen, sequence, variadic)
    TABLE[function] = operation
    return operation


def differentiable(
    *vjps: Callable[..., Any] | None,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a function of arrays differentiable: the decorator form of `define`.

    The function is called with plain arrays, and its result is recorded when it was given
    tensors.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> @differentiable(lambda g, y, x: g * 3 * x**2)
    ... def cube(x):
    ...     return x * x * x
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.])
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        operation = define(function, *vjps)

        @functools.wraps(function)
        def call(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            result: Result = apply(operation, arguments, keywords)
            return result

        TABLE[call] = operation
        return call

    return decorate


def apply(operation: Operation, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Compute, and record when an argument requires grad.

    Returns a tensor when an argument is one, else what the function returns.
    """
    values = []
    found = wanted = False
    for argument in arguments:
        if isinstance(argument, Node):
            found = True
            if argument.requires_grad:
                wanted = True
            values.append(argument._data)
        else:
            values.append(argument)
    try:
        data = operation.compute(*values, **keywords)
    except (ValueError, TypeError, IndexError) as error:
        raise _explained(error, operation, arguments) from error
    if not found:
        return data
    node = _new(Node.tensor_class)
    node._data = data
    node.grad = None
    node.name = None
    node.created = _mutations
    node.mutated = 0
    if wanted and recording.get():
        node.requires_grad = True
        node.operation = operation
        node.arguments = arguments
        node.values = values
        node.keywords = keywords
        if not operation.complete or len(arguments) > len(operation.vjps):
            _refuse_without_rule(operation, arguments)
    else:
        node.requires_grad = False
        node.operation = None
        node.arguments = ()
    return node


_new = object.__new__
_mutations = 0


def mark_mutated(*nodes: Node) -> None:
    """Remember that the arrays of these nodes were changed just now."""
    global _mutations
    _mutations += 1
    for node in nodes:
        node.mutated = _mutations


def backward_order(root: Node) -> list[Node]:
    """The nodes requiring grad that `root` depends on, itself included, each before its inputs."""
    order: list[Node] = []
    leaves: dict[Node, None] = {}
    seen: set[Node] = set()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            # The inputs of the node below this marker are all in the order: now it is its turn.
            order.append(stack.pop())
        elif node.operation is None:
            leaves[node] = None
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            for argument in node.arguments:
                if isinstance(argument, Node) and argument.requires_grad and argument not in seen:
                    stack.append(argument)
    order.reverse()
    return [*order, *leaves]


def apply_rule(
    node: Node, cotangent: Array, create_graph: bool = False
) -> list[tuple[Node, Array]]:
    """The inputs of `node` that require grad, each with the cotangent that reaches it from there.

    With `create_graph` the rules are handed tensors instead of arrays, and so record themselves.
    """
    operation = node.operation
    if operation is None:
        return []
    if node.created != _mutations:
        _refuse_stale(node)
    arguments = node.arguments
    values = arguments
    output = node
    if not create_graph:
        values = node.values
        output = node._data
    vjps = operation.vjps
    if operation.variadic:
        vjps = [functools.partial(vjps[0], index) for index in range(len(arguments))]
    contributions = []
    for vjp, argument in zip(vjps, arguments, strict=False):
        if isinstance(argument, Node) and argument.requires_grad:
            contribution = vjp(cotangent, output, *values, **node.keywords)
            like = argument._data
            if contribution.shape != like.shape or contribution.dtype != like.dtype:
                contribution = match(contribution, like, operation)
            contributions.append((argument, contribution))
    return contributions


def backpropagate(
    root: Node, seed: Array, create_graph: bool = False
) -> Iterator[tuple[Node, Array]]:
    """Each node that `root` depends on, with its complete cotangent, outputs before inputs.

    With `create_graph`, iterate where operations are recorded.
    """
    cotangents = {root: seed}
    for node in backward_order(root):
        cotangent = cotangents.pop(node)
        if node.operation is not None:
            for argument, contribution in apply_rule(node, cotangent, create_graph):
                if argument in cotangents:
                    contribution = cotangents[argument] + contribution
                cotangents[argument] = contribution
        yield node, cotangent


def match(cotangent: Array, value: Array, operation: Operation) -> Array:
    """The cotangent with the shape and dtype of `value`: undoes broadcasting, of either of them."""
    shape, dtype = value.shape, value.dtype
    surplus = cotangent.ndim - len(shape)
    if surplus > 0:
        cotangent = cotangent.sum(axis=0 if surplus == 1 else tuple(range(surplus)))
        if cotangent.shape == shape and cotangent.dtype == dtype:
            return cotangent
    stretched = tuple(
        axis
        for axis, (have, want) in enumerate(zip(cotangent.shape, shape, strict=False))
        if want == 1 != have
    )
    if stretched:
        cotangent = cotangent.sum(axis=stretched, keepdims=True)
    if cotangent.shape != shape:
        try:
            cotangent = np.broadcast_to(cotangent, shape)
        except ValueError as error:
            raise ShapeError(
                f"backward of {operation.name}",
                f"its vjp returned shape {cotangent.shape} for an argument of shape {shape}",
                "Mend the vjp: its result must broadcast with the argument",
            ) from error
    return cotangent if cotangent.dtype == dtype else cotangent.astype(dtype)


def _refuse_stale(node: Node) -> None:
    """Raise if a rule of `node` reads an array that was changed after the node was made."""
    assert node.operation is not None
    for position, changed in enumerate((node, *node.arguments), 1):
        if isinstance(changed, Node) and changed.mutated > node.created:
            for vjp, argument in zip(node.operation.vjps, node.arguments, strict=False):
                wanted = isinstance(argument, Node) and argument.requires_grad
                if wanted and _reads(vjp, position + node.operation.variadic):
                    raise MutationError(
                        f"backward of {node.operation.name}{describe(node.arguments)}",
                        f"{describe_one(changed)} was changed after it was used there",
                        "Call backward() before changing it, or compute with tensor.copy()",
                    )


def _reads(vjp: Callable[..., Any], position: int) -> bool:
    """Whether a rule reads its parameter at `position`; yes where that cannot be told."""
    code = getattr(vjp, "__code__", None)
    if code is None or position >= code.co_argcount:
        return True
    name = code.co_varnames[position]
    loaded = (step.argval for step in dis.get_instructions(code) if "LOAD_" in step.opname)
    return any(name == value or (type(value) is tuple and name in value) for value in loaded)


def _refuse_without_rule(operation: Operation, arguments: tuple[Any, ...]) -> None:
    """Raise if an argument that requires grad is one that the operation has no vjp for."""
    if operation.variadic:
        return
    for index, argument in enumerate(arguments):
        without = index >= len(operation.vjps) or operation.vjps[index] is None
        if without and isinstance(argument, Node) and argument.requires_grad:
            raise UnsupportedError(
                f"{operation.name}{describe(arguments)}",
                f"it has no derivative in its argument {index}, {describe_one(argument)}",
                "Hand it that argument as a plain array: tensor.data",
            )


def _explained(error: Exception, operation: Operation, arguments: tuple[Any, ...]) -> AutogradError:
    """NumPy's own error, with the operation and the names and shapes of its arguments."""
    kind, remedy = {
        ValueError: (ShapeError, "Make the shapes agree: reshape, transpose or index one of them"),
        IndexError: (IndexingError, "Use an index, or an axis, within the shape"),
        TypeError: (UnsupportedError, "Give it arrays, numbers or tensors of numbers"),
    }[next(base for base in (IndexError, ValueError, TypeError) if isinstance(error, base))]
    return kind(f"{operation.name}{describe(arguments)}", str(error).rstrip("."), remedy)
