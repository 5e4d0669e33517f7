"""Row A3: ReLU -> sigmoid with binary cross-entropy, samples in columns."""

from itertools import pairwise

import numpy as np
import pytest
from agreement import assert_agree

from autograd_lite import Tensor, no_grad, relu, sigmoid

EPSILON = 1e-8


def two_blobs(n_samples=1000):
    np.random.seed(42)
    half = n_samples // 2
    first = np.random.randn(2, half) - 2
    second = np.random.randn(2, half) + 2
    order = np.random.permutation(n_samples)
    X = np.concatenate([first, second], axis=1)[:, order]
    Y = np.repeat([[0.0, 1.0]], half, axis=1)[:, order]
    return X, Y


def he_parameters(sizes):
    """W1, b1, W2, b2 for [inputs, hidden, outputs], from NumPy's global generator."""
    parameters = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        W = np.random.randn(fan_out, fan_in) * np.sqrt(2 / fan_in)
        parameters[f"W{layer}"] = Tensor(W, requires_grad=True, name=f"W{layer}")
        parameters[f"b{layer}"] = Tensor(
            np.zeros((fan_out, 1)), requires_grad=True, name=f"b{layer}"
        )
    return parameters


def forward(X, W1, b1, W2, b2):
    Z1 = W1 @ X + b1
    A1 = relu(Z1)
    Z2 = W2 @ A1 + b2
    return {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": sigmoid(Z2)}


def cross_entropy(A2, Y, epsilon):
    terms = Y * np.log(A2 + epsilon) + (1 - Y) * np.log(1 - A2 + epsilon)
    return -terms.sum() / Y.shape[1]


def dZ2_without_epsilon(A2, Y):
    return A2 - Y


def dZ2_with_epsilon(A2, Y):
    return (-Y / (A2 + EPSILON) + (1 - Y) / (1 - A2 + EPSILON)) * A2 * (1 - A2)


def gradients_by_hand(X, Y, W1, b1, W2, b2, dZ2_formula):
    m = Y.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    dZ2 = dZ2_formula(A2, Y)
    dA1 = W2.T @ dZ2
    dZ1 = dA1 * (Z1 > 0)
    return {
        "dZ2": dZ2 / m,
        "dW2": dZ2 @ A1.T / m,
        "db2": dZ2.sum(axis=1, keepdims=True) / m,
        "dA1": dA1 / m,
        "dZ1": dZ1 / m,
        "dW1": dZ1 @ X.T / m,
        "db1": dZ1.sum(axis=1, keepdims=True) / m,
    }


def check_all_gradients(X, Y, parameters, epsilon, dZ2_formula):
    values = {**parameters, **forward(X, **parameters)}
    cross_entropy(values["A2"], Y, epsilon).backward()
    by_hand = gradients_by_hand(
        X, Y, **{name: p.data for name, p in parameters.items()}, dZ2_formula=dZ2_formula
    )
    assert_agree({name: values[name[1:]].grad for name in by_hand}, by_hand)


# dZ2 = A2 - Y is the derivative of the cross-entropy without an epsilon inside its logarithms.
# With the epsilon both are off by up to epsilon / (A2 (1 - A2)): the second case has it in both.
EPSILON_CASES = pytest.mark.parametrize(
    ("epsilon", "dZ2_formula"), [(0.0, dZ2_without_epsilon), (EPSILON, dZ2_with_epsilon)]
)


@EPSILON_CASES
def test_gradients_on_the_seeds_blobs_equal_the_hand_derived_ones(epsilon, dZ2_formula):
    X, Y = two_blobs()
    check_all_gradients(X, Y, he_parameters([2, 4, 1]), epsilon, dZ2_formula)


@EPSILON_CASES
@pytest.mark.parametrize(
    ("sizes", "batch"), [([1, 1, 1], 1), ([3, 5, 1], 7), ([4, 16, 2], 32), ([10, 6, 3], 1)]
)
def test_gradients_of_random_networks_equal_the_hand_derived_ones(
    sizes, batch, epsilon, dZ2_formula
):
    np.random.seed(sum(sizes) + batch)
    parameters = he_parameters(sizes)
    X = np.random.randn(sizes[0], batch)
    Y = np.random.randint(0, 2, (sizes[-1], batch)).astype(float)
    check_all_gradients(X, Y, parameters, epsilon, dZ2_formula)


def test_a_thousand_iterations_classify_the_blobs():
    X, Y = two_blobs()
    parameters = he_parameters([2, 4, 1])
    costs = []
    for _ in range(1000):
        cost = cross_entropy(forward(X, **parameters)["A2"], Y, EPSILON)
        costs.append(cost.item())
        for parameter in parameters.values():
            parameter.zero_grad()
        cost.backward(leaves_only=True)
        for parameter in parameters.values():
            parameter.data -= 0.5 * parameter.grad
    with no_grad():
        predicted = forward(X, **parameters)["A2"] > 0.5
    assert costs[0] > 0.2
    assert costs[-1] < 0.02
    assert np.mean(predicted == Y) > 0.99
