"""Mistakes in one step: with the derivative of a function, or with shapes.

Each function here yields what a step invites; a kind of mistake is one `yield`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.array_mistakes import entry_of
from autograd_lite.forensics.candidate import Instead, StepMistakes, negated, times, unchanged
from autograd_lite.forensics.factors import is_one_number
from autograd_lite.forensics.formula_mistakes import before_what_is_added
from autograd_lite.forensics.place import (
    Place,
    is_array,
    is_bounded,
    is_recorded,
    is_square,
    mask_of,
)
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.table import TABLE, activations
from autograd_lite.tensor import Tensor

IN_A_LOOP = 12
"""Nodes of one operation from which on they are taken for those of a loop."""
MOST_ARRAYS = 5
"""Plain arrays that the derivative of an activation may be evaluated at."""


def dropout(graph: Graph, place: Place) -> StepMistakes:
    """The mask or the scale of inverted dropout is missing."""
    mask, library = mask_of(place.node), place.operation.function is neural.dropout
    words = "{} is missing in the backward pass"
    if mask is not None and (library or place.multiplies_entries):
        scale = 1 / (1 - plain(place.node.arguments[2])) if library else np.max(mask)
        drops, scales = "the mask of dropout", "the scale of inverted dropout"
        if not library and graph.position[place.node] <= graph.last_layer:
            of_entries = f"the factor {scale:g} of the weights of entries, 0 or {scale:g},"
            drops, scales = "the mask", of_entries
        if not library and _is_of_penalty(graph, place):
            drops += ", which leaves out of the penalty what is not to be small, such as the bias,"
        yield "dropout", words.format(drops), times(scale)
        if scale != 1:
            yield "dropout", words.format(scales), times(mask != 0)
            yield "dropout", words.format("dropout"), unchanged
        elif (beside := _scale_beside(graph, place)) > 1:
            yield "dropout", words.format("dropout, its mask and its scale,"), times(1 / beside)
    elif place.multiplies_entries and _scales_dropped(place):
        yield "dropout", words.format("the scale of inverted dropout"), unchanged


def _scales_dropped(place: Place) -> bool:
    """Whether a node scales, by a number, what a mask was multiplied with."""
    others, before = [*map(plain, place.other_arguments)], place.argument.operation
    scales = len(others) == 1 and np.size(others[0]) == 1
    multiplied = before is not None and before.traits.product and before.traits.elementwise
    return scales and multiplied and mask_of(place.argument) is not None


def _scale_beside(graph: Graph, place: Place) -> float:
    """The number that scales what a mask is multiplied with, just after it or before; else 1."""
    uses = graph.consumers.get(place.node, ())
    steps = [*uses, *graph.places_of.get(place.argument, ())] if len(uses) == 1 else []
    for beside in steps:
        if beside.multiplies_entries and beside.slot in beside.traits.linear and beside.numbers:
            return float(beside.unmatched(np.ones_like(beside.node._array)).flat[0])
    return 1.0


def _is_of_penalty(graph: Graph, place: Place) -> bool:
    """Whether a node is a function of one parameter, entry by entry, that is not linear in it."""
    below, bends = place.argument, False
    steps = graph.places_of.get(below, [])
    while len(steps) == 1 and steps[0].traits.elementwise:
        below, bends = steps[0].argument, bends or steps[0].bends
        steps = graph.places_of.get(below, [])
    after = graph.consumers.get(place.node, ())
    return below.operation is None and (bends or any(use.squares for use in after))


def forgotten_or_twice(graph: Graph, place: Place) -> StepMistakes:
    """The function's derivative is left out, or applied to what already has it."""
    cotangent, contribution = graph.right[place.node], graph.unmatched[place]
    alike = np.shape(contribution) == np.shape(cotangent)
    # What is a multiple is a factor, but for that by a parameter.
    by_parameter = place.multiplies_entries and any(map(is_recorded, place.other_arguments))
    is_multiple = alike and _is_multiple(contribution, cotangent)
    if alike and (place.bends or by_parameter or not is_multiple):
        # Where all that arrives is one number it stands in the derivative's place.
        lost = place.bends and is_one_number(cotangent) and not place.traits.kink
        kind = "cotangent lost" if lost else "derivative forgotten"
        kind = "another mask" if _is_part_of_clip(graph, place) else kind
        words = "the derivative of {operation} is forgotten"
        if place.traits.indexes:
            kind = "misplaced"
            words = "the index is left out: what arrives stays where it is, or is put elsewhere"
        yield kind, words, unchanged
        by_entries = place.multiplies_entries and any(map(np.ndim, place.other_arguments))
        if (by_entries and not is_multiple) or place.activates or place.has_minus:
            rest = "but for its minus" if place.has_minus else "and the sign is wrong"
            words = f"the derivative of {{operation}} is forgotten, {rest}"
            yield "derivative forgotten", words, negated
    if place.activates and not place.traits.kink:
        words = "the derivative of {operation} is multiplied in twice"
        words += ": what arrives, such as p - y, contains it already"
        yield "derivative twice", words, partial(_twice, place)


