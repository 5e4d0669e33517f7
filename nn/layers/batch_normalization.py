"""Layers that shift and scale each feature by the statistics of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, FLOATING, POSITIVE, SHARE
from autograd_lite.derivatives.normalization import standardize, statistics
from autograd_lite.errors import ShapeError, describe_one
from autograd_lite.modes import moves
from nn.architecture import register
from nn.declared import declared
from nn.layers.inputs import in_dtype_of, in_place, require_input
from nn.layers.normalization import NormOfChannels
from nn.parameters import Buffer

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.typing import ArrayLike


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
        x = require_input(self, x)
        name, features = type(self).__name__, self.running_mean.shape[0]
        if x.ndim - 2 not in map(len, self.positions) or x.shape[1] != features:
            shapes = (", ".join(["n", str(features), *names]) for names in self.positions)
            raise ShapeError(
                f"{name}({features}) of {describe_one(x)}",
                f"it normalizes arrays of shape {' or '.join(f'({shape})' for shape in shapes)}",
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
