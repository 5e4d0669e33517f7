"""Gradient descent: its equations, on flat arrays.

In the equations θ are the parameters and g their gradient; state begins as zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.arguments import FLAG, FRACTION, NOT_NEGATIVE
from autograd_lite.errors import ArgumentError
from nn.declared import declared
from nn.optimizers.groups import Options
from nn.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    v = momentum v + g
    θ = θ - learning_rate v, or with nesterov: θ - learning_rate (g + momentum v)

    (Sutskever et al., "On the importance of initialization and momentum", 2013.) Classical momentum
    is often written as v = momentum v - learning_rate g; θ = θ + v: this follows the same path as
    long as the learning rate is constant. With `average`, g is first multiplied by 1 - momentum, so
    v is an exponential average of the gradients: the same path as with a learning rate smaller by
    that factor.

    Args:
        parameters, learning_rate, l1, l2, weight_decay: see `Optimizer`.
        momentum: share of the velocity that is kept, in [0, 1).
        nesterov: whether to use Nesterov's momentum, which looks ahead.
        average: whether the velocity is an average of gradients instead of a sum.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data
    array([0.8])
    """

    momentum: float = declared(FRACTION, default=0.0)
    nesterov: bool = declared(FLAG, default=False)
    weight_decay: float = declared(NOT_NEGATIVE, default=0.0)
    average: bool = declared(FLAG, default=False, kw_only=True)

    state_names = ("velocity",)

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
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
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
