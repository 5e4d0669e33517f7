"""Derivatives of products of matrices and vectors."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_lite.derivatives.shaping import as_operand
from autograd_lite.node import Array, plain
from autograd_lite.operation import Traits
from autograd_lite.precision import widened
from autograd_lite.table import COMPOSED, WITHOUT_DERIVATIVE, composed, define, differentiable

PRODUCT = Traits(product=True, linear=(0, 1))


def _matmul_vjp_a(g: Array, y: Array, a: Array, b: Array) -> Array:
    if b.ndim == 1:
        return g * b if g.ndim == 0 else g[..., None] * b
    if a.ndim == 1:
        return b @ g if g.ndim == 1 else (b @ g[..., None])[..., 0]
    return g @ b.swapaxes(-1, -2)


def _matmul_vjp_b(g: Array, y: Array, a: Array, b: Array) -> Array:
    if a.ndim == 1:
        if b.ndim == 1:
            return a * g if g.ndim == 0 else g[..., None] * a
        return a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return a.T @ g if g.ndim == 1 else (g[..., None, :] @ a)[..., 0, :]
    return a.swapaxes(-1, -2) @ g


def _mismatch(a: Array, b: Array) -> ValueError:
    """Why two arrays cannot be multiplied, and what to do."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return ValueError("a number is no matrix", "Multiply by a number with *")
    inner = max(b.ndim - 2, 0)
    return ValueError(
        f"axis {a.ndim - 1} of the left operand has {a.shape[-1]} entries, "
        f"axis {inner} of the right one has {b.shape[inner]}",
        "Transpose or reshape one of them, so that these two agree",
    )


def _multiplying(multiply: Any) -> Callable[[Array, Array], Array]:
    """A product of two, with an error that names the axes."""

    def compute(a: Array, b: Array) -> Array:
        try:
            return multiply(a, b)
        except ValueError as error:
            raise _mismatch(a, b) from error

    return compute


matmul, dot = _multiplying(operator.matmul), _multiplying(np.dot)
define(
    np.matmul, _matmul_vjp_a, _matmul_vjp_b, compute=matmul, traits=PRODUCT._replace(in_rows=True)
)


def columns(b: Array) -> Array:
    """b as a matrix, with the axis that `np.dot` sums over first: the last but one, if any."""
    if b.ndim > 2:
        b = b.transpose((b.ndim - 2, *range(b.ndim - 2), b.ndim - 1))
    return b.reshape(b.shape[0], math.prod(b.shape[1:]))


def _dot_vjp_a(g: Array, y: Array, a: Array, b: Array) -> Array:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * b
    if a.ndim <= 2 and b.ndim <= 2:
        return _matmul_vjp_a(g, y, a, b)
    matrix = columns(b)
    return (g.reshape(math.prod(a.shape[:-1]), matrix.shape[1]) @ matrix.T).reshape(a.shape)


def _dot_vjp_b(g: Array, y: Array, a: Array, b: Array) -> Array:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * a
    if a.ndim <= 2 and b.ndim <= 2:
        return _matmul_vjp_b(g, y, a, b)
    matrix = rows(a)
    others = (*b.shape[:-2], *b.shape[-1:]) if b.ndim > 1 else ()
    summed = matrix.T @ g.reshape(matrix.shape[0], math.prod(others))
    summed = summed.reshape(matrix.shape[1], *others)
    if b.ndim > 2:
        summed = summed.transpose((*range(1, b.ndim - 1), 0, b.ndim - 1))
    return summed


define(np.dot, _dot_vjp_a, _dot_vjp_b, compute=dot, traits=PRODUCT)


