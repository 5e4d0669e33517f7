"""Compiled functions against those that they were made of, to the last bit, on other data."""

import copy
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import numpy as np
import pytest
from samples import SAMPLES
from walk import Walk

import autograd_lite
from autograd_lite import Tensor, differentiable, grad, sigmoid_cross_entropy, value_and_grad
from autograd_lite.errors import ArgumentError, UnsupportedError
from autograd_lite.program.backends import Backend, Missed, Runner, Task
from autograd_lite.program.numpy_backend import numpy_backend
from autograd_lite.program.trace import Tracer, guarded

TEMPLATES = {}


def recorded(sample, scale=1.0):
    tensors = [Tensor(array * scale, requires_grad=True) for array in sample.arrays]
    result = sample.function(*tensors)
    weights = np.random.default_rng(0).normal(size=result.shape)
    return (result * weights).sum(), tensors, weights


def assert_same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def laid_out(loss, tensors, taken):
    """What runs the program of a loss, for the arrays of tensors, and whose gradients it gives."""
    tracer = Tracer(loss, TEMPLATES)
    tracer.write(taken)
    program = tracer.program
    used = [tensor for tensor in tensors if tensor in program.inputs]
    outputs = [program.values[loss], *[program.cotangents[x] for x in used]]
    inputs = [program.inputs[x] for x in used]
    returned = [(step, None) for step in outputs]
    return used, numpy_backend(Task(program.steps, inputs, returned, program.guards))


walk = Walk()


@walk.each_sample
def compiled_it_computes_the_same_on_other_data(sample):
    with guarded() as taken:
        loss, tensors, _ = recorded(sample)
    used, run = laid_out(loss, tensors, taken)
    other, others, _ = recorded(sample, 0.97)
    with np.errstate(all="ignore"):
        other.backward(leaves_only=True)
    used = {*used}
    given = [o for t, o in zip(tensors, others, strict=True) if t in used]
    for _ in range(2):  # buffers are used again
        try:
            value, *gradients = run([o.data for o in given])
        except Missed:
            assert sample.row is np.interp  # a point was on another line
            return
        assert_same_bits(np.asarray(value), np.asarray(other.data))
        for o, gradient in zip(given, gradients, strict=True):
            assert_same_bits(np.asarray(gradient), np.asarray(o.grad))


def test_some_rows_on_one_of_their_samples():
    for samples in list(SAMPLES.values())[::4]:
        compiled_it_computes_the_same_on_other_data(samples[-1])


test_each_row_on_each_of_its_samples = pytest.mark.exhaustive(walk.test())


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def points(*shape, count=5):
    return np.random.default_rng(0).normal(size=(count, *shape))


def test_values_and_gradients_are_compiled_at_the_second_point():
    value, both = (
        autograd_lite.compile(rosenbrock),
        value_and_grad(autograd_lite.compile(rosenbrock)),
    )
    for x in points(6):
        assert_same_bits(value(x), rosenbrock(x))
        for found, expected in zip(both(x), value_and_grad(rosenbrock)(x), strict=True):
            assert_same_bits(found, expected)
    assert value.backend == both.backend == "numpy"


def test_functions_of_ones_own_are_called_in_the_context_of_the_call_and_others_without_warnings():
    factor = ContextVar("factor", default=2.0)
    scaled = differentiable(lambda g, y, x: g * 2.0)(lambda x: x * factor.get())
    x = Tensor([1.0, 4.0], requires_grad=True)
    _, run = laid_out(scaled(x).sum(), [x], [])
    factor.set(3.0)
    assert run([x.data])[0] == 15.0
    _, run = laid_out(np.log(x).sum(), [x], [])
    with warnings.catch_warnings(action="error"):
        assert run([np.array([0.0, 1.0])])[0] == -np.inf


