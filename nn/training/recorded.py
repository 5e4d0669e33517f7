"""A step of training as it was recorded, and what is made of it: a program, laid out, and its text.

The text has what is looked at, run and changed in line: nothing is quicker, as each call, attribute
or loop in between takes longer than a small layer.
"""

from __future__ import annotations

import math
import pickle
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd_lite import Tensor, enable_grad, modes, mutation
from autograd_lite.modes import draws, moves, setting
from autograd_lite.node import Array, clock
from autograd_lite.program.backends import Output, Runner, Task
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
from nn.random_state import generators, set_state, state_of

if TYPE_CHECKING:
    from nn.training.compiled import CompiledSteps

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
"""Of the arrays of a batch, see `whole_step`."""


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
        runner,
    )
    return ready.giving(moved), task


def _names(made: Written) -> dict[Step, str]:
    names = {step: name for step, name in zip(made.data, "Xy") if step is not None}
    for step, tensor in made.tensors:
        names[step] = tensor.name or "buffer"
    return names


Names = dict[str, Any]
"""What the text of a step reads, by name."""
STEP = """
def step({arguments}, is_known=False):
    if not is_known:
        try:
            if not ({looks}): return None
        except Exception: return None  # what is done next says better
    {before}
    loss = None
    try:
        {run}
    except Exception: loss = None  # what the eager step says better
    if loss is None:
        {refused}
        return None
    {after}
    steps.seen, steps.shown = mutation.latest, False
    return loss
"""


def whole_step(
    batch: Sequence[Array], found: Ready, steps: CompiledSteps, update: Update | None, by_rule: bool
) -> WholeStep:
    """A function of the arrays of such a batch: its loss, after the update.

    None if something is not as it was, unless it `is_known` to be, or if it is refused. The update
    is the compiled one, or that of the optimizer's rule, or none.
    """
    names: Names = {"steps": steps, "mutation": mutation, "this": found, "isfinite": math.isfinite}
    names |= {"recording": modes.recording.get, "set_now": modes.set_now.get}
    names |= {"numpy_settings": modes.numpy_settings, "raises_errors": modes.raises_errors}
    names |= {"state_of": state_of, "set_state": set_state, "generators": steps.generators}
    arguments = [f"a{i}" for i in range(len(batch))]
    in_one = bool(update and update.in_c and hasattr(found.run, "followed_by") and not found.moved)
    # What functions ask first stands here too, as calls of Python's take longer than all of it.
    looks = ["recording() is True", "not set_now()"]
    looks += ["(numpy_settings(None) is None or not raises_errors())"]
    looks += ["mutation.latest == steps.seen", *_looks_around(names, found, steps, update, in_one)]
    # In C a batch is copied to where it is read, so that it does not matter how it lies in memory.
    names["kind"] = kind = attrgetter("__class__", "shape", "dtype") if in_one else kind_of
    looks += [f"kind({a}) == {_named(names, kind(x))}" for a, x in zip(arguments, batch)]
    given = [*compress(arguments, found.used)]
    given += [f"{_named(names, draw)}()" for draw in found.draws]
    given += [f"{_named(names, tensor)}._array" for tensor in found.given]
    if update and in_one:
        run = _as_one_call(names, given, found.run, update)
    else:
        run = _in_parts(names, given, found, update, steps.in_fit)
    text = STEP.format(
        arguments=", ".join(arguments),
        looks=" and ".join(looks),
        before="states = [*map(state_of, generators)]" if found.draws else "",
        run="\n        ".join(run),
        refused="for _ in map(set_state, generators, states): pass" if found.draws else "",
        after="steps.by_rule(this)" if by_rule else "",
    )
    exec(text, names)
    step: WholeStep = names["step"]
    return step


def _looks_around(
    names: Names, found: Ready, steps: CompiledSteps, update: Update | None, in_one: bool
) -> list[str]:
    """Whether all around is as it was; in one call of C, if there is one, and if not, as always."""
    names |= {"are_unchanged": steps.outside.are_unchanged}
    if not update:
        return ["are_unchanged()"]
    names |= {"optimizer": steps.optimizer, "update": update}
    accepted = "optimizer.groups == optimizer._seen and not optimizer._scheduled"
    fits = f"update.seen == optimizer._changes and update.made == {update.made}"
    looks = ["are_unchanged()", f"({accepted} or optimizer.accept() is None)"]
    looks.append(f"({fits} or update.fitting() == {update.made})")
    return [_looked_at_once(names, found.run, steps, looks)] if in_one else looks


def _looked_at_once(names: Names, program: Any, steps: CompiledSteps, looks: list[str]) -> str:
    """The same in one call of C, which knows what there was when these looks found no fault.

    It is told that only where the optimizer has not changed meanwhile, as that takes as long as
    three steps, and some have another learning rate in each.
    """
    watched, optimizer, look = steps.outside.watched, steps.optimizer, program.looks()

    def take() -> bool:
        if optimizer._changes == names["last"] and not optimizer._scheduled:
            names["table"] = look.table([*watched.plain, optimizer.groups, *optimizer.groups])
            names["groups"], names["seen"] = optimizer.groups, optimizer._changes
        names["last"] = optimizer._changes
        return True

    names |= {"differs": look.differs, "take": take, "last": optimizer._changes}
    names |= dict.fromkeys(("table", "groups", "seen"))
    take()
    quick = "optimizer._changes == seen and optimizer.groups is groups and not differs[table]"
    if watched.others_are_unchanged:
        names["others_are_unchanged"] = watched.others_are_unchanged
        quick += " and others_are_unchanged()"
    return f"({quick} or {' and '.join(looks)} and take())"


def _named(names: Names, value: Any) -> str:
    name = f"x{len(names)}"
    names[name] = value
    return name


def _as_one_call(names: Names, given: Sequence[str], program: Any, update: Update) -> list[str]:
    """Program and update as one call of C, which refuses what is not finite."""
    lines = [f"{_named(names, x)}[...] = {text}" for x, text in zip(program.places, given)]
    numbers, counting = update.written_into(names)
    names["chained"], address, names["kept"] = program.followed_by(update.calls)
    counting.append(f"loss = {_named(names, program.shown(0))}.item()")
    lines += [*numbers, f"if not chained[{address}]:"]
    return [*lines, *[f"    {line}" for line in counting]]


def _in_parts(
    names: Names, given: Sequence[str], found: Ready, update: Update | None, in_fit: bool
) -> list[str]:
    """The program, and where it gave finite numbers buffers and the update."""
    moved = "*moved" if found.moved else ""
    lines = [f"found, {moved} = {_named(names, found.run)}({', '.join(given)})"]
    # `item` of NumPy's own numbers takes four times as long.
    lines += ["found = float(found) if isinstance(found, float) else found.item()"]
    lines += ["if not isfinite(found): raise ArithmeticError"]
    for run, flat in found.gradients if in_fit else ():
        lines.append(f"{_named(names, run.refuse_unless_finite)}({_named(names, flat)})")
    moving = [f"{_named(names, x)}.data = moved[{i}]" for i, x in enumerate(found.moved)]
    return [*lines, *(update.called_in(names, moving) if update else moving), "loss = found"]
