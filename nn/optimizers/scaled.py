"""Steps that are scaled by past gradients, or have but their signs, on flat arrays.

In the equations θ are the parameters and g their gradient; state begins as zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arguments import FRACTION, FRACTIONS, POSITIVE
from nn.declared import declared
from nn.optimizers.groups import RATE, LearningRate, Options
from nn.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011).

    s = s + g²
    θ = θ - learning_rate g / (√s + epsilon)

    Args:
        parameters, learning_rate, l1, l2, weight_decay: see `Optimizer`.
        epsilon: keeps the divisor above 0.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.9])
    """

    learning_rate: LearningRate = declared(RATE, default=1e-2)
    epsilon: float = declared(POSITIVE, default=1e-10)

    state_names = ("sum_of_squares",)

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """The equations above."""
        (sum_of_squares,) = state
        np.multiply(gradient, gradient, out=scratch)
        sum_of_squares += scratch
        _step(options, scratch, values, gradient, sum_of_squares)


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012).

    s = alpha s + (1 - alpha) g²
    θ = θ - learning_rate g / (√s + epsilon)

    Args:
        parameters, learning_rate, l1, l2, weight_decay: see `Optimizer`.
        alpha: share of the average that is kept, in [0, 1).
        epsilon: keeps the divisor above 0.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([x], learning_rate=0.1, alpha=0.75)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.8])
    """

    learning_rate: LearningRate = declared(RATE, default=1e-2)
    alpha: float = declared(FRACTION, default=0.99)
    epsilon: float = declared(POSITIVE, default=1e-8)

    state_names = ("mean_square",)

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """The equations above."""
        (mean_square,) = state
        mean_square *= options["alpha"]
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - options["alpha"]
        mean_square += scratch
        _step(options, scratch, values, gradient, mean_square)


def _step(options: Options, scratch: Any, values: Any, gradient: Any, squares: Any) -> None:
    """θ = θ - learning_rate g / (√s + epsilon)."""
    np.sqrt(squares, out=scratch)
    scratch += options["epsilon"]
    gradient /= scratch
    gradient *= options["learning_rate"]
    values -= gradient


class Lion(Optimizer):
    """Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023).

    θ = θ - learning_rate sign(β1 m + (1 - β1) g)
    m = β2 m + (1 - β2) g

    Every parameter moves by the learning rate, which is usually a tenth to a third of Adam's.

    Args:
        parameters, learning_rate, l1, l2, weight_decay: see `Optimizer`.
        betas: β1 and β2, in [0, 1).

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = Lion([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.9])
    """

    learning_rate: LearningRate = declared(RATE, default=1e-4)
    betas: tuple[float, float] = declared(FRACTIONS, default=(0.9, 0.99))

    state_names = ("moment",)

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """The equations above."""
        (moment,) = state
        beta1, beta2 = options["betas"]
        np.multiply(moment, beta1 / (1 - beta1), out=scratch)
        scratch += gradient
        np.sign(scratch, out=scratch)
        scratch *= options["learning_rate"]
        values -= scratch
        gradient *= 1 - beta2
        moment *= beta2
        moment += gradient
