"""What was recorded, and its backward pass, as a list of steps that can be run again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import unshared
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.node import Array, Node, plain
from autograd_lite.table import TABLE

Shape = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Step:
    """A call of a function; or, without one, what is not computed, such as an array.

    Attributes:
        function: of NumPy, of the table, or of a user.
        arguments: steps, or plain values, or lists and tuples of both; without a function the
            array, if it is known.
        keywords: likewise.
        shape: of the result; None where it is a tuple of several.
        number: its place among all steps; those in arguments come before it.
        dtype: of the result; None in formulas, which are printed and not run.
    """

    function: Callable[..., Any] | None
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    shape: Any
    number: int
    dtype: Any = None


def same(x: Any) -> Any:
    """What it is given: a step of its own for a value that another step has too."""
    return x


class Guard(NamedTuple):
    """A step whose entries decided on what was computed, what they were, and where."""

    step: Step
    outcome: Array
    where: str


@dataclass(eq=False)
class Program:
    """The forward and the backward pass of a loss.

    Attributes:
        steps: all of them, in order.
        inputs: the steps of the arrays that the loss was computed from, by `id`; those of
            tensors by node too.
        values: the step of each recorded node, in the order of computation.
        given: the steps of the nodes and arrays among the arguments of each computed node; of an
            outline, those of all that its rules are given besides its cotangent and its value.
        cotangents: the step of the cotangent of each node that requires grad.
        contributions: by node, and by index of an argument, what it contributes to the
            cotangent of that: steps that are used for nothing else.
        guards: what must be as it was, for the steps to be right for other data.
    """

    loss: Node
    steps: list[Step] = field(default_factory=list)
    inputs: dict[Any, Step] = field(default_factory=dict)
    values: dict[Node, Step] = field(default_factory=dict)
    given: dict[Node, list[Step]] = field(default_factory=dict)
    cotangents: dict[Node, Step] = field(default_factory=dict)
    contributions: dict[Node, dict[int, Step]] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)

    def step(
        self,
        function: Callable[..., Any] | None,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        shape: Any,
        dtype: Any,
    ) -> Step:
        """Write the next step."""
        step = Step(function, arguments, keywords, shape, len(self.steps), dtype)
        self.steps.append(step)
        return step

    def run(self, arrays: Mapping[Any, Array] | None = None) -> tuple[Array, dict[Node, Array]]:
        """The loss and the gradients of its parameters, for other data.

        Args:
            arrays: what takes the place of inputs, by tensor, or by `id` of a plain array; of the
                same shape and dtype. The others are what they are now.

        Raises:
            ArgumentError: an array is given for what is no input.
            ShapeError: an array has another shape or dtype than the input.
            UnsupportedError: the loss was computed in a way that depends on entries, and these
                have others.

        >>> from autograd_lite import Tensor
        >>> from autograd_lite.program.trace import trace
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> program = trace((x * x).sum())
        >>> loss, gradients = program.run({x: np.array([3.0, 4.0])})
        >>> float(loss), gradients[x]
        (25.0, array([6., 8.]))
        """
        found = self._leaves(arrays or {})
        run_steps(self.steps, found)
        for guard in self.guards:
            now = found[guard.step.number]
            if not np.array_equal(now, guard.outcome):
                raise _refused(guard, now)
        leaves = {node: step for node, step in self.cotangents.items() if node.operation is None}
        gradients = {node: found[step.number] for node, step in leaves.items()}
        seed = self.cotangents[self.loss].arguments[0]
        return found[self.values[self.loss].number], dict(unshared(gradients, lent=seed))

    @functools.cached_property
    def recorded(self) -> list[Array]:
        """The values of all steps, by number, for the arrays as they are."""
        found = self._leaves({})
        run_steps(self.steps, found)
        return found

    def again(
        self,
        replaced: Mapping[int, Callable[..., Any]],
        known: list[Array],
        numbers: Iterable[int],
    ) -> list[Array]:
        """The values of all steps, by number, where some call other functions.

        Args:
            replaced: the other functions, by number. For what is not computed, one of the array
                itself.
            known: values of all steps.
            numbers: the steps that are run, in order; the others have their known values.
        """
        values = [*known]
        for number in numbers:
            step, given = self.steps[number], self._given[number]
            function = replaced.get(number) or step.function
            if given:
                values[number] = function(*map(values.__getitem__, given))  # type: ignore[misc]
            else:
                values[number] = _called(step, function, values)
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
        if key not in self._known_below:
            found, stack = {*key}, [*key]
            while stack:
                users = [user for user in self._users[stack.pop()] if user not in found]
                found.update(users)
                stack += users
            self._known_below[key] = tuple(sorted(found))
        return self._known_below[key]

    @functools.cached_property
    def _known_below(self) -> dict[tuple[int, ...], tuple[int, ...]]:
        return {}

    @functools.cached_property
    def _users(self) -> list[list[int]]:
        """By number of a step, the numbers of those that use it."""
        users: list[list[int]] = [[] for _ in self.steps]
        for step in self.steps:
            for argument in steps_in(step):
                users[argument.number].append(step.number)
        return users

    def _leaves(self, arrays: Mapping[Any, Array]) -> list[Array]:
        """The values of all steps, with those that are not computed filled in."""
        found: list[Array] = [None] * len(self.steps)
        for step in self.steps:
            if step.function is None:
                found[step.number] = step.arguments[0]
        given = {self._input(key, array): array for key, array in arrays.items()}
        replaced = [step for step, array in given.items() if array is not step.arguments[0]]
        for key, step in self.inputs.items():
            if isinstance(key, Node):
                array = given.setdefault(step, key._array)
                # Where its array was used without the tensor, that is the same memory.
                given.setdefault(self.inputs.get(id(step.arguments[0]), step), array)
        for step in self.inputs.values():
            array = step.arguments[0]
            found[step.number] = given.get(step, array)
            if found[step.number] is array and any(
                np.shares_memory(array, other.arguments[0]) for other in replaced
            ):
                raise UnsupportedError(
                    "run of a program on other data",
                    f"the loss was computed from {describe_one(array)} too, which shares memory "
                    "with an array that is replaced",
                    "Replace both, or compute one from a tensor of the other",
                )
        return found

    def _input(self, key: Any, array: Array) -> Step:
        """The step that an array is given for."""
        # A tensor may have been used as an array, such as labels in an index.
        step = self.inputs.get(key) or self.inputs.get(id(plain(key)))
        if step is None:
            raise ArgumentError(
                f"run of a program on {describe_one(array)}",
                "it takes the place of what the loss was not computed from",
                "Name inputs by their tensors, or by id(array)",
            )
        if np.shape(array) != step.shape or getattr(array, "dtype", None) != step.dtype:
            raise ShapeError(
                f"run of a program on {describe_one(array)}",
                f"the program was traced for shape {step.shape} and dtype {step.dtype}",
                "Give an array of that shape and dtype, or trace a loss of such data",
            )
        return step


def run_steps(steps: Iterable[Step], found: list[Array]) -> None:
    """Compute the values of steps, by their numbers.

    Raises:
        UnsupportedError: a result has another shape than when the steps were traced.
    """

    with np.errstate(all="ignore"):
        for step in steps:
            if step.function is None:
                continue
            result = found[step.number] = _called(step, step.function, found)
            if step.shape is not None and result.shape != step.shape:
                raise UnsupportedError(
                    f"run of a program on other data: {step.function.__name__}",
                    f"its result has shape {result.shape}, and had {step.shape} when traced",
                    "Compute the loss anew for these data, and trace that",
                )


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """What a function makes of a value, or of each one within lists, tuples and dictionaries."""
    if type(value) in (list, tuple):
        return type(value)([mapped(function, part) for part in value])
    if type(value) is dict:
        return {name: mapped(function, part) for name, part in value.items()}
    return function(value)


def _called(step: Step, function: Callable[..., Any] | None, found: list[Array]) -> Array:
    """What a function returns for the arguments of a step."""
    assert function is not None

    def own(value: Any) -> Any:
        return found[value.number] if type(value) is Step else value

    arguments = mapped(own, step.arguments)
    keywords = mapped(own, step.keywords)
    # The operators of ufuncs round as the engine does.
    row = TABLE.get(function) if isinstance(function, np.ufunc) else None
    return (row.compute if row else function)(*arguments, **keywords)


def steps_in(value: Any) -> list[Step]:
    """The steps among the arguments of a step, or in lists and tuples, as often as they occur."""
    if type(value) is Step:
        value = (*value.arguments, *value.keywords.values()) if value.keywords else value.arguments
    elif not isinstance(value, list | tuple):
        return []
    found = []
    for part in value:
        if type(part) is Step:
            found.append(part)
        elif isinstance(part, list | tuple):
            found += steps_in(part)
    return found


def _refused(guard: Guard, now: Array) -> UnsupportedError:
    was = np.array2string(np.asarray(guard.outcome), threshold=6, precision=4)
    here = np.array2string(np.asarray(now), threshold=6, precision=4)
    return UnsupportedError(
        f"run of a program on other data: {guard.where}",
        f"entries that decide on what is computed were {was} when it was traced, "
        f"and are now {here}",
        "Compute the loss anew for these data, and trace that",
    )
