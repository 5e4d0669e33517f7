"""Mistakes that show in what a reduction, a mean or a loop gives back, each derived by hand."""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in
from tiers import in_second_tier

import nn
from autograd_lite import Tensor, elu, log_softmax, sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def pooled(pool, give_back):
    """Images after tanh, pooled; `give_back(g, h)` takes what arrives to the entries of h."""
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(2, 1, 4, 4)), leaf(rng, 1, 1, 4, 4, name="c")
    h = np.tanh(x + c)
    p = pool(h)
    y = rng.normal(size=p.shape)
    dh = give_back(2 * (p.data - y), h.data)
    return ((p - y) ** 2).sum(), {c: (dh * (1 - h.data**2)).sum(axis=0, keepdims=True)}


def spread(g):
    return g.repeat(2, axis=2).repeat(2, axis=3)


def at_first(g, h):
    dh = np.zeros_like(h)
    dh[:, :, ::2, ::2] = g
    return dh


@planted("max_pool", "from a sum")
def a_maximum_of_windows_gives_to_all_entries():
    return pooled(nn.MaxPool(2), lambda g, h: spread(g))


@planted("max_pool", "as a mean")
def a_maximum_of_windows_gives_equal_shares():
    return pooled(nn.MaxPool(2), lambda g, h: spread(g) / 4)


@planted("max_pool", "first entry")
def a_maximum_of_windows_gives_to_the_first_entry():
    return pooled(nn.MaxPool(2), at_first)


@planted("average_pool", "first entry")
def a_mean_of_windows_gives_to_the_first_entry():
    return pooled(nn.AvgPool(2), at_first)


@planted("average_pool", "as a maximum")
def a_mean_of_windows_gives_to_the_largest_entry():
    def give_back(g, h):
        windows = h.reshape(2, 1, 2, 2, 2, 2)
        return spread(g) * (h == spread(windows.max(axis=(3, 5))))

    return pooled(nn.AvgPool(2), give_back)


@planted("overlap", "overwritten")
def overlapping_maxima_are_assigned():
    def give_back(g, h):
        dh = np.zeros_like(h)
        for n, i, j in np.ndindex(2, 3, 3):
            window = h[n, 0, i : i + 2, j : j + 2]
            k, m = np.unravel_index(window.argmax(), (2, 2))
            dh[n, 0, i + k, j + m] = g[n, 0, i, j]
        return dh

    return pooled(nn.MaxPool(2, stride=1), give_back)


@planted("samples 3, 4, 5 count")
def only_the_last_batch_counts():
    rng = np.random.default_rng(1)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), leaf(rng, 3, 2, name="W")
    p = np.tanh(X @ W)
    d = 2 * (p.data - y) * (1 - p.data**2)
    return ((p - y) ** 2).sum(), {W: X[3:].T @ d[3:]}


@planted("mean", "axis 1, the wrong one")
def a_mean_that_is_subtracted_is_taken_over_the_other_axis():
    rng = np.random.default_rng(2)
    X, y, W = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), leaf(rng, 3, 4, name="W")
    Z = X @ W
    C = Z - Z.mean(axis=0)
    d = 2 * (C.data - y)
    return ((C - y) ** 2).sum(), {W: X.T @ (d - d.mean(axis=1, keepdims=True))}


@planted("standardize", "axis 0, the wrong one")
def a_layer_normalization_is_derived_over_the_batch():
    rng = np.random.default_rng(3)
    x, y = leaf(rng, 6, 4, name="x"), rng.normal(size=(6, 4))
    h = nn.LayerNorm(4)(x)
    d, h_, s = 2 * (h.data - y), h.data, np.sqrt(x.data.var(axis=1, keepdims=True) + 1e-5)
    return ((h - y) ** 2).sum(), {x: (d - d.mean(axis=0) - h_ * (d * h_).mean(axis=0)) / s}


@planted("not carried back")
def a_state_is_not_carried_back():
    r, K = Tensor(0.9, requires_grad=True, name="r"), Tensor(2.0, requires_grad=True, name="K")
    y, before, loss, dr, dK = 0.3, 0.3, 0.0, 0.0, 0.0
    for target in (0.5, 0.9, 1.2, 1.6):
        y = y + 0.3 * r * y * (1 - y / K)
        loss = loss + (y - target) ** 2
        error = 2 * (y.item() - target)
        dr += error * 0.3 * before * (1 - before / 2)
        dK += error * 0.3 * 0.9 * before**2 / 4
        before = y.item()
    return loss, {r: dr, K: dK}


