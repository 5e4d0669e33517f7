"""Dense: the fully connected layer; and Bilinear, of two inputs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from autograd_lite import Tensor, affine
from autograd_lite.arguments import COUNT, FLAG, FLOATING
from autograd_lite.errors import ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.operation import NO_TRAITS
from autograd_lite.table import traits_of
from nn.architecture import register
from nn.declared import declared
from nn.init import Initializer, initial_weight
from nn.layers.activations import Activation, ActivationField
from nn.layers.inputs import in_dtype_of, require_input, require_shape
from nn.members import Parameter
from nn.module import Module

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.typing import ArrayLike


@register
class Dense(Module):
    """activation(x @ weight + bias), a fully connected layer.

    Args:
        in_features: length of the last axis of x.
        out_features: length of the last axis of the result.
        activation: a name, such as "relu", a function or a module, or None.
        bias: whether to add a bias; it starts at zero.
        weight_init: a name from `nn.init`, or a function of (rng, fan_in, fan_out); by default
            "he_normal" if the activation is ReLU or similar, and "xavier_uniform" otherwise. A
            layer does not know what follows it: before `nn.ReLU()` in a Sequential write
            weight_init="he_normal", or activation="relu" instead of it.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a name is unknown, a number of features is not positive, or the dtype is
            not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = Dense(2, 3, activation="relu", rng=0)
    >>> layer.weight.shape, layer.bias.data
    ((2, 3), array([0., 0., 0.]))
    >>> layer(np.ones((4, 2))).shape
    (4, 3)
    """

    in_features: int = declared(COUNT, size=True)
    out_features: int = declared(COUNT, size=True)
    _activation: str | Activation | None = declared(default=None, alias="activation")
    activation = ActivationField()
    _bias: bool = declared(FLAG, default=True, alias="bias")
    _weight_init: str | Initializer | None = declared(default=None, alias="weight_init")
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _set_up(self, activation: Any, bias: bool, weight_init: Any, rng: Any, dtype: Any) -> None:
        self.activation = activation
        if weight_init is None:
            weight_init = "he_normal" if _is_rectifier(self.activation) else "xavier_uniform"
        weight = initial_weight("Dense", weight_init, rng, self.in_features, self.out_features)
        self.weight = Parameter(weight, name="weight", dtype=dtype)
        zeros = np.zeros(self.out_features)
        self.bias = Parameter(zeros, name="bias", dtype=dtype) if bias else None

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (..., in_features), in the dtype of the parameters.

        Raises:
            ShapeError: the last axis of x has another length.
            UnsupportedError: x is not an array of real numbers.
        """
        array = x._array if isinstance(x, Tensor) else x
        given: Any = x
        if type(array) is not ndarray or array.dtype is not self.weight._array.dtype:
            given = in_dtype_of(self.weight, admit(x, "Dense of"))
        try:
            z = given @ self.weight if self.bias is None else affine(given, self.weight, self.bias)
        except (ShapeError, UnsupportedError) as error:
            require_input(self, given)
            in_features, out_features = self.weight.shape
            if isinstance(error, UnsupportedError) or given.shape[-1:] == (in_features,):
                raise
            raise ShapeError(
                f"Dense({in_features}, {out_features}) with weight {describe_one(self.weight)} "
                f"of {describe_one(given)}",
                f"the last axis of the input has {given.shape[-1] if given.shape else 'no'} "
                f"entries, axis 0 of the weight has {in_features}",
                f"Give inputs of shape (n_samples, {in_features}), or make the layer "
                "Dense(n_features, ...)",
            ) from error
        activation = self.activation
        return z if activation is None else activation(z)  # type: ignore[no-any-return] # functions of tensors give Any


def _is_rectifier(activation: Any) -> bool:
    """Whether it is ReLU or one of its kin, which grow without bound."""
    while isinstance(activation, partial):
        activation = activation.func
    if isinstance(activation, Module):
        activation = getattr(activation, "function", None)
    traits = NO_TRAITS if activation is None else traits_of(activation)
    return traits.activation and traits.elementwise and traits.limits is None


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
            UnsupportedError: one is not an array of real numbers.
        """
        out, in1, in2 = self.weight.shape
        hint = "or make the layer for others"
        x1 = require_shape(self, x1, (..., in1), name="x1", hint=hint)
        x2 = require_shape(self, x2, (*x1.shape[:-1], in2), name="x2", hint=hint, beside=x1)
        x1, x2 = (in_dtype_of(self.weight, x) for x in (x1, x2))
        rows = x1 @ self.weight.transpose(1, 0, 2).reshape(in1, out * in2)
        y = (rows.reshape(*x1.shape[:-1], out, in2) * np.expand_dims(x2, -2)).sum(axis=-1)
        return y if self.bias is None else y + self.bias  # type: ignore[no-any-return] # functions of tensors give Any
