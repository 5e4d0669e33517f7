"""gradcheck: what passes, what fails, and what it says."""

import re

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, differentiable, gradcheck, logsumexp
from autograd_lite.errors import (
    AutogradError,
    GradientCheckError,
    ShapeError,
    UnsupportedError,
)

pytestmark = pytest.mark.usefixtures("restored_table")


def square_with(vjp):
    """x², with a rule of the test's own."""

    @differentiable(vjp)
    def square(x):
        return x * x

    return square


def failure_of(f, inputs, **options):
    with pytest.raises(GradientCheckError) as caught:
        gradcheck(f, inputs, **options)
    return str(caught.value)


def values_in(message):
    """By the rule, by differences."""
    found = re.search(r"has (\S+) by its rule and (\S+) by differences", message)
    return float(found[1]), float(found[2])


# What passes


def test_a_right_rule_gives_true():
    assert gradcheck(square_with(lambda g, y, x: g * 2 * x), np.array([1.0, -3.0]), order=2) is True


@looped("inputs", [0.3, np.array(0.3), np.float32(0.3), np.array([1, 2]), np.zeros((0, 3))])
def test_numbers_integers_and_empty_arrays_are_inputs(inputs):
    assert gradcheck(np.tanh, inputs, order=2)


def test_float32_inputs_are_checked_in_float64():
    seen = []

    def f(x):
        seen.append(x.dtype)
        return np.tanh(x)

    assert gradcheck(f, np.array([0.1, 0.2], np.float32))
    assert set(seen) == {np.dtype(np.float64)}


def test_inputs_are_left_as_they_were():
    x = np.array([0.1, 0.2])
    x.flags.writeable = False
    assert gradcheck(np.tanh, x, order=2)
    np.testing.assert_array_equal(x, [0.1, 0.2])


@pytest.mark.parametrize("f", [lambda x, y: x * x, lambda x, y: 3 * x, lambda x, y: Tensor(1.0)])
@pytest.mark.parametrize("order", [1, 2])
def test_functions_that_ignore_an_input_or_are_linear_or_constant_pass(f, order):
    assert gradcheck(f, [np.array([1.0, 2.0]), np.array([3.0])], order=order)


@looped("scale", [1e-6, 1.0, 1e6])
def test_functions_of_any_scale_pass(scale):
    assert gradcheck(lambda x: scale * np.tanh(x / scale), scale * np.array([0.5, -1.0]))


@looped("scale", [1e-9, 1e-6, 1.0, 1e9])
def test_a_wrong_rule_fails_at_any_scale_of_what_the_function_gives(scale):
    right = differentiable(lambda g, y, x: g * scale / np.cosh(x) ** 2)(
        lambda x: scale * np.tanh(x)
    )
    assert gradcheck(right, np.array([0.5, -1.0]), order=2)
    for rule in (lambda g, y, x: 2 * g * scale / np.cosh(x) ** 2, lambda g, y, x: 0 * g):
        wrong = differentiable(rule)(lambda x: scale * np.tanh(x))
        with pytest.raises(GradientCheckError):
            gradcheck(wrong, np.array([0.5, -1.0]))


def test_what_is_0_but_for_rounding_passes():
    for f in (lambda x: (x - x.mean()).mean(), lambda x: np.sin(x) ** 2 + np.cos(x) ** 2 - 1):
        assert gradcheck(f, np.array([0.5, -1.3, 1e3]))


@looped("size", [5.0, 10.0, 15.0, 18.0, 20.0])
def test_small_numbers_that_are_differences_of_larger_ones_are_as_exact_as_these(size):
    for f in (
        lambda z: logsumexp(z) - z[0],
        lambda z: np.log(1 + np.exp(-z[0])),
        lambda z: 1 - np.tanh(z[0] / 2),
    ):
        assert gradcheck(f, np.array([size, 0.0, 1.0]), order=2)


RESULTS = {
    "tuple": lambda a, b: (a * b, np.sin(a)),
    "dict": lambda a, b: {"product": a * b, "of each": [np.sin(a), b**2]},
    "with whole numbers": lambda a, b: (a * b, np.argmax(plain(a))),
}


@looped("f", RESULTS.values(), ids=RESULTS)
def test_a_function_may_return_several(f):
    assert gradcheck(f, [np.array([0.5, -1.0]), np.array([2.0, 3.0])], order=2)


