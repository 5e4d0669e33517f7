"""Tensors in NumPy's functions and operators: recorded, or refused, never detached silently."""

import math
import operator

import numpy as np
import pytest
from looping import looped

from autograd_lite import AutogradError, Tensor


@pytest.fixture
def t():
    return Tensor([1.0, 2.0], requires_grad=True, name="t")


ARRAY = np.array([3.0, 5.0])

OPERATORS = {
    operator.add: lambda a, b, g: (g, g),
    operator.sub: lambda a, b, g: (g, -g),
    operator.mul: lambda a, b, g: (g * b, g * a),
    operator.truediv: lambda a, b, g: (g / b, -g * a / b**2),
    operator.pow: lambda a, b, g: (g * b * a ** (b - 1), g * a**b * np.log(a)),
    operator.matmul: lambda a, b, g: (g * b, g * a),
}


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_an_operator_records_with_an_array_on_either_side(t, op):
    for swapped in (False, True):
        t.zero_grad()
        operands = (ARRAY, t) if swapped else (t, ARRAY)
        result = op(*operands)
        plain = [np.asarray(o.data) if isinstance(o, Tensor) else o for o in operands]
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.data, op(*plain), rtol=1e-15)
        result.sum().backward()
        np.testing.assert_allclose(t.grad, OPERATORS[op](*plain, 1.0)[int(swapped)], rtol=1e-14)


SCALARS = [2, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(2), np.array(2.5)]


@looped("scalar", SCALARS, ids=lambda s: type(s).__name__)
@looped("op", [op for op in OPERATORS if op is not operator.matmul])
def test_an_operator_records_with_a_scalar_on_either_side(t, op, scalar):
    number = float(scalar)
    for swapped in (False, True):
        t.zero_grad()
        result = op(scalar, t) if swapped else op(t, scalar)
        assert isinstance(result, Tensor)
        plain = (number, t.data) if swapped else (t.data, number)
        np.testing.assert_allclose(result.data, op(*plain), rtol=1e-15)
        result.sum().backward()
        rounding = 1e-7 if isinstance(scalar, np.float32) else 1e-14
        np.testing.assert_allclose(t.grad, OPERATORS[op](*plain, 1.0)[int(swapped)], rtol=rounding)


