"""Activations that a user wrote out, such as 1 / (1 + np.exp(-z)), as the functions that they are.

People think of the sigmoid and of its derivative as a whole, and so do those who look for mistakes
in a network. A graph is recorded again with the function in place of its parts, wherever the
values are those of an activation of what the parts were computed from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import record
from autograd_lite.node import Array, Node, plain
from autograd_lite.operation import Operation
from autograd_lite.table import TABLE, activations, traits_of

PARTS = 16
"""Operations that an activation consists of, at most."""
SAMPLE = 64
"""Entries that are compared first."""


class Activation(NamedTuple):
    """What a node is: a function of a node before it."""

    function: Any
    argument: Node
    keywords: dict[str, Any]


def written_out(nodes: Sequence[Node], keep: Collection[Node]) -> dict[Node, Activation]:
    """The nodes that are activations written out; none of `keep` is inside of one.

    Args:
        nodes: of a graph, each after what it was computed from.
        keep: nodes that somebody asks for.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.engine import backward_order
    >>> z = Tensor([-1.0, 2.0], requires_grad=True)
    >>> a = 1 / (1 + np.exp(-z))
    >>> found = written_out(backward_order(a)[::-1], [])
    >>> found[a].function.__name__, found[a].argument is z
    ('sigmoid', True)
    """
    position = {node: number for number, node in enumerate(nodes)}
    kept = frozenset(keep)
    found: dict[Node, Activation] = {}
    with np.errstate(all="ignore"):
        for node in nodes:
            for activation in _candidates(node, position, kept, found):
                found[node] = activation
                if traits_of(activation.function).elementwise:
                    break  # Others go on: softmax(z - maximum) is softmax(z).
    return found


def _candidates(
    node: Node, position: dict[Node, int], keep: frozenset[Node], found: dict[Node, Activation]
) -> Iterator[Activation]:
    """What a node may be, a function of one argument after the other, the nearest first."""
    if node.operation is None or node._data.size < 2:
        return
    if node.operation.traits.activation or not node.operation.traits.elementwise:
        return
    for argument, parts in _behind(node, position, keep):
        if _agree(argument._data, node._data):
            return  # The outermost operation does nothing here, so that it may be any.
        elementwise = all(_operation(part).traits.elementwise for part in parts)
        for activation in _functions_of(argument, node._data, elementwise):
            if not _is_two_steps(node, activation, parts, found):
                yield activation
                break


def _functions_of(argument: Node, y: Array, elementwise: bool) -> Iterator[Activation]:
    """The activations that give y for an argument: those of each entry on its own, or the others.

    Some entries decide first where each has its own.
    """
    x = argument._data
    few = slice(None, None, max(1, x.size // SAMPLE))
    axes = () if elementwise else reversed(range(x.ndim))
    choices: list[dict[str, Any]] = [{"axis": axis} for axis in axes] or [{}]
    for function in activations().values():
        row = TABLE[function]
        if row.traits.elementwise == elementwise:
            for keywords in choices:
                if elementwise and not _agree(row.compute(x.reshape(-1)[few]), y.reshape(-1)[few]):
                    continue
                if _agree(row.compute(x, **keywords), y):
                    yield Activation(function, argument, keywords)


def _is_two_steps(
    node: Node, activation: Activation, parts: list[Node], found: dict[Node, Activation]
) -> bool:
    """Whether a part gives the probabilities, or 1 minus them: log(softmax(z)) is two steps."""
    whole = _probabilities(node, activation)
    if whole is None:
        return False
    for part in parts[1:]:
        inner = found.get(part) or Activation(_operation(part).function, part.arguments[0], {})
        same = inner.function is activation.function and inner.argument is activation.argument
        p = None if same else _probabilities(part, inner)
        if p is not None and p.shape == whole.shape and (_agree(p, whole) or _agree(1 - p, whole)):
            return True
    return False


def _probabilities(node: Node, activation: Activation) -> Array | None:
    """Those that a function of logits gives."""
    probabilities = traits_of(activation.function).probabilities
    return probabilities and probabilities(node._data, plain(activation.argument))


def _operation(node: Node) -> Operation:
    return node.operation


def _behind(
    node: Node, position: dict[Node, int], keep: frozenset[Node]
) -> Iterator[tuple[Node, list[Node]]]:
    """Nodes of a node's shape that all its paths go through, the nearest first.

    Each comes with the nodes between, and the node itself.
    """
    parts = [node]
    frontier = _inputs(node)
    while frontier and len(parts) <= PARTS:
        last = max(frontier, key=position.__getitem__)
        if len(frontier) == 1 and last._data.shape == node._data.shape:
            yield last, parts
        if last.operation is None or last in keep:
            return
        traits = last.operation.traits
        if not (traits.elementwise or traits.reduces or traits.moves):
            return
        frontier = (frontier - {last}) | _inputs(last)
        parts.append(last)


def _inputs(node: Node) -> set[Node]:
    return {a for a in node.arguments if isinstance(a, Node) and a._requires_grad}


def _agree(found: Array, expected: Array) -> bool:
    """Whether arrays are equal up to rounding."""
    eps = np.finfo(min(found.dtype, expected.dtype)).eps
    sizes = np.abs(expected)
    tolerance = 4 * eps * max(1, sizes.max()) + eps**0.7 * sizes
    return bool((np.abs(found - expected) <= tolerance).all())


def recorded_again(nodes: Sequence[Node], found: dict[Node, Activation]) -> dict[Any, Any]:
    """Each node's counterpart in a graph in which activations are single nodes.

    Leaves are their own. Nothing is computed again.

    Args:
        nodes: of a graph, each after what it was computed from.
        found: what some of them are.
    """
    again: dict[Any, Any] = {}
    for node in nodes:
        if node.operation is None:
            again[node] = node
            continue
        if node in found:
            function, argument, keywords = found[node]
            twin = record(node._data, TABLE[function], (again[argument],), keywords, True)
        else:
            given = tuple(again.get(a, a) if isinstance(a, Node) else a for a in node.arguments)
            row = node.operation
            twin = record(node._data, row, given, node.keywords, True, node.residual)
        twin.name, twin.grad = node.name, node.grad
        again[node] = twin
    return again
