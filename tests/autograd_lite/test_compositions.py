"""Transforms within transforms: their derivatives are those that differences give."""

import itertools

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import (
    Tensor,
    checkpoint,
    detect_anomaly,
    differentiable,
    enable_grad,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)

RNG = np.random.default_rng(0)
SIZE = 3
A, B = RNG.normal(size=(2, SIZE, SIZE)) / 2
V = RNG.normal(size=SIZE)


def base(x):
    return np.tanh(A.astype(x.dtype) @ x) + 0.3 * x * (B.astype(x.dtype) @ x)


def constant(x):
    return V.astype(x.dtype)


def energy(f):
    return lambda x: (f(x) * constant(x)).sum()


# Each makes of a function from vectors to vectors another one.
TRANSFORMED = {
    "grad": lambda f: grad(energy(f)),
    "value_and_grad": lambda f: lambda x: (lambda v, g: v * g)(*value_and_grad(energy(f))(x)),
    "vjp": lambda f: lambda x: vjp(f, x)[1](constant(x) * x)[0],
    "pullback of a variable": lambda f: lambda x: vjp(f, constant(x))[1](f(x))[0],
    "jvp": lambda f: lambda x: jvp(f, [x], [constant(x)])[1],
    "jvp along a variable": lambda f: lambda x: jvp(f, [constant(x)], [x * x])[1],
    "jacobian": lambda f: lambda x: jacobian(f)(x) @ constant(x),
    "hvp": lambda f: lambda x: hvp(energy(f), [x], [constant(x)])[0],
    "hessian": lambda f: lambda x: hessian(energy(f))(x) @ constant(x),
    "a step of descent": lambda f: lambda x: x - 0.1 * grad(energy(lambda x: f(x) ** 2))(x),
    "at a plain point": lambda f: lambda x: grad(lambda z: (f(z) * x).sum())(constant(x)),
    "at a product": lambda f: lambda x: grad(lambda z: (f(z * x) * x).sum())(constant(x) * x),
    "checkpoint": checkpoint,
    "in a dict": lambda f: lambda x: grad(lambda p: energy(f)(p["x"]) * x.sum())({"x": x})["x"],
}


def assert_derivative(f, x, message):
    gradient = grad(f)(x)
    assert type(gradient) is np.ndarray, message
    step = 1e-5
    numeric = [(f(x + e) - f(x - e)) / (2 * step) for e in step * np.eye(SIZE)]
    scale = max(1.0, np.abs(numeric).max())
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7 * scale, err_msg=message)


def composed_of(names):
    f = base
    for name in names:
        f = TRANSFORMED[name](f)
    return f


@looped("name", TRANSFORMED)
def test_each_transform_is_differentiable_and_plain_in_plain_out(name):
    f = composed_of([name])
    assert type(f(V)) is np.ndarray
    with no_grad():
        np.testing.assert_array_equal(f(V), composed_of([name])(V))
    assert_derivative(energy(f), V, name)


PAIRS = list(itertools.product(TRANSFORMED, repeat=2))


@looped("seed", range(20))
def test_transforms_within_transforms(seed):
    rng = np.random.default_rng(seed)
    names = PAIRS[rng.integers(len(PAIRS))]
    assert_derivative(energy(composed_of(names)), rng.normal(size=SIZE) / 2, f"{names}")


@pytest.mark.exhaustive
@pytest.mark.parametrize("names", PAIRS, ids=", ".join)
def test_each_pair_of_transforms(names):
    assert_derivative(energy(composed_of(names)), V / 2, f"{names}")


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(40))
def test_three_transforms_within_each_other(seed):
    rng = np.random.default_rng(seed)
    names = rng.choice([*TRANSFORMED], size=3)
    assert_derivative(energy(composed_of(names)), rng.normal(size=SIZE) / 2, f"{names}")


@looped("name", TRANSFORMED)
def test_float32_stays_float32_and_agrees(name):
    f = grad(energy(composed_of([name])))
    found = f(V.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, f(V), rtol=1e-4, atol=1e-5)


# Tensors that require grad, beside the variables


def field(x, weights):
    first, bias, second = weights
    return np.tanh(x @ first + bias) @ second


def weights_of(seed):
    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(1, 16)), np.zeros(16), rng.normal(size=(16, 1)) / 4
    return [Tensor(array, requires_grad=True) for array in arrays]


def physics_loss(weights, x):
    slope = grad(lambda x: field(x, weights).sum())(x)
    return ((slope - 3 * np.cos(3 * x)) ** 2).mean() + (field(np.zeros((1, 1)), weights) ** 2).sum()


def test_an_input_gradient_within_a_loss_has_the_gradients_of_the_weights():
    x = np.linspace(0, 1, 5)[:, None]
    weights = weights_of(0)
    loss = physics_loss(weights, x)
    loss.backward()
    # As weights are variables of a transform, or tensors, in whatever way.
    of_arrays = grad(physics_loss)([w.data for w in weights], x)
    assert gradcheck(
        lambda *weights: physics_loss(weights, x), [w.data for w in weights], tolerance=1e-4
    )
    for weight, expected in zip(weights, of_arrays, strict=True):
        assert type(expected) is np.ndarray
        np.testing.assert_allclose(weight.grad, expected, rtol=1e-12, atol=1e-14)


