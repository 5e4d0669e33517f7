"""The table of mistakes with the derivatives of functions: activations, losses, normalization.

Each function here yields the mistakes of one kind that a step invites, as the vjps that make them.
What they say is completed with `{operation}`, the name of the function whose derivative it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.derivatives.reductions import expand
from autograd_lite.forensics.mistake import ACTIVATIONS, Mistake, is_elementwise
from autograd_lite.forensics.replay import Array, Graph, Place, vjp_of
from autograd_lite.operators import plain
from autograd_lite.table import TABLE
from autograd_lite.tensor import Tensor


def _is_multiple(one: Array, other: Array) -> bool:
    """Whether two arrays of one shape differ by a factor only."""
    ratios = (one / other)[other != 0] if np.ndim(one) else np.atleast_1d(one / other)
    return ratios.size == 0 or bool(np.ptp(ratios) <= 1e-9 * np.max(np.abs(ratios)))


def dropout(graph: Graph, place: Place) -> Iterator[Mistake]:
    """The mask or the scale of inverted dropout is missing."""
    node = place.node
    name = place.operation.name
    mask = _mask_of(node)
    without_mask = "the mask of dropout is missing in the backward pass"
    without_scale = "the scale of inverted dropout is missing in the backward pass"
    without_both = "dropout is missing in the backward pass"
    if name == "dropout":
        yield Mistake("dropout", without_mask, lambda g, y, x, mask, p, *rest: g / (1 - p))
        yield Mistake("dropout", without_scale, lambda g, y, x, mask, p, *rest: g * mask)
        yield Mistake("dropout", without_both, lambda g, *given: g)
    elif name == "multiply" and mask is not None:
        scale = np.max(mask)
        yield Mistake("dropout", without_mask, lambda g, *given: g * scale)
        if scale != 1:
            yield Mistake("dropout", without_scale, lambda g, *given: g * (mask != 0))
            yield Mistake("dropout", without_both, lambda g, *given: g)
    elif name in ("divide", "multiply") and _scales_dropped(node, place.argument):
        yield Mistake("dropout", without_scale, lambda g, *given: g)


def _mask_of(node: Tensor) -> Array | None:
    """A plain array argument of a product whose entries are 0 or one other value, if any."""
    for argument in node.arguments:
        values = plain(argument)
        recorded = isinstance(argument, Tensor) and argument.requires_grad
        if recorded or not isinstance(values, np.ndarray) or values.shape != node.shape:
            continue
        present = np.unique(values)
        if values.size > 1 and len(present) <= 2 and present[-1] > 0 and 0 in (present[0],):
            return values
    return None


def _scales_dropped(node: Tensor, argument: Tensor) -> bool:
    """Whether a node scales, by a number, what a mask was multiplied with."""
    factors = [a for a in node.arguments if a is not argument]
    if len(factors) != 1 or np.size(plain(factors[0])) != 1:
        return False
    masked = argument.operation is not None and argument.operation.name == "multiply"
    return masked and _mask_of(argument) is not None


def forgotten(graph: Graph, place: Place) -> Iterator[Mistake]:
    """The function's derivative is left out, as if it were 1."""
    cotangent = graph.cotangents[place.node]
    contribution = graph.contribution(place)
    if np.shape(contribution) != np.shape(cotangent):
        return
    if _is_multiple(contribution, cotangent) and not is_elementwise(place):
        return  # A number is missing: that is a factor.
    yield Mistake(
        "derivative forgotten",
        "the derivative of {operation} is forgotten",
        lambda g, *given, **keywords: g,
    )


def twice(graph: Graph, place: Place) -> Iterator[Mistake]:
    """The derivative is applied to what already has it."""
    if not is_elementwise(place):
        return
    vjp = vjp_of(place)
    words = "the derivative of {operation} is multiplied in twice"
    if place.operation.function in ACTIVATIONS:
        words += ": what arrives, such as p - y, contains it already"

    def doubled(g: Array, *given: Any, **keywords: Any) -> Array:
        return vjp(vjp(g, *given, **keywords), *given, **keywords)

    yield Mistake("derivative twice", words, doubled)


