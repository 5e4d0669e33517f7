"""Sample inputs of the elementwise functions."""

import numpy as np
from sampling import binary, normal, positive, sample, unary

MASK = np.array([True, False, True])


def fraction(*shape):
    """Numbers from -0.9 to 0.9."""
    return np.random.default_rng(len(shape)).uniform(-0.9, 0.9, shape)


def extremes(f):
    return [
        *binary(f),
        sample(f, [1.0, 2.0], [1.0, 3.0], kink=True),
        sample(lambda x: f(x, 0), [0.0, -1.0], kink=True),
        sample(lambda x: f(0, x), [0.0, -1.0], kink=True),
    ]


SAMPLES = {
    # Arithmetic
    np.add: binary(np.add),
    np.subtract: binary(np.subtract),
    np.multiply: binary(np.multiply),
    np.divide: binary(np.divide, right=positive),
    np.remainder: [
        sample(np.remainder, 3 * normal(2, 3), positive(3)),
        sample(lambda a: np.remainder(a, 0.7), normal(4)),
        sample(lambda b: np.remainder(5.3, b), [0.7, -1.3]),
        sample(np.mod, normal(), positive()),
    ],
    np.fmod: [
        sample(np.fmod, 3 * normal(2, 3), positive(3)),
        sample(lambda b: np.fmod(-5.3, b), [0.7, -1.3]),
    ],
    np.reciprocal: unary(np.reciprocal),
    np.cbrt: unary(np.cbrt),
    np.hypot: binary(np.hypot),
    np.float_power: binary(np.float_power, left=positive),
    np.negative: unary(np.negative),
    np.positive: unary(np.positive),
    np.conjugate: unary(np.conjugate),
    np.real: unary(np.real),
    np.real_if_close: unary(np.real_if_close),
    np.square: unary(np.square),
    np.sqrt: unary(np.sqrt, positive),
    np.power: [
        *binary(np.power, left=positive),
        *(sample(lambda x, n=n: x**n, normal(4)) for n in (0, 1, 2, 3, -1, -2, 2.0)),
        *(sample(lambda x, n=n: x**n, np.zeros(2)) for n in (0, 1, 2, 3)),
        sample(lambda x: x ** np.array([[0], [1], [2], [3]]), normal(1, 3)),
        sample(lambda x: 0.0**x, positive(3)),
        sample(lambda x: x**x, positive(3)),
    ],
    # Exponentials and logarithms
    np.exp: unary(np.exp),
    np.exp2: unary(np.exp2),
    np.expm1: unary(np.expm1),
    np.log: unary(np.log, positive),
    np.log2: unary(np.log2, positive),
    np.log10: unary(np.log10, positive),
    np.log1p: unary(np.log1p, positive),
    np.logaddexp: binary(np.logaddexp),
    np.logaddexp2: binary(np.logaddexp2),
    # Trigonometry
    np.sin: unary(np.sin),
    np.cos: unary(np.cos),
    np.tan: unary(np.tan, fraction),
    np.arcsin: unary(np.arcsin, fraction),
    np.arccos: unary(np.arccos, fraction),
    np.arctan: unary(np.arctan),
    np.arctan2: binary(np.arctan2),
    np.sinh: unary(np.sinh),
    np.cosh: unary(np.cosh),
    np.tanh: unary(np.tanh),
    np.arcsinh: unary(np.arcsinh),
    np.arccosh: unary(np.arccosh, lambda *shape: 1 + positive(*shape)),
    np.arctanh: unary(np.arctanh, fraction),
    np.sinc: [*unary(np.sinc), sample(np.sinc, [0.0, 1.0, -2.5])],
    np.deg2rad: unary(np.deg2rad),
    np.radians: unary(np.radians),
    np.rad2deg: unary(np.rad2deg),
    np.degrees: unary(np.degrees),
    # Order
    np.absolute: [*unary(np.absolute), sample(np.absolute, [0.0, 1.0], kink=True)],
    np.fabs: [*unary(np.fabs), sample(np.fabs, [0.0, 1.0], kink=True)],
    np.copysign: binary(np.copysign),
    **{f: extremes(f) for f in (np.maximum, np.minimum, np.fmax, np.fmin)},
    np.nan_to_num: [
        *unary(np.nan_to_num),
        sample(lambda x: np.nan_to_num(np.where(MASK, x, np.nan), nan=2.0), normal(3)),
        sample(lambda x: np.nan_to_num(np.where(MASK, x, np.inf), posinf=2.0), normal(3)),
    ],
    np.clip: [
        sample(lambda x: np.clip(x, -0.5, 0.5), normal(4)),
        sample(lambda x: np.clip(x, None, 0.5), normal(2, 3)),
        sample(lambda x: np.clip(x, a_min=0.1, a_max=None), normal(2, 3)),
        sample(
            lambda x, low, high: np.clip(x, low, high), normal(2, 3), fraction(3) - 1, fraction(1)
        ),
        sample(lambda x: np.clip(x, 0.0, 1.0), [0.0, 1.0], kink=True),
    ],
    np.full_like: [
        sample(lambda x: np.full_like(x, x[0]), normal(3)),
        sample(lambda x: np.full_like(x * 0, x.sum(), shape=(2, 2)), normal(3)),
    ],
    np.divmod: [
        sample(lambda a, b: np.add(*np.divmod(a, b)), 3 * normal(2, 3), positive(3)),
        sample(lambda a: np.divmod(a, 0.7)[1], normal(4)),
    ],
    np.modf: [sample(lambda x: np.modf(x)[0] - np.modf(x)[1], 3 * normal(2, 3))],
    np.ldexp: [
        sample(lambda x: np.ldexp(x, 3), normal(2, 3)),
        sample(lambda x: np.ldexp(x, np.array([[-1], [0]])), normal(3)),
    ],
    # Steps
    np.sign: unary(np.sign),
    np.floor: unary(np.floor),
    np.ceil: unary(np.ceil),
    np.rint: unary(np.rint),
    np.trunc: unary(np.trunc),
    np.angle: [*unary(np.angle), sample(lambda x: np.angle(x, deg=True), normal(3))],
    np.round: [*unary(np.round), sample(lambda x: np.round(x, 1), normal(3))],
    np.around: [*unary(np.around), sample(lambda x: np.around(x, 1), normal(3))],
    np.floor_divide: binary(np.floor_divide, right=positive),
    np.heaviside: [
        sample(np.heaviside, normal(2, 3), positive(3)),
        sample(lambda h: np.heaviside([0.0, 1.0, -1.0], h), positive(3)),
    ],
}
