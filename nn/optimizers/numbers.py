"""Numbers that an update computes with: Python's, or their text, where a program is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.program.program import Step

OPERATORS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**"}


class Number(np.lib.mixins.NDArrayOperatorsMixin):
    """A number that may be another one in each step: what computes it, as text of Python's.

    Attributes:
        functions: those that the text calls, by name.
    """

    # What is computed may not depend on what it is now.
    __bool__ = __eq__ = __hash__ = None  # type: ignore[assignment] # refused by Python

    def __init__(self, text: str, functions: dict[str, Any]) -> None:
        self.text, self.functions = text, functions

    def __array_ufunc__(self, ufunc: Any, method: str, *parts: Any, **keywords: Any) -> Any:
        known = all(type(part) in (int, float, Number) for part in parts)
        if method != "__call__" or ufunc not in OPERATORS or keywords or not known:
            return NotImplemented
        return _joined(f"({{}} {OPERATORS[ufunc]} {{}})", *parts)

    def __getitem__(self, index: int) -> Any:
        return _joined("({}[{}])", self, index)


def _joined(form: str, *parts: Any) -> Number:
    functions: dict[str, Any] = {}
    for part in parts:
        functions |= part.functions if isinstance(part, Number) else {}
    texts = [part.text if isinstance(part, Number) else repr(part) for part in parts]
    return Number(form.format(*texts), functions)


class InProgram(np.lib.mixins.NDArrayOperatorsMixin):
    """A number that a program computes: what is computed of it are further steps.

    Attributes:
        step: the one that gives it.
    """

    def __init__(self, step: Step, add: Callable[[Any, tuple[Any, ...]], Step]) -> None:
        self.step, self._add = step, add

    def __array_ufunc__(self, ufunc: Any, method: str, *parts: Any) -> InProgram:
        given = [part.step if isinstance(part, InProgram) else part for part in parts]
        return InProgram(self._add(ufunc, tuple(given)), self._add)


def in_program(number: Number, rate: InProgram, step: InProgram) -> Step | None:
    """The step that gives a number; None if it calls what programs do not."""
    if any(
        function is not getattr(math, name, None) for name, function in number.functions.items()
    ):
        return None
    functions = {name: getattr(np, name) for name in number.functions}
    found: InProgram = eval(number.text, {**functions, "rate": rate, "step": step})
    return found.step


def computed(function: Callable[..., Any], *numbers: Any) -> Any:
    """What a function gives for numbers: now, or in each step of a program.

    >>> import math
    >>> computed(math.sqrt, 4.0)
    2.0
    >>> computed(math.sqrt, 1 - 0.5 ** Number("step", {})).text
    '(sqrt((1 - (0.5 ** step))))'
    """
    if Number not in map(type, numbers):
        return function(*numbers)
    name = function.__name__
    found = _joined(f"({name}({', '.join(['{}'] * len(numbers))}))", *numbers)
    found.functions[name] = function
    return found
