"""Programs against backward(): every row of the table, random programs, other data."""

import numpy as np
import pytest
from samples import SAMPLES

import nn
from autograd_lite import Tensor
from autograd_lite.program.outline import outline
from autograd_lite.program.program import Program
from autograd_lite.program.trace import trace


def recorded(sample, scale=1.0):
    """The loss of a sample, the tensors and arrays it was computed from."""
    tensors = [Tensor(array * scale, requires_grad=True) for array in sample.arrays]
    result = sample.function(*tensors)
    weights = np.random.default_rng(0).normal(size=result.shape)
    return (result * weights).sum(), tensors, weights


def assert_gradients(gradients, tensors):
    for tensor in tensors:
        if tensor.grad is not None:
            largest = np.abs(tensor.grad).max(initial=0)
            np.testing.assert_allclose(gradients[tensor], tensor.grad, 0, 1e-14 * largest)
            assert gradients[tensor].dtype == tensor.dtype


@pytest.mark.parametrize("function", SAMPLES, ids=lambda function: function.__name__)
def test_the_program_of_each_row_computes_what_backward_does(function):
    for sample in SAMPLES[function]:
        loss, tensors, _ = recorded(sample)
        with np.errstate(all="ignore"):
            loss.backward()
        value, gradients = trace(loss).run()
        np.testing.assert_array_equal(value, loss.data)
        assert_gradients(gradients, tensors)


@pytest.mark.parametrize("function", {*SAMPLES} - {np.interp}, ids=lambda f: f.__name__)
def test_the_program_of_each_row_computes_what_backward_does_for_other_data(function):
    for sample in SAMPLES[function]:
        loss, tensors, weights = recorded(sample)
        program = trace(loss)
        other, others, other_weights = recorded(sample, 0.97)
        with np.errstate(all="ignore"):
            other.backward()
        arrays = {t: o.data for t, o in zip(tensors, others, strict=True)}
        used = {key: array for key, array in arrays.items() if key in program.inputs}
        if id(weights) in program.inputs:
            used[id(weights)] = 1 * other_weights
        value, gradients = program.run(used)
        np.testing.assert_array_equal(value, other.data)
        assert_gradients({o: gradients.get(t) for t, o in zip(tensors, others)}, others)


@pytest.mark.parametrize("function", SAMPLES, ids=lambda function: function.__name__)
def test_the_steps_of_each_row_that_are_run_again_give_the_same(function):
    for sample in SAMPLES[function]:
        loss, _, _ = recorded(sample)
        program = trace(loss)
        contributions = [s for by_slot in program.contributions.values() for s in by_slot.values()]
        for step in contributions:
            values = program.again({step: step.function})
            for number in program.below([step]):
                np.testing.assert_array_equal(values[number], program.recorded[number])


@pytest.mark.parametrize("function", SAMPLES, ids=lambda function: function.__name__)
def test_the_outline_of_each_row_computes_what_backward_does(function):
    for sample in SAMPLES[function]:
        loss, tensors, _ = recorded(sample)
        with np.errstate(all="ignore"):
            loss.backward()
            program = outline(loss)
        run = Program.recorded.func(program)
        for tensor in tensors:
            if tensor.grad is not None:
                step = program.cotangents[tensor]
                np.testing.assert_array_equal(program.recorded[step.number], tensor.grad)
                np.testing.assert_allclose(run[step.number], tensor.grad, 1e-13)


def test_only_the_steps_below_a_replaced_one_are_run_again():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.tanh(x)
    program = outline((y * x).sum())
    step = program.contributions[y][0]
    values = program.again({step: lambda g, *given: 7 * g})
    changed = [n for n, (a, b) in enumerate(zip(values, program.recorded)) if a is not b]
    assert changed == [step.number, program.cotangents[x].number]
    np.testing.assert_allclose(values[-1], 7 * x.data + y.data)


def test_what_is_replaced_stays_so_where_more_is_replaced():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.tanh(x)
    loss = (y * y).sum()
    program = outline(loss)
    late = {program.contributions[y][0]: lambda *given: np.array([5.0, 7.0])}
    early = {program.contributions[loss][0]: lambda *given: np.zeros(2)}
    known = program.again(late)
    both = program.again(late | early, known, early)
    np.testing.assert_array_equal(both[program.cotangents[x].number], [5.0, 7.0])
    np.testing.assert_array_equal(both[program.cotangents[y].number], [0.0, 0.0])


def test_the_program_of_a_network_with_batch_norm_is_right_for_other_data():
    X, targets = np.random.default_rng(0).normal(size=(2, 8, 3))
    model = nn.Sequential(nn.Dense(3, 3, rng=0), nn.BatchNorm1d(3), nn.Tanh(), nn.LayerNorm(3))

    def loss_of(X, targets):
        return nn.MSELoss()(model(X), targets)

    program = trace(loss_of(X, targets))
    others = np.random.default_rng(1).normal(size=(2, 8, 3))
    model.zero_grad()
    loss = loss_of(*others)
    loss.backward()
    value, gradients = program.run({id(X): others[0], id(targets): others[1]})
    np.testing.assert_allclose(value, loss.data, rtol=1e-14)
    for parameter in model.parameters():
        np.testing.assert_allclose(gradients[parameter], parameter.grad, rtol=1e-12, atol=1e-15)
