"""What compiled functions are given: what tells calls apart, and arrays beside those of a call."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from autograd_lite.node import Array

form = attrgetter("shape", "strides", "dtype")
"""What is the same for arrays of which everything is computed alike, to the last bit."""


def key_of(value: Any, arrays: list[Array]) -> Any:
    """What tells calls apart that compute otherwise, or None; the arrays are listed."""
    kind = type(value)
    if kind is np.ndarray or isinstance(value, np.generic):
        if value.dtype.kind not in "fiub":
            return None
        arrays.append(value)
        return form(value)
    if kind in (tuple, list):
        parts = [key_of(part, arrays) for part in value]
        return None if None in parts else (kind, *parts)
    parts, attributes = [], getattr(value, "__dict__", None)
    if attributes and attributes is not value:
        return None
    if isinstance(value, dict):
        parts = [_plain(name) for name in value]
        value = value.values()
    elif not hasattr(kind, "_fields"):
        return _plain(value)
    parts += [key_of(part, arrays) for part in value]
    return None if None in parts else (kind, *parts)


def _plain(value: Any) -> Any:
    """The same for equal numbers of one type and for equal texts; None for what is neither."""
    if type(value) is tuple:
        parts = [*map(_plain, value)]
        return None if None in parts else (tuple, *parts)
    is_plain = type(value) in (int, float, bool, str) or value is None
    return (type(value), repr(value)) if is_plain else None


def in_new_object(array: Array) -> Array:
    """The same entries, as an object that nobody else has."""
    return array.view() if isinstance(array, np.ndarray) else array.dtype.type(array)


def nearby(array: Array) -> Array:
    """Other entries, which are not far from these."""
    if array.dtype.kind == "f":
        moved = np.where(array == 0, 2.0**-20, array * (1 + 2.0**-10))
        return moved.astype(array.dtype)[()]
    return np.roll(array, 1)[()]


def are_equal(arrays: Sequence[Array], others: Sequence[Array]) -> bool:
    """Whether arrays of two calls have the same entries."""
    return all(np.array_equal(a, b) for a, b in zip(arrays, others))
