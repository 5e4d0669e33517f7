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

from autograd_lite.derivatives.cross_entropies import (
    sigmoid_cross_entropies,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from autograd_lite.derivatives.indexing import scatter
from autograd_lite.derivatives.linear_algebra import affine, rows
from autograd_lite.derivatives.neural import (
    dropout,
    relu,
    sigmoid,
    softmax,
    swish,
)
from autograd_lite.derivatives.norms import p_norm
from autograd_lite.derivatives.reductions import expand
from autograd_lite.derivatives.special import gelu, normal_cdf
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import call
from autograd_lite.program.trace import Textbook
from autograd_lite.table import TABLE


class Count(int):
    """How many there are, in a quotient: where it has a name, such as m, it is written so."""


class Reduced(int):
    """What is left of a count in a fraction that was reduced, such as 15 of 30 in 2 / 30."""


class Share(float):
    """The share 1 / count of one entry in a mean, which is written so.

    >>> Share(count=4)
    1 / 4
    """

    def __new__(cls, count: int) -> Share:  # noqa: D102
        return super().__new__(cls, 1 / count)

    def __init__(self, count: int) -> None:
        self.count = count

    def __repr__(self) -> str:
        return f"1 / {self.count}"


def _mean_vjp(g: Any, y: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    share = Share(a.size // y.size) if a.size else 1
    return expand(g * share, a.shape, axis, keepdims)


def _product(function: Any) -> list[Callable[..., Any]]:
    """The rules of a product of matrices; for a column times a row NumPy has a word."""
    general_a, general_b = TABLE[function].vjps

    def vjp_a(g: Any, y: Any, a: Any, b: Any) -> Any:
        is_outer = (np.ndim(a), np.ndim(b)) == (2, 1)
        return np.outer(g, b) if is_outer else general_a(g, y, a, b)

    def vjp_b(g: Any, y: Any, a: Any, b: Any) -> Any:
        is_outer = (np.ndim(a), np.ndim(b)) == (1, 2)
        return np.outer(a, g) if is_outer else general_b(g, y, a, b)

    return [vjp_a, vjp_b]


def _getitem_vjp(g: Any, y: Any, x: Any, index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    if all(
        isinstance(x, slice | None | EllipsisType) and x in (None, ..., slice(None)) for x in parts
    ):
        return g.reshape(x.shape)
    return scatter(g, index, x.shape)


def positions(x: Any) -> Any:
    """The number of each entry, in the shape of x."""
    return np.arange(x.size).reshape(x.shape)


def gathered(g: Any, sources: Any, x: Any) -> Any:
    """Zeros like x, to whose entries, by their numbers, those of g are added."""
    result = np.zeros(x.size, g.dtype)
    np.add.at(result, sources.reshape(-1), g.reshape(-1))
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
    relu: [lambda g, y, x: g * (x > 0)],
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
    dropout: [lambda g, y, x, mask, p, _=None: g * mask / (1 - p)],
    swish: [lambda g, y, x: g * (sigmoid(x) + y * (1 - sigmoid(x)))],
    gelu: [lambda g, y, x: g * (normal_cdf(x) + x * (np.exp(-x * x / 2) / math.sqrt(2 * math.pi)))],
    sigmoid_cross_entropy: [
        lambda g, y, logits, targets, _: (sigmoid(logits) - targets) * (g / logits.size),
        lambda g, y, logits, targets, _: logits * (-g / logits.size),
    ],
    softmax_cross_entropy: [
        lambda g, y, logits, labels, _: (
            (
                softmax(logits)
                - call(operator.getitem, np.eye(logits.shape[1], dtype=y.dtype), labels)
            )
            * (g / len(labels))
        )
    ],
}
"""By function: vjps that take the place of the table's."""

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    affine: lambda x, weight, bias: x @ weight + bias,
    dropout: lambda x, mask, p: x * mask / (1 - p),
    swish: lambda x: x * sigmoid(x),
    p_norm: inspect.unwrap(p_norm),
    sigmoid_cross_entropies: lambda logits, targets: np.logaddexp(logits, 0) - logits * targets,
    sigmoid_cross_entropy: lambda logits, targets: (
        (np.logaddexp(logits, 0) - logits * targets).sum() / logits.size
    ),
}
"""What is written out rather than called."""


def _written_out(operation: Operation) -> Callable[..., Any] | None:
    residual = operation.compute if operation.residual else None
    return FUNCTIONS.get(operation.function, residual)


TEXTBOOK = Textbook(RULES, _written_out)
"""What takes the place of the table in formulas. What returns more than a result is written out."""
