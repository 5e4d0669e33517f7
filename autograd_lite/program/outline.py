"""The program of a loss in which a rule is one step, whatever it computes: to be run again."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from autograd_lite.node import Array, Node
from autograd_lite.program.program import Program, Step, run_steps
from autograd_lite.program.trace import Tracer


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
        return self.applied(node, given, careful)
