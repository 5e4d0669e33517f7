"""Rules and functions as a person writes them, where the table says the same more generally.

The table's rules serve any axis, any dimension, and the speed of the engine; these are the same
formulas for reading. The tests hold both against each other.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, indexing, layers, neural
from autograd_lite.derivatives.layers import standardize
from autograd_lite.derivatives.linear_algebra import affine, rows
from autograd_lite.derivatives.norms import p_norm
from autograd_lite.derivatives.reductions import expand
from autograd_lite.derivatives.special import gelu, normal_cdf
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import call
from autograd_lite.table import TABLE


class Count(int):
    """How many there are, in a quotient: where it has a name, such as m, it is written so."""


def is_count(divisor: Any) -> bool:
    """Whether a divisor may be a number of samples; 1 and 2 have other reasons."""
    return isinstance(divisor, int | float) and divisor > 2 and divisor % 1 == 0


class Reduced(int):
    """What is left of a count in a fraction that was reduced, such as 15 of 30 in 2 / 30."""


class Share(float):
    """The share 1 / count of one entry in a mean, which is written so."""

    def __new__(cls, count: int) -> Share:
        return super().__new__(cls, 1 / count)

    def __init__(self, count: int) -> None:
        self.count = count


def _mean_vjp(g: Any, y: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    share = Share(a.size // y.size) if a.size else 1
    return expand(g * share, a.shape, axis, keepdims)


def _product(function: Any) -> list[Callable[..., Any]]:
    """The rules of a product of matrices; for a column times a row NumPy has a word."""
    general = TABLE[function].vjps

    def ndims(*arrays: Any) -> tuple[int, ...]:
        return tuple(map(np.ndim, arrays))

    return [
        lambda g, y, a, b: np.outer(g, b) if ndims(a, b) == (2, 1) else general[0](g, y, a, b),
        lambda g, y, a, b: np.outer(a, g) if ndims(a, b) == (1, 2) else general[1](g, y, a, b),
    ]


def _getitem_vjp(g: Any, y: Any, x: Any, index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    views = slice | None | EllipsisType
    is_whole = all(isinstance(x, views) and x in (None, ..., slice(None)) for x in parts)
    return g.reshape(x.shape) if is_whole else indexing.scatter(g, index, x.shape)


def scatter(x: Any, index: Any, shape: Any) -> Any:
    """Zeros of a shape, with x added at an index."""
    result = np.zeros(shape, np.result_type(x))
    np.add.at(result, index, x)
    return result


def positions(x: Any) -> Any:
    """The number of each entry, in the shape of x."""
    return np.arange(x.size).reshape(x.shape)


def gathered(g: Any, sources: Any, x: Any) -> Any:
    """Zeros like x, to whose entries, by their numbers, those of g are added."""
    result = np.zeros(x.size, np.result_type(g))
    np.add.at(result, sources.reshape(-1), np.reshape(g, -1))
    return result.reshape(x.shape)


def _moved(function: Any) -> Callable[..., Any]:
    """The rule of a function that only moves entries: it says where they went."""

    def vjp(g: Any, y: Any, x: Any, *arguments: Any, **keywords: Any) -> Any:
        return call(gathered, g, function(call(positions, x), *arguments, **keywords), x)

    return vjp


def _pad_vjp(g: Any, y: Any, x: Any, pad_width: Any, mode: str = "constant", **_: Any) -> Any:
    if mode != "constant":
        return _moved(np.pad)(g, y, x, pad_width, mode)
    before = np.broadcast_to(pad_width, (x.ndim, 2))[:, 0].tolist()
    return g[tuple(slice(start, start + n) for start, n in zip(before, x.shape))]


RULES: dict[Callable[..., Any], list[Callable[..., Any]]] = {
    neural.relu: [lambda g, y, x: g * (x > 0)],
    np.mean: [_mean_vjp],
    np.matmul: _product(np.matmul),
    np.dot: _product(np.dot),
    operator.getitem: [_getitem_vjp],
    np.pad: [_pad_vjp],
    **{f: [_moved(f)] for f in (np.repeat, np.tile, np.diagonal, np.take, np.take_along_axis)},
    np.diag: [
        lambda g, y, v, k=0: np.diag(g, k) if v.ndim == 1 else _moved(np.diag)(g, y, v, k),
    ],
    affine: [
        lambda g, y, x, weight, bias: g @ weight.T,
        lambda g, y, x, weight, bias: rows(x).T @ rows(g),
        lambda g, y, x, weight, bias: g,
    ],
    neural.dropout: [lambda g, y, x, mask, p, _=None: g * mask / (1 - p)],
    neural.swish: [lambda g, y, x: g * (neural.sigmoid(x) + y * (1 - neural.sigmoid(x)))],
    gelu: [
        lambda g, y, x, _: g * (normal_cdf(x) + x * (np.exp(-x * x / 2) / math.sqrt(2 * math.pi)))
    ],
    cross_entropies.sigmoid_cross_entropy: [
        lambda g, y, logits, targets, _: (neural.sigmoid(logits) - targets) * (g / logits.size),
        lambda g, y, logits, targets, _: logits * (-g / logits.size),
    ],
    cross_entropies.softmax_cross_entropy: [
        lambda g, y, logits, labels, _: (
            (
                neural.softmax(logits)
                - call(operator.getitem, np.eye(logits.shape[1], dtype=y.dtype), labels)
            )
            * (g / len(labels))
        )
    ],
}
"""By function: vjps that take the place of the table's."""

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    affine: lambda x, weight, bias: x @ weight + bias,
    neural.dropout: lambda x, mask, p: x * mask / (1 - p),
    neural.swish: lambda x: x * neural.sigmoid(x),
    gelu: lambda x: x * normal_cdf(x),
    p_norm: inspect.unwrap(p_norm),
    layers.scaled_dot_product_attention: lambda query, key, value, mask, causal, scale: (
        layers.attention_weights(query, key, mask, causal, scale) @ value
    ),
    standardize: lambda x, axes, epsilon: (
        (x - x.mean(axis=axes, keepdims=True))
        * (1 / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon))
    ),
    cross_entropies.sigmoid_cross_entropies: lambda logits, targets: (
        np.logaddexp(logits, 0) - logits * targets
    ),
    cross_entropies.softmax_cross_entropy: lambda logits, labels: (
        -call(np.mean, neural.log_softmax(logits)[call(np.arange, len(labels)), labels])
    ),
    cross_entropies.sigmoid_cross_entropy: lambda logits, targets: (
        (np.logaddexp(logits, 0) - logits * targets).sum() / logits.size
    ),
}
"""What is written out rather than called."""


DEFINITIONS: dict[Callable[..., Any], Callable[..., Any]] = {indexing.scatter: scatter}
"""By function: one of the same name, of which the definition is written."""


def function_written_out(operation: Operation) -> Callable[..., Any] | None:
    """What a function does, where it is written out; so is what returns more than a result."""
    residual = operation.compute if operation.residual else None
    return FUNCTIONS.get(operation.function, residual)
