"""What layers that normalize compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.modes import taken
from autograd_lite.node import Node
from autograd_lite.operation import Traits
from autograd_lite.precision import widened
from autograd_lite.table import differentiable

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
