"""Mistakes with the derivatives of functions: activations, losses, normalization.

Each function here yields those of one kind that a step invites.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.derivatives.cross_entropies import softmax_cross_entropy
from autograd_lite.derivatives.normalization import standardize
from autograd_lite.derivatives.reductions import expand
from autograd_lite.forensics.candidate import Candidate, bends, multiplies_entries, unchanged
from autograd_lite.forensics.replay import Graph, Place, Vjp, is_recorded
from autograd_lite.node import Array, plain
from autograd_lite.table import TABLE, activations
from autograd_lite.tensor import Tensor


def dropout(graph: Graph, place: Place) -> Iterator[Candidate]:
    """The mask or the scale of inverted dropout is missing."""
    wrong: dict[str, Vjp] = {}
    mask = _mask_of(place.node)
    if place.operation.function is neural.dropout:
        wrong = {
            "the mask of dropout": lambda g, y, x, mask, p, *rest: g / (1 - p),
            "the scale of inverted dropout": lambda g, y, x, mask, p, *rest: g * mask,
            "dropout": unchanged,
        }
    elif multiplies_entries(place.traits) and mask is not None:
        scale = np.max(mask)
        wrong["the mask of dropout"] = lambda g, *given: g * scale
        if scale != 1:
            wrong["the scale of inverted dropout"] = lambda g, *given: g * (mask != 0)
            wrong["dropout"] = unchanged
    elif multiplies_entries(place.traits) and _scales_dropped(place):
        wrong["the scale of inverted dropout"] = unchanged
    for what, vjp in wrong.items():
        yield Candidate("dropout", f"{what} is missing in the backward pass", {place: vjp})


def _mask_of(node: Tensor) -> Array | None:
    """A plain array argument of a product whose entries are 0 or one other value, if any."""
    for argument in node.arguments:
        values = plain(argument)
        if is_recorded(argument) or not isinstance(values, np.ndarray):
            continue
        if values.shape == node.shape and values.size > 1:
            present = np.unique(values)
            if len(present) <= 2 and present[-1] > 0 and present[0] == 0:
                return values
    return None


def _scales_dropped(place: Place) -> bool:
    """Whether a node scales, by a number, what a mask was multiplied with."""
    others, operation = place.other_arguments, place.argument.operation
    scales = len(others) == 1 and np.size(plain(others[0])) == 1
    multiplied = operation is not None and multiplies_entries(operation.traits)
    return scales and multiplied and _mask_of(place.argument) is not None


def forgotten(graph: Graph, place: Place) -> Iterator[Candidate]:
    """The function's derivative is left out, as if it were 1."""
    cotangent, contribution = graph.right[place.node], graph.unmatched[place]
    if np.shape(contribution) != np.shape(cotangent):
        return
    if bends(place) or not _is_multiple(contribution, cotangent):  # Else that is a factor.
        words = "the derivative of {operation} is forgotten"
        yield Candidate("derivative forgotten", words, {place: unchanged})


def _is_multiple(one: Array, other: Array) -> bool:
    """Whether two arrays of one shape differ by a factor only."""
    ratios = (one / other)[other != 0] if np.ndim(one) else np.atleast_1d(one / other)
    return ratios.size == 0 or bool(np.ptp(ratios) <= 1e-9 * np.max(np.abs(ratios)))


def twice(graph: Graph, place: Place) -> Iterator[Candidate]:
    """The derivative is applied to what already has it."""
    if not bends(place):
        return
    words = "the derivative of {operation} is multiplied in twice"
    if place.traits.activation:
        words += ": what arrives, such as p - y, contains it already"

    def doubled(g: Array, *given: Any, **keywords: Any) -> Array:
        return place.vjp(place.vjp(g, *given, **keywords), *given, **keywords)

    yield Candidate("derivative twice", words, {place: doubled})


def shortcut(graph: Graph, place: Place) -> Iterator[Candidate]:
    """What a loss gives for the logits is multiplied by the derivative of an activation."""
    probabilities = place.traits.probabilities
    if probabilities is None or place.traits.elementwise or place.slot != 0:
        return
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
            return place.vjp(g, y, x, *given, **keywords) * slope(y, x)

        yield Candidate("derivative twice", words, {place: multiplied})


def _slope(function: Callable[..., Any], y: Array, x: Array) -> Array:
    """The derivative of an activation at its input."""
    return TABLE[function].contribution(0, [1.0, function(x), x], {})


def misplaced(graph: Graph, place: Place) -> Iterator[Candidate]:
    """A formula in the output is given the input, or the other way around."""
    if not bends(place):
        return
    node, compute = place.node, place.operation.compute
    rest = [plain(argument) for argument in node.arguments[1:]]
    at_input = "the derivative of {operation}, a formula in its output, is evaluated at its input"
    at_output = "the derivative of {operation}, a formula in its input, is evaluated at its output"
    elsewhere = "the derivative of {operation} is evaluated at another layer's values"
    values: list[tuple[str, Callable[..., tuple[Array, Array]]]] = [
        (at_input, lambda y, x: (x, x)),
        (at_output, lambda y, x: (compute(y, *rest, **node.keywords), y)),
        (at_output, lambda y, x: (y, y)),
    ]
    for other in graph.places_of:
        if other.operation is place.operation and other is not node and other.shape == node.shape:
            both = other._array, plain(other.arguments[0])
            values.append((elsewhere, lambda y, x, both=both: both))
    for what, values_of in values:
        yield Candidate("wrong place", what, {place: _at(place, values_of)})


