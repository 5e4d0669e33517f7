"""Indexing, iteration, length, truth, and how tensors print."""

import numpy as np
import pytest
from looping import looped

from autograd_lite import AutogradError, Tensor

DATA = np.arange(24.0).reshape(2, 3, 4)

INDICES = {
    "integer": 1,
    "negative integer": -1,
    "numpy integer": np.int64(1),
    "zero-dimensional array": np.array(1),
    "integers": (1, 2, 3),
    "negative integers": (-1, -3, -4),
    "slice": slice(0, 1),
    "steps": (slice(None), slice(None, None, 2)),
    "reversed": (slice(None), slice(None, None, -1)),
    "empty slice": slice(5, 9),
    "ellipsis": (..., 0),
    "ellipsis alone": ...,
    "new axis": None,
    "new axes within": (slice(None), None, 1, ..., None),
    "mask": DATA > 5,
    "mask of the first axes": (DATA > 5)[:, :, 0],
    "mask of one axis": (slice(None), np.array([True, False, True])),
    "empty mask": np.zeros((2, 3, 4), bool),
    "list": [1, 0],
    "repeated": [0, 0, 1, 0],
    "repeated negative": [-1, 1, -1],
    "arrays": (np.array([0, 1, 1]), np.array([2, 0, 0])),
    "broadcast arrays": (np.array([[0], [1]]), np.array([2, 0, 2])),
    "array and slice": (np.array([1, 1]), slice(1, 3)),
    "slice and array": (slice(None), np.array([0, 2, 0]), 1),
    "arrays apart": (np.array([0, 1]), slice(None), np.array([3, 3])),
    "mixture": (..., None, np.array([3, 3, 0])),
    "mask and integer": (np.array([False, True]), 2),
    "empty list": [],
    "true": True,
}


@looped("name", INDICES)
def test_indexing_selects_and_adds_up_what_was_selected(name):
    index = INDICES[name]
    x = Tensor(DATA.copy(), requires_grad=True)
    part = x[index]
    assert isinstance(part, Tensor)
    np.testing.assert_array_equal(part.data, DATA[index])
    weights = np.arange(1.0, part.size + 1).reshape(part.shape)
    (part * weights).sum().backward()
    expected = np.zeros_like(DATA)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(x.grad, expected)


def test_second_derivatives_go_through_repeated_indices():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x[[0, 0, 1]] ** 3).sum().backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.sum().backward()
    np.testing.assert_array_equal(x.grad, [2 * 6.0, 12.0])


def test_integer_tensors_index():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[Tensor([2, 2])].sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0, 2.0])


@pytest.mark.parametrize("index", [5, (0, 0, 0, 0), 1.5, "a", np.array([7]), np.array([0.0])])
def test_an_index_that_does_not_fit_raises_an_index_error_with_the_shape(index):
    x = Tensor(DATA, requires_grad=True, name="batch")
    with pytest.raises(IndexError, match=r"\(2, 3, 4\)") as caught:
        x[index]
    assert isinstance(caught.value, AutogradError)
    assert "batch" in str(caught.value)


def test_iteration_gives_tensors_that_record_and_ends():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    rows = list(x)
    assert [row.data.tolist() for row in rows] == [[1.0, 2.0], [3.0, 4.0]]
    first, second = x
    (first * 10 + second).sum().backward()
    np.testing.assert_array_equal(x.grad, [[10.0, 10.0], [1.0, 1.0]])


def test_a_scalar_has_no_length_and_is_not_iterated():
    scalar = Tensor(1.0)
    with pytest.raises(TypeError):
        len(scalar)
    with pytest.raises(TypeError):
        list(scalar)


def test_length_is_that_of_the_first_axis():
    assert len(Tensor(DATA)) == 2


def test_membership_asks_the_values():
    assert 2.0 in Tensor([1.0, 2.0])
    assert 3.0 not in Tensor([1.0, 2.0])


def test_truth_is_that_of_the_only_entry():
    assert Tensor(1.0)
    assert not Tensor([0.0])
    assert Tensor([[2.0]], requires_grad=True)


def test_the_truth_of_several_entries_raises():
    with pytest.raises(ValueError, match=r"any|all"):
        bool(Tensor([1.0, 2.0]))


def test_repr_shows_values_name_and_requires_grad():
    x = Tensor([1.0, 2.5], requires_grad=True, name="bias")
    assert "1." in repr(x)
    assert "2.5" in repr(x)
    assert "bias" in repr(x)
    assert "requires_grad=True" in repr(x)
    assert "requires_grad" not in repr(Tensor([1.0]))
    assert repr(Tensor([1.0])).startswith("Tensor(")


def test_repr_of_a_leaf_without_grad_can_be_read_back():
    text = repr(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    copy = eval(text, {"Tensor": Tensor})
    np.testing.assert_array_equal(copy.data, [[1.0, 2.0], [3.0, 4.0]])


def test_repr_of_a_large_tensor_is_short():
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 2000


def test_a_scalar_is_formatted_like_a_number():
    loss = (Tensor([1.0, 2.0], requires_grad=True) ** 2).mean()
    assert f"{loss:.4f}" == "2.5000"
    assert f"{loss:10.2e}" == "  2.50e+00"
    assert "2.0" in f"{Tensor(2.0)}"


def test_formatting_several_entries_as_a_number_raises():
    with pytest.raises(AutogradError, match=r"format\(tensor \(2,\), '.4f'\)"):
        f"{Tensor([1.0, 2.0]):.4f}"


def test_shape_attributes():
    x = Tensor(DATA)
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3, 4), 3, 24, np.float64)
    assert x.T.shape == (4, 3, 2)


def test_shaping_methods_take_tuples_and_separate_numbers():
    x = Tensor(DATA, requires_grad=True)
    assert x.reshape(6, 4).shape == x.reshape((6, 4)).shape == (6, 4)
    assert x.reshape(-1).shape == x.ravel().shape == (24,)
    assert x.transpose(2, 0, 1).shape == x.transpose((2, 0, 1)).shape == (4, 2, 3)
    weights = np.arange(24.0).reshape(4, 2, 3)
    (x.transpose(2, 0, 1) * weights).sum().backward()
    np.testing.assert_array_equal(x.grad, weights.transpose(1, 2, 0))


@looped("axis", [None, 0, -1, (0, 2), (-1, -2), ()])
@looped("keepdims", [False, True])
@looped("name", ["sum", "mean", "max", "min"])
def test_reductions_take_any_axes(name, axis, keepdims):
    x = Tensor(DATA, requires_grad=True)
    y = getattr(x, name)(axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(
        y.data, getattr(np, name)(DATA, axis=axis, keepdims=keepdims), rtol=1e-15
    )
    y.sum().backward()
    kept = getattr(np, name)(DATA, axis=axis, keepdims=True)
    group = DATA.size / kept.size
    expected = {
        "sum": np.ones_like(DATA),
        "mean": np.full_like(DATA, 1 / group),
    }.get(name, (kept == DATA).astype(float))
    np.testing.assert_allclose(x.grad, expected, rtol=1e-15)
