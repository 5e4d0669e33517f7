"""Special functions that NumPy lacks, in NumPy: the error function and the normal distribution.

The tail of the normal distribution is exp(-a² / 2) times a ratio of two polynomials, fitted to
within 3e-18 of it for a to 7 (3e-8 for single precision); from there on a continued fraction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from autograd_lite.foreign import beside
from autograd_lite.node import Array
from autograd_lite.operation import ACTIVATION, ELEMENTWISE
from autograd_lite.precision import computed_by, in_floats
from autograd_lite.table import differentiable

BLOCK = 2**17  # bytes that are computed at a time, so that they stay in the processor's cache

# The coefficients of the numerator and of the denominator: of the powers 0 to 4, and of the next.
DOUBLE = np.array(
    [
        [0.5, 0.6516894968629985, 0.42462234646070307, 0.1736971753042859, 0.048110826988513086],
        [
            0.00918081878271034,
            0.0011772602427196405,
            9.300519599596011e-05,
            3.4914442154734797e-06,
            0.0,
        ],
        [1.0, 2.101263554528863, 2.0258104412577165, 1.1790869678048077, 0.4579469702468612],
        [
            0.12352895536742922,
            0.02324605551498354,
            0.0029597044785093962,
            0.0002331294829582239,
            8.75175241670777e-06,
        ],
    ]
)
SINGLE = np.array(
    [
        [0.49999999, 0.31654926, 0.095905035, 0.0118732879, 9.0457866e-07],
        [1.0, 1.43098139, 0.833585067, 0.239254515, 0.0298379746],
    ],
    np.float32,
)
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


def in_blocks(function: Callable[..., None], x: Array, count: int) -> list[Array]:
    """So many functions of the entries, of a block at a time; of float16 in float32."""
    if x.dtype == np.float16:
        wide = in_blocks(function, x.astype(np.float32), count)
        return [result.astype(x.dtype) for result in wide]
    flat, results = np.reshape(x, -1), [np.empty_like(x, shape=x.size) for _ in range(count)]
    size = BLOCK // x.itemsize
    # Made once: what is made for each block, the system takes back and gives again as zeros.
    rows = np.empty_like(x, shape=(9, min(x.size, size)))
    rows[0] = 1
    for start in range(0, x.size, size):
        part = flat[start : start + size]
        here = [result[start : start + size] for result in results]
        function(part, *here, rows[:, : part.size])
    return [result.reshape(x.shape)[()] for result in results]


def upper_tail(rows: Array) -> tuple[Array, Array, bool]:
    """1 - Φ(a) and exp(-a² / 2) of a >= 0, and whether some are far: beyond 7.

    Given are a row of ones, one of a, of which what is beyond 40 becomes 40, and seven for what is
    computed.
    """
    _, a, square, cube, fourth, *_ = rows
    any_far = not a.max() <= 7
    if any_far:
        far = a > 7
        np.minimum(a, 40, out=a)
    np.multiply(a, a, out=square)
    np.multiply(square, a, out=cube)
    np.multiply(square, square, out=fourth)
    coefficients = beside(SINGLE if a.dtype == np.float32 else DOUBLE, a)
    products = np.matmul(coefficients, rows[:5], out=rows[5 : 5 + len(coefficients)])
    if a.dtype == np.float32:
        tail, below = products
    else:
        tail, high_above, below, high_below = products
        fourth *= a
        high_above *= fourth
        tail += high_above
        high_below *= fourth
        below += high_below
    tail /= below
    if any_far:
        tail[far] = _continued_fraction(a[far])
    square *= -0.5
    falling = np.exp(square, out=square)
    tail *= falling
    return tail, falling, any_far


def _continued_fraction(a: Array) -> Array:
    """(1 - Φ(a)) exp(a² / 2) of a > 7, by Laplace."""
    fraction = a
    for n in range(12, 0, -1):
        fraction = a + n / fraction
    return 1 / (fraction * math.sqrt(2 * math.pi))


def _cdf(x: Array, rows: Array) -> tuple[Array, Array, Array]:
    """Φ(x), exp(-x² / 2), and x, of which what is beyond 40 is 40 with its sign."""
    np.absolute(x, out=rows[1])
    tail, falling, any_far = upper_tail(rows)
    above = np.greater(x, 0, out=rows[3], casting="unsafe")
    cdf = np.absolute(np.subtract(above, tail, out=tail), out=tail)
    return cdf, falling, np.clip(x, -40, 40) if any_far else x


def _normal_cdf(x: Array, result: Array, rows: Array) -> None:
    result[...], _, _ = _cdf(x, rows)


def _gelu_and_slope(x: Array, value: Array, slope: Array, rows: Array) -> None:
    cdf, falling, near = _cdf(x, rows)
    np.multiply(x if near is x else np.maximum(x, near), cdf, out=value)
    np.multiply(near, falling, out=slope)
    slope *= 1 / math.sqrt(2 * math.pi)
    slope += cdf


def density(x: Array) -> Array:
    """exp(-x² / 2) / sqrt(2π), the density of the normal distribution."""
    x = np.clip(x, -40, 40)
    return np.exp(x * x / -2) / math.sqrt(2 * math.pi)


def _by_entry(function: Callable[[float], float], x: Array) -> Array:
    """A function of a number, of each entry."""
    if x.ndim == 0:
        return x.dtype.type(function(x))
    entries = np.frompyfunc(function, 1, 1)(x)
    return entries.astype(x.dtype)  # type: ignore[attr-defined] # an array, as x is


@differentiable(lambda g, y, x: g * density(x), traits=ELEMENTWISE)
@in_floats
@computed_by(lambda x: in_blocks(_normal_cdf, x, 1)[0])
def normal_cdf(x: Array) -> Array:
    """Φ(x), the distribution function of the normal distribution, with relative precision.

    >>> normal_cdf(np.array([0.0, -10.0]))
    array([5.00000000e-01, 7.61985302e-24])
    """
    return _by_entry(math.erfc, x / -math.sqrt(2)) / 2


@differentiable(
    lambda g, y, x: g * (2 - np.square(np.clip(x, -40, 40))) * density(x), traits=ELEMENTWISE
)
@in_floats
@computed_by(lambda x: in_blocks(_gelu_and_slope, x, 2)[1])
def gelu_slope(x: Array) -> Array:
    """Φ(x) + x exp(-x² / 2) / sqrt(2π), the derivative of x Φ(x).

    >>> gelu_slope(np.array([0.0, -np.inf]))
    array([0.5, 0. ])
    """
    return normal_cdf(x) + x * density(x)


@differentiable(
    lambda g, y, x, slope=None: g * (gelu_slope(x) if slope is None else slope),
    residual=True,
    traits=ACTIVATION,
)
@in_floats
@computed_by(lambda x: in_blocks(_gelu_and_slope, x, 2))
def gelu(x: Array) -> Array:
    """x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel, 2016).

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return x * normal_cdf(x), None


def _erf(x: Array, odd: Array, rows: Array) -> None:
    size = np.absolute(x, out=rows[2])
    inside = np.minimum(size, 1, out=rows[3])
    square = np.multiply(inside, inside, out=rows[4])
    odd[...] = ODD[-1]
    for coefficient in ODD[-2::-1]:
        odd *= square
        odd += coefficient
    odd *= inside
    beyond = size >= 1
    count = np.count_nonzero(beyond)
    if count:
        np.multiply(size[beyond], math.sqrt(2), out=rows[1, :count])
        tail, _, _ = upper_tail(rows[:, :count])
        odd[beyond] = 1 - 2 * tail
    np.copysign(odd, x, out=odd)


@differentiable(
    lambda g, y, x: g * (2 / math.sqrt(math.pi)) * np.exp(-np.square(np.clip(x, -28, 28))),
    traits=ELEMENTWISE,
)
@in_floats
@computed_by(lambda x: in_blocks(_erf, x, 1)[0])
def erf(x: Array) -> Array:
    """The error function, 2 / sqrt(π) times the integral of exp(-t²) from 0 to x.

    >>> erf(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.8427])
    """
    return _by_entry(math.erf, x)
