"""The table at the edge: infinities, NaN, whole numbers, half precision."""

import math

import numpy as np
import pytest
from looping import looped

import autograd_lite as al
from autograd_lite import Tensor, grad
from autograd_lite.derivatives.cross_entropies import sigmoid_cross_entropies
from autograd_lite.derivatives.layers import standardize, statistics
from autograd_lite.derivatives.signals import i1
from autograd_lite.derivatives.special import normal_cdf
from autograd_lite.table import activations

INF, NAN = np.inf, np.nan
EDGE = [INF, -INF, 1000.0, -1000.0]


def slopes(function, *arguments, dtype=np.float64):
    tensors = [Tensor(np.asarray(x, dtype), requires_grad=True) for x in arguments]
    function(*tensors).sum().backward()
    return [tensor.grad.tolist() for tensor in tensors]


@looped(
    ("function", "values", "derivatives"),
    [
        (al.swish, [INF, 0, 1000, 0], [1, 0, 1, 0]),
        (al.gelu, [INF, 0, 1000, 0], [1, 0, 1, 0]),
        (al.softplus, [INF, 0, 1000, 0], [1, 0, 1, 0]),
        (al.sigmoid, [1, 0, 1, 0], [0, 0, 0, 0]),
        (al.erf, [1, -1, 1, -1], [0, 0, 0, 0]),
        (al.elu, [INF, -1, 1000, -1], [1, 0, 1, 0]),
        (al.relu, [INF, 0, 1000, 0], [1, 0, 1, 0]),
        (normal_cdf, [1, 0, 1, 0], [0, 0, 0, 0]),
    ],
)
def test_functions_of_networks_have_their_limits_without_a_warning(function, values, derivatives):
    x = Tensor(EDGE, requires_grad=True)
    y = function(x)
    y.backward(np.ones(4))
    np.testing.assert_array_equal(y.data, values)
    np.testing.assert_allclose(x.grad, derivatives, atol=1e-300)


@looped(
    ("function", "arguments", "derivatives"),
    [
        (np.logaddexp, (INF, 0), [1, 0]),
        (np.logaddexp, (INF, INF), [0.5, 0.5]),
        (np.logaddexp, (-INF, 0), [0, 1]),
        (np.logaddexp, (-INF, -INF), [0, 0]),
        (np.logaddexp2, (2000, -3000), [1, 0]),
        (np.hypot, (INF, 1), [1, 0]),
        (np.hypot, (-INF, INF), [-math.sqrt(0.5), math.sqrt(0.5)]),
        (np.hypot, (0, 0), [0, 0]),
        (np.hypot, (3e200, 4e200), [0.6, 0.8]),
        (np.hypot, (3e-320, -4e-320), [0.6, -0.8]),
        (np.arctan2, (1e-200, 1e-200), [5e199, -5e199]),
        (np.arctan2, (0, 1e-200), [1e200, 0]),
        (np.arctan2, (3e200, 4e200), [1.6e-201, -1.2e-201]),
        (np.arctan2, (INF, 1), [0, 0]),
        (np.arctan2, (INF, -INF), [0, 0]),
        (np.arctan2, (0, 0), [0, 0]),
        (np.arcsinh, (1e200,), [1e-200]),
        (np.arccosh, (1e200,), [1e-200]),
        (np.arccosh, (1 + 2**-27,), [2**13 / math.sqrt(1 + 2**-28)]),
        (np.arcsin, (1 - 2**-27,), [2**13 / math.sqrt(1 - 2**-28)]),
        (np.arccos, (2**-27 - 1,), [-(2**13) / math.sqrt(1 - 2**-28)]),
        (np.arctanh, (1 - 2**-27,), [2**26 / (1 - 2**-28)]),
    ],
)
def test_derivatives_have_their_limits_without_a_warning(function, arguments, derivatives):
    np.testing.assert_allclose(slopes(function, *arguments), derivatives, rtol=1e-14)


