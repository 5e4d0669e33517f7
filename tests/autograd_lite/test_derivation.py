"""derive(): its text, shapes, values and LaTeX; names."""

import numpy as np
import pytest
from generated import assert_same, function_of, generated
from looping import looped
from walk import Walk

import autograd_lite as al
import nn
from autograd_lite import Tensor, derive, to_source
from autograd_lite.errors import GradientError
from autograd_lite.textbook.naming import names_of

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
        "loss": "-mean(log_softmax(z2)[arange(20), labels])",
        "δ2": "(softmax(z2) - eye(3)[labels])/m",
        "dW2": "a1ᵀ δ2",
        "db2": "Σ₀ δ2",
        "δ1": "δ2 W2ᵀ ⊙ (1 - a1²)",
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
        "loss": (),
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


def test_equal_contributions_to_both_factors_of_a_square_are_one_with_twice_the_factor():
    x = parameter(4, name="x")
    z = np.tanh(x)
    assert formulas(derive((z * z).sum()))["dx"] == "2 z ⊙ (1 - z²)"


def test_numbers_of_densities_are_written_with_pi():
    x = parameter(3, name="x")
    loss = (np.exp(-(x**2)) / np.sqrt(2 * np.pi)).sum() + np.log(2 * np.pi) * x.sum()
    assert formulas(derive(loss))["dx"] == "log(2π) - 2 exp(-x²) ⊙ x/√(2π)"
    assert r"\sqrt{2 \pi}" in derive(loss).markdown()


def test_latex_aligns_one_row_for_each_step():
    W, b, lam = parameter(3, 2, name="W"), parameter(2, name="b"), 0.1
    loss = (al.sigmoid(X @ W + b) / 7).sum() + lam * (W**2).sum()
    derivation = derive(loss)
    rows = [row for row in derivation.markdown().splitlines() if "&=" in row]
    steps = [*derivation.forward, *derivation.backward]
    assert len(rows) == len(steps) + 1
    assert rf"&= {loss.item():.6g} \\" in rows
    assert derivation._repr_markdown_() == derivation.markdown()
    assert r"\mathrm{d}W &= X^{\top} \, \delta + 2 \lambda W && (3, 2) \\" in rows
    shown = derive(loss, values=True).markdown()
    assert shown.count("bmatrix") == 2 * (len(steps) - 1)
    entries = [f"{entry:.6g}" for entry in derive(loss, values=True).backward[-1].value]
    assert rf"&= \begin{{bmatrix}} {entries[0]} & {entries[1]} \end{{bmatrix}} \\" in shown


def test_several_results_of_one_function_are_shown_one_below_the_other_without_a_shape():
    A = parameter(3, 2, name="A")
    derivation = derive(np.linalg.norm(A, 2), values=True)
    (step,) = [step for step in derivation.backward if step.formula.startswith("svd(A")]
    u, s, vh = np.linalg.svd(A.data, full_matrices=False)
    assert step.shape is None
    for value, expected in zip(step.value, (u, s, vh), strict=True):
        np.testing.assert_array_equal(value, expected)
        assert f"{abs(expected.flat[-1]):.6f}".rstrip("0") in str(derivation)


def test_only_names_that_are_a_greek_letter_and_a_number_are_written_as_one():
    names = ["alphabet", "beta", "beta12", "gamma1", "gammas"]
    tensors = [parameter(2, name=name) for name in names]
    loss = sum((tensor**2).sum() for tensor in tensors)
    derivation = derive(loss)
    assert {step.name: step.formula for step in derivation.backward} == {
        "dalphabet": "2 alphabet",
        "dβ": "2 β",
        "dβ12": "2 β12",
        "dγ1": "2 γ1",
        "dgammas": "2 gammas",
    }
    assert r"\mathrm{d}\mathrm{alphabet} &= 2 \mathrm{alphabet}" in derivation.markdown()


def test_words_stand_upright_in_latex():
    x = Tensor(np.ones((2, 2)), requires_grad=True, name="x")
    loss = np.einsum("ij,jk->ik", x[:, None, 0], x).sum()
    latex = derive(loss).markdown()
    assert r"\text{'ij,jk->ik'}, x[:, \text{None}, 0], x" in latex


