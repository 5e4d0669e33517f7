"""Mistakes in the derivatives of softmax and of what is made of it: sums that are left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import StepMistakes, unchanged
from autograd_lite.forensics.formula_mistakes import of_mean, of_sum
from autograd_lite.forensics.replay import Graph, Place, Vjp
from autograd_lite.node import Array


def softmax(graph: Graph, place: Place) -> StepMistakes:
    """Softmax is differentiated entry by entry, or over the wrong axis."""
    vjps: dict[Callable[..., Any], Vjp] = {
        neural.softmax: lambda g, y, *given, **keywords: g * y * (1 - y),
        neural.log_softmax: lambda g, y, *given, **keywords: g * (1 - np.exp(y)),
        cross_entropies.softmax_cross_entropy: place.changed(_of_right_class),
    }
    function = place.operation.function
    if function in vjps:
        words = "the Jacobian of {operation} is taken as diagonal: its cross terms are dropped"
        yield "softmax cross terms", words, vjps[function]
    if function is neural.softmax and place.node.ndim == 2:
        words = "the sum in the derivative of {operation} is taken over the wrong axis"
        yield "wrong axis", words, _sum_over_the_other_axis


def _of_right_class(result: Array, g: Array, y: Array, *given: Any) -> Array:
    logits, labels, *_ = given
    return result * np.equal(labels[:, None], np.arange(logits.shape[1]))


def _sum_over_the_other_axis(g: Array, y: Array, x: Array, axis: int = -1) -> Array:
    return y * (g - (g * y).sum(axis=1 - axis % 2, keepdims=True))


def softmax_sums(graph: Graph, place: Place) -> StepMistakes:
    """The sum in the derivative of softmax is left out, or is another."""
    function = place.operation.function
    words = "in the derivative of {operation} "
    if function is neural.softmax:
        yield "softmax cross terms", words + "the subtracted sum is left out: A * dA", _no_sum
        yield "softmax cross terms", words + "the sum is added, not subtracted", _sum_added
        what = "the sum of dA is subtracted, not that of A * dA"
        yield "softmax cross terms", words + what, _unweighted
        what = "the factor A in front of the difference is left out: dA - sum(A * dA)"
        yield "softmax cross terms", words + what, place.changed(_no_factor)
        what = "the sum of the others is added, not subtracted: y_i y_j and not -y_i y_j"
        yield "softmax cross terms", words + what, place.changed(_others_added)
        what = "the subtracted sum is not multiplied by A"
        yield "softmax cross terms", words + what, _sum_alone
        what = "dA itself is left out, and only the sum subtracted: p, and not p - y"
        yield "softmax cross terms", words + what, place.changed(_sum_only)
        what = "the sum is taken over all entries, not over each distribution"
        yield "wrong axis", words + what, lambda g, y, *r, **k: y * (g - (g * y).sum())
    if function is neural.log_softmax:
        yield "softmax cross terms", words + "the sum of what arrives is left out", _no_sum_of_log
        for axis in range(place.node.ndim):
            what = f"the sum of what arrives is taken over axis {axis}, the wrong one"
            yield "wrong axis", words + what, partial(_sum_of_log, axis)
        what = "the logarithm stands where the probabilities belong"
        yield "softmax cross terms", words + what, _log_for_probabilities
        yield "softmax cross terms", words + "the probabilities' term is left out", unchanged
        what = "what arrives is left out, and only the probabilities' term kept: p, and not p - y"
        yield "softmax cross terms", words + what, place.changed(lambda result, g, *_: result - g)
    if function is cross_entropies.softmax_cross_entropy:
        yield "softmax cross terms", "the labels are not subtracted: p, and not p - y", _p_alone
    if function is cross_entropies.sigmoid_cross_entropy and place.slot == 0:
        yield "softmax cross terms", "the targets are not subtracted: p, and not p - y", _p_alone
    if function is neural.logsumexp:
        what = "exp(z) is not divided by the sum"
        yield "softmax cross terms", words + what, place.changed(_not_normalized)
        what = "1/n stands for the probabilities: that of a mean"
        yield "wrong formula", words + what, of_mean
        what = "1 stands for the probabilities: that of a sum"
        yield "derivative forgotten", words + what, of_sum


def _no_sum(g: Any, y: Any, *given: Any, **keywords: Any) -> Any:
    return g * y


def _no_factor(result: Any, g: Any, y: Any, *given: Any) -> Any:
    return result / y


def _sum_only(result: Any, g: Any, y: Any, *given: Any) -> Any:
    return result - g * y


def _p_alone(g: Any, y: Any, z: Any, labels: Any, *kept: Any) -> Any:
    if labels.shape == z.shape:
        return neural.sigmoid(z) * (g / z.size)
    return neural.softmax(z) * (g / len(z))


def _sum_added(g: Any, y: Any, x: Any, axis: int = -1) -> Any:
    return y * (g + (g * y).sum(axis=axis, keepdims=True))


def _others_added(result: Any, g: Any, y: Any, *given: Any) -> Any:
    return 2 * g * y * (1 - y) - result


def _unweighted(g: Any, y: Any, x: Any, axis: int = -1) -> Any:
    return y * (g - g.sum(axis=axis, keepdims=True))


def _sum_alone(g: Any, y: Any, x: Any, axis: int = -1) -> Any:
    return g * y - (g * y).sum(axis=axis, keepdims=True)


def _no_sum_of_log(g: Any, y: Any, *given: Any, **keywords: Any) -> Any:
    return g - np.exp(y)


def _sum_of_log(over: int, g: Any, y: Any, *given: Any, **keywords: Any) -> Any:
    return g - np.exp(y) * g.sum(axis=over, keepdims=True)


def _log_for_probabilities(g: Any, y: Any, x: Any, axis: int = -1) -> Any:
    return g - y * g.sum(axis=axis, keepdims=True)


def _not_normalized(result: Any, g: Any, y: Any, x: Any, *rest: Any) -> Any:
    return result * np.exp(y if np.ndim(y) == np.ndim(x) else y.reshape(_kept_shape(y, x)))


def _kept_shape(y: Array, x: Array) -> tuple[int, ...]:
    """The shape of a reduced array with its axes kept, the last of equal lengths left out."""
    shape, lengths = [], [*np.shape(y)]
    for length in np.shape(x):
        kept = bool(lengths) and lengths[0] == length
        shape.append(lengths.pop(0) if kept else 1)
    return tuple(shape)


SOFTMAX_MISTAKES: tuple[Callable[[Graph, Place], StepMistakes], ...] = (softmax, softmax_sums)
