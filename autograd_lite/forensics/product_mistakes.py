"""Mistakes with shapes: products of matrices, transposes, sums, reshapes.

Each function here yields those of one kind that a step invites.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import (
    Candidate,
    Instead,
    bends,
    multiplies_matrices,
    unchanged,
)
from autograd_lite.forensics.replay import Graph, Place, Vjp, is_array
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def other_values(graph: Graph, place: Place) -> Iterator[Candidate]:
    """A product is taken with z where a belongs, or with the values of another layer."""
    if not place.traits.product:
        return
    for slot, argument in enumerate(place.node.arguments):
        if slot != place.slot and is_array(plain(argument)) and plain(argument).ndim:
            for other, words in _beside(graph, place, argument):
                vjp = Instead(place, slot, plain(other), other)
                yield Candidate("wrong place", words, {place: vjp})


def _beside(graph: Graph, place: Place, argument: Any) -> Iterator[tuple[Any, str]]:
    """What is multiplied nearby, and has an argument's shape."""
    here = graph.places.index(place)
    nearby: list[Any] = []
    for near in graph.places[max(here - NEARBY, 0) : here + NEARBY]:
        if near.traits.product:
            for other in near.node.arguments:
                nearby += [other, *(other.arguments if isinstance(other, Tensor) else ())]
        elif bends(near):
            nearby += [near.node, near.argument]
    own = plain(argument)
    seen = {id(own)}
    for other in nearby:
        value = plain(other)
        if not is_array(value) or value.shape != own.shape or id(value) in seen:
            continue
        seen.add(id(value))
        if _is_made_from(argument, other):
            yield other, "the product is taken with the input of a function, not with its output"
        elif _is_made_from(other, argument):
            yield other, "the product is taken with the output of a function, not with its input"
        else:
            yield other, "the product is taken with the values of another layer"


NEARBY = 12
"""Steps before and after a product in which what it is mistaken for is looked for."""


def _is_made_from(output: Any, given: Any) -> bool:
    return (
        isinstance(given, Tensor)
        and isinstance(output, Tensor)
        and any(argument is given for argument in output.arguments)
    )


def transposed(graph: Graph, place: Place) -> Iterator[Candidate]:
    """A square matrix, or the product, is transposed, or not where it should be."""
    if multiplies_matrices(place.traits):
        for slot, argument in enumerate(place.node.arguments):
            value = plain(argument)
            if slot != place.slot and _is_square(value):
                words = "the other factor of {operation} is to be transposed, and is not"
                vjp = Instead(place, slot, value.T, "{0}.T")
                yield Candidate("transposed", words, {place: vjp})
    if _is_square(place.argument._array) and place.node.ndim == 2:
        wrong = {place: lambda *given, **keywords: place.vjp(*given, **keywords).T}
        yield Candidate("transposed", "the result is transposed", wrong)


def _is_square(value: Any) -> bool:
    return is_array(value) and value.ndim == 2 and value.shape[0] == value.shape[1] > 1


def wrong_axis(graph: Graph, place: Place) -> Iterator[Candidate]:
    """Broadcasting is undone by a sum over the wrong axis that happens to fit."""
    shape, size = place.argument.shape, place.argument.size
    unsummed: list[tuple[str, Array, Vjp]] = [
        ("the cotangent", graph.right[place.node], unchanged),
        ("the product", graph.unmatched[place], place.vjp),
    ]
    for name, value, compute in unsummed:
        if np.ndim(value) != 2 or value.size == size:
            continue
        for axis in (0, 1):
            for keepdims in (False, True):
                if np.sum(value, axis=axis, keepdims=keepdims).shape == shape:
                    words = f"{name} is summed over axis {axis}, the wrong one"
                    vjp = _summed(compute, axis, keepdims)
                    yield Candidate("wrong axis", words, {place: vjp})


def _summed(compute: Vjp, axis: int, keepdims: bool) -> Vjp:
    return lambda *given, **keywords: compute(*given, **keywords).sum(axis=axis, keepdims=keepdims)


def reshaped(graph: Graph, place: Place) -> Iterator[Candidate]:
    """A reshape is undone in another order, or a transpose by a reshape."""
    shape = place.argument.shape
    if place.operation.function is np.reshape:
        words = "the reshape is undone in the wrong order of entries"
        wrong = {place: lambda g, *given, **keywords: np.reshape(g, shape, order="F")}
        yield Candidate("reshaped", words, wrong)
    if place.operation.function in (np.transpose, np.swapaxes):
        words = "the transpose is undone by a reshape, which mixes up the entries"
        yield Candidate("reshaped", words, {place: lambda g, *given, **k: g.reshape(shape)})


PRODUCT_MISTAKES = (other_values, transposed, wrong_axis, reshaped)
