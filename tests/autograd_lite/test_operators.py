"""Python's operators, lists of tensors as operands, and what only changes arrays in place."""

import copy
import math
import operator
from array import array
from collections import UserList, deque

import numpy as np
import pytest
from looping import looped

from autograd_lite import (
    AutogradError,
    MutationError,
    Tensor,
    UnsupportedError,
    define,
    value_and_grad,
)
from autograd_lite.errors import MissingNameError

A, B = np.array([7.5, -3.25, 4.0]), np.array([2.0, 1.5, -3.0])


def leaf(data):
    return Tensor(np.array(data, float), requires_grad=True, name="x")


@looped("function", [operator.mod, operator.floordiv, divmod])
def test_remainders_and_quotients_are_numpy_s_on_either_side(function):
    for left, right in (
        (leaf(A), leaf(B)),
        (leaf(A), B),
        (A, leaf(B)),
        (leaf(A), 2.0),
        (9.0, leaf(B)),
    ):
        value = function(left, right) if function is not divmod or left is not A else None
        if value is None:
            value = left // right, left % right
        expected = function(getattr(left, "data", left), getattr(right, "data", right))
        np.testing.assert_array_equal(
            [part.data for part in value] if function is divmod else value.data, expected
        )


def test_their_derivatives():
    a, b = leaf(A), leaf(B)
    (a % b).sum().backward()
    np.testing.assert_array_equal(a.grad, [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(b.grad, -np.floor(A / B))
    whole, rest = divmod(a, b)
    whole.sum().backward()
    np.testing.assert_array_equal(b.grad, -np.floor(A / B))
    np.testing.assert_allclose((whole * b + rest).data, A)


def test_round_is_constant_between_steps():
    x = leaf([1.26, -2.5])
    np.testing.assert_array_equal(round(x).data, [1.0, -2.0])
    np.testing.assert_array_equal(round(x, 1).data, [1.3, -2.5])
    round(x, 1).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_the_remainder_in_place_follows_the_others():
    with pytest.raises(MutationError, match="x %= "):
        operator.imod(leaf(A), 2.0)
    free = Tensor(A.copy())
    same = free
    free %= 2.0
    assert free is same
    np.testing.assert_array_equal(free.data, A % 2.0)


LISTS = {
    "tensors": lambda x: [x[0], x[1]],
    "mixed": lambda x: [x[0], 5.0],
    "nested": lambda x: [[x[0], 1.0], [2.0, x[1] * x[0]]],
    "tuple": lambda x: (x[1], x[1]),
}


@looped("make", LISTS.values(), ids=LISTS)
@looped(
    "use",
    [
        lambda x, parts: x + parts,
        lambda x, parts: parts * x,
        lambda x, parts: np.maximum(x, parts),
        lambda x, parts: np.append(parts, x),
        lambda x, parts: np.dot(x, parts),
    ],
)
def test_a_list_of_tensors_is_the_array_that_they_mean(make, use):
    def stacked(parts):
        if isinstance(parts, list | tuple):
            return np.stack([stacked(part) for part in parts])
        return parts

    x, y = leaf([2.0, 3.0]), leaf([2.0, 3.0])
    found, expected = use(x, make(x)), use(y, stacked(make(y)))
    np.testing.assert_array_equal(found.data, expected.data)
    found.sum().backward()
    expected.sum().backward()
    np.testing.assert_array_equal(x.grad, y.grad)


@looped("sequence", [range(1, 3), array("d", [1.0, 2.0]), deque([1, 2]), UserList([1, 2])])
@looped(
    "use",
    [
        lambda x, y: x**y,
        lambda x, y: np.power(y, x),
        lambda x, y: x @ y,
        lambda x, y: np.dot(y, x),
        lambda x, y: np.where([True, False], x, y),
    ],
)
def test_a_sequence_of_numbers_is_the_array_of_them(sequence, use):
    x, y = leaf([2.0, 3.0]), leaf([2.0, 3.0])
    use(x, sequence).sum().backward()
    use(y, np.array([1, 2])).sum().backward()
    np.testing.assert_array_equal(x.grad, y.grad)


def test_truth_values_may_be_operands_and_indices():
    x = leaf([2.0, 3.0])
    np.arctan2(x, np.array([True, False])).sum().backward()
    np.testing.assert_allclose(x.grad, [0.2, 0.0])
    chosen = np.choose(np.array([True, False]), [x, x * 5.0])
    np.testing.assert_array_equal(chosen.data, [10.0, 3.0])
    counts = np.bincount(np.array([True, True]), weights=x)
    np.testing.assert_array_equal(counts.data, [0.0, 5.0])


IN_PLACE = {
    "put": lambda x: np.put(x, 0, 1.0),
    "place": lambda x: np.place(x, x.data > 0, 1.0),
    "putmask": lambda x: np.putmask(x, x.data > 0, 1.0),
    "copyto": lambda x: np.copyto(x, 1.0),
    "copyto of a plain array": lambda x: np.copyto(np.ones(3), x),
    "put_along_axis": lambda x: np.put_along_axis(x, np.array([0]), 1.0, 0),
    "fill_diagonal": lambda x: np.fill_diagonal(np.outer(x, x), 1.0),
    "add.at": lambda x: np.add.at(x, [0, 0], 1.0),
    "multiply.at": lambda x: np.multiply.at(x, [0], 2.0),
}


@looped("change", IN_PLACE.values(), ids=IN_PLACE)
def test_functions_that_change_arrays_in_place_say_what_to_write(change):
    x = leaf(A)
    with pytest.raises(MutationError, match=r"in place.*np\.where.*x\.data") as caught:
        change(x)
    assert "define" not in str(caught.value)
    np.testing.assert_array_equal(x.data, A)


@looped("function", [math.sin, float, len, np.asarray, np.random.default_rng, print])
def test_a_row_that_nothing_would_use_is_refused(function):
    with pytest.raises(UnsupportedError, match="no effect"):
        define(function, lambda g, y, x: g)


def test_a_number_is_asked_of_item():
    with pytest.raises(UnsupportedError, match=r"Write loss\.item\(\)"):
        float(leaf(1.0))
    for rounded in (math.trunc, math.floor, math.ceil):
        with pytest.raises(UnsupportedError, match=r"Write loss\.item\(\)"):
            rounded(leaf(1.5))
        assert rounded(Tensor(1.5)) == rounded(1.5)


def test_an_array_of_tensors_is_told_what_puts_them_together():
    p = leaf([0.5, 2.0])
    for make in (lambda: np.array([[1.0, 0.0], [0.0, p[0]]]), lambda: np.array([p[0], p[1]])):
        with pytest.raises(UnsupportedError, match=r"Write np\.stack\(.*np\.block\(.* np\.array"):
            make()
    matrix = np.block([[p[1], 0.0], [0.0, p[0]]])
    np.testing.assert_array_equal(matrix.data, [[2.0, 0.0], [0.0, 0.5]])
    matrix.sum().backward()
    np.testing.assert_array_equal(p.grad, [1.0, 1.0])


def test_a_method_of_an_array_is_told_which_operator_takes_its_place():
    x, weight = np.array([[2.0, 3.0]]), leaf([[1.0], [1.0]])
    with pytest.raises(UnsupportedError, match=r"Write .*X @ W for X\.dot\(W\)"):
        x.dot(weight)
    for product in (x @ weight, np.dot(x, weight)):
        np.testing.assert_array_equal(product.data, [[5.0]])


def test_a_number_is_a_constant_on_either_side():
    operators = (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow)
    for data in (2.5, np.array([0.5, 3.0]), np.array([0.5, 3.0], np.float32)):
        for compute in operators:
            for number in (3, 0.5):
                for swapped in (False, True):
                    x = Tensor(data, requires_grad=True)
                    pairs = [(number, x) if swapped else (x, number)]
                    pairs += [tuple(np.asarray(a, x.dtype) if a is number else a for a in pairs[0])]
                    results = [compute(*pair) for pair in pairs]
                    assert type(results[0]) is Tensor, (compute, number, swapped)
                    gradients = []
                    for result in results:
                        x.grad = None
                        result.sum().backward(leaves_only=True)
                        gradients.append(x.grad)
                    for found, expected in ([r.data for r in results], gradients):
                        np.testing.assert_allclose(found, expected, rtol=1e-6)
                        assert found.dtype == x.dtype, (compute, number, swapped)


def test_a_number_that_fits_nothing_is_refused_by_name():
    with pytest.raises(AutogradError, match=r"power\(tensor \(2,\), -1\)"):
        Tensor(np.array([1, 2])) ** -1


def test_bits_of_tensors_are_plain_arrays_as_comparisons_are():
    a, b = np.array([True, True, False]), np.array([True, False, False])
    for compute in (operator.and_, operator.or_, operator.xor):
        expected = compute(a, b)
        for pair in ((Tensor(a), Tensor(b)), (a, Tensor(b)), (Tensor(a), b.tolist())):
            found = compute(*pair)
            assert type(found) is np.ndarray
            np.testing.assert_array_equal(found, expected, err_msg=compute.__name__)
    np.testing.assert_array_equal(~Tensor(a), ~a)
    np.testing.assert_array_equal(5 & Tensor([4, 1]), [4, 1])
    x = Tensor([0.5, 2.0], requires_grad=True)
    np.testing.assert_array_equal((x > 0) & ~(x > 1), [True, False])
    with pytest.raises(UnsupportedError, match="invert"):
        operator.invert(x)


def test_a_spectrum_tells_what_it_has_not_and_is_copied():
    spectrum = np.fft.rfft(Tensor([1.0, 2.0, 3.0], requires_grad=True))
    with pytest.raises(MissingNameError, match=r"spectrum\.dtype.*spectrum\.real"):
        spectrum.dtype  # noqa: B018 - it is asked for
    assert not hasattr(spectrum, "__array_interface__")
    with pytest.raises(UnsupportedError, match="truth value of a spectrum"):
        bool(spectrum)
    for other in (copy.copy(spectrum), copy.deepcopy(spectrum)):
        np.testing.assert_array_equal(other.imag.data, spectrum.imag.data)


BY_A_NUMBER = {
    "power on the right": lambda x, number: number**x,
    "power": lambda x, number: (x / 1e16) ** number,
    "remainder": lambda x, number: number % x,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "clip": lambda x, number: np.clip(x, 0, number),
    "where": lambda x, number: np.where(x > 2, x, number),
    "stack": lambda x, number: np.stack([x[0], number]),
    "logaddexp": np.logaddexp,
}


@looped("function", BY_A_NUMBER.values(), ids=BY_A_NUMBER)
@looped("number", [10**20, -(10**20), 10**30])
@looped("dtype", [np.float64, np.float32])
def test_whole_numbers_that_no_dtype_holds_count_as_floats(function, number, dtype):
    x = np.array([1.5, 2.5], dtype)
    with np.errstate(all="ignore"):
        wanted = value_and_grad(lambda x: function(x, float(number)).sum())(x)
        found = value_and_grad(lambda x: function(x, number).sum())(x)
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])
    assert found[1].dtype == dtype
