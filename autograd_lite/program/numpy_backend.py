"""The back end that writes NumPy source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.backends import Missed, Output, Runner
from autograd_lite.program.program import Guard, Step, run_steps


class _Steps:
    """Runs the steps one by one."""

    source = ""

    def __init__(
        self,
        steps: Sequence[Step],
        inputs: Sequence[Step],
        outputs: Sequence[Output],
        guards: Sequence[Guard],
    ) -> None:
        self.steps, self.inputs, self.outputs, self.guards = steps, inputs, outputs, guards

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        given = {step.number: array for step, array in zip(self.inputs, arrays)}
        found = run_steps(self.steps, {**given})
        for guard in self.guards:
            if not np.array_equal(found[guard.step.number], guard.outcome):
                raise Missed
        returned = [found[step.number].copy() for step, target in self.outputs if target is None]
        written = [(given[t.number], found[s.number].copy()) for s, t in self.outputs if t]
        for array, values in written:
            array[...] = values
        return returned


def numpy_backend(
    steps: Sequence[Step],
    inputs: Sequence[Step],
    outputs: Sequence[Output],
    guards: Sequence[Guard],
) -> Runner:
    """The steps, with the functions that the engine calls: equal to it to the last bit."""
    return _Steps(steps, inputs, outputs, guards)
