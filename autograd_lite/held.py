"""The array that a tensor holds, and the cotangent that `backward` of it begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.errors import GradientError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import PLAIN, admit, beside
from autograd_lite.node import Node, plain

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


def held_array(data: Any, requires_grad: bool, name: str | None, dtype: DTypeLike | None) -> Any:
    """The array, or for a number the NumPy scalar, that a tensor holds."""
    if type(data) not in PLAIN:
        data = admit(data, "Tensor of")
    # No other node: what a tensor holds while a rule is traced is one.
    if isinstance(data, Node.tensor_class):
        raise _unsuitable(
            data,
            name,
            "the data are a tensor already, and its record would be lost",
            "Write tensor.detach(), or tensor.copy() to keep the record",
        )
    # Anything that speaks NumPy's protocol stays what it is: a Dask or CuPy array as well.
    if not hasattr(data, "__array_function__"):
        try:
            array = np.asarray(data, dtype)
        except (ValueError, TypeError, OverflowError) as error:
            reason, remedy = str(error).rstrip("."), "Give numbers, or nested lists of one shape"
            raise _unsuitable(data, name, reason, remedy) from error
        data = array if array.ndim else array.dtype.type(array)
    elif dtype is not None and getattr(data, "dtype", np.dtype(object)).kind in "fiub":
        try:
            data = data.astype(dtype, copy=False)
        except TypeError as error:
            raise _unsuitable(data, name, str(error), "Give a dtype of floats") from error
    dtype_given = getattr(data, "dtype", np.dtype(object))
    if dtype_given.kind not in "fiub":
        remedy = "Give real numbers, or nested lists of them"
        if dtype_given.kind == "c":
            remedy = "Compute with the real and the imaginary part"
        reason = f"data of dtype {dtype_given} cannot be differentiated"
        raise _unsuitable(data, name, reason, remedy)
    if requires_grad and dtype_given.kind != "f":
        raise _unsuitable(
            data,
            name,
            f"data of dtype {dtype_given} cannot require grad",
            "Give floats: write 1.0 for 1, or dtype=float",
        )
    return data


def _unsuitable(data: Any, name: str | None, reason: str, remedy: str) -> UnsupportedError:
    named = f", name={name!r}" if name else ""
    return UnsupportedError(f"Tensor({describe_one(data)}{named})", reason, remedy)


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
