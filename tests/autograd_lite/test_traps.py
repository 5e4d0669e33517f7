"""Points at which a derivative is easily wrong, each with the value that it must have."""

import operator

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, grad, hessian, jacobian, jvp, logsumexp, no_grad
from autograd_lite.errors import MutationError


def gradients(f, *arrays):
    """Of the sum of what f returns, in each array."""
    tensors = [Tensor(np.array(x, float), requires_grad=True) for x in arrays]
    f(*tensors).sum().backward()
    return [t.grad for t in tensors]


# Ties


def test_sorted_entries_that_tie_share_their_cotangents():
    (grad,) = gradients(lambda x: np.sort(x) * [1.0, 10.0, 100.0, 1000.0], [2.0, 1.0, 2.0, 2.0])
    np.testing.assert_allclose(grad, [370.0, 1.0, 370.0, 370.0])


@looped(
    ("x", "expected"),
    [
        ([3.0, 1.0, 2.0], [0, 0, 1]),
        ([4.0, 1.0, 3.0, 2.0], [0, 0, 0.5, 0.5]),
        ([2.0, 1.0, 2.0], [0.5, 0, 0.5]),
        ([2.0, 2.0, 2.0, 2.0], [0.25] * 4),
        ([1.0, 2.0, 2.0, 3.0], [0, 0.5, 0.5, 0]),
    ],
)
def test_median_gives_its_gradient_to_the_middle_and_shares_ties(x, expected):
    np.testing.assert_allclose(gradients(np.median, x)[0], expected)


def test_ptp_of_equal_entries_has_no_gradient():
    np.testing.assert_array_equal(gradients(np.ptp, [2.0, 2.0])[0], [0, 0])


@looped("deviation", [np.std, np.nanstd])
def test_equal_numbers_have_a_standard_deviation_with_gradient_0(deviation):
    np.testing.assert_array_equal(gradients(deviation, [2.0, 2.0, 2.0])[0], [0, 0, 0])
    np.testing.assert_array_equal(gradients(deviation, 2.0)[0], 0)
    curvature = hessian(lambda x: deviation(x) ** 2)(np.array([2.0, 2.0]))
    np.testing.assert_allclose(curvature, [[0.5, -0.5], [-0.5, 0.5]])


@looped("f", [np.max, np.median, lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, 30.0)])
def test_a_result_that_is_nan_has_its_gradient_at_the_nan(f):
    np.testing.assert_array_equal(gradients(f, [1.0, np.nan, 2.0])[0], [0, 1, 0])


# Singular points


@looped("f", [np.hypot, np.arctan2])
def test_at_the_origin_a_cotangent_of_0_gives_0(f):
    found = gradients(lambda a, b: f(a, b) * [0.0, 1.0], [0.0, 3.0], [0.0, 4.0])
    expected = [0.6, 0.8] if f is np.hypot else [4 / 25, -3 / 25]
    np.testing.assert_allclose(found, [[0, expected[0]], [0, expected[1]]])


@looped(
    ("f", "point"),
    [(np.log, 0.0), (np.log2, 0.0), (np.log10, 0.0), (np.log1p, -1.0), (np.arctanh, 1.0)],
)
def test_where_the_value_is_infinite_a_cotangent_of_0_gives_0(f, point):
    x = Tensor([point], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = f(x)
    y.backward(np.zeros(1))
    np.testing.assert_array_equal(x.grad, [0])


@looped(
    ("f", "point"),
    [
        (np.cbrt, 0.0),
        (np.arcsin, 1.0),
        (np.arccos, -1.0),
        (np.arccosh, 1.0),
        (lambda x: x**0.5, 0.0),
        (lambda x: np.power(x, np.array([0.3])), 0.0),
        (lambda x: np.float_power(x, 0.5), 0.0),
    ],
)
def test_where_the_slope_is_infinite_a_cotangent_of_0_gives_0(f, point):
    x = Tensor([point], requires_grad=True)
    f(x).backward(np.zeros(1))
    np.testing.assert_array_equal(x.grad, [0])


# Products with zeros, powers


@looped(
    ("x", "expected"),
    [
        ([2.0, 3.0, 4.0], [12, 8, 6]),
        ([2.0, 0.0, 4.0], [0, 8, 0]),
        ([0.0, 3.0, 0.0], [0, 0, 0]),
        ([0.0], [1]),
    ],
)
def test_a_product_has_the_products_of_the_others_as_gradient_zeros_or_not(x, expected):
    np.testing.assert_array_equal(gradients(np.prod, x)[0], expected)


def test_second_derivatives_of_a_product_with_two_zeros_are_products_of_the_rest():
    x = Tensor([0.0, 3.0, 0.0], requires_grad=True)
    np.prod(x).backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first[0].backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 3])


