"""gradcheck and compare_gradients: what they accept, what they catch, what they say."""

import numpy as np
import pytest
from looping import looped

import autograd_lite as ag
from autograd_lite import (
    AutogradError,
    Tensor,
    compare_gradients,
    differentiable,
    gradcheck,
    relu,
)


def planted(slope):
    @differentiable(slope)
    def function(x):
        return x * np.tanh(x)

    return function


def right_slope(g, y, x):
    t = np.tanh(x)
    return g * (t + x * (1 - t * t))


WRONG = {
    "sign": lambda g, y, x: -right_slope(g, y, x),
    "factor": lambda g, y, x: 1.001 * right_slope(g, y, x),
    "missing cotangent": lambda g, y, x: right_slope(1.0, y, x),
    "missing term": lambda g, y, x: g * np.tanh(x),
    "one entry": lambda g, y, x: right_slope(g, y, x) + np.array([0.0, 0.0, 0.01]),
    "zero": lambda g, y, x: g * 0,
    "nan": lambda g, y, x: g * np.nan,
}


@pytest.mark.parametrize("name", WRONG)
def test_gradcheck_catches_a_planted_mistake(name):
    with pytest.raises(AutogradError) as caught:
        gradcheck(planted(WRONG[name]), np.array([0.5, -1.0, 2.0]))
    assert isinstance(caught.value, AssertionError)


def test_gradcheck_accepts_the_right_derivative():
    assert gradcheck(planted(right_slope), np.array([0.5, -1.0, 2.0]), order=2) is True


def test_gradcheck_names_the_worst_entry_and_both_values():
    def function(x):
        return planted(WRONG["one entry"])(x)

    with pytest.raises(AutogradError, match="2") as caught:
        gradcheck(function, np.array([0.5, -1.0, 2.0]))
    assert "(2,)" in str(caught.value) or "[2]" in str(caught.value)


def test_gradcheck_names_the_input_that_is_wrong():
    @differentiable(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a * 1.5)
    def product(a, b):
        return a * b

    with pytest.raises(AutogradError, match="1"):
        gradcheck(product, [np.array([1.0, 2.0]), np.array([[3.0], [4.0]])])


def test_gradcheck_of_second_order_catches_what_first_order_cannot():
    @differentiable(lambda g, y, x: g * 3 * (x.data if isinstance(x, Tensor) else x) ** 2)
    def detached(x):
        return x**3

    x = np.array([0.5, 2.0])
    assert gradcheck(detached, x)
    with pytest.raises(AutogradError):
        gradcheck(detached, x, order=2)


KINKS = {
    "relu at zero": (relu, [0.0, 1.0, -1.0]),
    "abs at zero": (np.abs, [0.0, 1.0]),
    "leaky_relu at zero": (ag.leaky_relu, [0.0, 2.0]),
    "elu with another alpha": (lambda x: ag.elu(x, 2.0), [0.0, 2.0]),
    "max of ties": (np.max, [2.0, 2.0, 1.0]),
    "max of three": (np.max, [2.0, 2.0, 2.0]),
    "min of ties": (lambda x: np.min(x, axis=0), [[1.0, 2.0], [1.0, 3.0]]),
    "maximum with a constant": (lambda x: np.maximum(x, 0.0), [0.0, 1.0]),
    "maximum with itself": (lambda x: np.maximum(x, x * 1.0), [0.5, 1.0]),
    "minimum": (lambda x: np.minimum(x, 2 * x), [0.0, 1.0]),
    "relu near zero": (relu, [1e-6, -1e-6, 1e-7, -1e-9]),
    "abs near zero": (np.abs, [1e-6, -1e-6, 1e-12]),
    "near tie": (np.max, [2.0, 2.0 + 1e-6, 1.0]),
    "a hidden kink": (lambda x: (relu(x - 1.0) ** 2 + np.abs(x - 1.0)).sum(), [1.0, 1.0 + 1e-6]),
    "a kink in a later layer": (lambda x: relu(np.tanh(x) * 3.0 - 0.0), [0.0, 0.4]),
}


@looped("name", KINKS)
def test_gradcheck_recognises_kinks(name):
    function, point = KINKS[name]
    assert gradcheck(function, np.array(point)) is True


@pytest.mark.parametrize("slope", [-0.5, 1.5, 7.0])
def test_at_a_kink_a_slope_outside_of_both_sides_is_wrong(slope):
    @differentiable(lambda g, y, x: g * np.where(x == 0, slope, x > 0))
    def function(x):
        return np.maximum(x, 0.0)

    with pytest.raises(AutogradError):
        gradcheck(function, np.array([0.0]))


