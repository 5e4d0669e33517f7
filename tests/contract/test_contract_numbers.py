"""dtypes, kinks, and numbers at the edge of the range."""

import numpy as np
import pytest
from looping import looped

import autograd_lite as ag
from autograd_lite import AutogradError, Tensor

UNARY = {
    "add": lambda x: x + 1.5,
    "radd": lambda x: 1.5 + x,
    "add an integer": lambda x: x + 1,
    "subtract": lambda x: x - 1.5,
    "rsub": lambda x: 1.5 - x,
    "multiply": lambda x: x * 1.5,
    "rmul": lambda x: 1.5 * x,
    "divide": lambda x: x / 1.5,
    "rdiv": lambda x: 1.5 / x,
    "power": lambda x: x**2.5,
    "integer power": lambda x: x**3,
    "rpow": lambda x: 1.5**x,
    "negative": lambda x: -x,
    "abs": abs,
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "maximum": lambda x: np.maximum(x, 0.5),
    "minimum": lambda x: np.minimum(x, 0.5),
    "matmul": lambda x: x @ x.T,
    "sum": lambda x: np.sum(x, axis=0),
    "sum of all": np.sum,
    "mean": lambda x: np.mean(x, axis=1, keepdims=True),
    "mean of all": np.mean,
    "max": lambda x: np.max(x, axis=0),
    "min": np.min,
    "reshape": lambda x: np.reshape(x, (6,)),
    "transpose": np.transpose,
    "index": lambda x: x[0, 1:],
    "integer index": lambda x: x[[0, 0, 1]],
    "concatenate": lambda x: np.concatenate([x, x]),
    "stack": lambda x: np.stack([x, x]),
    "where": lambda x: np.where(x > 0.7, x, 0.0),
    "broadcast_to": lambda x: np.broadcast_to(x, (4, 2, 3)),
    "relu": ag.relu,
    "leaky_relu": ag.leaky_relu,
    "elu": ag.elu,
    "sigmoid": ag.sigmoid,
    "swish": ag.swish,
    "softplus": ag.softplus,
    "softmax": ag.softmax,
    "log_softmax": ag.log_softmax,
    "logsumexp": ag.logsumexp,
    "logsumexp over an axis": lambda x: ag.logsumexp(x, axis=1),
    "affine": lambda x: ag.affine(x, x.T, x[0, :2]),
    "sigmoid_cross_entropy": lambda x: ag.sigmoid_cross_entropy(x, np.full((2, 3), 0.25)),
    "softmax_cross_entropy": lambda x: ag.softmax_cross_entropy(x, np.array([0, 2])),
}


@looped("name", UNARY)
@looped("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_forward_and_backward(name, dtype):
    data = np.array([[0.5, 0.75, 1.0], [1.25, 1.5, 2.0]], dtype)
    x = Tensor(data, requires_grad=True)
    if name == "sigmoid_cross_entropy":
        y = ag.sigmoid_cross_entropy(x, np.full((2, 3), 0.25, dtype))
    else:
        y = UNARY[name](x)
    total = y.sum()
    total.backward()
    assert y.dtype == total.dtype == dtype
    assert y.grad.dtype == x.grad.dtype == dtype
    precise = Tensor(data.astype(np.float64), requires_grad=True)
    UNARY[name](precise).sum().backward()
    np.testing.assert_allclose(x.grad, precise.grad, rtol=2e-5, atol=2e-5)


@looped("name", UNARY)
def test_a_function_gives_the_same_numbers_for_arrays_and_tensors(name):
    data = np.array([[0.5, 0.75, 1.0], [1.25, 1.5, 2.0]])
    expected = UNARY[name](data)
    result = UNARY[name](Tensor(data))
    assert isinstance(result, Tensor)
    np.testing.assert_allclose(result.data, expected, rtol=1e-15)


def test_python_and_numpy_scalars_keep_a_float32_network_in_float32():
    x = Tensor(np.ones((4, 3), np.float32))
    w = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    h = np.tanh(x @ w * 0.5 + 1) ** 2 / 3 - 0.1
    loss = (h * 2).mean() + 1e-3 * (w**2).sum()
    loss.backward()
    assert h.dtype == loss.dtype == w.grad.dtype == np.float32


def test_relu_has_slope_zero_at_zero():
    x = Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    ag.relu(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0, 1.0])