def test_shares_of_a_sum_of_exponentials_add_up_to_1_where_it_cannot_be_told_from_its_terms():
    assert slopes(np.logaddexp, 1e8, 1e8, dtype=np.float32) == [0.5, 0.5]
    assert sum(slopes(np.logaddexp, 1e8, 1e8 + 8, dtype=np.float32)) == pytest.approx(1)


@looped(
    ("function", "of_one_nan"),
    [(np.maximum, [1, 0]), (np.minimum, [1, 0]), (np.fmax, [0, 1]), (np.fmin, [0, 1])],
)
def test_the_cotangent_goes_where_the_value_came_from_and_two_nan_share_it(function, of_one_nan):
    assert slopes(function, NAN, 2.0) == of_one_nan
    assert slopes(function, 2.0, NAN) == of_one_nan[::-1]
    assert slopes(function, NAN, NAN) == [0.5, 0.5]
    assert slopes(function, 2.0, 2.0) == [0.5, 0.5]


def test_derivatives_of_sinc_are_those_of_its_series_near_0():
    first, second = grad(np.sinc), grad(grad(np.sinc))
    for x in (1e-300, 1e-8, 1e-4):
        series = -(math.pi**2) / 3 * x + math.pi**4 / 30 * x**3
        assert first(x) == pytest.approx(series, rel=1e-12)
        assert second(x) == pytest.approx(-(math.pi**2) / 3 + math.pi**4 / 10 * x**2, rel=1e-12)
    # On both sides of where the series ends.
    assert first(0.31830) == pytest.approx(first(0.31832), rel=1e-4)
    assert second(0.31830) == pytest.approx(second(0.31832), rel=1e-4)


# The error function and the normal distribution


def test_the_error_function_is_that_of_the_standard_library():
    x = np.concatenate([np.linspace(-6, 6, 40_001), [1e-300, 1e-10, 1.0, -1.0, 27.0]])
    np.testing.assert_allclose(al.erf(x), [math.erf(v) for v in x], rtol=1e-15)
    single = x.astype(np.float32)
    assert al.erf(single).dtype == np.float32
    np.testing.assert_allclose(al.erf(single), [math.erf(v) for v in single], rtol=3e-7)


def test_the_normal_distribution_is_precise_in_its_lower_tail():
    x = np.concatenate([np.linspace(-37, 9, 40_001), [0.0, -7.0, 7.0]])
    expected = [math.erfc(-v / math.sqrt(2)) / 2 for v in x]
    np.testing.assert_allclose(normal_cdf(x), expected, rtol=3e-13)
    np.testing.assert_allclose(al.gelu(x), x * expected, rtol=3e-13)
    half = normal_cdf(np.float16([-1.0, 0.0, 2.0]))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, [0.1587, 0.5, 0.9772], rtol=1e-3)


def test_the_bessel_function_is_that_of_its_series():
    for x in (1e-12, 0.5, 3.0, 20.0):
        terms = [
            (x / 2) ** (2 * k + 1) / math.factorial(k) / math.factorial(k + 1) for k in range(70)
        ]
        assert float(i1(x)) == pytest.approx(sum(terms), rel=1e-13)
        assert grad(np.i0)(x) == pytest.approx(sum(terms), rel=1e-13)
    assert grad(grad(np.i0))(0.0) == 0.5


# Whole numbers

WITH_FLOATS = [*activations().values(), al.erf, al.logsumexp, al.log_softmax, normal_cdf, i1]


@looped("function", [f for f in WITH_FLOATS if f is not np.tanh])
@looped(
    "numbers",
    [
        np.array([1, 2, 255], np.uint8),
        np.array([-3, 0, 100], np.int8),
        np.array([-3, 0, 100]),
        np.array([True, False, True]),
    ],
    ids=lambda numbers: numbers.dtype.name,
)
def test_functions_that_numpy_lacks_compute_with_floats(function, numbers):
    found = function(numbers)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, function(numbers.astype(float)))
    np.testing.assert_array_equal(function(Tensor(numbers)).data, found)


