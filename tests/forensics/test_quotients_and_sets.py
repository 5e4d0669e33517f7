"""Quotients and divergences turned round, slopes between bounds, sets at risk, norms.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in
from tiers import in_second_tier

from autograd_lite import compare_gradients, elu, logsumexp, relu, sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def regression(seed, function, slope):
    """A layer and a function, with `slope(z, a, g)` for the derivative of that."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 4))
    W = leaf(rng, 3, 4, name="W")
    z = X @ W
    a = function(z)
    return ((a - y) ** 2).sum(), {W: X.T @ slope(z.data, a.data, 2 * (a.data - y))}


# Quotients, logarithms of ratios


@planted("numerator and denominator are exchanged")
def a_quotient_is_turned_round():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    a, b = leaf(rng, 3, name="a"), leaf(rng, 3, name="b", scale=0.3)
    u, v = X @ a, np.exp(X @ b)
    r = u / v
    d = 2 * (r.data - y)
    da, db = X.T @ (-d * v.data / u.data**2), X.T @ (d / u.data * v.data)
    return ((r - y) ** 2).sum(), {a: da, b: db}


@planted("the denominator is not squared")
def the_quotient_rule_divides_once():
    def slope(z, a, g):
        u, v = np.tanh(z), 1 + np.exp(z)
        return g * ((1 - u**2) * v - u * np.exp(z)) / v

    return regression(1, lambda z: np.tanh(z) / (1 + np.exp(z)), slope)


@planted("the numerator is taken before subtract: a mean is not subtracted")
def the_numerator_of_what_is_centred():
    rng = np.random.default_rng(31)
    X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 3, 4, name="V")
    z, s = X @ W, np.exp(X @ V)
    y = (z - z.mean(axis=0)) / s
    d = 2 * (y.data - T) / s.data
    return ((y - T) ** 2).sum(), {W: X.T @ (d - d.mean(axis=0)), V: X.T @ (-d * z.data)}


@planted("the divergence of the predictions from the targets")
def a_divergence_is_turned_round():
    rng = np.random.default_rng(2)
    X, p, W = rng.normal(size=(6, 3)), rng.dirichlet(np.ones(4), 6), leaf(rng, 3, 4, name="W")
    q = softmax(X @ W)
    dq = np.log(q.data / p) + 1
    dz = q.data * (dq - (q.data * dq).sum(axis=1, keepdims=True))
    return (p * np.log(p / q)).sum(), {W: X.T @ dz}


@planted("power is taken to be sign(z), that of the absolute value")
def squared_weights_as_absolute_ones():
    rng = np.random.default_rng(3)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w")
    loss = ((X @ w - y) ** 2).sum() + 0.3 * (w**2).sum()
    return loss, {w: 2 * X.T @ (X @ w.data - y) + 0.3 * np.sign(w.data)}


@planted("the root of", "which exp has given")
def the_deviation_stands_for_the_variance():
    rng = np.random.default_rng(4)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w")
    s = leaf(rng, name="s", scale=0.5)
    r, v = y - X @ w.data, np.exp(2 * s.data)
    loss = (s + (y - X @ w) ** 2 / (2 * np.exp(2 * s))).sum()
    return loss, {w: -X.T @ r / np.sqrt(v), s: (1 - r**2 / v).sum()}


# Slopes


def hard_sigmoid(z):
    return np.clip(0.2 * z + 0.5, 0, 1)


@planted("its input is between 0 and 1")
def a_mask_is_taken_of_the_input():
    return regression(5, hard_sigmoid, lambda z, a, g: g * 0.2 * ((z > 0) & (z < 1)))


@planted("that of sigmoid")
def a_smooth_slope_for_a_hard_one():
    smooth = lambda z: 1 / (1 + np.exp(-z))
    return regression(6, hard_sigmoid, lambda z, a, g: g * smooth(z) * (1 - smooth(z)))


@planted("exp(z) where z < 0, without alpha")
def alpha_of_elu():
    slope = lambda z, a, g: g * np.where(z > 0, 1, np.exp(z))
    return regression(7, lambda z: elu(z, 0.5), slope)


@planted("0.5 times as large")
def one_side_is_not_scaled():
    slope = lambda z, a, g: g * np.where(z > 0, 2.0, np.exp(z))
    return regression(8, lambda z: 2.0 * elu(z, 1.0), slope)


