"""Initial weights: their distributions, and that a seed fixes them."""

from functools import partial

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError
from nn.init import INITIALIZERS, initializer

FAN_IN, FAN_OUT = 300, 500
VARIANCES = {
    "normal": 0.01**2,
    "uniform": 0.1**2 / 12,
    "xavier_normal": 2 / (FAN_IN + FAN_OUT),
    "xavier_uniform": 2 / (FAN_IN + FAN_OUT),
    "he_normal": 2 / FAN_IN,
    "he_uniform": 2 / FAN_IN,
    "lecun_normal": 1 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "orthogonal": 1 / FAN_OUT,
}
LIMITS = {
    "uniform": 0.05,
    "xavier_uniform": np.sqrt(6 / (FAN_IN + FAN_OUT)),
    "he_uniform": np.sqrt(6 / FAN_IN),
    "lecun_uniform": np.sqrt(3 / FAN_IN),
}
RANDOM = sorted(VARIANCES)


def draw(name, seed=0, shape=(FAN_IN, FAN_OUT)):
    return INITIALIZERS[name](np.random.default_rng(seed), *shape)


def test_every_initializer_is_random_or_tested_as_constant():
    assert set(INITIALIZERS) == {*RANDOM, "zeros", "constant"}


@looped("name", RANDOM)
def test_mean_is_0_and_variance_as_documented(name):
    weight = draw(name)
    assert weight.shape == (FAN_IN, FAN_OUT)
    assert weight.var() == pytest.approx(VARIANCES[name], rel=0.02)
    assert abs(weight.mean()) < 4 * np.sqrt(VARIANCES[name] / weight.size)


@looped("name", LIMITS)
def test_uniform_weights_fill_their_interval_evenly(name):
    weight = draw(name) / LIMITS[name]
    assert np.abs(weight).max() <= 1
    counts, _ = np.histogram(weight, bins=10, range=(-1, 1))
    np.testing.assert_allclose(counts / weight.size, 0.1, atol=0.005)


@looped("name", [name for name in RANDOM if name.endswith("normal")])
def test_normal_weights_have_the_tails_of_the_normal_distribution(name):
    weight = np.abs(draw(name)) / np.sqrt(VARIANCES[name])
    within = [np.mean(weight < deviations) for deviations in (1, 2, 3)]
    np.testing.assert_allclose(within, [0.6827, 0.9545, 0.9973], atol=0.004)


@looped("shape", [(5, 3), (3, 5), (4, 4), (1, 6), (6, 1)])
def test_orthogonal_rows_or_columns_have_length_gain_at_right_angles(shape):
    weight = nn.init.orthogonal(np.random.default_rng(0), *shape, gain=2.0)
    assert weight.shape == shape
    product = weight @ weight.T if shape[0] < shape[1] else weight.T @ weight
    np.testing.assert_allclose(product, 4 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_matrices_have_no_preferred_sign():
    rng = np.random.default_rng(0)
    corners = [nn.init.orthogonal(rng, 2, 2)[0, 0] for _ in range(1000)]
    assert np.mean(np.array(corners) > 0) == pytest.approx(0.5, abs=0.05)


def test_zeros_and_constant_are_one_number_everywhere():
    np.testing.assert_array_equal(draw("zeros", shape=(2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(draw("constant", shape=(2, 3)), np.ones((2, 3)))
    half = nn.init.constant(np.random.default_rng(0), 2, 3, value=0.5)
    np.testing.assert_array_equal(half, np.full((2, 3), 0.5))


def test_normal_and_uniform_take_their_parameters():
    rng = np.random.default_rng(0)
    weight = nn.init.normal(rng, 300, 500, mean=3.0, standard_deviation=2.0)
    assert weight.mean() == pytest.approx(3, abs=0.03)
    assert weight.std() == pytest.approx(2, rel=0.02)
    weight = nn.init.uniform(rng, 300, 500, low=1.0, high=2.0)
    assert weight.min() >= 1
    assert weight.max() < 2
    assert weight.mean() == pytest.approx(1.5, abs=0.01)


@looped("name", RANDOM)
def test_a_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others(name):
    first, again, other = (
        nn.Dense(5, 7, weight_init=name, rng=seed).weight.data for seed in (3, 3, 4)
    )
    assert first.tobytes() == again.tobytes()
    assert np.all(first != other)


@looped("name", RANDOM)
def test_draws_come_from_the_generator_alone_and_move_it_on(name):
    np.random.seed(0)
    rng = np.random.default_rng(3)
    first, second = (nn.Dense(5, 7, weight_init=name, rng=rng).weight.data for _ in range(2))
    np.random.seed(1)
    np.testing.assert_array_equal(first, nn.Dense(5, 7, weight_init=name, rng=3).weight.data)
    assert np.all(first != second)


@looped("name", RANDOM)
def test_float32_weights_are_the_rounded_float64_ones(name):
    wide = nn.Dense(5, 7, weight_init=name, rng=3).weight.data
    narrow = nn.Dense(5, 7, weight_init=name, rng=3, dtype=np.float32).weight.data
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


def test_tutorial_he_weights_are_normal_draws_times_root_of_2_over_fan_in():
    weight = nn.Dense(4, 3, activation="relu", rng=7).weight.data
    draws = np.random.default_rng(7).standard_normal((4, 3))
    np.testing.assert_allclose(weight, draws * np.sqrt(2 / 4), rtol=1e-15)


def test_tutorial_sigmoid_weights_are_normal_draws_times_root_of_1_over_fan_in():
    weight = nn.Dense(4, 1, activation="sigmoid", weight_init="lecun_normal", rng=7).weight.data
    draws = np.random.default_rng(7).standard_normal((4, 1))
    np.testing.assert_allclose(weight, draws * np.sqrt(1 / 4), rtol=1e-15)


def test_a_function_initializes_as_a_name_does():
    def rows_of_counts(rng, fan_in, fan_out):
        return np.arange(fan_in * fan_out).reshape(fan_in, fan_out)

    layer = nn.Dense(2, 3, weight_init=rows_of_counts)
    np.testing.assert_array_equal(layer.weight.data, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    assert layer.weight.dtype == np.float64
    by_name = nn.Dense(2, 3, weight_init="normal", rng=0).weight.data
    wider = partial(nn.init.normal, standard_deviation=0.1)
    by_function = nn.Dense(2, 3, weight_init=wider, rng=0).weight.data
    np.testing.assert_allclose(by_function, 10 * by_name, rtol=1e-14)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(AutogradError, match="orthogonal"):
        initializer("kaiming")


def test_weights_of_another_shape_are_refused():
    with pytest.raises(AutogradError, match=r"\(3, 2\)"):
        nn.Dense(2, 3, weight_init=lambda rng, fan_in, fan_out: np.ones((fan_out, fan_in)))
