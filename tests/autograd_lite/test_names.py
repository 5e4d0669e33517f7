"""What is called otherwise elsewhere is named here, wherever it is unknown."""

import copy
import pickle

import numpy as np
import pytest
from looping import looped

import autograd_lite
from autograd_lite import (
    AutogradError,
    MissingNameError,
    Tensor,
    UnsupportedError,
    grad,
    gradcheck,
    jacobian,
    leaky_relu,
    no_grad,
    softmax,
)
from autograd_lite.elsewhere import KEYWORDS, NAMES
from autograd_lite.names import ATTRIBUTES, explains_keywords


def leaf():
    return Tensor(np.ones((2, 3)), requires_grad=True, name="x")


@looped(
    ("write", "told"),
    [
        (lambda x: x.sum(dim=1), "axis"),
        (lambda x: x.mean(0, keepdim=True), "keepdims"),
        (lambda x: x.var(dim=0), "axis"),
        (lambda x: x.std(unbiased=False), "ddof"),
        (lambda x: x.argmax(dim=1), "axis"),
        (lambda x: softmax(x, dim=1), "axis"),
        (lambda x: leaky_relu(x, slope=0.2), "negative_slope"),
        (lambda x: Tensor([1.0], requires_gradient=True), "requires_grad"),
        (lambda x: Tensor([1.0], device="cpu"), "Leave it out"),
        (lambda x: x.sum().backward(retain_graph=True), "Leave it out"),
    ],
)
def test_an_unknown_keyword_is_told_by_the_name_that_it_has_here(write, told):
    with pytest.raises(UnsupportedError, match=f"it takes no .*{told}"):
        write(leaf())


@looped("name", ATTRIBUTES)
def test_an_attribute_of_another_library_s_tensors_has_a_line_to_write(name):
    with pytest.raises(MissingNameError) as caught:
        getattr(leaf(), name)
    assert str(caught.value).startswith(f"'x' (2, 3).{name}: ")
    assert ATTRIBUTES[name] in str(caught.value)
    assert not hasattr(leaf(), name)


def test_what_is_to_be_written_with_numpy_for_a_method_can_be_run():
    rng = np.random.default_rng(0)
    space = {
        "np": np,
        "x": Tensor(rng.normal(size=(3, 3)) ** 2, requires_grad=True),
        "y": np.ones((3, 3)),
    }
    space |= {"axis": 0, "k": 1, "q": 0.5, "shape": (3, 3), "shift": 1, "repeats": 2, "value": 0.0}
    space |= {"source": 0, "destination": 1, "mask": np.eye(3) > 0}
    space |= {"parts": 3, "places": [1, 2]}
    space |= {"indices": np.zeros((3, 3), dtype=int)}
    told = [text for text in ATTRIBUTES.values() if text.startswith("np.")]
    assert "np.maximum(x, y)" in told
    for text in told:
        assert eval(text, space) is not None, text


@looped(
    ("compute", "told"),
    [
        (lambda: f"{leaf():.3f}", r"format\('x' .*, '\.3f'\): .* Write round\(x, 3\)"),
        (lambda: f"{leaf().sum():.3k}", "Give one of numbers"),
        (lambda: np.linalg.inv(leaf() @ leaf().T), r"of full rank"),
        (lambda: np.linalg.cholesky(-np.eye(2) * leaf()[0, 0]), "Give one that is: of A write A @"),
        (lambda: np.linalg.det(leaf()), "Give as many rows as columns"),
        (lambda: np.einsum("ij,jk", leaf()), r"help\(np\.einsum\) says what it takes"),
        (lambda: gradcheck(np.tanh, [1, 2, 3]), "but 3 were given. Give a list of one"),
        (lambda: gradcheck(lambda x: x, [1, 2]), r"but 2 were given\. .*np\.array\(\["),
    ],
)
def test_what_cannot_be_computed_says_what_to_write(compute, told):
    with pytest.raises(AutogradError, match=told):
        compute()


def test_what_is_called_so_here_too_is_not_told():
    assert not [name for name in ATTRIBUTES if hasattr(Tensor, name)]
    assert not [name for name in KEYWORDS if KEYWORDS[name] == name]


def test_an_error_inside_of_a_function_is_not_taken_for_its_own():
    @explains_keywords
    def outer(x, axis=None):
        return (lambda y: y)(x, dim=0)

    with pytest.raises(TypeError, match="unexpected keyword argument 'dim'") as caught:
        outer(1.0)
    assert not isinstance(caught.value, UnsupportedError)


@looped(
    ("call", "told"),
    [
        (lambda: no_grad(print, 1), "no_grad(...): it takes nothing by position, and was given"),
        (lambda: grad(leaf().sum(), [leaf()]), "derivative of tensor (): it is no function. Gi"),
        (lambda: jacobian(leaf()), "derivative of 'x' (2, 3): it is no function. Give a function"),
    ],
)
def test_a_call_with_other_arguments_than_it_takes_is_told_how_to_write_it(call, told):
    with pytest.raises(UnsupportedError) as caught:
        call()
    assert str(caught.value).startswith(told)


def test_tensors_are_copied_and_pickled_as_ever():
    for copied in (copy.copy(leaf()), copy.deepcopy(leaf()), pickle.loads(pickle.dumps(leaf()))):
        np.testing.assert_array_equal(copied.data, np.ones((2, 3)))


@looped(
    ("name", "told"),
    [
        *NAMES.items(),
        ("tanh", "np.tanh: NumPy's functions take tensors"),
        ("gradchek", "autograd_lite.gradcheck"),
    ],
)
def test_a_name_of_another_library_or_a_misspelt_one_is_told_what_is_written_here(name, told):
    with pytest.raises(MissingNameError) as caught:
        getattr(autograd_lite, name)
    assert str(caught.value) == f"autograd_lite.{name}: there is no such name. Write {told}"
