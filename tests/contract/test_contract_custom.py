"""Operations that a user adds."""

import math
import subprocess
import sys

import numpy as np
import pytest
from looping import looped

from autograd_lite import (
    AutogradError,
    MutationError,
    Tensor,
    differentiable,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)


@differentiable(lambda g, y, x: g * 3 * x**2)
def cube(x):
    return x * x * x


@differentiable(
    lambda g, y, a, b, *, scale=1.0: g * b * scale,
    lambda g, y, a, b, *, scale=1.0: g * a * scale,
)
def scaled_product(a, b, *, scale=1.0):
    return a * b * scale


@differentiable(lambda g, y, x: g * 2 * x**2)
def wrong_cube(x):
    return x**3


@differentiable(lambda g, y, x, index: g * (index + 1.0), None)
def weighted(x, index):
    return x * (np.asarray(index) + 1.0)


def test_a_function_and_its_vjp_make_an_operation():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = cube(x)
    assert isinstance(y, Tensor)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [1.0, 8.0])
    np.testing.assert_array_equal(x.grad, [3.0, 12.0])


def test_arrays_in_give_arrays_out():
    result = cube(np.array([1.0, 2.0]))
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, [1.0, 8.0])


@differentiable(lambda g, y, a: g / (2 * y))
def root(a):
    return math.sqrt(a)  # a number of Python's


def test_a_function_may_return_a_number_of_python_s():
    a = Tensor(4.0, requires_grad=True)
    y = root(a)
    assert type(y.data) is np.float64
    y.backward()
    assert a.grad == pytest.approx(0.25)
    assert grad(grad(root))(4.0) == pytest.approx(-(4.0**-1.5) / 4)
    y = root(Tensor(np.float32(4.0), requires_grad=True))
    assert type(y.data) is np.float32


@pytest.mark.parametrize("result", [None, [1.0, 2.0], (1.0,), 3, "x"])
def test_anything_else_than_an_array_is_refused_by_its_type(result):
    wrong = differentiable(lambda g, y, x: g)(lambda x: result)
    message = rf"its result is of type {type(result).__name__}.*np\.array"
    with pytest.raises(AutogradError, match=message):
        wrong(Tensor(1.0, requires_grad=True))


def test_the_function_keeps_its_name():
    assert cube.__name__ == "cube"


def test_an_operation_has_second_derivatives_because_its_rule_is_numpy():
    x = Tensor([1.0, 2.0], requires_grad=True)
    cube(x).sum().backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0, 12.0])
    assert gradcheck(cube, np.array([0.5, -1.5]), order=2)


def test_keywords_reach_the_function_and_the_rules_and_broadcasting_is_undone():
    a = Tensor([[1.0], [2.0]], requires_grad=True)
    b = Tensor([3.0, 4.0], requires_grad=True)
    y = scaled_product(a, b, scale=10.0)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [[30.0, 40.0], [60.0, 80.0]])
    np.testing.assert_array_equal(a.grad, [[70.0], [70.0]])
    np.testing.assert_array_equal(b.grad, [30.0, 30.0])


def test_an_array_may_take_the_place_of_either_argument():
    a = Tensor([1.0, 2.0], requires_grad=True)
    scaled_product(a, np.array([3.0, 4.0])).sum().backward()
    np.testing.assert_array_equal(a.grad, [3.0, 4.0])
    a.zero_grad()
    scaled_product(np.array([3.0, 4.0]), a).sum().backward()
    np.testing.assert_array_equal(a.grad, [3.0, 4.0])


def test_an_argument_without_a_rule_takes_plain_values():
    x = Tensor([1.0, 2.0], requires_grad=True)
    weighted(x, np.array([0, 3])).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 4.0])


def test_a_tensor_that_requires_grad_in_an_argument_without_a_rule_is_not_detached():
    x = Tensor([1.0, 2.0], requires_grad=True)
    index = Tensor([0.0, 3.0], requires_grad=True)
    with pytest.raises(AutogradError, match="weighted"):
        weighted(x, index).sum().backward()


@pytest.mark.parametrize("shape", [(5,), (3, 1), (2, 3)])
def test_a_rule_that_returns_the_wrong_shape_is_named_with_both_shapes(shape):
    @differentiable(lambda g, y, x: np.ones(shape))
    def lopsided(x):
        return x * 2.0

    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(AutogradError, match="lopsided") as caught:
        lopsided(x).sum().backward()
    assert str(shape) in str(caught.value)
    assert "(3,)" in str(caught.value)
    assert x.grad is None


def test_a_planted_wrong_derivative_is_caught():
    with pytest.raises(AutogradError):
        gradcheck(wrong_cube, np.array([0.5, 1.5]))


