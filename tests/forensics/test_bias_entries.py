"""A bias that is a row or a column of the weights, whose input is a column, or a row, of ones.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import leaf

from autograd_lite import compare_gradients, sigmoid

STRENGTH = 0.7


def least_squares(rng, at):
    """A vector of weights, with the bias first or last; the loss, and the right gradient."""
    X = rng.normal(size=(9, 4))
    X[:, at] = 1
    y, w = rng.normal(size=9), leaf(rng, 4, name="w")
    r = X @ w - y
    weights = w[1:] if at == 0 else w[:-1]
    loss = (r**2).sum() / 18 + STRENGTH / 18 * (weights**2).sum()
    return w, loss, X.T @ r.data / 9, STRENGTH / 9 * w.data, np.s_[at]


def logistic(rng, at):
    """Weights of two outputs, with the biases in the first or in the last row."""
    X = rng.normal(size=(12, 4))
    X[:, at] = 1
    Y, W = (rng.random((12, 2)) > 0.5) * 1.0, leaf(rng, 4, 2, name="w")
    P = sigmoid(X @ W)
    weights = W[1:] if at == 0 else W[:-1]
    loss = -(Y * np.log(P) + (1 - Y) * np.log(1 - P)).mean() + STRENGTH / 2 * (weights**2).sum()
    return W, loss, X.T @ (P.data - Y) / 24, STRENGTH * W.data, np.s_[at]


def samples_in_columns(rng, at):
    """Weights from the left, with the biases in the first or in the last column."""
    X = rng.normal(size=(4, 9))
    X[at] = 1
    Y, W = rng.normal(size=(3, 9)), leaf(rng, 3, 4, name="w")
    R = np.tanh(W @ X) - Y
    weights = W[:, 1:] if at == 0 else W[:, :-1]
    loss = (R**2).sum() / 9 + STRENGTH * (weights**2).sum()
    slope = 2 * R.data / 9 * (1 - np.tanh(W.data @ X) ** 2)
    return W, loss, slope @ X.T, 2 * STRENGTH * W.data, np.s_[:, at]


NETWORKS = [least_squares, logistic, samples_in_columns]
WHICH = {0: "first", -1: "last"}
everywhere = pytest.mark.parametrize(
    ("network", "at"), [(network, at) for network in NETWORKS for at in WHICH]
)


def said_of(network, at, wrong):
    """What is said of the gradient that `wrong(data, penalty, index)` gives."""
    w, loss, data, penalty, index = network(np.random.default_rng(0), at)
    report = compare_gradients(loss, {w: wrong(data, penalty, index)})
    assert not report
    return report.explanations[0].sentence


def without(array, index):
    changed = array.copy()
    changed[index] = 0
    return changed


@everywhere
def test_the_right_gradient_has_no_penalty_on_the_bias(network, at):
    w, loss, data, penalty, index = network(np.random.default_rng(0), at)
    assert compare_gradients(loss, {w: data + without(penalty, index)})


@everywhere
def test_a_bias_that_is_penalized_with_the_weights_is_said_to_be(network, at):
    said = said_of(network, at, lambda data, penalty, index: data + penalty)
    assert "that of the bias: a penalty that is not in the loss" in said


@everywhere
def test_a_bias_left_at_0_is_said_to_be_the_bias(network, at):
    said = said_of(network, at, lambda data, penalty, index: without(data + penalty, index))
    assert f"its {WHICH[at]}" in said
    assert "that of the bias, whose input is 1, is left at 0" in said


@everywhere
def test_a_factor_of_the_bias_alone_is_said_of_the_bias(network, at):
    def doubled(data, penalty, index):
        changed = data + without(penalty, index)
        changed[index] *= 2
        return changed

    said = said_of(network, at, doubled)
    assert "that of the bias, whose input is 1, has another factor" in said
    assert "a factor of 2 too many" in said


def test_a_penalty_that_the_loss_has_on_the_bias_is_said_to_be_left_out():
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(9), rng.normal(size=(9, 3))])
    y, w = rng.normal(size=9), leaf(rng, 4, name="w")
    r = X @ w - y
    loss = (r**2).sum() + 0.3 * (w**2).sum()
    gradient = 2 * X.T @ r.data + without(0.6 * w.data, 0)
    said = compare_gradients(loss, {w: gradient}).explanations[0].sentence
    assert "of its first entry, that of the bias" in said
    assert "the penalty on large weights is left out" in said


def test_the_mask_of_a_penalty_is_said_to_be_one():
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
    y, w = rng.normal(size=12), leaf(rng, 3, name="w")
    r, mask = X @ w - y, np.array([0.0, 1.0, 1.0])
    loss = (r**2).mean() + 0.1 * (mask * w**2).sum()
    gradient = X.T @ r.data / 6 + 0.2 * w.data
    said = compare_gradients(loss, {w: gradient}).explanations[0].sentence
    assert "the mask, which leaves out of the penalty" in said
    assert "such as the bias" in said


def test_biases_of_two_layers_are_told_each_by_its_own_row():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=(9, 3)), np.ones(9)])
    T, W, V = rng.normal(size=(9, 2)), leaf(rng, 4, 3, name="W"), leaf(rng, 4, 2, name="V")
    h = np.tanh(X @ W)
    H = np.concatenate([np.ones((9, 1)), h], axis=1)
    o = H @ V
    d = 2 * (o.data - T)
    dW = X.T @ ((d @ V.data.T)[:, 1:] * (1 - h.data**2))
    gradients = {W: without(dW, -1), V: without(H.data.T @ d, 0)}
    (first, second) = compare_gradients(((o - T) ** 2).sum(), gradients).explanations[0].mistakes
    assert first.sentence.startswith("dW: its last row, that of the bias")
    assert second.sentence.startswith("dV: its first row, that of the bias")


def two_layers_with_a_penalty(of_first):
    """Weights in rows whose first column, the bias, has no penalty."""
    rng = np.random.default_rng(4)
    X, T = np.column_stack([np.ones(9), rng.normal(size=(9, 3))]), rng.normal(size=(9, 4))
    W, V = leaf(rng, 4, 4, name="W"), leaf(rng, 4, 4, name="V")
    h = np.tanh(X @ W.T)
    o = h @ V.T
    loss = ((o - T) ** 2).sum() + STRENGTH * ((W[:, 1:] ** 2).sum() + (V[:, 1:] ** 2).sum())
    d = 2 * (o.data - T)
    dW = (d @ V.data * (1 - h.data**2)).T @ X
    penalty = 2 * STRENGTH * V.data
    penalty[:, 0] = 0
    return compare_gradients(loss, {W: dW + of_first(W.data, V.data), V: d.T @ h.data + penalty})


def test_a_penalty_computed_with_other_weights_is_named():
    def of_first(w, v):
        penalty = 2 * STRENGTH * v
        penalty[:, 0] = 0
        return penalty

    report = two_layers_with_a_penalty(of_first)
    assert "the penalty is computed with V, and not with W" in report.explanations[0].sentence


def test_a_penalty_on_another_entry_than_that_of_the_loss_is_named():
    rng = np.random.default_rng(4)
    X, y, w = rng.normal(size=(9, 4)), rng.normal(size=9), leaf(rng, 4, name="w")
    X[:, 0] = 1
    loss = ((X @ w - y) ** 2).sum() / 18 + 0.25 * (w[1:] ** 2).sum()
    dw = X.T @ (X @ w.data - y) / 9 + without(0.5 * w.data, 1)
    said = compare_gradients(loss, {w: dw}).explanations[0].sentence
    assert "dw: its entry 0 is penalized, and its entry 1 is not, unlike in the loss." in said


def test_a_penalty_on_another_column_than_that_of_the_loss_is_named():
    rng = np.random.default_rng(5)
    X, T, W = rng.normal(size=(9, 4)), rng.normal(size=(9, 3)), leaf(rng, 3, 4, name="W")
    X[:, 0] = 1
    loss = ((X @ W.T - T) ** 2).sum() + 0.5 * (W[:, 1:] ** 2).sum()
    dW = 2 * (X @ W.data.T - T).T @ X
    dW[:, :3] += W.data[:, :3]
    said = compare_gradients(loss, {W: dW}).explanations[0].sentence
    assert "dW: its column 0 is penalized, and its column 3 is not, unlike in the loss." in said