def _is_part_of_clip(graph: Graph, place: Place) -> bool:
    """Whether a maximum is taken of a minimum, or the other way around, as by np.clip."""
    uses = [use.node for use in graph.consumers.get(place.node, ())]
    nearby = [node for node in (*uses, place.argument) if node.operation]
    return is_bounded(place.node) and place.bends and any(map(is_bounded, nearby))


def _twice(place: Place, g: Array, *given: Any, **keywords: Any) -> Array:
    return place.vjp(place.vjp(g, *given, **keywords), *given, **keywords)


def _is_multiple(one: Array, other: Array) -> bool:
    """Whether two arrays of one shape differ by a factor only."""
    ratios = (one / other)[other != 0] if np.ndim(one) else np.atleast_1d(one / other)
    return ratios.size < 2 or is_one_number(ratios, within=1e-9)


def shortcut(graph: Graph, place: Place) -> StepMistakes:
    """What a loss gives for the logits is multiplied by the derivative of an activation."""
    probabilities, before = place.traits.probabilities, place.argument.operation
    if probabilities is None or place.traits.elementwise or place.slot != 0:
        return
    if before is not None and before.traits.activation:  # No logits, but what has a derivative.
        return
    words = "what {operation} passes on to the logits, such as p - y, is multiplied by the "
    words += "derivative of the activation, which it contains already"
    slopes: list[Callable[[Array, Array], Array]] = [
        lambda y, x: probabilities(y, x) * (1 - probabilities(y, x)),
        *(partial(vjp_of, other, True, 1.0) for other in (neural.sigmoid, np.tanh, neural.relu)),
    ]
    for slope in slopes:
        vjp = place.changed(lambda result, g, y, x, *rest, slope=slope: result * slope(y, x))
        yield "derivative twice", words, vjp


def misplaced(graph: Graph, place: Place) -> StepMistakes:
    """A formula in the output is given the input, or the other way around, or other values."""
    for words, at in _other_points(graph, place) if place.bends else ():
        words = f"the derivative of {{operation}}{words}"
        yield "wrong place", words, place.given(lambda *own, at=at: (*at(*own), *own[2:]))
        if place.traits.kink:
            _, x = at(place.node._array, *map(plain, place.node.arguments))
            yield from _from_above(graph, place, words, x)


