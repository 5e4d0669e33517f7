"""Layers that shift and scale what they get to mean 0 and variance 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor
from autograd_lite.arguments import (
    COUNT,
    COUNTS,
    FLAG,
    FLOATING,
    POSITIVE,
    SHARE,
    Range,
    optional,
    require,
)
from autograd_lite.derivatives.normalization import rms_normalize, standardize, statistics
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from nn.architecture import register
from nn.configuration import heading
from nn.declared import declared, product
from nn.layers.inputs import in_dtype_of, require_input
from nn.module import Module
from nn.parameters import Buffer, Parameter

SHAPE = Range(lambda x: len(x) > 0 and COUNTS.holds(x), "a whole number, 1 or more, or several")


class _BatchNorm(Module):
    """What layers have in common that normalize each feature over the batch."""

    axes: ClassVar[tuple[int, ...]]

    num_features: int = declared(COUNT, size=True)
    epsilon: float = declared(POSITIVE)
    momentum: float = declared(SHARE)

    def __init__(
        self,
        num_features: int,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float64,
    ) -> None:
        require(self, "dtype", dtype, FLOATING)
        self.num_features = num_features
        self.epsilon = epsilon
        self.momentum = momentum
        self.weight = Parameter(np.ones(num_features), dtype=dtype)
        self.bias = Parameter(np.zeros(num_features), dtype=dtype)
        self.running_mean = Buffer(np.zeros(num_features), dtype=dtype)
        self.running_var = Buffer(np.ones(num_features), dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """Apply, in training to more than one entry of each feature.

        Raises:
            ShapeError: x has another shape.
            UnsupportedError: x is no array of real numbers.
        """
        x = in_dtype_of(self.weight, self._checked_input(x))
        if self.training:
            y = standardize(x, self.axes, self.epsilon)
            mean, variance = statistics(x, y, self.axes)
            n = x.size // self.weight.shape[0]
            self._follow(self.running_mean, mean.reshape(-1))
            self._follow(self.running_var, variance.reshape(-1) * (n / (n - 1)))
        else:
            scale = 1 / np.sqrt(self.running_var.detach() + self.epsilon)
            y = (x - self._placed(self.running_mean.detach())) * self._placed(scale)
        return y * self._placed(self.weight) + self._placed(self.bias)  # type: ignore[no-any-return]

    def _placed(self, features: Any) -> Any:
        """What there is of each feature, where these are in x."""
        return features if self.axes == (0,) else in_channels(features, len(self.axes) - 1)

    def _checked_input(self, x: Any) -> Any:
        x = require_input(self, x)
        name, features = type(self).__name__, self.weight.shape[0]
        shape = f"(n, {features})" if self.axes == (0,) else f"(n, {features}, height, width)"
        if x.ndim != len(self.axes) + 1 or x.shape[1] != features:
            raise ShapeError(
                f"{name}({features}) of {describe_one(x)}",
                f"it normalizes arrays of shape {shape}",
                f"Give inputs of that shape, or make the layer {name}(n_features)",
            )
        if self.training and x.size // features < 2:
            raise ShapeError(
                f"{name}({features}) of {describe_one(x)} in training",
                "the variance of a batch needs at least two samples",
                "Choose a batch size that leaves no single sample over, or call model.eval() first",
            )
        return x

    def _follow(self, running: Buffer, batch: Any) -> None:
        # A new array, so that the records of earlier calls in evaluation stay valid.
        moved = (1 - self.momentum) * running.data + self.momentum * batch
        running.data = moved.astype(running.dtype, copy=False)


def in_channels(features: Any, axes: int) -> Any:
    """A vector in the shape that is broadcast along the channels of images of so many axes."""
    return features.reshape(-1, *(1,) * axes)


@register
class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, for each feature over the batch.

    In training mean and variance are the batch's, and the running ones move towards them:
    running = (1 - momentum) * running + momentum * batch's, where the running variance takes the
    one divided by n - 1. In evaluation the running ones are used. Ioffe and Szegedy, "Batch
    normalization", 2015; the conventions are PyTorch's.

    Args:
        num_features: length of the last axis of x.
        epsilon: added to the variance, > 0.
        momentum: weight of the newest batch in the running statistics, 0 to 1.
        dtype: of parameters and running statistics.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is none of floats.

    >>> layer = BatchNorm1d(1, momentum=0.5)
    >>> layer(np.array([[1.0], [3.0]])).data.round(3)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean.data, layer.running_var.data
    (array([1.]), array([1.5]))
    """

    axes = (0,)


