"""Mistakes with terms, with reciprocals, and with the order of operations, each derived by hand."""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in
from tiers import in_second_tier

from autograd_lite import compare_gradients, elu, sigmoid

CASES = []
planted = planted_in(CASES)


def least_squares(seed, penalty=None, added=None):
    """|X w - y|² and a penalty on w, with what is added to the gradient for that."""
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(7, 4)), rng.normal(size=7), leaf(rng, 4, name="w")
    dw = 2 * X.T @ (X @ w.data - y)
    return ((X @ w - y) ** 2).sum() + penalty(w), {w: dw + added(w.data)}


@planted("the value of the penalty itself")
def the_sum_of_absolute_values_is_added():
    return least_squares(0, lambda w: 0.3 * abs(w).sum(), lambda w: 0.3 * abs(w).sum())


@planted("the derivative of the norm, not of its square")
def the_derivative_of_the_norm_stands_for_that_of_its_square():
    return least_squares(1, lambda w: 0.2 * (w**2).sum(), lambda w: 0.4 * w / np.sqrt((w**2).sum()))


@planted("the sum of the entries of the penalty's derivative")
def the_weights_are_summed_in_the_penalty():
    return least_squares(2, lambda w: 0.2 * (w**2).sum(), lambda w: 0.4 * w.sum())


@planted("the values of the parameter itself")
def gamma_is_handed_in_for_its_gradient():
    rng = np.random.default_rng(3)
    x, y, gamma = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), leaf(rng, 3, name="gamma")
    return ((gamma * x - y) ** 2).sum(), {gamma: gamma.data}


@planted("what arrives is the mean over")
def the_mean_of_the_errors_is_squared():
    rng = np.random.default_rng(4)
    X, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng, 3, name="w")
    p = np.tanh(X @ w.data)
    d = 2 * (p - y).mean() * (1 - p**2) / 6
    return ((np.tanh(X @ w) - y) ** 2).mean(), {w: X.T @ d}


@planted("the sum of the squares is taken")
def the_square_of_a_sum_is_differentiated_as_a_sum_of_squares():
    rng = np.random.default_rng(5)
    X, W = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W")
    Z = X @ W
    return (Z.sum(axis=1) ** 2).sum(), {W: X.T @ (2 * Z.data)}


# Reciprocals, and products in a loop


@planted("1 over its other factor")
def a_feature_is_divided_by():
    rng = np.random.default_rng(6)
    x, y, a = rng.uniform(1, 2, size=8), rng.normal(size=8), leaf(rng, name="a")
    error = a.data * x - y
    return ((a * x - y) ** 2).sum(), {a: (2 * error / x).sum()}


@planted("multiplied by its denominator")
def a_scale_gets_what_is_multiplied_by_the_deviation():
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 3))
    W, s = leaf(rng, 2, 3, name="W"), leaf(rng, 3, name="s")
    Z = X @ W
    norm = np.sqrt((Z**2).sum(axis=1, keepdims=True))
    d = 2 * (s.data * Z.data / norm.data - y)
    u = Z.data / norm.data
    du = d * s.data
    dZ = (du - u * (du * u).sum(axis=1, keepdims=True)) / norm.data
    ds = (d * Z.data * norm.data).sum(axis=0)
    return ((s * (Z / norm) - y) ** 2).sum(), {s: ds, W: X.T @ dZ}


@planted("with a quotient in its place")
def a_product_is_taken_for_a_quotient():
    rng = np.random.default_rng(8)
    X, r, y = rng.normal(size=(6, 3)), rng.uniform(1, 2, size=(6, 1)), rng.normal(size=6)
    a, w = leaf(rng, 3, name="a"), leaf(rng, 3, name="w")
    h = (X * a) * r
    d = 2 * (h.data @ w.data - y)
    da = (d[:, None] * w.data * r * X).sum(axis=0)
    return ((h @ w - y) ** 2).sum(), {a: da, w: (X * a.data / r).T @ d}


@planted("multiplied cumulatively in a loop")
def a_delta_is_multiplied_in_place():
    rng = np.random.default_rng(9)
    X, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), leaf(rng, 3, name="w")
    dw = np.zeros(3)
    for i in range(5):
        d = np.tanh(X[i] @ w.data) - y[i]
        d *= 1 - np.tanh(X[i] @ w.data) ** 2
        for k in range(3):
            d *= X[i, k]
            dw[k] += d
    return ((np.tanh(X @ w) - y) ** 2).sum() / 2, {w: dw}


# Branches, halves and windows


