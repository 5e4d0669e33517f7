"""Derivations that are right, but for another forward pass: of other data, weights, or axes."""

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, sigmoid, softmax, softmax_cross_entropy


def leaf(values, name=None):
    return Tensor(np.array(values), requires_grad=True, name=name)


def by_hand(X, y, W1, b1, W2, b2):
    """The gradients of the sum of squares after two layers."""
    h = np.tanh(X @ W1 + b1)
    g = 2 * (h @ W2 + b2 - y)
    d = g @ W2.T * (1 - h**2)
    return X.T @ d, d.sum(axis=0), h.T @ g, g.sum(axis=0)


def dense(mistake):
    """A network whose gradients are computed for another one; the caller has what it takes."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    X_test, y_test = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    old = [rng.normal(size=shape) for shape in ((3, 4), 4, (4, 2), 2)]
    names = "W1", "b1", "W2", "b2"
    parameters = [leaf(a - 0.1 * rng.normal(size=a.shape), n) for a, n in zip(old, names)]
    W1, b1, W2, b2 = parameters
    v = {"X": X, "y": y} | {p.name: p.data for p in parameters}
    instead = {
        "right": {},
        "inputs": {"X": X_test},
        "batch": {"X": X_test, "y": y_test},
        "weights": {"W2": old[2]},
        "all weights": dict(zip(names, old)),
        "bias": {"b1": np.zeros(4)},
        "biases": {"b1": np.zeros(4), "b2": np.zeros(2)},
        "noise": {"X": rng.normal(size=(8, 3))},
    }[mistake]
    gradients = by_hand(**(v | instead))
    del instead, v
    loss = ((np.tanh(X @ W1 + b1) @ W2 + b2 - y) ** 2).sum()
    return compare_gradients(loss, dict(zip(parameters, gradients)))


def samples(mistake):
    """Logistic regression in a loop over the samples, with those of another set."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(5, 3)), np.array([0.0, 1, 1, 0, 1])
    X_val = X if mistake == "right" else rng.normal(size=(5, 3))
    w = leaf(rng.normal(size=3))
    loss = gradient = 0
    for number in range(5):
        p = sigmoid(X[number] @ w)
        loss = loss - y[number] * np.log(p) - (1 - y[number]) * np.log(1 - p)
        q = sigmoid(X_val[number] @ w.data)
        gradient = gradient + (q - y[number]) * X_val[number]
    return compare_gradients(loss, {w: gradient})


def classes(mistake):
    """Softmax regression with the labels of another batch too."""
    rng = np.random.default_rng(2)
    X, labels = rng.normal(size=(6, 3)), np.array([0, 3, 1, 2, 2, 0])
    X_next, labels_next = rng.normal(size=(6, 3)), np.array([1, 0, 0, 3, 2, 1])
    used = (X, labels) if mistake == "right" else (X_next, labels_next)
    W = leaf(rng.normal(size=(3, 4)), "W")
    p = softmax(used[0] @ W.data, axis=1)
    p[np.arange(6), used[1]] -= 1
    return compare_gradients(softmax_cross_entropy(X @ W, labels), {W: used[0].T @ p / 6})


