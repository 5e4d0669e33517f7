"""Derivatives of the functions that treat each entry on its own.

In every rule g is the cotangent of the output, y the output, then come the arguments. At kinks
the table takes |x|'(0) = 0, and maximum and minimum share the cotangent equally at ties.
"""

from __future__ import annotations

import numpy as np

from autograd_lite.engine import Array
from autograd_lite.table import WITHOUT_DERIVATIVE, define


def quotient(g: Array, divisor: Array) -> Array:
    """g / divisor, and 0 where both are 0: a branch not taken lets no NaN through.

    >>> import numpy as np
    >>> quotient(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    array([0. , 0.5])
    """
    return g / (divisor + ((divisor == 0) & (g == 0)))


# Arithmetic
define(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
define(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
define(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
define(np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
define(np.negative, lambda g, y, x: -g)
define(np.positive, lambda g, y, x: g)
define(np.square, lambda g, y, x: g * 2 * x)
define(np.sqrt, lambda g, y, x: quotient(g, 2 * y))
define(
    np.power,
    lambda g, y, a, b: g * b * a ** (b - 1 + (b == 0)),
    lambda g, y, a, b: g * y * np.log(np.where(a == 0, 1, a)),
)

# Exponentials and logarithms
define(np.exp, lambda g, y, x: g * y)
define(np.expm1, lambda g, y, x: g * (y + 1))
define(np.log, lambda g, y, x: quotient(g, x))
define(np.log1p, lambda g, y, x: quotient(g, 1 + x))
define(np.tanh, lambda g, y, x: g * (1 - y * y))

# Order
define(np.absolute, lambda g, y, x: g * np.sign(x))
define(
    np.maximum,
    lambda g, y, a, b: (g * (a > b) + g * (a >= b)) / 2,
    lambda g, y, a, b: (g * (b > a) + g * (b >= a)) / 2,
)
define(
    np.minimum,
    lambda g, y, a, b: (g * (a < b) + g * (a <= b)) / 2,
    lambda g, y, a, b: (g * (b < a) + g * (b <= a)) / 2,
)

WITHOUT_DERIVATIVE |= {
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.isnan,
    np.isinf,
    np.isfinite,
    np.sign,
    np.argmax,
    np.argmin,
    np.argsort,
    np.zeros_like,
    np.ones_like,
    np.full_like,
    np.empty_like,
    np.shape,
    np.ndim,
    np.size,
    np.array_equal,
    np.allclose,
    np.isclose,
}
