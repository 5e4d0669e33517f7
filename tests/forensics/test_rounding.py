"""What differs by rounding is right, and nothing else is: in each entry as far as it reaches."""

import numpy as np
import pytest

from autograd_lite import (
    Tensor,
    compare_gradients,
    logsumexp,
    sigmoid,
    sigmoid_cross_entropy,
    softmax,
    softplus,
)
from nn import BatchNorm1d, BCELoss, CategoricalCrossEntropyLoss


def normalized(z):
    return (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("normalize", [normalized, lambda z: BatchNorm1d(3)(z)])
def test_what_a_constant_unit_sends_through_a_normalization_is_0(normalize, dtype):
    rng = np.random.default_rng(0)
    X, y = np.full((6, 1), 0.3, dtype), rng.normal(size=(6, 2)).astype(dtype)
    W = Tensor(rng.normal(size=(1, 3)).astype(dtype), requires_grad=True, name="W")
    V = Tensor(rng.normal(size=(3, 2)).astype(dtype), requires_grad=True, name="V")
    loss = ((normalize(X @ W) @ V - y) ** 2).mean()
    assert compare_gradients(loss, {V: np.zeros((3, 2), dtype)}, seconds=0)
    too_large = np.full((3, 2), 100 * np.sqrt(np.finfo(dtype).eps), dtype)
    assert not compare_gradients(loss, {V: too_large}, seconds=0)


def test_gradients_below_the_normal_numbers_are_right_to_their_last_places():
    w = Tensor(np.array([3e-23, -2e-23], np.float32), requires_grad=True, name="w")
    loss = (w**2).sum() * np.float32(1e-22)
    given = 2e-22 * w.data.astype(float)
    assert compare_gradients(loss, {w: given}, seconds=0)
    assert not compare_gradients(loss, {w: given + np.array([1e-42, 0])}, seconds=0)


def test_a_step_that_jumps_is_no_matter_of_rounding():
    x = Tensor([0.3, 2.0, 1.7], requires_grad=True, name="x")
    loss = (np.floor(3 * x / 3) * x + np.abs(x - 2.0)).sum()
    right = np.floor(x.data) + np.sign(x.data - 2.0)
    assert compare_gradients(loss, {x: right}, seconds=0)
    assert not compare_gradients(loss, {x: right * [1.0, 1.01, 1.0]}, seconds=0)


def test_an_inexact_entry_excuses_no_other_one():
    w = Tensor(np.array([1e-7, 1.0]), requires_grad=True, name="w")
    # The first entry's slope, 1e-7, is the difference of two numbers of the size of 1e7.
    large = np.array([1e7, 0.0])
    loss = ((w + large) ** 2 - 2 * large * w).sum() / 2
    exact = w.data * [1.0, 1.0]
    assert compare_gradients(loss, {w: exact + np.array([1e-9, 0.0])}, seconds=0)
    assert not compare_gradients(loss, {w: exact + np.array([0.0, 1e-6])}, seconds=0)


def test_how_far_rounding_reaches_is_said():
    w = Tensor([38.0, 3.0], requires_grad=True, name="w")
    loss = -np.log(1 - sigmoid(w) + 1e-12).sum()
    # The last place of the first probability, which is 1, counts 2e-16 / 1e-12.
    right = np.array([0.0, sigmoid(3.0)])
    report = compare_gradients(loss, {w: right + np.array([1e-4, 0.0])}, seconds=0)
    assert "agrees up to rounding, which changes it by up to " in report[0].verdict
    assert 1e-4 < float(report[0].verdict.split()[-1]) < 1e-1
    assert not compare_gradients(loss, {w: right + np.array([1e-1, 0.0])}, seconds=0)
    assert not compare_gradients(loss, {w: right + np.array([0.0, 1e-4])}, seconds=0)


def test_the_error_is_what_certain_and_wrong_probabilities_send_to_their_logits():
    X, y = np.array([[1.0, 20.0], [1.0, -18.0], [1.0, 2.0]]), np.array([0.0, 1.0, 1.0])
    w = Tensor([0.3, 1.8], requires_grad=True, name="w")
    p = sigmoid(X @ w)
    assert compare_gradients(BCELoss()(p, y), {w: X.T @ (p.data - y) / 3}, seconds=0)
    z = Tensor([[40.0, 0.0, 0.0], [1.0, 2.0, 50.0]], requires_grad=True, name="z")
    q, labels = softmax(z), np.array([1, 0])
    loss = CategoricalCrossEntropyLoss()(q, labels)
    assert compare_gradients(loss, {z: (q.data - np.eye(3)[labels]) / 2}, seconds=0)


@pytest.mark.parametrize(
    "loss_of",
    [
        lambda z: np.logaddexp(0, -z).mean(),
        lambda z: logsumexp(np.stack([0 * z, -z]), axis=0).mean(),
        lambda z: np.log1p(np.exp(-z)).mean(),
        lambda z: np.log(1 + np.exp(-z)).mean(),
        lambda z: softplus(-z).mean(),
        lambda z: sigmoid_cross_entropy(z, np.ones(z.shape, z.dtype)),
    ],
)
def test_a_probability_less_1_is_right_up_to_its_last_place_where_the_loss_does_without(loss_of):
    rng = np.random.default_rng(3)
    X = np.abs(rng.normal(size=(5, 2))).astype(np.float32)
    w = Tensor(np.array([15.0, 15.0], np.float32), requires_grad=True, name="w")
    p = 1 / (1 + np.exp(-X @ w.data))
    assert compare_gradients(loss_of(X @ w), {w: X.T @ (p - 1) / 5}, seconds=0)
    assert not compare_gradients(loss_of(X @ w), {w: X.T @ (p - 1) / 5 + 1e-3}, seconds=0)
