"""What layers are given: real numbers, taken into the dtype of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arguments import require_real
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.foreign import admit
from nn.parameters import Parameter


def in_dtype_of(parameter: Parameter, x: Any) -> Any:
    """An array or a tensor of real numbers in the dtype of a layer's parameter.

    So a float32 model stays float32.
    """
    dtype, wanted = getattr(x, "dtype", None), parameter._array.dtype
    if dtype is wanted or getattr(dtype, "kind", "") not in ("f", "i", "u", "b"):
        return x
    with np.errstate(over="ignore"):
        return x.astype(wanted)


def require_input(layer: object, x: Any) -> Any:
    """What a layer is given, as an array or a tensor, once it is one of real numbers.

    Raises:
        UnsupportedError: it is none, or another library's that does not become one.
    """
    attempted = f"{type(layer).__name__} of"
    x = admit(x, attempted)
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise UnsupportedError(
            f"{attempted} {describe_one(x)}",
            "it is no array and no tensor",
            "Give a NumPy array: numpy.array(x)",
        )
    require_real(x, attempted)
    return x
