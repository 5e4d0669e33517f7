"""Functions of neural networks that NumPy lacks, each with its derivative.

relu'(0) = 0. The forms are stable: no overflow and no warning, however large the argument.
"""

from __future__ import annotations

import numpy as np

from autograd_lite.arguments import FRACTION
from autograd_lite.derivatives.reductions import Axis, expand
from autograd_lite.node import Array
from autograd_lite.operation import ACTIVATION, Traits
from autograd_lite.precision import computed_by, in_floats, require_numbers
from autograd_lite.table import differentiable

KINKED = ACTIVATION._replace(kink=True)


@differentiable(lambda g, y, x: g * np.sign(y), traits=KINKED._replace(rectifies=True))
@in_floats
def relu(x: Array) -> Array:
    """max(x, 0).

    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return np.maximum(x, 0)


@differentiable(
    lambda g, y, x, negative_slope=0.01: np.where(x > 0, g, negative_slope * g),
    traits=KINKED,
)
@in_floats
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where x > 0, else negative_slope * x.

    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    require_numbers("negative_slope", negative_slope)
    return np.where(x > 0, x, negative_slope * x)


@differentiable(
    lambda g, y, x, alpha=1.0: np.where(x > 0, g, g * alpha * np.exp(np.minimum(x, 0))),
    traits=KINKED,
)
@in_floats
def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where x > 0, else alpha * (exp(x) - 1).

    >>> elu(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    require_numbers("alpha", alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@differentiable(
    lambda g, y, x: g * y * (1 - y),
    traits=ACTIVATION._replace(limits=(0.0, 1.0), link="sigmoid", probabilities=lambda y, x: y),
)
@in_floats
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)).

    >>> sigmoid(np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


BOUND = 1e4  # beyond it sigmoid is 0 or 1, and products with infinities are kept from being NaN


@differentiable(
    lambda g, y, x: g * sigmoid(x) * (1 + np.clip(x, -BOUND, BOUND) * sigmoid(-x)),
    traits=ACTIVATION,
)
@in_floats
@computed_by(lambda x: np.maximum(x, -BOUND) * sigmoid(x))
def swish(x: Array) -> Array:
    """x * sigmoid(x), also called SiLU.

    >>> swish(np.array([0.0, 1000.0]))
    array([   0., 1000.])
    """
    return x * sigmoid(x)


@differentiable(
    lambda g, y, x, mask, p, scale=None: g * (mask / (1 - p) if scale is None else scale),
    residual=True,
    traits=Traits(linear=(0,)),
)
@in_floats
def dropout(x: Array, mask: Array, p: float) -> Array:
    """Inverted dropout with a given mask: x / (1 - p) where the mask is true, 0 elsewhere.

    >>> dropout(np.ones(3), np.array([True, False, True]), 0.5)
    array([2., 0., 2.])
    """
    require_numbers("p", p)
    require_numbers("mask", mask)
    if not FRACTION.holds(p):
        raise ValueError("p is the probability to drop an entry", f"Give {FRACTION.wanted}")
    if mask.dtype.kind != "b" and not ((mask == 0) | (mask == 1)).all():
        raise ValueError("its mask keeps an entry or drops it", "Give a mask of truth values")
    scale = mask.astype(x.dtype) / (1 - p)
    return x * scale, scale


@differentiable(
    lambda g, y, x: g * sigmoid(x),
    traits=ACTIVATION._replace(link="sigmoid", probabilities=lambda y, x: sigmoid(x)),
)
@in_floats
def softplus(x: Array) -> Array:
    """log(1 + exp(x)).

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    return np.logaddexp(x, 0)


def largest_along(x: Array, axis: Axis) -> Array:
    """The largest entries along axes, which are kept; -inf where there are none.

    >>> largest_along(np.zeros((2, 0)), axis=1)
    array([[-inf],
           [-inf]])
    """
    if x.size:
        return x.max(axis=axis, keepdims=True)
    return x.sum(axis=axis, keepdims=True) - np.inf


@differentiable(
    lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    traits=Traits(
        activation=True,
        accumulates=True,
        limits=(0.0, 1.0),
        link="softmax",
        probabilities=lambda y, x: y,
    ),
)
@in_floats
def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    scores = np.exp(x - largest_along(x, axis))
    return scores / scores.sum(axis=axis, keepdims=True)


@differentiable(
    lambda g, y, x, axis=-1: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    traits=Traits(
        activation=True, accumulates=True, link="softmax", probabilities=lambda y, x: np.exp(y)
    ),
)
@in_floats
def log_softmax(x: Array, axis: int = -1) -> Array:
    """log(softmax(x)) along an axis.

    >>> log_softmax(np.array([1000.0, 1000.0])).round(4)
    array([-0.6931, -0.6931])
    """
    shifted = x - largest_along(x, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)) if x.size else shifted


def _shifted_exp(x: Array, axis: Axis) -> tuple[Array, Array]:
    """exp(x - shift) and the shift that keeps it from overflowing: the maximum, or 0 for -inf."""
    largest = largest_along(x, axis)
    shift = np.where(np.isfinite(largest), largest, 0)
    if np.any(largest == np.inf):
        # Beside infinite entries, which share all, the others are nothing.
        x = np.where(largest == np.inf, np.where(x == np.inf, 0, -np.inf).astype(x.dtype), x)
    return np.exp(x - shift), np.where(largest == -np.inf, 0, largest)


def _logsumexp_vjp(
    g: Array, y: Array, x: Array, axis: Axis = None, keepdims: bool = False
) -> Array:
    scores, _ = _shifted_exp(x, axis)
    sums = scores.sum(axis=axis, keepdims=True)
    return expand(g, x.shape, axis, keepdims) * (scores / (sums + (sums == 0)))


@differentiable(_logsumexp_vjp, traits=Traits(reduces=True, accumulates=True, link="softmax"))
@in_floats
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over axes.

    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(4))
    1000.6931
    """
    scores, shift = _shifted_exp(x, axis)
    with np.errstate(divide="ignore"):
        logarithm = np.log(scores.sum(axis=axis, keepdims=True))
    return (logarithm + shift).sum(axis=axis, keepdims=keepdims)
