"""Training steps as one function: what a step computes is recorded, and run again.

For each shape of a batch the forward and the backward pass are recorded twice, on two batches, and
a step is run beside the eager one. Where all agrees, the next ones are run alone. What decides on
what is computed is looked at in each step; where it is another, the step is taken eagerly. The
update is a program of its own, the same for all shapes.
"""

from __future__ import annotations

import warnings
from functools import partial
from itertools import compress
from operator import attrgetter, eq, is_
from typing import Any

import numpy as np

from autograd_lite import mutation
from autograd_lite.errors import AutogradError, MutationError
from autograd_lite.modes import unusual
from autograd_lite.node import Array
from autograd_lite.program.backends import (
    OtherNumbers,
    Runner,
    Task,
    backend_of,
    differing,
    spreads,
)
from autograd_lite.program.recordings import RECORDINGS, are_alike, difference, form
from autograd_lite.trees import leaves_of, map_tree
from nn.left_alone import call_left_alone
from nn.module import Module
from nn.optimizers.flat import Run, copy_in
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.traced import Update, update_of
from nn.random_state import generators
from nn.training.recorded import (
    LossOf,
    Ready,
    Recording,
    WholeStep,
    Written,
    kind_of,
    laid_out,
    record_step,
    surroundings_of,
    written,
)
from nn.training.written_steps import whole_step

# In C, as they are asked for in each step.
_array = attrgetter("_array")
_requires_grad = attrgetter("_requires_grad")


