"""Convolution in any number of dimensions, as networks have it, and its two partners.

With samples n, channels c, positions p of the result and positions k of the kernel,
`convolution(x, w)` is y[n, o, p] = Σ w[o, c, k] x[n, c, p + k] over c and k: the kernel is not
reversed, and strides, dilation and borders say which entry p + k is. Times a cotangent g of y, and
summed, that is linear in each of x, w and g. So its derivatives in x and in w are two functions of
the same kind, and the derivatives of each of the three are the other two:

    convolution(x, w)               y, from images and kernels
    transposed_convolution(g, w)    dx, from cotangents and kernels
    kernel_correlation(g, x)        dw, from cotangents and images

All are products of matrices, one for each sample. What a kernel meets is laid out once for each of
its columns, and its rows are views of that:

    (samples, groups, columns of the kernel and channels, rows, columns)

Where rows of the result are as long as those of images, a column of the kernel is a distance in
memory: all channels are copied, and added up, in one piece, and what comes from beyond an edge is
set to 0. Some samples are computed at a time, so that what lies between stays in the cache. Long
kernels, of which that would be much, are multiplied by Fourier transforms.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import long_kernels
from autograd_lite.derivatives.windows import (
    Layout,
    Lengths,
    bordered,
    layout,
    lengths_of_result,
    places,
    with_borders,
)
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.precision import in_floats
from autograd_lite.table import differentiable

TRAITS = Traits(product=True, linear=(0, 1), accumulates=True)

IN_CACHE = 2**18
"""How many numbers are computed with at a time, where a sample has fewer."""


def with_rows(placed: Layout, *arrays: Array) -> tuple[Any, ...]:
    """Layout and arrays of one axis as those of images of one row; others as they are."""
    strides, borders, dilations = placed
    if len(strides) > 1:
        return placed, *arrays
    placed = (1, *strides), ((0, 0), *borders), (1, *dilations)
    return placed, *(np.expand_dims(x, 2) for x in arrays)


# What lies between


class Shift(NamedTuple):
    """Of images in one piece, what a position of the kernel takes, where it goes, and its edges."""

    there: slice
    taken: slice
    edges: list[Any]
    """Indexes of what comes from beyond an edge."""


@functools.lru_cache
def shifts(kernel: Lengths, lengths: Lengths, placed: Layout, size: int) -> list[Shift]:
    """One for each position of a kernel in images of such axes and so many entries."""
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
        found.append(Shift(slice(back, size - ahead), slice(ahead, size - back), edges))
    return found


def clear(cells: Array, shift: Shift) -> None:
    """Set to 0 what is taken from beyond an edge."""
    for edge in shift.edges:
        cells[edge] = 0


def laid_out(x: Array, kernel: Lengths, lengths: Lengths, placed: Layout, groups: int) -> Array:
    """What the columns of a kernel meet in images: (n, groups, columns and channels, rows, ...)."""
    strides, borders, dilations = placed
    n, columns, widths = len(x), math.prod(kernel[1:]), lengths[1:]
    along = strides[1:], borders[1:], dilations[1:]
    if columns > 1 and set(along[0]) == {1} and widths == x.shape[3:]:
        whole = bordered(x, (borders[0], *((0, 0),) * len(widths)))
        cells = whole.reshape(n, groups, -1)
        size = cells.shape[-1]
        met = np.empty_like(x, shape=(n, groups, columns, size))
        of_rows = met.reshape(n, groups, columns, -1, *widths)
        for column, shift in enumerate(shifts(kernel[1:], widths, along, size)):
            met[:, :, column, shift.there] = cells[:, :, shift.taken]
            clear(of_rows[:, :, column], shift)
    else:
        whole = bordered(x, borders)
        cells = whole.reshape(n, groups, -1, *whole.shape[2:])
        found = places(kernel[1:], widths, along[0], along[2])
        met = np.stack([cells[(..., *place)] for _, place in found], axis=2)
    return met.reshape(n, groups, columns * (x.shape[1] // groups), -1, *widths)


def rows_of(kernel: Lengths, lengths: Lengths, placed: Layout) -> Iterator[tuple[int, slice]]:
    """The rows of a kernel, each with those that it meets."""
    found = places(kernel[:1], lengths[:1], placed[0][:1], placed[2][:1])
    return ((row, rows) for (row,), (rows,) in found)


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


# The three


def require_kernels(x: Array, w: Array, groups: int) -> None:
    """Raise unless kernels fit images."""
    if x.ndim != w.ndim or x.ndim < 3:
        raise ValueError(
            "images are (n, channels, ...) and kernels (out, channels, ...) with as many axes, and "
            f"they have shapes {x.shape} and {w.shape}",
            "Add the axes that are missing: x[None] for a single image, x[:, None] for one channel",
        )
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        of = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"axis 1 of the images has {x.shape[1]} channels, and kernels of shape {w.shape} "
            f"are {w.shape[0]} of {w.shape[1]} channels{of}",
            "Make the channels agree; each group has as many as the others",
        )


def _images_vjp(g: Any, y: Any, x: Any, w: Any, *how: Any, **named: Any) -> Any:
    return transposed_convolution(g, w, x.shape[2:], *how, **named)


def _kernels_vjp(g: Any, y: Any, x: Any, w: Any, *how: Any, **named: Any) -> Any:
    return kernel_correlation(g, x, w.shape[2:], *how, **named)


@differentiable(_images_vjp, _kernels_vjp, traits=TRAITS._replace(notation=(" * ", " * ", (1, 0))))
@in_floats
def convolution(
    x: Array, w: Array, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Images x (n, channels, ...) with kernels w (out, channels / groups, ...), not reversed.

    Args:
        x: images, of as many axes after the first two as the kernels have.
        w: kernels.
        stride: from one position to the next; of these numbers, one for all axes or one for each.
        padding: the width of borders of zeros, or a pair of widths before and behind for each
            axis; "valid" for none, or "same" for as much as keeps the shape, one more behind than
            before where that is odd. A negative width leaves so much out.
        dilation: from one entry of the kernel to the next.
        groups: of channels, which are convolved separately.

    >>> convolution(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[1.0, 10.0]]]))
    array([[[21., 42.]]])
    """
    require_kernels(x, w, groups)
    return placed_convolution(x, w, layout(w.shape[2:], stride, padding, dilation), groups)


