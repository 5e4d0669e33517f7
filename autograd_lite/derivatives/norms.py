"""Derivatives of norms of any order; what condition numbers and systems of equations are made of.

All norms are made of the p-norm, which is the Frobenius norm for p = 2, of sums and extrema of
absolute values, and of singular values. At 0 the derivative of a norm is taken to be 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.derivatives.elementwise import curved
from autograd_lite.derivatives.reductions import Axis, axes_of, expand
from autograd_lite.derivatives.shaping import as_operand, in_floats_of_all
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


def _solution_vjp_a(g: Array, y: Array, a: Array, b: Array, rcond: float) -> Array:
    """For a rank that stays; that of the pseudoinverse times b."""
    if b.ndim == 1:
        g, y, b = g[:, None], y[:, None], b[:, None]
    inverse = np.linalg.pinv(a)
    moved = inverse.T @ g
    residual, rest = b - a @ y, g - inverse @ (a @ g)
    return residual @ (inverse @ moved).T - moved @ y.T + (inverse.T @ y) @ rest.T


@differentiable(_solution_vjp_a, lambda g, y, a, b, rcond: np.dot(np.linalg.pinv(a).T, g))
def nearest_solution(a: Array, b: Array, rcond: float) -> Array:
    """The x of least |x| for which |a @ x - b| is least.

    >>> nearest_solution(np.array([[1.0], [1.0]]), np.array([1.0, 3.0]), 1e-15).round(9)
    array([2.])
    """
    return np.linalg.lstsq(a, b, rcond)[0]


@composed(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The nearest solution, its residuals, the rank, and the singular values."""
    a, b = in_floats_of_all(a, b)
    if a.ndim != 2 or b.ndim not in (1, 2) or len(a) != len(b):
        raise ValueError("the first is a matrix, the second a vector or matrix of as many rows")
    rows, columns = a.shape
    s = np.linalg.svdvals(a)
    rcond = np.finfo(a.dtype).eps * max(rows, columns) if rcond is None else rcond
    rank = int((s > rcond * np.max(s)).sum()) if s.size else 0
    if rank < min(rows, columns):
        raise ValueError(
            f"the matrix has rank {rank}, at which the solution has no derivative",
            "Leave out columns that depend on others, or add a small multiple of the identity to "
            "the normal equations",
        )
    x = nearest_solution(a, b, rcond)
    residuals = np.sum(np.square(b - a @ x), axis=0)
    residuals = np.reshape(residuals, -1) if rows > columns else np.empty(0, a.dtype)
    return x, residuals, rank, s


@composed(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Array:
    """The largest singular value over the smallest, or the norm times that of the inverse."""
    x = as_operand(x)
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        above, below = (s[..., i] for i in ((-1, 0) if p == -2 else (0, -1)))
        with np.errstate(divide="ignore"):  # also for zeros alone, as in NumPy
            return np.where((above == 0) & (below == 0), 1, above) / below
    norms = [np.linalg.norm(matrix, p, axis=(-2, -1)) for matrix in (x, np.linalg.inv(x))]
    return norms[0] * norms[1]


@composed(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Array:
    """The system of equations of the array with some of its axes as one."""
    a, b = as_operand(a), as_operand(b)
    if axes is not None:
        kept = [i for i in range(a.ndim) if i not in [axis % a.ndim for axis in axes]]
        a = np.transpose(a, [*kept, *[axis % a.ndim for axis in axes]])
    shape = a.shape[b.ndim :]
    if math.prod(shape) != b.size:
        raise ValueError("the axes of a after those of b have as many entries as b")
    return np.reshape(np.linalg.solve(np.reshape(a, (b.size, b.size)), np.ravel(b)), shape)


@composed(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Array:
    """The inverse of the array with its first axes as one, and the others."""
    a = as_operand(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    inverse = np.linalg.inv(np.reshape(a, (math.prod(a.shape[:ind]), -1)))
    return np.reshape(inverse, (*a.shape[ind:], *a.shape[:ind]))
