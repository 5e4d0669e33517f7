"""Cross-entropies of probabilities, and of the logits that probabilities are computed from.

The forms of logits are stable: no overflow, no warning and nothing that cancels, however large.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy import ndarray

from autograd_lite.derivatives.neural import sigmoid, softmax
from autograd_lite.foreign import beside
from autograd_lite.node import Array, Node
from autograd_lite.operation import Traits
from autograd_lite.precision import as_floats, in_floats, in_single, rule_in_single, widened
from autograd_lite.table import differentiable


def largest(x: Array) -> Any:
    """The largest entry, or NaN: to find where it is takes a third of the time of `max`."""
    return x.item(x.argmax()) if type(x) is ndarray else x.max()


def _smallest(x: Array) -> Any:
    return x.item(x.argmin()) if type(x) is ndarray else x.min()


_FEW = 4096
"""More are summed in pairs, which errs less in float32."""


@functools.lru_cache(maxsize=32)
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(n, dtype)


def _sums(x: Array) -> Any:
    """Over the last axis: of few entries a product with ones takes a third of the time of a sum."""
    n = x.shape[-1]
    if n > _FEW:
        return x.sum(axis=-1)
    ones = _ones(n, x.dtype)
    return x.dot(ones) if type(x) is ndarray else np.dot(x, beside(ones, x))


def _sum_of_products(a: Array, b: Array) -> Any:
    return np.dot(a.reshape(-1), b.reshape(-1))


_FLOAT, _BITS = np.dtype(np.float64), np.dtype(np.uint64)
_BITS_OF_1 = int(np.float64(1).view(_BITS))


def are_shares(values: Array) -> bool:
    """Whether no entry is below 0 or above 1; NaN is neither."""
    if type(values) is ndarray and values.dtype is _FLOAT:
        # From 0 on, numbers are in the order of their bits, before all that are negative.
        bits = values.view(_BITS)
        if bits.item(bits.argmax()) <= _BITS_OF_1:
            return True
    return not (_smallest(values) < 0 or largest(values) > 1)


SMALLEST_LOGARITHM = -100
"""What the logarithm of a probability counts as at least."""
SMALLEST_PROBABILITY = 3.72e-44
"""The one with that logarithm, in few digits, as it stands in texts of gradients."""


def as_divisor(p: Array, dtype: Any = None) -> Array:
    """A probability, or p (1 - p), as the derivative of its logarithm divides by it.

    Where its logarithm is bounded it counts as 1e-12, as in PyTorch, and where 1 over it may be
    infinite in a dtype, by default its own, as the smallest of which it is not; else as itself.

    >>> as_divisor(np.array([0.0, 1e-30, 0.5]))
    array([1.e-12, 1.e-30, 5.e-01])
    """
    smallest = float(np.finfo(dtype or p.dtype).tiny) / 2
    return np.where(p <= max(SMALLEST_PROBABILITY, smallest), max(1e-12, smallest), p)


def _bounded_logarithms(p: Array) -> tuple[Array, Array]:
    """log p and log(1 - p), both -100 at least."""
    p = as_floats(p)
    with np.errstate(divide="ignore"):
        logarithms = np.log(p), np.log1p(-p)
    right, wrong = (np.maximum(each, SMALLEST_LOGARITHM) for each in logarithms)
    return right, wrong


def _likelihood_slopes(g: Array, y: Array, p: Array, targets: Array) -> Array:
    # Of half precision in single, but with slopes that half precision holds: times that of a
    # saturated sigmoid, 0, an infinite one is NaN.
    dtype = p.dtype
    g, p, targets = widened(g), widened(p), widened(targets)
    return (p - targets) / as_divisor(p * (1 - p), dtype) * (g / p.size)


@rule_in_single
def _slopes_in_targets(g: Array, y: Array, p: Array, targets: Array) -> Array:
    right, wrong = _bounded_logarithms(p)
    return (wrong - right) * (g / p.size)


@differentiable(_likelihood_slopes, _slopes_in_targets, traits=Traits(logarithm=True))
@in_floats
@in_single
def binary_cross_entropy(p: Array, targets: Array) -> Array:
    """Mean binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)).

    As in PyTorch, logarithms are bounded below by -100, and p (1 - p), the divisor of the
    derivative (p - t) / (p (1 - p)), by 1e-12 where a logarithm is bounded; elsewhere the
    derivative is exact.

    Args:
        p: probabilities, 0 to 1, any shape.
        targets: probabilities of the same shape.

    >>> float(binary_cross_entropy(np.array([0.0, 0.5]), np.array([1.0, 1.0])).round(4))
    50.3466
    """
    _require_same_shape(p, targets)
    right, wrong = _bounded_logarithms(p)
    return -(targets * right + (1 - targets) * wrong).sum() / p.size


def _require_same_shape(predictions: Array, targets: Array) -> None:
    if predictions.shape != targets.shape:
        raise ValueError(*other_shape(predictions, targets))


def other_shape(predictions: Any, targets: Any) -> tuple[str, str]:
    """What is wrong with targets of another shape than predictions, and what to write."""
    remedy = "Give a target for each prediction"
    if targets.size == predictions.size:
        remedy = f"Write np.reshape(targets, {(-1, *predictions.shape[1:])})"
    elif targets.size == 1:
        remedy += f": np.full({predictions.shape}, target)"
    return "their shapes differ, and broadcasting would compare each with those of others", remedy


def _binary_errors(logits: Array, targets: Array, parts: Any) -> Array:
    """sigmoid(logits) - targets, of which neither half cancels."""
    if parts is None:
        return np.where(logits > 0, (1 - targets) - sigmoid(-logits), sigmoid(logits) - targets)
    gap, shrunk = parts
    return gap - np.copysign(shrunk / (shrunk + 1.0), logits)


def _are_finite(logits: Array) -> bool:
    # A sum of squares takes less time than a look at each entry.
    return type(logits) is ndarray and math.isfinite(np.vdot(logits, logits))


def _binary_parts(logits: Array, targets: Array, finite: bool) -> tuple[Array, Array, Array]:
    """What -(t log p + (1 - t) log(1 - p)) of p = sigmoid(logits) is computed from, and its rule.

    It is max(z, 0) - z t + log(1 + exp(-|z|)), of which the first two are z times the gap between
    the target and the side that z is on by its sign: 1 - t above 0, -t below. Returned are z, the
    gap, and exp(-|z|).
    """
    shrunk = np.exp(np.copysign(logits, -1.0))
    # Zeros have a side, too.
    gap = np.subtract(np.copysign(0.5, logits) + 0.5, targets, dtype=logits.dtype.type)
    # Infinity times a gap of 0 is 0.
    return logits if finite else np.where(gap == 0, 0, logits), gap, shrunk


SIGMOID_LINK = Traits(accumulates=True, link="sigmoid", probabilities=lambda y, x: sigmoid(x))


@differentiable(
    lambda g, y, logits, targets, parts=None: g * _binary_errors(logits, targets, parts),
    lambda g, y, logits, targets, _=None: -g * logits,
    residual=True,
    traits=SIGMOID_LINK._replace(elementwise=True),
)
@in_floats
def sigmoid_cross_entropies(logits: Array, targets: Array) -> Array:
    """The binary cross-entropy of each entry, of sigmoid(logits).

    >>> sigmoid_cross_entropies(np.array([0.0, np.inf]), np.array([1.0, 1.0])).round(4)
    array([0.6931, 0.    ])
    """
    bounded, gap, shrunk = _binary_parts(logits, targets, _are_finite(logits))
    return bounded * gap + np.log1p(shrunk), (gap, shrunk)


@differentiable(
    lambda g, y, logits, targets, parts=None: (
        _binary_errors(logits, targets, parts) * (g / logits.size)
    ),
    lambda g, y, logits, targets, _=None: logits * (-g / logits.size),
    residual=True,
    traits=SIGMOID_LINK,
)
@in_floats
def sigmoid_cross_entropy(logits: Array, targets: Array) -> Array:
    """Mean binary cross-entropy of sigmoid(logits): -(t log p + (1 - t) log(1 - p)).

    Args:
        logits: any shape.
        targets: probabilities, 0 to 1, of the same shape.

    >>> float(sigmoid_cross_entropy(np.array([0.0]), np.array([1.0])).round(4))
    0.6931
    """
    _require_same_shape(logits, targets)
    followed = isinstance(logits, Node)
    bounded, gap, shrunk = _binary_parts(logits, targets, followed or _are_finite(logits))
    rest = _sums(np.log1p(shrunk).reshape(-1))
    total = rest + _sum_of_products(bounded, gap)
    if followed and not total < math.inf:  # which a program asks in each run
        total = rest + _sum_of_products(_binary_parts(logits, targets, False)[0], gap)
    return total / logits.size, (gap, shrunk)


def one_hot(labels: Array, classes: int, dtype: np.dtype) -> Array:
    """Rows that are 1 at the label and 0 elsewhere, (n, classes).

    >>> one_hot(np.array([1, 0]), 2, np.dtype(float))
    array([[0., 1.],
           [1., 0.]])
    """
    return np.equal(labels[:, None], beside(np.arange(classes), labels)).astype(dtype)


def _class_errors(probabilities: Array, labels: Array) -> Array:
    """p - y: the derivative of each sample's cross-entropy in its logits."""
    labels = beside(labels, probabilities)
    return probabilities - one_hot(labels, probabilities.shape[1], probabilities.dtype)


