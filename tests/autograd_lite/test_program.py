"""Programs against backward(): every row of the table, random programs, other data."""

import numpy as np
import pytest
from program_runs import assert_gradients, run, values_of
from samples import SAMPLES
from walk import Walk

import nn
from autograd_lite import (
    Tensor,
    dropout,
    softmax_cross_entropy,
)
from autograd_lite.errors import UnsupportedError
from autograd_lite.program.trace import guarded, outline, trace


def recorded(sample, scale=1.0):
    """The loss of a sample, the tensors and arrays it was computed from."""
    tensors = [Tensor(array * scale, requires_grad=True) for array in sample.arrays]
    result = sample.function(*tensors)
    weights = np.random.default_rng(0).normal(size=result.shape)
    return (result * weights).sum(), tensors, weights


walk = Walk()


@walk.each_sample
def its_program_computes_what_backward_does(sample):
    loss, tensors, _ = recorded(sample)
    with np.errstate(all="ignore"):
        loss.backward()
    value, gradients = run(trace(loss))
    np.testing.assert_array_equal(value, loss.data)
    assert_gradients(gradients, tensors)


def assert_right_for_other_data(sample):
    with guarded() as taken:
        loss, tensors, weights = recorded(sample)
    program = trace(loss, taken=taken)
    other, others, other_weights = recorded(sample, 0.97)
    with np.errstate(all="ignore"):
        other.backward()
    arrays = {id(weights): 1 * other_weights}
    arrays |= {t: o.data for t, o in zip(tensors, others, strict=True)}
    value, gradients = run(program, {k: x for k, x in arrays.items() if k in program.inputs})
    np.testing.assert_array_equal(value, other.data)
    assert_gradients({o: gradients.get(t) for t, o in zip(tensors, others)}, others)


@walk.each_sample
def its_program_computes_what_backward_does_for_other_data(sample):
    if sample.row is not np.interp:
        assert_right_for_other_data(sample)


def test_the_program_of_an_interpolation_is_right_or_refused_for_other_data():
    refused = 0
    for sample in SAMPLES[np.interp]:
        try:
            assert_right_for_other_data(sample)
        except UnsupportedError:  # A point was on another line.
            refused += 1
    assert 0 < refused < len(SAMPLES[np.interp])


@walk.each_sample
def its_steps_that_are_run_again_give_the_same(sample):
    loss, _, _ = recorded(sample)
    program = trace(loss)
    contributions = [s for by_slot in program.contributions.values() for s in by_slot.values()]
    known = values_of(program)
    for step in contributions:
        below = program.below([step.number])
        values = program.again({step.number: step.function}, known, below)
        for number in below:
            np.testing.assert_array_equal(values[number], known[number])


@walk.each_sample
def its_outline_computes_what_backward_does(sample):
    loss, tensors, _ = recorded(sample)
    with np.errstate(all="ignore"):
        loss.backward()
        program = outline(loss)
    again = values_of(program)
    for tensor in tensors:
        if tensor.grad is not None:
            step = program.cotangents[tensor]
            np.testing.assert_array_equal(program.recorded[step.number], tensor.grad)
            np.testing.assert_allclose(again[step.number], tensor.grad, 1e-13)


test_each_row_on_some_of_its_samples = walk.test(of_each=1)
test_each_row_on_each_of_its_samples = pytest.mark.exhaustive(walk.test())


def test_only_the_steps_below_a_replaced_one_are_run_again():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.tanh(x)
    program = outline((y * x).sum())
    step = program.contributions[y][0]
    replaced = {step.number: lambda g, *given: 7 * g}
    values = program.again(replaced, program.recorded, program.below(replaced))
    changed = [n for n, (a, b) in enumerate(zip(values, program.recorded)) if a is not b]
    assert changed == [step.number, program.cotangents[x].number]
    np.testing.assert_allclose(values[-1], 7 * x.data + y.data)


def test_an_outline_has_a_step_for_each_contribution():
    x = Tensor([1.0, 2.0], requires_grad=True)
    program = outline(x[0] * x[1] + x[0])
    computed = [node for node in program.values if node.operation]
    wanted = {node: [*node.wanted] for node in computed}
    assert {node: [*steps] for node, steps in program.contributions.items()} == wanted
    steps = [step for by_slot in program.contributions.values() for step in by_slot.values()]
    assert len({*steps}) == len(steps) == 7


def test_what_is_replaced_stays_so_where_more_is_replaced():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.tanh(x)
    loss = (y * y).sum()
    program = outline(loss)
    late = {program.contributions[y][0].number: lambda *given: np.array([5.0, 7.0])}
    early = {program.contributions[loss][0].number: lambda *given: np.zeros(2)}
    known = program.again(late, program.recorded, program.below(late))
    both = program.again(late | early, known, program.below(early))
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
    value, gradients = run(program, {id(X): others[0], id(targets): others[1]})
    np.testing.assert_allclose(value, loss.data, rtol=1e-14)
    for parameter in model.parameters():
        np.testing.assert_allclose(gradients[parameter], parameter.grad, rtol=1e-12, atol=1e-15)


def test_labels_are_an_input_whether_they_are_an_array_or_a_tensor():
    logits = Tensor(np.random.default_rng(0).normal(size=(4, 3)), requires_grad=True)
    labels, others = np.array([0, 2, 1, 1]), np.array([2, 2, 0, 1])
    softmax_cross_entropy(logits, others).backward()
    for given in (labels, Tensor(labels)):
        program = trace(softmax_cross_entropy(logits, given))
        for key in (given, id(labels)) if isinstance(given, Tensor) else (id(labels),):
            assert_gradients(run(program, {key: others})[1], [logits])


def test_the_mask_of_dropout_is_an_input():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    mask, other = np.array([True, False, True]), np.array([False, True, True])
    program = trace(dropout(x, mask, 0.5).sum())
    np.testing.assert_array_equal(run(program, {id(mask): other})[1][x], [0.0, 2.0, 2.0])


def test_tensors_that_were_changed_since_are_run_as_they_are_now():
    x = Tensor([1.0, 2.0], requires_grad=True)
    program = trace((x * x).sum())
    x.data = np.array([3.0, 4.0])
    np.testing.assert_array_equal(run(program)[1][x], [6.0, 8.0])


def test_the_array_of_a_tensor_that_was_used_without_it_is_replaced_with_it():
    x = Tensor([1.0, 2.0], requires_grad=True)
    program = trace((x * x.data).sum())
    value, gradients = run(program, {x: np.array([3.0, 4.0])})
    assert float(value) == 25.0
    np.testing.assert_array_equal(gradients[x], [3.0, 4.0])
