"""What is said of a step where it is one of several, or of another function than was written."""

import numpy as np
import pytest
from naming import leaf, said_first

from autograd_lite import compare_gradients, sigmoid


def test_a_mistake_in_each_use_of_a_parameter_is_said_to_be_in_all_of_them():
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(4, 3)), leaf(rng, 3, 3, name="W")
    h, states = np.zeros(3), [np.zeros(3)]
    for t in range(4):
        h = np.tanh(W @ h + x[t])
        states.append(h.data)
    loss = (h**2).sum() / 2
    d, dW = h.data, np.zeros((3, 3))
    for t in range(3, -1, -1):
        d = d * (1 - states[t + 1] ** 2)
        dW += np.outer(states[t], d)
        d = W.data.T @ d
    said = said_first(loss, {W: dW})
    assert "and likewise in" in said
    assert "other steps of this kind" in said


def test_a_mistake_in_two_steps_is_said_to_be_likewise_in_one_other():
    rng = np.random.default_rng(0)
    W, v = leaf(rng, 3, 3, name="W"), rng.normal(size=3)
    q = W @ v
    loss = (q**2).sum() / 2 + np.exp(W @ v).sum()
    dW = np.outer(v, q.data + np.exp(q.data))
    assert "one other step of this kind" in said_first(loss, {W: dW})


def test_an_activation_that_is_written_out_is_said_to_be():
    rng = np.random.default_rng(1)
    X, W, v = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W"), leaf(rng, 4, name="v")
    z = X @ W
    a = np.log(1 + np.exp(z))
    loss = (a @ v).sum()
    dW = X.T @ (np.outer(np.ones(6), v.data) * sigmoid(-z.data))
    said = said_first(loss, {W: dW, v: a.data.sum(axis=0)})
    assert "softplus, written out, is taken to be sigmoid(-z)" in said


def test_an_upper_bound_that_is_forgotten_is_said_by_where_the_derivative_is_0():
    rng = np.random.default_rng(2)
    X, w = 4 * rng.normal(size=(9, 3)), leaf(rng, 3, name="w")
    z = X @ w
    a = np.minimum(np.maximum(z, 0), 2)
    loss = (a**2).sum() / 2
    said = said_first(loss, {w: X.T @ (a.data * (z.data > 0))})
    assert "upper bound" in said
    assert "is above 0: the upper" not in said


@pytest.mark.parametrize(
    ("function", "of"),
    [("maximum", np.maximum), ("where", lambda a, b: np.where(a > b, a, b))],
)
@pytest.mark.parametrize("tau", [0.2, 0.7])
def test_the_factors_of_a_quantile_loss_that_are_exchanged_are_one_mistake(tau, function, of):
    rng = np.random.default_rng(3)
    X, y, w = rng.normal(size=(8, 3)), rng.normal(size=8), leaf(rng, 3, name="w")
    error = y - X @ w
    loss = of(tau * error, (tau - 1) * error).sum()
    said = said_first(loss, {w: X.T @ np.where(error.data > 0, tau - 1, tau)})
    assert f"the branches of {function} are swapped" in said
    assert "the sign is wrong" in said
    assert "(2)" not in said


def test_the_mask_of_another_layer_is_called_a_mask():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    W1, W2, W3 = leaf(rng, 4, 4, name="W1"), leaf(rng, 4, 4, name="W2"), leaf(rng, 4, 2, name="W3")
    mask1, mask2 = (1.0 * (rng.random((6, 4)) > 0.5) for _ in range(2))
    h1 = np.tanh(X @ W1) * mask1
    a2 = np.tanh(h1 @ W2)
    h2 = a2 * mask2
    d = h2.data @ W3.data - y
    d2 = d @ W3.data.T * mask1 * (1 - a2.data**2)
    d1 = d2 @ W2.data.T * mask1 * (1 - np.tanh(X @ W1.data) ** 2)
    gradients = {W3: h2.data.T @ d, W2: h1.data.T @ d2, W1: X.T @ d1}
    said = said_first(((h2 @ W3 - y) ** 2).sum() / 2, gradients)
    assert "mask, " in said
    assert "the values of" not in said


def test_a_delta_that_is_changed_in_place_is_said_to_be():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W1, W2 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, 4, name="W2")
    Z1 = X @ W1
    h = np.tanh(Z1)
    p = h @ W2
    d = (p.data - y) @ W2.data.T * (1 - h.data**2)
    said = said_first(((p - y) ** 2).sum() / 2, {W1: X.T @ d, W2: h.data.T @ d})
    assert "changed in place" in said


def test_an_index_that_is_not_inverted_is_written_as_the_caller_has_it():
    rng = np.random.default_rng(6)
    X, W = rng.normal(size=(5, 3)), leaf(rng, 3, 2, name="W")
    order, weights = np.array([2, 0, 3, 4, 1]), rng.normal(size=(5, 2))
    h = np.tanh(X @ W)
    loss = (weights * h[order]).sum()
    report = compare_gradients(loss, {W: X.T @ (weights[order] * (1 - h.data**2))})
    assert "the inverse permutation" in report.explanations[0].sentence
    assert "[order]" in report.explanations[0].mistakes[0].used


def test_a_value_that_only_shares_a_cotangent_with_a_name_is_written_out():
    rng = np.random.default_rng(7)
    X, y, w = rng.normal(size=(10, 3)), rng.normal(size=10), leaf(rng, 3, name="w")
    r = X @ w - y
    loss = np.log(np.cosh(r)).mean()
    report = compare_gradients(loss, {w: X.T @ r.data / 10})
    (mistake,) = report.explanations[0].mistakes
    assert mistake.used == "dr = 0.1 * (X @ w - y)"


@pytest.mark.parametrize("layer", [0, 1])
def test_a_mask_of_another_layer_is_called_another_mask(layer):
    rng = np.random.default_rng(4)
    X, masks = rng.normal(size=(6, 4)), [(rng.random((6, 4)) > 0.4) * 2.0 for _ in range(2)]
    U, V = leaf(rng, 4, 4, name="U"), leaf(rng, 4, 4, name="V")
    first = np.tanh(X @ U) * masks[0]
    second = np.tanh(first @ V) * masks[1]
    loss = (second**2).sum() / 2
    by_hand = [masks[1 - layer] if n == layer else mask for n, mask in enumerate(masks)]
    dz = second.data * by_hand[1] * (1 - np.tanh(first.data @ V.data) ** 2)
    d = dz @ V.data.T * by_hand[0] * (1 - np.tanh(X @ U.data) ** 2)
    said = said_first(loss, {U: X.T @ d, V: first.data.T @ dz})
    assert "another mask" in said
    assert "values of a" not in said
