"""no_grad and enable_grad, which hold for one thread and one task."""

import asyncio
import threading
from contextvars import copy_context

import numpy as np
import pytest

from autograd_lite import (
    GradientError,
    Tensor,
    UnsupportedError,
    differentiable,
    enable_grad,
    grad,
    jacobian,
    no_grad,
    value_and_grad,
    vjp,
)
from autograd_lite.modes import recording, set_now


@pytest.fixture
def x():
    return Tensor([1.0, 2.0], requires_grad=True)


@pytest.fixture(autouse=True)
def recording_is_on_afterwards(x):
    yield
    assert (x * 2).requires_grad
    assert not set_now.get()


def test_nothing_is_recorded_inside_and_recording_resumes(x):
    with no_grad():
        y = x * 2
    assert not y.requires_grad
    assert y.data.tolist() == [2.0, 4.0]
    assert (x * 2).requires_grad


def test_a_leaf_made_inside_may_still_require_grad():
    with no_grad():
        weight = Tensor([3.0], requires_grad=True)
    assert weight.requires_grad
    (weight * 2).sum().backward()
    assert weight.grad.tolist() == [2.0]


def test_a_constant_computed_inside_carries_no_gradient(x):
    with no_grad():
        scale = x * 10
    (x * scale).sum().backward()
    assert x.grad.tolist() == [10.0, 20.0]


def test_it_decorates_functions_and_keeps_their_names_and_results(x):
    @no_grad()
    def evaluate(t, factor=1.0):
        """Scale."""
        return t * factor

    assert evaluate.__name__ == "evaluate"
    assert evaluate.__doc__ == "Scale."
    for _ in range(2):
        assert not evaluate(x, factor=2.0).requires_grad
        assert (x * 2).requires_grad


def test_it_decorates_without_parentheses_too(x):
    @no_grad
    def doubled(x):
        """Twice x."""
        return x * 2

    @enable_grad
    def recorded(x):
        return doubled(x), x * 2

    class Layer:
        @no_grad
        def forward(self, x):
            return x * 2

    assert (doubled.__name__, doubled.__doc__) == ("doubled", "Twice x.")
    assert not doubled(x).requires_grad
    assert not Layer().forward(x).requires_grad
    with no_grad():
        inside, outside = recorded(x)
    assert not inside.requires_grad
    assert outside.requires_grad


@pytest.mark.parametrize("given", [True, None, "x"])
def test_it_is_given_nothing_but_a_function(given):
    with pytest.raises(UnsupportedError, match=r"it is no function\. Write `with no_grad\(\):`"):
        no_grad(given)


def test_a_decorated_function_can_call_itself(x):
    @no_grad()
    def descend(t, depth):
        return t * 2 if depth == 0 else descend(t, depth - 1)

    assert not descend(x, 5).requires_grad
    assert (x * 2).requires_grad


def test_an_exception_restores_recording(x):
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad


def test_an_exception_in_a_decorated_function_restores_recording(x):
    @no_grad()
    def fail():
        raise KeyError("no")

    with pytest.raises(KeyError):
        fail()
    assert (x * 2).requires_grad


