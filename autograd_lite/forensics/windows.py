"""Windows at other positions: a stride, a border or a dilation that is forgotten on the way back.

Windows are slices that a loop takes of an array, or where a convolution places its kernel.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.convolutions import (
    convolution,
    kernel_correlation,
    transposed_convolution,
)
from autograd_lite.derivatives.windows import Layout, bordered, layout
from autograd_lite.engine import backpropagate
from autograd_lite.forensics.candidate import Candidate, Instead, StepMistakes, joint, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong, indexed, is_recorded, numbers_in
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.value_mistakes import moved_again
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

LARGEST = 1_000_000
"""Entries of an array whose windows are looked for."""


class Window(NamedTuple):
    """Where an array lies in another one: its entry i is that at start + steps @ i of the whole."""

    whole: Array
    start: Array
    steps: Array
    shape: tuple[int, ...]

    def places(self) -> Array:
        """Where each entry is along each axis of the whole."""
        start = self.start.reshape(-1, *[1] * len(self.shape))
        return start + np.tensordot(self.steps, np.indices(self.shape), 1)

    def _within(self) -> tuple[Any, Array]:
        """Where the entries are that are within the whole, and which are."""
        found = self.places()
        lengths = np.reshape(self.whole.shape, (-1, *[1] * len(self.shape)))
        within = ((found >= 0) & (found < lengths)).all(axis=0)
        return tuple(found[:, within]), within

    def taken(self) -> Array:
        """What lies there; what is beyond the whole is 0."""
        found, within = self._within()
        values = np.zeros(self.shape, self.whole.dtype)
        values[within] = self.whole[found]
        return values

    def placed(self, values: Array) -> Array:
        """Zeros like the whole, with values added there; what is beyond it is lost."""
        found, within = self._within()
        result = np.zeros(self.whole.shape, values.dtype)
        np.add.at(result, found, values[within])
        return result


def window_of(array: Any) -> Window | None:
    """Where an array is a view, with slices or windows, of another one; None if it is none."""
    whole = array.base if isinstance(array, np.ndarray) else None
    if not isinstance(whole, np.ndarray) or whole.dtype != array.dtype or whole.size > LARGEST:
        return None
    first = array.ctypes.data - whole.ctypes.data
    if not whole.flags.c_contiguous or not 0 <= first < whole.nbytes:
        return None
    return _window(whole, numbers_in(whole, array))


def _copied_from(case: Case, array: Any) -> Window | None:
    """Where an array of the caller's has, once each, what was copied from it; None if none has."""
    if not isinstance(array, np.ndarray) or not 1 < array.size <= LARGEST:
        return None
    for whole in case.arrays.values():
        alike = whole.dtype == array.dtype and 0 < whole.ndim < array.ndim
        if not alike or whole.size > LARGEST or array.flat[0] not in whole:
            continue
        order = np.argsort(whole, axis=None)
        values = whole.flat[order]
        at = np.searchsorted(values, array).clip(max=len(values) - 1)
        if (values[1:] != values[:-1]).all() and np.array_equal(values[at], array):
            return _window(whole, order[at])
    return None


def _of_index(node: Tensor) -> Window | None:
    """The windows that an index takes of an array."""
    if max(node.arguments[0].size, node.size) > LARGEST:
        return None
    try:
        return _window(plain(node.arguments[0]), indexed(node))
    except (IndexError, TypeError):
        return None


def _window(whole: Array, numbers: Array) -> Window | None:
    """The window of the entries with these numbers, if they are evenly spaced."""
    if not numbers.size:
        return None
    found = np.array(np.unravel_index(numbers, whole.shape))
    places = np.moveaxis(found, 0, -1)
    next_to = np.minimum(np.eye(numbers.ndim, dtype=int), np.array(numbers.shape, int) - 1)
    start = places[(0,) * numbers.ndim]
    steps = [places[tuple(index)] - start for index in next_to]
    columns = np.reshape(steps, (numbers.ndim, whole.ndim)).astype(int).T
    window = Window(whole, start, columns, numbers.shape)
    return window if np.array_equal(window.places(), found) else None


def windows_elsewhere(case: Case) -> Iterator[Candidate]:
    """All windows of an array, as in a loop, are taken, or written to, at other positions."""
    graph = case.graph
    for group in [*graph.alike, *([place] for place in graph.places)]:
        first = group[0]
        for slot in first.others if first.traits.product else ():
            found = [_windows_in(case, place.node.arguments[slot]) for place in group]
            for words, moved in _moved([window for window, _ in found]):
                values = [moved_again(w.taken(), moves) for w, (_, moves) in zip(moved, found)]
                wrong: Wrong = {p: Instead(p, slot, value) for p, value in zip(group, values)}
                yield joint("windows", f"the product is taken with windows {words}", wrong)
        if first.traits.indexes:
            for words, moved in _moved([_of_index(place.node) for place in group]):
                wrong = {p: lambda g, *_, w=w, **k: w.placed(g) for p, w in zip(group, moved)}
                yield joint("windows", f"what arrives is added to windows {words}", wrong)


