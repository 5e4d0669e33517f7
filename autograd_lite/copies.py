"""Copies of tensors: of a record within a process, of leaves also between processes.

While a transform computes its function, a copy of what it differentiates in, or of what was
computed from that, is computed from it: a record or leaf of its own would have no derivative.
"""

from __future__ import annotations

from typing import Any

from autograd_lite.engine import backward_order
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.mutation import handed_out
from autograd_lite.node import Node


def shallow_copy(node: Node) -> Any:
    """For `copy.copy`: another tensor with the same state, which shares the array."""
    if is_differentiated(node):
        return +node  # type: ignore[operator] # as tensors have operators
    if node.operation is None:
        handed_out(node)
    return restore(_new(type(node)), object.__getstate__(node))


def deep_copy(node: Node, memo: dict[int, Any]) -> Any:
    """For `copy.deepcopy`: a record node by node, inputs first, however deep it is."""
    from copy import deepcopy

    if depends_on_differentiated(node):
        return +node  # type: ignore[operator] # as tensors have operators
    for original in reversed(backward_order(node)):
        if id(original) not in memo:
            copied = memo[id(original)] = _new(type(original))
            state: Any = object.__getstate__(original)
            if original.operation is not None:
                state[1]["scope"] = None  # a copy was computed by no module
            restore(copied, deepcopy(state, memo))
    return memo[id(node)]


def is_differentiated(node: Node) -> bool:
    """Whether it is a variable of a transform, see `pullback`, that computes its function."""
    return getattr(node, "live", False)


def depends_on_differentiated(node: Node) -> bool:
    """Whether it is such a variable, or computed from one."""
    return any(map(is_differentiated, backward_order(node)))


def state_of(node: Node) -> Any:
    """For `pickle`: without the numbers of changes, which another process counts anew.

    Raises:
        UnsupportedError: the tensor was computed.
    """
    if node.operation is not None:
        raise UnsupportedError(
            f"pickle of {describe_one(node)}",
            "it was computed, and its record holds functions, which cannot be stored",
            "Write tensor.detach(), or loss.item(), for its numbers",
        )
    own, slots = object.__getstate__(node)
    # 1 tells that it was computed, before all that happens there.
    return own, {**slots, "created": min(node.created, 1), "mutated": 0}


def restore(node: Any, state: Any) -> Any:
    """For `pickle` and copies: the node with that state."""
    own, slots = state
    for name, value in slots.items():
        setattr(node, name, value)
    if own:
        vars(node).update(own)
    return node


_new = object.__new__
