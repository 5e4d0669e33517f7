"""Derivatives of the ufuncs of `scipy.special`: added when one of them first meets a tensor.

Formulas are those of the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp

from autograd_lite.derivatives.elementwise import quotient
from autograd_lite.derivatives.special import density
from autograd_lite.node import Array, plain
from autograd_lite.operation import Traits
from autograd_lite.precision import in_precision_of
from autograd_lite.table import define, differentiable

TWO_BY_ROOT_PI = 2 / math.sqrt(math.pi)


def _define(name: str, *vjps: Any, **traits: Any) -> None:
    """A row, if this version of SciPy has the function."""
    function = getattr(sp, name, None)
    if isinstance(function, np.ufunc):
        define(function, *vjps, traits=Traits(**traits))


def inverse_mills_ratio(x: Array) -> Array:
    """density(x) / ndtr(x), by the scaled erfc where both are small."""
    above, below = np.where(x > 0, x, 0), np.where(x > 0, 0, x)
    small = math.sqrt(2 / math.pi) / sp.erfcx(below / -math.sqrt(2))
    return np.where(x > 0, density(above) / sp.ndtr(above), small)


# Logistic functions, entropies

_define("expit", lambda g, y, x: g * y * sp.expit(-x), limits=(0.0, 1.0))
_define("logit", lambda g, y, x: g / (x * (1 - x)))
_define("log_expit", lambda g, y, x: g * sp.expit(-x))


def _logarithm(g: Array, x: Array) -> Array:
    """g log x, and 0 where g and x are 0."""
    with np.errstate(divide="ignore"):
        return g * np.log(np.where((x == 0) & (g == 0), 1, x))


@differentiable(lambda g, y, a, b: quotient(g, a), lambda g, y, a, b: -quotient(g, b))
def log_ratio(a: Array, b: Array) -> Array:
    """log(a / b), whose slopes are 1 / a and -1 / b also where the ratio is 0 or infinite.

    >>> float(log_ratio(np.array(2.0), np.array(1.0)).round(6))
    0.693147
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(a / b)


def _log_ratio(g: Array, a: Array, b: Array) -> Array:
    """g log(a / b), and 0 where g is 0 and a is."""
    taken = (a != 0) | (g != 0)
    return g * log_ratio(np.where(taken, a, 1), np.where(taken, b, 1))


_define(
    "xlogy",
    lambda g, y, a, b: _logarithm(g, in_precision_of(y, b)),
    lambda g, y, a, b: quotient(g * a, b),
)
_define(
    "xlog1py",
    lambda g, y, a, b: _logarithm(g, 1 + in_precision_of(y, b)),
    lambda g, y, a, b: quotient(g * a, 1 + b),
)
_define("entr", lambda g, y, x: -_logarithm(g, x) - g)
_define(
    "rel_entr",
    lambda g, y, a, b: _log_ratio(g, a, b) + g,
    lambda g, y, a, b: -quotient(g * a, b),
)
_define(
    "kl_div",
    lambda g, y, a, b: _log_ratio(g, a, b),
    lambda g, y, a, b: g - quotient(g * a, b),
)
_define("huber", None, lambda g, y, delta, r: g * np.clip(r, -delta, delta))
_define("pseudo_huber", None, lambda g, y, delta, r: g * r / np.hypot(1, r / delta))

# Powers to which data are brought near to a normal distribution


def slope_of_exprel(x: Array) -> Array:
    """(exp(x) (x - 1) + 1) / x², by its series where that cancels."""
    near = np.absolute(x) < 1
    small, large = np.where(near, x, 0), np.where(near, 1, x)
    series: Any = 0.0
    for k in range(18, -1, -1):
        series = series * small + (k + 1) / math.factorial(k + 2)
    bounded = np.maximum(large, -1000)  # beyond, also at -inf, the exponential is 0
    return np.where(near, series, (np.exp(large) * (bounded - 1) + 1) / large**2)