def test_infinite_logits_of_a_compiled_cross_entropy_are_those_of_the_function():
    targets = np.array([1.0, 0.0, 1.0])
    compiled = value_and_grad(
        autograd_lite.compile(lambda z: sigmoid_cross_entropy(z, targets).sum())
    )
    eager = value_and_grad(lambda z: sigmoid_cross_entropy(z, targets).sum())
    for z in np.random.default_rng(0).normal(size=(3, 3)):
        compiled(z)
    assert compiled.backend == "numpy"
    for z in np.array([np.inf, 0.0, 1.0]), np.array([np.inf, np.inf, 1.0]):
        for found, expected in zip(compiled(z), eager(z), strict=True):
            assert_same_bits(np.asarray(found), np.asarray(expected))


def test_the_source_runs_by_itself_and_has_the_names_of_the_function():
    fast = value_and_grad(autograd_lite.compile(rosenbrock))
    for x in points(6):
        expected = fast(x)
    variables = {}
    exec(fast.source, variables)
    for found, wanted in zip(variables["step"](x), expected, strict=True):
        assert_same_bits(found, wanted)
    assert "def step(x):" in fast.source


def test_what_is_returned_is_the_callers():
    fast = value_and_grad(autograd_lite.compile(lambda x: (x, (x * x).sum())[1]))
    first, second = [fast(x)[1] for x in points(3)[:2]]
    kept = fast(points(3)[2])[1]
    before = kept.copy()
    fast(points(3)[3])
    np.testing.assert_array_equal(kept, before)
    assert not np.shares_memory(first, second)


def test_structures_keywords_and_several_arguments():
    def f(parameters, *, x, power=2):
        return {"loss": (parameters["w"] * x + parameters["b"][0]) ** power, "n": 3}

    fast = autograd_lite.compile(f)
    for x in points(3):
        given = {"w": x, "b": [x[0]]}
        found, expected = fast(given, x=x), f(given, x=x)
        assert_same_bits(found["loss"], expected["loss"])
        assert found["n"] == 3
    assert fast.backend == "numpy"
    two = grad(autograd_lite.compile(lambda a, b: (a * np.sin(b)).sum()), (0, 1))
    for a, b in zip(points(3), points(3)[::-1]):
        for found, expected in zip(two(a, b), (np.sin(b), a * np.cos(b)), strict=True):
            assert_same_bits(found, expected)


def test_the_same_array_given_twice_is_two_arguments():
    fast = autograd_lite.compile(lambda a, b: (a * b).sum())
    x, y = points(3)[:2]
    for _ in range(2):
        fast(x, x)
    assert fast(x, y) == (x * y).sum()


def test_other_shapes_dtypes_and_python_numbers_are_recorded_anew():
    fast = autograd_lite.compile(lambda x, k=2: (x * k).sum())
    for array in (np.ones(3), np.ones((2, 2)), np.ones(3, np.float32), np.array([1, 2])):
        for scale in (1, 2, 1.5):
            result = fast(array * array.dtype.type(scale), k=scale)
            assert result == (array * array.dtype.type(scale) * scale).sum()


def test_branches_are_followed_for_each_data():
    def f(x):
        return (x * 2).sum() if x[0] > 0 else (x * 3).sum()

    fast = value_and_grad(autograd_lite.compile(f))
    for x in points(3, count=12):
        value, gradient = fast(x)
        assert value == f(x)
        assert gradient[0] == (2 if x[0] > 0 else 3)


def test_branches_that_change_all_the_time_are_taken_eagerly():
    fast = autograd_lite.compile(lambda x: x.sum() * 2 if x[0] > 0 else x.sum())
    for n in range(60):
        x = np.full(3, (-1.0) ** n * (n + 1))
        assert fast(x) == (x.sum() * 2 if x[0] > 0 else x.sum())
    assert fast.backend == "eager: what is computed changes too often"


def test_what_is_random_is_refused_by_name():
    rng = np.random.default_rng(0)
    fast = autograd_lite.compile(lambda x: (x + rng.normal(size=3)).sum())
    with pytest.raises(UnsupportedError, match=r"array \(3,\) that it computes with is another"):
        fast(np.ones(3))


