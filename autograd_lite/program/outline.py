"""The program of a loss in which a rule is one step, whatever it computes: to be run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from autograd_lite.fitting import match, without_nan
from autograd_lite.node import Array, Node
from autograd_lite.program.program import Program, Step, run_steps
from autograd_lite.program.trace import Tracer, recorded_slots


def outline(loss: Node) -> Program:
    """The program of a loss, with one step for what a node contributes to one argument.

    It takes what cannot be traced, such as checkpoints, and has the engine's values.

    >>> from autograd_lite import Tensor
    >>> program = outline(Tensor(1.0, requires_grad=True).exp().tanh())
    >>> [step.function.__name__ for step in program.steps if step.function]
    ['exp', 'tanh', 'backward of tanh', 'backward of exp']
    """
    outliner = _Outliner(loss)
    outliner.write()
    program = outliner.program
    found = run_steps(program.steps, outliner.found)
    program.recorded = [found[number] for number in range(len(found))]
    return program


class _Outliner(Tracer):
    def input(self, array: Array) -> Step:
        return self.leaf(array)

    def leaf(self, array: Array) -> Step:
        return self.program.step(None, (array,), {}, array.shape, array.dtype)

    def forward(self, node: Node) -> Step:
        operation, data, program = node.operation, node._array, self.program
        given = self.given[node] = [*map(self.own, node.arguments)]
        step = program.step(operation.compute, given, node.keywords, data.shape, data.dtype)
        self.found[step.number] = data
        if operation.residual:
            pair, step.shape, self.found[step.number] = step, None, (data, node.residual)
            step, residual = (program.step(itemgetter(i), (pair,), {}, None, None) for i in (0, 1))
            given.append(residual)
        return step

    def results(self, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
        return applied(self, node, given, careful)


def applied(tracer: Tracer, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
    """For each argument the step that applies its rule, given all that rules are given."""
    found = {}
    for slot in recorded_slots(node):
        array, rule = node.arguments[slot]._array, Contribution(node, slot, careful)
        found[slot] = tracer.program.step(rule, given, {}, array.shape, array.dtype)
    return found


@dataclass(slots=True, eq=False)
class Contribution:
    """What a node contributes to the cotangent of one argument, given what its rules are given."""

    node: Node
    slot: int
    careful: bool  # no NaN arises from a cotangent of 0
    vjp: Callable[..., Array] | None = None  # in place of the rule

    def __call__(self, *given: Any) -> Array:
        node, slot = self.node, self.slot
        if self.vjp:
            result = self.vjp(*given, **node.keywords)
        else:
            result = node.operation.contribution(slot, [*given], node.keywords)
        result = without_nan(result, given[0]) if self.careful else result
        return match(result, node.arguments[slot]._array, node)

    @property
    def __name__(self) -> str:
        return f"backward of {self.node.operation.name}"
