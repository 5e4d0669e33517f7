"""Derivatives of `np.linalg`: inverses, determinants, eigenvalues and singular values.

The formulas are those of M. B. Giles, "An extended collection of matrix derivative results for
forward and reverse mode algorithmic differentiation" (2008), unless a rule says otherwise. A rule
decomposes its argument again where it needs to, so that it can be differentiated itself.

Matrices that NumPy takes for symmetric, of which it reads one triangle, get a symmetric cotangent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import GradientError, describe
from autograd_lite.modes import condition
from autograd_lite.node import Array
from autograd_lite.table import WITHOUT_DERIVATIVE, composed, define, differentiable

# NumPy's named tuples have no public names.
EighResult = type(np.linalg.eigh(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))


def transposed(x: Array) -> Array:
    """Each matrix of a stack transposed."""
    return np.swapaxes(x, -1, -2)


def symmetric(x: Array) -> Array:
    """The symmetric part of each matrix."""
    return (x + transposed(x)) / 2


def times_inverse(a: Array, b: Array) -> Array:
    """a @ inverse of b."""
    return transposed(np.linalg.solve(transposed(b), transposed(a)))


# Inverses and systems of equations

define(np.linalg.inv, lambda g, y, a: -transposed(y) @ g @ transposed(y))


def _pinv_vjp(g: Array, y: Array, a: Array, *options: Any, **keywords: Any) -> Array:
    """For a rank that stays; Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973)."""
    across = transposed(g) @ y @ transposed(y)
    along = transposed(y) @ y @ transposed(g)
    across, along = across - a @ (y @ across), along - (along @ y) @ a
    return across + along - transposed(y) @ g @ transposed(y)


define(np.linalg.pinv, _pinv_vjp)


def _solve_vjp_a(g: Array, y: Array, a: Array, b: Array) -> Array:
    if b.ndim == 1:
        g, y = g[..., None], y[..., None]
    return -np.linalg.solve(transposed(a), g) @ transposed(y)


def _solve_vjp_b(g: Array, y: Array, a: Array, b: Array) -> Array:
    if b.ndim == 1:
        return np.linalg.solve(transposed(a), g[..., None])[..., 0]
    return np.linalg.solve(transposed(a), g)


define(np.linalg.solve, _solve_vjp_a, _solve_vjp_b)


# Determinants


def _products_of_others(s: Array) -> Array:
    """At row i and column j the product of all but entries i and j; 0 on the diagonal."""
    others = ~np.eye(s.shape[-1], dtype=bool)
    kept = others[:, None] & others
    return np.where(kept, s[..., None, None, :], 1).prod(axis=-1) * others


def _cofactors_vjp(g: Array, y: Array, a: Array) -> Array:
    """That of det(a) times the transposed inverse, or in singular vectors where a is near singular.

    With a = u diag(s) vh the cofactors are those of diag(s), in u and vh, up to their sign.
    """
    u, s, vh = np.linalg.svd(a)
    if np.all(s[..., -1:] > 1e-4 * s[..., :1]) and s.size:
        inner = (g * y).sum(axis=(-1, -2), keepdims=True)
        return (inner * y - y @ transposed(g) @ y) / np.linalg.det(a)[..., None, None]
    products = _products_of_others(s)
    turned = transposed(u) @ g @ transposed(vh)
    diagonal = np.diagonal(turned, axis1=-2, axis2=-1)[..., None, :] * np.eye(s.shape[-1])
    inner = (products @ diagonal).sum(axis=-1)[..., None, :] * np.eye(s.shape[-1])
    sign = np.linalg.det(u @ vh)[..., None, None]
    return sign * (u @ (inner - products * transposed(turned)) @ vh)


@differentiable(_cofactors_vjp)
def cofactors(a: Array) -> Array:
    """The derivative of the determinant, det(a) times the transposed inverse where there is one.

    For singular matrices too.

    >>> cofactors(np.array([[1.0, 2.0], [3.0, 4.0]])).round(9)
    array([[ 4., -3.],
           [-2.,  1.]])
    """
    u, s, vh = np.linalg.svd(a)
    others = np.where(np.eye(a.shape[-1], dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    return (u * (np.linalg.det(u @ vh)[..., None] * others)[..., None, :]) @ vh


define(np.linalg.det, lambda g, y, a: g[..., None, None] * cofactors(a))


@differentiable(lambda g, y, a: 0 * g[..., None, None])
def sign_of_determinant(a: Array) -> Array:
    """The sign of det(a): -1, 0 or 1.

    >>> float(sign_of_determinant(-np.eye(3)))
    -1.0
    """
    return np.linalg.slogdet(a).sign


def _log_of_determinant_vjp(g: Array, y: Array, a: Array) -> Array:
    singular = y == -np.inf
    if np.any(singular & (g != 0)):
        raise GradientError(
            f"backward of np.linalg.slogdet{describe([a])}",
            "a matrix is singular: the logarithm of its determinant is -inf, without a slope",
            "Add a small multiple of the identity, or use np.linalg.det, which has a derivative",
        )
    regular = np.where(singular[..., None, None], np.eye(a.shape[-1]), a)
    return g[..., None, None] * transposed(np.linalg.inv(regular))


@differentiable(_log_of_determinant_vjp)
def log_of_determinant(a: Array) -> Array:
    """log|det(a)|, without overflow.

    >>> float(log_of_determinant(1e-10 * np.eye(40)).round(4))
    -921.034
    """
    return np.linalg.slogdet(a).logabsdet


composed(np.linalg.slogdet)(lambda a: SlogdetResult(sign_of_determinant(a), log_of_determinant(a)))


# Eigenvalues and singular values


def _eigenvalues_vjp(g: Array, y: Array, a: Array, UPLO: Any = "L") -> Array:
    v = np.linalg.eigh(a, UPLO).eigenvectors
    return v * g[..., None, :] @ transposed(v)


define(np.linalg.eigvalsh, _eigenvalues_vjp)


def _reciprocal_gaps_vjp(g: Array, y: Array, values: Array) -> Array:
    moved = g * y * y
    return moved.sum(axis=-1) - moved.sum(axis=-2)


@differentiable(_reciprocal_gaps_vjp)
def reciprocal_gaps(values: Array) -> Array:
    """1 / (value j - value i) at row i and column j; 0 where the two are equal.

    Values that differ by no more than the rounding of the largest are equal.

    >>> reciprocal_gaps(np.array([1.0, 1.0, 3.0]))
    array([[ 0. ,  0. ,  0.5],
           [ 0. ,  0. ,  0.5],
           [-0.5, -0.5,  0. ]])
    """
    differences = values[..., None, :] - values[..., None]
    largest = np.max(np.absolute(values), axis=-1, initial=0)[..., None, None]
    rounding = 4 * values.shape[-1] * np.finfo(values.dtype).eps
    equal = np.absolute(differences) <= rounding * largest
    return np.where(equal, 0, 1 / np.where(equal, 1, differences))


def _noise(g: Array) -> Array:
    """What rounding makes of 0 in a product with the cotangent of each vector, on its own:

    the cotangent of a vector that counts by its value, the rounding of 0, is small, and no noise.
    """
    return 100 * np.finfo(g.dtype).eps * np.max(np.absolute(g), axis=-2, keepdims=True, initial=0)


@condition
def _are_turned(gaps: Array, inner: Array, g: Array) -> Any:
    """Whether the cotangent g asks how vectors of equal values turn into each other.

    Or that of a matrix is 0: in V f(λ) Vᵀ it is where f is 0, whose slope counts nevertheless.
    """
    equal = (gaps == 0) & ~np.eye(gaps.shape[-1], dtype=bool)
    unseen = ~np.any(g, axis=(-2, -1), keepdims=True)
    return np.any(equal & (unseen | (np.absolute(inner) > _noise(g))))


def _refuse_turns(
    gaps: Array, inner: Array, g: Array, function: str, values: str, a: Array
) -> None:
    if _are_turned(gaps, inner, g):
        raise GradientError(
            f"backward of {function}{describe([a])}",
            f"{values} are equal, so that their vectors are arbitrary and have no derivative, "
            "and the result depends on these vectors",
            f"Compute from the values alone, by inv, solve or cholesky; or add what tells {values} "
            "apart",
        )


def _eigenvectors_vjp(g: Array, y: Array, a: Array, UPLO: Any = "L") -> Array:
    inner = transposed(y) @ g
    gaps = reciprocal_gaps(np.linalg.eigvalsh(a, UPLO))
    _refuse_turns(gaps, inner, g, "np.linalg.eigh", "eigenvalues", a)
    return symmetric(y @ (gaps * inner) @ transposed(y))


@differentiable(_eigenvectors_vjp)
def eigenvectors(a: Array, UPLO: Any = "L") -> Array:
    """The eigenvectors of symmetric matrices, as columns, by growing eigenvalue.

    Those of an eigenvalue that occurs twice have no derivative.

    >>> np.abs(eigenvectors(np.diag([2.0, 1.0])))
    array([[0., 1.],
           [1., 0.]])
    """
    return np.linalg.eigh(a, UPLO).eigenvectors


composed(np.linalg.eigh)(
    lambda a, UPLO="L": EighResult(np.linalg.eigvalsh(a, UPLO), eigenvectors(a, UPLO))
)


def _singular_values_vjp(g: Array, y: Array, a: Array) -> Array:
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return (u * g[..., None, :]) @ vh


define(np.linalg.svdvals, _singular_values_vjp)


@condition
def _are_moved_out(zero: Array, rest: Array, g: Array, room: bool) -> Any:
    """Whether the cotangent g asks how vectors of singular values of 0 move into others' space.

    Or that of a matrix is 0, and there is room for others.
    """
    unseen = ~np.any(g, axis=(-2, -1), keepdims=True) & room
    return np.any(zero[..., None, :] & (unseen | (np.absolute(rest) > _noise(g))))


def _singular_vectors_vjp(g: Array, u: Array, s: Array, vh: Array) -> Array:
    """The cotangent of u @ diag(s) @ vh, given that of u.

    By J. Townsend, "Differentiating the singular value decomposition" (2016). The vectors of equal
    singular values, and those of 0 in a space with room for others, have no derivative, also where
    all cotangents are 0, as in second ones of s².
    """
    inner = transposed(u) @ g
    rest = g - u @ inner
    gaps = reciprocal_gaps(s * s)
    zero = s <= s.shape[-1] * np.finfo(s.dtype).eps * s[..., :1]
    a = np.broadcast_to(0.0, (*u.shape[:-1], vh.shape[-1]))
    if _are_moved_out(zero, rest, g, u.shape[-2] > u.shape[-1]):
        raise GradientError(
            f"backward of np.linalg.svd{describe([a])}",
            "a singular value is 0, so that its vector is arbitrary and has no derivative, "
            "and the result depends on it",
            "Compute from the singular values alone, or leave out those of 0",
        )
    _refuse_turns(gaps, inner, g, "np.linalg.svd", "singular values", a)
    turned = gaps * (inner - transposed(inner))
    outside = rest * (~zero / (s + zero))[..., None, :]
    return (u @ (turned * s[..., None, :]) + outside) @ vh


def _left_vjp(g: Array, y: Array, a: Array) -> Array:
    return _singular_vectors_vjp(g, *np.linalg.svd(a, full_matrices=False))


@differentiable(_left_vjp)
def left_singular_vectors(a: Array) -> Array:
    """The columns of U in a = U S V^T, as many as there are singular values.

    >>> np.abs(left_singular_vectors(np.array([[0.0], [2.0]])))
    array([[0.],
           [1.]])
    """
    return np.linalg.svd(a, full_matrices=False).U


def _right_vjp(g: Array, y: Array, a: Array) -> Array:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return transposed(_singular_vectors_vjp(transposed(g), transposed(vh), s, transposed(u)))


@differentiable(_right_vjp)
def right_singular_vectors(a: Array) -> Array:
    """The rows of V^T in a = U S V^T, as many as there are singular values.

    >>> np.abs(right_singular_vectors(np.array([[0.0], [2.0]])))
    array([[1.]])
    """
    return np.linalg.svd(a, full_matrices=False).Vh


@composed(np.linalg.svd)
def _svd(
    a: Array,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,  # tells which of two algorithms gets there sooner
) -> Any:
    if not compute_uv:
        return np.linalg.svdvals(a)
    rows, columns = np.shape(a)[-2:]
    if full_matrices and rows != columns:
        raise TypeError(
            f"the last {abs(rows - columns)} of its singular vectors are arbitrary, "
            "and have no derivative",
            "Write np.linalg.svd(a, full_matrices=False), which leaves them out",
        )
    return SVDResult(left_singular_vectors(a), np.linalg.svdvals(a), right_singular_vectors(a))


WITHOUT_DERIVATIVE |= {np.linalg.matrix_rank}
