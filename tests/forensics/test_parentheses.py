"""Parentheses that are missing: a factor of p - y that stands at one of its terms."""

import numpy as np
import pytest
from naming import leaf, said_first

from autograd_lite import compare_gradients, sigmoid, softmax


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (lambda p, y: (2 * p - y) / 7, "2 * p - y"),
        (lambda p, y: (p - 2 * y) / 7, "p - 2 * y"),
        (lambda p, y: 2 * (p - y / 7), "p - 1/7 * y"),
        (lambda p, y: 2 * (p / 7 - y), "1/7 * p - y"),
        (lambda p, y: p - y * 2 / 7, "p - 0.285714 * y"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_at_one_term_of_an_error_is_named(delta, words, sign):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=7)
    w, b = leaf(rng, 3, name="w"), leaf(rng, name="b")
    p = X @ w + b
    loss = ((p - y) ** 2).mean() if sign == 1 else ((y - p) ** 2).mean()
    d = delta(p.data, y)
    said = said_first(loss, {w: X.T @ d, b: d.sum()})
    assert "parentheses are missing" in said
    assert words in said


@pytest.mark.parametrize(
    ("activation", "slope"), [(sigmoid, lambda a: a * (1 - a)), (np.tanh, lambda a: 1 - a * a)]
)
def test_a_derivative_at_one_term_of_an_error_is_named(activation, slope):
    rng = np.random.default_rng(1)
    X, y, W = rng.normal(size=(6, 3)), rng.random((6, 2)), leaf(rng, 3, 2, name="W")
    p = activation(X @ W)
    loss, a = ((p - y) ** 2).sum() / 2, p.data
    assert "p - the derivative * y" in said_first(loss, {W: X.T @ (a - y * slope(a))})
    assert "the derivative * p - y" in said_first(loss, {W: X.T @ (slope(a) * a - y)})


def test_a_division_of_the_labels_alone_is_named():
    rng = np.random.default_rng(2)
    X, Y, W = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(3, size=9)], leaf(rng, 4, 3, name="W")
    p = softmax(X @ W, axis=1)
    said = said_first(-(Y * np.log(p)).sum() / 9, {W: X.T @ (p.data - Y / 9)})
    assert "parentheses are missing: p - 1/9 * y" in said


def test_targets_that_are_subtracted_from_the_product_are_named():
    rng = np.random.default_rng(3)
    X, y, w, b = (
        rng.normal(size=(5, 5)),
        rng.normal(size=5),
        leaf(rng, 5, name="w"),
        leaf(rng, name="b"),
    )
    error = X @ w.data + b.data - y
    loss = ((X @ w + b - y) ** 2).sum() / 2
    said = said_first(loss, {w: X.T @ (error + y) - y, b: error.sum()})
    assert "X.T @ p - y" in said


@pytest.mark.parametrize("beside", ["entropy", "divergence"])
def test_one_of_two_terms_without_the_sum_of_softmax_is_named(beside):
    rng = np.random.default_rng(4)
    X, t, W = rng.normal(size=(6, 3)), rng.integers(4, size=6), leaf(rng, 3, 4, name="W")
    prior = softmax(rng.normal(size=(6, 4)), axis=1)
    p = softmax(X @ W, axis=1)
    likelihood = -np.log(p[np.arange(6), t]).sum()
    less = np.log(p) - np.log(prior) if beside == "divergence" else np.log(p)
    d = p.data - np.eye(4)[t] + 0.3 * p.data * less.data
    said = said_first(likelihood + 0.3 * (p * less).sum(), {W: X.T @ d})
    assert "the subtracted sum is left out" in said
    assert "one of several terms" in said


@pytest.mark.parametrize("by", [1, 2])
def test_weights_of_samples_at_one_term_of_an_error_are_named(by):
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=(8, 3)), rng.normal(size=8), leaf(rng, 3, name="w")
    weights = rng.random(8) + 0.5
    p = X @ w
    delta = by * weights * p.data - y if by == 2 else 2 * (weights * p.data - y)
    said = said_first((weights * (p - y) ** 2).mean(), {w: X.T @ delta / 8})
    assert "the weights * p - y" in said


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_factor_where_all_targets_are_0_is_no_parenthesis_that_is_missing(factor):
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(6, 3)), np.zeros(6), leaf(rng, 3, name="w")
    r = X @ w - y
    report = compare_gradients((r**2).sum(), {w: factor * 2 * X.T @ r.data})
    assert report.explanations[0].mistakes[0].kind == "factor"
    assert "parentheses are missing" not in str(report)
