"""Functions that not every supported NumPy has, or calls without a warning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import as_operand
from autograd_lite.errors import describe_one
from autograd_lite.node import Array
from autograd_lite.table import asks, composed


def _unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    if x.ndim == 0:
        raise ValueError("what is taken apart has one axis or more")
    return tuple(np.moveaxis(x, axis, 0))


def _cumulative(
    function: Any, first: float, x: Any, *, axis: int | None = None, include_initial: bool = False
) -> Array:
    """What the array API calls it: along the only axis, and perhaps with its start."""
    x = as_operand(x)
    if axis is None and x.ndim != 1:
        raise ValueError("axis= must be named unless there is one axis")
    axis = 0 if axis is None else axis
    totals = function(x, axis)
    if not include_initial:
        return totals
    start = np.full_like(totals.sum(axis=axis, keepdims=True), first)
    return np.concatenate([start, totals], axis)


def _matvec(a: Array, b: Array) -> Array:
    _require_matrix(a)
    return np.squeeze(np.matmul(a, np.expand_dims(b, -1)), -1)


def _vecmat(a: Array, b: Array) -> Array:
    _require_matrix(b)
    return np.squeeze(np.matmul(np.expand_dims(a, -2), b), -2)


def _require_matrix(x: Array) -> None:
    if np.ndim(x) < 2:
        raise ValueError(
            f"a matrix has two axes or more, {describe_one(x)} has {np.ndim(x)}",
            "Give a matrix, or multiply vectors with @",
        )


BY_NAME: dict[str, Callable[..., Any]] = {
    "fix": lambda x: np.trunc(x),  # until a NumPy after 2.5, which deprecates it
    "unstack": _unstack,  # since NumPy 2.1
    "cumulative_sum": partial(_cumulative, np.cumsum, 0),  # since NumPy 2.1
    "cumulative_prod": partial(_cumulative, np.cumprod, 1),  # since NumPy 2.1
    "matvec": _matvec,  # since NumPy 2.2
    "vecmat": _vecmat,  # since NumPy 2.2
}
"""What they are made of, of functions that each supported NumPy has."""

for name, implementation in BY_NAME.items():
    function: Any = getattr(np, name, None)
    if asks(function):
        composed(function)(implementation)
