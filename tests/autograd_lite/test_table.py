"""Every row of the table of derivatives, checked on the samples declared in `samples`."""

import subprocess
import sys

import numpy as np
import pytest
from looping import looped
from samples import SAMPLES, SUBJECTS
from walk import Walk, each_subject, name_of

from autograd_lite import Tensor, differentiable, grad, gradcheck, hvp, jvp, vjp
from autograd_lite.derivatives import all_rows
from autograd_lite.engine import backward_order
from autograd_lite.errors import GradientCheckError, MutationError, UnsupportedError
from autograd_lite.table import COMPOSED

LIST_TABLE = """
from autograd_lite.derivatives import all_rows
from autograd_lite.protocol import full_name
from autograd_lite.table import COMPOSED
for function in [*all_rows(), *COMPOSED]:
    print(full_name(function))
"""


def names_in_table():
    """Names of the package's own rows: a new process has none that tests have added."""
    command = [sys.executable, "-c", LIST_TABLE]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(listed.splitlines())


ROWS = names_in_table()
SAMPLES_OF = {name_of(function): samples for function, samples in SAMPLES.items()}
OPERATION_OF = {name_of(function): operation for function, operation in all_rows().items()}

walk, walk_of_some, exhaustive_walk = Walk(), Walk(), Walk()


def record(sample, dtype=float):
    tensors = [Tensor(array.astype(dtype), requires_grad=True) for array in sample.arrays]
    return tensors, sample.function(*tensors)


def cotangent_for(output):
    return np.random.default_rng(1).uniform(0.5, 1.5, output.shape).astype(output.dtype)


# The samples cover the table


def test_each_row_has_samples():
    for row in ROWS:
        assert row in SAMPLES_OF, f"the table's row '{row}' has no samples: add them to SAMPLES"
        assert any(not sample.kink for sample in SAMPLES_OF[row]), row


def test_all_samples_belong_to_a_row():
    assert set(SAMPLES_OF) <= set(ROWS)


def test_rows_without_a_vjp_are_composed():
    rows_without = {row for row in ROWS if row not in OPERATION_OF}
    assert rows_without <= {name_of(function) for function in COMPOSED}


@looped("row", sorted(ROWS & OPERATION_OF.keys()))
def test_samples_reach_every_vjp_of_their_row(row):
    operation, reached = OPERATION_OF[row], set()
    for number, sample in enumerate(SAMPLES_OF[row]):
        _, output = record(sample)
        nodes = [node for node in backward_order(output) if node.operation is not None]
        applied = [node for node in nodes if node.operation.name == operation.name]
        assert applied, f"sample {number} does not apply the row that it is declared for"
        for node in applied:
            reached |= {
                position
                for position, argument in enumerate(node.arguments)
                if isinstance(argument, Tensor) and argument.requires_grad
            }
    assert reached >= {i for i, vjp in enumerate(operation.vjps) if vjp is not None}


# Forward


@walk.each_sample
def a_recorded_call_computes_what_the_plain_one_does(sample):
    for dtype in (np.float64, np.float32):
        _, output = record(sample, dtype)
        expected = sample.function(*(array.astype(dtype) for array in sample.arrays))
        assert output.shape == np.shape(expected)
        assert output.dtype == expected.dtype
        np.testing.assert_allclose(output.data, expected, rtol=4 * np.finfo(dtype).eps)


@walk.each_sample
def float32_stays_float32(sample):
    # NumPy's float_power computes in float64 whatever it is given.
    if sample.function is sample.row is not np.float_power:
        assert record(sample, np.float32)[1].dtype == np.float32


@walk_of_some.each_sample
def an_argument_that_is_rewritten_before_backward_is_noticed_or_was_not_read(sample):
    tensors, output = record(sample)
    output.backward(cotangent_for(output))
    for position in range(len(tensors)):
        others, again = record(sample)
        others[position].data[...] += 0.3
        try:
            again.backward(cotangent_for(again))
        except MutationError:
            continue
        for tensor, other in zip(tensors, others):
            np.testing.assert_array_equal(other.grad, tensor.grad)


# Derivatives


@walk.each_smooth_sample
def vjp_agrees_with_central_differences_in_random_directions(sample):
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


@walk_of_some.each_smooth_sample
@exhaustive_walk.each_smooth_sample
def jvp_agrees_with_vjp(sample):
    rng = np.random.default_rng(4)
    directions = [rng.normal(size=array.shape) for array in sample.arrays]
    value, tangent = jvp(sample.function, sample.arrays, directions)
    u = rng.normal(size=np.shape(value))
    _, pullback = vjp(sample.function, *sample.arrays)
    pulled = sum(np.sum(g * d) for g, d in zip(pullback(u), directions, strict=True))
    assert np.sum(u * tangent) == pytest.approx(pulled, rel=1e-9, abs=1e-10)


