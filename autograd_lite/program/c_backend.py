"""Run the steps of a program in C.

lowering    from steps to statements on memory
schedule    which statements share a nest of loops, and where in memory their results are
kernels     the text of each nest, a function of pointers
here        the functions that call them in order, and what NumPy computes in between
"""

from __future__ import annotations

import ctypes
import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import call, is_, itemgetter
from typing import Any

import numpy as np

from autograd_lite.program import backends
from autograd_lite.program.backends import Missed, Task
from autograd_lite.program.c_arrays import (
    Array,
    Check,
    Entries,
    Host,
    Kept,
    Looped,
    Product,
    Statement,
    new_array,
)
from autograd_lite.program.c_calls import refuses
from autograd_lite.program.c_forms import C_TYPES, PRELUDE
from autograd_lite.program.c_kernels import check_of, nest_of, product_of
from autograd_lite.program.c_lowering import Lowering
from autograd_lite.program.c_scalars import c_scalars
from autograd_lite.program.c_schedule import Schedule, place_in_memory
from autograd_lite.program.compiler import library
from autograd_lite.program.folding import Uneven, folded
from autograd_lite.program.program import Guard, Step, mapped, steps_in
from autograd_lite.program.recordings import uncollected
from autograd_lite.program.scalars import are_numbers
from autograd_lite.program.simpler import needed
from autograd_lite.trees import leaves_of

LONGEST_PART = 400
"""The most calls in one function, as compilers take longer for long ones."""


@uncollected()
def c_backend(task: Task) -> backends.Runner:
    """The steps in C: equal to the engine but for rounding, and to itself in every run.

    Raises:
        CompilerError: there is no compiler, or it fails.
    """
    if are_numbers(task.steps, task.inputs):
        return c_scalars(task)
    try:
        plan = Plan(folded(task))
    except Uneven:
        plan = Plan(task)
    source = source_of({"run": plan})
    runner = Runner(plan, library(source), "run")
    runner.source = source
    return runner


class Plan:
    """What is done to which memory, in which order."""

    def __init__(self, task: Task) -> None:
        steps, inputs, outputs, guards, _ = task
        self.inputs = [
            new_array(step.shape, step.dtype, given=number) if step.dtype in C_TYPES else Kept()
            for number, step in enumerate(inputs)
        ]
        places = dict(zip(inputs, self.inputs))
        self.targets = [places[target] for _, target in outputs if target is not None]
        wanted = [*(step for step, _ in outputs), *(guard.step for guard in guards)]
        wanted += [step for step in steps if refuses(step)]
        computed = needed(steps, wanted)
        uses = Counter(used for step in computed for used in steps_in(step))
        uses.update(2 * wanted)
        lowering = Lowering(dict(zip(inputs, self.inputs)), uses)
        guarded: dict[Step, list[Guard]] = {}
        for guard in guards:
            guarded.setdefault(guard.step, []).append(guard)
        for step in (*inputs, *computed):
            lowering.value(step)
            for guard in guarded.get(step, ()):
                lowering.guard(guard)
        self.schedule = Schedule()
        for statement in lowering.statements:
            self.schedule.add(statement)
        values = [self._aside(lowering.value(step)) for step, _ in outputs]
        self.returned = [x for x, (_, target) in zip(values, outputs) if target is None]
        self.kept: list[tuple[int, Any]] = []  # what goes to inputs that are no arrays in C
        self._deliver([(x, target) for x, (_, target) in zip(values, outputs)], places)
        at_end = [x for x in (*self.returned, *(x for _, x in self.kept)) if isinstance(x, Array)]
        self.groups = self.schedule.groups
        self.stored = self.schedule.stored(at_end)
        self.size = place_in_memory(self.groups, self.stored, at_end)
        reads = [x for group in self.groups for statement in group for x in statement.arrays]
        buffers = {array.buffer for array in (*reads, *at_end)}
        self.constants = [buffer for buffer in buffers if buffer.constant is not None]

    def _aside(self, value: Any) -> Any:
        """A copy of what is given, as it is before anything is written to it; else the value."""
        if not isinstance(value, Array) or value.buffer.given is None:
            return value
        aside = new_array(value.shape, value.dtype)
        self.schedule.add(Entries(aside, [value], dtypes=(value.dtype,)))
        return aside

    def _deliver(self, values: list[tuple[Any, Step | None]], places: dict[Step, Any]) -> None:
        """Write results to the inputs whose place they take: at once where that is possible."""
        end = len(self.schedule.groups)
        buffers = [value.buffer for value, _ in values if isinstance(value, Array)]
        numbers = {step: number for number, step in enumerate(places)}
        for value, target in values:
            if target is None:
                continue
            place = places[target]
            if isinstance(place, Kept) or isinstance(value, Kept):
                self.kept.append((numbers[target], value))
            elif (
                isinstance(value, Array)
                and buffers.count(value.buffer) == 1
                and self.schedule.may_write_to(place, value)
            ):
                value.buffer.given = place.buffer.given
            else:
                self.schedule.add(Entries(place, [value], dtypes=(place.dtype,)), after=end)

    def functions(self, name: str, kernels: dict[str, str]) -> str:
        """A function for each part between what NumPy computes; kernels are added by their text."""
        functions, lines = list[str](), list[str]()
        self.checks: list[Check] = []
        for group in [*self.groups, None]:
            first = group[0] if group else None
            if group is None or isinstance(first, Host):
                functions.append(_function(f"{name}{len(functions)}", lines))
                lines = []
            elif isinstance(first, Looped):
                inside = [self._call(part, first.stored, kernels) for part in first.groups]
                opening = f"for (long t = 0; t < {first.count}; t++) {{"
                lines.append("\n    ".join([opening, *inside]) + "\n  }")
            else:
                lines.append(self._call(group, self.stored, kernels))
        return "\n".join(functions)

    def _call(self, group: Sequence[Statement], stored: set[Array], kernels: dict[str, str]) -> str:
        """The line that calls the kernel of a group."""
        first = group[0]
        if isinstance(first, Product):
            text, arrays = product_of(first)
        elif isinstance(first, Check):
            text, arrays = check_of(first)
        else:
            text, arrays = nest_of(group, stored)
        kernel = kernels.setdefault(text, f"kernel{len(kernels)}")
        call = f"{kernel}({', '.join(map(_pointer, arrays))})"
        if not isinstance(first, Check):
            return call + ";"
        self.checks.append(first)
        return f"if ({call}) return {len(self.checks)};"


