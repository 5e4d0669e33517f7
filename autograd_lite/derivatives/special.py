"""Special functions that NumPy lacks, in NumPy: the error function and the normal distribution.

The tail of the normal distribution is exp(-a² / 2) times a ratio of two polynomials, fitted to
within 3e-18 of it for a to 7 (3e-8 for single precision); from there on a continued fraction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from autograd_lite.node import Array
from autograd_lite.operation import ELEMENTWISE
from autograd_lite.precision import computed_by, in_floats
from autograd_lite.table import define, differentiable

BLOCK = 16384  # entries that are computed at a time, so that they stay in the processor's cache

NUMERATOR = [
    [0.5, 0.6516894968629985, 0.42462234646070307, 0.1736971753042859, 0.048110826988513086],
    [0.00918081878271034, 0.0011772602427196405, 9.300519599596011e-05, 3.4914442154734797e-06, 0],
]
DENOMINATOR = [
    [1.0, 2.101263554528863, 2.0258104412577165, 1.1790869678048077, 0.4579469702468612],
    [
        0.12352895536742922,
        0.02324605551498354,
        0.0029597044785093962,
        0.0002331294829582239,
        8.75175241670777e-06,
    ],
]
SINGLE = [
    [
        0.4999999862021223,
        0.31654926442879766,
        0.09590503495437366,
        0.011873287925284859,
        9.0458e-07,
    ],
    [1.0, 1.430981385183481, 0.8335850673251775, 0.23925451519398966, 0.029837974616920736],
]
ODD = [
    1.1283791670955126,
    -0.37612638903183543,
    0.1128379167094513,
    -0.026866170643256995,
    0.005223977607269946,
    -0.0008548325982543225,
    0.00012055295112667001,
    -1.4924740785377576e-05,
    1.6447471190594618e-06,
    -1.6208829856810202e-07,
    1.3721520406351094e-08,
    -7.798543850549947e-10,
]  # of erf(x) / x in powers of x², for |x| to 1


def in_blocks(function: Callable[[Array], Array], x: Array) -> Array:
    """A function of each entry, of so many at a time; float16 is computed in float32."""
    if x.dtype == np.float16:
        return function(x.astype(np.float32)).astype(x.dtype)
    if type(x) is not np.ndarray or x.size <= BLOCK:
        return function(x)
    flat, result = x.reshape(-1), np.empty(x.size, x.dtype)
    for start in range(0, x.size, BLOCK):
        part = slice(start, start + BLOCK)
        result[part] = function(flat[part])
    return result.reshape(x.shape)


def tail_ratio(a: Array) -> Array:
    """(1 - Φ(a)) exp(a² / 2) of a from 0 to 40, with the normal distribution function Φ."""
    square = a * a
    powers = np.stack([np.ones_like(a), a, square, square * a, square * square])
    if a.dtype == np.float32:
        above, below = np.tensordot(np.asarray(SINGLE, np.float32), powers, 1)
    else:
        fifth = square * square * a
        low, high = np.tensordot(np.asarray(NUMERATOR), powers, 1)
        above = low + high * fifth
        low, high = np.tensordot(np.asarray(DENOMINATOR), powers, 1)
        below = low + high * fifth
    ratio = above / below
    far = a > 7
    if type(a) is np.ndarray and not far.any():
        return ratio
    fraction = a
    for n in range(12, 0, -1):
        fraction = a + n / np.maximum(fraction, 1)
    return np.where(far, 1 / (np.maximum(fraction, 1) * math.sqrt(2 * math.pi)), ratio)


def upper_tail(a: Array) -> Array:
    """1 - Φ(a) of a >= 0."""
    a = np.minimum(a, 40)
    return tail_ratio(a) * np.exp(a * a / -2)


def _normal_cdf(x: Array) -> Array:
    tail = upper_tail(np.absolute(x))
    return np.where(x > 0, 1 - tail, tail)


def density(x: Array) -> Array:
    """exp(-x² / 2) / sqrt(2π), the density of the normal distribution."""
    x = np.clip(x, -40, 40)
    return np.exp(x * x / -2) / math.sqrt(2 * math.pi)


def _by_entry(function: Callable[[float], float], x: Array) -> Array:
    """A function of a number, of each entry."""
    return np.asarray(np.frompyfunc(function, 1, 1)(x)).astype(x.dtype)


@differentiable(lambda g, y, x: g * density(x), traits=ELEMENTWISE)
@in_floats
@computed_by(lambda x: in_blocks(_normal_cdf, x))
def normal_cdf(x: Array) -> Array:
    """Φ(x), the distribution function of the normal distribution, with relative precision.

    >>> normal_cdf(np.array([0.0, -10.0]))
    array([5.00000000e-01, 7.61985302e-24])
    """
    return _by_entry(math.erfc, x / -math.sqrt(2)) / 2


def _erf(x: Array) -> Array:
    size = np.absolute(x)
    inside, odd = np.minimum(size, 1), 0.0
    for coefficient in ODD[::-1]:
        odd = odd * (inside * inside) + coefficient
    outside = np.minimum(size, 28) * math.sqrt(2)
    large = 1 - 2 * tail_ratio(outside) * np.exp(-(np.minimum(size, 28) ** 2))
    return np.copysign(np.where(size < 1, inside * odd, large), x)


@differentiable(
    lambda g, y, x: g * (2 / math.sqrt(math.pi)) * np.exp(-np.square(np.clip(x, -28, 28))),
    traits=ELEMENTWISE,
)
@in_floats
@computed_by(lambda x: in_blocks(_erf, x))
def erf(x: Array) -> Array:
    """The error function, 2 / sqrt(π) times the integral of exp(-t²) from 0 to x.

    >>> erf(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.8427])
    """
    return _by_entry(math.erf, x)


# Bessel functions


@differentiable(lambda g, y, x: g * (np.i0(x) - _by(y, x)), traits=ELEMENTWISE)
@in_floats
def i1(x: Array) -> Array:
    """The modified Bessel function of the first kind, of order 1: the derivative of `np.i0`.

    It is the mean of sinh(x cos t) cos t over a quarter of a circle.

    >>> i1(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.565159])
    """
    cosines = np.cos((np.arange(96) + 0.5) * (math.pi / 192))
    return sum(np.sinh(x * float(c)) * float(c) for c in cosines) / 96


def _by(y: Array, x: Array) -> Array:
    """i1(x) / x, and its limit at 0."""
    return np.where(x == 0, 0.5, y / np.where(x == 0, 1, x))


define(np.i0, lambda g, y, x: g * i1(x), traits=ELEMENTWISE)
