"""What covariances, correlations and fits are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import as_operand, astype
from autograd_lite.node import Array, plain
from autograd_lite.precision import in_precision_of
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
