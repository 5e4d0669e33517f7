"""Formulas for several functions together: powers of sums, reciprocals, layers that normalize.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in

from autograd_lite import compare_gradients

CASES = []
planted = planted_in(CASES)


# Roots and powers of what is computed


def root_of(seed, function, slope, inner=lambda z: 1 + z**2, inner_slope=lambda z: 2 * z):
    """function(inner(X w)) against targets, with `slope(c)` for the derivative of the function."""
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w")
    z = X @ w
    o = function(inner(z))
    c = inner(z.data)
    d = 2 * (o.data - y)
    return ((o - y) ** 2).sum(), {w: X.T @ (d * slope(c) * inner_slope(z.data))}


@planted("sqrt is taken to be z / 2")
def half_of_what_is_under_a_root():
    return root_of(0, np.sqrt, lambda c: c / 2)


@planted("power is taken to be n x")
def a_power_of_one_half():
    return root_of(1, lambda c: c**0.5, lambda c: c / 2, np.exp, np.exp)


@planted("power is taken to be n x")
def a_power_of_three_halves():
    return root_of(2, lambda c: c**1.5, lambda c: 1.5 * c)


@planted("sqrt is taken to be z / 2")
def the_root_of_a_mean():
    rng = np.random.default_rng(3)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w")
    r = X @ w - y
    c = (r**2).mean()
    return np.sqrt(c), {w: c.data / 2 * 2 * X.T @ r.data / 9}


def turned_round(seed, function, slope):
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w")
    z = X @ w
    o = function(z)
    return ((o - y) ** 2).sum(), {w: X.T @ (2 * (o.data - y) / slope(z.data))}


@planted("power, add, sqrt, is taken to be 1 over")
def one_over_the_derivative_of_a_root():
    return turned_round(4, lambda z: np.sqrt(1 + z**2), lambda z: z / np.sqrt(1 + z**2))


@planted("exp, add, log, is taken to be 1 over")
def one_over_the_derivative_of_a_logarithm():
    slope = lambda z: np.exp(z) / (2 + np.exp(z))
    return turned_round(5, lambda z: np.log(2 + np.exp(z)), slope)


@planted("is taken to be 1 over what it is")
def one_over_the_derivative_of_two_powers():
    slope = lambda z: 2 * z / 3 * (1 + z * z) ** (-2 / 3)
    return turned_round(6, lambda z: (1 + z * z) ** (1 / 3), slope)


# Layers that normalize, without gamma and something else

NORMALIZED = {
    "deviation": (
        "division by the deviation is left out",
        lambda g, h, s, m: g - m(g) - h * m(g * h),
    ),
    "constants": ("mean and variance of the batch are treated", lambda g, h, s, m: g / s),
    "variance": ("the variance of the batch is treated", lambda g, h, s, m: (g - m(g)) / s),
    "square": (
        "divided by the variance, not by its root",
        lambda g, h, s, m: (g - m(g) - h * m(g * h)) / s**2,
    ),
    "all": ("all is forgotten", lambda g, h, s, m: g),
}


@pytest.mark.parametrize("mistake", NORMALIZED)
@pytest.mark.parametrize(("axis", "written_out"), [(0, True), (1, True), (0, False), (1, False)])
def test_gamma_forgotten_with_another_term_is_named_together(axis, written_out, mistake):
    rng = np.random.default_rng(7)
    X, T = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
    W, gamma, beta = (
        leaf(rng, 3, 4, name="W"),
        leaf(rng, 4, name="gamma"),
        leaf(rng, 4, name="beta"),
    )
    mean = lambda a: a.mean(axis=axis, keepdims=True)
    x = X @ W
    centred = x - mean(x)
    variance = mean(centred**2) if written_out else x.var(axis=axis, keepdims=True)
    s = np.sqrt(variance + 1e-5)
    h = centred / s
    out = gamma * h + beta
    d = 2 * (out.data - T) / 8
    words, formula = NORMALIZED[mistake]
    dx = formula(d, h.data, s.data, mean)
    report = compare_gradients(
        ((out - T) ** 2).sum() / 8,
        {W: X.T @ dx, gamma: (d * h.data).sum(axis=0), beta: d.sum(axis=0)},
    )
    sentence = report.explanations[0].sentence
    assert words in sentence
    assert "gamma" in sentence.partition(".")[0]
    assert report.explanations[0].explained == ["W"]


def test_mistakes_are_named_first():
    assert_named_first(CASES)
