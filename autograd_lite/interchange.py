"""Arrays of other libraries on the same memory, by DLPack (https://dmlc.github.io/dlpack)."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one, needed
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords
from autograd_lite.tensor import Tensor

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