def source_of(plans: Mapping[str, Plan]) -> str:
    """The text in C of plans, by the name that each one's functions begin with."""
    kernels: dict[str, str] = {}
    functions = [plan.functions(name, kernels) for name, plan in plans.items()]
    texts = [text.replace("NAME", kernel, 1) for text, kernel in kernels.items()]
    return "\n".join([PRELUDE, *texts, *functions])


def _pointer(array: Array) -> str:
    """A pointer to an array, in iteration t of a loop if it moves."""
    buffer, start, move = array.place
    where = f"memory + {buffer.offset + start}"
    if buffer.given is not None:
        number = f"{buffer.given} + {buffer.turns} * t" if buffer.turns else f"{buffer.given}"
        where = f"(char *)given[{number}] + {start}"
    return f"(void *)({where} + {move} * t)" if move else f"(void *)({where})"


def _function(name: str, lines: Sequence[str]) -> str:
    parameters = "char *memory, void *const *given"
    parts = [lines[i : i + LONGEST_PART] for i in range(0, len(lines), LONGEST_PART)]
    texts = [
        f"static NOINLINE int {name}_{number}({parameters}) {{\n  "
        + "\n  ".join(part)
        + "\n  return 0;\n}\n"
        for number, part in enumerate(parts)
    ]
    body = " ".join(
        f"{{ int refused = {name}_{number}(memory, given); if (refused) return refused; }}"
        for number in range(len(parts))
    )
    return "".join(texts) + f"int {name}({parameters}) {{ {body} return 0; }}\n"


def _in_own_memory(value: Any) -> Any:
    """The value, or a copy of an array that may be a view of what is used again."""
    is_view = isinstance(value, np.ndarray) and value.base is not None
    return value.copy() if is_view else value


