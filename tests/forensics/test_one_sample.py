"""One sample: a number is a multiple of any other one, which makes no other loss of it."""

import numpy as np
import pytest
from naming import leaf

from autograd_lite import compare_gradients, sigmoid

Y = np.array([[0.3]])
LOSSES = {
    "squares": (lambda p: ((p - Y) ** 2).mean(), lambda p: 2 * (p - Y)),
    "half squares": (lambda p: 0.5 * ((p - Y) ** 2).sum(), lambda p: p - Y),
    "cross-entropy": (
        lambda p: -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).sum(),
        lambda p: (p - Y) / (p * (1 - p)),
    ),
    "logarithm": (lambda p: -np.log(p).sum(), lambda p: -1 / p),
}


def network(loss, factor):
    """Two layers and one output of one sample, all gradients times a factor."""
    rng = np.random.default_rng(0)
    x, W, v = rng.normal(size=(1, 3)), leaf(rng, 3, 4, name="W"), leaf(rng, 4, 1, name="v")
    value, slope = LOSSES[loss]
    h = np.tanh(x @ W)
    p = sigmoid(h @ v)
    d = factor * slope(p.data) * p.data * (1 - p.data)
    return value(p), {W: x.T @ (d @ v.data.T * (1 - h.data**2)), v: h.data.T @ d}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("factor", [2.0, 0.5, 3.0, 0.7, 1 / 7, 10.0, -1.0, -2.0])
def test_a_factor_is_said_to_be_one_and_no_other_loss(loss, factor):
    explanations = compare_gradients(*network(loss, factor)).explanations
    (first,) = explanations[0].mistakes
    assert first.kind in ("factor", "sign")
    assert first.factor == pytest.approx(factor)
    kinds = {mistake.kind for explanation in explanations for mistake in explanation.mistakes}
    assert "another loss" not in kinds
