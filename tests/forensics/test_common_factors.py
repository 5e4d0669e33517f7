"""A factor on all ways, of an exponent or of a term; and what is no evidence on some data."""

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import Tensor, compare_gradients, elu, sigmoid

CASES = []
planted = planted_in(CASES)


@planted("the exponent 4 is multiplied in twice")
def an_exponent_is_multiplied_in_twice():
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(5, 2)), leaf(rng, 2, 4, name="W")
    Z = X @ W
    return (Z**4).sum(), {W: X.T @ (16 * Z.data**3)}


@planted("a factor of 4 is missing")
def the_four_of_pairwise_distances_is_missing():
    rng = np.random.default_rng(1)
    K, Y = rng.random((5, 5)), leaf(rng, 5, 3, name="Y")
    K = K + K.T
    D = ((Y[:, None] - Y[None]) ** 2).sum(axis=2)
    dY = np.array([(K[i][:, None] * (Y.data[i] - Y.data)).sum(axis=0) for i in range(5)])
    return (K * D).sum(), {Y: dY}


@planted("which subtract has given")
def an_error_multiplies_the_penalties_of_two_parameters_of_three():
    rng = np.random.default_rng(2)
    x, u, v, b = rng.normal(size=3), *(leaf(rng, 3, name=n) for n in "uv"), leaf(rng, name="b")
    error = u @ v + x @ v + b - 2.0
    loss = error**2 + 0.1 * ((u**2).sum() + (v**2).sum() + b**2)
    e = error.data
    du, dv = 2 * e * (v.data + 0.1 * u.data), 2 * e * (u.data + x + 0.1 * v.data)
    return loss, {u: du, v: dv, b: 2 * e + 0.2 * b.data}


@planted("the mask of elu is where what arrives is positive")
def an_elu_is_differentiated_at_what_arrives():
    rng = np.random.default_rng(3)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    a = elu(z)
    g = 2 * (a.data - y)
    return ((a - y) ** 2).sum(), {W: X.T @ (g * np.where(g > 0, 1, np.exp(g)))}


@planted("derivative of exp is taken to be z")
def an_exponential_less_one_is_no_elu_where_all_is_negative():
    rng = np.random.default_rng(4)
    x, a = rng.uniform(1, 2, size=5), Tensor(-0.7, requires_grad=True, name="a")
    e = np.exp(a * x)
    d = 2 * (e.data - 1) * a.data * x
    return ((e - 1) ** 2).sum(), {a: (d * x).sum()}


@planted("multiply is forgotten, and the sign is wrong")
def weights_are_forgotten_and_the_sign_is_wrong():
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=(7, 2)), rng.normal(size=7), leaf(rng, 2, name="w")
    weights = rng.uniform(1, 3, size=7)
    p = np.tanh(X @ w)
    d = -2 * (p.data - y) * (1 - p.data**2)
    return (weights * (p - y) ** 2).sum(), {w: X.T @ d}


def test_factors_and_masks_are_named_first():
    assert_named_first(CASES)


def said_of(loss, gradients):
    report = compare_gradients(loss, gradients)
    return "\n".join(map(str, report.explanations)) or report.pattern


def test_one_over_a_length_is_missing_only_where_something_is_divided_by_it():
    rng = np.random.default_rng(6)
    X, y, W = rng.normal(size=(5, 2)), rng.normal(size=(5, 3)), leaf(rng, 2, 3, name="W")
    error = X @ W - y
    d = 2 * error.data
    assert "1/3" not in said_of((error**2).sum(), {W: 3 * X.T @ d})
    assert "1/3 is missing" in said_of((error**2).sum() / 3, {W: X.T @ d})


def test_the_sign_of_what_is_positive_everywhere_is_not_named():
    rng = np.random.default_rng(7)
    X, w1, w2 = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="w1"), leaf(rng, 4, 1, name="w2")
    h = sigmoid(X @ w1)
    p = sigmoid(h @ w2)
    y = p.data - rng.uniform(0.1, 0.2, size=(6, 1))
    slope = p.data * (1 - p.data)
    d = 2 * (p.data - y) * slope
    d1 = slope @ w2.data.T * h.data * (1 - h.data)
    said = said_of(((p - y) ** 2).sum(), {w1: X.T @ d1, w2: h.data.T @ d})
    assert "np.sign" not in said
    assert "only the sign" not in said


def test_a_number_that_was_solved_for_is_no_momentum():
    rng = np.random.default_rng(8)
    x, w = rng.normal(size=(3, 4)), leaf(rng, 4, name="w")
    loss = sum((row @ w) ** 2 for row in x)
    parts = [2 * (row @ w.data) * row for row in x]
    odd = parts[0] + 1.618 * parts[1] + 1.618**2 * parts[2]
    assert "momentum" not in said_of(loss, {w: odd})
    even = parts[0] + 0.9 * parts[1] + 0.81 * parts[2]
    assert "momentum" in said_of(loss, {w: even})


def test_a_sum_of_the_data_that_is_divided_by_is_named():
    rng = np.random.default_rng(9)
    x, y = rng.uniform(1, 2, size=6), rng.normal(size=6)
    w, b = leaf(rng, name="w"), leaf(rng, name="b")
    error = w.data * x + b.data - y
    loss = ((w * x + b - y) ** 2).mean()
    dw, db = (error * x).sum(), error.sum()
    for words, by in (("the sum of x", x.sum()), ("the norm of x", np.sqrt((x**2).sum()))):
        report = compare_gradients(loss, {w: 2 * dw / by, b: 2 * db / by})
        assert f"{words}, where 6 is right" in str(report.explanations[0])


def test_a_factor_of_all_gradients_is_said_whatever_it_is():
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=6), rng.normal(size=6)
    w, b = leaf(rng, name="w"), leaf(rng, name="b")
    error = np.tanh(w.data * x + b.data) - y
    d = 0.3719 * error * (1 - np.tanh(w.data * x + b.data) ** 2)
    loss = ((np.tanh(w * x + b) - y) ** 2).sum() / 2
    said = said_of(loss, {w: (d * x).sum(), b: d.sum()})
    assert "every gradient is the right one times one number" in said
    assert "0.3719" in said
