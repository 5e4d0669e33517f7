"""Layers that shift and scale what they get to mean 0 and variance 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, COUNTS, FLOATING, POSITIVE, SHARE, Range, require
from autograd_lite.derivatives.normalization import standardize, statistics
from autograd_lite.errors import ShapeError, describe_one
from nn.architecture import register
from nn.declared import declared
from nn.evaluating import moves
from nn.layers.inputs import in_dtype_of, require_input
from nn.module import Module
from nn.parameters import Buffer, Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

SHAPE = Range(lambda x: len(x) > 0 and COUNTS.holds(x), "a whole number, 1 or more, or several")


@register
class BatchNorm1d(Module):
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
        """Apply to x of shape (n, num_features), in training with n > 1.

        Raises:
            ShapeError: x has another shape.
            UnsupportedError: x is no array of real numbers.
        """
        x = in_dtype_of(self.weight, self._checked_input(x))
        if self.training:
            y = standardize(x, (0,), self.epsilon)
            mean, variance = statistics(x, y, (0,))
            n = x.shape[0]
            self._follow(self.running_mean, mean[0])
            self._follow(self.running_var, variance[0] * (n / (n - 1)))
        else:
            scale = 1 / np.sqrt(self.running_var.detach() + self.epsilon)
            y = (x - self.running_mean.detach()) * scale
        return y * self.weight + self.bias  # type: ignore[no-any-return]

    def _checked_input(self, x: Any) -> Any:
        x = require_input(self, x)
        features = self.weight.shape[0]
        if x.ndim != 2 or x.shape[1] != features:
            raise ShapeError(
                f"BatchNorm1d({features}) of {describe_one(x)}",
                f"it normalizes arrays of shape (n, {features})",
                "Give inputs of that shape, or make the layer BatchNorm1d(n_features)",
            )
        if self.training and x.shape[0] < 2:
            raise ShapeError(
                f"BatchNorm1d({features}) of {describe_one(x)} in training",
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
        x = require_input(self, x)
        shape = self.weight.shape
        if x.shape[-len(shape) :] != shape:
            raise ShapeError(
                f"LayerNorm({shape}) of {describe_one(x)}",
                f"it normalizes arrays whose last axes are {shape}",
                "Give inputs of that shape, or make the layer LayerNorm(n_features)",
            )
        x = in_dtype_of(self.weight, x)
        return standardize(x, self.axes, self.epsilon) * self.weight + self.bias  # type: ignore[no-any-return]
