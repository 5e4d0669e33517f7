"""Derivatives of the functions that treat each entry on its own.

In every rule g is the cotangent of the output, y the output, then come the arguments. At kinks
the table takes |x|'(0) = 0, and maximum and minimum share the cotangent equally at ties. A NaN that
maximum or minimum lets through gets the cotangent, as it does in `np.max`; two share it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.node import Array, Node, plain
from autograd_lite.operation import ELEMENTWISE, Traits
from autograd_lite.precision import in_64_bits, in_precision_of
from autograd_lite.table import composed, define, without_derivative


def curved(
    slope: Array, g: Any, y: Any, x: Any, spread: Callable[[Array], Array] | None = None
) -> Array:
    """A rule's g x / y, called slope, to be differentiated where y is 0, too.

    If g goes to 0 as y does, as it does for |x|² with y = |x|, the quotient g / y tends to the
    slope of g in y. That is no 0, for which the rule takes 0 / 0. Fourth derivatives are not exact.

    Args:
        spread: brings y's shape to that of x, where y is a reduced one.
    """
    # While a rule is traced its arrays are nodes, and no tensors: then it is of first derivatives.
    recorded = isinstance(g, Node.tensor_class) and g._requires_grad and isinstance(y, Node)
    if not recorded:
        return slope
    at_zero = plain(np.equal(y, 0))
    if not np.any(at_zero):
        return slope
    weights = at_zero.astype(y.dtype)
    slopes = [_slope(row, y, weights) for row in (g if g.ndim > y.ndim else [g])]
    if all(each is None for each in slopes):
        return slope
    limits = [weights * (0.0 if each is None else each) for each in slopes]
    limit = np.stack(limits) if g.ndim > y.ndim else limits[0]
    return slope + (spread(limit) if spread else limit) * x


def _slope(g: Any, y: Any, weights: Array) -> Any:
    """That of g in y and in what is computed as y is, entry by entry; None if g is not of these."""
    from autograd_lite.engine import backward_order
    from autograd_lite.pullback import Pullback

    same: list[Any] = [node for node in backward_order(g) if _alike(node, y)]
    return sum(Pullback([g], same).pull([weights])) if same else None


def _alike(a: Any, b: Any, depth: int = 6) -> bool:
    """Whether two nodes, or what they have for arguments, were computed from the same alike."""
    if a is b:
        return True
    if isinstance(a, Node):
        if not (depth and isinstance(b, Node) and a.operation is b.operation is not None):
            return False
        ours, theirs = (tuple(node.keywords.items()) for node in (a, b))
        return _alike((a.arguments, ours), (b.arguments, theirs), depth - 1)
    if isinstance(a, tuple):
        fits = isinstance(b, tuple) and len(a) == len(b)
        return fits and all(_alike(x, y, depth) for x, y in zip(a, b, strict=True))
    return isinstance(a, int | float | str) and type(a) is type(b) and a == b


POSITIVE = "Keep its argument above 0: add a small constant, or clip it"
SMALL = (
    "Keep its argument from growing: subtract the maximum before, or use logsumexp, log_softmax, "
    "sigmoid or softplus, which cannot overflow"
)
DIVISOR = "Keep the divisor away from 0"
LOGARITHM = Traits(logarithm=True, remedy=POSITIVE)
EXPONENTIAL = Traits(remedy=SMALL)


def quotient(g: Array, divisor: Array) -> Array:
    """g / divisor, and 0 where both are 0: a branch not taken lets no NaN through.

    >>> quotient(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    array([0. , 0.5])
    """
    return g / (divisor + ((divisor == 0) & (g == 0)))


def of_chosen(g: Array, wins: Array, ties: Array, nan: Array, other_nan: Array) -> Array:
    """g where an argument wins, half of it where it ties, 0 elsewhere.

    It wins by its NaN, too, or by the other's, which is given first; both are a tie.
    """
    wins, ties = wins | (nan & ~other_nan), ties | (nan & other_nan)
    return np.where(wins, g, np.where(ties, g / 2, 0))


def share(a: Array, b: Array, base: Any = math.e) -> Array:
    """The share of baseᵃ in baseᵃ + baseᵇ: half at ties, infinite ones too, and 0 of 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.where((a == b) & np.isinf(a), 0, b - a)
        ratio = 1 / (1 + (np.exp if base == math.e else np.exp2)(distance))
    return np.where(np.maximum(a, b) == -np.inf, 0, ratio)


def cosine(a: Array, b: Array, y: Array) -> Array:
    """a / y, of the y = hypot(a, b): 0 at 0, and its limit at infinity, on the diagonal of two."""
    endless = np.isinf(a)
    length = np.where(endless, np.sqrt(1.0 + np.isinf(b)), y + (y == 0))
    return (np.where(endless, np.copysign(1.0, a), a) / length).astype(y.dtype)


def slope_of_sinc(y: Array, x: Array) -> Array:
    """The derivative of sin(πx) / (πx), by its series where the quotient would cancel."""
    z = math.pi * x
    near = np.absolute(z) < 1
    square = np.where(near, z, 0) ** 2
    series = 0.0
    for n in range(9, 0, -1):
        series = series * square + (-1) ** n * 2 * n / math.factorial(2 * n + 1)
    quotient = (np.cos(z) - y) / np.where(near, 1, x)
    return np.where(near, math.pi * z * series, quotient)


def power_vjp_base(g: Array, y: Array, a: Array, b: Array) -> Array:
    """b aᵇ⁻¹, and 0 for b = 0 even where a is 0; for a root, as of `np.sqrt`, also where g is 0."""
    if type(b) in (int, float) and b:  # no number of NumPy's, which is followed into programs
        if 0 < b < 1:
            return quotient(g * b, a ** (1 - b))
        return g * b * (a if b == 2 else a ** (b - 1))
    at_zero = a == 0
    # Only there: where a is not 0, the derivative of this in b at 0 is that of b aᵇ⁻¹.
    unseen = at_zero & (g == 0) & (b > 0) & (b < 1)
    # 1.0, as 0 - 1 of unsigned numbers is the largest one.
    return g * b * np.where(unseen, 1, a) ** np.where((b == 0) & at_zero, 0, b - 1.0)


def power_vjp_exponent(g: Array, y: Array, a: Array, b: Array) -> Array:
    """aᵇ log a, and its limit 0 for a = 0."""
    base = in_64_bits(a) if type(a) is int else in_precision_of(y, a)
    return g * y * np.log(np.where(a == 0, 1, base))


# Arithmetic
define(
    np.add,
    lambda g, y, a, b: g,
    lambda g, y, a, b: g,
    traits=Traits(additive=True, commutative=True, masks=True),
)
define(
    np.subtract,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g,
    traits=Traits(additive=True),
)
define(
    np.multiply,
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a,
    traits=Traits(product=True, linear=(0, 1), commutative=True),
)
define(
    np.divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * y / b,
    traits=Traits(product=True, linear=(0,), remedy=DIVISOR),
)
define(np.remainder, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor_divide(a, b))
define(np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.rint((a - y) / b))
for power in (np.power, np.float_power):
    define(
        power,
        power_vjp_base,
        power_vjp_exponent,
        traits=Traits(remedy="Keep the base above 0, or the exponent small"),
    )
define(np.negative, lambda g, y, x: -g, traits=Traits(linear=(0,)))
for same in (np.positive, np.conjugate):
    define(same, lambda g, y, x: g, traits=Traits(linear=(0,)))
for real_part in (np.real, np.real_if_close):
    composed(real_part)(lambda val, **_: +val)
define(np.reciprocal, lambda g, y, x: -g * y * y, traits=Traits(remedy=DIVISOR))
define(np.square, lambda g, y, x: g * 2 * x)
define(
    np.sqrt,
    lambda g, y, x: curved(quotient(g, 2 * y), g, y, 0.5),
    traits=Traits(remedy=POSITIVE),
)
define(np.cbrt, lambda g, y, x: quotient(g, 3 * y * y))
define(
    np.hypot,
    lambda g, y, a, b: curved(g * cosine(a, b, y), g, y, a),
    lambda g, y, a, b: curved(g * cosine(b, a, y), g, y, b),
)

# Exponentials and logarithms
define(np.exp, lambda g, y, x: g * y, traits=EXPONENTIAL)
define(np.exp2, lambda g, y, x: g * y * math.log(2), traits=EXPONENTIAL)
define(np.expm1, lambda g, y, x: g * np.exp(x), traits=EXPONENTIAL)
define(np.log, lambda g, y, x: quotient(g, x), traits=LOGARITHM)
define(np.log2, lambda g, y, x: quotient(g / math.log(2), x), traits=LOGARITHM)
define(np.log10, lambda g, y, x: quotient(g / math.log(10), x), traits=LOGARITHM)
define(np.log1p, lambda g, y, x: quotient(g, 1 + x))
define(
    np.logaddexp,
    lambda g, y, a, b: g * share(a, b),
    lambda g, y, a, b: g * share(b, a),
)
define(
    np.logaddexp2,
    lambda g, y, a, b: g * share(a, b, 2),
    lambda g, y, a, b: g * share(b, a, 2),
)

# Trigonometry
define(np.sin, lambda g, y, x: g * np.cos(x))
define(np.cos, lambda g, y, x: -g * np.sin(x))
define(np.tan, lambda g, y, x: g * (1 + y * y))
define(np.arcsin, lambda g, y, x: quotient(g, np.sqrt((1 - x) * (1 + x))))
define(np.arccos, lambda g, y, x: -quotient(g, np.sqrt((1 - x) * (1 + x))))
define(np.arctan, lambda g, y, x: g / (1 + x * x))
define(
    np.arctan2,
    lambda g, y, a, b: quotient(g * cosine(b, a, np.hypot(a, b)), np.hypot(a, b)),
    lambda g, y, a, b: -quotient(g * cosine(a, b, np.hypot(a, b)), np.hypot(a, b)),
)
define(np.sinh, lambda g, y, x: g * np.cosh(x), traits=EXPONENTIAL)
define(np.cosh, lambda g, y, x: g * np.sinh(x), traits=EXPONENTIAL)
define(np.tanh, lambda g, y, x: g * (1 - y * y), traits=Traits(activation=True, limits=(-1.0, 1.0)))
define(np.arcsinh, lambda g, y, x: g / np.hypot(x, 1))
define(np.arccosh, lambda g, y, x: quotient(g, np.sqrt(x - 1) * np.sqrt(x + 1)))
define(np.arctanh, lambda g, y, x: quotient(g, (1 - x) * (1 + x)))
define(np.sinc, lambda g, y, x: g * slope_of_sinc(y, x))
for degrees_to_radians in (np.deg2rad, np.radians):
    define(degrees_to_radians, lambda g, y, x: g * (math.pi / 180), traits=Traits(linear=(0,)))
for radians_to_degrees in (np.rad2deg, np.degrees):
    define(radians_to_degrees, lambda g, y, x: g * (180 / math.pi), traits=Traits(linear=(0,)))

# Order
for absolute in (np.absolute, np.fabs):
    define(absolute, lambda g, y, x: curved(g * np.sign(x), g, y, x), traits=Traits(kink=True))
define(
    np.copysign,
    lambda g, y, a, b: g * np.sign(a) * np.where(np.signbit(b), -1, 1),
    lambda g, y, a, b: np.zeros_like(g),
)
EXTREMUM = Traits(extremum=True, commutative=True, masks=True)
for extremum, beats in ((np.maximum, np.greater), (np.minimum, np.less)):
    define(
        extremum,
        lambda g, y, a, b, beats=beats: of_chosen(g, beats(a, b), a == b, np.isnan(a), np.isnan(b)),
        lambda g, y, a, b, beats=beats: of_chosen(g, beats(b, a), a == b, np.isnan(b), np.isnan(a)),
        traits=EXTREMUM,
    )
for numeric, beats in ((np.fmax, np.greater), (np.fmin, np.less)):
    define(
        numeric,
        lambda g, y, a, b, beats=beats: of_chosen(g, beats(a, b), a == b, np.isnan(b), np.isnan(a)),
        lambda g, y, a, b, beats=beats: of_chosen(g, beats(b, a), a == b, np.isnan(a), np.isnan(b)),
        traits=EXTREMUM,
    )
define(
    np.nan_to_num,
    lambda g, y, x, **_: np.where(np.isfinite(x), g, 0),
    compute=lambda x, *, nan=0.0, posinf=None, neginf=None: np.nan_to_num(
        x, True, nan, posinf, neginf
    ),
    traits=ELEMENTWISE,
)

composed(np.divmod)(lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)))


