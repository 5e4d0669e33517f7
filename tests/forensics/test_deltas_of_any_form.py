"""Other formulas for p - y are named however the cross-entropy is written."""

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, logsumexp, sigmoid, softplus

M = 7


def leaf(values, name):
    return Tensor(values, requires_grad=True, name=name)


def first(report):
    assert report.explanations, report.pattern
    return report.explanations[0].sentence


def of_classes(form):
    """A layer of three classes with a form of the cross-entropy, and what its gradient is of."""
    rng = np.random.default_rng(len(form))
    X, y, rows = rng.normal(size=(M, 4)), rng.integers(3, size=M), np.arange(M)
    W = leaf(rng.normal(size=(4, 3)), "W")
    z = X @ W
    if form == "logsumexp":
        loss = (logsumexp(z, axis=1) - z[rows, y]).mean()
    elif form == "shifted":
        shifted = z - z.max(axis=1, keepdims=True)
        loss = -(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))[rows, y].mean()
    else:
        e = np.exp(z)
        loss = -(np.eye(3)[y] * np.log(e / e.sum(axis=1, keepdims=True))).sum() / M
    p = np.exp(z.data) / np.exp(z.data).sum(axis=1, keepdims=True)
    return loss, p, np.eye(3)[y], z.data, lambda delta: {W: X.T @ delta / M}


@pytest.mark.parametrize("form", ["logsumexp", "shifted", "written out"])
def test_what_people_write_for_p_less_y_of_classes(form):
    loss, p, y, z, gradients = of_classes(form)
    assert compare_gradients(loss, gradients(p - y))
    again = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    twice = p * (p - y - ((p - y) * p).sum(axis=1, keepdims=True))
    over_all = np.exp(z) / np.exp(z).sum()
    for delta, said in (
        (np.log(p) - y, "the logarithm"),
        (again - y, "softmax is applied once more: softmax(p) - y"),
        (twice, "multiplied in twice: "),
        (over_all - y, "over all axes"),
        (-y / p, "softmax"),
        (p - np.roll(y, 1, axis=0), "off by one sample: those of the one before"),
    ):
        assert said in first(compare_gradients(loss, gradients(delta)))


def of_two(form):
    """The same with a probability of each sample, in a row, as where samples are columns."""
    rng = np.random.default_rng(len(form))
    X, y = rng.normal(size=(3, M)), np.array([[0.0, 1, 1, 0, 1, 0, 1]])
    w = leaf(rng.normal(size=(1, 3)), "w")
    z = w @ X
    a = sigmoid(z)
    if form == "margins":
        loss = np.log(1 + np.exp(-(2 * y - 1) * z)).sum()
    elif form == "softplus":
        loss = (softplus(z) - y * z).sum()
    elif form == "where":
        loss = -np.where(y == 1, np.log(a), np.log(1 - a)).sum()
    else:
        loss = -np.dot(y.ravel(), np.log(a).ravel()) - np.dot(1 - y.ravel(), np.log(1 - a).ravel())
    return loss, 1 / (1 + np.exp(-z.data)), y, lambda delta: {w: delta @ X.T}


@pytest.mark.parametrize("form", ["margins", "softplus", "where", "dot"])
def test_what_people_write_for_p_less_y_of_a_probability(form):
    loss, p, y, gradients = of_two(form)
    assert compare_gradients(loss, gradients(p - y))
    for delta, said in (
        ((p - y) ** 2, "the error is squared"),
        (np.log(p) - y, "the logarithm"),
        (1 / (1 + np.exp(-p)) - y, "sigmoid is applied once more: sigmoid(p) - y"),
        ((p - y) * p * (1 - p), " already"),
    ):
        assert said in first(compare_gradients(loss, gradients(delta)))


def test_what_the_caller_computed_as_a_delta_is_not_taken_for_labels():
    loss, p, y, _, gradients = of_classes("shifted")
    delta = np.full_like(p, 1 / 3) - y
    report = compare_gradients(loss, gradients(delta))
    assert "delta" not in str(report).replace("ddelta", "")
    assert not report


def test_samples_are_said_to_be_left_out_where_all_terms_lose_them():
    rng = np.random.default_rng(4)
    X, y, w = rng.normal(size=(6, 3)), np.array([1.0, 0, 0, 0, 0, 1]), leaf(rng.normal(size=3), "w")
    a = sigmoid(X @ w)
    loss = -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum()
    said = first(compare_gradients(loss, {w: X[1:].T @ (a.data - y)[1:]}))
    assert "the first sample is left out" in said


def test_a_factor_of_2_that_is_missing_below_what_is_right_is_not_that_of_the_loss():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, W2 = leaf(rng.normal(size=(3, 4)), "W1"), leaf(rng.normal(size=(4, 2)), "W2")
    h = np.tanh(X @ W1)
    loss = ((h @ W2 - y) ** 2).sum()
    d = 2 * (h.data @ W2.data - y)
    dW1 = X.T @ (d @ W2.data.T * (1 - h.data**2)) / 2
    assert "2 is missing, such as that" in first(
        compare_gradients(loss, {W2: h.data.T @ d, W1: dW1})
    )
    halves = {W2: h.data.T @ d / 2, W1: dW1}
    assert "2 is missing, the 2 of the square" in first(compare_gradients(loss, halves))
