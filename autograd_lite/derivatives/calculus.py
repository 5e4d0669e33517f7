"""What grids, and differences, integrals and interpolation on them, are made of."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite.derivatives.reductions import axes_of
from autograd_lite.derivatives.shaping import along, as_operand, astype, in_floats_of_all, on_axis
from autograd_lite.node import Array
from autograd_lite.precision import as_floats
from autograd_lite.table import composed


@composed(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Numbers at equal distances along a new axis, and their distance if it is asked for."""
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = np.broadcast_arrays(*in_floats_of_all(start, stop))
    intervals = num - 1 if endpoint else num
    step = (stop - start) / intervals if intervals > 0 else np.full_like(start, np.nan)
    counts = np.arange(num, dtype=start.dtype).reshape(-1, *[1] * start.ndim)
    numbers = counts * (step if intervals > 0 else stop - start) + start
    if endpoint and num > 1:
        numbers = np.concatenate([numbers[:-1], np.expand_dims(stop, 0)])
    if dtype is not None:
        numbers = astype(numbers, np.dtype(dtype))
    numbers = np.moveaxis(numbers, 0, axis)
    return (numbers, step) if retstep else numbers


@composed(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Powers of a base, of exponents at equal distances."""
    if np.ndim(base):
        base = as_operand(base)
        start = np.broadcast_to(start, np.broadcast_shapes(np.shape(start), base.shape))
        base = np.expand_dims(base, axis)
    powers = np.power(base, np.linspace(start, stop, num, endpoint=endpoint, axis=axis))
    return powers if dtype is None else astype(powers, np.dtype(dtype))


@composed(np.geomspace)
def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Numbers of equal ratios; both ends are of one sign."""
    start, stop = np.broadcast_arrays(*in_floats_of_all(start, stop))
    if np.any(start * stop <= 0):
        raise ValueError("both ends of a geometric sequence have one sign, and neither is 0")
    sign = np.where(start < 0, -1, 1)
    exponents = np.linspace(np.log10(sign * start), np.log10(sign * stop), num, endpoint=endpoint)
    inner = sign * np.power(10.0, exponents)
    ends = [np.expand_dims(x, 0) for x in (start, stop)]
    last = ends[1:] if endpoint and num > 1 else []
    inner = inner[1 : len(inner) - len(last)]
    numbers = np.concatenate([*ends[: min(num, 1)], inner, *last])
    if dtype is not None:
        numbers = astype(numbers, np.dtype(dtype))
    return np.moveaxis(numbers, 0, axis)


@composed(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Each vector along an axis of its own, broadcast with the others unless it is sparse."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    vectors = tuple(on_axis(as_operand(x), axis, len(xi)) for x, axis in zip(xi, order))
    return vectors if sparse else np.broadcast_arrays(*vectors)


@composed(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """Powers of the entries of a vector, as columns."""
    x = as_operand(x)
    x = astype(x, np.promote_types(x.dtype, int))
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    if N is not None and N < 0:
        raise ValueError(f"the number of columns is 0 or more, not {N}")
    powers = [np.ones_like(x)]
    for _ in range(1, len(x) if N is None else N):
        powers.append(powers[-1] * x)
    powers = powers[:N]
    if not powers:
        return np.empty((len(x), 0))
    return np.stack(powers if increasing else powers[::-1], axis=-1)


def _steps(x: Array, axis: int) -> Array:
    """Each entry minus the one before it."""
    return along(x, axis, slice(1, None)) - along(x, axis, slice(-1))


@composed(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """Differences of neighbours, n times."""
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    a = as_operand(a)
    border = np.shape(along(a, axis, slice(1)))
    parts = [
        part if part is a or np.ndim(part) else np.broadcast_to(part, border)
        for part in (prepend, a, append)
        if part is not None
    ]
    a = np.concatenate(parts, axis) if len(parts) > 1 else a
    for _ in range(n):
        a = _steps(a, axis)
    return a


@composed(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    """Differences of neighbours of all entries, between others."""
    entries = np.ravel(as_operand(ary))
    parts = [np.ravel(as_operand(x)) for x in (to_begin, to_end) if x is not None]
    parts = [astype(part, entries.dtype) for part in parts]
    parts.insert(0 if to_begin is None else 1, _steps(entries, 0))
    return np.concatenate(parts)


@composed(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """The sum of the means of neighbours times their distances."""
    y = as_operand(y)
    if x is not None:
        x = as_operand(x)
        dx = on_axis(_steps(x, 0), axis, y.ndim) if x.ndim == 1 else _steps(x, axis)
    pairs = along(y, axis, slice(1, None)) + along(y, axis, slice(-1))
    return (dx * pairs / 2.0).sum(axis)


@composed(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Differences of second order inside, of first or second order at the ends."""
    f = as_operand(f)
    f = f if f.dtype.kind == "f" else f.astype(float)
    axes = axes_of(f, axis)
    given = varargs or (1.0,)
    spacings = tuple(h if type(h) in (int, float) else as_floats(as_operand(h)) for h in given)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    slopes = tuple(_slope(f, h, i, edge_order).astype(f.dtype) for h, i in zip(spacings, axes))
    return slopes[0] if len(axes) == 1 else slopes


def _slope(f: Array, spacing: Any, axis: int, edge_order: int) -> Array:
    """The derivative of values along an axis, given their distance or their coordinates."""
    f = np.moveaxis(f, axis, 0)
    if len(f) <= edge_order:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, "
            "at least (edge_order + 1) elements are required."
        )
    uniform = np.ndim(spacing) == 0
    if not uniform and np.shape(spacing) != (len(f),):
        raise ValueError("distances must be scalars, or 1d of the length of their dimension")
    steps = spacing * np.ones_like(f[1:]) if uniform else on_axis(_steps(spacing, 0), 0, f.ndim)
    left, right = steps[:-1], steps[1:]
    inside = (f[2:] - f[:-2]) / (2 * spacing) if uniform else _parabola(f, left, right, left)
    if edge_order == 1:
        first, last = (f[1:2] - f[:1]) / steps[:1], (f[-1:] - f[-2:-1]) / steps[-1:]
    else:
        first = _parabola(f[:3], left[:1], right[:1], 0)
        last = _parabola(f[-3:], left[-1:], right[-1:], left[-1:] + right[-1:])
    return np.moveaxis(np.concatenate([first, inside, last]), 0, axis)


def _parabola(f: Array, left: Array, right: Array, t: Any) -> Array:
    """The derivative at t of the parabola through neighbours at 0, left and left + right.

    That of its Lagrange form, https://en.wikipedia.org/wiki/Lagrange_polynomial.
    """
    both = left + right
    return (
        f[:-2] * ((2 * t - left - both) / (left * both))
        - f[1:-1] * ((2 * t - both) / (left * right))
        + f[2:] * ((2 * t - left) / (both * right))
    )


@composed(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    """The line between the two points around x; beyond the points a constant. In float64."""
    x, xp, fp = (astype(as_operand(array), np.dtype(float)) for array in (x, xp, fp))
    if not (xp.ndim == 1 and xp.shape == fp.shape and xp.size):
        raise ValueError(f"the points are vectors of one length, not {xp.shape} and {fp.shape}")
    if period == 0:
        raise ValueError("period must be a non-zero value")
    if period is not None:
        period = abs(period)
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    below, above = x < xp[0], x > xp[-1]
    left, right = fp[0] if left is None else left, fp[-1] if right is None else right
    line = fp[0]
    if len(xp) > 1:
        i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)
        width = xp[i + 1] - xp[i]
        slope = (fp[i + 1] - fp[i]) / (width + (width == 0))
        # A knot beside one that is not finite keeps its own value.
        lost = ~np.isfinite(slope)
        last = lost & (x == xp[i + 1])
        slope = np.where(lost & ((x == xp[i]) | last), 0.0, slope)
        # Of two last points at one place, a step, it is the second one there.
        line = np.where((width == 0) | last, fp[i + 1], fp[i] + (x - xp[i]) * slope)
    return np.where(below, left, np.where(above, right, line))
