"""How a step is written in NumPy: into a buffer, as a view, or as what a function returns."""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import Array
from autograd_lite.program.backends import Missed
from autograd_lite.program.exact import Adding
from autograd_lite.program.program import Guard, Step, steps_in
from autograd_lite.program.simpler import function_of
from autograd_lite.table import TABLE

INFIX: dict[Any, str] = {
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.divide: "/",
    np.power: "**",
    np.matmul: "@",
    operator.add: "+",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
}
NUMBERS = {"0.0": "zero", "1.0": "one", "2.0": "two", "0.5": "half", "-1.0": "minus_one"}
"""Names of some numbers."""
REDUCED = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}
REDUCED |= {np.amax: np.maximum, np.amin: np.minimum}
OUT_BY_NAME = {np.maximum, np.minimum}
"""Ufuncs that NumPy no longer gives their place by position."""
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Names:
    """The names in a source, what they are bound to, and how that is made."""

    def __init__(self, wishes: Mapping[Any, str]) -> None:
        self.bound: dict[str, Any] = {"np": np, "Missed": Missed}
        self._lines: list[tuple[str, Any]] = []
        self._by_id: dict[int, str] = {}
        self._names: dict[Step, str] = {}
        self._numbers: dict[Any, str] = {}
        for step, wish in wishes.items():
            if type(step) is Step and step not in self._names:
                wish = re.sub(r"\W", "_", wish)
                self._names[step] = self._unique(f"layer{wish}" if wish[0].isdigit() else wish)

    def _unique(self, wish: str) -> str:
        name, count = wish, 1
        while name in self.bound or name == "step":
            count += 1
            name = f"{wish}_{count}"
        self.bound[name] = None
        return name

    def of(self, step: Step) -> str:
        if step not in self._names:
            self._names[step] = self._unique(f"t{step.number}")
        return self._names[step]

    def bind(self, value: Any, wish: str, text: str = "") -> str:
        """The name of a value, which the source makes by some text."""
        if id(value) not in self._by_id:
            name = self._by_id[id(value)] = self._unique(wish)
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

    def memory(self, size: int) -> Array:
        """The memory of all buffers, which begins at a line of the cache."""
        memory = np.zeros(size + 64, np.uint8)
        start = -memory.ctypes.data % 64
        self.bind(memory, "memory", f"np.zeros({size}, np.uint8)")
        return memory[start : start + size]

    def buffer(self, step: Step, value: Array, offset: int, memory: Array) -> None:
        """Make an array like a value, in a part of the memory."""
        name, strides = self.of(step), value.strides
        self.bound[name] = np.ndarray(value.shape, value.dtype, memory, offset, strides)
        self._lines.append((name, _Buffer(value.shape, value.dtype, offset, strides)))

    def bind_view(self, step: Step, text: str) -> None:
        """Make a view of what is made in advance."""
        name = self.of(step)
        self.bound[name] = eval(text, self.bound)
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

    def is_scatter(self, step: Step) -> bool:
        return function_of(step) is scatter

    def miss(self, guard: Guard) -> str:
        """The line that ends a run where a guard does not hold."""
        name, outcome = self.of(guard.step), guard.outcome
        if isinstance(outcome, np.ndarray) and outcome.dtype == np.bool and not outcome.ndim:
            outcome = bool(outcome)
        if isinstance(outcome, bool | np.bool):
            return f"if {'not ' if outcome else ''}{name}: raise Missed"
        equal = self.function(np.array_equal)
        return f"if not {equal}({name}, {self.text(outcome)}): raise Missed"

    def fresh(self, step: Step) -> str:
        return f"{self.function(np.array)}({self.of(step)}, copy=True)"

    def fresh_constant(self, value: Any) -> str:
        text = self.text(value)
        return f"{text}.copy()" if isinstance(value, np.ndarray) else text

    def taken_before(self, source: str, lines: list[str]) -> str:
        name = self._unique("before")
        lines.append(f"{name} = {source}.copy()")
        return name

    def write(self, target: Step, source: str) -> str:
        return f"{self.of(target)}[...] = {source}"

    def preamble(self) -> list[str]:
        """The lines that make what the function uses."""
        first = ["import numpy as np", ""]
        lines = [f"{name} = {_made(value)}" for name, value in self._lines]
        if any("TABLE[" in line for line in lines):
            first[1:1] = ["import autograd_lite", "from autograd_lite.table import TABLE"]
        return [*first, "class Missed(Exception): pass", *lines]


class _Buffer(NamedTuple):
    """A part of the memory."""

    shape: tuple[int, ...]
    dtype: Any
    offset: int
    strides: tuple[int, ...]

    def __str__(self) -> str:
        c_order = np.empty(self.shape, self.dtype).strides == self.strides
        strides = "" if c_order else f", {self.strides}"
        return f"np.ndarray({self.shape}, np.{self.dtype.name}, memory, {self.offset}{strides})"


