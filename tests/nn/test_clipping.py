"""Clipping of gradients by norm and by value."""

import numpy as np
import pytest
from looping import looped
from trajectories import leaf

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.errors import ArgumentError, GradientError

NAN, INF = float("nan"), float("inf")


def test_clipping_by_norm_scales_all_gradients_by_one_factor():
    x, y, z = leaf([1.0, 1.0], [3.0, 0.0]), leaf(1.0, 4.0), leaf(1.0)
    assert nn.clip_gradient_norm([x, y, z, x], max_norm=2.5) == 5.0
    np.testing.assert_allclose(x.grad, [1.5, 0.0], rtol=1e-15)
    np.testing.assert_allclose(y.grad, 2.0, rtol=1e-15)
    assert z.grad is None


def test_gradients_within_the_norm_are_left_as_they_are():
    x = leaf([1.0, 1.0], [3.0, 4.0])
    gradient = x.grad
    assert nn.clip_gradient_norm([x], max_norm=5.0) == 5.0
    assert x.grad is gradient
    np.testing.assert_array_equal(gradient, [3.0, 4.0])


def test_the_norm_of_no_or_zero_gradients_is_zero():
    assert nn.clip_gradient_norm([leaf(1.0)], 1.0) == 0.0
    assert nn.clip_gradient_norm([leaf([1.0], [0.0]), leaf([], [])], 1.0) == 0.0


def test_the_norm_of_huge_gradients_does_not_overflow():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    x.grad = np.array([3e30, 4e30], np.float32)
    assert nn.clip_gradient_norm([x], max_norm=1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(x.grad, [0.6, 0.8], rtol=1e-6)
    assert x.grad.dtype == np.float32


@looped("bad", [NAN, INF, -INF])
def test_clipping_by_norm_names_the_parameter_whose_gradient_is_not_finite(bad):
    fine, spoilt = leaf([1.0], [100.0]), leaf([1.0, 1.0], [1.0, bad])
    spoilt.name = "W2"
    with pytest.raises(GradientError, match="W2"):
        nn.clip_gradient_norm([fine, spoilt], max_norm=1.0)
    np.testing.assert_array_equal(fine.grad, [100.0])


def test_clipping_by_value_bounds_each_entry():
    x, y = leaf([1.0, 1.0, 1.0], [-3.0, 0.25, 0.5]), leaf(1.0, INF)
    nn.clip_gradient_value([x, y, leaf(1.0)], max_value=0.5)
    np.testing.assert_array_equal(x.grad, [-0.5, 0.25, 0.5])
    assert y.grad == 0.5


def test_gradients_recorded_with_create_graph_are_clipped_and_taken():
    x = leaf([3.0])
    (x * x).sum().backward(create_graph=True)
    assert nn.clip_gradient_norm([x], max_norm=1.5) == 6.0
    nn.SGD([x], learning_rate=1.0).step()
    np.testing.assert_array_equal(x.data, [1.5])


@looped("function", [nn.clip_gradient_norm, nn.clip_gradient_value])
@looped("limit", [0, -1.0, NAN, INF, "a", None, True])
def test_a_bad_limit_is_refused_and_nothing_is_clipped(function, limit):
    x = leaf([1.0], [100.0])
    with pytest.raises(ArgumentError, match="max_"):
        function([x], limit)
    np.testing.assert_array_equal(x.grad, [100.0])


@pytest.mark.parametrize("function", [nn.clip_gradient_norm, nn.clip_gradient_value])
@pytest.mark.parametrize("parameters", [leaf(1.0), 3, [np.ones(2)]], ids=["tensor", "3", "array"])
def test_clipping_something_else_is_refused(function, parameters):
    with pytest.raises(AutogradError):
        function(parameters, 1.0)


@looped("call", [nn.clip_gradient_norm, nn.clip_gradient_value, nn.SGD, nn.Adam])
def test_an_iterator_that_has_nothing_left_is_refused(call):
    """It would clip nothing, without a word."""
    tensors = iter([leaf([3.0, 4.0], [3.0, 4.0])])
    call(tensors, 1.0)
    with pytest.raises(ArgumentError, match=r"nothing any more.*model\.parameters\(\)"):
        call(tensors, 1.0)
