"""Functions that take derivatives within, as equations of physics do, are compiled."""

import numpy as np
import pytest

import autograd_lite
from autograd_lite import Tensor, grad, hessian, jvp, value_and_grad, vjp

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
