"""Formulas that people write for the derivative of a function, by function.

Each is a row: what is said to be the derivative, with a for the function's output and z for its
input, and how it is computed from both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural, special
from autograd_lite.derivatives.decompositions import log_of_determinant
from autograd_lite.derivatives.norms import p_norm
from autograd_lite.derivatives.reductions import expand
from autograd_lite.node import Array

Slope = Callable[[Any, Any], Any]
"""A derivative as a function of the output and of the input."""
Formulas = tuple[tuple[str, Slope], ...]

HALF = ", half of the product rule: a term is left out"
EXACT = ", where the function is the exact one"


def _slope_of_sigmoid_gelu(a: Any, z: Any) -> Any:
    s = neural.sigmoid(1.702 * z)
    return s + 1.702 * z * s * (1 - s)


def _slope_of_tanh_gelu(a: Any, z: Any) -> Any:
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)


def _normal_density(z: Any) -> Any:
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


FORMULAS: dict[Any, Formulas] = {
    neural.sigmoid: (
        ("a, without the factor 1 - a", lambda a, z: a),
        ("1 - a, without the factor a", lambda a, z: 1 - a),
        (
            "a * a, the square of the output: of log(sigmoid(z)) it is a, where 1 - a is right",
            lambda a, z: a * a,
        ),
        ("sigmoid(a), its output put in once more", lambda a, z: neural.sigmoid(a)),
        ("a * (1 + a)", lambda a, z: a * (1 + a)),
        ("a * (1 - z), with the input for one a", lambda a, z: a * (1 - z)),
        ("z * (1 - a), with the input for one a", lambda a, z: z * (1 - a)),
    ),
    np.tanh: (
        ("1 + a * a", lambda a, z: 1 + a * a),
        ("-a * a, without the 1", lambda a, z: -a * a),
        ("a * a, the square of the output", lambda a, z: a * a),
        ("1 - a, whose a is to be squared", lambda a, z: 1 - a),
        ("(1 - a) ** 2, and not 1 - a ** 2", lambda a, z: (1 - a) ** 2),
        ("1 - tanh(z ** 2), which is to be tanh(z) ** 2", lambda a, z: 1 - np.tanh(z * z)),
    ),
    neural.softplus: (
        ("exp(z), without the denominator", lambda a, z: np.exp(z)),
        ("sigmoid(-z)", lambda a, z: neural.sigmoid(-z)),
    ),
    neural.swish: (
        ("a + sigmoid(z), without the factor 1 - sigmoid(z)", lambda a, z: a + neural.sigmoid(z)),
        ("sigmoid(z) alone" + HALF, lambda a, z: neural.sigmoid(z)),
        (
            "z * sigmoid(z) * (1 - sigmoid(z)) alone" + HALF,
            lambda a, z: z * neural.sigmoid(z) * (1 - neural.sigmoid(z)),
        ),
    ),
    special.gelu: (
        ("the approximation with sigmoid(1.702 z)" + EXACT, _slope_of_sigmoid_gelu),
        ("the approximation with tanh" + EXACT, _slope_of_tanh_gelu),
        (
            "the normal distribution function alone" + HALF,
            lambda a, z: (1 + special.erf(z / math.sqrt(2))) / 2,
        ),
        ("z times the normal density alone" + HALF, lambda a, z: z * _normal_density(z)),
    ),
    np.exp: (
        ("z * exp(z - 1), as if z were the base", lambda a, z: z * np.exp(z - 1)),
        ("a * a: it is multiplied in twice, what arrives contains it already", lambda a, z: a * a),
    ),
    np.log: (("1 / z ** 2", lambda a, z: 1 / z**2),),
    np.log2: (("1 / z, without the logarithm of 2", lambda a, z: 1 / z),),
    np.log10: (("1 / z, without the logarithm of 10", lambda a, z: 1 / z),),
    np.exp2: (("2 ** z, without the logarithm of 2", lambda a, z: a),),
    np.log1p: (("1 / z, without the 1", lambda a, z: 1 / z),),
    np.sqrt: (
        ("half of the root, not one over twice the root", lambda a, z: a / 2),
        (
            "1 / (2 z): one over twice what is under the root, not over the root",
            lambda a, z: 0.5 / z,
        ),
        ("1 / 2: the division by the root is left out", lambda a, z: 0.5),
        ("z / 2: half of what is under the root, not one over twice the root", lambda a, z: z / 2),
    ),
    np.square: (("2 z ** 2: the exponent is not lowered", lambda a, z: 2 * a),),
    np.reciprocal: (("-1 / z, which is to be squared", lambda a, z: -a),),
    np.absolute: (
        ("2 z, that of a square", lambda a, z: 2 * z),
        ("0 where z is negative, and not -1", lambda a, z: z > 0),
        ("0 where z is positive, and not 1", lambda a, z: -1.0 * (z < 0)),
    ),
    np.cos: (("cos(z), the value itself, with a minus", lambda a, z: -a),),
    np.tan: (
        ("1 / cos(z), which is to be squared", lambda a, z: 1 / np.cos(z)),
        ("1 - tan(z) ** 2", lambda a, z: 1 - a * a),
    ),
    np.arctan: (("1 / (1 + z), whose z is to be squared", lambda a, z: 1 / (1 + z)),),
    np.arcsin: (("1 / (1 - z ** 2), without the root", lambda a, z: 1 / (1 - z * z)),),
    np.arccos: (("-1 / (1 - z ** 2), without the root", lambda a, z: -1 / (1 - z * z)),),
    special.erf: (
        ("the normal density exp(-z ** 2 / 2) / sqrt(2 pi)", lambda a, z: _normal_density(z)),
        ("exp(-z ** 2), without 2 / sqrt(pi)", lambda a, z: np.exp(-z * z)),
    ),
}


# Functions of two arguments, of vectors and of matrices: the whole vjp stands in a row


def of_sum(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """What arrives, to all entries that were reduced."""
    return expand(g, x.shape, axis, keepdims)


def of_mean(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """What arrives, in equal shares to all entries that were reduced."""
    return of_sum(g, y, x, axis, keepdims) * (np.size(y) / np.size(x))


def _of_norm(rule: Slope) -> Callable[..., Any]:
    def vjp(g: Any, y: Any, x: Any, p: float = 2, axis: Any = None, keepdims: bool = False) -> Any:
        return expand(g, x.shape, axis, keepdims) * rule(expand(y, x.shape, axis, keepdims), x)

    return vjp


def _not_centred(
    g: Array, y: Array, x: Array, axis: Any = None, *, keepdims: bool = False, **degrees: Any
) -> Array:
    degrees_lost = degrees.get("correction", degrees.get("ddof", 0)) or 0
    return expand(g, x.shape, axis, keepdims) * 2 * x / (x.size / y.size - degrees_lost)


def _of_matrix(g: Any, matrix: Any) -> Any:
    return g[..., None, None] * matrix


def _turned(matrix: Any) -> Any:
    return np.swapaxes(matrix, -1, -2)


def _from_the_end(g: Any, axis: Any) -> Any:
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


def _of_products(from_start: bool, undivided: bool) -> Callable[..., Any]:
    """A cumulative product's derivative: sums of g y over what comes after, over the entries."""

    def vjp(g: Any, y: Any, a: Any, axis: Any = None) -> Any:
        total = np.cumsum(g * y, axis) if from_start else _from_the_end(g * y, axis)
        return total.reshape(a.shape) / (1 if undivided else a)

    return vjp


