"""Errors of pairs of points with another factor of their distances, as in t-SNE and in scaling.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import leaf

from autograd_lite import compare_gradients


def points(seed, count=7):
    """Points, their differences and squared distances, and shares of pairs that are to be met."""
    rng = np.random.default_rng(seed)
    P = rng.random((count, count))
    P = P + P.T
    np.fill_diagonal(P, 0)
    Y = leaf(rng, count, 2, name="Y")
    D = Y[:, None, :] - Y[None, :, :]
    return Y, D, (D**2).sum(axis=2), P / P.sum()


def gradient(D, forces):
    return 4 * (forces[:, :, None] * D.data).sum(axis=1)


def student(seed, factor):
    """t-SNE with (P - Q) times `factor(d²)` for the forces, where 1 / (1 + d²) is right."""
    Y, D, squares, P = points(seed)
    near = (1 - np.eye(len(P))) / (1 + squares)
    Q = near / near.sum()
    loss = (P * np.log((P + 1e-12) / (Q + 1e-12))).sum()
    return loss, {Y: gradient(D, (P - Q.data) * factor(squares.data))}


def normal(seed, factor):
    """SNE with normal distributions, where no factor is right."""
    Y, D, squares, P = points(seed)
    off = 1 - np.eye(len(P))
    near = off * np.exp(-squares)
    Q = near / near.sum()
    loss = -(P * np.log(Q + np.eye(len(P)))).sum()
    return loss, {Y: gradient(D, (P - Q.data) * factor(squares.data))}


STUDENT = {
    "its factor is left out": np.ones_like,
    "the square of its factor": lambda s: 1 / (1 + s) ** 2,
    "the root of its factor": lambda s: 1 / np.sqrt(1 + s),
    "1 / (1 + sqrt(z))": lambda s: 1 / (1 + np.sqrt(s)),
    "exp(-z)": lambda s: np.exp(-s),
    "an error times what sum gives": lambda s: s,
    "1 / sqrt(z) for z": lambda s: 1 / (1 + s) / np.sqrt(s + np.eye(len(s))),
}


@pytest.mark.parametrize("words", STUDENT)
@pytest.mark.parametrize("seed", [0, 1])
def test_another_factor_of_the_forces_in_t_sne_is_named(words, seed):
    report = compare_gradients(*student(seed, STUDENT[words]))
    assert words in report.explanations[0].sentence
    assert len(report.explanations[0].mistakes) == 1


NORMAL = {"1 / (1 + z)": lambda s: 1 / (1 + s), "1 / (1 + z) ** 2": lambda s: (1 + s) ** -2.0}


@pytest.mark.parametrize("words", NORMAL)
def test_the_factor_of_t_sne_in_sne_is_named(words):
    sentence = compare_gradients(*normal(2, NORMAL[words])).explanations[0].sentence
    assert f"an error times {words}" in sentence
    assert "where 1 belongs" in sentence


@pytest.mark.parametrize(
    ("network", "right"), [(student, lambda s: 1 / (1 + s)), (normal, np.ones_like)]
)
def test_the_right_factor_agrees(network, right):
    assert compare_gradients(*network(3, right))


def test_distances_whose_root_is_not_differentiated_are_named():
    Y, D, squares, P = points(4)
    target = 3 * (P.mean() < P) + P
    eye = np.eye(len(P))
    distances = np.sqrt(squares + eye)
    error = (distances - target) * (1 - eye)
    forces = error.data / 2 / distances.data**2
    report = compare_gradients((error**2).sum() / 2, {Y: gradient(D, forces)})
    assert "sqrt is taken to be 1 / (2 z)" in report.explanations[0].sentence
