"""Rows of the table by what computes their functions, which is what a program may call."""

from __future__ import annotations

import functools
from typing import Any

from autograd_lite.operation import Operation
from autograd_lite.table import TABLE


def row_of(function: Any) -> Operation | None:
    """The row of a function, or of what computes it.

    >>> import operator
    >>> row_of(operator.add)
    <operation add>
    """
    return TABLE.get(function) or _by_compute().get(function)


@functools.cache
def _by_compute() -> dict[Any, Operation]:
    return {row.compute: row for row in TABLE.values()}
