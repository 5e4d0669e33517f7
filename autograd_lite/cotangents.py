"""Cotangents: what backward begins with, how contributions fit arguments, what is handed out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import float64, ndarray

from autograd_lite.errors import GradientError, ShapeError, describe_one
from autograd_lite.foreign import beside
from autograd_lite.node import Array, Node, Shared, held_array, plain
from autograd_lite.precision import widened
from autograd_lite.refusals import refused_contribution, refused_kind

ONE = np.float64(1.0)


def seed_of(
    root: Any, gradient: Any = None, recorded: bool = False, attempted: str = "backward() from"
) -> Any:
    """The cotangent that `backward` of a tensor begins with: what it is given, or 1 of a scalar.

    Errors say what was attempted with the tensor.

    Raises:
        GradientError: nothing was recorded, or it is no scalar and is given none.
        ShapeError: what it is given has another shape.
    """
    array = root._array
    if not root._requires_grad:
        raise GradientError(
            f"{attempted} {describe_one(root)}",
            "nothing that requires grad was recorded in it",
            "Make the parameters with requires_grad=True and compute outside of no_grad()",
        )
    if gradient is None:
        if array.size != 1:
            raise GradientError(
                f"{attempted} {describe_one(root)}",
                "it is no scalar, and only a scalar has a gradient",
                "Reduce it, by tensor.sum() or, with a cotangent g, by (g * tensor).sum(); "
                "tensor.backward(g) does the latter",
            )
        if type(array) is np.float64 and not recorded:
            return ONE
        seed = np.ones_like(array) if array.ndim else array.dtype.type(1)
    else:
        seed = held_array(plain(gradient), False, None, array.dtype)
        if seed.shape != array.shape:
            raise ShapeError(
                f"{attempted} {describe_one(root)}",
                f"the given gradient has shape {seed.shape}",
                f"Give one of shape {array.shape}",
            )
    seed = beside(seed, array)
    make: Any = Node.tensor_class
    return make(seed) if recorded else seed


def without_nan(contribution: Array, cotangent: Array) -> Array:
    """A contribution, with 0 for NaN where the cotangent is 0: nothing times infinity is nothing.

    Such cotangents come from `np.where`, for the entries that it did not take.
    """
    if np.shape(contribution) != cotangent.shape:
        return contribution
    return np.where((cotangent == 0) & np.isnan(contribution), 0, contribution)[()]


def match(cotangent: Array, value: Array, node: Node) -> Array:
    """A contribution of `node` with the shape and dtype of the argument's value.

    Sums where the argument was broadcast, and broadcasts where the contribution is smaller.
    """
    have, want = getattr(cotangent, "shape", None), value.shape
    if have == want and cotangent.dtype == value.dtype:
        return cotangent
    if isinstance(cotangent, int | float):
        cotangent, have = beside(value.dtype.type(cotangent), value), ()
    if have is None or len(have) > max(len(want), node._array.ndim):
        raise refused_contribution(node, have, want)
    surplus = len(have) - len(want)
    if surplus > 0:
        cotangent = widened(cotangent).sum(axis=0 if surplus == 1 else tuple(range(surplus)))
    if surplus >= 0 and cotangent.shape != want:
        pairs = enumerate(zip(cotangent.shape, want))
        stretched = tuple(axis for axis, (long, short) in pairs if short == 1 != long)
        if stretched:
            cotangent = widened(cotangent).sum(axis=stretched, keepdims=True)
    if cotangent.shape != want:
        if cotangent.shape != have:
            raise refused_contribution(node, have, want)
        try:
            cotangent = spread(cotangent, want)
        except ValueError as error:
            raise refused_contribution(node, have, want) from error
    if cotangent.dtype == value.dtype:
        return cotangent
    if cotangent.dtype.kind not in "fiub":  # of complex numbers half would be left out
        raise refused_kind(node, cotangent.dtype)
    return cotangent.astype(value.dtype)


MANY = 4096


def spread(x: Array, shape: tuple[int, ...]) -> Array:
    """`np.broadcast_to`, of a number in a fraction of the time, and without a view of it.

    >>> spread(np.float64(1.0), (2,))
    array([1., 1.])
    """
    if isinstance(x, np.floating):
        if math.prod(shape) > MANY:  # which take memory
            return ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
        filled = ndarray(shape, x.dtype)
        filled.fill(x)
        return filled
    return np.broadcast_to(x, shape)


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
