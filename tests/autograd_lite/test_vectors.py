"""A structure of arrays as one vector, and back."""

from collections import OrderedDict

import numpy as np
import pytest
from looping import looped

from autograd_lite import AutogradError, Tensor, grad, jacobian, ravel, value_and_grad

RNG = np.random.default_rng(0)
TREE = OrderedDict(
    layers=[(RNG.normal(size=(2, 3)), np.float32(0.5)), (RNG.normal(size=2).astype("f4"), None)],
    empty=np.zeros((0, 2)),
    scale=2.0,
)


def test_a_structure_comes_back_as_it_was():
    vector, unravel = ravel(TREE)
    assert vector.shape == (10,)
    assert vector.dtype == np.float64
    back = unravel(vector)
    assert isinstance(back, OrderedDict)
    (weight, scale), (bias, nothing) = back["layers"]
    np.testing.assert_array_equal(weight, TREE["layers"][0][0], strict=True)
    np.testing.assert_array_equal(bias, TREE["layers"][1][0], strict=True)
    assert (type(scale), scale, nothing) == (np.float32, 0.5, None)
    assert back["empty"].shape == (0, 2)
    assert back["scale"] == 2.0


def test_what_is_unravelled_shares_no_memory_with_the_vector():
    weight = np.ones(3)
    vector, unravel = ravel([weight])
    vector[0] = 5.0
    (back,) = unravel(vector)
    vector[1] = 7.0
    assert weight.tolist() == [1.0, 1.0, 1.0]
    assert back.tolist() == [5.0, 1.0, 1.0]


def test_float32_stays_and_other_dtypes_of_the_vector_are_converted():
    vector, unravel = ravel({"a": np.ones(2, np.float32)})
    assert vector.dtype == np.float32
    assert unravel(np.zeros(2))["a"].dtype == np.float32


def test_gradients_flow_through_both():
    def loss(p):
        return (p["a"] ** 3).sum() * p["b"]

    tree = {"a": np.array([1.0, 2.0]), "b": np.float32(3.0)}
    x, unravel = ravel(tree)
    value, gradient = value_and_grad(lambda x: loss(unravel(x)))(x)
    assert value == 27.0
    np.testing.assert_array_equal(gradient, [9.0, 36.0, 9.0])
    back = grad(lambda p: (ravel(p)[0] * np.array([1.0, 2.0, 3.0])).sum())(tree)
    np.testing.assert_array_equal(back["a"], [1.0, 2.0])
    assert back["b"] == 3.0
    assert back["b"].dtype == np.float32
    np.testing.assert_array_equal(jacobian(lambda x: ravel(unravel(x))[0])(x), np.eye(3))


def test_the_vector_of_tensors_is_a_tensor():
    a = Tensor([1.0, 2.0], requires_grad=True)
    vector, unravel = ravel({"a": a, "b": 1.0})
    (unravel(vector * 2)["a"] ** 2).sum().backward()
    np.testing.assert_array_equal(a.grad, [8.0, 16.0])


def test_nothing_is_a_vector_without_entries():
    vector, unravel = ravel({"a": None, "b": []})
    assert vector.shape == (0,)
    assert unravel(vector) == {"a": None, "b": []}


@looped(
    ("call", "words"),
    [
        (lambda: ravel({"a": [1.0, 3]}), r"\['a'\]\[1\] .* int64\. .* 1\.0 for 1"),
        (lambda: ravel("abc"), "<U3"),
        (lambda: ravel([1.0, 1j]), r"\[1\] .* complex128"),
        (lambda: ravel([1.0, 2.0])[1](np.ones(3)), r"array \(3,\): the structure has 2 entries"),
        (lambda: ravel([1.0, 2.0])[1](1.0), "the structure has 2 entries"),
    ],
)
def test_what_is_no_structure_of_floats_and_a_vector_of_another_length_are_refused(call, words):
    with pytest.raises(AutogradError, match=words):
        call()
