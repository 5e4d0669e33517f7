"""Arrays and constants as lines of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import describe_one

PRINTED_ENTRIES = 6
"""An array of more entries is summarized."""


def lines(array: Any) -> tuple[str, ...]:
    """The entries of a small array, a matrix in aligned columns; else a summary.

    >>> lines(np.array([[1, -0.5], [0.25, 1]]))
    ('[[   1, -0.5],', ' [0.25,    1]]')
    >>> lines(np.arange(100.0)), lines(np.arange(100) < 5)
    (('mean 49.5 ± 28.87', 'min 0, max 99'), ('5 of 100 True',))
    """
    array = np.asarray(array)
    if array.size == 0:
        return ("empty",)
    if array.size > PRINTED_ENTRIES:
        return _summary(array)
    entries = [number(entry) for entry in array.ravel().tolist()]
    if array.ndim > 1:
        columns = array.shape[-1]
        widths = [max(map(len, entries[column::columns])) for column in range(columns)] * array.size
        entries = [entry.rjust(width) for entry, width in zip(entries, widths)]
    text = _nested(np.array(entries, dtype=object).reshape(array.shape).tolist())
    return tuple(text.replace("], ", "],\n ").split("\n"))


def _nested(entries: Any) -> str:
    return f"[{', '.join(map(_nested, entries))}]" if isinstance(entries, list) else str(entries)


def _summary(array: Any) -> tuple[str, ...]:
    strange = array.size - np.count_nonzero(np.isfinite(array))
    if strange:
        return (f"{strange} of {array.size} not finite",)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = array.mean(dtype=float), array.std(dtype=float)
    smallest, largest = array.min(), array.max()
    if smallest == largest:
        return (f"all {number(smallest)}",)
    if array.dtype == bool:
        return (f"{np.count_nonzero(array)} of {array.size} True",)
    rounding = np.finfo(array.dtype).eps if array.dtype.kind == "f" else 0.0
    if abs(mean) < rounding * max(abs(smallest), abs(largest)):
        mean = 0.0
    return (
        f"mean {number(mean)} ± {number(deviation)}",
        f"min {number(smallest)}, max {number(largest)}",
    )


def number(value: Any) -> str:
    """A number with four digits.

    >>> number(1 / 3)
    '0.3333'
    """
    return f"{value:z.4g}" if isinstance(value, float | np.floating) else str(value)


def constant(value: Any) -> str:
    """A constant argument, as one writes it in NumPy.

    >>> constant((slice(0, 2), ..., np.float64(0.1)))
    '(0:2, ..., 0.1)'
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(constant, value))}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        text = ":".join("" if part is None else str(part) for part in parts)
        return text if value.step is not None else text.removesuffix(":")
    if value is Ellipsis:
        return "..."
    if isinstance(value, float | np.generic | np.dtype):
        return number(value)
    return describe_one(value)
