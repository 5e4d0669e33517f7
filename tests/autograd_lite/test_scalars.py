"""Programs of thousands of single numbers, in groups with NumPy and by the tape in C."""

import shutil

import numpy as np
import pytest

import autograd_lite
from autograd_lite import Tensor, value_and_grad
from autograd_lite.program import compiler
from autograd_lite.program.backends import Missed, Task
from autograd_lite.program.c_backend import c_backend
from autograd_lite.program.program import Guard, Step
from autograd_lite.program.scalars import Group, are_numbers, call_of, scalar_backend
from autograd_lite.program.trace import trace

with_c = pytest.mark.skipif(
    not any(map(shutil.which, compiler.NAMES)), reason="there is no compiler"
)
backends = pytest.mark.parametrize(
    "backend", [scalar_backend, pytest.param(c_backend, marks=with_c)]
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "FLAGS", [*compiler.FLAGS, "-O0"])


def network_of_numbers(p, points=25):
    """The loss of a perceptron 2-5-1, computed number by number, of 21 parameters."""
    losses = 0.0
    for k in range(points):
        x, y = np.sin(k + 1.0), np.cos(3.0 * k)
        units = [np.tanh(p[3 * j] * x + p[3 * j + 1] * y + p[3 * j + 2]) for j in range(5)]
        score = sum((p[15 + j] * units[j] for j in range(5)), p[20])
        losses = losses + (1.0 + -y * score).relu() + score**2 / 7.0
    return losses * (1.0 / points) + 1e-3 * sum(q * q for q in p)


def recorded(numbers):
    tensors = [Tensor(number, requires_grad=True) for number in numbers]
    return network_of_numbers(tensors), tensors


@backends
def test_groups_compute_what_backward_does_for_other_numbers(backend):
    rng = np.random.default_rng(0)
    loss, tensors = recorded(rng.normal(size=21))
    program = trace(loss)
    inputs = [program.inputs[x] for x in tensors]
    if not are_numbers(program.steps, inputs):
        raise AssertionError("not a program of numbers")
    outputs = [(program.values[loss], None), *[(program.cotangents[x], None) for x in tensors]]
    run = backend(Task(program.steps, inputs, outputs, program.guards))
    assert len(run.scalars.groups) < len(program.steps) / 40
    others = rng.normal(size=21)
    other, others_tensors = recorded(others)
    other.backward()
    found = run([np.array(x) for x in others])
    expected = [other.data, *[x.grad for x in others_tensors]]
    assert [(x.shape, x.dtype) for x in found] == [((), np.dtype(float))] * 22
    largest = np.abs(expected[1:]).max()
    np.testing.assert_allclose(found, expected, 1e-12, 1e-12 * largest)


def test_groups_in_any_order_compute_the_same():
    """Operands that are evenly apart, in nests, side by side, or nowhere near each other."""
    rng = np.random.default_rng(0)
    for number in range(60):
        operands, shape = rng.integers(1, 9), rng.integers(1, 5, size=3)
        moves = rng.integers(-2, 3, size=(operands, 3)) * (rng.random(3) < 0.8)
        if operands > 2 and number % 4:
            moves[1:] = moves[1]  # all but the first lie alike
        places = 40 + np.tensordot(moves, np.indices(shape), 1).reshape(operands, -1)
        places += np.arange(operands)[:, None] * (number % 3)
        if number % 5 == 0:
            places[:, 1::2] = places[::-1, 1::2] + 3
        if number % 7 == 0:
            places = rng.permutation(places, axis=1)
        function = {1: np.tanh, 2: np.multiply}.get(operands, np.add)
        numbers = np.append(rng.normal(size=80), np.zeros(places.shape[1]))
        call_of(numbers, Group(function, 80, places))()
        given = numbers[places]
        expected = given.sum(axis=0) if function is np.add else function(*given)
        np.testing.assert_allclose(numbers[80:], expected, 1e-12, 1e-13, err_msg=f"{number}")


@backends
def test_numbers_are_written_to_targets_unless_a_guard_misses(backend):
    x = Step(None, (np.array(2.0),), {}, (), 0, np.dtype(float))
    steps = [x]
    for number in range(1, 1200):
        steps.append(Step(np.add, (steps[-1], x), {}, (), number, np.dtype(float)))
    guard = Guard(steps[1], np.array(4.0))
    run = backend(Task(steps, [x], [(steps[-1], x), (steps[-1], None), (x, None)], [guard]))
    given = np.array(2.0)
    total, was = run([given])
    assert (float(total), float(was), float(given)) == (2400.0, 2.0, 2400.0)
    with pytest.raises(Missed):
        run([given])
    assert float(given) == 2400.0


def test_what_is_no_program_of_numbers_is_left_to_others():
    x = Tensor(np.ones(3), requires_grad=True)
    y = x
    for _ in range(1500):
        y = y * x
    program = trace(y.sum())
    found = are_numbers(program.steps, [program.inputs[x]])
    assert not found


def test_a_compiled_function_of_numbers_runs_in_groups():
    fast = value_and_grad(autograd_lite.compile(lambda p: network_of_numbers(p, 12)))
    exact = value_and_grad(lambda p: network_of_numbers(p, 12))
    for numbers in np.random.default_rng(0).normal(size=(4, 21)):
        given = [np.array(x) for x in numbers]
        (value, gradients), (right, rights) = fast(given), exact(given)
        np.testing.assert_allclose([value, *gradients], [right, *rights], 1e-11)
    assert fast.backend == "numpy"
    assert "operands" in fast.source
