"""Recorded values that stand where what arrives belongs, as in a bias summed over activations.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import sigmoid

CASES = []
planted = planted_in(CASES)


def two_layers(seed, function, slope, wrong):
    """Two layers, the gradients by name, and what `wrong(gradients, values)` changes in them."""
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
    W1, b1 = leaf(rng, 4, 3, name="W1"), leaf(rng, 3, name="b1")
    W2, b2 = leaf(rng, 3, 2, name="W2"), leaf(rng, 2, name="b2")
    z1 = X @ W1 + b1
    a1 = function(z1)
    z2 = a1 @ W2 + b2
    a2 = function(z2)
    d2 = 2 * (a2.data - T) / 8 * slope(a2.data)
    d1 = d2 @ W2.data.T * slope(a1.data)
    gradients = {"W1": X.T @ d1, "b1": d1.sum(0), "W2": a1.data.T @ d2, "b2": d2.sum(0)}
    values = {"X": X, "z1": z1.data, "a1": a1.data, "z2": z2.data, "a2": a2.data, "T": T}
    gradients |= wrong(values)
    leaves = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    loss = ((a2 - T) ** 2).sum() / 8
    return loss, {leaves[name]: gradient for name, gradient in gradients.items()}


def of_tanh(seed, wrong):
    return two_layers(seed, np.tanh, lambda a: 1 - a * a, wrong)


def of_sigmoid(seed, wrong):
    return two_layers(seed, sigmoid, lambda a: a * (1 - a), wrong)


@planted("db1", "the values of a1", "db1 = a1.sum(axis=0)")
def activations_are_summed_for_a_hidden_bias():
    return of_tanh(0, lambda v: {"b1": v["a1"].sum(axis=0)})


@planted("db2", "the values of a2", "db2 = a2.sum(axis=0)")
def outputs_are_summed_for_the_last_bias():
    return of_sigmoid(1, lambda v: {"b2": v["a2"].sum(axis=0)})


@planted("db2", "the values of other data")
def targets_are_summed_for_the_last_bias():
    return of_sigmoid(2, lambda v: {"b2": v["T"].sum(axis=0)})


@planted("dW2", "the values of a2", "dW2 = a1.T @ a2")
def outputs_in_the_product_for_weights():
    return of_tanh(3, lambda v: {"W2": v["a1"].T @ v["a2"]})


@planted("dW1", "the values of a1")
def activations_in_the_product_for_weights():
    return of_sigmoid(4, lambda v: {"W1": v["X"].T @ v["a1"]})


def normalized(seed, wrong):
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
    W, gamma, beta = (
        leaf(rng, 3, 4, name="W"),
        leaf(rng, 4, name="gamma"),
        leaf(rng, 4, name="beta"),
    )
    x = X @ W
    s = np.sqrt(x.var(axis=0) + 1e-5)
    h = (x - x.mean(axis=0)) / s
    out = gamma * h + beta
    d = 2 * (out.data - T)
    g, mean = d * gamma.data, lambda a: a.mean(axis=0)
    dx = (g - mean(g) - h.data * mean(g * h.data)) / s.data
    right = {W: X.T @ dx, gamma: (d * h.data).sum(axis=0), beta: d.sum(axis=0)}
    more = wrong(x.data, h.data, out.data)
    leaves = {"gamma": gamma, "beta": beta}
    return ((out - T) ** 2).sum(), right | {leaves[name]: array for name, array in more.items()}


@planted("dbeta", "the values of z", "dbeta = z.sum(axis=0)")
def inputs_are_summed_for_beta():
    return normalized(5, lambda x, h, out: {"beta": x.sum(axis=0)})


@planted("dgamma", "the value itself is handed on")
def outputs_are_multiplied_in_for_gamma():
    return normalized(6, lambda x, h, out: {"gamma": (out * h).sum(axis=0)})


@planted("db", "the values of")
def states_are_summed_for_the_bias_of_a_loop():
    rng = np.random.default_rng(7)
    X, T = rng.normal(size=(3, 5, 2)), rng.normal(size=(5, 4))
    W, U, b = (
        leaf(rng, 2, 4, name="W"),
        leaf(rng, 4, 4, name="U", scale=0.5),
        leaf(rng, 4, name="b"),
    )
    h, states = np.zeros((5, 4)), [np.zeros((5, 4))]
    for x in X:
        h = np.tanh(x @ W + h @ U + b)
        states.append(h.data)
    d, dW, dU = 2 * (states[-1] - T), 0, 0
    for x, before, state in zip(X[::-1], states[-2::-1], states[:0:-1], strict=True):
        dz = d * (1 - state**2)
        dW, dU, d = dW + x.T @ dz, dU + before.T @ dz, dz @ U.data.T
    return ((h - T) ** 2).sum(), {W: dW, U: dU, b: sum(s.sum(axis=0) for s in states)}


@planted("dX", "the values of Z - y stand where what arrives belongs")
def errors_are_not_masked():
    rng = np.random.default_rng(8)
    Y, known = rng.normal(size=(5, 4)), (rng.random((5, 4)) > 0.4) * 1.0
    X, T = leaf(rng, 5, 3, name="X"), leaf(rng, 4, 3, name="T")
    error = X.data @ T.data.T - Y
    loss = (((X @ T.T - Y) * known) ** 2).sum() / 2
    return loss, {X: error @ T.data, T: (error * known).T @ X.data}


def test_mistakes_are_named_first():
    assert_named_first(CASES)
