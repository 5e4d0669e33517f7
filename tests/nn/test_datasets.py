"""Data sets: their formulas, that a seed fixes them, and what arguments are refused."""

import numpy as np
import pytest
from looping import looped

from autograd_lite.errors import ArgumentError, UnsupportedError
from nn import datasets

ALL = looped("draw", [datasets.disc_in_ring, datasets.spirals, datasets.xor, datasets.blobs])
NAN, INF = float("nan"), float("inf")


@ALL
@looped("n", [1, 2, 7, np.int64(100)])
def test_points_and_classes_have_the_shapes_that_losses_take(draw, n):
    X, y = draw(n, rng=0)
    assert (X.shape, y.shape) == ((n, 2), (n, 1))
    assert X.dtype == y.dtype == np.float64
    assert set(y.ravel()) <= {0.0, 1.0}


@ALL
def test_a_seed_or_its_generator_gives_the_same_points_bit_for_bit(draw):
    for first, second in zip(
        draw(50, noise=0.3, rng=7), draw(50, noise=0.3, rng=np.random.default_rng(7)), strict=True
    ):
        np.testing.assert_array_equal(first, second)


@ALL
def test_a_generator_goes_on_so_that_the_next_points_are_others(draw):
    rng = np.random.default_rng(0)
    assert not np.array_equal(draw(50, noise=0.3, rng=rng)[0], draw(50, noise=0.3, rng=rng)[0])


@ALL
def test_the_global_generator_is_left_alone(draw):
    np.random.seed(0)
    draw(10, rng=1)
    assert np.random.random() == np.random.RandomState(0).random()


@ALL
@looped("n", [0, -1, 2.0, NAN, "4", None, True, np.array([4])])
def test_a_number_of_points_that_is_none_is_refused(draw, n):
    with pytest.raises(ArgumentError, match=rf"^{draw.__name__} with n=.*a whole number, 1 or"):
        draw(n)


@ALL
@looped("noise", [-0.1, NAN, INF, "0.1", None, True, np.array([0.1])])
def test_noise_that_is_no_standard_deviation_is_refused(draw, noise):
    with pytest.raises(ArgumentError, match=rf"^{draw.__name__} with noise=.*a number, 0 or more"):
        draw(4, noise=noise)


@ALL
@looped("rng", ["a", 1.5, -1, np.random.default_rng])
def test_what_is_no_generator_and_no_seed_is_refused(draw, rng):
    with pytest.raises(UnsupportedError, match=rf"^{draw.__name__} with rng=.*default_rng\(0\)"):
        draw(4, rng=rng)


# --- formulas, written out with the same draws


def test_disc_in_ring_has_the_formula_of_the_tutorial():
    X, y = datasets.disc_in_ring(1000, noise=0.1, rng=0)
    rng = np.random.default_rng(0)
    radius, angle = rng.random(1000), 2 * np.pi * rng.random(1000)
    noise = 0.1 * rng.standard_normal((1000, 2))
    expected = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]) + noise
    np.testing.assert_allclose(X, expected, rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(y[:, 0], radius >= 0.5)


def test_disc_in_ring_without_noise_lies_in_the_unit_disc_uniform_in_radius():
    X, y = datasets.disc_in_ring(20_000, noise=0.0, rng=0)
    radius = np.linalg.norm(X, axis=1)
    assert radius.max() < 1
    np.testing.assert_allclose(np.quantile(radius, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.01)
    assert y.mean() == pytest.approx(0.5, abs=0.01)


@looped("noise", [0.02, 0.1])
def test_noise_puts_eight_tenths_of_its_size_of_the_points_on_the_wrong_side(noise):
    X, y = datasets.disc_in_ring(50_000, noise=noise, rng=0)
    wrong = (np.linalg.norm(X, axis=1) >= 0.5) != (y[:, 0] == 1)
    # The mean of |N(0, noise²)|, as the distances from the circle are uniform.
    assert wrong.mean() == pytest.approx(noise * np.sqrt(2 / np.pi), rel=0.05)


def test_spirals_have_the_formula_of_the_tutorial():
    X, y = datasets.spirals(1000, noise=0.5, rng=0)
    rng = np.random.default_rng(0)
    theta = np.sqrt(rng.random(1000)) * 2 * np.pi
    radius = 2 * theta + 0.5 * rng.standard_normal(1000) + np.pi * (np.arange(1000) % 2)
    np.testing.assert_allclose(X[:, 0], np.cos(theta) * radius, rtol=1e-12)
    np.testing.assert_allclose(X[:, 1], np.sin(theta) * radius, rtol=1e-12)
    np.testing.assert_array_equal(y[:, 0], np.tile([0, 1], 500))


def test_spirals_without_noise_have_one_class_at_each_distance_along_a_ray():
    X, y = datasets.spirals(1000, noise=0.0, rng=0)
    theta = np.arctan2(X[:, 1], X[:, 0]) % (2 * np.pi)
    np.testing.assert_allclose(
        np.linalg.norm(X, axis=1) - 2 * theta, np.pi * y[:, 0], atol=1e-9, rtol=0
    )


def test_xor_repeats_the_four_corners():
    X, y = datasets.xor(1001)
    np.testing.assert_array_equal(X[:4], [[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(X[1000], [0, 0])
    np.testing.assert_array_equal(y, np.logical_xor(X[:, :1], X[:, 1:]))
    assert y[:1000].sum() == 500


def test_xor_of_four_is_the_default_and_needs_no_generator():
    np.testing.assert_array_equal(datasets.xor()[0], datasets.xor(4, rng=3)[0])


def test_noise_moves_the_points_of_xor_and_not_their_classes():
    X, y = datasets.xor(4000, noise=0.2, rng=0)
    corners, classes = datasets.xor(4000)
    np.testing.assert_array_equal(y, classes)
    assert (X - corners).std() == pytest.approx(0.2, rel=0.03)


def test_blobs_have_the_formula_of_the_tutorial():
    X, y = datasets.blobs(1001, rng=0)
    classes = np.append(np.tile([0, 1], 500), 0)[:, None]
    noise = np.random.default_rng(0).standard_normal((1001, 2))
    np.testing.assert_allclose(X, noise + np.where(classes == 1, 2, -2), rtol=1e-13)
    np.testing.assert_array_equal(y, classes)


def test_noise_is_the_standard_deviation_of_blobs():
    X, y = datasets.blobs(10_000, noise=0.25, rng=0)
    assert (X - (4 * y - 2)).std() == pytest.approx(0.25, rel=0.02)