def _places(labels: Array, classes: int) -> Array:
    """Where in the flat logits those of the labels are; a sum with uint64 is of floats."""
    firsts = _firsts(len(labels), classes)
    if type(labels) is not ndarray:
        firsts = beside(firsts, labels)
    return firsts + labels.astype(np.intp, copy=False)


@functools.lru_cache(maxsize=32)
def _firsts(n: int, classes: int) -> Array:
    return np.arange(0, n * classes, classes)


def _followed(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Loss and errors of softmax_cross_entropy without a change in place, with the same numbers."""
    n, classes = logits.shape
    order: Any = {"order": "C"} if isinstance(logits, Node | ndarray) else {}
    scores = np.subtract(logits, logits.max(axis=1, keepdims=True), **order)
    right = scores.reshape(-1)[_places(labels, classes)]
    exponentials = np.exp(scores)
    sums = _sums(exponentials)
    errors = _class_errors(exponentials / sums[:, None], labels)
    return _sums(np.log(sums) - right) / n, errors


@differentiable(
    lambda g, y, logits, labels, errors=None: (
        (_class_errors(softmax(logits), labels) if errors is None else errors) * (g / len(labels))
    ),
    residual=True,
    traits=Traits(accumulates=True, link="softmax", probabilities=lambda y, x: softmax(x)),
)
@in_floats
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
    if n and largest(labels.astype(np.uintp)) >= classes:
        raise ValueError(
            f"labels range from {labels.min()} to {labels.max()}, classes from 0 to {classes - 1}",
            "Number the classes from 0, or give the last layer one output for each",
        )
    if type(logits) is not ndarray:
        return _followed(logits, labels)
    # In C order, so that flat is a view.
    scores = np.subtract(logits, logits.max(axis=1, keepdims=True), order="C")
    flat, index = scores.reshape(-1), _places(labels, classes)
    right = flat[index]
    np.exp(scores, out=scores)
    sums = _sums(scores)
    scores /= sums[:, None]
    flat[index] -= 1
    return _sums(np.log(sums) - right) / n, scores
