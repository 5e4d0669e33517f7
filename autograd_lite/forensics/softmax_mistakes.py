"""Mistakes in the derivatives of softmax and of what is made of it: sums that are left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.formulas import of_mean, of_sum
from autograd_lite.forensics.place import Place
from autograd_lite.forensics.replay import Graph

Rule = Callable[[Any, Any, Any, Any], Any]
"""From what arrives, the output, the probabilities and the sum over each distribution."""
CROSS = "softmax cross terms"
DIAGONAL = "the Jacobian is taken as diagonal: its cross terms are dropped"
RIGHT: dict[Any, Rule] = {
    neural.softmax: lambda g, y, p, total: p * (g - total(g * p)),
    neural.log_softmax: lambda g, y, p, total: g - p * total(g),
}
RULES: dict[Any, tuple[tuple[str, Rule], ...]] = {
    neural.softmax: (
        (DIAGONAL, lambda g, y, p, total: g * p * (1 - p)),
        ("the subtracted sum is left out: A * dA", lambda g, y, p, total: g * p),
        ("the sum is added, not subtracted", lambda g, y, p, total: p * (g + total(g * p))),
        (
            "the sum of dA is subtracted, not that of A * dA",
            lambda g, y, p, total: p * (g - total(g)),
        ),
        (
            "the mean of dA is subtracted, not the sum of A * dA",
            lambda g, y, p, total: p * (g - total(g) * (np.size(total(g)) / np.size(g))),
        ),
        (
            "the factor A in front of the difference is left out: dA - sum(A * dA)",
            lambda g, y, p, total: g - total(g * p),
        ),
        ("1 - A stands for the whole, without the factor A", lambda g, y, p, total: g * (1 - p)),
        (
            "the sum of the others is added, not subtracted: y_i y_j and not -y_i y_j",
            lambda g, y, p, total: p * (g + total(g * p) - 2 * g * p),
        ),
        ("the subtracted sum is not multiplied by A", lambda g, y, p, total: g * p - total(g * p)),
        (
            "dA itself is left out, and only the sum subtracted: p, and not p - y",
            lambda g, y, p, total: -p * total(g * p),
        ),
    ),
    neural.log_softmax: (
        (DIAGONAL, lambda g, y, p, total: g * (1 - p)),
        ("the sum of what arrives is left out", lambda g, y, p, total: g - p),
        ("the probabilities alone are added: g + p", lambda g, y, p, total: g + p),
        (
            "the logarithm stands where the probabilities belong",
            lambda g, y, p, total: g - y * total(g),
        ),
        ("the probabilities' term is left out", lambda g, y, p, total: g),
        (
            "what arrives is left out, and only the probabilities' term kept: p, and not p - y",
            lambda g, y, p, total: -p * total(g),
        ),
    ),
}


def softmax(graph: Graph, place: Place) -> StepMistakes:
    """The sum in the derivative of softmax is left out, is another, or is over another axis."""
    function = place.operation.function
    words = "in the derivative of {operation} "
    for what, rule in RULES.get(function, ()):
        yield CROSS, words + what, partial(_by, function, rule, None)
    if function is neural.softmax:
        what = "the input stands for one of the two outputs: y_i (1 - x_i) and -y_i x_j"
        yield "wrong place", words + what, _input_for_rows
        yield "wrong place", words + what, _input_for_columns
    if function in RIGHT:
        for over in (*range(place.node.ndim), tuple(range(place.node.ndim))):
            what = f"the sum is taken over axis {over}, the wrong axis"
            yield "wrong axis", words + what, partial(_by, function, RIGHT[function], over)


def _by(
    function: Any, rule: Rule, over: Any, g: Any, y: Any, x: Any, axis: Any = -1, **keywords: Any
) -> Any:
    own = axis if over is None else over
    p = y if function is neural.softmax else np.exp(y)
    return rule(g, y, p, lambda a: a.sum(axis=own, keepdims=True))


def _input_for_rows(g: Any, y: Any, x: Any, axis: Any = -1, **keywords: Any) -> Any:
    return y * (g - (g * x).sum(axis=axis, keepdims=True))


def _input_for_columns(g: Any, y: Any, x: Any, axis: Any = -1, **keywords: Any) -> Any:
    return y * g - x * (g * y).sum(axis=axis, keepdims=True)


def whole_losses(graph: Graph, place: Place) -> StepMistakes:
    """A cross-entropy of logits without its cross terms; log-sum-exp without its probabilities."""
    function, words = place.operation.function, "in the derivative of {operation} "
    if function is cross_entropies.softmax_cross_entropy:
        yield CROSS, words + DIAGONAL, place.changed(_of_right_class)
    if function is neural.logsumexp:
        yield CROSS, words + "exp(z) is not divided by the sum", _not_normalized
        for axis in range(place.argument.ndim if place.node.ndim else 0):
            what = f"the probabilities are taken over axis {axis}, the wrong axis"
            yield "wrong axis", words + what, partial(_probabilities_over, axis)
        what = "1/n stands for the probabilities: that of a mean"
        yield "wrong formula", words + what, of_mean
        what = "1 stands for the probabilities: that of a sum"
        yield "derivative forgotten", words + what, of_sum


def _of_right_class(result: Any, g: Any, y: Any, logits: Any, labels: Any, *kept: Any) -> Any:
    return result * np.equal(labels[:, None], np.arange(logits.shape[1]))


def _probabilities_over(other: int, g: Any, y: Any, x: Any, *axis: Any, **keywords: Any) -> Any:
    return of_sum(g, y, x, *axis, **keywords) * neural.softmax(x, other)


def _not_normalized(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return of_sum(g, y, x, axis, keepdims) * np.exp(x)


SOFTMAX_MISTAKES: tuple[Callable[[Graph, Place], StepMistakes], ...] = (softmax, whole_losses)
