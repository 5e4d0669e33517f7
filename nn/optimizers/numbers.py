"""Numbers that an update computes with: Python's, or their text, where a program is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Number:
    """A number that may be another one in each step: what computes it, as text of Python's.

    Attributes:
        functions: those that the text calls, by name.
    """

    # What is computed may not depend on what it is now.
    __bool__ = __eq__ = __hash__ = None  # type: ignore[assignment] # refused by Python

    def __init__(self, text: str, functions: dict[str, Any]) -> None:
        self.text, self.functions = text, functions

    def __add__(self, other: Any) -> Any:
        return _joined("{} + {}", self, other)

    def __radd__(self, other: Any) -> Any:
        return _joined("{} + {}", other, self)

    def __sub__(self, other: Any) -> Any:
        return _joined("{} - {}", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _joined("{} - {}", other, self)

    def __mul__(self, other: Any) -> Any:
        return _joined("{} * {}", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _joined("{} * {}", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _joined("{} / {}", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _joined("{} / {}", other, self)

    def __pow__(self, other: Any) -> Any:
        return _joined("{} ** {}", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _joined("{} ** {}", other, self)

    def __getitem__(self, index: int) -> Any:
        return _joined("{}[{}]", self, index)


def _joined(form: str, *parts: Any) -> Any:
    if not all(type(part) in (int, float, Number) for part in parts):
        return NotImplemented
    functions: dict[str, Any] = {}
    for part in parts:
        functions |= part.functions if isinstance(part, Number) else {}
    texts = [part.text if isinstance(part, Number) else repr(part) for part in parts]
    return Number(f"({form.format(*texts)})", functions)


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
    found = _joined(f"{name}({', '.join(['{}'] * len(numbers))})", *numbers)
    found.functions[name] = function
    return found