def test_cross_entropies_take_targets_of_any_kind():
    logits = np.array([0.5, -2.0, 3.0])
    for targets in (np.array([1, 0, 1], np.uint8), np.array([True, False, True])):
        for function, given in (
            (al.sigmoid_cross_entropy, logits),
            (al.binary_cross_entropy, al.sigmoid(logits)),
        ):
            x, y = Tensor(given, requires_grad=True), Tensor(given, requires_grad=True)
            function(x, targets).backward()
            function(y, targets.astype(float)).backward()
            np.testing.assert_array_equal(x.grad, y.grad)


# Binary cross-entropy of logits


@looped("function", [al.sigmoid_cross_entropy, sigmoid_cross_entropies])
def test_a_target_of_1_costs_what_its_mirror_image_does(function):
    for target, logit in ((1.0, 15.0), (0.0, -15.0)):
        z = Tensor(np.float32([logit]), requires_grad=True)
        loss = function(z, np.float32([target]))
        loss.backward(np.ones_like(loss.data))
        assert loss.item() == pytest.approx(math.log1p(math.exp(-15)), rel=1e-6)
        assert abs(z.grad[0]) == pytest.approx(1 / (1 + math.exp(15)), rel=1e-6)
        assert np.sign(z.grad[0]) == -np.sign(logit)


@looped("create_graph", [False, True])
@looped(
    ("logit", "target", "loss", "slope"),
    [
        (INF, 1, 0, 0),
        (-INF, 0, 0, 0),
        (INF, 0, INF, 1),
        (-INF, 1, INF, -1),
        (1000, 1, 0, 0),
        (-1000, 1, 1000, -1),
        (1000, 0.25, 750, 0.75),
        (0, 1, math.log(2), -0.5),
    ],
)
def test_logits_however_large_cost_what_they_should(logit, target, loss, slope, create_graph):
    z = Tensor([float(logit)], requires_grad=True)
    found = al.sigmoid_cross_entropy(z, np.array([float(target)]))
    found.backward(create_graph=create_graph)
    assert found.item() == pytest.approx(loss)
    assert np.asarray(getattr(z.grad, "data", z.grad))[0] == slope


@looped("dtype", [np.float64, np.float32])
def test_infinite_entries_share_the_cotangent_of_logsumexp(dtype):
    x = [[INF, 0.0, INF], [1.0, -INF, 1.0], [-INF, -INF, -INF]]
    y = al.logsumexp(Tensor(np.array(x, dtype)), axis=1)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.data, [INF, 1 + math.log(2), -INF], rtol=1e-6)
    (slope,) = slopes(lambda x: al.logsumexp(x, axis=1)[:2], x[:2], dtype=dtype)
    assert slope == [[0.5, 0.0, 0.5], [0.5, 0.0, 0.5]]
    assert slopes(al.logsumexp, x[2], dtype=dtype) == [[0.0, 0.0, 0.0]]
    assert al.hessian(al.logsumexp)(np.array([INF, 0.0])).tolist() == [[0.0, 0.0], [0.0, 0.0]]


# Half precision

ONES = np.ones(70_000, np.float16)