def assert_second_derivatives_agree(f, arrays):
    """The Hessian times a random direction, against central differences of the gradient."""
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.5, 1.5, np.shape(f(*arrays)))
    directions = [rng.normal(size=array.shape) for array in arrays]

    def scalar(*x):
        return (f(*x) * weights).sum()

    def gradients(step):
        moved = [array + step * d for array, d in zip(arrays, directions, strict=True)]
        return grad(scalar, tuple(range(len(arrays))))(*moved)

    products = hvp(scalar, arrays, directions)
    for product, after, before in zip(products, gradients(1e-5), gradients(-1e-5), strict=True):
        numeric = (after - before) / 2e-5
        error = np.abs(product - numeric) / np.maximum(1, np.abs(numeric))
        assert np.all(error < 1e-5), f"{product} by the rules, {numeric} by differences"


@walk_of_some.each_smooth_sample
def second_derivatives_agree_with_differences(sample):
    assert_second_derivatives_agree(sample.function, sample.arrays)


@walk_of_some.each_smooth_sample
@exhaustive_walk.each_smooth_sample
def second_derivatives_agree_where_the_cotangent_is_a_tensor_too(sample):
    assert_second_derivatives_agree(lambda *x: np.square(sample.function(*x)), sample.arrays)


@walk.each_sample
def first_derivatives_at_kinks_pass_gradcheck(sample):
    assert not sample.kink or gradcheck(sample.function, sample.arrays)


@exhaustive_walk.each_smooth_sample
def second_derivatives_pass_gradcheck(sample):
    assert gradcheck(sample.function, sample.arrays, order=2)


@exhaustive_walk.each_smooth_sample
def second_derivatives_pass_gradcheck_where_the_cotangent_is_a_tensor_too(sample):
    assert gradcheck(lambda *x: np.square(sample.function(*x)), sample.arrays, order=2)


@walk.each_sample
def gradients_have_the_shape_and_dtype_of_their_tensors(sample):
    for dtype in (np.float64, np.float32):
        tensors, output = record(sample, dtype)
        output.backward(cotangent_for(output))
        for tensor in tensors:
            assert tensor.grad.shape == tensor.shape
            assert tensor.grad.dtype == dtype


@walk_of_some.each_smooth_sample
@exhaustive_walk.each_smooth_sample
def float32_gradients_are_the_float64_ones_rounded(sample):
    tensors, output = record(sample)
    output.backward(cotangent_for(output))
    tensors32, output32 = record(sample, np.float32)
    output32.backward(cotangent_for(output).astype(output32.dtype))
    for tensor, tensor32 in zip(tensors, tensors32, strict=True):
        np.testing.assert_allclose(tensor32.grad, tensor.grad, rtol=1e-4, atol=1e-5)


# Memory


def strided_and_read_only(array):
    """The same numbers, with gaps between them, their bytes turned round, not to be written to."""
    array = array.astype(array.dtype.newbyteorder())
    array = np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array.copy()
    array.flags.writeable = False
    return array


@walk_of_some.each_sample
@exhaustive_walk.each_sample
def strided_read_only_arrays_give_the_same_gradients(sample):
    tensors, output = record(sample)
    cotangent = cotangent_for(output)
    output.backward(cotangent)
    strided = [Tensor(strided_and_read_only(a), requires_grad=True) for a in sample.arrays]
    sample.function(*strided).backward(strided_and_read_only(np.asarray(cotangent)))
    for tensor, other in zip(tensors, strided, strict=True):
        np.testing.assert_allclose(other.grad, tensor.grad, rtol=1e-12, atol=1e-14)


@walk_of_some.each_sample
@exhaustive_walk.each_sample
def backward_changes_neither_the_arrays_nor_the_cotangent(sample):
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


test_each_row_on_each_of_its_samples = walk.test()
test_each_row_on_some_of_its_samples = walk_of_some.test(of_each=4)
test_gradcheck_of_each_row_on_each_of_its_samples = pytest.mark.exhaustive(exhaustive_walk.test())


@each_subject
def test_second_derivatives_of_each_row_pass_gradcheck(subject):
    @looped("function", SUBJECTS[subject], ids=name_of)
    def check(function):
        smooth = [sample for sample in SAMPLES[function] if not sample.kink]
        sample = max(smooth, key=lambda sample: min(4, sum(a.size for a in sample.arrays)))
        assert gradcheck(sample.function, sample.arrays, order=2)

    check()


# A wrong rule does not pass


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


def test_a_rule_that_cannot_be_called_is_refused_where_it_is_given(restored_table):
    with pytest.raises(UnsupportedError, match=r"tanh .* takes \(g, y\), .* \(g, y, \*arguments\)"):
        differentiable(lambda g, y: g * (1 - y**2))(np.tanh)

    @differentiable(lambda g, *rest: g)
    def same(x):
        return +x

    assert grad(same)(2.0) == 1
