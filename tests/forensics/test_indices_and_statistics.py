"""Another index, another table, and what is kept of earlier batches, each derived by hand."""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in

from autograd_lite import compare_gradients, softmax

CASES = []
planted = planted_in(CASES)


@planted("what arrives is put where another index says")
def rows_of_users_are_numbered_as_items():
    rng = np.random.default_rng(0)
    user, item, y = np.array([0, 2, 1, 3]), np.array([1, 0, 4, 2]), rng.normal(size=4)
    U, V = leaf(rng, 5, 2, name="U"), leaf(rng, 5, 2, name="V")
    error = (U[user] * V[item]).sum(axis=1) - y
    d = 2 * error.data[:, None]
    dU, dV = np.zeros((5, 2)), np.zeros((5, 2))
    np.add.at(dU, item, d * V.data[item])
    np.add.at(dV, item, d * U.data[user])
    return (error**2).sum(), {U: dU, V: dV}


@planted("the product is taken with another matrix", "dS @ E")
def the_table_of_inputs_stands_for_that_of_outputs():
    rng = np.random.default_rng(1)
    E, V = leaf(rng, 6, 3, name="E"), leaf(rng, 6, 3, name="V")
    context, target = np.array([[0, 1], [2, 1], [4, 5]]), np.array([2, 0, 1])
    h = E[context].sum(axis=1)
    S = h @ V.T
    p = softmax(S, axis=1)
    d = p.data - np.eye(6)[target]
    dE = np.zeros((6, 3))
    np.add.at(dE, context, (d @ E.data)[:, None])
    loss = -np.log(p[np.arange(3), target]).sum()
    return compare_gradients(loss, {V: d.T @ h.data, E: dE})


def batch_norm(seed, dx):
    """Batch norm in training; `dx(d, n, scale)` has the variance that is kept for the batch's."""
    rng = np.random.default_rng(seed)
    X, y, W = rng.normal(size=(8, 3)), rng.normal(size=(8, 4)), leaf(rng, 3, 4, name="W")
    x = X @ W
    variance = x.var(axis=0)
    n = (x - x.mean(axis=0)) / np.sqrt(variance + 1e-5)
    kept = 0.9 + 0.1 * variance.data
    d = 2 * (n.data - y)
    loss = ((n - y) ** 2).sum()
    return compare_gradients(loss, {W: X.T @ dx(d, n.data, np.sqrt(kept + 1e-5))})


@planted("kept stands for the batch's variance.")
def the_deviation_is_that_of_earlier_batches():
    return batch_norm(2, lambda d, n, scale: (d - d.mean(0) - n * (d * n).mean(0)) / scale)


@planted("kept stands for the batch's variance, and mean and variance are treated as constants")
def the_derivative_is_that_of_evaluation():
    return batch_norm(3, lambda d, n, scale: d / scale)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_each_is_named_first(case):
    assert_named_first([case])


def test_an_index_that_is_out_of_range_in_a_table_is_none_of_its_own():
    rng = np.random.default_rng(4)
    few, many = np.array([0, 2, 1]), np.array([7, 3, 5])
    U, V = leaf(rng, 3, 2, name="U"), leaf(rng, 8, 2, name="V")
    report = compare_gradients((U[few] * V[many]).sum(), {U: np.ones((3, 2))})
    assert not report
    assert "another index" not in str(report)
