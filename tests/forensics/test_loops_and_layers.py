"""Mistakes with loops over time, with what lies across a product, and with masks, each named.

Each derivation is in NumPy alone, with its mistake in it, and without: that one has to agree.
"""

import re

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, elu, leaky_relu, logsumexp, relu, softmax


def parameter(values, name):
    return Tensor(values, requires_grad=True, name=name)


def through_time(rng, mistake):
    """A recurrent network whose loss is a sum over all steps."""
    xs, ys, count = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), 4
    W = parameter(rng.normal(size=(2, 3)) * 0.7, "W")
    U = parameter(rng.normal(size=(3, 3)) * 0.7, "U")
    states, loss = [np.zeros(3)], 0
    for x, y in zip(xs, ys):
        states.append(np.tanh(x @ W + states[-1] @ U))
        loss = loss + ((states[-1] - y) ** 2).sum()
    h = [states[0], *(state.data for state in states[1:])]
    dW, dU, carried, weights = 0, 0, 0, U.data.copy()
    for t in range(count) if mistake == "forwards" else reversed(range(count)):
        delta = (2 * (h[t + 1] - ys[t]) + carried) * (1 - h[t + 1] ** 2)
        dW, dU = dW + np.outer(xs[t], delta), dU + np.outer(h[t], delta)
        weights -= 0.05 * np.outer(h[t], delta) * (mistake == "updated before")
        carried = weights @ delta
        weights -= 0.05 * np.outer(h[t], delta) * (mistake == "updated after")
    return loss, {W: dW, U: dU}


def three_layers(rng, mistake):
    """Layers of one width, so that what belongs elsewhere has the right shape."""
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    shapes = {"W1": (3, 4), "W2": (4, 4), "W3": (4, 4)}
    W1, W2, W3 = (parameter(rng.normal(size=shape), name) for name, shape in shapes.items())
    h1 = relu(X @ W1)
    h2 = relu(h1 @ W2)
    p = h2 @ W3
    loss = ((p - y) ** 2).sum()
    d3 = 2 * (p.data - y)
    d2 = d3 @ W3.data.T * (h2.data > 0)
    if mistake == "before the product":
        d1 = (d2 * (h1.data > 0)) @ W2.data.T
    else:
        d1 = (d3 @ W3.data.T if mistake == "skipped" else d2 @ W2.data.T) * (h1.data > 0)
    found = {W1: X.T @ d1, W2: h1.data.T @ d2, W3: h2.data.T @ d3}
    if mistake == "none arrives":
        found = {weights: 0 * gradient for weights, gradient in found.items()}
    return loss, found


def normalized(rng, mistake):
    """Normalization of each row, and of what comes out a sum with gamma and beta."""
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 6))
    W, gamma, beta = (
        parameter(rng.normal(size=shape) + 1, name)
        for name, shape in (("W", (3, 6)), ("gamma", 6), ("beta", 6))
    )
    x = X @ W
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-6)
    unit = centred / deviation
    loss = ((gamma * unit + beta - y) ** 2).sum()
    arriving = 2 * (gamma.data * unit.data + beta.data - y)
    g, n = arriving * gamma.data, unit.data
    first, second = 0 if mistake == "mean" else 1, 0 if mistake == "mean along" else 1
    mean, along = g.mean(first, keepdims=True), (g * n).mean(second, keepdims=True)
    dx = (g - mean - n * along) / deviation.data
    dbeta = (g if mistake == "factor" else arriving).sum(axis=0)
    return loss, {W: X.T @ dx, gamma: (arriving * n).sum(axis=0), beta: dbeta}


def clipped(rng, mistake):
    """A prediction that is clipped, of which all is above the lower bound, or all is not."""
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), parameter(rng.normal(size=3), "w")
    z = X @ w
    clip = np.clip(z, -0.7, 0.7)
    inside = abs(z.data) < 0.7
    slope = {"": inside, "forgotten": 1, "inverted": ~inside, "itself": z.data}[mistake]
    return ((clip - y) ** 2).sum(), {w: X.T @ (2 * (clip.data - y) * slope)}


