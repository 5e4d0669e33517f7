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

Slope = Callable[[Any, Any], Any]
"""A derivative as a function of the output and of the input."""
Formulas = tuple[tuple[str, Slope], ...]

FORMULAS: dict[Any, Formulas] = {
    neural.sigmoid: (
        ("a, without the factor 1 - a", lambda a, z: a),
        ("1 - a, without the factor a", lambda a, z: 1 - a),
        ("a * a, the square of the output", lambda a, z: a * a),
        ("sigmoid(a), its output put in once more", lambda a, z: neural.sigmoid(a)),
        ("a * (1 + a)", lambda a, z: a * (1 + a)),
        ("a * (1 - z), with the input for one a", lambda a, z: a * (1 - z)),
        ("z * (1 - a), with the input for one a", lambda a, z: z * (1 - a)),
        ("exp(-z), without the denominator", lambda a, z: np.exp(-z)),
    ),
    np.tanh: (
        ("1 + a * a", lambda a, z: 1 + a * a),
        ("-a * a, without the 1", lambda a, z: -a * a),
        ("a * a, the square of the output", lambda a, z: a * a),
        ("1 - a, whose a is to be squared", lambda a, z: 1 - a),
        ("1 / cosh(z), which is to be squared", lambda a, z: 1 / np.cosh(z)),
        ("tanh(a), its output put in once more", lambda a, z: np.tanh(a)),
        ("(1 - a) ** 2", lambda a, z: (1 - a) ** 2),
        ("1 - tanh(z ** 2), which is to be tanh(z) ** 2", lambda a, z: 1 - np.tanh(z * z)),
        ("1 - a * z, with the input for one a", lambda a, z: 1 - a * z),
        ("1 / (1 + z * z), that of arctan", lambda a, z: 1 / (1 + z * z)),
    ),
    neural.softplus: (
        ("exp(z), without the denominator", lambda a, z: np.exp(z)),
        ("sigmoid(-z)", lambda a, z: neural.sigmoid(-z)),
    ),
    neural.swish: (
        (
            "sigmoid(z) alone, half of the product rule: a term is left out",
            lambda a, z: neural.sigmoid(z),
        ),
        (
            "z * sigmoid(z) * (1 - sigmoid(z)) alone, half of the product rule: a term is left out",
            lambda a, z: z * neural.sigmoid(z) * (1 - neural.sigmoid(z)),
        ),
        (
            "that of its sigmoid alone: the product rule is left out",
            lambda a, z: neural.sigmoid(z) * (1 - neural.sigmoid(z)),
        ),
        ("a + sigmoid(z)", lambda a, z: a + neural.sigmoid(z)),
    ),
    special.gelu: (
        (
            "the approximation with sigmoid(1.702 z), where the function is the exact one",
            lambda a, z: _slope_of_sigmoid_gelu(z),
        ),
        (
            "the approximation with tanh, where the function is the exact one",
            lambda a, z: _slope_of_tanh_gelu(z),
        ),
        (
            "the normal distribution function alone, half of the product rule: a term is left out",
            lambda a, z: (1 + special.erf(z / math.sqrt(2))) / 2,
        ),
        (
            "z times the normal density alone, half of the product rule: a term is left out",
            lambda a, z: z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
        ),
        ("sigmoid(1.702 z), an approximation's half", lambda a, z: neural.sigmoid(1.702 * z)),
        ("that of swish", lambda a, z: neural.sigmoid(z) * (1 + z * (1 - neural.sigmoid(z)))),
    ),
    np.exp: (
        ("z * exp(z - 1), as if z were the base", lambda a, z: z * np.exp(z - 1)),
        ("z * exp(z)", lambda a, z: z * a),
    ),
    np.log: (("1 / z ** 2", lambda a, z: 1 / z**2),),
    np.log2: (("1 / z, without the logarithm of 2", lambda a, z: 1 / z),),
    np.log10: (("1 / z, without the logarithm of 10", lambda a, z: 1 / z),),
    np.exp2: (("2 ** z, without the logarithm of 2", lambda a, z: a),),
    np.log1p: (("1 / z, without the 1", lambda a, z: 1 / z),),
    np.sqrt: (
        ("half of the root, not one over twice the root", lambda a, z: a / 2),
        ("1 / (2 z), without the root", lambda a, z: 1 / (2 * z)),
        ("1 / 2: it is not divided by the root", lambda a, z: 0.5 + 0 * z),
    ),
    np.square: (("2 z ** 2: the exponent is not lowered", lambda a, z: 2 * a),),
    np.reciprocal: (
        ("-1 / z, which is to be squared", lambda a, z: -a),
        ("log(z), its integral", lambda a, z: np.log(z)),
    ),
    np.absolute: (("2 z, that of a square", lambda a, z: 2 * z),),
    np.cos: (("cos(z), the value itself, with a minus", lambda a, z: -a),),
    np.tan: (
        ("1 / cos(z), which is to be squared", lambda a, z: 1 / np.cos(z)),
        ("1 - tan(z) ** 2", lambda a, z: 1 - a * a),
    ),
    np.arctan: (
        ("1 / (1 + z), whose z is to be squared", lambda a, z: 1 / (1 + z)),
        ("1 / (1 - z ** 2)", lambda a, z: 1 / (1 - z * z)),
        ("1 / (1 + a ** 2), at its output", lambda a, z: 1 / (1 + a * a)),
    ),
    np.arcsin: (("1 / (1 - z ** 2), without the root", lambda a, z: 1 / (1 - z * z)),),
    np.arccos: (("-1 / (1 - z ** 2), without the root", lambda a, z: -1 / (1 - z * z)),),
    special.erf: (
        (
            "the normal density exp(-z ** 2 / 2) / sqrt(2 pi)",
            lambda a, z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
        ),
        ("exp(-z ** 2), without 2 / sqrt(pi)", lambda a, z: np.exp(-z * z)),
    ),
}


def _slope_of_sigmoid_gelu(z: Any) -> Any:
    s = neural.sigmoid(1.702 * z)
    return s + 1.702 * z * s * (1 - s)


def _slope_of_tanh_gelu(z: Any) -> Any:
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)
