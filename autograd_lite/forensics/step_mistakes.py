"""Mistakes in one step: with the derivative of a function, or with shapes.

Each function here yields what a step invites; a kind of mistake is one `yield`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.derivatives.normalization import standardize
from autograd_lite.derivatives.reductions import expand
from autograd_lite.forensics.candidate import Instead, StepMistakes, unchanged
from autograd_lite.forensics.replay import Graph, Place, Vjp, is_array, is_recorded
from autograd_lite.node import Array, plain
from autograd_lite.table import TABLE, activations
from autograd_lite.tensor import Tensor

NEARBY = 12
"""Steps before and after a product in which what it is mistaken for is looked for."""


def dropout(graph: Graph, place: Place) -> StepMistakes:
    """The mask or the scale of inverted dropout is missing."""
    wrong: dict[str, Vjp] = {}
    mask = _mask_of(place.node)
    if place.operation.function is neural.dropout:
        wrong = {
            "the mask of dropout": lambda g, y, x, mask, p, *rest: g / (1 - p),
            "the scale of inverted dropout": lambda g, y, x, mask, p, *rest: g * mask,
            "dropout": unchanged,
        }
    elif place.multiplies_entries and mask is not None:
        scale = np.max(mask)
        wrong["the mask of dropout"] = lambda g, *given: g * scale
        if scale != 1:
            wrong["the scale of inverted dropout"] = lambda g, *given: g * (mask != 0)
            wrong["dropout"] = unchanged
    elif place.multiplies_entries and _scales_dropped(place):
        wrong["the scale of inverted dropout"] = unchanged
    for what, vjp in wrong.items():
        yield "dropout", f"{what} is missing in the backward pass", vjp


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
    others, before = place.other_arguments, place.argument.operation
    scales = len(others) == 1 and np.size(plain(others[0])) == 1
    multiplied = before is not None and before.traits.product and before.traits.elementwise
    return scales and multiplied and _mask_of(place.argument) is not None


def forgotten_or_twice(graph: Graph, place: Place) -> StepMistakes:
    """The function's derivative is left out, or applied to what already has it."""
    cotangent, contribution = graph.right[place.node], graph.unmatched[place]
    alike = np.shape(contribution) == np.shape(cotangent)
    # What is a multiple is a factor.
    if alike and (place.bends or not _is_multiple(contribution, cotangent)):
        yield "derivative forgotten", "the derivative of {operation} is forgotten", unchanged
    if place.bends:
        contained = ": what arrives, such as p - y, contains it already"
        words = "the derivative of {operation} is multiplied in twice"
        words += contained if place.traits.activation else ""
        yield "derivative twice", words, partial(_twice, place)


def _twice(place: Place, g: Array, *given: Any, **keywords: Any) -> Array:
    return place.vjp(place.vjp(g, *given, **keywords), *given, **keywords)


def _is_multiple(one: Array, other: Array) -> bool:
    """Whether two arrays of one shape differ by a factor only."""
    ratios = (one / other)[other != 0] if np.ndim(one) else np.atleast_1d(one / other)
    return ratios.size == 0 or bool(np.ptp(ratios) <= 1e-9 * np.max(np.abs(ratios)))


def shortcut(graph: Graph, place: Place) -> StepMistakes:
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
        *(partial(_vjp_of, other, True, 1.0) for other in (neural.sigmoid, np.tanh, neural.relu)),
    ]
    for slope in slopes:
        vjp = place.changed(lambda result, g, y, x, *rest, slope=slope: result * slope(y, x))
        yield "derivative twice", words, vjp


