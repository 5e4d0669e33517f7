"""What `diagnose` finds inside of networks: in one built to have it, and not in another."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from diagnosed import CLASSES, LABELS, LARGE, SMALL, YES, YES_OR_NO, X, found, names, network
from looping import looped

import autograd_lite as al
import nn

RNG = np.random.default_rng(0)

# Gradients


@pytest.mark.parametrize(("activation", "init"), [("sigmoid", None), ("tanh", SMALL)])
def test_gradients_that_vanish_are_found_in_the_first_layers(activation, init):
    model = network([8, *[32] * 7, 10], activation, weight_init=init)
    finding = found(model, X, LABELS, CLASSES)["vanishing gradients"]
    assert finding.where[:2] == ("0", "1")
    assert "6" not in finding.where
    CLASSES(model(X), LABELS).backward()
    # The gradient of a bias is the sum over samples of what is measured.
    by_bias = np.linalg.norm(model[0].bias.grad) / np.linalg.norm(model[7].bias.grad)
    assert finding.threshold == 1e-3 > finding.figure
    assert by_bias / 30 < finding.figure < by_bias * 30
    assert "ReLU" in finding.remedy


def test_gradients_that_vanish_through_time_are_found_where_weights_are_shared():
    class Recurrent(nn.Module):
        def __init__(self, weight_init):
            self.cell = nn.Dense(4, 4, weight_init=weight_init, rng=0)
            self.out = nn.Dense(4, 1, rng=1)

        def forward(self, x):
            state = np.zeros((len(x), 4))
            for step in range(8):
                state = np.tanh(self.cell(state) + x[:, step : step + 1])
            return self.out(state)

    small = partial(nn.init.orthogonal, gain=0.2)
    finding = found(Recurrent(small), X, YES, YES_OR_NO)["vanishing gradients"]
    assert finding.where == ("cell",)
    assert names(Recurrent("orthogonal"), X, YES, YES_OR_NO) == []


def test_gradients_that_vanish_are_found_where_weights_are_written_in_rows():
    class Rows(nn.Module):
        def __init__(self):
            rng = np.random.default_rng(0)
            sizes = [8, *[16] * 6, 1]
            self.W = [nn.Parameter(rng.normal(0, 0.3, (b, a))) for a, b in pairwise(sizes)]

        def forward(self, x):
            for weight in self.W[:-1]:
                x = al.sigmoid(x @ weight.T)
            return x @ self.W[-1].T

    finding = found(Rows(), X, YES, YES_OR_NO)["vanishing gradients"]
    assert finding.where == ("W.0",)


def test_gradients_that_explode_are_found_with_the_factor():
    model = network([8, *[64] * 6, 10], weight_init=LARGE)
    finding = found(model, X, LABELS, CLASSES)["exploding gradients"]
    # He's weights of variance 2/64 keep the norm; these have variance 1, so sqrt(32) a layer.
    assert 32**3 / 4 < finding.figure < 32**3 * 4
    assert finding.where == ("0", "1", "2")
    assert "clip" in finding.remedy


class Detached(nn.Module):
    def __init__(self):
        self.used = nn.Dense(8, 4, rng=0)
        self.unused = nn.Dense(8, 4, rng=0)
        self.out = nn.Dense(4, 1, rng=0)

    def forward(self, x):
        return self.out(np.tanh(self.used(x).data))


def test_parameters_that_the_loss_was_not_computed_from_are_found():
    model = Detached()
    finding = found(model, X, YES, YES_OR_NO)["no gradient"]
    assert finding.where == ("used.weight", "used.bias", "unused.weight", "unused.bias")
    assert finding.figure == 4
    assert ".data" in finding.remedy
    for layer in (model.used, model.unused):
        layer.weight.requires_grad = layer.bias.requires_grad = False
    assert names(model, X, YES, YES_OR_NO) == []


def test_a_model_that_returns_arrays_has_no_gradient_anywhere():
    model = nn.Dense(8, 1, rng=0)
    model.activation = lambda z: z.data
    assert found(model, X, YES, YES_OR_NO)["no gradient"].where == ("weight", "bias")


def test_a_gradient_that_sums_to_zero_or_is_zero_at_the_minimum_is_no_finding():
    balanced = np.tile([[0.0], [1.0]], (32, 1))
    model = nn.Dense(8, 1, weight_init="zeros")
    seen = found(model, X, balanced, YES_OR_NO)
    assert "no gradient" not in seen  # the bias's is 0
    model = network([8, 16, 1])
    assert names(model, X, nn.predict(model, X), nn.MSELoss()) == []


def test_a_penalty_on_weights_hides_no_dead_layer_and_may_have_parameters_of_its_own():
    model = network([8, 16, 1])
    model.strength = nn.Parameter(0.01)

    def penalized(predictions, y):
        return YES_OR_NO(predictions, y) + model.strength * (model[0].weight ** 2).sum()

    assert names(model, X, YES, penalized) == []
    model[0].bias.data -= 99
    assert found(model, X, YES, penalized)["no gradient"].where == ("0.weight", "0.bias")


# Units


def test_dead_relus_are_counted():
    model = network([8, 20, 20, 1])
    model[1].bias.data[:17] = -100
    finding = found(model, X, YES, YES_OR_NO)["dead ReLUs"]
    assert (finding.where, finding.figure, finding.threshold) == (("1",), 17 / 20, 0.75)
    assert "17 of 20 units after layer 1" in finding.meaning
    assert "LeakyReLU" in finding.remedy
    model[1].bias.data[14:17] = 0
    assert names(model, X, YES, YES_OR_NO) == []


def test_dead_relus_written_as_maximum_are_found_and_leaky_ones_are_not_dead():
    class Two(nn.Module):
        def __init__(self, function):
            self.W1, self.b1 = (
                nn.Parameter(RNG.normal(size=(8, 6))),
                nn.Parameter(np.full(6, -99.0)),
            )
            self.W2 = nn.Parameter(RNG.normal(size=(6, 1)))
            self.function = function

        def forward(self, x):
            return self.function(x @ self.W1 + self.b1) @ self.W2

    dead = found(Two(lambda z: np.maximum(z, 0)), X, YES, YES_OR_NO)["dead ReLUs"]
    assert dead.where == ("b1",)
    inside = nn.Sequential(Two(lambda z: np.maximum(z, 0)))
    assert found(inside, X, YES, YES_OR_NO)["dead ReLUs"].where == ("0.b1",)
    assert "dead ReLUs" not in names(Two(al.leaky_relu), X, YES, YES_OR_NO)


def test_few_samples_make_no_unit_dead():
    model = network([8, 20, 1])
    assert names(model, X[:1], YES[:1], YES_OR_NO) == []


@looped("activation", ["sigmoid", "tanh"])
def test_saturated_units_are_found(activation):
    wide = partial(nn.init.normal, standard_deviation=10.0)
    model = network([8, 32, 32, 10], activation, weight_init=wide)
    finding = found(model, X, LABELS, CLASSES)["saturated units"]
    assert finding.where == ("0", "1")
    assert finding.figure > finding.threshold == 0.6
    assert "Xavier" in finding.remedy


def test_sure_outputs_and_units_of_a_network_that_has_learned_are_not_saturated():
    model = network([8, 1], output="sigmoid")
    model[0].weight.data = 1000.0 * np.eye(8)[:, :1]
    assert names(model, X, YES, nn.BCELoss()) == []
    model = network([8, 4, 1], "tanh")
    model[0].weight.data = 1000.0 * np.eye(8)[:, :1] * np.ones(4)
    model[1].weight.data = np.ones((4, 1))
    assert names(model, X, YES, YES_OR_NO) == []
    assert "saturated units" in names(model, X, 1 - YES, YES_OR_NO)


# Inputs


def test_inputs_that_are_not_standardized_are_found_with_the_feature():
    raw = X.copy()
    raw[:, 3] = 1990 + 10 * X[:, 3]
    model = network([8, 4, 1])
    finding = found(model, raw, YES, YES_OR_NO)["inputs not standardized"]
    assert finding.where == ("what enters layer 0",)
    np.testing.assert_allclose(finding.figure, raw[:, 3].mean())
    assert "Feature 3" in finding.meaning
    assert names(model, (raw - raw.mean(axis=0)) / raw.std(axis=0), YES, YES_OR_NO) == []
    assert "inputs not standardized" in names(model, X * 1e-3, YES, YES_OR_NO)


def test_inputs_that_the_model_standardizes_itself_are_no_finding():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(8), nn.Dense(8, 1, rng=0))
    images = (255 * RNG.random((64, 2, 4))).astype(np.uint8)
    assert names(model, images, YES, YES_OR_NO) == []
    assert names(nn.Sequential(nn.Flatten(), nn.Dense(8, 1, rng=0)), images, YES, YES_OR_NO)[0] == (
        "inputs not standardized"
    )


def test_indices_that_pick_rows_of_an_embedding_need_no_standardizing():
    class Words(nn.Module):
        def __init__(self):
            self.vectors = nn.Parameter(np.random.default_rng(0).normal(size=(1000, 4)))
            self.out = nn.Dense(4, 1, rng=0)

        def forward(self, x):
            return self.out(self.vectors[x])

    words = np.arange(64) * 10
    assert names(Words(), words, YES, YES_OR_NO) == []


# Steps


@pytest.mark.parametrize("rate", [1e-3, 0.1])
@pytest.mark.parametrize("make", [nn.SGD, nn.Adam])
def test_steps_of_usual_rates_are_no_finding(make, rate):
    model = network([8, 16, 1])
    assert names(model, X, YES, YES_OR_NO, optimizer=make(model.parameters(), rate)) == []


def test_large_and_small_steps_are_found_relative_to_the_weights():
    model = network([8, 16, 1])
    optimizer = nn.SGD(model.parameters(), 100.0)
    finding = found(model, X, YES, YES_OR_NO, optimizer=optimizer)["large steps"]
    YES_OR_NO(model(X), YES).backward()
    weight = model[1].weight
    ratio = 100 * np.linalg.norm(weight.grad) / np.linalg.norm(weight.data)
    np.testing.assert_allclose(finding.figure, ratio)
    assert finding.where == ("0.weight", "1.weight")
    optimizer.learning_rate = 1e-5
    finding = found(model, X, YES, YES_OR_NO, optimizer=optimizer)["small steps"]
    np.testing.assert_allclose(finding.figure, 1e-7 * ratio)
    assert "Raise the learning rate" in finding.remedy


def test_weights_that_begin_near_zero_may_take_steps_beyond_their_size():
    model = network([8, 16, 1], "tanh", weight_init=partial(SMALL, standard_deviation=1e-3))
    assert names(model, X, YES, YES_OR_NO, optimizer=nn.Adam(model.parameters(), 0.01)) == []
