"""Check derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.arguments import (
    COUNT,
    POSITIVE,
    Range,
    as_array,
    require,
    require_function,
)
from autograd_lite.errors import GradientCheckError, UnsupportedError, describe_one
from autograd_lite.foreign import require_here
from autograd_lite.modes import no_grad
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import slope, value_and_grad
from autograd_lite.trees import leaves_of

STEPS = (1e-5, 1e-6, 1e-7)
"""Relative steps of the differences; the smaller ones stay clear of kinks close by."""
ORDER = Range(lambda x: COUNT.holds(x) and x <= 10, "a whole number, 1 to 10")
"""Each order takes several times as long as the one before."""


@explains_keywords
def gradcheck(
    f: Callable[..., Any], inputs: Any, *, order: int = 1, tolerance: float = 1e-5
) -> bool:
    """Check the derivatives of f, up to a given order, against central differences.

    The output is projected onto a random direction. At a kink, where the differences to the left
    and to the right disagree however small the step is, any slope between the two is right.

    Args:
        f: takes tensors and returns one, or several in lists, tuples and dicts.
        inputs: an array, or a list or tuple of the arrays that f takes; f is computed in float64.
        order: 1, or 2 for second derivatives as well.
        tolerance: allowed error, relative to the derivative; or to 1 where that is larger, or to
            the largest number that f gives, if that is small. Rounding is allowed for besides: of
            small results, that of numbers as large as the inputs.

    Returns:
        True.

    Raises:
        UnsupportedError: f is not a function, is given or returns something other than numbers, or
            returns other numbers each time.
        ArgumentError: the order or the tolerance is out of its range.
        GradientCheckError: a derivative is wrong; the error has the worst entry, both values, and
            their difference.

    >>> gradcheck(np.tanh, np.array([0.5, -1.0]), order=2)
    True
    """
    arrays = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [_in_float64(array) for array in arrays]
    if not arrays:
        raise UnsupportedError(
            "gradcheck with no inputs", "there is nothing to check", "Give what f is to take"
        )
    require("gradcheck", "order", order, ORDER)
    require("gradcheck", "tolerance", tolerance, POSITIVE)
    require_function(f, "gradcheck of", "Give a function of tensors")
    attempted = f"gradcheck of {getattr(f, '__name__', f)}"
    result = _computed(f, arrays, attempted)
    again = _computed(f, arrays, attempted)
    if [*map(np.shape, again)] != [*map(np.shape, result)] or not all(
        np.allclose(b, a, rtol=1e-9, atol=0, equal_nan=True) for a, b in zip(result, again)
    ):
        raise UnsupportedError(
            attempted,
            "it gives other values each time that it is called, as by random numbers",
            "Make them outside of it, or begin with a seed in it; evaluate a model with dropout",
        )
    rng = np.random.default_rng(0)
    scale, given = _scale(result, arrays)
    blur = given / scale if scale < 1 else 0.0
    weights = [rng.uniform(0.5, 1.5, np.shape(part)) / scale for part in result]

    def scalar(*tensors: Any) -> Any:
        return sum((x * w).sum() for x, w in zip(leaves_of(f(*tensors)), weights))

    _check_against_differences(scalar, arrays, blur, "derivative", tolerance)
    for _ in range(1, order):
        scalar = slope(scalar, [rng.uniform(0.5, 1.5, a.shape) for a in arrays])
        _check_against_differences(scalar, arrays, blur, "second derivative", tolerance)
    return True


def _computed(f: Callable[..., Any], arrays: list[Any], attempted: str) -> list[Any]:
    """The arrays that f gives."""
    try:
        result = f(*map(Tensor, arrays))
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next:  # not of the call itself
            raise
        remedy = "Give a list of one array for each argument of f, or one array: np.array([1, 2])"
        raise UnsupportedError(attempted, str(error), remedy) from None
    parts = [*map(plain, leaves_of(result))]
    if not parts or any(np.asarray(part).dtype.kind not in "fiub" for part in parts):
        raise UnsupportedError(
            attempted,
            f"it returned {describe_one(result)}",
            "Return a tensor, or several",
        )
    return parts


def _scale(result: list[Any], arrays: list[Any]) -> tuple[float, float]:
    """The largest number of a result where all are small, but no rounding errors, else 1.

    And the largest that was given, or 1: a small result may be a difference of numbers like that.
    """
    largest = max((np.max(np.abs(part), initial=0) for part in result), default=0)
    given = max((np.max(np.abs(array), initial=1) for array in arrays), default=1)
    return float(largest) if 1e-10 * given < largest < 1 else 1.0, float(given)


def _in_float64(array: Any) -> Any:
    array = plain(array)
    require_here("gradcheck with", array)
    if as_array(array, "gradcheck with").dtype.kind not in "fiub":
        raise UnsupportedError(
            f"gradcheck with {describe_one(array)}", "it is no array of real numbers", "Give one"
        )
    return np.array(array, dtype=np.float64)


def _check_against_differences(
    f: Callable[..., Any], arrays: list[Any], blur: float, what: str, tolerance: float
) -> None:
    """Raise a GradientCheckError where a derivative is wrong.

    Values are as exact as numbers of the size of `blur`, if these are larger.
    """
    with no_grad():
        value, gradients = value_and_grad(f, argnums=tuple(range(len(arrays))))(*arrays)
    here = float(plain(value))
    size = max(abs(here), blur)
    worst: tuple[float, str] = (0.0, "")

    def evaluate() -> float:
        return float(plain(f(*(Tensor(array.copy()) for array in arrays))))

    for position, gradient in enumerate(gradients):
        for index in np.ndindex(arrays[position].shape):
            automatic = float(gradient[index])
            numeric, error = _compared(
                automatic, evaluate, here, size, arrays[position], index, tolerance
            )
            if not error <= max(tolerance, worst[0]):
                worst = (
                    error,
                    f"input {position} at index {index} has {automatic:.9g} by its rule "
                    f"and {numeric:.9g} by differences, a relative error of {error:.2g}",
                )
    if worst[1]:
        raise GradientCheckError(
            f"gradcheck of the {what} in {', '.join(map(describe_one, arrays))}",
            worst[1],
            "Mend the vjp; or move the inputs away from where the function is not defined",
        )


def _compared(
    automatic: float,
    evaluate: Callable[[], float],
    here: float,
    size: float,
    array: Any,
    index: Any,
    tolerance: float,
) -> tuple[float, float]:
    """A numeric derivative in one entry, and how far the automatic one is off.

    Values, such as that `here`, are as exact as numbers of a size.
    Smaller steps are tried where a larger one disagrees. Rounding blurs them more: it excuses what
    is left there only if the smaller step has brought the two together.
    """
    found: list[tuple[float, float]] = []
    jump_before, apart_before = None, np.inf
    for relative_step in STEPS:
        step = relative_step * max(1.0, abs(array[index]))
        below, above = values_beside(evaluate, array, index, step)
        left, right = (here - below) / step, (above - here) / step
        central = (left + right) / 2
        rounding = 4 * np.finfo(float).eps * size / step
        apart = abs(automatic - central)
        excused = rounding if apart < apart_before / 2 else 0.0
        off = max(apart - excused, 0.0) if np.isfinite(central) else np.nan
        error = off / max(1.0, abs(automatic), abs(central))
        jump = abs(right - left)
        if jump_before is not None and jump > jump_before / 2 > 1e-4:
            # The slopes to the two sides do not approach each other: a kink.
            nearest = min(max(automatic, min(left, right)), max(left, right))
            error = min(error, abs(automatic - nearest) / max(1.0, abs(automatic)))
        if error <= tolerance:
            return central, error
        found.append((central, error))
        jump_before, apart_before = jump, apart
    return min(found, key=lambda pair: pair[1])


def values_beside(
    evaluate: Callable[[], float], array: Any, index: Any, step: float
) -> tuple[float, float]:
    """What is computed with an entry of an array a step below, and a step above what it is.

    >>> x = np.array([1.0, 2.0])
    >>> values_beside(lambda: float(x.sum()), x, 1, 0.5)
    (2.5, 3.5)
    >>> x
    array([1., 2.])
    """
    entry = array[index]
    try:
        array[index] = entry - step
        below = evaluate()
        array[index] = entry + step
        return below, evaluate()
    finally:
        array[index] = entry
