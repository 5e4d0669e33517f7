"""What quantiles, percentiles and medians are made of: sorting, and lines between neighbours.

The methods, and what tells them apart, are those of R. J. Hyndman and Y. Fan, "Sample quantiles in
statistical packages" (1996).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.reductions import Axis, axes_of
from autograd_lite.derivatives.shaping import as_operand, in_floats_of_all
from autograd_lite.node import Array, Node, plain
from autograd_lite.table import composed

CONTINUOUS = {
    "linear": (1, 1),
    "hazen": (0.5, 0.5),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0, 1),
}
"""The parameters alpha and beta of each method that draws lines between neighbours."""

STEPS: dict[str, Callable[[Array], Array]] = {
    "lower": np.floor,
    "higher": np.ceil,
    "midpoint": lambda place: (np.floor(place) + np.ceil(place)) / 2,
}
"""Where each method that takes neighbours looks, of the place that "linear" does."""


def _places(q: Array, count: Array, method: str) -> Array:
    """Where quantiles lie among so many sorted numbers, counted from 0."""
    if method not in CONTINUOUS and method not in STEPS:
        raise ValueError(
            f"method={method!r} has no derivative here",
            f"Use one of {', '.join([*CONTINUOUS, *STEPS])}",
        )
    alpha, beta = CONTINUOUS.get(method, (1, 1))
    if alpha == beta == 1:
        places = (count - 1) * q
    else:
        places = count * q + (alpha + q * (1 - alpha - beta)) - 1
    return STEPS.get(method, np.positive)(np.clip(places, 0, np.maximum(count - 1, 0)))


def _on_line(first: Array, second: Array, fraction: Array) -> Array:
    """What lies between them, from the nearer end, as NumPy has it."""
    step = second - first
    return np.where(fraction >= 0.5, second - step * (1 - fraction), first + step * fraction)


def _between(first: Array, second: Array, fraction: Array) -> Array:
    """The same, also where one of them is infinite: at a number itself, that.

    Its slope in the fraction has no number there: where that is asked for, all is as NumPy has it.
    """
    share = plain(fraction)
    infinite = ~np.isfinite(plain(first)) | ~np.isfinite(plain(second))
    if not infinite.any() or (isinstance(fraction, Node) and fraction._requires_grad):
        return _on_line(first, second, fraction)
    line = _on_line(np.where(infinite, 0, first), np.where(infinite, 0, second), fraction)
    ends = np.where(infinite, first, 0), np.where(infinite & (share != 0), second, 0)
    shares = ends[0] * (1 - fraction) + ends[1] * fraction
    return np.where(infinite, shares, line)


def _quantiles(
    a: Any, q: Any, axis: Axis, method: str, keepdims: bool, leave_out: bool, scale: float
) -> Array:
    """Quantiles over axes, of all entries or of those that are no NaN."""
    a, dtype = as_operand(a), in_floats_of_all(a, q)[0].dtype
    q = as_operand(q) / scale
    if np.any(q < 0) or np.any(q > 1):
        raise ValueError(f"what is asked for ranges from 0 to {scale:g}")
    axes = axes_of(a, axis)
    kept = tuple(n for i, n in enumerate(a.shape) if i not in axes)
    n = math.prod(a.shape[i] for i in axes)
    rows = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim)).reshape((*kept, n))
    rows = np.sort(rows)
    missing = np.isnan(rows)
    count = (~missing).sum(axis=-1)[..., None] if leave_out else np.full((*kept, 1), n)
    places = _places(np.reshape(q, -1), count, method)
    below = np.floor(plain(places)).astype(int)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    fraction = (places - below).astype(dtype)
    if n == 0 and leave_out:  # of nothing it is NaN
        rows = np.concatenate([rows, np.full((*kept, 1), np.nan, dtype)], axis=-1)
    first, second = (np.take_along_axis(rows, i, -1) for i in (below, above))
    found = _between(first, second, fraction)
    if not leave_out and missing.any():
        found = np.where(missing[..., -1:], rows[..., -1:], found)
    shape = tuple(1 if i in axes else m for i, m in enumerate(a.shape)) if keepdims else kept
    return np.moveaxis(found, -1, 0).reshape((*q.shape, *shape))


def _function(leave_out: bool, scale: float) -> Any:
    def quantile(
        a: Any, q: Any, axis: Axis = None, *, method: str = "linear", keepdims: bool = False
    ) -> Array:
        return _quantiles(a, q, axis, method, keepdims, leave_out, scale)

    return quantile


composed(np.quantile)(_function(leave_out=False, scale=1.0))
composed(np.percentile)(_function(leave_out=False, scale=100.0))
composed(np.nanquantile)(_function(leave_out=True, scale=1.0))
composed(np.nanpercentile)(_function(leave_out=True, scale=100.0))
composed(np.nanmedian)(
    lambda a, axis=None, *, keepdims=False: np.nanquantile(a, 0.5, axis, keepdims=keepdims)
)
