"""What numbers that people give may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.errors import ArgumentError


class Range(NamedTuple):
    """What a hyper-parameter may be: a test, and its wording for errors."""

    holds: Callable[[Any], bool]
    wanted: str


def is_number(value: Any) -> bool:
    """Whether it is a finite real number, and no boolean."""
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool) and math.isfinite(value)


NOT_NEGATIVE = Range(lambda x: is_number(x) and x >= 0, "a number, 0 or more")
POSITIVE = Range(lambda x: is_number(x) and x > 0, "a number above 0")
FRACTION = Range(lambda x: is_number(x) and 0 <= x < 1, "a number from 0 to below 1")
SHARE = Range(lambda x: is_number(x) and 0 <= x <= 1, "a number from 0 to 1")
FRACTIONS = Range(
    lambda x: isinstance(x, tuple | list) and len(x) == 2 and all(map(FRACTION.holds, x)),
    "a pair of numbers from 0 to below 1",
)
FLAG = Range(lambda x: isinstance(x, bool), "True or False")


def require(owner: object, name: str, value: Any, allowed: Range) -> None:
    """Raise an ArgumentError that names the owner's class unless the value is in its range."""
    if not allowed.holds(value):
        raise ArgumentError(
            f"{type(owner).__name__} with {name}={value!r}",
            "out of range",
            f"Give {allowed.wanted}",
        )