def misplaced(graph: Graph, place: Place) -> StepMistakes:
    """A formula in the output is given the input, or the other way around."""
    if not place.bends:
        return
    node, compute = place.node, place.operation.value
    at_input = "the derivative of {operation}, a formula in its output, is evaluated at its input"
    at_output = "the derivative of {operation}, a formula in its input, is evaluated at its output"
    elsewhere = "the derivative of {operation} is evaluated at another layer's values"
    yield "wrong place", at_input, place.given(lambda y, x, *rest: (x, x, *rest))
    again = place.given(lambda y, *rest: (compute(y, *rest[1:], **node.keywords), y, *rest[1:]))
    yield "wrong place", at_output, again
    yield "wrong place", at_output, place.given(lambda y, x, *rest: (y, y, *rest))
    for other in graph.places_of:
        if other.operation is place.operation and other is not node and other.shape == node.shape:
            both = other._array, plain(other.arguments[0])
            vjp = place.given(lambda y, x, *rest, both=both: (*both, *rest))
            yield "wrong place", elsewhere, vjp


def another_derivative(graph: Graph, place: Place) -> StepMistakes:
    """The derivative of another activation is used, at its own output or at the one here."""
    if not place.traits.activation or not place.argument.ndim:
        return
    for name, other in activations().items():
        if other is not place.operation.function:
            words = f"the derivative of {name} is used for that of {{operation}}"
            yield "another derivative", words, partial(_vjp_of, other, True)
            yield "another derivative", words, partial(_vjp_of, other, False)


def _vjp_of(other: Any, at_its_output: bool, g: Any, y: Array, x: Array, *_: Any, **k: Any) -> Any:
    return TABLE[other].contribution(0, [g, other(x) if at_its_output else y, x], {})


def kinks(graph: Graph, place: Place) -> StepMistakes:
    """< where > belongs, or >=."""
    traits, slot = place.traits, place.slot
    words = "the derivative of {operation} at ties is 1: >= where > belongs"
    if traits.kink and traits.activation:
        what = "the branches of {operation} are swapped: < where > belongs"
        yield "branches", what, partial(_mirrored, place)
        at_zero = place.changed(lambda result, g, y, x, *rest: np.where(x == 0, g, result))
        yield "ties", words, at_zero
    elif traits.kink:
        yield "ties", words, lambda g, y, x: np.where(x >= 0, g, -g)
    elif traits.extremum and traits.elementwise:
        yield "ties", words, lambda g, y, *pair: g * (pair[slot] == y)
    elif traits.extremum:
        words = "each of several equal extremes gets the whole cotangent"
        yield "ties", words, _to_each_extreme


def _to_each_extreme(
    g: Array, y: Array, a: Array, axis: Any = None, *, keepdims: bool = False
) -> Array:
    return expand(g, a.shape, axis, keepdims) * (a == expand(y, a.shape, axis, keepdims))


def _mirrored(place: Place, g: Array, y: Array, x: Array, *rest: Any, **keywords: Any) -> Array:
    if place.operation.function is neural.relu:
        return g * (x < 0)
    return place.vjp(g, place.operation.value(-x, *rest, **keywords), -x, *rest, **keywords)


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


def constant_statistics(graph: Graph, place: Place) -> StepMistakes:
    """Mean and variance that a layer standardizes with are treated as constants."""
    if place.operation.function is standardize:
        for constant in (("mean", "variance"), ("variance",), ("mean",)):
            words = f"{' and '.join(constant)} of the batch are treated as constants"
            yield "constant statistics", words, partial(_with_constants, constant)


def _with_constants(
    constant: Collection[str], g: Array, y: Array, x: Array, axes: Any, epsilon: float, *rest: Any
) -> Array:
    through_mean = g.mean(axis=axes, keepdims=True) * ("mean" not in constant)
    through_variance = y * (g * y).mean(axis=axes, keepdims=True) * ("variance" not in constant)
    variance = np.var(x, axis=axes, keepdims=True)
    return (g - through_mean - through_variance) / np.sqrt(variance + epsilon)


# Shapes: products of matrices, transposes, sums, reshapes


