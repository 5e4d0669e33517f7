"""Where windows and kernels are placed in images: strides, borders and dilation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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
