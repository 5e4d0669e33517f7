"""Rows of the table at kinks, ties, infinities and unusual arguments, by value."""

import warnings

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, affine, grad, logsumexp, relu, softmax
from autograd_lite.errors import AutogradError

INF = np.inf


@looped(
    ("function", "x", "expected"),
    [
        (np.absolute, [-2.0, 0.0, 2.0], [-1, 0, 1]),
        (relu, [-2.0, 0.0, 2.0], [0, 0, 1]),
        (lambda x: x.leaky_relu(0.1), [-2.0, 0.0, 2.0], [0.1, 0.1, 1]),
        (lambda x: x.elu(0.5), [0.0, 2.0], [0.5, 1]),
        (lambda x: np.maximum(x, 0), [-2.0, 0.0, 2.0], [0, 0.5, 1]),
        (lambda x: np.minimum(0, x), [-2.0, 0.0, 2.0], [1, 0.5, 0]),
        (np.max, [1.0, 3.0, 3.0], [0, 0.5, 0.5]),
        (np.min, [1.0, 1.0, 3.0, 1.0], [1 / 3, 1 / 3, 0, 1 / 3]),
        (lambda x: np.max(x, axis=1), [[1.0, 1.0], [0.0, 2.0]], [[0.5, 0.5], [0, 1]]),
        (lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0), [0.0, 2.0], [0, 0.5]),
        (lambda x: 0 * np.sqrt(x), [0.0, 4.0], [0, 0]),
        (lambda x: np.where(x > 0, np.sqrt(x), 0), [0.0, 4.0], [0, 0.25]),
        (lambda x: x**2, [0.0, 3.0], [0, 6]),
        (lambda x: x**1, [0.0, 3.0], [1, 1]),
        (lambda x: x**0, [0.0, 3.0], [0, 0]),
        (lambda x: 0.0**x, [1.0, 2.0], [0, 0]),
    ],
)
def test_derivative_at_kinks_and_edges_is_the_documented_one(function, x, expected):
    tensor = Tensor(x, requires_grad=True)
    function(tensor).sum().backward()
    np.testing.assert_allclose(tensor.grad, expected, rtol=1e-15)


@looped("a", [0.0, 1.0, -3.0])
def test_ties_of_maximum_and_minimum_are_shared_equally(a):
    for function in (np.maximum, np.minimum):
        left, right = Tensor(a, requires_grad=True), Tensor(a, requires_grad=True)
        function(left, right).backward()
        assert (left.grad, right.grad) == (0.5, 0.5)


