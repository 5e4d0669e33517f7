"""Activations by name, and as modules: those of the table of derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import autograd_lite
from autograd_lite import Tensor
from autograd_lite.arguments import INTEGER, NUMBER, function_named
from autograd_lite.foreign import admit
from autograd_lite.precision import as_floats
from autograd_lite.table import activations
from nn.architecture import register
from nn.declared import declared, without_options
from nn.layers.inputs import require_input
from nn.module import Module

if TYPE_CHECKING:
    from autograd_lite.typing import ArrayLike

Activation = Callable[[Any], Any]


def activation_function(activation: str | Activation) -> Activation:
    """The function of that name, or the function itself, as `function_named` has it."""
    return function_named("activation", activation, activations(), "a function, or None")


class ActivationField:
    """The attribute `activation` of a layer: a name that is assigned becomes its function."""

    if TYPE_CHECKING:  # Without it an instance's own attribute is read, as fast as any.

        def __get__(self, instance: object, owner: type) -> Any: ...

    def __set__(self, instance: object, value: str | Activation | None) -> None:
        vars(instance)["activation"] = None if value is None else activation_function(value)


@register
class Function(Module):
    """A function of your own, or of NumPy, as a layer: what `Sequential` makes of it.

    `nn.save` takes those that are activations, such as `np.tanh`.

    Args:
        function: of a tensor, composed of differentiable functions.

    Raises:
        ArgumentError: it is a class, not a function.

    >>> Function(np.square)(Tensor([3.0])).data
    array([9.])
    """

    def __init__(self, function: Activation) -> None:
        self.function = function_named("function", function, {}, "a function")

    def forward(self, x: Any) -> Any:
        """Apply."""
        x = admit(x, f"{type(self).__name__} of")
        try:
            return self.function(x)
        except (TypeError, ValueError):
            if isinstance(self.function, np.ufunc):
                require_input(self, x)
            raise


class _Function(Module):
    """A module that applies a function, with its fields as the arguments after x."""

    function: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        super().__init_subclass__()
        if function is not None:
            cls.function = staticmethod(function)
            register(cls if cls._fields else without_options(cls))

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of any shape, whole numbers as floats: NumPy's tanh has few digits of them."""
        x = as_floats(admit(x, f"{type(self).__name__} of"))
        try:
            result: Tensor = self.function(x, *[getattr(self, name) for name in self._fields])
        except TypeError:
            require_input(self, x)
            raise
        return result


class ReLU(_Function, function=autograd_lite.relu):
    """max(x, 0).

    >>> ReLU()(Tensor([-1.0, 2.0])).data
    array([0., 2.])
    """


class Sigmoid(_Function, function=autograd_lite.sigmoid):
    """1 / (1 + exp(-x)).

    >>> Sigmoid()(Tensor([0.0])).data
    array([0.5])
    """


class Tanh(_Function, function=np.tanh):
    """The hyperbolic tangent.

    >>> Tanh()(Tensor([0.0])).data
    array([0.])
    """


class Swish(_Function, function=autograd_lite.swish):
    """x * sigmoid(x), also called SiLU.

    >>> Swish()(Tensor([0.0])).data
    array([0.])
    """


class GELU(_Function, function=autograd_lite.gelu):
    """x Φ(x), with the normal distribution function Φ.

    >>> GELU()(Tensor([0.0, 1.0])).data.round(4)
    array([0.    , 0.8413])
    """


class Softplus(_Function, function=autograd_lite.softplus):
    """log(1 + exp(x)).

    >>> Softplus()(Tensor([0.0])).data.round(4)
    array([0.6931])
    """


class LeakyReLU(_Function, function=autograd_lite.leaky_relu):
    """x where x > 0, else negative_slope * x; the slope is any finite number.

    >>> LeakyReLU(0.1)(Tensor([-1.0, 2.0])).data
    array([-0.1,  2. ])
    """

    negative_slope: float = declared(NUMBER, default=0.01)


class ELU(_Function, function=autograd_lite.elu):
    """x where x > 0, else alpha * (exp(x) - 1); alpha is any finite number.

    >>> ELU()(Tensor([-1.0, 2.0])).data.round(4)
    array([-0.6321,  2.    ])
    """

    alpha: float = declared(NUMBER, default=1.0)


class Softmax(_Function, function=autograd_lite.softmax):
    """exp(x) / sum(exp(x)) along an axis.

    >>> Softmax()(Tensor([0.0, 0.0])).data
    array([0.5, 0.5])
    """

    axis: int = declared(INTEGER, default=-1)


class LogSoftmax(_Function, function=autograd_lite.log_softmax):
    """log(softmax(x)) along an axis.

    >>> LogSoftmax()(Tensor([0.0, 0.0])).data.round(4)
    array([-0.6931, -0.6931])
    """

    axis: int = declared(INTEGER, default=-1)