def _windows_in(case: Case, argument: Any) -> tuple[Window | None, list[Tensor]]:
    """The windows that an argument is, or is rearranged from, and how it is rearranged."""
    if not is_recorded(argument):
        array = plain(argument)
        found = window_of(array)
        if found is None or found.whole.size == array.size:
            found = _copied_from(case, array) or found
        return found, []
    moves: list[Tensor] = []
    while argument.operation is not None and not argument.operation.traits.indexes:
        if not argument.operation.traits.moves:
            return None, []
        moves.append(argument)
        argument = argument.arguments[0]
    return _of_index(argument) if argument.operation is not None else None, moves


def _moved(found: list[Window | None]) -> Iterator[tuple[str, list[Window]]]:
    """Windows of one array at positions that people take by mistake, in words."""
    windows = [each for each in found if each is not None]
    distinct = {(w.whole.ndim, w.shape, w.steps.tobytes()) for w in windows}
    if len(windows) < len(found) or len(distinct) > 1:
        return
    for words, steps in _other_steps(windows[0].steps):
        yield words, [window._replace(steps=steps) for window in windows]
    starts = np.array([window.start for window in windows])
    moving = np.ptp(starts, axis=0) > 0
    for words, others in _other_starts(starts, moving, moving & windows[0].steps.any(axis=1)):
        if not np.array_equal(starts, others):
            yield words, [w._replace(start=start) for w, start in zip(windows, others)]


def _other_steps(steps: Array) -> Iterator[tuple[str, Array]]:
    """Steps within windows that are taken for others."""
    for at in np.argwhere(steps > 1):
        one = steps.copy()
        one[*at] = 1
        yield f"one entry apart: the stride or dilation, {steps[*at]}, is forgotten", one
    for one, other in itertools.combinations(range(steps.shape[1]), 2):
        both = (steps[:, one] > 0) & (steps[:, other] > 0)
        if both.any() and (steps[:, one] != steps[:, other]).any():
            exchanged = steps.copy()
            exchanged[:, [one, other]] = steps[:, [other, one]]
            yield "whose stride and dilation are exchanged", exchanged
        for left_out in (one, other) if both.any() else ():
            words = "at one of its two indices alone, such as the output's: the other is left out"
            kept = steps.copy()
            kept[both, left_out] = 0
            yield words, kept
            yield words, np.minimum(kept, 1)


def _other_starts(starts: Array, moving: Array, slid: Array) -> Iterator[tuple[str, Array]]:
    """First entries of windows, which are slid along some axes, that are taken for others."""
    if not slid.any():
        return
    strides = np.where(slid, np.gcd.reduce(starts - starts[-1], axis=0), 1)
    if strides.max() > 1:
        yield f"one entry apart: their stride, {strides.max()}, is forgotten", starts // strides
    if moving.sum() > 1:
        order, both = np.arange(len(slid)), np.flatnonzero(moving)[-2:]
        order[both] = both[::-1]
        yield "at transposed positions: the indices of the two axes are exchanged", starts[:, order]
    words = "that are all where the first one is: the index of the window is left out"
    yield words, np.where(slid, starts.min(axis=0), starts)
    words = "that are off by {}: a slice that is shifted, or a border of zeros, the padding, "
    words += "that is left out or counted twice"
    for by in (1, -1, 2, -2):
        for axes in [slid, *(np.diag(slid)[slid] if slid.sum() > 1 else ())]:
            yield words.format(abs(by)), starts + by * axes


# Convolutions


def convolutions(graph: Graph, place: Place) -> StepMistakes:
    """Stride, padding or dilation is forgotten, or the kernel's gradient is not as the kernel."""
    if place.operation.function is not convolution or place.slot > 1:
        return
    given = inspect.signature(convolution).bind(*place.node.arguments, **place.node.keywords)
    given.apply_defaults()
    how = dict(given.arguments)
    if how["groups"] != 1:
        return
    kernel = np.shape(plain(how["w"]))[2:]
    strides, borders, dilations = layout(kernel, how["stride"], how["padding"], how["dilation"])
    ones = (1,) * len(kernel)
    unpadded = tuple((0, before + after) for before, after in borders)
    for words, placed in (
        (f"the stride {how['stride']} is forgotten", (ones, borders, dilations)),
        ("the padding is forgotten, which shifts what is met", (strides, unpadded, dilations)),
        ("the dilation is forgotten", (strides, borders, ones)),
    ):
        if placed != (strides, borders, dilations):
            what = f"in the derivative of {{operation}} {words}"
            yield "misplaced", what, partial(_of_layout, place.slot, placed)


