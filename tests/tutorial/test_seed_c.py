"""Rows C2 to C6: sigmoid networks with cost ½‖a - y‖², samples in columns."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from agreement import assert_agree
from looping import looped

import nn
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


def sigmoid_layers(weights, biases):
    """The same network of the library's layers, which take samples in rows."""
    layers = [nn.Dense(*W.T.shape, activation="sigmoid") for W in weights]
    for layer, W, b in zip(layers, weights, biases, strict=True):
        layer.weight.data, layer.bias.data = W.T.copy(), b.ravel()
    return nn.Sequential(*layers)


@looped("seed", [0, 1, 2])
def test_c2_one_neuron_is_the_sigmoid_of_its_weighted_sum_with_the_hand_derived_gradient(seed):
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=3), rng.normal()
    x, y = np.array([1.5, -0.5, 2.0]), 0.5
    neuron = sigmoid_layers([w[np.newaxis]], [np.array([b])])
    output = neuron(x[np.newaxis])
    nn.HalfSquaredErrorLoss()(output, np.array([[y]])).backward()

    a = logistic(w @ x + b)
    delta = (a - y) * a * (1 - a)
    assert_agree(output.data, np.array([[a]]))
    assert_agree(neuron[0].weight.grad, delta * x[:, np.newaxis])
    assert_agree(neuron[0].bias.grad, np.array([delta]))


def test_c3_forward_pass_on_the_fixed_numbers_gives_the_seeds_values():
    (z1, z2), (a1, a2) = forward([W1, W2], [B1, B2], Tensor(X))
    np.testing.assert_allclose(z1.data.ravel(), [0.0, 1.4, 1.6], atol=1e-15)
    np.testing.assert_allclose(a1.data.ravel(), [0.5, 0.802184, 0.832018], atol=5e-7)
    np.testing.assert_allclose(z2.data, [[1.020085]], atol=5e-7)
    assert int(a2.item() * 1e6) == 734989
    assert int(cost(a2, Y).item() * 1e6) == 27609


def test_c4_a_batch_in_columns_gives_what_its_samples_give_one_by_one():
    weights, biases, X, _ = random_network([4, 8, 6, 3], 10, seed=4)
    _, together = forward(weights, biases, Tensor(X))
    assert together[-1].shape == (3, 10)
    for k in range(10):
        _, alone = forward(weights, biases, Tensor(X[:, k : k + 1]))
        assert_agree(together[-1].data[:, k : k + 1], alone[-1].data)


def test_c4_the_librarys_layers_give_the_same_for_samples_in_rows():
    weights, biases, X, _ = random_network([4, 8, 6, 3], 10, seed=5)
    _, activations = forward(weights, biases, Tensor(X))
    outputs = nn.predict(sigmoid_layers(weights, biases), X.T)
    assert_agree(outputs.T, activations[-1].data)


def test_c5_backward_pass_on_the_fixed_numbers_gives_the_hand_derived_gradients():
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


@looped("sizes", [[2, 3, 1], [5, 4, 3, 2], [784, 30, 10]])
def test_c6_errors_of_one_sample_equal_the_recursion_of_deltas(sizes):
    weights, biases, X, Y = random_network(sizes, 1, seed=len(sizes))
    zs, activations = forward(as_parameters(weights), as_parameters(biases), X)
    cost(activations[-1], Y).backward()
    deltas, _ = deltas_by_hand(weights, biases, X, Y)
    for z, delta in zip(zs, deltas, strict=True):
        assert_agree(z.grad, delta)


@looped(("sizes", "batch"), [([784, 30, 10], 10), ([2, 3, 1], 1), ([5, 4, 3, 2], 6), ([3, 1], 4)])
def test_c6_gradients_of_a_mini_batch_equal_the_average_over_its_samples(sizes, batch):
    weights, biases, X, Y = random_network(sizes, batch, seed=batch)
    W, b = as_parameters(weights), as_parameters(biases)
    _, activations = forward(W, b, X)
    cost(activations[-1], Y).backward()
    dW, db = gradients_by_hand(weights, biases, X, Y)
    for layer in range(len(weights)):
        assert_agree(W[layer].grad, dW[layer])
        assert_agree(b[layer].grad, db[layer])


def test_c6_an_epoch_of_mini_batches_at_learning_rate_3_takes_the_hand_computed_steps():
    weights, biases, X, Y = random_network([784, 30, 10], 50, seed=0)
    model = sigmoid_layers(weights, biases)
    loss = nn.HalfSquaredErrorLoss(reduction="mean")
    optimizer = nn.SGD(model.parameters(), learning_rate=3.0)
    for x, y in nn.batches(X.T, Y.T, batch_size=10, rng=0):
        optimizer.zero_grad()
        loss(model(x), y).backward(leaves_only=True)
        optimizer.step()

        dW, db = gradients_by_hand(weights, biases, x.T, y.T)
        weights = [W - 3.0 * d for W, d in zip(weights, dW, strict=True)]
        biases = [b - 3.0 * d for b, d in zip(biases, db, strict=True)]
        for layer, W, b in zip(model, weights, biases, strict=True):
            assert_agree(layer.weight.data, W.T)
            assert_agree(layer.bias.data, b.ravel())


def test_c6_ten_epochs_bring_the_cost_below_that_of_guessing_every_digit_equally():
    _, _, X, Y = random_network([784, 30, 10], 100, seed=6)
    normal = partial(nn.init.normal, standard_deviation=1.0)
    model = nn.Sequential(
        nn.Dense(784, 30, "sigmoid", weight_init=normal, rng=1),
        nn.Dense(30, 10, "sigmoid", weight_init=normal, rng=2),
    )
    history = nn.fit(
        model,
        X.T,
        Y.T,
        loss=nn.HalfSquaredErrorLoss(reduction="mean"),
        optimizer=nn.SGD(model.parameters(), learning_rate=3.0),
        epochs=10,
        batch_size=10,
        progress=False,
        rng=0,
    )
    guess = cost(Tensor(np.full(Y.shape, 0.1)), Y).item()
    assert guess == pytest.approx(0.45)
    assert history["loss"][0] > guess
    assert history["loss"][-1] < 0.9 * guess
