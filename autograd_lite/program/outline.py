"""The program of a loss in which a rule is one step, whatever it computes: to be run again."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.engine import backpropagate, backward_order, match, without_nan
from autograd_lite.node import NO_KEYWORDS, Array, Node
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
    seed = writer.step(None, (), {}, np.ones_like(loss._data)[()])
    with np.errstate(all="ignore"):
        writer.program.cotangents = backpropagate(loss, seed, rule=writer.backward)
    writer.program.recorded = writer.values
    return writer.program


class _Writer:
    """A program in the making, and the values of its steps."""

    def __init__(self, loss: Node) -> None:
        self.program = Program(loss)
        self.values: list[Array] = []
        self.residuals: dict[Node, Step] = {}

    def step(
        self,
        function: Callable[..., Any] | None,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        value: Array,
    ) -> Step:
        """The next step, and its value."""
        given = arguments if function else (value,)
        shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
        step = Step(function, given, keywords, shape, len(self.values), dtype)
        self.program.steps.append(step)
        self.values.append(value)
        return step

    def arguments(self, node: Node) -> tuple[Any, ...]:
        """The arguments of a node, with steps in place of nodes that require grad."""
        known = self.program.values
        return tuple(
            known.get(value, value._data) if isinstance(value, Node) else value
            for value in node.arguments
        )

    def forward(self, node: Node) -> None:
        """Write the steps that compute a node."""
        operation, data, program = node.operation, node._data, self.program
        if operation is None:
            program.values[node] = program.inputs[node] = self.step(None, (), {}, data)
            return
        result = (data, node.residual) if operation.residual else data
        step = self.step(operation.compute, self.arguments(node), node.keywords, result)
        if operation.residual:
            self.residuals[node] = self.step(operator.getitem, (step, 1), {}, node.residual)
            step = self.step(operator.getitem, (step, 0), {}, data)
        program.values[node] = step

    def backward(
        self, node: Node, cotangents: dict[Any, Any], create_graph: bool, careful: bool
    ) -> None:
        """Write the steps by which a node adds to the cotangents of its arguments."""
        residual = [self.residuals[node]] if node in self.residuals else []
        given = cotangents[node], self.program.values[node], *self.arguments(node), *residual
        values = [self.values[x.number] if type(x) is Step else x for x in given]
        contributions = self.program.contributions[node] = {}
        for slot, argument in enumerate(node.arguments):
            if isinstance(argument, Node) and argument._requires_grad:
                rule = Contribution(node, slot, careful)
                step = self.step(rule, given, NO_KEYWORDS, rule(*values))
                contributions[slot] = step
                if argument in cotangents:
                    both = cotangents[argument], step
                    total = self.values[both[0].number] + self.values[step.number]
                    step = self.step(np.add, both, NO_KEYWORDS, total)
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
        assert node.operation is not None
        if self.vjp:
            result = self.vjp(*given, **node.keywords)
        else:
            result = node.operation.contribution(slot, [*given], node.keywords)
        result = without_nan(result, given[0]) if self.careful else result
        return match(result, node.arguments[slot]._data, node)

    @property
    def __name__(self) -> str:
        assert self.node.operation is not None
        return f"backward of {self.node.operation.name}"
