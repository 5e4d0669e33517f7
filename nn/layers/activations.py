"""Activations by name, and as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite
from autograd_lite import Tensor
from autograd_lite.arguments import INTEGER, NUMBER, require
from autograd_lite.errors import ArgumentError, describe_one
from nn.module import Module, require_input

Activation = Callable[[Any], Any]

ACTIVATIONS: dict[str, Activation] = {
    "relu": autograd_lite.relu,
    "leaky_relu": autograd_lite.leaky_relu,
    "elu": autograd_lite.elu,
    "sigmoid": autograd_lite.sigmoid,
    "tanh": np.tanh,
    "swish": autograd_lite.swish,
    "gelu": autograd_lite.gelu,
    "softplus": autograd_lite.softplus,
    "softmax": autograd_lite.softmax,
    "log_softmax": autograd_lite.log_softmax,
}


def activation_function(activation: str | Activation) -> Activation:
    """The function of that name, or the function itself.

    Raises:
        ArgumentError: there is none of that name, or it is a class.

    >>> activation_function("tanh") is np.tanh
    True
    """
    if isinstance(activation, type):
        raise ArgumentError(
            f"activation={activation.__name__}",
            "it is a class, which is no function of an array",
            f"Write activation={activation.__name__}()",
        )
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ArgumentError(
            f"activation={describe_one(activation)}",
            "there is no activation of that name",
            f"Give one of {', '.join(ACTIVATIONS)}, a function, or None",
        )
    return ACTIVATIONS[activation]


class _Function(Module):
    """A module that applies one function without parameters."""

    function: Callable[[Any], Any]

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        try:
            result: Tensor = self.function(x)
        except TypeError:
            require_input(self, x)
            raise
        return result


class ReLU(_Function):
    """max(x, 0).

    >>> ReLU()(Tensor([-1.0, 2.0])).data
    array([0., 2.])
    """

    function = staticmethod(autograd_lite.relu)


class Sigmoid(_Function):
    """1 / (1 + exp(-x)).

    >>> Sigmoid()(Tensor([0.0])).data
    array([0.5])
    """

    function = staticmethod(autograd_lite.sigmoid)


class Tanh(_Function):
    """The hyperbolic tangent.

    >>> Tanh()(Tensor([0.0])).data
    array([0.])
    """

    function = staticmethod(np.tanh)


class Swish(_Function):
    """x * sigmoid(x), also called SiLU.

    >>> Swish()(Tensor([0.0])).data
    array([0.])
    """

    function = staticmethod(autograd_lite.swish)


class GELU(_Function):
    """x Φ(x), with the normal distribution function Φ.

    >>> GELU()(Tensor([0.0, 1.0])).data.round(4)
    array([0.    , 0.8413])
    """

    function = staticmethod(autograd_lite.gelu)


class Softplus(_Function):
    """log(1 + exp(x)).

    >>> Softplus()(Tensor([0.0])).data.round(4)
    array([0.6931])
    """

    function = staticmethod(autograd_lite.softplus)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope * x; the slope is any finite number.

    >>> LeakyReLU(0.1)(Tensor([-1.0, 2.0])).data
    array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        require(self, "negative_slope", negative_slope, NUMBER)
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        result: Tensor = autograd_lite.leaky_relu(x, self.negative_slope)
        return result

    def extra_repr(self) -> str:
        """The argument."""
        return str(self.negative_slope)


class ELU(Module):
    """x where x > 0, else alpha * (exp(x) - 1); alpha is any finite number.

    >>> ELU()(Tensor([-1.0, 2.0])).data.round(4)
    array([-0.6321,  2.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        require(self, "alpha", alpha, NUMBER)
        self.alpha = alpha

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        result: Tensor = autograd_lite.elu(x, self.alpha)
        return result

    def extra_repr(self) -> str:
        """The argument."""
        return str(self.alpha)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis.

    >>> Softmax()(Tensor([0.0, 0.0])).data
    array([0.5, 0.5])
    """

    def __init__(self, axis: int = -1) -> None:
        require(self, "axis", axis, INTEGER)
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        result: Tensor = autograd_lite.softmax(x, self.axis)
        return result

    def extra_repr(self) -> str:
        """The argument."""
        return f"axis={self.axis}"


class LogSoftmax(Module):
    """log(softmax(x)) along an axis.

    >>> LogSoftmax()(Tensor([0.0, 0.0])).data.round(4)
    array([-0.6931, -0.6931])
    """

    def __init__(self, axis: int = -1) -> None:
        require(self, "axis", axis, INTEGER)
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        """Apply to x of any shape."""
        result: Tensor = autograd_lite.log_softmax(x, self.axis)
        return result

    def extra_repr(self) -> str:
        """The argument."""
        return f"axis={self.axis}"