def _from_above(graph: Graph, place: Place, words: str, x: Array) -> StepMistakes:
    """The slope at other values x is that beyond 0 where they are exactly 0: z >= 0 for z > 0.

    What arrives is as it is, or as where all such functions have that slope: a row whose units are
    all dead, which makes the next sums 0, gets something only then.
    """
    above = np.where(x == 0, np.finfo(place.node.dtype).tiny, x)
    if np.all(x) or _lets_all_through(place, above):
        return
    compute = partial(place.operation.value, above, **place.node.keywords)
    there = place.given(lambda y, x, *rest: (compute(*rest), above, *rest))
    words += ", and is that beyond 0 where they are exactly 0: z >= 0 for z > 0"
    yield "wrong place", words, there
    ties = {p: p.argument._array == 0 for p in graph.places if p.is_straight_twice}
    passed = {p: p.changed(lambda y, g, *_, at=at: np.where(at, g, y)) for p, at in ties.items()}
    replay = graph.replay(passed)
    if replay is not None:
        g = replay[place.node]
        yield "wrong place", words, lambda _, *own, **k: there(g, *own, **k)


def _other_points(
    graph: Graph, place: Place
) -> Iterator[tuple[str, Callable[..., tuple[Any, Any]]]]:
    """Where a derivative may be evaluated by mistake: words; the output and the input there."""
    node, own, compute = place.node, place.argument, place.operation.value
    keywords = node.keywords
    for before in before_what_is_added(own):
        words = f" is evaluated at its input before {own.operation.name}: a mask, a bias or a scale"
        at = compute(before, *map(plain, node.arguments[1:]), **keywords), before
        yield f"{words} is left out", lambda *_, at=at: at
    if not place.traits.activation:
        return
    for words, one in _one_for_all(graph, place):
        at = compute(one, *map(plain, node.arguments[1:]), **keywords), one
        yield f" is evaluated at {words}, for all of them", lambda *_, at=at: at
    normalized = "" if place.traits.elementwise else ": probabilities that are not normalized"
    at_input = f", a formula in its output, is evaluated at its input{normalized}"
    yield at_input, lambda y, x, *rest: (x, x)
    at_output = ", a formula in its input, is evaluated at"
    yield f"{at_output} its output", lambda y, x, *rest: (compute(y, *rest, **keywords), y)
    yield f"{at_output} its output", lambda y, *rest: (y, y)
    for other in _made_of(graph, node):
        words = f"{at_output} what {other.operation.name} makes of its output"
        if _lets_all_through(place, other._array):
            continue
        if place.traits.kink:
            yield words, lambda y, x, *rest, z=other._array: (compute(z, *rest, **keywords), z)
        else:
            yield words, lambda y, x, *rest, of=other._array: (of, x)
    for array in () if place.traits.kink else graph.plain_arrays[:MOST_ARRAYS]:
        if array.shape == node.shape and np.ptp(array) > 0:
            yield " is evaluated at data, such as the targets", lambda *_, of=array: (of, of)
    here = graph.position[node]
    for other in [] if place.traits.kink else _sums_near(graph, place):
        yield " is evaluated at another layer's sum", lambda *_, z=other: (compute(z), z)
    others = [other for other in graph.close_to(node) if _fits(other, node)]
    others.sort(key=lambda other: abs(graph.position[other] - here))
    nearest = {graph.position[other] > here: other for other in reversed(others)}
    others = others if len(others) < IN_A_LOOP else [*nearest.values()]  # Else it is a loop.
    for other in others:
        words = " is evaluated at another layer's values"
        if nearest[graph.position[other] > here] is other:
            where = "before" if graph.position[other] > here else "after"
            words = f" is evaluated at the values of the one {where}"
        at = other._array, plain(other.arguments[0])
        yield words, lambda *_, at=at: at


def _one_for_all(graph: Graph, place: Place) -> Iterator[tuple[str, Array]]:
    """The input of a function where all along an axis is as the first one, or as the last."""
    x = place.argument
    for axis in [axis for axis, length in enumerate(x.shape) if length > 1 < x.ndim]:
        for which, number in (("first", 0), ("last", -1)):
            one = np.broadcast_to(np.take(x._array, [number], axis), x.shape)
            if not _lets_all_through(place, one):
                yield f"the {which} {entry_of(graph, place, place.node, axis)}", one


