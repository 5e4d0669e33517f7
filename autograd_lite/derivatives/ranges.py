"""What the functions that make ranges and grids are made of, where their ends are tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import as_operand, astype, in_floats_of_all
from autograd_lite.node import Array
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
    step = (stop - start) / intervals if intervals else np.full_like(start, np.nan)
    counts = np.arange(num, dtype=start.dtype).reshape(-1, *[1] * start.ndim)
    numbers = counts * (step if intervals else stop - start) + start
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
    vectors = tuple(
        np.reshape(as_operand(x), [-1 if i == axis else 1 for i in range(len(xi))])
        for x, axis in zip(xi, order)
    )
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
