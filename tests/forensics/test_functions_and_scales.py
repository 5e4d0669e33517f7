"""Functions of the loss, scales that are parameters, rows of penalties, other activations."""

import numpy as np
import pytest
from naming import leaf, said_first

from autograd_lite import compare_gradients, leaky_relu, relu, sigmoid, softplus


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (lambda loss: 1 / loss, "the gradient of log(loss)"),
        (lambda loss: 0.5 / np.sqrt(loss), "the gradient of the root of the loss"),
        (lambda loss: 2 * loss, "the gradient of loss ** 2"),
    ],
)
def test_gradients_of_a_function_of_the_loss_are_named(factor, words):
    rng = np.random.default_rng(0)
    X, y, w, b = (
        rng.normal(size=(9, 3)),
        rng.normal(size=9),
        leaf(rng, 3, name="w"),
        leaf(rng, name="b"),
    )
    p = np.tanh(X @ w + b)
    loss = ((p - y) ** 2).mean()
    d = 2 / 9 * (p.data - y) * (1 - p.data**2) * factor(float(loss.data))
    assert words in said_first(loss, {w: X.T @ d, b: d.sum()})


def test_a_scale_that_is_a_parameter_is_named_where_it_is_forgotten():
    rng = np.random.default_rng(1)
    X, y, v, g = (
        rng.normal(size=(8, 3)),
        rng.normal(size=8),
        leaf(rng, 3, name="v"),
        leaf(rng, name="g"),
    )
    norm = np.sqrt((v**2).sum())
    loss = ((X @ (g * v / norm) - y) ** 2).mean()
    u = v.data / norm.data
    dw = X.T @ (X @ (g.data * u) - y) / 4
    said = said_first(loss, {g: dw @ u, v: (dw - u * (u @ dw)) / norm.data})
    assert "the factor g" in said
    assert "is forgotten" in said


def embedded(words):
    """A penalized embedding: the loss, the table, its gradient without and that of the penalty."""
    rng = np.random.default_rng(2)
    E, w = leaf(rng, 6, 3, name="E"), rng.normal(size=3)
    loss = (np.tanh(E[words]) @ w).sum() + 0.15 * (E**2).sum()
    dE = np.zeros((6, 3))
    np.add.at(dE, words, w * (1 - np.tanh(E.data[words]) ** 2))
    return loss, E, dE, 0.3 * E.data


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([1, 4, 2], "the penalty is only on the rows that are used"),
        ([1, 4, 1, 2], "the penalty on each row counts as often as the row is used, in others not"),
        ([0, 1, 2, 3, 4, 5, 1], "the penalty on each row counts several times"),
    ],
)
def test_a_penalty_that_is_added_where_rows_are_used_is_named(words, said):
    loss, E, dE, penalty = embedded(np.array(words))
    counts = np.bincount(words, minlength=6)[:, None]
    assert said in said_first(loss, {E: dE + counts * penalty})


@pytest.mark.parametrize(
    ("other", "slope", "name"),
    [
        (relu, lambda z: z > 0, "relu"),
        (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), "sigmoid"),
        (softplus, sigmoid, "softplus"),
        (leaky_relu, lambda z: np.where(z > 0, 1, 0.01), "leaky_relu"),
    ],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_another_activation_in_both_passes_is_named(other, slope, name, layers):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    W1, W2, W3 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, 4, name="W2"), leaf(rng, 4, 2, name="W3")
    loss = ((np.tanh(np.tanh(X @ W1) @ W2) @ W3 - y) ** 2).sum() / 2
    Z1 = X @ W1.data
    H1 = other(Z1) if layers == 2 else np.tanh(Z1)
    Z2 = H1 @ W2.data
    H2 = other(Z2)
    d = H2 @ W3.data - y
    d2 = d @ W3.data.T * slope(Z2)
    d1 = d2 @ W2.data.T * (slope(Z1) if layers == 2 else 1 - H1**2)
    said = said_first(loss, {W1: X.T @ d1, W2: H1.T @ d2, W3: H2.T @ d})
    assert f"{name} stands for tanh in both passes" in said


def test_another_row_and_another_parameter_are_no_layers():
    rng = np.random.default_rng(4)
    x, W = rng.normal(size=(3, 5)), leaf(rng, 5, 2, name="W")
    h = [np.tanh(x[t] @ W) for t in range(3)]
    loss = sum((h[t] ** 2).sum() for t in range(3)) / 2
    d = [h[t].data * (1 - h[t].data ** 2) for t in range(3)]
    off = np.outer(x[0], d[0]) + np.outer(x[1], d[1]) + np.outer(x[1], d[2])
    assert "as of another time step" in said_first(loss, {W: off})
    X, U, V = rng.normal(size=(6, 4)), leaf(rng, 4, 4, name="U"), leaf(rng, 4, 4, name="V")
    a = np.tanh(X @ U)
    loss = ((a @ V) ** 2).sum() / 2
    out = a.data @ V.data
    dU = X.T @ (out @ U.data.T * (1 - a.data**2))
    assert "the values of another parameter" in said_first(loss, {U: dU, V: a.data.T @ out})


def test_a_number_of_the_callers_is_called_by_its_name():
    rng = np.random.default_rng(5)
    X, y, W = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), leaf(rng, 3, 2, name="W")
    loss, right = ((X @ W - y) ** 2).mean(), X.T @ (X @ W.data - y) / 8
    step_size = 0.0371
    for by, words in ((step_size, "multiplied by step_size"), (-1 / step_size, "divided by step_")):
        said = compare_gradients(loss, {W: by * right}).explanations[0].sentence
        assert words in said
        assert ("the sign is wrong" in said) == (by < 0)


@pytest.mark.exhaustive
def test_a_number_that_zeros_come_out_of_is_no_evidence():
    rng = np.random.default_rng(6)
    x, y = rng.random(8), rng.random(8)
    a, b, c = (leaf(rng, name=name) for name in "abc")
    loss = ((sigmoid(a * x + b) * c - y) ** 2).sum()
    explanations = compare_gradients(loss, {a: 0.0, b: 0.0, c: rng.normal()}).explanations
    assert all("a constant factor" not in each.sentence for each in explanations)
