"""Programs in C against the engine: rows of the table, random programs, targets and guards."""

import operator
from itertools import permutations

import numpy as np
import pytest
from program_runs import run as run_program
from program_runs import values_of
from samples import SAMPLES

import nn
from autograd_lite import Tensor, compile, logsumexp, softmax_cross_entropy, value_and_grad
from autograd_lite.derivatives.shaping import astype
from autograd_lite.program import compiler
from autograd_lite.program.backends import Missed, Task
from autograd_lite.program.c_backend import Plan, Runner, c_backend, source_of
from autograd_lite.program.program import Guard, Step
from autograd_lite.program.trace import trace
from autograd_lite.protocol import full_name

pytestmark = pytest.mark.usefixtures("c_compiler")


def parts_of(program):
    """The inputs of a program, and as outputs its loss and the gradients of its parameters."""
    leaves = [step for node, step in program.cotangents.items() if node.operation is None]
    outputs = [(step, None) for step in (program.values[program.loss], *leaves)]
    return [*dict.fromkeys(program.inputs.values())], outputs


def arrays_of(inputs):
    return [step.arguments[0] for step in inputs]


def compiled(loss):
    program = trace(loss)
    inputs, outputs = parts_of(program)
    return c_backend(Task(program.steps, inputs, outputs, program.guards)), inputs


def assert_close(found, expected, single=False):
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        precision = 1e-5 if single or b.dtype == np.float32 else 1e-12
        largest = np.abs(np.where(np.isfinite(b), b, 0)).max(initial=0)
        np.testing.assert_allclose(a, b, precision, precision * largest)


def expected(loss, tensors):
    with np.errstate(all="ignore"):
        loss.backward()
    return [loss.data, *[tensor.grad for tensor in tensors]]


# Rows of the table


def recorded(sample, scale, dtype):
    """The loss of a sample, on data that a scale makes others."""
    tensors = [Tensor((x * scale).astype(dtype), requires_grad=True) for x in sample.arrays]
    with np.errstate(all="ignore"):
        result = sample.function(*tensors)
        weights = np.random.default_rng(0).normal(size=result.shape).astype(result.dtype)
        return (result * weights).sum()


def assert_right_in_c(samples, dtype=float):
    """All of them as one file in C, each on other data than was recorded."""
    plans = {}
    for number, sample in enumerate(samples):
        program = trace(recorded(sample, 1, dtype))
        plans[f"f{number}_"] = Plan(Task(program.steps, *parts_of(program), program.guards))
    library = compiler.library(source_of(plans))
    for sample, (name, plan) in zip(samples, plans.items(), strict=True):
        loss = recorded(sample, 0.97, dtype)
        program = trace(loss)
        inputs, _ = parts_of(program)
        leaves = [node for node in program.cotangents if node.operation is None]
        try:
            found = Runner(plan, library, name)(arrays_of(inputs))
        except Missed:
            continue
        try:
            assert_close(found, expected(loss, leaves), dtype == np.float32)
        except AssertionError as error:
            raise AssertionError(f"{full_name(sample.row)}: {error}") from error


@pytest.fixture
def quick(monkeypatch):
    """A compiler that makes no effort."""
    monkeypatch.setattr(compiler, "FLAGS", [*compiler.FLAGS, "-O0"])


