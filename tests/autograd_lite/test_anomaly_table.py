"""NaN planted at each row of the table, forward and backward, is found at that row and line."""

import functools
import linecache
import sys
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from looping import looped
from samples import SAMPLES
from tiers import in_second_tier
from walk import Walk, name_of

from autograd_lite import AutogradError, Tensor, detect_anomaly, jvp
from autograd_lite.engine import backward_order
from autograd_lite.errors import AnomalyError
from autograd_lite.modes import recording, watching
from autograd_lite.operation import part_of
from autograd_lite.table import TABLE

HERE = str(Path(__file__).parent)

walk = Walk()
ROWS = [function for function in SAMPLES if function in TABLE]
each_row = looped("function", ROWS, ids=name_of)
some_rows = pytest.mark.parametrize("every", in_second_tier((3, 1), (3,)))


def leaves(arrays):
    return [Tensor(array.copy(), requires_grad=True) for array in arrays]


def apply(sample):
    return sample.function(*leaves(sample.arrays))


def innermost_line(frames):
    """File and line of the innermost of some frames, from the outermost, that is of the tests."""
    lines = [(frame.f_code.co_filename, line) for frame, line in frames]
    return [(file, line) for file, line in lines if file.startswith(HERE)][-1]


def raised_at(error):
    frames = traceback.walk_tb(error.__traceback__)
    return innermost_line(pair for pair in frames if pair[0].f_code.co_name != "planting")


class Recorder:
    """Another watch, that keeps the recorded nodes and the lines of the tests they come from."""

    def __init__(self):
        self.nodes = []
        self.lines = []

    def recorded(self, node):
        self.nodes.append(node)
        frames = list(traceback.walk_stack(sys._getframe().f_back))
        self.lines.append(innermost_line(frames[::-1]))

    def around(self, rule):
        return rule

    def within(self, function, made_of):
        return made_of

    def __enter__(self):
        self.tokens = recording.set(self), watching.set(self)
        return self

    def __exit__(self, *_):
        recording.reset(self.tokens[0])
        watching.reset(self.tokens[1])


def with_nan(array):
    """A copy whose first entry is NaN."""
    array = np.array(array)
    if array.size:
        array[(0,) * array.ndim] = np.nan
    return array[()]


def cotangent_for(output):
    return np.random.default_rng(1).uniform(0.5, 1.5, output.shape).astype(output.dtype)


def anomaly_in(sample, backward):
    """The error of a sample inside of the context, or None, and its output."""
    try:
        with detect_anomaly():
            output = apply(sample)
            if backward:
                output.backward(cotangent_for(output))
    except AnomalyError as error:
        return error, None
    return None, output


def has_missing(sample):
    """Whether a sample of a function that leaves out NaN contains some."""
    with Recorder() as recorder:
        apply(sample)
    return any(np.isnan(node.data).any() for node in recorder.nodes)


def complete_samples(function):
    return [sample for sample in SAMPLES[function] if not has_missing(sample)]


def missing_is_meant(sample):
    return np.errstate(invalid="ignore") if has_missing(sample) else nullcontext()


# In an input


def without_warnings(check):
    """NumPy warns of NaN before the engine looks at it."""

    @functools.wraps(check)
    def quiet(sample):
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            check(sample)

    return quiet


@walk.each_sample
@without_warnings
def nan_in_a_leaf_is_found_at_the_first_operation_that_lets_it_through(sample):
    for number in range(len(sample.arrays)):
        planted = [with_nan(a) if i == number else a for i, a in enumerate(sample.arrays)]
        refused = None
        with Recorder() as recorder:
            try:
                sample.function(*leaves(planted))
            except AutogradError as error:
                refused = type(error)
        bad = [i for i, node in enumerate(recorder.nodes) if not np.isfinite(node.data).all()]
        if not bad:
            with detect_anomaly():
                if refused is None:
                    sample.function(*leaves(planted))
            continue
        with pytest.raises(AnomalyError) as caught, detect_anomaly():
            sample.function(*leaves(planted))
        error = caught.value
        assert error.direction == "forward"
        assert error.operation == recorder.nodes[bad[0]].operation.name
        assert (error.file, error.line) == raised_at(error)
        # The mean of no numbers is 0 / 0.
        assert "was not finite already" in str(error) or "divide(0, 0) = nan" in str(error)


# In what an operation computes


@some_rows
def test_nan_that_an_operation_makes_is_found_there(every):
    looped("function", ROWS[::every], ids=name_of)(find_nan_of_an_operation)()


