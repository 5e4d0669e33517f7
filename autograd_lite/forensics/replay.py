"""Backward passes of a recorded graph with one or more steps done wrongly.

A step is what a node contributes to the cotangent of one of its arguments. A mistake replaces the
vjp of a step; only the steps below it are run again.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from autograd_lite.engine import given_to_rules
from autograd_lite.forensics.factors import SAMPLES, known_factors
from autograd_lite.node import Array, Node, plain
from autograd_lite.operation import Operation, Traits
from autograd_lite.program.outline import Contribution, outline
from autograd_lite.program.program import Program, Step
from autograd_lite.tensor import Tensor

Vjp = Callable[..., Any]
"""Called as the vjps of the table are: `vjp(g, y, *arguments, **keywords)`."""


@dataclass(eq=False, slots=True)
class Place:
    """Where a mistake can be made: the step from a node to one of its arguments.

    Attributes:
        argument: whose cotangent the step adds to.
        operation: what the node was computed by.
        traits: what its function is.
        step: of the program.
    """

    node: Tensor
    slot: int
    argument: Tensor
    operation: Operation
    traits: Traits
    step: Step

    def vjp(self, *given: Any, **keywords: Any) -> Any:
        """The right vjp of the step."""
        return self.operation.contribution(self.slot, [*given], keywords)

    def unmatched(self, cotangent: Array) -> Array:
        """What the step gives for a cotangent, before it is summed to the argument's shape."""
        given = given_to_rules(self.node, cotangent, create_graph=False)
        return self.operation.contribution(self.slot, given, self.node.keywords)

    @property
    def other_arguments(self) -> list[Any]:
        """The arguments of the node besides the one that the step leads to."""
        return [a for slot, a in enumerate(self.node.arguments) if slot != self.slot]

    def contribution(self, vjp: Vjp) -> Contribution:
        """What the step does with another vjp."""
        right: Any = self.step.function
        return Contribution(self.node, self.slot, right.careful, vjp)


Wrong = Mapping[Place, Vjp]
"""Steps that are done wrongly, and how."""


@dataclass(eq=False, slots=True)
class Replay:
    """The cotangents that come out with some steps done wrongly.

    Attributes:
        wrong: these steps.
        values: of all steps of the program, by number.
        cotangents: the steps of the program, by node.
        base: the replay that it differs from.
        fitted: the tensors with the gradients of a case, once that was asked for.
    """

    wrong: Wrong
    values: list[Array]
    cotangents: Mapping[Node, Step]
    base: Replay | None = None
    fitted: frozenset[Tensor] | None = None

    def __getitem__(self, node: Node) -> Array:
        return self.values[self.cotangents[node].number]


def is_array(value: Any) -> bool:
    """Whether it is an array, or one of NumPy's numbers, and no tensor, index or name."""
    return isinstance(value, np.ndarray | np.generic)


def is_recorded(value: Any) -> bool:
    """Whether it is a tensor that requires grad."""
    return isinstance(value, Tensor) and value.requires_grad


class Graph:
    """A recorded graph as a program, its places, and who consumes whom."""

    def __init__(self, loss: Tensor) -> None:
        self.loss = loss
        self.program: Program = outline(loss)
        self.order = cast(list[Tensor], [*self.program.values][::-1])
        self.position = {node: number for number, node in enumerate(self.order)}
        self.right = Replay({}, self.program.recorded, self.program.cotangents)
        self.places_of = {node: self._places_of(node) for node in self.order}
        self.places = [place for places in self.places_of.values() for place in places]
        self.index = {place: number for number, place in enumerate(self.places)}
        self.nodes_by: dict[Operation | None, list[Tensor]] = {}
        for node in self.order:
            self.nodes_by.setdefault(node.operation, []).append(node)
        self.leaves = self.nodes_by[None]
        self.consumers: dict[Tensor, list[Place]] = {}
        for place in self.places:
            self.consumers.setdefault(place.argument, []).append(place)

    def _places_of(self, node: Tensor) -> list[Place]:
        operation = node.operation
        if operation is None:
            return []
        return [
            Place(node, slot, node.arguments[slot], operation, operation.traits, step)
            for slot, step in self.program.contributions[node].items()
        ]

    def replay(self, wrong: Wrong, base: Replay | None = None) -> Replay | None:
        """The cotangents with some steps done wrongly, besides those of another replay.

        None when that is no backward pass, because the shapes do not fit.
        """
        base = base or self.right
        both = {**base.wrong, **wrong}
        replaced = {place.step: place.contribution(vjp) for place, vjp in both.items()}
        try:
            values = self.program.again(replaced, base.values, [place.step for place in wrong])
        except Exception:  # An operation of the user's may not stand such values.
            return None
        return Replay(both, values, self.program.cotangents, base)

    def steps_below(self, wrong: Wrong) -> int:
        """The number of steps that are run again where some are done wrongly."""
        return len(self.program.below([place.step for place in wrong]))

    def gradients_at(self, leaf_values: Mapping[Tensor, Array]) -> Replay | None:
        """The cotangents that the nodes have where leaves have other values."""
        inputs = {
            self.program.inputs[leaf]: lambda _, value=value: value
            for leaf, value in leaf_values.items()
        }
        try:
            values = self.program.again(inputs)
        except Exception:  # An operation of the user's may not stand such values.
            return None
        return Replay({}, values, self.program.cotangents)

    def contribution(self, place: Place) -> Array:
        """What the step adds, before it is summed to the argument's shape."""
        return place.unmatched(self.right[place.node])

    @functools.cached_property
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

    @functools.cached_property
    def lengths(self) -> dict[int, str]:
        """The lengths of axes that losses are divided by, and what they count."""
        of_parameters = {length for leaf in self.leaves for length in leaf.shape}
        computed = [node for node in self.order if node.operation is not None]
        found: dict[int, str] = {}
        for length in (length for node in computed for length in node.shape):
            is_batch = length not in of_parameters
            found.setdefault(length, SAMPLES if is_batch else "the length of an axis")
        for node in self.bottlenecks:
            found.setdefault(node.size, "the number of entries")
        for length in (0, 1):
            found.pop(length, None)
        samples_first = sorted(found.items(), key=lambda item: item[1] != SAMPLES)
        return dict(samples_first[:8])

    @functools.cached_property
    def factors(self) -> list[tuple[float, str]]:
        """The constant factors that people get wrong here, in words."""
        functions = {place.operation.function for place in self.places}
        return [*known_factors(self.lengths, not functions.isdisjoint((np.power, np.square)))]

    @functools.cached_property
    def plain_arrays(self) -> list[Array]:
        """The arrays of numbers that are not differentiated, each once."""
        found = {}
        for place in self.places:
            for argument in place.node.arguments:
                value = plain(argument)
                if not is_recorded(argument) and is_array(value) and value.dtype.kind in "fiu":
                    found[id(value)] = value
        return list(found.values())
