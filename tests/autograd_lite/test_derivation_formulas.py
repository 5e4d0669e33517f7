"""The formulas of single contributions and of single cotangents, as reports show them."""

import importlib
import pkgutil
import re

import numpy as np
import pytest
from looping import looped
from walk import Walk

import autograd_lite as al
from autograd_lite import Tensor, derivatives
from autograd_lite.cotangents import seed_of
from autograd_lite.engine import backpropagate
from autograd_lite.textbook import spellings
from autograd_lite.textbook.naming import names_of
from autograd_lite.textbook.words import contribution_formula, cotangent_formula, value_formula

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))


def parameter(*shape, name=None):
    return Tensor(
        np.random.default_rng(sum(shape)).normal(size=shape), requires_grad=True, name=name
    )


# One contribution


def contribution(node, index=0, vjp=None):
    names = names_of(node, {"y": node})
    letters = zip(node.arguments, "abc" if len(node.arguments) > 1 else "x")
    names |= {tensor: letter for tensor, letter in letters if isinstance(tensor, Tensor)}
    return contribution_formula(node, index, names, vjp)


A, B, V = parameter(4, 3), parameter(3, 2), parameter(3)


@looped(
    ("node", "index", "formula"),
    [
        (A @ B, 0, "dy @ b.T"),
        (A @ B, 1, "a.T @ dy"),
        (A @ V, 0, "np.outer(dy, b)"),
        (A + V, 1, "dy.sum(axis=0)"),
        (A - V, 1, "-dy.sum(axis=0)"),
        (A / V, 0, "dy / b"),
        (np.sqrt(A * A), 0, "dy / (2 * y)"),
        (A**2, 0, "2 * dy * a"),
        (al.sigmoid(A), 0, "dy * y * (1 - y)"),
        (al.relu(A), 0, "dy * (x > 0)"),
        (A.sum(axis=1), 0, "np.broadcast_to(dy[:, None], x.shape)"),
        (A.mean(axis=0), 0, "np.broadcast_to(1 / 4 * dy, x.shape)"),
        (al.softmax(A), 0, "y * (dy - (dy * y).sum(axis=1, keepdims=True))"),
        (A[:, 1], 0, "scatter(dy, np.s_[:, 1], a.shape)"),
        (A.reshape(3, 4), 0, "dy.reshape(a.shape)"),
        (np.maximum(A, 0.5), 0, "np.where(a > 0.5, dy, 0)"),
    ],
)
def test_the_formula_of_one_contribution(node, index, formula):
    assert contribution(node, index) == formula


def test_the_formula_of_another_rule_is_written_with_the_same_names():
    mistaken = contribution(al.sigmoid(A), 0, lambda g, y, x: g * x * (1 - x))
    assert mistaken == "dy * x * (1 - x)"


def test_an_array_without_a_name_is_a_word_in_the_formula_of_a_contribution():
    labels, weights = RNG.integers(0, 3, 5000), RNG.normal(size=(4, 3))
    mask = RNG.random((4, 3)) > 0.5
    logits = parameter(5000, 3)
    losses = al.softmax_cross_entropy(logits, labels)
    assert contribution(A * weights) == "dy * constant"
    assert contribution(A * mask.astype(float)) == "dy * mask"
    assert contribution(A * 0.25) == "0.25 * dy"
    assert contribution(A[np.array([2, 0, 2])]) == "scatter(dy, indices, a.shape)"
    assert "labels" in contribution(A[np.arange(4), np.array([2, 0, 2, 1])])
    assert contribution(np.where(mask, A, 0.0), 1) == "np.where(mask, dy, 0)"
    assert contribution(np.where(A.data > 0, A, 0.0), 1) == "np.where(b > 0, dy, 0)"
    assert "np.eye(3)[labels]" in contribution(losses)
    assert len(contribution(losses)) < 100


# The whole formula of one cotangent


def whole(loss, tensor, **variables):
    return cotangent_formula(loss, tensor, names_of(loss, variables), variables)


