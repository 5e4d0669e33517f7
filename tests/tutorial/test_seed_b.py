"""Row B5: one 2-2-1 sigmoid net with binary cross-entropy, samples in rows, every value shown."""

import numpy as np
import pytest
from agreement import assert_agree

from autograd_lite import Tensor, sigmoid

PARAMETERS = ("W1", "b1", "W2", "b2")
COMPUTED = ("z1", "a1", "z2", "a2", "loss")
LEARNING_RATE = 0.1


def seed_example():
    np.random.seed(42)
    arrays = {"X": np.array([[0.5, 0.3]]), "y": np.array([[1]])}
    arrays["W1"] = np.random.randn(2, 2) * 0.5
    arrays["b1"] = np.zeros((1, 2))
    arrays["W2"] = np.random.randn(2, 1) * 0.5
    arrays["b2"] = np.zeros((1, 1))
    return arrays


def random_example(sizes, batch, seed):
    rng = np.random.default_rng(seed)
    inputs, hidden, outputs = sizes
    return {
        "X": rng.normal(size=(batch, inputs)),
        "y": rng.integers(0, 2, (batch, outputs)),
        "W1": rng.normal(size=(inputs, hidden)),
        "b1": rng.normal(size=(1, hidden)),
        "W2": rng.normal(size=(hidden, outputs)),
        "b2": rng.normal(size=(1, outputs)),
    }


def logistic(z):
    return 1 / (1 + np.exp(-z))


def values_by_hand(X, y, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = logistic(z1)
    z2 = a1 @ W2 + b2
    a2 = logistic(z2)
    loss = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
    return {"z1": z1, "a1": a1, "z2": z2, "a2": a2, "loss": loss}


def gradients_by_hand(X, y, W1, b1, W2, b2):
    values = values_by_hand(X, y, W1, b1, W2, b2)
    a1, a2 = values["a1"], values["a2"]
    da2 = -(y / a2 - (1 - y) / (1 - a2)) / y.size
    dz2 = da2 * a2 * (1 - a2)
    da1 = dz2 @ W2.T
    dz1 = da1 * a1 * (1 - a1)
    return {
        "da2": da2,
        "dz2": dz2,
        "dW2": a1.T @ dz2,
        "db2": dz2.sum(axis=0, keepdims=True),
        "da1": da1,
        "dz1": dz1,
        "dW1": X.T @ dz1,
        "db1": dz1.sum(axis=0, keepdims=True),
    }


def run(arrays):
    """Every tensor of the example by name, after backward()."""
    named = {name: Tensor(arrays[name], requires_grad=True, name=name) for name in PARAMETERS}
    named["z1"] = arrays["X"] @ named["W1"] + named["b1"]
    named["a1"] = sigmoid(named["z1"])
    named["z2"] = named["a1"] @ named["W2"] + named["b2"]
    named["a2"] = sigmoid(named["z2"])
    a2, y = named["a2"], arrays["y"]
    named["loss"] = -(y * np.log(a2) + (1 - y) * np.log(1 - a2)).mean()
    named["loss"].backward()
    return named


EXAMPLES = pytest.mark.parametrize(
    "arrays",
    [
        seed_example(),
        random_example((2, 2, 1), 1, seed=1),
        random_example((3, 4, 1), 5, seed=2),
        random_example((6, 20, 3), 16, seed=3),
    ],
    ids=["the seed's", "2-2-1", "3-4-1", "6-20-3"],
)


@EXAMPLES
def test_every_value_equals_the_hand_computed_one(arrays):
    tensors = run(arrays)
    assert_agree({name: tensors[name].data for name in COMPUTED}, values_by_hand(**arrays))


@EXAMPLES
def test_every_gradient_equals_the_hand_derived_one(arrays):
    tensors = run(arrays)
    by_hand = gradients_by_hand(**arrays)
    assert_agree({name: tensors[name[1:]].grad for name in by_hand}, by_hand)


@EXAMPLES
def test_updated_weights_equal_the_hand_computed_ones(arrays):
    arrays = {name: array.copy() for name, array in arrays.items()}
    by_hand = gradients_by_hand(**arrays)
    expected = {name: arrays[name] - LEARNING_RATE * by_hand[f"d{name}"] for name in PARAMETERS}
    tensors = run(arrays)
    for name in PARAMETERS:
        tensors[name].data -= LEARNING_RATE * tensors[name].grad
    assert_agree({name: tensors[name].data for name in PARAMETERS}, expected)