@composed(np.modf)
def modf(x: Array) -> tuple[Array, Array]:
    """What is behind the point, which is nothing of infinity, and what is before it."""
    return np.fmod(np.where(np.isinf(x), np.copysign(0.0, x), x), 1), np.trunc(x)


define(np.ldexp, lambda g, y, x, exponent: np.ldexp(g, exponent), None)


@composed(np.clip)
def clip(a: Array, a_min: Array = None, a_max: Array = None, **bounds: Array) -> Array:
    """`np.clip`: bounds by position, or as min and max."""
    low, high = bounds.pop("min", a_min), bounds.pop("max", a_max)
    if bounds:
        raise TypeError(f"clip() got an unexpected keyword argument {next(iter(bounds))!r}")
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


@composed(np.full_like)
def full_like(a: Array, fill_value: Array, **keywords: Any) -> Array:
    """A plain array for a plain value; a tensor is broadcast, and keeps its gradient."""
    plain = np.full_like(np.zeros(a.shape, a.dtype), 0, **keywords)
    if hasattr(fill_value, "requires_grad"):
        return np.broadcast_to(fill_value.astype(plain.dtype, copy=False), plain.shape)
    return np.full_like(plain, fill_value)


# Steps, whose derivative is 0 wherever they have one
for step in (np.sign, np.floor, np.ceil, np.rint, np.trunc):
    define(step, lambda g, y, x: np.zeros_like(g))
define(np.round, lambda g, y, x, decimals=0: np.zeros_like(g), traits=ELEMENTWISE)
composed(np.around)(lambda a, decimals=0: np.round(a, decimals))
define(np.angle, lambda g, y, z, *_, **__: np.zeros_like(g), traits=ELEMENTWISE)
define(np.floor_divide, lambda g, y, a, b: np.zeros_like(g), lambda g, y, a, b: np.zeros_like(g))
define(np.heaviside, lambda g, y, x, h: np.zeros_like(g), lambda g, y, x, h: g * (x == 0))

without_derivative(
    "equal not_equal less less_equal greater greater_equal logical_and logical_or "
    "logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert isnan isinf isfinite "
    "isposinf isneginf signbit array_equal allclose isclose argmax argmin argsort zeros_like "
    "ones_like empty_like shape ndim size imag isreal iscomplex array_equiv array2string "
    "array_repr array_str savetxt save savez savez_compressed ix_"
)
