"""Mistakes with entries: left out, overwritten, moved; and with sums, over other axes or none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives.pooling import average_pool, max_pool
from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.factors import closest_factor
from autograd_lite.forensics.place import Place, Vjp, index_parts, is_array, is_square
from autograd_lite.forensics.replay import SAMPLES, Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def some_entries(graph: Graph, place: Place) -> StepMistakes:
    """Only the first or the last of several counts, or all others: = for +=, a loop off by one."""
    kind, node, argument = "entries left out", place.node, place.argument
    pools = place.operation.function in (max_pool, average_pool)
    spreads = place.traits.reduces or place.traits.indexes or pools
    source = argument.operation is None or place.traits.additive
    ends = node.size > argument.size and place.traits.elementwise
    ends = ends or (node.shape != argument.shape and source)
    multiplies = place.multiplies_matrices and argument.operation is not None
    if node.ndim and (spreads or ends or multiplies or node in graph.bottlenecks):
        masks = _masks(graph, place, node)
        for words, mask in masks:
            yield kind, words, _kept(place, mask)
    elif argument.ndim and argument in graph.bottlenecks:
        masks = _masks(graph, place, argument)
        for words, mask in masks:
            yield kind, words, place.changed(lambda result, *_, mask=mask: result * mask)


def _kept(place: Place, mask: Array) -> Vjp:
    return place.arriving(lambda g, *given: g * mask)


def _masks(graph: Graph, place: Place, node: Tensor) -> Iterator[tuple[str, Array]]:
    lost = "what arrives at the others is lost"
    for axis, length in enumerate(node.shape):
        what = entry_of(graph, place, node, axis)
        for words, kept in (
            (f"only the last {what} counts: {lost}", [length - 1]),
            (f"only the first {what} counts: {lost}", [0]),
            (f"the last {what} is left out", [*range(length - 1)]),
            (f"the first {what} is left out", [*range(1, length)]),
            (_half("first", what, axis, range(length // 2)), [*range(length // 2)]),
            (_half("last", what, axis, range(length // 2, length)), [*range(length // 2, length)]),
        ):
            if length > 1 and (len(kept) in (1, length - 1) or length > 3):
                mask = np.isin(np.arange(length), kept)
                yield words, mask.reshape(-1, *[1] * (node.ndim - axis - 1))
    pools = place.operation.function in (max_pool, average_pool)
    if (place.traits.reduces or pools) and node.ndim > 1:
        for number, words in ((0, "first"), (-1, "last")):
            corner = np.zeros(node.shape[-2:], bool)
            corner[number, number] = True
            yield f"only the {words} window counts: {lost}", corner


def _half(which: str, what: str, axis: int, numbers: range) -> str:
    lost = "what arrives at the others is lost"
    if what != "sample" or len(numbers) > MOST_SHOWN:
        return f"only the {which} half along axis {axis} counts: {lost}"
    return f"only the samples {', '.join(map(str, numbers))} count: {lost}"


MOST_SHOWN = 50
"""Samples that are listed by their numbers."""


def entry_of(graph: Graph, place: Place, node: Tensor, axis: int) -> str:
    """What lies along an axis, in one word: samples, windows, rows."""
    if place.argument.operation is None and place.traits.indexes:
        return "entry" if node.ndim == 1 else "row" if axis == 0 else "column"
    pools = node.operation is not None and node.operation.traits.extremum
    pools = pools or (place.traits.reduces and node is place.node and node.ndim > 1)
    if axis == 0 and graph.lengths.get(node.shape[0]) == SAMPLES and not pools:
        return "sample"
    if pools:
        return "window" if node.ndim == 1 else f"row of windows, along axis {axis},"
    if node.ndim == 1:
        within = place.multiplies_matrices and place.argument.operation is not None
        return "entry" if within else "sample"
    return {0: "row", node.ndim - 1: "column"}.get(axis, f"position along axis {axis}")


def spread(graph: Graph, place: Place) -> StepMistakes:
    """What arrives at one entry, or one of each row, is broadcast to others."""
    shape, own = place.argument.shape, place.node.shape
    if place.traits.indexes and place.node.size < place.argument.size:
        behind = (*own, *[1] * (len(shape) - len(own)))
        words = "the index is left out: what arrives at an entry goes to all, as by broadcasting"
        for fits in dict.fromkeys((own, behind)):
            if all(n in (1, m) for n, m in zip(fits[::-1], shape[::-1])):
                to_all = partial(_to_all, fits, shape)
                yield "misplaced", words, to_all


def _to_all(fits: tuple[int, ...], shape: tuple[int, ...], g: Array, *_: Any, **k: Any) -> Array:
    return np.broadcast_to(np.reshape(g, fits), shape)


def repeated_indices(graph: Graph, place: Place) -> StepMistakes:
    """What an index names more than once is overwritten, or added once by dW[index] += g."""
    if place.operation.function in (np.repeat, np.tile):
        every = np.ones(place.node.size, bool)
        for order, which in ((-1, "first"), (1, "last")):
            words = f"only the {which} of several copies of an entry counts"
            kept = _last_of_each(np.ravel(place.taken())[::order], every)[::order]
            yield "repeated index", words, _kept(place, kept.reshape(place.node.shape))
        other = np.tile if place.operation.function is np.repeat else np.repeat
        words = f"copies are summed as if {other.__name__} had made them, in the wrong order"
        yield "reshaped", words, partial(_of_other_copies, place)
    windows = place.operation.function is np.lib.stride_tricks.sliding_window_view
    if not windows and not (place.traits.indexes and _names_entries(place.node)):
        return
    right = graph.unmatched[place]
    counts = place.unmatched(np.ones_like(place.node._array))
    if np.shape(right) != place.argument.shape or not np.any(counts > 1):
        return
    words = "at an index that is repeated only one of several is kept, where all accumulate"
    how = ": dx[index] = g overwrites, and so does dx[index] += g; np.add.at adds"
    taken, sent = place.taken(), graph.right[place.node] != 0
    every = np.ones_like(sent)
    for chosen in (every, *[sent] * (not sent.all())):  # As by a maximum, the rest left alone.
        yield "repeated index", words + how, _kept(place, _last_of_each(taken, chosen))
    words = "what arrives for a repeated index is averaged, where all accumulate"
    yield "repeated index", words, place.changed(lambda r, *_, **k: r / np.maximum(counts, 1))
    for axis in range(place.node.ndim):
        if place.node.shape[axis] > 1:
            within = f" within one step of a loop over axis {axis}"
            slices = zip(np.moveaxis(taken, axis, 0), np.moveaxis(every, axis, 0))
            kept = np.stack([_last_of_each(*each) for each in slices], axis)
            yield "repeated index", words + within + how, _kept(place, kept)


def _names_entries(node: Tensor) -> bool:
    """Whether a node picks entries by an array of their numbers, which may be repeated."""
    return any(is_array(part) for a in node.arguments[1:] for part in index_parts(a))


def _of_other_copies(place: Place, g: Array, *given: Any, **keywords: Any) -> Array:
    """What arrives, summed along the one axis that is longer as repeat's, or tile's, is."""
    shape = place.argument.shape
    longer = [axis for axis, (a, b) in enumerate(zip(g.shape, shape)) if a != b]
    (axis,) = longer  # Else it is no mistake that people make, and the step is left.
    copies = (-1, shape[axis]) if place.operation.function is np.repeat else (shape[axis], -1)
    parts = g.reshape(*shape[:axis], *copies, *shape[axis + 1 :])
    return parts.sum(axis=axis if copies[0] == -1 else axis + 1)


def _last_of_each(places: Array, chosen: Array) -> Array:
    """Which of the entries that are chosen are the last that are written to their places."""
    numbers = np.flatnonzero(chosen)[::-1]
    _, last = np.unique(places.reshape(-1)[numbers], return_index=True)
    return np.isin(np.arange(places.size), numbers[last]).reshape(places.shape)


def shifted(graph: Graph, place: Place) -> StepMistakes:
    """Rows or columns are off by one, or taken from the wrong end."""
    node, function = place.node, place.operation.function
    if function is np.concatenate:
        axis = node.keywords.get("axis", 0) or 0
        lengths = [np.shape(plain(a))[axis] for a in node.arguments]
        start = sum(lengths[: place.slot])
        end = start + lengths[place.slot]
        for words, by in _shifts(node, axis, start, sum(lengths) - end):
            words = words.format(" of what arrives")
            yield "misplaced", words, place.arriving(lambda g, *_, by=by: np.roll(g, *by))
    elif function is np.pad and np.size(place.argument._array):
        ones = np.pad(np.ones(place.argument.shape), node.arguments[1])
        for words, by in _of_part(node, ones > 0):
            words = words.format(" of what arrives")
            yield "misplaced", words, place.arriving(lambda g, *_, by=by: np.roll(g, *by))
    elif place.traits.indexes and node.ndim:
        kept = np.isin(np.arange(place.argument.size), place.taken()).reshape(place.argument.shape)
        for words, by in _of_part(place.argument, kept):
            words = words.format("")
            yield "misplaced", words, place.changed(lambda r, *_, by=by: np.roll(r, *by))


Rolls = Iterator[tuple[str, tuple[int, int]]]
"""Words, and by how much which axis is rolled."""


def _of_part(whole: Tensor, kept: Array) -> Rolls:
    """The same for entries that are a part of an array."""
    for axis, length in enumerate(whole.shape):
        others = (*range(axis), *range(axis + 1, whole.ndim))
        own = np.flatnonzero(kept.any(axis=others))
        if len(own) and length > 1:
            yield from _shifts(whole, axis, own[0], length - 1 - own[-1])


def _shifts(whole: Tensor, axis: int, before: int, after: int) -> Rolls:
    """How the entries of an axis are shifted that are a part, with others before and after it."""
    along = (
        "columns" if axis and axis == whole.ndim - 1 else "rows" if whole.ndim > 1 else "entries"
    )
    shifts = {1: "shifted by one: an index or a slice is off by one"}
    shifts[-1] = shifts[1]
    shifts.setdefault(before, "those from the start, those of another part: a slice that is off")
    shifts.setdefault(-after, "those at the end, those of another part: a slice that is off")
    for shift, what in shifts.items():
        if shift:
            yield f"the {along}{{}} are {what}", (shift, axis)


def arrives_transposed(graph: Graph, place: Place) -> StepMistakes:
    """What arrives at a product is to be transposed, and is not: dS for dS.T; or it is turned."""
    node = place.node
    if place.argument.ndim > 1 and place.argument in graph.bottlenecks:
        words = "what arrives there is turned by 180 degrees, as a kernel is"
        yield "misplaced", words, place.changed(lambda result, *_: result[..., ::-1, ::-1])
    if is_square(node._array) and place.multiplies_matrices:
        words = "what arrives is transposed where it is not to be, or is to be: dS.T for dS, or dS"
        yield "transposed", words, place.arriving(lambda g, *_: np.swapaxes(g, -1, -2))


# Sums


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


def index_forgotten(graph: Graph, place: Place) -> StepMistakes:
    """All entries of a row get what arrives for the one that was picked of it."""
    index = index_parts(place.node.arguments[1]) if place.traits.indexes else []
    if place.node.ndim != 1 or not len(index) == 2 == place.argument.ndim:
        return
    if all(np.ndim(part) == 1 for part in index):
        for axis in (0, 1):
            if np.array_equal(index[axis], np.arange(place.argument.shape[axis])):
                words = "the index is forgotten: all entries of a row, or column, get what arrives "
                words += "for the one that is picked of it"
                shape = place.argument.shape
                fits = (-1, 1) if axis == 0 else (1, -1)
                yield "repeated index", words, partial(_to_all, fits, shape)
                yield from _errors_of_all(graph, place, 1 - axis)


def _errors_of_all(graph: Graph, place: Place, axis: int) -> StepMistakes:
    """The error of all entries of a row counts, where it is that of the one that is picked."""
    arriving, picked = graph.right[place.node], place.node._array
    for targets in graph.plain_arrays:
        if targets.shape == picked.shape:
            error = picked - targets
            by = closest_factor(arriving, error)
            if np.allclose(arriving, by * error, rtol=1e-6, atol=1e-9 * abs(by)):
                whole = by * (place.argument._array - np.expand_dims(targets, axis))
                words = (
                    "the index is forgotten: the errors of all entries of a row, or column, count, "
                )
                words += "not only that of the one that is picked of it"
                yield "repeated index", words, lambda *_, value=whole, **k: value


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
        over = "all axes" if axes is None else f"axis {axes}"
        words = f"what arrives over {{operation}} is taken over {over}, the wrong one"
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
        ways = ("md,mk->mk", "md,mk->dm") if place.slot else ("dm,km->km", "dm,km->md")
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
    arguments = [a for a in place.node.arguments if a is place.argument]
    if place.traits.additive and len(arguments) > 1 and place.slot == 0:
        words = "a term that is there twice counts once: the first is overwritten, = for +="
        yield "repeated index", words, lambda g, *given, **k: 0 * g
    unsummed = graph.unmatched[place]
    if place.argument.size < np.size(unsummed) and not np.all(unsummed):
        words = "what was broadcast counts once, not as often as it was used: a sum is left out"
        yield "not summed", words, place.changed(partial(_per_use, place.argument))
        used = unsummed[unsummed != 0]
        if used.size and np.ptp(used) == 0 and place.argument.size > 1:
            words += ", and it counts where nothing arrives, too"
            yield "not summed", words, lambda g, *given, **k: np.full(place.argument.shape, used[0])


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