def _at(place: Place, values_of: Callable[..., tuple[Array, Array]]) -> Vjp:
    return lambda g, y, x, *rest, **keywords: place.vjp(g, *values_of(y, x), *rest, **keywords)


def another_derivative(graph: Graph, place: Place) -> Iterator[Candidate]:
    """The derivative of another activation is used."""
    if not place.traits.activation or not place.argument.ndim:
        return
    for name, other in activations().items():
        if other is place.operation.function:
            continue
        row = TABLE[other]
        words = f"the derivative of {name} is used for that of {{operation}}"
        vjps: list[Vjp] = [
            lambda g, y, x, *_, row=row, **k: row.contribution(0, [g, row.function(x), x], {}),
            lambda g, y, x, *_, row=row, **k: row.contribution(0, [g, y, x], {}),
        ]
        for each in vjps:
            yield Candidate("another derivative", words, {place: each})


def branches(graph: Graph, place: Place) -> Iterator[Candidate]:
    """< where > belongs."""

    def swapped(g: Array, y: Array, x: Array, *rest: Any, **keywords: Any) -> Array:
        if place.operation.function is neural.relu:
            return g * (x < 0)
        mirrored = place.operation.compute(-x, *rest, **keywords)
        return place.vjp(g, mirrored, -x, *rest, **keywords)

    if place.traits.activation and place.traits.kink:
        words = "the branches of {operation} are swapped: < where > belongs"
        yield Candidate("branches", words, {place: swapped})


def cross_terms(graph: Graph, place: Place) -> Iterator[Candidate]:
    """Softmax is differentiated entry by entry."""
    vjps: dict[Callable[..., Any], Vjp] = {
        neural.softmax: lambda g, y, *given, **keywords: g * y * (1 - y),
        neural.log_softmax: lambda g, y, *given, **keywords: g * (1 - np.exp(y)),
        softmax_cross_entropy: lambda g, y, logits, labels, *rest: (
            place.vjp(g, y, logits, labels, *rest)
            * np.equal(labels[:, None], np.arange(logits.shape[1]))
        ),
    }
    function = place.operation.function
    if function in vjps:
        words = "the Jacobian of {operation} is taken as diagonal: its cross terms are dropped"
        yield Candidate("softmax cross terms", words, {place: vjps[function]})
    if function is neural.softmax and place.node.ndim == 2:
        words = "the sum in the derivative of {operation} is taken over the wrong axis"
        yield Candidate("wrong axis", words, {place: _sum_over_the_other_axis})


def _sum_over_the_other_axis(g: Array, y: Array, x: Array, axis: int = -1) -> Array:
    return y * (g - (g * y).sum(axis=1 - axis % 2, keepdims=True))


def ties(graph: Graph, place: Place) -> Iterator[Candidate]:
    """>= where > belongs."""
    traits, slot = place.traits, place.slot
    words = "the derivative of {operation} at ties is 1: >= where > belongs"
    wrong: dict[Place, Vjp] = {}
    if traits.kink and traits.activation:
        wrong[place] = lambda g, y, x, *given, **keywords: np.where(
            x == 0, g, place.vjp(g, y, x, *given, **keywords)
        )
    elif traits.kink:
        wrong[place] = lambda g, y, x: np.where(x >= 0, g, -g)
    elif traits.extremum and traits.elementwise:
        wrong[place] = lambda g, y, *pair: g * (pair[slot] == y)
    elif traits.extremum:
        words = "each of several equal extremes gets the whole cotangent"
        wrong[place] = lambda g, y, a, axis=None, *, keepdims=False: (
            expand(g, a.shape, axis, keepdims) * (a == expand(y, a.shape, axis, keepdims))
        )
    if wrong:
        yield Candidate("ties", words, wrong)


def constant_statistics(graph: Graph, place: Place) -> Iterator[Candidate]:
    """Mean and variance that a layer standardizes with are treated as constants."""
    if place.operation.function is not standardize:
        return
    for constant in (("mean", "variance"), ("variance",), ("mean",)):
        words = f"{' and '.join(constant)} of the batch are treated as constants"
        vjp = partial(_with_constants, constant)
        yield Candidate("constant statistics", words, {place: vjp})


def _with_constants(
    constant: Collection[str], g: Array, y: Array, x: Array, axes: Any, epsilon: float, *rest: Any
) -> Array:
    through_mean = g.mean(axis=axes, keepdims=True) * ("mean" not in constant)
    through_variance = y * (g * y).mean(axis=axes, keepdims=True) * ("variance" not in constant)
    variance = np.var(x, axis=axes, keepdims=True)
    return (g - through_mean - through_variance) / np.sqrt(variance + epsilon)


FUNCTION_MISTAKES: tuple[Callable[[Graph, Place], Iterator[Candidate]], ...] = (
    *(dropout, forgotten, twice, shortcut, misplaced, another_derivative),
    *(branches, cross_terms, ties, constant_statistics),
)