@looped(
    ("function", "value", "slope"),
    [
        (np.mean, 1, 1 / 70_000),
        (np.nanmean, 1, 1 / 70_000),
        (np.var, 0, 0),
        (np.std, 0, 0),
        (lambda x: np.average(x, weights=ONES), 1, 1 / 70_000),
        (al.logsumexp, 1 + math.log(70_000), 1 / 70_000),
        (lambda x: al.log_softmax(x)[0], -math.log(70_000), -1 / 70_000),
        (lambda x: np.sum(x * np.float16(0.01)), 700, 0.01),
        (lambda x: np.linalg.norm(x), math.sqrt(70_000), 1 / math.sqrt(70_000)),
        (lambda x: al.sigmoid_cross_entropy(x, ONES), math.log1p(math.exp(-1)), -0.269 / 70_000),
        (
            lambda x: al.softmax_cross_entropy(x.reshape(-1, 2), np.zeros(35_000, int)),
            math.log(2),
            0.5 / 35_000,
        ),
    ],
)
def test_many_numbers_of_half_precision_are_summed_in_single(function, value, slope):
    x = Tensor(ONES, requires_grad=True)
    y = function(x)
    y.backward()
    assert y.dtype == x.grad.dtype == np.float16
    np.testing.assert_allclose(y.data, value, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(x.grad[-1], slope, rtol=2e-2, atol=1e-7)


MANY = len(ONES)
COLUMNS = np.ones((MANY, 3), np.float16)
FIRST = np.zeros(MANY, int)


@looped(
    ("function", "slope"),
    [
        (lambda w: (COLUMNS * w).mean(), 1 / 3),
        (lambda w: (COLUMNS + w[None]).mean(), 1 / 3),
        (lambda w: (COLUMNS @ w).mean(), 1),
        (lambda w: np.broadcast_to(w, COLUMNS.shape).mean(), 1 / 3),
        (lambda w: np.einsum("i,j->ij", ONES, w).mean(), 1 / 3),
        (lambda w: np.repeat(w[:1], MANY).mean(), 1),
        (lambda w: np.tile(w, MANY).mean(), 1 / 3),
        (lambda w: np.take(w, FIRST).mean(), 1),
        (lambda w: w[FIRST].mean() + w[FIRST].mean(), 2),
        (lambda w: np.take(w[:, None], FIRST, 0).mean() + np.take(w[:, None], FIRST, 0).mean(), 2),
        (lambda w: np.sort(np.broadcast_to(w[0], MANY)).mean(), 1),
        (lambda w: np.broadcast_to(w[0], MANY).max(), 1),
        (lambda w: al.jacobian(lambda x: (COLUMNS * x).mean(axis=0))(w).sum(), None),
    ],
)
def test_and_so_are_their_cotangents(function, slope):
    w = Tensor(np.ones(3, np.float16), requires_grad=True)
    y = function(w)
    if slope is None:
        np.testing.assert_allclose(y.data, 3, rtol=2e-3)
        return
    y.backward()
    assert w.grad.dtype == np.float16
    assert w.grad[0] == pytest.approx(slope, rel=2e-3)


def test_a_batch_of_half_precision_is_normalized_with_its_variance():
    x = np.random.default_rng(0).normal(size=(MANY, 2)).astype(np.float16)
    wide = Tensor(x.astype(float), requires_grad=True)
    found, wanted = (standardize(given, (0,), 1e-5) for given in (Tensor(x), wide))
    np.testing.assert_allclose(found.data, wanted.data, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(statistics(x, found, (0,))[1], [[1.0, 1.0]], rtol=0.02)


@looped("function", [np.logaddexp, np.logaddexp2])
def test_smooth_functions_have_second_derivatives_where_their_arguments_are_equal(function):
    curvature = math.log(2 if function is np.logaddexp2 else math.e) / 4
    found = al.hessian(lambda x: function(x[0], x[1]))(np.array([0.3, 0.3]))
    np.testing.assert_allclose(found, [[curvature, -curvature], [-curvature, curvature]], 1e-12)


@looped("p", [1.2, 1.5, 1.9])
def test_norms_below_2_bend_without_bound_at_entries_of_0(p):
    norm = lambda x: np.linalg.norm(x, ord=p)
    found = al.hessian(norm)(np.array([0.0, -2.0, 1.0]))
    without = al.hessian(norm)(np.array([-2.0, 1.0]))
    assert found[0, 0] == INF
    np.testing.assert_allclose(found[1:, 1:], without, 1e-12)
    assert not found[0, 1:].any()
    assert not found[1:, 0].any()
    assert al.hvp(lambda x: norm(x), [np.array([0.0, 1.0])], [np.array([0.0, 1.0])])[0][0] == 0
    assert not al.hessian(norm)(np.zeros(2)).any()
