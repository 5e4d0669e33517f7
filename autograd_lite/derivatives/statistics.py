"""What the functions of statistics are made of: moments, fits, quantiles, those that leave NaN out.

The methods of quantiles, and what tells them apart, are those of R. J. Hyndman and Y. Fan, "Sample
quantiles in statistical packages" (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives.reductions import Axis, axes_of, sorted_rows
from autograd_lite.derivatives.shaping import as_operand, astype, in_floats_of_all
from autograd_lite.modes import decisive
from autograd_lite.node import Array, Node, plain
from autograd_lite.precision import in_precision_of, in_single
from autograd_lite.table import composed, differentiable


def _variables(m: Any, rowvar: bool) -> Array:
    """One variable in each row."""
    m = as_operand(m)
    rows = np.atleast_2d(m)
    return rows.T if not rowvar and m.ndim == 2 else rows


def _require_weights(blank: Array, ddof: Any, fweights: Any, aweights: Any) -> None:
    """Raise a ValueError or a TypeError where NumPy itself refuses these with an array."""
    try:
        with np.errstate(all="ignore"):
            np.cov(blank, ddof=ddof, fweights=fweights, aweights=aweights)
    except RuntimeError as error:
        raise ValueError(str(error)) from error


@composed(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: float | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """Products of deviations from the means, summed over observations, over their number."""
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar)])
    x = astype(x, np.result_type(x.dtype, float) if dtype is None else np.dtype(dtype))
    if not (ddof is None and fweights is None and aweights is None):
        _require_weights(np.zeros_like(plain(x)[:1]), ddof, plain(fweights), plain(aweights))
    degrees = ddof if ddof is not None else 0 if bias else 1
    frequencies = None if fweights is None else in_precision_of(x, as_operand(fweights))
    weights = frequencies
    if aweights is not None:
        aweights = in_precision_of(x, as_operand(aweights))
        weights = aweights if frequencies is None else frequencies * aweights
    mean = np.average(x, axis=1, weights=weights)
    if weights is None:
        factor: Any = x.shape[1] - degrees
        weighted = x - mean[:, None]
    else:
        total = np.sum(weights)
        lost = total if aweights is None else np.sum(weights * aweights)
        factor = total - degrees * lost / total
        weighted = (x - mean[:, None]) * weights
    factor = np.maximum(factor, 0) if weights is not None else max(factor, 0)
    return np.squeeze(weighted @ (x - mean[:, None]).T / factor)


@differentiable(lambda g, y, r: g)
def correlation(r: Array) -> Array:
    """r, which rounding alone puts beyond -1 and 1, brought back, with the slope that it has.

    >>> float(correlation(np.array(1.0000000000000002)))
    1.0
    """
    return np.clip(r, -1, 1)


@composed(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """Covariances over the products of standard deviations."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return correlation(c / deviation[:, None] / deviation)


@composed(np.polyval)
def polyval(p: Any, x: Any) -> Array:
    """A polynomial by its coefficients, the highest power first (Horner's scheme)."""
    p, x = as_operand(p), as_operand(x)
    y = np.zeros_like(x)
    for i in range(len(p)):
        y = y * x + p[i]
    return y


@composed(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, *, w: Any = None) -> Array:
    """The coefficients of the polynomial that is nearest to points."""
    x, y = as_operand(x) + 0.0, as_operand(y) + 0.0
    if x.ndim != 1 or y.ndim not in (1, 2) or len(x) != len(y):
        raise TypeError("expected vectors x and y of one length, or a matrix y of as many rows")
    if deg < 0:
        raise ValueError(f"the degree of a polynomial is 0 or more, not {deg}")
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = as_operand(w) + 0.0
        powers, y = powers * w[:, None], y * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt((powers * powers).sum(axis=0))
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    coefficients = np.linalg.lstsq(powers / scale, y, rcond)[0]
    return coefficients / (scale[:, None] if y.ndim == 2 else scale)


def filled(a: Array, value: float) -> Array:
    """An array with a value in place of each NaN."""
    return np.where(np.isnan(a), value, a)


def _extremum(
    function: Any, worst: float, a: Array, axis: Axis = None, *, keepdims: bool = False
) -> Array:
    """Of what is left; NaN where nothing is."""
    nothing = np.isnan(a).all(axis=axis, keepdims=keepdims)
    found = function(filled(a, worst), axis=axis, keepdims=keepdims)
    return np.where(nothing, np.nan, found) if np.any(nothing) else found


composed(np.nanmax)(partial(_extremum, np.max, -np.inf))
composed(np.nanmin)(partial(_extremum, np.min, np.inf))
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
    infinite = ~np.isfinite(first) | ~np.isfinite(second)
    if not infinite.any() or (isinstance(fraction, Node) and fraction._requires_grad):
        return _on_line(first, second, fraction)
    line = _on_line(np.where(infinite, 0, first), np.where(infinite, 0, second), fraction)
    ends = np.where(infinite, first, 0), np.where(infinite & (fraction != 0), second, 0)
    shares = ends[0] * (1 - fraction) + ends[1] * fraction
    return np.where(infinite, shares, line)


def _quantiles(
    leave_out: bool,
    scale: float,
    a: Any,
    q: Any,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Quantiles over axes, of all entries or of those that are no NaN; q is up to a scale."""
    a, dtype = as_operand(a), in_floats_of_all(a, q)[0].dtype
    q = as_operand(q) / scale
    if np.any(q < 0) or np.any(q > 1):
        raise ValueError(f"what is asked for ranges from 0 to {scale:g}")
    axes = axes_of(a, axis)
    rows = sorted_rows(a, axes)
    *kept, n = rows.shape
    missing = np.isnan(rows)
    count = (~missing).sum(axis=-1)[..., None] if leave_out else np.full((*kept, 1), n)
    places = _places(np.reshape(q, -1), count, method)
    below = decisive(np.floor(places)).astype(int)
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


composed(np.quantile)(partial(_quantiles, False, 1.0))
composed(np.percentile)(partial(_quantiles, False, 100.0))
composed(np.nanquantile)(partial(_quantiles, True, 1.0))
composed(np.nanpercentile)(partial(_quantiles, True, 100.0))
composed(np.nanmedian)(
    lambda a, axis=None, *, keepdims=False: np.nanquantile(a, 0.5, axis, keepdims=keepdims)
)