@planted("the derivative of the square is forgotten")
def the_inner_derivative_of_a_product_with_itself():
    return regression(9, lambda z: np.sqrt(1 + z * z), lambda z, a, g: g / (2 * a))


# The largest entries, orders


def ordered(seed, function, back):
    rng = np.random.default_rng(seed)
    X, w, c = rng.normal(size=(7, 3)), leaf(rng, 3, name="w"), rng.normal(size=7)
    x = X @ w
    y = function(x)
    c = c[: y.size]
    return (c * y**2).sum(), {w: X.T @ back(2 * c * y.data, x.data, y.data)}


@planted("that of a maximum")
def logsumexp_as_a_maximum():
    rng = np.random.default_rng(10)
    X, W, c = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W"), rng.normal(size=6)
    z = X @ W
    largest = z.data == z.data.max(axis=1, keepdims=True)
    return (c * logsumexp(z, axis=1)).sum(), {W: X.T @ (c[:, None] * largest)}


@planted("differentiated as a maximum")
def logsumexp_that_is_written_out_as_a_maximum():
    rng = np.random.default_rng(11)
    X, W, c = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W"), rng.normal(size=6)
    z = X @ W
    largest = z.data == z.data.max(axis=1, keepdims=True)
    return (c * np.log(np.exp(z).sum(axis=1))).sum(), {W: X.T @ (c[:, None] * largest)}


@planted("softmax stand for the mask of max")
def a_maximum_as_logsumexp():
    rng = np.random.default_rng(12)
    X, W, c = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W"), rng.normal(size=6)
    z = X @ W
    p = np.exp(z.data) / np.exp(z.data).sum(axis=1, keepdims=True)
    return (c * z.max(axis=1)).sum(), {W: X.T @ (c[:, None] * p)}


@planted("as in sorting")
def a_sort_is_done_again():
    return ordered(13, np.sort, lambda g, x, y: g[np.argsort(x)])


@planted("the same index is taken on the way back")
def an_index_is_applied_again():
    order = np.array([2, 0, 3, 1, 6, 4, 5])
    return ordered(14, lambda x: x[order], lambda g, x, y: g[order])


@planted("those from the start")
def the_padding_is_not_cut_off():
    return ordered(15, lambda x: np.pad(x, (2, 1))[:7], lambda g, x, y: np.append(g, [0] * 3)[:7])


@planted("without the division by the entry")
def a_cumulative_product():
    return ordered(16, np.cumprod, lambda g, x, y: np.cumsum((g * y)[::-1])[::-1])


# Sets, masks, channels, kernels


def partial_likelihood(seed, at_risk):
    """Cox's: each event's hazard over the sum of those at risk, `at_risk(i)`."""
    rng = np.random.default_rng(seed)
    X, events, w = rng.normal(size=(7, 3)), (0, 2, 3, 5), leaf(rng, 3, name="w", scale=0.5)
    eta = X @ w
    loss, g, hazard = 0, np.zeros(7), np.exp(eta.data)
    for i in events:
        loss = loss - (eta[i] - np.log(np.exp(eta[i:]).sum()))
        g[i] -= 1
        g[at_risk(i)] += hazard[at_risk(i)] / hazard[at_risk(i)].sum()
    return loss, {w: X.T @ g}


@planted("all entries from one later on")
def those_after_are_at_risk():
    return partial_likelihood(17, lambda i: slice(i + 1, None))


@planted("all entries, whatever the step")
def everybody_is_at_risk():
    return partial_likelihood(18, lambda i: slice(None))


@planted("those before, and not those after")
def those_before_are_at_risk():
    return partial_likelihood(19, lambda i: slice(0, i + 1))


@planted("the diagonal is left out of the pairs")
def nobody_meets_himself():
    rng = np.random.default_rng(20)
    X, near, w = rng.normal(size=(6, 3)), np.tril(np.ones((6, 6))), leaf(rng, 3, name="w")
    near[0] = 1
    others = near - np.eye(6)
    h = np.exp(X @ w)
    d = h.data * (others.T @ (1 / (others @ h.data)))
    return np.log(near @ h).sum(), {w: X.T @ d}


