"""Functions of neural networks that NumPy lacks, each with its derivative.

relu'(0) = 0. The forms are stable: no overflow and no warning, however large the argument.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.derivatives.reductions import Axis, expand
from autograd_lite.node import Array
from autograd_lite.operation import ELEMENTWISE, Traits
from autograd_lite.table import differentiable

ACTIVATION = Traits(elementwise=True, activation=True)
KINKED = ACTIVATION._replace(kink=True)


@differentiable(lambda g, y, x: g * np.sign(y), traits=KINKED._replace(rectifies=True))
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
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where x > 0, else negative_slope * x.

    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return np.where(x > 0, x, negative_slope * x)


@differentiable(
    lambda g, y, x, alpha=1.0: np.where(x > 0, g, g * alpha * np.exp(np.minimum(x, 0))),
    traits=KINKED,
)
def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where x > 0, else alpha * (exp(x) - 1).

    >>> elu(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@differentiable(
    lambda g, y, x: g * y * (1 - y),
    traits=ACTIVATION._replace(limits=(0.0, 1.0), link="sigmoid", probabilities=lambda y, x: y),
)
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)).

    >>> sigmoid(np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


@differentiable(lambda g, y, x: g * (sigmoid(x) + y * (1 - sigmoid(x))), traits=ACTIVATION)
def swish(x: Array) -> Array:
    """x * sigmoid(x), also called SiLU.

    >>> swish(np.array([0.0, 1000.0]))
    array([   0., 1000.])
    """
    return x * sigmoid(x)


_erf: Any = np.frompyfunc(math.erf, 1, 1)


@differentiable(lambda g, y, x: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x), traits=ELEMENTWISE)
def erf(x: Array) -> Array:
    """The error function, entry by entry through `math.erf`: exact, and slow on large arrays.

    >>> erf(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.8427])
    """
    return _erf(x).astype(x.dtype) if x.ndim else x.dtype.type(math.erf(x))


@differentiable(
    lambda g, y, x: (
        g * ((1 + erf(x / math.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))
    ),
    traits=ACTIVATION,
)
def gelu(x: Array) -> Array:
    """x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel, 2016).

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return x * ((1 + erf(x / math.sqrt(2))) / 2)


@differentiable(
    lambda g, y, x, mask, p, scale=None: g * (mask / (1 - p) if scale is None else scale),
    residual=True,
    traits=Traits(linear=(0,)),
)
def dropout(x: Array, mask: Array, p: float) -> Array:
    """Inverted dropout with a given mask: x / (1 - p) where the mask is true, 0 elsewhere.

    >>> dropout(np.ones(3), np.array([True, False, True]), 0.5)
    array([2., 0., 2.])
    """
    scale = mask.astype(x.dtype) / (1 - p)
    return x * scale, scale


@differentiable(
    lambda g, y, x: g * sigmoid(x),
    traits=ACTIVATION._replace(link="sigmoid", probabilities=lambda y, x: sigmoid(x)),
)
def softplus(x: Array) -> Array:
    """log(1 + exp(x)).

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    return np.logaddexp(x, 0)


@differentiable(
    lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    traits=Traits(activation=True, limits=(0.0, 1.0), link="softmax", probabilities=lambda y, x: y),
)
def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    scores = np.exp(x - x.max(axis=axis, keepdims=True))
    return scores / scores.sum(axis=axis, keepdims=True)


@differentiable(
    lambda g, y, x, axis=-1: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    traits=Traits(activation=True, link="softmax", probabilities=lambda y, x: np.exp(y)),
)
def log_softmax(x: Array, axis: int = -1) -> Array:
    """log(softmax(x)) along an axis.

    >>> log_softmax(np.array([1000.0, 1000.0])).round(4)
    array([-0.6931, -0.6931])
    """
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _shifted_exp(x: Array, axis: Axis) -> tuple[Array, Array]:
    """exp(x - shift) and the shift that keeps it from overflowing: the finite maximum, or 0."""
    shift = x.max(axis=axis, keepdims=True)
    shift = np.where(np.isfinite(shift), shift, 0)
    return np.exp(x - shift), shift


def _logsumexp_vjp(
    g: Array, y: Array, x: Array, axis: Axis = None, keepdims: bool = False
) -> Array:
    scores, _ = _shifted_exp(x, axis)
    sums = scores.sum(axis=axis, keepdims=True)
    return expand(g, x.shape, axis, keepdims) * (scores / (sums + (sums == 0)))


@differentiable(_logsumexp_vjp, traits=Traits(reduces=True, link="softmax"))
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over axes.

    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(4))
    1000.6931
    """
    scores, shift = _shifted_exp(x, axis)
    with np.errstate(divide="ignore"):
        logarithm = np.log(scores.sum(axis=axis, keepdims=True))
    return (logarithm + shift).sum(axis=axis, keepdims=keepdims)