def test_what_is_computed_past_the_record_is_refused():
    def f(x):
        return ((x - float(np.mean(getattr(x, "_array", x)))) ** 2).sum()

    with pytest.raises(UnsupportedError, match="step 1, subtract, is another for other data"):
        autograd_lite.compile(f)(np.array([1.0, 2.0]))


def test_a_gradient_inside_is_never_that_of_other_data():
    compiled = autograd_lite.compile(lambda x: autograd_lite.grad(lambda x: (x**3).sum())(x) + 1)
    for x in (np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])):
        np.testing.assert_array_equal(compiled(x), 3 * x**2 + 1)
    assert "gradients that are taken within are" in compiled.backend


def test_a_mask_that_is_the_same_for_all_entries_guards_none():
    """The rule of np.pad takes those that were not added."""

    def f(x):
        h = np.tanh(x)
        return (np.pad(h, ((1, 0), (0, 0)))[:-1] * h).sum()

    fast, rng = value_and_grad(autograd_lite.compile(f)), np.random.default_rng(0)
    for _ in range(3):
        x = rng.normal(size=(3, 2))
        (value, gradient), (expected, right) = fast(x), value_and_grad(f)(x)
        assert (value, gradient.tobytes()) == (expected, right.tobytes())
    assert fast.backend == "numpy"


def test_what_is_compiled_of_a_gradient_is_the_gradient_of_what_is_compiled():
    def f(x, y):
        return (x**3 * y).sum()

    compiled = autograd_lite.compile(autograd_lite.value_and_grad(f, (0, 1)))
    gradient = autograd_lite.compile(autograd_lite.grad(f))
    for x in (np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])):
        value, (of_x, of_y) = compiled(x, 2 * x)
        assert value == f(x, 2 * x)
        np.testing.assert_array_equal(of_x, 3 * x**2 * (2 * x))
        np.testing.assert_array_equal(of_y, x**3)
        np.testing.assert_array_equal(gradient(x, 2 * x), of_x)
    assert compiled.backend == "numpy"


def test_variables_from_outside_are_looked_at():
    weights, options = np.ones(3), {"power": 2}

    def f(x):
        return (x ** options["power"] * weights).sum()

    fast, x = autograd_lite.compile(f), np.array([1.0, 2.0, 3.0])
    for change in (lambda: None, lambda: weights.fill(2), lambda: options.update(power=3)):
        change()
        for scale in (1, 2, 3):
            assert fast(x * scale) == f(x * scale)
    weights = np.zeros(3)
    assert fast(x) == 0
    assert fast(x + 1) == 0


def test_tensors_go_to_the_function_itself():
    fast = autograd_lite.compile(rosenbrock)
    x = Tensor(points(6)[0], requires_grad=True)
    fast(x).backward()
    expected = Tensor(points(6)[0], requires_grad=True)
    rosenbrock(expected).backward()
    assert_same_bits(x.grad, expected.grad)
    assert fast.backend == "eager: an argument is no array of numbers"


def test_what_depends_on_tensors_that_require_grad_stays_differentiable():
    weight = Tensor(2.0, requires_grad=True)
    fast = autograd_lite.compile(lambda x: (weight * x).sum())
    for x in points(3):
        result = fast(x)
    result.backward()
    assert weight.grad == x.sum()
    assert fast.backend == "eager: it depends on tensors that require grad"


def test_second_derivatives_of_compiled_functions():
    found = autograd_lite.hessian(autograd_lite.compile(lambda x: (x**3).sum()))(
        np.array([1.0, 2.0])
    )
    np.testing.assert_allclose(found, np.diag([6.0, 12.0]), 1e-14)


def test_detect_anomaly_turns_compilation_off():
    fast = autograd_lite.compile(lambda x: np.log(x).sum())
    for x in points(3) ** 2:
        fast(x)
    with autograd_lite.detect_anomaly():
        fast(np.ones(3))
        assert fast.backend == "eager: what is computed is watched"


