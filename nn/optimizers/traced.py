"""An optimizer's update, written down once: its rule is called with what notes the calls it makes.

The rule is the one that `Optimizer.step` calls with flat arrays. What it computes in them is a list
of calls of NumPy's functions, or one function in C. Numbers that may change from one step to the
next are arrays without axes.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from itertools import starmap
from operator import call
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.interruption import at_once, whole
from autograd_lite.mutation import marking
from autograd_lite.program.backends import Backend, Call, OtherNumbers, Task
from autograd_lite.program.memory import in_rows
from autograd_lite.program.numpy_forms import OUT_BY_NAME
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import RECORDINGS
from nn.optimizers.flat import BLOCK, Run
from nn.optimizers.numbers import InProgram, Number, in_program
from nn.optimizers.optimizer import Optimizer

CHANGING = "learning_rate"
"""The hyper-parameter that schedules change."""
FLOAT = np.dtype(float)


class _Tape:
    """The calls of a rule, in their order: function, arguments, and the array of the result."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.places: dict[str, tuple[Number, Any]] = {}
        """Of numbers, by their text."""

    def argument(self, value: Any, dtype: Any) -> Any:
        """What a function is called with."""
        if type(value) is Number:
            # In the dtype of the arrays, as Python's numbers are taken.
            return self.places.setdefault(value.text, (value, np.zeros((), dtype)))[1]
        if type(value) is Entries:
            return value.array
        if type(value) in (int, float):
            return value
        raise TypeError(f"an update is computed from {type(value).__name__}")

    def computed_in(
        self, given: Callable[[Any], Step], add: Callable[..., Step]
    ) -> dict[int, Step]:
        """Have a program compute its numbers, as far as it can; in which place each of them is.

        What is given to it are the rate, the step, and what it cannot compute.
        """
        rate, count = np.zeros(()), np.zeros(())
        numbers = [InProgram(given(array), add) for array in (rate, count)]
        found: dict[int, Step] = {}
        for text, (number, place) in [*self.places.items()]:
            step = in_program(number, *numbers)
            if step is None:
                given(place)
                continue
            del self.places[text]
            if place.dtype != FLOAT:
                step = add(astype, (step, place.dtype), (), place.dtype)
            found[place.ctypes.data] = step
        self.places |= {"rate": (Number("rate", {}), rate), "step": (Number("step", {}), count)}
        return found

    def setting(self, names: dict[str, Any]) -> list[str]:
        """The lines that put numbers in their places, of a rate and a step."""
        lines = []
        for text, (number, place) in self.places.items():
            name = f"place{len(names)}"
            names |= {**number.functions, name: place}
            lines.append(f"{name}[()] = {text}")
        return lines


