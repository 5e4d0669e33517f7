"""What the reductions that leave NaN out are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.reductions import Axis
from autograd_lite.node import Array
from autograd_lite.precision import in_single
from autograd_lite.table import composed


def filled(a: Array, value: float) -> Array:
    """An array with a value in place of each NaN."""
    return np.where(np.isnan(a), value, a)


def _extremum(function: Any, worst: float) -> Any:
    """Of what is left; NaN where nothing is."""

    def extremum(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
        nothing = np.isnan(a).all(axis=axis, keepdims=keepdims)
        found = function(filled(a, worst), axis=axis, keepdims=keepdims)
        return np.where(nothing, np.nan, found) if np.any(nothing) else found

    return extremum


composed(np.nanmax)(_extremum(np.max, -np.inf))
composed(np.nanmin)(_extremum(np.min, np.inf))
composed(np.nanprod)(
    lambda a, axis=None, *, keepdims=False: np.prod(filled(a, 1), axis, keepdims=keepdims)
)
composed(np.nancumsum)(lambda a, axis=None: np.cumsum(filled(a, 0), axis))
composed(np.nancumprod)(lambda a, axis=None: np.cumprod(filled(a, 1), axis))


def _spread(scale: Any) -> Any:
    """Of what is left, given what makes one of the deviations from the mean and of their number."""

    @in_single
    def spread(
        a: Array,
        axis: Axis = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        correction: float | None = None,
    ) -> Array:
        present = ~np.isnan(a)
        deviation = np.where(present, a - np.nanmean(a, axis, keepdims=True), 0)
        degrees = present.sum(axis=axis, keepdims=keepdims, dtype=a.dtype.type)
        degrees = degrees - (ddof if correction is None else correction)
        degrees = np.where(degrees > 0, degrees, np.nan).astype(a.dtype)
        return scale(deviation, degrees, axis=axis, keepdims=keepdims)

    return spread


composed(np.nanvar)(_spread(lambda x, degrees, **how: np.sum(x * x, **how) / degrees))
# Not the root of the variance, whose slope at 0 is infinite.
composed(np.nanstd)(
    _spread(lambda x, degrees, **how: np.linalg.vector_norm(x, **how) / np.sqrt(degrees))
)
