"""Layers that shift and scale: by statistics of a sample, of groups of channels, or of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, COUNTS, FLAG, FLOATING, POSITIVE, SHARE, Range, optional
from autograd_lite.derivatives.layers import rms_normalize, standardize, statistics
from autograd_lite.errors import ShapeError, describe_one
from autograd_lite.modes import moves
from autograd_lite.precision import as_floats
from nn.architecture import register
from nn.configuration import heading
from nn.declared import Field, declared
from nn.layers.inputs import in_dtype_of, in_place, require_multiple, require_shape
from nn.members import Buffer, Parameter
from nn.module import Module

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
        hint = f"or make the layer {type(self).__name__}(n_features)"
        x = require_shape(self, x, (..., *self.normalized_shape), hint=hint)
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

    def _of_channels(self, x: Any, channels: int, *names: str) -> Tensor:
        """What is given, once it has so many channels along axis 1, and axes behind it."""
        hint = f"or make the layer {type(self).__name__} for others"
        x = require_shape(self, x, ("n", channels, *names, ...), hint=hint)
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

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        require_multiple(self, values, "num_channels", "num_groups", "channels")

    def _set_up(self, dtype: Any) -> None:
        self._make_parameters(self.num_channels, self.affine, dtype)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, num_channels, ...).

        Raises:
            ShapeError: x has other axes or channels, or a group has only one entry.
            UnsupportedError: x is not an array of real numbers.
        """
        x = self._of_channels(x, self.num_channels)
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
        x = self._of_channels(x, self.num_features, "length")
        self._require_several(x, math.prod(x.shape[2:]), "channel", "Give larger images")
        return self._scaled_and_shifted(standardize(x, tuple(range(2, x.ndim)), self.epsilon))


class _BatchNorm(NormOfChannels):
    """What layers have in common that normalize each feature over the batch."""

    positions: ClassVar[tuple[tuple[str, ...], ...]]
    """What x may have behind its features: names of axes."""

    num_features: int = declared(COUNT, size=True)
    epsilon: float = declared(POSITIVE, default=1e-5)
    momentum: float = declared(SHARE, default=0.1)
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")
    affine: bool = declared(FLAG, default=True, kw_only=True)

    def _set_up(self, dtype: Any) -> None:
        n = self.num_features
        self._make_parameters(n, self.affine, dtype)
        self.running_mean = Buffer(np.zeros(n), dtype=dtype)
        self.running_var = Buffer(np.ones(n), dtype=dtype)

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply, in training to more than one entry of each feature.

        Raises:
            ShapeError: x has another shape.
            UnsupportedError: x is not an array of real numbers.
        """
        x = in_dtype_of(self.running_mean, self._checked_input(x))
        if self.training:
            axes = (0, *range(2, x.ndim))
            y = standardize(x, axes, self.epsilon)
            mean, variance = statistics(x, y, axes)
            n = x.size // x.shape[1]
            self._follow(self.running_mean, mean.reshape(-1))
            self._follow(self.running_var, variance.reshape(-1) * (n / (n - 1)))
        else:
            scale = in_place(1 / np.sqrt(self.running_var.detach() + self.epsilon), x)
            scale.name = "scale"
            y = (x - in_place(self.running_mean.detach(), x)) * scale
        return self._scaled_and_shifted(y)

    def _checked_input(self, x: Any) -> Any:
        name, features = type(self).__name__, self.running_mean.shape[0]
        shapes = [("n", features, *names) for names in self.positions]
        x = require_shape(self, x, *shapes, hint=f"or make the layer {name}(n_features)")
        if self.training and x.size // features < 2:
            raise ShapeError(
                f"{name}({features}) of {describe_one(x)} in training",
                "the variance of a batch needs at least two samples",
                "Choose a batch size that leaves no single sample over, or call model.eval() first",
            )
        return x

    def _follow(self, running: Buffer, batch: Any) -> None:
        noted = moves.get()
        before = running.data if noted is None else noted.get(running, running)
        # A new array, so that the records of earlier calls in evaluation stay valid.
        moved = (1 - self.momentum) * before + self.momentum * batch
        moved = moved.astype(running.dtype, copy=False)
        if noted is None:
            running.data = moved
        else:
            noted[running] = moved


@register
class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, for each feature over the batch.

    For inputs (n, num_features), or sequences (n, num_features, length), over all positions too. In
    training, mean and variance are those of the batch, and the running ones move towards them:
    running = (1 - momentum) * running + momentum * batch's, where the running variance uses the one
    divided by n - 1. In evaluation the running ones are used. Ioffe and Szegedy, "Batch
    normalization", 2015; the conventions are PyTorch's.

    Args:
        num_features: length of axis 1 of x.
        epsilon: added to the variance, > 0.
        momentum: weight of the newest batch in the running statistics, 0 to 1.
        dtype: of parameters and running statistics.
        affine: whether to multiply by weight and add bias.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is not floating.

    >>> layer = BatchNorm1d(1, momentum=0.5)
    >>> layer(np.array([[1.0], [3.0]])).data.round(3)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean.data, layer.running_var.data
    (array([1.]), array([1.5]))
    """

    positions = ((), ("length",))


@register
class BatchNorm2d(_BatchNorm):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, for each channel over all its pixels.

    As `BatchNorm1d`, with mean and variance over the batch and all positions in the images; its
    features are the channels of x.

    >>> layer = BatchNorm2d(1, momentum=0.5)
    >>> layer(np.array([[[[1.0, 3.0]]]])).data.round(3)
    array([[[[-1.,  1.]]]])
    >>> layer.running_mean.data, layer.running_var.data
    (array([1.]), array([1.5]))
    """

    positions = (("height", "width"),)
