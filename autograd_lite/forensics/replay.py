"""Backward passes of a recorded graph with one or more steps done wrongly.

A step is what a node contributes to the cotangent of one of its arguments. A mistake replaces the
vjp of a step; the rest of the backward pass is the engine's.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from autograd_lite.engine import apply, apply_rule, backpropagate, backward_order
from autograd_lite.node import Node
from autograd_lite.operation import Operation
from autograd_lite.operators import plain
from autograd_lite.tensor import Tensor

Array = Any
Vjp = Callable[..., Any]
"""Called as the vjps of the table are: `vjp(g, y, *arguments, **keywords)`."""


class Place(NamedTuple):
    """The step from a node to one of its arguments."""

    node: Tensor
    slot: int

    def __eq__(self, other: object) -> bool:
        # Tensors compare entry by entry.
        return isinstance(other, Place) and self.node is other.node and self.slot == other.slot

    def __hash__(self) -> int:
        return hash((self.node, self.slot))

    @property
    def argument(self) -> Tensor:
        """Whose cotangent the step adds to."""
        return self.node.arguments[self.slot]  # type: ignore[no-any-return]

    @property
    def operation(self) -> Operation:
        """What the node was computed by."""
        assert self.node.operation is not None
        return self.node.operation


Wrong = Mapping[Place, Vjp]
"""Steps that are done wrongly, and how."""


def vjp_of(place: Place) -> Vjp:
    """The right vjp of a step."""
    operation = place.operation
    if not operation.variadic:
        return operation.vjps[place.slot]  # type: ignore[no-any-return]

    def vjp(*given: Any, **keywords: Any) -> Any:
        return operation.vjps[0](*given, **keywords)(place.slot)

    return vjp


def given_to(place: Place, cotangent: Array) -> list[Any]:
    """What the vjp of a step is called with: cotangent, output, arguments."""
    node = place.node
    values = [plain(argument) for argument in node.arguments]
    residual = [node.residual] if place.operation.residual else []
    return [cotangent, node._data, *values, *residual]


def replay(loss: Tensor, wrong: Wrong) -> dict[Node, Array] | None:
    """The cotangent of each node with some steps done wrongly.

    None when that is no backward pass, because the shapes do not fit.
    """
    twins = _twins(wrong)

    def rule(node: Node, cotangents: dict[Node, Array], *options: bool) -> None:
        twin = twins.get(node)
        if twin is None:
            apply_rule(node, cotangents, *options)
        else:
            cotangents[twin] = cotangents[node]
            apply_rule(twin, cotangents, *options)
            del cotangents[twin]

    try:
        return backpropagate(loss, loss._seed(None), rule=rule)
    except Exception:  # An operation of the user's may not stand such values.
        return None


def _twins(wrong: Wrong) -> dict[Node, Tensor]:
    """For each node with wrong steps one that is like it, with the wrong vjps."""
    steps: dict[Tensor, dict[int, Vjp]] = {}
    for place, vjp in wrong.items():
        steps.setdefault(place.node, {})[place.slot] = vjp
    return {node: _twin(node, vjps) for node, vjps in steps.items()}


def _twin(node: Tensor, wrong: dict[int, Vjp]) -> Tensor:
    assert node.operation is not None
    twin = object.__new__(Tensor)
    for name in ("_data", "_requires_grad", "arguments", "created", "keywords", "mutated"):
        setattr(twin, name, getattr(node, name))
    twin.name, twin.grad, twin.residual = node.name, None, getattr(node, "residual", None)
    count = len(node.arguments if node.operation.variadic else node.operation.vjps)
    vjps = [wrong.get(slot) or vjp_of(Place(node, slot)) for slot in range(count)]
    twin.operation = dataclasses.replace(node.operation, vjps=vjps, variadic=False, sequence=False)
    return twin


def moved(node: Node, again: Mapping[Any, Any]) -> tuple[Any, ...]:
    """The arguments of a node in a graph that is recorded again: counterparts for nodes."""
    return tuple(again.get(a, a) if isinstance(a, Node) else a for a in node.arguments)


def is_array(value: Any) -> bool:
    """Whether it is an array, or one of NumPy's numbers, and no tensor, index or name."""
    return isinstance(value, np.ndarray | np.generic)


class Graph:
    """A recorded graph, its nodes' right cotangents, and who consumes whom."""

    def __init__(self, loss: Tensor) -> None:
        self.loss = loss
        self.order = cast(list[Tensor], backward_order(loss))
        self.cotangents = backpropagate(loss, loss._seed(None))
        self.position = {node: number for number, node in enumerate(self.order)}
        self.places = [
            Place(node, slot)
            for node in self.order
            for slot, argument in enumerate(node.arguments)
            if isinstance(argument, Tensor) and argument.requires_grad
        ]
        self.consumers: dict[Tensor, list[Place]] = {}
        for place in self.places:
            self.consumers.setdefault(place.argument, []).append(place)

    def contribution(self, place: Place) -> Array:
        """What the step adds, before it is summed to the argument's shape."""
        given = given_to(place, self.cotangents[place.node])
        return vjp_of(place)(*given, **place.node.keywords)

    def leaves(self) -> list[Tensor]:
        """The nodes that were not computed."""
        return [node for node in self.order if node.operation is None]

    def bottlenecks(self) -> list[Tensor]:
        """Computed nodes that every path from the loss goes through, the loss left out."""
        steps_from = Counter(place.node for place in self.places)
        found = []
        open_edges = 0
        for node in self.order:
            open_edges -= len(self.consumers.get(node, ()))
            if open_edges == 0 and node is not self.loss and node.operation is not None:
                found.append(node)
            open_edges += steps_from[node]
        return found

    def gradients_at(self, leaf_values: Mapping[Node, Array]) -> dict[Node, Array] | None:
        """The cotangents that the nodes have where the leaves have other values."""
        again: dict[Node, Any] = {}
        try:
            for node in reversed(self.order):
                if node.operation is None:
                    again[node] = Tensor(leaf_values.get(node, node._data), requires_grad=True)
                else:
                    arguments = [
                        again.get(a, a) if isinstance(a, Node) else a for a in node.arguments
                    ]
                    again[node] = apply(node.operation, tuple(arguments), node.keywords)
            loss = again[self.loss]
            found = backpropagate(loss, loss._seed(None))
        except Exception:  # An operation of the user's may not stand such values.
            return None
        return {node: found[counterpart] for node, counterpart in again.items()}
