"""Functions that take derivatives within, as equations of physics do, are compiled."""

import numpy as np
import pytest
from looping import looped

import autograd_lite
from autograd_lite import Tensor, grad, hessian, jvp, value_and_grad, vjp
from autograd_lite.errors import GradientError

POINTS = np.linspace(0.0, 1.0, 6)[:, None]


def network(weights, x):
    first, bias, second = weights
    return np.tanh(x @ first + bias) @ second


def slope(weights, x):
    return grad(lambda x: network(weights, x).sum())(x)


def curvature(weights, x):
    return grad(lambda x: slope(weights, x).sum())(x)


def residuals(weights, points):
    equation = curvature(weights, points) + np.sin(points)
    ends = network(weights, np.array([[0.0], [1.0]]))
    return (equation**2).mean() + (ends**2).sum()


def along(weights, points):
    tangent = jvp(lambda x: network(weights, x), (points,), (np.ones_like(points),))[1]
    return (tangent**2).mean()


def pulled(weights, points):
    values, pullback = vjp(lambda x: network(weights, x), points)
    return (values * pullback(values)[0]).sum()


def bent(weights, points):
    return (hessian(lambda x: network(weights, x[None]).sum())(points[0]) ** 2).sum()


def moved(weights, points):
    """At points that depend on what is differentiated in, and on arguments."""
    return (slope(weights, 2 * points + weights[1][:1]) ** 2).mean()


def weights_of(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, 4)), rng.normal(size=4), rng.normal(size=(4, 1))


def assert_compiled(f, points_of, argnums=0):
    fast, slow = (value_and_grad(x, argnums) for x in (autograd_lite.compile(f), f))
    for seed in range(4):
        given = weights_of(seed), points_of(seed)
        (value, found), (expected, right) = fast(*given), slow(*given)
        assert value == expected, f.__name__
        found, right = (x if argnums == 0 else (*x[0], x[1]) for x in (found, right))
        for a, b in zip(found, right, strict=True):
            assert a.tobytes() == b.tobytes(), f.__name__
    assert fast.backend == "numpy", f.__name__


@pytest.mark.parametrize("f", [residuals, along, pulled, bent, moved])
def test_gradients_of_functions_that_take_derivatives_are_compiled_to_the_last_bit(f):
    assert_compiled(f, lambda seed: POINTS)
    assert_compiled(f, lambda seed: POINTS + seed)
    assert_compiled(f, lambda seed: POINTS + seed, argnums=(0, 1))


def test_points_from_outside_at_which_derivatives_are_taken_may_change():
    points = POINTS.copy()

    def f(weights):
        return (slope(weights, points) ** 2).mean()

    fast = value_and_grad(autograd_lite.compile(f))
    for seed in range(6):
        points += 0.1 * (seed == 3)
        (value, found), (expected, right) = (
            fast(weights_of(seed)),
            value_and_grad(f)(weights_of(seed)),
        )
        assert value == expected
        assert [x.tobytes() for x in found] == [x.tobytes() for x in right]
    assert fast.backend == "numpy"


def test_a_tensor_from_outside_at_which_derivatives_are_taken_may_change():
    held = Tensor(np.linspace(0.0, 1.0, 4))

    def f(scale):
        return (grad(lambda x: np.sin(x * scale).sum())(held) ** 2).sum()

    fast = value_and_grad(autograd_lite.compile(f))
    for number in range(9):
        if number == 3:
            held[0] = 5.0
        if number == 6:
            held.data = np.linspace(2.0, 3.0, 4)
        assert fast(np.float64(number)) == value_and_grad(f)(np.float64(number))
    assert fast.backend == "numpy"


def weighed(y):
    return (y * np.cos(np.arange(float(y.size))).reshape(y.shape)).sum()


degenerate = [np.zeros((3, 3)), np.eye(3), np.ones((3, 3)), np.diag([1.0, 1.0, 2.0])]
decompositions = {
    "eigenvectors": lambda x: weighed(np.linalg.eigh(x + x.T)[1] ** 2),
    "left singular vectors": lambda x: weighed(np.linalg.svd(x)[0] ** 2),
    "right singular vectors": lambda x: weighed(np.linalg.svd(x)[2] ** 2),
    "orthonormal columns": lambda x: weighed(np.linalg.qr(x)[0]),
    "triangular factor": lambda x: weighed(np.linalg.qr(x)[1]),
    "logarithm of the determinant": lambda x: np.linalg.slogdet(x)[1],
}


def outcome(function, x):
    """What a function gives, or the error that it raises."""
    with np.errstate(all="ignore"):
        try:
            return function(x)
        except GradientError as error:
            return str(error)


@looped("name", decompositions)
def test_where_vectors_have_no_derivative_a_compiled_gradient_is_refused_too(name):
    """Also where it was recorded for matrices at which they have one."""
    f, rng = decompositions[name], np.random.default_rng(0)
    fast, slow = value_and_grad(autograd_lite.compile(f)), value_and_grad(f)
    for _ in range(3):
        fast(rng.normal(size=(3, 3)))
    assert fast.backend == "numpy"
    refused = 0
    for x in degenerate:
        found, expected = outcome(fast, x), outcome(slow, x)
        refused += isinstance(expected, str)
        assert isinstance(found, str) == isinstance(expected, str), x
        for a, b in zip(found, expected, strict=True):
            assert isinstance(found, str) or np.array_equal(a, b, equal_nan=True)
    assert refused


curves = {
    "absolute": lambda x: (np.absolute(x) ** 2).sum(),
    "root": lambda x: (np.sqrt(x * x) ** 2).sum(),
    "hypot": lambda x: (np.hypot(x, 2 * x) ** 2).sum(),
    "norm": lambda x: np.linalg.norm(x) ** 2,
    "eigenvectors": lambda x: (np.linalg.eigh(np.diag(x))[1] ** 4).sum(),
}


@looped("name", curves)
def test_a_curvature_at_a_kink_is_seen_where_it_was_recorded_beside(name):
    def slope(x):
        return (grad(curves[name])(x) * np.array([1.0, 2.0, 3.0])).sum()

    fast, slow = value_and_grad(autograd_lite.compile(slope)), value_and_grad(slope)
    for shift in (0.0, 0.1, 0.2):
        fast(np.array([0.5, 1.2, 2.0]) + shift)
    assert fast.backend == "numpy"
    for x in ([0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [1.0, 0.0, -1.0], [2.0, 2.0, 1.0]):
        found, expected = outcome(fast, np.array(x)), outcome(slow, np.array(x))
        assert isinstance(found, str) == isinstance(expected, str), x
        if not isinstance(found, str):
            np.testing.assert_array_equal(found[1], expected[1])
