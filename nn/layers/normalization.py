"""Layers that shift and scale each sample: over its features, groups of channels, or positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, COUNTS, FLAG, FLOATING, POSITIVE, Range, optional
from autograd_lite.derivatives.normalization import rms_normalize, standardize
from autograd_lite.errors import ShapeError, describe_one
from autograd_lite.precision import as_floats
from nn.architecture import register
from nn.configuration import heading
from nn.declared import Field, declared
from nn.layers.inputs import in_dtype_of, in_place, require_input, require_multiple
from nn.module import Module
from nn.parameters import Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.typing import ArrayLike

SHAPE = Range(lambda x: len(x) > 0 and COUNTS.holds(x), "a whole number, 1 or more, or several")


class _NormOfFeatures(Module):
    """What layers have in common that normalize over the last axes."""

    normalized_shape: Field[tuple[int, ...], int | tuple[int, ...] | list[int]] = declared(
        SHAPE, size=True
    )
    epsilon: float | None = declared(optional(POSITIVE), default=None)
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")
    elementwise_affine: bool = declared(FLAG, default=True, kw_only=True, size=True)

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        shape = values["normalized_shape"]
        shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        return super()._checked({**values, "normalized_shape": shape})

    def _set_up(self, dtype: Any, bias: bool = False) -> None:
        shape = self.normalized_shape
        self.axes = tuple(range(-len(shape), 0))
        affine, has_bias = self.elementwise_affine, self.elementwise_affine and bias
        self.weight = Parameter(np.ones(shape), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(shape), dtype=dtype) if has_bias else None

    def _features(self, x: Any) -> Any:
        """What is given, once its last axes are those that are normalized, in the layer's dtype."""
        x = require_input(self, x)
        name, shape = type(self).__name__, self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            raise ShapeError(
                f"{name}({shape}) of {describe_one(x)}",
                f"it normalizes arrays whose last axes are {shape}",
                f"Give inputs of that shape, or make the layer {name}(n_features)",
            )
        return as_floats(x) if self.weight is None else in_dtype_of(self.weight, x)


@register
class LayerNorm(_NormOfFeatures):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, for each sample over its features.

    Ba et al., "Layer normalization", 2016; the same in training and in evaluation.

    Args:
        normalized_shape: length of the last axis of x, or a tuple with those of the last axes.
        epsilon: added to the variance, > 0.
        dtype: of the parameters.
        elementwise_affine: whether to multiply by weight and add bias.
        bias: whether to add bias, if there is a weight.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is not floating.

    >>> LayerNorm(2)(np.array([[1.0, 3.0]])).data.round(3)
    array([[-1.,  1.]])
    """

    epsilon: float = declared(POSITIVE, default=1e-5)
    _bias: bool = declared(FLAG, default=True, alias="bias", kw_only=True)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (..., *normalized_shape).

        Raises:
            ShapeError: the last axes are others.
            UnsupportedError: x is not an array of real numbers.
        """
        y = standardize(self._features(x), self.axes, self.epsilon)
        y = y if self.weight is None else y * self.weight
        return y if self.bias is None else y + self.bias  # type: ignore[no-any-return] # functions of tensors give Any


