"""How a step is written in NumPy: into a buffer, as a view, or as what a function returns."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.derivatives.shaping import astype
from autograd_lite.program.numpy_names import Names, gives_view
from autograd_lite.program.program import Step, function_of
from autograd_lite.program.templates import Adding
from autograd_lite.table import TABLE

INFIX: dict[Any, str] = {
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.divide: "/",
    np.power: "**",
    np.matmul: "@",
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
}
REDUCED = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}
REDUCED |= {np.amax: np.maximum, np.amin: np.minimum}
PLACED = {np.maximum: "argmax", np.minimum: "argmin"}
"""Methods that tell where an array has what a reduction picks."""
OUT_BY_NAME = {np.maximum, np.minimum}
"""Ufuncs that NumPy no longer gives their place by position."""
REPEATED = 2**16
"""Entries up to which those ufuncs get arrays of one number: NumPy has no fast loop for another."""
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def expression(step: Step, values: Sequence[Any], names: Names) -> str:
    """The text of what a step's function returns."""
    function, value = function_of(step), values[step.number]
    arguments = [*map(names.text, step.arguments)]
    keywords = [f"{name}={names.text(x)}" for name, x in step.keywords.items()]
    if function in INFIX and len(arguments) == 2 and not keywords:
        numbers = all(_is_number(x, values) for x in step.arguments)
        if numbers or function is np.power:
            # Of a power Python would take the sign last.
            first = f"({arguments[0]})" if arguments[0].startswith("-") else arguments[0]
            return f"{first} {INFIX[function]} {arguments[1]}"
    if function is np.negative and not keywords:
        return f"-{arguments[0]}"
    if function is operator.getitem:
        return f"{arguments[0]}[{names.index(step.arguments[1])}]"
    if function is np.transpose and arguments[1:] in ([], ["None"]) and not keywords:
        return f"{arguments[0]}.T"
    is_product = function is np.dot and isinstance(_example(step.arguments[0], values), np.ndarray)
    if (is_product or function in (np.transpose, np.reshape, np.swapaxes)) and not keywords:
        return f"{arguments[0]}.{function.__name__}({', '.join(arguments[1:])})"
    if function is astype and isinstance(value, np.ndarray):
        return f"{arguments[0]}.astype({arguments[1]})"
    reduced = _reduced(step, values)
    if reduced and not isinstance(value, np.ndarray):
        ufunc, divisor = reduced
        given, axis = _example(step.arguments[0], values), names.text(step.keywords.get("axis"))
        if ufunc in PLACED and given.ndim == 1 and given.dtype.kind in "iu":
            # A third of the time of a reduction; of floats it may be another zero.
            return f"{arguments[0]}[{arguments[0]}.{PLACED[ufunc]}()]"
        text = f"{names.reduction(ufunc)}({arguments[0]}, {axis})"
        return f"{text} / {divisor}" if divisor else text
    # For powers the engine calls something else, with another rounding.
    is_called = isinstance(function, np.ufunc) and function is not np.power
    called = function if is_called else _callable(step)
    return f"{names.function(called)}({', '.join([*arguments, *keywords])})"


def _callable(step: Step) -> Any:
    """What is called for a step: what computes a row, where its function is one."""
    if isinstance(getattr(step.function, "func", None), np.ufunc):
        return step.function.func
    row = TABLE.get(step.function)
    if row is not None and isinstance(step.function, type(_callable)) and not row.residual:
        return row.compute
    return step.function


def _example(value: Any, values: Sequence[Any]) -> Any:
    """An argument as it is for the inputs' examples."""
    return values[value.number] if type(value) is Step else value


def _is_number(value: Any, values: Sequence[Any]) -> bool:
    return isinstance(_example(value, values), np.generic | int | float)


def takes_out(step: Step, values: Sequence[Any]) -> bool:
    """Whether a step can be computed into an array that is there."""
    value, function = values[step.number], function_of(step)
    if not isinstance(value, np.ndarray) or not value.ndim or function is None:
        return False
    if isinstance(function, Adding) or function is astype:
        return True
    if function is scatter:
        return gives_view(step.arguments[1])
    if function is np.concatenate:
        return step.function is not function and all(type(x) is Step for x in step.arguments)
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
    found = [_example(x, values) for x in step.arguments]
    return all(isinstance(x, np.ndarray | np.generic | int | float) for x in found)


