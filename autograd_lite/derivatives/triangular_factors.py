"""Derivatives of the decompositions into triangular factors, those of Cholesky and QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.decompositions import symmetric, times_inverse, transposed
from autograd_lite.errors import GradientError, describe_one
from autograd_lite.modes import condition
from autograd_lite.node import Array, plain
from autograd_lite.table import composed, define, differentiable

QRResult = type(np.linalg.qr(np.eye(1)))  # which has no public name


def _cholesky_vjp(g: Array, y: Array, a: Array, *, upper: bool = False) -> Array:
    if upper:
        g, y = transposed(g), transposed(y)
    inner = transposed(y) @ g
    halved = (np.tril(inner) + np.tril(inner, -1)) / 2
    return symmetric(times_inverse(np.linalg.solve(transposed(y), halved), y))


define(np.linalg.cholesky, _cholesky_vjp)


@condition
def _are_dependent(r: Array) -> Any:
    """Whether columns of q @ r depend on each other."""
    sizes = np.absolute(r)
    pivots = np.diagonal(sizes, axis1=-2, axis2=-1)
    rounding = r.shape[-1] * np.finfo(r.dtype).eps
    # Of each column on its own: their units may differ.
    return np.any(pivots <= rounding * np.max(sizes, axis=-2, initial=0))


def _qr_vjp(inner: Array, q_bar: Array, q: Array, r: Array) -> Array:
    """The cotangent of a = q @ r, for a square r; an error where that is singular.

    By S. F. Walter, L. Lehmann and R. Lamour, "On evaluating higher-order derivatives of the QR
    decomposition of tall matrices with full column rank" (2012). `inner` is r @ r_bar.T -
    q_bar.T @ q, of which the lower triangle counts.
    """
    mirrored = np.tril(inner) + transposed(np.tril(inner, -1))
    if _are_dependent(r):
        raise GradientError(
            f"backward of np.linalg.qr, with R {describe_one(plain(r))}",
            "its columns depend on each other, so that Q is arbitrary and has no derivative",
            "Leave out columns that depend on others, or use np.linalg.pinv",
        )
    return times_inverse(q_bar + q @ mirrored, transposed(r))


@differentiable(lambda g, y, a: _qr_vjp(-transposed(g) @ y, g, y, np.linalg.qr(a, "r")))
def orthonormal_columns(a: Array) -> Array:
    """Q in a = Q R, for matrices with no more columns than rows.

    >>> np.abs(orthonormal_columns(np.array([[3.0], [4.0]])))
    array([[0.6],
           [0.8]])
    """
    return np.linalg.qr(a).Q


def _r_vjp(g: Array, y: Array, a: Array) -> Array:
    n = y.shape[-2]
    q, r, r_bar, rest_bar = orthonormal_columns(a[..., :n]), y[..., :n], g[..., :n], g[..., n:]
    # The columns beyond the square part are q.T @ rest.
    q_bar = a[..., n:] @ transposed(rest_bar)
    a_bar = _qr_vjp(r @ transposed(r_bar) - transposed(q_bar) @ q, q_bar, q, r)
    return np.concatenate([a_bar, q @ rest_bar], axis=-1)


@differentiable(_r_vjp)
def triangular_factor(a: Array) -> Array:
    """R in a = Q R.

    >>> np.abs(triangular_factor(np.array([[3.0], [4.0]])))
    array([[5.]])
    """
    return np.linalg.qr(a, "r")


@composed(np.linalg.qr)
def _qr(a: Array, mode: str = "reduced") -> Any:
    rows, columns = np.shape(a)[-2:]
    if mode == "r":
        return triangular_factor(a)
    if mode != "reduced" and not (mode == "complete" and rows <= columns):
        raise TypeError(
            f"what {mode=} adds to the reduced form is arbitrary, and has no derivative",
            "Write np.linalg.qr(a), whose Q has the columns that are determined",
        )
    return QRResult(orthonormal_columns(a[..., :rows]), triangular_factor(a))