def test_a_wrong_slope_beside_a_kink_is_caught():
    @differentiable(lambda g, y, x: g * np.where(x > 0, 1.1, 0.0))
    def function(x):
        return np.maximum(x, 0.0)

    with pytest.raises(AutogradError):
        gradcheck(function, np.array([0.0, 1.0]))


def test_gradcheck_computes_in_float64_what_it_is_given_in_float32():
    seen = []

    def function(x):
        seen.append(x.dtype)
        return np.exp(np.tanh(x)) * x

    data = np.array([0.5, -1.5, 3.0], np.float32)
    assert gradcheck(function, data, order=2)
    assert set(seen) == {np.dtype(np.float64)}
    assert data.dtype == np.float32


def test_gradcheck_takes_several_inputs_and_leaves_them_unchanged():
    inputs = [np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])]
    assert gradcheck(lambda a, b: np.tanh(a @ b), inputs, order=2)
    np.testing.assert_array_equal(inputs[0], [[1.0, 2.0]])
    np.testing.assert_array_equal(inputs[1], [[3.0], [4.0]])


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_gradcheck_is_right_at_other_scales(scale):
    assert gradcheck(lambda x: x * x / scale, np.array([1.0, -2.0, 3.0]) * scale)


def two_layers(factor=1.0):
    rng = np.random.default_rng(0)
    W1 = Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="W1")
    W2 = Tensor(rng.normal(size=(3, 1)), requires_grad=True, name="W2")
    X = rng.normal(size=(5, 2))
    a1 = np.tanh(X @ W1)
    loss = ((a1 @ W2) ** 2).mean()
    d2 = 2 * (a1.data @ W2.data) / 5
    dW2 = a1.data.T @ d2
    da1 = d2 @ W2.data.T
    dW1 = factor * X.T @ (da1 * (1 - a1.data**2))
    return loss, {W1: dW1, W2: dW2, a1: da1}


def test_compare_gradients_is_true_when_all_agree():
    loss, manual = two_layers()
    assert compare_gradients(loss, manual)


def test_compare_gradients_is_false_and_points_to_the_wrong_one():
    loss, manual = two_layers(factor=1.01)
    report = compare_gradients(loss, manual)
    assert not report
    lines = {line.split()[0]: line for line in str(report).splitlines() if line.strip()}
    assert "differs" in lines["W1"]
    assert "differs" not in lines["W2"]


def test_compare_gradients_catches_one_wrong_entry_and_says_where():
    loss, manual = two_layers()
    W1 = next(iter(manual))
    manual[W1][1, 2] += 1e-3
    report = compare_gradients(loss, manual)
    assert not report
    assert "(1, 2)" in str(report)


def test_compare_gradients_catches_nan():
    loss, manual = two_layers()
    W1 = next(iter(manual))
    manual[W1][0, 0] = np.nan
    assert not compare_gradients(loss, manual)


def verdict(loss, manual):
    """The report, or the error instead of it."""
    try:
        return compare_gradients(loss, manual)
    except AutogradError as error:
        return error


def test_compare_gradients_flags_a_gradient_of_another_shape():
    loss, manual = two_layers()
    W1, W2, _ = manual
    for wrong in (manual[W1].T, manual[W1][0]):
        result = verdict(loss, {W1: wrong, W2: manual[W2]})
        assert isinstance(result, AutogradError) or not result
        assert "(2, 3)" in str(result)


def test_compare_gradients_changes_no_grad_and_may_be_repeated():
    loss, manual = two_layers()
    assert compare_gradients(loss, manual)
    assert compare_gradients(loss, manual)
    assert all(tensor.grad is None for tensor in manual)
    loss.backward()
    kept = {tensor: tensor.grad.copy() for tensor in manual}
    assert compare_gradients(loss, manual)
    for tensor, gradient in kept.items():
        np.testing.assert_array_equal(tensor.grad, gradient)


def test_compare_gradients_allows_float32_its_precision_and_no_more():
    w = Tensor(np.array([0.1, 0.2], np.float32), requires_grad=True, name="w")
    loss = (w * w).sum()
    assert compare_gradients(loss, {w: 2 * w.data.astype(np.float64)})
    assert not compare_gradients(loss, {w: 2.01 * w.data})
