"""Convolution in any number of dimensions, as networks have it, and its two partners.

With samples n, channels c, positions p of the result and positions k of the kernel,
`convolution(x, w)` is y[n, o, p] = Σ w[o, c, k] x[n, c, p + k] over c and k: the kernel is not
reversed, and strides, dilation and borders say which entry p + k is. Times a cotangent g of y, and
summed, that is linear in each of x, w and g. So its derivatives in x and in w are two functions of
the same kind, and the derivatives of each of the three are the other two:

    convolution(x, w)               y, from images and kernels
    transposed_convolution(g, w)    dx, from cotangents and kernels
    kernel_correlation(g, x)        dw, from cotangents and images

All are products of matrices of what kernels meet, which `windows` lays out, of some samples at
a time. Long kernels, of which that would be much, are multiplied by Fourier transforms.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from autograd_lite.derivatives import long_kernels
from autograd_lite.derivatives.windows import (
    Layout,
    Lengths,
    added_by_place,
    added_in_one_piece,
    by_row,
    in_groups,
    in_one_piece,
    laid_out,
    layout,
    lengths_of_result,
    rows_of,
    some_samples,
)
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.precision import in_floats
from autograd_lite.table import differentiable

TRAITS = Traits(product=True, linear=(0, 1), accumulates=True)


def with_rows(placed: Layout, *arrays: Array) -> tuple[Any, ...]:
    """Layout and arrays of one axis as those of images of one row; others as they are."""
    strides, borders, dilations = placed
    if len(strides) > 1:
        return placed, *arrays
    placed = (1, *strides), ((0, 0), *borders), (1, *dilations)
    return placed, *(np.expand_dims(x, 2) for x in arrays)


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
    result, kernels = np.empty_like(x, np.result_type(x, w), shape=shape), by_row(w, groups)
    by_rows, size = rows_of(kernel, lengths, placed), math.prod(lengths)
    for some in some_samples(x, kernel, result):
        met = laid_out(x[some], kernel, lengths, placed, groups)
        products = (
            of_row @ met[:, :, :, rows].reshape(*met.shape[:3], size)
            for of_row, rows in zip(kernels, by_rows)
        )
        total = functools.reduce(operator.iadd, products)
        result[some] = total.reshape(-1, *shape[1:])
    return result


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
    result = np.empty_like(x, np.result_type(x, w), shape=shape)
    # By row, (groups, columns of the kernel and out, channels).
    kernels = by_row(w, groups).swapaxes(-1, -2)
    added = added_by_place
    if in_one_piece(x, placed[0], lengths, x.shape[2:]):
        added = added_in_one_piece
    for some in some_samples(result, kernel, x):
        total = added(kernels, x[some], kernel, lengths, placed)
        result[some] = total.reshape(-1, *shape[1:])
    return result


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
    by_rows = rows_of(kernel, x.shape[2:], placed)
    for some in some_samples(images, kernel, x):
        met = laid_out(images[some], kernel, x.shape[2:], placed, groups)
        given = in_groups(x[some], groups).swapaxes(-1, -2)
        for row, rows in enumerate(by_rows):
            of_row = met[:, :, :, rows].reshape(*met.shape[:3], given.shape[-2])
            total[row] += (of_row @ given).sum(axis=0)
    parts = total.reshape(kernel[0], groups, *kernel[1:], shape[1], -1)
    return np.moveaxis(parts, (1, -1, -2, 0), (0, 1, 2, 3)).reshape(shape)