def other_values(graph: Graph, place: Place) -> StepMistakes:
    """A product is taken with z where a belongs, or with the values of another layer."""
    for slot, argument in enumerate(place.node.arguments if place.traits.product else ()):
        if slot != place.slot and is_array(plain(argument)) and plain(argument).ndim:
            for other in _beside(graph, place, argument):
                what = "the values of another layer"
                if _is_made_from(argument, other):
                    what = "the input of a function, not with its output"
                elif _is_made_from(other, argument):
                    what = "the output of a function, not with its input"
                words = f"the product is taken with {what}"
                yield "wrong place", words, Instead(place, slot, plain(other), other)


def _beside(graph: Graph, place: Place, argument: Any) -> Iterator[Any]:
    """What is multiplied nearby, and has an argument's shape."""
    here = graph.places.index(place)
    nearby: list[Any] = []
    for near in graph.places[max(here - NEARBY, 0) : here + NEARBY]:
        if near.traits.product:
            for other in near.node.arguments:
                nearby += [other, *(other.arguments if isinstance(other, Tensor) else ())]
        elif near.bends:
            nearby += [near.node, near.argument]
    distinct: dict[int, Any] = {}
    for other in nearby:
        distinct.setdefault(id(plain(other)), other)
    distinct.pop(id(plain(argument)), None)
    for other in distinct.values():
        if is_array(plain(other)) and plain(other).shape == plain(argument).shape:
            yield other


def _is_made_from(output: Any, given: Any) -> bool:
    made = isinstance(given, Tensor) and isinstance(output, Tensor)
    return made and any(argument is given for argument in output.arguments)


def transposed(graph: Graph, place: Place) -> StepMistakes:
    """A square matrix, or the product, is transposed, or not where it should be."""
    if place.multiplies_matrices:
        for slot, argument in enumerate(place.node.arguments):
            value = plain(argument)
            if slot != place.slot and _is_square(value):
                words = "the other factor of {operation} is to be transposed, and is not"
                yield "transposed", words, Instead(place, slot, value.T, "{0}.T")
    if _is_square(place.argument._array) and place.node.ndim == 2:
        vjp = place.changed(lambda result, *rest: result.T)
        yield "transposed", "the result is transposed", vjp


def _is_square(value: Any) -> bool:
    return is_array(value) and value.ndim == 2 and value.shape[0] == value.shape[1] > 1


def wrong_axis(graph: Graph, place: Place) -> StepMistakes:
    """Broadcasting is undone by a sum over the wrong axis that happens to fit."""
    unsummed: list[tuple[str, Array, Vjp]] = [
        ("the cotangent", graph.right[place.node], unchanged),
        ("the product", graph.unmatched[place], place.vjp),
    ]
    for name, value, vjp in unsummed:
        if np.ndim(value) == 2 and value.size != place.argument.size:
            for axis, keepdims in itertools.product((0, 1), (False, True)):
                if np.sum(value, axis=axis, keepdims=keepdims).shape == place.argument.shape:
                    words = f"{name} is summed over axis {axis}, the wrong one"
                    yield "wrong axis", words, partial(_summed, vjp, axis, keepdims)


def _summed(vjp: Vjp, axis: int, keepdims: bool, *given: Any, **keywords: Any) -> Array:
    return vjp(*given, **keywords).sum(axis=axis, keepdims=keepdims)


def reshaped(graph: Graph, place: Place) -> StepMistakes:
    """A reshape is undone in another order, or a transpose by a reshape."""
    shape = place.argument.shape
    if place.operation.function is np.reshape:
        words = "the reshape is undone in the wrong order of entries"
        yield "reshaped", words, lambda g, *given, **k: np.reshape(g, shape, order="F")
    if place.operation.function in (np.transpose, np.swapaxes):
        words = "the transpose is undone by a reshape, which mixes up the entries"
        yield "reshaped", words, lambda g, *given, **keywords: g.reshape(shape)


STEP_MISTAKES: tuple[Callable[[Graph, Place], StepMistakes], ...] = (
    *(dropout, forgotten_or_twice, shortcut, misplaced, another_derivative),
    *(kinks, softmax, constant_statistics),
    *(other_values, transposed, wrong_axis, reshaped),
)