def test_a_wrong_part_of_what_is_returned_fails():
    wrong = differentiable(lambda g, y, x: g * 2)(lambda x: 3 * x)
    assert "0 at index" in failure_of(lambda x: {"a": np.sin(x), "b": (wrong(x),)}, np.ones(2))


# How often the function is called


def calls_of(f, inputs, **options):
    """How many times a check calls a function."""
    calls = []

    def counted(*tensors):
        calls.append(tensors)
        return f(*tensors)

    gradcheck(counted, inputs, **options)
    return len(calls)


def test_a_function_is_called_twice_an_entry_where_the_first_step_agrees():
    x, y = np.linspace(-1, 1, 12).reshape(3, 4), np.array(0.5)
    assert calls_of(lambda a, b: np.tanh(a) * b, [x, y]) <= 2 * 13 + 3
    assert calls_of(lambda a, b: np.tanh(a) * b, [x, y], order=2) <= 4 * 13 + 4


def test_smaller_steps_are_tried_at_a_kink_alone():
    away, at_kinks = np.linspace(1.0, 2.0, 10), np.array([0.0, 0.0])
    smooth = calls_of(np.absolute, away)
    assert smooth < calls_of(np.absolute, np.append(away, at_kinks)) <= smooth + 2 * 6


def test_rounding_errors_of_large_values_are_allowed_for():
    assert gradcheck(lambda x: 1e10 + np.tanh(x), np.array([0.5, -1.0]))
    assert "relative error" in failure_of(square_with(lambda g, y, x: 2.1 * g * x), np.array([1e3]))


# Kinks


@looped("slope", [-1.0, -0.5, 0.0, 0.3, 1.0])
def test_any_slope_between_the_one_sided_ones_passes_at_a_kink(slope):
    @differentiable(lambda g, y, x: g * np.where(x == 0, slope, np.sign(x)))
    def modulus(x):
        return np.abs(x)

    assert gradcheck(modulus, np.array([0.0, 1.0, -1.0]))


@looped("slope", [-1.1, 1.1, 5.0])
def test_a_slope_outside_of_the_one_sided_ones_fails_at_a_kink(slope):
    @differentiable(lambda g, y, x: g * np.where(x == 0, slope, np.sign(x)))
    def modulus(x):
        return np.abs(x)

    assert "at index (1,)" in failure_of(modulus, np.array([1.0, 0.0]))


@looped("distance", [1e-8, 3e-7, 3e-6, 1e-4])
def test_a_kink_close_by_is_no_failure(distance):
    assert gradcheck(np.abs, np.array([distance, -distance]))


def test_a_wrong_rule_away_from_the_kink_fails():
    @differentiable(lambda g, y, x: g * np.where(x > 0, 1.0, 0.1))
    def ramp(x):
        return np.maximum(x, 0)

    assert "at index (2,)" in failure_of(ramp, np.array([0.0, 1.0, -1.0]))


# What it says


def test_the_worst_entry_is_named_with_both_values():
    factors = np.array([[1.0, 1.1, 1.0], [1.0, 1.5, 1.2]])
    message = failure_of(square_with(lambda g, y, x: g * 2 * x * factors), np.ones((2, 3)))
    assert message.startswith("gradcheck of the derivative in array (2, 3): ")
    assert "input 0 at index (1, 1)" in message
    by_rule, by_differences = values_in(message)
    assert by_rule / by_differences == pytest.approx(1.5, rel=1e-6)
    assert "a relative error of 0.33" in message
    assert "Mend the vjp" in message


def test_the_worst_of_several_inputs_is_named():
    @differentiable(lambda g, y, a, b: g * b * 1.01, lambda g, y, a, b: g * a * 1.02)
    def product(a, b):
        return a * b

    message = failure_of(product, (np.array([2.0]), np.array([3.0])))
    assert "in array (1,), array (1,)" in message
    assert "input 1 at index (0,)" in message


def test_a_number_has_the_empty_index():
    assert "at index ()" in failure_of(square_with(lambda g, y, x: g * x), 2.0)


def test_an_error_of_1e4_fails_unless_the_tolerance_allows_it():
    square = square_with(lambda g, y, x: 1.0001 * g * 2 * x)
    x = np.array([1.0, -3.0])
    assert "a relative error of 0.0001" in failure_of(square, x)
    assert gradcheck(square, x, tolerance=1e-3)


