"""`diagnose` finds nothing in a beginning that some steps end, and a fault in one that stays."""

from functools import partial

import numpy as np
import pytest
from diagnosed import LABELS, YES, YES_OR_NO, X, found, names, network
from looping import looped
from tiers import in_second_tier

import nn

EIGHT = partial(nn.Dense, 8)
SIXTEEN = partial(nn.Dense, 16)
ZEROS = {"weight_init": "zeros"}


def near_zero(rng, fan_in, fan_out):
    return nn.init.normal(rng, fan_in, fan_out, standard_deviation=1e-6)


def branch(*last):
    return nn.Residual(nn.Sequential(SIXTEEN(16, "relu", rng=1), *last))


def unscaled():
    layer = nn.BatchNorm1d(16)
    layer.weight.data[...] = 0
    return layer


BEGINNINGS = {
    "the only layer is 0": lambda: [EIGHT(1, **ZEROS)],
    "the last layer is 0": lambda: [EIGHT(16, "tanh", rng=0), SIXTEEN(1, **ZEROS)],
    "the last layer is nearly 0": lambda: [
        EIGHT(16, "tanh", rng=0),
        SIXTEEN(16, "tanh", rng=1),
        SIXTEEN(1, weight_init=near_zero, rng=2),
    ],
    "the last layer of a branch is 0": lambda: [
        EIGHT(16, "relu", rng=0),
        branch(SIXTEEN(16, **ZEROS)),
        SIXTEEN(1, rng=2),
    ],
    "the last layers of branches and the last of all are 0": lambda: [
        EIGHT(16, "relu", rng=0),
        branch(SIXTEEN(16, **ZEROS)),
        branch(SIXTEEN(16, **ZEROS)),
        SIXTEEN(1, **ZEROS),
    ],
    "a branch within a branch ends in 0, as the outer one": lambda: [
        EIGHT(16, "relu", rng=0),
        branch(branch(SIXTEEN(16, **ZEROS)), SIXTEEN(16, **ZEROS)),
        SIXTEEN(1, **ZEROS),
    ],
    "the scale of a branch's normalization is 0": lambda: [
        EIGHT(16, "relu", rng=0),
        branch(SIXTEEN(16, rng=3), unscaled()),
        SIXTEEN(1, rng=2),
    ],
}


@pytest.mark.parametrize("dtype", in_second_tier((np.float64, np.float32), (np.float64,)))
@looped("name", BEGINNINGS)
def test_a_beginning_that_ends_by_itself_is_no_finding_and_such_a_network_learns(name, dtype):
    model = nn.Sequential(*BEGINNINGS[name]()).astype(dtype)
    inputs = X.astype(dtype)
    assert names(model, inputs, YES, YES_OR_NO) == []
    optimizer = nn.Adam(model.parameters(), 0.03)
    assert names(model, inputs, YES, YES_OR_NO, optimizer=optimizer) == []
    options = {"optimizer": optimizer, "progress": False, "rng": 0}
    nn.fit(model, inputs, YES, loss=YES_OR_NO, epochs=60, **options)
    assert np.mean((nn.predict(model, inputs) > 0) == YES) > 0.98


def test_several_classes_may_begin_with_weights_of_zero():
    assert names(nn.Dense(8, 10, **ZEROS), X, LABELS, nn.CrossEntropyLoss()) == []


@looped("rate", [0.0, 1e-12, 10.0])
def test_the_learning_rate_makes_no_fault_of_a_beginning(rate):
    model = nn.Dense(8, 1, **ZEROS)
    optimizer = nn.SGD(model.parameters(), rate)
    assert "constant outputs" not in names(model, X, YES, YES_OR_NO, optimizer=optimizer)


@looped("bias", [0.0, 1e6])
def test_a_regression_may_begin_as_a_constant_that_is_far_from_its_slope(bias):
    model = nn.Dense(8, 1, **ZEROS)
    model.bias.data[...] = bias
    standardized = (X - X.mean(axis=0)) / X.std(axis=0)
    y = 1e6 + standardized[:, :1] + 0.1
    expected = [] if bias else ["targets not standardized"]
    assert names(model, standardized, y, nn.MSELoss()) == expected


# What stays


@looped("activation", ["tanh", "relu"])
def test_weights_of_zero_in_two_layers_are_found(activation):
    model = network([8, 16, 1], activation, weight_init="zeros")
    seen = found(model, X, YES, YES_OR_NO)
    assert list(seen)[:2] == ["constant outputs", "no gradient"]
    assert seen["no gradient"].where == ("0.weight", "0.bias")
    assert "a step of gradient descent changes them all alike" in seen["constant outputs"].meaning
    assert "several layers" in seen["no gradient"].remedy
    optimizer = nn.SGD(model.parameters(), 0.5)
    history = nn.fit(
        model, X, YES, loss=YES_OR_NO, optimizer=optimizer, epochs=50, progress=False, rng=0
    )
    assert history["loss"][-1] > 0.6


def test_units_that_all_begin_alike_are_found_by_their_outputs():
    model = network([8, 16, 1], "sigmoid", weight_init="zeros")
    y = (X[:, :1] > 0.5).astype(float)
    assert names(model, X, y, YES_OR_NO) == ["constant outputs"]
    optimizer = nn.SGD(model.parameters(), 0.5)
    nn.fit(model, X, y, loss=YES_OR_NO, optimizer=optimizer, epochs=50, progress=False, rng=0)
    weight = model[0].weight.data
    assert np.abs(weight).max() > 0.1
    np.testing.assert_allclose(weight, weight[:, :1] * np.ones(16), rtol=1e-12)


def test_a_branch_that_ends_in_zeros_and_a_relu_is_never_learned():
    model = nn.Sequential(
        EIGHT(16, "relu", rng=0), branch(SIXTEEN(16, "relu", **ZEROS)), SIXTEEN(1, rng=2)
    )
    finding = found(model, X, YES, YES_OR_NO)["no gradient"]
    assert len(finding.where) == 4
    assert all(name.startswith("1.") for name in finding.where)


def test_a_layer_of_zeros_that_the_optimizer_does_not_hold_stays_so():
    model = nn.Sequential(*BEGINNINGS["the last layer is 0"]())
    optimizer = nn.SGD(model[0].parameters(), 0.1)
    seen = found(model, X, YES, YES_OR_NO, optimizer=optimizer)
    assert list(seen) == ["constant outputs", "no gradient"]
    assert seen["no gradient"].where == ("0.weight", "0.bias")


# Long steps


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_a_long_step_towards_far_targets_is_no_finding(scale):
    x = X[:, :1]
    model = nn.Dense(1, 1, rng=0)
    optimizer = nn.SGD(model.parameters(), 0.1)
    assert names(model, x, scale * x, nn.MSELoss(), optimizer=optimizer) == []
    options = {"optimizer": optimizer, "progress": False, "rng": 0}
    history = nn.fit(model, x, scale * x, loss=nn.MSELoss(), epochs=100, **options)
    assert history["loss"][-1] < 1e-6 * np.var(scale * x)


def test_a_long_step_that_overshoots_is_found():
    x = X[:, :1]
    linear = nn.Dense(1, 1, rng=0)
    optimizer = nn.SGD(linear.parameters(), 1.5)
    finding = found(linear, x, 1e6 * x, nn.MSELoss(), optimizer=optimizer)["large steps"]
    assert finding.where == ("weight",)
    deep = network([1, 16, 1])
    optimizer = nn.SGD(deep.parameters(), 0.1)
    assert "large steps" in names(deep, x, 1e6 * x, nn.MSELoss(), optimizer=optimizer)
