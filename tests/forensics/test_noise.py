"""What fits by chance is not said to be the cause, nor a step whose other results do not fit."""

import numpy as np
import pytest
from naming import leaf

from autograd_lite import compare_gradients, relu, softmax


def said_of(loss, gradients):
    """The first explanation, in words; nothing if there is none."""
    report = compare_gradients(loss, gradients)
    assert not report
    return str(report.explanations[0]) if report.explanations else ""


def two_layers(activation=np.tanh, forgotten=False):
    """A loss and gradients, without the derivative of the activation if it is forgotten."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, b1 = leaf(rng, 3, 4, name="W1"), leaf(rng, 1, 4, name="b1")
    W2, b2 = leaf(rng, 4, 2, name="W2"), leaf(rng, 2, name="b2")
    h = activation(X @ W1 + b1)
    d2 = (h @ W2 + b2).data - Y
    slope = 1 - h.data**2 if activation is np.tanh else h.data > 0
    d1 = d2 @ W2.data.T * (1 if forgotten else slope)
    loss = ((h @ W2 + b2 - Y) ** 2).sum() / 2
    return loss, {W1: X.T @ d1, b1: d1.sum(0, keepdims=True), W2: h.data.T @ d2, b2: d2.sum(0)}


def test_a_sign_that_one_gradient_has_is_said_in_the_step_that_leads_to_no_other():
    loss, gradients = two_layers()
    rng = np.random.default_rng(1)
    noise = {tensor: rng.normal(size=tensor.shape) for tensor in gradients}
    *_, b2 = gradients
    said = said_of(loss, noise | {b2: -gradients[b2]})
    assert "db2 = -" in said
    assert "dW1, db1, dW2 are wrong too, and nothing explains that" in said


def test_a_number_is_shown_by_entries_that_are_not_0_which_it_leaves_as_they_are():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    w, b = leaf(rng, 3, name="w"), leaf(rng, name="b")
    said = said_of(((X @ w + b - y) ** 2).mean(), {w: np.zeros(3), b: np.array(1.234567)})
    assert "dw = 0" in said
    assert "constant factor" not in said


def test_gradients_that_are_0_rightly_and_have_another_shape_are_not_called_zero():
    loss, gradients = two_layers(lambda z: relu(z - 100))
    W1, b1, W2, b2 = gradients
    zeros = {W1: np.zeros((4, 3)), b1: np.zeros((1, 4)), W2: np.zeros((4, 2))}
    said = said_of(loss + 0 * b2.sum(), zeros)
    assert "every gradient is zero" not in said
    assert "dW1: the gradient is transposed" in said


def test_a_factor_behind_relu_is_not_called_another_slope():
    loss, gradients = two_layers(relu)
    W1, b1, W2, _ = gradients
    wrong = {W1: 0.3 * gradients[W1], b1: 0.3 * gradients[b1], W2: gradients[W2][::-1]}
    said = said_of(loss, gradients | wrong)
    assert "its own slope" not in said
    assert "0.3" in said


@pytest.mark.parametrize("factor", [0.1, 0.2])
def test_the_axis_that_is_to_be_summed_over_is_never_the_wrong_one(factor):
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(5, 3)), np.eye(3)[rng.choice([1, 2], size=5)]
    W, b = leaf(rng, 3, 3, name="W"), leaf(rng, 1, 3, name="b")
    p = softmax(X @ W + b, axis=1)
    loss = -(Y * np.log(p + 1e-8)).sum() / 5
    dz = factor * (p.data - Y) / 5
    said = said_of(loss, {W: X.T @ dz, b: dz.sum(axis=0)})
    assert "the wrong one" not in said
    assert "the shape is (3,) for (1, 3): keepdims is lost" in said


@pytest.mark.parametrize("factor", [-1, 3, 0.5])
def test_a_gradient_that_is_right_is_not_said_to_be_wrong(factor):
    loss, gradients = two_layers()
    *_, b2 = gradients
    said = said_of(loss, {t: g if t is b2 else factor * g for t, g in gradients.items()})
    assert "db2 is right" in said
    assert "db2 =" not in said
    assert "db2:" not in said


def test_no_second_mistake_takes_back_what_the_first_one_says():
    loss, gradients = two_layers(forgotten=True)
    W1, *_ = gradients
    said = said_of(loss, gradients | {W1: -gradients[W1]})
    assert "the derivative of tanh is forgotten.\n" in said
    assert "dW1 = -" in said
    assert "only here" not in said


def test_one_entry_that_is_wrong_shows_no_number():
    rng = np.random.default_rng(4)
    x, k = rng.normal(size=6), leaf(rng, 2, name="k")
    z = k[0] * x[:5] + k[1] * x[1:]
    dz = 2 * z.data
    dk = np.array([dz @ x[:5], dz @ x[1:]])
    assert said_of((z**2).sum(), {k: dk * [1.0167831, 1]}) == ""