def _lets_all_through(place: Place, x: Array) -> bool:
    """Whether a rectifier is the same as none there: its derivative is forgotten."""
    return place.traits.kink and bool((x > 0).all())


def _sums_near(graph: Graph, place: Place) -> list[Array]:
    """The sums, such as the inputs of other layers, that are near a step and of its shape."""
    near = [n for n in dict.fromkeys(p.node for p in graph.near(place)) if n is not place.argument]
    traits = [(n, n.operation.traits) for n in near if n.shape == place.node.shape]
    sums = [n for n, of in traits if of.additive or (of.product and not of.elementwise)]
    return [n._array for n in sums[:MOST_ARRAYS]]


def _fits(other: Tensor, node: Tensor) -> bool:
    """Whether a node has the shape of another one, or is broadcast to it, as one output is."""
    lengths = zip(other.shape, node.shape)
    return other.ndim == node.ndim and all(own in (1, length) for own, length in lengths)


def _made_of(graph: Graph, node: Tensor) -> Iterator[Tensor]:
    """What is made of a node by the next two operations, entry by entry, such as by dropout."""
    for _ in range(2):
        uses = [use for use in graph.consumers.get(node, ()) if use.node.shape == node.shape]
        if not uses or uses[0].multiplies_matrices:
            return
        node = uses[0].node
        yield node


def another_derivative(graph: Graph, place: Place) -> StepMistakes:
    """The derivative of another activation is used, at its own output or at the one here."""
    bends = place.bends and place.traits.elementwise and not is_bounded(place.node)
    if not place.argument.ndim or not (place.traits.activation or bends):
        return
    x, y = place.argument._array, place.node._array
    others = {
        name: other
        for name, other in activations().items()
        if TABLE[other].traits.elementwise or place.traits.activation
    }
    for name, other in others.items():
        words = f"the derivative of {name} is used for that of {{operation}}"
        for at_its_output in (True, False) if other is not place.operation.function else ():
            vjp = partial(vjp_of, other, at_its_output)
            if np.ptp(vjp(np.ones_like(x), y, x)) > 0:  # One number is a factor, or nothing.
                yield "another derivative", words, vjp


def vjp_of(other: Any, at_its_output: bool, g: Any, y: Array, x: Array, *_: Any, **k: Any) -> Any:
    """The vjp of another activation, at its own output or at that of the step."""
    return TABLE[other].contribution(0, [g, other(x) if at_its_output else y, x], {})


def kinks(graph: Graph, place: Place) -> StepMistakes:
    """< where > belongs; the whole cotangent to each of several equals."""
    traits, slot = place.traits, place.slot
    if place.is_straight_twice:
        what = "the branches of {operation} are swapped: < where > belongs"
        yield "branches", what, partial(_mirrored, place)
    elif traits.extremum and traits.elementwise and all(map(is_recorded, place.other_arguments)):
        words = "each of two equal arguments of {operation} gets the whole cotangent"
        yield "ties", words, lambda g, y, *pair: g * (pair[slot] == y)


def _mirrored(place: Place, g: Array, y: Array, x: Array, *rest: Any, **keywords: Any) -> Array:
    if place.operation.function is neural.relu:
        return g * (x < 0)
    return place.vjp(g, place.operation.value(-x, *rest, **keywords), -x, *rest, **keywords)


# Shapes: products of matrices, transposes, sums, reshapes


