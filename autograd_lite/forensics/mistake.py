"""What a mistake in one step of a backward pass is, and the functions that invite them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.replay import Place, Vjp
from autograd_lite.tensor import Tensor


class Mistake(NamedTuple):
    """A wrong vjp, the kind of mistake that it is, and what it does in words."""

    kind: str
    what: str
    vjp: Vjp


ACTIVATIONS: tuple[Callable[..., Any], ...] = (
    neural.relu,
    neural.sigmoid,
    np.tanh,
    neural.softmax,
    neural.leaky_relu,
    neural.elu,
    neural.swish,
    neural.softplus,
    neural.gelu,
)
"""Functions whose derivatives are taken for each other's, the usual ones first."""


PRODUCTS = {"multiply", "divide", "matmul", "dot", "affine", "einsum", "tensordot", "outer"}
"""Operations whose vjps multiply with another argument."""


LINEAR = {"positive", "negative", "add", "subtract", "multiply", "reshape", "transpose", "astype"}
"""Operations whose derivative is the same everywhere."""


def is_elementwise(place: Place) -> bool:
    """Whether the function has one argument, bends it, and treats each entry on its own."""
    node = place.node
    if place.operation.name in LINEAR or (place.operation.name == "divide" and place.slot == 0):
        return False
    arrays = [a for a in node.arguments if isinstance(a, Tensor | np.ndarray)]
    return len(arrays) == 1 and node.shape == place.argument.shape
