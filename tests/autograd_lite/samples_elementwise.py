"""Sample inputs of the elementwise functions."""

import numpy as np
from sampling import binary, normal, positive, sample, unary

SAMPLES = {
    # Arithmetic
    np.add: binary(np.add),
    np.subtract: binary(np.subtract),
    np.multiply: binary(np.multiply),
    np.divide: binary(np.divide, right=positive),
    np.negative: unary(np.negative),
    np.positive: unary(np.positive),
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
    np.expm1: unary(np.expm1),
    np.log: unary(np.log, positive),
    np.log1p: unary(np.log1p, positive),
    np.tanh: unary(np.tanh),
    # Order
    np.absolute: [*unary(np.absolute), sample(np.absolute, [0.0, 1.0], kink=True)],
    np.maximum: [
        *binary(np.maximum),
        sample(np.maximum, [1.0, 2.0], [1.0, 3.0], kink=True),
        sample(lambda x: np.maximum(x, 0), [0.0, -1.0], kink=True),
    ],
    np.minimum: [
        *binary(np.minimum),
        sample(np.minimum, [1.0, 2.0], [1.0, 3.0], kink=True),
        sample(lambda x: np.minimum(0, x), [0.0, -1.0], kink=True),
    ],
}
