"""Convolution with long kernels, as a product of Fourier transforms.

Where a kernel meets every position, y is the inverse transform of x's transform times the conjugate
of w's, and the derivative in the kernels that of x's times the conjugate of g's. An error is as
large as rounding of the largest entries of a sample, so that all of its parts have to be as large.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.derivatives.windows import Layout, Lengths, bordered, with_borders
from autograd_lite.node import Array

TRANSFORM, LAYING_OUT = 30, 9
"""What an entry of a transform takes, and one that is laid out, in terms of a product."""
LEAST = 2_000_000
"""How many of these a convolution takes at least, for its transforms to be worth their calls."""
LEAST_PART = 0.01
"""What share of the mean of a sample's absolute values the mean of each part is at least."""
AT_ONCE = 2**20
"""How many numbers are transformed at a time, where a sample has fewer."""


def is_faster(like: Array, images: Lengths, w: Lengths, placed: Layout, groups: int) -> bool:
    """Whether transforms take less time, of images and kernels of some shapes, in such a dtype.

    A product of matrices takes N C O P K terms, with N images of C channels, O results for each at
    P positions, and kernels of K entries, and it lays N C P K entries out. Of F entries, borders
    included, transforms take F log F for each of N C images, C O kernels and N O results.
    """
    strides, borders, dilations = placed
    if {*strides, *dilations} != {1} or type(like) is not np.ndarray or like.dtype.char not in "fd":
        return False
    n, channels, out = images[0], w[1], w[0] // groups
    lengths = with_borders(images[2:], borders)
    positions = math.prod(max(a - k + 1, 0) for a, k in zip(lengths, w[2:]))
    direct = n * channels * positions * math.prod(w[2:]) * (out + LAYING_OUT)
    entries = math.prod(map(_fast_length, lengths))
    arrays = n * channels + channels * out + n * out
    transforms = entries * (TRANSFORM * math.log2(entries + 1) * arrays + 6 * n * channels * out)
    share = 1 if like.dtype == np.float64 else 0.8
    return share * direct > max(transforms, LEAST / groups)


def is_precise(x: Array, w: Array, groups: int) -> bool:
    """Whether transforms are as precise as products: what kernels meet is about as large anywhere.

    Along each axis, each window has a whole block of half its length in it. NaN is not precise, nor
    are transforms of float32 where the result is of float64.

    >>> x, w = np.ones((1, 1, 8)), np.ones((1, 1, 4))
    >>> is_precise(x, w, 1), is_precise(x * (np.arange(8) < 6), w, 1)
    (True, False)
    """
    if x.dtype != w.dtype or not x.size:
        return False
    sizes = np.absolute(x).reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:]).mean(axis=2)
    axes = tuple(range(2, sizes.ndim))
    least = LEAST_PART * sizes.mean(axis=axes)
    for axis, length in enumerate(w.shape[2:], 2):
        block = min((length + 1) // 2, sizes.shape[axis])
        starts = range(0, sizes.shape[axis] - block + 1, block)
        whole = (*(slice(None),) * axis, slice(starts[-1] + block))
        sizes = np.add.reduceat(sizes[whole], starts, axis=axis) / block
    return bool(np.all(sizes.min(axis=axes) >= least))


def _fast_length(n: int) -> int:
    """The next number of few and small factors, of which a transform is fast."""
    shift = max(n.bit_length() - 4, 0)
    return min(m << shift for m in (8, 9, 10, 12, 15, 16) if m << shift >= n)


def _transforms(x: Array, shape: Lengths) -> Array:
    """Those of all images (n, channels, ...), as (frequencies, n, channels)."""
    found = np.fft.rfftn(x, shape, tuple(range(2, x.ndim)))
    return np.moveaxis(found.reshape(*x.shape[:2], -1), 2, 0)


def _images(spectra: Array, shape: Lengths, kept: Lengths) -> Array:
    """The images of spectra (frequencies, n, channels), as long as is asked for along each axis."""
    along = (*shape[:-1], shape[-1] // 2 + 1)
    spectra = np.moveaxis(spectra, 0, 2).reshape(*spectra.shape[1:], *along)
    found = np.fft.irfftn(spectra, shape, tuple(range(2, spectra.ndim)))
    inside: tuple[Any, ...] = (..., *map(slice, kept))
    return found[inside]


def _some(x: Array, others: int, shape: Lengths) -> list[slice]:
    """Parts of all samples, of which so many channels and others are transformed at a time."""
    step = max(1, AT_ONCE // (math.prod(shape) * (x.shape[1] + others)))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def convolved(x: Array, w: Array, placed: Layout, groups: int) -> Array:
    """`convolution` without strides and dilation."""
    x = bordered(x, placed[1])
    shape = tuple(map(_fast_length, x.shape[2:]))
    kept = tuple(a - k + 1 for a, k in zip(x.shape[2:], w.shape[2:]))
    result = np.empty((len(x), len(w), *kept), np.result_type(x, w))
    channels, out = w.shape[1], len(w) // groups
    for group in range(groups):
        own = slice(group * out, (group + 1) * out)
        images = x[:, group * channels : (group + 1) * channels]
        kernels = np.swapaxes(_transforms(w[own], shape).conj(), 1, 2)
        for some in _some(images, out, shape):
            result[some, own] = _images(_transforms(images[some], shape) @ kernels, shape, kept)
    return result


def correlated(g: Array, x: Array, kernel: Lengths, placed: Layout, groups: int) -> Array:
    """`kernel_correlation` without strides and dilation."""
    x = bordered(x, placed[1])
    shape = tuple(map(_fast_length, x.shape[2:]))
    channels, out = x.shape[1] // groups, g.shape[1] // groups
    result = np.empty((g.shape[1], channels, *kernel), np.result_type(g, x))
    for group in range(groups):
        own = slice(group * out, (group + 1) * out)
        images, cotangents = x[:, group * channels : (group + 1) * channels], g[:, own]
        total = 0
        for some in _some(images, out, shape):
            given = np.swapaxes(_transforms(cotangents[some], shape).conj(), 1, 2)
            total = total + given @ _transforms(images[some], shape)
        result[own] = _images(total, shape, kernel)
    return result