def _is_plain_product(step: Step, values: Sequence[Any]) -> bool:
    found = [_example(x, values) for x in step.arguments]
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
    if function is astype:
        return [f"{out}[...] = {arguments[0]}"]
    if function is np.concatenate:
        axis = step.keywords.get("axis", 0)
        return [f"{names.function(np.concatenate)}(({', '.join(arguments)},), {axis}, {out})"]
    if function is scatter:
        index = step.arguments[1]
        part = names.part(out, index)
        place = f"{part}[...]" if part else f"{out}[{names.index(index)}]"
        put = f"{place} = {arguments[0]}"
        return [put] if zeroed else [f"{out}.fill(0)", put]
    if function is np.dot:
        return [f"{arguments[0]}.dot({arguments[1]}, {out})"]
    reduced = _reduced(step, values)
    if reduced:
        ufunc, divisor = reduced
        axis, kept = names.text(step.keywords.get("axis")), bool(step.keywords.get("keepdims"))
        lines = [f"{names.reduction(ufunc)}({arguments[0]}, {axis}, None, {out}, {kept})"]
        divide = f"{names.function(np.divide)}({out}, {divisor}, {out})"
        return [*lines, divide] if divisor else lines
    return [f"{names.function(np.square)}({arguments[0]}, {out})"]


def ufunc_of(step: Step) -> Any:
    """The ufunc that computes a step into an array, if one does that alone."""
    function = function_of(step)
    ufunc = getattr(function, "func", function)
    # A power that is computed so is a square.
    return ufunc if isinstance(ufunc, np.ufunc) and function is not np.power else None


def entry_by_entry(
    step: Step, ufunc: Any, values: Sequence[Any], names: Names, shape: Any = None
) -> str:
    """The call of a ufunc, with `{}` in place of steps, and `{out}` for the array.

    The array has a shape that is given, or that of the step's value.
    """
    given: Sequence[Any] = step.arguments
    dtype = step.keywords.get("dtype")
    alike = dtype is None or all(type(x) is Step and values[x.number].dtype == dtype for x in given)
    keywords = [] if alike else [f"dtype={names.text(dtype)}"]
    if ufunc is function_of(step) and takes_doubles(ufunc):
        given = in_one_dtype(step, values)
    value = values[step.number]
    if ufunc in OUT_BY_NAME and value.size <= REPEATED and value.flags.c_contiguous:
        given = [x if type(x) is Step else names.repeated(x, shape or value.shape) for x in given]
    texts = ["{}" if type(x) is Step else names.text(x) for x in given]
    place = "out={out}" if ufunc in OUT_BY_NAME else "{out}"
    return f"{names.function(ufunc)}({', '.join([*texts, place, *keywords])})"


@functools.cache
def takes_doubles(ufunc: Any) -> bool:
    """Whether all its arguments may be of one floating dtype."""
    return any(types.startswith("d" * ufunc.nin + "->") for types in ufunc.types)


def in_one_dtype(step: Step, values: Sequence[Any]) -> Sequence[Any]:
    """The arguments of a ufunc, Python's numbers in the dtype of its arrays of floats.

    So NumPy makes of them what it computes with, but each time. Those of products keep their axes.
    """
    arrays = [values[x.number] for x in step.arguments if type(x) is Step]
    if len(arrays) == len(step.arguments) or function_of(step).signature is not None:
        return step.arguments
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) > 1 or not dtypes.issubset(FLOATS):
        return step.arguments
    (dtype,) = dtypes
    shape = values[step.number].shape
    if all(array.shape != shape for array in arrays):
        return step.arguments
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
    if adding.operation.function is operator.getitem and gives_view(given[2]):
        part = names.part(out, given[2])
        if part:
            return f"{names.function(np.add)}({part}, {names.text(g)}, {part})"
        return f"{out}[{names.index(given[2])}] += {names.text(g)}"  # which a number is, too
    arguments = [out, *map(names.text, step.arguments[1:])]
    arguments += [f"{name}={names.text(x)}" for name, x in step.keywords.items()]
    in_place = names.bind(adding.in_place, "add_to", f"TABLE[...].add_to  # {adding.__name__}")
    return f"{in_place}({', '.join(arguments)})"
