"""Row D1: weights from N(0, 0.01²), ReLU -> sigmoid, binary cross-entropy, samples in columns."""

import numpy as np
import pytest
from agreement import assert_agree

from autograd_lite import Tensor, relu, sigmoid


def random_parameters(sizes, scale, rng):
    inputs, hidden, outputs = sizes
    return {
        "W1": rng.normal(size=(hidden, inputs)) * scale,
        "b1": np.zeros((hidden, 1)),
        "W2": rng.normal(size=(outputs, hidden)) * scale,
        "b2": np.zeros((outputs, 1)),
    }


def cost(X, Y, W1, b1, W2, b2):
    A1 = relu(W1 @ X + b1)
    A2 = sigmoid(W2 @ A1 + b2)
    return -(1 / Y.shape[1]) * (Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).sum()


def gradients_by_hand(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A1 = np.maximum(W1 @ X + b1, 0)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    dZ2 = A2 - Y
    dZ1 = W2.T @ dZ2 * (A1 > 0)
    return {
        "W2": dZ2 @ A1.T / m,
        "b2": dZ2.sum(axis=1, keepdims=True) / m,
        "W1": dZ1 @ X.T / m,
        "b1": dZ1.sum(axis=1, keepdims=True) / m,
    }


def as_tensors(arrays):
    return {n: Tensor(a.copy(), requires_grad=True, name=n) for n, a in arrays.items()}


def random_samples(sizes, batch, rng):
    X = rng.normal(size=(sizes[0], batch))
    return X, rng.integers(0, 2, (sizes[2], batch)).astype(float)


@pytest.mark.parametrize("scale", [0.01, 1.0])
@pytest.mark.parametrize(("sizes", "batch"), [((2, 4, 1), 100), ((3, 8, 2), 1), ((20, 5, 4), 33)])
def test_gradients_equal_the_hand_derived_ones(sizes, batch, scale):
    rng = np.random.default_rng(batch)
    arrays = random_parameters(sizes, scale, rng)
    X, Y = random_samples(sizes, batch, rng)
    parameters = as_tensors(arrays)
    cost(X, Y, **parameters).backward()
    computed = {name: parameter.grad for name, parameter in parameters.items()}
    assert_agree(computed, gradients_by_hand(X, Y, **arrays))


def test_gradient_descent_takes_the_hand_computed_steps():
    rng = np.random.default_rng(0)
    arrays = random_parameters((2, 4, 1), 0.01, rng)
    X, Y = random_samples((2, 4, 1), 50, rng)
    parameters = as_tensors(arrays)
    for _ in range(20):
        by_hand = gradients_by_hand(X, Y, **arrays)
        arrays = {name: array - 0.01 * by_hand[name] for name, array in arrays.items()}
        for parameter in parameters.values():
            parameter.zero_grad()
        cost(X, Y, **parameters).backward()
        for parameter in parameters.values():
            parameter.data -= 0.01 * parameter.grad
    assert_agree({name: parameter.data for name, parameter in parameters.items()}, arrays)
