"""Maxima and means of windows of images, and interpolation: a matrix for each axis."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.windows import (
    Borders,
    Layout,
    Lengths,
    inside,
    lengths_of_result,
    places,
    with_borders,
)
from autograd_lite.foreign import beside
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.precision import in_floats
from autograd_lite.table import differentiable

# Maxima


def windows_of(x: Array, kernel: Lengths, placed: Layout) -> list[Array]:
    """What each position of a window meets in images, with borders that are below all else."""
    strides, borders, dilations = placed
    lengths = lengths_of_result(x.shape[2:], kernel, placed)
    if any(map(any, borders)):
        x = np.pad(x, ((0, 0), (0, 0), *borders), constant_values=-np.inf)
    return [x[(..., *place)] for _, place in places(kernel, lengths, strides, dilations)]


def shares_of(x: Array, kernel: Lengths, placed: Layout) -> list[Array]:
    """By position of a window: how much of its maximum is there, 1 unless it is there twice."""
    windows = windows_of(x, kernel, placed)
    largest = functools.reduce(np.maximum, windows)
    are_largest = [(window == largest).astype(x.dtype) for window in windows]
    if sum(map(np.sum, are_largest)) == largest.size:
        return are_largest
    count = np.maximum(sum(are_largest), 1)
    return [share / count for share in are_largest]


def _max_pool_vjp(g: Any, y: Any, x: Any, kernel: Lengths, placed: Layout) -> Any:
    return to_maxima(g, x, kernel, placed)


@differentiable(_max_pool_vjp, traits=Traits(extremum=True))
@in_floats
def max_pool(x: Array, kernel: Lengths, placed: Layout) -> Array:
    """The largest entry of each window of images (n, channels, ...).

    Where it is there several times, they share its cotangent.

    Args:
        x: the images.
        kernel: the lengths of a window.
        placed: the strides, the borders and the dilation of each axis.

    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 0.0]]]), (2,), ((2,), ((0, 0),), (1,)))
    array([[[3., 2.]]])
    """
    windows = windows_of(x, kernel, placed)
    result = windows[0].copy()
    for window in windows[1:]:
        result = np.maximum(result, window)
    return result


def _to_maxima_vjp(g: Any, y: Any, x: Any, images: Any, kernel: Lengths, placed: Layout) -> Any:
    return at_maxima(g, images, kernel, placed)


@differentiable(
    _to_maxima_vjp,
    lambda g, y, x, images, kernel, placed: 0.0,
    traits=Traits(linear=(0,)),
)
def to_maxima(x: Array, images: Array, kernel: Lengths, placed: Layout) -> Array:
    """Zeros like images, with an entry of x added where each window has its maximum.

    >>> images, halves = np.array([[[1.0, 3.0, 2.0, 0.0]]]), ((2,), ((0, 0),), (1,))
    >>> to_maxima(np.array([[[5.0, 6.0]]]), images, (2,), halves)
    array([[[0., 5., 6., 0.]]])
    """
    strides, borders, dilations = placed
    lengths = images.shape[2:]
    whole = np.zeros_like(x, shape=(*images.shape[:2], *with_borders(lengths, borders)))
    found = places(kernel, x.shape[2:], strides, dilations)
    for (_, place), share in zip(found, shares_of(images, kernel, placed)):
        whole[(..., *place)] += x * share
    return whole[inside(lengths, borders)]


@differentiable(
    lambda g, y, x, images, kernel, placed: to_maxima(g, images, kernel, placed),
    lambda g, y, x, images, kernel, placed: 0.0,
    traits=Traits(linear=(0,)),
)
def at_maxima(x: Array, images: Array, kernel: Lengths, placed: Layout) -> Array:
    """The entries of x where windows of images have their maxima; the mean of several.

    >>> images, halves = np.array([[[1.0, 3.0, 2.0, 0.0]]]), ((2,), ((0, 0),), (1,))
    >>> at_maxima(np.array([[[5.0, 6.0, 7.0, 8.0]]]), images, (2,), halves)
    array([[[6., 7.]]])
    """
    strides, borders, dilations = placed
    x = np.pad(x, ((0, 0), (0, 0), *borders))
    shares = shares_of(images, kernel, placed)
    found = places(kernel, shares[0].shape[2:], strides, dilations)
    return sum(x[(..., *place)] * share for (_, place), share in zip(found, shares))


# Averages


def along_axes(x: Array, matrices: list[Array]) -> Array:
    """x times a matrix along each of its last axes, of which the matrices have the lengths."""
    for axis, matrix in enumerate(matrices, x.ndim - len(matrices)):
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        rows = beside(np.astype(matrix, x.dtype), x)
        if after:
            x = rows @ x.reshape(*before, x.shape[axis], math.prod(after))
        else:
            x = x.reshape(-1, x.shape[axis]) @ rows.T
        x = x.reshape(*before, len(rows), *after)
    return x


def window_means(
    lengths: Lengths, kernel: Lengths, strides: Lengths, borders: Borders, counted: Borders
) -> list[Array]:
    """For each axis of an image the matrix that averages its windows.

    They reach into the borders, of which so much counts, with zeros.
    """
    matrices = []
    for n, k, s, (before, after), (first, last) in zip(lengths, kernel, strides, borders, counted):
        starts = np.arange(0, n + before + after - k + 1, s)[:, None] - before
        entries = np.arange(-before, n + after)
        met = (entries >= starts) & (entries < starts + k)
        counts = met & (entries >= -first) & (entries < n + last)
        matrices.append(met[:, before : before + n] / counts.sum(axis=1, keepdims=True))
    return matrices


def shares_in(lengths: Lengths, shape: Lengths) -> list[Array]:
    """For each axis the matrix that averages as many parts of it as are asked for."""
    matrices = []
    for n, parts in zip(lengths, shape):
        numbers, entries = np.arange(parts)[:, None], np.arange(n)
        met = (entries >= numbers * n // parts) & (entries < -(-(numbers + 1) * n // parts))
        matrices.append(met / met.sum(axis=1, keepdims=True))
    return matrices


def nearest_weights(lengths: Lengths, shape: Lengths, scales: tuple[float, ...]) -> list[Array]:
    """For each axis the matrix that takes for each entry the one that is at its place."""
    matrices = []
    for n, new, scale in zip(lengths, shape, scales):
        places = np.minimum(np.floor(np.arange(new) / scale), n - 1)
        matrices.append(places[:, None] == np.arange(n))
    return matrices


def linear_weights(
    lengths: Lengths, shape: Lengths, scales: tuple[float, ...], align_corners: bool
) -> list[Array]:
    """For each axis the matrix that interpolates between the two entries around each place."""
    matrices = []
    for n, new, scale in zip(lengths, shape, scales):
        if align_corners:
            places = np.arange(new) * ((n - 1) / max(new - 1, 1))
        else:
            places = np.clip((np.arange(new) + 0.5) / scale - 0.5, 0, n - 1)
        matrices.append(np.maximum(1 - np.abs(places[:, None] - np.arange(n)), 0))
    return matrices


MATRICES: dict[str, Callable[..., list[Array]]] = {
    "average_pool": window_means,
    "adaptive_average_pool": shares_in,
    "interpolate_nearest": nearest_weights,
    "interpolate_linear": linear_weights,
}
"""By function what makes its matrices, given the lengths of images and its arguments."""
RESAMPLING = Traits(linear=(0,), accumulates=True)


@differentiable(lambda g, y, x, name, lengths, how: RESAMPLED[name](g, *how), traits=RESAMPLING)
def transposed_resampling(x: Array, name: str, lengths: Lengths, how: tuple[Any, ...]) -> Array:
    """The transpose of a function that averages or interpolates images of such lengths.

    Args:
        x: what has the shape of its result.
        name: that of the function.
        lengths: of the axes of its images after the first two.
        how: its other arguments.

    >>> transposed_resampling(np.array([[[6.0]]]), "adaptive_average_pool", (3,), ((1,),))
    array([[[2., 2., 2.]]])
    """
    return along_axes(x, [matrix.T for matrix in MATRICES[name](lengths, *how)])


def _vjp(name: str) -> Callable[..., Any]:
    return lambda g, y, x, *how: transposed_resampling(g, name, x.shape[2:], how)


@differentiable(_vjp("average_pool"), traits=RESAMPLING)
@in_floats
def average_pool(
    x: Array, kernel: Lengths, strides: Lengths, borders: Borders, counted: Borders
) -> Array:
    """The mean of each window of images (n, channels, ...), as it is the mean of means of its rows.

    Args:
        x: the images.
        kernel: the lengths of a window.
        strides: from one window to the next, by axis.
        borders: the widths of the borders of zeros, before and behind, by axis.
        counted: how much of them is counted in a mean.

    >>> average_pool(np.array([[[1.0, 3.0, 2.0, 0.0]]]), (2,), (2,), ((0, 0),), ((0, 0),))
    array([[[2., 1.]]])
    """
    return along_axes(x, window_means(x.shape[2:], kernel, strides, borders, counted))


@differentiable(_vjp("adaptive_average_pool"), traits=RESAMPLING)
@in_floats
def adaptive_average_pool(x: Array, shape: Lengths) -> Array:
    """The means of images (n, channels, ...) in as many parts along each axis as a shape says.

    Part i of m of an axis of length n is from i n / m, rounded down, to (i + 1) n / m, rounded up.

    >>> adaptive_average_pool(np.array([[[1.0, 3.0, 2.0]]]), (2,))
    array([[[2. , 2.5]]])
    """
    return along_axes(x, shares_in(x.shape[2:], shape))


# Interpolation


@differentiable(_vjp("interpolate_nearest"), traits=RESAMPLING)
@in_floats
def interpolate_nearest(x: Array, shape: Lengths, scales: tuple[float, ...]) -> Array:
    """Images (n, channels, ...) in another shape: of each entry the one at its place before.

    Args:
        x: the images.
        shape: the lengths of the axes after the first two.
        scales: the ratio of coordinates after to those before, by axis.

    >>> interpolate_nearest(np.array([[[1.0, 3.0]]]), (4,), (2.0,))
    array([[[1., 1., 3., 3.]]])
    """
    return along_axes(x, nearest_weights(x.shape[2:], shape, scales))


@differentiable(_vjp("interpolate_linear"), traits=RESAMPLING)
@in_floats
def interpolate_linear(
    x: Array, shape: Lengths, scales: tuple[float, ...], align_corners: bool
) -> Array:
    """Images (n, channels, ...) in another shape, interpolated along each axis.

    Args:
        x: the images.
        shape: the lengths of the axes after the first two.
        scales: the ratio of coordinates after to those before, by axis; entries are the middles of
            intervals of length 1.
        align_corners: whether instead the first and the last entries stay where they are.

    >>> interpolate_linear(np.array([[[1.0, 3.0]]]), (4,), (2.0,), False)
    array([[[1. , 1.5, 2.5, 3. ]]])
    """
    return along_axes(x, linear_weights(x.shape[2:], shape, scales, align_corners))


RESAMPLED: dict[str, Any] = {
    function.__name__: function
    for function in (average_pool, adaptive_average_pool, interpolate_nearest, interpolate_linear)
}
