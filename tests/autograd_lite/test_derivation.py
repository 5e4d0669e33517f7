"""derive(): its text, shapes, values and LaTeX; names; the formula of one contribution."""

import numpy as np
import pytest
from samples import SAMPLES

import autograd_lite as al
import nn
from autograd_lite import Tensor, derive, to_source
from autograd_lite.derivation.formulas import contribution_formula
from autograd_lite.derivation.naming import names_of
from autograd_lite.errors import GradientError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))


def parameter(*shape, name=None):
    return Tensor(
        np.random.default_rng(sum(shape)).normal(size=shape), requires_grad=True, name=name
    )


def formulas(derivation):
    return {step.name: step.formula for step in (*derivation.forward, *derivation.backward)}


# Text


def test_a_softmax_classifier_is_derived_as_in_a_textbook():
    model = nn.Sequential(nn.Dense(3, 5, "tanh", rng=0), nn.Dense(5, 3, rng=1))
    labels = RNG.integers(0, 3, 20)
    x = X
    loss = nn.CrossEntropyLoss()(model(x), labels)
    assert formulas(derive(loss)) == {
        "m": "20",
        "z1": "x W1 + b1",
        "a1": "tanh(z1)",
        "z2": "a1 W2 + b2",
        "δ2": "(softmax(z2) - eye(3)[labels])/m",
        "dW2": "a1ᵀ δ2",
        "db2": "Σ₀ δ2",
        "δ1": "δ2 W2ᵀ ⊙ (1 - a1 ⊙ a1)",
        "dW1": "xᵀ δ1",
        "db1": "Σ₀ δ1",
    }


def test_each_step_has_the_shape_and_on_request_the_value_of_its_array():
    W = parameter(3, 2, name="W")
    z = X @ W
    loss = ((z - Y) ** 2).mean()
    derivation = derive(loss, values=True)
    loss.backward()
    steps = {step.name: step for step in (*derivation.forward, *derivation.backward)}
    assert {name: step.shape for name, step in steps.items()} == {
        "z": (20, 2),
        "dz": (20, 2),
        "dW": (3, 2),
    }
    np.testing.assert_array_equal(steps["z"].value, z.data)
    np.testing.assert_allclose(steps["dz"].value, z.grad, rtol=1e-15)
    np.testing.assert_allclose(steps["dW"].value, W.grad, rtol=1e-14)
    assert np.array2string(steps["dW"].value[0], precision=6)[1:-1] in str(derivation)
    assert all(step.value is None for step in derive(loss).backward)


def test_the_delta_of_a_pre_activation_is_called_dz_where_the_user_has_a_name_for_it():
    W1, b1 = parameter(3, 2, name="W1"), parameter(2, name="b1")
    unnamed = derive(np.tanh(X @ W1 + b1).sum())
    z1 = X @ W1 + b1
    named = derive(np.tanh(z1).sum())
    assert "δ1" in formulas(unnamed)
    assert "dz1" in formulas(named)


def test_derivatives_in_several_uses_are_summed():
    x = parameter(3, name="x")
    y = np.exp(x)
    assert formulas(derive((y * x + y).sum(), [x]))["dx"] == "y + (1 + x) ⊙ y"


def test_latex_aligns_one_row_for_each_step():
    W, b, lam = parameter(3, 2, name="W"), parameter(2, name="b"), 0.1
    loss = (al.sigmoid(X @ W + b) / 7).sum() + lam * (W**2).sum()
    derivation = derive(loss)
    rows = [row for row in derivation.markdown().splitlines() if "&=" in row]
    assert len(rows) == len(derivation.forward) + len(derivation.backward)
    assert derivation._repr_markdown_() == derivation.markdown()
    assert r"\mathrm{d}W &= X^{\top} \, \delta + 0.2 W && (3, 2) \\" in rows


def test_a_loss_without_a_record_is_refused():
    with pytest.raises(GradientError, match="nothing that requires grad"):
        derive(Tensor(1.0))


# What is divided by m


