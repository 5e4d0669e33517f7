"""Whether what a back end computes is what the engine computed, and where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.backends import Backend, Task
from autograd_lite.program.program import Program, Step, run_steps

MOVED = 64
"""Units in the last place by which inputs are moved to see how large rounding is."""


class OtherNumbers(Exception):  # noqa: N818 - nobody sees it but as a warning
    """What was compiled computes other numbers."""


def spreads(steps: Sequence[Step], inputs: Sequence[Step], outputs: Sequence[Any]) -> list[float]:
    """How far rounding may take each output: as far as inputs do whose last digits are others.

    Adding up in another order gives the exact sum of numbers that differ in their last digits. So
    it shows in this how large the terms are that cancel in a result.
    """
    rng = np.random.default_rng(0)
    given = {step.number: step.arguments[0] for step in inputs}
    moved = {number: _moved(array, rng) for number, array in given.items()}
    found, others = run_steps(steps, given), run_steps(steps, moved)
    numbers = [output.number if type(output) is Step else None for output in outputs]
    return [0.0 if n is None else _distance(found[n], others[n]) for n in numbers]


def _moved(array: Array, rng: np.random.Generator) -> Array:
    if array.dtype.kind != "f":
        return array
    signs = rng.choice([-1.0, 1.0], size=array.shape)
    moved: Array = (array * (1 + MOVED * np.finfo(array.dtype).eps * signs)).astype(array.dtype)
    return moved[()]


def _distance(a: Array, b: Array) -> float:
    if a.dtype.kind != "f":
        return 0.0
    finite = np.isfinite(a) & np.isfinite(b)
    return float(np.max(np.abs(a - b), initial=0, where=finite))


def differing(program: Program, backend: Backend, task: Task) -> str:
    """Where a program first differs from what was recorded, or a back end from it, in words."""
    given = {step.number: step.arguments[0] for step in task.inputs}
    right = run_steps(program.steps, given)
    for node, step in program.values.items():
        value = right[step.number]
        if step.function is not None and not np.array_equal(value, node._array, equal_nan=True):
            return f", first in step {step.number}, {node.operation.name}"
    arrays = [x for x in task.steps if x.function and isinstance(right[x.number], np.ndarray)]
    try:
        runner = backend.make(Task(task.steps, task.inputs, [(step, None) for step in arrays]))
        found = runner([x.arguments[0] for x in task.inputs])
    except Exception:  # it cannot give all of them
        found = []
    for step, value in zip(arrays, found):
        if not backend.agree([value], [right[step.number]]):
            name = getattr(step.function, "__name__", type(step.function).__name__)
            return f", first in step {step.number}, {name}"
    return " in its last steps"
