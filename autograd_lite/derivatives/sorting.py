"""Derivatives of the functions that sort. Entries that tie share their cotangents equally."""

from __future__ import annotations

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.foreign import beside
from autograd_lite.node import Array
from autograd_lite.table import define, without_derivative


def _shared(g: Array, ordered: Array) -> Array:
    """g averaged, along the last axis, over each run of equal entries of an ordered array."""
    first = beside(np.full(ordered.shape, True), ordered)
    first[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    if first.all():
        return g
    run = np.cumsum(first) - 1
    sums = scatter(g.reshape(-1), run, (int(run[-1]) + 1,))
    return (sums / np.bincount(run))[run].reshape(g.shape)


def _rearranged(g: Array, y: Array, a: Array, axis: int | None) -> Array:
    """The cotangent of an argument of which the output has the same entries in another order."""
    if axis is None:
        return _rearranged(g, y, a.reshape(-1), 0).reshape(a.shape)
    g, y, x = (np.moveaxis(array, axis, -1) for array in (g, y, a))
    order = np.argsort(y)
    g, y = np.take_along_axis(g, order, -1), np.take_along_axis(y, order, -1)
    rank = np.argsort(np.argsort(x))
    return np.moveaxis(np.take_along_axis(_shared(g, y), rank, -1), -1, axis)


define(np.sort, lambda g, y, a, axis=-1, *_, **kind: _rearranged(g, y, a, axis))
define(np.partition, lambda g, y, a, kth, axis=-1, *_, **kind: _rearranged(g, y, a, axis))

without_derivative("argpartition digitize isin lexsort searchsorted")