def _slope_of_root(z: Array, power: Array) -> Array:
    """That of log(1 + power z) / power in the power, by its series where that cancels."""
    w = power * z
    near = np.absolute(w) < 0.1
    small, large = np.where(near, w, 0), np.where(near, 1, w)
    series: Any = 0.0
    for k in range(18, -1, -1):
        series = series * small + (-1) ** (k + 1) * (k + 1) / (k + 2)
    far = (large / (1 + large) - np.log1p(large)) / large**2
    return z * z * np.where(near, series, far)


def _by_power(logarithm: Array, power: Array) -> Array:
    """The slope of (exp(power logarithm) - 1) / power in the power."""
    of_zero = (logarithm == -np.inf) & (power > 0)  # which any of these powers leaves at 0
    finite = np.where(of_zero, 0, logarithm)
    slope = finite**2 * slope_of_exprel(power * finite)
    return np.where(of_zero, 1 / np.where(of_zero, power, 1) ** 2, slope)


_define("exprel", lambda g, y, x: g * slope_of_exprel(x))
_define(
    "boxcox",
    lambda g, y, x, power: g * x ** (power - 1.0),
    lambda g, y, x, power: g * _by_power(np.log(in_precision_of(y, x)), power),
)
_define(
    "boxcox1p",
    lambda g, y, x, power: g * (1.0 + x) ** (power - 1.0),
    lambda g, y, x, power: g * _by_power(np.log1p(in_precision_of(y, x)), power),
)
_define(
    "inv_boxcox",
    lambda g, y, z, power: g * y ** (1.0 - power),
    lambda g, y, z, power: g * y * _slope_of_root(z, power),
)
_define(
    "inv_boxcox1p",
    lambda g, y, z, power: g * (1.0 + y) ** (1.0 - power),
    lambda g, y, z, power: g * (1.0 + y) * _slope_of_root(z, power),
)

# Error functions, the normal distribution


def _slope_of_dawsn(x: Array, y: Array) -> Array:
    """1 - 2 x y, far out by the asymptotic series of Dawson's integral, as that cancels."""
    far = np.absolute(x) > 10
    ratio = (1 / np.where(far, x, 10)) ** 2 / 2
    series: Any = 1.0
    for k in range(16, 0, -1):
        series = 1 + (2 * k + 1) * ratio * series
    return np.where(far, -ratio * series, 1 - 2 * np.where(far, 0, x) * y)


def slope_of_erfcx(x: Array, y: Array) -> Array:
    """2 x y - 2 / sqrt(π), by its series in 1 / x² where that cancels."""
    far = x > 50
    square = np.where(far, x, 50) ** 2
    series = 1 - 3 / (2 * square) + 15 / (4 * square**2) - 105 / (8 * square**3)
    return np.where(far, -series / (math.sqrt(math.pi) * square), 2 * x * y - TWO_BY_ROOT_PI)


_define("erf", lambda g, y, x: g * TWO_BY_ROOT_PI * np.exp(-x * x))
_define("erfc", lambda g, y, x: -g * TWO_BY_ROOT_PI * np.exp(-x * x))
_define("erfcx", lambda g, y, x: g * slope_of_erfcx(x, y))
_define("erfi", lambda g, y, x: g * TWO_BY_ROOT_PI * np.exp(x * x))
_define("dawsn", lambda g, y, x: g * _slope_of_dawsn(x, y))
_define("erfinv", lambda g, y, x: g * np.exp(y * y) / TWO_BY_ROOT_PI)
_define("erfcinv", lambda g, y, x: -g * np.exp(y * y) / TWO_BY_ROOT_PI)
_define("ndtr", lambda g, y, x: g * density(x), limits=(0.0, 1.0))
_define("log_ndtr", lambda g, y, x: g * inverse_mills_ratio(x))
_define("ndtri", lambda g, y, x: g / density(y))

# Exponentials, powers and logarithms


def _lower_expn(y: Array, n: Array, x: Array) -> Array:
    """That of order n - 1, which SciPy does not have for n = 0."""
    n = np.trunc(n)
    lowest = n == 0
    below = sp.expn(np.where(lowest, 0.0, n - 1.0), x)
    return np.where(lowest, (np.exp(-x) + y) / x, below)