def test_a_physics_informed_network_learns():
    x = np.linspace(0, 1, 20)[:, None]
    weights = weights_of(1)
    optimizer = nn.Adam(weights, learning_rate=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = physics_loss(weights, x)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01
    error = field(x, [w.data for w in weights]) - np.sin(3 * x)
    assert np.abs(error).max() < 0.1


@looped(
    "of",
    [
        lambda f, x: grad(lambda x: f(x).sum())(x),
        lambda f, x: value_and_grad(lambda x: f(x).sum())(x)[0],
        lambda f, x: vjp(f, x)[0],
        lambda f, x: vjp(f, x)[1](np.ones(3))[0],
        lambda f, x: jvp(f, [x], [np.ones(3)])[1],
        lambda f, x: jacobian(f)(x),
        lambda f, x: hessian(lambda x: (f(x) ** 2).sum())(x),
        lambda f, x: hvp(lambda x: (f(x) ** 2).sum(), [x], [np.ones(3)])[0],
    ],
)
def test_results_are_tensors_where_they_depend_on_tensors_and_recording_is_on(of):
    weight, frozen = Tensor(V, requires_grad=True), Tensor(V)
    found = of(lambda x: np.sin(x * weight), V)
    assert isinstance(found, Tensor)
    found.sum().backward()
    expected = grad(lambda w: of(lambda x: np.sin(x * w), V).sum())(V)
    assert type(expected) is np.ndarray
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-13)
    with no_grad():
        assert type(of(lambda x: np.sin(x * weight), V)) in (np.ndarray, np.float64)
        with enable_grad():
            assert isinstance(of(lambda x: np.sin(x * weight), V), Tensor)
    assert type(of(lambda x: np.sin(x * frozen), V)) in (np.ndarray, np.float64)
    point = Tensor(V, requires_grad=True)
    assert isinstance(of(np.sin, point), Tensor)
    with no_grad():
        assert type(of(np.sin, point)) in (np.ndarray, np.float64)


def test_anomalies_are_looked_for_where_only_a_part_is_differentiated_in():
    weight = Tensor(V, requires_grad=True)
    with detect_anomaly():
        slope = grad(lambda x: np.sin(x * weight).sum())(V)
    np.testing.assert_allclose(slope.data, V * np.cos(V * V), rtol=1e-13)


def test_tensors_by_keyword_keep_their_gradients():
    weight = Tensor(2.0, requires_grad=True)
    slope = grad(lambda x, *, weight: x**2 * weight)(3.0, weight=weight)
    slope.backward()
    assert weight.grad == 6.0


@looped("name", ["f", "self", "arguments", "positions", "keywords", "argnums", "x"])
def test_keywords_of_any_name_reach_the_function(name):
    def f(y, **given):
        return y**2 * given[name]

    given = {name: 3.0}
    assert grad(f)(2.0, **given) == 12.0
    assert value_and_grad(f)(2.0, **given) == (12.0, 12.0)
    assert jacobian(f)(2.0, **given) == 12.0
    assert hessian(f)(2.0, **given) == 6.0
    x = Tensor(2.0, requires_grad=True)
    checkpoint(f)(x, **given).backward()
    assert x.grad == 12.0


def test_positions_may_be_numpys_integers():
    first, second = np.arange(2)
    assert grad(lambda x, y: x * y, first)(2.0, 3.0) == 3.0
    assert grad(lambda x, y: x * y, (second, first))(2.0, 3.0) == (2.0, 3.0)


# No perturbation is taken for another


def test_variables_of_nested_transforms_are_told_apart():
    # The examples of Siskind and Pearlmutter, and those of Manzyuk et al.
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(1.0) == 2.0
    assert jvp(lambda x: jvp(lambda y: x + y, [1.0], [1.0])[1] * x, [1.0], [1.0])[1] == 1.0
    assert grad(lambda x: grad(lambda x: x)(x * x))(3.0) == 0.0

    def shifted(offset):
        return lambda g: lambda x: g(x + offset)

    slope = grad(lambda offset: shifted(offset)(np.exp)(1.0))(0.0)
    assert slope == pytest.approx(np.e, rel=1e-15)

    def slope_of_shift(h):
        return grad(lambda offset: shifted(offset)(h)(1.0))(0.0)

    # d/dx exp(x + 0) twice: the function that comes out of one shift goes into another.
    twice = slope_of_shift(lambda x: grad(lambda offset: shifted(offset)(np.exp)(x))(0.0))
    assert twice == pytest.approx(np.e, rel=1e-15)


def test_a_pullback_that_outlives_its_function_depends_on_its_cotangent_alone():
    _, pullback = vjp(lambda x: x**3, 2.0)
    found = grad(lambda c: pullback(c)[0] ** 2)(3.0)
    assert type(found) is np.float64
    assert found == 2 * 36.0 * 12.0
    cotangent = Tensor(3.0, requires_grad=True)
    (pulled,) = pullback(cotangent)
    pulled.backward()
    assert cotangent.grad == 12.0
    with no_grad():
        assert type(pullback(cotangent)[0]) is np.float64


# What transforms cost


def counted(calls):
    return differentiable(lambda g, y, x: calls.append(1) or g * np.cos(x))(np.sin)


def test_a_transform_stops_at_its_variables():
    calls = []
    sine = counted(calls)
    x = sine(Tensor(V, requires_grad=True))
    grad(lambda y: (y**2).sum())(x)
    assert calls == []


def test_steps_of_descent_within_a_loss_take_each_the_same():
    def rules_applied(steps):
        calls = []
        sine = counted(calls)

        def after_descent(x):
            for _ in range(steps):
                x = x - 0.1 * grad(lambda x: (sine(x) ** 2).sum())(x)
            return x.sum()

        grad(after_descent)(V)
        return len(calls)

    few, more, most = (rules_applied(steps) for steps in (1, 2, 9))
    assert most - few == 8 * (more - few)


def test_rules_are_asked_only_for_what_leads_to_a_variable():
    calls = []
    sine = counted(calls)
    weight = Tensor(V, requires_grad=True)
    grad(lambda x: (x * sine(weight)).sum())(V)
    assert calls == []
