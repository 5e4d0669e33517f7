"""What a rule gives, made to fit the argument that it is for."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

from autograd_lite.foreign import beside
from autograd_lite.node import Array, Node
from autograd_lite.precision import widened
from autograd_lite.refusals import refused_contribution, refused_kind


def without_nan(contribution: Array, cotangent: Array) -> Array:
    """A contribution, with 0 for NaN where the cotangent is 0: nothing times infinity is nothing.

    Such cotangents come from `np.where`, for the entries that it did not take.
    """
    if np.shape(contribution) != cotangent.shape:
        return contribution
    return np.where((cotangent == 0) & np.isnan(contribution), 0, contribution)[()]


def match(cotangent: Array, value: Array, node: Node) -> Array:
    """A contribution of `node` with the shape and dtype of the argument's value.

    Sums where the argument was broadcast, and broadcasts where the contribution is smaller.
    """
    have, want = getattr(cotangent, "shape", None), value.shape
    if have == want and cotangent.dtype == value.dtype:
        return cotangent
    if isinstance(cotangent, int | float):
        cotangent, have = beside(value.dtype.type(cotangent), value), ()
    if have is None or len(have) > max(len(want), node._array.ndim):
        raise refused_contribution(node, have, want)
    surplus = len(have) - len(want)
    if surplus > 0:
        cotangent = widened(cotangent).sum(axis=0 if surplus == 1 else tuple(range(surplus)))
    if surplus >= 0 and cotangent.shape != want:
        pairs = enumerate(zip(cotangent.shape, want))
        stretched = tuple(axis for axis, (long, short) in pairs if short == 1 != long)
        if stretched:
            cotangent = widened(cotangent).sum(axis=stretched, keepdims=True)
    if cotangent.shape != want:
        if cotangent.shape != have:
            raise refused_contribution(node, have, want)
        try:
            cotangent = spread(cotangent, want)
        except ValueError as error:
            raise refused_contribution(node, have, want) from error
    if cotangent.dtype == value.dtype:
        return cotangent
    if cotangent.dtype.kind not in "fiub":  # of complex numbers half would be left out
        raise refused_kind(node, cotangent.dtype)
    return cotangent.astype(value.dtype)


MANY = 4096


def spread(x: Array, shape: tuple[int, ...]) -> Array:
    """`np.broadcast_to`, of a number in a fraction of the time, and without a view of it.

    >>> spread(np.float64(1.0), (2,))
    array([1., 1.])
    """
    if isinstance(x, np.floating):
        if math.prod(shape) > MANY:  # which take memory
            return ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
        filled = ndarray(shape, x.dtype)
        filled.fill(x)
        return filled
    return np.broadcast_to(x, shape)
