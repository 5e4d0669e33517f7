"""Gradient descent, Adagrad and RMSprop: their equations, on flat arrays.

In the equations θ are the parameters and g their gradient; state begins as zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autograd_lite.errors import ArgumentError
from nn.optim import Optimizer
from nn.ranges import FLAG, FRACTION, POSITIVE


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    v = momentum v + g
    θ = θ - learning_rate v, or with nesterov: θ - learning_rate (g + momentum v)

    (Sutskever et al., "On the importance of initialization and momentum", 2013.) Classical
    momentum is often written as v = momentum v - learning_rate g; θ = θ + v: the same path, as
    long as the learning rate stays. With `average`, g is first multiplied by 1 - momentum, so
    that v is an exponential average of the gradients: the same path as with a learning rate
    smaller by that factor.

    Args:
        parameters: tensors or groups, see `Optimizer`.
        learning_rate: factor of the step.
        momentum: share of the velocity that stays, in [0, 1).
        nesterov: whether to look ahead.
        average: whether the velocity is an average of gradients instead of a sum.
        l1: see `Optimizer`, and so are the next two.
        l2: strength of the penalty on squares.
        weight_decay: strength of the decoupled decay.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data
    array([0.8])
    """

    ranges = Optimizer.ranges | {"momentum": FRACTION, "nesterov": FLAG, "average": FLAG}
    state_names = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Any],
        learning_rate: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        *,
        average: bool = False,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate,
            l1=l1,
            l2=l2,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            average=average,
        )

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(options)
        for name in ("nesterov", "average"):
            if checked.get(name) and not checked["momentum"]:
                raise ArgumentError(
                    f"SGD with {name}=True and momentum=0",
                    "it is a kind of momentum",
                    "Give a momentum above 0, such as 0.9",
                )
        return checked

    def update(
        self,
        options: Mapping[str, Any],
        step: int,
        scratch: Any,
        values: Any,
        gradient: Any,
        *state: Any,
    ) -> None:
        """The equations above."""
        momentum = options["momentum"]
        if momentum:
            (velocity,) = state
            if options["average"]:
                gradient *= 1 - momentum
            velocity *= momentum
            velocity += gradient
            if options["nesterov"]:
                np.multiply(velocity, momentum, out=scratch)
                gradient += scratch
            else:
                gradient = velocity
        np.multiply(gradient, options["learning_rate"], out=scratch)
        values -= scratch


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011).

    s = s + g²
    θ = θ - learning_rate g / (√s + epsilon)

    Args:
        parameters: tensors or groups, see `Optimizer`.
        learning_rate: factor of the step.
        epsilon: keeps the divisor above 0.
        l1: see `Optimizer`, and so are the next two.
        l2: strength of the penalty on squares.
        weight_decay: strength of the decoupled decay.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.9])
    """

    ranges = Optimizer.ranges | {"epsilon": POSITIVE}
    state_names = ("sum_of_squares",)

    def __init__(
        self,
        parameters: Iterable[Any],
        learning_rate: float = 1e-2,
        epsilon: float = 1e-10,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, learning_rate, l1=l1, l2=l2, weight_decay=weight_decay, epsilon=epsilon
        )

    def update(
        self,
        options: Mapping[str, Any],
        step: int,
        scratch: Any,
        values: Any,
        gradient: Any,
        *state: Any,
    ) -> None:
        """The equations above."""
        (sum_of_squares,) = state
        np.multiply(gradient, gradient, out=scratch)
        sum_of_squares += scratch
        np.sqrt(sum_of_squares, out=scratch)
        scratch += options["epsilon"]
        gradient /= scratch
        gradient *= options["learning_rate"]
        values -= gradient


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012).

    s = alpha s + (1 - alpha) g²
    θ = θ - learning_rate g / (√s + epsilon)

    Args:
        parameters: tensors or groups, see `Optimizer`.
        learning_rate: factor of the step.
        alpha: share of the average that stays, in [0, 1).
        epsilon: keeps the divisor above 0.
        l1: see `Optimizer`, and so are the next two.
        l2: strength of the penalty on squares.
        weight_decay: strength of the decoupled decay.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([x], learning_rate=0.1, alpha=0.75)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.8])
    """

    ranges = Optimizer.ranges | {"alpha": FRACTION, "epsilon": POSITIVE}
    state_names = ("mean_square",)

    def __init__(
        self,
        parameters: Iterable[Any],
        learning_rate: float = 1e-2,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate,
            l1=l1,
            l2=l2,
            weight_decay=weight_decay,
            alpha=alpha,
            epsilon=epsilon,
        )

    def update(
        self,
        options: Mapping[str, Any],
        step: int,
        scratch: Any,
        values: Any,
        gradient: Any,
        *state: Any,
    ) -> None:
        """The equations above."""
        (mean_square,) = state
        mean_square *= options["alpha"]
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - options["alpha"]
        mean_square += scratch
        np.sqrt(mean_square, out=scratch)
        scratch += options["epsilon"]
        gradient /= scratch
        gradient *= options["learning_rate"]
        values -= gradient
