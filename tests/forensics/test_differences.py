"""Differences of the loss that are handed in for its gradient."""

import numpy as np
import pytest
from naming import leaf

from autograd_lite import compare_gradients, sigmoid
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.slips_in_all import differences

WAYS = {
    "central": lambda f, h: (f(h) - f(-h)) / (2 * h),
    "forward": lambda f, h: (f(h) - f(0)) / h,
    "backward": lambda f, h: (f(0) - f(-h)) / h,
}


@pytest.mark.parametrize("step", [0.5, 0.01, 1e-4])
@pytest.mark.parametrize("way", WAYS)
def test_differences_are_named_with_their_step(way, step):
    rng = np.random.default_rng(0)
    X, y = 2 * rng.normal(size=(8, 3)), rng.normal(size=8)
    w, b = leaf(rng, 3, name="w"), leaf(rng, name="b")

    def loss_at(w, b):
        return ((sigmoid(X @ w + b) - y) ** 2).mean()

    along = [WAYS[way](lambda h, e=e: loss_at(w.data + h * e, b.data), step) for e in np.eye(3)]
    of_b = WAYS[way](lambda h: loss_at(w.data, b.data + h), step)
    report = compare_gradients(loss_at(w, b), {w: np.array(along), b: of_b})
    if way == "central" and step < 1e-3:
        assert report.explanations == []  # As exact as differences are.
    else:
        said = report.explanations[0].sentence
        assert f"these are {way} differences of the loss with a step of {step:g}" in said


def test_noise_is_no_difference():
    rng = np.random.default_rng(1)
    X, y, w = rng.normal(size=(8, 3)), rng.normal(size=8), leaf(rng, 3, name="w")
    right = X.T @ (X @ w.data - y) / 4
    for size in (1e-3, 0.1):
        noisy = {w: right * (1 + size * rng.normal(size=3))}
        assert compare_gradients(((X @ w - y) ** 2).mean(), noisy).explanations == []


@pytest.mark.parametrize(("most", "is_looked_for"), [(20_000, True), (5_000, False)])
def test_differences_are_looked_for_where_a_forward_pass_is_no_long_work(
    most, is_looked_for, monkeypatch
):
    monkeypatch.setattr("autograd_lite.forensics.slips_in_all.MOST_WORK", most)
    x, b = np.linspace(0, 1, 1000), leaf(np.random.default_rng(2), name="b")
    case = Case(Graph((np.tanh(x + b) ** 2).mean()), {b: np.array(0.5)}, 1e-7, {}, {})
    passes = []
    monkeypatch.setattr(Graph, "run_again", lambda *given: passes.append(given))
    assert differences(case) is None
    assert bool(passes) is is_looked_for
