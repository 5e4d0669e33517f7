"""Other formulas that people take for the derivative of a function, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.factors import both_signs, distinct_masks
from autograd_lite.forensics.formulas import FORMULAS, VJPS, Formulas, Slope, of_mean, of_sum
from autograd_lite.forensics.place import Place, is_recorded, is_square
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor


def formulas(graph: Graph, place: Place) -> StepMistakes:
    """Another formula in the output or in the input."""
    for text, slope in FORMULAS.get(place.operation.function, ()):
        words = f"the derivative of {{operation}} is taken to be {text}"
        yield "wrong formula", words, partial(_by, slope)
    for words, vjp in VJPS.get((place.operation.function, place.slot), ()):
        yield "wrong formula", words, vjp
    squares = place.squares and both_signs(place.argument._array)
    for written, slope in SIGNS if squares else ():
        words = f"the derivative of {{operation}} is taken to be {written}, that of the absolute "
        # Of the loss's own errors it is another loss.
        yield "another loss", words + "value", partial(_by, slope)
    if place.bends and place.traits.elementwise:
        words = "the derivative of {operation} is taken to be "
        for text, slope in OWN_VALUES:
            yield "wrong formula", words + text, partial(_by, slope)
        for text, change in OF_SLOPES:
            yield "wrong formula", words + text, partial(_changed, place, change)
        for number in _added_after(graph, place):
            what = f"{number:.6g}, what is added to its value"
            yield "wrong formula", words + what, lambda g, *given, by=number, **k: g * by
    if place.activates and not place.traits.kink:
        words = "the derivative of {operation} is multiplied, besides, by "
        for text, slope in OWN_VALUES:
            twice = place.changed(lambda result, g, a, z, *_, by=slope: result * by(a, z))
            yield "derivative twice", words + text, twice


def _added_after(graph: Graph, place: Place) -> list[float]:
    """The numbers that are added to what a step's function gives, as in mu / (mu + r)."""
    uses = [use for use in graph.consumers.get(place.node, ()) if use.traits.additive]
    return [number for use in uses for number in use.numbers if number not in (0, 1, -1)]


SIGNS: Formulas = (
    ("sign(z)", lambda a, z: np.sign(z)),
    ("2 sign(z)", lambda a, z: 2 * np.sign(z)),
)
OWN_VALUES: Formulas = (
    ("a, the value itself", lambda a, z: a),
    ("z, its input", lambda a, z: z),
)
OF_SLOPES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("1 over what it is", lambda d: 1 / d),
    ("its square root: a square is left out", lambda d: np.sqrt(abs(d))),
)
"""What is done to a derivative that is right but for that."""


def _by(slope: Slope, g: Any, a: Any, z: Any, *rest: Any, **keywords: Any) -> Any:
    return g * slope(a, z)


def _changed(place: Place, change: Any, g: Any, a: Any, z: Any, *rest: Any, **keywords: Any) -> Any:
    return g * change(place.vjp(1.0, a, z, *rest, **keywords))


def of_kinks(graph: Graph, place: Place) -> StepMistakes:
    """Functions of two straight parts, or of one, that are given another slope on one side."""
    if not place.is_straight_twice:
        return
    words = "the derivative of {operation} is taken to be "
    for what, slope in BELOW_0 if not place.traits.rectifies else ():
        yield "wrong formula", f"{words}{what}", partial(_below_0, slope)
    if not place.traits.rectifies:
        words += "one number where z < 0, its slope at 0"
        yield "wrong formula", words, partial(_straight, place)
    if place.operation.function is neural.elu:
        what = "the branches of {operation} are swapped: alpha * exp(z) where z > 0, else 1"
        yield "branches", what, _of_other_sides
    words = "what arrives is lost where z > 0: 1 is written there, and the rest left as it arrives"
    yield "cotangent lost", words, lambda g, a, z, *rest, **k: np.where(z > 0, 1, g)
    words = "the mask of {operation} is where what arrives is positive, not where z is"
    yield "another mask", words, partial(_at_what_arrives, place, lambda g: g)
    words = "what arrives and is negative is lost, too, as by guided backpropagation"
    yield "another mask", words, place.arriving(lambda g, *given: g * (g > 0))
    yield from _beyond_0(place)


def _beyond_0(place: Place) -> StepMistakes:
    """The two straight parts meet at another number than 0, each mask once that is another."""
    z = place.argument._array
    for number, mask in distinct_masks(z > 0, ((number, z > number) for number in THRESHOLDS)):
        if mask.any():
            words = f"the mask of {{operation}} is z > {number:g}, where z > 0 is right"
            at = np.where(mask, abs(z), -abs(z))
            compute = place.operation.value
            there = lambda y, x, *rest, at=at, of=compute: (of(at, *rest), at, *rest)
            yield "another mask", words, place.given(there)


