"""Where values that are not finite come from."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_lite.node import Array, Node
from autograd_lite.operation import Operation
from autograd_lite.operators import plain
from autograd_lite.trees import leaves_of


def is_finite(value: Any) -> bool:
    """Whether all entries of an array or a tensor are finite."""
    return bool(np.isfinite(plain(value)).all())


def inputs_of(node: Node) -> list[Any]:
    """The tensors, arrays and numbers of floats that an operation was given."""
    return [value for value in leaves_of([node.arguments, node.keywords]) if _is_of_floats(value)]


def _is_of_floats(value: Any) -> bool:
    return isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f"


def is_meant(operation: Operation, value: Any) -> bool:
    """Whether an input that is not finite is a mask, a bound or a border of the user's."""
    traits = operation.traits
    if not traits.masks or getattr(value, "requires_grad", False):
        return False
    number = traits.fills and np.ndim(plain(value)) == 0
    return number or bool(severity(value).max() < 2)


def severity(value: Any) -> Array:
    """For each entry 0 if it is finite, 1 if it is infinite, 2 if it is NaN."""
    array = numpy_of(value)
    return 2 * np.isnan(array) + np.isinf(array)


def numpy_of(value: Any) -> Any:
    """The numbers of a tensor or an array, in NumPy's memory."""
    value = plain(value)
    if not hasattr(value, "__array_function__"):
        return value
    return value.get() if hasattr(value, "get") else np.asarray(value)


def made_by(node: Node) -> Array:
    """Where a result is worse than what the operation was given.

    That is entry by entry where each depends on those alone that it is broadcast with.
    """
    given = [severity(value) for value in inputs_of(node)]
    assert node.operation is not None
    if node.operation.traits.elementwise:
        worst = functools.reduce(np.maximum, given, 0)
    else:
        worst = max((entries.max(initial=0) for entries in given), default=0)
    return severity(node) > worst


def bad_inputs(node: Node) -> list[Any]:
    """The inputs that a result is not finite for: they are not, and are not meant so."""
    assert node.operation is not None
    if node.operation.traits.elementwise and not np.any((severity(node) > 0) & ~made_by(node)):
        return []
    bad = [value for value in inputs_of(node) if not is_finite(value)]
    return [value for value in bad if not is_meant(node.operation, value)]


def origin_of(node: Node) -> Node:
    """The node that what is not finite in this one came from: it made it, or was given it."""
    while bad := bad_inputs(node):
        if not all(map(is_computed, bad)) or made_by(node).any():
            break
        node = bad[0]
    return node


def is_computed(value: Any) -> bool:
    """Whether a value is a tensor that was recorded."""
    return isinstance(value, Node) and value.operation is not None
