"""A step of training as it was recorded, and what is made of it: a program, laid out."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor, enable_grad
from autograd_lite.modes import draws, moves, setting
from autograd_lite.node import Array, clock
from autograd_lite.program.backends import Output, Runner, Task
from autograd_lite.program.memory import in_rows
from autograd_lite.program.program import Guard, Step
from autograd_lite.program.recordings import Record, task_of, uncollected
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Tracer, guarded
from autograd_lite.pullback import is_live_leaf
from autograd_lite.trees import leaves_of, map_tree
from nn.module import Module
from nn.optimizers.flat import Run, copy_in
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.traced import Update
from nn.random_state import generators, state_of

MOST_STEPS = 20_000
"""Of a program: recording longer ones takes too long to be done unasked."""

LossOf = Callable[[Any, Any], Tensor]
"""The loss of a batch, of its samples and its targets."""


class Recording(NamedTuple):
    """What a forward pass computed: loss and new values of buffers."""

    record: Record
    noted: Sequence[tuple[Array, Callable[[], Array]]]  # what was drawn, and how it is
    moved: list[Tensor]  # buffers
    held: list[tuple[Tensor, Array]]  # all tensors, and their arrays meanwhile
    share: float
    begun: int  # by `node.clock`
    prints: list[int]  # of the batch, by which it is told from others
    learned: list[bool]  # which of the optimizer's parameters require grad

    def outlined(self) -> Recording:
        """The same for a later one to be compared with: without arrays of its batch."""
        for node in self.record.computed():
            array = node._array
            if node.created > self.begun:  # and is not held elsewhere
                node._array = np.broadcast_to(np.zeros((), array.dtype), array.shape)
        return self._replace(noted=[], held=[])


class Written(NamedTuple):
    """A forward and a backward pass as a program, and the steps of what it is given."""

    tracer: Tracer
    loss: Tensor
    data: list[Step | None]
    drawn: list[tuple[Step, Array, Callable[[], Array]]]
    tensors: list[tuple[Step, Tensor]]
    moved: list[tuple[Tensor, Step]]
    batch: list[Array]

    def inputs(self) -> list[Step]:
        """What is given in each run: data, random numbers, and the arrays of tensors."""
        given = [step for step in self.data if step is not None]
        return [*given, *[step for step, _, _ in self.drawn], *[step for step, _ in self.tensors]]


@uncollected()
def record_step(
    model: Module,
    optimizer: Optimizer,
    loss_of: LossOf,
    batch: tuple[Any, Any],
    share: float,
    rewind: Callable[[], None],
) -> Recording:
    """Compute the loss of a batch, and keep what it is computed by.

    Gradients are to be those of a share of the loss.

    Raises:
        ValueError: it cannot be followed.
    """
    # Views: an array that is given twice is two inputs.
    given = map_tree(lambda array: Tensor(array.view()), batch)
    noted, begun = list[tuple[Any, Any]](), next(clock)
    with guarded() as calls, enable_grad(), setting(draws, noted), setting(moves, {}):
        loss = loss_of(*given)
        moved = dict(moves.get() or {})
    _require_noted(model, noted, rewind)
    leaves = leaves_of(given)
    prints = [zlib.crc32(np.ascontiguousarray(x._array).data) for x in leaves]
    learned = [tensor._requires_grad for tensor in optimizer.parameters]
    held = [(x, x._array) for x in (*model._state().values(), *optimizer.parameters)]
    record = Record([loss, *moved.values()], leaves, [], calls, [array for array, _ in noted])
    return Recording(record, noted, [*moved], held, share, begun, prints, learned)


@uncollected()
def written(made: Recording, templates: dict[Any, Any]) -> Written:
    """What was recorded, and the gradients, as a program; a ValueError where that cannot be."""
    (loss, *moved), leaves, _, calls, _ = made.record
    tracer = Tracer(loss, templates)
    tracer.write(calls)
    tracer.program.cotangents[loss].arguments = (np.full_like(loss._array, made.share)[()],)
    if len(tracer.program.steps) > MOST_STEPS:
        raise ValueError(f"its {len(tracer.program.steps)} steps are too many")
    followed = [(buffer, tracer.own_part(value)) for buffer, value in zip(made.moved, moved)]
    known = tracer.program.inputs
    tensors: dict[Step, Tensor] = {}
    for tensor, array in made.held:
        for step in (known.get(tensor), known.get(id(array))):
            if step is not None:
                tensors[step] = tensor
    data = [known.get(x) or known.get(id(x._array)) for x in leaves]
    drawn = [(known[id(array)], array, draw) for array, draw in made.noted if id(array) in known]
    if len(drawn) < len(made.noted):
        raise ValueError("what is drawn at random is not used as it is")
    arrays = [x._array for x in leaves]
    return Written(tracer, loss, data, drawn, [*tensors.items()], followed, arrays)


def _require_noted(model: Module, noted: Sequence[tuple[Any, Any]], rewind: Any) -> None:
    """Raise a ValueError if a module has drawn what was not noted."""
    drawing = list(dict.fromkeys(generators(model).values()))
    after = [pickle.dumps(state_of(each)) for each in drawing]
    rewind()
    for _, draw in noted:
        draw()
    if after != [pickle.dumps(state_of(each)) for each in drawing]:
        raise ValueError("a module draws random numbers in a way of its own")


def surroundings_of(model: Module, loss: Any) -> Surroundings:
    """What one's own modules and functions depend on, and do besides computing."""
    held = [module.forward for _, module in model.named_modules()]
    return Surroundings([model, *held, loss], strict=True, given=model._state().values())


kind_of = attrgetter("__class__", "shape", "strides", "dtype")
"""What tells arrays of a batch apart; in C, as it is asked for in each step."""
WholeStep = Callable[..., float | None]
"""Of the arrays of a batch, see `written_steps.py`."""


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
    given: Sequence[Tensor] = ()
    arrays: Sequence[Array] = ()  # of all tensors, when that was made
    update: Update | None = None
    whole: dict[Any, WholeStep] = field(default_factory=dict)  # by what updates, and whether

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
            gradient = flat.setdefault(run, in_rows(1, run.bounds[-1], run.dtype)[0])
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
        runner,
    )
    return ready.giving(moved), task


def _names(made: Written) -> dict[Step, str]:
    names = {step: name for step, name in zip(made.data, "Xy") if step is not None}
    for step, tensor in made.tensors:
        names[step] = tensor.name or "buffer"
    return names