_define("exp2", lambda g, y, x: g * y * math.log(2))
_define("exp10", lambda g, y, x: g * y * math.log(10))
_define("expm1", lambda g, y, x: g * np.exp(x))
_define("log1p", lambda g, y, x: quotient(g, 1 + x))
_define("cosm1", lambda g, y, x: -g * np.sin(x))
_define("cbrt", lambda g, y, x: quotient(g, 3 * y * y))
_define("expi", lambda g, y, x: g * np.exp(x) / x)
_define("exp1", lambda g, y, x: -g * np.exp(-x) / x)
_define("expn", None, lambda g, y, n, x: -g * _lower_expn(y, n, x))

# Gamma and beta functions


def _polygamma_vjp(g: Array, y: Array, x: Array, n: int) -> Array:
    return g * polygamma(x, n + 1)


@differentiable(_polygamma_vjp)
def polygamma(x: Array, n: int) -> Array:
    """The n-th derivative of the digamma function.

    >>> float(polygamma(np.array(1.0), 1).round(6))
    1.644934
    """
    return np.asarray(sp.polygamma(n, x), x.dtype)[()]


def _slope_of_rgamma(x: Array, y: Array) -> Array:
    """-y ψ(x), by reflection where ψ has its poles: y is Γ(1 - x) sin(πx) / π."""
    left = x < 0.5
    mirrored, turn = np.where(left, 1 - x, 1), math.pi * np.remainder(np.where(left, x, 0), 2)
    reflected = np.cos(turn) - sp.psi(mirrored) * np.sin(turn) / math.pi
    right = np.where(left | (y == 0), 1, x)  # ψ is infinite where y is 0, at infinity
    return np.where(left, sp.gamma(mirrored) * reflected, -y * sp.psi(right))


def _is_pole(x: Array) -> Array:
    """Where Γ and ψ have poles."""
    x = plain(x)
    return (x <= 0) & (x == np.floor(x))


def _psi_step(x: Array, n: Array) -> Array:
    """ψ(x + n) - ψ(x); where both are poles, what it tends to from either side, by reflection."""
    both = _is_pole(x) & _is_pole(x + n)
    reflected = sp.psi(np.where(both, 1 - x - n, 1)) - sp.psi(np.where(both, 1 - x, 1))
    return np.where(
        both, reflected, sp.psi(np.where(both, 1, x + n)) - sp.psi(np.where(both, 1, x))
    )


def _slope_of_poch(y: Array, z: Array, m: Array) -> Array:
    """That of Γ(z + m) / Γ(z) in z, of which 1 / Γ(z) alone vanishes at a pole of Γ(z)."""
    alone = _is_pole(z) & ~_is_pole(z + m)
    end = np.where(alone, z + m, 1)
    start = np.where(alone, z, 1)
    at_zero = sp.gamma(end) * (
        sp.psi(end) * sp.rgamma(start) + _slope_of_rgamma(start, sp.rgamma(start))
    )
    return np.where(alone, at_zero, y * _psi_step(np.where(alone, 1, z), np.where(alone, 1, m)))


_define("psi", lambda g, y, x: g * polygamma(x, 1))
_define("gamma", lambda g, y, x: g * y * sp.psi(x))
_define("rgamma", lambda g, y, x: g * _slope_of_rgamma(x, y))
_define("gammaln", lambda g, y, x: g * sp.psi(x))
_define("loggamma", lambda g, y, x: g * sp.psi(x))
_define("gammasgn", lambda g, y, x: np.zeros_like(g))
_define(
    "beta",
    lambda g, y, a, b: -g * y * _psi_step(a, b),
    lambda g, y, a, b: -g * y * _psi_step(b, a),
)
_define(
    "betaln",
    lambda g, y, a, b: -g * _psi_step(a, b),
    lambda g, y, a, b: -g * _psi_step(b, a),
)
_define(
    "poch",
    lambda g, y, z, m: g * _slope_of_poch(y, z, m),
    lambda g, y, z, m: g * y * sp.psi(z + m),
)


def _density_of_gamma(y: Array, a: Array, x: Array) -> Array:
    """That of the gamma distribution, in the precision of y."""
    a = in_precision_of(y, a)
    logarithm = sp.xlogy(a - 1.0, np.where(x == np.inf, 1, x))  # finite where -x is not
    return np.exp(logarithm - x - sp.gammaln(a))


