"""Rows of the tables of mistakes: branches and bounds, slopes, deltas, layers, what is handed in.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in
from tiers import in_second_tier

from autograd_lite import sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def regression(seed, function, slope):
    """Squares of errors of a function of X W: a loss, and the gradient with a slope by hand."""
    rng = np.random.default_rng(seed)
    X, Y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    out = function(z)
    return ((out - Y) ** 2).sum(), {W: X.T @ (2 * (out.data - Y) * slope(z.data))}


# Branches and bounds


@planted("the branches of where are swapped")
def branches_of_where():
    def function(z):
        return np.where(z.data > 0, z**2, 3 * z)

    return regression(0, function, lambda z: np.where(z > 0, 3, 2 * z))


@planted("the branches of maximum are swapped: what it is not gets what arrives")
def larger_of_two_layers():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    V, W = leaf(rng, 3, 4, name="V"), leaf(rng, 3, 4, name="W")
    one, other = X @ V, X @ W
    out = np.maximum(one, other)
    d = 2 * (out.data - Y)
    larger = one.data > other.data
    return ((out - Y) ** 2).sum(), {V: X.T @ (d * ~larger), W: X.T @ (d * larger)}


@planted("below -1: the upper bound is forgotten")
def hard_tanh_with_one_bound():
    return regression(2, lambda z: np.clip(z, -1, 1), lambda z: z > -1)


@planted("the clipped value, not a mask")
def clipped_value_for_a_mask():
    return regression(3, lambda z: np.clip(z, -1, 1), lambda z: np.clip(z, -1, 1))


# Slopes


@planted("the derivative of tan is taken to be 1 / cos(z), which is to be squared")
def cosine_that_is_not_squared():
    return regression(4, lambda z: np.tan(0.5 * z), lambda z: 0.5 / np.cos(0.5 * z))


@planted("the derivative of absolute is taken to be 2 z, that of a square")
def absolute_value_as_a_square():
    return regression(5, np.abs, lambda z: 2 * z)


@planted("exp is taken to be z * exp(z - 1)")
def exponential_as_a_power():
    return regression(6, np.exp, lambda z: z * np.exp(z - 1))


@planted("the derivative of log1p is taken to be 1 / z")
def logarithm_of_1_plus_z_without_the_1():
    return regression(7, lambda z: np.log1p(z**2), lambda z: 2 * z / z**2)


# Deltas of the last layer


def classes(delta):
    """Softmax regression; the gradient with a delta of the probabilities and one-hot labels."""
    rng = np.random.default_rng(8)
    X, Y, W = rng.normal(size=(6, 3)), np.eye(4)[rng.integers(4, size=6)], leaf(rng, 3, 4, name="W")
    p = softmax(X @ W, axis=1)
    return -(Y * np.log(p)).sum() / 6, {W: X.T @ delta(p.data, Y) / 6}


@planted("what arrives at the label's class is left out: p * (1 - y)")
def delta_of_the_other_classes():
    return classes(lambda p, Y: p * (1 - Y))


@planted("the targets are added: p + y")
def delta_with_the_targets_added():
    return classes(lambda p, Y: p + Y)


@planted("the error is squared")
def delta_squared():
    return classes(lambda p, Y: (p - Y) ** 2)


@planted("the largest p of a row stands for the label")
def delta_of_the_prediction():
    return classes(lambda p, Y: p - (p == p.max(axis=1, keepdims=True)))


# Products and layers


@planted("the inverse of the other factor stands where its transpose belongs")
def inverse_for_a_transpose():
    rng = np.random.default_rng(9)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, 4, name="V")
    h = np.tanh(X @ W)
    d = 2 * ((h @ V).data - Y)
    dz = d @ np.linalg.inv(V.data) * (1 - h.data**2)
    return ((h @ V - Y) ** 2).sum(), {W: X.T @ dz, V: h.data.T @ d}


@planted("forgotten on the way down to the layer below; the parameters have it")
def delta_of_the_layer_below_without_the_slope():
    rng = np.random.default_rng(10)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, W2, b2 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, 2, name="W2"), leaf(rng, 2, name="b2")
    h = np.tanh(X @ W1)
    p = sigmoid(h @ W2 + b2)
    d = 2 * (p.data - Y)
    dz = d * p.data * (1 - p.data)
    dh = d @ W2.data.T
    return ((p - Y) ** 2).sum(), {
        W1: X.T @ (dh * (1 - h.data**2)),
        W2: h.data.T @ dz,
        b2: dz.sum(axis=0),
    }


def normalized(derivative):
    """Layer normalization written out; the gradient by a formula of g, y and the deviation."""
    rng = np.random.default_rng(11)
    X, Y, W = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    centred = z - z.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    y = centred / deviation
    dz = derivative(2 * (y.data - Y), y.data, deviation.data)
    return ((y - Y) ** 2).sum(), {W: X.T @ dz}


def mean(a):
    return a.mean(axis=1, keepdims=True)


@planted("the division by the deviation is left out")
def normalization_without_its_scale():
    return normalized(lambda g, y, s: g - mean(g) - y * mean(g * y))


@planted("it is divided by the variance, not by its root")
def normalization_over_the_variance():
    return normalized(lambda g, y, s: (g - mean(g) - y * mean(g * y)) / s**2)


@planted("the sign is wrong")
def normalization_with_a_sign():
    return normalized(lambda g, y, s: (g - mean(g) + y * mean(g * y)) / s)


# What is handed in


def handed_in(change):
    """Least squares whose gradient is changed before it is handed in."""
    rng = np.random.default_rng(12)
    X, y, w = rng.normal(size=(7, 5)), rng.normal(size=7), leaf(rng, 5, name="w")
    return ((X @ w - y) ** 2).sum(), {w: change(2 * X.T @ (X @ w.data - y))}


@planted("it is the sign of the gradient")
def sign_of_a_gradient():
    return handed_in(np.sign)


@planted("its entries are clipped at 5")
def clipped_entries():
    return handed_in(lambda g: g.clip(-5, 5))


@planted("an earlier gradient was not reset, and is added")
def gradient_that_was_not_reset():
    loss, gradients = handed_in(lambda g: g)
    ((w, g),) = gradients.items()
    w.grad = np.arange(1.0, 6.0)
    return loss, {w: g + w.grad}


@pytest.mark.parametrize("every", in_second_tier((4, 1), (4,)))
def test_each_is_named_first(every):
    assert_named_first(CASES[::every])
