"""Mistakes with entries: some are left out, overwritten, moved, or summed over another axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Instead, StepMistakes
from autograd_lite.forensics.factors import SAMPLES
from autograd_lite.forensics.place import Place, index_parts, is_array, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def some_entries(graph: Graph, place: Place) -> StepMistakes:
    """Only the first or the last of several counts, or all others: = for +=, a loop off by one."""
    kind, node, argument = "entries left out", place.node, place.argument
    spreads = place.traits.reduces or place.traits.indexes
    ends = node.shape != argument.shape and (argument.operation is None or place.traits.additive)
    multiplies = place.multiplies_matrices and argument.operation is not None
    if node.ndim and (spreads or ends or multiplies or node in graph.bottlenecks):
        masks = _masks(graph, place, node)
        for words, mask in masks:
            yield kind, words, place.arriving(lambda g, *_, mask=mask: g * mask)
    elif argument.ndim and argument in graph.bottlenecks:
        masks = _masks(graph, place, argument)
        for words, mask in masks:
            yield kind, words, place.changed(lambda result, *_, mask=mask: result * mask)


def _masks(graph: Graph, place: Place, node: Tensor) -> Iterator[tuple[str, Array]]:
    lost = "what arrives at the others is lost"
    for axis, length in enumerate(node.shape):
        what = entry_of(graph, place, node, axis)
        for words, kept in (
            (f"only the last {what} counts: {lost}", [length - 1]),
            (f"only the first {what} counts: {lost}", [0]),
            (f"the last {what} is left out", [*range(length - 1)]),
            (f"the first {what} is left out", [*range(1, length)]),
        ):
            if length > 1:
                mask = np.isin(np.arange(length), kept)
                yield words, mask.reshape(-1, *[1] * (node.ndim - axis - 1))
    if place.traits.reduces and node.ndim > 1:
        for number, words in ((0, "first"), (-1, "last")):
            corner = np.zeros(node.shape[-2:], bool)
            corner[number, number] = True
            yield f"only the {words} window counts: {lost}", corner


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
            kept = kept.reshape(place.node.shape)
            yield "repeated index", words, place.arriving(lambda g, *_, by=kept: g * by)
        other = np.tile if place.operation.function is np.repeat else np.repeat
        words = f"copies are summed as if {other.__name__} had made them, in the wrong order"
        yield "reshaped", words, partial(_of_other_copies, place)
    windows = place.operation.function is np.lib.stride_tricks.sliding_window_view
    if not windows and not (place.traits.indexes and _names_entries(place.node)):
        return
    right = graph.unmatched[place]
    ones = np.ones_like(place.node._array)
    given = (place.node._array, *map(plain, place.node.arguments))
    counts = place.vjp(ones, *given, **place.node.keywords)
    if np.shape(right) != place.argument.shape or not np.any(counts > 1):
        return
    words = "at an index that is repeated only one of several is kept, where all accumulate"
    how = ": dx[index] = g overwrites, and so does dx[index] += g; np.add.at adds"
    taken, every, sent = place.taken(), np.ones_like(ones, bool), graph.right[place.node] != 0
    for chosen in (every, *[sent] * (not sent.all())):  # As by a maximum, the rest left alone.
        kept = _last_of_each(taken, chosen)
        yield "repeated index", words + how, place.arriving(lambda g, *_, by=kept: g * by)
    words = "what arrives for a repeated index is averaged, where all accumulate"
    yield "repeated index", words, place.changed(lambda r, *_, **k: r / np.maximum(counts, 1))
    for axis in range(place.node.ndim):
        if place.node.shape[axis] > 1:
            within = f" within one step of a loop over axis {axis}"
            slices = zip(np.moveaxis(taken, axis, 0), np.moveaxis(every, axis, 0))
            kept = np.stack([_last_of_each(*each) for each in slices], axis)
            yield "repeated index", words + within + how, place.arriving(lambda g, *_, by=kept: g * by)


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
    node, operation = place.node, place.operation
    if operation.function is np.concatenate:
        axis = node.keywords.get("axis", 0) or 0
        along = "columns" if axis % node.ndim else ("rows" if node.ndim > 1 else "entries")
        lengths = [np.shape(plain(a))[axis] for a in node.arguments]
        start = sum(lengths[: place.slot])
        shifts = {1: "shifted by one", -1: "shifted by one"}
        shifts.setdefault(start, "those from the start, those of another part")
        shifts.setdefault(start + lengths[place.slot] - sum(lengths), "those at the end")
        for shift, what in shifts.items():
            if shift:
                words = f"the {along} of what arrives are {what}: a slice that is off"
                by = shift, axis
                yield "misplaced", words, place.arriving(lambda g, *_, by=by: np.roll(g, *by))
    elif place.traits.indexes and node.ndim:
        for axis, length in enumerate(place.argument.shape):
            if length > 1 and length > 2 * (length == 2):
                along = "columns" if axis and axis == place.argument.ndim - 1 else "rows"
                for shift in (1, -1):
                    words = f"the {along} are shifted by one: an index or a slice is off by one"
                    by = shift, axis
                    yield "misplaced", words, place.changed(lambda r, *_, by=by: np.roll(r, *by))


# Kernels and matrices


def turns_of(kernel: Array) -> Iterator[tuple[str, Array]]:
    """A kernel as people turn it by mistake, with words."""
    yield "is to be flipped on the way back, and is not", np.flip(kernel, (-2, -1)[-kernel.ndim :])
    if kernel.ndim > 1:
        yield "is turned by 90 degrees, not by 180", np.rot90(kernel, -1, (-2, -1))
        yield "is turned by 270 degrees, not by 180", np.rot90(kernel, 1, (-2, -1))
        yield "is transposed", np.swapaxes(kernel, -2, -1)
        yield "is flipped along one axis only", np.flip(kernel, -1)
        yield "is flipped along one axis only", np.flip(kernel, -2)
        yield "is flipped and transposed", np.swapaxes(np.flip(kernel, (-2, -1)), -2, -1)


def kernels(graph: Graph, place: Place) -> StepMistakes:
    """The other factor of a product is a kernel that is not flipped, or turned."""
    before = place.argument.operation
    windows = place.multiplies_entries and before is not None and before.traits.moves
    if not (place.multiplies_matrices or windows):
        return
    for slot, argument in place.others.items():
        if not is_recorded(argument):
            continue
        leaf, moves = moved_from(argument)
        reshaped = leaf.ndim != argument.ndim or place.argument.ndim > 2 or windows
        if leaf.operation is None and leaf.ndim and (leaf.ndim != 2 or reshaped):
            for words, turned in turns_of(leaf._array):
                if turned.shape == leaf.shape and not np.array_equal(turned, leaf._array):
                    value = moved_again(turned, moves)
                    yield "kernel", f"the kernel {words}", Instead(place, slot, value)


def moved_from(tensor: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What a tensor is a rearrangement of, and the operations, the last first."""
    moves = []
    while tensor.operation is not None and tensor.operation.traits.moves:
        moves.append(tensor)
        tensor = tensor.arguments[0]
    return tensor, moves


