"""Learning rates that are functions of the step, and optimizers whose rates they set.

PyTorch's names are StepLR for `StepDecay`, ExponentialLR for `ExponentialDecay`, CosineAnnealingLR,
and OneCycleLR, which has a cycle of the momentum too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import setitem
from typing import Any, ClassVar

from autograd_lite.arguments import (
    COUNT,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    WHOLE,
    Range,
    is_number,
)
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.interruption import at_once, whole
from autograd_lite.names import explains_keywords
from nn.declared import Declared, declared
from nn.optimizers.groups import shown
from nn.optimizers.optimizer import Optimizer
from nn.schema import ANYTHING, equal_to, misfits, require_fitting

DECAY = Range(lambda x: is_number(x) and 0 < x <= 1, "a number above 0, at most 1")


class Schedule(Declared):
    """Base of schedules: a subclass computes the rate after t steps from the initial one.

    Made from a learning rate, a schedule is given to an optimizer as its learning rate, and t
    counts that optimizer's steps. Made from an optimizer, it takes the optimizer's learning rates
    as the initial ones, group by group, and sets them at each call of `step`, after each step of
    the optimizer or, as `nn.LRSchedule` does, after each epoch; t counts the calls.

    Args:
        base: a learning rate, or an optimizer.

    Raises:
        ArgumentError: it is neither, or the optimizer already has a schedule, or rates of 0; or a
            number of a subclass is out of its range.

    >>> from autograd_lite import Tensor
    >>> from nn import SGD
    >>> class InverseTime(Schedule):
    ...     def rate(self, base, t):
    ...         return base / (1 + t)
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=InverseTime(0.5))
    >>> optimizer.step()
    >>> optimizer.learning_rate
    0.25
    >>> optimizer = SGD([Tensor([1.0])], learning_rate=0.5)
    >>> InverseTime(optimizer).step()
    >>> optimizer.learning_rate
    0.25
    """

    base: Optimizer | float = declared(
        Range(
            lambda x: isinstance(x, Optimizer) or NOT_NEGATIVE.holds(x),
            "a learning rate, 0 or more, or an optimizer such as nn.Adam(model.parameters())",
        )
    )

    state_ranges: ClassVar[dict[str, Range]] = {}
    """The attributes that a state has besides the first rates and the number of steps."""

    def _set_up(self) -> None:
        self.t = 0
        self.base_rates: list[float] = []
        self._rates: list[float] = []
        if isinstance(self.base, Optimizer):
            self.base_rates = self._base_rates(self.base)
            self._go_to(0)

    def _base_rates(self, optimizer: Optimizer) -> list[float]:
        rates = [group["learning_rate"] for group in optimizer.groups]
        if any(map(callable, rates)):
            raise ArgumentError(
                f"{type(self).__name__} of {type(optimizer).__name__}",
                "its learning rate is a schedule already",
                "Make the optimizer with a number as its learning rate",
            )
        if not any(rates):
            raise ArgumentError(
                f"{type(self).__name__} of {type(optimizer).__name__}",
                "its learning rate is 0, as an earlier schedule may have left it, and would stay 0",
                "Set optimizer.learning_rate to that of the beginning before",
            )
        return rates

    def __repr__(self) -> str:
        text, base = super().__repr__(), self.base
        is_optimizer = isinstance(base, Optimizer)
        return text.replace(repr(base), f"{type(base).__name__}(...)") if is_optimizer else text

    def told(self) -> str:
        """Its class and numbers, without what it was made from."""
        own = {name: getattr(self, name) for name in self._fields if name != "base"}
        parts = [
            f"{name}={x.told() if isinstance(x, Schedule) else shown(x)}" for name, x in own.items()
        ]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _kind(self) -> str:
        """What a state has to be of."""
        return type(self).__name__

    @property
    def optimizer(self) -> Optimizer:
        """Whose rates are set; an ArgumentError if the schedule was made from a learning rate."""
        if not isinstance(self.base, Optimizer):
            raise ArgumentError(
                f"{type(self).__name__} with base={self.base}",
                "it sets no optimizer's learning rate step by step, as it is made from a number",
                f"Give it to one as learning_rate, or write {type(self).__name__}(optimizer, ...)",
            )
        return self.base

    def rate(self, base: float, t: int) -> float:
        """The learning rate after t steps, where the first one was `base`."""
        raise NotImplementedError(f"{type(self).__name__} has no method rate")

    def __call__(self, step: int) -> float:
        """The learning rate of a step, counted from 0.

        Raises:
            ArgumentError: the schedule was made from an optimizer.
        """
        if isinstance(self.base, Optimizer):
            raise ArgumentError(
                f"{type(self).__name__} of {type(self.base).__name__} as a learning rate",
                "it sets those of the optimizer that it was made from",
                f"Write {type(self).__name__}(0.1, ...)",
            )
        return self.rate(self.base, step)

    @explains_keywords
    def step(self, value: float | None = None) -> None:
        """Move on to the optimizer's next learning rate.

        Args:
            value: what `ReduceOnPlateau` watches; other schedules need none.

        Raises:
            ArgumentError: the schedule was made from a learning rate; something else has changed
                the optimizer's rate since; or `ReduceOnPlateau` is given no number.
        """
        now = [group["learning_rate"] for group in self.optimizer.groups]
        if now != self._rates:
            raise ArgumentError(
                f"step of {type(self).__name__}",
                f"the learning rates are {now}, and it has set {self._rates}: something else sets "
                "them, too",
                "Use one schedule, with Warmup(optimizer, steps, then=...) for two; load its "
                "state_dict() beside the optimizer's; or make a new one for other rates",
            )
        self._advance(value)

    def _advance(self, value: float | None) -> None:
        self._go_to(self.t + 1)

    def _go_to(self, t: int) -> None:
        rates = [float(self.rate(base, t)) for base in self.base_rates]
        assign = object.__setattr__
        changes: list[tuple[Any, ...]] = [(assign, self, "t", t), (assign, self, "_rates", rates)]
        for group, rate in zip(self.optimizer.groups, rates):
            changes.append((setitem, group, "learning_rate", rate))
        at_once(changes)

    @explains_keywords
    def state_dict(self) -> dict[str, Any]:
        """What is needed to resume from here."""
        own = {name: getattr(self, name) for name in self.state_ranges}
        return {"kind": self._kind(), "base_rates": [*self.base_rates], "steps": self.t, **own}

    @explains_keywords
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, and set the optimizer's learning rates accordingly.

        Raises:
            ArgumentError: it is of another kind of schedule, or of one with other groups;
                nothing is loaded.
        """
        self._require_fitting(state)
        with whole():
            self._take_over(state)
            self._go_to(state["steps"])

    def _require_fitting(self, state: Mapping[str, Any]) -> None:
        known, kind = dict.fromkeys(self.state_dict(), ANYTHING), equal_to(self._kind())
        wanted = {**known, "kind": kind, "base_rates": [NOT_NEGATIVE], "steps": WHOLE}
        require_fitting(self, misfits(state, wanted | self.state_ranges))
        if len(state["base_rates"]) != len(self.base_rates):
            require_fitting(self, ["the state is of an optimizer with other groups"])

    def _take_over(self, state: Mapping[str, Any]) -> None:
        self.base_rates = list(state["base_rates"])
        for name in self.state_ranges:
            setattr(self, name, state[name])