@register
class BatchNorm2d(_BatchNorm):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, for each channel over all its pixels.

    As `BatchNorm1d`, with mean and variance over the batch and all positions in the images.

    Args:
        num_features: the channels of x.
        epsilon: added to the variance, > 0.
        momentum: weight of the newest batch in the running statistics, 0 to 1.
        dtype: of parameters and running statistics.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is none of floats.

    >>> layer = BatchNorm2d(1, momentum=0.5)
    >>> layer(np.array([[[[1.0, 3.0]]]])).data.round(3)
    array([[[[-1.,  1.]]]])
    >>> layer.running_mean.data, layer.running_var.data
    (array([1.]), array([1.5]))
    """

    axes = (0, 2, 3)


@register
class LayerNorm(Module):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, for each sample over its features.

    Ba et al., "Layer normalization", 2016; the same in training and in evaluation.

    Args:
        normalized_shape: length of the last axis of x, or those of the last axes.
        epsilon: added to the variance, > 0.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is none of floats.

    >>> LayerNorm(2)(np.array([[1.0, 3.0]])).data.round(3)
    array([[-1.,  1.]])
    """

    normalized_shape: tuple[int, ...] = declared(SHAPE, size=True)
    epsilon: float = declared(POSITIVE)

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        epsilon: float = 1e-5,
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = normalized_shape if isinstance(normalized_shape, tuple) else (normalized_shape,)
        require(self, "dtype", dtype, FLOATING)
        self.normalized_shape = shape
        self.epsilon = epsilon
        self.axes = tuple(range(-len(shape), 0))
        self.weight = Parameter(np.ones(shape), dtype=dtype)
        self.bias = Parameter(np.zeros(shape), dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (..., *normalized_shape).

        Raises:
            ShapeError: the last axes are others.
            UnsupportedError: x is no array of real numbers.
        """
        x = _of_features(self, x)
        return standardize(x, self.axes, self.epsilon) * self.weight + self.bias  # type: ignore[no-any-return]


@register
class GroupNorm(Module):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, over groups of channels of a sample.

    Wu and He, "Group normalization", 2018; the same in training and in evaluation.

    Args:
        num_groups: into which the channels are divided.
        num_channels: axis 1 of x.
        epsilon: added to the variance, > 0.
        affine: whether to multiply by weight and add bias, of each channel.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, the channels are no multiple of the groups, or
            the dtype is none of floats.

    >>> GroupNorm(1, 2)(np.array([[[1.0], [3.0]]])).data.round(3)
    array([[[-1.],
            [ 1.]]])
    """

    num_groups: int = declared(COUNT)
    num_channels: int = declared(COUNT)
    epsilon: float = declared(POSITIVE)
    affine: bool = declared(FLAG)

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        epsilon: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        require(self, "dtype", dtype, FLOATING)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.epsilon, self.affine = epsilon, affine
        if num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm with num_groups={num_groups}, num_channels={num_channels}",
                "all groups have as many channels",
                f"Give a multiple of {num_groups}",
            )
        self.weight = Parameter(np.ones(num_channels), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_channels), dtype=dtype) if affine else None

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        return product([given["num_channels"]]) if given["affine"] is True else 0.0

    @property
    def dtype(self) -> Any:
        """That of the parameters, float64 without."""
        return np.dtype(float) if self.weight is None else self.weight.dtype

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (n, num_channels, ...).

        Raises:
            ShapeError: x has other axes or channels.
            UnsupportedError: x is no array of real numbers.
        """
        x = _of_channels(self, x, self.num_channels, 2)
        groups = x.reshape(x.shape[0], self.num_groups, -1)
        y = standardize(groups, (2,), self.epsilon).reshape(x.shape)
        return _scaled_and_shifted(self, y)


@register
class InstanceNorm(Module):
    """(x - mean) / sqrt(variance + epsilon), for each channel of a sample over its positions.

    Ulyanov et al., "Instance normalization", 2016; the same in training and in evaluation.

    Args:
        num_features: axis 1 of x.
        epsilon: added to the variance, > 0.
        affine: whether to multiply by weight and add bias, of each channel.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is none of floats.

    >>> InstanceNorm(1)(np.array([[[1.0, 3.0]]])).round(3)
    array([[[-1.,  1.]]])
    """

    num_features: int = declared(COUNT)
    epsilon: float = declared(POSITIVE)
    affine: bool = declared(FLAG)

    def __init__(
        self,
        num_features: int,
        epsilon: float = 1e-5,
        affine: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> None:
        require(self, "dtype", dtype, FLOATING)
        self.num_features, self.epsilon, self.affine = num_features, epsilon, affine
        self.weight = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_features), dtype=dtype) if affine else None

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        return product([given["num_features"]]) if given["affine"] is True else 0.0

    @property
    def dtype(self) -> Any:
        """That of the parameters, float64 without."""
        return np.dtype(float) if self.weight is None else self.weight.dtype

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (n, num_features, ...).

        Raises:
            ShapeError: x has other axes or channels, or one position alone.
            UnsupportedError: x is no array of real numbers.
        """
        x = _of_channels(self, x, self.num_features, 3)
        if math.prod(x.shape[2:]) == 1:
            raise ShapeError(
                f"{heading(self)} of {describe_one(x)}",
                "the variance of a channel needs at least two positions",
                "Give larger images",
            )
        return _scaled_and_shifted(self, standardize(x, tuple(range(2, x.ndim)), self.epsilon))