@differentiable(
    lambda g, y, p, targets: (
        (p - targets) / np.maximum(p * (1 - p), SMALLEST_VARIANCE) * (g / p.size)
    ),
    traits=Traits(logarithm=True),
)
def binary_cross_entropy(p: Array, targets: Array) -> Array:
    """Mean binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)).

    As in PyTorch, a logarithm counts as -100 at least, and the derivative (p - t) / (p (1 - p))
    has a denominator of 1e-12 at least.

    Args:
        p: probabilities, 0 to 1, any shape.
        targets: plain probabilities of the same shape.

    >>> float(binary_cross_entropy(np.array([0.0, 0.5]), np.array([1.0, 1.0])).round(4))
    50.3466
    """
    _require_same_shape(p, targets)
    with np.errstate(divide="ignore"):
        right = targets * np.maximum(np.log(p), -100)
        wrong = (1 - targets) * np.maximum(np.log1p(-p), -100)
    return -(right + wrong).sum() / p.size


SMALLEST_VARIANCE = 1e-12


def _require_same_shape(predictions: Array, targets: Array) -> None:
    if predictions.shape != targets.shape:
        raise ValueError(
            "broadcasting would compare every prediction with every target",
            f"Give targets of the same shape: targets.reshape{(-1, *predictions.shape[1:])}",
        )


def _sigmoid_cross_entropy_vjp(
    g: Array, y: Array, logits: Array, targets: Array, losses_of_zero: Array | None = None
) -> Array:
    if losses_of_zero is None:
        return (sigmoid(logits) - targets) * (g / logits.size)
    return (np.exp(logits - losses_of_zero) - targets) * (g / logits.size)


@differentiable(
    _sigmoid_cross_entropy_vjp,
    lambda g, y, logits, targets, _=None: logits * (-g / logits.size),
    residual=True,
    traits=Traits(link="sigmoid", probabilities=lambda y, x: sigmoid(x)),
)
def sigmoid_cross_entropy(logits: Array, targets: Array) -> Array:
    """Mean binary cross-entropy of sigmoid(logits): -(t log p + (1 - t) log(1 - p)).

    Args:
        logits: any shape.
        targets: probabilities, 0 to 1, of the same shape.

    >>> float(sigmoid_cross_entropy(np.array([0.0]), np.array([1.0])).round(4))
    0.6931
    """
    _require_same_shape(logits, targets)
    # softplus(z) is what a target of 0 costs; exp(z - softplus(z)) is sigmoid(z).
    losses_of_zero = np.logaddexp(logits, 0)
    return (losses_of_zero - logits * targets).sum() / logits.size, losses_of_zero


def one_hot(labels: Array, classes: int, dtype: np.dtype) -> Array:
    """Rows that are 1 at the label and 0 elsewhere, (n, classes).

    >>> one_hot(np.array([1, 0]), 2, np.dtype(float))
    array([[0., 1.],
           [1., 0.]])
    """
    return np.equal(labels[:, None], np.arange(classes)).astype(dtype)


def _class_errors(probabilities: Array, labels: Array) -> Array:
    """p - y: the derivative of each sample's cross-entropy in its logits."""
    return probabilities - one_hot(labels, probabilities.shape[1], probabilities.dtype)


@differentiable(
    lambda g, y, logits, labels, errors=None: (
        (_class_errors(softmax(logits), labels) if errors is None else errors) * (g / len(labels))
    ),
    residual=True,
    traits=Traits(link="softmax", probabilities=lambda y, x: softmax(x)),
)
def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """Mean cross-entropy of softmax(logits): -log p of the right class.

    Args:
        logits: (n, classes).
        labels: (n,) integers, 0 to classes - 1.

    >>> float(softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1])).round(4))
    0.6931
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "logits are (n, classes) and labels (n,)",
            "Reshape them; labels of shape (n, 1) become (n,) by labels.ravel()",
        )
    n, classes = logits.shape
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"labels are whole numbers, and these have dtype {labels.dtype}",
            "Write labels.astype(int)",
        )
    # A negative label is too large when unsigned.
    if n and labels.astype(np.uintp).max() >= classes:
        raise ValueError(
            f"labels range from {labels.min()} to {labels.max()}, classes from 0 to {classes - 1}",
            "Number the classes from 0, or give the last layer one output for each",
        )
    # In C order, so that flat is a view.
    scores = np.subtract(logits, logits.max(axis=1, keepdims=True), order="C")
    flat, index = scores.reshape(-1), np.arange(0, n * classes, classes) + labels
    right = flat[index]
    np.exp(scores, out=scores)
    sums = scores.sum(axis=1)
    scores /= sums[:, None]
    flat[index] -= 1
    return (np.log(sums) - right).sum() / n, scores