THRESHOLDS = tuple(
    sign * number for number in (1.0, 0.5, 0.2, 0.1, 0.01, 1e-3, 1e-6) for sign in (1, -1)
)
"""Where the mask of a rectifier may begin by mistake."""


BELOW_0: Formulas = (
    ("a where z < 0, the value and not the slope", lambda a, z: a),
    ("1 + z where z < 0, with the input for the output or for the exponential", lambda a, z: 1 + z),
    ("1 + a where z < 0, as for alpha = 1", lambda a, z: 1 + a),
    ("exp(z) where z < 0, without alpha", lambda a, z: np.exp(z)),
)
"""Slopes on the left of functions of two straight parts."""


def _below_0(slope: Slope, g: Any, a: Any, z: Any, *rest: Any, **keywords: Any) -> Any:
    return g * np.where(z > 0, 1, slope(a, z))


def _of_other_sides(g: Any, a: Any, z: Any, alpha: float = 1.0) -> Any:
    return g * np.where(z > 0, alpha * np.exp(z), 1)


def _straight(place: Place, g: Array, a: Array, z: Array, *rest: Any, **keywords: Any) -> Any:
    below = np.full_like(z, -np.finfo(z.dtype).tiny)
    at_zero = place.vjp(g, 0 * a, below, *rest, **keywords)
    return np.where(z > 0, g, at_zero)


def before_what_is_added(z: Any) -> Iterator[Array]:
    """The terms and factors of an argument's shape that it is made of."""
    traits = z.operation.traits if isinstance(z, Tensor) and z.operation else None
    if traits and traits.elementwise and (traits.additive or traits.product):
        for argument in z.arguments:
            if is_recorded(argument) and argument.shape == z.shape:
                yield argument._array


def of_quotients(graph: Graph, place: Place) -> StepMistakes:
    """The quotient rule with the numerator as it is before a mean is subtracted."""
    if place.operation.function is not np.divide:
        return
    numerator = place.node.arguments[0]
    for before in before_what_is_added(numerator) if place.slot == 1 else ():
        words = "in the derivative of {operation} by its denominator the numerator is taken before "
        words += f"{numerator.operation.name}: a mean is not subtracted from it"
        yield "wrong formula", words, lambda g, y, a, b, x=before, **k: -g * x / b / b


def inner_derivative(graph: Graph, place: Place) -> StepMistakes:
    """A linear function's argument stands for its derivative: 2 (t - o) o for (t - o)²."""
    linear = place.traits.additive or place.slot in place.traits.linear
    same = place.traits.product or place.node.shape == place.argument.shape
    alike = place.traits.elementwise and same
    alike = alike or (place.multiplies_matrices and place.argument.ndim == 1 > place.node.ndim)
    before = place.argument.operation
    scalar = not (place.node.ndim or place.traits.product)
    if linear and alike and not scalar and not (before and before.traits.reduces):
        slot = place.slot
        belongs = "other factor" if place.traits.product else "inner derivative"
        words = f"it is multiplied by {{argument}} itself, where the {belongs} belongs"
        kind = "wrong formula" if place.traits.product else "other values"
        yield kind, words, lambda g, y, *pair, **k: g * pair[slot]


def cotangent_lost(graph: Graph, place: Place) -> StepMistakes:
    """The derivative alone is passed on, not multiplied by what arrives."""
    cotangent = graph.right[place.node]
    moved = place.traits.additive or place.traits.moves
    if np.size(cotangent) < 2 or np.ptp(cotangent) == 0:
        return
    if place.node.shape == cotangent.shape:
        words = "the value itself is handed on, not what arrives for it"
        yield "other values", words, place.arriving(lambda g, y, *_: y)
    if moved:
        return
    words = "what arrives is lost: the derivative of {operation} is not multiplied by it"
    yield "cotangent lost", words, place.arriving(lambda g, *_: np.ones_like(g))
    if place.activates and not place.traits.kink:
        words = "the derivative of {operation} is evaluated at what arrives"
        yield "wrong place", words, partial(_at_what_arrives, place, lambda g: g)
        words += ", and not multiplied by it"
        yield "cotangent lost", words, partial(_at_what_arrives, place, np.ones_like)
    is_sign = np.ptp(abs(cotangent[cotangent != 0])) == 0  # That times itself is one, too.
    if place.bends and np.shape(graph.unmatched[place]) == cotangent.shape and not is_sign:
        words = "what arrives is multiplied in twice: the derivative of {operation} contains it"
        yield "derivative twice", words, place.changed(lambda result, g, *_, **k: result * g)
    if both_signs(cotangent):
        words = "of what arrives only the sign is left: 1 or -1 is written in its place"
        yield "other values", words, place.arriving(lambda g, *_: np.sign(g))


