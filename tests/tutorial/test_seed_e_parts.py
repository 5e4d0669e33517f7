"""Rows E3, E4 and E5: initialization, activations and losses."""

from functools import partial

import numpy as np
import pytest
from agreement import assert_agree
from looping import looped

import nn
from autograd_lite import Tensor, relu, sigmoid, softmax

# --- E3: initialization

FAN_IN, FAN_OUT = 300, 100
DECILES = np.linspace(0.1, 0.9, 9)
# Those of the standard normal distribution, from tables.
NORMAL_DECILES = np.array(
    [-1.281552, -0.841621, -0.524401, -0.253347, 0, 0.253347, 0.524401, 0.841621, 1.281552]
)


def weights(weight_init, seed=0):
    return nn.Dense(FAN_IN, FAN_OUT, weight_init=weight_init, rng=seed).weight.data


def assert_uniform(array, low, high):
    """Bounds, mean, variance and deciles, with room for 4 or so standard errors of 30,000 draws."""
    width = high - low
    assert low <= array.min() < low + 0.001 * width
    assert high - 0.001 * width < array.max() <= high
    assert array.mean() == pytest.approx((low + high) / 2, abs=0.007 * width)
    assert array.var() == pytest.approx(width**2 / 12, rel=0.02)
    np.testing.assert_allclose(
        np.quantile(array, DECILES), low + width * DECILES, atol=0.012 * width
    )


@looped(("low", "high"), [(-0.5, 0.5), (0.0, 1.0)])
def test_e3_uniform_weights_fill_their_bounds_evenly(low, high):
    assert_uniform(weights(partial(nn.init.uniform, low=low, high=high)), low, high)


def test_e3_xavier_weights_are_uniform_within_a_limit_of_both_fans():
    assert_uniform(weights("xavier_uniform"), -np.sqrt(6 / 400), np.sqrt(6 / 400))


def test_e3_xaviers_limit_with_one_fan_as_in_the_tutorials_table_is_not_the_one_drawn_from():
    largest = np.abs(weights("xavier_uniform")).max()
    for one_fan in (FAN_IN, FAN_OUT):
        assert largest < 0.9 * np.sqrt(6) / np.sqrt(one_fan)


def test_e3_he_weights_are_normal_with_variance_2_over_fan_in():
    array = weights("he_normal")
    deviation = np.sqrt(2 / FAN_IN)
    assert array.mean() == pytest.approx(0, abs=0.025 * deviation)
    assert array.std() == pytest.approx(deviation, rel=0.02)
    np.testing.assert_allclose(
        np.quantile(array, DECILES), deviation * NORMAL_DECILES, atol=0.04 * deviation
    )


@looped("weight_init", ["uniform", "xavier_uniform", "he_normal"])
def test_e3_the_same_seed_draws_the_same_weights_and_biases_start_at_zero(weight_init):
    np.testing.assert_array_equal(weights(weight_init, seed=3), weights(weight_init, seed=3))
    assert np.all(weights(weight_init, seed=3) != weights(weight_init, seed=4))
    assert not nn.Dense(2, 3, weight_init=weight_init, rng=0).bias.data.any()


def test_e3_he_keeps_the_scale_of_relu_layers_where_too_small_and_too_large_weights_do_not():
    x = np.random.default_rng(3).normal(size=(200, FAN_IN))

    def scale_after_ten_layers(weight_init):
        rng = np.random.default_rng(4)
        layers = [
            nn.Dense(FAN_IN, FAN_IN, "relu", weight_init=weight_init, rng=rng) for _ in range(10)
        ]
        return np.sqrt(np.mean(np.square(nn.predict(nn.Sequential(*layers), x))))

    assert 0.2 < scale_after_ten_layers("he_normal") < 5
    assert scale_after_ten_layers("normal") < 1e-8
    assert scale_after_ten_layers(partial(nn.init.uniform, low=-1, high=1)) > 1e8


# --- E4: activations


def value_and_slope(function, x):
    z = Tensor(x, requires_grad=True)
    a = function(z)
    a.sum().backward()
    return a.data, z.grad


def test_e4_sigmoid_tanh_and_relu_have_the_hand_derived_slopes():
    x = np.linspace(-6, 6, 121)
    a = 1 / (1 + np.exp(-x))
    tanh = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    for function, value, slope in [
        (sigmoid, a, a * (1 - a)),
        (np.tanh, tanh, 1 - tanh**2),
        (relu, np.maximum(0, x), (x > 0) * 1.0),
    ]:
        computed, gradient = value_and_slope(function, x)
        assert_agree(computed, value)
        assert_agree(gradient, slope)