class StepDecay(Schedule):
    """A rate that drops by a factor at regular intervals: ηₜ = η₀ factor^⌊t / every⌋.

    t counts the steps of the optimizer, one per batch; if the schedule is made from an optimizer,
    calls of `step`, such as one per epoch in `nn.LRSchedule`.

    >>> schedule = StepDecay(0.5, every=2, factor=0.5)
    >>> [schedule(t) for t in range(5)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    every: int = declared(COUNT)
    factor: float = declared(DECAY, default=0.1)

    def rate(self, base: float, t: int) -> float:
        """The rate after t steps."""
        return base * self.factor ** (t // self.every)


class ExponentialDecay(Schedule):
    """A rate that shrinks by the same factor each time: ηₜ = η₀ factorᵗ.

    t counts the steps of the optimizer, one per batch; if the schedule is made from an optimizer,
    calls of `step`, such as one per epoch in `nn.LRSchedule`.

    >>> schedule = ExponentialDecay(0.5, factor=0.5)
    >>> [schedule(t) for t in range(3)]
    [0.5, 0.25, 0.125]
    """

    factor: float = declared(DECAY)

    def rate(self, base: float, t: int) -> float:
        """The rate after t steps."""
        return base * self.factor**t


class CosineAnnealing(Schedule):
    """A rate that falls along half a cosine, and stays at the bottom.

    ηₜ = minimum + (η₀ - minimum) (1 + cos(π t / steps)) / 2 for t up to `steps`, then minimum
    (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation
    5, without the restarts).

    t counts the steps of the optimizer, one per batch, so the `steps` of a whole training are its
    epochs times the batches of each. If the schedule is made from an optimizer, t counts calls of
    `step`, such as one per epoch in `nn.LRSchedule`.

    >>> schedule = CosineAnnealing(0.5, steps=2, minimum=0.1)
    >>> [round(schedule(t), 12) for t in range(4)]
    [0.5, 0.3, 0.1, 0.1]
    """

    steps: int = declared(COUNT)
    minimum: float = declared(NOT_NEGATIVE, default=0.0)

    def rate(self, base: float, t: int) -> float:
        """The rate after t steps."""
        return _cosine(base, self.minimum, min(t / self.steps, 1))


class OneCycle(Schedule):
    """A rate that rises to η₀ and falls far below its initial value.

    It rises along half a cosine from η₀ / initial_divisor to η₀, which it reaches at
    t = rise steps - 1, and falls along another one to η₀ / (initial_divisor final_divisor), which
    it reaches at t = steps - 1 and keeps (Smith and Topin, "Super-convergence", 2019).

    t counts the steps of the optimizer, one per batch, so the `steps` of a whole training are its
    epochs times the batches of each.

    >>> schedule = OneCycle(0.5, steps=10)
    >>> [round(schedule(t), 12) for t in (0, 2, 9)]
    [0.02, 0.5, 2e-06]
    """

    steps: int = declared(COUNT)
    rise: float = declared(FRACTION, default=0.3)
    initial_divisor: float = declared(POSITIVE, default=25.0)
    final_divisor: float = declared(POSITIVE, default=1e4)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        if values["rise"] * values["steps"] <= 1:
            raise ArgumentError(
                f"OneCycle with steps={values['steps']} and rise={values['rise']}",
                "it has no time to rise",
                "Give steps and rise whose product is above 1",
            )

    def rate(self, base: float, t: int) -> float:
        """The rate after t steps."""
        initial = base / self.initial_divisor
        top, end = self.rise * self.steps - 1, self.steps - 1
        if t <= top:
            return _cosine(initial, base, t / top)
        return _cosine(base, initial / self.final_divisor, min((t - top) / (end - top), 1))


class Warmup(Schedule):
    """A rate that rises linearly, after which another schedule takes over.

    ηₜ = η₀ (t + 1) / (steps + 1) for t < steps, then η₀, or what `then` gives after t - steps. η₀
    is the initial learning rate of `then`, which is made from the same optimizer or the same
    learning rate. (Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2.)

    t counts the steps of the optimizer, one per batch; if the schedule is made from an optimizer,
    calls of `step`, such as one per epoch in `nn.LRSchedule`.

    >>> schedule = Warmup(0.5, steps=3, then=ExponentialDecay(0.5, factor=0.5))
    >>> [schedule(t) for t in range(6)]
    [0.125, 0.25, 0.375, 0.5, 0.25, 0.125]
    """

    steps: int = declared(COUNT)
    then: Schedule | None = declared(default=None)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        base, then = values["base"], values["then"]
        if then is not None and not (isinstance(then, Schedule) and then.base == base):
            raise UnsupportedError(
                f"Warmup with then={describe_one(then)}",
                "it is no schedule of the same optimizer, or of the same learning rate",
                "Write then=CosineAnnealing(optimizer, ...)",
            )

    def _base_rates(self, optimizer: Optimizer) -> list[float]:
        first = super()._base_rates(optimizer)
        return first if self.then is None else list(self.then.base_rates)

    def rate(self, base: float, t: int) -> float:
        """The rate after t steps."""
        after = base if self.then is None else self.then.rate(base, max(t - self.steps, 0))
        return after * min((t + 1) / (self.steps + 1), 1)

    def _advance(self, value: float | None) -> None:
        with whole():
            if self.then is not None and self.t >= self.steps:
                self.then._advance(value)
            super()._advance(value)

    @explains_keywords
    def state_dict(self) -> dict[str, Any]:
        """What is needed to resume from here, "then" included."""
        state = super().state_dict()
        return state if self.then is None else {**state, "then": self.then.state_dict()}

    def _require_fitting(self, state: Mapping[str, Any]) -> None:
        super()._require_fitting(state)
        if self.then is not None:
            self.then._require_fitting(state["then"])

    def _take_over(self, state: Mapping[str, Any]) -> None:
        super()._take_over(state)
        if self.then is not None:
            self.then.load_state_dict(state["then"])


def _cosine(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine, of which a share from 0 to 1 has passed."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
