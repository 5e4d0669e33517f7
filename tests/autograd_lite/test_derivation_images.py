"""Derivations of convolutional networks read as a textbook's."""

import numpy as np

import nn
from autograd_lite import Tensor, derive
from autograd_lite.derivatives.convolutions import convolution

RNG = np.random.default_rng(0)


def lines(formulas):
    return {formula.name: formula.formula for formula in formulas}


def test_a_convolution_is_a_star_and_its_gradients_are_those_of_a_textbook():
    X, y = RNG.normal(size=(3, 1, 6, 6)), np.array([0, 1, 2])
    convolutions = (nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1, rng=1))
    model = nn.Sequential(*convolutions, nn.ReLU(), nn.Flatten(), nn.Dense(32, 3, rng=2))
    derivation = derive(nn.CrossEntropyLoss()(model(X), y))
    forward, backward = lines(derivation.forward), lines(derivation.backward)
    assert forward["Z1"] == "W1 * X + b1"
    assert forward["A1"] == "relu(Z1)"
    assert forward["Z2"] == "W2 *[padding=1] A1 + b2"
    assert backward["dW2"] == "δ2 ⋆[padding=1] A1"
    assert backward["δ1"] == "W2 *ᵀ[padding=1] δ2 ⊙ [Z1 > 0]"
    assert backward["dW1"] == "δ1 ⋆ X"
    assert backward["db1"] == "Σ₀₂₃ δ1"
    latex = derivation.markdown()
    assert r"Z_{2} &= W_{2} *_{\text{padding=1}} A_{1} + b_{2}" in latex
    assert r"\mathrm{d}W_{1} &= \delta_{1} \star X" in latex


def test_windows_are_said_as_layers_are_given_them():
    X = Tensor(RNG.normal(size=(2, 1, 6, 6)), requires_grad=True, name="X")
    layers = {"2": nn.MaxPool(2), "3, stride=1, padding=1": nn.MaxPool(3, 1, 1)}
    for windows, layer in layers.items():
        derivation = derive((layer(X) ** 2).sum())
        assert lines(derivation.forward)["loss"] == f"Σ max_pool[{windows}](X)²"
        assert f"to_maxima[{windows}](" in lines(derivation.backward)["dX"]


def test_means_and_interpolations_are_named_and_so_are_their_transposes():
    X = Tensor(RNG.normal(size=(2, 1, 4, 4)), requires_grad=True, name="X")
    layers = {
        ("average_pool", "2"): nn.AvgPool(2),
        ("average_pool", "3, stride=1, padding=1, count_include_pad=False"): nn.AvgPool(
            3, 1, 1, count_include_pad=False
        ),
        ("adaptive_average_pool", "(2, 3)"): nn.AdaptiveAvgPool((2, 3)),
        ("interpolate_nearest", "8"): nn.Upsample(scale_factor=2),
        ("interpolate_linear", "8, align_corners=True"): nn.Upsample(
            scale_factor=2, mode="bilinear", align_corners=True
        ),
    }
    for (name, how), layer in layers.items():
        derivation = derive((layer(X) ** 2).sum())
        assert lines(derivation.forward)["loss"] == f"Σ {name}[{how}](X)²"
        assert lines(derivation.backward)["dX"] == f"2 {name}ᵀ[{how}]({name}[{how}](X))"
    assert r"{interpolate\_linear}^{\top}_{\text{8, align\_corners=True}}" in derivation.markdown()


def test_kernels_that_are_no_layers_are_named_after_their_variables():
    X = RNG.normal(size=(2, 1, 5))
    K = Tensor(RNG.normal(size=(1, 1, 2)), requires_grad=True, name="K")
    derivation = derive((convolution(X, K, 2) ** 2).sum())
    assert lines(derivation.backward)["dK"].endswith("⋆[stride=2] X")
    assert "K *[stride=2] X" in {*lines(derivation.forward).values()}
