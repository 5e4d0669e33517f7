"""Derivatives of the functions that reduce axes: sums, products, extremes, statistics.

A reduced cotangent is expanded to broadcast with the argument again; ties in max, min and median
share it equally. The standard deviation of equal numbers has derivative 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_lite.derivatives.elementwise import curved
from autograd_lite.derivatives.shaping import as_operand, astype
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.precision import in_single, rule_in_single
from autograd_lite.table import composed, define, without_derivative

Axis = int | tuple[int, ...] | None


def expand(reduced: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """The result of reducing an array of some shape, with the reduced axes put back, of length 1.

    >>> expand(np.ones(3), (3, 4), axis=1, keepdims=False).shape
    (3, 1)
    """
    if keepdims or axis is None:
        return reduced
    axes = axis if isinstance(axis, tuple) else (axis,)
    kept = [1 if i in axes or i - len(shape) in axes else n for i, n in enumerate(shape)]
    return reduced.reshape(tuple(kept))


def reduction(function: Any, *options: str) -> Callable[..., Array]:
    """A reduction of NumPy with those of its arguments that the rules know."""

    def compute(a: Array, axis: Axis = None, **known: Any) -> Array:
        for name in known:
            if name not in ("keepdims", *options):
                raise TypeError(f"got an unexpected keyword argument {name!r}")
        return function(a, axis=axis, **known)

    return compute


def axes_of(a: Array, axis: Axis) -> tuple[int, ...]:
    """The axes that are reduced, counted from the first.

    >>> axes_of(np.ones((2, 3)), axis=None)
    (0, 1)
    """
    return normalize_axis_tuple(range(a.ndim) if axis is None else axis, a.ndim)


# Sums

define(
    np.sum,
    lambda g, y, a, axis=None, *, keepdims=False: expand(g, a.shape, axis, keepdims),
    compute=lambda a, axis=None, *, keepdims=False: a.sum(axis=axis, keepdims=keepdims),
    traits=Traits(reduces=True, accumulates=True, linear=(0,)),
)
define(
    np.mean,
    lambda g, y, a, axis=None, *, keepdims=False: expand(
        g * (y.size / max(a.size, 1)), a.shape, axis, keepdims
    ),
    compute=lambda a, axis=None, *, keepdims=False: a.mean(axis=axis, keepdims=keepdims),
    traits=Traits(reduces=True, averages=True, accumulates=True, linear=(0,)),
)
define(
    np.nansum,
    lambda g, y, a, axis=None, *, keepdims=False: np.where(
        np.isnan(a), 0, expand(g, a.shape, axis, keepdims)
    ),
    compute=reduction(np.nansum),
    traits=Traits(reduces=True, accumulates=True, selects=True),
)


@composed(np.nanmean)
@in_single
def nanmean(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """The sum over the count of the numbers."""
    count = (~np.isnan(a)).sum(axis=axis, keepdims=keepdims, dtype=a.dtype.type)
    return np.nansum(a, axis, keepdims=keepdims) / count


@composed(np.average)
def average(
    a: Any,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """The weighted sum over the sum of the weights, and the latter if it is asked for."""
    a = as_operand(a)
    if weights is None:
        scale: Any = np.array(math.prod(a.shape[i] for i in axes_of(a, axis)))
        result = np.mean(a, axis, keepdims=keepdims)
    else:
        weights = _spread_weights(as_operand(weights), a, axis)
        floats = [] if a.dtype.kind == "f" else [float]
        dtype = np.result_type(a.dtype, weights.dtype, *floats)
        both = [x if x.dtype == dtype else astype(x, dtype) for x in (a, weights)]
        result, scale = _weighted_mean(*both, axis, keepdims)
    if not returned:
        return result
    return result, np.broadcast_to(astype(scale, result.dtype), result.shape)


@in_single
def _weighted_mean(a: Array, weights: Array, axis: Axis, keepdims: bool) -> tuple[Array, Array]:
    """It, and the sum of the weights, which are of the dtype of what they weigh."""
    scale = np.sum(weights, axis, keepdims=keepdims)
    if np.any(scale == 0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    return np.sum(a * weights, axis, keepdims=keepdims) / scale, scale


def _spread_weights(weights: Array, a: Array, axis: Axis) -> Array:
    """Weights of the entries along some axes of `a`, in a shape that broadcasts with it."""
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = axes_of(a, axis)
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis")
    shape = tuple(n if i in axes else 1 for i, n in enumerate(a.shape))
    return np.transpose(weights, np.argsort(axes)).reshape(shape)


# Products


def _before(x: Array, axis: int) -> Array:
    """For each entry the product of those before it along an axis."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(np.cumprod(np.concatenate([np.ones_like(x[:1]), x[:-1]]), 0), 0, axis)


