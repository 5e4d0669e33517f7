"""Rules for derivatives that are none: of a product, of a quotient, of functions of functions."""

import numpy as np
import pytest
from naming import leaf, said_first

from autograd_lite import Tensor, compare_gradients


def said_of(function, slope, seed=0):
    """What is said first of a function of vectors with a slope by hand."""
    rng = np.random.default_rng(seed)
    x = Tensor(rng.uniform(0.5, 2, size=8), requires_grad=True, name="x")
    c = rng.normal(size=8)
    return said_first((c * function(x)).sum(), {x: c * slope(x.data)})


INTO = "the inner derivative is put into"


@pytest.mark.parametrize(
    ("function", "slope", "words"),
    [
        (lambda x: np.sin(x**2), lambda x: np.cos(2 * x), f"{INTO} sin"),
        (lambda x: np.exp(x**2), lambda x: np.exp(2 * x), f"{INTO} exp"),
        (lambda x: np.sqrt(x**2 + x), lambda x: 0.5 / np.sqrt(2 * x + 1), "f'(g') for f'(g) g'"),
        (lambda x: np.sqrt(x**2 + x), lambda x: np.sqrt(2 * x + 1), "f(g') for f'(g) g'"),
        (lambda x: 1 / (1 + x**2), lambda x: 1 / (2 * x), f"{INTO} divide"),
        (lambda x: x**2 * np.sin(x), lambda x: 2 * x * np.cos(x), "the product of the derivatives"),
        (lambda x: x * np.log(x), lambda x: 1 / x, "the product of the derivatives"),
        (lambda x: (x - 1) ** 2 * (x + 2), lambda x: 2 * (x - 1), "the product of the derivatives"),
        (
            lambda x: np.sin(x) / x**2,
            lambda x: np.cos(x) / (2 * x),
            "the quotient of the derivatives",
        ),
    ],
)
def test_a_rule_that_is_none_is_said(function, slope, words):
    assert words in said_of(function, slope)


def test_in_a_network_the_rule_is_said_where_it_is_used():
    rng = np.random.default_rng(1)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    a = z * np.tanh(z)
    d = 2 * (a.data - y)
    said = said_first(((a - y) ** 2).sum(), {W: X.T @ (d * (1 - np.tanh(z.data) ** 2))})
    assert "the product of the derivatives stands for the derivative of the product" in said


@pytest.mark.parametrize(("function", "name"), [(np.deg2rad, "deg2rad"), (np.degrees, "degrees")])
def test_the_factor_of_other_units_is_missing(function, name):
    by = float(function(1.0))
    said = said_of(lambda x: np.sin(function(x)), lambda x: np.cos(by * x))
    assert f"the factor {by:.6g} of {name} is missing" in said


def test_a_factor_in_several_steps_of_one_name_is_said_of_all():
    rng = np.random.default_rng(2)
    X, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), leaf(rng, 3, name="w")
    loss, dw = 0, np.zeros(3)
    for x, t in zip(X, y):
        e = x @ w - t
        loss = loss + e**2 / 5
        dw = (dw + 2 * e.data * x) / 5
    assert "likewise in 3 other steps" in said_first(loss, {w: dw})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: np.maximum(g, 0), "its negative entries are left at 0"),
        (lambda g: g / abs(g).max(), "it is divided by the largest of its entries"),
    ],
)
def test_what_is_done_to_a_gradient_that_is_right_is_said(change, words):
    rng = np.random.default_rng(3)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    g = 2 * X.T @ (X @ W.data - y)
    assert words in said_first(((X @ W - y) ** 2).sum(), {W: change(g)})


def test_a_square_that_is_transposed_has_parentheses():
    rng = np.random.default_rng(4)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    d = 2 * (X @ W.data - y)
    report = compare_gradients(((X @ W - y) ** 2).sum(), {W: (X**2).T @ d})
    assert "(X ** 2).T @ " in str(report)