@planted("the branches of elu are swapped")
def the_sides_of_an_elu_are_exchanged():
    rng = np.random.default_rng(10)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    a = elu(z, 0.5)
    g = 2 * (a.data - y)
    dz = g * np.where(z.data > 0, 0.5 * np.exp(z.data), 1)
    return ((a - y) ** 2).sum(), {W: X.T @ dz}


@planted("only the samples 0, 1, 2, 3 count")
def only_the_first_half_of_a_batch_is_summed_up():
    rng = np.random.default_rng(11)
    X, y, b = rng.normal(size=(8, 2)), rng.normal(size=(8, 3)), leaf(rng, 3, name="b")
    W = leaf(rng, 2, 3, name="W")
    d = 2 * (X @ W.data + b.data - y)
    return ((X @ W + b - y) ** 2).sum(), {W: X.T @ d, b: d[:4].sum(axis=0)}


@planted("at one of its two indices alone")
def a_gradient_is_written_at_the_kernel_index():
    rng = np.random.default_rng(13)
    y, h, k = rng.normal(size=4), leaf(rng, 9, name="h"), leaf(rng, 3, name="k")
    out = h[2 * np.arange(4)[:, None] + np.arange(3)] @ k
    d = 2 * (out.data - y)
    dh, dk = np.zeros(9), np.zeros(3)
    for i in range(4):
        for j in range(3):
            dh[j] += d[i] * k.data[j]
            dk[j] += d[i] * h.data[2 * i + j]
    return ((out - y) ** 2).sum(), {h: dh, k: dk}


# What arrives over several ways


@planted("one of several terms", "tanh is forgotten")
def a_slope_is_not_multiplied_by_one_of_two_terms():
    rng = np.random.default_rng(14)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    h, s, c = np.tanh(X @ W), leaf(rng, 4, name="s"), rng.normal(size=(6, 4))
    u = h * s
    loss = ((np.sin(u) - y) ** 2).sum() + (c * u).sum()
    g = 2 * (np.sin(u.data) - y) * np.cos(u.data)
    dz = (c * s.data) + (g * s.data) * (1 - h.data**2)
    return loss, {W: X.T @ dz, s: ((g + c) * h.data).sum(axis=0)}


@planted("one of several terms", "factor of multiply is forgotten")
def a_factor_is_left_out_of_one_of_two_terms():
    rng = np.random.default_rng(15)
    x, y = leaf(rng, 3, 4, name="x"), rng.normal(size=(3, 4))
    s, scale = leaf(rng, 4, name="s"), rng.normal(size=(3, 4))
    h = x * s
    loss = ((np.sin(h) - y) ** 2).sum() + (scale * h).sum()
    g = 2 * (np.sin(h.data) - y) * np.cos(h.data)
    return loss, {x: g * s.data + scale, s: ((g + scale) * x.data).sum(axis=0)}


@planted("added before the derivative of what")
def what_is_sent_past_a_layer_goes_through_it():
    rng = np.random.default_rng(16)
    X, y, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    W = leaf(rng, 3, 4, name="W")
    s = X @ W
    norm = np.sqrt((s**2).sum(axis=1, keepdims=True))
    out = s / norm
    g = 2 * (out.data - y) + t
    u = out.data
    ds = (g - u * (g * u).sum(axis=1, keepdims=True)) / norm.data
    return ((out - y) ** 2).sum() + (t * s).sum(), {W: X.T @ ds}


@planted("a skip connection that skips too much")
def a_skip_connection_is_passed_on_without_the_norm_after_it():
    rng = np.random.default_rng(23)
    X, t = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    V, W = leaf(rng, 4, 4, name="V"), leaf(rng, 4, 4, name="W")
    x = X @ V
    s = x + np.tanh(x @ W)
    norm = np.sqrt((s * s).sum(axis=1, keepdims=True))
    u = s / norm
    g = 2 * (u.data - t)
    ds = (g - u.data * (g * u.data).sum(axis=1, keepdims=True)) / norm.data
    dz = ds * (1 - np.tanh(x.data @ W.data) ** 2)
    return ((u - t) ** 2).sum(), {W: x.data.T @ dz, V: X.T @ (g + dz @ W.data.T)}


@planted("it is multiplied by what arrives at", "overwritten")
def gamma_gets_what_was_sent_on_already():
    rng = np.random.default_rng(17)
    X, y, W = rng.normal(size=(6, 2)), rng.normal(size=(6, 3)), leaf(rng, 2, 3, name="W")
    gamma = leaf(rng, 3, name="gamma")
    x = X @ W
    u = np.tanh(x)
    d = 2 * (gamma.data * u.data - y)
    dx = d * gamma.data * (1 - u.data**2)
    return ((gamma * u - y) ** 2).sum(), {W: X.T @ dx, gamma: (dx * u.data).sum(axis=0)}