@register
class RMSNorm(_NormOfFeatures):
    """x / sqrt(mean(x²) + epsilon) * weight, for each sample over its features.

    Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Args:
        normalized_shape: length of the last axis of x, or a tuple with those of the last axes.
        epsilon: added to the mean, > 0; by default the distance from 1 to the next number in x's
            dtype.
        dtype: of the weight.
        elementwise_affine: whether to multiply by weight.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is not floating.

    >>> RMSNorm(2)(np.array([[1.0, 7.0]])).data.round(3)
    array([[0.2, 1.4]])
    """

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (..., *normalized_shape).

        Raises:
            ShapeError: the last axes are others.
            UnsupportedError: x is not an array of real numbers.
        """
        x = self._features(x)
        epsilon = float(np.finfo(x.dtype).eps) if self.epsilon is None else self.epsilon
        y = rms_normalize(x, self.axes, epsilon)
        return y if self.weight is None else y * self.weight  # type: ignore[no-any-return] # functions of tensors give Any


class NormOfChannels(Module):
    """What layers have in common that scale and shift each channel, if they are affine."""

    def _make_parameters(self, channels: int, affine: bool, dtype: Any) -> None:
        self.weight = Parameter(np.ones(channels), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(channels), dtype=dtype) if affine else None

    def _of_channels(self, x: Any, channels: int, ndim: int) -> Tensor:
        """What is given, once it has so many channels along axis 1, and so many axes."""
        x = require_input(self, x)
        if x.ndim < ndim or x.shape[1] != channels:
            raise ShapeError(
                f"{heading(self)} of {describe_one(x)}",
                f"it normalizes arrays of shape (n, {channels}, ...), with {channels} channels "
                f"along axis 1 and {ndim} axes or more",
                f"Give inputs of that shape, or make the layer {type(self).__name__} for others",
            )
        return as_floats(x) if self.weight is None else in_dtype_of(self.weight, x)

    def _require_several(self, x: Any, entries: int, of: str, remedy: str) -> None:
        """Raise a ShapeError if there is one entry alone, which is its own mean."""
        if entries == 1:
            raise ShapeError(
                f"{heading(self)} of {describe_one(x)}",
                f"the variance of a {of} needs at least two entries",
                remedy,
            )

    def _scaled_and_shifted(self, y: Any) -> Tensor:
        if self.weight is None or self.bias is None:
            return y  # type: ignore[no-any-return] # functions of tensors give Any
        return y * in_place(self.weight, y) + in_place(self.bias, y)  # type: ignore[no-any-return] # functions of tensors give Any


@register
class GroupNorm(NormOfChannels):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, over groups of channels of a sample.

    Wu and He, "Group normalization", 2018; the same in training and in evaluation.

    Args:
        num_groups: how many groups the channels are divided into.
        num_channels: length of axis 1 of x.
        epsilon: added to the variance, > 0.
        affine: whether to multiply by weight and add bias, for each channel.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, the channels are not a multiple of the groups,
            or the dtype is not floating.

    >>> GroupNorm(1, 2)(np.array([[[1.0], [3.0]]])).data.round(3)
    array([[[-1.],
            [ 1.]]])
    """

    num_groups: int = declared(COUNT)
    num_channels: int = declared(COUNT, size=True)
    epsilon: float = declared(POSITIVE, default=1e-5)
    affine: bool = declared(FLAG, default=True, size=True)
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(values)
        require_multiple(self, checked, "num_channels", "num_groups", "channels")
        return checked

    def _set_up(self, dtype: Any) -> None:
        self._make_parameters(self.num_channels, self.affine, dtype)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, num_channels, ...).

        Raises:
            ShapeError: x has other axes or channels, or a group has only one entry.
            UnsupportedError: x is not an array of real numbers.
        """
        x = self._of_channels(x, self.num_channels, 2)
        n, channels, *lengths = x.shape
        entries = channels // self.num_groups * math.prod(lengths)
        self._require_several(x, entries, "group", "Give larger images, or make fewer groups")
        groups = x.reshape(n, self.num_groups, channels // self.num_groups, *lengths)
        y = standardize(groups, tuple(range(2, groups.ndim)), self.epsilon).reshape(x.shape)
        return self._scaled_and_shifted(y)


@register
class InstanceNorm(NormOfChannels):
    """(x - mean) / sqrt(variance + epsilon), for each channel of a sample over its positions.

    Ulyanov et al., "Instance normalization", 2016; the same in training and in evaluation.

    Args:
        num_features: length of axis 1 of x.
        epsilon: added to the variance, > 0.
        affine: whether to multiply by weight and add bias, for each channel.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is not floating.

    >>> InstanceNorm(1)(np.array([[[1.0, 3.0]]])).round(3)
    array([[[-1.,  1.]]])
    """

    num_features: int = declared(COUNT, size=True)
    epsilon: float = declared(POSITIVE, default=1e-5)
    affine: bool = declared(FLAG, default=False, size=True)
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _set_up(self, dtype: Any) -> None:
        self._make_parameters(self.num_features, self.affine, dtype)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, num_features, ...).

        Raises:
            ShapeError: x has other axes or channels, or only one position.
            UnsupportedError: x is not an array of real numbers.
        """
        x = self._of_channels(x, self.num_features, 3)
        self._require_several(x, math.prod(x.shape[2:]), "channel", "Give larger images")
        return self._scaled_and_shifted(standardize(x, tuple(range(2, x.ndim)), self.epsilon))
