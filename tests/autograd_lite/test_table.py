"""Every row of the table of derivatives, checked on the samples declared in `samples`."""

import subprocess
import sys

import numpy as np
import pytest
from samples import SAMPLES

from autograd_lite import Tensor, differentiable, gradcheck, jvp, vjp
from autograd_lite.engine import backward_order
from autograd_lite.errors import GradientCheckError
from autograd_lite.table import COMPOSED, TABLE

LIST_TABLE = """
import autograd_lite
from autograd_lite.table import COMPOSED, TABLE
for function in [*TABLE, *COMPOSED]:
    print(getattr(function, "__module__", None), function.__name__)
"""


def name_of(function):
    """The same for a function and for its differentiable wrapper."""
    return f"{getattr(function, '__module__', None)} {function.__name__}"


def names_in_table():
    """Names of the package's own rows: a new process has none that tests have added."""
    command = [sys.executable, "-c", LIST_TABLE]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(listed.splitlines())


ROWS = sorted(names_in_table())
SAMPLES_OF = {name_of(function): samples for function, samples in SAMPLES.items()}
OPERATION_OF = {name_of(function): operation for function, operation in TABLE.items()}

CASES = [
    pytest.param(sample, id=f"{name}-{number}")
    for name, samples in SAMPLES_OF.items()
    for number, sample in enumerate(samples)
]
SMOOTH_CASES = [case for case in CASES if not case.values[0].kink]
each_sample = pytest.mark.parametrize("sample", CASES)
each_smooth_sample = pytest.mark.parametrize("sample", SMOOTH_CASES)


def record(sample, dtype=float):
    tensors = [Tensor(array.astype(dtype), requires_grad=True) for array in sample.arrays]
    return tensors, sample.function(*tensors)


def cotangent_for(output):
    return np.random.default_rng(1).uniform(0.5, 1.5, output.shape).astype(output.dtype)


# The samples cover the table


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_samples(row):
    assert row in SAMPLES_OF, f"the table's row '{row}' has no samples: add them to SAMPLES"
    assert any(not sample.kink for sample in SAMPLES_OF[row])


def test_all_samples_belong_to_a_row():
    assert set(SAMPLES_OF) <= set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_samples_reach_every_vjp_of_their_row(row):
    reached = set()
    operation = OPERATION_OF.get(row)
    if operation is None:
        assert row in {name_of(function) for function in COMPOSED}
        return
    for sample in SAMPLES_OF[row]:
        _, output = record(sample)
        nodes = [node for node in backward_order(output) if node.operation is not None]
        applied = [node for node in nodes if node.operation.name == operation.name]
        assert applied, "a sample does not apply the row that it is declared for"
        for node in applied:
            reached |= {
                position
                for position, argument in enumerate(node.arguments)
                if isinstance(argument, Tensor) and argument.requires_grad
            }
    assert reached >= {i for i, vjp in enumerate(operation.vjps) if vjp is not None}


# Forward


