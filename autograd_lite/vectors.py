"""Structures of arrays as one vector, which is what optimizers of other libraries take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.errors import ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor
from autograd_lite.trees import matched, rebuilt


@explains_keywords
def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All entries of a structure in one vector, and the function that reverses this.

    Both can be differentiated through.

    Args:
        tree: an array of floats, or lists, tuples and dicts of them.

    Returns:
        A vector of the widest dtype among the arrays, which is a tensor if one of them is; and
        `unravel`, which turns such a vector, of any dtype, into a structure with the shapes and
        dtypes of the given one.

    Raises:
        UnsupportedError: it contains something other than arrays of floats.
        ShapeError: the vector given to `unravel` has another length.

    >>> x, unravel = ravel({"w": np.ones((2, 2), np.float32), "b": 0.0})
    >>> x, unravel(x + 1)
    (array([1., 1., 1., 1., 0.]), {'w': array([[2., 2.],
           [2., 2.]], dtype=float32), 'b': np.float64(1.0)})

    Any optimizer of SciPy's then minimizes a function of the structure:

    >>> from scipy.optimize import minimize
    >>> from autograd_lite import value_and_grad
    >>> def loss(p):
    ...     return ((p["w"] - 3) ** 2).sum() + (p["b"] - p["w"].sum()) ** 2
    >>> found = minimize(value_and_grad(lambda x: loss(unravel(x))), x, jac=True)
    >>> float(unravel(found.x)["b"].round(3))
    12.0
    """
    leaves = []
    for path, _, leaf in matched("ravel", tree, tree):
        leaf = leaf if isinstance(leaf, Tensor) else np.asarray(admit(leaf, f"ravel of {path}"))
        if leaf.dtype.kind != "f":
            raise UnsupportedError(
                "ravel",
                f"{path or 'it'} is {describe_one(plain(leaf))} of dtype {leaf.dtype}",
                "Give arrays of floats: write 1.0 for 1",
            )
        leaves.append(leaf)
    shapes = [(leaf.shape, leaf.dtype) for leaf in leaves]
    length = sum(math.prod(shape) for shape, _ in shapes)

    def unravel(vector: Any) -> Any:
        if np.shape(plain(vector)) != (length,):
            raise ShapeError(
                f"unravel of {describe_one(vector)}",
                f"the structure has {length} entries",
                f"Give a vector of the shape ({length},)",
            )
        vector = vector if isinstance(vector, Tensor) else np.asarray(vector)
        found, first = [], 0
        for shape, own in shapes:
            last = first + math.prod(shape)
            part = vector[first:last].reshape(shape) if shape else vector[first]
            found.append(part.astype(own))
            first = last
        return rebuilt(tree, found)

    parts: list[Any] = [leaf.reshape(-1) for leaf in leaves]
    return np.concatenate(parts) if parts else np.zeros(0), unravel
