"""Rows C5 and C6: sigmoid networks with cost ½‖a - y‖², samples in columns."""

from itertools import pairwise

import numpy as np
import pytest
from agreement import assert_agree

from autograd_lite import Tensor, sigmoid

W1 = np.array([[0.5, -0.3], [0.8, 0.2], [-0.1, 0.9]])
B1 = np.array([[0.1], [0.2], [-0.1]])
W2 = np.array([[-0.2, 0.4, 0.6]])
B2 = np.array([[0.3]])
X = np.array([[1.0], [2.0]])
Y = np.array([[0.5]])


def logistic(z):
    return 1 / (1 + np.exp(-z))


def forward(weights, biases, x):
    """Pre-activations and activations of each layer."""
    zs, activations = [], []
    a = x
    for W, b in zip(weights, biases, strict=True):
        z = W @ a + b
        a = sigmoid(z)
        zs.append(z)
        activations.append(a)
    return zs, activations


def cost(a, y):
    """Mean over the columns of ½‖a - y‖²."""
    return 0.5 * ((a - y) ** 2).sum() / y.shape[1]


def deltas_by_hand(weights, biases, x, y):
    """δ of each layer for one sample, and the activations with the input as the first."""
    activations = [x]
    for W, b in zip(weights, biases, strict=True):
        activations.append(logistic(W @ activations[-1] + b))
    slopes = [a * (1 - a) for a in activations[1:]]
    deltas = [(activations[-1] - y) * slopes[-1]]
    for W, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        deltas.insert(0, W.T @ deltas[0] * slope)
    return deltas, activations


def gradients_by_hand(weights, biases, X, Y):
    """dW and db of each layer, sample by sample, averaged over the mini-batch."""
    n = X.shape[1]
    dW = [np.zeros_like(W) for W in weights]
    db = [np.zeros_like(b) for b in biases]
    for k in range(n):
        sample = slice(k, k + 1)
        deltas, activations = deltas_by_hand(weights, biases, X[:, sample], Y[:, sample])
        for layer, delta in enumerate(deltas):
            dW[layer] += delta @ activations[layer].T / n
            db[layer] += delta / n
    return dW, db


def as_parameters(arrays):
    return [Tensor(array, requires_grad=True) for array in arrays]


def random_network(sizes, batch, seed):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(n, m)) for m, n in pairwise(sizes)]
    biases = [rng.normal(size=(n, 1)) for n in sizes[1:]]
    X = rng.normal(size=(sizes[0], batch))
    Y = np.eye(sizes[-1])[:, rng.integers(0, sizes[-1], batch)]
    return weights, biases, X, Y


def test_forward_pass_on_the_fixed_numbers_gives_the_seeds_output_and_loss():
    _, activations = forward([W1, W2], [B1, B2], Tensor(X))
    assert int(activations[-1].item() * 1e6) == 734989
    assert int(cost(activations[-1], Y).item() * 1e6) == 27609


def test_backward_pass_on_the_fixed_numbers_gives_the_hand_derived_gradients():
    weights, biases = as_parameters([W1, W2]), as_parameters([B1, B2])
    zs, activations = forward(weights, biases, X)
    cost(activations[-1], Y).backward()

    a1 = logistic(W1 @ X + B1)
    a2 = logistic(W2 @ a1 + B2)
    delta2 = (a2 - Y) * a2 * (1 - a2)
    delta1 = W2.T @ delta2 * a1 * (1 - a1)
    assert_agree(activations[1].grad, a2 - Y)
    assert_agree(zs[1].grad, delta2)
    assert_agree(zs[0].grad, delta1)
    assert_agree(weights[1].grad, delta2 @ a1.T)
    assert_agree(biases[1].grad, delta2)
    assert_agree(weights[0].grad, delta1 @ X.T)
    assert_agree(biases[0].grad, delta1)


@pytest.mark.parametrize("sizes", [[2, 3, 1], [5, 4, 3, 2], [784, 30, 10]])
def test_errors_of_one_sample_equal_the_recursion_of_deltas(sizes):
    weights, biases, X, Y = random_network(sizes, 1, seed=len(sizes))
    zs, activations = forward(as_parameters(weights), as_parameters(biases), X)
    cost(activations[-1], Y).backward()
    deltas, _ = deltas_by_hand(weights, biases, X, Y)
    for z, delta in zip(zs, deltas, strict=True):
        assert_agree(z.grad, delta)


@pytest.mark.parametrize(
    ("sizes", "batch"), [([784, 30, 10], 10), ([2, 3, 1], 1), ([5, 4, 3, 2], 6), ([3, 1], 4)]
)
def test_gradients_of_a_mini_batch_equal_the_average_over_its_samples(sizes, batch):
    weights, biases, X, Y = random_network(sizes, batch, seed=batch)
    W, b = as_parameters(weights), as_parameters(biases)
    _, activations = forward(W, b, X)
    cost(activations[-1], Y).backward()
    dW, db = gradients_by_hand(weights, biases, X, Y)
    for layer in range(len(weights)):
        assert_agree(W[layer].grad, dW[layer])
        assert_agree(b[layer].grad, db[layer])


def test_a_mini_batch_update_at_learning_rate_3_equals_the_hand_computed_one():
    weights, biases, X, Y = random_network([784, 30, 10], 10, seed=0)
    dW, db = gradients_by_hand(weights, biases, X, Y)
    expected = [p - 3.0 * d for p, d in zip(weights + biases, dW + db, strict=True)]
    parameters = as_parameters(weights + biases)
    _, activations = forward(parameters[:2], parameters[2:], X)
    cost(activations[-1], Y).backward()
    for parameter, array in zip(parameters, expected, strict=True):
        parameter.data -= 3.0 * parameter.grad
        assert_agree(parameter.data, array)