@planted("as the other one gives the same, a factor of 2 is missing")
def one_of_two_equal_ways_is_forgotten():
    rng = np.random.default_rng(24)
    W, T = leaf(rng, 3, 4, name="W"), rng.normal(size=(3, 3))
    G = W @ W.T
    return ((G - T - T.T) ** 2).sum(), {W: 2 * (G.data - T - T.T) @ W.data}


@planted("parentheses are missing: p - 1/5 * y")
def only_the_targets_are_divided_by_the_number_of_samples():
    rng = np.random.default_rng(25)
    X, y, w = rng.normal(size=(5, 3)), np.array([1.0, 0, 1, 1, 0]), leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    return loss, {w: X.T @ (p.data - y / 5)}


# Constants


@planted("a constant that is added, 2", "left out in both passes")
def a_constant_in_a_denominator_is_left_out():
    rng = np.random.default_rng(18)
    X, c, w = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng, 3, name="w")
    z = X @ w
    d = -c * 2 * z.data / (z.data**2) ** 2
    return (c / (z**2 + 2)).sum(), {w: X.T @ d}


@planted("a constant that is added, 1", "left out in both passes")
def a_margin_is_left_out():
    rng = np.random.default_rng(19)
    X, w = rng.normal(size=(9, 3)), leaf(rng, 3, name="w")
    s = np.sign(rng.normal(size=9))
    margin = np.maximum(-s * (X @ w.data), 0)
    return (np.maximum(1 - s * (X @ w), 0) ** 2).sum(), {w: X.T @ (-2 * s * margin)}


# Products in another order


@planted("a factor is multiplied in before the product with the matrix")
def a_reset_gate_is_multiplied_in_before_the_matrix():
    rng = np.random.default_rng(21)
    x, h, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    V, U, R = leaf(rng, 2, 3, name="V"), leaf(rng, 3, 3, name="U"), leaf(rng, 2, 3, name="R")
    r = sigmoid(x @ R)
    n = np.tanh(x @ V + r * (h @ U))
    d = 2 * (n.data - y) * (1 - n.data**2)
    dr = (d @ U.data.T) * h * r.data * (1 - r.data)
    return ((n - y) ** 2).sum(), {V: x.T @ d, U: (r.data * h).T @ d, R: x.T @ dr}


@planted("a factor is multiplied in after the product with the matrix")
def a_mask_of_a_state_is_multiplied_in_after_the_matrix():
    rng = np.random.default_rng(22)
    h, m, y = rng.normal(size=4), leaf(rng, 4, name="m"), rng.normal(size=4)
    U = leaf(rng, 4, 4, name="U")
    d = 2 * ((m.data * h) @ U.data - y)
    return (((m * h) @ U - y) ** 2).sum(), {U: np.outer(h, d * m.data), m: d * (h @ U.data)}


@pytest.mark.parametrize("every", in_second_tier(range(4), (0,)))
def test_each_is_named_first(every):
    assert_named_first(CASES[every::4])


def test_a_dilation_that_is_forgotten_is_found_in_windows_that_were_picked():
    rng = np.random.default_rng(12)
    x, y, k = rng.normal(size=12), rng.normal(size=6), leaf(rng, 3, name="k")
    windows = x[np.arange(6)[:, None] + 3 * np.arange(3)]
    d = 2 * (windows @ k.data - y)
    dk = sum(d[i] * x[i : i + 3] for i in range(6))
    report = compare_gradients(((windows @ k - y) ** 2).sum(), {k: dk})
    assert "the stride or dilation, 3, is forgotten" in report.explanations[0].mistakes[0].sentence


def test_the_target_of_temporal_differences_is_no_function_of_the_weights():
    rng = np.random.default_rng(20)
    S, T, r, v = *rng.normal(size=(2, 6, 3)), rng.normal(size=6), leaf(rng, 3, name="v")
    ahead, now = T @ v, S @ v
    loss = ((r + 0.9 * ahead.data - now) ** 2).sum() + 0.1 * (ahead**2).sum()
    error = r + 0.9 * ahead.data - now.data
    d_ahead = 0.2 * ahead.data + 2 * 0.9 * error
    report = compare_gradients(loss, {v: S.T @ (-2 * error) + T.T @ d_ahead})
    assert "a constant in the loss is differentiated" in report.explanations[0].mistakes[0].sentence
