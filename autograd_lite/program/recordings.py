"""Recordings of one computation on different data: what they are, and whether they agree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.program.program import Step
from autograd_lite.program.simpler import function_of
from autograd_lite.trees import leaves_of


def difference(
    steps: Sequence[Step], others: Sequence[Step], inputs: Collection[Step]
) -> str | None:
    """In words where two recordings differ, besides in the arrays of inputs; None if nowhere."""
    if len(steps) != len(others):
        return f"one of them has {len(steps)} steps, the other {len(others)}"
    for step, other in zip(steps, others):
        if _called(step) != _called(other):
            return f"step {step.number} calls {_called(step)[1]}, and then {_called(other)[1]}"
        if step in inputs:
            continue
        pairs = zip(_leaves(step), _leaves(other))
        if len(_leaves(step)) != len(_leaves(other)) or not all(_same(a, b) for a, b in pairs):
            where = f"in step {step.number}, {_called(step)[1]}" if step.function else "as it is"
            found = next(
                (a for a, b in zip(_leaves(step), _leaves(other)) if not _same(a, b)), "a list"
            )
            return f"{describe_one(found)}, which is used {where}, is another for other data"
    return None


def _called(step: Step) -> Any:
    function = function_of(step)
    return type(function), getattr(function, "__name__", None)


def _leaves(step: Step) -> list[Any]:
    return leaves_of((step.arguments, step.keywords))


def _same(a: Any, b: Any) -> bool:
    if type(a) is Step and type(b) is Step:
        return a.number == b.number
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        alike = (a.shape, a.dtype) == (b.shape, b.dtype)
        return alike and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if type(a) is not type(b):
        return False
    if isinstance(a, float | np.floating):
        return a == b or (a != a and b != b)
    if isinstance(a, int | str | slice | np.generic | np.dtype):
        return bool(a == b)
    return a is b or callable(a)


def unlike(name: str, reason: str) -> UnsupportedError:
    """The error for what cannot be compiled, as it computes otherwise for other data."""
    return UnsupportedError(
        f"compile of {name}",
        reason,
        "Compute it from the arguments, with functions of NumPy's, or give it as an argument",
    )
