"""Of several mistakes that give the same numbers, the one that people make is said first."""

from itertools import pairwise

import numpy as np
from naming import assert_named_first, leaf, planted_in, said_first

from autograd_lite import Tensor, compare_gradients, logsumexp, relu, sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def values(node):
    return node.data if isinstance(node, Tensor) else node


# A number of the step, before a learning rate and before the length of an axis


@planted("the factor 10 is missing")
def the_weight_of_the_margins_is_missing_for_the_bias():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 2)), np.sign(rng.normal(size=12))
    w, b = leaf(rng, 2, name="w"), leaf(rng, name="b")
    margin = y * (X @ w + b)
    within = margin.data < 1
    loss = 0.5 * (w @ w) + 10.0 * np.maximum(0, 1 - margin).sum()
    return loss, {w: w.data - 10 * (y * within) @ X, b: -(y * within).sum()}


@planted("the factor 4 is missing")
def the_scale_of_a_product_is_as_large_as_an_axis_is_long():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(8, 5)), rng.normal(size=(8, 4))
    A, B = leaf(rng, 5, 2, name="A"), leaf(rng, 2, 4, name="B")
    P = 4.0 * (X @ A @ B)
    d = 2 * (P.data - Y) / 32
    return ((P - Y) ** 2).mean(), {A: X.T @ d @ B.data.T, B: (X @ A.data).T @ d}


@planted("1/6 is missing, of the mean over 6 entries", "Step from dpooled")
def the_mean_over_the_steps_of_a_loop_is_not_divided():
    rng = np.random.default_rng(17)
    x, T, W = rng.normal(size=(6, 2)), rng.normal(size=3), leaf(rng, 2, 3, name="W")
    V, h, states = leaf(rng, 3, 3, name="V"), np.zeros(3), [np.zeros(3)]
    recorded = []
    for row in x:
        h = np.tanh(row @ W + h @ V)
        recorded.append(h)
        states.append(h.data)
    pooled = np.stack(recorded).mean(axis=0)
    pooled.name = "pooled"
    d, carried, dW, dV = 2 * (pooled.data - T), 0.0, np.zeros((2, 3)), np.zeros((3, 3))
    for t in range(5, -1, -1):
        dz = (d + carried) * (1 - states[t + 1] ** 2)
        dW, dV, carried = dW + np.outer(x[t], dz), dV + np.outer(states[t], dz), V.data @ dz
    return ((pooled - T) ** 2).sum(), {W: dW, V: dV}


@planted("1/5 is missing, of the mean over 5 entries", "Step from dpooled")
def the_mean_over_positions_is_not_divided():
    rng = np.random.default_rng(18)
    X, T = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 2))
    W, V = leaf(rng, 3, 6, name="W"), leaf(rng, 6, 2, name="V")
    h = np.tanh(X @ W)
    pooled = h.mean(axis=1)
    pooled.name = "pooled"
    d = 2 * (pooled.data @ V.data - T)
    dz = (d @ V.data.T)[:, None] * (1 - h.data**2)
    dW = np.einsum("npi,npo->io", X, dz)
    return ((pooled @ V - T) ** 2).sum(), {W: dW, V: pooled.data.T @ d}


# What is not carried back, before products with other values


@planted("a term of the product rule is left out", "likewise")
def an_innovation_does_not_depend_on_those_before():
    rng = np.random.default_rng(2)
    y, theta = rng.normal(size=(7, 3)), leaf(rng, 3, name="theta", scale=0.5)
    e, loss, dtheta = np.zeros(3), 0, np.zeros(3)
    for row in y:
        before, e = values(e), row - theta * e
        loss = loss + (e**2).sum()
        dtheta -= 2 * e.data * before
    return loss, {theta: dtheta}


@planted("a term of the product rule is left out", "likewise")
def a_variance_does_not_depend_on_those_before():
    rng = np.random.default_rng(3)
    r, beta = rng.normal(size=(8, 2)), Tensor([0.6, 0.4], requires_grad=True, name="beta")
    s, loss, dbeta = np.ones(2), 0, np.zeros(2)
    for before, row in pairwise(r):
        last, s = values(s), 0.1 + 0.2 * before**2 + beta * s
        loss = loss + (np.log(s) + row**2 / s).sum()
        dbeta += (1 / s.data - row**2 / s.data**2) * last
    return loss, {beta: dbeta}


# The derivative of a function, before the values of a sum


@planted("the derivative of sqrt is taken to be 1 / 2")
def a_spring_pulls_with_the_difference_of_its_ends():
    rng = np.random.default_rng(4)
    x, i, j = leaf(rng, 5, 2, name="x"), np.arange(4), np.arange(1, 5)
    d = x[i] - x[j]
    length = np.sqrt((d**2).sum(axis=1))
    force = 3 * (length.data - 0.5)[:, None] * d.data
    dx = np.zeros((5, 2))
    np.add.at(dx, i, force)
    np.add.at(dx, j, -force)
    return 1.5 * ((length - 0.5) ** 2).sum(), {x: dx}


