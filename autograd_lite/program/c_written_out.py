"""Functions as others of the table make them up, for back ends that have no form of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.derivatives.special import density, gelu, gelu_slope, normal_cdf
from autograd_lite.table import TABLE


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    return np.dot(x, weight) + bias


def _mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = np.sum(a, axis=axis, keepdims=keepdims)
    return total / (a.size // max(total.size, 1))


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else np.maximum(a, a_min)
    return a if a_max is None else np.minimum(a, a_max)


def _gelu(x: Any) -> Any:
    return np.maximum(x, -40) * normal_cdf(x), _gelu_slope(x)


def _gelu_slope(x: Any) -> Any:
    return normal_cdf(x) + np.clip(x, -40, 40) * density(x)


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    # With what they keep for their rules, where they do.
    affine: _affine,
    np.mean: _mean,
    np.clip: _clip,
    gelu: _gelu,
    gelu_slope: _gelu_slope,
}


def definition_of(function: Any) -> Callable[..., Any] | None:
    """What a function does, in simpler ones, if it is the project's own."""
    package = __name__.partition(".")[0]
    if function in WRITTEN_OUT or function not in TABLE:
        return WRITTEN_OUT.get(function)
    own = (getattr(function, "__module__", None) or "").partition(".")[0] == package
    return TABLE[function].compute if own else None