def test_the_remainder_is_no_comment_in_latex():
    x = parameter(3, name="x")
    markdown = derive((np.remainder(x, 0.7) ** 2).sum()).markdown()
    assert r"x \bmod 0.7" in markdown
    assert "%" not in markdown


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


def squares(batch, loss):
    """The source for a loss of a linear model's errors, and a check of it on another batch."""
    x, y = RNG.normal(size=(batch, 3)), RNG.normal(size=(batch, 2))
    W = parameter(3, 2, name="W")
    source = to_source(loss(x @ W, y, W, batch))
    return source, x, y, W


@looped(
    "loss",
    [
        lambda z, y, W, m: ((z - y) ** 2).sum() + 1 / m * (W**2).sum(),
        lambda z, y, W, m: ((z - y) ** 2).sum() + 1 / m * np.abs(W).sum(),
        lambda z, y, W, m: ((1 / m * z - y) ** 2).sum(),
        lambda z, y, W, m: ((z / m - y) ** 2).sum(),
        lambda z, y, W, m: 1 / m * ((z - y) ** 2).sum(),
    ],
)
@looped("batch", [4, 7, 10, 100])
def test_a_constant_that_is_one_over_the_batch_size_by_chance_stays_a_constant(batch, loss):
    source, x, y, W = squares(batch, loss)
    assert "shape" not in source
    assert ".size" not in source
    x, y = x[: batch - 1], y[: batch - 1]
    loss(x @ W, y, W, batch).backward()
    assert_same([function_of(source)(x, y, W.data)], [W], relative=1e-14)


@looped(
    "loss",
    [
        lambda z, y, W: ((z - y) ** 2).sum() / len(y),
        lambda z, y, W: ((z - y) ** 2).sum() / (2 * len(y)),
        lambda z, y, W: ((z - y) ** 2).sum(axis=1).mean() / 2,
        lambda z, y, W: ((z - y) ** 2).sum(axis=1).mean() + 0.1 * (W**2).sum() / len(y),
        lambda z, y, W: ((z / 10 - y) ** 2).mean(),
    ],
)
def test_a_mean_or_a_sum_divided_by_the_number_of_samples_takes_any_batch_size(loss):
    source, x, y, W = squares(10, lambda z, y, W, m: loss(z, y, W))
    loss(x[:7] @ W, y[:7], W).backward()
    assert_same([function_of(source)(x[:7], y[:7], W.data)], [W], relative=1e-14)


def centered(z):
    return z - z.mean(axis=0)


@looped(
    "loss",
    [
        lambda z, y, W: (np.tanh(centered(z)) ** 2).mean(),
        lambda z, y, W: (centered(z) ** 4).mean() / 3,
        lambda z, y, W: (np.tanh(z / np.sqrt(z.var(axis=0) + 0.1)) ** 2).mean(),
        lambda z, y, W: (centered(z) ** 3 @ W.T).mean() + ((z - y) ** 2).mean(),
        lambda z, y, W: (np.tanh(nn.BatchNorm1d(2)(z)) ** 2).mean() + (centered(z) * y).mean(),
    ],
)
@looped("batch", [5, 8])
def test_the_number_of_samples_is_read_off_the_data_everywhere_or_nowhere(loss, batch):
    x, y = RNG.normal(size=(batch, 3)), RNG.normal(size=(batch, 2))
    W = parameter(3, 2, name="W")
    value = loss(x @ W, y, W)
    source, gradients = generated(value, [W], {"x": x, "y": y})
    value.backward()
    assert_same(gradients, [W], relative=1e-13)
    assert "m = " not in source, source
    assert ".size" not in source, source


def test_a_divisor_that_is_a_multiple_of_a_number_of_samples_that_a_weight_has_is_said():
    for samples, units, outputs in ((4, 4, 3), (2, 2, 3), (2, 5, 3)):
        X, y = RNG.normal(size=(samples, 6)), RNG.normal(size=(samples, outputs))
        W1, W2 = parameter(6, units, name="W1"), parameter(units, outputs, name="W2")
        source = to_source(al.sigmoid_cross_entropy(np.tanh(X @ W1) @ W2, y))
        said = f"right for no other number of samples: {samples * outputs}"
        assert said in source, source


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
    assert "dw = data.T @ (p - labels)" in source