def _density_of_beta(y: Array, a: Array, b: Array, x: Array) -> Array:
    """That of the beta distribution, in the precision of y."""
    a, b = in_precision_of(y, a), in_precision_of(y, b)
    return np.exp(sp.xlogy(a - 1.0, x) + sp.xlog1py(b - 1.0, -x) - sp.betaln(a, b))


_define("gammainc", None, lambda g, y, a, x: g * _density_of_gamma(y, a, x))
_define("gammaincc", None, lambda g, y, a, x: -g * _density_of_gamma(y, a, x))
_define("gammaincinv", None, lambda g, y, a, p: g / _density_of_gamma(y, a, y))
_define("gammainccinv", None, lambda g, y, a, p: -g / _density_of_gamma(y, a, y))
_define("betaincc", None, None, lambda g, y, a, b, x: -g * _density_of_beta(y, a, b, x))
_define("betaincinv", None, None, lambda g, y, a, b, p: g / _density_of_beta(y, a, b, y))
_define("betainc", None, None, lambda g, y, a, b, x: g * _density_of_beta(y, a, b, x))

# Bessel functions


def _by_its_argument(y: Array, x: Array) -> Array:
    """i1e(x) / x, where x is small as what has a derivative that does not cancel."""
    near = np.absolute(x) < 1
    small = np.where(near, x, 0)
    of_small = (sp.i0(small) - sp.iv(2, small)) / 2 * np.exp(-np.absolute(small))
    return np.where(near, of_small, y / np.where(near, 1, x))


_define("i0", lambda g, y, x: g * sp.i1(x))
_define("i1", lambda g, y, x: g * (sp.i0(x) + sp.iv(2, x)) / 2)
_define("i0e", lambda g, y, x: g * (sp.i1e(x) - np.sign(x) * y))
_define("i1e", lambda g, y, x: g * (sp.i0e(x) - np.sign(x) * y - _by_its_argument(y, x)))
_define("k0", lambda g, y, x: -g * sp.k1(x))
_define("k1", lambda g, y, x: -g * (sp.k0(x) + y / x))
_define("k0e", lambda g, y, x: g * (y - sp.k1e(x)))
_define("k1e", lambda g, y, x: g * (y - sp.k0e(x) - y / x))
_define("j0", lambda g, y, x: -g * sp.j1(x))
_define("j1", lambda g, y, x: g * (sp.j0(x) - sp.jv(2, x)) / 2)
_define("y0", lambda g, y, x: -g * sp.y1(x))
_define("y1", lambda g, y, x: g * (sp.y0(x) - y / x))
_define("jv", None, lambda g, y, v, x: g * (sp.jv(v - 1.0, x) - sp.jv(v + 1.0, x)) / 2)
_define("yv", None, lambda g, y, v, x: g * (sp.yv(v - 1.0, x) - sp.yv(v + 1.0, x)) / 2)
_define("iv", None, lambda g, y, v, x: g * (sp.iv(v - 1.0, x) + sp.iv(v + 1.0, x)) / 2)
_define("kv", None, lambda g, y, v, x: -g * (sp.kv(v - 1.0, x) + sp.kv(v + 1.0, x)) / 2)


def _neighbours(function: Any, n: Array, x: Array) -> tuple[Array, Array]:
    """The function of orders n - 1 and n + 1, of n without its fraction, as SciPy takes it."""
    return function(np.trunc(n) - 1.0, x), function(np.trunc(n) + 1.0, x)


_define("yn", None, lambda g, y, n, x: g * np.subtract(*_neighbours(sp.yv, n, x)) / 2)
_define("kn", None, lambda g, y, n, x: -g * np.add(*_neighbours(sp.kv, n, x)) / 2)
_define(
    "ive",
    None,
    lambda g, y, v, x: g * ((sp.ive(v - 1.0, x) + sp.ive(v + 1.0, x)) / 2 - np.sign(x) * y),
)
_define("kve", None, lambda g, y, v, x: g * (y - (sp.kve(v - 1.0, x) + sp.kve(v + 1.0, x)) / 2))
