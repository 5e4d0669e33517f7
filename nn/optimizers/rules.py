"""Equations of optimizers, on flat arrays.

In the equations θ are the parameters, g their gradient, t the number of the step, counted from 1;
state begins as zeros.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite.arguments import FLAG, FRACTION, FRACTIONS, NOT_NEGATIVE, POSITIVE
from autograd_lite.errors import ArgumentError
from nn.declared import declared
from nn.optimizers.groups import RATE, LearningRate, Options
from nn.optimizers.numbers import computed
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

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        for name in ("nesterov", "average"):
            if values.get(name) and not values["momentum"]:
                raise ArgumentError(
                    f"SGD with {name}=True and momentum=0",
                    "it is a kind of momentum",
                    "Give a momentum above 0, such as 0.9",
                )

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
        _scaled_step(options, scratch, values, gradient, sum_of_squares)


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
        _scaled_step(options, scratch, values, gradient, mean_square)


def _scaled_step(options: Options, scratch: Any, values: Any, gradient: Any, squares: Any) -> None:
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


class Adam(Optimizer):
    """Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).

    m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²
    θ = θ - learning_rate (m / (1 - β1ᵗ)) / (√(v / (1 - β2ᵗ)) + epsilon)

    The state holds m / (1 - β1) and v / (1 - β2).

    Args:
        parameters, l1, l2, weight_decay: see `Optimizer`.
        learning_rate: factor of the step, roughly the most that a parameter moves.
        betas: β1 and β2, in [0, 1).
        epsilon: keeps the divisor above 0.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.9])
    """

    learning_rate: LearningRate = declared(RATE, default=1e-3)
    betas: tuple[float, float] = declared(FRACTIONS, default=(0.9, 0.999))
    epsilon: float = declared(POSITIVE, default=1e-8)

    state_names: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """The equations above."""
        first, second = state
        _add(options, first, second, gradient, square=gradient)
        _step(options, step, scratch, values, first, second)


def _add(options: Options, first: Any, second: Any, gradient: Any, square: Any) -> None:
    """Add a gradient to the moments; its square is computed in an array that is given."""
    beta1, beta2 = options["betas"]
    first *= beta1
    first += gradient
    second *= beta2
    np.multiply(gradient, gradient, out=square)
    second += square


def _step(options: Options, step: int, scratch: Any, values: Any, first: Any, second: Any) -> None:
    """θ -= a m' / (√v' + b), with what is constant in a step gathered in a and b."""
    beta1, beta2 = options["betas"]
    root = computed(math.sqrt, (1 - beta2**step) / (1 - beta2))
    np.sqrt(second, out=scratch)
    scratch += options["epsilon"] * root
    np.divide(first, scratch, out=scratch)
    scratch *= options["learning_rate"] * root * (1 - beta1) / (1 - beta1**step)
    values -= scratch


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default (Loshchilov and Hutter, 2019).

    θ = (1 - learning_rate weight_decay) θ, then a step of `Adam`; its arguments are the same.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = AdamW([x], learning_rate=0.1, weight_decay=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.85])
    """

    weight_decay: float = declared(NOT_NEGATIVE, default=0.01, kw_only=True)


class AMSGrad(Adam):
    """Adam whose divisors never shrink (Reddi et al., "On the convergence of Adam", 2018).

    m and v as in `Adam`;  u = max(u, v)
    θ = θ - learning_rate (m / (1 - β1ᵗ)) / (√(u / (1 - β2ᵗ)) + epsilon)

    This is PyTorch's Adam with amsgrad=True; the arguments are those of `Adam`.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = AMSGrad([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.9])
    """

    state_names = ("first_moment", "second_moment", "largest_second_moment")

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """The equations above."""
        first, second, largest = state
        _add(options, first, second, gradient, square=gradient)
        np.maximum(largest, second, out=largest)
        _step(options, step, scratch, values, first, largest)


class NAdam(Adam):
    """Adam with Nesterov's momentum (Dozat, "Incorporating Nesterov momentum into Adam", 2016).

    m and v as in `Adam`;  μₜ = β1 (1 - 0.96^(t momentum_decay) / 2);  Πₜ = μ₁ μ₂ ... μₜ
    n = μₜ₊₁ m / (1 - Πₜ₊₁) + (1 - μₜ) g / (1 - Πₜ)
    θ = θ - learning_rate n / (√(v / (1 - β2ᵗ)) + epsilon)

    Args:
        momentum_decay: how fast μ goes from β1 / 2 to β1; the others are those of `Adam`.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = NAdam([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.894355])
    """

    learning_rate: LearningRate = declared(RATE, default=2e-3)
    momentum_decay: float = declared(NOT_NEGATIVE, default=4e-3)

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """The equations above."""
        first, second = state
        beta1, beta2 = options["betas"]
        shares = computed(_nesterov_shares, step, beta1, options["momentum_decay"])
        of_gradient, of_moment = shares[0], shares[1]
        _add(options, first, second, gradient, square=scratch)
        # As in Adam; the numerator is built in the gradient's array.
        root = computed(math.sqrt, (1 - beta2**step) / (1 - beta2))
        factor = options["learning_rate"] * root
        gradient *= factor * of_gradient
        np.multiply(first, factor * (1 - beta1) * of_moment, out=scratch)
        gradient += scratch
        np.sqrt(second, out=scratch)
        scratch += options["epsilon"] * root
        gradient /= scratch
        values -= gradient


@functools.lru_cache(maxsize=16)
def _nesterov_shares(step: int, beta1: float, decay: float) -> tuple[float, float]:
    """(1 - μₜ) / (1 - Πₜ) and μₜ₊₁ / (1 - Πₜ₊₁)."""
    # Where the product is below β1ᵗ, too small to change 1 - Π, only the last two are needed.
    steps = np.arange(step if beta1**step < 1e-17 else 1, step + 2)
    mus = beta1 * (1 - 0.5 * 0.96 ** (steps * decay))
    mu, mu_next = mus[-2:].tolist()
    product = float(np.prod(mus[:-1])) if len(steps) == step + 1 else 0.0
    return (1 - mu) / (1 - product), mu_next / (1 - product * mu_next)
