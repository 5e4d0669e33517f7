"""Layers compute in the dtype of their parameters, so that a float32 model stays float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from nn.parameters import Parameter


def in_dtype_of(parameter: Parameter, x: Any) -> Any:
    """An array or a tensor of real numbers in the dtype of a layer's parameter."""
    dtype, wanted = getattr(x, "dtype", None), parameter._array.dtype
    if dtype is wanted or getattr(dtype, "kind", "") not in ("f", "i", "u", "b"):
        return x
    with np.errstate(over="ignore"):
        return x.astype(wanted)
