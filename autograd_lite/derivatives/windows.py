"""Where windows and kernels are placed in images, and what they meet there.

What they meet is laid out for products of matrices: once for each column of a kernel, and its rows
are views of that:

    (samples, groups, columns of the kernel and channels, rows, columns)

Where rows of the result are as long as those of images, a column of the kernel is a distance in
memory: images are copied, and added up, in one piece, and what comes from beyond an edge is set to
0. Some samples are computed at a time, so that what lies between stays in the cache.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite.node import Array

Lengths = tuple[int, ...]
Borders = tuple[tuple[int, int], ...]
Layout = tuple[Lengths, Borders, Lengths]
"""For each axis of an image the stride, the widths of the borders, and the dilation."""


def per_axis(value: Any, axes: int, name: str) -> Lengths:
    """A whole number for each axis of an image: one for all, or one each.

    >>> per_axis(2, 3, "stride")
    (2, 2, 2)
    """
    lengths = (value,) * axes if np.ndim(value) == 0 else tuple(value)
    if len(lengths) != axes:
        raise ValueError(
            f"{name}={value} is for {len(lengths)} axes, and an image has {axes}",
            "Give one number for all axes, or one for each",
        )
    return lengths


def layout(kernel: Lengths, stride: Any, padding: Any, dilation: Any) -> Layout:
    """Strides, borders and dilation of each axis, as `convolution` is given them.

    >>> layout((3, 4), 1, "same", 1)
    ((1, 1), ((1, 1), (1, 2)), (1, 1))
    """
    axes = len(kernel)
    strides = per_axis(stride, axes, "stride")
    dilations = per_axis(dilation, axes, "dilation")
    if padding == "same":
        if strides != (1,) * axes:
            raise ValueError(
                f'padding="same" keeps the shape, which stride={stride} does not',
                "Give stride=1, or the padding in numbers",
            )
        around = [d * (k - 1) for k, d in zip(kernel, dilations)]
        return strides, tuple((n // 2, n - n // 2) for n in around), dilations
    widths = per_axis(0 if padding == "valid" else padding, axes, "padding")
    borders = tuple(n if isinstance(n, tuple) else (n, n) for n in widths)
    return strides, borders, dilations


def lengths_of_result(lengths: Lengths, kernel: Lengths, placed: Layout) -> Lengths:
    """How often a kernel finds place along each axis of an image with its borders.

    >>> lengths_of_result((5, 5), (3, 3), ((2, 2), ((1, 1), (0, 0)), (1, 1)))
    (3, 2)
    """
    found = tuple(
        (n + sum(border) - d * (k - 1) - 1) // s + 1
        for n, k, s, border, d in zip(lengths, kernel, *placed)
    )
    for axis, count in enumerate(found):
        if count < 1:
            whole = lengths[axis] + sum(placed[1][axis])
            reach = placed[2][axis] * (kernel[axis] - 1) + 1
            raise ValueError(
                f"along axis {axis + 2} the images have {whole} entries with their borders, and "
                f"the kernel reaches over {reach}",
                "Give larger images, a smaller kernel, or padding",
            )
    return found


def bordered(x: Array, borders: Borders) -> Array:
    """x with borders of zeros around its last axes, or without its own where they are negative.

    >>> bordered(np.ones((1, 3)), ((2, -1),))
    array([[0., 0., 1., 1.]])
    """
    lengths = x.shape[-len(borders) :]
    if min(map(min, borders)) < 0:
        kept = [slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(lengths, borders)]
        x = x[(..., *kept)]
        lengths = x.shape[-len(borders) :]
        borders = tuple((max(before, 0), max(after, 0)) for before, after in borders)
    if not any(map(any, borders)):
        return x
    result = np.zeros_like(x, shape=(*x.shape[: -len(borders)], *with_borders(lengths, borders)))
    result[inside(lengths, borders)] = x
    return result


def with_borders(lengths: Lengths, borders: Borders) -> Lengths:
    """The lengths of axes with their borders."""
    return tuple(n + before + after for n, (before, after) in zip(lengths, borders))


def inside(lengths: Lengths, borders: Borders) -> Any:
    """The index of what is within borders along the last axes."""
    return (..., *(slice(before, before + n) for n, (before, _) in zip(lengths, borders)))


def places(
    kernel: Lengths, lengths: Lengths, strides: Lengths, dilations: Lengths
) -> Iterator[Any]:
    """Positions of a kernel, each with the slices that it meets of an image with its borders."""
    for position in itertools.product(*map(range, kernel)):
        starts = [k * d for k, d in zip(position, dilations)]
        parts = zip(starts, lengths, strides)
        yield position, tuple(slice(a, a + s * (n - 1) + 1, s) for a, n, s in parts)


IN_CACHE = 2**18
"""How many numbers are computed with at a time, where a sample has fewer."""


def in_one_piece(like: Array, strides: Lengths, lengths: Lengths, given: Lengths) -> bool:
    """Whether a position of a kernel is a distance in memory, in arrays that can be written to."""
    return type(like) is np.ndarray and set(strides) == {1} and lengths == given


@functools.lru_cache
def shifts(kernel: Lengths, lengths: Lengths, placed: Layout, size: int) -> list[Any]:
    """For each position of a kernel in images of such axes, in one piece of so many entries.

    Where the images go, what is taken of them, and the indexes of what comes from beyond an edge.
    """
    _, borders, dilations = placed
    steps = [
        [k * d - before for k in range(n)] for n, d, (before, _) in zip(kernel, dilations, borders)
    ]
    units = [math.prod(lengths[axis:]) for axis in range(1, len(lengths) + 1)]
    found = []
    for shift in itertools.product(*steps):
        distance = min(max(sum(map(operator.mul, shift, units)), -size), size)
        back, ahead = max(-distance, 0), max(distance, 0)
        edges = [
            (..., slice(-n) if n < 0 else slice(-n, None), *(slice(None),) * after)
            for after, n in zip(reversed(range(len(shift))), shift)
            if n
        ]
        found.append((slice(back, size - ahead), slice(ahead, size - back), edges))
    return found


def clear(cells: Array, edges: list[Any]) -> None:
    """Set to 0 what comes from beyond an edge."""
    for edge in edges:
        cells[edge] = 0


def laid_out(x: Array, kernel: Lengths, lengths: Lengths, placed: Layout, groups: int) -> Array:
    """What the columns of a kernel meet in images: (n, groups, columns and channels, rows, ...)."""
    strides, borders, dilations = placed
    n, columns, widths = len(x), math.prod(kernel[1:]), lengths[1:]
    along = strides[1:], borders[1:], dilations[1:]
    if columns > 1 and in_one_piece(x, along[0], widths, x.shape[3:]):
        # Rows of the images, between those of the borders.
        (above, below), unit = borders[0], math.prod(widths)
        x = bordered(x, ((min(above, 0), min(below, 0)), *((0, 0),) * len(widths)))
        above, size = max(above, 0) * unit, x.shape[2] * unit
        cells = x.reshape(n, groups, -1, size)
        met = np.empty_like(
            x, shape=(n, groups, columns, cells.shape[2], above + size + max(below, 0) * unit)
        )
        met[..., :above] = met[..., above + size :] = 0
        images = met[..., above : above + size]
        of_rows = images.reshape(*images.shape[:-1], -1, *widths)
        found = shifts(kernel[1:], widths, along, size)
        for column, (there, taken, edges) in enumerate(found):
            images[:, :, column, :, there] = cells[..., taken]
            clear(of_rows[:, :, column], edges)
    else:
        whole = bordered(x, borders)
        cells = whole.reshape(n, groups, -1, *whole.shape[2:])
        each = places(kernel[1:], widths, along[0], along[2])
        met = np.stack([cells[(..., *place)] for _, place in each], axis=2)
    return met.reshape(n, groups, columns * (x.shape[1] // groups), -1, *widths)


def rows_of(kernel: Lengths, lengths: Lengths, placed: Layout) -> list[slice]:
    """By row of a kernel those that it meets."""
    found = places(kernel[:1], lengths[:1], placed[0][:1], placed[2][:1])
    return [rows for _, (rows,) in found]


def in_groups(x: Array, groups: int) -> Array:
    """Images (n, channels, ...) as (n, groups, channels of one, all positions)."""
    return x.reshape(len(x), groups, x.shape[1] // groups, math.prod(x.shape[2:]))


def by_row(w: Array, groups: int) -> Array:
    """Kernels (out, channels, rows, ...) as (rows, groups, out, columns and channels)."""
    out, channels, rows, *columns = w.shape
    parts = np.moveaxis(w.reshape(groups, out // groups, channels, rows, *columns), (3, 2), (0, -1))
    return np.copy(parts, order="C").reshape(rows, groups, out // groups, -1)


def some_samples(images: Array, kernel: Sequence[int], others: Array) -> list[slice]:
    """Parts of all samples that fit a cache: images, once for each column, and two products."""
    size = math.prod((*images.shape[1:], *kernel[1:])) + 2 * math.prod(others.shape[1:])
    step = max(1, IN_CACHE // max(size, 1))
    return [slice(start, start + step) for start in range(0, len(images), step)]


def added_in_one_piece(
    kernels: Array, x: Array, kernel: Lengths, lengths: Lengths, placed: Layout
) -> Array:
    """What kernels give where each entry of x puts them, (n, groups, out and positions)."""
    (_, groups, count, _), columns = kernels.shape, math.prod(kernel[1:])
    given, size = in_groups(x, groups), count // columns * math.prod(lengths)
    total = np.zeros_like(x, np.result_type(x, kernels), shape=(len(x), groups, size))
    found = iter(shifts(kernel, lengths, placed, size))
    for of_row in kernels:
        pieces = (of_row @ given).reshape(len(x), groups, columns, size)
        images = pieces.reshape(len(x), groups, columns, -1, *lengths)
        for column, (there, taken, edges) in zip(range(columns), found):
            clear(images[:, :, column], edges)
            total[:, :, taken] += pieces[:, :, column, there]
    return total


def added_by_place(
    kernels: Array, x: Array, kernel: Lengths, lengths: Lengths, placed: Layout
) -> Array:
    """The same where strides leave gaps or rows have other lengths, (n, groups, out, ...)."""
    (_, groups, count, _), columns = kernels.shape, math.prod(kernel[1:])
    strides, borders, dilations = placed
    n_rows, *widths = with_borders(lengths, borders)
    given, each = in_groups(x, groups), (len(x), groups, columns, count // columns)
    met = np.zeros_like(x, np.result_type(x, kernels), shape=(*each, n_rows, *x.shape[3:]))
    for of_row, rows in zip(kernels, rows_of(kernel, x.shape[2:], placed)):
        met[:, :, :, :, rows] += (of_row @ given).reshape(*each, *x.shape[2:])
    whole = np.zeros_like(met, shape=(len(x), groups, each[-1], n_rows, *widths))
    found = places(kernel[1:], x.shape[3:], strides[1:], dilations[1:])
    for column, (_, place) in enumerate(found):
        whole[(..., *place)] += met[:, :, column]
    return bordered(whole, tuple((-before, -after) for before, after in borders))
