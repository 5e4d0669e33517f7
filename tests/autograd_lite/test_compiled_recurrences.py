"""Compiled recurrences, in which what repeats is a loop: the same numbers, in fewer lines."""

import operator
import re

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import value_and_grad
from autograd_lite.node import plain
from autograd_lite.program import c_backend as in_c
from autograd_lite.program import numpy_backend as in_numpy
from autograd_lite.program.backends import Task
from autograd_lite.program.folding import Repeated, folded
from autograd_lite.program.program import Step


@pytest.fixture
def counts(monkeypatch):
    """How often the loops run that back ends are given."""
    found = []

    def counted(task):
        made = folded(task)
        loops = [step.function for step in made.steps if isinstance(step.function, Repeated)]
        found.extend(loop.count for loop in loops)
        return made

    for backend in (in_numpy, in_c):
        monkeypatch.setattr(backend, "folded", counted)
    return found


def assert_computed(f, draw, backend="numpy", argnums=(0, 1)):
    """Value and gradients on other data than were recorded; what was compiled is returned."""
    fast = value_and_grad(al.compile(f, backend=backend), argnums)
    for _ in range(4):
        arguments = draw()
        expected, found = value_and_grad(f, argnums)(*arguments), fast(*arguments)
        for a, b in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
            if backend == "numpy":
                assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
            else:
                precision = 1e-12 if a.dtype == np.float64 else 1e-5
                np.testing.assert_allclose(a, b, 0, precision * max(1, 30 * np.abs(b).max()))
    return fast


# Loops that are written out


def recurrence(weight, x):
    h = np.zeros((2, 3))
    for t in range(len(x)):
        gate = np.exp(-np.square(h @ weight[:3] + x[t]))
        h = gate * np.tanh(h @ weight[3:]) + (1 - gate) * h
    return (h * h).sum()


def test_a_longer_recurrence_has_no_longer_a_function_and_runs_by_itself():
    lengths = []
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(6, 3))
    for x in (rng.normal(size=(20, 2, 3)), rng.normal(size=(40, 2, 3))):
        fast = assert_computed(recurrence, lambda x=x: (rng.permutation(weight), x))
        assert fast.backend == "numpy"
        lengths.append(len(fast.source[fast.source.index("def step") :].splitlines()))
    assert lengths[0] == lengths[1] < 150
    bound = {}
    exec(fast.source, bound)
    _, gradient, _ = bound["step"](weight, x, np.zeros((2, 3)))
    assert gradient.tobytes() == value_and_grad(recurrence)(weight, x)[1].tobytes()


def test_one_place_in_memory_has_one_name_in_a_function_of_c(quick_c_compiler, counts):
    """Compilers may clear it by another name before it is read."""

    def f(x, weight):
        for _ in range(7):
            x = np.tanh(np.stack([*x]) * weight)
        return x.sum()

    rng = np.random.default_rng(0)
    fast = assert_computed(f, lambda: rng.normal(size=(2, 4, 4)), backend="c", argnums=(0,))
    assert counts == [7, 7]
    calls = re.findall(r"kernel\d+\((\(void.*)\);", fast.source)
    places = [call.split(", ") for call in calls]
    assert places
    assert all(len({*each}) == len(each) for each in places), fast.source


