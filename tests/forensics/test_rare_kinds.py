"""Mistakes that are made seldom, each of which one kind alone names.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import relu, sigmoid

CASES = []
planted = planted_in(CASES)


@planted("the weights of two terms are exchanged", "3 times as much", "0.333333 times")
def weights_of_the_classes_exchanged():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), np.array([0.0, 1, 1, 0, 0, 1, 0, 0])
    w, b = leaf(rng, 3, name="w"), leaf(rng, name="b")
    p = sigmoid(X @ w + b)
    loss = -(3 * y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    delta = (p.data - y) * np.where(y == 1, 1, 3) / 8
    return loss, {w: X.T @ delta, b: delta.sum()}


@planted("parts [:, 3:6] and [:, :3] are exchanged")
def gates_concatenated_in_another_order():
    rng = np.random.default_rng(1)
    x, h, c, y = (rng.normal(size=(5, n)) for n in (2, 3, 3, 3))
    W, U, b = (leaf(rng, *s, name=n) for s, n in (((2, 9), "W"), ((3, 9), "U"), ((9,), "b")))
    z = x @ W + h @ U + b
    i, f, g = sigmoid(z[:, :3]), sigmoid(z[:, 3:6]), np.tanh(z[:, 6:])
    new = np.tanh(f * c + i * g)
    loss = ((new - y) ** 2).sum()
    d = 2 * (new.data - y) * (1 - new.data**2)
    di, df = d * g.data * i.data * (1 - i.data), d * c * f.data * (1 - f.data)
    delta = np.hstack([df, di, d * i.data * (1 - g.data**2)])
    return loss, {W: x.T @ delta, U: h.T @ delta, b: delta.sum(axis=0)}


@planted("only the samples 0, 1, 4, 6, 7 count")
def only_what_is_classified_wrongly():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(8, 3)), rng.integers(2, size=8)
    w = leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()
    wrong = (p.data > 0.5) != y
    return loss, {w: X[wrong].T @ (p.data - y)[wrong]}


def spread(statistic, **degrees):
    """A statistic of hidden units; derived as the variance of a population."""
    rng = np.random.default_rng(3)
    X, C, W = rng.normal(size=(6, 3)), rng.normal(size=4), leaf(rng, 3, 4, name="W")
    h = np.tanh(X @ W)
    dh = 2 * (h.data - h.data.mean(axis=0)) / 6 * C
    return (statistic(h, axis=0, **degrees) * C).sum(), {W: X.T @ (dh * (1 - h.data**2))}


@planted("ddof is forgotten: it is divided by 6, where 5 is right")
def variance_of_a_sample_as_of_a_population():
    return spread(np.var, ddof=1)


@planted("std is taken to be that of the variance, without the root")
def standard_deviation_as_a_variance():
    return spread(np.std)


@planted("the sum of the product is taken over another axis")
def errors_broadcast_along_the_columns():
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=(5, 5)), rng.normal(size=5), leaf(rng, 5, name="w")
    error = X @ w - y
    return (error**2).sum(), {w: 2 * (X * error.data).sum(axis=0)}


@planted("the sum of the product is taken over another axis")
def outer_products_summed_over_another_axis():
    rng = np.random.default_rng(5)
    X, Y, W = rng.normal(size=(4, 4)), rng.normal(size=(4, 3)), leaf(rng, 4, 3, name="W")
    error = np.tanh(X @ W) - Y
    delta = 2 * error.data * (1 - (error.data + Y) ** 2)
    outer = X[:, :, None] * delta[:, None, :]
    return (error**2).sum(), {W: outer.sum(axis=1)}


@planted("logarithm of a sum of exponentials is differentiated as a maximum")
def logarithm_of_a_sum_as_a_maximum():
    rng = np.random.default_rng(6)
    X, C, W = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng, 3, 4, name="W")
    z = X @ W
    loss = (np.log(np.exp(z).sum(axis=1)) * C).sum()
    largest = np.eye(4)[z.data.argmax(axis=1)]
    return loss, {W: X.T @ (largest * C[:, None])}


def recurrent(mistake):
    """Four steps of a recurrent network, whose loss is that of the last state."""
    rng = np.random.default_rng(7)
    xs, y = rng.normal(size=(4, 2)), rng.normal(size=3)
    W, U = leaf(rng, 2, 3, name="W"), leaf(rng, 3, 3, name="U")
    states = [np.zeros(3)]
    for x in xs:
        states.append(np.tanh(x @ W + states[-1] @ U))
    h = [states[0], *(state.data for state in states[1:])]
    dW, dU, d, delta = 0, 0, 2 * (h[4] - y), np.zeros(3)
    for t in (4, 3, 2, 1):
        before = delta
        delta = d * (1 - h[t - 1 if mistake == "slope" else t] ** 2)
        d = delta @ U.data.T
        used = before if mistake == "delta" else delta
        dW, dU = dW + np.outer(xs[t - 1], used), dU + np.outer(h[t - 1], delta)
    return ((states[-1] - y) ** 2).sum(), {W: dW, U: dU}


@planted("the derivative of tanh is evaluated at the values of the step before")
def slopes_of_the_states_before():
    return recurrent("slope")


@planted("it is multiplied by what arrives at the step after")
def weights_updated_with_the_delta_of_the_step_after():
    return recurrent("delta")


@planted("forgotten in the parameters' gradients; the layer below has it")
def delta_of_the_parameters_without_the_slope():
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, b1 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, name="b1")
    W2, b2 = leaf(rng, 4, 2, name="W2"), leaf(rng, 2, name="b2")
    h = np.tanh(X @ W1 + b1)
    p = sigmoid(h @ W2 + b2)
    da2 = 2 * (p.data - y)
    dz2 = da2 * p.data * (1 - p.data)
    dz1 = dz2 @ W2.data.T * (1 - h.data**2)
    return ((p - y) ** 2).sum(), {
        W1: X.T @ dz1,
        b1: dz1.sum(axis=0),
        W2: h.data.T @ da2,
        b2: da2.sum(axis=0),
    }


@planted("what was broadcast counts once, not as often as it was used")
def bias_of_a_support_vector_machine():
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(9, 2)), rng.choice([-1.0, 1.0], 9)
    w, b = leaf(rng, 2, name="w"), leaf(rng, name="b")
    margin = y * (X @ w + b)
    violated = margin.data < 1
    loss = relu(1 - margin).sum()
    return loss, {w: -X[violated].T @ y[violated], b: -y[violated].mean()}


@planted("its own value is left out of the derivative of power, as if it were 0")
def triplets_without_the_vector_itself():
    rng = np.random.default_rng(11)
    a, p, n = (leaf(rng, 5, name=name) for name in "apn")
    loss = ((a - p) ** 2).sum() - ((a - n) ** 2).sum() + 2
    return loss, {a: 2 * (n.data - p.data), p: -2 * a.data, n: 2 * a.data}


@planted("divided by exp(log_variance)", "as if it were the derivative by exp(log_variance)")
def derivative_by_the_variance_for_that_by_its_logarithm():
    rng = np.random.default_rng(12)
    x, mean, log_variance = (
        rng.normal(size=5),
        leaf(rng, 5, name="mean"),
        leaf(rng, 5, name="log_variance"),
    )
    variance = np.exp(log_variance.data)
    loss = (log_variance + (x - mean) ** 2 / np.exp(log_variance)).sum() / 2
    error = x - mean.data
    by_variance = (1 / variance - error**2 / variance**2) / 2
    return loss, {mean: -error / variance, log_variance: by_variance}


@planted("what entries are divided by, such as their norm, is treated as a constant")
def shares_of_a_sum_that_is_taken_as_a_constant():
    rng = np.random.default_rng(13)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    h = sigmoid(X @ W)
    total = h.data.sum(axis=1, keepdims=True)
    shares = h / h.sum(axis=1, keepdims=True)
    delta = 2 * (shares.data - y) / total * h.data * (1 - h.data)
    return ((shares - y) ** 2).sum(), {W: X.T @ delta}


def test_each_is_named_first():
    assert_named_first(CASES)
