"""Likelihoods of counts and of positive numbers: a term left out, doubled, turned, or inexact.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
from naming import assert_named_first, leaf, planted_in

CASES = []
planted = planted_in(CASES)


def fitted(seed, loss, slope, draw):
    """A likelihood of mu = exp(X w), with `slope(mu, y)` for its derivative by X w."""
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(10, 3)), draw(rng) * 1.0, leaf(rng, 3, name="w", scale=0.3)
    mu = np.exp(X @ w)
    return loss(mu, y), {w: X.T @ slope(mu.data, y)}


R, K = 2.5, 1.7


def negative_binomial(seed, slope):
    loss = lambda mu, y: -(y * np.log(mu) - (y + R) * np.log(R + mu)).sum()
    return fitted(seed, loss, slope, lambda rng: rng.poisson(3, size=10))


def gamma(seed, slope):
    loss = lambda mu, y: (K * np.log(mu) + K * y / mu).sum()
    return fitted(seed, loss, slope, lambda rng: rng.gamma(2, size=10))


def poisson(seed, slope):
    loss = lambda mu, y: (mu - y * np.log(mu)).sum()
    return fitted(seed, loss, slope, lambda rng: rng.poisson(3, size=10))


@planted("only the last term of the sum counts")
def the_first_term_of_a_negative_binomial_is_left_out():
    return negative_binomial(0, lambda mu, y: (y + R) * mu / (R + mu))


@planted("a path is dropped")
def the_second_term_of_a_negative_binomial_is_left_out():
    return negative_binomial(1, lambda mu, y: -y)


@planted("the sign is wrong")
def a_sign_in_a_negative_binomial():
    return negative_binomial(2, lambda mu, y: -y - (y + R) * mu / (R + mu))


@planted("a factor of 2 too many")
def a_term_of_a_negative_binomial_counts_twice():
    return negative_binomial(3, lambda mu, y: -y + 2 * (y + R) * mu / (R + mu))


@planted("the number that is added, 2.5, is left out")
def the_dispersion_is_left_out_of_a_factor():
    return negative_binomial(4, lambda mu, y: -y + y * mu / (R + mu))


@planted("exp is taken to be 2.5, what is added to its value", "one of several terms")
def the_dispersion_stands_for_the_mean():
    return negative_binomial(5, lambda mu, y: -y + (y + R) * R / (R + mu))


@planted("the derivative of exp is forgotten in what arrives over add")
def the_mean_is_forgotten_in_one_term():
    return negative_binomial(6, lambda mu, y: -y + (y + R) / (R + mu))


@planted("only the last term of the sum counts")
def the_logarithm_of_a_gamma_distribution_is_left_out():
    return gamma(7, lambda mu, y: -K * y / mu)


@planted("the factor 1.7 is missing there")
def the_shape_of_a_gamma_distribution_is_left_out_of_a_term():
    return gamma(8, lambda mu, y: K - y / mu)


@planted("the sign is wrong")
def a_sign_in_a_gamma_distribution():
    return gamma(9, lambda mu, y: K + K * y / mu)


@planted("the targets are not subtracted")
def the_counts_of_a_poisson_distribution_are_left_out():
    return poisson(10, lambda mu, y: mu)


@planted("a factor of 2 too many")
def the_mean_of_a_poisson_distribution_counts_twice():
    return poisson(11, lambda mu, y: 2 * mu - y)


def test_mistakes_are_named_first():
    assert_named_first(CASES)
