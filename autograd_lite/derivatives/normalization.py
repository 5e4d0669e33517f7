"""What layers that normalize compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.table import differentiable

Axes = tuple[int, ...]


def _standardize_vjp(
    g: Any,
    y: Any,
    x: Any,
    mean: Any,
    variance: Any,
    axes: Axes,
    epsilon: float,
    inverse: Any = None,
) -> Any:
    if inverse is None:
        inverse = 1 / np.sqrt(np.var(x, axis=axes, keepdims=True) + epsilon)
    common = g.mean(axis=axes, keepdims=True)
    along = (g * y).mean(axis=axes, keepdims=True)
    return inverse * (g - common - y * along)


@differentiable(_standardize_vjp, residual=True)
def standardize(x: Any, mean: Any, variance: Any, axes: Axes, epsilon: float) -> Any:
    """(x - mean) / sqrt(variance + epsilon), where mean and variance are those of x over axes.

    Both have the axes, of length 1. The derivative takes them for functions of x; they are given
    because who calls this needs them too. With s = sqrt(variance + epsilon) it is
    dx = (g - mean(g) - y mean(g y)) / s.

    >>> x = np.array([[1.0], [3.0]])
    >>> standardize(x, x.mean(0, keepdims=True), x.var(0, keepdims=True), (0,), 0.0)
    array([[-1.],
           [ 1.]])
    """
    inverse = 1 / np.sqrt(variance + epsilon)
    return (x - mean) * inverse, inverse