def _made(value: Any) -> str:
    """The text that makes a constant, or is what makes one."""
    if isinstance(value, str | _Buffer):
        return str(value)
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


def expression(step: Step, values: Sequence[Any], names: Names) -> str:
    """The text of what a step's function returns."""
    function, value = function_of(step), values[step.number]
    arguments = [*map(names.text, step.arguments)]
    keywords = [f"{name}={names.text(x)}" for name, x in step.keywords.items()]
    if function in INFIX and len(arguments) == 2 and not keywords:
        numbers = all(_is_number(x, values) for x in step.arguments)
        if numbers or function in (np.power, operator.add):
            return f"{arguments[0]} {INFIX[function]} {arguments[1]}"
    if function is np.negative and not keywords:
        return f"-{arguments[0]}"
    if function is operator.getitem:
        return f"{arguments[0]}[{names.index(step.arguments[1])}]"
    if function is np.transpose and arguments[1:] in ([], ["None"]) and not keywords:
        return f"{arguments[0]}.T"
    if function in (np.transpose, np.reshape, np.swapaxes) and not keywords:
        return f"{arguments[0]}.{function.__name__}({', '.join(arguments[1:])})"
    if function is astype and isinstance(value, np.ndarray):
        return f"{arguments[0]}.astype({arguments[1]})"
    reduced = _reduced(step, values)
    if reduced and not isinstance(value, np.ndarray):
        ufunc, divisor = reduced
        axis = names.text(step.keywords.get("axis"))
        text = f"{names.reduction(ufunc)}({arguments[0]}, {axis})"
        return f"{text} / {divisor}" if divisor else text
    if isinstance(function, np.ufunc) and not _has_own_row(function):
        return f"{names.function(function)}({', '.join([*arguments, *keywords])})"
    return f"{names.function(_callable(step))}({', '.join([*arguments, *keywords])})"


def _has_own_row(function: Any) -> bool:
    """Whether the engine calls something else for a ufunc, with another rounding."""
    return function is np.power


def _callable(step: Step) -> Any:
    """What is called for a step: what computes a row, where its function is one."""
    if isinstance(getattr(step.function, "func", None), np.ufunc):
        return step.function.func
    row = TABLE.get(step.function)
    if row is not None and isinstance(step.function, type(_callable)) and not row.residual:
        return row.compute
    return step.function


def _is_number(value: Any, values: Sequence[Any]) -> bool:
    found = values[value.number] if type(value) is Step else value
    return isinstance(found, np.generic | int | float)


def takes_out(step: Step, values: Sequence[Any]) -> bool:
    """Whether a step can be computed into an array that is there."""
    value, function = values[step.number], function_of(step)
    if not isinstance(value, np.ndarray) or not value.ndim or function is None:
        return False
    if isinstance(function, Adding) or function is astype:
        return True
    if function is scatter:
        return is_basic(step.arguments[1])
    if function is np.concatenate:
        return step.function is not function and all(type(x) is Step for x in step.arguments)
    if function is operator.add:
        return True
    if function is np.dot:
        return _is_plain_product(step, values) and value.dtype in FLOATS
    ufunc = getattr(function, "func", function)
    if isinstance(ufunc, np.ufunc):
        if ufunc is np.power:
            return _is_square(step, values)
        # The buffer is laid out as the value was, whatever order was asked for.
        known = set(step.keywords) <= {"dtype", "order"}
        return known and ufunc.nout == 1 and _are_arrays(step, values)
    return _reduced(step, values) is not None


def _are_arrays(step: Step, values: Sequence[Any]) -> bool:
    """Whether all arguments are arrays of NumPy's, or numbers."""
    found = [values[x.number] if type(x) is Step else x for x in step.arguments]
    return all(isinstance(x, np.ndarray | np.generic | int | float) for x in found)


def _is_plain_product(step: Step, values: Sequence[Any]) -> bool:
    found = [values[x.number] if type(x) is Step else x for x in step.arguments]
    dtypes = {getattr(x, "dtype", None) for x in found}
    return all(np.ndim(x) in (1, 2) for x in found) and len(dtypes) == 1


def _is_square(step: Step, values: Sequence[Any]) -> bool:
    base, exponent = step.arguments
    floats = type(base) is Step and values[base.number].dtype in FLOATS
    return floats and type(exponent) in (int, float) and exponent == 2


