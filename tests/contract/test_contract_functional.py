"""grad and value_and_grad: arrays and trees of arrays in and out, nested."""

import numpy as np
import pytest

from autograd_lite import AutogradError, Tensor, grad, relu, value_and_grad


def test_grad_of_a_scalar_function_of_an_array():
    result = grad(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, [3.0, 12.0])


def test_value_and_grad_gives_both_and_no_tensors():
    value, gradient = value_and_grad(lambda x: np.sum(np.tanh(x)))(np.array([0.0, 1.0]))
    assert not isinstance(value, Tensor)
    assert value == pytest.approx(np.tanh(1.0), rel=1e-15)
    np.testing.assert_allclose(gradient, 1 - np.tanh([0.0, 1.0]) ** 2, rtol=1e-15)


@pytest.mark.parametrize(("argnums", "expected"), [(0, 6.0), (1, 10.0), (-1, 10.0)])
def test_argnums_selects_the_argument(argnums, expected):
    assert grad(lambda x, y: x * y * 2, argnums=argnums)(5.0, 3.0) == expected


def test_argnums_as_a_tuple_gives_a_tuple_in_its_order():
    value, gradients = value_and_grad(lambda x, y: x * x * y, argnums=(1, 0))(2.0, 3.0)
    assert value == 12.0
    assert isinstance(gradients, tuple)
    assert [float(g) for g in gradients] == [4.0, 12.0]


def test_an_argument_outside_of_argnums_reaches_f_as_it_is():
    seen = []

    def f(x, mode, options):
        seen.append((mode, options))
        return x * options["k"]

    assert grad(f)(2.0, "train", {"k": 3}) == 3.0
    assert seen == [("train", {"k": 3})]


def test_keyword_arguments_reach_f():
    assert grad(lambda x, *, k: k * x * x)(3.0, k=2.0) == 12.0


def test_nested_lists_tuples_and_dicts_keep_their_structure():
    tree = {
        "layers": [(np.ones((2, 3)), np.zeros(3)), (np.full((3, 1), 2.0), np.zeros(1))],
        "s": 2.0,
    }

    def f(p):
        x = np.ones((4, 2))
        for w, b in p["layers"]:
            x = x @ w + b
        return x.sum() * p["s"]

    gradient = grad(f)(tree)
    assert list(gradient) == ["layers", "s"]
    assert isinstance(gradient["layers"], list)
    assert isinstance(gradient["layers"][0], tuple)
    np.testing.assert_array_equal(gradient["layers"][0][0], np.full((2, 3), 16.0))
    np.testing.assert_array_equal(gradient["layers"][0][1], np.full(3, 16.0))
    np.testing.assert_array_equal(gradient["layers"][1][0], np.full((3, 1), 16.0))
    np.testing.assert_array_equal(gradient["layers"][1][1], [8.0])
    assert gradient["s"] == 4 * 12.0
    assert isinstance(tree["layers"][0][0], np.ndarray)


def test_grad_of_grad_of_grad():
    f = np.tanh
    t = np.tanh(0.3)
    assert grad(f)(0.3) == pytest.approx(1 - t * t, rel=1e-14)
    assert grad(grad(f))(0.3) == pytest.approx(-2 * t * (1 - t * t), rel=1e-14)
    third = (1 - t * t) * (6 * t * t - 2)
    assert grad(grad(grad(f)))(0.3) == pytest.approx(third, rel=1e-13)


def test_nested_differentiation_does_not_confuse_its_variables():
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * x * y * y)(2.0) * x)(3.0) == 3 * 9 * 4.0


def test_an_inner_gradient_of_the_outer_variable_only_is_zero():
    assert grad(lambda x: grad(lambda y: x * x)(1.0) + x)(3.0) == 1.0


def test_value_and_grad_nests_inside_grad():
    def outer(x):
        value, gradient = value_and_grad(lambda y: y**3 * x)(x)
        return value + gradient

    # x^4 + 3 x^3
    assert grad(outer)(2.0) == 4 * 8.0 + 9 * 4.0


def test_a_mixed_second_derivative():
    mixed = grad(grad(lambda x, y: x**2 * y**3, argnums=0), argnums=1)
    assert mixed(3.0, 2.0) == 2 * 3.0 * 3 * 4.0


def test_a_closure_over_a_tensor_leaves_its_grad_alone():
    w = Tensor([2.0, 3.0], requires_grad=True)
    gradient = grad(lambda x: (x * w).sum())(np.array([1.0, 1.0]))
    np.testing.assert_array_equal(getattr(gradient, "data", gradient), [2.0, 3.0])
    assert w.grad is None


def test_an_argument_that_is_not_used_gets_zeros_of_its_shape_and_dtype():
    unused = np.ones((2, 3), np.float32)
    used, zeros = grad(lambda x, y: x * 2, argnums=(0, 1))(1.0, unused)
    assert used == 2.0
    assert zeros.dtype == np.float32
    np.testing.assert_array_equal(zeros, np.zeros((2, 3)))


def test_a_constant_function_has_gradient_zero():
    np.testing.assert_array_equal(grad(lambda x: 3.0)(np.ones(2)), [0.0, 0.0])


def test_float32_stays_float32():
    value, gradient = value_and_grad(lambda x: (x * 2.0).sum())(np.ones(3, np.float32))
    assert np.asarray(value).dtype == np.float32
    assert gradient.dtype == np.float32


def test_gradients_do_not_share_memory_with_each_other_or_the_arguments():
    a, b = np.ones(3), np.ones(3)
    da, db = grad(lambda x, y: (x + y).sum(), argnums=(0, 1))(a, b)
    for left, right in ((da, db), (da, a), (db, b)):
        assert not np.shares_memory(left, right) or not left.flags.writeable


def test_the_same_array_as_two_arguments_gives_two_gradients():
    a = np.array([2.0])
    da, db = grad(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(a, a)
    assert (float(da[0]), float(db[0])) == (8.0, 4.0)


def test_a_function_that_returns_no_scalar_is_refused_with_its_shape():
    with pytest.raises(AutogradError, match=r"\(3,\)"):
        grad(lambda x: x * 2)(np.ones(3))


def test_integers_are_treated_as_the_contract_says_for_tensors():
    with pytest.raises(AutogradError, match=r"1\.0"):
        grad(lambda x: x * x)(3)


def test_grad_works_inside_of_a_function_with_kinks_and_branches():
    def f(x):
        return relu(x) * 2 if x > 0 else x * 3

    assert grad(f)(1.0) == 2.0
    assert grad(f)(-1.0) == 3.0


def test_an_exception_in_f_leaves_nothing_behind():
    def f(x):
        raise KeyError("inside")

    with pytest.raises(KeyError):
        grad(f)(1.0)
    assert grad(lambda x: x * x)(3.0) == 6.0


def test_the_arguments_are_not_changed():
    data = {"w": np.array([1.0, 2.0])}
    array = data["w"]
    grad(lambda p: (p["w"] ** 2).sum())(data)
    assert data["w"] is array
    np.testing.assert_array_equal(array, [1.0, 2.0])
