"""derive() writes what a textbook writes: slopes of activations, sums, vectors, numbers."""

import re

import numpy as np
import pytest
from generated import assert_same, generated

import autograd_lite as al
from autograd_lite import GradientError, Tensor, derive, to_source

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))


def parameter(name, *shape):
    return Tensor(RNG.normal(size=shape), requires_grad=True, name=name)


def formulas(derivation):
    return {step.name: step.formula for step in (*derivation.forward, *derivation.backward)}


def assert_right(loss, tensors, variables):
    """The generated source has the gradients of the engine."""
    _, gradients = generated(loss, tensors, variables)
    loss.backward()
    assert_same(gradients, tensors, relative=1e-13)


def test_activations_that_are_written_out_have_their_own_slopes():
    forms = {
        "1/(1 + e^-z)": (lambda z: 1 / (1 + np.exp(-z)), "a ⊙ (1 - a)"),
        "e^z/(1 + e^z)": (lambda z: np.exp(z) / (1 + np.exp(z)), "a ⊙ (1 - a)"),
        "sinh z/cosh z": (
            lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
            "(1 - a²)",
        ),
        "tanh by e^2z": (lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1), "(1 - a²)"),
        "log(1 + e^z)": (lambda z: np.log(1 + np.exp(z)), "σ(z)"),
    }
    for name, (function, slope) in forms.items():
        z = parameter("z", 6, 3)
        a = function(z)
        loss = (a * Y).sum()
        assert formulas(derive(loss))["dz"] == f"Y ⊙ {slope}", name
        assert_right(loss, [z], {"z": z, "a": a, "Y": Y})


def test_a_softmax_that_is_written_out_has_the_slope_of_one():
    S = parameter("S", 6, 3)
    E = np.exp(S - S.max(axis=1, keepdims=True))
    A = E / E.sum(axis=1, keepdims=True)
    loss = (A * Y).sum()
    assert formulas(derive(loss))["dS"] == "A ⊙ (Y - Σ₁ (Y ⊙ A))"
    assert_right(loss, [S], {"S": S, "E": E, "A": A, "Y": Y})


def test_an_intermediate_that_is_asked_for_is_not_left_out():
    z = parameter("z", 6, 3)
    power = np.exp(-z)
    a = 1 / (1 + power)
    loss = (a * Y).sum()
    assert "dpower" in formulas(derive(loss, [z, power]))
    assert_right(loss, [z, power], {"z": z, "power": power, "a": a, "Y": Y})


def test_the_logarithm_of_a_sigmoid_cancels_against_its_slope():
    w = parameter("w", 3)
    real, fake = al.sigmoid(X @ w), al.sigmoid(Y @ w)
    loss = -(np.log(real).sum() + np.log(1 - fake).sum())
    assert formulas(derive(loss))["dw"] == "Yᵀ fake - Xᵀ (1 - real)"
    assert_right(loss, [w], {"X": X, "Y": Y, "w": w, "real": real, "fake": fake})


def test_equal_summands_are_one_and_vectors_are_transposed():
    w, lam = parameter("w", 3), 0.1
    loss = ((X @ w - Y[:, 0]) ** 2).sum() + lam * (w @ w)
    found = formulas(derive(loss))
    assert found["loss"].endswith(" + λ wᵀ w")
    assert found["dw"].startswith("2 λ w + ")
    assert_right(loss, [w], {"X": X, "Y": Y, "w": w})


def test_the_transpose_of_a_product_of_transposes_is_multiplied_out():
    U, V = parameter("U", 6, 2), parameter("V", 3, 2)
    error = Y - U @ V.T
    loss = (error**2).sum() / 2
    assert formulas(derive(loss))["dV"] == "-errorᵀ U"
    assert_right(loss, [U, V], {"U": U, "V": V, "Y": Y, "error": error})


def test_slices_side_by_side_are_joined_again():
    z = parameter("z", 6, 4)
    left, right = np.tanh(z[:, :2]), al.sigmoid(z[:, 2:])
    loss = (left * right).sum()
    assert formulas(derive(loss))["dz"].startswith("concatenate([right ⊙ (1 - left²), ")
    assert_right(loss, [z], {"z": z, "left": left, "right": right})
    rows = parameter("rows", 2, 3)
    loss = (rows[0] * np.exp(rows[1])).sum()
    assert formulas(derive(loss))["drows"] == "stack([t1, rows[0] ⊙ t1])"
    assert_right(loss, [rows], {"rows": rows})


def test_a_choice_is_an_indicator_and_numbers_are_fractions_and_roots():
    w, m = parameter("w", 3), len(X)
    y = np.sign(Y[:, 0])
    hinge = np.maximum(0, 1 - y * (X @ w)).sum()
    found = formulas(derive(1 / (3 * m) * hinge))
    assert found["loss"] == "(1/18) hinge"
    assert found["hinge"] == "Σ max(0, 1 - y ⊙ X w)"
    assert found["t1"] == "Xᵀ ([1 - y ⊙ X w > 0] ⊙ y)"
    assert found["dw"] == "-(1/18) t1"
    x = parameter("x", 3)
    assert formulas(derive((x / np.sqrt(2 * np.pi)).sum()))["loss"] == "Σ (x/√(2π))"
    assert r"\sqrt{2 \pi}" in derive((x / np.sqrt(2 * np.pi)).sum()).markdown()


def test_slices_of_the_callers_data_are_read_by_their_bounds():
    x, k = RNG.normal(size=9), parameter("k", 3)
    out = np.stack([x[i : i + 3] @ k for i in range(7)])
    loss = (out**2).sum()
    text = str(derive(loss))
    assert "dk = dk + dout[t] x[t:t+3]" in text
    assert_right(loss, [k], {"x": x, "k": k, "out": out})


def test_latex_has_numbers_below_names_and_no_code_in_italics():
    y = Y
    z_2, log_a = (parameter(name, 6, 3) for name in ("z_2", "log_a"))
    loss = ((z_2 - y) ** 2).mean() + np.max(log_a, axis=0).sum()
    latex = derive(loss).markdown()
    assert r"\left(z_{2} - y\right)" in latex
    assert r"\max\left(\mathrm{log\_a}, \text{axis}=0\right)" in latex
    assert (
        r"\mathrm{d}z_{2} &= \frac{2 \left(z_{2} - y\right)}{\operatorname{size}\left(y\right)}"
        in latex
    )


def test_a_slope_at_a_kink_that_nothing_depends_on_leaves_no_zeros_behind():
    x = Tensor(np.array([-1.0, 0.0, 2.0]), requires_grad=True, name="x")
    loss = np.abs(x).max()
    assert "zeros" not in str(derive(loss))
    assert "zeros" not in to_source(loss)


def test_a_loss_of_several_entries_is_refused_by_the_name_of_what_was_asked():
    with pytest.raises(GradientError, match=r"^derivation of 'x' \(3,\): .*tensor\.sum\(\)"):
        derive(parameter("x", 3))


def test_the_number_of_samples_has_its_letter_in_shares_of_means_over_samples_too():
    W, samples = parameter("W", 3, 2), RNG.normal(size=(7, 3))
    H = samples @ W
    mu = H.mean(axis=0)
    text = str(derive((np.tanh(H - mu) ** 2).sum()))
    assert "m = 7" in text
    assert re.search(r"dH = .*/m ", text)
    assert "/7" not in text
