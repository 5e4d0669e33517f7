"""Mistakes with windows, with the delta of the last layer, with masks, and with sums, each named.

Each derivation is in NumPy alone, with its mistake in it, and without: that one has to agree.
"""

import re

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, relu, sigmoid, softmax
from autograd_lite.derivatives.convolutions import convolution


def parameter(values, name):
    return Tensor(values, requires_grad=True, name=name)


def softmax_of(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def kernel_in_a_loop(rng, mistake):
    """A kernel over windows two entries apart, an entry of the result at a time."""
    x, y, size = rng.normal(size=(7, 8)), rng.normal(size=(3, 3)), 3
    kernel = parameter(rng.normal(size=(size, size)), "K")
    loss, gradient = 0, np.zeros((size, size))
    for i in range(3):
        for j in range(3):
            out = np.tanh((x[2 * i : 2 * i + size, 2 * j : 2 * j + size] * kernel).sum())
            loss = loss + (out - y[i, j]) ** 2
            delta = 2 * (out.data - y[i, j]) * (1 - out.data**2)
            a, b = {"": (2 * i, 2 * j), "stride": (i, j), "axes": (2 * j, 2 * i)}[mistake]
            gradient += delta * x[a : a + size, b : b + size]
    return loss, {kernel: gradient}


def windows_of_a_layer(rng, mistake):
    """The windows of a hidden layer get what arrives, and the kernel is read on the way."""
    X, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    W, k = parameter(rng.normal(size=(3, 7)), "W"), parameter(rng.normal(size=3), "k")
    h = np.tanh(X @ W)
    loss, dh, dk = 0, np.zeros((4, 7)), np.zeros(3)
    for i in range(3):
        out = (h[:, 2 * i : 2 * i + 3] * k).sum(axis=1)
        loss = loss + ((out - y[:, i]) ** 2).sum()
        delta = 2 * (out.data - y[:, i])
        dk += h.data[:, 2 * i : 2 * i + 3].T @ delta
        start = i if mistake == "stride" else 2 * i
        read = k.data[::-1] if mistake == "flipped" else k.data
        dh[:, start : start + 3] += np.outer(delta, read)
    return loss, {k: dk, W: X.T @ (dh * (1 - h.data**2))}


def images(rng, mistake):
    """Two convolutions with strides and borders, by loops on the way back."""
    x, y = rng.normal(size=(2, 1, 7, 7)), rng.normal(size=(2, 2, 4, 4))
    first, second = (parameter(rng.normal(size=(2, c, 3, 3)), n) for c, n in ((1, "K1"), (2, "K2")))
    h = np.tanh(convolution(x, first))
    loss = ((convolution(h, second, 2, 2) - y) ** 2).sum()
    border = 2
    padded = np.pad(h.data, ((0, 0), (0, 0), (border, border), (border, border)))
    dpadded, dfirst, dsecond = np.zeros_like(padded), np.zeros((2, 1, 3, 3)), np.zeros((2, 2, 3, 3))
    delta = 2 * (convolution(h.data, second.data, 2, 2) - y)
    kernel = second.data.swapaxes(0, 1) if mistake == "channels" else second.data
    stride, moved = (1, 0) if mistake == "stride" else (2, border * (mistake == "padding"))
    for i in range(4):
        for j in range(4):
            rows, columns = slice(2 * i, 2 * i + 3), slice(2 * j, 2 * j + 3)
            met = padded[:, :, rows, columns]
            if mistake in ("stride", "padding"):
                a, b = stride * i + moved, stride * j + moved
                met = np.pad(padded, ((0, 0), (0, 0), (0, 4), (0, 4)))[:, :, a : a + 3, b : b + 3]
            dsecond += np.einsum("nf,nchw->fchw", delta[:, :, i, j], met)
            dpadded[:, :, rows, columns] += np.einsum("nf,fchw->nchw", delta[:, :, i, j], kernel)
    dz = dpadded[:, :, 2:-2, 2:-2] * (1 - h.data**2)
    for i in range(5):
        for j in range(5):
            dfirst += np.einsum("nf,nchw->fchw", dz[:, :, i, j], x[:, :, i : i + 3, j : j + 3])
    if mistake == "flipped":
        dfirst = dfirst[:, :, ::-1, ::-1]
    return loss, {first: dfirst, second: dsecond}


def classes(rng, mistake):
    """A hidden layer, and softmax with cross-entropy."""
    X, labels = rng.normal(size=(7, 3)), np.array([0, 2, 0, 2, 2, 0, 0])
    rows, hot = np.arange(7), np.eye(4)[labels]
    W1, W2 = parameter(rng.normal(size=(3, 5)), "W1"), parameter(rng.normal(size=(5, 4)), "W2")
    a = relu(X @ W1)
    P = softmax(a @ W2, axis=1)
    loss = -np.log(P[rows, labels]).mean()
    delta = {
        "": (P.data - hot) / 7,
        "targets": P.data / 7,
        "every class": (P.data - 1) / 7,
        "columns": (P.data - hot.any(axis=0)) / 7,
        "parentheses": P.data / 7 - hot,
        "one for all": np.repeat((P.data - hot)[:, :1], 4, axis=1) / 7,
        "by sign": (P.data - hot) / 7,
    }[mistake]
    da = delta @ W2.data.T
    mask = da > 0 if mistake == "by sign" else a.data > 0
    return loss, {W1: X.T @ (da * mask), W2: a.data.T @ delta}


def probabilities(rng, mistake):
    """Logistic regression, a mask of dropout before it, and cross-entropy written out."""
    X, y = rng.normal(size=(8, 4)), rng.integers(2, size=(8, 1)).astype(float)
    mask, other = ((rng.random((8, 5)) < 0.6) / 0.6 for _ in range(2))
    W1, W2 = parameter(rng.normal(size=(4, 5)), "W1"), parameter(rng.normal(size=(5, 1)), "W2")
    b1 = parameter(rng.normal(size=5), "b1")
    a = np.tanh(X @ W1 + b1)
    dropped = a * mask
    p = sigmoid(dropped @ W2)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    delta = (p.data - (0 if mistake == "targets" else y)) / 8
    drawn = other if mistake == "drawn anew" else mask
    slope = 1 - a.data**2
    if mistake == "parentheses":
        dz = delta @ W2.data.T * drawn - a.data**2
    elif mistake == "before the bias":
        dz = delta @ W2.data.T * drawn * (1 - np.tanh(X @ W1.data) ** 2)
    else:
        dz = delta @ W2.data.T * drawn * slope
    return loss, {W1: X.T @ dz, b1: dz.sum(axis=0), W2: dropped.data.T @ delta}


def normalized(rng, mistake):
    """Rows that are normalized and scaled, in the formula for the whole."""
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W, gamma = parameter(rng.normal(size=(3, 4)), "W"), parameter(rng.uniform(0.5, 2, 4), "gamma")
    x = X @ W
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    h = centred / deviation
    loss = ((gamma * h - y) ** 2).sum()
    d = 2 * (gamma.data * h.data - y)

    def mean(values):
        return values.mean(axis=1, keepdims=True)

    g = d if mistake == "late" else d * gamma.data
    along = mean(g * h.data) * (1 if mistake == "term" else h.data)
    dx = (g - mean(g) / (4 if mistake == "twice" else 1) - along) / deviation.data
    if mistake == "twice":
        dx = (g - mean(g) / 4 - along / 4) / deviation.data
    dx = dx * gamma.data if mistake == "late" else dx
    return loss, {gamma: (d * h.data).sum(axis=0), W: X.T @ dx}


def one_sample_at_a_time(rng, mistake):
    X, y = rng.normal(size=(6, 3)), rng.normal(size=6)
    w = parameter(rng.normal(size=3), "w")
    loss, gradient = 0, np.zeros(3)
    for i in range(6):
        p = np.tanh(X[i] @ w)
        loss = loss + (p - y[i]) ** 2
        target = y[(i + 1) % 6] if mistake == "next" else y[i]
        gradient += 2 * (p.data - target) * (1 - p.data**2) * X[i]
    return loss, {w: gradient}


def values_of_actions(rng, mistake):
    X, actions, y = rng.normal(size=(7, 3)), rng.integers(4, size=7), rng.normal(size=7)
    W = parameter(rng.normal(size=(3, 4)), "W")
    loss = (((X @ W)[np.arange(7), actions] - y) ** 2).mean()
    error = 2 * ((X @ W.data)[np.arange(7), actions] - y) / 7
    chosen = np.ones((7, 4)) if mistake == "all" else np.eye(4)[actions]
    return loss, {W: X.T @ (error[:, None] * chosen)}


def centred(rng, mistake):
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W = parameter(rng.normal(size=(3, 4)), "W")
    x = X @ W
    loss = ((x - x.mean(axis=0) - y) ** 2).sum()
    d = 2 * (x.data - x.data.mean(axis=0) - y)
    return loss, {W: X.T @ (d - (d / 6 if mistake == "own share" else d.mean(axis=0)))}


PLANTED = {
    kernel_in_a_loop: {"stride": "stride, 2, is forgotten", "axes": "transposed positions"},
    windows_of_a_layer: {"stride": "stride, 2, is forgotten", "flipped": "flipped"},
    images: {
        "stride": r"the stride 2 is forgotten",
        "padding": "padding is forgotten|shifted by",
        "channels": "channels of the kernel are exchanged",
        "flipped": "flipped",
    },
    classes: {
        "targets": "p, and not p - y",
        "every class": "in every class",
        "columns": "columns of all labels",
        "parentheses": "parentheses are missing",
        "one for all": "the first column, for all",
        "by sign": "where what arrives is positive",
    },
    probabilities: {
        "targets": "targets are not subtracted",
        "drawn anew": "drawn anew",
        "parentheses": "parentheses are missing",
        "before the bias": "before add",
    },
    normalized: {
        "late": "gamma, is multiplied in after",
        "term": "not multiplied by y",
        "twice": "divided by 4 twice",
    },
    one_sample_at_a_time: {"next": "target, or label, is that of the step after"},
    values_of_actions: {"all": "index is forgotten"},
    centred: {"own share": "each gets only its own share"},
}
"""Of each derivation the mistakes, and what the first explanation says of them."""


@pytest.mark.parametrize("derivation", PLANTED, ids=lambda derivation: derivation.__name__)
def test_the_first_explanation_names_what_was_planted(derivation):
    assert compare_gradients(*derivation(np.random.default_rng(0), ""))
    for mistake, words in PLANTED[derivation].items():
        report = compare_gradients(*derivation(np.random.default_rng(0), mistake))
        first = report.explanations[0] if report.explanations else None
        assert first, f"{mistake}: not explained"
        assert len(first.mistakes) == 1, f"{mistake}: {first.sentence}"
        assert re.search(words, first.sentence), f"{mistake}: {first.sentence}"


@pytest.mark.parametrize("draws", [2, pytest.param(10, marks=pytest.mark.exhaustive)])
def test_no_mask_explains_numbers_that_are_random(draws):
    rng = np.random.default_rng(1)
    for _ in range(draws):
        loss, gradients = classes(rng, "")
        W1, _ = gradients
        report = compare_gradients(loss, {**gradients, W1: rng.normal(size=W1.shape)})
        assert not report.explanations