IS = "the derivative of {operation} is taken to be "
IN = "in the derivative of {operation} "
ONE_SIDE = "both inverses are on one side of what arrives, as for numbers: one belongs on each side"
VJPS: dict[tuple[Any, int], tuple[tuple[str, Callable[..., Any]], ...]] = {
    (np.power, 0): (
        (
            IS + "n x ** n: the exponent n is not lowered, so that it is multiplied by {argument}",
            lambda g, y, x, n: g * n * y,
        ),
        (IS + "n, the exponent: {argument} is left out", lambda g, y, x, n: g * n),
        (
            IS + "n x: {argument} itself, and not a power of it, is multiplied by the exponent n",
            lambda g, y, x, n: g * n * x,
        ),
        (
            IS + "n x ** (n - 2): the exponent n is lowered by 2",
            lambda g, y, x, n: g * n * x ** np.where(n == 2, 1, n - 2),  # Nobody writes x ** 0.
        ),
    ),
    (np.power, 1): (
        (IN + "the logarithm of the base is forgotten", lambda g, y, x, n: g * y),
        (IN + "the power itself is forgotten", lambda g, y, x, n: g * np.log(x)),
        (IN + "it is that by the base, n x ** (n - 1)", lambda g, y, x, n: g * n * x ** (n - 1)),
    ),
    (np.divide, 0): (
        ("it is multiplied by the denominator, not divided by it", lambda g, y, a, b: g * b),
        (
            "the denominator is squared in the numerator's part of the quotient rule",
            lambda g, y, a, b: g / b / b,
        ),
    ),
    (np.divide, 1): (
        (IN + "the denominator is not squared", lambda g, y, a, b: -g * a / b),
        (IN + "the numerator is forgotten", lambda g, y, a, b: -g / b / b),
        (IN + "the denominator is forgotten", lambda g, y, a, b: -g * a),
    ),
    (p_norm, 0): (
        (IS + "the vector, not divided by the norm", _of_norm(lambda y, x: x)),
        (IS + "that of its square, twice the vector", _of_norm(lambda y, x: 2 * x)),
        (IS + "the vector over the square of the norm", _of_norm(lambda y, x: x / y / y)),
        (IS + "1 over the norm, without the vector", _of_norm(lambda y, x: 1 / y + 0 * x)),
    ),
    (np.linalg.inv, 0): (
        (IN + "its inverses are to be transposed", lambda g, y, x: -y @ g @ y),
        (IN + "one of its inverses is to be transposed", lambda g, y, x: -y @ g @ _turned(y)),
        (IN + "one of its inverses is to be transposed", lambda g, y, x: -_turned(y) @ g @ y),
        (IN + "it is that of a reciprocal, -1 / x ** 2", lambda g, y, x: -g / x / x),
        (IN + "one of the two inverses is left out", lambda g, y, x: -_turned(y) @ g),
        (IN + "one of the two inverses is left out", lambda g, y, x: -g @ _turned(y)),
        (IN + ONE_SIDE, lambda g, y, x: -_turned(y) @ _turned(y) @ g),
        (IN + ONE_SIDE, lambda g, y, x: -g @ _turned(y) @ _turned(y)),
    ),
    (log_of_determinant, 0): (
        (IN + "its inverse is to be transposed", lambda g, y, x: _of_matrix(g, np.linalg.inv(x))),
        (
            IS + "that of the determinant itself, which is not divided by it",
            lambda g, y, x: _of_matrix(g * np.exp(y), _turned(np.linalg.inv(x))),
        ),
        (
            IS + "one over each entry, where the inverse matrix belongs",
            lambda g, y, x: _of_matrix(g, 1 / x),
        ),
        (
            IS + "the transpose, where its inverse belongs",
            lambda g, y, x: _of_matrix(g, _turned(x)),
        ),
        (
            IS + "the matrix, where the inverse of its transpose belongs",
            lambda g, y, x: _of_matrix(g, x),
        ),
    ),
    (np.linalg.det, 0): (
        (
            IN + "its inverse is to be transposed",
            lambda g, y, x: _of_matrix(g * y, np.linalg.inv(x)),
        ),
        (
            IN + "the determinant itself is forgotten",
            lambda g, y, x: _of_matrix(g, _turned(np.linalg.inv(x))),
        ),
    ),
    (np.prod, 0): (
        (
            IS + "the product, not that of the others",
            lambda g, y, x, *axes, **k: of_sum(g * y, y, x, *axes, **k),
        ),
        (IS + "1, as that of a sum", of_sum),
    ),
    (np.var, 0): ((IN + "the mean is not subtracted", _not_centred),),
    (np.cumsum, 0): (
        (
            "the cumulative sum is taken from the start, where it is one from the end",
            lambda g, y, a, axis=None: np.cumsum(g, axis).reshape(a.shape),
        ),
        ("the derivative of {operation} is forgotten", lambda g, y, a, *axis, **k: g),
        (
            "an entry's own part is left out of the cumulative sum from the end",
            lambda g, y, a, axis=None: (
                g.sum(axis, keepdims=True) - np.cumsum(g, axis).reshape(a.shape)
            ),
        ),
    ),
    (np.cumprod, 0): (
        (IS + "the sum from the end without the division by the entry", _of_products(False, True)),
        (IS + "one of sums that start at the first entry", _of_products(True, False)),
        (IS + "that of the entry's own product alone", lambda g, y, a, axis=None: g * y / a),
        (
            IS + "that of a cumulative sum",
            lambda g, y, a, axis=None: _from_the_end(g, axis).reshape(a.shape),
        ),
    ),
    (np.tanh, 0): (
        ("parentheses are missing: g * 1 - a * a", lambda g, a, z: g - a * a),
        ("parentheses are missing: 1 - a * a * g", lambda g, a, z: 1 - a * a * g),
    ),
    (neural.sigmoid, 0): (
        ("parentheses are missing: g * a * 1 - a", lambda g, a, z: g * a - a),
        ("parentheses are missing: a * 1 - a * g", lambda g, a, z: a - a * g),
    ),
}
"""What is computed for what arrives, g, by function and argument; and how it is said."""
