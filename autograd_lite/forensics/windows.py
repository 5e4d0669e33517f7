"""Windows at other positions: a stride, a border or a dilation that is forgotten on the way back.

Windows are slices that a loop takes of an array, or where a convolution places its kernel.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.convolutions import convolution
from autograd_lite.derivatives.windows import Layout, bordered, layout, places
from autograd_lite.forensics.candidate import Candidate, Instead, StepMistakes, joint
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Graph, Place, Wrong
from autograd_lite.node import Array, plain

Start = tuple[int, ...]


class Window(NamedTuple):
    """Where an array lies in another one: its first entry, and its length along each axis."""

    whole: Array
    start: Start
    lengths: tuple[int, ...]  # 0 along axes that an index picks one of

    def at(self, start: Start) -> Array:
        """What lies at another place; what is beyond the whole is 0."""
        taken = np.zeros([max(n, 1) for n in self.lengths], self.whole.dtype)
        inner, outer = _meeting(self, start)
        taken[inner] = self.whole[outer]
        return taken.reshape([n for n in self.lengths if n])

    def placed(self, start: Start, values: Array) -> Array:
        """Zeros like the whole, with values at another place; what is beyond it is lost."""
        result = np.zeros_like(self.whole, dtype=values.dtype)
        inner, outer = _meeting(self, start)
        result[outer] = values.reshape([max(n, 1) for n in self.lengths])[inner]
        return result


def _meeting(window: Window, start: Start) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Which part of a window lies within the whole, in the window and in the whole."""
    inner, outer = [], []
    for first, length, most in zip(start, window.lengths, window.whole.shape):
        low, high = max(first, 0), min(first + max(length, 1), most)
        inner.append(slice(low - first, max(high, low) - first))
        outer.append(slice(low, max(high, low)))
    return tuple(inner), tuple(outer)


def window_of(array: Any) -> Window | None:
    """Where an array is a slice of the one that it is a view of; None if it is none."""
    whole = array.base if isinstance(array, np.ndarray) else None
    if not isinstance(whole, np.ndarray) or not whole.flags.c_contiguous or not whole.size:
        return None
    first = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    start = np.unravel_index(first // whole.itemsize % whole.size, whole.shape)
    along = dict(zip(array.strides, array.shape))
    lengths = tuple(along.pop(step, 0) for step in whole.strides)
    if along or len({*whole.strides}) < whole.ndim:
        return None
    return Window(whole, tuple(map(int, start)), lengths)


def windows_elsewhere(case: Case) -> Iterator[Candidate]:
    """In a loop all windows of an array are taken, or written to, at other positions."""
    for group in case.graph.alike:
        first = group[0]
        for slot in first.others if first.traits.product else ():
            found = [window_of(plain(place.node.arguments[slot])) for place in group]
            for words, windows, starts in _moved(found):
                wrong: Wrong = {
                    place: Instead(place, slot, window.at(start))
                    for place, window, start in zip(group, windows, starts)
                }
                yield joint("windows", f"the product is taken with windows {words}", wrong)
        if first.traits.indexes:
            found = [_taken_by(place) for place in group]
            for words, windows, starts in _moved(found):
                wrong = {
                    place: lambda g, *_, window=window, start=start, **k: window.placed(start, g)
                    for place, window, start in zip(group, windows, starts)
                }
                yield joint("windows", f"what arrives is added to windows {words}", wrong)


def _taken_by(place: Place) -> Window | None:
    """The window that an index takes of an array."""
    try:
        return window_of(place.taken())
    except (IndexError, TypeError):
        return None


def _moved(
    found: list[Window | None],
) -> Iterator[tuple[str, list[Window], list[Start]]]:
    """Windows of one array at positions that people take by mistake, in words."""
    windows = [each for each in found if each is not None]
    if len(windows) < max(len(found), 2) or len({w.lengths for w in windows}) > 1:
        return
    starts = [window.start for window in windows]
    axes = [axis for axis, values in enumerate(zip(*starts)) if len({*values}) > 1]
    slid = [axis for axis in axes if windows[0].lengths[axis] > 1]
    if not slid:
        return
    for words, move in _moves(starts, axes, slid):
        moved = [move(start) for start in starts]
        if moved != starts:
            yield words, windows, moved


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
