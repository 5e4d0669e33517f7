"""Record what was computed, and carry cotangents back through the record.

The flow of data:

    apply(operation, ...)       computes, and returns a node that remembers operation and arguments
    backward_order(root)        the nodes that root depends on, each one before its inputs
    apply_rule(node, cotangent) the cotangents of one node's inputs
    backpropagate(root, seed)   composes the last two: every node with its complete cotangent

An operation is a row of the table of derivatives, see `table`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autograd_lite.errors import ShapeError
from autograd_lite.modes import recording
from autograd_lite.refusals import explained, refuse_stale, refuse_without_rule

if TYPE_CHECKING:
    from autograd_lite.table import Operation

Array = Any


class Node:
    """One array, and how it was computed. `Tensor` is the node that people use.

    A leaf has no operation, values or keywords. The arguments hold a node's inputs; nothing holds
    its consumers, so that dropping a result frees its graph at once.
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
        raise explained(error, operation, arguments) from error
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
            refuse_without_rule(operation, arguments)
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
        refuse_stale(node)
    arguments = node.arguments
    values: Sequence[Any] = arguments
    output: Array = node
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