def test_astype_gives_gradients_in_the_dtype_that_it_converted_from():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x.astype(np.float32)
    (y * y).sum().backward()
    assert y.dtype == y.grad.dtype == np.float32
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_repeated_integer_indices_add_up():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[np.array([0, 2, 0, 0])] * np.array([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    np.testing.assert_array_equal(x.grad, [1101, 0, 10])


def test_a_batch_axis_that_was_broadcast_sums_in_the_gradient_of_matmul():
    a = Tensor(np.ones((4, 3)), requires_grad=True)
    (a @ np.ones((5, 3, 2))).sum().backward()
    np.testing.assert_array_equal(a.grad, np.full((4, 3), 10.0))


def test_size_zero_batch_gives_zero_gradients_of_the_weights():
    weight = Tensor(np.ones((3, 2)), requires_grad=True)
    bias = Tensor(np.ones(2), requires_grad=True)
    softmax(affine(np.ones((0, 3)), weight, bias)).sum().backward()
    np.testing.assert_array_equal(weight.grad, np.zeros((3, 2)))
    np.testing.assert_array_equal(bias.grad, np.zeros(2))


def assert_right_or_refused(function, *arrays):
    """Gradients agree with differences, or there is an error of the package that says why not."""
    try:
        tensors = [Tensor(array, requires_grad=True) for array in arrays]
        output = function(*tensors)
        u = np.random.default_rng(1).normal(size=output.shape)
        output.backward(u)
    except AutogradError:
        return
    for position, tensor in enumerate(tensors):
        for index in np.ndindex(tensor.shape):
            before, after = ([np.array(a) for a in arrays] for _ in range(2))
            before[position][index] -= 1e-6
            after[position][index] += 1e-6
            difference = np.sum(u * (function(*after) - function(*before))) / 2e-6
            assert tensor.grad[index] == pytest.approx(difference, rel=1e-6, abs=1e-7)


@looped(
    ("a", "b"),
    [
        ((), ()),
        ((2, 3), ()),
        ((), (2, 3)),
        ((4, 2, 3), (3,)),
        ((4, 2, 3), (3, 2)),
        ((3,), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 3), (5, 3, 4)),
        ((2, 2, 3), (2, 3, 4)),
    ],
)
def test_dot_of_other_than_matrices_and_vectors_is_right_or_refused(a, b):
    rng = np.random.default_rng(0)
    assert_right_or_refused(np.dot, rng.normal(size=a), rng.normal(size=b))


@looped(
    "function",
    [
        lambda x: np.add(x, [1.0, 2.0]),
        lambda x: np.multiply([1.0, 2.0], x),
        lambda x: np.divide([1.0, 2.0], x),
        lambda x: np.power(x, [1.0, 2.0]),
        lambda x: np.power([1.0, 2.0], x),
        lambda x: np.maximum(x, [1.0, 2.0]),
        lambda x: np.where([True, False], x, [1.0, 2.0]),
        lambda x: np.matmul(x, [[1.0], [2.0]]),
        lambda x: np.matmul([[1.0, 2.0]], x),
        lambda x: np.dot(x, [[1.0], [2.0]]),
        lambda x: np.dot([[1.0, 2.0]], x),
        lambda x: np.dot(x, 2.0),
        lambda x: np.dot(2.0, x),
        lambda x: np.concatenate([x, [[1.0, 2.0]]]),
        lambda x: np.concatenate([[[1.0, 2.0]], x]),
        lambda x: np.stack([[[1.0, 2.0], [3.0, 4.0]], x]),
        lambda x: np.transpose(x, np.array([1, 0])),
        lambda x: np.reshape(x, np.array([4, 1])),
    ],
)
def test_lists_and_arrays_where_numpy_takes_them_are_right_or_refused(function):
    assert_right_or_refused(function, np.array([[0.5, 1.5], [2.5, 3.5]]))


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
@looped(
    ("function", "outside"),
    [
        (np.log, 0.0),
        (np.log, -1.0),
        (np.log1p, -1.0),
        (np.sqrt, 0.0),
        (np.sqrt, -1.0),
        (lambda x: 1 / x, 0.0),
        (lambda x: x / x, 0.0),
        (lambda x: x**-1, 0.0),
        (lambda x: x**0.5, 0.0),
        (lambda x: x**0.5, -1.0),
        (np.exp, 1000.0),
    ],
)
def test_where_lets_no_nan_through_from_the_branch_not_taken(function, outside):
    x = Tensor([outside, 2.0], requires_grad=True)
    np.where([False, True], function(x), 0).sum().backward()
    inside = Tensor(2.0, requires_grad=True)
    function(inside).backward()
    np.testing.assert_array_equal(x.grad, [0, inside.grad])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_logsumexp_of_infinity_gives_finite_entries_no_gradient():
    x = Tensor([1.0, np.inf], requires_grad=True)
    logsumexp(x).backward()
    assert x.grad[0] == 0


@looped(
    ("xp", "fp"),
    [
        ([0.0, 1.0, 1.0], [0.0, 1.0, 5.0]),
        ([1.0, 1.0], [2.0, 7.0]),
        ([0.0, 0.0, 1.0], [3.0, 4.0, 5.0]),
    ],
)
def test_interpolation_takes_steps(xp, fp):
    x = Tensor([-1.0, 0.0, 0.25, 1.0, 2.0], requires_grad=True)
    y = np.interp(x, xp, fp)
    np.testing.assert_array_equal(y.data, np.interp(x.data, xp, fp))
    y.sum().backward()
    assert np.isfinite(x.grad).all()


BESIDE_INFINITIES = [
    (np.nanmedian, [-INF, 1, INF], 1, [0, 1, 0]),
    (np.nanmedian, [INF, 2, 1, np.nan], 2, [0, 1, 0, 0]),
    (np.nanmedian, [1, INF], INF, [0.5, 0.5]),
    (np.nanmedian, [-INF, 1], -INF, [0.5, 0.5]),
    (np.nanmedian, [INF, INF], INF, [0.5, 0.5]),
    (lambda x: np.quantile(x, 0.4, method="lower"), [3, -INF, INF], -INF, [0, 1, 0]),
    (lambda x: np.quantile(x, 0.6, method="higher"), [3, 5, INF], INF, [0, 0, 1]),
    (lambda x: np.percentile(x, 25), [1, 2, 3, 7, INF], 2, [0, 1, 0, 0, 0]),
    (lambda x: np.percentile(x, 30), [1, 2, 4, 7, INF], 2.4, [0, 0.8, 0.2, 0, 0]),
    (lambda x: np.nanquantile(x, 0.0), [1, -INF, np.nan], -INF, [0, 1, 0]),
]


@looped(("function", "values", "wanted", "slopes"), BESIDE_INFINITIES)
def test_quantiles_beside_infinite_numbers_are_those_of_the_numbers(
    function, values, wanted, slopes
):
    x = np.array(values, float)
    np.testing.assert_allclose(function(Tensor(x, requires_grad=True)).data, wanted)
    np.testing.assert_allclose(grad(function)(x), slopes, atol=1e-15)


def test_in_which_share_a_quantile_beside_infinity_changes_is_no_number():
    x = np.array([1.0, 2.0, 3.0, INF])
    with np.errstate(invalid="ignore"):
        slopes = [grad(lambda q: np.quantile(x, q))(q) for q in (1 / 3, 2 / 3, 0.9)]
    assert slopes[0] == 3.0
    assert not np.isfinite(slopes[1:]).any()


@looped("function", [np.nanmedian, np.nanmean, lambda x, axis: np.nanquantile(x, 0.3, axis=axis)])
def test_what_is_left_of_nothing_is_not_a_number(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for shape, axis, wanted in (((0,), 0, ()), ((0, 3), 0, (3,)), ((0, 3), 1, (0,))):
            x = Tensor(np.zeros(shape), requires_grad=True)
            found = function(x, axis=axis)
            assert found.shape == wanted
            assert np.isnan(found.data).all()
            found.sum().backward()
            assert x.grad.shape == shape


def test_nothing_of_infinity_is_behind_the_point():
    x = np.array([INF, -INF, 1.25, -2.5])
    for found, wanted in zip(np.modf(Tensor(x, requires_grad=True)), np.modf(x), strict=True):
        np.testing.assert_array_equal(found.data, wanted)
        np.testing.assert_array_equal(np.signbit(found.data), np.signbit(wanted))
    assert grad(lambda x: np.modf(x)[0].sum())(x).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert np.modf(Tensor(np.float32(1.5)))[0].dtype == np.float32


@looped("dtype", [np.float32, np.float64])
@looped(("shape", "axis"), [((0,), 0), ((0,), None), ((0, 3), 0), ((0, 3), 1), ((2, 0, 3), (1, 2))])
def test_the_sum_of_no_exponentials_is_0_with_a_logarithm_of_minus_infinity(dtype, shape, axis):
    x = Tensor(np.zeros(shape, dtype), requires_grad=True)
    for keepdims in (False, True):
        found = np.logaddexp.reduce(x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(
            found.data, np.logaddexp.reduce(x.data, axis=axis, keepdims=keepdims)
        )
        assert found.dtype == dtype
        found.sum().backward()
    assert x.grad.shape == shape


@looped("function", [np.fft.rfft, np.fft.fft])
def test_spectra_of_float16_have_the_range_of_float32(function):
    x = Tensor(np.full(4096, 30, np.float16), requires_grad=True)
    real = function(x).real
    assert real.dtype == np.float32
    assert real[0].item() == 122_880
    real[0].backward()
    assert x.grad.dtype == np.float16
    assert (x.grad == 1).all()


@looped("endpoint", [True, False])
@looped("num", [0, 1, 2, 3])
def test_numbers_at_equal_distances_have_the_distance_of_numpy(num, endpoint):
    options = {"num": num, "endpoint": endpoint, "retstep": True}
    found = np.linspace(Tensor(1.0, requires_grad=True), 3.0, **options)
    for ours, numpys in zip(found, np.linspace(1.0, 3.0, **options), strict=True):
        np.testing.assert_array_equal(getattr(ours, "data", ours), numpys)


def test_the_largest_of_no_entries_is_0_as_a_norm():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    assert np.linalg.norm(x, np.inf, axis=0).data.tolist() == [0.0, 0.0, 0.0]
    assert np.linalg.vector_norm(x, ord=np.inf).item() == 0.0
    for matrix, orders in ((x, (1, 2, np.inf)), (x.T, (1, 2, np.inf)), (x[None], (2, np.inf))):
        for order in orders:
            norm = np.linalg.matrix_norm(matrix, ord=order)
            np.testing.assert_array_equal(norm.data, np.zeros(matrix.shape[:-2]))
            norm.sum().backward()
    assert x.grad.shape == (0, 3)


@looped("n", [-1, 0, 1, 2, 3])
@looped("shape", [(3,), (2, 3), (), (2, 3, 2)])
def test_powers_are_of_square_matrices(n, shape):
    with pytest.raises(AutogradError, match="matrix_power"):
        np.linalg.matrix_power(Tensor(np.ones(shape), requires_grad=True), n)


@looped(
    ("function", "dtype"),
    [
        (lambda x: np.choose([0, 1], [x, 1.5]), np.float32),
        (lambda x: np.choose([0, 1], [2, x]), np.float32),
        (lambda x: np.choose([0, 1], [x, np.float64(2)]), np.float64),
        (lambda x: np.full_like(x, Tensor(2.0)), np.float32),
        (lambda x: np.full_like(x, Tensor(2.0), dtype=np.float16), np.float16),
    ],
)
def test_plain_numbers_and_what_fills_an_array_do_not_widen_it(function, dtype):
    assert function(Tensor([1.0, 2.0], dtype=np.float32)).dtype == dtype