FUNCTIONS = {
    "np.add": (lambda t: np.add(ARRAY, t), [1.0, 1.0]),
    "np.multiply": (lambda t: np.multiply(ARRAY, t), [3.0, 5.0]),
    "np.true_divide": (lambda t: np.divide(t, ARRAY), [1 / 3, 1 / 5]),
    "np.negative": (np.negative, [-1.0, -1.0]),
    "np.exp": (np.exp, np.exp([1.0, 2.0])),
    "np.log": (np.log, [1.0, 0.5]),
    "np.sqrt": (np.sqrt, 0.5 / np.sqrt([1.0, 2.0])),
    "np.abs": (np.abs, [1.0, 1.0]),
    "np.tanh": (np.tanh, 1 - np.tanh([1.0, 2.0]) ** 2),
    "np.power": (lambda t: np.power(t, 3), [3.0, 12.0]),
    "np.sum": (np.sum, [1.0, 1.0]),
    "np.mean": (np.mean, [0.5, 0.5]),
    "np.max": (np.max, [0.0, 1.0]),
    "np.min": (np.min, [1.0, 0.0]),
    "np.matmul": (lambda t: np.matmul(ARRAY, t), [3.0, 5.0]),
    "np.dot": (lambda t: np.dot(t, ARRAY), [3.0, 5.0]),
    "np.reshape": (lambda t: np.reshape(t, (2, 1)), [1.0, 1.0]),
    "np.transpose": (np.transpose, [1.0, 1.0]),
    "np.broadcast_to": (lambda t: np.broadcast_to(t, (3, 2)), [3.0, 3.0]),
    "concatenate tensor and array": (lambda t: np.concatenate([t, ARRAY]), [1.0, 1.0]),
    "concatenate array and tensor": (lambda t: np.concatenate((ARRAY, t, t)), [2.0, 2.0]),
    "stack": (lambda t: np.stack([ARRAY, t], axis=1), [1.0, 1.0]),
    "where": (lambda t: np.where([True, False], t, ARRAY), [1.0, 0.0]),
    "maximum": (lambda t: np.maximum(t, 1.5), [0.0, 1.0]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_numpy_function_records(t, name):
    function, expected = FUNCTIONS[name]
    result = function(t)
    assert isinstance(result, Tensor)
    assert result.requires_grad
    result.sum().backward()
    np.testing.assert_allclose(t.grad, expected, rtol=1e-14)


WITHOUT_A_ROW = {
    "gcd": lambda t: np.gcd(t, 2),
    "frexp": np.frexp,
    "nextafter": lambda t: np.nextafter(t, 1.0),
    "histogram": np.histogram,
    "eigvals": lambda t: np.linalg.eigvals(t.reshape(1, 2)),
    "packbits": np.packbits,
    "poly": np.poly,
    "histogram2d": lambda t: np.histogram2d(t, t),
}


@pytest.mark.parametrize("name", WITHOUT_A_ROW)
def test_a_function_without_a_row_raises_a_type_error_that_names_it(t, name):
    with pytest.raises(TypeError, match=name) as caught:
        WITHOUT_A_ROW[name](t)
    assert isinstance(caught.value, AutogradError)


OF_WHOLE_NUMBERS = {
    "unique": np.unique,
    "unique with counts": lambda t: np.unique(t, return_counts=True),
    "histogram": lambda t: np.histogram(t, 2),
    "gcd": lambda t: np.gcd(6, t),
    "intersect1d": lambda t: np.intersect1d(t, [2, 3]),
    "reduce": np.bitwise_or.reduce,
    "reduceat": lambda t: np.add.reduceat(t, [0, 2]),
}


@looped("function", OF_WHOLE_NUMBERS.values(), ids=OF_WHOLE_NUMBERS)
def test_a_function_without_a_row_takes_whole_numbers_which_have_no_gradient(function):
    labels = np.array([2, 1, 2, 4])
    assert repr(function(Tensor(labels))) == repr(function(labels))


@looped("change", [np.put, np.put_along_axis, np.add.at])
def test_but_it_changes_none_of_them_in_place(change):
    labels = Tensor(np.array([2, 1, 2, 4]))
    with pytest.raises(AutogradError, match="in place"):
        change(labels, *[np.array([0]), 5, 0][: 3 if change is np.put_along_axis else 2])
    assert labels.data.tolist() == [2, 1, 2, 4]


REFUSED = {
    "out=": lambda t: np.multiply(t, 2.0, out=np.zeros(2)),
    "out= a tuple": lambda t: np.exp(t, out=(np.zeros(2),)),
    "where=": lambda t: np.exp(t, where=np.array([True, False])),
    "ufunc.reduce": np.hypot.reduce,
    "ufunc.accumulate": np.divide.accumulate,
    "ufunc.outer": lambda t: np.nextafter.outer(t, t),
    "ufunc.at": lambda t: np.add.at(np.zeros(2), [0, 1], t),
    "ufunc.at on a tensor": lambda t: np.add.at(t, [0], 1.0),
    "ufunc.reduceat": lambda t: np.add.reduceat(t, [0, 1]),
    "sum with out=": lambda t: np.sum(t, out=np.zeros(())),
    "asarray": np.asarray,
    "array": np.array,
    "asarray with dtype": lambda t: np.asarray(t, dtype=np.float32),
    "array of a list of tensors": lambda t: np.array([t, t]),
    "ascontiguousarray": np.ascontiguousarray,
    "copyto": lambda t: np.copyto(np.zeros(2), t),
    "fill_diagonal": lambda t: np.fill_diagonal(np.zeros((2, 2)), t),
    "float of several": float,
    "math.exp": lambda t: math.exp(t[0]),
    "math.sqrt of a computed scalar": lambda t: math.sqrt(t.sum()),
    "float of a computed scalar": lambda t: float((t * 2).sum()),
    "int": lambda t: int(t[0]),
    "complex": lambda t: complex(t[0]),
}


@pytest.mark.parametrize(
    ("method", "write"),
    [
        (np.hypot.reduce, r"functools\.reduce\(np\.hypot, x\)"),
        (np.divide.accumulate, r"itertools\.accumulate\(x, np\.divide\)"),
        (lambda t: np.add.reduceat(t, [0, 1]), r"np\.add\.reduce\(x\[a:b\]\) for a, b in zip"),
        (lambda t: np.nextafter.outer(t, t), r"np\.nextafter\(a\[:, None\], b\)"),
    ],
)
def test_a_method_of_a_ufunc_says_what_to_write(t, method, write):
    with pytest.raises(AutogradError, match=write):
        method(t)


@pytest.mark.parametrize("places", [[0, 2], [1], [1, 2, 3]])
def test_what_is_written_for_reduceat_computes_the_same(places):
    x = Tensor([1.0, 2.0, 4.0, 8.0], requires_grad=True)
    with pytest.raises(AutogradError) as caught:
        np.add.reduceat(x, places)
    written = caught.value.args[-1].removeprefix("Write ").partition(", for growing")[0]
    found = eval(written, {"np": np, "x": x, "places": places})
    np.testing.assert_array_equal(found.data, np.add.reduceat(x.data, places))


def test_tensors_in_lists_that_are_given_by_keyword_are_arrays_too(t):
    assert np.lexsort(keys=(t, -t)).tolist() == [1, 0]
    assert np.searchsorted(t, v=[t[0], 5.0]).tolist() == [0, 2]
    stacked = np.stack(arrays=[t, t], axis=1)
    stacked.sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 2.0])


def test_methods_of_comparisons_give_plain_arrays(t):
    assert np.greater.outer(t, [1.0, 3.0]).tolist() == [[False, False], [True, False]]
    assert np.logical_and.reduce(t - 1) == np.False_
    assert np.logical_or.accumulate(t - 1).tolist() == [False, True]


@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
@pytest.mark.parametrize("name", REFUSED)
def test_what_would_detach_silently_is_refused(t, name):
    with pytest.raises(AutogradError):
        REFUSED[name](t)
    np.testing.assert_array_equal(t.data, [1.0, 2.0])
    assert t.grad is None


