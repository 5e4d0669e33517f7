"""In which precision functions compute: whole numbers as floats, sums of float16 in float32."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np
from numpy import float64, ndarray

from autograd_lite.foreign import is_on_card

if TYPE_CHECKING:
    from autograd_lite.typing import OfFirst

Parameters = ParamSpec("Parameters")
HALF = np.dtype(np.float16)
HIGHER = frozenset({np.dtype(np.float32), np.dtype(np.float64)})  # by hash: None equals float64


def as_floats(x: Any) -> Any:
    """A number or an array of whole numbers in float64, anything else as it is.

    >>> as_floats(np.array([1, 2], np.uint8))
    array([1., 2.])
    """
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        return np.float64(x) if isinstance(x, int | float) else x
    return x.astype(float) if getattr(dtype, "kind", "f") in "biu" else x


def in_precision_of(y: Any, x: Any) -> Any:
    """An operand in the precision of a result, of which its own may be a lower one.

    So a logarithm in a rule is no worse than the result. Numbers of Python's stay as they are.

    >>> in_precision_of(np.array([1.0]), np.array([2], np.uint8))
    array([2.])
    """
    dtype = getattr(x, "dtype", None)
    return x if dtype is None or dtype == y.dtype else x.astype(y.dtype)


def in_64_bits(number: int) -> float:
    """A whole number of Python's that no dtype of NumPy's holds as a float, others as they are.

    >>> in_64_bits(2**63), in_64_bits(2**64)
    (9223372036854775808, 1.8446744073709552e+19)
    """
    held = -(2**63) <= number < 2**64 or abs(number) > sys.float_info.max
    return number if held else float(number)


def _real(x: Any) -> Any:
    """`as_floats`, of lists too; a TypeError unless it is of real numbers."""
    x = as_floats(np.asarray(x) if isinstance(x, list | tuple) else x)
    if isinstance(x, complex | np.ndarray | np.generic) and np.result_type(x).kind != "f":
        raise TypeError(f"it is of {np.result_type(x)}, and not of real numbers")
    return x


def require_numbers(name: str, value: Any) -> None:
    """Raise a TypeError unless it is a real number, NaN and infinities too, or an array of them."""
    dtype = getattr(value, "dtype", type(value))
    if dtype not in (float, int) and getattr(dtype, "kind", "O") not in "fiub":
        raise TypeError(f"{name} is of {getattr(dtype, '__name__', dtype)}, not of real numbers")


def in_floats(function: Callable[Concatenate[Any, Parameters], Any]) -> OfFirst[Parameters]:
    """A function of what NumPy lacks, that computes with floats where it is given whole numbers.

    Those of eight bits would wrap around in NumPy, or get a result in float16.
    """

    @functools.wraps(function)
    def compute(x: Any, *others: Any, **keywords: Any) -> Any:
        for position, other in enumerate(others, 1):
            known = type(other) is ndarray and other.dtype.kind in "fiub"
            if not known and hasattr(other, "dtype"):
                require_numbers(f"argument {position}", other)
        if type(x) is not float64 and (type(x) is not ndarray or x.dtype.kind != "f"):
            x = _real(x)
        return function(x, *others, **keywords)

    compute.of_floats = function  # type: ignore[attr-defined] # which `Operation` asks for
    return compute  # type: ignore[return-value] # which of the kinds it gives depends on x


def computed_by(implementation: Callable[[Any], Any]) -> Callable[..., Any]:
    """Decorates the definition of a function of x with what computes it faster, or further out.

    The definition is what is printed where the source of the function is asked for, and what
    computes with other arrays than NumPy's and those on a graphics card.
    """

    def decorate(definition: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(definition)
        def compute(x: Any) -> Any:
            array = getattr(x, "_array", x)  # of what stands for an array while it is followed
            own = isinstance(array, np.ndarray | np.generic) or is_on_card(array)
            return implementation(x) if own or not hasattr(array, "dtype") else definition(x)

        return compute

    return decorate


def widened(value: Any) -> Any:
    """An array of float16 in float32, where many entries of it are to be summed."""
    return value.astype(np.float32) if getattr(value, "dtype", None) is HALF else value


def in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that sums many entries: in float32 where its first argument is of float16.

    Sums of float16 overflow at 65504, and numbers beyond that to divide by do not exist. The
    result is of float16 again, unless others are in a higher precision, which is then its own; what
    comes with it for a rule, its residual, stays as it is.

    >>> in_single(lambda x: x.sum() / x.size)(np.ones(70_000, np.float16))
    np.float16(1.0)
    """

    @functools.wraps(function)
    def compute(x: Any, *others: Any, **keywords: Any) -> Any:
        if getattr(x, "dtype", None) is not HALF:
            return function(x, *others, **keywords)
        wide = {name: widened(value) for name, value in keywords.items()}
        result = function(widened(x), *map(widened, others), **wide)
        if any(getattr(other, "dtype", None) in HIGHER for other in (*others, *keywords.values())):
            return result
        if isinstance(result, tuple):
            return (result[0].astype(HALF), *result[1:])
        return result.astype(HALF)

    return compute


def rule_in_single(rule: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """The rule of such a function; the engine gives its result the dtype of the argument."""
    if rule is None:
        return None

    @functools.wraps(rule)
    def vjp(g: Any, y: Any, *given: Any, **keywords: Any) -> Any:
        if getattr(y, "dtype", None) is HALF:
            return rule(*map(widened, (g, y, *given)), **keywords)
        return rule(g, y, *given, **keywords)

    return vjp
