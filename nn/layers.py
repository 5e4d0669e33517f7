"""Layers: Dense and Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor, affine, dropout
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from nn.activations import ACTIVATIONS, Activation, activation_function
from nn.init import Initializer, initializer
from nn.module import Module, Parameter

RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "swish", "softplus")


class Dense(Module):
    """activation(x @ weight + bias), a fully connected layer.

    Args:
        in_features: length of the last axis of x.
        out_features: length of the last axis of the result.
        activation: a name, such as "relu", a function, or None.
        bias: whether to add one; it starts at zero.
        weight_init: a name from `nn.init`, or a function of (rng, fan_in, fan_out); by default
            "he_normal" before ReLU and its kin and "xavier_uniform" otherwise.
        rng: a `numpy.random.Generator`, or a seed for one.
        dtype: of the parameters.

    Raises:
        ArgumentError: a name is unknown, or a number of features is not positive.

    >>> layer = Dense(2, 3, activation="relu", rng=0)
    >>> layer.weight.shape, layer.bias.data
    ((2, 3), array([0., 0., 0.]))
    >>> layer(np.ones((4, 2))).shape
    (4, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str | Activation | None = None,
        bias: bool = True,
        weight_init: str | Initializer | None = None,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if in_features < 1 or out_features < 1:
            raise ArgumentError(
                f"Dense({in_features}, {out_features})",
                "a layer has at least one feature on either side",
                "Give positive numbers of features",
            )
        if weight_init is None:
            rectifiers = {*RECTIFIERS, *(ACTIVATIONS[name] for name in RECTIFIERS)}
            weight_init = "he_normal" if activation in rectifiers else "xavier_uniform"
        weight = initializer(weight_init)(np.random.default_rng(rng), in_features, out_features)
        if np.shape(weight) != (in_features, out_features):
            raise ShapeError(
                f"Dense({in_features}, {out_features}) with weight_init={weight_init}",
                f"it returned shape {np.shape(weight)}",
                f"Return ({in_features}, {out_features}), fan_in first",
            )
        self.activation = None if activation is None else activation_function(activation)
        self.weight = Parameter(weight, name="weight", dtype=dtype)
        self.bias = Parameter(np.zeros(out_features), name="bias", dtype=dtype) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (..., in_features)."""
        try:
            z = x @ self.weight if self.bias is None else affine(x, self.weight, self.bias)
        except ShapeError as error:
            in_features, out_features = self.weight.shape
            if x.shape[-1:] == (in_features,):
                raise
            raise ShapeError(
                f"Dense({in_features}, {out_features}) with weight {describe_one(self.weight)} "
                f"of {describe_one(x)}",
                f"the last axis of the input has {x.shape[-1] if x.shape else 'no'} entries, "
                f"axis 0 of the weight has {in_features}",
                f"Give inputs of shape (n_samples, {in_features}), or make the layer "
                "Dense(n_features, ...)",
            ) from error
        return z if self.activation is None else self.activation(z)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        in_features, out_features = self.weight.shape
        activation = (
            ""
            if self.activation is None
            else f", {getattr(self.activation, '__name__', self.activation)}"
        )
        return f"Dense({in_features}, {out_features}{activation})"


class Dropout(Module):
    """Inverted dropout: in training each entry is 0 with probability p, else divided by 1 - p.

    Srivastava et al., "Dropout", 2014.

    Args:
        p: probability of dropping, 0 <= p < 1.
        rng: a `numpy.random.Generator`, or a seed for one.

    Raises:
        ArgumentError: p is out of its range.

    >>> layer = Dropout(0.5, rng=0)
    >>> layer(Tensor(np.ones(6))).data
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(Tensor(np.ones(6))).data
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, rng: np.random.Generator | int | None = None) -> None:
        if not 0 <= p < 1:
            raise ArgumentError(
                f"Dropout({p})",
                "p is the probability of dropping an entry",
                "Give 0 <= p < 1",
            )
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        if not self.training or self.p == 0:
            return x  # type: ignore[no-any-return]
        return dropout(x, self.rng.random(x.shape) >= self.p, self.p)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
