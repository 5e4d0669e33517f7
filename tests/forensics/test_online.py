"""Gradients of a loop over samples that updates the weights in between."""

import numpy as np
import pytest
from naming import leaf

from autograd_lite import compare_gradients
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.slips_in_all import sample_by_sample


@pytest.mark.parametrize("is_mean", [False, True])
@pytest.mark.parametrize("rate", [0.1, 0.02])
def test_weights_that_are_updated_after_each_sample_are_named(rate, is_mean):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    W, b = leaf(rng, 3, 2, name="W"), leaf(rng, 2, name="b")
    p = np.tanh(X @ W + b)
    loss = ((p - y) ** 2).sum() / (7 if is_mean else 1)
    V, c = W.data.copy(), b.data.copy()
    dW, db = np.zeros((3, 2)), np.zeros(2)
    for x, t in zip(X, y):
        a = np.tanh(x @ V + c)
        d = 2 * (a - t) * (1 - a * a)
        dW, db = dW + np.outer(x, d), db + d
        V, c = V - rate * np.outer(x, d), c - rate * d
    share = 7 if is_mean else 1
    report = compare_gradients(loss, {W: dW / share, b: db / share})
    said = report.explanations[0].sentence
    assert "the weights are updated after each sample" in said
    assert f"{rate:g} times its gradient" in said


@pytest.mark.parametrize(("most", "is_looked_for"), [(20_000, True), (5_000, False)])
def test_such_updates_are_looked_for_where_passes_are_no_long_work(
    most, is_looked_for, monkeypatch
):
    monkeypatch.setattr("autograd_lite.forensics.slips_in_all.MOST_OF_ONE", most)
    rng = np.random.default_rng(1)
    X, y, w = rng.normal(size=(7, 3)), rng.normal(size=7), leaf(rng, 3, name="w")
    case = Case(Graph(((np.tanh(X @ w) - y) ** 2).sum()), {w: np.ones(3)}, 1e-7, {}, {})
    passes = []
    monkeypatch.setattr(Graph, "run_again", lambda *given: passes.append(given))
    assert sample_by_sample(case) is None
    assert bool(passes) is is_looked_for
