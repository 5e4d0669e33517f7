"""Layers that make images smaller or larger: maxima and means of windows, interpolation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, POSITIVE, WHOLE, one_of, optional
from autograd_lite.derivatives.pooling import (
    adaptive_average_pool,
    average_pool,
    interpolate_linear,
    interpolate_nearest,
    max_pool,
)
from autograd_lite.derivatives.windows import Layout, Lengths, per_axis
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from nn.architecture import register
from nn.configuration import heading
from nn.declared import declared
from nn.layers.inputs import each_axis, require_images
from nn.module import Module

if TYPE_CHECKING:
    from autograd_lite.typing import ArrayLike

COUNT_EACH, WHOLE_EACH = each_axis(COUNT), each_axis(WHOLE)


class _Pool(Module):
    """What layers have in common that look at windows of images."""

    kernel_size: int | Lengths = declared(COUNT_EACH)
    stride: int | Lengths | None = declared(optional(COUNT_EACH), default=None)
    padding: int | Lengths = declared(WHOLE_EACH, default=0)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        axes = max((len(v) for v in values.values() if isinstance(v, tuple)), default=1)
        each = [
            per_axis(values[name], axes, name)
            for name in ("kernel_size", "padding")
            if len(_several(values[name])) in (1, axes)
        ]
        if len(each) == 2 and any(2 * width > k for k, width in zip(*each)):
            raise ArgumentError(
                f"{type(self).__name__} with kernel_size={values['kernel_size']}, "
                f"padding={values['padding']}",
                "windows would lie in the border alone",
                "Give padding of at most half the kernel",
            )

    def _windows(self, x: Any, ceil_mode: bool, dilation: Any = 1) -> tuple[Lengths, Layout]:
        """By axis of the images: how long windows are, and where they are placed.

        Borders are as wide as the padding; behind as much wider as another window needs in
        ceil_mode.
        """
        given = {
            "kernel_size": self.kernel_size,
            "stride": self.kernel_size if self.stride is None else self.stride,
            "padding": self.padding,
            "dilation": dilation,
        }
        each = [_per_axis(self, x, value, name) for name, value in given.items()]
        borders = []
        for axis, (n, k, s, width, apart) in enumerate(zip(x.shape[2:], *each)):
            reach = apart * (k - 1) + 1
            room = n + 2 * width - reach
            windows = -(-room // s) if ceil_mode else room // s
            if windows < 0:
                raise ShapeError(
                    f"{heading(self)} of {describe_one(x)}",
                    f"along axis {axis + 2} the images have {n + 2 * width} entries with their "
                    f"borders, and a window reaches over {reach}",
                    "Give larger images, a smaller window, or padding",
                )
            if windows * s >= n + width:  # it would begin in the border
                windows -= 1
            borders.append((width, width + max(windows * s - room, 0)))
        kernel, strides, _, dilations = each
        return kernel, (strides, tuple(borders), dilations)


def _per_axis(layer: Module, x: Any, value: Any, name: str) -> Any:
    """A value by axis of the images that a layer is given."""
    try:
        return per_axis(value, x.ndim - 2, name)
    except ValueError as error:
        raise ShapeError(f"{heading(layer)} of {describe_one(x)}", *error.args) from error


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


@register
class MaxPool(_Pool):
    """The largest entry of each window of images (n, channels, ...), of any number of axes.

    Equally large entries share the gradient; PyTorch gives it to one of them.

    Args:
        kernel_size: size of a window: one whole number for all axes, or a tuple with one each.
        stride: distance from one window to the next; by default windows are side by side.
        padding: width of a padding that is below all entries, at most half the kernel's.
        dilation: distance from one entry of a window to the next.
        ceil_mode: whether to count a window that reaches beyond the end.

    Raises:
        ArgumentError: a number is out of its range.

    >>> import numpy as np
    >>> MaxPool(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    dilation: int | Lengths = declared(COUNT_EACH, default=1)
    ceil_mode: bool = declared(FLAG, default=False)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, channels, ...).

        Raises:
            ShapeError: x has other axes, or is smaller than a window.
            UnsupportedError: x is not an array of real numbers.
        """
        x = require_images(self, x, None)
        kernel, placed = self._windows(x, self.ceil_mode, self.dilation)
        return max_pool(x, kernel, placed)


@register
class AvgPool(_Pool):
    """The mean of each window of images (n, channels, ...), of any number of axes.

    Args:
        kernel_size: size of a window: one whole number for all axes, or a tuple with one each.
        stride: distance from one window to the next; by default windows are side by side.
        padding: width of the zero padding, at most half the kernel's.
        ceil_mode: whether to count a window that reaches beyond the end.
        count_include_pad: whether means include the padding.

    Raises:
        ArgumentError: a number is out of its range.

    >>> import numpy as np
    >>> AvgPool(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    ceil_mode: bool = declared(FLAG, default=False)
    count_include_pad: bool = declared(FLAG, default=True)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, channels, ...).

        Raises:
            ShapeError: x has other axes, or is smaller than a window.
            UnsupportedError: x is not an array of real numbers.
        """
        x = require_images(self, x, None)
        kernel, (strides, borders, _) = self._windows(x, self.ceil_mode)
        # In front a border is as wide as it was given, behind it may be wider.
        counted = tuple((n, n) if self.count_include_pad else (0, 0) for n, _ in borders)
        return average_pool(x, kernel, strides, borders, counted)


@register
class AdaptiveAvgPool(Module):
    """The means of images (n, channels, ...) over a given number of parts of each axis.

    Args:
        output_size: the number of parts: one for all axes, or a tuple with one each; None leaves an
            axis as it is. For an axis of length n, part i of m reaches from i n / m, rounded down,
            to (i + 1) n / m, rounded up.

    Raises:
        ArgumentError: a number is out of its range.

    >>> import numpy as np
    >>> AdaptiveAvgPool(1)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[7.5]]]])
    """

    output_size: int | tuple[int | None, ...] = declared(each_axis(optional(COUNT)))

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, channels, ...).

        Raises:
            ShapeError: x has other axes.
            UnsupportedError: x is not an array of real numbers.
        """
        x = require_images(self, x, None)
        sizes = _per_axis(self, x, self.output_size, "output_size")
        shape = tuple(n if size is None else size for n, size in zip(x.shape[2:], sizes))
        return adaptive_average_pool(x, shape)


