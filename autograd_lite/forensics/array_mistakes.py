"""Mistakes with entries: left out, overwritten, moved, sent to others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives.pooling import average_pool, max_pool
from autograd_lite.forensics.candidate import StepMistakes
from autograd_lite.forensics.factors import factor_between
from autograd_lite.forensics.place import Place, index_parts, is_array, is_square, lines_along
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
        for words, mask in _masks(graph, place, node):
            yield kind, words, place.arriving_times(mask)
    elif argument.ndim and argument in graph.bottlenecks:
        for words, mask in _masks(graph, place, argument):
            yield kind, words, place.result_times(mask)


LOST = "what arrives at the others is lost"


def _masks(graph: Graph, place: Place, node: Tensor) -> Iterator[tuple[str, Array]]:
    for axis, length in enumerate(node.shape):
        what = entry_of(graph, place, node, axis)
        for words, kept in (
            (f"only the last {what} counts: {LOST}", [length - 1]),
            (f"only the first {what} counts: {LOST}", [0]),
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
            yield f"only the {words} window counts: {LOST}", corner


def _half(which: str, what: str, axis: int, numbers: range) -> str:
    if what != "sample" or len(numbers) > MOST_SHOWN:
        return f"only the {which} half along axis {axis} counts: {LOST}"
    return f"only the samples {', '.join(map(str, numbers))} count: {LOST}"


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
                yield "misplaced", words, partial(_to_all, fits, shape)


def _to_all(fits: tuple[int, ...], shape: tuple[int, ...], g: Array, *_: Any, **k: Any) -> Array:
    return np.broadcast_to(np.reshape(g, fits), shape)


def copies(graph: Graph, place: Place) -> StepMistakes:
    """One of the copies that repeat or tile makes counts, or they are summed in another order."""
    if place.operation.function in (np.repeat, np.tile):
        every = np.ones(place.node.size, bool)
        for order, which in ((-1, "first"), (1, "last")):
            words = f"only the {which} of several copies of an entry counts"
            kept = _last_of_each(np.ravel(place.taken())[::order], every)[::order]
            yield "repeated index", words, place.arriving_times(kept.reshape(place.node.shape))
        other = np.tile if place.operation.function is np.repeat else np.repeat
        words = f"copies are summed as if {other.__name__} had made them, in the wrong order"
        yield "reshaped", words, partial(_of_other_copies, place)


def repeated_indices(graph: Graph, place: Place) -> StepMistakes:
    """What an index names more than once is overwritten, or added once by dW[index] += g."""
    windows = place.operation.function is np.lib.stride_tricks.sliding_window_view
    if not windows and not (place.traits.indexes and _names_entries(place.node)):
        return
    right = graph.unmatched[place]
    counts = place.slopes
    if np.shape(right) != place.argument.shape or not np.any(counts > 1):
        return
    words = "at an index that is repeated only one of several is kept, where all accumulate"
    how = ": dx[index] = g overwrites, and so does dx[index] += g; np.add.at adds"
    taken, sent = place.taken(), graph.right[place.node] != 0
    every = np.ones_like(sent)
    for chosen in (every, *[sent] * (not sent.all())):  # As by a maximum, the rest left alone.
        yield "repeated index", words + how, place.arriving_times(_last_of_each(taken, chosen))
    averaged = "what arrives for a repeated index is averaged, where all accumulate"
    divided = np.maximum(counts, 1)
    yield "repeated index", averaged, place.result_times(1 / divided)
    for length in (n for n, name in graph.lengths.items() if name == SAMPLES):
        what = "what arrives for a repeated index is divided by its count, as by np.bincount of "
        what += f"the index, where {length}, {SAMPLES}, is right"
        yield "repeated index", what, place.result_times(length / divided)
    for axis in range(place.node.ndim):
        if place.node.shape[axis] > 1:
            within = f" within one step of a loop over axis {axis}"
            slices = zip(np.moveaxis(taken, axis, 0), np.moveaxis(every, axis, 0))
            kept = np.stack([_last_of_each(*each) for each in slices], axis)
            yield "repeated index", words + within + how, place.arriving_times(kept)


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
    node, function, of = place.node, place.operation.function, " of what arrives"
    rolls: Rolls = iter(())
    change = place.arriving
    if function is np.concatenate:
        axis = node.keywords.get("axis", 0) or 0
        lengths = [np.shape(plain(a))[axis] for a in node.arguments]
        start = sum(lengths[: place.slot])
        end = start + lengths[place.slot]
        rolls = _shifts(node, axis, start, sum(lengths) - end)
    elif function is np.pad and np.size(place.argument._array):
        ones = np.pad(np.ones(place.argument.shape), node.arguments[1])
        rolls = _of_part(node, ones > 0)
    elif place.traits.indexes and node.ndim:
        kept = np.isin(np.arange(place.argument.size), place.taken()).reshape(place.argument.shape)
        # What is sent there moves the other way than what is read.
        rolls = ((words, (-by, axis)) for words, (by, axis) in _of_part(place.argument, kept))
        change, of = place.changed, ""
    for words, by in rolls:
        yield "misplaced", words.format(of), change(lambda a, *_, by=by: np.roll(a, *by))


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
    along = lines_along(whole, axis)
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
        words = "what arrives is transposed, or is not where it is to be: dS.T for dS, or dS for "
        words += "dS.T"
        yield "transposed", words, place.arriving(lambda g, *_: np.swapaxes(g, -1, -2))


def indices_exchanged(graph: Graph, place: Place) -> StepMistakes:
    """What arrives for an entry [i, j] goes to [j, i], as a transition's [to, from]."""
    whole = place.argument._array
    if place.traits.indexes and is_square(whole) and whole.ndim == 2:
        words = "the parts of the index are exchanged: what arrives for [i, j] goes to [j, i]"
        yield "transposed", words, place.changed(lambda result, *_: result.T)


def other_indices(graph: Graph, place: Place) -> StepMistakes:
    """What arrives is put where another index of the loss says, as users' rows for items' ones."""
    own: Any = place.node.arguments[1] if place.traits.indexes else None
    if len(place.node.arguments) != 2 or not is_array(own) or own.dtype.kind not in "iu":
        return
    for other in graph.plain_arrays:
        alike = other is not own and other.shape == own.shape and other.dtype.kind in "iu"
        if alike and -1 < other.min(initial=0) <= other.max(initial=0) < len(place.argument):
            words = "what arrives is put where another index says, that of another array"
            given = place.given(lambda y, whole, *_, of=other: (y, whole, of))
            yield "misplaced", words, given


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
            by = factor_between(arriving, picked - targets)
            if by is not None:
                whole = by * (place.argument._array - np.expand_dims(targets, axis))
                words = "the index is forgotten: the errors of all entries of a row, or column, "
                words += "count, not only that of the one that is picked of it"
                yield "repeated index", words, lambda *_, value=whole, **k: value