class Runner:
    """A function of the arrays of the inputs, in their order, which returns a list of arrays."""

    def __init__(self, plan: Plan, compiled: ctypes.CDLL, name: str) -> None:
        self.source = ""
        self._plan = plan
        room = np.zeros(plan.size + 64, np.uint8)
        start = -room.ctypes.data % 64
        self._memory = room[start : start + plan.size]
        for buffer in plan.constants:
            shown = self._memory[buffer.offset : buffer.offset + buffer.size]
            shown[...] = np.ascontiguousarray(buffer.constant).reshape(-1).view(np.uint8)
        inputs = [*enumerate(plan.inputs)]
        self._objects = [(i, x) for i, x in inputs if isinstance(x, Kept)]
        self._fixed = [i for i, x in inputs if isinstance(x, Array)]  # whose arrays stay the same
        self._of_fixed = itemgetter(*self._fixed, slice(0))
        self._taken: list[Any] = [None] * len(self._fixed)
        self._moving: list[tuple[int, Any]] = []  # those which do not, and where they are copied to
        self._aside: list[tuple[int, Any]] = []  # targets that lie in memory otherwise than in C
        self._given: dict[int, Any] = {}
        self._pointers = (ctypes.c_void_p * max(1, len(inputs)))()
        self._at = self._memory.ctypes.data, ctypes.addressof(self._pointers)
        self._hosts = [group[0] for group in plan.groups if isinstance(group[0], Host)]
        self._parts = []
        for number in range(len(self._hosts) + 1):
            function = getattr(compiled, f"{name}{number}")
            function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_int
            self._parts.append(function)
        self._calls: list[Callable[[], None]] = []
        self._results: list[Callable[[], Any]] = []
        self._apart = False
        if not self._fixed:
            self._show()

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """Compute the outputs."""
        if not all(map(is_, self._of_fixed(arrays), self._taken)):
            self._bind(arrays)
        for i, place in self._moving:
            place[...] = arrays[i]
        if self._apart:
            self._run(arrays)
        elif refused := self._parts[0](*self._at):
            self._refuse(refused)
        return [*map(call, self._results)]

    def as_call(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The call of C, and what it is given, that does all there is to do with these arrays.

        Raises:
            TypeError: there is more to do than one call of C.
        """
        self._bind(arrays)
        if self._apart or self._moving or self._results or self._plan.checks:
            raise TypeError("it is more than a call of C")
        return self._parts[0], *self._at

    def _run(self, arrays: Sequence[Any]) -> None:
        """In parts, between which NumPy computes."""
        for i, place in self._objects:
            place.value = arrays[i]
        with np.errstate(all="ignore"):
            for part, host in zip(self._parts, [*self._calls, None]):
                if refused := part(*self._at):
                    self._refuse(refused)
                if host:
                    host()
        for i, value in self._plan.kept:
            np.copyto(arrays[i], self._result(value)())
        for i, own in self._aside:
            arrays[i][...] = own

    def _refuse(self, number: int) -> None:
        check = self._plan.checks[number - 1]
        check.refuse(*[self._shown(x).copy() for x in check.reads[1:]])
        raise AssertionError("what is refused in C is not refused by NumPy")

    def _bind(self, arrays: Sequence[Any]) -> None:
        """Take other arrays. What changes is copied from now on, unless it is written to."""
        targets = {x.buffer.given for x in self._plan.targets if isinstance(x, Array)}
        written = [arrays[i] for i in targets if i is not None]
        for i, taken in zip([*self._fixed], self._taken):
            array = arrays[i]
            fits = type(array) is np.ndarray and array.flags.c_contiguous and array.flags.aligned
            if i in targets:
                if not fits:
                    self._moving.append((i, np.empty_like(array, order="C", subok=False)))
                    self._aside.append(self._moving[-1])
            elif (
                not fits
                or (taken is not None and array is not taken)
                or any(np.may_share_memory(array, x) for x in written)
            ):
                self._moving.append((i, np.empty_like(array, order="C", subok=False)))
        moving = dict(self._moving)
        self._fixed = [i for i in self._fixed if i not in moving]
        self._taken = [arrays[i] for i in self._fixed]
        self._of_fixed = itemgetter(*self._fixed, slice(0))
        self._given = dict(zip(self._fixed, self._taken)) | moving
        for i, array in self._given.items():
            self._pointers[i] = array.ctypes.data
        self._show()

    def _show(self) -> None:
        """Make the views of memory that NumPy works on."""
        self._apart = bool(self._hosts or self._objects or self._aside or self._plan.kept)
        self._calls = [self._host(host) for host in self._hosts]
        self._results = [self._result(x) for x in self._plan.returned]

    def _shown(self, array: Array) -> Any:
        """An array of NumPy's in the memory that one in C has."""
        if array.buffer.given is None:
            return array.within(self._memory[array.buffer.offset :])
        return array.within(self._given[array.buffer.given].reshape(-1).view(np.uint8))

    def _result(self, value: Any) -> Callable[[], Any]:
        """What gives a copy of a result, for one entry a number of NumPy's."""
        if isinstance(value, Array):
            shown = self._shown(value)
            return shown.copy if value.shape else functools.partial(shown.__getitem__, ())
        return lambda: np.array(value.value if isinstance(value, Kept) else value)[()]

    def _host(self, host: Host) -> Callable[[], None]:
        """What NumPy computes, as a call without arguments."""

        def own(value: Any) -> Any:
            return self._shown(value) if isinstance(value, Array) else value

        def now(value: Any) -> Any:
            return value.value if isinstance(value, Kept) else value

        arguments, keywords = mapped(own, host.arguments), mapped(own, host.keywords)
        function: Any = host.function
        if host.product:
            return functools.partial(function, *arguments, own(host.out))
        out = own(host.out)
        fixed = not any(isinstance(x, Kept) for x in leaves_of((arguments, keywords)))

        def run() -> None:
            if fixed:
                result = function(*arguments, **keywords)
            else:
                result = function(*mapped(now, arguments), **mapped(now, keywords))
            if host.kept:
                host.kept.value = mapped(_in_own_memory, result)
            elif np.shape(result) == out.shape:
                out[...] = result
            else:
                raise Missed

        return run
