"""A step of training as it was recorded, and what it depends on besides its batch."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor, enable_grad
from autograd_lite.modes import draws, moves, setting
from autograd_lite.node import Array
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import uncollected
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Tracer, guarded
from autograd_lite.trees import leaves_of, map_tree
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.random_state import generators, state_of

MOST_STEPS = 20_000
"""Of a program: recording longer ones takes too long to be done unasked."""

LossOf = Callable[[Any, Any], Tensor]
"""The loss of a batch, of its samples and its targets."""


class Recording(NamedTuple):
    """A forward and a backward pass as a program, and the steps of what it is given."""

    tracer: Tracer
    loss: Tensor
    data: list[Step | None]
    drawn: list[tuple[Step, Array, Callable[[], Array]]]
    tensors: list[tuple[Step, Tensor]]
    moved: list[tuple[Tensor, Step]]
    batch: list[Array]
    prints: list[int]  # of the batch, by which it is told from others
    learned: list[bool]  # which of the optimizer's parameters require grad

    def inputs(self) -> list[Step]:
        """What is given in each run: data, random numbers, and the arrays of tensors."""
        given = [step for step in self.data if step is not None]
        return [*given, *[step for step, _, _ in self.drawn], *[step for step, _ in self.tensors]]


class Outline(NamedTuple):
    """What is kept of a recording for a later one to be compared with: no arrays of its batch."""

    steps: list[Step]
    inputs: set[Step]
    prints: list[int]
    learned: list[bool]


def outline(made: Recording) -> Outline:
    """The outline of a recording, which is given up."""
    inputs = made.inputs()
    for step in inputs:
        step.arguments = (np.broadcast_to(np.zeros((), step.dtype), step.shape),)
    return Outline(made.tracer.program.steps, {*inputs}, made.prints, made.learned)


@uncollected()
def record_step(
    model: Module,
    optimizer: Optimizer,
    loss_of: LossOf,
    batch: tuple[Any, Any],
    share: float,
    templates: dict[Any, Any],
    rewind: Callable[[], None],
) -> Recording:
    """Compute the loss of a batch, and write down what that and its gradients are computed by.

    Gradients are those of a share of the loss.

    Raises:
        ValueError: it cannot be followed.
    """
    # Views: an array that is given twice is two inputs.
    given = map_tree(lambda array: Tensor(array.view()), batch)
    noted: list[tuple[Any, Any]] = []
    with guarded() as calls, enable_grad(), setting(draws, noted), setting(moves, {}):
        loss = loss_of(*given)
        moved = dict(moves.get() or {})
    _require_noted(model, noted, rewind)
    tracer = Tracer(loss, templates)
    tracer.write(calls)
    tracer.program.cotangents[loss].arguments = (np.full_like(loss._array, share)[()],)
    if len(tracer.program.steps) > MOST_STEPS:
        raise ValueError(f"its {len(tracer.program.steps)} steps are too many")
    followed = [(buffer, tracer.own_part(value)) for buffer, value in moved.items()]
    known = tracer.program.inputs
    tensors: dict[Step, Tensor] = {}
    for tensor in (*model._state().values(), *optimizer.parameters):
        for step in (known.get(tensor), known.get(id(tensor._array))):
            if step is not None:
                tensors[step] = tensor
    leaves = leaves_of(given)
    data = [known.get(x) or known.get(id(x._array)) for x in leaves]
    drawn = [(known[id(array)], array, draw) for array, draw in noted if id(array) in known]
    if len(drawn) < len(noted):
        raise ValueError("what is drawn at random is not used as it is")
    arrays = [x._array for x in leaves]
    prints = [zlib.crc32(np.ascontiguousarray(array).data) for array in arrays]
    learned = [tensor._requires_grad for tensor in optimizer.parameters]
    known_as = [*tensors.items()]
    return Recording(tracer, loss, data, drawn, known_as, followed, arrays, prints, learned)


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
