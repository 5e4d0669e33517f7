"""What was recorded, and its backward pass, as a list of steps that can be run again."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.errors import UnsupportedError
from autograd_lite.node import Array, Node
from autograd_lite.operation import Operation
from autograd_lite.table import TABLE


@dataclass(eq=False, slots=True)
class Step:
    """A call of a function; or, without one, what is not computed: an array, if it is known."""

    function: Any  # of NumPy, of the table, or of a user; or None
    arguments: tuple[Any, ...]  # steps, or plain values, or lists and tuples of both
    keywords: dict[str, Any]  # likewise
    shape: Any  # of the result; None where it is a tuple of several
    number: int  # its place among all steps; those in arguments come before it
    dtype: Any = None  # of the result; None in formulas, which are printed and not run
    # The step of a template that it is a copy of, with others among its arguments alone.
    like: Step | None = None


class Guard(NamedTuple):
    """A step whose entries decided on what was computed, and what they were."""

    step: Step
    outcome: Array


@dataclass(eq=False)
class Program:
    """The forward and the backward pass of a loss."""

    loss: Node
    steps: list[Step] = field(default_factory=list)
    # Of the arrays that the loss was computed from, by `id`; those of tensors by node too.
    inputs: dict[Any, Step] = field(default_factory=dict)
    # Of each recorded node, in the order of computation.
    values: dict[Node, Step] = field(default_factory=dict)
    cotangents: dict[Node, Step] = field(default_factory=dict)
    # By node, and by index of an argument; they are used for nothing but its cotangent.
    contributions: dict[Node, dict[int, Step]] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)
    # By number of a step: its value; of an outline alone.
    recorded: list[Array] = field(default_factory=list)
    _below: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)

    def step(self, function: Any, arguments: Any, keywords: Any, shape: Any, dtype: Any) -> Step:
        step = Step(function, tuple(arguments), keywords, shape, len(self.steps), dtype)
        self.steps.append(step)
        return step

    def again(
        self, replaced: Mapping[int, Callable[..., Any]], known: list[Array], numbers: Iterable[int]
    ) -> list[Array]:
        """The values of all steps, where those of some numbers are run, and some replaced.

        What replaces what is not computed is a function of the array.
        """
        values = [*known]
        for number in numbers:
            step, given = self.steps[number], self._given[number]
            function = replaced.get(number) or step.function
            if given:
                values[number] = function(*map(values.__getitem__, given))
            else:
                values[number] = called(step, function, values)
        return values

    @functools.cached_property
    def _given(self) -> list[tuple[int, ...] | None]:
        """By number of a step, the numbers of its arguments, where these are all that is needed."""
        return [
            tuple([argument.number for argument in step.arguments])
            if all(type(argument) is Step for argument in step.arguments)
            and not (step.keywords or isinstance(step.function, np.ufunc))
            else None
            for step in self.steps
        ]

    def below(self, numbers: Collection[int]) -> tuple[int, ...]:
        """The numbers of some steps, and of all that depend on them, in order."""
        key = tuple(numbers)
        if key not in self._below:
            found, stack = {*key}, [*key]
            while stack:
                users = [user for user in self._users[stack.pop()] if user not in found]
                found.update(users)
                stack += users
            self._below[key] = tuple(sorted(found))
        return self._below[key]

    @functools.cached_property
    def _users(self) -> list[list[int]]:
        """By number of a step, the numbers of those that use it."""
        users: list[list[int]] = [[] for _ in self.steps]
        for step in self.steps:
            for argument in steps_in(step):
                users[argument.number].append(step.number)
        return users


def run_steps(steps: Iterable[Step], found: dict[int, Any]) -> dict[int, Any]:
    """The values of steps, by number; those that are found are not computed."""
    with np.errstate(all="ignore"):
        for step in steps:
            if step.number in found:
                continue
            result = found[step.number] = called(step, step.function, found)
            if step.shape is not None and result.shape != step.shape:
                raise UnsupportedError(
                    f"run of a program on other data: {step.function.__name__}",
                    f"its result has shape {result.shape}, and had {step.shape} when traced",
                    "Compute the loss anew for these data, and trace that",
                )
    return found


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """What a function makes of a value, or of each one within lists, tuples and dictionaries."""
    if type(value) in (list, tuple):
        return type(value)([mapped(function, part) for part in value])
    if type(value) is dict:
        return {name: mapped(function, part) for name, part in value.items()}
    return function(value)


def called(step: Step, function: Any, found: Any) -> Array:
    """What a function returns for the arguments of a step; without one, its array."""

    def own(value: Any) -> Any:
        return found[value.number] if type(value) is Step else value

    if function is None:
        return step.arguments[0]
    arguments = [found[x.number] if type(x) is Step else mapped(own, x) for x in step.arguments]
    keywords = step.keywords and mapped(own, step.keywords)
    return computed_by(function)(*arguments, **keywords)


def computed_by(function: Any) -> Any:
    """What is called for a function: of ufuncs the operators, which round as the engine does."""
    row = TABLE.get(function) if isinstance(function, np.ufunc) else None
    return row.compute if row else function


def steps_in(value: Any) -> list[Step]:
    """The steps among the arguments of a step, or in lists and tuples, as often as they occur."""
    if type(value) is Step:
        value = (*value.arguments, *value.keywords.values()) if value.keywords else value.arguments
    elif not isinstance(value, _SEVERAL):
        return []
    found = []
    for part in value:
        if type(part) is Step:
            found.append(part)
        elif isinstance(part, _SEVERAL):
            found += steps_in(part)
    return found


_SEVERAL = (list, tuple)


def needed_for(
    results: Iterable[Any],
    known: Mapping[Step, list[Step]] = {},
    parts: Callable[[Step], list[Step]] = steps_in,
) -> dict[Step, list[Step]]:
    """The steps that results are computed from, themselves included, in order; with their parts.

    What is known to be needed is among them.
    """
    found = {**known}
    stack = [step for step in results if isinstance(step, Step)]
    while stack:
        step = stack.pop()
        if step not in found:
            found[step] = parts(step)
            stack += found[step]
    return {step: found[step] for step in sorted(found, key=operator.attrgetter("number"))}


def row_of(function: Any) -> Operation | None:
    """The row of a function, or of what computes it, which is what a program calls.

    >>> import operator
    >>> row_of(operator.add)
    <operation add>
    """
    return TABLE.get(function) or _by_compute(len(TABLE)).get(function)


@functools.lru_cache(1)
def _by_compute(rows: int) -> dict[Any, Operation]:
    return {row.compute: row for row in TABLE.values()}


def function_of(step: Step) -> Any:
    """What a step calls, by the name that it has in the table."""
    row = row_of(step.function)
    return step.function if row is None or row.residual else row.function


def is_choice(value: Any) -> bool:
    """Whether it is one whole number or truth value of NumPy's: what chooses axes, places, shapes.

    Such are told apart by what they are, as those of Python are.
    """
    return isinstance(value, np.ndarray | np.generic) and not value.ndim and value.dtype.kind != "f"


def deciding_on_shape(step: Step) -> list[Step]:
    """Those of the arguments of a step on whose sum the shape of its result may depend.

    They are masks, numbers of repetitions, and single numbers, which may be axes.
    """
    row = row_of(step.function)
    if row is None or row.variadic:
        return []
    others = steps_in([*step.arguments[len(row.vjps) :], *step.keywords.values()])
    kinds = {np.repeat: "iub", operator.getitem: "b"}.get(row.function, "")
    choosing = [x for x in others if x.dtype is not None]
    return [x for x in choosing if x.dtype.kind in ("iub" if x.shape == () else kinds)]