def rectified(rng, mistake):
    """Rectifiers with a slope below 0 that is not the usual one, the first of them written out."""
    X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    W, V = parameter(rng.normal(size=(3, 4)), "W"), parameter(rng.normal(size=(4, 2)), "V")
    z = X @ W
    a = np.where(z > 0, z, 0.4 * (np.exp(z) - 1))
    last = a @ V
    p = leaky_relu(last, 0.2)
    delta = 2 * (p.data - y) * np.where(last.data > 0, 1, 0.1 if mistake == "leak" else 0.2)
    below = 0.4 * np.exp(z.data) - 0.4 * (mistake == "value")
    dz = delta @ V.data.T * np.where(z.data > 0, 1, below)
    return ((p - y) ** 2).sum(), {V: a.data.T @ delta, W: X.T @ dz}


def masked(rng, mistake):
    """Dropout before the last layer; ratings of which some are unknown after it."""
    X, y, known = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), rng.random((5, 4)) < 0.7
    W, V = parameter(rng.normal(size=(3, 6)), "W"), parameter(rng.normal(size=(6, 4)), "V")
    mask = (rng.random((5, 6)) < 0.6) / 0.6
    hidden = np.tanh(X @ W)
    dropped = hidden * mask
    rated = known.astype(float)
    error = dropped @ V - y
    delta = 2 * error.data * (1 if mistake == "unknown" else rated)
    scale = {"": 1, "other share": 0.6 / 0.4}.get(mistake, 1)
    dz = delta @ V.data.T * mask * scale * (1 - hidden.data**2)
    return (rated * error**2).sum(), {V: dropped.data.T @ delta, W: X.T @ dz}


def attended(rng, mistake):
    """Scores of which those of later positions are masked, and their logarithms' sums."""
    X, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    W = parameter(rng.normal(size=(3, 4)), "W")
    scores, later = X @ W, np.triu(np.full((4, 4), -1e9), 1)
    A = softmax(scores + later, axis=1)
    total = logsumexp(scores, axis=1)
    loss = ((A - y) ** 2).sum() + (total**2).sum()

    def probabilities(z, axis=1):
        return np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)

    P = probabilities(scores.data + (0 if mistake == "unmasked" else later))
    g = 2 * (P - y)
    dscores = P * (g - (g * P).sum(axis=1, keepdims=True))
    axis = 0 if mistake == "axis" else 1
    dscores += 2 * total.data[:, None] * probabilities(scores.data, axis)
    return loss, {W: X.T @ dscores}


def curves(rng, mistake):
    """A power by its exponent, as where the law of a power is fitted."""
    x, y = rng.uniform(1.5, 3, 6), rng.normal(size=6)
    a, b = parameter(1.3, "a"), parameter(0.7, "b")
    f = a * x**b
    delta = 2 * (f.data - y)
    inner = 1 if mistake == "logarithm" else np.log(x)
    return ((f - y) ** 2).sum(), {a: (delta * x**0.7).sum(), b: (delta * f.data * inner).sum()}


def in_a_loop(rng, mistake):
    """Samples one at a time, whose gradients for the first layer are overwritten."""
    X, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    W, v = parameter(rng.normal(size=(3, 3)), "W"), parameter(rng.normal(size=3), "v")
    loss, dW, dv = 0, 0, 0
    for x, t in zip(X, y):
        h = elu(x @ W)
        p = h @ v
        loss = loss + (p - t) ** 2
        delta = 2 * (p.data - t)
        dv = dv + delta * h.data
        own = np.outer(x, delta * v.data * np.where(h.data > 0, 1, h.data + 1))
        dW = own if mistake == "overwritten" else dW + own
    return loss, {W: dW, v: dv}


def growth(rng, mistake):
    """Euler's method for x' = k x (1 - x): a state is in the sum, and in its rate of change."""
    k, x, step = parameter(0.9, "k"), 0.2, 0.2
    states = [x]
    for _ in range(5):
        x = x + step * k * x * (1 - x)
        states.append(x.data)
    carried, dk = 2 * (x.data - 0.5), 0.0
    for before in states[-2::-1]:
        dk += carried * step * before * (1 - before)
        carried *= 1 if mistake == "constant" else 1 + step * k.data * (1 - 2 * before)
    return (x - 0.5) ** 2, {k: dk}