def moved_again(value: Array, moves: list[Tensor]) -> Array:
    """Another value, rearranged as `moved_from` has found it."""
    for node in reversed(moves):
        value = node.operation.compute(value, *map(plain, node.arguments[1:]), **node.keywords)
    return value


LARGEST_INVERSE = 64
"""Rows of a matrix that is inverted to see whether somebody did."""


def inverted(graph: Graph, place: Place) -> StepMistakes:
    """The inverse of a square matrix stands where its transpose belongs."""
    for slot, argument in place.others.items() if place.multiplies_matrices else ():
        value = plain(argument)
        small = np.ndim(value) == 2 and is_square(value) and len(value) <= LARGEST_INVERSE
        if small and np.linalg.cond(value) < 1e8:
            words = "the inverse of the other factor stands where its transpose belongs"
            inverse = np.linalg.inv(value).T
            yield "transposed", words, Instead(place, slot, inverse, "np.linalg.inv({0}).T")


def next_slice(graph: Graph, place: Place) -> StepMistakes:
    """A product is taken with the slice of an array that starts one row before, or after."""
    for slot, argument in place.others.items() if place.traits.product else ():
        value = plain(argument)
        for other in _next_slices(value):
            words = "the rows of the other factor are off by one: a slice of the same array"
            yield "misplaced", words, Instead(place, slot, other)
        is_data = not is_recorded(argument) and place.argument.operation is None
        for shift in (
            (1, -1) if is_data and is_array(value) and value.ndim and len(value) > 2 else ()
        ):
            words = "the rows of the other factor are shifted by one: those of the sample beside"
            rolled = np.roll(value, shift, axis=0)
            yield (
                "misplaced",
                words,
                Instead(place, slot, rolled, f"np.roll({{0}}, {shift}, axis=0)"),
            )
        for axis in range(np.ndim(value)) if place.argument.operation is None else ():
            if value.shape[axis] > 1:
                along = "columns" if axis and axis == value.ndim - 1 else "rows"
                words = f"the {along} of the other factor are in reverse order"
                turned = np.flip(value, axis)
                yield "misplaced", words, Instead(place, slot, turned, f"np.flip({{0}}, {axis})")


def _next_slices(array: Any) -> Iterator[Array]:
    base = array.base if isinstance(array, np.ndarray) else None
    if not isinstance(base, np.ndarray) or not array.ndim or base.strides != array.strides:
        return
    start, beyond = divmod(array.ctypes.data - base.ctypes.data, base.strides[0] or 1)
    if beyond or base.shape[1:] != array.shape[1:]:
        return
    for other in (start - 1, start + 1):
        if 0 <= other <= len(base) - len(array):
            yield base[other : other + len(array)]


def arrives_transposed(graph: Graph, place: Place) -> StepMistakes:
    """What arrives at a product is to be transposed, and is not: dS for dS.T; or it is turned."""
    node = place.node
    if place.argument.ndim > 1 and place.argument in graph.bottlenecks:
        words = "what arrives there is turned by 180 degrees, as a kernel is"
        yield "misplaced", words, place.changed(lambda result, *_: result[..., ::-1, ::-1])
    if is_square(node._array) and place.multiplies_matrices:
        words = "what arrives is transposed where it is not to be, or is to be: dS.T for dS, or dS"
        yield "transposed", words, place.arriving(lambda g, *_: np.swapaxes(g, -1, -2))


def is_square(value: Any) -> bool:
    """Whether it is a square matrix of more than one entry, or several."""
    return is_array(value) and value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1


ARRAY_MISTAKES: tuple[Callable[[Graph, Place], StepMistakes], ...] = (
    *(some_entries, spread, repeated_indices, shifted),
    *(kernels, inverted, next_slice, arrives_transposed),
)
