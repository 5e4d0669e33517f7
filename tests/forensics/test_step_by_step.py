"""Derivations step by step, within softmax and batch norm, and with more than one way on."""

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients


def leaf(values, name):
    return Tensor(values, requires_grad=True, name=name)


def first(report):
    return str(report.explanations[0])


def cross_entropy_in_steps(mistake):
    """The cross-entropy of softmax(X @ W), shifted by its maximum, and its gradient by hand."""
    rng = np.random.default_rng(0)
    X, y, rows = rng.normal(size=(6, 3)), rng.integers(4, size=6), np.arange(6)
    W = leaf(rng.normal(size=(3, 4)), "W")
    scores = X @ W
    counts = np.exp(scores - scores.max(axis=1, keepdims=True))
    total = counts.sum(axis=1, keepdims=True)
    inverse = total**-1
    probabilities = counts * inverse
    loss = -np.log(probabilities)[rows, y].mean()

    dprobabilities = np.zeros((6, 4))
    dprobabilities[rows, y] = -1 / 6 / probabilities.data[rows, y]
    dinverse = (dprobabilities * counts.data).sum(axis=1, keepdims=True)
    dtotal = -dinverse * total.data**-2
    dcounts = dprobabilities * (1 if mistake == "inverse" else inverse.data) + dtotal
    dshifted = dcounts if mistake == "exp" else dcounts * counts.data
    dscores = dshifted.copy()
    dscores[rows, scores.data.argmax(axis=1)] -= dshifted.sum(axis=1)
    return compare_gradients(loss, {W: X.T @ dscores})


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("exp", "Step from dcounts to dt2: the derivative of exp is forgotten."),
        ("inverse", "Step from dprobabilities to dcounts: inverse is forgotten"),
    ],
)
def test_a_mistake_within_what_is_written_out_is_named_at_its_step(mistake, said):
    assert cross_entropy_in_steps("")
    assert said in first(cross_entropy_in_steps(mistake))
