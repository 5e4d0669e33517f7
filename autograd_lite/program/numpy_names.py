"""The names in a source of NumPy, what they are bound to, and how that is made."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.backends import Missed
from autograd_lite.program.memory import memory_of
from autograd_lite.program.program import Guard, Step, called, steps_in
from autograd_lite.table import TABLE

NUMBERS = {"0.0": "zero", "1.0": "one", "2.0": "two", "0.5": "half", "-1.0": "minus_one"}
"""Names of some numbers."""


class Names:
    """The names in a source, what they are bound to, and how that is made."""

    def __init__(self, wishes: Mapping[Any, str]) -> None:
        self.bound: dict[str, Any] = {"np": np, "Missed": Missed}
        self._lines: list[tuple[str, Any]] = []
        self._by_id: dict[int, str] = {}
        self._names: dict[Step, str] = {}
        self._numbers: dict[Any, str] = {}
        self._repeated: dict[Any, Array] = {}
        for step, wish in wishes.items():
            if type(step) is Step and step not in self._names:
                wish = re.sub(r"\W", "_", wish)
                self._names[step] = self.unique(f"layer{wish}" if wish[0].isdigit() else wish)

    def unique(self, wish: str) -> str:
        """A name that nothing else has."""
        name, count = wish, 1
        while name in self.bound or name == "step":
            count += 1
            name = f"{wish}_{count}"
        self.bound[name] = None
        return name

    def of(self, step: Step) -> str:
        if step not in self._names:
            self._names[step] = self.unique(f"t{step.number}")
        return self._names[step]

    def call(self, step: Step, text: str) -> None:
        """Let a step be called by what stands for it already."""
        self._names[step] = text

    def run(self, text: str) -> dict[str, Any]:
        """What is bound after a source was run, in which no name is without a value."""
        for name in [name for name, value in self.bound.items() if value is None]:
            del self.bound[name]
        exec(compile(text, "<compiled step>", "exec"), self.bound)
        return self.bound

    def bind(self, value: Any, wish: str, text: str = "") -> str:
        """The name of a value, which the source makes by some text."""
        if id(value) not in self._by_id:
            name = self._by_id[id(value)] = self.unique(wish)
            self.bound[name] = value
            self._lines.append((name, text or value))
        return self._by_id[id(value)]

    def text(self, value: Any) -> str:
        """A value as an argument of a call."""
        if type(value) is Step:
            return self.of(value)
        if type(value) in (list, tuple):
            inside = ", ".join(map(self.text, value))
            if type(value) is list:
                return f"[{inside}]"
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if type(value) is slice:
            return f"slice({self.text(value.start)}, {self.text(value.stop)}, {value.step})"
        plain = type(value) in (int, bool, str) or value is None or value is Ellipsis
        if plain or (type(value) is float and math.isfinite(value)):
            return repr(value)
        if isinstance(value, np.ndarray) and not value.ndim:
            return self.number(value)
        return self.bind(value, "c")

    def number(self, value: Array) -> str:
        """The name of a number, as an array."""
        key = value.tobytes(), value.dtype
        if key not in self._numbers:
            wish = NUMBERS.get(repr(value.item()), "number")
            self._numbers[key] = self.bind(value, wish)
        return self._numbers[key]

    def repeated(self, value: Any, shape: tuple[int, ...]) -> Any:
        """An array of a shape with a number everywhere; what is no array without axes as it is."""
        if not isinstance(value, np.ndarray) or value.ndim:
            return value
        key = value.tobytes(), value.dtype, shape
        if key not in self._repeated:
            self._repeated[key] = np.full(shape, value)
            self.bind(self._repeated[key], f"{NUMBERS.get(repr(value.item()), 'number')}s")
        return self._repeated[key]

    def index(self, value: Any) -> str:
        parts = value if type(value) is tuple else (value,)
        return ", ".join(map(self._part, parts)) or "()"

    def _part(self, part: Any) -> str:
        if type(part) is not slice or not all(
            type(x) in (int, type(None)) for x in (part.start, part.stop, part.step)
        ):
            return self.text(part)
        bounds = [part.start, part.stop] + ([part.step] if part.step is not None else [])
        return ":".join("" if bound is None else str(bound) for bound in bounds)

    def function(self, function: Any) -> str:
        """The name of a function."""
        name = getattr(function, "__name__", "f").replace("<lambda>", "function")
        return self.bind(function, name if name.isidentifier() else re.sub(r"\W", "_", name))

    def reduction(self, ufunc: Any) -> str:
        reduce = ufunc.reduce
        name = f"{ufunc.__name__}_reduce"
        if name not in self.bound:
            self.bound[name] = reduce
            self._lines.append((name, f"np.{ufunc.__name__}.reduce"))
        return name

    def memory(self, size: int) -> Room:
        """Memory of buffers, which begins at a line of the cache."""
        memory = memory_of(size)
        name = self.bind(memory, "memory", f"np.zeros({size}, np.uint8)") if size else ""
        return Room(name, memory)

    def buffer(self, step: Step, value: Array, offset: int, room: Room) -> None:
        """Make an array like a value, in a part of some memory."""
        name = self.of(step)
        self.bound[name] = room.like(value, offset)
        self._lines.append((name, room.text(value, str(offset))))

    def strip(
        self, steps: Sequence[Step], entries: int, dtype: Any, offset: int, room: Room
    ) -> str:
        """The name of one array for the buffers of steps that lie one behind the other."""
        name = "_".join(map(self.of, steps))
        if name not in self.bound:
            like = np.empty(entries, dtype)
            self.bound[name] = room.like(like, offset)
            self._lines.append((name, room.text(like, str(offset))))
        return name

    def slots(self, wish: str, value: Array, offsets: Sequence[int], count: int, room: Room) -> str:
        """The name of a list of so many arrays like a value, that take turns."""
        arrays = [room.like(value, offset) for offset in offsets]
        found = [arrays[j % len(arrays)] for j in range(count)]
        apart = offsets[1] - offsets[0]
        at = f"range({offsets[0]}, {offsets[-1] + apart}, {apart})"
        made = f"[{room.text(value, 'at')} for at in {at}]"
        if len(arrays) < count:
            made = f"({made} * {-(-count // len(arrays))})[:{count}]"
        return self.bind(found, wish, made)

    def bind_view(self, step: Step, text: str) -> None:
        """Make a view of what is made in advance."""
        name, (shown,) = self.of(step), steps_in(step)
        found = {shown.number: self.bound[self.of(shown)]}
        self.bound[name] = called(step, step.function, found)
        self._lines.append((name, text))

    def part(self, name: str, index: Any) -> str | None:
        """The name of a view of what is made in advance, if it is one."""
        if name not in self.bound or self.bound[name] is None or not is_basic(index):
            return None
        view = self.bound[name][index]
        if not isinstance(view, np.ndarray):
            return None
        return self.bind(view, f"{name}_part", f"{name}[{self.index(index)}]")

    def copied(self, step: Step) -> str:
        return f"{self.function(np.copyto)}({self.of(step)}, {self.text(step.arguments[0])})"

    def miss(self, guard: Guard) -> str:
        """The line that ends a run where a guard does not hold."""
        name, outcome = self.of(guard.step), guard.outcome
        if isinstance(outcome, np.ndarray) and outcome.dtype == np.bool and not outcome.ndim:
            outcome = bool(outcome)
        if isinstance(outcome, bool | np.bool):
            return f"if {'not ' if outcome else ''}{name}: raise Missed"
        equal = self.function(np.array_equal)
        return f"if not {equal}({name}, {self.text(outcome)}): raise Missed"

    def fresh(self, value: Any) -> str:
        """The text of a copy of an array."""
        if type(value) is Step:
            return f"{self.function(np.array)}({self.of(value)}, copy=True)"
        return f"{self.text(value)}.copy()" if isinstance(value, np.ndarray) else self.text(value)

    def preamble(self) -> list[str]:
        """The lines that make what the function uses."""
        first = ["import numpy as np", ""]
        lines = [f"{name} = {_made(value)}" for name, value in self._lines]
        if any("TABLE[" in line for line in lines):
            first[1:1] = ["import autograd_lite", "from autograd_lite.table import TABLE"]
        return [*first, "class Missed(Exception): pass", *lines]


class Room(NamedTuple):
    """Memory with a name, in which arrays are made."""

    name: str
    memory: Array

    def like(self, value: Array, offset: int) -> Array:
        return np.ndarray(value.shape, value.dtype, self.memory, offset, value.strides)

    def text(self, value: Array, offset: str) -> str:
        """The text that makes an array like a value."""
        c_order = np.empty(value.shape, value.dtype).strides == value.strides
        strides = "" if c_order else f", {value.strides}"
        return f"np.ndarray({value.shape}, np.{value.dtype.name}, {self.name}, {offset}{strides})"


def _made(value: Any) -> str:
    """The text that makes a constant, or is what makes one."""
    if isinstance(value, str):
        return value
    if callable(value):
        return _imported(value)
    if isinstance(value, np.generic):
        return repr(value)
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    if type(value) is float:
        return f"float({str(value)!r})"
    if isinstance(value, np.ndarray):
        dtype = f"np.dtype({value.dtype.name!r})"
        if not value.ndim:
            return f"np.array({value.item()!r}, np.{value.dtype.name})"
        if value.size and (value == value.flat[0]).all():
            return f"np.full({value.shape}, {value.flat[0].item()!r}, {dtype})"
        return f"np.array({value.tolist()!r}, {dtype})"
    return repr(value)


def _imported(function: Any) -> str:
    """The text that gives a function."""
    name = getattr(function, "__name__", "f")
    module = getattr(function, "__module__", None) or "numpy"
    if getattr(np, name, None) is function:
        return f"np.{name}"
    if module.startswith("numpy"):
        return f"{module.replace('numpy', 'np', 1)}.{name}"
    rows = [row for row in TABLE.values() if row.compute is function]
    if rows:
        return f"TABLE[{_imported(rows[0].function)}].compute"
    return f"autograd_lite.{name}" if module.startswith("autograd_lite") else f"{module}.{name}"


def is_basic(index: Any) -> bool:
    """Whether an index names entries by numbers and slices alone, so that it gives a view."""
    parts = index if type(index) is tuple else (index,)
    return all(
        part is None or part is Ellipsis or type(part) in (int, slice) for part in parts
    ) and not any(steps_in([index]))


def gives_view(index: Any) -> bool:
    """Whether an index gives a view, also one that is another in each iteration of a loop."""
    if type(index) is Step and index.function is None:
        index = index.arguments[0]
    return is_basic(index)
