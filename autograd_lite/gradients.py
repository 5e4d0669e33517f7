"""Gradients: the cotangents of a backward pass as they are handed out, in memory of their own."""

from __future__ import annotations

from numpy import float64, ndarray

from autograd_lite.node import Array, Node, Shared, plain


def hand_out(cotangents: dict[Node, Array], lent: Array = None) -> None:
    """Add cotangents to the gradients of their nodes.

    Nobody can write to one through another, or through `lent`. What rules have passed on as it is,
    as those of sums do, is copied when somebody asks for it, which few do of computed tensors.
    """
    owners: dict[int, Node | None] = {id(lent): None}
    for node, cotangent in cotangents.items():
        if node._grad is not None:
            cotangent = node.grad + cotangent
        elif type(cotangent) is not float64:
            if getattr(cotangent, "base", None) is not None:
                cotangent = cotangent.copy()
            elif (owner := owners.setdefault(id(cotangent), node)) is not node:
                if owner is None or owner.operation is None or node.operation is None:
                    cotangent = cotangent.copy()
                else:
                    owner._grad = cotangent = Shared(cotangent)
        node._grad = cotangent


def separate(cotangents: dict[Node, Array], lent: Array = None) -> None:
    """Copy cotangents that share memory with each other or with `lent`."""
    handed_out = {id(lent)}
    for node, cotangent in cotangents.items():
        kind = type(cotangent)
        if kind is not float64:
            own = kind is ndarray
            array = cotangent if own else plain(cotangent)
            key = id(array)
            base = array.base if own else getattr(array, "base", None)
            if base is not None or key in handed_out:
                cotangents[node] = cotangent.copy()
            handed_out.add(key)
