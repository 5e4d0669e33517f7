"""Which arrays were changed in place through the library, and when: counted by `mutations`."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.node import Array, Node

mutations = 1
"""How many there were, counted from 1: a tensor that was not computed has `created` 0."""

_changed: dict[int, list[Any]] = {}  # by id of an array: its last mutation, a weak reference


def mark_mutated(nodes: Sequence[Node], arrays: Sequence[Array]) -> None:
    """Remember that these arrays, which hold the values of these nodes, were changed just now."""
    global mutations
    mutations += 1
    for node in nodes:
        node.mutated = mutations
    for array in arrays:
        key = id(array)
        if key in _changed:
            _changed[key][0] = mutations
        elif isinstance(array, np.ndarray):
            # Others may share the memory: views, detached tensors.
            forget = functools.partial(_changed.pop, key)
            _changed[key] = [mutations, weakref.ref(array, forget)]


def changed_since(count: int) -> list[Array]:
    """The arrays that were changed after so many mutations, and live."""
    arrays = [reference() for number, reference in list(_changed.values()) if number > count]
    return [array for array in arrays if array is not None]


def was_changed(value: Any, created: int, arrays: Sequence[Array]) -> bool:
    """Whether a tensor was changed after a node was made, or shares memory with what was."""
    if not isinstance(value, Node):
        return False
    if value.mutated > created:
        return True
    return isinstance(value._array, np.ndarray) and any(
        np.may_share_memory(value._array, array) for array in arrays
    )