def test_a_mask_computed_from_a_tensor_is_recognized():
    w = parameter(3, 1, name="w")
    z = X @ w
    leaky = np.where(z.data > 0, z, 0.1 * z)
    column = Y[:, :1]
    source = to_source((leaky * column).sum(), [z])
    assert "dz = np.where(z > 0, column, 0) + 0.1 * np.where(z > 0, 0, column)" in source


def test_weights_of_samples_are_not_taken_for_one_minus_the_labels_that_they_happen_to_equal():
    w = parameter(3, name="w")
    x, y = X[:4], np.array([0.0, 1.0, 0.0, 1.0])
    source = to_source(((x @ w - y) ** 2 * np.array([1.0, 0.0, 1.0, 0.0])).sum())
    assert "1 - y" not in source
    assert "np.array([1.0, 0.0, 1.0, 0.0])" in source


@looped("count", [4, 20])
def test_a_mask_is_not_taken_for_the_labels_that_it_happens_to_equal(count):
    w = parameter(3, 1, name="w")
    x, y = X[:count], (np.arange(count)[:, None] % 2).astype(float)
    variables = {"x": x, "y": y}
    source, _ = generated((((x @ w) * y.copy() - y) ** 2).sum(), [w], variables)
    assert "* y" not in source
    assert "astype" not in source


def test_a_constant_is_not_taken_for_a_parameter_that_it_happens_to_equal():
    w = Tensor(np.linspace(1.0, 2.0, 20), requires_grad=True, name="w")
    constant = w.data.copy()
    source, _ = generated((w * constant).sum(), [w], {})
    assert "dw = data" in source


def test_a_copy_and_another_dtype_of_long_data_are_recognized():
    w = parameter(3, name="w")
    labels = RNG.integers(0, 5, 20)
    x, columns = X, labels.astype(float)
    source, _ = generated(((x.copy() @ w - columns) ** 2).sum(), [w], {"x": x, "labels": labels})
    assert "def backward(x, labels, w):" in source
    assert "x @ w - labels.astype(np.float64)" in source


def test_one_minus_the_labels_is_recognized_beside_the_labels_however_few():
    w = parameter(3, 1, name="w")
    x, y = X[:1], np.array([[1.0]])
    p = al.sigmoid(x @ w)
    source = to_source(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum())
    assert "dw = x.T @ (p - y)" in source


def test_values_without_entries_are_matrices_without_any():
    x = Tensor(np.zeros((2, 0)), requires_grad=True, name="x")
    shown = derive((2 * x).sum(), values=True)
    assert r"\begin{bmatrix}  \\  \end{bmatrix}" in shown.markdown()
    assert "[]" in str(shown)


# Every row

walk = Walk()


@walk.each_sample
def the_values_of_each_row_end_with_its_gradients(sample):
    tensors = [
        Tensor(array, requires_grad=True, name=f"x{i}") for i, array in enumerate(sample.arrays)
    ]
    result = sample.function(*tensors)
    weights = np.random.default_rng(0).normal(size=result.shape)
    loss = (result * weights).sum()
    with np.errstate(all="ignore"):
        derivation = derive(loss, values=True)
    steps = {step.name: step for step in (*derivation.forward, *derivation.backward)}
    loss.backward()
    assert str(derivation).count("\n") > len(steps)
    for tensor in tensors:
        if tensor.grad is not None:
            value = steps[f"d{tensor.name}"].value
            np.testing.assert_allclose(value, tensor.grad, rtol=1e-9, atol=1e-12)


@walk.each_sample
def each_row_is_derived_with_a_line_for_each_array_and_balanced_latex(sample):
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


test_each_row_on_some_of_its_samples = walk.test(of_each=1)
test_each_row_on_each_of_its_samples = pytest.mark.exhaustive(walk.test())
