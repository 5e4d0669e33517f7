"""Layers: Dense, Dropout, Flatten and Residual."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor, affine, dropout
from autograd_lite.errors import ShapeError, UnsupportedError, describe_one
from nn.activations import ACTIVATIONS, Activation, activation_function
from nn.arguments import generator, require_input
from nn.init import Initializer, initializer
from nn.module import Module, Parameter
from nn.ranges import COUNT, FLOATING, FRACTION, require

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
        ArgumentError: a name is unknown, a number of features is not positive, or the dtype is
            none of floats.
        UnsupportedError: rng is no generator and no seed.

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
        require(self, "in_features", in_features, COUNT)
        require(self, "out_features", out_features, COUNT)
        require(self, "dtype", dtype, FLOATING)
        function = None if activation is None else activation_function(activation)
        if weight_init is None:
            rectifiers = {ACTIVATIONS[name] for name in RECTIFIERS}
            weight_init = "he_normal" if function in rectifiers else "xavier_uniform"
        initial = initializer(weight_init)
        weight = initial(generator(rng, "Dense"), in_features, out_features)
        if np.shape(weight) != (in_features, out_features):
            raise ShapeError(
                f"Dense({in_features}, {out_features}) with weight_init={weight_init}",
                f"it returned shape {np.shape(weight)}",
                f"Return ({in_features}, {out_features}), fan_in first",
            )
        self.activation = function
        self.weight = Parameter(weight, name="weight", dtype=dtype)
        self.bias = Parameter(np.zeros(out_features), name="bias", dtype=dtype) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (..., in_features).

        Raises:
            ShapeError: the last axis of x has another length.
            UnsupportedError: x is no array of real numbers.
        """
        try:
            z = x @ self.weight if self.bias is None else affine(x, self.weight, self.bias)
        except (ShapeError, UnsupportedError) as error:
            require_input(self, x)
            in_features, out_features = self.weight.shape
            if isinstance(error, UnsupportedError) or x.shape[-1:] == (in_features,):
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

    def extra_repr(self) -> str:
        """The arguments."""
        in_features, out_features = self.weight.shape
        shown = [str(in_features), str(out_features)]
        if self.activation is not None:
            shown.append(getattr(self.activation, "__name__", str(self.activation)))
        if self.bias is None:
            shown.append("bias=False")
        return ", ".join(shown)


class Dropout(Module):
    """Inverted dropout: in training each entry is 0 with probability p, else divided by 1 - p.

    Srivastava et al., "Dropout", 2014.

    Args:
        p: probability of dropping, 0 <= p < 1.
        rng: a `numpy.random.Generator`, or a seed for one.

    Raises:
        ArgumentError: p is out of its range.
        UnsupportedError: rng is no generator and no seed.

    >>> layer = Dropout(0.5, rng=0)
    >>> layer(Tensor(np.ones(6))).data
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(Tensor(np.ones(6))).data
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, rng: np.random.Generator | int | None = None) -> None:
        require(self, "p", p, FRACTION)
        self.p = p
        self.rng = generator(rng, "Dropout")

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        require_input(self, x)
        if not self.training or self.p == 0:
            return x  # type: ignore[no-any-return]
        return dropout(x, self.rng.random(x.shape) >= self.p, self.p)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """The arguments."""
        return str(self.p)


class Flatten(Module):
    """All axes but the first as one: (n, ...) becomes (n, features).

    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def forward(self, x: Any) -> Tensor:
        """Apply to x of shape (n, ...).

        Raises:
            ShapeError: x is a single number.
        """
        require_input(self, x)
        if x.ndim == 0:
            raise ShapeError(
                f"Flatten of {describe_one(x)}", "it has no axis of samples", "Give (n, ...)"
            )
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))  # type: ignore[no-any-return]


class Residual(Module):
    """block(x) + x, a skip connection; or block(x) + projection(x).

    He et al., "Deep residual learning for image recognition", 2016.

    Args:
        block: a module whose result has the shape of x, or that of the projection's result.
        projection: a module, such as `Dense(2, 8, bias=False)`, where the block changes the shape.

    Raises:
        UnsupportedError: either is no module.

    >>> Residual(Dense(2, 2, weight_init="zeros"))(np.array([[1.0, 2.0]])).data
    array([[1., 2.]])
    """

    def __init__(self, block: Module, projection: Module | None = None) -> None:
        for name, part in {"block": block, "projection": projection}.items():
            if not isinstance(part, Module) and not (part is None and name == "projection"):
                raise UnsupportedError(
                    "Residual(block, projection)",
                    f"the {name} is {part!r}, and no module",
                    "Give modules, such as nn.Sequential(nn.Dense(8, 8), nn.ReLU())",
                )
        self.block = block
        self.projection = projection

    def forward(self, x: Any) -> Tensor:
        """Apply to x of a shape that the block takes.

        Raises:
            ShapeError: what is to be added has two shapes.
        """
        require_input(self, x)
        skipped = x if self.projection is None else self.projection(x)
        result = self.block(x)
        if result.shape != skipped.shape:
            raise ShapeError(
                f"Residual of {describe_one(x)}",
                f"the block gives shape {result.shape}, and what skips it has {skipped.shape}",
                "Give a projection to the block's shape: "
                "Residual(block, projection=nn.Dense(in_features, out_features, bias=False))",
            )
        return result + skipped