def _of_channels(layer: GroupNorm | InstanceNorm, x: Any, channels: int, ndim: int) -> Any:
    """What a layer is given, once it has so many channels along axis 1, and so many axes."""
    x = require_input(layer, x)
    if x.ndim < ndim or x.shape[1] != channels:
        raise ShapeError(
            f"{heading(layer)} of {describe_one(x)}",
            f"it normalizes arrays of shape (n, {channels}, ...), with {channels} channels along "
            f"axis 1 and {ndim} axes or more",
            f"Give inputs of that shape, or make the layer {type(layer).__name__} for others",
        )
    return x if layer.weight is None else in_dtype_of(layer.weight, x)


def _scaled_and_shifted(layer: GroupNorm | InstanceNorm, y: Any) -> Tensor:
    if layer.weight is None or layer.bias is None:
        return y  # type: ignore[no-any-return]
    axes = y.ndim - 2
    return y * in_channels(layer.weight, axes) + in_channels(layer.bias, axes)  # type: ignore[no-any-return]


@register
class RMSNorm(Module):
    """x / sqrt(mean(x²) + epsilon) * weight, for each sample over its features.

    Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Args:
        normalized_shape: length of the last axis of x, or those of the last axes.
        epsilon: added to the mean, > 0; by default the distance from 1 to the next number of x's
            dtype.
        dtype: of the weight.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is none of floats.

    >>> RMSNorm(2)(np.array([[1.0, 7.0]])).data.round(3)
    array([[0.2, 1.4]])
    """

    normalized_shape: tuple[int, ...] = declared(SHAPE, size=True)
    epsilon: float | None = declared(optional(POSITIVE))

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        epsilon: float | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = normalized_shape if isinstance(normalized_shape, tuple) else (normalized_shape,)
        require(self, "dtype", dtype, FLOATING)
        self.normalized_shape = shape
        self.epsilon = epsilon
        self.weight = Parameter(np.ones(shape), dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (..., *normalized_shape).

        Raises:
            ShapeError: the last axes are others.
            UnsupportedError: x is no array of real numbers.
        """
        x = _of_features(self, x)
        axes = tuple(range(-self.weight.ndim, 0))
        epsilon = float(np.finfo(x.dtype).eps) if self.epsilon is None else self.epsilon
        return rms_normalize(x, axes, epsilon) * self.weight  # type: ignore[no-any-return]


def _of_features(layer: LayerNorm | RMSNorm, x: Any) -> Any:
    """What a layer is given, in its dtype, once its last axes are those of the weight."""
    x = require_input(layer, x)
    name, shape = type(layer).__name__, layer.weight.shape
    if x.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{name}({shape}) of {describe_one(x)}",
            f"it normalizes arrays whose last axes are {shape}",
            f"Give inputs of that shape, or make the layer {name}(n_features)",
        )
    return in_dtype_of(layer.weight, x)
