"""Mistakes with indices, windows, loops and ties: something is right, but elsewhere.

Each derivation is in NumPy alone, with its mistake in it, and without: that one has to agree.
"""

import re

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, log_softmax, relu, sigmoid, softmax


def leaf(values, name):
    return Tensor(values, requires_grad=True, name=name)


def weighted_pairs(rng, mistake):
    """A loop over pairs of rows, each with a weight: sums of f (U[i] V[j] - y)²."""
    U, V = leaf(rng.normal(size=(3, 2)), "U"), leaf(rng.normal(size=(3, 2)), "V")
    f, y = rng.uniform(0.1, 1, size=(3, 3)), rng.normal(size=(3, 3))
    f[0, 0] = 1
    loss, dU, dV = 0, np.zeros((3, 2)), np.zeros((3, 2))
    for i, j in np.ndindex(3, 3):
        error = U[i] @ V[j] - y[i, j]
        loss = loss + f[i, j] * error**2
        g = 2 * (1 if mistake == "weights" else f[i, j]) * error.data
        dU[i] += g * V.data[i if mistake == "rows" else j]
        dV[j] += g * (V.data[j] if mistake == "own" else U.data[i])
    return loss, {U: dU, V: dV}


def logistic_growth(rng, mistake):
    """Euler steps from a start that is a parameter; the adjoint runs back."""
    rate, start, seen = leaf(1.3, "rate"), leaf(0.4, "start"), rng.uniform(0.3, 1, size=5)
    x, states, loss = start, [], 0
    for y in seen:
        states.append(x.data)
        x = x + 0.1 * rate * x * (1 - x)
        loss = loss + (x - y) ** 2
    states.append(x.data)
    adjoint = d_rate = 0
    for t in reversed(range(5)):
        adjoint = adjoint + 2 * (states[t + 1] - seen[t])
        d_rate += adjoint * 0.1 * states[t] * (1 - states[t])
        slope = 0.13 * (1 - 2 * states[t])
        adjoint = adjoint * (slope + (mistake != "start"))
    return loss, {rate: d_rate, start: adjoint}


def windows(rng, mistake):
    """Windows with a stride and a dilation, taken by an array of indices."""
    x, w, y = leaf(rng.normal(size=(3, 13)), "x"), leaf(rng.normal(size=3), "w"), rng.normal(size=5)

    def places(stride, dilation):
        return np.arange(5)[:, None] * stride + np.arange(3) * dilation

    a = np.tanh(x)
    error = a[:, places(2, 2)] @ w - y
    g = 2 * error.data
    met = places(1 if mistake == "stride" else 2, 1 if mistake == "dilation" else 2)
    sent = places(1, 2) if mistake == "scattered" else places(2, 2)
    da = np.zeros((3, 13))
    np.add.at(da, (slice(None), sent), g[:, :, None] * w.data)
    dw = np.einsum("nt,ntk->k", g, a.data[:, met])
    return (error**2).sum(), {w: dw, x: da * (1 - a.data**2)}


def regression(rng, mistake):
    """Weighted logistic regression with an elastic net."""
    X, y, s = rng.normal(size=(9, 3)), rng.integers(2, size=9) * 1.0, rng.uniform(0.5, 2, size=9)
    w = leaf(rng.normal(size=3), "w")
    p = sigmoid(X @ w)
    loss = -(s * (y * np.log(p) + (1 - y) * np.log(1 - p))).mean()
    loss = loss + 0.2 * np.abs(w).sum() + 0.35 * (w**2).sum()
    one, two = (0.7, 0.2) if mistake == "strengths" else (0.2, 0.7)
    error = s * ((p.data > 0.5 if mistake == "rounded" else p.data) - y)
    rows = np.roll(X, 1, axis=0) if mistake == "rolled" else X
    return loss, {w: rows.T @ error / 9 + one * np.sign(w.data) + two * w.data}