@looped(
    ("x", "expected"),
    [([2.0, 3.0], [1 + 3, 2]), ([0.0, 3.0], [1 + 3, 0]), ([0.0, 0.0, 5.0], [1, 0, 0])],
)
def test_a_cumulative_product_with_zeros_has_finite_gradients(x, expected):
    np.testing.assert_array_equal(gradients(np.cumprod, x)[0], expected)


def test_a_power_of_a_zero_base_has_gradient_0_in_its_exponent():
    base, exponent = gradients(lambda a, b: a**b, [0.0, 0.0, 2.0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(base, [1, 0, 12])
    np.testing.assert_allclose(exponent, [0, 0, 8 * np.log(2)])


def test_a_negative_base_has_a_gradient_where_the_exponent_is_an_array_of_integers():
    (base,) = gradients(lambda a: a ** np.array([2.0, 3.0, -1.0]), [-2.0, -2.0, -2.0])
    np.testing.assert_allclose(base, [-4, 12, -0.25])


# logsumexp


def test_logsumexp_of_one_entry_of_minus_infinity_gives_it_no_gradient():
    x = Tensor([0.0, -np.inf, np.log(3.0)], requires_grad=True)
    y = logsumexp(x)
    y.backward()
    assert y.item() == pytest.approx(np.log(4.0))
    np.testing.assert_allclose(x.grad, [0.25, 0, 0.75])


def test_logsumexp_of_nothing_but_minus_infinity_is_that_with_gradient_0():
    x = Tensor([[-np.inf, -np.inf], [0.0, 0.0]], requires_grad=True)
    y = logsumexp(x, axis=1)
    y.sum().backward()
    np.testing.assert_allclose(y.data, [-np.inf, np.log(2)])
    np.testing.assert_allclose(x.grad, [[0, 0], [0.5, 0.5]])


def test_logaddexp_of_two_infinities_is_that_with_gradient_0():
    x = Tensor(-np.inf, requires_grad=True)
    y = np.logaddexp(x, -np.inf)
    y.backward()
    assert (y.item(), x.grad) == (-np.inf, 0)


# Python numbers are weak

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@looped("dtype", [np.float16, np.float32, np.float64])
@looped("number", [2, 2.0, True, np.bool_(True), np.int8(2)])
@looped("function", OPERATORS, ids=lambda f: f.__name__)
@looped("shape", [(), (2,)])
def test_a_python_number_on_either_side_keeps_the_dtype(function, number, dtype, shape):
    for f in (lambda x: function(x, number), lambda x: function(number, x)):
        x = Tensor(np.full(shape, 1.5, dtype)[()], requires_grad=True)
        y = f(x)
        assert y.dtype == np.result_type(dtype, number)
        y.backward(np.ones(shape, y.dtype)[()])
        assert (x.grad.shape, x.grad.dtype) == (shape, dtype)


# Changes seen through shared memory


def to_double(t):
    with no_grad():
        t *= 2.0


@looped(
    "view",
    [lambda x: x.reshape(-1), lambda x: x.T, lambda x: x[1:], lambda x: x.detach()],
    ids=["reshape", "transpose", "slice", "detach"],
)
def test_a_change_through_a_view_or_a_detached_tensor_is_noticed(view):
    x = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True, name="x")
    part = view(x)
    loss = (x**2).sum()
    to_double(part)
    with pytest.raises(MutationError, match="power"):
        loss.backward()
    assert x.grad is None


def test_a_change_is_noticed_in_a_view_made_before_the_array_was_replaced():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = (x[:] ** 2).sum()
    to_double(x)
    x.data = np.array([5.0, 6.0])
    with pytest.raises(MutationError, match="power"):
        loss.backward()


def test_a_change_of_a_copy_is_no_matter():
    x = Tensor([1.0, 2.0], requires_grad=True)
    loss = (x**2).sum()
    to_double(x.copy())
    loss.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_a_whole_scalar_can_be_assigned_where_nothing_is_recorded():
    x = Tensor(1.0)
    x[...] = 2.0
    assert x.item() == 2.0


DISTANCES = {
    "norm": np.linalg.norm,
    "norm of a matrix": lambda x: np.linalg.norm(x.reshape(1, 2)),
    "square root": lambda x: np.sqrt((x * x).sum()),
    "hypot": lambda x: np.hypot(x[0], x[1]),
}
SMOOTH = {  # and what multiplies the identity
    "product with itself": (lambda r, of: r * r, 2),
    "product of two": (lambda r, of: r * of(), 2),
    "cosine": (lambda r, of: np.cos(r), -1),
    "multiple": (lambda r, of: 0 * r, 0),
}


@looped("distance", DISTANCES.values(), ids=DISTANCES)
@looped(("f", "curvature"), SMOOTH.values(), ids=SMOOTH)
def test_second_derivatives_of_what_is_smooth_in_a_distance_of_0(distance, f, curvature):
    def value(x):
        return f(distance(x), lambda: distance(x))

    at = np.zeros(2)
    np.testing.assert_array_equal(grad(value)(at), 0)
    np.testing.assert_allclose(hessian(value)(at), curvature * np.eye(2), rtol=1e-14)


def test_so_they_are_along_a_direction_and_row_by_row():
    def squares(x):
        return np.abs(x) ** 2 - np.hypot(x, 0.0) * x[0]

    at, along = np.zeros(2), np.array([3.0, -1.0])
    _, slopes = jvp(grad(lambda x: squares(x)[1]), (at,), (along,))
    np.testing.assert_array_equal(slopes, [0, -2])
    np.testing.assert_array_equal(jacobian(jacobian(squares))(at)[1], [[0, 0], [0, 2]])


def test_so_they_are_of_pairs_some_of_which_coincide_and_of_variances_of_0():
    points, others = np.array([[1.0, 2.0], [0.0, -1.0]]), 1 - np.eye(2)

    def energy(x):
        between = np.linalg.norm(x[:, None] - x, axis=-1)
        return (others * (between - 1) ** 2).sum() / 2

    def of_the_pair(x):
        return (np.linalg.norm(x[0] - x[1]) - 1) ** 2

    np.testing.assert_allclose(hessian(energy)(points), hessian(of_the_pair)(points), rtol=1e-12)
    third = jacobian(hessian(lambda x: np.linalg.norm(x) ** 2 * x[0]))(np.zeros(2))
    np.testing.assert_array_equal(third, [[[6, 0], [0, 2]], [[0, 2], [2, 0]]])
    variance = np.array([[0.5, -0.5], [-0.5, 0.5]])
    np.testing.assert_allclose(hessian(lambda x: np.std(x) ** 2)(np.ones(2)), variance)


@looped("sign", [1.0, -1.0])
def test_rounding_beyond_1_does_not_bend_a_correlation(sign):
    y = np.array([1.0, 2.0, 4.0])

    def correlated(x):
        return np.corrcoef(x, y)[0, 1]

    x = sign * (y - 1)
    apart = y - y.mean()
    unit = apart / np.linalg.norm(apart)
    expected = np.outer(unit, unit) - (np.eye(3) - 1 / 3)
    np.testing.assert_allclose(
        hessian(correlated)(x), sign * expected / (apart @ apart), rtol=1e-9, atol=1e-12
    )
