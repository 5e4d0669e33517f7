"""What schedules share: rates as functions of the step, and optimizers whose rates they set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from autograd_lite.arguments import NOT_NEGATIVE, WHOLE, Range, is_number
from autograd_lite.errors import ArgumentError
from nn.declared import Declared, declared
from nn.optimizers.optimizer import Optimizer

DECAY = Range(lambda x: is_number(x) and 0 < x <= 1, "a number above 0, at most 1")


class Schedule(Declared):
    """Base of schedules: a subclass says the rate after t steps, as a function of the first one.

    Made from a learning rate, a schedule is given to an optimizer as its learning rate, and t
    counts that one's steps. Made from an optimizer, it takes that one's learning rates as the
    first ones, group by group, and sets them at each call of `step`, be it after each step of the
    optimizer or after each epoch, as `nn.LRSchedule` does; t counts the calls.

    Args:
        base: a learning rate, or an optimizer.

    Raises:
        ArgumentError: it is neither, or the optimizer has a schedule already; a number of a
            subclass is out of its range.

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

    state_ranges: ClassVar[dict[str, Range]] = {"steps": WHOLE}
    """What a state has besides the first rates."""

    def _begin(self, values: Mapping[str, Any]) -> None:
        super()._begin(values)
        self.t = 0
        self.base_rates: list[float] = []
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
        return rates

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

    def step(self, value: float | None = None) -> None:
        """Go on to the optimizer's next learning rate.

        Args:
            value: what `ReduceOnPlateau` watches; other schedules do not need it.

        Raises:
            ArgumentError: the schedule was made from a learning rate.
        """
        self._go_to(self.t + 1)

    def _go_to(self, t: int) -> None:
        for group, base in zip(self.optimizer.groups, self.base_rates):
            group["learning_rate"] = float(self.rate(base, t))
        self.t = t

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on from here."""
        return {"base_rates": list(self.base_rates), "steps": self.t}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, and set the optimizer's learning rates accordingly.

        Raises:
            ArgumentError: it is of another kind of schedule, or of one with other groups;
                nothing is loaded.
        """
        self._require_fitting(state)
        self._take_over(state)
        self._go_to(state["steps"])

    def _require_fitting(self, state: Mapping[str, Any]) -> None:
        fits = isinstance(state, Mapping) and state.keys() == self.state_dict().keys()
        if fits:
            rates, ranges = state["base_rates"], self.state_ranges.items()
            fits = isinstance(rates, list | tuple) and len(rates) == len(self.base_rates)
            fits = fits and all(map(NOT_NEGATIVE.holds, rates))
            fits = fits and all(allowed.holds(state[name]) for name, allowed in ranges)
        if not fits:
            raise ArgumentError(
                f"load_state_dict into {type(self).__name__}",
                "the state is of another schedule, or of an optimizer with other groups",
                "Give a state_dict() of a schedule made the same way; nothing was loaded",
            )

    def _take_over(self, state: Mapping[str, Any]) -> None:
        self.base_rates = list(state["base_rates"])