def ratings(rng, mistake):
    """A factorization of known ratings, with a penalty on each row."""
    known, R = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1.0], [1, 0, 0]]), rng.normal(size=(4, 3))
    U, V = leaf(rng.normal(size=(4, 2)), "U"), leaf(rng.normal(size=(3, 2)), "V")
    error = known * (R - U @ V.T)
    counts = known.sum(axis=1, keepdims=True) if mistake == "per rating" else 1
    loss = (error**2).sum() + 0.2 * (U**2).sum()
    return loss, {
        U: -2 * error.data @ V.data + 0.4 * counts * U.data,
        V: -2 * error.data.T @ U.data,
    }


def implicit(rng, mistake):
    """The solution of a linear system, and its gradients by one solve."""
    A, b = leaf(rng.normal(size=(3, 3)) + 4 * np.eye(3), "A"), leaf(rng.normal(size=3), "b")
    z = np.linalg.solve(A, b)
    g = 2 * z.data
    adjoint = A.data.T @ g if mistake == "multiplied" else np.linalg.solve(A.data.T, g)
    return (z**2).sum(), {A: -np.outer(adjoint, z.data), b: adjoint}


def picked(rng, mistake):
    """The values of chosen actions, as in Q learning."""
    S, W, t = rng.normal(size=(4, 3)), leaf(rng.normal(size=(3, 3)), "W"), rng.normal(size=4)
    Q = S @ W
    error = Q[range(4), [0, 2, 1, 2]] - t
    D = np.zeros((4, 3))
    D[range(4), [0, 2, 1, 2]] = error.data / 4
    if mistake == "all":
        D = (Q.data - t[:, None]) / 4
    return (error**2).mean() / 2, {W: S.T @ (D.clip(-0.1, 0.1) if mistake == "clipped" else D)}


def skipped(rng, mistake):
    """A residual block whose delta has two names."""
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    W0, W1, W2 = (leaf(rng.normal(size=(3, 3)), name) for name in ("W0", "W1", "W2"))
    before = np.tanh(x @ W0)
    a = relu(before @ W1)
    out = a @ W2 + before
    delta = 2 * (out.data - y)
    dz = (delta @ W2.data.T) * (a.data > 0)
    total = delta + dz @ W1.data.T
    dW2 = a.data.T @ (total if mistake == "in place" else delta)
    first = x.T @ (total * (1 - before.data**2))
    return ((out - y) ** 2).sum(), {W2: dW2, W1: before.data.T @ dz, W0: first}


def moved(rng, mistake):
    """Copies, a roll and a cumulative sum."""
    x, y = leaf(rng.normal(size=4), "x"), rng.normal(size=8)
    out = np.roll(np.repeat(np.cumsum(x), 2), 1)
    g = np.roll(2 * (out.data - y), 1 if mistake == "roll" else -1)
    g = g.reshape(2, 4).sum(axis=0) if mistake == "tile" else g.reshape(4, 2).sum(axis=1)
    back = np.cumsum(g[::-1])[::-1]
    return ((out - y) ** 2).sum(), {x: back - g if mistake == "own" else back}


def noisy(rng, mistake):
    """Probabilities of logits with noise; and an autoencoder's divergence by the log-variance."""
    X, noise, R = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    W, v = leaf(rng.normal(size=(2, 3)), "W"), leaf(rng.normal(size=3), "v")
    p = softmax((X @ W + noise) / 0.7, axis=1)
    loss = (p * R * np.exp(0.5 * v)).sum() + (np.exp(v) - v).sum()
    logits = X @ W.data + noise * (mistake != "noise")
    q = np.exp(log_softmax(logits / 0.7, axis=1))
    g = R * np.exp(0.5 * v.data)
    dz = q * (g - (g * q).sum(axis=1, keepdims=True)) / 0.7
    sign = -1 if mistake == "sign" else 1
    dv = 0.5 * (p.data * g).sum(axis=0) + sign * (np.exp(v.data) - 1)
    return loss, {W: X.T @ dz, v: dv}