def find_nan_of_an_operation(function):
    with pytest.MonkeyPatch.context() as monkeypatch:
        plant_nan_in_an_operation(function, monkeypatch)


def plant_nan_in_an_operation(function, monkeypatch):
    operation = TABLE[function]
    compute = operation.compute
    found = 0
    for sample in complete_samples(function):
        planted = []

        def planting(*arguments, planted=planted, **keywords):
            result = compute(*arguments, **keywords)
            data = result[0] if operation.residual else result
            if planted or not np.size(data):
                return result
            planted.append(data)
            return (with_nan(data), result[1]) if operation.residual else with_nan(data)

        monkeypatch.setattr(operation, "compute", planting)
        monkeypatch.setattr(operation, "of_floats", None)
        error, _ = anomaly_in(sample, backward=False)
        # Python's own operators of two tensors have taken `compute` from the row before.
        assert bool(error) == bool(planted)
        if error:
            found += 1
            assert error.direction == "forward"
            assert error.operation == operation.name
            assert (error.file, error.line) == raised_at(error)
            assert linecache.getline(*raised_at(error)).strip() in str(error)
            assert error.entries == ((0,) * planted[0].ndim,)
            assert "it made" in str(error)
    assert found


@some_rows
def test_nan_that_a_rule_makes_is_found_there(every):
    looped("function", ROWS[::every], ids=name_of)(find_nan_of_a_rule)()


def find_nan_of_a_rule(function):
    with pytest.MonkeyPatch.context() as monkeypatch:
        plant_nan_in_a_rule(function, monkeypatch)


def plant_nan_in_a_rule(function, monkeypatch):
    operation = TABLE[function]
    found = 0

    def planted(shared, index):
        part = part_of(shared, index)
        return part if part is None else with_nan(part)

    def planting(vjp):
        if operation.variadic:
            return lambda *given, **keywords: lambda i: planted(vjp(*given, **keywords), i)
        return vjp and (lambda *given, **keywords: with_nan(vjp(*given, **keywords)))

    monkeypatch.setattr(operation, "vjps", [planting(vjp) for vjp in operation.vjps])
    for sample in complete_samples(function):
        with Recorder() as recorder:
            apply(sample)
        nodes = zip(recorder.nodes, recorder.lines, strict=True)
        lines = {line for node, line in nodes if node.operation is operation}
        error, output = anomaly_in(sample, backward=True)
        if error:
            found += 1
            assert error.direction == "backward"
            assert error.operation == operation.name
            assert (error.file, error.line) in lines
            assert "the gradient of its input" in str(error)
        else:
            tensors = [node for node in backward_order(output) if node.operation is None]
            assert all(np.isfinite(tensor.grad).all() for tensor in tensors)
    assert found


# Nowhere


@walk.each_sample
def healthy_values_raise_nothing_and_are_the_same_and_as_writable(sample):
    def run():
        tensors = leaves(sample.arrays)
        output = sample.function(*tensors)
        data = [node.data for node in backward_order(output)]
        output.backward(cotangent_for(output))
        return data, [tensor.grad for tensor in tensors]

    def writable(arrays):
        return [a.flags.writeable for a in arrays if isinstance(a, np.ndarray)]

    data, gradients = run()
    with detect_anomaly(), missing_is_meant(sample):
        watched_data, watched_gradients = run()
    for one, other in zip(watched_data + watched_gradients, data + gradients, strict=True):
        np.testing.assert_array_equal(one, other)
    assert writable(watched_data) == writable(data)


@walk.each_sample
def healthy_second_derivatives_and_tangents_raise_nothing(sample):
    rng = np.random.default_rng(4)
    with detect_anomaly(), missing_is_meant(sample):
        tensors = leaves(sample.arrays)
        output = sample.function(*tensors)
        output.backward(cotangent_for(output), create_graph=True)
        gradients = [tensor.grad for tensor in tensors]
        total = sum((gradient * gradient).sum() for gradient in gradients)
        if isinstance(total, Tensor) and total.requires_grad:
            total.backward()
        if not sample.kink:
            jvp(sample.function, sample.arrays, [rng.normal(size=a.shape) for a in sample.arrays])
    assert all(np.isfinite(gradient.data).all() for gradient in gradients)


test_each_row_on_some_of_its_samples = walk.test(of_each=1)
test_each_row_on_each_of_its_samples = pytest.mark.exhaustive(walk.test())