def _others(x: Array, axis: Axis) -> Array:
    """For each entry the product of the others that it is reduced with, zeros or not."""
    others = 1
    for i in axes_of(x, axis):
        others = others * _before(x, i) * np.flip(_before(np.flip(x, i), i), i)
        x = np.prod(x, i, keepdims=True)
    return others


def _prod_vjp(g: Array, y: Array, a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    g, y = expand(g, a.shape, axis, keepdims), expand(y, a.shape, axis, keepdims)
    return g * (_others(a, axis) if np.any(a == 0) else y / a)


define(np.prod, _prod_vjp, compute=reduction(np.prod), traits=Traits(reduces=True))


def _backwards(function: Any, x: Array, axis: int) -> Array:
    """A function along an axis, from its end."""
    return np.flip(function(np.flip(x, axis), axis), axis)


define(
    np.cumsum,
    lambda g, y, a, axis=None: _backwards(np.cumsum, g, axis or 0).reshape(a.shape),
    compute=lambda a, axis=None: np.cumsum(a, axis),
    traits=Traits(accumulates=True, linear=(0,)),
)


def _cumprod_vjp(g: Array, y: Array, a: Array, axis: int | None = None) -> Array:
    if axis is None or a.ndim == 0:
        return _cumprod_vjp(g, y, a.reshape(-1), 0).reshape(a.shape)
    if not np.any(a == 0):
        return _backwards(np.cumsum, g * y, axis) / a
    # Horner's scheme for what the products after each entry make of it, which needs no division.
    total, totals = 0, []
    for g_row, a_row in zip(np.moveaxis(g, axis, 0)[::-1], np.moveaxis(a, axis, 0)[::-1]):
        totals.append(g_row + total)
        total = totals[-1] * a_row
    return _before(a, axis) * np.stack(totals[::-1], axis)


define(np.cumprod, _cumprod_vjp, compute=lambda a, axis=None: np.cumprod(a, axis))


# Extremes


def extremum_vjp(
    g: Array, y: Array, a: Array, axis: Axis = None, *, keepdims: bool = False
) -> Array:
    """The cotangent of max and min, shared equally among the entries that tie."""
    # A maximum that is NaN was chosen for the NaN among the entries.
    chosen = (a == expand(y, a.shape, axis, keepdims)) | np.isnan(a)
    ties = chosen.sum(axis=axis, keepdims=True, dtype=g.dtype)
    return expand(g, a.shape, axis, keepdims) / ties * chosen


for extremum in (np.max, np.amax, np.min, np.amin):
    define(
        extremum,
        rule_in_single(extremum_vjp),  # which counts ties
        compute=reduction(extremum),
        traits=Traits(reduces=True, extremum=True),
    )


@composed(np.ptp)
def ptp(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Maximum minus minimum."""
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


# Statistics


def _var_vjp(
    g: Array,
    y: Array,
    a: Array,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    ddof: float = 0,
    correction: float | None = None,
) -> Array:
    degrees = a.size / max(y.size, 1) - (ddof if correction is None else correction)
    deviation = a - np.mean(a, axis, keepdims=True)
    return expand(g, a.shape, axis, keepdims) * 2 * deviation / max(degrees, 0)


define(
    np.var,
    _var_vjp,
    compute=reduction(np.var, "ddof", "correction"),
    traits=Traits(reduces=True, accumulates=True),
)
define(
    np.std,
    lambda g, y, a, *axis, **how: _var_vjp(
        curved(g / (2 * (y + (y == 0))), g, y, 0.5), y, a, *axis, **how
    ),
    compute=reduction(np.std, "ddof", "correction"),
    traits=Traits(reduces=True, accumulates=True),
)


def sorted_rows(a: Array, axes: tuple[int, ...]) -> Array:
    """The entries along some axes in one, the last, and sorted.

    >>> sorted_rows(np.array([[1.0, 4.0], [3.0, 2.0]]), (0,))
    array([[1., 3.],
           [2., 4.]])
    """
    rows = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    n = math.prod(a.shape[i] for i in axes)
    return np.sort(rows.reshape((*rows.shape[: a.ndim - len(axes)], n)))


@composed(np.median)
def median(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """The mean of the one or two entries in the middle of the sorted ones."""
    axes = axes_of(a, axis)
    rows = sorted_rows(a, axes)
    n = rows.shape[-1]
    middle = rows[..., (n - 1) // 2 : n // 2 + 1].mean(axis=-1)
    if np.isnan(rows[..., -1:]).any():
        middle = np.where(np.isnan(rows[..., -1]), rows[..., -1], middle)
    return np.expand_dims(middle, axes) if keepdims else middle


without_derivative("all any nanargmax nanargmin")
