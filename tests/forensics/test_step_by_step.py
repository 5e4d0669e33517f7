"""Derivations step by step, within softmax and batch norm, and with more than one way on."""

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, leaky_relu


def leaf(values, name):
    return Tensor(values, requires_grad=True, name=name)


def first(report):
    return str(report.explanations[0])


def cross_entropy_in_steps(mistake):
    """The cross-entropy of softmax(X @ W), shifted by its maximum, and its gradient by hand."""
    rng = np.random.default_rng(0)
    X, y, rows = rng.normal(size=(6, 3)), rng.integers(4, size=6), np.arange(6)
    W = leaf(rng.normal(size=(3, 4)), "W")
    scores = X @ W
    counts = np.exp(scores - scores.max(axis=1, keepdims=True))
    total = counts.sum(axis=1, keepdims=True)
    inverse = total**-1
    probabilities = counts * inverse
    loss = -np.log(probabilities)[rows, y].mean()

    dprobabilities = np.zeros((6, 4))
    dprobabilities[rows, y] = -1 / 6 / probabilities.data[rows, y]
    dinverse = (dprobabilities * counts.data).sum(axis=1, keepdims=True)
    dtotal = -dinverse * total.data**-2
    dcounts = dprobabilities * (1 if mistake == "inverse" else inverse.data) + dtotal
    dshifted = dcounts if mistake == "exp" else dcounts * counts.data
    dscores = dshifted.copy()
    dscores[rows, scores.data.argmax(axis=1)] -= dshifted.sum(axis=1)
    return compare_gradients(loss, {W: X.T @ dscores})


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("exp", "Step from dcounts to dt2: the derivative of exp is forgotten."),
        ("inverse", "Step from dprobabilities to dcounts: inverse is forgotten"),
    ],
)
def test_a_mistake_within_what_is_written_out_is_named_at_its_step(mistake, said):
    assert cross_entropy_in_steps("")
    assert said in first(cross_entropy_in_steps(mistake))


def three_layers(mistake):
    """A loop over layers, with tanh, in which the delta carried on lacks the derivative."""
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    W = [leaf(0.7 * rng.normal(size=(4, 4)), f"W{n}") for n in range(3)]
    b = [leaf(rng.normal(size=(4, 1)), f"b{n}") for n in range(3)]
    values = [X]
    for weights, bias in zip(W, b):
        A = np.tanh(weights @ values[-1] + bias)
        values.append(A)
    loss = ((A - Y) ** 2).sum()
    manual, dA = {}, 2 * (A.data - Y)
    given = [X, *(value.data for value in values[1:])]
    for n in (2, 1, 0):
        dZ = dA * (1 - given[n + 1] ** 2)
        manual |= {W[n]: dZ @ given[n].T, b[n]: dZ.sum(axis=1, keepdims=True)}
        if mistake == "bias":
            manual[b[n]] = dA.sum(axis=1, keepdims=True)
        dA = W[n].data.T @ (dA if mistake == "carried" else dZ)
    return compare_gradients(loss, manual)


def test_what_is_carried_on_wrongly_is_not_said_to_be_wrong_at_a_bias():
    said = first(three_layers("carried"))
    assert "on the way down to the layer below; the parameters have it" in said
    assert not any(f"to db{n}" in said for n in range(3))


def test_by_hand_and_right_are_formulas_of_the_same_step_of_several():
    rng = np.random.default_rng(2)
    x, w, b = rng.normal(size=(3, 4)), leaf(rng.normal(size=4), "w"), leaf(np.zeros(4), "b")
    h, states = np.zeros(4), []
    for t in range(3):
        h = np.tanh(w * h + x[t] + b)
        states.append(h.data)
    loss = (h**2).sum()
    dh, dw, db = 2 * h.data, np.zeros(4), np.zeros(4)
    for t in (2, 1, 0):
        dz = dh * (1 - states[t] ** 2)
        db += dh
        dw += dz * (states[t - 1] if t else 0)
        dh = dz * w.data
    said = first(compare_gradients(loss, {w: dw, b: db}))
    assert "the derivative of tanh is forgotten, only here" in said
    assert said.count("db += ") == 2


