"""The table of a model's layers."""

import numpy as np
import pytest

import nn
from autograd_lite import AutogradError


def model():
    return nn.Sequential(
        nn.Flatten(),
        nn.Dense(6, 1000, activation="relu"),
        nn.BatchNorm1d(1000),
        nn.Residual(nn.Sequential(nn.Dense(1000, 1000), nn.Tanh())),
        nn.Dense(1000, 2, bias=False),
    )


def test_rows_are_the_layers_in_the_order_of_their_calls():
    table = nn.summary(model(), (2, 3))
    assert [(row.name, row.layer, row.output_shape, row.parameters) for row in table.rows] == [
        ("0", "Flatten()", (1, 6), 0),
        ("1", "Dense(6, 1000, activation=relu)", (1, 1000), 7000),
        ("2", "BatchNorm1d(1000)", (1, 1000), 2000),
        ("3.block.0", "Dense(1000, 1000)", (1, 1000), 1001000),
        ("3.block.1", "Tanh()", (1, 1000), 0),
        ("4", "Dense(1000, 2, bias=False)", (1, 2), 2000),
    ]
    assert table.parameters == table.trainable == 1012000


def test_it_prints_as_a_table():
    lines = str(nn.summary(model(), (2, 3))).splitlines()
    assert lines == [
        "name       layer                            output shape  parameters",
        "--------------------------------------------------------------------",
        "0          Flatten()                        (n, 6)                 0",
        "1          Dense(6, 1000, activation=relu)  (n, 1000)          7,000",
        "2          BatchNorm1d(1000)                (n, 1000)          2,000",
        "3.block.0  Dense(1000, 1000)                (n, 1000)      1,001,000",
        "3.block.1  Tanh()                           (n, 1000)              0",
        "4          Dense(1000, 2, bias=False)       (n, 2)             2,000",
        "--------------------------------------------------------------------",
        "total: 1,012,000 parameters",
    ]
    assert repr(nn.summary(model(), (2, 3))).splitlines() == lines


def test_a_number_is_the_length_of_a_sample():
    layer = nn.Dense(2, 3)
    assert str(nn.summary(layer, 2)) == str(nn.summary(layer, (2,)))
    assert [row.layer for row in nn.summary(layer, 2).rows] == ["Dense(2, 3)"]


def test_shared_layers_are_listed_twice_and_counted_once():
    layer = nn.Dense(2, 2)
    table = nn.summary(nn.Sequential(layer, nn.ReLU(), layer), 2)
    assert [(row.layer, row.parameters) for row in table.rows] == [
        ("Dense(2, 2)", 6),
        ("ReLU()", 0),
        ("Dense(2, 2)", 0),
    ]
    assert table.parameters == 6


def test_frozen_parameters_are_told_apart():
    network = model()
    network[1].weight.requires_grad = False
    table = nn.summary(network, (2, 3))
    assert (table.parameters, table.trainable) == (1012000, 1006000)
    assert str(table).endswith("total: 1,012,000 parameters, 6,000 of them frozen")


def test_a_module_of_ones_own_counts_its_own_parameters_and_its_layers():
    class Scaled(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter([2.0])
            self.inner = nn.Dense(2, 3)

        def forward(self, x):
            return (self.inner(x) * self.scale).sum(axis=1)

    table = nn.summary(nn.Sequential(Scaled()), 2)
    assert [(row.name, row.layer, row.parameters) for row in table.rows] == [
        ("0.inner", "Dense(2, 3)", 9),
        ("0", "Scaled()", 1),
    ]
    assert "(n,)" in str(table)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_as_before_afterwards(training):
    network = model().train(training)
    before, text = network.state_dict(), repr(network)
    nn.summary(network, (2, 3))
    assert repr(network) == text
    assert {m.training for _, m in network.named_modules()} == {training}
    assert "forward" not in {name for _, m in network.named_modules() for name in vars(m)}
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_shape_that_does_not_fit_is_refused_and_leaves_the_model():
    network = model()
    with pytest.raises(AutogradError, match=r"\(6, 1000\)"):
        nn.summary(network, (2, 4))
    assert network.training
    assert "forward" not in {name for _, m in network.named_modules() for name in vars(m)}


def test_a_forward_that_was_assigned_to_a_module_stays():
    layer = nn.ReLU()
    layer.forward = np.tanh
    nn.summary(layer, 2)
    assert layer.forward is np.tanh


def test_float32_models_are_called_with_float32():
    seen = []

    class Probe(nn.Module):
        def forward(self, x):
            seen.append(x.dtype)
            return x

    nn.summary(nn.Sequential(nn.Dense(2, 2, dtype=np.float32), Probe()), 2)
    assert seen == [np.float32]