def placed_convolution(x: Array, w: Array, placed: Layout, groups: int) -> Array:
    """`convolution`, given a layout."""
    shape = (len(x), len(w), *lengths_of_result(x.shape[2:], w.shape[2:], placed))
    faster = long_kernels.is_faster(x, x.shape, w.shape, placed, groups)
    if faster and long_kernels.is_precise(x, w, groups):
        result = long_kernels.convolved(x, w, placed, groups)
        if np.isfinite(result).all():  # else what is not would be everywhere
            return result
    placed, x, w = with_rows(placed, x, w)
    kernel, lengths = w.shape[2:], (1, *shape[2:])[-x.ndim + 2 :]
    dtype, each = np.result_type(x, w), (groups, len(w) // groups, math.prod(lengths))
    result, kernels = np.empty_like(x, dtype, shape=(len(x), *each)), by_row(w, groups)
    for some in some_samples(x, kernel, result):
        met = laid_out(x[some], kernel, lengths, placed, groups)
        products = (
            kernels[row] @ met[:, :, :, rows].reshape(*met.shape[:3], each[-1])
            for row, rows in rows_of(kernel, lengths, placed)
        )
        result[some] = functools.reduce(operator.iadd, products)
    return result.reshape(shape)


def _transposed_images_vjp(
    g: Any, y: Any, x: Any, w: Any, lengths: Any, *how: Any, **named: Any
) -> Any:
    return convolution(g, w, *how, **named)


def _transposed_kernels_vjp(
    g: Any, y: Any, x: Any, w: Any, lengths: Any, *how: Any, **named: Any
) -> Any:
    return kernel_correlation(x, g, w.shape[2:], *how, **named)


@differentiable(
    _transposed_images_vjp,
    _transposed_kernels_vjp,
    traits=TRAITS._replace(notation=(" *ᵀ ", r" *^{\top} ", (1, 0))),
)
def transposed_convolution(
    x: Array,
    w: Array,
    lengths: Lengths,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """The transpose of `convolution` in its images: each entry of x puts a kernel in its place.

    Args:
        x: what has the shape of a convolution's result, (n, channels, ...).
        w: kernels (channels, out / groups, ...).
        lengths: of the axes of the result after the first two, which are (n, out).
        stride, padding, dilation, groups: those of the convolution.

    >>> transposed_convolution(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]), (3,))
    array([[[ 1., 12., 20.]]])
    """
    placed = layout(w.shape[2:], stride, padding, dilation)
    shape = (len(x), w.shape[1] * groups, *lengths)
    # With the kernel reversed it lays out what it is given, which is less than to add up what comes
    # out, unless that has few channels.
    if set(placed[0]) == {1} and (
        shape[1] > 2 * len(w) or long_kernels.is_faster(x, shape, w.shape, placed, groups)
    ):
        return reversed_convolution(x, w, lengths, placed, groups)
    return scattered_convolution(x, w, lengths, placed, groups)


def reversed_convolution(
    x: Array, w: Array, lengths: Lengths, placed: Layout, groups: int
) -> Array:
    """`transposed_convolution` where no stride leaves gaps: that with the kernel reversed."""
    strides, borders, dilations = placed
    kernel = w.shape[2:]
    parts = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
    parts = np.flip(parts, tuple(range(3, parts.ndim)))
    around = [
        (d * (k - 1) - before, n + before - given)
        for n, k, given, d, (before, _) in zip(lengths, kernel, x.shape[2:], dilations, borders)
    ]
    whole = parts.reshape(-1, *parts.shape[2:])
    return placed_convolution(x, whole, (strides, tuple(around), dilations), groups)


def scattered_convolution(
    x: Array, w: Array, lengths: Lengths, placed: Layout, groups: int
) -> Array:
    """`transposed_convolution`, by adding to what each row and column of the kernel meets."""
    shape = (len(x), w.shape[1] * groups, *lengths)
    placed, x, w = with_rows(placed, x, w)
    lengths, kernel = (1, *lengths)[-x.ndim + 2 :], w.shape[2:]
    result = np.empty_like(x, np.result_type(x, w), shape=(*shape[:2], *lengths))
    # By row, (groups, columns of the kernel and out, channels).
    kernels = by_row(w, groups).swapaxes(-1, -2)
    in_one_piece = set(placed[0]) == {1} and lengths == x.shape[2:]
    added = added_in_one_piece if in_one_piece else added_by_place
    for some in some_samples(result, kernel, x):
        total = added(kernels, x[some], kernel, lengths, placed)
        result[some] = total.reshape(-1, *result.shape[1:])
    return result.reshape(shape)


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
        for column, shift in zip(range(columns), found):
            clear(images[:, :, column], shift)
            total[:, :, shift.taken] += pieces[:, :, column, shift.there]
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
    for row, rows in rows_of(kernel, x.shape[2:], placed):
        met[:, :, :, :, rows] += (kernels[row] @ given).reshape(*each, *x.shape[2:])
    whole = np.zeros_like(met, shape=(len(x), groups, each[-1], n_rows, *widths))
    found = places(kernel[1:], x.shape[3:], strides[1:], dilations[1:])
    for column, (_, place) in enumerate(found):
        whole[(..., *place)] += met[:, :, column]
    return bordered(whole, tuple((-before, -after) for before, after in borders))


def _cotangents_vjp(g: Any, y: Any, x: Any, z: Any, lengths: Any, *how: Any, **named: Any) -> Any:
    return convolution(z, g, *how, **named)


def _correlated_images_vjp(
    g: Any, y: Any, x: Any, z: Any, lengths: Any, *how: Any, **named: Any
) -> Any:
    return transposed_convolution(x, g, z.shape[2:], *how, **named)


@differentiable(
    _cotangents_vjp,
    _correlated_images_vjp,
    traits=TRAITS._replace(notation=(" ⋆ ", r" \star ", (0, 1))),
)
def kernel_correlation(
    x: Array,
    images: Array,
    lengths: Lengths,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """The transpose of `convolution` in its kernels: what they meet, each times an entry of x.

    Args:
        x: what has the shape of a convolution's result, (n, out, ...).
        images: (n, channels, ...).
        lengths: of the axes of the result after the first two, which are (out, channels / groups).
        stride, padding, dilation, groups: those of the convolution.

    >>> kernel_correlation(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0, 0.0]]]), (2,))
    array([[[21., 10.]]])
    """
    shape = (x.shape[1], images.shape[1] // groups, *lengths)
    placed = layout(lengths, stride, padding, dilation)
    faster = long_kernels.is_faster(images, images.shape, shape, placed, groups)
    if faster and long_kernels.is_precise(images, x, groups):
        result = long_kernels.correlated(x, images, lengths, placed, groups)
        if np.isfinite(result).all():
            return result
    placed, x, images = with_rows(placed, x, images)
    kernel = (1, *lengths)[-x.ndim + 2 :]
    columns = images.shape[1] // groups * math.prod(kernel[1:])
    dtype = np.result_type(x, images)
    total = np.zeros_like(x, dtype, shape=(kernel[0], groups, columns, x.shape[1] // groups))
    for some in some_samples(images, kernel, x):
        met = laid_out(images[some], kernel, x.shape[2:], placed, groups)
        given = in_groups(x[some], groups).swapaxes(-1, -2)
        for row, rows in rows_of(kernel, x.shape[2:], placed):
            of_row = met[:, :, :, rows].reshape(*met.shape[:3], given.shape[-2])
            total[row] += (of_row @ given).sum(axis=0)
    parts = total.reshape(kernel[0], groups, *kernel[1:], shape[1], -1)
    return np.moveaxis(parts, (1, -1, -2, 0), (0, 1, 2, 3)).reshape(shape)
