"""A recorded step as what a back end is given, and as what is ready to be run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.node import Array
from autograd_lite.program.backends import Output, Runner, Task
from autograd_lite.program.program import Guard, Step
from autograd_lite.program.recordings import task_of
from autograd_lite.pullback import is_live_leaf
from nn.optimizers.flat import Run, copy_in
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.traced import Update
from nn.training.recorded import Written

kind_of = attrgetter("__class__", "shape", "strides", "dtype")
"""What tells arrays of a batch apart; in C, as it is asked for in each step."""
WholeStep = Callable[..., float | None]
"""Of the arrays of a batch, see `whole_steps.py`."""


@dataclass(slots=True, eq=False)
class Ready:
    """A step that is ready to be run."""

    runner: Runner
    used: list[bool]  # for each of the arrays of a batch
    draws: list[Callable[[], Array]]
    tensors: list[Tensor]
    learned: list[bool]  # whether they require grad
    rest: list[Array]  # of the runner, behind those of tensors; the same in each run
    gradients: list[tuple[Run, Array]]
    views: list[tuple[Tensor, Array]]  # of the gradients, by tensor
    moved: list[Tensor]
    runs: Any
    # What is run: of a batch, what is drawn, and the arrays of tensors that have others each time.
    run: Callable[..., list[Array]]
    given: list[Tensor]
    arrays: list[Array]  # of all tensors, when that was made
    update: Update | None
    whole: dict[Any, WholeStep]  # by what updates, and whether

    def show_gradients(self) -> None:
        """Let `.grad` be what was computed."""
        for tensor, view in self.views:
            tensor.grad = view.copy()[()]

    def giving(self, others: Iterable[Tensor]) -> Ready:
        """The same, with the arrays of other tensors given in each run, too."""
        arrays, wanted = [tensor._array for tensor in self.tensors], {*self.given, *others}
        first = sum(self.used) + len(self.draws)
        places = [place for place, tensor in enumerate(self.tensors) if tensor in wanted]
        given = [*range(first), *[first + place for place in places]]
        run = self.runner.bound([*[None] * first, *arrays, *self.rest], given)
        tensors = [self.tensors[place] for place in places]
        return replace(self, run=run, given=tensors, arrays=arrays, whole={})


def laid_out(
    made: Written,
    optimizer: Optimizer,
    flat: dict[Run, Array],
    make: Callable[[Task], Runner],
    in_c: bool,
    in_fit: bool,
) -> tuple[Ready, Task] | None:
    """The step, or None while the optimizer has to divide its parameters anew.

    The gradients of all parameters in a run lie in one flat array, which is made where there is
    none. In C a program refuses to go on where the loss is not finite, or in `fit` a gradient.
    """
    program, loss = made.tracer.program, made.tracer.program.values[made.loss]
    cotangents = {node: step for node, step in program.cotangents.items() if is_live_leaf(node)}
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
    copy_in([run for run, _ in gradients])  # updates change the optimizer's own buffers
    inputs = [*made.inputs(), *[target for _, target in outputs if target is not None]]
    returned: list[Output] = [
        (loss, None),
        *[(step, None) for _, step in made.moved],
    ]
    for step in [loss, *[step for step, _ in outputs if in_fit]] if in_c else ():
        is_finite = program.step(np.isfinite, (step,), {}, step.shape, np.dtype(bool))
        program.guards.append(Guard(is_finite, np.ones(step.shape, bool)))
    task, fixed = task_of(program, inputs, returned + outputs, _names(made))
    tensors, runner = [tensor for _, tensor in made.tensors], make(task)
    moved = [buffer for buffer, _ in made.moved]
    ready = Ready(
        runner,
        [step is not None for step in made.data],
        [draw for _, _, draw in made.drawn],
        tensors,
        [tensor._requires_grad for tensor in tensors],
        [*[view for _, view in views], *fixed],
        gradients,
        views,
        moved,
        runs,
        run=runner,
        given=[],
        arrays=[],
        update=None,
        whole={},
    )
    return ready.giving(moved), task


def _names(made: Written) -> dict[Step, str]:
    names = {step: name for step, name in zip(made.data, "Xy") if step is not None}
    for step, tensor in made.tensors:
        names[step] = tensor.name or "buffer"
    return names
