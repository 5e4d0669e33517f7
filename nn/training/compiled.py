"""Training steps as one function: what a step computes is recorded, and run again.

For each shape of a batch the forward and the backward pass are recorded twice, on two batches, and
a step is run beside the eager one. Where all agrees, the next ones are run alone. What decides on
what is computed is looked at in each step; where it is another, the step is taken eagerly.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from operator import is_
from types import MethodType
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor, enable_grad
from autograd_lite.errors import AutogradError, MissingPackageError
from autograd_lite.modes import recording, setting, taken, watching
from autograd_lite.node import Array
from autograd_lite.program.backends import Runner, backend_of
from autograd_lite.program.exact import ExactTracer
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import constants, difference
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import guarded
from autograd_lite.trees import leaves_of, map_tree
from nn.evaluating import draws, modes, moves
from nn.forward_hooks import NAME as HOOKS
from nn.left_alone import call_left_alone
from nn.module import Module
from nn.optimizers.flat import Run
from nn.optimizers.optimizer import Optimizer
from nn.random_state import generators, is_generator, set_state, state_of

RECORDINGS = 12
"""How often is recorded, at most: beyond that what is computed changes too often."""

MOST_STEPS = 20_000
"""Of a program: recording longer ones takes too long to be done unasked."""

LossOf = Callable[[Any, Any], Tensor]
"""The loss of a batch, of its samples and its targets."""


class _Recording(NamedTuple):
    """A forward and a backward pass as a program, and the steps of what it is given."""

    tracer: ExactTracer
    loss: Tensor
    data: list[Step | None]
    drawn: list[tuple[Step, Array, Callable[[], Array]]]
    tensors: list[tuple[Step, Tensor]]
    moved: list[tuple[Tensor, Step]]
    arrays: list[Array]

    def inputs(self) -> list[Step]:
        given = [step for step in self.data if step is not None]
        return [*given, *[step for step, _, _ in self.drawn], *[step for step, _ in self.tensors]]


class _Compiled(NamedTuple):
    """A step that is ready to be run."""

    runner: Runner
    used: list[int]  # of the arrays of a batch
    draws: list[Callable[[], Array]]
    tensors: list[Tensor]
    frozen: list[bool]
    arrays: list[Array]  # of the tensors, as they lay when this was made
    gradients: list[tuple[Run, Array]]
    views: list[tuple[Tensor, Array]]  # of the gradients, by tensor
    targets: list[Array]  # these views
    moved: list[Tensor]
    constants: list[Array]
    runs: Any


class _Expected(NamedTuple):
    """What an eager step has to arrive at for a compiled one to take its place."""

    key: Any
    compiled: _Compiled
    loss: Array
    moved: list[Array]


class CompiledSteps:
    """Takes training steps by programs, as far as that can be.

    Attributes:
        reason: why steps are taken eagerly, in words; empty while they are not.
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        loss_of: LossOf,
        optimizer: Optimizer,
        backend: str = "numpy",
        falls_back: bool = False,
    ) -> None:
        self.reason = surroundings_of(model, loss).acts
        self.steps = 0
        """How many were run."""
        self._model, self._loss, self._loss_of = model, loss, loss_of
        self._optimizer, self._backend = optimizer, backend_of(backend)
        self._falls_back = falls_back
        self._recorded = 0
        self._shown = False
        self._templates: dict[Any, Any] = {}
        self._snapshot: list[tuple[Any, Any]] = []
        self._forget()

    def _forget(self) -> None:
        self._found: dict[Any, _Recording | _Compiled] = {}
        self._expected: _Expected | None = None
        self._last: _Compiled | None = None
        self._snapshot = [(held, held.copy()) for held in _held(self._model, self._loss)]
        self._outside = surroundings_of(self._model, self._loss)
        modules = [module for _, module in self._model.named_modules()]
        hooked = any(module._forward_hooks is not None for module in modules)
        self.hooked = "a module has forward hooks" if hooked else ""
        self._generators = list(dict.fromkeys(generators(self._model).values()))

    def loss(self, inputs: Any, targets: Any) -> float | None:
        """The loss of a batch, whose gradients are known then; None where to go on eagerly."""
        self._last = self._expected = None
        if self.reason or not self._is_usual():
            return None
        batch, kind = [inputs, *targets], ""
        if not all([type(array) is np.ndarray for array in batch]):  # noqa: C419 - it is faster
            batch, kind = leaves_of(batch), str(map_tree(type, batch))
        key = kind, *[array.shape for array in batch], *[array.dtype for array in batch]
        found = self._found.get(key)
        if type(found) is not _Compiled:
            self._prepare(key, found, inputs, targets)
            return None
        states = [state_of(each) for each in self._generators] if found.draws else []
        try:
            loss = self._run(found, batch)
        except Exception:  # what the eager step says better
            loss = None
        if loss is None:
            self._rewind(states)
            del self._found[key]
        return loss

    def _rewind(self, states: Iterable[Any]) -> None:
        for each, state in zip(self._generators, states):
            set_state(each, state)

    def _is_usual(self) -> bool:
        """Whether what is computed depends on nothing but what was recorded."""
        usual = recording.get() is True and watching.get() is None and taken.get() is None
        if not usual or modes.get() is not None:
            return False
        try:
            unchanged = all([held == kept for held, kept in self._snapshot])  # noqa: C419 - faster
        except (ValueError, TypeError, AutogradError):  # arrays are compared
            unchanged = False
        if not unchanged or not self._outside.are_unchanged():
            self._forget()
        return not self.hooked

    def _run(self, found: _Compiled, batch: Sequence[Array]) -> float | None:
        """Compute loss and gradients, and keep the buffers."""
        if found.runs is not self._optimizer._runs:
            return None
        arrays = [tensor._array for tensor in found.tensors]
        frozen = [tensor._requires_grad for tensor in found.tensors]
        if frozen != found.frozen:
            return None
        if not all(map(is_, arrays, found.arrays)) and not all(map(_fits, arrays, found.arrays)):
            return None
        given = [batch[place] for place in found.used]
        if found.draws:
            given += [draw() for draw in found.draws]
        loss, *moved = found.runner(given + arrays + found.targets + found.constants)
        loss = loss.item()
        if not math.isfinite(loss):
            return None
        for buffer, array in zip(found.moved, moved):
            buffer.data = array
        self._last, self._shown = found, False
        self.steps += 1
        return loss  # type: ignore[no-any-return]

    @property
    def source(self) -> str:
        """The text of what ran in the last step."""
        return self._last.runner.source if self._last else ""

    @property
    def name(self) -> str:
        """That of the back end."""
        return self._backend.name

    @property
    def ran(self) -> str:
        """What steps ran in."""
        reason = self.reason or self.hooked
        if not reason:
            return self._backend.name if self.steps else "eager: it was too short"
        then = f"eager: {reason}"
        return f"{self._backend.name}, then {then}" if self.steps else then

    def show_gradients(self) -> None:
        """Let `.grad` be what the last step computed."""
        if self._last and not self._shown:
            for tensor, view in self._last.views:
                tensor.grad = view.copy()[()]
            self._shown = True

    def update(self, require_finite: bool) -> None:
        """Take the optimizer's step with the gradients of the last batch."""
        if self._last:
            self._optimizer.step_along(self._last.gradients, require_finite)

    # Recording

    def _prepare(self, key: Any, before: Any, inputs: Any, targets: Any) -> None:
        """Record a batch, and where that is the second time, compile it."""
        self._recorded += 1
        if self._recorded > RECORDINGS:
            self.reason = "what is computed changes too often"
            return
        try:
            made = call_left_alone(
                lambda rewind: self._record(inputs, targets), self._model, self._loss
            )
            if before is None:
                self._found[key] = made
                return
            if all(np.array_equal(a, b) for a, b in zip(before.arrays, made.arrays)):
                return
            self._require_alike(before, made)
            compiled = self._compile(made)
            if compiled is not None:
                self._expected = self._first_run(key, compiled, made)
        except MissingPackageError:  # a compiler that was asked for
            raise
        except Exception as error:  # whatever it is, the eager step says it better
            self.reason = f"{error}"

    def _require_alike(self, before: _Recording, made: _Recording) -> None:
        steps, others = before.tracer.program.steps, made.tracer.program.steps
        found = difference(steps, others, {*before.inputs()})
        if found:
            raise ValueError(found.text)

    def _record(self, inputs: Any, targets: Any) -> _Recording:
        # Views: an array that is given twice is two inputs.
        given = map_tree(lambda array: Tensor(array.view()), (inputs, targets))
        noted: list[tuple[Any, Any]] = []
        with guarded() as calls, enable_grad(), setting(draws, noted), setting(moves, {}):
            loss = self._loss_of(*given)
            moved = dict(moves.get() or {})
        tracer = ExactTracer(loss, self._templates)
        tracer.write(calls)
        if len(tracer.program.steps) > MOST_STEPS:
            raise ValueError(f"its {len(tracer.program.steps)} steps are too many")
        followed = [(buffer, tracer.own_part(value)) for buffer, value in moved.items()]
        known = tracer.program.inputs
        tensors: dict[Step, Tensor] = {}
        for tensor in (*self._model._state().values(), *self._optimizer.parameters):
            for step in (known.get(tensor), known.get(id(tensor._array))):
                if step is not None:
                    tensors[step] = tensor
        leaves = leaves_of(given)
        data = [known.get(x) or known.get(id(x._array)) for x in leaves]
        drawn = [(known[id(array)], array, draw) for array, draw in noted if id(array) in known]
        if len(drawn) < len(noted):
            raise ValueError("what is drawn at random is not used as it is")
        arrays = [x._array for x in leaves]
        return _Recording(tracer, loss, data, drawn, [*tensors.items()], followed, arrays)

    def _compile(self, made: _Recording) -> _Compiled | None:
        """The step, or None while the optimizer has to divide its parameters anew."""
        program = made.tracer.program
        cotangents = {
            node: step for node, step in program.cotangents.items() if node.operation is None
        }
        runs = self._optimizer._runs
        inside = {tensor for run in runs for tensor in run.tensors}
        if not inside.issuperset(cotangents):
            raise ValueError("a tensor that requires grad is not in the optimizer")
        gradients, views, outputs = [], [], []
        for run in runs:
            has = {tensor in cotangents for tensor in run.tensors}
            if len(has) > 1:
                return None
            if True in has:
                flat = np.zeros(run.bounds[-1], run.dtype)
                gradients.append((run, flat))
                for tensor, view in zip(run.tensors, run.views(flat)):
                    views.append((tensor, view))
                    target = program.step(None, (view,), {}, view.shape, view.dtype)
                    outputs.append((cotangents[tensor], target))
        inputs = [*made.inputs(), *[target for _, target in outputs]]
        fixed = constants(program.steps, {*inputs})
        inputs += fixed
        returned = [(program.values[made.loss], None), *[(step, None) for _, step in made.moved]]
        names = self._names(made)
        steps = [step for step in program.steps if step not in set(inputs)]
        runner = self._made(steps, inputs, [*returned, *outputs], program.guards, names)
        tensors = [tensor for _, tensor in made.tensors]
        return _Compiled(
            runner,
            [place for place, step in enumerate(made.data) if step is not None],
            [draw for _, _, draw in made.drawn],
            tensors,
            [tensor._requires_grad for tensor in tensors],
            [tensor._array for tensor in tensors],
            gradients,
            views,
            [view for _, view in views],
            [buffer for buffer, _ in made.moved],
            [step.arguments[0] for step in fixed],
            runs,
        )

    def _made(self, *program: Any) -> Runner:
        """What runs a program; by NumPy, where there is nothing that another back end needs."""
        try:
            return self._backend.make(*program)
        except AutogradError as error:
            if not self._falls_back or self._backend.exact:
                raise
            warnings.warn(f"{error}; steps are run by NumPy meanwhile", stacklevel=8)
            self._backend = backend_of("numpy")
            return self._backend.make(*program)

    def _names(self, made: _Recording) -> dict[Step, str]:
        names = {step: name for step, name in zip(made.data, "Xy") if step is not None}
        for step, tensor in made.tensors:
            names[step] = tensor.name or "buffer"
        return names

    def _first_run(self, key: Any, compiled: _Compiled, made: _Recording) -> _Expected:
        given = [made.arrays[place] for place in compiled.used]
        given += [array for _, array, _ in made.drawn]
        given += [tensor._array for tensor in compiled.tensors]
        loss, *moved = compiled.runner(given + compiled.targets + compiled.constants)
        return _Expected(key, compiled, loss, moved)

    def agree(self, loss: float) -> None:
        """Compare an eager step, before its update, with the first run of a compiled one."""
        if self._expected is None:
            return
        key, compiled, expected, moved = self._expected
        found = [expected, *compiled.targets, *moved]
        gradients = [tensor.grad for tensor, _ in compiled.views]
        buffers = [buffer._array for buffer in compiled.moved]
        right = [np.asarray(loss, expected.dtype), *gradients, *buffers]
        if self._backend.agree(found, right):
            self._found[key] = compiled
        else:
            self.reason = "the compiled step computes other numbers"
        self._expected = None


def surroundings_of(model: Module, loss: Any) -> Surroundings:
    """What one's own modules and functions depend on, and do besides computing."""
    held: list[Any] = [loss, MethodType(type(loss).__call__, loss)]
    held += getattr(loss, "__dict__", {}).values()
    for _, module in model.named_modules():
        held += [module.forward]
        held += [value for name, value in vars(module).items() if name != HOOKS]
    # What layers draw is noted, and drawn anew.
    return Surroundings([x for x in held if not is_generator(x)], strict=True)


def _fits(array: Array, known: Array) -> bool:
    return array is known or (
        type(array) is type(known) and array.shape == known.shape and array.dtype == known.dtype
    )


def _held(model: Module, loss: Any) -> list[Any]:
    """The attributes of all modules and of the loss, and the lists and dicts among them."""
    waiting: list[Any] = [vars(module) for _, module in model.named_modules()]
    waiting += [vars(loss)] if hasattr(loss, "__dict__") else []
    found: dict[int, Any] = {}
    while waiting:
        held = waiting.pop()
        if id(held) not in found:
            found[id(held)] = held
            inside = held.values() if isinstance(held, dict) else held
            waiting += [x for x in inside if isinstance(x, list | dict)]
    return list(found.values())