def _reduced(step: Step, values: Sequence[Any]) -> tuple[Any, int] | None:
    """The ufunc that a reduction of floats is of, and for a mean what it is divided by."""
    function, keywords = function_of(step), step.keywords
    if len(step.arguments) != 1 or not set(keywords) <= {"axis", "keepdims"}:
        return None
    if function is not np.mean and function not in REDUCED:
        return None
    x = step.arguments[0]
    if type(x) is not Step or not isinstance(values[x.number], np.ndarray):
        return None
    array, value = values[x.number], values[step.number]
    picks = function is not np.mean and REDUCED[function] is not np.add
    if not picks and array.dtype not in FLOATS:
        return None
    if array.dtype.kind not in "fiu" or value.dtype != array.dtype or not array.size:
        return None
    if keywords.get("keepdims") and not isinstance(value, np.ndarray):
        return None
    if function is np.mean:
        count = array.size // value.size
        return (np.add, count) if count < 2**24 else None
    return REDUCED[function], 0


def statements(
    step: Step, out: str, values: Sequence[Any], names: Names, zeroed: bool
) -> list[str]:
    """The lines that compute a step into an array; `zeroed` if others than its part are 0."""
    function = function_of(step)
    if isinstance(function, Adding):
        return [_added(step, function, out, names)]
    arguments = [*map(names.text, step.arguments)]
    copyto = names.function(np.copyto)
    if function is astype:
        return [f'{copyto}({out}, {arguments[0]}, "unsafe")']
    if function is np.concatenate:
        axis = step.keywords.get("axis", 0)
        return [f"{names.function(np.concatenate)}(({', '.join(arguments)},), {axis}, {out})"]
    if function is scatter:
        index = step.arguments[1]
        part = names.part(out, index)
        put = f"{copyto}({part}, {arguments[0]})" if part else ""
        put = put or f"{out}[{names.index(index)}] = {arguments[0]}"
        return [put] if zeroed else [f"{out}.fill(0)", put]
    if function is np.dot:
        return [f"{names.function(np.dot)}({arguments[0]}, {arguments[1]}, {out})"]
    reduced = _reduced(step, values)
    if reduced:
        ufunc, divisor = reduced
        axis, kept = names.text(step.keywords.get("axis")), bool(step.keywords.get("keepdims"))
        lines = [f"{names.reduction(ufunc)}({arguments[0]}, {axis}, None, {out}, {kept})"]
        divide = f"{names.function(np.divide)}({out}, {divisor}, {out})"
        return [*lines, divide] if divisor else lines
    if function is operator.add:
        function = np.add
    if function is np.power:
        function, arguments = np.square, arguments[:1]
    ufunc = getattr(function, "func", function)
    dtype = step.keywords.get("dtype")
    keywords = [] if dtype is None else [f"dtype={names.text(dtype)}"]
    if ufunc is function and len(arguments) == len(step.arguments) and _takes_doubles(ufunc):
        arguments = [*map(names.text, in_one_dtype(step, values))]
    place = f"out={out}" if ufunc in OUT_BY_NAME else out
    return [f"{names.function(ufunc)}({', '.join([*arguments, place, *keywords])})"]


@functools.cache
def _takes_doubles(ufunc: Any) -> bool:
    """Whether all its arguments may be of one floating dtype."""
    return any(types.startswith("d" * ufunc.nin + "->") for types in ufunc.types)


def in_one_dtype(step: Step, values: Sequence[Any]) -> list[Any]:
    """The arguments of a ufunc, Python's numbers in the dtype of its arrays of floats.

    So NumPy makes of them what it computes with, but each time.
    """
    arrays = [values[x.number] for x in step.arguments if type(x) is Step]
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) > 1 or not dtypes.issubset(FLOATS):
        return [*step.arguments]
    (dtype,) = dtypes
    shape = values[step.number].shape
    if all(array.shape != shape for array in arrays):
        return [*step.arguments]
    return [_as_number(x, dtype) for x in step.arguments]


def _as_number(value: Any, dtype: Any) -> Any:
    """A number, or an array of equal numbers, as an array without axes; others as they are."""
    if type(value) in (int, float) or type(value) is dtype.type:
        return np.array(value, dtype)
    if type(value) is np.ndarray and value.dtype == dtype and value.size:
        first = value.flat[0]
        return np.array(first) if value.tobytes() == first.tobytes() * value.size else value
    return value


def _added(step: Step, adding: Adding, out: str, names: Names) -> str:
    _, g, *given = step.arguments
    if adding.operation.function is operator.getitem and is_basic(given[2]):
        part = names.part(out, given[2])
        if part:
            return f"{names.function(np.add)}({part}, {names.text(g)}, {part})"
        return f"{out}[{names.index(given[2])}] += {names.text(g)}"  # which a number is, too
    arguments = [out, *map(names.text, step.arguments[1:])]
    arguments += [f"{name}={names.text(x)}" for name, x in step.keywords.items()]
    in_place = names.bind(adding.in_place, "add_to", f"TABLE[...].add_to  # {adding.__name__}")
    return f"{in_place}({', '.join(arguments)})"
