"""Masks: of clips and of what comes after them, of extremes with a tolerance, of rectifiers.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in

import nn
from autograd_lite import compare_gradients, relu, sigmoid, softmax

CASES = []
planted = planted_in(CASES)

# Tolerances


def largest_scores(seed, tolerance, in_shares):
    """The largest of five scores, some of which are nearly equal."""
    rng = np.random.default_rng(seed)
    X, y, W = rng.normal(size=(8, 3)), rng.normal(size=8), leaf(rng, 3, 5, name="W")
    W.data[:, 1] = W.data[:, 0] + 1e-3 * rng.normal(size=3)
    W.data[:, 3] = W.data[:, 2] + 1e-3 * rng.normal(size=3)
    z = X @ W
    m = z.max(axis=1)
    near = 1.0 * (z.data >= m.data[:, None] - tolerance)
    near /= near.sum(axis=1, keepdims=True) if in_shares else 1
    return ((m - y) ** 2).sum(), {W: X.T @ (2 * (m.data - y)[:, None] * near)}


@planted("mask of max has a tolerance", "get what arrives, too")
def entries_within_a_tolerance_of_the_maximum():
    return largest_scores(0, 1e-2, in_shares=False)


@planted("mask of max has a tolerance", "in equal shares")
def entries_within_a_tolerance_share():
    return largest_scores(1, 1e-2, in_shares=True)


@planted("mask of min has a tolerance", "up to")
def isclose_instead_of_equal():
    rng = np.random.default_rng(2)
    X, y, W = rng.normal(size=(6, 4, 3)), rng.normal(size=(6, 2)), leaf(rng, 3, 2, name="W")
    X[:, 2] = X[:, 1] + 1e-7 * rng.normal(size=(6, 3))
    z = X @ W
    m = z.min(axis=1)
    near = np.isclose(z.data, m.data[:, None])
    d = 2 * (m.data - y) / m.size
    return ((m - y) ** 2).mean(), {W: np.einsum("nti,ntj->ij", X, d[:, None] * near)}


@planted("has a tolerance")
def a_pooled_image_with_nearly_equal_pixels():
    rng = np.random.default_rng(3)
    X, T, w = rng.normal(size=(2, 4, 4)), rng.normal(size=(2, 2, 2)), leaf(rng, 4, 4, name="w")
    X[:, ::2], w.data[::2] = X[:, 1::2], w.data[1::2] + 1e-4 * rng.normal(size=(2, 4))
    z = X * w
    p = nn.MaxPool(2)(z[:, None])[:, 0]
    d = np.repeat(np.repeat(2 * (p.data - T), 2, 1), 2, 2)
    largest = np.repeat(np.repeat(p.data, 2, 1), 2, 2)
    return ((p - T) ** 2).sum(), {w: (X * d * (abs(z.data - largest) <= 1e-2)).sum(axis=0)}


@planted("to dz", "clip is 0 only where its input is below -1: the upper bound is forgotten")
def one_bound_of_a_clip_is_forgotten():
    rng = np.random.default_rng(20)
    X, Y, W = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), leaf(rng, 3, 2, name="W")
    z = X @ W
    z.name = "z"
    h = np.clip(z, -1, 1)
    return ((h - Y) ** 2).sum(), {W: X.T @ (2 * (h.data - Y) * (z.data > -1))}


@pytest.mark.parametrize("threshold", [-0.2, 0.2, 0.5])
def test_a_rectifier_whose_mask_begins_elsewhere_is_named_with_the_number(threshold):
    rng = np.random.default_rng(4)
    X, T, W = rng.normal(size=(40, 3)), rng.normal(size=(40, 2)), leaf(rng, 3, 2, name="W")
    z = X @ W
    a = relu(z)
    dz = 2 * (a.data - T) * (z.data > threshold)
    report = compare_gradients(((a - T) ** 2).sum(), {W: X.T @ dz})
    assert f"the mask of relu is z > {threshold:g}" in report.explanations[0].sentence


# Clips

LOW, HIGH = 0.2, 0.8
MASKS = {
    "the mask of clip is forgotten": lambda p: np.ones_like(p),
    "inverted": lambda p: (p < LOW) | (p > HIGH),
    "the upper bound": lambda p: p > LOW,
    "the lower bound": lambda p: p < HIGH,
}
SLOPES = {
    "one": (
        lambda q, y: -(y * np.log(q)).sum(),
        lambda q, y: -y / q,
    ),
    "both": (
        lambda q, y: -(y * np.log(q) + (1 - y) * np.log(1 - q)).sum(),
        lambda q, y: -y / q + (1 - y) / (1 - q),
    ),
}


@pytest.mark.parametrize("words", MASKS)
@pytest.mark.parametrize("terms", SLOPES)
@pytest.mark.parametrize("unclipped", [False, True])
def test_another_mask_of_clipped_probabilities_is_named(terms, words, unclipped):
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=(20, 3)), rng.random(20), leaf(rng, 3, name="w", scale=2)
    p = sigmoid(X @ w)
    q = np.clip(p, LOW, HIGH)
    loss, slope = SLOPES[terms]
    dq = slope(p.data if unclipped else q.data, y)
    dz = dq * MASKS[words](p.data) * p.data * (1 - p.data)
    sentence = compare_gradients(loss(q, y), {w: X.T @ dz}).explanations[0].sentence
    assert words in sentence
    assert ("what was not clipped" in sentence) == unclipped


@planted("mask of maximum is inverted")
def the_mask_of_one_bound_is_inverted():
    rng = np.random.default_rng(6)
    X, c, w = rng.normal(size=(20, 3)), rng.random(20), leaf(rng, 3, name="w", scale=2)
    v = np.exp(X @ w)
    u = np.maximum(v, 0.5)
    return (c * np.log(u)).sum(), {w: X.T @ (c / u.data * (v.data <= 0.5) * v.data)}


@planted("taken at what was clipped: as in p - y with the clipped p")
def the_error_of_clipped_probabilities():
    rng = np.random.default_rng(7)
    X, y, W = rng.normal(size=(9, 3)), np.eye(4)[rng.integers(4, size=9)], leaf(rng, 3, 4, name="W")
    q = np.clip(softmax(X @ W), 0.2, 0.7)
    return -(y * np.log(q)).sum() / 9, {W: X.T @ (q.data - y) / 9}


def test_mistakes_are_named_first():
    assert_named_first(CASES)