def test_nested_contexts_restore_what_was_outside(x):
    with no_grad():
        with no_grad():
            assert not (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_enable_grad_records_inside_of_no_grad(x):
    with no_grad():
        with enable_grad():
            y = (x * x).sum()
        assert not (x * 2).requires_grad
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_enable_grad_decorates_and_restores_on_exceptions(x):
    @enable_grad()
    def recorded():
        assert (x * 2).requires_grad
        raise ValueError("no")

    with no_grad():
        with pytest.raises(ValueError, match="no"):
            recorded()
        assert not (x * 2).requires_grad


def test_another_thread_records_while_this_one_does_not(x):
    results = []

    def work():
        results.append((x * 2).requires_grad)

    with no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        results.append((x * 2).requires_grad)
    assert results == [True, False]


def test_this_thread_records_while_another_one_does_not(x):
    inside, leave, results = threading.Event(), threading.Event(), []

    def work():
        with no_grad():
            inside.set()
            assert leave.wait(10)
            results.append((x * 2).requires_grad)
        results.append((x * 2).requires_grad)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    here = (x * 2).requires_grad
    leave.set()
    thread.join()
    assert here
    assert results == [False, True]


def test_tasks_do_not_switch_each_other_off(x):
    async def evaluate(inside, leave):
        with no_grad():
            inside.set()
            await leave.wait()
            first = (x * 2).requires_grad
        return first, (x * 2).requires_grad

    async def train(inside, leave):
        await inside.wait()
        here = (x * 2).requires_grad
        leave.set()
        await asyncio.sleep(0)
        return here, (x * 2).requires_grad

    async def both():
        inside, leave = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(evaluate(inside, leave), train(inside, leave))

    assert asyncio.run(both()) == [(False, True), (True, True)]


def test_tasks_that_interleave_their_contexts_restore_their_own(x):
    async def work(mode, delays):
        await asyncio.sleep(delays[0])
        with mode():
            await asyncio.sleep(delays[1])
            inside = (x * 2).requires_grad
        return inside, (x * 2).requires_grad

    async def all_of_them():
        return await asyncio.gather(
            work(no_grad, (0, 0.002)), work(no_grad, (0.001, 0.003)), work(enable_grad, (0, 0.002))
        )

    assert asyncio.run(all_of_them()) == [(False, True), (False, True), (True, True)]


def test_backward_works_inside_of_no_grad(x):
    y = (x * x).sum()
    with no_grad():
        y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert not isinstance(x.grad, Tensor)


def test_what_computes_after_its_call_has_returned_is_not_decorated():
    def numbers():
        yield 1

    async def number():
        return 1

    async def later():
        yield 1

    class Model:
        def __call__(self):
            return 1

    for mode in (no_grad, enable_grad):
        for function in (numbers, number, later, Model):
            with pytest.raises(UnsupportedError, match=f"{function.__name__}: .* Write `with"):
                mode()(function)


# Contexts that end in another order than they began


def paused(context):
    with context():
        yield recording.get()


@pytest.mark.parametrize("last_first", [False, True])
@pytest.mark.parametrize(
    "contexts", [(no_grad, no_grad), (no_grad, enable_grad), (enable_grad, no_grad)]
)
def test_generators_that_pause_leave_recording_as_it_was(contexts, last_first):
    with no_grad() if last_first else enable_grad():
        before = recording.get()
        first, second = map(paused, contexts)
        next(first)
        now = next(second)
        first.close()
        assert recording.get() is now
        second.close()
        assert recording.get() is before
    assert recording.get() is True


def test_a_derivative_after_which_nothing_is_recorded_any_more_is_refused(x):
    generators = []

    def total(x):
        generators.append(paused(no_grad))
        next(generators[-1])
        return (x * x).sum()

    for transform in (grad, value_and_grad, jacobian, vjp):
        with pytest.raises(GradientError, match=r"derivative of total: .* recording was off"):
            transform(total, x.data) if transform is vjp else transform(total)(x.data)
        generators.pop().close()
    assert recording.get() is True


def test_one_context_object_may_be_entered_by_both():
    shared = no_grad()
    generators = [paused(lambda: shared) for _ in range(3)]
    for generator in generators:
        assert next(generator) is False
    for generator in generators:
        assert recording.get() is False
        generator.close()
    assert recording.get() is True


def test_a_generator_that_another_thread_closes_changes_nothing_there():
    generator, seen = paused(no_grad), []

    def close():
        generator.close()
        seen.append(recording.get())

    def pause_here_and_close_there():
        next(generator)
        thread = threading.Thread(target=close)
        thread.start()
        thread.join()
        with enable_grad():
            seen.append(recording.get())

    # What nobody can undo any more, as the generator is closed, ends with this copy.
    copy_context().run(pause_here_and_close_there)
    assert seen == [True, True]
    assert recording.get() is True


def test_a_rule_of_users_records_nothing_unless_it_is_handed_tensors():
    weight, recorded = Tensor(2.0, requires_grad=True), []

    def rule(g, y, x):
        recorded.append((weight * g).requires_grad)
        return g * 2

    double = differentiable(rule)(lambda x: 2 * x)
    x = Tensor(3.0, requires_grad=True)
    double(x).backward()
    assert (type(x.grad), recorded) == (np.float64, [False])
    x.grad = None
    double(x).backward(create_graph=True)
    assert (type(x.grad), recorded) == (Tensor, [False, True])


def test_what_rules_of_users_compute_with_tensors_comes_out_as_arrays():
    weight = Tensor([2.0, 3.0], requires_grad=True)
    variadic = (
        lambda g, y, *factors: (g * weight, g * weight),
        lambda g, y, *factors: lambda index: g * weight,
    )
    products = [differentiable(rule, variadic=True)(lambda x, z: x * z) for rule in variadic]
    products.append(differentiable(*[lambda g, y, x, z: g * weight] * 2)(lambda x, z: x * z))
    for product in products:
        x, z = (Tensor([1.0, 1.0], requires_grad=True) for _ in range(2))
        product(x, z).sum().backward()
        assert [type(x.grad), type(z.grad)] == [np.ndarray, np.ndarray]
        assert (x.grad.tolist(), z.grad.tolist()) == ([2.0, 3.0], [2.0, 3.0])
