"""A checkpointed function has the value and the gradients of the function itself."""

import gc
import weakref

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import (
    Tensor,
    checkpoint,
    differentiable,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    vjp,
)
from autograd_lite.errors import GradientError, MutationError, UnsupportedError


def leaf(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def test_gradients_of_arguments_and_of_closed_over_parameters_are_the_same():
    model = nn.Sequential(nn.Dense(3, 4, "tanh", rng=0), nn.Dense(4, 2, rng=1))
    x = leaf(5, 3)

    def gradients(f):
        model.zero_grad()
        x.zero_grad()
        (f(x * 2) ** 2).sum().backward()
        return [x.grad, *(p.grad for p in model.parameters())]

    for plain, recomputed in zip(gradients(model), gradients(checkpoint(model)), strict=True):
        np.testing.assert_array_equal(plain, recomputed)


def test_nothing_computed_inside_is_kept():
    inside = []

    def f(x):
        hidden = np.exp(x)
        inside.append(weakref.ref(hidden))
        return hidden.sum()

    gc.disable()
    try:
        y = checkpoint(f)(leaf(3))
        assert inside[0]() is None
        y.backward()
        assert [reference() for reference in inside] == [None, None]
    finally:
        gc.enable()


def test_f_is_computed_once_forward_and_once_backward_however_many_arguments():
    calls = []

    def f(*tensors):
        calls.append(len(tensors))
        return sum(tensors)

    tensors = [leaf(seed=i) for i in range(4)]
    checkpoint(f)(*tensors).backward()
    assert calls == [4, 4]
    assert [t.grad for t in tensors] == [1.0] * 4


def test_an_argument_given_twice_and_one_not_used():
    a, b = leaf(3), leaf(2, seed=1)
    checkpoint(lambda x, y, unused: (x * y).sum())(a, a, b).backward()
    np.testing.assert_allclose(a.grad, 2 * a.data, rtol=1e-15)
    np.testing.assert_array_equal(b.grad, [0.0, 0.0])


def test_plain_arguments_and_no_grad():
    a = leaf(3)
    checkpoint(lambda x, factor: (x * factor).sum())(a, 2.0).backward()
    np.testing.assert_array_equal(a.grad, [2.0, 2.0, 2.0])
    with no_grad():
        assert not checkpoint(np.exp)(a).requires_grad
    assert not checkpoint(np.exp)(Tensor(a.data)).requires_grad


def test_second_derivatives_in_the_arguments():
    assert gradcheck(checkpoint(lambda x, y: np.tanh(x @ y)), [np.eye(2), np.ones((2, 2))], order=2)


def test_second_derivatives_through_closed_over_tensors():
    def second(transformed):
        w, x, c = leaf(3), leaf(3, seed=1), leaf(3, seed=2)
        hidden = np.exp(c)
        y = transformed(lambda x: (np.tanh(x * w * hidden) * w).sum())(x * x)
        y.backward(create_graph=True)
        loss = sum((t.grad**2).sum() for t in (w, x, c))
        for t in (w, x, c):
            t.zero_grad()
        loss.backward()
        return [t.grad for t in (w, x, c)]

    for found, expected in zip(second(checkpoint), second(lambda f: f), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_checkpoint_within_a_transform_and_a_transform_within_a_checkpoint():
    w = leaf(3)
    slope = grad(checkpoint(lambda x: (np.tanh(x * w) ** 2).sum()))

    def of(f):
        w.zero_grad()
        f(np.ones(3)).sum().backward()
        return w.grad

    expected = of(grad(lambda x: (np.tanh(x * w) ** 2).sum()))
    np.testing.assert_allclose(of(slope), expected, rtol=1e-13)
    np.testing.assert_allclose(of(checkpoint(slope)), expected, rtol=1e-13)


ELSEWHERE = {
    "closed over": lambda x: checkpoint(lambda: (x**3).sum())(),
    "by keyword": lambda x: checkpoint(lambda *, p: (p**3).sum())(p=x),
    "in a dict": lambda x: checkpoint(lambda p: (p["a"] ** 3).sum())({"a": x}),
    "in a list, twice": lambda x: checkpoint(lambda p: (p[0] ** 2 * p[1]).sum())([x, x]),
    "computed before": lambda x: (lambda h: checkpoint(lambda y: (y * h).sum())(x))(x**2),
    "in a checkpoint": lambda x: checkpoint(lambda: checkpoint(lambda: (x**3).sum())())(),
    "beside an argument": lambda x: checkpoint(lambda y: (y**2 * x).sum())(x * 1),
    "given back": lambda x: checkpoint(lambda: x)() @ x**2,
    "before it, in a jvp": lambda x: (
        lambda h: checkpoint(lambda: jvp(lambda y: y**4, [h], [np.full(3, 0.25)])[1].sum())()
    )(x * 1),
    "in a vjp": lambda x: checkpoint(lambda: vjp(lambda y: y**4, x)[1](0 * x + 0.25)[0].sum())(),
    "in a jvp": lambda x: checkpoint(
        lambda: jvp(lambda y: y**4, [x], [np.full(3, 0.25)])[1].sum()
    )(),
    "in a jvp of one": lambda x: checkpoint(
        lambda: jvp(checkpoint(lambda y: y**4), [x], [np.full(3, 0.25)])[1].sum()
    )(),
}


@looped("f", ELSEWHERE.values(), ids=ELSEWHERE)
def test_tensors_that_are_no_arguments_are_differentiated_in_by_transforms_of_any_order(f):
    x, v = np.array([0.5, -2.0, 3.0]), np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(grad(f)(x), 3 * x**2)
    np.testing.assert_allclose(jvp(f, [x], [v])[1], 3 * x**2 @ v)
    np.testing.assert_allclose(hessian(f)(x), np.diag(6 * x), atol=1e-14)
    np.testing.assert_allclose(hvp(f, [x], [v])[0], 6 * x * v)
    np.testing.assert_allclose(jvp(grad(f), [x], [v])[1], 6 * x * v)
    third = jacobian(hessian(f))(x)
    np.testing.assert_allclose(third.sum(axis=(1, 2)), 6.0)


def test_backward_of_a_checkpoint_goes_no_further_than_its_arguments():
    passes = []

    def rule(g, y, x):
        passes.append(1)
        return g * 2

    double = differentiable(rule)(lambda x: 2 * x)
    y = double(leaf(3))
    for _ in range(5):
        y = checkpoint(np.tanh)(y)
    y.sum().backward(create_graph=True)
    assert len(passes) == 1


def test_arguments_beside_the_function_are_told_where_they_go():
    with pytest.raises(UnsupportedError, match=r"Give them to what it returns: checkpoint\(f\)\("):
        checkpoint(np.tanh, leaf(2))


def test_a_function_that_returns_no_tensor_is_refused():
    with pytest.raises(UnsupportedError, match="Return one tensor"):
        checkpoint(lambda x: (x, x))(leaf(2))


def test_what_is_computed_again_as_something_else_is_refused():
    x, constant = leaf(3), np.ones(3)
    drawn = np.random.default_rng(0)
    noisy = checkpoint(lambda x: (x * (drawn.random(3) < 0.5)).sum())(x)
    enclosed = checkpoint(lambda x: x * constant)(x).sum()
    constant[:] = 3.0
    for result in (noisy, enclosed):
        with pytest.raises(GradientError, match=r"checkpoint of .*other numbers.*backward\(\)"):
            result.backward()
    assert x.grad is None


def test_layers_that_draw_or_follow_their_batches_train_as_without_it():
    x = leaf(8, 4)

    def trained(wrap):
        nn.manual_seed(0)
        part = nn.Sequential(nn.Dense(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
        model = nn.Sequential(part, nn.Dropout(0.2), nn.Dense(6, 1))
        compute, optimizer = wrap(model), nn.SGD(model.parameters(), 0.1)
        for _ in range(2):
            optimizer.zero_grad()
            (compute(x) ** 2).sum().backward()
            optimizer.step()
        return model.state_dict()

    within = lambda model: checkpoint(lambda x: model[2](model[1](checkpoint(model[0])(x))))
    plain = trained(lambda model: model)
    for wrap in (checkpoint, within):
        for name, value in trained(wrap).items():
            np.testing.assert_allclose(value, plain[name], rtol=1e-12, err_msg=name)


def test_so_is_what_arguments_were_changed_to():
    buffer = np.ones(3)
    result = checkpoint(lambda x: np.sin(x) * 2)(Tensor(buffer, requires_grad=True)).sum()
    buffer[:] = 2.0
    with pytest.raises(MutationError, match="was changed after"):
        result.backward()


def test_numbers_that_are_not_finite_are_the_same_again():
    x = Tensor([np.inf, np.nan, 1.0], requires_grad=True)
    checkpoint(lambda x: 2 * x)(x).sum().backward()
    np.testing.assert_array_equal(x.grad, 2.0)