def test_a_rule_that_gives_nan_fails_and_says_so():
    message = failure_of(square_with(lambda g, y, x: g * np.nan), np.array([1.0, 2.0]))
    by_rule, _ = values_in(message)
    assert np.isnan(by_rule)


def test_the_difference_is_shown_beside_a_rule_that_gives_nan():
    message = failure_of(square_with(lambda g, y, x: g * np.nan), np.array([1.0, 2.0]))
    _, by_differences = values_in(message)
    assert 0.5 * 2 <= by_differences <= 1.5 * 4


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_inputs_where_the_function_is_not_defined_fail():
    assert "move the inputs" in failure_of(np.log, np.array([1.0, -1.0]))


def test_a_rule_of_the_wrong_shape_is_named_with_both_shapes():
    square = square_with(lambda g, y, x: (g * 2 * x)[:-1])
    with pytest.raises(
        ShapeError, match=r"backward of square.*returned shape \(2,\).*of shape \(3,\)"
    ):
        gradcheck(square, np.ones(3))


def test_errors_are_assertion_errors_and_errors_of_the_package():
    with pytest.raises(AssertionError) as caught:
        gradcheck(square_with(lambda g, y, x: g), np.array([1.0]))
    assert isinstance(caught.value, AutogradError)
    assert len(caught.value.args) == 3


# Second derivatives


def plain(x):
    return x.data if isinstance(x, Tensor) else x


@looped(
    "detached",
    [
        lambda g, y, x: g * 2 * plain(x),
        lambda g, y, x: plain(g) * 2 * x,
        lambda g, y, x: g * plain(2 * x),
    ],
)
def test_a_rule_that_detaches_passes_the_first_order_and_fails_the_second(detached):
    square = square_with(detached)

    def f(x):
        return np.square(square(x))

    x = np.array([1.0, -2.0])
    assert gradcheck(f, x, order=1)
    message = failure_of(f, x, order=2)
    assert message.startswith("gradcheck of the second derivative")


def test_second_derivatives_between_inputs_are_checked():
    @differentiable(lambda g, y, a, b: g * plain(b), lambda g, y, a, b: g * a)
    def product(a, b):
        return a * b

    inputs = [np.array([2.0]), np.array([3.0])]
    assert gradcheck(product, inputs)
    assert "second derivative" in failure_of(product, inputs, order=2)


@looped("offset", [0.0, 1e3, 1e4])
def test_a_wrong_derivative_beside_a_large_constant_is_found(offset):
    wrong = differentiable(lambda g, y, x: g * np.cos(x) * (1 + 1e-4))(lambda x: np.sin(x) + offset)
    right = differentiable(lambda g, y, x: g * np.cos(x))(lambda x: np.sin(x) + offset)
    gradcheck(right, np.array([0.5, -1.0]))
    with pytest.raises(GradientCheckError):
        gradcheck(wrong, np.array([0.5, -1.0]))


def test_a_function_that_uses_other_tensors_is_checked_in_its_inputs():
    weight = Tensor([2.0, -3.0], requires_grad=True)
    assert gradcheck(lambda x: np.sin(x * weight), np.array([0.5, 1.0]), order=2)
    assert weight.grad is None


def test_what_gives_other_values_each_time_is_not_taken_for_a_kink():
    rng = np.random.default_rng(0)
    for f in (lambda x: x * rng.normal(), lambda x: np.concatenate([x] * rng.integers(1, 9))):
        with pytest.raises(UnsupportedError, match="other values each time"):
            gradcheck(f, np.array([0.5, 1.0]))
    assert gradcheck(lambda x: x * np.random.default_rng(0).normal(), np.array([0.5, 1.0]))
    with np.errstate(invalid="ignore"):
        assert gradcheck(lambda x: np.where(x > 0, x, np.nan)[:1], np.array([0.5, -1.0]))


def test_inputs_that_are_no_arrays_are_refused_in_words():
    circle = [1.0, 2.0]
    circle.append(circle)
    with pytest.raises(UnsupportedError, match="it holds itself"):
        gradcheck(np.sum, circle)
    for inputs in ([[1.0, [2.0]]], ["a"], [[1j]], [None]):
        with pytest.raises(UnsupportedError, match=r"gradcheck with .* it is no array"):
            gradcheck(np.sum, inputs)