def test_a_mean_over_samples_is_divided_by_their_number_and_one_over_entries_by_the_size():
    w, W = parameter(3, 1, name="w"), parameter(3, 2, name="W")
    y = Y[:, :1]
    assert "m = X.shape[0]" in to_source(((X @ w - y) ** 2).mean())
    assert "/ Y.size" in to_source(((X @ W - Y) ** 2).mean())


def test_a_half_is_not_taken_for_one_over_two_samples():
    W = parameter(3, 2, name="W")
    two = X[:2]
    source = to_source(((two @ W) ** 2).sum() / 2)
    assert "shape" not in source
    assert "dW = two.T @ z" in source


# Names


def test_names_are_those_of_tensors_then_of_variables_then_of_the_network():
    W1, b1, W2 = parameter(3, 4, name="W1"), parameter(4), parameter(4, 2, name="my weight")
    hidden = np.tanh(X @ W1 + b1)
    loss = (hidden @ W2).sum()
    names = names_of(loss, {"hidden": hidden, "bias": b1, "_": loss})
    assert {names[W1], names[b1], names[W2], names[hidden]} == {"W1", "bias", "my_weight", "hidden"}
    assert names[hidden.arguments[0]] == "z1"
    assert names[loss] == "loss"
    assert len(set(names.values())) == len(names)
    assert all(name.isidentifier() for name in names.values())


def test_parameters_of_modules_are_numbered_by_layer():
    model = nn.Sequential(
        nn.Dense(3, 4, "relu", rng=0), nn.BatchNorm1d(4), nn.Dropout(0.1, rng=0), nn.Dense(4, 1)
    )
    loss = nn.MSELoss()(model(X), Y[:, :1])
    names = names_of(loss, {})
    assert [names[p] for p in model.parameters()] == ["W1", "b1", "gamma1", "beta1", "W2", "b2"]


def test_layers_keep_their_order_when_a_penalty_uses_the_last_weights_first():
    weights = [parameter(3, 3) for _ in range(3)]
    a = X
    for W in weights:
        a = np.tanh(a @ W)
    penalty = sum((W**2).sum() for W in weights[::-1])
    names = names_of(a.sum() + penalty, {})
    assert [names[W] for W in weights] == ["W1", "W2", "W3"]


def test_plain_arrays_are_named_by_identity_and_what_was_computed_from_them_is_recognized():
    w = parameter(3, 1, name="w")
    data, labels = X, (Y[:, :1] > 0).astype(int)
    p = al.sigmoid(data @ w)
    source = to_source(-(labels * np.log(p) + (1 - labels) * np.log(1 - p)).sum())
    assert "def backward(data, labels, w):" in source
    assert "(1 - labels) / (1 - p) - labels / p" in source


def test_a_mask_computed_from_a_tensor_is_recognized():
    w = parameter(3, 1, name="w")
    z = X @ w
    leaky = np.where(z.data > 0, z, 0.1 * z)
    column = Y[:, :1]
    source = to_source((leaky * column).sum(), [z])
    assert "dz = np.where(z > 0, column, 0) + 0.1 * np.where(z > 0, 0, column)" in source


# One contribution


def contribution(node, index=0, vjp=None):
    names = names_of(node, {"y": node})
    letters = zip(node.arguments, "abc" if len(node.arguments) > 1 else "x")
    names |= {tensor: letter for tensor, letter in letters if isinstance(tensor, Tensor)}
    return contribution_formula(node, index, names, vjp)


A, B, V = parameter(4, 3), parameter(3, 2), parameter(3)


@pytest.mark.parametrize(
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


# Every row


@pytest.mark.parametrize("function", SAMPLES, ids=lambda function: function.__name__)
def test_each_row_is_derived_with_a_line_for_each_array_and_balanced_latex(function):
    for sample in SAMPLES[function]:
        tensors = [Tensor(array, requires_grad=True) for array in sample.arrays]
        result = sample.function(*tensors)
        weights = np.random.default_rng(0).normal(size=result.shape)
        derivation = derive((result * weights).sum(), tensors)
        steps = (*derivation.forward, *derivation.backward)
        latex = derivation.markdown()
        assert str(derivation).count(" = ") >= len(steps)
        assert "np." not in str(derivation)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left(") == latex.count(r"\right)")