@pytest.mark.parametrize("size", [1, 3, 40, 2000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_small_loops_carry_is_in_variables_of_c(size, dtype, quick_c_compiler, counts):
    def f(rates, x):
        before, total = x, 0 * x
        for _ in range(20):
            x, before = x + rates[0] * (before - rates[1] * x), x
            total = total + np.sin(x) * before
        return (total * before).mean()

    rng = np.random.default_rng(0)

    def draw():
        return rng.uniform(0.1, 0.2, 2).astype(dtype), rng.normal(size=size).astype(dtype)

    fast = assert_computed(f, draw, backend="c")
    assert len(counts) == 2  # forward and backward
    kept = re.findall(r"(?:float|double|char) (own\d|room)\[", fast.source)
    assert {*kept} == ({"own0", "own1", "own2", "own3", "room"} if size < 2000 else set())


@pytest.mark.parametrize("make", [in_numpy.numpy_backend, in_c.c_backend])
def test_a_loop_may_do_no_more_than_to_pass_on_what_it_is_given(make, quick_c_compiler):
    def step(function, arguments, shape=(3,)):
        steps.append(Step(function, arguments, {}, shape, len(steps), np.dtype(float)))
        return steps[-1]

    for of_rows in (False, True):
        steps, loop = [], Repeated(6)
        x, place = step(None, (np.ones((6, 3)),), (6, 3)), step(None, ())
        passed = step(plain, (place,))
        rows = [step(operator.getitem, (x, number)) for number in range(6)]
        loop.body, loop.outputs = [passed], [(passed, False)]
        if of_rows:
            loop.sliced = [(place, range(6))]
        else:
            loop.given = [place]
        given = ([], [rows], []) if of_rows else ([rows[5]], [], [])
        found = step(operator.getitem, (step(loop, given, None), 0))
        run = make(Task([x, *steps[3:], step(np.add, (found, found))], [x], [(steps[-1], None)]))
        (result,) = run([np.arange(18.0).reshape(6, 3)])
        np.testing.assert_array_equal(result, [30, 32, 34])


def test_values_that_are_carried_may_change_places(counts):
    def f(a, b):
        before, now, then = a, b, a * b
        for _ in range(20):
            before, now, then = now, np.tanh(then * a), before + 0.5
        return (before * now + then).sum()

    rng = np.random.default_rng(0)
    assert_computed(f, lambda: rng.normal(size=(2, 3)))
    assert max(counts) >= 6


def test_what_is_added_to_is_no_copy_in_each_iteration(counts):
    """The gradient of all rows, of which each iteration reads one."""

    def f(weight, x):
        h = weight[0]
        for t in range(30):
            h = np.tanh(h @ weight + x[t])
        return h.sum()

    rng = np.random.default_rng(0)
    fast = assert_computed(f, lambda: (rng.normal(size=(3, 3)), rng.normal(size=(30, 3))))
    loops = fast.source.split("    for ")[1:]
    assert counts[:2] == [30, 28]
    assert "copyto" not in loops[1].split("\n    t")[0]


def test_what_lies_otherwise_in_the_next_iteration_is_computed_step_by_step(counts):
    """Bits depend on which axis is the inner one."""

    def f(weight, x):
        h = x
        for _ in range(20):
            h = np.tanh(h @ weight).T
        return (h[0] * h).sum()

    rng = np.random.default_rng(0)
    assert_computed(f, lambda: rng.normal(size=(2, 4, 4)))


def beside(weight, x):
    for _ in range(300):
        x = np.tanh(x) + 0.01
    return (weight * x).sum()


def of_a_constant(weight, x):
    return beside(weight * x, al.Tensor(np.full(3, 0.5)))


def truncated(weight, x):
    for _ in range(150):
        x = np.tanh(weight * al.Tensor.detach(x if isinstance(x, al.Tensor) else al.Tensor(x)))
    return (weight * x).sum()


@pytest.mark.parametrize("f", [beside, of_a_constant, truncated])
def test_hundreds_of_calls_that_are_not_differentiated_are_followed(f):
    """One after the other, as Python goes no deeper than a thousand calls."""
    rng = np.random.default_rng(0)
    fast = assert_computed(f, lambda: rng.normal(size=(2, 3)), argnums=(0,))
    assert fast.backend == "numpy"


def test_hundreds_of_calls_without_a_gradient_are_followed():
    fast, rng = al.compile(beside), np.random.default_rng(0)
    for weight, x in rng.normal(size=(4, 2, 3)):
        assert fast(weight, x) == beside(weight, x)
    assert fast.backend == "numpy"


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_branch_that_is_taken_otherwise_in_one_iteration_is_seen(backend, quick_c_compiler):
    def f(x, scale):
        h = scale
        for t in range(12):
            h = np.tanh(h * x[t]) if x[t] > 0 else h - 1
        return h * 1.0

    rng = np.random.default_rng(0)
    fast = value_and_grad(al.compile(f, backend=backend))
    for number in range(8):
        x, scale = rng.random(12) + 0.1, np.float64(rng.random())
        if number == 5:
            x[7] = -1.0
        found, expected = fast(x, scale), value_and_grad(f)(x, scale)
        np.testing.assert_allclose(found[0], expected[0], 1e-12)
        np.testing.assert_allclose(found[1], expected[1], 1e-12)
        assert (fast.backend == backend) == (number in (1, 2, 3, 4, 7))


# Recurrences at random

STEPS = (
    lambda h, w, b: np.tanh(h @ w),
    lambda h, w, b: al.sigmoid(w @ h + b),
    lambda h, w, b: h.T,
    lambda h, w, b: al.relu(h),
    lambda h, w, b: h / (1 + abs(h)),
    lambda h, w, b: np.concatenate([h[:, 1:], h[:, :1]], axis=1),
    lambda h, w, b: h - h.mean(axis=0),
    lambda h, w, b: h / np.sqrt(h.var(axis=1, keepdims=True) + 0.1),
    lambda h, w, b: al.softmax(h),
    lambda h, w, b: h[::-1] * np.tanh(h[0]),
    lambda h, w, b: np.linalg.inv(3 * np.eye(len(h), dtype=h.dtype) + 0.1 * np.tanh(h)),
    lambda h, w, b: h + 0.1 * al.logsumexp(h, axis=1, keepdims=True),
    lambda h, w, b: np.maximum(h, b),
    lambda h, w, b: np.multiply(*np.split(np.tanh(np.concatenate([h, h + 1])), 2)),
    lambda h, w, b: np.sort(h, axis=0) + w[0, 0] * b,
    lambda h, w, b: 0.3 * np.cumsum(np.tanh(h) ** 2, axis=1),
    lambda h, w, b: h.reshape(-1)[::-1].reshape(h.shape) * w[1],
)
READ = (
    lambda x, t: x[t],
    lambda x, t: x[len(x) - 1 - t],
    lambda x, t: x[t : t + 2].sum(axis=0),
    lambda x, t: x[:, t % 3, :],
    lambda x, t: x[t - 3],
)
"""Of these the last counts from the end at first."""


def drawn(seed):
    """A recurrence, and what draws its data: x, weight, b."""
    rng = np.random.default_rng(seed)
    n, times, lag = rng.integers(2, 5), rng.integers(12, 18), rng.integers(1, 4)
    dtype = np.float32 if rng.random() < 0.3 else np.float64
    steps = [STEPS[i] for i in rng.integers(len(STEPS), size=rng.integers(1, 5))]
    read, ends, apart = READ[rng.integers(len(READ))], rng.integers(4), rng.random() < 0.4
    targets = rng.normal(size=(times, n, n)).astype(dtype)

    def f(x, weight, b):
        kept, loss = [b * (k + 1) for k in range(lag)], 0.0
        for t in range(times):
            h = kept[-1] * 0.7 + kept[-lag] * 0.3 + 0.1 * read(x, t).mean(axis=0)
            for step in steps:
                h = step(h, weight, b)
            kept.append(h)
            if apart:
                loss = loss + ((h - targets[t]) ** 2).mean()
        if ends == 0:
            return loss + (h @ weight).sum()
        if ends == 1:
            return loss + (np.stack(kept) ** 2).mean() + weight[0, 0]
        return loss + (kept[-1] * kept[lag]).sum() + (kept[times // 2] @ weight).mean()

    def draw():
        shapes = (times + 1, max(n, 3), n), (n, n), (n, n)
        return [(rng.normal(size=shape) / n).astype(dtype) for shape in shapes]

    return f, draw


def assert_recurrences_at_random(seeds, backend):
    ran = 0
    for seed in seeds:
        f, draw = drawn(seed)
        try:
            # Where sorting goes otherwise, another one is recorded.
            ran += assert_computed(f, draw, backend, (0, 1, 2)).backend == backend
        except Exception as error:
            raise AssertionError(f"recurrence {seed}") from error
    assert ran > 0.8 * len(seeds)


def test_recurrences_at_random_have_the_bits_of_the_eager_ones(counts):
    assert_recurrences_at_random(range(3), "numpy")
    assert len(counts) >= 4


def test_a_recurrence_at_random_is_right_in_c(quick_c_compiler, counts):
    assert_recurrences_at_random(range(1), "c")
    assert len(counts) >= 1


@pytest.mark.exhaustive
def test_more_recurrences_at_random_have_the_bits_of_the_eager_ones(counts):
    assert_recurrences_at_random(range(3, 40), "numpy")
    assert len(counts) >= 30


@pytest.mark.exhaustive
def test_more_recurrences_at_random_are_right_in_c(quick_c_compiler, counts):
    assert_recurrences_at_random(range(1, 12), "c")
    assert len(counts) >= 12
