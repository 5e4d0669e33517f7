"""What layers of networks compute in one operation: embedding, normalization, attention."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import INDEXES, add_at_index, scatter
from autograd_lite.foreign import beside
from autograd_lite.modes import taken
from autograd_lite.node import Node
from autograd_lite.operation import Traits
from autograd_lite.precision import widened
from autograd_lite.table import TABLE, differentiable


def _without_padding(g: Any, indices: Any, padding_idx: int | None) -> Any:
    if padding_idx is None:
        return g
    return np.where(beside((indices == padding_idx)[..., None], g), 0, g)


def _weight_vjp(g: Any, y: Any, weight: Any, indices: Any, padding_idx: int | None = None) -> Any:
    return scatter(_without_padding(g, indices, padding_idx), indices, weight.shape)


@differentiable(_weight_vjp, None, traits=INDEXES)
def embedding(weight: Any, indices: Any, padding_idx: int | None = None) -> Any:
    """The rows of a matrix that numbers name; what reaches one that is named twice adds up.

    Args:
        weight: (n, features).
        indices: whole numbers, 0 to n - 1, of any shape.
        padding_idx: the row that stands for what is no entry: nothing reaches it.

    >>> embedding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0, 1]))
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    if getattr(indices, "dtype", np.dtype(float)).kind not in "iu":
        raise TypeError(
            f"rows are named by whole numbers, and these have dtype {np.result_type(indices)}",
            "Write indices.astype(int)",
        )
    # A negative number is too large when unsigned.
    if indices.size and indices.astype(np.uintp).max() >= len(weight):
        raise ValueError(
            f"numbers range from {indices.min()} to {indices.max()}, and axis 0 of the weight has "
            f"{len(weight)} rows, numbered from 0",
            "Number what is embedded from 0, or make the matrix larger",
        )
    return weight[indices]


def _add_to(
    total: Any, g: Any, y: Any, weight: Any, indices: Any, padding_idx: int | None = None
) -> None:
    """Add to the rows that are named, without zeros for the others."""
    add_at_index(total, _without_padding(g, indices, padding_idx), y, weight, indices)


TABLE[embedding].add_to = _add_to


Axes = tuple[int, ...]


def _standardize_vjp(
    g: Any, y: Any, x: Any, axes: Axes, epsilon: float, statistics: Any = None
) -> Any:
    if statistics is None:
        inverse = 1 / np.sqrt(np.var(x, axis=axes, keepdims=True) + epsilon)
    else:
        inverse = statistics[0]
    common = g.mean(axis=axes, keepdims=True)
    along = (g * y).mean(axis=axes, keepdims=True)
    return inverse * (g - common - y * along)


def _moments(x: Any, axes: Axes) -> tuple[Any, Any, Any]:
    """Mean and variance over axes, which have length 1, and what x differs from the mean by."""
    mean = x.mean(axis=axes, keepdims=True)
    centered = x - mean
    # Of equal numbers, what rounding left in the mean would be all that there is to scale.
    rest = centered.mean(axis=axes, keepdims=True)
    centered = centered - rest
    return mean + rest, (centered * centered).mean(axis=axes, keepdims=True), centered


@differentiable(_standardize_vjp, residual=True, traits=Traits(accumulates=True))
def standardize(x: Any, axes: Axes, epsilon: float) -> Any:
    """(x - mean) / sqrt(variance + epsilon), with mean and variance of x over axes.

    With s = sqrt(variance + epsilon) the derivative is dx = (g - mean(g) - y mean(g y)) / s.

    >>> standardize(np.array([[1.0], [3.0]]), (0,), 0.0)
    array([[-1.],
           [ 1.]])
    """
    mean, variance, centered = _moments(x, axes)
    inverse = 1 / np.sqrt(variance + epsilon)
    return centered * inverse, (inverse, mean, variance)


def _rms_normalize_vjp(
    g: Any, y: Any, x: Any, axes: Axes, epsilon: float, inverse: Any = None
) -> Any:
    if inverse is None:
        inverse = 1 / np.sqrt((x * x).mean(axis=axes, keepdims=True) + epsilon)
    return inverse * (g - y * (g * y).mean(axis=axes, keepdims=True))


@differentiable(_rms_normalize_vjp, residual=True, traits=Traits(accumulates=True))
def rms_normalize(x: Any, axes: Axes, epsilon: float) -> Any:
    """x / sqrt(mean(x²) + epsilon), with the mean over axes.

    With r = sqrt(mean(x²) + epsilon) the derivative is dx = (g - y mean(g y)) / r.

    >>> rms_normalize(np.array([[1.0, 7.0]]), (1,), 0.0)
    array([[0.2, 1.4]])
    """
    inverse = 1 / np.sqrt((x * x).mean(axis=axes, keepdims=True) + epsilon)
    return x * inverse, inverse


def statistics(x: Any, y: Any, axes: Axes) -> tuple[Any, Any]:
    """Mean and variance of x over axes, which have length 1, given that y is x standardized.

    >>> x = np.array([[1.0], [3.0]])
    >>> statistics(x, standardize(x, (0,), 0.0), (0,))
    (array([[2.]]), array([[1.]]))
    """
    if taken.get() is not None and isinstance(x, Node):
        return _moments(widened(x.detach()), axes)[:2]  # type: ignore[attr-defined] # nodes are tensors here
    if getattr(y, "operation", None) is not None:
        _, mean, variance = y.residual
        return mean, variance
    return _moments(widened(getattr(x, "_array", x)), axes)[:2]


