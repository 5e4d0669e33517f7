"""Tensors for other libraries: on the same memory, by DLPack, and as a vector.

DLPack is https://dmlc.github.io/dlpack; optimizers of other libraries take structures of arrays as
one vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.errors import ShapeError, UnsupportedError, describe_one, needed
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor
from autograd_lite.trees import matched, rebuilt

CPU = 1
"""The number of the kind of device that NumPy's arrays lie on."""


@explains_keywords
def from_dlpack(array: Any, requires_grad: bool = False) -> Tensor:
    """A tensor of another library's array, such as PyTorch's or JAX's, without copying.

    Arrays on a graphics card stay there, through CuPy. For the way back, that library's own
    `from_dlpack` takes a tensor that does not require grad.

    Args:
        array: anything with the method `__dlpack__`.
        requires_grad: whether `backward()` computes a gradient for the tensor.

    Raises:
        MissingPackageError: the array is on a graphics card, and CuPy is not installed.
        UnsupportedError: it has no such method, or refuses, as a PyTorch tensor that requires grad
            does; or it does not hold floats and is to require grad.

    >>> x = from_dlpack(np.array([1.0, 2.0]), requires_grad=True)
    >>> np.from_dlpack(x.detach())
    array([1., 2.])
    """
    attempted = f"from_dlpack of {describe_one(array)}"
    if isinstance(array, np.ndarray):
        array = admit(array, "from_dlpack of")
    if not hasattr(array, "__dlpack__"):
        raise UnsupportedError(attempted, "it has no method __dlpack__", "Give an array")
    try:
        kind, _ = array.__dlpack_device__()
        if kind != CPU:
            on_card = f"{attempted}, which lies on a graphics card,"
            with needed(on_card, "cupy", "autograd-lite[cuda]"):
                import cupy
            return Tensor(cupy.from_dlpack(array), requires_grad)
        return Tensor(np.from_dlpack(array), requires_grad)
    except (BufferError, RuntimeError, TypeError) as error:
        raise UnsupportedError(
            attempted,
            f"{type(error).__name__}: {error}".removesuffix("."),
            "Give an array without a record of its own, as x.detach(), of a dtype and on a device "
            "that NumPy or CuPy knows",
        ) from error


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