def rows(x: Array) -> Array:
    """All axes but the last as one: a vector is one row, a batch of matrices many."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


@functools.lru_cache(maxsize=32)
def _ones(length: int, dtype: Any) -> Array:
    return np.ones(length, dtype)


def _weight_vjp(g: Array, y: Array, x: Array, weight: Array, bias: Array) -> Array:
    if g.ndim == x.ndim == 2:
        return x.T.dot(g) if type(g) is ndarray else np.dot(x.T, g)
    if g.ndim == x.ndim:
        return np.dot(rows(x).T, rows(g))
    return rows(x).T @ g.reshape((len(g), math.prod(x.shape[:-1]), g.shape[-1]))


def _bias_vjp(g: Array, y: Array, x: Array, weight: Array, bias: Array) -> Array:
    """The sum over samples; as a product with ones it takes half the time on small arrays."""
    if not g.ndim == x.ndim == 2 or bias.ndim != 1:
        return g
    if type(g) is ndarray:
        return _ones(len(g), g.dtype).dot(g)
    return np.dot(_ones(len(g), g.dtype), g) if type(plain(g)) is ndarray else g


def _rows_times(x: Array, matrix: Array) -> Array:
    """x @ matrix as one product, which takes a third of the time of one for each of the first axes.

    On small matrices dot takes half the time of `@`.
    """
    if x.ndim <= 2:
        return x.dot(matrix)
    return np.dot(rows(x), matrix).reshape(*x.shape[:-1], matrix.shape[1])


@differentiable(
    lambda g, y, x, weight, bias: _rows_times(g, weight.T),
    _weight_vjp,
    _bias_vjp,
    traits=Traits(product=True, in_rows=True),
)
def affine(x: Array, weight: Array, bias: Array) -> Array:
    """`x @ weight + bias` as one operation.

    Args:
        x: (..., in_features).
        weight: (in_features, out_features).
        bias: (out_features,).

    >>> affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
    array([[11.5]])
    """
    if x.ndim == 0 or weight.ndim != 2:
        raise ValueError(
            "x has at least one axis, and the weight two: features in and out",
            "Reshape them; np.dot and `@` take others",
        )
    try:
        y = _rows_times(x, weight)
    except ValueError as error:
        raise _mismatch(x, weight) from error
    y += bias
    return y


# Products of vectors and matrices, made of the two above


composed(np.vdot)(lambda a, b: np.dot(np.reshape(a, -1), np.reshape(b, -1)))
composed(np.outer)(lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, -1))


@composed(np.inner)
def _inner(a: Array, b: Array) -> Array:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=(-1, -1))


@composed(np.vecdot)
@composed(np.linalg.vecdot)
def _vecdot(a: Array, b: Array, *, axis: int = -1) -> Array:
    a, b = np.moveaxis(as_operand(a), axis, -1), np.moveaxis(as_operand(b), axis, -1)
    product = np.matmul(np.expand_dims(a, -2), np.expand_dims(b, -1))
    return np.squeeze(product, (-2, -1))


@composed(np.tensordot)
def _tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    a, b = as_operand(a), as_operand(b)
    if np.ndim(axes) == 0:
        axes = range(a.ndim - axes, a.ndim), range(axes)
    summed_a, summed_b = (normalize_axis_tuple(named, x.ndim) for named, x in zip(axes, (a, b)))
    lengths_a, lengths_b = [a.shape[i] for i in summed_a], [b.shape[i] for i in summed_b]
    if lengths_a != lengths_b:
        raise ValueError(
            f"the axes to be summed over have lengths {lengths_a} and {lengths_b}",
            "Name axes of equal lengths in axes=(those of the left one, those of the right one)",
        )
    kept_a = [i for i in range(a.ndim) if i not in summed_a]
    kept_b = [i for i in range(b.ndim) if i not in summed_b]
    shape_a, shape_b = [a.shape[i] for i in kept_a], [b.shape[i] for i in kept_b]
    length = math.prod(lengths_a)
    left = np.reshape(np.transpose(a, (*kept_a, *summed_a)), (math.prod(shape_a), length))
    right = np.reshape(np.transpose(b, (*summed_b, *kept_b)), (length, math.prod(shape_b)))
    return np.reshape(np.dot(left, right), (*shape_a, *shape_b))


@composed(np.kron)
def _kron(a: Array, b: Array) -> Array:
    a, b = as_operand(a), as_operand(b)
    shape_a = (1,) * (b.ndim - a.ndim) + a.shape
    shape_b = (1,) * (a.ndim - b.ndim) + b.shape
    # Axes of a and of b take turns; then each two become one.
    left = np.reshape(a, tuple(n for length in shape_a for n in (length, 1)))
    right = np.reshape(b, tuple(n for length in shape_b for n in (1, length)))
    return np.reshape(left * right, tuple(m * n for m, n in zip(shape_a, shape_b)))


@composed(np.cross)
def _cross(
    a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_operand(a), axisa, -1), np.moveaxis(as_operand(b), axisb, -1)
    if not a.shape[-1] == b.shape[-1] == 3:
        raise ValueError(
            f"along their axes the vectors have {a.shape[-1]} and {b.shape[-1]} entries, not 3",
            "Give vectors of three entries; one in the plane has 0 as its third",
        )
    (a0, a1, a2), (b0, b1, b2) = ([x[..., i] for i in range(3)] for x in (a, b))
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=axisc)


composed(np.linalg.cross)(lambda a, b, *, axis=-1: np.cross(a, b, axis=axis))
composed(np.trace)(
    lambda a, offset=0, axis1=0, axis2=1: np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)
)
composed(np.linalg.trace)(lambda a, *, offset=0: np.trace(a, offset, -2, -1))
composed(np.linalg.diagonal)(lambda a, *, offset=0: np.diagonal(a, offset, -2, -1))


@composed(np.linalg.matrix_power)
def _matrix_power(a: Array, n: int) -> Array:
    n = operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError("the last two axes of matrices with powers are of one length")
    if n < 0:
        return np.linalg.matrix_power(np.linalg.inv(a), -n)
    if n < 2:
        return +a if n else np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    root = np.linalg.matrix_power(a, n // 2)
    return root @ root @ a if n % 2 else root @ root


@composed(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Array]) -> Array:
    if len(arrays) < 2:
        raise ValueError("a product has two factors", "Give two arrays or more")
    first = 1 if np.ndim(arrays[0]) == 1 else np.shape(arrays[0])[0]
    last = 1 if np.ndim(arrays[-1]) == 1 else np.shape(arrays[-1])[-1]
    return _product(arrays, (first, *(np.shape(x)[-1] for x in arrays[:-1]), last))


def _product(arrays: Sequence[Array], lengths: tuple[int, ...]) -> Array:
    if len(arrays) == 1:
        return arrays[0]
    i = _cheapest(lengths)[1]
    return np.dot(_product(arrays[:i], lengths[: i + 1]), _product(arrays[i:], lengths[i:]))


@functools.lru_cache(maxsize=10_000)
def _cheapest(lengths: tuple[int, ...]) -> tuple[int, int]:
    """The fewest multiplications for a product, and how many matrices to multiply first for it.

    Matrix i is lengths[i] by lengths[i + 1].
    """
    last = len(lengths) - 1
    costs = [
        _cheapest(lengths[: i + 1])[0] + _cheapest(lengths[i:])[0] + lengths[0] * n * lengths[last]
        for i, n in enumerate(lengths)
        if 0 < i < last
    ]
    return (min(costs), 1 + costs.index(min(costs))) if costs else (0, 0)


COMPOSED[np.linalg.matmul] = np.matmul
COMPOSED[np.linalg.matrix_transpose] = np.matrix_transpose
COMPOSED[np.linalg.tensordot] = np.tensordot
COMPOSED[np.linalg.outer] = lambda a, b: np.einsum("i,j->ij", a, b)


# Sums over named axes

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum_terms(arguments: tuple[Any, ...]) -> tuple[list[Array], list[str], str]:
    """The operands of einsum, the letters of each one's axes, and those of the output.

    An ellipsis is replaced by letters of its own.

    >>> einsum_terms(("...i,ji", np.ones((5, 3)), np.ones((4, 3))))[1:]
    (['Ai', 'ji'], 'Aj')
    """
    if isinstance(arguments[0], str):
        operands = list(arguments[1:])
        inputs, explicit, output = arguments[0].replace(" ", "").partition("->")
        terms = inputs.split(",")
    else:
        terms = [_letters(axes) for axes in arguments[1::2]]
        operands = list(arguments[: 2 * len(terms) : 2])
        explicit = "->" if len(arguments) % 2 else ""
        output = _letters(arguments[-1]) if explicit else ""
    used = "".join(terms)
    if not explicit:
        output = "..." + "".join(sorted(c for c in set(used) - {"."} if used.count(c) == 1))
    spare = "".join(c for c in LETTERS if c not in used)
    counts = [np.ndim(x) - len(term.replace("...", "")) for x, term in zip(operands, terms)]
    widths = [n for n, term in zip(counts, terms) if "..." in term]
    hidden = spare[: max(widths, default=0)]
    terms = [term.replace("...", hidden[len(hidden) - n :]) for n, term in zip(counts, terms)]
    return operands, terms, output.replace("...", hidden)


def _letters(axes: Any) -> str:
    """The letters that einsum uses for axes given as numbers."""
    return "".join("..." if axis is Ellipsis else LETTERS[axis] for axis in axes)


def _einsum_vjp(i: int, g: Array, y: Array, *arguments: Any, optimize: Any = False) -> Array:
    operands, terms, output = einsum_terms(arguments)
    position = i - 1 if isinstance(arguments[0], str) else i // 2
    x, own = operands.pop(position), terms.pop(position)
    elsewhere = set(output).union(*terms)
    kept = "".join(c for c in dict.fromkeys(own) if c in elsewhere)
    subscripts = ",".join([output, *terms]) + "->" + kept
    product = np.einsum(subscripts, widened(g), *map(widened, operands), optimize=bool(optimize))
    if product.shape == x.shape:
        return product
    # Letters summed in this operand alone get an axis of length 1, and so do repeated ones, which
    # an identity matrix then confines to the diagonal.
    first = [own.index(c) for c in own]
    index = [slice(None) if c in kept and first[k] == k else None for k, c in enumerate(own)]
    product = product[tuple(index)]
    for axis, other in enumerate(first):
        if axis != other:
            lengths = [n if k in (axis, other) else 1 for k, n in enumerate(x.shape)]
            product = product * np.eye(x.shape[axis], dtype=y.dtype).reshape(lengths)
    return np.broadcast_to(product, np.broadcast_shapes(product.shape, x.shape))


define(
    np.einsum,
    lambda g, y, *arguments, **keywords: (
        lambda index: _einsum_vjp(index, g, y, *arguments, **keywords)
    ),
    compute=lambda *arguments, optimize=False: np.einsum(*arguments, optimize=optimize),
    variadic=True,
    traits=Traits(product=True),
)

WITHOUT_DERIVATIVE |= {np.einsum_path}
