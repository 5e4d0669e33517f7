"""Run the steps of a program in C.

    lowering    from steps to statements on memory
    schedule    which statements share a nest of loops, and where in memory their results are
    kernels     the text of each nest, a function of pointers
    here        the functions that call them in order, and what NumPy computes in between
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.program.c_arrays import (
    Array,
    Check,
    Entries,
    Host,
    Kept,
    Product,
    Statement,
    new_array,
)
from autograd_lite.program.c_forms import C_TYPES, PRELUDE
from autograd_lite.program.c_kernels import check_of, nest_of, product_of
from autograd_lite.program.c_lowering import Lowering
from autograd_lite.program.c_schedule import Schedule, place_in_memory
from autograd_lite.program.compiler import library
from autograd_lite.program.program import Step, mapped, steps_in

Outputs = Sequence[tuple[Step, Step | None]]

LONGEST_PART = 400
"""The most calls in one function, as compilers take longer for long ones."""


def c_backend(steps: Sequence[Step], inputs: Sequence[Step], outputs: Outputs) -> Runner:
    """Compile steps to C: what is returned computes outputs from arrays.

    Args:
        steps: in order.
        inputs: those of them whose arrays are given at each run; others are as they are now.
        outputs: steps, and an input into whose memory the result goes at the end; or None for an
            array that is returned.

    Raises:
        CompilerError: there is no compiler, or it fails.
    """
    plan = Plan(steps, inputs, outputs)
    source = source_of({"run": plan})
    runner = Runner(plan, library(source), "run")
    runner.source = source
    return runner


class Plan:
    """What is done to which memory, in which order."""

    def __init__(self, steps: Sequence[Step], inputs: Sequence[Step], outputs: Outputs) -> None:
        self.outputs = [*outputs]
        targets = [target for _, target in outputs if target is not None]
        self.given = [step for step in inputs if step in targets and step.dtype in C_TYPES]
        self.inputs: list[Any] = []
        for step in inputs:
            place: Any = Kept()
            if step.dtype in C_TYPES:
                number = self.given.index(step) if step in targets else None
                place = new_array(step.shape, step.dtype, given=number, copied=number is None)
            self.inputs.append(place)
        lowering = Lowering(dict(zip(inputs, self.inputs)))
        needed = _needed([step for step, _ in outputs], inputs)
        for step in steps:
            if step in needed:
                lowering.value(step)
        self.schedule = Schedule()
        for statement in lowering.statements:
            self.schedule.add(statement)
        self.returned = [lowering.value(step) for step, target in outputs if target is None]
        self.kept: list[tuple[int, Any]] = []  # what goes to inputs that are no arrays in C
        values = [(lowering.value(step), target) for step, target in outputs if target is not None]
        self._deliver(values, dict(zip(inputs, self.inputs)), [*inputs])
        wanted = [x for x in (*self.returned, *(x for _, x in self.kept)) if isinstance(x, Array)]
        wanted += [x for x in self.inputs if isinstance(x, Array) and x.buffer.given is None]
        self.groups = self.schedule.groups
        self.stored = self.schedule.stored(wanted)
        self.size = place_in_memory(self.groups, self.stored, wanted)
        self.constants = {
            array.buffer
            for group in self.groups
            for statement in group
            for array in statement.arrays
            if array.buffer.constant is not None
        }
        self.constants |= {x.buffer for x in wanted if x.buffer.constant is not None}

    def _deliver(self, values: Any, places: dict[Step, Any], inputs: list[Step]) -> None:
        """Write results to the inputs whose place they take: at once where that is possible."""
        schedule, left = self.schedule, []
        for value, target in values:
            place = places[target]
            if isinstance(place, Kept) or isinstance(value, Kept):
                self.kept.append((inputs.index(target), value))
                continue
            if isinstance(value, Array) and value.buffer.given is not None:
                # It may be written to before it is delivered.
                aside = new_array(value.shape, value.dtype)
                schedule.add(Entries(aside, [value], dtypes=(value.dtype,)))
                value = aside
            left.append((value, place))
        end = len(schedule.groups)
        sources = [value.buffer for value, _ in left if isinstance(value, Array)]
        sources += [x.buffer for x in self.returned if isinstance(x, Array)]
        for value, place in left:
            if (
                isinstance(value, Array)
                and sources.count(value.buffer) == 1
                and place.buffer not in sources
                and schedule.may_write_to(place, value)
            ):
                value.buffer.given = place.buffer.given
            else:
                schedule.add(Entries(place, [value], dtypes=(place.dtype,)), after=end)

    def functions(self, name: str, kernels: dict[str, str]) -> str:
        """A function for each part between what NumPy computes; kernels are added by their text."""
        functions, calls = list[str](), list[str]()
        for number, group in enumerate([*self.groups, None]):
            first = group[0] if group else None
            if group is None or isinstance(first, Host):
                functions.append(_function(f"{name}{len(functions)}", calls))
                calls = []
                continue
            text, arrays = self._kernel(group)
            kernel = kernels.setdefault(text, f"kernel{len(kernels)}")
            call = f"{kernel}({', '.join(map(_pointer, arrays))})"
            if isinstance(first, Check):
                call = f"if ({call}) return {number + 1}"
            calls.append(call + ";")
        return "\n".join(functions)

    def _kernel(self, group: Sequence[Statement]) -> tuple[str, list[Array]]:
        first = group[0]
        if isinstance(first, Product):
            return product_of(first)
        if isinstance(first, Check):
            return check_of(first)
        return nest_of(group, self.stored)


def source_of(plans: Mapping[str, Plan]) -> str:
    """The text in C of plans, by the name that each one's functions begin with."""
    kernels: dict[str, str] = {}
    functions = [plan.functions(name, kernels) for name, plan in plans.items()]
    texts = [text.replace("NAME", kernel, 1) for text, kernel in kernels.items()]
    return "\n".join([PRELUDE, *texts, *functions])