def shortcut(graph: Graph, place: Place) -> Iterator[Mistake]:
    """What a loss gives for the logits is multiplied by the derivative of an activation."""
    if place.operation.name not in PROBABILITIES or place.slot != 0:
        return
    vjp = vjp_of(place)
    probabilities = PROBABILITIES[place.operation.name]
    words = (
        "what {operation} passes on to the logits, such as p - y, is multiplied by the "
        "derivative of the activation, which it contains already"
    )
    slopes: list[Callable[[Array, Array], Array]] = [
        lambda y, x: probabilities(y, x) * (1 - probabilities(y, x)),
        *(partial(_slope, other) for other in (neural.sigmoid, np.tanh, neural.relu)),
    ]
    for slope in slopes:

        def multiplied(
            g: Array, y: Array, x: Array, *given: Any, slope: Any = slope, **keywords: Any
        ) -> Array:
            return vjp(g, y, x, *given, **keywords) * slope(y, x)

        yield Mistake("derivative twice", words, multiplied)


PROBABILITIES: dict[str, Callable[[Array, Array], Array]] = {
    "softmax": lambda y, x: y,
    "log_softmax": lambda y, x: np.exp(y),
    "softmax_cross_entropy": lambda y, x: neural.softmax(x),
    "sigmoid_cross_entropy": lambda y, x: neural.sigmoid(x),
}
"""Functions of logits, and the probabilities by their output and input."""


def _slope(function: Callable[..., Any], y: Array, x: Array) -> Array:
    """The derivative of an activation at its input."""
    return TABLE[function].vjps[0](1.0, function(x), x)


def misplaced(graph: Graph, place: Place) -> Iterator[Mistake]:
    """A formula in the output is given the input, or the other way around."""
    if not is_elementwise(place):
        return
    node = place.node
    vjp, compute = vjp_of(place), place.operation.compute
    yield Mistake(
        "wrong place",
        "the derivative of {operation}, a formula in its output, is evaluated at its input",
        lambda g, y, x, *rest, **keywords: vjp(g, x, x, *rest, **keywords),
    )

    def at_output(g: Array, y: Array, x: Array, *rest: Any, **keywords: Any) -> Array:
        return vjp(g, compute(y, *rest, **keywords), y, *rest, **keywords)

    words = "the derivative of {operation}, a formula in its input, is evaluated at its output"
    yield Mistake("wrong place", words, at_output)
    yield Mistake(
        "wrong place",
        words,
        lambda g, y, x, *rest, **keywords: vjp(g, y, y, *rest, **keywords),
    )
    for other in graph.order:
        same = other.operation is node.operation and other is not node
        if same and other.shape == node.shape:
            y, x = other._data, other.arguments[0]
            x = x._data if isinstance(x, Tensor) else x
            yield Mistake(
                "wrong place",
                "the derivative of {operation} is evaluated at another layer's values",
                lambda g, _y, _x, *rest, y=y, x=x, **keywords: vjp(g, y, x, *rest, **keywords),
            )


def another_derivative(graph: Graph, place: Place) -> Iterator[Mistake]:
    """The derivative of another activation is used."""
    own = place.operation.function
    if own not in ACTIVATIONS or not place.argument.ndim:
        return
    for other in ACTIVATIONS:
        if other is own:
            continue
        vjp = TABLE[other].vjps[0]
        words = f"the derivative of {other.__name__} is used for that of {{operation}}"
        yield Mistake(
            "another derivative",
            words,
            lambda g, y, x, *rest, vjp=vjp, other=other, **keywords: vjp(g, other(x), x),
        )
        yield Mistake(
            "another derivative",
            words,
            lambda g, y, x, *rest, vjp=vjp, **keywords: vjp(g, y, x),
        )