def test_rows_of_the_table_are_right_in_c(quick):
    middle = [samples[len(samples) // 2] for samples in SAMPLES.values()]
    assert_right_in_c(middle[::12])


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_each_row_of_the_table_is_right_in_c(quick, dtype):
    chosen = [samples[:: -(-len(samples) // 2)] for samples in SAMPLES.values()]
    assert_right_in_c([sample for samples in chosen for sample in samples], dtype)


# Programs


KINDS = [
    lambda x, y, w: np.tanh(x) * y,
    lambda x, y, w: x - y.sum(axis=0),
    lambda x, y, w: np.maximum(x, y) / (1 + np.exp(-x)),
    lambda x, y, w: np.concatenate([x[:, 1:], y[:, :1]], axis=1),
    lambda x, y, w: x.T.reshape(3, 4) + (x @ w).max(axis=1, keepdims=True),
    lambda x, y, w: np.where(x.data > 0, x, y * y) - x.mean(axis=1, keepdims=True),
]


def random_program(rng):
    """A loss of arrays of some shapes, by functions of many kinds."""
    shapes = [(3, 4), (4,), (3, 1), (), (4, 5)]
    a, b, c, d, w = (Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes)
    pool = [a, a * b, a + c, d * a]
    for _ in range(6):
        x, y = (pool[rng.integers(len(pool))] for _ in range(2))
        pool.append(KINDS[rng.integers(len(KINDS))](x, y, w))
    return (pool[-1] ** 2).sum() + sum((x * x).sum() for x in pool[-3:])


@pytest.mark.parametrize("count", [7, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_random_programs_are_right_in_c(quick, count):
    rng = np.random.default_rng(count)
    losses = [random_program(rng) for _ in range(count)]
    programs = [trace(loss) for loss in losses]
    plans = {
        f"f{n}_": Plan(Task(program.steps, *parts_of(program), program.guards))
        for n, program in enumerate(programs)
    }
    library = compiler.library(source_of(plans))
    for (name, plan), program, loss in zip(plans.items(), programs, losses):
        inputs, _ = parts_of(program)
        leaves = [node for node in program.cotangents if node.operation is None]
        found = Runner(plan, library, name)(arrays_of(inputs))
        assert_close(found, expected(loss, leaves))


def test_a_network_with_large_products_is_right_in_c(quick):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(40, 60, activation="relu", rng=0), nn.Dense(60, 70, rng=1))
    X, labels = rng.normal(size=(50, 40)), rng.integers(0, 70, 50)
    loss = nn.CrossEntropyLoss()(model(X), labels)
    run, inputs = compiled(loss)
    leaves = [node for node in trace(loss).cotangents if node.operation is None]
    first = run(arrays_of(inputs))
    assert_close(first, expected(loss, leaves))
    again = run(arrays_of(inputs))
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
        assert not np.shares_memory(a, b)


def test_a_recurrence_takes_no_more_calls_in_c_where_it_is_longer(quick):
    calls = []
    for count in (20, 40):
        rng = np.random.default_rng(count)
        x, h = rng.normal(size=(count, 3)), np.zeros(3)
        weight = Tensor(rng.normal(size=(3, 3)) / 2, requires_grad=True)
        for t in range(count):
            h = np.tanh(h @ weight + x[t] * (h - 1))
        loss = (h * h).sum()
        run, inputs = compiled(loss)
        assert_close(run(arrays_of(inputs)), expected(loss, [weight]))
        calls.append(run.source.count("kernel"))
    assert calls[0] == calls[1]


def test_infinite_logits_give_what_the_engine_gives():
    x = Tensor([[np.inf, 1.0, -np.inf], [np.inf, np.inf, 0.0]], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = logsumexp(x, axis=1)[1] + logsumexp(-x[:, 1:], axis=1)[0]
        run, inputs = compiled(loss)
        assert_close(run(arrays_of(inputs)), expected(loss, [x]))


def test_the_gradient_of_one_entry_is_right_in_c_in_each_run(quick):
    for f, others in (lambda x: x[1], 0), (lambda x: (x[:2] ** 2).sum() + x[1], 2):
        fast = compile(value_and_grad(f), backend="c")
        for x in np.arange(1.0, 13.0).reshape(4, 3):
            value, gradient = fast(x)
            assert value == f(x)
            np.testing.assert_array_equal(gradient, [0, 1, 0] + others * x * [1, 1, 0])
        assert fast.backend == "c"


def test_gradients_of_slices_that_overlap_are_added_up_in_c(quick):
    def smoothed(x):
        longer = np.concatenate([x, [3.0]])
        return longer[:3] * 0.9 + longer[1:] * 0.1

    for f in (lambda x: smoothed(np.tanh(x)).sum(), lambda x: smoothed(smoothed(x) ** 2).sum()):
        fast = compile(value_and_grad(f), backend="c")
        for x in np.linspace(-1, 1, 9).reshape(3, 3):
            for found, right in zip(fast(x), value_and_grad(f)(x), strict=True):
                np.testing.assert_allclose(found, right, rtol=1e-13)
        assert fast.backend == "c"


def test_labels_that_the_engine_refuses_are_missed_and_nothing_is_written():
    x, labels = Tensor(np.zeros((2, 3)), requires_grad=True), np.array([0, 2])
    program = trace(softmax_cross_entropy(x, labels))
    data, given = program.inputs[x], program.inputs[id(labels)]
    outputs = [(program.cotangents[x], data)]
    run = c_backend(Task(program.steps, [data, given], outputs, program.guards))
    target = np.full((2, 3), 7.0)
    for wrong in (np.array([0, 3]), np.array([-1, 0])):
        with pytest.raises(Missed):
            run([target, wrong])
        np.testing.assert_array_equal(target, 7.0)


def found_in_c(function, *arguments):
    """What a function gives of arrays and numbers in C, and what NumPy gives."""
    given = [
        Step(None, (x,), {}, x.shape, n, x.dtype) if isinstance(x, np.ndarray) else x
        for n, x in enumerate(arguments)
    ]
    inputs, right = [x for x in given if type(x) is Step], function(*arguments)
    step = Step(function, tuple(given), {}, right.shape, len(given), right.dtype)
    run = c_backend(Task([*inputs, step], inputs, [(step, None)]))
    return run(arrays_of(inputs))[0], right


def test_entries_of_all_dtypes_are_what_numpy_gives(quick):
    floats, whole = np.array([0.5, -0.0, np.nan, -2.0]), np.array([-1, 0, 256, 3])
    unsigned, bytes_ = np.array([1, 2**63, 0, 3], np.uint64), np.array([0, 7, 255, 3], np.uint8)
    calls = [
        (np.where, floats, 1.0, floats),
        (np.where, whole, floats, 0.0),
        (np.less, whole, unsigned),
        (np.greater_equal, bytes_, 256),
        (np.add, bytes_, bytes_),
        (np.multiply, whole, floats),
        (np.maximum, floats, floats[::-1]),
        *[(f, *pair) for f in (np.maximum, np.minimum) for pair in permutations((floats, 0.25))],
        (np.maximum, floats, np.nan),
        (np.heaviside, floats, 0.25),
        (np.heaviside, floats, floats[::-1]),
        (np.sign, floats),
        (np.signbit, np.sign(floats)),
        (np.multiply, whole > 0, floats),
        (astype, floats < 0.25, np.dtype(np.float32)),
        (np.max, whole),
        (np.min, unsigned),
        (np.add, floats.astype(np.float32), 0.1),
        (np.add, floats.astype(np.float32), floats),
    ]
    for function, *arguments in calls:
        found, right = found_in_c(function, *arguments)
        np.testing.assert_array_equal(found, right, function.__name__)
        assert found.dtype == right.dtype


def test_functions_of_short_rows_run_in_one_loop_over_all_entries():
    x, row = Tensor(np.ones((7, 10)), requires_grad=True), np.linspace(0, 1, 10)
    for function, opened in ((np.exp, "i0 < 70"), (np.tanh, "i0 < 70"), (np.sqrt, "i1 < 10")):
        run, _ = compiled(function(x + row).sum())
        (text,) = [part for part in run.source.split("static") if f" {function.__name__}(v" in part]
        assert opened in text
    run, _ = compiled(np.exp(Tensor(np.ones((7, 100)), requires_grad=True) + np.ones(100)).sum())
    (text,) = [part for part in run.source.split("static") if " exp(v" in part]
    assert "i1 < 100" in text  # of long rows, what is added is not written to memory first


def test_a_sum_that_is_read_elsewhere_is_not_added_to_in_place(quick):
    x = Tensor(np.arange(1.0, 5.0), requires_grad=True)
    y = x * 3
    loss = (y[:2] ** 2).sum() + (y[1:3] ** 3).sum() + (y[2:] ** 2).sum()
    program = trace(loss)
    inputs, outputs = parts_of(program)
    outputs += [(step, None) for step in program.cotangents.values()]
    run = c_backend(Task(program.steps, inputs, outputs))
    right = run_program(program)[1][x]
    recorded = values_of(program)
    found = run(arrays_of(inputs))
    assert_close([found[1]], [right])
    for a, step in zip(found[2:], program.cotangents.values(), strict=True):
        assert_close([a], [recorded[step.number]])


def test_entries_at_places_are_what_numpy_gives_or_missed(quick):
    x, places = np.arange(5.0) ** 2, np.array([0, -1, 4, -5])
    for table in (x, x[::-1].copy()):
        found, right = found_in_c(operator.getitem, table, places)
        np.testing.assert_array_equal(found, right)
    inputs = [Step(None, (y,), {}, y.shape, n, y.dtype) for n, y in enumerate((x, places))]
    taken = Step(operator.getitem, tuple(inputs), {}, (4,), 2, x.dtype)
    run = c_backend(Task([*inputs, taken], inputs, [(taken, None)]))
    for wrong in (5, -6, 2**40):
        with pytest.raises(Missed):
            run([x, np.array([0, wrong, 1, 2])])
    np.testing.assert_array_equal(run([x, np.array([3, 3, -2, 0])])[0], [9.0, 9.0, 9.0, 0.0])


# Inputs, targets and guards


def updates():
    """a, b and c = a + 2 b, of inputs a and b."""
    a = Step(None, (np.ones(3),), {}, (3,), 0, np.dtype(float))
    b = Step(None, (np.ones(3),), {}, (3,), 1, np.dtype(float))
    twice = Step(np.multiply, (b, 2.0), {}, (3,), 2, np.dtype(float))
    c = Step(np.add, (a, twice), {}, (3,), 3, np.dtype(float))
    return a, b, twice, c


def test_results_are_written_to_targets_and_what_reads_those_gets_what_was_there():
    a, b, twice, c = steps = updates()
    run = c_backend(Task(steps, [a, b], [(c, a), (a, b), (a, None), (twice, None)]))
    x, y = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])
    was, doubled = run([x, y])
    np.testing.assert_array_equal(x, [21.0, 42.0, 63.0])
    np.testing.assert_array_equal(y, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(was, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(doubled, [20.0, 40.0, 60.0])


def test_inputs_may_be_other_arrays_each_time_lie_in_any_order_and_share_memory():
    a, b, _, c = steps = updates()
    run = c_backend(Task(steps, [a, b], [(c, a)]))
    for _ in range(3):
        backwards = np.array([3.0, 2.0, 1.0])[::-1]
        run([backwards, np.arange(6.0)[::2]])
        np.testing.assert_array_equal(backwards, [1.0, 6.0, 11.0])
    shared = np.arange(4.0)
    run([shared[:3], shared[1:]])
    np.testing.assert_array_equal(shared, [2.0, 5.0, 8.0, 3.0])


def test_a_guard_that_misses_leaves_targets_as_they_were():
    a, b, twice, c = steps = updates()
    for guarded, outcome in ((twice, np.full(3, 2.0)), (b, np.ones(3))):
        run = c_backend(Task(steps, [a, b], [(c, a)], [Guard(guarded, outcome)]))
        x = np.zeros(3)
        run([x, np.ones(3)])
        np.testing.assert_array_equal(x, 2.0)
        with pytest.raises(Missed):
            run([x, np.array([1.0, 1.0, 1.5])])
        np.testing.assert_array_equal(x, 2.0)
