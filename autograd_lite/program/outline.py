"""The program of a loss in which a rule is one step, whatever it computes: to be run again."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from autograd_lite.engine import backward_order, backward_steps, match, without_nan
from autograd_lite.node import NO_KEYWORDS, Array, Node, plain
from autograd_lite.program.program import Program, Step


def outline(loss: Node) -> Program:
    """The program of a loss, with one step for what a node contributes to one argument.

    Unlike `trace` it looks into no rule. So it takes what cannot be traced, such as checkpoints,
    its values are the engine's to the last bit, and it cannot be printed.

    >>> from autograd_lite import Tensor
    >>> program = outline(np.tanh(np.exp(Tensor(1.0, requires_grad=True))))
    >>> [step.function.__name__ for step in program.steps if step.function]
    ['exp', 'tanh', 'backward of tanh', 'backward of exp']
    """
    writer = _Writer(loss)
    for node in reversed(backward_order(loss)):
        writer.forward(node)
    writer.program.cotangents[loss] = writer.leaf(np.ones_like(loss._array)[()])
    with np.errstate(all="ignore"):
        for node, careful in backward_steps(loss):
            writer.backward(node, careful)
    writer.program.recorded = writer.values
    return writer.program


class _Writer:
    """A program in the making, and the values of its steps."""

    def __init__(self, loss: Node) -> None:
        self.program = Program(loss)
        self.values: list[Any] = []

    def step(
        self,
        value: Any,
        function: Callable[..., Any] | None,
        arguments: Sequence[Any],
        keywords: dict[str, Any] = NO_KEYWORDS,
    ) -> Step:
        """The next step, and its value."""
        shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
        self.values.append(value)
        return self.program.step(function, tuple(arguments), keywords, shape, dtype)

    def leaf(self, value: Any) -> Step:
        """A step for what is not computed."""
        return self.step(value, None, [value])

    def own(self, argument: Any) -> Step:
        """The step of an argument."""
        known = self.program.values.get(argument) if isinstance(argument, Node) else None
        return known or self.leaf(plain(argument))

    def forward(self, node: Node) -> None:
        """Write the steps that compute a node."""
        operation, program = node.operation, self.program
        if operation is None:
            program.values[node] = program.inputs[node] = self.leaf(node._array)
            return
        given = program.given[node] = [*map(self.own, node.arguments)]
        data = (node._array, node.residual) if operation.residual else node._array
        step = self.step(data, operation.compute, given, node.keywords)
        if operation.residual:
            step, residual = (self.step(data[i], itemgetter(i), [step]) for i in (0, 1))
            given.append(residual)
        program.values[node] = step

    def backward(self, node: Node, careful: bool) -> None:
        """Write the steps by which a node adds to the cotangents of its arguments."""
        cotangents = self.program.cotangents
        given = [cotangents[node], self.program.values[node], *self.program.given[node]]
        values = [self.values[step.number] for step in given]
        contributions = self.program.contributions[node] = {}
        for slot, argument in enumerate(node.arguments):
            if isinstance(argument, Node) and argument._requires_grad:
                rule = Contribution(node, slot, careful)
                step = contributions[slot] = self.step(rule(*values), rule, given)
                if argument in cotangents:
                    both = [cotangents[argument], step]
                    total = operator.add(*[self.values[each.number] for each in both])
                    step = self.step(total, operator.add, both)
                cotangents[argument] = step


@dataclass(slots=True, eq=False)
class Contribution:
    """What a node contributes to the cotangent of one argument, given what its rules are given.

    Attributes:
        careful: whether no NaN arises from a cotangent of 0.
        vjp: what takes the place of the rule, if anything does.
    """

    node: Node
    slot: int
    careful: bool
    vjp: Callable[..., Array] | None = None

    def __call__(self, *given: Any) -> Array:
        """The contribution, with the shape and dtype of the argument."""
        node, slot = self.node, self.slot
        if self.vjp:
            result = self.vjp(*given, **node.keywords)
        else:
            result = node.operation.contribution(slot, [*given], node.keywords)
        result = without_nan(result, given[0]) if self.careful else result
        argument = node.arguments[slot]._array
        if getattr(result, "shape", None) == argument.shape and result.dtype == argument.dtype:
            return result
        return match(result, argument, node)

    @property
    def __name__(self) -> str:
        return f"backward of {self.node.operation.name}"