def test_the_formula_of_a_cotangent_has_the_given_names_and_writes_temporaries_out():
    W1, b1 = parameter(3, 4, name="W1"), parameter(4, name="b1")
    W2 = parameter(4, 2, name="W2")
    hidden = np.tanh(X @ W1 + b1)
    before = hidden @ W2 * 3
    loss = ((before - Y) ** 2).sum() / 20 + 0.1 * (W2**2).sum()
    shown = {"X": X, "Y": Y, "hidden": hidden}
    assert whole(loss, before, **shown) == "2 * (3 * Z2 - Y) / 20"
    assert whole(loss, W2, **shown) == "hidden.T @ dZ2 + 0.2 * W2"
    assert whole(loss, hidden, **shown) == "dZ2 @ W2.T"
    assert whole(loss, hidden.arguments[0], **shown) == "dhidden * (1 - hidden * hidden)"
    assert whole(loss, b1, **shown) == "dZ1.sum(axis=0)"


def test_arrays_without_a_name_are_words_in_the_formula_of_a_cotangent():
    w = parameter(3, 1, name="w")
    z = X @ w
    y = (Y[:, :1] > 0).astype(float)
    loss = -(y * np.log(al.sigmoid(z)) + (1 - y) * np.log(1 - al.sigmoid(z))).sum()
    assert whole(loss, w, z=z) == "constant.T @ dz"
    leaky = (np.where(z.data > 0, z, 0.1 * z) * RNG.normal(size=(20, 1))).sum()
    assert (
        whole(leaky, z, z=z) == "np.where(z > 0, constant, 0) + 0.1 * np.where(z > 0, 0, constant)"
    )


def test_a_formula_that_would_be_long_uses_the_temporaries_of_names_of():
    W = parameter(3, 3, name="W")
    h = X
    for _ in range(40):
        h = np.tanh(h @ W)
    loss = (h**2).sum()
    names = names_of(loss, {"X": X})
    formula = whole(loss, W, X=X)
    first, last = h.arguments[0], h.arguments[0].arguments[0]
    assert formula.startswith(f"{names[last]}.T @ d{names[first]} + ")
    assert formula.endswith("+ X.T @ dt1")


walk = Walk()


@walk.each_sample
def the_formula_of_each_cotangent_computes_it(sample):
    tensors = [Tensor(array, requires_grad=True) for array in sample.arrays]
    result = sample.function(*tensors)
    weights = np.random.default_rng(0).normal(size=result.shape)
    loss = (result * weights).sum()
    expected = backpropagate(loss, seed_of(loss))
    variables = {"weights": weights}
    names = names_of(loss, variables)
    for tensor in tensors:
        if tensor in expected:
            formula = cotangent_formula(loss, tensor, names, variables)
            if re.search("mask|labels|indices|constant", formula):
                assert len(formula) < 1000
                continue
            values = evaluated(formula, names, expected, variables)
            np.testing.assert_allclose(values, expected[tensor], rtol=1e-9, atol=1e-12)


def test_values_that_are_used_twice_in_each_step_without_a_name_have_no_formula_of_2_to_the_steps():
    start = Tensor(0.5, requires_grad=True, name="start")
    states = [np.sin(start)]
    for _ in range(200):
        states.append(np.cos(states[-1]) * states[-1])
    loss = states[-1] * 2.0
    assert value_formula(loss, states[0], {}) == "np.sin(start)"
    assert value_formula(loss, states[1], {}) == "np.cos(np.sin(start)) * np.sin(start)"
    assert value_formula(loss, states[-1], {}) == ""


MODULES = [module.name for module in pkgutil.iter_modules(derivatives.__path__)]
FUNCTIONS = {
    name: value
    for module in (
        spellings,
        *(importlib.import_module(f"autograd_lite.derivatives.{name}") for name in MODULES),
    )
    for name, value in vars(module).items()
}


def evaluated(formula, names, cotangents, variables):
    """The value of a formula in which tensors have names."""
    values = {**FUNCTIONS, **variables}
    for node, cotangent in cotangents.items():
        values |= {names[node]: node.data, f"d{names[node]}": cotangent}
    with np.errstate(all="ignore"):
        return eval(formula, values)


test_each_row_on_some_of_its_samples = walk.test(of_each=1)
test_each_row_on_each_of_its_samples = pytest.mark.exhaustive(walk.test())