# One mistake in the formula of one gradient alone, before two


@planted("the derivative of log is forgotten", "dlogits is right all the same")
def densities_stand_for_the_shares_of_a_mixture():
    rng = np.random.default_rng(5)
    X, mu, logits = (
        2 * rng.normal(size=(9, 2)),
        leaf(rng, 3, 2, name="mu"),
        leaf(rng, 3, name="logits"),
    )
    pi = softmax(logits)
    density = pi * np.exp(-((X[:, None] - mu) ** 2).sum(axis=2) / 2)
    p = density.data
    shares = p / p.sum(axis=1, keepdims=True)
    dmu = -(p[:, :, None] * (X[:, None] - mu.data)).sum(axis=0)
    dlogits = len(X) * pi.data - shares.sum(axis=0)
    return -np.log(density.sum(axis=1)).sum(), {mu: dmu, logits: dlogits}


# Which uses are left out, and which factor


@planted("only the last use is counted: what arrives over the other uses is left out")
def a_coefficient_of_four_steps_counts_in_the_last_one():
    rng = np.random.default_rng(6)
    u, T, D = rng.normal(size=9), rng.normal(size=9), leaf(rng, 9, name="D", scale=0.2)
    for _ in range(4):
        last = values(u)
        u = u + D * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    bend = np.roll(last, 1) - 2 * last + np.roll(last, -1)
    return ((u - T) ** 2).sum(), {D: 2 * (u.data - T) * bend}


@planted("only the first use is counted: what arrives over the other uses is left out")
def the_weights_of_a_loop_count_in_its_first_step():
    rng = np.random.default_rng(7)
    h, W = rng.normal(size=3), leaf(rng, 3, 3, name="W")
    states = [h]
    for _ in range(3):
        h = np.tanh(W @ h)
        states.append(h.data)
    d = states[3]
    for state in states[:1:-1]:
        d = W.data.T @ (d * (1 - state**2))
    return (h**2).sum() / 2, {W: np.outer(d * (1 - states[1] ** 2), states[0])}


@planted("a is forgotten, only here: the derivative of multiply is forgotten, which is a.")
def the_slope_of_an_item_is_forgotten_for_its_threshold():
    rng = np.random.default_rng(8)
    Y, a, b = rng.integers(2, size=(8, 5)), leaf(rng, 5, name="a"), leaf(rng, 5, name="b")
    theta = leaf(rng, 8, name="theta")
    p = sigmoid(a * (theta[:, None] - b))
    d, apart = p.data - Y, theta.data[:, None] - b.data
    loss = -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).sum()
    dtheta = (d * a.data).sum(axis=1)
    return loss, {theta: dtheta, a: (d * apart).sum(axis=0), b: -d.sum(axis=0)}


@planted("t is forgotten, only here: the derivative of divide is forgotten, which is 1 / t.")
def the_temperatures_are_forgotten_for_the_bias():
    rng = np.random.default_rng(9)
    X, Y, W = rng.normal(size=(8, 2)), rng.integers(2, size=(8, 3)), leaf(rng, 2, 3, name="W")
    b, t = leaf(rng, 3, name="b"), leaf(rng, 3, name="t")
    p = sigmoid((X @ W + b) / t)
    d = p.data - Y
    loss = -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).sum()
    return loss, {W: X.T @ (d / t.data), b: d.sum(axis=0)}


# Terms that are summed up, not multiplied


@planted("the other factor of matmul is left out in what arrives over multiply, one of several")
def counts_are_subtracted_without_the_inputs():
    rng = np.random.default_rng(10)
    X, y, w = rng.normal(size=(12, 3)), rng.poisson(2, size=12), leaf(rng, 3, name="w", scale=0.5)
    z = X @ w
    return (np.exp(z) - y * z).sum(), {w: X.T @ np.exp(z.data) - y.sum()}


@planted("the other factor of matmul is left out in what arrives over multiply, one of several")
def labels_of_columns_are_subtracted_without_the_inputs():
    rng = np.random.default_rng(11)
    X, Y = rng.normal(size=(3, 9)), np.eye(4)[rng.integers(4, size=9)].T
    W = leaf(rng, 4, 3, name="W")
    Z = W @ X
    loss = (logsumexp(Z, axis=0) - (Y * Z).sum(axis=0)).sum()
    dW = softmax(Z.data, axis=0) @ X.T - Y.sum(axis=1, keepdims=True)
    return loss, {W: dW}


# One path for all of them


