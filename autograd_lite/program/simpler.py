"""Fewer steps that give the same numbers, to the last bit, and in memory that is laid out alike.

What does not depend on inputs is computed once, what is computed twice is computed once, and what
changes nothing is left out.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import NO_KEYWORDS, plain
from autograd_lite.program.expressions import OwnedShape
from autograd_lite.program.program import Step, called, function_of, mapped, needed_for, steps_in
from autograd_lite.program.templates import value_key

MANY = 256


class Simpler:
    """Steps that are taken in one by one; each with its value for the inputs' examples.

    Attributes:
        steps: what is to be computed, numbered in order.
        values: of all of them, by number.
        used: the steps among the arguments of each, by number.
        kinds: by number, what is the same for steps that are written alike: those which call one
            function with values that are laid out alike.
        new: by old step the new one, or the value if it does not depend on inputs.
    """

    def __init__(self, inputs: Sequence[Step]) -> None:
        self.steps: list[Step] = []
        self.values: list[Any] = []
        self.used: list[list[Step]] = []
        self.kinds: list[int] = []
        self.new: dict[Step, Any] = {}
        self._known: dict[Any, Any] = {}
        self._numbers: dict[Any, int] = {}  # of kinds and layouts
        self._layouts: list[int] = []  # of values, by number
        self._kept: list[Any] = []  # so that no other gets an `id` that is in a key
        self.inputs = [self._input(step) for step in inputs]

    def _input(self, step: Step) -> Step:
        new = Step(None, step.arguments, NO_KEYWORDS, step.shape, len(self.steps), step.dtype)
        self.new[step] = new
        self._append(new, step.arguments[0], [], ())
        return new

    def _append(self, step: Step, value: Any, used: list[Step], called_with: Any) -> None:
        numbers, layouts = self._numbers, self._layouts
        layouts.append(numbers.setdefault(layout_of(value), ~len(numbers)))  # no `id` is negative
        given = [layouts[x.number] if type(x) is Step else x for x in called_with]
        kind = step.function, layouts[-1], *given
        self.kinds.append(numbers.setdefault(kind, len(numbers)))
        self.steps.append(step)
        self.values.append(value)
        self.used.append(used)

    def take(self, step: Step) -> None:
        """Take in a step of the program."""
        if step not in self.new:
            if step.function is None:
                self.new[step] = step.arguments[0]
                return
            new = self.new
            arguments = tuple(
                [new[x] if type(x) is Step else mapped(self._own, x) for x in step.arguments]
            )
            keywords = step.keywords and mapped(self._own, step.keywords)
            function = function_of(step)
            if function is np.sign and self._is_rectified(arguments[0]):
                # Of what is not below 0; sign itself takes ten times as long, as it branches.
                whole = self.computed(np.ceil, arguments, NO_KEYWORDS)
                self.new[step] = self.computed(np.minimum, (whole, 1), NO_KEYWORDS)
            else:
                if isinstance(function, np.ufunc) and not keywords:
                    arguments = self._with_numbers(function, arguments)
                self.new[step] = self.computed(function, arguments, keywords, step.function)

    def _own(self, value: Any) -> Any:
        if type(value) is Step:
            return self.new[value]
        return tuple(value) if type(value) is OwnedShape else value

    def computed(self, function: Any, arguments: Any, keywords: Any, call: Any = None) -> Any:
        """The step that calls a function, or one that was there, or a value."""
        named = value_key(keywords, id) if keywords else None
        key = function, value_key(arguments, id), named
        if key not in self._known:
            self._kept.append((arguments, keywords))
            step = Step(call or function, arguments, keywords, None, len(self.steps))
            self._known[key] = self._found(step, function, (*key[1], named))
        return self._known[key]

    def _found(self, step: Step, function: Any, called_with: Any) -> Any:
        used = steps_in(step)
        # Of what depends on inputs the value is an example.
        run = getattr(step.function, "example", step.function) if used else step.function
        value = called(step, run, self.values)
        if function in OF_SHAPES or not used:
            return value
        shown = _changes_nothing(function, step.arguments, step.keywords)
        if type(shown) is Step and layout_of(self.values[shown.number]) == layout_of(value):
            return shown
        self._append(step, value, used, called_with)
        return step

    def _with_numbers(self, ufunc: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, a single entry that meets all of an array as an array without axes.

        NumPy takes the long way, of twice the time, where shapes have to be broadcast.
        """
        found = [self.values[x.number] if type(x) is Step else x for x in arguments]
        sizes = [x.size if type(x) is np.ndarray else 1 for x in found]
        if ufunc.signature or max(sizes) == 1:
            return arguments
        _, size_of_deepest = max(zip(map(np.ndim, found), sizes))
        if size_of_deepest < max(sizes):
            return arguments
        return tuple(
            self.computed(np.reshape, (x, ()), NO_KEYWORDS)
            if type(x) is Step and size == 1 and np.ndim(value)
            else x
            for x, value, size in zip(arguments, found, sizes)
        )

    def _is_rectified(self, value: Any) -> bool:
        """Whether it is a maximum of 0 and others, of many entries, which is never -0."""
        rectified = type(value) is Step and value.function is np.maximum
        if not rectified or self.values[value.number].size < MANY:
            return False
        bound = value.arguments[1]
        if type(bound) not in (int, float) or bound != 0:
            return False
        negative = np.full_like(self.values[value.number], -0.0)
        return not np.signbit(np.maximum(negative, bound)).any()


def _changes_nothing(function: Any, arguments: Any, keywords: Any) -> Any:
    """The argument that a function returns as it is, unless in another shape, dtype or layout."""
    if function in UNCHANGED:
        return arguments[0]
    if function is operator.getitem:
        index = arguments[1]
        return arguments[0] if index is Ellipsis or (type(index) is tuple and not index) else None
    if function in UNITS and not keywords:
        a, b = arguments
        if _is_one(b):
            return a
        if _is_one(a) and function is np.multiply:
            return b
    return None


UNCHANGED = {
    plain,
    np.copy,
    np.positive,
    np.reshape,
    np.broadcast_to,
    np.squeeze,
    np.expand_dims,
    astype,
}
UNITS = {np.multiply, np.divide}


OF_SHAPES = {np.shape, np.ndim, np.size}
"""Functions of shapes, which are those of the inputs' examples in every run."""


def _is_one(value: Any) -> bool:
    return type(value) is not Step and bool(np.all(np.asarray(value) == 1))


def layout_of(value: Any) -> Any:
    """What is the same for arrays that may take each other's place."""
    if type(value) is np.ndarray:
        return value.shape, value.dtype, value.strides
    return type(value), getattr(value, "shape", None), getattr(value, "dtype", None)


def needed(steps: Sequence[Step], wanted: Sequence[Step]) -> list[Step]:
    """The steps that what is wanted is computed from, and that itself, in order."""
    found = needed_for(wanted)
    return [step for step in steps if step in found]
