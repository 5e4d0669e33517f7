"""Mistakes with shapes: products of matrices, transposes, sums, reshapes.

Each function here yields what a step invites; a kind of mistake is one `yield`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Instead, StepMistakes, unchanged
from autograd_lite.forensics.replay import Graph, Place, Vjp, is_array, multiplies_matrices
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

NEARBY = 12
"""Steps before and after a product in which what it is mistaken for is looked for."""


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
    if multiplies_matrices(place.operation):
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


PRODUCT_MISTAKES = (other_values, transposed, wrong_axis, reshaped)