def test_define_adds_a_row_for_a_numpy_function():
    program = """
import numpy as np
from autograd_lite import Tensor, define, gradcheck
x = Tensor([2.0, 3.0], requires_grad=True)
try:
    np.float_power(x, 2.0)
except TypeError as error:
    assert "float_power" in str(error)
define(
    np.float_power,
    lambda g, y, a, b: g * b * a ** (b - 1),
    lambda g, y, a, b: g * y * np.log(a),
)
np.float_power(x, 2.0).sum().backward()
assert x.grad.tolist() == [4.0, 6.0]
assert gradcheck(np.float_power, [np.array([2.0, 3.0]), np.array([0.5, 1.5])], order=2)
print("defined")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "defined\n"


def test_the_decorator_without_a_vjp_is_refused_at_the_first_call():
    @differentiable
    def square(x):
        return x * x

    with pytest.raises(AutogradError, match=r"Write @differentiable\(vjp, \.\.\.\)"):
        square(np.float64(3.0))


def test_one_rule_for_all_arguments_is_asked_once_and_may_leave_arguments_out():
    calls = []

    def rule(g, y, a, b, mode):
        calls.append(mode)
        return g * b, g * a, None

    @differentiable(rule, variadic=True)
    def product(a, b, mode):
        return a * b

    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([[3.0], [4.0]], requires_grad=True)
    product(a, b, "fast").sum().backward()
    np.testing.assert_array_equal(a.grad, [7.0, 7.0])
    np.testing.assert_array_equal(b.grad, [[3.0], [3.0]])
    assert calls == ["fast"]
    assert gradcheck(lambda a, b: product(a, b, "fast"), [a.data, b.data], order=2)
    with pytest.raises(AutogradError, match="product"):
        product(a, b, Tensor(1.0, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("returned", [(1.0,), 1.0, None, ()])
def test_one_rule_that_says_nothing_of_an_argument_is_named(returned):
    @differentiable(lambda g, y, a, b: returned, variadic=True)
    def product(a, b):
        return a * b

    a, b = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    with pytest.raises(AutogradError, match=r"backward of product.*its vjp returned no array"):
        product(a, b).backward()
    assert a.grad is None


@pytest.mark.parametrize(
    "returned",
    [
        lambda g: np.fft.ifft(np.fft.fft(g)),
        lambda g: g * 1j,
        lambda g: g.astype(object),
        lambda g: np.array(["1"] * len(g)),
    ],
)
def test_a_rule_that_returns_no_real_numbers_is_named(returned):
    same = differentiable(lambda g, y, x: returned(g))(lambda x: x + 0.0)
    x = Tensor([1.0, 2.0], requires_grad=True)
    for compute in (lambda: same(x).sum().backward(), lambda: jacobian(same)(x.data)):
        with pytest.raises(AutogradError, match=r"backward of <lambda>.*, and no real numbers"):
            compute()
    assert x.grad is None


def test_a_function_that_brings_a_tensor_of_its_own_is_refused():
    w = Tensor(2.0, requires_grad=True)
    scaled = differentiable(lambda g, y, x: g * 2)(lambda x: x * w)
    with pytest.raises(AutogradError, match="none of its arguments"):
        scaled(Tensor(1.0, requires_grad=True))


def test_transforms_inside_of_an_operation_and_of_its_rule_are_plain():
    seen = []

    def slope_of_cube(x):
        found = grad(lambda x: (x**3).sum())(x)
        seen.append(type(found))
        return found

    @differentiable(lambda g, y, start, a: (None, g / slope_of_cube(y)), variadic=True)
    def cube_root(start, a):
        for _ in range(40):
            start = start - (start**3 - a) / slope_of_cube(start)
        return start

    a = np.array([8.0, 27.0])
    gradient = grad(lambda a: cube_root(1.0 + 0 * a.data, a).sum())(a)
    np.testing.assert_allclose(gradient, a ** (-2 / 3) / 3, rtol=1e-12)
    assert set(seen) == {np.ndarray}
    H = hessian(lambda a: cube_root(np.ones(2), a).sum())(a)
    np.testing.assert_allclose(H, np.diag(-2 / 9 * a ** (-5 / 3)), rtol=1e-12)
    assert seen.count(Tensor) == 1


def test_solvers_of_scipy_inside_of_an_operation():
    optimize = pytest.importorskip("scipy.optimize")

    def distance(x, a):
        return ((np.exp(x) - a) ** 2).sum()

    @differentiable(lambda g, y, a: g / a)
    def logarithm(a):
        f = value_and_grad(distance)
        return optimize.minimize(f, np.ones(2), (a,), jac=True, options={"gtol": 1e-12}).x

    @differentiable(lambda g, y, a: g / a)
    def logarithm_by_root(a):
        return optimize.root(lambda x: np.exp(x) - a, np.ones(2), jac=jacobian(np.exp)).x

    a = np.array([2.0, 3.0])
    for own in (logarithm, logarithm_by_root):
        np.testing.assert_allclose(own(a), np.log(a), rtol=1e-9)
        found = grad(lambda a, own=own: (grad(lambda a: own(a).sum())(a) ** 2).sum())(a)
        np.testing.assert_allclose(found, -2 / a**3, rtol=1e-12)


def test_a_rule_that_differentiates_at_its_own_output_has_second_derivatives():
    def rule(g, y, x):
        return g * vjp(lambda t: t - t**3 / 3, y)[1](np.ones(np.shape(y)))[0]

    own = differentiable(rule)(np.tanh)
    for order in range(1, 5):
        found, expected = own, np.tanh
        for _ in range(order):
            found, expected = grad(found), grad(expected)
        assert found(0.3) == pytest.approx(expected(0.3), rel=1e-12)


RULES = {
    "vjp": lambda f, x, g: vjp(f, x)[1](g)[0],
    "jvp": lambda f, x, g: jvp(f, [x], [g])[1],
    "grad": lambda f, x, g: g * grad(lambda x: f(x).sum())(x),
    "jacobian": lambda f, x, g: g @ jacobian(f)(x),
    "a jvp of a jvp": lambda f, x, g: jvp(lambda t: jvp(f, [x], [t * g])[1], [2.0], [1.0])[1],
}


@looped("rule", RULES.values(), ids=RULES)
def test_an_operation_whose_rule_uses_a_transform_is_differentiated_by_all_of_them(rule):
    own = differentiable(lambda g, y, x: rule(lambda x: x**4, x, g))(lambda x: x**4)
    x, v = np.array([0.5, -2.0]), np.array([1.0, 3.0])
    np.testing.assert_allclose(jvp(own, [x], [v])[1], 4 * x**3 * v)
    np.testing.assert_allclose(jacobian(own)(x), np.diag(4 * x**3))
    np.testing.assert_allclose(hessian(lambda x: own(x).sum())(x), np.diag(12 * x**2))
    np.testing.assert_allclose(hvp(lambda x: own(x).sum(), [x], [v])[0], 12 * x**2 * v)
    slope = lambda x: jvp(own, [x], [v])[1]
    np.testing.assert_allclose(jvp(slope, [x], [v])[1], 12 * x**2 * v**2)
    np.testing.assert_allclose(jacobian(lambda x: slope(x).sum())(x), 12 * x**2 * v)


def test_what_an_operation_is_given_is_not_written_to():
    def doubled(x):
        x *= 2
        return x

    into_cotangent = differentiable(lambda g, y, x: np.multiply(g, 2, out=g))(lambda x: x * 2)
    into_output = differentiable(lambda g, y, x: np.multiply(y, g, out=y))(np.exp)
    into_argument = differentiable(lambda g, y, x: np.multiply(x, g, out=x))(lambda x: x * x)
    by_name = differentiable(lambda g, y, x, *, k: g.__imul__(k))(lambda x, *, k: x * k)
    x = Tensor([1.0, 2.0], requires_grad=True)
    middle = x * 1
    for name, call in (
        ("doubled", lambda: differentiable(lambda g, y, x: 2 * g)(doubled)(x)),
        ("a vjp", lambda: (into_cotangent(middle) + middle).sum().backward()),
        ("a vjp", lambda: into_output(x).sum().backward()),
        ("a vjp", lambda: into_argument(x).sum().backward()),
        ("a vjp", lambda: by_name(x, k=2.0).sum().backward()),
    ):
        with pytest.raises(MutationError, match=f"^{name}.*(new one|copy)"):
            call()
        assert (x.data.tolist(), x.grad) == ([1.0, 2.0], None)


def test_a_rule_may_change_what_it_has_made():
    def rule(g, y, x, scale):
        made = g * scale
        made *= 2
        return made

    own = differentiable(rule)(lambda x, scale: 2 * scale * x)
    np.testing.assert_array_equal(grad(lambda x: own(x, np.array(3.0)))(5.0), 6.0)


HELD = {
    "by name alone": (lambda f, x, array: f(x, None, scale=array), lambda held, scale: scale),
    "in a tuple": (lambda f, x, array: f(x, (2.0, array)), lambda held, scale: held[1]),
    "in a list": (lambda f, x, array: f(x, [array]), lambda held, scale: held[0]),
    "in a dict": (lambda f, x, array: f(x, {"a": [array]}), lambda held, scale: held["a"][0]),
}


@looped(("call", "find"), HELD.values(), ids=HELD)
def test_an_array_that_an_operation_is_given_in_whatever_is_noticed_where_it_changes(call, find):
    own = differentiable(lambda g, y, x, held, *, scale=None: g * find(held, scale), None)(
        lambda x, held, *, scale=None: x * find(held, scale)
    )
    unread = differentiable(lambda g, y, x, held, *, scale=None: g, None)(
        lambda x, held, *, scale=None: x + find(held, scale)
    )
    for function, refused in ((own, True), (unread, False)):
        x, array = Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 5.0])
        loss = call(function, x, array).sum()
        array[:] = 7.0
        if refused:
            with pytest.raises(MutationError, match=r"changed after.*Call backward"):
                loss.backward()
        else:
            loss.backward()
            np.testing.assert_array_equal(x.grad, 1.0)


def test_lists_and_dicts_that_an_operation_is_given_are_read_at_once():
    own = differentiable(
        lambda g, y, x, held, *, scales: g * held["k"] * scales[0],
        None,
    )(lambda x, held, *, scales: x * held["k"] * scales[0])
    x, held, scales = Tensor(1.0, requires_grad=True), {"k": 3.0}, [2.0]
    y = own(x, held, scales=scales)
    held["k"], scales[0] = 9.0, 9.0
    y.backward()
    assert x.grad == 6.0