def prelu(mistake=False):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 4))
    W, alpha = leaf(rng.normal(size=(3, 4)), "W"), leaf(np.full(4, 0.25), "alpha")
    z = X @ W
    a = np.maximum(z, 0) + alpha * np.minimum(z, 0)
    loss = ((a - y) ** 2).sum()
    da, negative = 2 * (a.data - y), z.data < 0
    dalpha = da * negative * (1 if mistake else z.data)
    return compare_gradients(
        loss, {W: X.T @ (da * np.where(negative, 0.25, 1)), alpha: dalpha.sum(0)}
    )


def test_a_product_with_the_slope_of_a_function_in_place_of_its_value_is_named():
    assert prelu()
    said = first(prelu(mistake=True))
    assert "to dalpha: the product is taken with the derivative of minimum" in said
    assert "and not with its value" in said


def weighted_sum(mistake):
    """A loss of three terms, one of which counts 3 times; or the mean of one that counts each."""
    rng = np.random.default_rng(4)
    X, y, w = rng.normal(size=(8, 2)), rng.normal(size=8), leaf(rng.normal(size=2), "w")
    entropy = np.tanh(w).sum()
    loss = ((X @ w - y) ** 2).mean() + 3 * entropy + np.exp(w).sum()
    error = 2 * X.T @ (X @ w.data - y) / 8
    dw = error + (1 if mistake else 3) * (1 - np.tanh(w.data) ** 2) + np.exp(w.data)
    return compare_gradients(loss, {w: dw})


def test_a_factor_at_a_step_comes_before_the_number_of_terms():
    assert weighted_sum("")
    assert "the factor 3 is missing" in first(weighted_sum("factor"))


def test_the_mean_of_errors_in_a_loop_is_one_over_the_number_of_terms():
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), leaf(rng.normal(size=3), "w")
    loss = sum((x @ w - t) ** 2 for x, t in zip(X, y)) / 5
    said = first(compare_gradients(loss, {w: 2 * X.T @ (X @ w.data - y)}))
    assert "1/5 is missing: the division by 5 is left out" in said


def test_a_step_of_adagrad_is_named_where_some_entries_are_0():
    rng = np.random.default_rng(6)
    E, v = leaf(rng.normal(size=(5, 3)), "E"), rng.normal(size=3)
    loss = np.tanh(E[[0, 2]] @ v).sum()
    dE = np.zeros((5, 3))
    dE[[0, 2]] = np.outer(1 - np.tanh(E.data[[0, 2]] @ v) ** 2, v)
    said = first(compare_gradients(loss, {E: dE / (np.sqrt(dE**2) + 0.1)}))
    assert "as by Adagrad, RMSprop or Adam" in said


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (lambda z, a: a * (1 - a), "is used for that of softplus, written out."),
        (
            lambda z, a: 1 / (1 + np.exp(-a)),
            "of softplus, written out, a formula in its input, is evaluated at its output.",
        ),
    ],
)
def test_what_is_written_out_is_said_with_as_many_commas_as_there_are(slope, said):
    rng = np.random.default_rng(7)
    X, W, v = rng.normal(size=(6, 3)), leaf(rng.normal(size=(3, 4)), "W"), rng.normal(size=4)
    z = X @ W
    loss = (np.log(1 + np.exp(z)) @ v).sum()
    dW = X.T @ (slope(z.data, np.log(1 + np.exp(z.data))) * v)
    assert said in first(compare_gradients(loss, {W: dW}))


def test_another_slope_of_a_rectifier_is_told_from_its_own():
    rng = np.random.default_rng(8)
    X, W = rng.normal(size=(6, 3)), leaf(rng.normal(size=(3, 4)), "W")
    z = X @ W
    loss = (leaky_relu(z, 0.1) ** 2).sum()
    dz = 2 * np.where(z.data > 0, z.data, 0.1 * z.data) * np.where(z.data > 0, 1, 0.02)
    said = first(compare_gradients(loss, {W: X.T @ dz}))
    assert "another number where z < 0, and not its own slope there, but 0.02." in said
