"""Row D1: weights from N(0, 0.01²), ReLU -> sigmoid, binary cross-entropy, samples in columns."""

import numpy as np
import pytest
from agreement import assert_agree

import nn
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
def test_d1_gradients_equal_the_hand_derived_ones(sizes, batch, scale):
    rng = np.random.default_rng(batch)
    arrays = random_parameters(sizes, scale, rng)
    X, Y = random_samples(sizes, batch, rng)
    parameters = as_tensors(arrays)
    cost(X, Y, **parameters).backward()
    computed = {name: parameter.grad for name, parameter in parameters.items()}
    assert_agree(computed, gradients_by_hand(X, Y, **arrays))


def test_d1_gradient_descent_takes_the_hand_computed_steps():
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


def test_d1_normal_weights_have_standard_deviation_one_hundredth_and_biases_are_zero():
    layer = nn.Dense(200, 100, weight_init="normal", rng=0)
    weights = layer.weight.data
    assert abs(weights.mean()) < 4 * 0.01 / np.sqrt(weights.size)
    assert weights.std() == pytest.approx(0.01, rel=4 / np.sqrt(2 * weights.size))
    # A normal distribution's share within one and within two standard deviations.
    assert np.mean(np.abs(weights) < 0.01) == pytest.approx(0.6827, abs=0.015)
    assert np.mean(np.abs(weights) < 0.02) == pytest.approx(0.9545, abs=0.01)
    assert np.all(layer.bias.data == 0)


def network(hidden, rng):
    """The same network of the library's layers, which take samples in rows."""
    return nn.Sequential(
        nn.Dense(2, hidden, activation="relu", weight_init="normal", rng=rng),
        nn.Dense(hidden, 1, activation="sigmoid", weight_init="normal", rng=rng),
    )


def fit(model, X, y, learning_rate, epochs):
    """Gradient descent on all samples at once."""
    return nn.fit(
        model,
        X,
        y,
        loss=nn.BCELoss(),
        optimizer=nn.SGD(model.parameters(), learning_rate),
        epochs=epochs,
        batch_size=len(X),
        progress=False,
        rng=0,
    )


def test_d1_fit_with_all_samples_in_one_batch_takes_the_hand_computed_steps():
    model = network(4, rng=np.random.default_rng(1))
    X, y = nn.datasets.blobs(50, rng=2)
    arrays = {
        "W1": model[0].weight.data.T.copy(),
        "b1": model[0].bias.data[:, np.newaxis].copy(),
        "W2": model[1].weight.data.T.copy(),
        "b2": model[1].bias.data[:, np.newaxis].copy(),
    }
    fit(model, X, y, learning_rate=0.01, epochs=20)
    for _ in range(20):
        by_hand = gradients_by_hand(X.T, y.T, **arrays)
        arrays = {name: array - 0.01 * by_hand[name] for name, array in arrays.items()}
    assert_agree(model[0].weight.data.T, arrays["W1"])
    assert_agree(model[0].bias.data[:, np.newaxis], arrays["b1"])
    assert_agree(model[1].weight.data.T, arrays["W2"])
    assert_agree(model[1].bias.data[:, np.newaxis], arrays["b2"])


def test_d1_a_thousand_iterations_from_a_cost_of_log_2_separate_the_blobs():
    X, y = nn.datasets.blobs(400, rng=0)
    model = network(8, rng=np.random.default_rng(0))
    assert nn.BCELoss()(model(X), y).item() == pytest.approx(np.log(2), abs=1e-3)
    history = fit(model, X, y, learning_rate=0.01, epochs=1000)
    assert history["loss"][-1] < 0.1
    assert nn.accuracy(nn.predict(model, X), y) > 0.99