class Entries(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array in a rule: knows where its entries are, and where others are written."""

    __bool__ = __eq__ = __hash__ = None  # type: ignore[assignment] # refused by Python

    def __init__(self, tape: _Tape, array: Any, place: Any = None) -> None:
        self.tape, self.array = tape, array
        self.place = array if place is None else place

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **keywords: Any
    ) -> Any:
        if method != "__call__" or ufunc.nout != 1 or keywords or out is None:
            return NotImplemented
        (found,) = out
        arguments = [self.tape.argument(value, found.place.dtype) for value in inputs]
        found.array = found.place
        self.tape.calls.append((ufunc, *arguments, found.array))
        return found


class Update:
    """The update of some runs, from flat gradients, which stay as they are.

    Attributes:
        calls: what it does, in order: functions of C or of NumPy with their arguments.
        in_c: whether they are functions of C.
        made: how often it was written anew, for other hyper-parameters.
        seen: by the optimizer's count of changes, when it was seen to fit them.
    """

    def __init__(
        self, optimizer: Optimizer, gradients: Sequence[tuple[Run, Any]], backend: Backend
    ) -> None:
        self._optimizer, self._gradients, self._backend = optimizer, gradients, backend
        self.in_c = backend.name == "c"
        with np.errstate(all="ignore"):
            self._quiet = copy_context()
        self.made, self.seen = 0, -1
        self._known: list[dict[str, Any]] = []
        self.make()

    def fitting(self) -> int:
        """The number of the one that fits hyper-parameters of now, made anew where that is needed.

        Learning rates may be others. 0 if they change again and again; OtherNumbers if what was
        made does not agree with the rule.
        """
        if self.seen != self._optimizer._changes:
            rates = [run.options[CHANGING] for run, _ in self._gradients]
            for (run, _), known, rate in zip(self._gradients, self._known, rates):
                if run.options != {**known, CHANGING: rate}:
                    if self.made == RECORDINGS:
                        return 0
                    try:
                        self.make()
                    except BaseException:
                        self._known = [{} for _ in rates]  # what fails again where it is asked for
                        raise
                    break
            for known, rate in zip(self._known, rates):
                known[CHANGING] = rate
            self.seen = self._optimizer._changes
        return self.made

    def make(self) -> None:
        """Write it anew, for the hyper-parameters of now; OtherNumbers if it does not agree."""
        self._known = [dict(run.options) for run, _ in self._gradients]
        self.made += 1
        calls, first, tapes = list[Call](), list[Call](), list[_Tape]()
        for run, flat in self._gradients:
            size = max(1, len(flat) if self.in_c else min(BLOCK, len(flat)))
            # In the processor's cache for all parts: the rule's own, and what the gradient becomes.
            tape, room = _Tape(), in_rows(2, size, flat.dtype)
            for start in range(0, len(flat), size):
                self._note(run, flat, room, start, tape)
                first += [] if start else tape.calls
            calls += tape.calls
            tapes.append(tape)
        self._tapes = tapes
        if self.in_c:
            self.calls = [self._in_c(calls)]
            self._require_agreement(self.calls)
        else:
            self.calls = [*map(_of_arrays, calls)]
            # The others are the same, and would be compared with copies of all that there is.
            self._require_agreement([*map(_of_arrays, first)], slice(BLOCK))

    def written_into(self, names: dict[str, Any]) -> tuple[list[str], list[str]]:
        """The lines that put the next step's numbers in their places, and those that count it.

        What is between them is looked up by an index, or belongs into `map`, with what it gives
        assigned at once: Python looks for Ctrl-C after calls, and in loops, but not after these.
        """
        names |= {"optimizer": self._optimizer, "known": self._known}
        numbers, counting = list[str](), ["optimizer.__dict__['steps'] = taken"]
        for number, ((run, _), tape) in enumerate(zip(self._gradients, self._tapes)):
            names |= {f"run{number}": run, f"tensors{number}": run.tensors}
            names[f"values{number}"] = run.arrays[0]
            numbers.append(f"rate, step = known[{number}][{CHANGING!r}], run{number}.steps + 1")
            numbers += tape.setting(names)
            numbers += marking(f"tensors{number}", f"values{number}", names)
            numbers.append(f"step{number} = step")
            counting.append(f"run{number}.steps = step{number}")
        return [*numbers, "taken = optimizer.steps + 1"], counting

    def called_in(self, names: dict[str, Any], others: Sequence[str] = ()) -> list[str]:
        """The lines of a whole update, of which no call warns, and of others that do not fail.

        These come after all that may fail.
        """
        names |= {"deque": deque, "starmap": starmap, "call": call, "calls": self.calls}
        names["quiet"] = self._quiet.run
        numbers, counting = self.written_into(names)
        run = "_, = map(quiet, [deque], [starmap(call, calls)], [0])"
        return [*numbers, *others, run, *counting]

    def _note(self, run: Run, flat: Any, room: Any, start: int, tape: _Tape) -> None:
        """Note the calls for the entries of a run from a place on, as many as there is room for."""
        part = slice(start, start + room.shape[1])
        scratch, own = room[:, : len(flat[part])]
        gradient = Entries(tape, flat[part], own)
        values, *state = [Entries(tape, array) for array in run.kept[:, part]]
        options = {**run.options, CHANGING: Number("rate", {})}
        given = Entries(tape, scratch), values, gradient, *state
        self._optimizer._updated(options, Number("step", {}), *given)

    def _in_c(self, calls: Sequence[Call]) -> Call:
        """The calls as one function in C."""
        steps, inputs = list[Step](), list[Step]()
        now: dict[int, Step] = {}  # which step gives what is in an array, by its address

        def add(
            function: Any, arguments: tuple[Any, ...], shape: Any = (), dtype: Any = FLOAT
        ) -> Step:
            steps.append(Step(function, arguments, {}, shape, len(steps), dtype))
            return steps[-1]

        def given(array: Any) -> Step:
            inputs.append(add(None, (array,), array.shape, array.dtype))
            now[array.ctypes.data] = inputs[-1]
            return inputs[-1]

        own = [array for run, _ in self._gradients for array in run.kept]
        targets = [*map(given, own)]
        for (_, flat), tape in zip(self._gradients, self._tapes):
            given(flat)
            now |= tape.computed_in(given, add)
        for function, *arguments, out in calls:
            used = [now[x.ctypes.data] if isinstance(x, np.ndarray) else x for x in arguments]
            now[out.ctypes.data] = add(function, tuple(used), out.shape, out.dtype)
        found = [(now[array.ctypes.data], target) for array, target in zip(own, targets)]
        outputs = [pair for pair in found if pair[0] is not pair[1]]
        steps = [each for each in steps if each.function]
        make: Callable[[Task], Any] = self._backend.make
        self._runner = make(Task(steps, inputs, outputs))  # which has the memory that C works on
        call: Call = self._runner.as_call([step.arguments[0] for step in inputs])
        return call

    def _require_agreement(self, calls: Sequence[Call], part: slice = slice(None)) -> None:
        """Make calls for a part of each run beside the rule; OtherNumbers if they differ."""
        expected, before = [], [run.kept[:, part].copy() for run, _ in self._gradients]
        for (run, flat), arrays in zip(self._gradients, before):
            values, *state = arrays.copy()
            given = flat[part].copy(), *state
            self._optimizer._updated(
                run.options, run.steps + 1, np.empty_like(values), values, *given
            )
            expected += [values, *state]
        with whole(), np.errstate(all="ignore"):
            try:
                names: dict[str, Any] = {}
                exec("\n".join(self.written_into(names)[0]), names)
                at_once(calls)
                found = [row.copy() for run, _ in self._gradients for row in run.kept[:, part]]
            finally:
                for (run, _), arrays in zip(self._gradients, before):
                    run.kept[:, part] = arrays
        if not self._backend.agree(found, expected):
            raise OtherNumbers("the compiled update computes other numbers")


def _of_arrays(call: Call) -> Call:
    """The call, with arrays for numbers: these would be made of them each time."""
    function, *arguments, out = call
    given = [x if isinstance(x, np.ndarray) else np.array(x, out.dtype) for x in arguments]
    if function in OUT_BY_NAME:
        return (functools.partial(function, *given, out=out),)
    return function, *given, out


def update_of(
    optimizer: Optimizer, gradients: Sequence[tuple[Run, Any]], backend: Backend
) -> Update | None:
    """The compiled update of runs, or None where the optimizer's own may do more."""
    may_act = not type(optimizer).update.__module__.startswith("nn.")
    copied = any(run.copied for run, _ in gradients)
    if may_act or copied:
        return None
    try:
        return Update(optimizer, gradients, backend)
    except TypeError:  # a rule that does more with numbers and arrays than can be written down
        return None
