"""Reductions: sums over other axes, over all entries or none, and shares that are others.

A maximum is differentiated as a mean, a mean as one entry alone. Reductions over axes, and maxima
and means of windows, are one thing here: which entries of the argument there are behind each entry
of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.derivatives.pooling import average_pool, max_pool, windows_of
from autograd_lite.derivatives.reductions import axes_of
from autograd_lite.forensics.array_mistakes import entry_of
from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.factors import distinct_masks
from autograd_lite.forensics.place import Place, Vjp, sets_of_axes
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
        for axes in sets_of_axes(np.ndim(value)):
            if np.sum(value, axis=axes).size == argument.size:
                axis = axes[0] if len(axes) == 1 else axes
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


OVERWRITTEN = "the windows overlap, and what arrives at an entry over several of them is "
OVERWRITTEN += "overwritten (=), not added (+=)"


def shares(graph: Graph, place: Place) -> StepMistakes:
    """The largest is differentiated as a mean, as a sum, or as another entry; a mean as one."""
    index = _entries_behind(place)
    if index is None or place.slot != 0 or len(index) < 2:
        return
    for kind, words, share in _other_shares(place, index):
        yield kind, words, partial(_given, share, place, index)
    if place.node.size > 1 and not (place.traits.extremum or 0 in place.traits.linear):
        for words, number in (("first", 0), ("last", -1)):
            words = f"only the {words} entry of those that {{operation}} reduces gets what arrives"
            yield "wrong formula", words, partial(_one_of_own, place, index, number)
    if len(np.unique(index)) < index.size:
        for order in (1, -1):
            for whole in (False, True):
                yield "repeated index", OVERWRITTEN, partial(_assigned, place, index, order, whole)


def _other_shares(place: Place, index: Array) -> Iterator[tuple[str, str, Any]]:
    """Kinds, words, and what each of the entries along the first axis gets of what arrives."""
    x, own = _entries_and_shares(place, index)
    first, largest = np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1)), x == x.max(axis=0)
    if place.traits.extremum:
        yield "ties", "each of several equal extremes gets the whole cotangent", own
        words = "the mask of {operation} is forgotten: all entries get what arrives, as from a sum"
        yield "derivative forgotten", words, 1.0
        words = "{operation} is differentiated as a mean: all entries get a share"
        yield "derivative forgotten", words, 1 / len(x)
        words = "what arrives is multiplied by the {operation} itself, not only by its mask"
        yield "wrong formula", words, np.where(own, x, 0)
        words = "the entry at the other extreme of {operation} gets what arrives"
        yield "branches", words, x == x.min(axis=0) if (own == largest).all() else largest
        words = "the first entry gets what arrives, not that at the {operation}"
        yield "wrong formula", words, first == 0
        words = "only one window counts, that with the {operation} of all entries"
        yield "entries left out", words, own & (x == place.node._array.max())
        words = "the probabilities of softmax stand for the mask of {operation}: that of logsumexp"
        yield "wrong formula", words, neural.softmax(x, 0)
        for reach, near in _near_extremes(x, own):
            words = "the mask of {operation} has a tolerance: entries that are not equal to it, "
            words += f"but up to {reach:.2g} from it, get what arrives, too"
            yield "another mask", words, near
            yield "another mask", f"{words}, in equal shares", near / near.sum(axis=0)
    elif place.node.size > 1 and 0 in place.traits.linear:
        words = "{operation} is differentiated as a maximum: only the largest entry gets what "
        yield "wrong formula", words + "arrives", largest
        for which, number in (("first", 0), ("last", len(x) - 1)):
            words = f"only the {which} entry of those that {{operation}} reduces gets what arrives"
            yield "wrong formula", words, first == number


TOLERANCES = tuple(digit * 10.0**power for power in range(-10, 0) for digit in (1, 2, 5))
"""What entries may differ by that count as equal in a mask."""


def _near_extremes(x: Array, own: Array) -> Iterator[tuple[float, Array]]:
    """Masks in which entries count that are nearly the extreme, and how far they are from it."""
    extreme = np.where(own, x, -np.inf).max(axis=0)
    apart, size = abs(x - extreme), abs(extreme)
    masks = [apart <= 1e-8 + 1e-5 * size]  # That of np.isclose.
    masks += [apart <= number * by for number in TOLERANCES for by in (1.0, size)]
    for _, mask in distinct_masks(own, (("", mask) for mask in masks)):
        yield float(apart[mask].max()), mask


def choices_at_ties(place: Place) -> Iterator[tuple[str, Vjp]]:
    """One of several equal extremes that an operation picks gets all: words and vjps."""
    index = _entries_behind(place)
    own = None if index is None else _entries_and_shares(place, index)[1]
    if index is not None and own is not None and (own.sum(axis=0) > 1).any():
        for which, order in (("first", 1), ("last", -1)):
            one = own & (own[::order].cumsum(axis=0)[::order] == 1)
            yield f"the {which} of equals gets all", partial(_given, one, place, index)


def _entries_behind(place: Place) -> Array | None:
    """Which entries of an argument there are behind each of the result, along the first axis.

    Those in the border around an image have its size for a number.
    """
    function, x = place.operation.function, place.argument._array
    positions = np.arange(x.size).reshape(x.shape)
    if function is max_pool or function is average_pool:
        kernel, *how = map(plain, place.node.arguments[1:])
        placed = how[0] if function is max_pool else (*how[:2], (1,) * len(kernel))
        found = np.stack(windows_of(positions.astype(float), kernel, placed))
        return np.where(np.isinf(found), x.size, found).astype(int)
    if not place.traits.reduces:
        return None
    given = dict(zip(("axis",), place.node.arguments[1:])) | place.node.keywords
    axes = axes_of(x, given.get("axis"))
    others = [axis for axis in range(x.ndim) if axis not in axes]
    return positions.transpose(*axes, *others).reshape(-1, *[x.shape[axis] for axis in others])


def _entries_and_shares(place: Place, index: Array) -> tuple[Array, Array]:
    """The entries, and what the operation itself gives to each: 1 to the extremes, or 1/n."""
    entries = np.append(place.argument._array, -np.inf)[index]
    if place.traits.extremum:
        return entries, entries == place.node._array.reshape(index.shape[1:])
    averages = place.traits.averages or place.operation.function is average_pool
    return entries, np.full(index.shape, 1 / len(index) if averages else 1.0)


def _given(share: Any, place: Place, index: Array, g: Array, *_: Any, **keywords: Any) -> Array:
    """What a reduction gives back in shares that are not its own."""
    values = g.reshape(index.shape[1:]) * share
    size = place.argument.size
    total = np.bincount(index.ravel(), np.broadcast_to(values, index.shape).ravel(), size + 1)
    return total[:size].reshape(place.argument.shape)


def _one_of_own(place: Place, index: Array, number: int, *given: Any, **keywords: Any) -> Array:
    chosen = np.isin(np.arange(place.argument.size), index[number])
    return place.vjp(*given, **keywords) * chosen.reshape(place.argument.shape)


def _assigned(
    place: Place, index: Array, order: int, whole: bool, g: Array, *_: Any, **keywords: Any
) -> Array:
    """Windows one after the other, each assigned whole, or where its share is not 0 only."""
    own = _entries_and_shares(place, index)[1].reshape(len(index), -1).T[::order]
    values, into = own * g.reshape(-1, 1)[::order], index.reshape(len(index), -1).T[::order]
    total = np.zeros(place.argument.size + 1)
    chosen = np.full(own.shape, True) if whole else own != 0
    total[into[chosen]] = values[chosen]
    return total[:-1].reshape(place.argument.shape)