def require_attention(query: Any, key: Any, value: Any) -> None:
    """Raise unless queries, keys and values belong together."""
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(
            f"query, key and value have {query.ndim}, {key.ndim} and {value.ndim} axes",
            "Give at least two: (..., length, features)",
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"the last axis of query has {query.shape[-1]} features, that of key {key.shape[-1]}",
            "Give queries and keys of as many features",
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"axis -2 of key has {key.shape[-2]} positions, that of value {value.shape[-2]}",
            "Give a value for each key",
        )


def attention_weights(
    query: Any, key: Any, mask: Any = None, causal: bool = False, scale: float | None = None
) -> Any:
    """softmax(scale query keyᵀ) along the keys; 0 for queries that all keys are hidden from.

    >>> attention_weights(np.ones((1, 2)), np.ones((2, 2)))
    array([[0.5, 0.5]])
    """
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query * factor) @ np.swapaxes(key, -1, -2)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        seen = beside(np.tri(*scores.shape[-2:]) > 0, scores)
        scores = np.where(seen, scores, -np.inf)
    largest = scores.max(axis=-1, keepdims=True)
    if mask is not None:
        largest = np.where(np.isfinite(largest), largest, 0)
    shares = np.exp(scores - largest)
    sums = shares.sum(axis=-1, keepdims=True)
    return shares / (sums if mask is None else np.where(sums == 0, 1, sums))


def _cotangents(
    factor: float, weights: Any, g: Any, y: Any, query: Any, key: Any, value: Any
) -> tuple[Any, ...]:
    """What reaches queries, keys, values, and what is added to the products."""
    slopes = g @ np.swapaxes(value, -1, -2)
    slopes = weights * (slopes - (g * y).sum(axis=-1, keepdims=True))
    return (
        (slopes @ key) * factor,
        np.swapaxes(slopes, -1, -2) @ (query * factor),
        np.swapaxes(weights, -1, -2) @ g,
        slopes,
    )


def _attention_vjp(
    g: Any,
    y: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    causal: bool,
    scale: float | None,
    weights: Any = None,
) -> Any:
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    if weights is None:
        weights = attention_weights(query, key, mask, causal, scale)
        found = _cotangents(factor, weights, g, y, query, key, value)
    else:
        backward = functools.partial(_cotangents, factor)
        products = math.prod(weights.shape[-2:])
        found = _by_part(backward, products, weights, g, y, query, key, value)
    *of_operands, of_products = found
    return *of_operands, None if mask is None or mask.dtype == bool else of_products


IN_CACHE = 2**16
"""How many products of queries and keys are computed with at a time."""


def _by_part(function: Any, products: int, *arrays: Any) -> tuple[Any, ...]:
    """What a function gives of batches of matrices, of some of them at a time.

    So what lies between stays in the cache. The arrays are of one batch, or else it is computed at
    once.
    """
    batch = arrays[0].shape[:-2]
    n = math.prod(batch)
    step = max(1, IN_CACHE // max(1, products))
    if n <= step or any(x is not None and x.shape[:-2] != batch for x in arrays):
        return function(*arrays)  # type: ignore[no-any-return] # arrays are Any
    flat = [None if x is None else x.reshape(n, *x.shape[-2:]) for x in arrays]
    results: list[Any] = []
    for start in range(0, n, step):
        some = slice(start, start + step)
        found = function(*(None if x is None else x[some] for x in flat))
        results = results or [np.empty_like(x, shape=(n, *x.shape[1:])) for x in found]
        for whole, part in zip(results, found):
            whole[some] = part
    return tuple(x.reshape(*batch, *x.shape[1:]) for x in results)


@differentiable(
    _attention_vjp,
    variadic=True,
    residual=True,
    traits=Traits(linear=(2,), accumulates=True, masks=True),
)
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    causal: bool,
    scale: float | None,
) -> Any:
    """softmax(query keyᵀ / sqrt(features)) value: for each query a mean of the values.

    With weights P, G = g valueᵀ and S = P (G - Σ g y), the sum along the features of y, the
    derivatives are scale S key, scale Sᵀ query, and Pᵀ g. Vaswani et al., "Attention is all you
    need", 2017.

    Args:
        query: (..., queries, features).
        key: (..., keys, features).
        value: (..., keys, features of the result).
        mask: that broadcasts to (..., queries, keys): True where a query sees a key; or numbers
            that are added to the products, -inf for what it does not see. A query that sees none
            gets 0. None where all see all.
        causal: whether query i sees no key beyond i.
        scale: by which products are multiplied, None for 1 / sqrt(features).

    >>> query, key, value = np.ones((1, 2)), np.ones((2, 2)), np.array([[1.0], [3.0]])
    >>> scaled_dot_product_attention(query, key, value, None, False, None)
    array([[2.]])
    """
    require_attention(query, key, value)

    def attended(query: Any, key: Any, value: Any, mask: Any) -> tuple[Any, Any]:
        weights = attention_weights(query, key, mask, causal, scale)
        return weights @ value, weights

    if mask is not None:
        shape = (*query.shape[:-1], key.shape[-2])
        mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, shape))
    products = query.shape[-2] * key.shape[-2]
    return _by_part(attended, products, query, key, value, mask)
