"""A step of training as it was recorded, and what it depends on besides its batch."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor, enable_grad
from autograd_lite.modes import draws, moves, setting
from autograd_lite.node import Array, clock
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import Record, uncollected
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
