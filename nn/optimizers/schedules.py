"""Learning rates that change during training.

A schedule is made from an optimizer whose learning rates it takes as η₀, group by group, and sets
from then on: its first value at once, the next one at each call of `step`. Whether that is called
after each step of the optimizer or after each epoch is the caller's choice, and t counts the calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite.arguments import (
    COUNT,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    WHOLE,
    Range,
    is_number,
    one_of,
    require,
)
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from nn.optimizers.optimizer import Optimizer

NOT_NAN = Range(lambda x: isinstance(x, int | float) and not math.isnan(x), "a number or infinity")
DECAY = Range(lambda x: is_number(x) and 0 < x <= 1, "a number above 0, at most 1")


class Schedule:
    """Base of schedules: a subclass says the rate after t calls of `step`.

    Args:
        optimizer: whose learning rates are set.

    Raises:
        UnsupportedError: that is no optimizer.
        ArgumentError: a number of a subclass is out of its range.

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> class InverseTime(Schedule):
    ...     def rate(self, base, t):
    ...         return base / (1 + t)
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = InverseTime(optimizer)
    >>> schedule.step()
    >>> optimizer.learning_rate
    0.25
    """

    state_ranges: ClassVar[dict[str, Range]] = {"steps": WHOLE}
    """The attributes that change, and what they may be."""

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise UnsupportedError(
                f"{type(self).__name__} of {describe_one(optimizer)}",
                "it is no optimizer",
                "Give an optimizer, such as nn.Adam(model.parameters())",
            )
        self.optimizer = optimizer
        self.steps = 0
        self.base_rates = [group["learning_rate"] for group in optimizer.groups]
        self._set_rates()

    def rate(self, base: float, t: int) -> float:
        """The learning rate after t calls of `step`, of a group that began with `base`."""
        raise NotImplementedError(f"{type(self).__name__} has no method rate")

    def step(self, value: float | None = None) -> None:
        """Go on to the next learning rate.

        Args:
            value: what `ReduceOnPlateau` watches; other schedules do not need it.
        """
        self.steps += 1
        self._set_rates()

    def _set_rates(self) -> None:
        for group, base in zip(self.optimizer.groups, self.base_rates):
            group["learning_rate"] = float(self.rate(base, self.steps))

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on from here."""
        state = {name: getattr(self, name) for name in self.state_ranges}
        return {"base_rates": list(self.base_rates), **state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, and set the optimizer's learning rates accordingly.

        Raises:
            ArgumentError: it is of another kind of schedule, or of one with other groups;
                nothing is loaded.
        """
        self._require_fitting(state)
        for name in self.state_ranges:
            setattr(self, name, state[name])
        self.base_rates = list(state["base_rates"])
        self._set_rates()

    def _require_fitting(self, state: Mapping[str, Any]) -> None:
        fits = isinstance(state, Mapping) and state.keys() == self.state_dict().keys()
        if fits:
            rates = state["base_rates"]
            fits = isinstance(rates, list | tuple) and len(rates) == len(self.base_rates)
            fits = fits and all(map(NOT_NEGATIVE.holds, rates))
            fits = fits and all(
                allowed.holds(state[name]) for name, allowed in self.state_ranges.items()
            )
        if not fits:
            raise ArgumentError(
                f"load_state_dict into {type(self).__name__}",
                "the state is of another schedule, or of an optimizer with other groups",
                "Give a state_dict() of a schedule made the same way; nothing was loaded",
            )


class StepDecay(Schedule):
    """A rate that drops by a factor every so often: ηₜ = η₀ factor^⌊t / every⌋.

    (StepLR in PyTorch.)

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = StepDecay(optimizer, every=2, factor=0.5)
    >>> for _ in range(5):
    ...     schedule.step()
    >>> optimizer.learning_rate
    0.125
    """

    def __init__(self, optimizer: Optimizer, every: int, factor: float = 0.1) -> None:
        require(self, "every", every, COUNT)
        require(self, "factor", factor, DECAY)
        self.every = every
        self.factor = factor
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The equation above."""
        return base * self.factor ** (t // self.every)


class ExponentialDecay(Schedule):
    """A rate that shrinks by the same factor each time: ηₜ = η₀ factorᵗ.

    (ExponentialLR in PyTorch.)

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> ExponentialDecay(optimizer, factor=0.5).step()
    >>> optimizer.learning_rate
    0.25
    """

    def __init__(self, optimizer: Optimizer, factor: float) -> None:
        require(self, "factor", factor, DECAY)
        self.factor = factor
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The equation above."""
        return base * self.factor**t


class CosineAnnealing(Schedule):
    """A rate that falls along half a cosine, and stays at the bottom.

    ηₜ = minimum + (η₀ - minimum) (1 + cos(π t / steps)) / 2 for t up to `steps`, then minimum
    (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation
    5, without the restarts).

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = CosineAnnealing(optimizer, steps=2, minimum=0.1)
    >>> schedule.step()
    >>> round(optimizer.learning_rate, 12)
    0.3
    """

    def __init__(self, optimizer: Optimizer, steps: int, minimum: float = 0.0) -> None:
        require(self, "steps", steps, COUNT)
        require(self, "minimum", minimum, NOT_NEGATIVE)
        self.total_steps = steps
        self.minimum = minimum
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The equation above."""
        return _cosine(base, self.minimum, min(t / self.total_steps, 1))


class OneCycle(Schedule):
    """A rate that rises to the optimizer's own and falls far below where it began.

    It rises along half a cosine from η₀ / initial_divisor to η₀, which it reaches at
    t = rise steps - 1, and falls along another one to η₀ / (initial_divisor final_divisor), which
    it reaches at t = steps - 1 and keeps (Smith and Topin, "Super-convergence", 2019; OneCycleLR
    in PyTorch, without its cycle of the momentum).

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = OneCycle(optimizer, steps=10)
    >>> round(optimizer.learning_rate, 12)
    0.02
    >>> schedule.step(), schedule.step()
    (None, None)
    >>> optimizer.learning_rate
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        steps: int,
        rise: float = 0.3,
        initial_divisor: float = 25.0,
        final_divisor: float = 1e4,
    ) -> None:
        require(self, "steps", steps, COUNT)
        require(self, "rise", rise, FRACTION)
        require(self, "initial_divisor", initial_divisor, POSITIVE)
        require(self, "final_divisor", final_divisor, POSITIVE)
        if rise * steps <= 1:
            raise ArgumentError(
                f"OneCycle with steps={steps} and rise={rise}",
                "it has no time to rise",
                "Give steps and rise whose product is above 1",
            )
        self.total_steps = steps
        self.rise = rise
        self.initial_divisor = initial_divisor
        self.final_divisor = final_divisor
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The equation above."""
        initial = base / self.initial_divisor
        top, end = self.rise * self.total_steps - 1, self.total_steps - 1
        if t <= top:
            return _cosine(initial, base, t / top)
        return _cosine(base, initial / self.final_divisor, min((t - top) / (end - top), 1))


class ReduceOnPlateau(Schedule):
    """A rate that is multiplied by a factor when a value has stopped getting better.

    That is when it was not better than the best so far for more than `patience` calls in a row;
    better means below best - threshold |best|, or with mode "max" above best + threshold |best|.
    NaN is not better. The rate goes down to `minimum`, or stays where it was if that is lower.
    (ReduceLROnPlateau in PyTorch.)

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = ReduceOnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [1.0, 0.9, 0.95, 0.92]:
    ...     schedule.step(loss)
    >>> optimizer.learning_rate
    0.25
    """

    state_ranges = Schedule.state_ranges | {"best": NOT_NAN, "waited": WHOLE, "reductions": WHOLE}

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        minimum: float = 0.0,
        mode: str = "min",
    ) -> None:
        require(self, "factor", factor, DECAY)
        require(self, "patience", patience, WHOLE)
        require(self, "threshold", threshold, NOT_NEGATIVE)
        require(self, "minimum", minimum, NOT_NEGATIVE)
        require(self, "mode", mode, one_of("min", "max"))
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.minimum = minimum
        self.mode = mode
        self.best = math.inf
        self.waited = 0
        self.reductions = 0
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The equation above."""
        return max(base * self.factor**self.reductions, min(base, self.minimum))

    def step(self, value: float | None = None) -> None:
        """Look at a new value.

        Raises:
            ArgumentError: there is no value.
        """
        real = int | float | np.integer | np.floating
        if isinstance(value, bool) or not isinstance(value, real):
            raise ArgumentError(
                f"step of ReduceOnPlateau with {describe_one(value)}",
                "it watches a number",
                "Give schedule.step(validation_loss)",
            )
        signed = float(value) if self.mode == "min" else -float(value)
        margin = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        if signed < self.best - margin:
            self.best = signed
            self.waited = 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.reductions += 1
            self.waited = 0
        super().step()


class Warmup(Schedule):
    """A rate that rises in a straight line, after which another schedule goes on.

    ηₜ = η₀ (t + 1) / (steps + 1) for t < steps, then η₀, or what `then` says after t - steps
    calls; η₀ is the learning rate that `then` begins with. (Goyal et al., "Accurate, large
    minibatch SGD", 2017, section 2.2.)

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> schedule = Warmup(optimizer, steps=3, then=ExponentialDecay(optimizer, factor=0.5))
    >>> rates = [optimizer.learning_rate]
    >>> for _ in range(5):
    ...     schedule.step()
    ...     rates.append(optimizer.learning_rate)
    >>> rates
    [0.125, 0.25, 0.375, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, steps: int, then: Schedule | None = None) -> None:
        require(self, "steps", steps, COUNT)
        if then is not None and (not isinstance(then, Schedule) or then.optimizer is not optimizer):
            raise UnsupportedError(
                f"Warmup with then={describe_one(then)}",
                "it is no schedule of the same optimizer",
                "Write then=CosineAnnealing(optimizer, ...)",
            )
        self.warmup_steps = steps
        self.then = then
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The equation above, without what comes then."""
        return base * min((t + 1) / (self.warmup_steps + 1), 1)

    def _set_rates(self) -> None:
        if self.then is None or self.steps <= self.warmup_steps:
            super()._set_rates()
        else:
            self.then._set_rates()

    def step(self, value: float | None = None) -> None:
        """Go on to the next learning rate; what comes after the warm-up is given the value."""
        if self.then is not None and self.steps >= self.warmup_steps:
            self.then.step(value)
            self.steps += 1
        else:
            super().step(value)

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on from here, "then" included."""
        state = super().state_dict()
        return state if self.then is None else {**state, "then": self.then.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As for every schedule, for both."""
        self._require_fitting(state)
        if self.then is not None:
            self.then.load_state_dict(state["then"])
        super().load_state_dict(state)


def _cosine(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine, of which a share from 0 to 1 has passed."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
