"""Convolutions of images with kernels that are learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, FLOATING, WHOLE
from autograd_lite.derivatives.convolutions import convolution, transposed_convolution
from autograd_lite.derivatives.windows import Lengths, per_axis
from autograd_lite.errors import ArgumentError, ShapeError
from nn.architecture import register
from nn.declared import Field, declared, product
from nn.init import Initializer, initial_weight, initializer, orthogonal
from nn.layers.inputs import (
    called,
    each_axis,
    in_dtype_of,
    in_place,
    require_images,
    require_multiple,
)
from nn.members import Parameter
from nn.module import Module

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.typing import ArrayLike


COUNT_EACH, WHOLE_EACH = each_axis(COUNT), each_axis(WHOLE)
PADDING = each_axis(WHOLE, "valid", "same")


class _Kernels(Module):
    """What layers have in common that convolve with kernels."""

    axes: ClassVar[int]
    order: ClassVar[tuple[int, ...]]
    """Of the axes of weights, from those of (groups, channels in, positions, channels out)."""

    in_channels: int = declared(COUNT)
    out_channels: int = declared(COUNT)
    kernel_size: Field[Lengths, int | Lengths] = declared(COUNT_EACH)
    stride: int | Lengths = declared(COUNT_EACH, default=1)

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(values)
        kernel = per_axis(checked["kernel_size"], self.axes, "kernel_size")
        return {**checked, "kernel_size": kernel}

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, tuple) and len(value) != self.axes:
                raise ArgumentError(
                    f"{type(self).__name__} with {name}={value}",
                    f"it is for {len(value)} axes, and the images have {self.axes}",
                    "Give one number for all axes, or one for each",
                )
        for name in ("in_channels", "out_channels"):
            require_multiple(self, values, name, "groups", "channels")

    def _set_up(self, bias: bool, weight_init: Any, rng: Any, dtype: Any) -> None:
        self.weight = _weight(self, weight_init, rng, dtype)
        self.bias = Parameter(np.zeros(self.out_channels), dtype=dtype) if bias else None

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        kernel = given["kernel_size"]
        kernel = kernel if isinstance(kernel, tuple) else (kernel,) * cls.axes
        groups = max(product([given["groups"]]), 1)
        return product([given["in_channels"], given["out_channels"], kernel]) / groups


def _weight(layer: Any, weight_init: Any, rng: Any, dtype: Any) -> Parameter:
    """What the kernels of a layer begin with."""
    channels, positions = layer.in_channels // layer.groups, math.prod(layer.kernel_size)
    fan_in, fan_out = channels * positions, layer.out_channels
    # Orthogonal is the matrix of the kernels; all others know how many entries one goes to.
    initial = initializer(weight_init)
    if getattr(initial, "func", initial) is not orthogonal:
        fan_out *= positions
    weight = initial_weight(type(layer).__name__, initial, rng, fan_in, fan_out)
    shape = (channels, positions, layer.groups, -1)
    groups = np.moveaxis(np.reshape(weight[:, : layer.out_channels], shape), 2, 0)
    kernels = np.transpose(groups, layer.order)
    shape = (-1, kernels.shape[2], *layer.kernel_size)
    return Parameter(np.reshape(kernels, shape), dtype=dtype)


class _Convolution(_Kernels):
    order = (0, 3, 1, 2)
    padding: str | int | Lengths = declared(PADDING, default=0)
    dilation: int | Lengths = declared(COUNT_EACH, default=1)
    groups: int = declared(COUNT, default=1)
    _bias: bool = declared(FLAG, default=True, alias="bias")
    _weight_init: str | Initializer = declared(default="he_normal", alias="weight_init")
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        super()._require_consistent(values)
        stride = values["stride"]
        if values["padding"] == "same" and set(per_axis(stride, self.axes, "stride")) != {1}:
            raise ArgumentError(
                f'{type(self).__name__} with padding="same", stride={stride}',
                "a stride does not keep the shape",
                "Give stride=1, or the padding in numbers",
            )

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, in_channels, ...), in the dtype of the parameters.

        Raises:
            ShapeError: x has another number of axes or channels, or is smaller than the kernel.
            UnsupportedError: x is not an array of real numbers.
        """
        x = in_dtype_of(self.weight, require_images(self, x, self.axes, self.in_channels))
        try:
            y = convolution(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        except ShapeError as error:
            raise ShapeError(called(self, x), *error.args[1:]) from error
        return y if self.bias is None else y + in_place(self.bias, y)


@register
class Conv1d(_Convolution):
    """Convolution of (n, in_channels, length) with learned kernels; see `Conv2d`.

    >>> Conv1d(2, 3, 5, padding="same", rng=0)(np.ones((4, 2, 10))).shape
    (4, 3, 10)
    """

    axes = 1


@register
class Conv2d(_Convolution):
    """Convolution of images (n, in_channels, height, width) with learned kernels.

    y[n, o, p] = bias[o] + Σ weight[o, c, k] x[n, c, stride p + dilation k] over channels c and
    positions k, with zero padding; the kernels are not flipped. LeCun et al., "Gradient-based
    learning applied to document recognition", 1998. Names, order and shapes are PyTorch's.

    Args:
        in_channels: channels of x.
        out_channels: channels of the result, each of which has its own kernel.
        kernel_size: size of the kernels: one whole number for all axes of an image, or a tuple with
            one each.
        stride: distance from one position to the next.
        padding: width of the borders, 0 or more; "valid" for none; or "same" for as much as keeps
            the shape, with one more at the end if that is odd.
        dilation: distance from one entry of the kernel to the next.
        groups: number of groups of channels, each of which has its own kernels.
        bias: whether to add a bias; it starts at zero.
        weight_init: a name from `nn.init`, or a function of (rng, fan_in, fan_out): the number of
            entries that an entry of the result is computed from, and that an entry of x contributes
            to. The first out_channels columns of what it returns are the kernels.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, a name is unknown, the channels are not a
            multiple of the groups, or the dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = Conv2d(1, 8, 3, padding="same", rng=0)
    >>> layer.weight.shape, layer(np.ones((4, 1, 28, 28))).shape
    ((8, 1, 3, 3), (4, 8, 28, 28))
    """

    axes = 2


@register
class Conv3d(_Convolution):
    """Convolution of (n, in_channels, depth, height, width) with kernels; see `Conv2d`.

    >>> Conv3d(1, 2, 3, stride=2, rng=0)(np.ones((4, 1, 7, 7, 7))).shape
    (4, 2, 3, 3, 3)
    """

    axes = 3


@register
class ConvTranspose2d(_Kernels):
    """The transpose of `Conv2d`: each entry of x adds a kernel, scaled by it, to the result.

    This enlarges images; a stride of 2 doubles their size. Zeiler et al., "Deconvolutional
    networks", 2010. Names, order and shapes are PyTorch's.

    Args:
        in_channels: channels of x.
        out_channels: channels of the result.
        kernel_size: one whole number for all axes of an image, or a tuple with one each.
        stride: distance between the kernels in the result.
        padding: how much is cut off at each border of the result.
        output_padding: how much is added at the end; less than the stride or the dilation.
        groups: number of groups of channels, each of which has its own kernels.
        bias: whether to add a bias; it starts at zero.
        dilation: distance from one entry of the kernel to the next.
        weight_init, rng, dtype: as in `Conv2d`.

    Raises:
        ArgumentError: a number is out of its range, a name is unknown, the channels are not a
            multiple of the groups, or the dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = ConvTranspose2d(8, 3, 4, stride=2, padding=1, rng=0)
    >>> layer.weight.shape, layer(np.ones((4, 8, 7, 7))).shape
    ((8, 3, 4, 4), (4, 3, 14, 14))
    """

    axes, order = 2, (0, 1, 3, 2)
    padding: int | Lengths = declared(WHOLE_EACH, default=0)
    output_padding: int | Lengths = declared(WHOLE_EACH, default=0)
    groups: int = declared(COUNT, default=1)
    _bias: bool = declared(FLAG, default=True, alias="bias")
    dilation: int | Lengths = declared(COUNT_EACH, default=1)
    _weight_init: str | Initializer = declared(default="he_normal", alias="weight_init")
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        super()._require_consistent(values)
        names = ("output_padding", "stride", "dilation")
        each = zip(*(per_axis(values[name], self.axes, name) for name in names))
        if any(added >= max(stride, dilation) for added, stride, dilation in each):
            raise ArgumentError(
                f"ConvTranspose2d with {', '.join(f'{name}={values[name]}' for name in names)}",
                "so much more has no place that a convolution comes from",
                "Give output_padding below the stride or the dilation",
            )

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, in_channels, height, width), in the dtype of the parameters.

        Raises:
            ShapeError: x has another number of axes or channels, or nothing is left of the result.
            UnsupportedError: x is not an array of real numbers.
        """
        x = in_dtype_of(self.weight, require_images(self, x, self.axes, self.in_channels))
        names = ("stride", "padding", "dilation", "output_padding")
        each = [per_axis(getattr(self, name), self.axes, name) for name in names]
        lengths = tuple(
            (n - 1) * stride + dilation * (k - 1) + 1 - 2 * width + added
            for n, k, stride, width, dilation, added in zip(x.shape[2:], self.kernel_size, *each)
        )
        if min(lengths) < 1:
            raise ShapeError(
                called(self, x),
                f"axis {2 + lengths.index(min(lengths))} of the result would have length "
                f"{min(lengths)}",
                "Give larger images, or less padding",
            )
        padding: Any = self.padding
        if any(each[3]):
            # Behind, the convolution that this is the transpose of has a border that is narrower.
            padding = tuple((width, width - added) for width, added in zip(each[1], each[3]))
        y = transposed_convolution(
            x, self.weight, lengths, self.stride, padding, self.dilation, self.groups
        )
        return y if self.bias is None else y + in_place(self.bias, y)  # type: ignore[no-any-return] # functions of tensors give Any
