"""An optimizer's update as a program: its rule is called with what writes down its steps.

The rule is the one that `Optimizer.step` calls with flat arrays. It computes entry by entry, so the
steps give the same bits. Numbers that may change from one step to the next are inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.interruption import at_once, whole
from autograd_lite.program.agreement import OtherNumbers
from autograd_lite.program.backends import Backend, Output, Runner, Task
from autograd_lite.program.program import Step
from nn.optimizers.flat import Run
from nn.optimizers.numbers import Number
from nn.optimizers.optimizer import Optimizer

CHANGING = "learning_rate"
"""The hyper-parameter that schedules change."""


class _Program:
    """The steps of the update of one run, in the making."""

    def __init__(self, steps: list[Step], dtype: Any) -> None:
        self.steps, self.dtype = steps, dtype
        self.numbers: list[Number] = []
        self.inputs: list[Step] = []

    def step(self, function: Any, arguments: tuple[Any, ...], shape: Any, dtype: Any) -> Step:
        step = Step(function, arguments, {}, shape, len(self.steps), dtype)
        self.steps.append(step)
        return step

    def input(self, array: Any) -> Step:
        step = self.step(None, (array,), array.shape, array.dtype)
        self.inputs.append(step)
        return step

    def argument(self, value: Any) -> Any:
        """What a step has as its argument."""
        if type(value) is Number:
            self.numbers.append(value)
            # In the dtype of the arrays, as Python's numbers are taken.
            return self.input(np.zeros((), self.dtype))
        if type(value) is Entries and value.step is not None:
            return value.step
        if type(value) in (int, float):
            return value
        raise TypeError(f"an update is computed from {type(value).__name__}")


class Entries(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array in a rule: knows the step that computes what is in it now."""

    __bool__ = __eq__ = __hash__ = None  # type: ignore[assignment] # refused by Python

    def __init__(self, program: _Program, step: Step | None) -> None:
        self.program, self.step = program, step

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **keywords: Any
    ) -> Any:
        if method != "__call__" or ufunc.nout != 1 or keywords:
            return NotImplemented
        program = self.program
        arguments = tuple([program.argument(value) for value in inputs])
        shape = next(x.shape for x in arguments if type(x) is Step and x.shape)
        step = program.step(ufunc, arguments, shape, program.dtype)
        if out is None:
            return Entries(program, step)
        out[0].step = step
        return out[0]


class Update:
    """The update of some runs, from flat gradients, as one function.

    In C it is a single call, which changes values and state at once; by NumPy what it computes lies
    where `Run.changes` takes it from.

    Attributes:
        outdated: whether it was asked for after hyper-parameters were changed.
        is_one_call: whether it is the one of C.
    """

    def __init__(
        self, optimizer: Optimizer, gradients: Sequence[tuple[Run, Any]], backend: Backend
    ) -> None:
        self._optimizer, self._gradients, self._backend = optimizer, gradients, backend
        self._known: list[tuple[Run, dict[str, Any]]] = []
        self.is_one_call = backend.name == "c"
        self.make()

    def fits(self) -> bool:
        """Whether hyper-parameters are what they were, but for the learning rate."""
        for run, known in self._known:
            if run.options != known:
                rate = run.options[CHANGING]
                if run.options != {**known, CHANGING: rate}:
                    self.outdated = True
                    return False
                known[CHANGING] = rate
        return True

    def __call__(self) -> None:
        """Compute the values and the state of the next step."""
        self._set_numbers()
        self._runner(self._arrays)

    def in_one_call(self) -> None:
        """Take the next step."""
        self._set_numbers()
        changes, optimizer = [self._call], self._optimizer
        for run, _ in self._known:
            run.mark_changed()
            changes.append((setattr, run, "steps", run.steps + 1))
        at_once((*changes, (setattr, optimizer, "steps", optimizer.steps + 1)))

    def _set_numbers(self) -> None:
        for run, numbers, places in self._numbers:
            found = numbers(run.options[CHANGING], run.steps + 1)
            for place, number in zip(places, found):
                place[...] = number

    def make(self) -> None:
        """Write it anew, for the hyper-parameters of now; OtherNumbers if it does not agree."""
        self.outdated = False
        self._known = [(run, dict(run.options)) for run, _ in self._gradients]
        self._numbers: list[tuple[Run, Any, list[Any]]] = []
        steps, inputs, outputs = list[Step](), list[Step](), list[Output]()
        for run, flat in self._gradients:
            self._trace(run, flat, steps, inputs, outputs)
        names = {step: "gradient" for step in inputs if step.arguments[0] is self._gradients[0][1]}
        self._arrays = [step.arguments[0] for step in inputs]
        steps = [step for step in steps if step.function]
        self._runner: Runner = self._backend.make(Task(steps, inputs, outputs, names=names))
        if self.is_one_call:
            self._call: tuple[Any, ...] = self._runner.as_call(self._arrays)
        self._require_agreement()

    def _trace(
        self, run: Run, flat: Any, steps: list[Step], inputs: list[Step], outputs: list[Output]
    ) -> None:
        program = _Program(steps, flat.dtype)
        gradient, *own = [program.input(array) for array in (flat, *run.kept)]
        scratch, *given = [Entries(program, step) for step in (None, own[0], gradient, *own[1:])]
        options = {**run.options, CHANGING: Number("rate", {})}
        self._optimizer._updated(options, Number("step", {}), scratch, *given)
        values, _, *state = given
        in_place = self.is_one_call or run.computed is run.kept
        for place, entries, array in zip(own, (values, *state), run.computed):
            target = place if in_place else program.input(array)
            assert entries.step is not None
            if entries.step is not target:
                outputs.append((entries.step, target))
        inputs += program.inputs
        texts = ", ".join(number.text for number in program.numbers)
        functions = {k: f for number in program.numbers for k, f in number.functions.items()}
        numbers = eval(f"lambda rate, step: [{texts}]", functions)
        places = [x.arguments[0] for x in program.inputs if not x.shape]
        self._numbers.append((run, numbers, places))

    def _require_agreement(self) -> None:
        """Run it once beside the rule; OtherNumbers says if they differ."""
        expected, before = [], [run.kept.copy() for run, _ in self._gradients]
        for (run, flat), arrays in zip(self._gradients, before):
            values, *state = arrays.copy()
            own = [values, flat.copy(), *state]
            self._optimizer._updated(run.options, run.steps + 1, np.empty_like(flat), *own)
            expected += [values, *state]
        with whole(), np.errstate(all="ignore"):
            self()
            found = []
            for run, _ in self._gradients:
                found += [*(run.kept if self.is_one_call else run.computed).copy()]
            for (run, _), arrays in zip(self._gradients, before):
                run.kept[...] = arrays
        if not self._backend.agree(found, expected):
            raise OtherNumbers("the compiled update computes other numbers")


def update_of(
    optimizer: Optimizer, gradients: Sequence[tuple[Run, Any]], backend: Backend
) -> Update | None:
    """The compiled update of runs, or None where the optimizer's own is as good, or may do more."""
    # By NumPy it would be the same calls, which take as long.
    may_act = not type(optimizer).update.__module__.startswith("nn.")
    copied = any(run.copied or run.dtype != flat.dtype for run, flat in gradients)
    if backend.exact or may_act or copied:
        return None
    try:
        return Update(optimizer, gradients, backend)
    except TypeError:  # a rule that does more with numbers and arrays than can be written down
        return None