def transposed(graph: Graph, place: Place) -> StepMistakes:
    """A square matrix, or the product, is transposed, or not where it should be."""
    if place.multiplies_matrices:
        g, shape = graph.right[place.node], place.argument.shape
        for slot, value in ((slot, plain(argument)) for slot, argument in place.others.items()):
            for axes in alike_axes(value) if is_array(value) and value.ndim > 2 else ():
                if axes == (value.ndim - 2, value.ndim - 1):
                    continue  # It is transposed.
                words = f"axes {axes[0]} and {axes[1]} of the other factor are exchanged"
                words += ": the channels of the kernel are exchanged" * (axes == (0, 1))
                yield "transposed", words, Instead(place, slot, np.swapaxes(value, *axes))
            if is_square(value):
                words = "the other factor of {operation} is to be transposed, and is not"
                written = "{0}.T" if value.ndim == 2 else "{0}.swapaxes(-1, -2)"
                yield "transposed", words, Instead(place, slot, np.swapaxes(value, -1, -2), written)
            for turned in (value, value.T) if np.ndim(value) == g.ndim == 2 else ():
                if turned.shape == g.shape == shape:
                    words = "it is multiplied entry by entry, where a matrix product belongs"
                    yield "transposed", words, times(turned)
                one, other = (turned, g) if place.slot == 0 else (g, turned)
                if (len(one), other.shape[1]) == shape and one.shape[1] == len(other):
                    words = "the two factors of the product are in the wrong order"
                    yield "transposed", words, partial(_in_other_order, turned, place.slot == 0)
    whole = place.argument._array
    ends = place.argument.operation is None or (is_square(whole) and whole.ndim == 2)
    for axes in alike_axes(whole) if place.multiplies_matrices and ends else ():
        words = f"axes {axes[0]} and {axes[1]} of the result are exchanged"
        words += ": the channels of the kernel are exchanged" * (axes == (0, 1))
        words = "the result is transposed" if place.argument.ndim == 2 else words
        turned = place.changed(lambda result, *_, axes=axes: np.swapaxes(result, *axes))
        yield "transposed", words, turned


def _in_other_order(by: Array, first: bool, g: Array, *given: Any, **keywords: Any) -> Array:
    return by @ g if first else g @ by


def alike_axes(array: Array) -> list[tuple[int, int]]:
    """Two axes of an array that are of one length, more than 1."""
    pairs = itertools.combinations(range(array.ndim), 2)
    return [(a, b) for a, b in pairs if array.shape[a] == array.shape[b] > 1]


MOST_AXES = 4
"""Axes of which all orders are tried."""


def _in_order(shape: Any, order: tuple[int, ...], g: Array, *given: Any, **keywords: Any) -> Array:
    """Reshaped as if the axes were in another order."""
    back = tuple(map(order.index, range(len(order))))
    return np.transpose(np.reshape(g, tuple(shape[axis] for axis in order)), back)


def reshaped(graph: Graph, place: Place) -> StepMistakes:
    """A reshape is undone in another order, or a transpose by a reshape."""
    shape = place.argument.shape
    if place.operation.function is np.reshape:
        words = "the reshape is undone in the wrong order of entries"
        yield "reshaped", words, lambda g, *given, **k: np.reshape(g, shape, order="F")
        axes = range(len(shape) if len(shape) <= MOST_AXES else 0)
        for order in [*itertools.permutations(axes)][1:-1]:
            yield "reshaped", words, partial(_in_order, shape, order)
    if place.operation.function in (np.transpose, np.swapaxes):
        words = "the transpose is undone by a reshape, which mixes up the entries"
        yield "reshaped", words, lambda g, *given, **keywords: g.reshape(shape)
    if place.traits.moves and place.node.shape == shape:
        words = "{operation} is done again on the way back, where it is to be undone"
        if place.traits.indexes:
            words = "the same index is taken on the way back, where what arrives is to be put "
            words += "where it came from, as by the inverse permutation: np.argsort of the index"
        yield "misplaced", words, lambda g, y, x, *how, **k: place.operation.function(g, *how, **k)
    if place.operation.function is np.sort:
        axis = place.node.keywords.get("axis", -1)
        sorting = np.argsort(place.argument._array, axis)
        words = "the order is taken on the way back as in sorting, where it is to be undone"
        yield "misplaced", words, lambda g, *given, **k: np.take_along_axis(g, sorting, axis)