def test_abs_has_slope_zero_at_zero():
    x = Tensor([-2.0, 0.0, 2.0], requires_grad=True)
    abs(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [-1.0, 0.0, 1.0])


def test_leaky_relu_and_elu_away_from_zero():
    x = Tensor([-2.0, 3.0], requires_grad=True)
    ag.leaky_relu(x, 0.1).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.1, 1.0])
    x.zero_grad()
    ag.elu(x, 2.0).sum().backward()
    np.testing.assert_allclose(x.grad, [2 * np.exp(-2.0), 1.0], rtol=1e-15)


def test_sqrt_at_zero_gives_zero_for_a_cotangent_of_zero():
    x = Tensor([0.0, 4.0], requires_grad=True)
    (np.sqrt(x) * np.array([0.0, 1.0])).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.25])


@pytest.mark.parametrize("power", [0.5, -0.5, -1.0, -1])
def test_power_whose_slope_is_infinite_at_zero_gives_zero_for_a_cotangent_of_zero(power):
    x = Tensor([0.0, 4.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = np.where(np.array([False, True]), x**power, 0.0)
        y.sum().backward()
    np.testing.assert_allclose(x.grad, [0.0, power * 4.0 ** (power - 1)], rtol=1e-15)


@pytest.mark.parametrize("power", [0, 1, 2, 0.0, 1.0])
def test_powers_at_zero_have_their_finite_slopes(power):
    x = Tensor([0.0, 2.0], requires_grad=True)
    (x**power).sum().backward()
    np.testing.assert_allclose(x.grad, [1.0 if power == 1 else 0.0, power * 2.0 ** (power - 1)])


def test_integer_powers_of_negative_numbers_are_differentiable():
    x = Tensor([-2.0], requires_grad=True)
    (x**3).sum().backward()
    np.testing.assert_array_equal(x.grad, [12.0])


@pytest.mark.parametrize("function", [np.max, np.min])
def test_ties_in_max_and_min_share_equally(function):
    sign = 1.0 if function is np.max else -1.0
    x = Tensor(sign * np.array([[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]]), requires_grad=True)
    function(x, axis=1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0.5, 0.0, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
    x.zero_grad()
    function(x[:, 0:1] * 0 + sign * 5.0).backward()
    np.testing.assert_array_equal(x.grad, np.zeros((2, 3)))
    x.zero_grad()
    function(x).backward()
    expected = np.zeros((2, 3))
    expected[x.data == function(x.data)] = 1 / np.sum(x.data == function(x.data))
    np.testing.assert_allclose(x.grad, expected, rtol=1e-15)


@pytest.mark.parametrize("function", [np.maximum, np.minimum])
def test_ties_in_maximum_and_minimum_share_equally(function):
    a = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = Tensor([2.0, 2.0, 2.0], requires_grad=True)
    function(a, b).sum().backward()
    larger = np.array([0.0, 0.5, 1.0])
    expected = larger if function is np.maximum else 1 - larger
    np.testing.assert_array_equal(a.grad, expected)
    np.testing.assert_array_equal(b.grad, 1 - expected)


def test_maximum_with_a_constant_shares_a_tie_with_it():
    x = Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    np.maximum(x, 0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.5, 1.0])


BRANCHES = {
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "quotient": (lambda x: np.tanh(x) / x, lambda x: (1 - np.tanh(x) ** 2) / x - np.tanh(x) / x**2),
    "power": (lambda x: x**-1.5, lambda x: -1.5 * x**-2.5),
    "log of a product": (lambda x: np.log(x * x * x), lambda x: 3 / x),
    "exp of a reciprocal": (lambda x: np.exp(1 / x), lambda x: -np.exp(1 / x) / x**2),
}


@looped(
    "name",
    ["log", "sqrt", "reciprocal", "quotient", "power", "log of a product", "exp of a reciprocal"],
)
@looped("bad", [[0.0], [-1.0], [0.0, -1.0]])
def test_where_lets_no_nan_through_from_the_branch_not_taken(name, bad):
    function, derivative = BRANCHES[name]
    good = np.array([2.0, 0.5])
    x = Tensor(np.concatenate([bad, good]), requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.where(x > 0, function(x), 0)
        y.sum().backward()
    np.testing.assert_array_equal(x.grad[: len(bad)], np.zeros(len(bad)))
    np.testing.assert_allclose(x.grad[len(bad) :], derivative(good), rtol=1e-13)


@pytest.mark.parametrize("function", [np.log, np.sqrt])
def test_backward_through_the_branch_not_taken_warns_of_nothing(function):
    x = Tensor([0.0, 4.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = np.where(x > 0, function(x), 0)
    y.sum().backward()
    assert x.grad[0] == 0.0
    assert x.grad[1] == 0.25


def test_where_lets_no_nan_through_from_an_overflow():
    x = Tensor([1000.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.where(x < 10, np.exp(x), x)
        y.sum().backward()
    np.testing.assert_allclose(x.grad, [1.0, np.e], rtol=1e-15)


def test_where_lets_no_nan_through_from_the_second_branch():
    x = Tensor([0.0, 4.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.where(x == 0, 1.0, np.tanh(x) / x)
        y.sum().backward()
    t = np.tanh(4.0)
    np.testing.assert_allclose(x.grad, [0.0, (1 - t * t) / 4 - t / 16], rtol=1e-13)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("add", [lambda a, b: a + b, lambda a, b: b + a], ids=["first", "second"])
def test_what_is_not_reached_through_where_keeps_its_nan_in_any_order_of_a_sum(add):
    x, w = (Tensor([0.0, 1.0], requires_grad=True) for _ in range(2))
    plain = (x**-1.0 * np.array([0.0, 1.0])).sum()
    selected = np.where([True, False], w, 0.0).sum()
    add(plain, selected).backward()
    np.testing.assert_array_equal(x.grad, [np.nan, -1.0])
    np.testing.assert_array_equal(w.grad, [1.0, 0.0])


def test_where_gives_each_branch_its_part():
    a = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = Tensor([10.0], requires_grad=True)
    y = np.where(a > 1.5, a * 2, b)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [10.0, 4.0, 6.0])
    np.testing.assert_array_equal(a.grad, [0.0, 2.0, 2.0])
    np.testing.assert_array_equal(b.grad, [1.0])


@pytest.mark.parametrize("data", [[1, 2], 3, [True, False], np.arange(3), np.array([1], np.uint8)])
def test_integers_and_booleans_that_require_grad_are_refused_with_the_hint(data):
    with pytest.raises(AutogradError, match=r"1\.0"):
        Tensor(data, requires_grad=True)


def test_integers_that_are_converted_may_require_grad():
    x = Tensor([1, 2], requires_grad=True, dtype=np.float64)
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


def test_a_recorded_tensor_is_not_converted_to_integers():
    x = Tensor([1.25, 2.75], requires_grad=True)
    for dtype in (int, np.int32, bool):
        with pytest.raises(AutogradError):
            x.astype(dtype)


def test_integers_do_not_come_to_require_grad_later_either():
    x = Tensor([1, 2])
    with pytest.raises(AutogradError, match=r"1\.0"):
        x.requires_grad = True


def test_integers_that_require_no_grad_stay_integers():
    assert Tensor([1, 2]).dtype == np.array([1, 2]).dtype


@pytest.mark.parametrize("data", [1j, [1 + 2j, 3.0], np.zeros(2, np.complex64)])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_complex_data_is_refused_by_name(data, requires_grad):
    with pytest.raises(AutogradError, match="complex"):
        Tensor(data, requires_grad=requires_grad)


@pytest.mark.parametrize("data", [None, "text", ["a"], [object()], {"a": 1.0}, [None, 1.0]])
def test_data_that_is_no_number_is_refused(data):
    with pytest.raises(AutogradError):
        Tensor(data)


COMPLEX = {
    "scalar on the right": lambda x: x * 1j,
    "scalar on the left": lambda x: 1j + x,
    "array on the left": lambda x: np.array([1j]) * x,
    "concatenate": lambda x: np.concatenate([x, np.array([1j])]),
    "astype": lambda x: x.astype(np.complex128),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_operands_are_refused_by_name(name):
    with pytest.raises(AutogradError, match="complex"):
        COMPLEX[name](Tensor([1.0], requires_grad=True))


def test_a_tensor_shares_the_memory_of_a_float_array():
    for dtype in (np.float32, np.float64):
        array = np.zeros(3, dtype)
        assert np.shares_memory(Tensor(array, requires_grad=True).data, array)


def test_half_precision_is_kept():
    x = Tensor(np.ones(3, np.float16), requires_grad=True)
    y = (x * 2.0).sum()
    y.backward()
    assert y.dtype == x.grad.dtype == np.float16