@planted("axes 0 and 1 of the other factor are exchanged")
def channels_are_exchanged():
    rng = np.random.default_rng(21)
    x, T = leaf(rng, 3, 6, name="x"), rng.normal(size=(3, 4))
    kernel = rng.normal(size=(3, 3, 3))
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
    out = np.einsum("cwk,ock->ow", windows, kernel)
    d, dx = 2 * (out.data - T), np.zeros((3, 6))
    for k in range(3):
        dx[:, k : k + 4] += kernel[:, :, k] @ d
    return ((out - T) ** 2).sum(), {x: dx}


@planted("another parameter, u")
def the_kernel_of_the_other_axis():
    rng = np.random.default_rng(22)
    image, T = rng.normal(size=(6, 6)), rng.normal(size=(4, 4))
    u, v = leaf(rng, 3, name="u"), leaf(rng, 3, name="v")
    rows = sum(u[i] * image[i : i + 4] for i in range(3))
    out = sum(v[j] * rows[:, j : j + 4] for j in range(3))
    d, drows = 2 * (out.data - T), np.zeros((4, 6))
    for j in range(3):
        drows[:, j : j + 4] += u.data[j] * d
    du = np.array([(drows * image[i : i + 4]).sum() for i in range(3)])
    dv = np.array([(d * rows.data[:, j : j + 4]).sum() for j in range(3)])
    return ((out - T) ** 2).sum(), {u: du, v: dv}


@planted("left out in the forward pass")
def a_temperature_is_left_out_of_the_probabilities():
    rng = np.random.default_rng(23)
    X, y, W = rng.normal(size=(6, 3)), np.eye(4)[rng.integers(4, size=6)], leaf(rng, 3, 4, name="W")
    p = softmax(X @ W / 2.5)
    q = np.exp(X @ W.data) / np.exp(X @ W.data).sum(axis=1, keepdims=True)
    return -(y * np.log(p)).sum(), {W: X.T @ (q - y) / 2.5}


# Norms


def unit_rows(seed, back, epsilon=0.0):
    rng = np.random.default_rng(seed)
    X, T, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    n = np.sqrt((z**2).sum(axis=1, keepdims=True) + epsilon)
    y = z / n
    g = 2 * (y.data - T)
    along = (g * y.data).sum(axis=1, keepdims=True)
    return ((y - T) ** 2).sum(), {W: X.T @ back(g, y.data, z.data, n.data, along)}


@planted("subtracted, not multiplied by y")
def the_projection_is_not_multiplied_by_the_unit_vector():
    return unit_rows(24, lambda g, y, z, n, along: (g - along) / n)


@planted("y is multiplied by g * y")
def the_projection_is_not_summed():
    return unit_rows(25, lambda g, y, z, n, along: g * (1 - y**2) / n)


@planted("the epsilon, 0.1, is left out")
def the_epsilon_of_a_norm():
    def back(g, y, z, n, along):
        bare = np.sqrt(n**2 - 0.1)
        return (g - y * along) / bare

    return unit_rows(26, back, epsilon=0.1)


# One sample at a time


@planted("sigmoid, written out, is taken to be a, without the factor 1 - a")
def a_sigmoid_that_is_written_out_for_one_sample_at_a_time():
    rng = np.random.default_rng(30)
    X, y, w = rng.normal(size=(5, 3)), rng.integers(2, size=5), leaf(rng, 3, name="w")
    loss, dw = 0, np.zeros(3)
    for x, t in zip(X, y):
        p = 1 / (1 + np.exp(-(w * x).sum()))
        loss = loss + (p - t) ** 2
        dw += 2 * (p.data - t) * p.data * x
    return loss, {w: dw}


def test_a_product_of_zeros_is_no_rectifier():
    rng = np.random.default_rng(31)
    X, y, W = rng.normal(size=(6, 3)), np.ones((6, 1)), leaf(rng, 3, 4, name="W")
    V = leaf(rng, 4, 1, name="V")
    a = relu(X @ W)
    p = sigmoid(a @ V)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    d = (p.data - y) / 6
    report = compare_gradients(loss, {W: X.T @ (d @ V.data.T), V: a.data.T @ d})
    assert "derivative of relu is forgotten" in report.explanations[0].sentence
    assert all("maximum" not in each.sentence for each in report.explanations)


@pytest.mark.parametrize("every", in_second_tier((3, 1), (3,)))
def test_each_planted_mistake_is_named_first(every):
    assert_named_first(CASES[::every])