def _of_layout(
    slot: int, placed: Layout, g: Array, y: Array, x: Array, w: Array, *how: Any, **k: Any
) -> Any:
    """What arrives, with kernels at other places of the images and the borders around them."""
    strides, borders, dilations = placed
    along = zip(strides, y.shape[2:], dilations, w.shape[2:])
    reach = tuple(s * (n - 1) + d * (k - 1) + 1 for s, n, d, k in along)
    around = [(a, r - n - a) for n, r, (a, _) in zip(x.shape[2:], reach, borders)]
    if slot:
        met = bordered(x, tuple(around))
        return kernel_correlation(g, met, w.shape[2:], strides, 0, dilations)
    whole = transposed_convolution(g, w, reach, strides, 0, dilations)
    return bordered(whole, tuple((-a, -b) for a, b in around))


def parts_of_loops(case: Case) -> Iterator[Candidate]:
    """What the steps of a loop sum up, such as those at risk, are others in both passes."""
    graph = case.graph
    for uses in graph.consumers.values():
        if len(uses) > MOST_PARTS:
            continue
        taken = {use: part for use in uses if (part := _slice_of(use.node)) is not None}
        for words, others in _other_slices([*taken.values()]):
            steps = [_of_other_part(graph, use, other) for use, other in zip(taken, others)]
            if all(steps):
                wrong: Wrong = {place: vjp for each in steps for place, vjp in each.items()}
                yield joint("misplaced", f"in both passes the steps take {words}", wrong)


def _of_other_part(graph: Graph, use: Place, part: slice) -> Wrong:
    """The steps from an array to a sum, say, over a part of it, with another part; or none."""
    whole = use.argument
    start = total = Tensor(whole._array[part], requires_grad=True)
    way = [use]
    while len(way) == 1 or not way[-1].traits.reduces:
        uses = graph.consumers.get(way[-1].node, ())
        if len(uses) != 1 or len(way) > MOST_STEPS:
            return {}
        way += uses
        given: list[Any] = [*map(plain, way[-1].node.arguments)]
        given[way[-1].slot] = total
        try:
            total = way[-1].operation.function(*given, **way[-1].node.keywords)
        except Exception:  # What is beside the part may not fit another one.
            return {}
    if way[-1].node.size != 1 or total.size != 1:
        return {}
    sent = np.zeros_like(whole._array)
    sent[part] = backpropagate(total, np.ones_like(total._array))[start]
    wrong: Wrong = dict.fromkeys(way, unchanged)
    shape = way[-1].argument.shape
    wrong[way[-1]] = lambda g, *given, **k: np.full(shape, np.sum(g))
    wrong[use] = lambda g, *given, **k: np.where(sent == 0, 0, sent * g.flat[0])
    wrong[graph.forward_step(way[-1].node)] = lambda *given, **k: total._array
    return wrong


MOST_PARTS = 100
"""Uses of an array, each of which may be of a part of it."""
MOST_STEPS = 5
"""Steps from a part of an array to the number that it is summed up to."""


def _slice_of(node: Tensor) -> tuple[int, int] | None:
    """The first entry and that after the last one of what a node takes, if it is a slice."""
    index = node.arguments[1] if node.operation.traits.indexes else None
    if not isinstance(index, slice) or index.step not in (None, 1):
        return None
    return index.indices(len(node.arguments[0]._array))[:2]


def _other_slices(own: list[tuple[int, int]]) -> Iterator[tuple[str, list[slice]]]:
    """For the first entries of slices, and those after the last ones, what stands for them."""
    first, last = {start for start, _ in own}, {stop for _, stop in own}
    if len(first) > 1:
        yield "all entries from one later on: > for >=", [slice(a + 1, b) for a, b in own]
        yield "all entries from one earlier on", [slice(max(a - 1, 0), b) for a, b in own]
        yield "those before, and not those after", [slice(0, a + 1) for a, _ in own]
        yield "their own entry alone", [slice(a, a + 1) for a, _ in own]
    if len(last) > 1:
        yield "all entries up to one earlier: < for <=", [slice(a, b - 1) for a, b in own]
        yield "all entries up to one later", [slice(a, b + 1) for a, b in own]
        yield "those after, and not those before", [slice(b - 1, None) for _, b in own]
        yield "their own entry alone", [slice(b - 1, b) for _, b in own]
    if len(first | last) > 2:
        yield "all entries, whatever the step", [slice(None)] * len(own)
