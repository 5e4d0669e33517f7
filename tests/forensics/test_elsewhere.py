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


def distances(rng, mistake):
    """Two layers of one width and the distances to targets, with a root written out."""
    X, Y = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    W1, W2 = leaf(rng.normal(size=(2, 3)), "W1"), leaf(rng.normal(size=(3, 3)), "W2")
    z1 = X @ W1
    a1 = np.tanh(z1)
    z2 = a1 @ W2
    root = np.sqrt(((z2 - Y) ** 2).sum(axis=1, keepdims=True))
    dz2 = (z2.data - Y) / root.data ** (2 if mistake == "root" else 1)
    dW2 = a1.data.T @ dz2
    back = dz2 @ (dW2 if mistake == "gradient" else W2.data).T
    dz1 = back * (1 - np.tanh((z2 if mistake == "layer" else z1).data) ** 2)
    dW1 = X.T @ dz1
    return root.sum(), {W1: np.full((2, 3), dW1.sum()) if mistake == "sum" else dW1, W2: dW2}


def counted(rng, mistake):
    """Counts, most of them 0, in softmax regression with a squared error; absolute errors."""
    X, Y, t = rng.poisson(1.5, size=(7, 3)) * 1.0, np.eye(3)[[0, 2, 1, 0, 1, 2, 2]], np.arange(7)
    W, v = leaf(rng.normal(size=(3, 3)), "W"), leaf(rng.normal(size=3), "v")
    z, error = X @ W, X @ v - t
    p = softmax(z, axis=1)
    g, q, e = 2 * (p.data - Y), p.data, np.sign(error.data)
    dz = q * (g - (g * (z.data if mistake == "input" else q)).sum(axis=1, keepdims=True))
    dz = g * (1 - q) if mistake == "factor" else dz
    met = (X != 0) if mistake == "indicator" else X
    dv = met.T @ np.maximum(e, 0 if mistake == "negative" else -1)
    return ((p - Y) ** 2).sum() + np.abs(error).sum(), {W: X.T @ dz, v: dv}


def one_by_one(rng, mistake):
    """A convolution as a loop over its kernel; logistic regression as one over samples."""
    x, y = leaf(rng.normal(size=9), "x"), rng.normal(size=7)
    k, w, t = leaf(rng.normal(size=3), "k"), leaf(rng.normal(size=3), "w"), [0, 1, 1, 0]
    a, X = np.tanh(x), rng.normal(size=(4, 3))
    error = k[0] * a[0:7] + k[1] * a[1:8] + k[2] * a[2:9] - y
    da, dw, loss = np.zeros(9), np.zeros(3), (error**2).sum()
    for i in range(3):
        start = 0 if mistake == "starts" else i
        da[start : start + 7] += 2 * k.data[i] * error.data
    for sample, target in zip(X, t):
        p = sigmoid(sample @ w)
        loss = loss + (p - target) ** 2
        kept = dw * 1.3 if mistake == "momentum" else dw
        dw = kept + 2 * (p.data - target) * p.data * (1 - p.data) * sample
    dk = np.array([2 * error.data @ a.data[i : i + 7] for i in range(3)])
    return loss, {x: da * (1 - a.data**2), k: dk, w: dw}


def penalized(rng, mistake):
    """Logistic regression with a penalty on all weights but the first."""
    X, y, w = rng.normal(size=(8, 2)), rng.integers(2, size=8), leaf(rng.normal(size=2), "w")
    p = sigmoid(X @ w)
    cost = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    delta = cost.data if mistake == "value" else p.data - y
    penalty = 0.5 * w.data[1] * np.array([mistake == "broadcast", 1])
    return cost.sum() + 0.25 * (w[1:] ** 2).sum(), {w: X.T @ delta + penalty}


def gates(rng, mistake):
    """Three gates at every step, and what they let through normalized over the features alone."""
    xs, Wi, Wf, Wo = rng.normal(size=(3, 4, 2)), *(leaf(rng.normal(size=(2, 3)), n) for n in "ifo")
    loss, gradients = 0, {W: np.zeros((2, 3)) for W in (Wi, Wf, Wo)}
    for x in xs:
        i, f, o = (sigmoid(x @ W) for W in (Wi, Wf, Wo))
        loss = loss + (i * f * o).sum()
        v = [gate.data for gate in (i, f, o)]
        for number, W in enumerate((Wi, Wf, Wo)):
            a, others = v[number], v[number - 1] * v[number - 2]
            again = mistake == "again" and number != 1
            gradients[W] += x.T @ (others * (1 / (1 + np.exp(-a)) if again else a * (1 - a)))
    return loss, gradients


def in_blocks(rng, mistake):
    """Layer normalization of sequences, in the formula for the whole."""
    x, y, W = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 4)), rng.normal(size=(4, 4))
    W = leaf(W, "W")
    a = x @ W
    centred = a - a.mean(axis=-1, keepdims=True)
    s = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    h = centred / s
    g, axes = 2 * (h.data - y), (0, 1, 2) if mistake == "all" else -1
    sums = [v.sum(axis=axes, keepdims=True) / 4 for v in (g, g * h.data)]
    return ((h - y) ** 2).sum(), {
        W: np.einsum("bti,btj->ij", x, (g - sums[0] - h.data * sums[1]) / s.data)
    }


def residual(rng, mistake):
    """A residual block that first divides by the root mean square; and log-probabilities."""
    x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    W, V, w = (leaf(rng.normal(size=s), n) for s, n in (((3, 4), "W"), ((4, 4), "V"), (4, "w")))
    h = x @ W
    r = 1 / np.sqrt((h**2).mean(axis=1, keepdims=True))
    normal = h * r * w
    out = np.tanh(normal) @ V + h
    logs = log_softmax(out, axis=1)
    g, p = 2 * (logs.data - t), np.exp(logs.data)
    d = g + p if mistake == "added" else g - p * g.sum(axis=1, keepdims=True)
    a, n = np.tanh(normal.data), h.data * r.data
    slope = (1 - a**2) * (d @ V.data.T if mistake == "again" else 1)
    dn = (d @ V.data.T) * slope
    dw = (dn * n).sum(axis=0)
    dn = (dn + d * (mistake == "before")) * w.data
    late = w.data if mistake == "twice" else 1
    dh = (dn - late * n * (dn * n).mean(axis=1, keepdims=True)) * r.data
    dh = dh + d * (mistake != "before")
    return ((logs - t) ** 2).sum(), {W: x.T @ dh, V: a.T @ d, w: dw}


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
    distances: {
        "gradient": "with the gradient of a parameter, not with itself",
        "root": "1 / \\(2 z\\): one over twice what is under the root",
        "layer": "tanh is evaluated at another layer's sum",
        "sum": "each of its entries is the sum of all",
    },
    counted: {
        "input": "the input stands for one of the two outputs",
        "factor": "1 - A stands for the whole",
        "indicator": "counts only where it is not 0",
        "negative": "0 where z is negative, and not -1",
    },
    one_by_one: {
        "starts": "windows that are all where the first one is",
        "momentum": "each use counts 1\\.3 times as much as the one after",
    },
    penalized: {
        "value": "the value of the cross-entropy itself",
        "broadcast": "what arrives at an entry goes to all",
    },
    gates: {"again": "5 other steps of this kind: .*sigmoid\\(a\\)"},
    in_blocks: {"all": "sums are, for the means, taken over all axes"},
    residual: {
        "twice": "multiplied in twice in y times the mean",
        "before": "what arrives over the skip connection is added before",
        "again": "what arrives is multiplied in twice",
        "added": "the probabilities alone are added: g \\+ p",
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