ASSIGNMENTS = {
    "element": lambda array, t: array.__setitem__(0, t[0]),
    "whole tensor to an element": lambda array, t: array.__setitem__(0, t),
    "slice": lambda array, t: array.__setitem__(slice(None), t),
    "in-place addition": lambda array, t: operator.iadd(array, t),
    "in-place product": lambda array, t: operator.imul(array, t),
}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_tensor_is_not_assigned_into_an_array(t, name):
    array = np.array([7.0, 8.0])
    with pytest.raises((AutogradError, ValueError)) as caught:
        ASSIGNMENTS[name](array, t)
    assert isinstance(caught.value, AutogradError) or isinstance(
        caught.value.__cause__, AutogradError
    ), "NumPy's error for a single element must at least be caused by ours"
    np.testing.assert_array_equal(array, [7.0, 8.0])


def test_what_asks_for_one_axis_or_one_entry_is_told_what_to_write(t):
    for ask in (lambda: len(t.sum()), lambda: list(t.sum()), lambda: t.sum()[0]):
        with pytest.raises(AutogradError, match=r"reshape|axis"):
            ask()
    with pytest.raises(AutogradError, match=r"\.any\(\) or \.all\(\)"):
        bool(t)
    assert bool(t[:1])
    assert not t.sum() * 0


def test_the_error_of_an_assignment_names_stack_concatenate_or_where(t):
    array = np.zeros(2)
    with pytest.raises(AutogradError, match=r"stack|concatenate|where"):
        array[:] = t


def test_an_array_plus_tensor_that_is_named_anew_records(t):
    array = np.array([7.0, 8.0])
    total = array + t
    total.sum().backward()
    np.testing.assert_array_equal(t.grad, [1.0, 1.0])


def test_tensors_that_require_no_grad_become_arrays_and_numbers():
    constant = Tensor([1.0, 2.0])
    np.testing.assert_array_equal(np.asarray(constant), [1.0, 2.0])
    assert float(Tensor(2.5)) == 2.5
    assert math.exp(Tensor(0.0)) == 1.0


def test_data_numpy_and_item_are_the_ways_out(t):
    assert type(t.data) is np.ndarray
    assert type(t.numpy()) is np.ndarray
    np.testing.assert_array_equal(t.numpy(), [1.0, 2.0])
    item = t.sum().item()
    assert type(item) is float
    assert item == 3.0


def test_item_of_several_entries_raises():
    with pytest.raises(AutogradError):
        Tensor([1.0, 2.0]).item()


@pytest.mark.parametrize(
    "compare",
    [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, np.greater],
)
def test_comparisons_give_plain_boolean_arrays(t, compare):
    for pair in ((t, 1.5), (1.5, t), (t, ARRAY), (ARRAY, t), (t, t), (np.float64(1.5), t)):
        result = compare(*pair)
        plain = [p.data if isinstance(p, Tensor) else p for p in pair]
        assert type(result) is np.ndarray
        assert result.dtype == np.bool_
        np.testing.assert_array_equal(result, compare(*plain))


@pytest.mark.parametrize("function", [np.isnan, np.isfinite, np.isinf, np.signbit, np.argmax])
def test_functions_whose_result_has_no_derivative_give_plain_results_or_are_refused(t, function):
    try:
        result = function(t)
    except TypeError as refusal:
        result = refusal
    if isinstance(result, TypeError):
        assert function.__name__ in str(result)
    else:
        assert not getattr(result, "requires_grad", False)
        np.testing.assert_array_equal(result, function(t.data))


def test_equal_tensors_are_different_keys():
    a, b = Tensor([1.0]), Tensor([1.0])
    table = {a: "a", b: "b"}
    assert table[a] == "a"
    assert table[b] == "b"
    assert len({a, b, a}) == 2
    assert hash(a) != hash(b) or a is b


def test_where_accepts_a_condition_made_of_tensors(t):
    np.where(t > 1.5, t, 0.0).sum().backward()
    np.testing.assert_array_equal(t.grad, [0.0, 1.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.elu(alpha=Tensor(2.0, requires_grad=True)),
        lambda t: t.leaky_relu(Tensor(0.5, requires_grad=True)),
        lambda t: t.exp(out=np.zeros(2)),
        lambda t: t.exp(np.zeros(2)),
        lambda t: t.tanh(dtype=int),
        lambda t: t.log(where=np.array([True, False])),
        lambda t: t.relu(3),
    ],
)
def test_a_method_refuses_what_its_function_does_not_record(call):
    with pytest.raises(AutogradError):
        call(Tensor([1.0, 2.0], requires_grad=True))


def test_a_method_takes_the_options_of_its_function_by_position_and_by_name():
    t = Tensor([1.0, -2.0], requires_grad=True)
    t.elu(alpha=Tensor(2.0)).sum().backward()
    np.testing.assert_array_equal(t.grad, [1.0, 2.0 * np.exp(-2.0)])
    np.testing.assert_array_equal(t.softmax(0).data, t.softmax(axis=0).data)