def _at_what_arrives(place: Place, times: Any, g: Any, y: Any, x: Any, *rest: Any, **k: Any) -> Any:
    return place.vjp(times(g), place.operation.value(g, *rest, **k), g, *rest, **k)


def statistics(graph: Graph, place: Place) -> StepMistakes:
    """Entries that are to be centred, a root that is left out."""
    function = place.operation.function
    lost = place.node.keywords.get("ddof", 0)
    if function in (np.var, np.std) and lost:
        count = place.argument.size / max(place.node.size, 1)
        share = (count - lost) / count
        words = f"ddof is forgotten: it is divided by {count:g}, where {count - lost:g} is right"
        yield "constant statistics", words, place.result_times(share)
    if function is np.std:
        words = "the derivative of {operation} is taken to be "
        words += "that of the variance, without the root"
        yield "wrong formula", words, place.arriving(lambda g, y, *_: g * 2 * y)


# Softmax, and what is made of it: sums that are left out

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
            "the mean of A * dA is subtracted, not their sum",
            lambda g, y, p, total: p * (g - total(g * p) * (np.size(total(g)) / np.size(g))),
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
        yield CROSS, words + what, partial(_by_rule, function, rule, None)
    if function is neural.softmax:
        what = "the input stands for one of the two outputs: y_i (1 - x_i) and -y_i x_j"
        yield "wrong place", words + what, _input_for_rows
        yield "wrong place", words + what, _input_for_columns
        what = "the cross terms are left out, and the input stands for the output: "
        for text, slope in DIAGONALS_AT_THE_INPUT:
            yield "wrong place", words + what + text, partial(_by, slope)
    if function is neural.softmax and is_square(place.node._array):
        what = "the subtracted sum is that of another row, as when keepdims is left out"
        yield "wrong axis", words + what, _without_keepdims
    if function in RIGHT:
        for over in (*range(place.node.ndim), tuple(range(place.node.ndim))):
            what = f"the sum is taken over axis {over}, the wrong axis"
            yield "wrong axis", words + what, partial(_by_rule, function, RIGHT[function], over)


def _by_rule(
    function: Any, rule: Rule, over: Any, g: Any, y: Any, x: Any, axis: Any = -1, **keywords: Any
) -> Any:
    own = axis if over is None else over
    p = y if function is neural.softmax else np.exp(y)
    return rule(g, y, p, lambda a: a.sum(axis=own, keepdims=True))


DIAGONALS_AT_THE_INPUT: Formulas = (
    ("y (1 - x), where y (1 - y) is the diagonal", lambda y, x: y * (1 - x)),
    ("x (1 - y), where y (1 - y) is the diagonal", lambda y, x: x * (1 - y)),
    ("x (1 - x), where y (1 - y) is the diagonal", lambda y, x: x * (1 - x)),
)
"""What is left of softmax's derivative without its cross terms, with the input in it."""


def _without_keepdims(g: Any, y: Any, x: Any, axis: Any = -1, **keywords: Any) -> Any:
    return y * (g - np.swapaxes((g * y).sum(axis=axis, keepdims=True), -1, -2))


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
        yield "wrong formula", words + "1/n stands for the probabilities: that of a mean", of_mean
        what = "1 stands for the probabilities: that of a sum"
        yield "derivative forgotten", words + what, of_sum
        yield "wrong formula", words + LARGEST, of_largest


LARGEST = "the largest entry gets what arrives: that of a maximum"


def of_largest(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """What arrives, to the largest of the entries that were reduced."""
    return of_sum(g, y, x, axis, keepdims) * (x == x.max(axis=axis, keepdims=True))


def _of_right_class(result: Any, g: Any, y: Any, logits: Any, labels: Any, *kept: Any) -> Any:
    return result * np.equal(labels[:, None], np.arange(logits.shape[1]))


def _probabilities_over(other: int, g: Any, y: Any, x: Any, *axis: Any, **keywords: Any) -> Any:
    # Written out as the right ones are, so that the axis is what differs.
    exponentials = np.exp(x - x.max(axis=other, keepdims=True))
    p = exponentials / exponentials.sum(axis=other, keepdims=True)
    return of_sum(g, y, x, *axis, **keywords) * p


def _not_normalized(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return of_sum(g, y, x, axis, keepdims) * np.exp(x)
