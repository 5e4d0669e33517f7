"""Derivatives of the norms of vectors and matrices, of any order.

All are made of the p-norm, which is the Frobenius norm for p = 2, of sums and extrema of absolute
values, and of singular values. At 0 the derivative of a norm is taken to be 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.even import curved
from autograd_lite.derivatives.reductions import Axis, axes_of, expand
from autograd_lite.derivatives.shaping import as_operand
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.table import composed, differentiable


def _p_norm_vjp(
    g: Array, y: Array, x: Array, p: float = 2, axis: Axis = None, keepdims: bool = False
) -> Array:
    """sign(x) |x/y|^(p-1), and 0 where the norm or the entry is 0.

    Below p = 2 its slope at an entry of 0 is infinite, as that of the cube root is.
    One of negative order is 0 where any entry is; along that it has a kink, as |x| has.
    """
    cotangent, norm = g, y
    g, y = (expand(reduced, x.shape, axis, keepdims) for reduced in (g, y))
    ratio = x / (y + (y == 0))
    if p == 2:
        return curved(g * ratio, cotangent, norm, x, lambda z: expand(z, x.shape, axis, keepdims))
    powers = np.sign(ratio) * (np.absolute(ratio) + (ratio == 0)) ** (p - 1)
    if 1 < p < 2:
        powers = np.where(ratio == 0, np.cbrt(x), powers)
    return g * (y != 0) * powers


@differentiable(_p_norm_vjp, traits=Traits(reduces=True, accumulates=True))
def p_norm(x: Array, p: float = 2, axis: Axis = None, keepdims: bool = False) -> Array:
    """(sum |x|^p)^(1/p) over axes.

    >>> float(p_norm(np.array([3.0, -4.0])))
    5.0
    """
    if p == 2:
        return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))
    return (np.abs(x) ** p).sum(axis=axis, keepdims=keepdims) ** (1 / p)


def _largest(sizes: Array, axis: Axis, keepdims: bool = False) -> Array:
    """The largest; of none it is 0, as their sum is."""
    return (np.max if sizes.size else np.sum)(sizes, axis=axis, keepdims=keepdims)


@composed(np.linalg.vector_norm)
def _vector_norm(
    x: Array,
    *,
    axis: Axis = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Array:
    if isinstance(ord, str):
        raise TypeError(f"vectors have none of order {ord!r}", "Give a number, np.inf or -np.inf")
    if ord == np.inf:
        return _largest(np.absolute(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.absolute(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.not_equal(x, 0), axis=axis, keepdims=keepdims, dtype=x.dtype.type)
    # A number of NumPy's would count with its precision.
    order = ord.item() if isinstance(ord, np.generic) else ord
    return p_norm(as_operand(x), order, axis=axis, keepdims=keepdims)


@composed(np.linalg.matrix_norm)
def _matrix_norm(x: Array, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    extremum = np.min if ord in (-1, -2, -np.inf) else _largest
    if ord in (None, "fro", "f"):
        return p_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in (1, -1):
        largest = extremum(np.sum(np.absolute(x), axis=-2), axis=-1)
    elif ord in (np.inf, -np.inf):
        largest = extremum(np.sum(np.absolute(x), axis=-1), axis=-1)
    elif ord in (2, -2):
        largest = extremum(np.linalg.svdvals(x), axis=-1)
    elif ord == "nuc":
        largest = np.sum(np.linalg.svdvals(x), axis=-1)
    else:
        raise TypeError(
            f"there is none of order {ord!r}",
            "Give None, 1, -1, 2, -2, np.inf, -np.inf, 'fro' or 'nuc'",
        )
    return largest[..., None, None] if keepdims else largest


@composed(np.linalg.norm)
def _norm(
    x: Array,
    ord: Any = None,
    axis: Axis = None,
    keepdims: bool = False,
) -> Array:
    x = as_operand(x)
    axes = axes_of(x, axis)
    if axis is None and ord is None:
        return p_norm(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        order = 2 if ord is None else ord
        return np.linalg.vector_norm(x, axis=axes[0], keepdims=keepdims, ord=order)
    if len(axes) == 2:
        norm = np.linalg.matrix_norm(np.moveaxis(x, axes, (-2, -1)), keepdims=keepdims, ord=ord)
        return np.moveaxis(norm, (-2, -1), axes) if keepdims else norm
    raise ValueError(
        "vectors have one axis, matrices two",
        "Name one axis or two, or leave out ord and axis for all entries",
    )
