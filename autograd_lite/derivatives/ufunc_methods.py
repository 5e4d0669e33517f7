"""What the methods of NumPy's ufuncs are made of: reduce, accumulate and outer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.neural import logsumexp
from autograd_lite.derivatives.reductions import Axis, axes_of
from autograd_lite.derivatives.shaping import along, as_operand
from autograd_lite.node import Array
from autograd_lite.table import TABLE, WITHOUT_DERIVATIVE, composed


def _reduce(
    function: Callable[..., Any], array: Any, axis: Axis = 0, *, keepdims: bool = False
) -> Array:
    """A reduction by a function that reduces all axes where it is told none."""
    return function(array, axis=axis, keepdims=keepdims)


def _accumulate(function: Callable[..., Any], array: Any, axis: int = 0) -> Array:
    """The results of a reduction of the first entries along an axis: of one, of two, ..."""
    rows = np.moveaxis(as_operand(array), axis, 0)
    if len(rows) < 2:
        return +array
    totals = [rows[0]]
    for row in rows[1:]:
        totals.append(function(totals[-1], row))
    return np.stack(totals, axis=axis)


def _outer(function: Callable[..., Any], a: Any, b: Any) -> Array:
    """The function of each entry of a with each of b."""
    a, b = as_operand(a), as_operand(b)
    return function(np.reshape(a, (*a.shape, *[1] * b.ndim)), b)


def _difference(array: Any, axis: Axis = 0, keepdims: bool = False) -> Array:
    """The first entry along an axis minus the others."""
    (place,) = axes_of(array, axis)
    first = along(array, place, slice(1))
    return (first - np.sum(along(array, place, slice(1, None)), place, keepdims=True)).sum(
        axis=place, keepdims=keepdims
    )


def _log_of_sum(array: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The logarithm of a sum of exponentials, which of no entries is that of 0, as in NumPy."""
    if all(np.shape(array)[place] for place in axes_of(array, axis)):
        return logsumexp(array, axis=axis, keepdims=keepdims)
    return np.sum(array, axis=axis, keepdims=keepdims) - np.inf


_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.subtract: _difference,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logaddexp: _log_of_sum,
}
for _ufunc, _reduction in _REDUCTIONS.items():
    composed(_ufunc.reduce)(functools.partial(_reduce, _reduction))
    composed(_ufunc.accumulate)(functools.partial(_accumulate, _ufunc))
composed(np.add.accumulate)(lambda array, axis=0: np.cumsum(array, axis))
composed(np.multiply.accumulate)(lambda array, axis=0: np.cumprod(array, axis))

for _function, _row in [*TABLE.items()]:
    if isinstance(_function, np.ufunc) and _function.signature is None and len(_row.vjps) == 2:
        composed(_function.outer)(functools.partial(_outer, _function))
for _function in [*WITHOUT_DERIVATIVE]:
    if isinstance(_function, np.ufunc) and _function.nin == 2:
        WITHOUT_DERIVATIVE.update([_function.outer, _function.reduce, _function.accumulate])