PLANTED = {
    weighted_pairs: {
        "weights": "all 9 steps of this kind: the other factor of multiply, such as a weight",
        "rows": "the row of the other factor's number",
        "own": "itself, where the other factor belongs",
    },
    logistic_growth: {"start": "to dt21, dt13, dt5, dstart: a path is dropped"},
    windows: {
        "stride": "product is taken with windows one entry apart: the stride or dilation, 2",
        "dilation": "product is taken with windows one entry apart: the stride or dilation, 2",
        "scattered": "added to windows one entry apart",
    },
    regression: {
        "rounded": "the prediction is rounded to a label",
        "strengths": "the strengths of two penalties are exchanged",
        "rolled": "the rows of the other factor are shifted by one",
    },
    ratings: {"per rating": "dU: the penalty on each row counts several times"},
    implicit: {"multiplied": "transposed matrix, where the system is to be solved"},
    picked: {"clipped": "what arrives is clipped at 0\\.1", "all": "the errors of all entries"},
    skipped: {"in place": "all that arrives at a0: .*dW2 = a1\\.T @ da0"},
    moved: {
        "roll": "roll is done again on the way back",
        "tile": "copies are summed as if tile had made them",
        "own": "an entry's own part is left out of the cumulative sum",
    },
    noisy: {
        "noise": "noise, is left out in both passes",
        "sign": "v.*: the sign is wrong",
    },
}


@pytest.mark.parametrize("of_each", [1, pytest.param(9, marks=pytest.mark.exhaustive)])
def test_the_first_explanation_names_what_was_planted(of_each):
    for derivation, planted in PLANTED.items():
        assert compare_gradients(*derivation(np.random.default_rng(5), "")), derivation
        for mistake, words in [*planted.items()][:of_each]:
            loss, gradients = derivation(np.random.default_rng(5), mistake)
            report = compare_gradients(loss, gradients)
            assert not report, mistake
            assert report.explanations, mistake
            assert re.search(words, report.explanations[0].sentence), report.explanations[0]


@pytest.mark.exhaustive
def test_one_layer_of_a_deep_residual_network_is_named_within_the_budget():
    rng = np.random.default_rng(5)
    layers = [leaf(rng.normal(size=(2, 2)) * 0.05, f"W{n}") for n in range(150)]
    h = x = rng.normal(size=(1, 2))
    states = []
    for W in layers:
        states.append(np.asarray(h if h is x else h.data))
        h = h + np.tanh(h @ W)
    d, gradients = 2 * h.data, {}
    for n in reversed(range(150)):
        slope = 1 if n == 70 else 1 - np.tanh(states[n] @ layers[n].data) ** 2
        dz = d * slope
        gradients[layers[n]] = states[n].T @ dz
        d = d + dz @ layers[n].data.T
    report = compare_gradients((h**2).sum(), gradients)
    assert report.explanations[0].mistakes[0].sentence.endswith("derivative of tanh is forgotten.")
    assert "59 others are wrong because of it" in report.explanations[0].consequences


TIES = {
    "two maxima": lambda x: np.maximum(x, x[::-1]),
    "of windows": lambda x: x.reshape(2, 2).max(axis=1),
    "clip": lambda x: np.clip(x, 0, 2),
    "sort": np.sort,
    "median": np.median,
}


@pytest.mark.parametrize("name", TIES)
def test_a_doubled_gradient_beside_ties_is_wrong(name):
    x = leaf(np.array([2.0, 2.0, 1.0, 2.0]), "x")
    loss = (TIES[name](x) ** 2).sum()
    loss.backward()
    right = np.array(x.grad)
    assert compare_gradients(loss, {x: right})
    assert not compare_gradients(loss, {x: 2 * right}, seconds=0.5)


@pytest.mark.parametrize("number", [0, -1], ids=["first", "last"])
def test_all_that_arrives_may_go_to_one_of_equal_extremes(number):
    x = leaf(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]), "x")
    gradient = np.zeros((2, 3))
    for row, values in enumerate(x.data):
        gradient[row, np.flatnonzero(values == values.max())[number]] = row + 1
    assert compare_gradients((x.max(axis=1) * np.array([1.0, 2.0])).sum(), {x: gradient})