def scaled(mistake):
    """What is scaled in the loss and not by hand."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))
    W, gamma = leaf(rng.normal(size=(3, 3)), "W"), leaf(rng.normal(size=3), "gamma")
    loss = ((np.tanh(gamma * (X @ W)) - y) ** 2).sum()
    scale, n = gamma.data if mistake == "right" else np.ones(3), X @ W.data
    a = np.tanh(scale * n)
    g = 2 * (a - y) * (1 - a**2)
    return compare_gradients(loss, {W: X.T @ (g * scale), gamma: (g * n).sum(axis=0)})


def attention(mistake):
    """Attention weights that are normalized over the queries, in both passes or on the way back."""
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 2))
    Wq, Wk, Wv = (leaf(rng.normal(size=(3, 2)), name) for name in ("Wq", "Wk", "Wv"))
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    out = softmax(q @ k.swapaxes(1, 2), axis=2) @ v
    axis = 2 if mistake == "right" else 1
    A = softmax(q.data @ k.data.swapaxes(1, 2), axis=axis)
    g = 2 * ((A @ v.data if mistake == "both" else out.data) - Y)
    dA = g @ v.data.swapaxes(1, 2)
    dS = A * (dA - (dA * A).sum(axis=axis, keepdims=True))
    dq, dk, dv = dS @ k.data, dS.swapaxes(1, 2) @ q.data, A.swapaxes(1, 2) @ g
    gradients = {W: np.tensordot(X, d, ((0, 1), (0, 1))) for W, d in ((Wq, dq), (Wk, dk), (Wv, dv))}
    return compare_gradients(((out - Y) ** 2).sum(), gradients)


def backwards(mistake):
    """The error goes back through the weights before their update; all else is right."""
    rng = np.random.default_rng(5)
    X, y, W2_old = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(4, 2))
    W1, W2 = leaf(rng.normal(size=(3, 4))), leaf(W2_old - 0.1 * rng.normal(size=(4, 2)))
    h = np.tanh(X @ W1)
    g = 2 * (h.data @ W2.data - y)
    back = g @ (W2.data if mistake == "right" else W2_old).T
    gradients = {W1: X.T @ (back * (1 - h.data**2)), W2: h.data.T @ g}
    return compare_gradients(((h @ W2 - y) ** 2).sum(), gradients)


PLANTED = {
    dense: {
        "inputs": "computed with X_test in both passes, the loss with X.",
        "batch": "computed with X_test and y_test in both passes, the loss with X and y.",
        "weights": "computed with the other weights old2 in both passes, the loss with W2.",
        "all weights": "computed with the other weights old0 and old1 and old2 and old3",
        "bias": "without b1 in both passes: as if it were 0.",
        "biases": "without any bias in both passes",
    },
    samples: {"others": "computed with X_val in both passes, the loss with X."},
    classes: {"others": "computed with X_next and labels_next in both passes"},
    scaled: {"forgotten": "without gamma in both passes: as if it were 1."},
    attention: {
        "both": "softmax is taken over axis 1, the wrong one, in both passes",
        "back": "softmax is taken over axis 1, the wrong one, in the backward pass",
    },
    backwards: {"old": "computed with W2_old, the loss with W2."},
}


def test_the_pass_that_the_gradients_are_right_for_is_named_first():
    for derivation, planted in PLANTED.items():
        assert derivation("right"), derivation
        for mistake, words in planted.items():
            report = derivation(mistake)
            assert not report, mistake
            said = report.explanations[0].sentence if report.explanations else report.pattern
            assert words in said, f"{mistake}: {said}"


@pytest.mark.exhaustive
def test_what_is_right_for_data_that_nobody_has_is_not_explained():
    assert dense("noise").explanations == []


@pytest.mark.exhaustive
def test_random_numbers_are_not_those_of_some_other_arrays():
    rng = np.random.default_rng(6)
    x, y, *others = rng.normal(size=(8, 9))
    for _ in range(5):
        a, b = leaf(rng.normal(), "a"), leaf(rng.normal(), "b")
        loss = ((a * np.tanh(b * x) - y) ** 2).mean()
        gradients = {a: rng.normal(), b: rng.normal()}
        assert compare_gradients(loss, gradients).explanations == []
    assert len(others) == 6  # all of them within sight


# Inputs and targets that are slices of one array


def next_tokens(targets, scattered_at, hidden=False, named=True):
    """A model of the next token; `targets` and `scattered_at` are 0 for inputs, 1 for labels."""
    rng = np.random.default_rng(0)
    text = rng.integers(6, size=13)
    xs, ys = text[:-1], text[1:]
    shapes = {"E": (6, 4), "U": (4, 4), "W": (4, 6)}
    E, U, W = (leaf(rng.normal(size=shape), name) for name, shape in shapes.items())
    e = E[xs]
    h = np.tanh(e @ U) if hidden else e
    p = softmax(h @ W, axis=1)
    loss = -np.log(p[np.arange(12), ys]).mean()
    d = (p.data - np.eye(6)[(xs, ys)[targets]]) / 12
    gradients, de, dE = {W: h.data.T @ d}, d @ W.data.T, np.zeros((6, 4))
    if hidden:
        dz = de * (1 - h.data**2)
        gradients[U], de = e.data.T @ dz, dz @ U.data.T
    np.add.at(dE, (xs, ys)[scattered_at], de)
    gradients[E] = dE
    if not named:
        del xs, ys
    return compare_gradients(loss, gradients)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_inputs_for_targets_of_one_array_are_named_where_the_targets_are_used(hidden, named):
    report = next_tokens(0, 0, hidden, named)
    said = [explanation.sentence for explanation in report.explanations]
    assert said
    assert all(each.startswith("Step to dp through getitem: ") for each in said)
    assert "in both passes" in said[0]
    assert "another slice of the same array" in said[0]
    by_name = ["computed with xs in both passes, the loss with ys" in each for each in said]
    assert any(by_name) == named


@pytest.mark.parametrize("hidden", [False, True])
def test_rows_scattered_at_the_targets_of_one_array_are_named_where_they_are_taken(hidden):
    (explanation, *others) = next_tokens(1, 1, hidden).explanations
    assert "to dE: it is computed with ys, the loss with xs" in explanation.sentence
    assert explanation.explained == ["E"]
    assert not others


def test_rows_scattered_at_another_slice_without_a_name_are_named():
    (explanation,) = next_tokens(1, 1, named=False).explanations
    assert "computed with another slice of the same array" in explanation.sentence
    assert explanation.explained == ["E"]


def test_slices_of_one_array_in_their_places_are_right():
    assert next_tokens(1, 0, True)