def test_e4_the_seeds_examples_come_out():
    assert relu(np.array([-1.0, 0.0, 2.0, -3.0, 4.0])).tolist() == [0, 0, 2, 0, 4]
    assert sigmoid(np.array(2.1)) == pytest.approx(0.89, abs=0.005)


def test_e4_sigmoid_is_exact_at_a_thousand_without_a_warning():
    a, slope = value_and_slope(sigmoid, np.array([-1000.0, -40.0, 0.0, 1000.0]))
    np.testing.assert_allclose(a, [0, np.exp(-40), 0.5, 1], rtol=1e-15)
    np.testing.assert_allclose(slope, [0, np.exp(-40), 0.25, 0], rtol=1e-12)


def test_e4_softmax_is_exact_at_a_thousand_and_not_changed_by_a_shift():
    x = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, -1.0]])
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    assert_agree(softmax(x), p)
    np.testing.assert_allclose(softmax(x + 1000), p, rtol=1e-12)
    np.testing.assert_allclose(softmax(x - 1000), p, rtol=1e-12)
    np.testing.assert_allclose(softmax(x).sum(axis=1), 1, rtol=1e-15)
    assert softmax(np.array([0.0, 1000.0, -1000.0])).tolist() == [0, 1, 0]


def test_e4_softmax_has_the_hand_derived_jacobian():
    x = np.array([0.3, -1.2, 2.0, 0.5])
    p = np.exp(x) / np.exp(x).sum()
    for i in range(4):
        z = Tensor(x, requires_grad=True)
        softmax(z)[i].backward()
        assert_agree(z.grad, p[i] * (np.eye(4)[i] - p))


# --- E5: losses

TARGETS = np.array([[1.0], [0.0], [1.0], [0.0]])
PREDICTIONS = np.array([[0.9], [0.2], [0.6], [0.7]])

FORMULAS = {
    "mse": (
        lambda p, y: np.mean((y - p) ** 2),
        lambda p, y: 2 * (p - y) / y.size,
    ),
    "mae": (
        lambda p, y: np.mean(np.abs(y - p)),
        lambda p, y: np.sign(p - y) / y.size,
    ),
    "rmse": (
        lambda p, y: np.sqrt(np.mean((y - p) ** 2)),
        lambda p, y: (p - y) / y.size / np.sqrt(np.mean((y - p) ** 2)),
    ),
    "bce": (
        lambda p, y: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
        lambda p, y: (-y / p + (1 - y) / (1 - p)) / y.size,
    ),
}


@looped("name", FORMULAS)
def test_e5_losses_by_name_equal_the_formulas_and_so_do_their_gradients(name):
    value, gradient = FORMULAS[name]
    p = Tensor(PREDICTIONS, requires_grad=True)
    loss = nn.loss_function(name)(p, TARGETS)
    loss.backward()
    assert loss.item() == pytest.approx(value(PREDICTIONS, TARGETS), rel=1e-12)
    assert_agree(p.grad, gradient(PREDICTIONS, TARGETS))


def test_e5_a_mean_squared_error_of_the_users_own_equals_the_librarys():
    def custom_mse(predictions, targets):
        return np.mean((predictions - targets) ** 2)

    p, y = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.5, 3.5])
    for loss in (custom_mse, nn.loss_function(custom_mse), nn.MSELoss()):
        tensor = Tensor(p, requires_grad=True)
        value = loss(tensor, y)
        value.backward()
        assert value.item() == 0.25
        assert_agree(tensor.grad, (p - y) * 2 / 3)


def test_e5_fit_minimizes_a_loss_of_the_users_own():
    """That of a quantile: the constant that minimizes it is the 90th percentile of the targets."""

    def quantile_loss(predictions, targets):
        error = targets - predictions
        return np.maximum(0.9 * error, -0.1 * error).mean()

    y = np.random.default_rng(5).permutation(np.linspace(0, 1, 501)).reshape(-1, 1)
    model = nn.Dense(1, 1, weight_init="zeros")
    nn.fit(
        model,
        np.zeros_like(y),
        y,
        loss=quantile_loss,
        optimizer=nn.SGD(model.parameters(), 0.05),
        epochs=20,
        batch_size=50,
        progress=False,
        rng=0,
    )
    assert model.bias.item() == pytest.approx(0.9, abs=0.02)
