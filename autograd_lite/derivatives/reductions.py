"""Derivatives of the functions that reduce axes: sum, mean, max, min.

A reduced cotangent is expanded to broadcast with the argument again; ties in max and min share
it equally.
"""

from __future__ import annotations

import numpy as np

from autograd_lite.engine import Array
from autograd_lite.table import define

Axis = int | tuple[int, ...] | None


def expand(reduced: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """The result of reducing an array of some shape, with the reduced axes put back, of length 1.

    >>> import numpy as np
    >>> expand(np.ones(3), (3, 4), axis=1, keepdims=False).shape
    (3, 1)
    """
    if keepdims or axis is None:
        return reduced
    axes = axis if isinstance(axis, tuple) else (axis,)
    kept = [1 if i in axes or i - len(shape) in axes else n for i, n in enumerate(shape)]
    return reduced.reshape(tuple(kept))


def extremum_vjp(g: Array, y: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The cotangent of max and min, shared equally among the entries that tie."""
    chosen = x == expand(y, x.shape, axis, keepdims)
    ties = chosen.sum(axis=axis, keepdims=True, dtype=g.dtype)
    return expand(g, x.shape, axis, keepdims) / ties * chosen


define(
    np.sum,
    lambda g, y, x, axis=None, keepdims=False: expand(g, x.shape, axis, keepdims),
    compute=lambda x, axis=None, keepdims=False: x.sum(axis=axis, keepdims=keepdims),
)
define(
    np.mean,
    lambda g, y, x, axis=None, keepdims=False: expand(
        g * (y.size / max(x.size, 1)), x.shape, axis, keepdims
    ),
    compute=lambda x, axis=None, keepdims=False: x.mean(axis=axis, keepdims=keepdims),
)
for extremum in (np.max, np.min):
    define(
        extremum,
        extremum_vjp,
        compute=lambda x, axis=None, keepdims=False, f=extremum: f(x, axis=axis, keepdims=keepdims),
    )
