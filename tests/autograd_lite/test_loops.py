"""Loops found again: they stand for the same calls, run to the same values, and are no guess."""

import operator

import numpy as np
import pytest
from recurrences import RECURRENCES, parameter
from test_random_programs import drawn, given_program, output

from autograd_lite import Tensor
from autograd_lite.program.loops import Loop, with_moved
from autograd_lite.program.program import Step, mapped
from autograd_lite.program.rolling import LEAST, rolled
from autograd_lite.program.trace import trace
from autograd_lite.table import TABLE


def loops_of(parts):
    return [part for part in parts if isinstance(part, Loop)]


def unrolled(parts):
    """Each step as it was, and as a loop makes it: the same call of the same arguments."""
    places = {}
    for part in parts:
        if isinstance(part, Step):
            yield part, part
            continue
        places |= {step: (part, q) for q, step in enumerate(part.body)}
        known = {place: first for place, (first, _) in part.carried.items()}

        def own(value, known=known):
            return known.get(value, value) if type(value) is Step else value

        for j, originals in enumerate(part.originals):
            for place, (of, indices) in part.sliced.items():
                known[place] = indices[j]
                if type(of) is Step:
                    loop, q = places[of]
                    known[place] = loop.originals[indices[j]][q]
                elif of is not None:
                    known[place] = of[indices[j]]
            known |= zip(part.body, originals)
            for step, original in zip(part.body, originals):
                arguments, keywords = with_moved(step, own)
                yield original, Step(step.function, arguments, keywords, step.shape, -1, step.dtype)
            known |= {place: known[then] for place, (_, then) in part.carried.items()}


def assert_unrolls(parts, steps):
    """Each call is there once, in order, with its own function and arguments."""
    found = list(unrolled(parts))
    numbers = [step.number for step in steps if step.function is not None]
    assert [original.number for original, _ in found] == numbers
    for original, made in found:
        assert made.function is original.function
        assert (made.shape, made.dtype) == (original.shape, original.dtype)
        assert same(made.arguments, original.arguments), original.number
        assert same(made.keywords, original.keywords), original.number


def same(one, other):
    if isinstance(one, Step | np.ndarray):
        return one is other
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, slice):
        return one == other
    return type(one) is type(other) and one == other


def arrays_of(steps):
    return [step.arguments[0] for step in steps]


def values_of(parts, found):
    """The values of what is used after its loop, run as the docstring of `Loop` says."""
    histories = {}
    for part in parts:
        if isinstance(part, Step):
            found[part] = value_of(part, found)
            continue
        now = {place: found[first] for place, (first, _) in part.carried.items()}
        for j in range(part.count):
            for place, (of, indices) in part.sliced.items():
                rows = histories[of] if isinstance(of, Step) else of and arrays_of(of)
                now[place] = indices[j] if of is None else rows[indices[j]]
            for step in part.body:
                now[step] = value_of(step, {**found, **now})
            for step, iterations in part.collected.items():
                if j in iterations:
                    histories.setdefault(step, {})[j] = now[step]
                    found[part.originals[j][part.body.index(step)]] = now[step]
            now |= {place: now[then] for place, (_, then) in part.carried.items()}
    return found


def value_of(step, found):
    def own(value):
        if isinstance(value, slice):
            return slice(*map(own, (value.start, value.stop, value.step)))
        return found[value] if isinstance(value, Step) else value

    row = TABLE.get(step.function) if isinstance(step.function, np.ufunc) else None
    function = row.compute if row else step.function
    return function(*mapped(own, step.arguments), **mapped(own, step.keywords))


@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_a_loop_is_found_forward_and_backward_and_stands_for_the_same_calls(recurrence):
    loss, parameters, _ = recurrence(50)
    program = trace(loss)
    results = [program.cotangents[parameter] for parameter in parameters]
    parts = rolled(program.steps, results)
    assert_unrolls(parts, program.steps)
    counts = len(program.steps), len(parts), len(loops_of(parts))
    assert counts[1] < counts[0] / 8
    assert counts[2] >= 2


@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_a_loop_runs_to_the_gradients_of_the_record_bit_by_bit(recurrence):
    loss, parameters, _ = recurrence(12)
    program = trace(loss)
    results = [program.cotangents[parameter] for parameter in parameters]
    leaves = {step: step.arguments[0] for step in program.steps if step.function is None}
    found = values_of(rolled(program.steps, results), leaves)
    loss.backward()
    for result, tensor in zip(results, parameters, strict=True):
        np.testing.assert_array_equal(found[result], tensor.grad)


def test_layers_with_weights_of_their_own_are_no_loop():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 3))
    for _ in range(12):
        a = np.tanh(parameter(rng, 4, 4) @ a)
    steps = trace(a.sum()).steps
    count = len(loops_of(rolled(steps)))
    assert count == 0


@pytest.mark.parametrize(("count", "loops"), [(LEAST - 1, 0), (LEAST, 1)])
def test_so_many_iterations_make_a_loop(count, loops):
    x = Tensor(1.5, requires_grad=True)
    y = np.tanh(x)
    for _ in range(count):
        y = np.tanh(y) * x
    program = trace(y)
    forward = [step for step in program.steps if step.number <= program.values[y].number]
    parts = rolled(forward, [program.values[y]])
    found = len(loops_of(parts))
    assert found == loops
    assert_unrolls(parts, forward)


def test_what_reads_in_no_order_is_no_loop():
    x = parameter(np.random.default_rng(0), 8, 3)
    y = 1.0
    for t in [3, 1, 7, 0, 2, 6, 4, 5]:
        y = np.tanh(y * x[t])
    program = trace(y.sum())
    assert_unrolls(rolled(program.steps), program.steps)
    reading = [
        step.number
        for loop in loops_of(rolled(program.steps))
        for step in loop.body
        if step.function is operator.getitem
    ]
    assert reading == []


def test_other_constants_in_each_iteration_are_no_loop():
    x = Tensor(1.5, requires_grad=True)
    y = x
    for t in range(12):
        y = np.sin(y + 0.1 * t)
    program = trace(y)
    assert all(
        step.function is not np.sin
        for loop in loops_of(rolled(program.steps))
        for step in loop.body
    )
    assert_unrolls(rolled(program.steps), program.steps)


@given_program
def test_random_programs_unroll_to_themselves(program, seed):
    inputs, _ = drawn(program, seed)
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    steps = trace(output(program, tensors)).steps
    assert_unrolls(rolled(steps), steps)
