"""Bilinear: a layer of two inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, FLOATING
from autograd_lite.errors import ShapeError, describe_one
from nn.architecture import register
from nn.declared import declared
from nn.init import Initializer, initial_weight
from nn.layers.inputs import in_dtype_of, require_input
from nn.module import Module
from nn.parameters import Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@register
class Bilinear(Module):
    """y[o] = x1 weight[o] x2 + bias[o], linear in each of two inputs.

    Args:
        in1_features: length of the last axis of x1.
        in2_features: length of the last axis of x2.
        out_features: length of the last axis of the result.
        bias: whether to add a bias; it starts at zero.
        weight_init: a name from `nn.init`, or a function of (rng, fan_in, fan_out), with
            fan_in = in1_features in2_features.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a name is unknown, a number of features is not positive, or the dtype is
            not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = Bilinear(2, 3, 4, rng=0)
    >>> layer.weight.shape, layer(np.ones((5, 2)), np.ones((5, 3))).shape
    ((4, 2, 3), (5, 4))
    """

    in1_features: int = declared(COUNT, size=True)
    in2_features: int = declared(COUNT, size=True)
    out_features: int = declared(COUNT, size=True)
    _bias: bool = declared(FLAG, default=True, alias="bias")
    _weight_init: str | Initializer = declared(default="xavier_uniform", alias="weight_init")
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _set_up(self, bias: bool, weight_init: Any, rng: Any, dtype: Any) -> None:
        first, second, out = self.in1_features, self.in2_features, self.out_features
        weight = initial_weight("Bilinear", weight_init, rng, first * second, out)
        matrices = np.reshape(np.transpose(weight), (out, first, second))
        self.weight = Parameter(matrices, dtype=dtype)
        self.bias = Parameter(np.zeros(out), dtype=dtype) if bias else None

    def forward(self, x1: Any, x2: Any) -> Tensor:
        """Apply to x1 of shape (..., in1_features) and x2 of shape (..., in2_features).

        Raises:
            ShapeError: the last axis of one has another length, or the others differ.
            UnsupportedError: one is no array of real numbers.
        """
        x1, x2 = (in_dtype_of(self.weight, require_input(self, x)) for x in (x1, x2))
        out, in1, in2 = self.weight.shape
        if x1.shape[-1:] != (in1,) or x2.shape != (*x1.shape[:-1], in2):
            raise ShapeError(
                f"Bilinear({in1}, {in2}, {out}) with weight {describe_one(self.weight)} of "
                f"{describe_one(x1)} and {describe_one(x2)}",
                f"it takes arrays of shapes (..., {in1}) and (..., {in2}), which agree in all axes "
                "but the last",
                "Give inputs of such shapes, or make the layer for others",
            )
        rows = x1 @ self.weight.transpose(1, 0, 2).reshape(in1, out * in2)
        y = (rows.reshape(*x1.shape[:-1], out, in2) * np.expand_dims(x2, -2)).sum(axis=-1)
        return y if self.bias is None else y + self.bias  # type: ignore[no-any-return] # functions of tensors give Any