def best_path(unary, pair):
    """The states of the path with the largest sum of scores."""
    best, back = unary[0], []
    for scores in unary[1:]:
        total = best[:, None] + pair
        back.append(total.argmax(axis=0))
        best = total.max(axis=0) + scores
    path = [int(best.argmax())]
    for to in back[::-1]:
        path.append(int(to[path[-1]]))
    return path[::-1]


@planted("a maximum stands for logsumexp in both passes")
def the_best_path_stands_for_all():
    rng = np.random.default_rng(12)
    unary, pair = leaf(rng, 5, 3, name="unary"), leaf(rng, 3, 3, name="pair")
    alpha = unary[0]
    for t in range(1, 5):
        alpha = logsumexp(alpha[:, None] + pair, axis=0) + unary[t]
    path, dpair = best_path(unary.data, pair.data), np.zeros((3, 3))
    np.add.at(dpair, (path[:-1], path[1:]), 1)
    return logsumexp(alpha), {unary: np.eye(3)[path], pair: dpair}


@planted("a maximum stands for logsumexp in both passes")
def the_best_of_experts_in_two_stages():
    rng = np.random.default_rng(13)
    X, W, c = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W"), rng.normal(size=6)
    loss = logsumexp(logsumexp(X @ W, axis=1) * c)
    best = (X @ W.data).max(axis=1)
    row = int((best * c).argmax())
    dW = np.zeros((3, 4))
    dW[:, (X[row] @ W.data).argmax()] = c[row] * X[row]
    return loss, {W: dW}


def test_mistakes_are_named_first():
    assert_named_first(CASES)


def test_what_is_beyond_a_bound_throughout_is_not_clipped():
    loss, gradients = densities_stand_for_the_shares_of_a_mixture()
    assert "clipped" not in str(compare_gradients(loss, gradients))


def test_the_derivative_of_softmax_is_not_used_for_that_of_a_power():
    rng = np.random.default_rng(14)
    X, T, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 5)), leaf(rng, 3, 5, name="W")
    x = X @ W
    size = np.sqrt((x**2).mean(axis=1, keepdims=True))
    d = 2 * (x.data / size.data - T)
    report = compare_gradients(((x / size - T) ** 2).sum(), {W: X.T @ (d / size.data)})
    assert "treated as a constant" in str(report.explanations[0])
    assert "softmax" not in str(report)


def test_where_a_factor_is_wrong_in_some_uses_that_is_said():
    rng = np.random.default_rng(15)
    x, w = rng.normal(size=(4, 3)), leaf(rng, 3, name="w")
    loss = sum(relu(row @ w + 5) ** 2 for row in x)
    parts = [2 * (row @ w.data + 5) * row for row in x]
    said = said_first(loss, {w: parts[0] + 2 * parts[1] + 2 * parts[2] + parts[3]})
    assert "and likewise in one other step of this kind: a constant factor is wrong" in said


def slopes_of_a_loop(forgotten):
    """The gradients of the weights of a loop in which the slopes of some steps are forgotten."""
    rng = np.random.default_rng(16)
    x, U, V = rng.normal(size=(8, 2)), leaf(rng, 3, 2, name="U"), leaf(rng, 3, 3, name="V")
    h, states = np.zeros(3), [np.zeros(3)]
    for row in x:
        h = np.tanh(U @ row + V @ h)
        states.append(h.data)
    d, dU, dV = states[-1], np.zeros((3, 2)), np.zeros((3, 3))
    for t in range(7, -1, -1):
        dz = d * (1 if t in forgotten else 1 - states[t + 1] ** 2)
        dU, dV, d = dU + np.outer(dz, x[t]), dV + np.outer(dz, states[t]), V.data.T @ dz
    return said_first((h**2).sum() / 2, {U: dU, V: dV})


def test_a_mistake_in_all_steps_of_a_loop_but_one_is_not_said_to_be_in_all():
    said = slopes_of_a_loop(range(7))
    assert "and likewise in 6 other steps of this kind: the derivative of tanh is forgotten" in said
    said = slopes_of_a_loop(range(8))
    assert "and likewise in all 8 steps of this kind: the derivative of tanh is forgotten" in said


def test_of_two_factors_in_two_gradients_neither_is_said_to_be_in_both():
    rng = np.random.default_rng(19)
    T, L, U = rng.normal(size=(6, 5)), leaf(rng, 6, 2, name="L"), leaf(rng, 2, 5, name="U")
    d = 2 * (L.data @ U.data - T)
    for of_first, of_second in ((1 / 5, 1 / 6), (2.0, 4.0)):
        manual = {L: of_first * d @ U.data.T, U: of_second * L.data.T @ d}
        (explanation,) = compare_gradients(((T - L @ U) ** 2).sum(), manual).explanations
        assert [mistake.tensor for mistake in explanation.mistakes] == ["L", "U"]
        assert np.allclose([m.factor for m in explanation.mistakes], [of_first, of_second])
