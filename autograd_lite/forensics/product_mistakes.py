"""The table of mistakes with shapes: products of matrices, transposes, sums, reshapes.

It is made like that of `function_mistakes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.mistake import PRODUCTS, Mistake, is_elementwise
from autograd_lite.forensics.replay import Array, Graph, Place, Vjp, given_to, is_array, vjp_of
from autograd_lite.forensics.written import Instead
from autograd_lite.operators import plain
from autograd_lite.tensor import Tensor


def other_values(graph: Graph, place: Place) -> Iterator[Mistake]:
    """A product is taken with z where a belongs, or with the values of another layer."""
    if place.operation.name not in PRODUCTS:
        return
    for slot, argument in enumerate(place.node.arguments):
        if slot != place.slot and is_array(plain(argument)) and plain(argument).ndim:
            for other, words in _beside(graph, place, argument):
                yield Mistake("wrong place", words, Instead(place, slot, plain(other), other))


def _beside(graph: Graph, place: Place, argument: Any) -> Iterator[tuple[Any, str]]:
    """What is multiplied nearby, and has an argument's shape."""
    here = graph.places.index(place)
    candidates = []
    for near in graph.places[max(here - NEARBY, 0) : here + NEARBY]:
        if near.operation.name in PRODUCTS:
            for other in near.node.arguments:
                candidates += [other]
                candidates += other.arguments if isinstance(other, Tensor) else []
        elif is_elementwise(near):
            candidates += [near.node, near.argument]
    seen = {id(plain(argument))}
    own = argument if isinstance(argument, Tensor) else None
    for other in candidates:
        value = plain(other)
        if not is_array(value) or value.shape != plain(argument).shape or id(value) in seen:
            continue
        seen.add(id(value))
        if own is not None and isinstance(other, Tensor) and _made_from(own, other):
            yield other, "the product is taken with the input of a function, not with its output"
        elif own is not None and isinstance(other, Tensor) and _made_from(other, own):
            yield other, "the product is taken with the output of a function, not with its input"
        else:
            yield other, "the product is taken with the values of another layer"


NEARBY = 12
"""Steps before and after a product in which what it is mistaken for is looked for."""


def _made_from(output: Tensor, given: Tensor) -> bool:
    return any(argument is given for argument in output.arguments)


def transposed(graph: Graph, place: Place) -> Iterator[Mistake]:
    """A square matrix, or the product, is transposed, or not where it should be."""
    node = place.node
    vjp = vjp_of(place)
    if place.operation.name in PRODUCTS - {"multiply", "divide"}:
        for index, argument in enumerate(node.arguments):
            value = argument._data if isinstance(argument, Tensor) else argument
            if (
                index != place.slot
                and is_array(value)
                and value.ndim == 2
                and value.shape[0] == value.shape[1] > 1
            ):
                words = "the other factor of {operation} is to be transposed, and is not"
                yield Mistake("transposed", words, Instead(place, index, value.T, "{0}.T"))
    shape = place.argument.shape
    if len(shape) == 2 and shape[0] == shape[1] > 1 and node.ndim == 2:
        yield Mistake(
            "transposed",
            "the result is transposed",
            lambda *given, **keywords: vjp(*given, **keywords).T,
        )


def _is_square(value: Any) -> bool:
    return is_array(value) and value.ndim == 2 and value.shape[0] == value.shape[1] > 1


def wrong_axis(graph: Graph, place: Place) -> Iterator[Mistake]:
    """Broadcasting is undone by a sum over the wrong axis that happens to fit."""
    vjp, shape = vjp_of(place), place.argument.shape
    unsummed: dict[str, Vjp] = {
        "the cotangent": lambda g, *given, **keywords: g,
        "the product": lambda *given, **keywords: vjp(*given, **keywords),
    }
    for name, compute in unsummed.items():
        value = compute(*given_to(place, graph.cotangents[place.node]), **place.node.keywords)
        if np.ndim(value) != 2 or np.size(value) == np.prod(shape):
            continue
        for axis in (0, 1):
            for keepdims in (False, True):
                if np.sum(value, axis=axis, keepdims=keepdims).shape == shape:
                    yield Mistake(
                        "wrong axis",
                        f"{name} is summed over axis {axis}, the wrong one",
                        partial(_summed, compute, axis, keepdims),
                    )


def _summed(compute: Vjp, axis: int, keepdims: bool, *given: Any, **keywords: Any) -> Array:
    return compute(*given, **keywords).sum(axis=axis, keepdims=keepdims)


def reshaped(graph: Graph, place: Place) -> Iterator[Mistake]:
    """A reshape is undone in another order, or a transpose by a reshape."""
    name = place.operation.name
    shape = place.argument.shape
    if name == "reshape":
        yield Mistake(
            "reshaped",
            "the reshape is undone in the wrong order of entries",
            lambda g, *given, **keywords: np.reshape(g, shape, order="F"),
        )
    if name in ("transpose", "swapaxes", "moveaxis", "matrix_transpose", "permute_dims"):
        yield Mistake(
            "reshaped",
            "the transpose is undone by a reshape, which mixes up the entries",
            lambda g, *given, **keywords: g.reshape(shape),
        )


PRODUCT_MISTAKES: tuple[Callable[[Graph, Place], Iterator[Mistake]], ...] = (
    other_values,
    transposed,
    wrong_axis,
    reshaped,
)