class CompiledSteps:
    """Takes training steps by programs, as far as that can be.

    Attributes:
        reason: why the last step was taken eagerly, in words; empty if it was not.
        given_up: why all are from now on; empty while they are not.
        backend: what runs them.
    """

    are_whole = True
    """Whether they may come with the update."""

    def __init__(
        self,
        model: Module,
        loss: Any,
        loss_of: LossOf,
        optimizer: Optimizer,
        backend: str = "numpy",
        in_fit: bool = False,
        given_up: str = "",
    ) -> None:
        self.reason, self.given_up = "", given_up
        self.optimizer, self.backend = optimizer, backend_of(backend)
        self._ran = False
        self._model, self._loss, self._loss_of = model, loss, loss_of
        self.in_fit = in_fit
        self._recorded = 0
        self._templates: dict[Any, Any] = {}
        self._flat: dict[Run, Array] = {}  # the gradients of all parameters in a run
        self._updates: dict[tuple[Run, ...], Update | None] = {}
        self._forget()

    def _forget(self) -> None:
        self._found: dict[Any, Recording | Ready] = {}
        self._wanted: Any = None  # what is to be recorded
        # What an eager step has to arrive at for a compiled one to take its place, or why none can.
        self._expected: tuple[Any, ...] | Exception | None = None
        self._last: Ready | None = None
        self.usual: WholeStep | None = None
        """What took the last step, to be tried first."""
        self._way: Any = None  # with which share, and whether with an update
        self.shown = False
        """Whether `.grad` is what the last step computed."""
        self.seen = -1
        """When tensors and the optimizer's state were seen to be where they have to."""
        self.outside = surroundings_of(self._model, self._loss)
        modules = [module for _, module in self._model.named_modules()]
        self._hooked = any(module._forward_hooks is not None for module in modules)
        if not self._hooked:  # they may be taken away again
            self.given_up = self.given_up or self.outside.acts or self.outside.unseen
        self.generators = list(dict.fromkeys(generators(self._model).values()))

    def loss(
        self, inputs: Any, targets: Any, share: float = 1.0, update: bool = False
    ) -> float | None:
        """The loss of a batch, whose gradients are known then; None where to go on eagerly.

        Gradients are those of a share of the loss. With `update` the optimizer takes its step.
        """
        batch = [inputs, *targets]
        if self.usual and self._way == (share, update):
            loss = self.usual(*batch)
            if loss is not None:
                return loss
        self._last = self._expected = self._wanted = self.usual = None
        self.reason = self.given_up or self._unusual()
        if self.reason:
            return None
        leaves = batch
        try:
            key = share, *map(kind_of, leaves)
        except AttributeError:  # one is a structure of arrays
            leaves = leaves_of(batch)
            key = share, str(map_tree(type, batch)), *map(kind_of, leaves)
        found = self._found.get(key)
        if type(found) is not Ready:
            self.reason = "it is being recorded"
            self._wanted = key, found, inputs, targets
            return None
        if update:
            self.optimizer.accept()
        settled, loss = self._settled(key, found), None
        if settled:
            number = self._fitting(settled.update) if update and settled.update else 0
            compiled, by_rule = settled.update if number else None, update and not number
            if (number, by_rule) not in settled.whole:
                made = whole_step(leaves, settled, self, compiled, by_rule)
                settled.whole[number, by_rule] = made
            loss = settled.whole[number, by_rule](*leaves, True)
        if not settled or loss is None:
            self.reason = "it is being recorded"
            del self._found[key]
            return None
        if leaves is batch and not self.given_up:
            self.usual, self._way = settled.whole[number, by_rule], (share, update)
        self._last, self._ran = settled, True
        return loss

    def _unusual(self) -> str:
        """Why it is not known what is computed, in words."""
        reason = unusual(recorded=True)
        if not reason and not self.outside.are_unchanged():
            self._forget()
        return reason or ("a module has forward hooks" if self._hooked else self.given_up)

    def _settled(self, key: Any, found: Ready) -> Ready | None:
        """What is to be run with the arrays that tensors have now, if it can be."""
        now = mutation.latest
        learned = [*map(_requires_grad, found.tensors)]
        if found.runs is not self.optimizer._runs or learned != found.learned:
            return None
        if not all(map(is_, map(_array, found.tensors), found.arrays)):
            try:
                copy_in([run for run, _ in found.gradients])
            except MutationError:  # which the eager step says better
                return None
            pairs = [*zip(map(_array, found.tensors), found.arrays)]
            if not all(_fits(*pair) for pair in pairs):
                return None
            others = {t for t, (array, known) in zip(found.tensors, pairs) if array is not known}
            if not others <= {*found.given}:
                found = self._found[key] = found.giving(others)
        self.seen = now
        return found

    @property
    def source(self) -> str:
        """The text of what gave the last loss and its gradients."""
        return self._last.runner.source if self._last else ""

    @property
    def ran(self) -> str:
        """What steps ran in."""
        reason = self.given_up or ("a module has forward hooks" if self._hooked else "")
        if not reason:
            return self.backend.name if self._ran else "eager: it was too short"
        then = f"eager: {reason}"
        return f"{self.backend.name}, then {then}" if self._ran else then

    def show_gradients(self) -> None:
        """Let `.grad` be what the last step computed."""
        if self._last and not self.shown:
            self._last.show_gradients()
            self.shown = True

    def by_rule(self, found: Ready) -> None:
        """Take the optimizer's own step along the gradients of this one."""
        self.optimizer.zero_grad()
        found.show_gradients()
        self.optimizer.step()
        if not self.in_fit:
            self.optimizer.zero_grad()

    def _fitting(self, update: Update) -> int:
        try:
            return update.fitting()
        except Exception as error:  # the optimizer's own is there
            self._give_up(error)
            return 0

    # Recording

    def record(self) -> None:
        """Record the last batch, if that is to be; where that is the second time, compile it."""
        if not self._wanted:
            return
        (key, before, inputs, targets), self._wanted = self._wanted, None
        self._recorded += 1
        if self._recorded > RECORDINGS:
            self.reason = self.given_up = "what is computed changes too often"
            return
        try:
            batch = inputs, targets
            made = self._record(batch, key[0])
            if before is None or before.learned != made.learned:
                self._found[key] = made.outlined()
                return
            same = [*map(eq, before.prints, made.prints)]
            beside = self._beside(made, batch) if any(same) else None
            if beside is None and all(same):
                return
            program = written(made, self._templates)
            if not are_alike((beside or before).record, made.record):
                self._require_alike(program, beside or self._beside(made, batch))
            in_c = self.backend.name == "c"
            compiled = laid_out(program, self.optimizer, self._flat, self._made, in_c, self.in_fit)
            if compiled is not None:
                self._expected = self._first_run(key, program, *compiled)
        except Exception as error:  # whatever it is, the eager step says it better
            self._expected, self.reason = error, f"{error}"

    def _give_up(self, error: Exception) -> None:
        """Take steps eagerly from now on; a warning says so if something computed wrongly."""
        self.reason = self.given_up = f"{error}"
        if isinstance(error, OtherNumbers):
            warnings.warn(f"{error}; steps are taken eagerly", stacklevel=5)

    def _require_alike(self, program: Written, beside: Recording | None) -> None:
        """Raise a ValueError unless programs are the same for other samples."""
        if beside is None:
            raise ValueError("it computes otherwise for other samples")
        other = written(beside, self._templates)
        steps, others = (each.tracer.program.steps for each in (other, program))
        if found := difference(steps, others, {*other.inputs()}):
            raise ValueError(found.text)

    def _record(self, batch: tuple[Any, Any], share: float) -> Recording:
        made_of = self._model, self.optimizer, self._loss_of, batch, share
        return call_left_alone(
            lambda rewind: record_step(*made_of, rewind), self._model, self._loss
        )

    def _beside(self, made: Recording, batch: tuple[Any, Any]) -> Recording | None:
        """A recording for the samples in another order; None where that fails."""
        for factor in (1 + 2.0**-10, 1.0):
            try:
                other = self._record(map_tree(partial(_moved, factor=factor), batch), made.share)
            except Exception:  # such samples need not be ones that model and loss take
                continue
            if other.prints != made.prints:
                return other
        return None

    def _made(self, task: Task) -> Runner:
        """What runs a program; by NumPy, where there is nothing that another back end needs."""
        try:
            return self.backend.make(task)
        except AutogradError as error:
            if not self.in_fit or self.backend.exact:
                raise
            warnings.warn(f"{error}; steps are run by NumPy meanwhile", stacklevel=8)
            self.backend = backend_of("numpy")
            return self.backend.make(task)

    def _first_run(self, key: Any, made: Written, compiled: Ready, task: Task) -> tuple[Any, ...]:
        arrays = [*compress(made.batch, compiled.used), *[array for _, array, _ in made.drawn]]
        loss, *moved = compiled.run(*arrays, *map(_array, compiled.given))
        compiled.update = self._update_of(compiled)
        return key, compiled, made.tracer.program, task, loss, moved

    def _update_of(self, compiled: Ready) -> Update | None:
        """The update along gradients, which is the same for batches of all shapes."""
        key = tuple([run for run, _ in compiled.gradients])
        if key not in self._updates:
            self._updates = {key: update_of(self.optimizer, compiled.gradients, self.backend)}
        return self._updates[key]

    def agree(self, loss: float) -> None:
        """Compare an eager step, before its update, with the first run of a compiled one."""
        if self._expected is None:
            return
        if isinstance(self._expected, Exception):  # in a step that can be taken
            self._give_up(self._expected)
            return
        key, compiled, program, task, expected, moved = self._expected
        found = [expected, *moved, *[view for _, view in compiled.views]]
        gradients = [tensor.grad for tensor, _ in compiled.views]
        buffers = [buffer._array for buffer in compiled.moved]
        right = [np.asarray(loss, expected.dtype), *buffers, *gradients]
        outputs = [step for step, _ in task.outputs]
        if self.backend.agree(found, right, lambda: spreads(program.steps, task.inputs, outputs)):
            self._found[key] = compiled
        else:
            where = differing(program, self.backend, task)
            self._give_up(OtherNumbers(f"the compiled step computes other numbers{where}"))
        self._expected = None


def _moved(array: Array, factor: float) -> Array:
    """Other entries, as far as that can be: those of other samples, or else a little different."""
    if array.ndim and not np.array_equal(found := np.roll(array, 1, axis=0), array):
        return found
    return array * factor if array.dtype.kind == "f" else array


def _fits(array: Array, known: Array) -> bool:
    return array is known or (type(array) is type(known) and form(array) == form(known))
