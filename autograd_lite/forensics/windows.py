"""Windows at other positions: a stride, a border or a dilation that is forgotten on the way back.

Windows are slices that a loop takes of an array, or where a convolution places its kernel.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.convolutions import convolution
from autograd_lite.derivatives.windows import Layout, bordered, layout, places
from autograd_lite.forensics.array_mistakes import moved_again
from autograd_lite.forensics.candidate import Candidate, Instead, StepMistakes, joint
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

Start = tuple[int, ...]


class Window(NamedTuple):
    """Where an array lies in another one: its first entry; and which axis each of its own is of.

    A step is how far the entries along an axis are apart in the whole.
    """

    whole: Array
    start: Start
    axes: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, ...]

    def _places(self, start: Start, steps: tuple[int, ...]) -> tuple[list[Array], Array]:
        """Where the entries are along each axis of the whole, and which are within it."""
        found: list[Array] = [np.full(self.shape, first) for first in start]
        for own, (axis, step) in enumerate(zip(self.axes, steps)):
            along = [1] * len(self.shape)
            along[own] = -1
            found[axis] = found[axis] + step * np.arange(self.shape[own]).reshape(along)
        within = [(f >= 0) & (f < n) for f, n in zip(found, self.whole.shape)]
        return found, np.logical_and.reduce(within)

    def at(self, start: Start, steps: tuple[int, ...]) -> Array:
        """What lies at other places; what is beyond the whole is 0."""
        found, within = self._places(start, steps)
        taken = np.zeros(self.shape, self.whole.dtype)
        taken[within] = self.whole[tuple([f[within] for f in found])]
        return taken

    def placed(self, start: Start, steps: tuple[int, ...], values: Array) -> Array:
        """Zeros like the whole, with values added at other places; what is beyond it is lost."""
        found, within = self._places(start, steps)
        result = np.zeros(self.whole.shape, values.dtype)
        np.add.at(result, tuple([f[within] for f in found]), values[within])
        return result


def window_of(array: Any) -> Window | None:
    """Where an array is a view, with slices or windows, of another one; None if it is none."""
    whole = array.base if isinstance(array, np.ndarray) else None
    if not isinstance(whole, np.ndarray) or not whole.flags.c_contiguous or not whole.size:
        return None
    first = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    strides = [step // whole.itemsize for step in array.strides]
    return _window(whole, first // whole.itemsize, strides, array.shape)


def _window(whole: Array, first: int, strides: list[int], shape: tuple[int, ...]) -> Window | None:
    """The window with strides in entries of the whole, of which there is one behind the other."""
    if not 0 <= first < whole.size:
        return None
    own = [math.prod(whole.shape[axis + 1 :]) for axis in range(whole.ndim)]
    axes, steps = [], []
    for stride, length in zip(strides, shape):
        fits = [a for a, n in enumerate(own) if n <= stride and whole.shape[a] > 1]
        if length > 1 and (not fits or stride % own[fits[0]]):
            return None
        axes.append(fits[0] if fits else whole.ndim - 1)
        steps.append(stride // own[axes[-1]])
    start = tuple(map(int, np.unravel_index(first, whole.shape)))
    return Window(whole, start, tuple(axes), tuple(steps), shape)


def windows_elsewhere(case: Case) -> Iterator[Candidate]:
    """All windows of an array, as in a loop, are taken, or written to, at other positions."""
    graph = case.graph
    for group in [*graph.alike, *([place] for place in graph.places)]:
        first = group[0]
        for slot in first.others if first.traits.product else ():
            found = [_windows_in(place.node.arguments[slot]) for place in group]
            for words, instead in _moved([window for window, _ in found]):
                values = [window.at(*where) for window, where in instead]
                wrong: Wrong = {
                    place: Instead(place, slot, moved_again(value, moves))
                    for place, value, (_, moves) in zip(group, values, found)
                }
                yield joint("windows", f"the product is taken with windows {words}", wrong)
        if first.traits.indexes:
            for words, instead in _moved([_of_index(place.node) for place in group]):
                wrong = {
                    place: lambda g, *_, window=window, where=where, **k: window.placed(*where, g)
                    for place, (window, where) in zip(group, instead)
                }
                yield joint("windows", f"what arrives is added to windows {words}", wrong)


def _windows_in(argument: Any) -> tuple[Window | None, list[Tensor]]:
    """The windows that an argument is, or is rearranged from, and how it is rearranged."""
    if not is_recorded(argument):
        return window_of(plain(argument)), []
    moves: list[Tensor] = []
    while argument.operation is not None and not argument.operation.traits.indexes:
        if not argument.operation.traits.moves:
            return None, []
        moves.append(argument)
        argument = argument.arguments[0]
    return _of_index(argument) if argument.operation is not None else None, moves


def _of_index(node: Tensor) -> Window | None:
    """The windows that an index takes of an array, if they are evenly spaced."""
    whole = plain(node.arguments[0])
    if whole.size > LARGEST or node.size > LARGEST:
        return None
    try:
        others = map(plain, node.arguments[1:])
        taken = node.operation.compute(np.arange(whole.size).reshape(whole.shape), *others)
    except (IndexError, TypeError):
        return None
    if not np.size(taken):
        return None
    first = int(taken.flat[0])
    strides = [
        int(np.take(taken, 1, a).flat[0]) - first if n > 1 else 0 for a, n in enumerate(taken.shape)
    ]
    grid = np.indices(taken.shape)
    even = first + sum(stride * along for stride, along in zip(strides, grid))
    return _window(whole, first, strides, taken.shape) if np.array_equal(taken, even) else None


LARGEST = 1_000_000
"""Entries of an array whose windows are looked for."""
Where = tuple[Start, tuple[int, ...]]
"""The first entry of a window, and its steps."""


def _moved(found: list[Window | None]) -> Iterator[tuple[str, list[tuple[Window, Where]]]]:
    """Windows of one array at positions that people take by mistake, in words."""
    windows = [each for each in found if each is not None]
    if len(windows) < len(found) or len({(w.shape, w.axes, w.steps) for w in windows}) > 1:
        return
    starts, (_, _, axes, steps, shape) = [window.start for window in windows], windows[0]
    for words, others in _other_steps(axes, steps, shape):
        yield words, [(window, (window.start, others)) for window in windows]
    moving = [axis for axis, values in enumerate(zip(*starts)) if len({*values}) > 1]
    slid = [axis for axis in moving if axis in axes]
    for words, move in _moves(starts, moving, slid) if slid else ():
        moved = [move(start) for start in starts]
        if moved != starts:
            yield words, [(window, (start, steps)) for window, start in zip(windows, moved)]


def _other_steps(
    axes: tuple[int, ...], steps: tuple[int, ...], shape: tuple[int, ...]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Steps within windows that are taken for others."""
    for own, step in enumerate(steps):
        if step > 1 and shape[own] > 1:
            words = f"one entry apart: the stride or dilation, {step}, is forgotten"
            yield words, (*steps[:own], 1, *steps[own + 1 :])
    for one, other in itertools.combinations(range(len(axes)), 2):
        if axes[one] == axes[other] and steps[one] != steps[other]:
            swapped = [*steps]
            swapped[one], swapped[other] = steps[other], steps[one]
            yield "whose stride and dilation are exchanged", tuple(swapped)