def branches(graph: Graph, place: Place) -> Iterator[Mistake]:
    """< where > belongs."""
    words = "the branches of {operation} are swapped: < where > belongs"
    if place.operation.name == "relu":
        yield Mistake("branches", words, lambda g, y, x: g * (x < 0))
    if place.operation.name in ("leaky_relu", "elu"):
        vjp = vjp_of(place)

        def swapped(g: Array, y: Array, x: Array, *rest: Any, **keywords: Any) -> Array:
            mirrored = place.operation.compute(-x, *rest, **keywords)
            return vjp(g, mirrored, -x, *rest, **keywords)

        yield Mistake(
            "branches", "the branches of {operation} are swapped: < where > belongs", swapped
        )


def cross_terms(graph: Graph, place: Place) -> Iterator[Mistake]:
    """Softmax is differentiated entry by entry."""
    name = place.operation.name
    words = "the Jacobian of {operation} is taken as diagonal: its cross terms are dropped"
    if name == "softmax":
        yield Mistake("softmax cross terms", words, lambda g, y, *given, **k: g * y * (1 - y))
        if place.node.ndim == 2:
            yield Mistake(
                "wrong axis",
                "the sum in the derivative of {operation} is taken over the wrong axis",
                lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=1 - axis % 2, keepdims=True)),
            )
    if name == "log_softmax":
        yield Mistake(
            "softmax cross terms", words, lambda g, y, *given, **keywords: g * (1 - np.exp(y))
        )
    if name == "softmax_cross_entropy":
        vjp = vjp_of(place)
        yield Mistake(
            "softmax cross terms",
            words,
            lambda g, y, logits, labels, *rest: (
                vjp(g, y, logits, labels) * neural.one_hot(labels, logits.shape[1], logits.dtype)
            ),
        )


def ties(graph: Graph, place: Place) -> Iterator[Mistake]:
    """>= where > belongs."""
    name = place.operation.name
    words = "the derivative of {operation} at ties is 1: >= where > belongs"
    if name in ("relu", "leaky_relu", "elu"):
        yield Mistake(
            "ties",
            words,
            lambda g, y, x, *given, **keywords: np.where(
                x == 0, g, vjp_of(place)(g, y, x, *given, **keywords)
            ),
        )
    if name == "absolute":
        yield Mistake("ties", words, lambda g, y, x: np.where(x >= 0, g, -g))
    if name in ("maximum", "minimum", "fmax", "fmin"):
        yield Mistake("ties", words, lambda g, y, *pair: g * (pair[place.slot] == y))
    if name in ("max", "min", "amax", "amin"):
        yield Mistake(
            "ties",
            "each of several equal extremes gets the whole cotangent",
            lambda g, y, a, axis=None, *, keepdims=False: (
                expand(g, a.shape, axis, keepdims) * (a == expand(y, a.shape, axis, keepdims))
            ),
        )


def constant_statistics(graph: Graph, place: Place) -> Iterator[Mistake]:
    """Mean and variance that a layer standardizes with are treated as constants."""
    if place.operation.name != "standardize":
        return
    for mean_too, variance_too in ((False, False), (True, False), (False, True)):
        constant = ["mean"] * (not mean_too) + ["variance"] * (not variance_too)

        def vjp(
            g: Array,
            y: Array,
            x: Array,
            mean: Array,
            variance: Array,
            axes: Any,
            epsilon: float,
            *rest: Any,
            mean_too: bool = mean_too,
            variance_too: bool = variance_too,
        ) -> Array:
            through_mean = g.mean(axis=axes, keepdims=True) * mean_too
            through_variance = y * (g * y).mean(axis=axes, keepdims=True) * variance_too
            return (g - through_mean - through_variance) / np.sqrt(variance + epsilon)

        words = f"{' and '.join(constant)} of the batch are treated as constants"
        yield Mistake("constant statistics", words, vjp)


FUNCTION_MISTAKES: tuple[Callable[[Graph, Place], Iterator[Mistake]], ...] = (
    dropout,
    forgotten,
    twice,
    shortcut,
    misplaced,
    another_derivative,
    branches,
    cross_terms,
    ties,
    constant_statistics,
)
