"""Row E6: a 2-2-1 sigmoid net without biases on XOR, cost ½Σ(y - a2)², samples in rows."""

import numpy as np
import pytest
from agreement import assert_agree

from autograd_lite import Tensor, compare_gradients, sigmoid

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


def seed_weights():
    np.random.seed(42)
    return np.random.uniform(size=(2, 2)), np.random.uniform(size=(2, 1))


def as_parameters(W1, W2):
    return (
        Tensor(W1, requires_grad=True, name="W1"),
        Tensor(W2, requires_grad=True, name="W2"),
    )


def loss(x, y, W1, W2):
    a1 = sigmoid(x @ W1)
    a2 = sigmoid(a1 @ W2)
    return 0.5 * ((y - a2) ** 2).sum()


def logistic(z):
    return 1 / (1 + np.exp(-z))


def slope(a):
    """Derivative of the sigmoid, from its value a."""
    return a * (1 - a)


def gradients_by_hand(x, y, W1, W2):
    a1 = logistic(x @ W1)
    a2 = logistic(a1 @ W2)
    error = (a2 - y) * slope(a2)
    return x.T @ (error @ W2.T * slope(a1)), a1.T @ error


def gradients_with_slopes_at_pre_activations(x, y, W1, W2, output_too):
    """The mistake: z1, and `output_too` z2, goes where the activation belongs."""
    z1 = x @ W1
    a1 = logistic(z1)
    z2 = a1 @ W2
    a2 = logistic(z2)
    error = (a2 - y) * slope(z2 if output_too else a2)
    return x.T @ (error @ W2.T * slope(z1)), a1.T @ error


def test_gradients_from_the_seeds_weights_equal_the_hand_derived_ones():
    arrays = seed_weights()
    W1, W2 = as_parameters(*arrays)
    loss(X, Y, W1, W2).backward()
    dW1, dW2 = gradients_by_hand(X, Y, *arrays)
    assert_agree(W1.grad, dW1)
    assert_agree(W2.grad, dW2)
    assert W1.grad[0, 0] == pytest.approx(-0.000157, abs=5e-7)


@pytest.mark.parametrize(("sizes", "batch"), [((2, 2, 1), 4), ((3, 7, 2), 1), ((10, 4, 5), 24)])
def test_gradients_of_random_networks_equal_the_hand_derived_ones(sizes, batch):
    rng = np.random.default_rng(batch)
    arrays = rng.normal(size=sizes[:2]), rng.normal(size=sizes[1:])
    x, y = rng.normal(size=(batch, sizes[0])), rng.uniform(size=(batch, sizes[2]))
    W1, W2 = as_parameters(*arrays)
    loss(x, y, W1, W2).backward()
    dW1, dW2 = gradients_by_hand(x, y, *arrays)
    assert_agree(W1.grad, dW1)
    assert_agree(W2.grad, dW2)


def test_ten_thousand_epochs_end_at_the_seeds_outputs():
    W1, W2 = as_parameters(*seed_weights())
    for _ in range(10_000):
        W1.zero_grad()
        W2.zero_grad()
        loss(X, Y, W1, W2).backward(leaves_only=True)
        W1.data -= 0.1 * W1.grad
        W2.data -= 0.1 * W2.grad
    outputs = logistic(logistic(X @ W1.data) @ W2.data)
    np.testing.assert_allclose(outputs.ravel(), [0.204, 0.736, 0.736, 0.344], atol=5e-4)


def test_comparison_finds_nothing_wrong_with_the_right_derivation():
    arrays = seed_weights()
    W1, W2 = as_parameters(*arrays)
    dW1, dW2 = gradients_by_hand(X, Y, *arrays)
    report = compare_gradients(loss(X, Y, W1, W2), {W1: dW1, W2: dW2})
    assert report
    assert [row.name for row in report] == ["W1", "W2"]


def compare_with_slopes_at_pre_activations(output_too):
    arrays = seed_weights()
    W1, W2 = as_parameters(*arrays)
    dW1, dW2 = gradients_with_slopes_at_pre_activations(X, Y, *arrays, output_too)
    return compare_gradients(loss(X, Y, W1, W2), {W1: dW1, W2: dW2})


def test_comparison_flags_w1_and_not_w2_when_the_hidden_slope_is_taken_at_the_pre_activation():
    report = compare_with_slopes_at_pre_activations(output_too=False)
    assert not report
    first, second = report
    assert (first.name, first.agrees) == ("W1", False)
    assert (second.name, second.agrees, second.reason) == ("W2", True, "")
    assert first.manual[0, 0] == pytest.approx(-0.0066, abs=5e-5)
    assert first.automatic[0, 0] == pytest.approx(-0.000157, abs=5e-7)
    assert first.worst_index == (1, 1)
    assert "differs most at (1, 1)" in str(report)


def test_comparison_flags_both_when_both_slopes_are_taken_at_the_pre_activation():
    report = compare_with_slopes_at_pre_activations(output_too=True)
    assert [(row.name, row.agrees) for row in report] == [("W1", False), ("W2", False)]
