"""Row B5: one 2-2-1 sigmoid net with binary cross-entropy, samples in rows, every value shown."""

from functools import partial

import numpy as np
import pytest
from agreement import assert_agree
from looping import looped

import nn
from autograd_lite import Tensor, compare_gradients, sigmoid

PARAMETERS = ("W1", "b1", "W2", "b2")
COMPUTED = ("z1", "a1", "z2", "a2", "loss")
LEARNING_RATE = 0.1

# What the seed's formulas give in plain NumPy after np.random.seed(42), rounded to 12 decimals.
WEIGHTS = {
    "W1": [[0.248357076506, -0.069132150586], [0.323844269050, 0.761514928204]],
    "b1": [[0.0, 0.0]],
    "W2": [[-0.117076687362], [-0.117068478475]],
    "b2": [[0.0]],
}
VALUES = {
    "z1": [[0.221331818968, 0.193888403168]],
    "a1": [[0.555108169328, 0.548320819659]],
    "z2": [[-0.129181309666]],
    "a2": [[0.467749509288]],
    "loss": 0.759822362918,
}
GRADIENTS = {
    "da2": [[-2.137896417083]],
    "dz2": [[-0.532250490712]],
    "dW2": [[-0.295456595523], [-0.291844025331]],
    "db2": [[-0.532250490712]],
    "da1": [[0.062314124299, 0.062309755115]],
    "dz1": [[0.015389288667, 0.015431951631]],
    "dW1": [[0.007694644334, 0.007715975816], [0.004616786600, 0.004629585489]],
    "db1": [[0.015389288667, 0.015431951631]],
}
UPDATED = {
    "W1": [[0.247587612072, -0.069903748167], [0.323382590390, 0.761051969655]],
    "b1": [[-0.001538928867, -0.001543195163]],
    "W2": [[-0.087531027809], [-0.087884075941]],
    "b2": [[0.053225049071]],
}
ROUNDING = 5.1e-13


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


def as_model(arrays):
    model = nn.Sequential()
    for W, b in (("W1", "b1"), ("W2", "b2")):
        weight = arrays[W]
        layer = nn.Dense(*weight.shape, "sigmoid", weight_init=partial(_given, weight))
        layer.bias.data = arrays[b][0].copy()
        model.append(layer)
    return model


def _given(weight, rng, fan_in, fan_out):
    return weight


def parameters_of(model):
    arrays = {name: p.data for name, p in zip(PARAMETERS, model.parameters(), strict=True)}
    return {name: np.atleast_2d(array) for name, array in arrays.items()}


# --- the seed's numbers


def assert_is(array, number):
    np.testing.assert_allclose(array, number, rtol=0, atol=ROUNDING)


@looped("name", PARAMETERS)
def test_b5_the_seeds_weights_are_the_known_numbers(name):
    assert_is(seed_example()[name], WEIGHTS[name])


@looped("name", COMPUTED)
def test_b5_each_value_of_the_forward_pass_is_the_known_number(name):
    assert_is(run(seed_example())[name].data, VALUES[name])


@looped("name", GRADIENTS)
def test_b5_each_gradient_is_the_known_number(name):
    assert_is(run(seed_example())[name[1:]].grad, GRADIENTS[name])


@looped("name", PARAMETERS)
def test_b5_each_updated_weight_is_the_known_number(name):
    tensor = run(seed_example())[name]
    tensor.data -= LEARNING_RATE * tensor.grad
    assert_is(tensor.data, UPDATED[name])


@looped("name", PARAMETERS)
def test_b5_one_step_of_fit_gives_the_known_weights(name):
    arrays = seed_example()
    model = as_model(arrays)
    optimizer = nn.SGD(model.parameters(), learning_rate=LEARNING_RATE)
    history = nn.fit(
        model,
        arrays["X"],
        arrays["y"],
        loss=nn.BCELoss(),
        optimizer=optimizer,
        epochs=1,
        progress=False,
    )
    assert_is(history["running_loss"], [VALUES["loss"]])
    assert_is(parameters_of(model)[name], UPDATED[name])


# --- the formulas, on the seed's numbers and on others

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
def test_b5_every_value_equals_the_hand_computed_one(arrays):
    tensors = run(arrays)
    assert_agree({name: tensors[name].data for name in COMPUTED}, values_by_hand(**arrays))


@EXAMPLES
def test_b5_every_gradient_equals_the_hand_derived_one(arrays):
    tensors = run(arrays)
    by_hand = gradients_by_hand(**arrays)
    assert_agree({name: tensors[name[1:]].grad for name in by_hand}, by_hand)
    report = compare_gradients(
        tensors["loss"], {tensors[name[1:]]: by_hand[name] for name in by_hand}, tolerance=1e-12
    )
    assert report


@EXAMPLES
def test_b5_a_step_of_the_librarys_layers_equals_the_hand_computed_one(arrays):
    by_hand = gradients_by_hand(**arrays)
    expected = {name: arrays[name] - LEARNING_RATE * by_hand[f"d{name}"] for name in PARAMETERS}
    model = as_model(arrays)
    optimizer = nn.SGD(model.parameters(), learning_rate=LEARNING_RATE)
    nn.BCELoss()(model(arrays["X"]), arrays["y"]).backward()
    optimizer.step()
    assert_agree(parameters_of(model), expected)