def _needed(wanted: list[Step], known: Sequence[Step]) -> set[Step]:
    """The steps that others are computed from."""
    found, stack = set(known), [*wanted]
    while stack:
        step = stack.pop()
        if step not in found:
            found.add(step)
            stack += steps_in(step)
    return found - set(known)


def _pointer(array: Array) -> str:
    buffer, start = array.buffer, array.offset * array.dtype.itemsize
    if buffer.given is not None:
        return f"(void *)((char *)given[{buffer.given}] + {start})"
    return f"(void *)(memory + {buffer.offset + start})"


def _function(name: str, calls: list[str]) -> str:
    parameters = "char *memory, void *const *given"
    parts = [calls[i : i + LONGEST_PART] for i in range(0, len(calls), LONGEST_PART)]
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


class Runner:
    """A function of the arrays of the inputs, in their order, which returns a list of arrays."""

    def __init__(self, plan: Plan, compiled: ctypes.CDLL, name: str) -> None:
        self.source = ""
        room = np.zeros(plan.size + 64, np.uint8)
        start = -room.ctypes.data % 64
        self._memory = room[start : start + plan.size]
        self._plan = plan
        self._lock = threading.Lock()
        for buffer in plan.constants:
            shown = self._memory[buffer.offset : buffer.offset + buffer.size]
            shown[...] = np.ascontiguousarray(buffer.constant).reshape(-1).view(np.uint8)
        inputs = [*enumerate(plan.inputs)]
        self._copied = [
            (i, self._shown(x)) for i, x in inputs if isinstance(x, Array) and x.buffer.copied
        ]
        self._objects = [(i, x) for i, x in inputs if isinstance(x, Kept)]
        self._bound = [
            (i, x.buffer.given) for i, x in inputs if isinstance(x, Array) and not x.buffer.copied
        ]
        self._given: list[Any] = [None] * len(self._bound)
        self._pointers = (ctypes.c_void_p * max(1, len(self._bound)))()
        self._aside: list[tuple[int, Any, Any]] = []
        hosts = [group[0] for group in plan.groups if isinstance(group[0], Host)]
        self._parts = []
        for number in range(len(hosts) + 1):
            function = getattr(compiled, f"{name}{number}")
            function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_int
            self._parts.append(function)
        self._hosts = hosts
        self._calls: list[Callable[[], None]] = []
        self._at = self._memory.ctypes.data, ctypes.addressof(self._pointers)
        self._bind_hosts()

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """Run, and return the arrays that are wanted; nothing is kept of the run."""
        with self._lock:
            return self._run(arrays)

    def _run(self, arrays: Sequence[Any]) -> list[Any]:
        given, memory = self._given, self._at
        for i, number in self._bound:
            if arrays[i] is not given[number]:
                self._bind(arrays)
                break
        for i, place in self._copied:
            array = arrays[i]
            if np.shape(array) != place.shape:
                raise ValueError(f"array {i} has shape {np.shape(array)} and not {place.shape}")
            np.copyto(place, array, casting="same_kind")
        for _, array, own in self._aside:
            own[...] = array
        if self._hosts:
            self._run_parts(arrays)
        elif refused := self._parts[0](*memory):
            self._refuse(refused)
        for _, array, own in self._aside:
            array[...] = own
        return [self._result(x) for x in self._plan.returned]

    def _run_parts(self, arrays: Sequence[Any]) -> None:
        for i, place in self._objects:
            place.value = arrays[i]
        with np.errstate(all="ignore"):
            for part, host in zip(self._parts, [*self._calls, None]):
                refused = part(*self._at)
                if refused:
                    self._refuse(refused)
                if host:
                    host()
        for i, value in self._plan.kept:
            np.copyto(arrays[i], self._result(value))

    def _result(self, value: Any) -> Any:
        if isinstance(value, Array):
            return self._shown(value).copy()
        return np.copy(value.value) if isinstance(value, Kept) else np.array(value)

    def _refuse(self, number: int) -> None:
        check = self._plan.groups[number - 1][0]
        assert isinstance(check, Check) and check.refuse
        check.refuse(*[self._shown(x).copy() for x in check.reads[1:]])
        raise AssertionError("what is refused in C is not refused by NumPy")

    def _shown(self, array: Array) -> Any:
        """An array of NumPy's in the memory that one in C has."""
        if array.buffer.given is None:
            return array.within(self._memory[array.buffer.offset :])
        whole = self._given[array.buffer.given]
        return array.within(whole.reshape(-1).view(np.uint8))

    def _bind(self, arrays: Sequence[Any]) -> None:
        """Take other arrays to write to."""
        self._aside = []
        for i, number in self._bound:
            array, place = arrays[i], self._plan.inputs[i]
            if array.shape != place.shape or array.dtype != place.dtype:
                raise ValueError(f"array {i} is {array.shape}, {array.dtype}")
            own = array
            if not array.flags.c_contiguous:
                own = np.ascontiguousarray(array)
                self._aside.append((number, array, own))
            self._given[number] = own
            self._pointers[number] = own.ctypes.data
        if self._aside:
            self._given_as = [arrays[i] for i, _ in self._bound]
        self._bind_hosts()

    def _bind_hosts(self) -> None:
        if all(x is not None for x in self._given):
            self._calls = [self._host(host) for host in self._hosts]

    def _host(self, host: Host) -> Callable[[], None]:
        """A call of what NumPy computes, on views made in advance."""

        def own(value: Any) -> Any:
            return self._shown(value) if isinstance(value, Array) else value

        arguments, keywords = mapped(own, host.arguments), mapped(own, host.keywords)
        function: Any = host.function
        out = None if host.kept else self._shown(host.out)
        if host.product:
            a, b = arguments
            return lambda: function(a, b, out)

        def now(value: Any) -> Any:
            return value.value if isinstance(value, Kept) else value

        def call() -> None:
            result = function(*mapped(now, arguments), **mapped(now, keywords))
            if host.kept:
                shared = isinstance(result, np.ndarray) and np.may_share_memory(
                    result, self._memory
                )
                host.kept.value = result.copy() if shared else result
            else:
                if np.shape(result) != out.shape:
                    raise ValueError(f"{function.__name__} gave {np.shape(result)}")
                np.copyto(out, result)

        return call
