"""Record what was computed, and carry cotangents back through the record.

The flow of data:

    apply(operation, ...)       computes, and returns a node that remembers operation and arguments
    backward_order(root)        the nodes that root depends on, each one before its inputs
    apply_rule(node, ...)       adds to the cotangents of one node's inputs
    backpropagate(root, seed)   composes the last two: the cotangent of every node

An operation is a row of the table of derivatives, see `table`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy import float64

from autograd_lite.errors import ShapeError
from autograd_lite.modes import recording
from autograd_lite.refusals import explained, refuse_stale, refuse_without_rule

if TYPE_CHECKING:
    from autograd_lite.table import Operation

Array = Any


class Node:
    """One array, and how it was computed. `Tensor` is the node that people use.

    A leaf has no operation, keywords or residual. The arguments hold a node's inputs; nothing
    holds its consumers, so that dropping a result frees its graph at once.
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
        "residual",
    )
    tensor_class: ClassVar[type[Node]]

    _data: Array
    grad: Array
    requires_grad: bool
    name: str | None
    operation: Operation | None
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    residual: Any  # what the operation computed for its rule, see `table`
    created: int  # the number of mutations, of any node, before this one was made
    mutated: int  # the number of the last mutation of this node

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return self is other


def apply(operation: Operation, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Compute, and record when an argument requires grad.

    Returns a tensor when an argument is one, else what the function returns.
    """
    values = []
    found = wanted = False
    for argument in arguments:
        if isinstance(argument, Node):
            found = True
            wanted = wanted or argument.requires_grad
            values.append(argument._data)
        else:
            values.append(argument)
    try:
        data = operation.compute(*values, **keywords)
    except (ValueError, TypeError, IndexError) as error:
        raise explained(error, operation, arguments) from error
    residual = None
    if operation.residual:
        data, residual = data
    if not found:
        return data
    return record(data, operation, arguments, keywords, wanted, residual)


def record(
    data: Array,
    operation: Operation,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    wanted: bool,
    residual: Any = None,
) -> Any:
    """The node of a computed array, with its history if that is wanted and recording is on."""
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
        node.keywords = keywords
        node.residual = residual
        if len(arguments) != operation.differentiable_arguments:
            refuse_without_rule(operation, arguments)
    else:
        node.requires_grad = False
        node.operation = None
        node.arguments = ()
    return node


_new = object.__new__
_mutations = 0
NO_KEYWORDS: dict[str, Any] = {}


def mark_mutated(*nodes: Node) -> None:
    """Remember that the arrays of these nodes were changed just now."""
    global _mutations
    _mutations += 1
    for node in nodes:
        node.mutated = _mutations


def backward_order(root: Node) -> list[Node]:
    """The nodes requiring grad that `root` depends on, itself included, each before its inputs."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            # The inputs of the node below this marker are all in the order: now it is its turn.
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            for argument in node.arguments:
                if isinstance(argument, Node) and argument.requires_grad and argument not in seen:
                    stack.append(argument)
    order.reverse()
    return order


def apply_rule(node: Node, cotangents: dict[Node, Array], create_graph: bool = False) -> None:
    """Add what reaches the inputs of `node` through it to their cotangents.

    The cotangent of `node` itself is complete. With `create_graph` the rules are handed tensors
    instead of arrays, and so record themselves.
    """
    operation = node.operation
    if operation is None:
        return
    if node.created != _mutations:
        refuse_stale(node)
    given = [cotangents[node], node if create_graph else node._data]
    for argument in node.arguments:
        plain = create_graph or not isinstance(argument, Node)
        given.append(argument if plain else argument._data)
    if operation.residual:
        given.append(None if create_graph else node.residual)
    vjps = operation.vjps
    if operation.variadic:
        vjps = [functools.partial(vjps[0], index) for index in range(len(node.arguments))]
    for vjp, argument in zip(vjps, node.arguments):
        if isinstance(argument, Node) and argument.requires_grad:
            contribution = vjp(*given, **node.keywords)
            value = argument._data
            if type(contribution) is not float64 or type(value) is not float64:
                if contribution.shape != value.shape or contribution.dtype != value.dtype:
                    contribution = match(contribution, value, operation)
            if argument in cotangents:
                contribution = cotangents[argument] + contribution
            cotangents[argument] = contribution


def backpropagate(
    root: Node, seed: Array, create_graph: bool = False, leaves_only: bool = False
) -> dict[Node, Array]:
    """The cotangent of each node that `root` depends on, given that of `root`."""
    cotangents = {root: seed}
    token = recording.set(create_graph)
    try:
        for node in backward_order(root):
            apply_rule(node, cotangents, create_graph)
            if leaves_only and node.operation is not None:
                del cotangents[node]
    finally:
        recording.reset(token)
    return cotangents


def match(cotangent: Array, value: Array, operation: Operation) -> Array:
    """The cotangent with the shape and dtype of `value`: undoes broadcasting, of either of them."""
    shape, dtype = value.shape, value.dtype
    surplus = cotangent.ndim - len(shape)
    if surplus > 0:
        cotangent = cotangent.sum(axis=0 if surplus == 1 else tuple(range(surplus)))
        if cotangent.shape == shape and cotangent.dtype == dtype:
            return cotangent
    stretched = tuple(
        axis for axis, (have, want) in enumerate(zip(cotangent.shape, shape)) if want == 1 != have
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
