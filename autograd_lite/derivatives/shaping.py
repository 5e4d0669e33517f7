"""Derivatives of the functions that move entries: reshape, index, join, choose."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite.engine import Array
from autograd_lite.table import define, differentiable

define(
    np.reshape,
    lambda g, y, x, shape: g.reshape(x.shape),
    compute=lambda x, shape: x.reshape(shape),
)
define(
    np.transpose,
    lambda g, y, x, axes=None: g.transpose(
        None if axes is None else tuple(np.argsort(np.mod(axes, x.ndim)).tolist())
    ),
)
define(np.swapaxes, lambda g, y, x, axis1, axis2: g.swapaxes(axis1, axis2))
define(np.broadcast_to, lambda g, y, x, shape: g)
define(np.copy, lambda g, y, x: g, compute=lambda x: x.copy())
define(
    np.where,
    None,
    lambda g, y, condition, a, b: np.where(condition, g, 0),
    lambda g, y, condition, a, b: np.where(condition, 0, g),
    compute=lambda condition, a, b: np.where(condition, a, b),
    selects=True,
)


@differentiable(lambda g, y, x, dtype: g)
def astype(x: Array, dtype: Any) -> Array:
    """Copy of x with another dtype."""
    return x.astype(dtype)


def _repeats(index: Any) -> bool:
    """Whether an index could name an entry twice: only integer arrays and lists can."""
    parts = index if isinstance(index, tuple) else (index,)
    basic = (int, np.integer, slice, type(None), type(Ellipsis))
    return any(not isinstance(part, basic) and np.asarray(part).dtype != bool for part in parts)


@differentiable(lambda g, y, x, index, shape: g[index])
def scatter(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, with x added at an index: the transpose of indexing."""
    result = np.zeros_like(x, shape=shape)
    if _repeats(index):
        np.add.at(result, index, x)
    else:
        result[index] = x
    return result


define(operator.getitem, lambda g, y, x, index: scatter(g, index, x.shape))


def _part(i: int, g: Array, y: Array, *arrays: Array, axis: int | None = 0) -> Array:
    """The part of a concatenation's cotangent that belongs to array i."""
    if axis is None:
        start = sum(array.size for array in arrays[:i])
        return g[start : start + arrays[i].size].reshape(arrays[i].shape)
    start = sum(array.shape[axis] for array in arrays[:i])
    part = slice(start, start + arrays[i].shape[axis])
    return g[(slice(None),) * (axis % y.ndim) + (part,)]


define(
    np.concatenate,
    _part,
    compute=lambda *arrays, axis=0: np.concatenate(arrays, axis=axis),
    sequence=True,
)
define(
    np.stack,
    lambda i, g, y, *arrays, axis=0: g[(slice(None),) * (axis % y.ndim) + (i,)],
    compute=lambda *arrays, axis=0: np.stack(arrays, axis=axis),
    sequence=True,
)
