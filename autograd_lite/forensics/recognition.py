"""Activations that a user wrote out, such as 1 / (1 + np.exp(-z)), as the functions that they are.

Mistakes are made with the derivative of a sigmoid as a whole. So the graph is recorded again with
the function in place of its parts, wherever the values are those of an activation of what the
parts were computed from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import table
from autograd_lite.engine import apply
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Node
from autograd_lite.table import TABLE
from autograd_lite.tensor import Tensor

OUTERMOST = {"divide", "reciprocal", "maximum", "where", "multiply", "exp", "log"}
"""Operations that an activation written out ends with."""
DEPTH = 8
"""Operations that it consists of, at most, one after the other."""


class Activation(NamedTuple):
    """What a node is: a function of a node before it."""

    function: Any
    argument: Tensor
    keywords: dict[str, Any]


def activations(graph: Graph, keep: Collection[Tensor]) -> dict[Tensor, Activation]:
    """The nodes that are activations written out; none of `keep` is inside of one."""
    found = {}
    for node in graph.order:
        if node.operation is not None and node.operation.name in OUTERMOST and node.size > 1:
            activation = next(_candidates(node, frozenset(keep)), None)
            if activation is not None:
                found[node] = activation
    return found


def _candidates(node: Tensor, keep: frozenset[Tensor]) -> Iterator[Activation]:
    for argument in _behind(node, keep):
        if np.array_equal(argument._data, node._data):
            return  # The outermost operation does nothing here, so that it may be any.
        for function in table.activations().values():
            axes = range(argument.ndim) if function.__name__ == "softmax" else [None]
            for axis in axes:
                keywords = {} if axis is None else {"axis": axis}
                if np.allclose(function(argument._data, **keywords), node._data, 1e-11, 0.0):
                    yield Activation(function, argument, keywords)


def _behind(node: Tensor, keep: frozenset[Tensor]) -> Iterator[Tensor]:
    """Nodes of a node's shape that all its paths go through, the nearest first."""
    frontier = {node}
    for _ in range(DEPTH):
        frontier = {
            argument
            for inner in frontier
            for argument in (inner.arguments if inner.operation is not None else (inner,))
            if isinstance(argument, Tensor) and argument.requires_grad
        }
        inner_most = _lowest(frontier)
        if len(inner_most) == 1 and inner_most[0].shape == node.shape:
            yield inner_most[0]
        if any(inner.operation is None or inner in keep for inner in frontier):
            return


def _lowest(nodes: set[Tensor]) -> list[Tensor]:
    """The nodes that the others are computed from directly, or all of them."""
    inputs = {a for node in nodes for a in node.arguments if isinstance(a, Tensor) and a in nodes}
    return [node for node in nodes if not inputs or node in inputs]


def recorded_again(graph: Graph, found: dict[Tensor, Activation]) -> dict[Any, Tensor]:
    """Each node's counterpart in a graph in which activations are single nodes."""
    again: dict[Any, Tensor] = {}
    for node in reversed(graph.order):
        if node.operation is None:
            again[node] = Tensor(node._data, requires_grad=True)
        elif node in found:
            function, argument, keywords = found[node]
            again[node] = apply(TABLE[function], (again[argument],), keywords)
        else:
            again[node] = apply(
                node.operation,
                tuple(again.get(a, a) if isinstance(a, Node) else a for a in node.arguments),
                node.keywords,
            )
        again[node]._data = node._data
        again[node].name, again[node].grad = node.name, node.grad
    return again
