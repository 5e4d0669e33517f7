"""A recorded step as what a back end is given, and as what is ready to be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor
from autograd_lite.node import Array
from autograd_lite.program.backends import Output, Runner, Task
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import task_of
from nn.optimizers.flat import Run
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.traced import Update
from nn.training.recorded import Recording


class Ready(NamedTuple):
    """A step that is ready to be run."""

    runner: Runner
    used: list[bool]  # for each of the arrays of a batch
    draws: list[Callable[[], Array]]
    tensors: list[Tensor]
    known: list[Any]  # their arrays, and then whether they require grad, when this was made
    kept: list[Array]  # what the runner is given behind data: those arrays, and what never changes
    gradients: list[tuple[Run, Array]]
    in_place: bool  # whether those arrays are all that the optimizer changes
    update: Update | None
    views: list[tuple[Tensor, Array]]  # of the gradients, by tensor
    moved: list[Tensor]
    runs: Any


def laid_out(
    made: Recording,
    optimizer: Optimizer,
    flat: dict[Run, Array],
    make: Callable[[Task], Runner],
) -> tuple[Ready, Task] | None:
    """The step, or None while the optimizer has to divide its parameters anew.

    The gradients of all parameters in a run lie in one flat array, which is made where there is
    none.
    """
    program = made.tracer.program
    cotangents = {node: step for node, step in program.cotangents.items() if node.operation is None}
    runs = optimizer._runs
    for run in flat.keys() - {*runs}:
        del flat[run]
    inside = {tensor for run in runs for tensor in run.tensors}
    if not inside.issuperset(cotangents):
        raise ValueError("a tensor that requires grad is not in the optimizer")
    gradients, views = [], []
    outputs: list[Output] = []
    for run in runs:
        has = {tensor in cotangents for tensor in run.tensors}
        if len(has) > 1:
            return None
        if True in has:
            gradient = flat.setdefault(run, np.zeros(run.bounds[-1], run.dtype))
            gradients.append((run, gradient))
            for tensor, view in zip(run.tensors, run.views(gradient)):
                views.append((tensor, view))
                target = program.step(None, (view,), {}, view.shape, view.dtype)
                outputs.append((cotangents[tensor], target))
    inputs = [*made.inputs(), *[target for _, target in outputs if target is not None]]
    returned: list[Output] = [
        (program.values[made.loss], None),
        *[(step, None) for _, step in made.moved],
    ]
    task, fixed = task_of(program, inputs, returned + outputs, _names(made))
    tensors = [tensor for _, tensor in made.tensors]
    known = {*tensors}
    changed = [pair for run, _ in gradients for pair in zip(run.tensors, run.value_views)]
    arrays = [tensor._array for tensor in tensors]
    compiled = Ready(
        make(task),
        [step is not None for step in made.data],
        [draw for _, _, draw in made.drawn],
        tensors,
        [*arrays, *[tensor._requires_grad for tensor in tensors]],
        [*arrays, *[view for _, view in views], *fixed],
        gradients,
        all(tensor in known and tensor._array is view for tensor, view in changed),
        None,
        views,
        [buffer for buffer, _ in made.moved],
        runs,
    )
    return compiled, task


def _names(made: Recording) -> dict[Step, str]:
    names = {step: name for step, name in zip(made.data, "Xy") if step is not None}
    for step, tensor in made.tensors:
        names[step] = tensor.name or "buffer"
    return names
