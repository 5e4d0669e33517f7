"""Mistakes with sums: over other axes, over all entries, or none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.array_mistakes import entry_of
from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.place import Place, Vjp
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def same_for_all(graph: Graph, place: Place) -> StepMistakes:
    """All rows or columns get what arrives at one of them, or the mean."""
    of_node = place.multiplies_matrices
    node = place.node if of_node else place.argument
    if node.ndim and (of_node or node in graph.bottlenecks):
        for axis, length in enumerate(node.shape):
            what = entry_of(graph, place, node, axis)
            for which, reduce in ONE_FOR_ALL if length > 1 else ():
                words = f"what arrives is {which.format(what)}, for all of them"
                make = place.arriving if of_node else place.changed
                one = make(lambda a, *_, by=reduce, axis=axis: _broadcast(by, axis, a))
                kind = "misplaced" if "that of" in which else "wrong axis"
                yield kind, words, one


ONE_FOR_ALL: tuple[tuple[str, Callable[..., Array]], ...] = (
    ("that of the first {}", lambda a, axis: np.take(a, [0], axis)),
    ("that of the last {}", lambda a, axis: np.take(a, [-1], axis)),
    ("the mean over the {}", lambda a, axis: np.mean(a, axis=axis, keepdims=True)),
    ("the sum over the {}", lambda a, axis: np.sum(a, axis=axis, keepdims=True)),
)
"""What is put in place of all entries along an axis."""


def _broadcast(reduce: Callable[..., Array], axis: int, array: Array) -> Array:
    return np.broadcast_to(reduce(array, axis), array.shape)


def sent_over_mean(graph: Graph, place: Place) -> StepMistakes:
    """What is sent through a mean that was broadcast is not summed, or over another axis."""
    argument, uses = place.argument, graph.consumers.get(place.node, ())
    sent = [graph.unmatched[use] for use in uses]
    smaller = place.node.size < argument.size and not place.traits.extremum
    if not (place.traits.reduces and smaller and sent):
        return
    if any(each.shape != argument.shape for each in sent):
        return
    total: Array = sum(sent)
    share = place.node.size / argument.size if place.traits.averages else 1.0
    words = "what arrives is not summed over the entries that {operation} was broadcast "
    words += "to: each gets only its own share"
    yield "not summed", words, lambda g, *given, **k: total * share
    reduce = np.mean if place.traits.averages else np.sum
    for axes in [*range(argument.ndim), None] if argument.ndim > 1 else ():
        over = "all axes" if axes is None else f"axis {axes}, the wrong one"
        words = f"what arrives over {{operation}} is taken over {over}"
        value = np.broadcast_to(reduce(total, axis=axes, keepdims=True), argument.shape)
        yield "wrong axis", words, lambda g, *given, value=value, **k: value


def other_sums(graph: Graph, place: Place) -> StepMistakes:
    """A sum over other axes that happens to fit, or over all of them."""
    argument = place.argument
    for name, value, vjp in (
        ("the cotangent", graph.right[place.node], lambda g, *given, **keywords: g),
        ("the product", graph.unmatched[place], place.vjp),
    ):
        if not np.ndim(value) or np.size(value) == argument.size:
            continue
        sums = [np.mean] if argument.size == 1 else [np.sum, np.mean]
        for count in range(1, np.ndim(value) + 1):
            for axes in itertools.combinations(range(np.ndim(value)), count):
                if np.sum(value, axis=axes).size != argument.size:
                    continue
                axis = axes[0] if count == 1 else axes
                words = f"{name} is summed over axis {axis}, the wrong one"
                yield "wrong axis", words, partial(_summed, vjp, axes, argument.shape)
        if argument.size > 1 and np.size(value) > argument.size:
            for reduce in sums:
                words = f"the {reduce.__name__} of {name} is taken over all axes: one number"
                yield "wrong axis", words, partial(_of_all, vjp, reduce, argument.shape)


def contracted_elsewhere(graph: Graph, place: Place) -> StepMistakes:
    """The product for a matrix, or a vector, is summed over another axis of as many entries."""
    g, leaf = graph.right[place.node], place.argument
    others = [*map(plain, place.other_arguments)]
    if not place.multiplies_matrices or leaf.operation is not None or len(others) != 1:
        return
    (other,) = others
    ways: tuple[str, ...] = ()
    if other.ndim == 2 == leaf.ndim == g.ndim:
        ways = ("md,mk->mk",) if place.slot else ("dm,km->km",)
    elif other.ndim == 2 and leaf.ndim == 1 == g.ndim:
        ways = ("ab,a->a", "ab,b->b")
    for way in ways if len({*other.shape, *g.shape}) < 3 else ():
        if _lengths(way, other, g) == leaf.shape:
            words = "the sum of the product is taken over another axis, the wrong one"
            yield "wrong axis", words, partial(_contracted, way, other)


def _lengths(way: str, *arrays: Array) -> tuple[int, ...] | None:
    """The shape that a contraction gives; None if the arrays do not fit."""
    try:
        lengths: tuple[int, ...] = np.einsum(way, *arrays).shape
    except ValueError:
        return None
    return lengths


def _contracted(way: str, other: Array, g: Array, *given: Any, **keywords: Any) -> Array:
    return np.einsum(way, other, g)


def counted_once(graph: Graph, place: Place) -> StepMistakes:
    """What was broadcast counts once, not as often as something arrives."""
    unsummed = graph.unmatched[place]
    if place.argument.size < np.size(unsummed) and not np.all(unsummed):
        words = "what was broadcast counts once, not as often as it was used: a sum is left out"
        yield "not summed", words, place.changed(partial(_per_use, place.argument))


def _per_use(argument: Tensor, result: Array, *given: Any) -> Array:
    more = result.ndim - argument.ndim
    own = [1] * more + [*argument.shape]
    axes = tuple(axis for axis, length in enumerate(own) if length < result.shape[axis])
    uses = np.maximum((result != 0).sum(axis=axes, keepdims=True), 1)
    return (result.sum(axis=axes, keepdims=True) / uses).reshape(argument.shape)


def _summed(vjp: Vjp, axes: Any, shape: Any, *given: Any, **keywords: Any) -> Array:
    return vjp(*given, **keywords).sum(axis=axes).reshape(shape)


def _of_all(vjp: Vjp, reduce: Any, shape: Any, *given: Any, **keywords: Any) -> Array:
    return np.broadcast_to(reduce(vjp(*given, **keywords)), shape)