def test_mistakes_are_looked_for_in_what_was_recorded_and_not_compiled():
    fast = autograd_lite.compile(lambda x: (np.tanh(x) ** 2).sum())
    for x in points(3):
        fast(x)
    assert fast.backend == "numpy"
    w = Tensor(points(1)[0], requires_grad=True)
    report = autograd_lite.compare_gradients(fast(w), {w: 2 * np.tanh(w.data)})
    assert fast.backend == "eager: an argument is no array of numbers"
    assert not report
    assert "tanh" in str(report)


def test_errors_are_those_of_the_function():
    fast = autograd_lite.compile(lambda a, b: np.linalg.solve(a, b))
    for scale in (1.0, 2.0, 3.0):
        fast(np.eye(2) * scale, np.ones(2) * scale)
    assert fast.backend == "numpy"
    with pytest.raises(np.linalg.LinAlgError):
        fast(np.zeros((2, 2)), np.ones(2))


def test_what_computes_other_numbers_compiled_is_named_and_taken_eagerly(monkeypatch):
    class Wrong(Runner):
        def __init__(self, task):
            self.run = numpy_backend(task)

        def __call__(self, arrays):
            return [self.run(arrays)[0] * (1 + 1e-15)]

    fast = autograd_lite.compile(lambda x: np.exp(x).sum())
    monkeypatch.setattr(fast, "_backend", Backend("numpy", Wrong, exact=True))
    with pytest.warns(UserWarning, match="computes other numbers"):
        fast(np.array([1.0, 2.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fast(np.array([1.0, 2.0])) == np.exp([1.0, 2.0]).sum()
    assert fast.backend.startswith("eager: the compiled function computes other numbers")


def test_threads_that_call_one_at_once_do_not_share_buffers():
    fast = value_and_grad(autograd_lite.compile(lambda x: (np.tanh(x) * np.exp(x)).sum()))
    given = points(2000, count=8)
    expected = [value_and_grad(lambda x: (np.tanh(x) * np.exp(x)).sum())(x) for x in given]
    for x in given:
        fast(x)
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(fast, [*given] * 20), expected * 20, strict=True):
            assert_same_bits(found[1], wanted[1])


def test_an_unknown_back_end_is_refused():
    with pytest.raises(ArgumentError, match="backend"):
        autograd_lite.compile(rosenbrock, backend="fortran")


def test_it_decorates():
    @autograd_lite.compile(backend="numpy")
    def double(x):
        """Twice x."""
        return 2 * x

    assert (double.__name__, double.__doc__) == ("double", "Twice x.")
    assert double(np.array([1.0])) == 2.0


def test_texts_of_tensors_and_entries_that_are_read_of_them_are_no_constants():
    held, weight = Tensor([1.0, 2.0]), Tensor([1.0, 2.0], requires_grad=True)
    functions = {
        "str": str,
        "repr": lambda x: f"{x.sum():.3f}",
        "data": lambda x: (x * held.data[0]).sum(),
        "both": lambda x: (x * held * held.data[0]).sum(),
    }
    for name, f in functions.items():
        fast = autograd_lite.compile(f)
        for x in (np.array([1.0, 2.0]), np.array([0.5, 0.25]), *points(2, count=3)):
            held[0] = x[0]
            assert fast(x) == f(x), name
    fast = value_and_grad(autograd_lite.compile(lambda x: (x * weight.data[0]).sum()))
    for x in points(2):
        weight.data[0] = x[0]
        assert fast(x)[0] == (x * weight.data[0]).sum()


def test_a_copy_is_compiled_anew():
    fast = autograd_lite.compile(rosenbrock)
    for x in points(3):
        fast(x)
    other = copy.deepcopy(fast)
    for x in points(3):
        assert other(x) == rosenbrock(x)
    assert (fast.backend, other.backend) == ("numpy", "numpy")
