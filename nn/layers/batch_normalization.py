"""Layers that shift and scale each feature by the statistics of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLOATING, POSITIVE, SHARE, require
from autograd_lite.derivatives.normalization import standardize, statistics
from autograd_lite.errors import ShapeError, describe_one
from nn.architecture import register
from nn.declared import declared
from nn.evaluating import moves
from nn.layers.inputs import in_channels, in_dtype_of, require_input
from nn.module import Module
from nn.parameters import Buffer, Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.typing import ArrayLike


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

    def forward(self, x: ArrayLike) -> Tensor:
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
class BatchNorm1d(_BatchNorm, init=False):
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
class BatchNorm2d(_BatchNorm, init=False):
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
