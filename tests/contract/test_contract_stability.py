"""Stable forms: the right values at plus and minus 1000, without a warning.

Warnings are errors in these tests.
"""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import (
    Tensor,
    elu,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    softplus,
    swish,
)

DTYPES = looped("dtype", [np.float32, np.float64])
ENDS = [-1000.0, 0.0, 1000.0]
LOG2 = np.log(2.0)

ELEMENTWISE = {
    "sigmoid": (sigmoid, [0, 0.5, 1], [0, 0.25, 0]),
    "softplus": (softplus, [0, LOG2, 1000], [0, 0.5, 1]),
    "swish": (swish, [0, 0, 1000], [0, 0.5, 1]),
    "tanh": (np.tanh, [-1, 0, 1], [0, 1, 0]),
    "elu": (lambda x: elu(x + 1), [-1, 1, 1001], [0, 1, 1]),
    "leaky_relu": (lambda x: leaky_relu(x + 1), [-9.99, 1, 1001], [0.01, 1, 1]),
    "relu": (relu, [0, 0, 1000], [0, 0, 1]),
}


@DTYPES
@looped("name", ELEMENTWISE)
def test_activations_at_the_ends(name, dtype):
    function, values, slopes = ELEMENTWISE[name]
    x = Tensor(np.array(ENDS, dtype), requires_grad=True)
    y = function(x)
    y.sum().backward()
    np.testing.assert_allclose(y.data, values, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(x.grad, slopes, rtol=1e-6, atol=1e-30)


@DTYPES
@looped("name", ELEMENTWISE)
def test_second_derivatives_at_the_ends_are_finite(name, dtype):
    x = Tensor(np.array([-1000.0, 1000.0], dtype), requires_grad=True)
    ELEMENTWISE[name][0](x).sum().backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    (first * first + x * 0).sum().backward()
    np.testing.assert_allclose(x.grad, [0, 0], atol=1e-30)


@DTYPES
def test_logsumexp_at_the_ends(dtype):
    x = Tensor(np.array([[1000, -1000], [-1000, -1000], [1000, 1000]], dtype), requires_grad=True)
    y = logsumexp(x, axis=1)
    y.sum().backward()
    np.testing.assert_allclose(y.data, [1000, -1000 + LOG2, 1000 + LOG2], rtol=1e-6)
    rounding = 1000 * np.finfo(dtype).eps
    np.testing.assert_allclose(x.grad, [[1, 0], [0.5, 0.5], [0.5, 0.5]], rtol=rounding)


def test_logsumexp_of_everything_and_with_keepdims():
    data = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert logsumexp(Tensor(data)).item() == pytest.approx(np.log(np.exp(data).sum()), rel=1e-15)
    kept = logsumexp(Tensor(data), axis=0, keepdims=True)
    np.testing.assert_allclose(kept.data, np.log(np.exp(data).sum(0, keepdims=True)), rtol=1e-15)


@DTYPES
def test_softmax_and_log_softmax_at_the_ends(dtype):
    data = np.array([[1000, -1000], [-1000, -1000]], dtype)
    x = Tensor(data, requires_grad=True)
    p, logp = softmax(x), log_softmax(x)
    (p[:, 0].sum() + logp[:, 0].sum()).backward()
    np.testing.assert_allclose(p.data, [[1, 0], [0.5, 0.5]], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(logp.data, [[0, -2000], [-LOG2, -LOG2]], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(x.grad, [[0, 0], [0.75, -0.75]], rtol=1e-6, atol=1e-30)


@DTYPES
def test_sigmoid_cross_entropy_at_the_ends(dtype):
    z = np.array([1000, 1000, -1000, -1000], dtype)
    t = np.array([1, 0, 1, 0], dtype)
    for loss in (sigmoid_cross_entropy, nn.BCEWithLogitsLoss()):
        x = Tensor(z, requires_grad=True)
        y = loss(x, t)
        y.backward()
        assert y.item() == 500.0
        np.testing.assert_allclose(x.grad, [0, 0.25, -0.25, 0], rtol=1e-6, atol=1e-30)


@DTYPES
def test_softmax_cross_entropy_at_the_ends(dtype):
    z = np.array([[1000, -1000], [1000, -1000]], dtype)
    for loss in (softmax_cross_entropy, nn.CrossEntropyLoss()):
        x = Tensor(z, requires_grad=True)
        y = loss(x, np.array([0, 1]))
        y.backward()
        assert y.item() == 1000.0
        np.testing.assert_allclose(x.grad, [[0, 0], [0.5, -0.5]], rtol=1e-6, atol=1e-30)


@DTYPES
def test_bce_of_probabilities_at_exactly_zero_and_one_is_finite(dtype):
    p = Tensor(np.array([0, 1, 0, 1], dtype), requires_grad=True)
    loss = nn.BCELoss()(p, np.array([0, 1, 1, 0], dtype))
    loss.backward()
    assert np.isfinite(loss.item())
    assert loss.item() > 1.0
    assert np.all(np.isfinite(p.grad))


def test_softplus_is_precise_where_the_naive_form_is_not():
    x = np.array([-50.0, -30.0, 30.0, 50.0])
    expected = np.where(x < 0, np.log1p(np.exp(-np.abs(x))), x + np.log1p(np.exp(-np.abs(x))))
    np.testing.assert_allclose(softplus(Tensor(x)).data, expected, rtol=1e-15)


def test_sigmoid_keeps_its_relative_precision_far_to_the_left():
    x = Tensor([-50.0, -700.0], requires_grad=True)
    y = sigmoid(x)
    y.sum().backward()
    np.testing.assert_allclose(y.data, np.exp([-50.0, -700.0]), rtol=1e-14)
    np.testing.assert_allclose(x.grad, np.exp([-50.0, -700.0]), rtol=1e-14)


def test_log_softmax_keeps_the_digits_that_log_of_softmax_loses():
    x = Tensor([[0.0, 40.0]])
    assert log_softmax(x).data[0, 1] == pytest.approx(-np.exp(-40.0), rel=1e-12)


def test_the_cross_entropy_keeps_the_digits_of_a_confident_right_answer():
    loss = softmax_cross_entropy(Tensor([[0.0, 40.0]]), np.array([1]))
    assert loss.item() == pytest.approx(np.exp(-40.0), rel=1e-12)
    loss = sigmoid_cross_entropy(Tensor([40.0]), np.array([1.0]))
    assert loss.item() == pytest.approx(np.exp(-40.0), rel=1e-12)