def _moves(
    starts: list[Start], axes: list[int], slid: list[int]
) -> Iterator[tuple[str, Callable[[Start], Start]]]:
    steps = {a: math.gcd(*(start[a] - starts[-1][a] for start in starts)) for a in slid}
    stride = max(steps.values())
    if stride > 1:
        words = f"one entry apart: their stride, {stride}, is forgotten"
        yield words, lambda start: _with(start, {a: start[a] // steps[a] for a in slid})
    if len(axes) > 1:
        one, other = axes[-2:]
        words = "at transposed positions: the indices of the two axes are exchanged"
        yield words, lambda start: _with(start, {one: start[other], other: start[one]})
    words = "that are all where the first one is: the index of the window is left out"
    yield words, lambda start: _with(start, {a: min(s[a] for s in starts) for a in slid})
    for by in (1, -1, 2, -2):
        for chosen in [slid, *([axis] for axis in slid if len(slid) > 1)]:
            words = (
                f"that are off by {abs(by)}: a slice that is shifted, or a border of zeros, the "
                "padding, that is left out or counted twice"
            )
            yield words, partial(_moved_by, by, chosen)


def _moved_by(by: int, axes: list[int], start: Start) -> Start:
    return _with(start, {axis: start[axis] + by for axis in axes})


def _with(start: Start, changed: dict[int, int]) -> Start:
    return tuple(changed.get(axis, first) for axis, first in enumerate(start))


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
            of = _of_kernels if place.slot else _of_images
            what = f"in the derivative of {{operation}} {words}"
            yield "misplaced", what, partial(of, placed)
    if np.shape(plain(how["w"]))[0] == np.shape(plain(how["w"]))[1] > 1:
        words = "the channels of the kernel are exchanged: those in for those out"
        if place.slot == 1:
            yield "transposed", words, place.changed(lambda result, *_: result.swapaxes(0, 1))
        else:
            yield "transposed", words, place.given(lambda y, x, w, *r: (y, x, w.swapaxes(0, 1), *r))


def _of_kernels(placed: Layout, g: Array, y: Array, x: Array, w: Array, *how: Any, **k: Any) -> Any:
    strides, borders, dilations = placed
    reach = [
        s * (n - 1) + d * (k - 1) + 1
        for s, n, d, k in zip(strides, y.shape[2:], dilations, w.shape[2:])
    ]
    met = bordered(
        x, tuple((a, max(b, r - n - a)) for n, r, (a, b) in zip(x.shape[2:], reach, borders))
    )
    result = np.zeros_like(w)
    axes = [0, *range(2, x.ndim)]
    for position, where in places(w.shape[2:], y.shape[2:], strides, dilations):
        result[(..., *position)] = np.tensordot(g, met[(..., *where)], (axes, axes))
    return result


def _of_images(placed: Layout, g: Array, y: Array, x: Array, w: Array, *how: Any, **k: Any) -> Any:
    strides, borders, dilations = placed
    whole = np.zeros_like(
        bordered(x, tuple((a, b + max(y.shape) + max(w.shape)) for a, b in borders))
    )
    for position, where in places(w.shape[2:], y.shape[2:], strides, dilations):
        whole[(..., *where)] += np.moveaxis(np.tensordot(g, w[(..., *position)], (1, 0)), -1, 1)
    return whole[(..., *(slice(a, a + n) for n, (a, _) in zip(x.shape[2:], borders)))]