@planted("elu", "alpha = 1")
def the_slope_of_elu_is_that_of_another_alpha():
    rng = np.random.default_rng(4)
    X, y, W = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), leaf(rng, 3, 2, name="W")
    z = X @ W
    a = elu(z, 0.5)
    slope = np.where(z.data > 0, 1, a.data + 1)
    return ((a - y) ** 2).sum(), {W: X.T @ (2 * (a.data - y) * slope)}


@planted("mask", "both passes")
def entries_without_a_rating_are_not_masked():
    rng = np.random.default_rng(5)
    M, rated = rng.normal(size=(5, 4)), (rng.random((5, 4)) < 0.6).astype(float)
    U, V = leaf(rng, 5, 2, name="U"), leaf(rng, 4, 2, name="V")
    E = rated * (U @ V.T - M)
    error = U.data @ V.data.T - M
    return (E**2).sum(), {U: 2 * error @ V.data, V: 2 * error.T @ U.data}


@planted("wrong order")
def the_factors_of_a_product_are_exchanged():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    W1, W2 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, 4, name="W2")
    a = np.tanh(X @ W1)
    p = a @ W2
    d = 2 * (p.data - y)
    return ((p - y) ** 2).sum(), {W2: a.data.T @ d, W1: X.T @ ((W2.data @ d) * (1 - a.data**2))}


@planted("sum is left out", "only here")
def one_formula_of_two_forgets_the_probabilities():
    rng = np.random.default_rng(7)
    V, U = leaf(rng, 5, 3, name="V"), leaf(rng, 5, 3, name="U")
    p = softmax(U @ V[2])
    dV = np.zeros((5, 3))
    dV[2] = -U.data[4]
    return -np.log(p[4]), {V: dV, U: np.outer(p.data - np.eye(5)[4], V.data[2])}


@planted("left out")
def a_term_of_the_product_rule_is_left_out():
    rng = np.random.default_rng(8)
    X, w = rng.normal(size=(8, 3)), leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    P = p.data
    dw = X.T @ (-((1 - P) ** 2) * (1 - P)) / 8
    return -((1 - p) ** 2 * np.log(p)).mean(), {w: dw}


@planted("repeated index is averaged")
def a_word_that_is_repeated_gets_the_mean():
    rng = np.random.default_rng(9)
    words, E, y = np.array([0, 1, 1, 1, 3]), leaf(rng, 4, 3, name="E"), rng.normal(size=(5, 3))
    h = E[words]
    dE = np.zeros((4, 3))
    np.add.at(dE, words, 2 * (h.data - y))
    return ((h - y) ** 2).sum(), {E: dE / np.maximum(np.bincount(words), 1)[:, None]}


@planted("penalty a factor of 2 is missing", "in the rest 1/12 is missing")
def the_penalty_and_the_rest_have_two_wrong_factors():
    rng = np.random.default_rng(10)
    X, y, w = rng.normal(size=(12, 3)), rng.choice([-1.0, 1.0], 12), leaf(rng, 3, name="w")
    margins = np.maximum(0, 1 - y * (X @ w))
    dw = -X.T @ (y * (margins.data > 0)) + 0.1 * w.data
    return margins.mean() + 0.1 * (w**2).sum(), {w: dw}


@planted("log_softmax", "not normalized")
def probabilities_are_not_normalized():
    rng = np.random.default_rng(11)
    X, Y, W = rng.normal(size=(8, 3)), np.eye(4)[rng.integers(4, size=8)], leaf(rng, 3, 4, name="W")
    z = X @ W
    return -(Y * log_softmax(z, axis=1)).sum() / 8, {W: X.T @ (np.exp(z.data) - Y) / 8}


@planted("sigmoid is evaluated at what arrives", "not multiplied by it")
def the_slope_of_what_arrives():
    loss, X, W1, W2, a, d2, _ = two_sigmoids()
    s = 1 / (1 + np.exp(-(d2 @ W2.data.T)))
    return loss, {W2: a.data.T @ d2, W1: X.T @ (s * (1 - s))}


@planted("what arrives at another layer")
def another_layers_delta():
    loss, X, W1, W2, a, _, d1 = two_sigmoids()
    return loss, {W2: a.data.T @ d1, W1: X.T @ d1}