@each_sample
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_recorded_call_computes_what_the_plain_one_does(sample, dtype):
    _, output = record(sample, dtype)
    expected = sample.function(*(array.astype(dtype) for array in sample.arrays))
    assert output.shape == np.shape(expected)
    assert output.dtype == expected.dtype
    np.testing.assert_allclose(output.data, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("function", SAMPLES, ids=name_of)
def test_float32_stays_float32(function):
    for sample in SAMPLES[function]:
        # NumPy's float_power computes in float64 whatever it is given.
        if sample.function is function and function is not np.float_power:
            assert record(sample, np.float32)[1].dtype == np.float32


# Derivatives


@each_sample
def test_first_derivatives_pass_gradcheck(sample):
    assert gradcheck(sample.function, sample.arrays)


@each_smooth_sample
def test_second_derivatives_pass_gradcheck(sample):
    assert gradcheck(sample.function, sample.arrays, order=2)


@each_smooth_sample
def test_second_derivatives_pass_gradcheck_where_the_cotangent_is_a_tensor_too(sample):
    assert gradcheck(lambda *x: np.square(sample.function(*x)), sample.arrays, order=2)


@each_smooth_sample
def test_jvp_agrees_with_vjp(sample):
    rng = np.random.default_rng(4)
    directions = [rng.normal(size=array.shape) for array in sample.arrays]
    value, tangent = jvp(sample.function, sample.arrays, directions)
    u = rng.normal(size=np.shape(value))
    _, pullback = vjp(sample.function, *sample.arrays)
    pulled = sum(np.sum(g * d) for g, d in zip(pullback(u), directions, strict=True))
    assert np.sum(u * tangent) == pytest.approx(pulled, rel=1e-9, abs=1e-10)


@each_smooth_sample
def test_vjp_agrees_with_central_differences_in_random_directions(sample):
    rng = np.random.default_rng(2)
    tensors, output = record(sample)
    u = rng.normal(size=output.shape)
    output.backward(u)
    for _ in range(3):
        directions = [rng.normal(size=array.shape) for array in sample.arrays]
        pairs = list(zip(sample.arrays, directions, strict=True))
        after = sample.function(*(array + 1e-6 * d for array, d in pairs))
        before = sample.function(*(array - 1e-6 * d for array, d in pairs))
        numeric = np.sum(u * (after - before)) / 2e-6
        automatic = sum(np.sum(t.grad * d) for t, d in zip(tensors, directions, strict=True))
        assert automatic == pytest.approx(numeric, rel=1e-6, abs=1e-7)


@each_sample
def test_gradients_have_the_shape_and_dtype_of_their_tensors(sample):
    for dtype in (np.float64, np.float32):
        tensors, output = record(sample, dtype)
        output.backward(cotangent_for(output))
        for tensor in tensors:
            assert tensor.grad.shape == tensor.shape
            assert tensor.grad.dtype == dtype


@each_smooth_sample
def test_float32_gradients_are_the_float64_ones_rounded(sample):
    tensors, output = record(sample)
    output.backward(cotangent_for(output))
    tensors32, output32 = record(sample, np.float32)
    output32.backward(cotangent_for(output).astype(output32.dtype))
    for tensor, tensor32 in zip(tensors, tensors32, strict=True):
        np.testing.assert_allclose(tensor32.grad, tensor.grad, rtol=1e-4, atol=1e-5)


# Memory


def strided_and_read_only(array):
    """The same numbers, with gaps between them, not to be written to."""
    array = np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array.copy()
    array.flags.writeable = False
    return array


@each_sample
def test_strided_read_only_arrays_give_the_same_gradients(sample):
    tensors, output = record(sample)
    cotangent = cotangent_for(output)
    output.backward(cotangent)
    strided = [Tensor(strided_and_read_only(a), requires_grad=True) for a in sample.arrays]
    sample.function(*strided).backward(strided_and_read_only(np.asarray(cotangent)))
    for tensor, other in zip(tensors, strided, strict=True):
        np.testing.assert_allclose(other.grad, tensor.grad, rtol=1e-12, atol=1e-14)


@each_sample
def test_backward_changes_neither_the_arrays_nor_the_cotangent(sample):
    tensors, output = record(sample)
    cotangent = np.array(cotangent_for(output))
    before = [np.array(x) for x in (output.data, cotangent, *(t.data for t in tensors))]
    output.backward(cotangent)
    after = [output.data, cotangent, *(t.data for t in tensors)]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    for tensor in tensors:
        for array in (cotangent, output.data, *(t.data for t in tensors)):
            assert not np.shares_memory(tensor.grad, array)


# A wrong rule does not pass


@pytest.fixture
def restored_table():
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


def product_with(vjp_of_weight):
    @differentiable(lambda g, y, x, weight: g @ weight.T, vjp_of_weight)
    def product(x, weight):
        return x @ weight

    return product


X_AND_WEIGHT = [np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([[0.3, -0.2], [0.1, 0.7]])]


def test_a_planted_right_rule_passes(restored_table):
    product = product_with(lambda g, y, x, weight: x.T @ g)
    assert gradcheck(product, X_AND_WEIGHT, order=2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, y, x, weight: 2 * (x.T @ g),
        lambda g, y, x, weight: -(x.T @ g),
        lambda g, y, x, weight: (x.T @ g).T,
        lambda g, y, x, weight: 1.0001 * (x.T @ g),
        lambda g, y, x, weight: x @ g,
        lambda g, y, x, weight: g.sum(axis=0),
        lambda g, y, x, weight: 0 * weight,
    ],
    ids=["factor", "sign", "transposed", "1e-4", "argument not transposed", "summed", "zero"],
)
def test_a_planted_wrong_rule_is_caught(wrong, restored_table):
    with pytest.raises(GradientCheckError, match="input 1 at index"):
        gradcheck(product_with(wrong), X_AND_WEIGHT)