def determinants(rng, mistake):
    """A likelihood with a determinant's logarithm, and a distance with an inverse."""
    x, A = rng.normal(size=3), parameter(rng.normal(size=(3, 3)) + 3 * np.eye(3), "A")
    loss = x @ np.linalg.inv(A) @ x + np.linalg.slogdet(A)[1]
    inverse = np.linalg.inv(A.data)
    left = inverse if mistake == "one inverse" else inverse.T
    dA = -np.outer(left @ x, inverse @ x)
    return loss, {A: dA + (inverse if mistake == "logarithm" else inverse.T)}


def scaled_batch(rng, mistake):
    """Batch normalization with a scale."""
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
    W, gamma = parameter(rng.normal(size=(3, 4)), "W"), parameter(rng.uniform(1, 2, 4), "gamma")
    x = X @ W
    mean = x.mean(axis=0)
    variance = ((x - mean) ** 2).mean(axis=0)
    unit = (x - mean) / np.sqrt(variance + 1e-5)
    loss = ((gamma * unit - y) ** 2).sum()
    u, delta = unit.data, 2 * (gamma.data * unit.data - y)
    d = delta if mistake == "scale and statistics" else delta * gamma.data
    if not mistake:
        d = d - d.mean(axis=0) - u * (d * u).mean(axis=0)
    return loss, {gamma: (delta * u).sum(axis=0), W: X.T @ (d / np.sqrt(variance.data + 1e-5))}


PLANTED = {
    growth: {"constant": "the states of the loop are taken as constants"},
    determinants: {
        "logarithm": "log_of_determinant its inverse is to be transposed",
        "one inverse": "inv one of its inverses is to be transposed",
    },
    scaled_batch: {"scale and statistics": "treated as constants; besides, .*gamma, is forgotten"},
    through_time: {
        "forwards": "the loop runs forwards",
        "updated before": "updated in each step of the loop, with learning_rate 0.05",
        "updated after": "updated in each step of the loop, with learning_rate 0.05",
    },
    three_layers: {
        "before the product": "derivative of relu is multiplied in before the product, not after",
        "skipped": "a layer is skipped",
        "none arrives": "dW1, dW2, dW3: every gradient is zero",
    },
    normalized: {
        "mean": "the mean of g is taken over axis 0, the wrong one, and not over axis 1",
        "mean along": "the mean of g \\* y is taken over axis 0, the wrong one",
        "factor": "dbeta: it is multiplied, besides, by the factor of another term",
    },
    clipped: {
        "forgotten": "the mask of clip is forgotten",
        "inverted": "the derivative of clip .* the mask is inverted",
        "itself": "the derivative of clip is taken to be what was clipped",
    },
    rectified: {
        "leak": "the derivative of leaky_relu is another number where z < 0, .* 0\\.1",
        "value": "the derivative of elu, written out, is taken to be a where z < 0, the value",
    },
    masked: {
        "unknown": ": the mask is missing",
        "other share": "it is divided by 0\\.4, where 0\\.6 is right",
    },
    attended: {
        "unmasked": "the mask is left out in both passes",
        "axis": "logsumexp the probabilities are taken over axis 0, the wrong axis",
    },
    curves: {"logarithm": "the logarithm of the base is forgotten"},
    in_a_loop: {"overwritten": "dW through matmul: only the last use is counted"},
}


@pytest.mark.parametrize("of_each", [1, pytest.param(9, marks=pytest.mark.exhaustive)])
def test_the_first_explanation_names_what_was_planted(of_each):
    for derivation, planted in PLANTED.items():
        assert compare_gradients(*derivation(np.random.default_rng(5), "")), derivation
        for mistake, words in [*planted.items()][:of_each]:
            report = compare_gradients(*derivation(np.random.default_rng(5), mistake))
            assert not report, mistake
            assert report.explanations, mistake
            assert re.search(words, report.explanations[0].sentence), report.explanations[0]


def test_targets_that_only_the_caller_has_are_taken_for_those_of_another_loss():
    rng = np.random.default_rng(5)
    X, W = rng.normal(size=(6, 3)), parameter(rng.normal(size=(3, 4)), "W")
    q = rng.dirichlet(np.ones(4), size=6)
    p = softmax(X @ W, axis=1)
    loss = (p * (np.log(p) - np.log(q))).sum()  # KL(p | q); the gradient is that of KL(q | p).
    report = compare_gradients(loss, {W: X.T @ (p.data - q)})
    assert "the loss's derivative is that of cross-entropy" in str(report)
    assert "-q / p" in str(report)