def two_sigmoids():
    rng = np.random.default_rng(12)
    X, y = rng.normal(size=(6, 3)), rng.random((6, 4))
    W1, W2 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, 4, name="W2")
    a = sigmoid(X @ W1)
    p = sigmoid(a @ W2)
    d2 = 2 * (p.data - y) * p.data * (1 - p.data)
    return ((p - y) ** 2).sum(), X, W1, W2, a, d2, d2 @ W2.data.T * a.data * (1 - a.data)


@planted("multiplied by v itself")
def a_number_stands_for_its_input():
    v, w = (
        Tensor(number, requires_grad=True, name=name) for number, name in ((0.4, "v"), (-0.7, "w"))
    )
    h = np.tanh(1.3 * w)
    d = 2 * (h.data * v.data - 0.8)
    return (h * v - 0.8) ** 2, {v: d * v.data, w: d * v.data * (1 - h.data**2) * 1.3}


@planted("predicted label stands for p")
def the_predicted_label_is_compared():
    rng = np.random.default_rng(13)
    X, Y, W = (
        rng.normal(size=(12, 3)),
        np.eye(3)[rng.integers(3, size=12)],
        leaf(rng, 3, 3, name="W"),
    )
    z = X @ W
    predicted = np.eye(3)[z.data.argmax(axis=1)]
    return -(Y * log_softmax(z, axis=1)).sum() / 12, {W: X.T @ (predicted - Y) / 12}


@planted("overwritten (=)", "only the last window counts")
def of_overlapping_maxima_one_is_kept():
    rng = np.random.default_rng(14)
    x, y = leaf(rng, 5, 5, name="x"), rng.normal(size=(4, 4))
    loss, dx = 0, np.zeros((5, 5))
    for i in range(4):
        for j in range(4):
            window = x[i : i + 2, j : j + 2]
            loss = loss + (window.max() - y[i, j]) ** 2
            largest = window.data == window.data.max()
            dx[i : i + 2, j : j + 2][largest] = 2 * (window.data.max() - y[i, j])
    return loss, {x: dx}


@planted("only the first use of each", "overwritten (=)")
def gradients_are_overwritten_in_the_loop():
    return through_time(lambda gradient, of_step: of_step)


@planted("is not multiplied by the derivative of tanh")
def what_later_steps_send_is_added_after_the_slope():
    return through_time(np.add, after_the_slope=True)


def through_time(collect, after_the_slope=False):
    """A state that adds to the loss at each of four steps; `collect` takes what steps give."""
    rng = np.random.default_rng(15)
    xs, V, U = rng.normal(size=(4, 2)), leaf(rng, 3, 2, name="V"), leaf(rng, 3, 3, name="U")
    h, loss, dV, dU, sent = np.ones(3), 0, 0, 0, np.zeros(3)
    states = [h]
    for x in xs:
        h = np.tanh(V @ x + U @ h)
        loss = loss + (h**2).sum()
        states.append(h.data)
    for t in (4, 3, 2, 1):
        slope = 1 - states[t] ** 2
        delta = 2 * states[t] * slope + sent * (1 if after_the_slope else slope)
        dV = collect(dV, np.outer(delta, xs[t - 1]))
        dU = collect(dU, np.outer(delta, states[t - 1]))
        sent = U.data.T @ delta
    return loss, {V: dV, U: dU}


@planted("turned by 180 degrees")
def what_arrives_is_turned_as_a_kernel_is():
    rng = np.random.default_rng(16)
    x, y, k = rng.normal(size=(5, 5)), rng.normal(size=(4, 4)), leaf(rng, 2, 2, name="k")
    places = [(i, j) for i in range(2) for j in range(2)]
    out = np.tanh(sum(k[i, j] * x[i : i + 4, j : j + 4] for i, j in places))
    turned = (2 * (out.data - y) * (1 - out.data**2))[::-1, ::-1]
    dk = [(x[i : i + 4, j : j + 4] * turned).sum() for i, j in places]
    return ((out - y) ** 2).sum(), {k: np.reshape(dk, (2, 2))}


@planted("output of a function, not its input")
def the_sum_stands_for_its_term():
    rng = np.random.default_rng(17)
    h, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    gamma, beta = leaf(rng, 4, name="gamma"), leaf(rng, 4, name="beta")
    out = gamma * h + beta
    d = 2 * (out.data - y)
    return ((out - y) ** 2).sum(), {gamma: (d * out.data).sum(axis=0), beta: d.sum(axis=0)}


@pytest.mark.parametrize("every", in_second_tier((4, 1), (4,)))
def test_each_planted_mistake_is_named_first(every):
    assert_named_first(CASES[::every])
