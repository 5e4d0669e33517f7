"""What systems of equations, least squares and condition numbers are made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import as_operand, in_floats_of_all
from autograd_lite.node import Array, plain
from autograd_lite.table import composed, differentiable


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
    rank = int((plain(s) > rcond * plain(s).max(initial=0)).sum())
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
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
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