@register
class Upsample(Module):
    """Resize images (n, channels, ...), to a larger or smaller size.

    Args:
        size: size of the result: one whole number for all axes, or a tuple with one each.
        scale_factor: instead of size, the ratio of lengths, likewise; results are rounded down.
        mode: "nearest", for images with any number of axes, or "bilinear", for two.
        align_corners: whether "bilinear" keeps the first and the last entries in place; otherwise
            entries are the centers of intervals.

    Raises:
        ArgumentError: a number is out of its range, the mode is unknown, both or neither of size
            and scale_factor are given, or corners are aligned in mode "nearest".

    >>> import numpy as np
    >>> Upsample(scale_factor=2)(np.array([[[1.0, 3.0]]]))
    array([[[1., 1., 3., 3.]]])
    """

    size: int | Lengths | None = declared(optional(COUNT_EACH), default=None)
    scale_factor: float | tuple[float, ...] | None = declared(
        optional(each_axis(POSITIVE)), default=None
    )
    mode: str = declared(one_of("nearest", "bilinear"), default="nearest")
    align_corners: bool = declared(FLAG, default=False)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        if (values["size"] is None) == (values["scale_factor"] is None):
            raise ArgumentError(
                f"Upsample with size={values['size']}, scale_factor={values['scale_factor']}",
                "one says what the other does",
                "Give one of them",
            )
        if values["align_corners"] and values["mode"] == "nearest":
            raise ArgumentError(
                'Upsample with mode="nearest", align_corners=True',
                "an entry that is repeated has no corners",
                'Give mode="bilinear", or leave align_corners out',
            )

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, channels, ...).

        Raises:
            ShapeError: x has other axes, or nothing would be left of one.
            UnsupportedError: x is not an array of real numbers.
        """
        x = require_images(self, x, 2 if self.mode == "bilinear" else None)
        lengths = x.shape[2:]
        if self.size is None:
            scales = _per_axis(self, x, self.scale_factor, "scale_factor")
            shape = tuple(math.floor(n * scale) for n, scale in zip(lengths, scales))
        else:
            shape = _per_axis(self, x, self.size, "size")
            scales = tuple(new / n for n, new in zip(lengths, shape))
        if 0 in shape:
            raise ShapeError(
                f"{heading(self)} of {describe_one(x)}",
                f"nothing would be left of axis {shape.index(0) + 2}",
                "Give a larger scale_factor, or the size",
            )
        if self.mode == "nearest":
            return interpolate_nearest(x, shape, scales)
        return interpolate_linear(x, shape, scales, self.align_corners)
