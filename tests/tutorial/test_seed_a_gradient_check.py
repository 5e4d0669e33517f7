"""Row A15: central differences over all parameters of every network of the tutorials.

The measure is the seed's: the norm of the difference of the two gradients over the sum of their
norms, below 1e-7.
"""

import copy
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from agreement import differences
from looping import looped

import nn
from autograd_lite import affine, compare_gradients, differentiable, gradcheck, relu, sigmoid

THRESHOLD = 1e-7


def dense(sizes, hidden, output="sigmoid", dropout=0.0, **options):
    """A network of Dense layers, with Dropout after the hidden ones if asked.

    Its biases are not 0, as they are at first: where all units of a layer are off, the next one
    would sit exactly on the kink of its ReLU.
    """
    rng = np.random.default_rng(sum(sizes))
    activations = [hidden] * (len(sizes) - 2) + [output]
    model = nn.Sequential()
    for number, (shape, activation) in enumerate(zip(pairwise(sizes), activations, strict=True)):
        model.append(nn.Dense(*shape, activation, rng=rng, **options))
        if model[-1].bias is not None:
            model[-1].bias.data = rng.normal(0.0, 0.1, shape[1])
        if dropout and number < len(sizes) - 2:
            model.append(nn.Dropout(dropout, rng=rng))
    return model


def normalized():
    """A network for three classes with batch normalization and a skip connection."""
    return nn.Sequential(
        nn.Dense(2, 32, rng=0),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Residual(nn.Dense(32, 32, "relu", rng=1)),
        nn.Dense(32, 3, rng=2),
    )


def small_normal(rng, fan_in, fan_out):
    return nn.init.normal(rng, fan_in, fan_out, standard_deviation=0.01)


uniform = partial(nn.init.uniform, low=0.0, high=1.0)
bce = nn.BCELoss()
bce_with_epsilon = nn.BCELoss(epsilon=1e-8)
squares = nn.MSELoss()
half_squares = nn.HalfSquaredErrorLoss()

NETWORKS = {
    "A3": (dense([2, 4, 1], "relu"), bce_with_epsilon),
    "A5": (dense([2, 16, 8, 1], "relu"), bce_with_epsilon),
    "A5 sigmoid": (dense([2, 16, 8, 1], "sigmoid", weight_init="lecun_normal"), bce_with_epsilon),
    "A13, dropout off": (dense([2, 32, 16, 8, 1], "relu", dropout=0.2).eval(), bce_with_epsilon),
    "B1 relu": (dense([2, 8, 4, 1], "relu"), bce),
    "B1 tanh": (dense([2, 8, 4, 1], "tanh"), bce),
    "B1 sigmoid": (dense([2, 8, 4, 1], "sigmoid"), bce),
    "B1 relu, 3 classes": (
        dense([2, 8, 4, 3], "relu", "softmax"),
        nn.CategoricalCrossEntropyLoss(epsilon=1e-8),
    ),
    "B1 tanh, 3 classes": (dense([2, 8, 4, 3], "tanh", None), nn.CrossEntropyLoss()),
    "B2 no hidden layer": (dense([2, 1], "relu"), bce),
    "B2 deepest": (dense([2, 16, 8, 4, 1], "relu"), bce),
    "B4 tanh": (dense([2, 16, 8, 1], "tanh"), bce),
    "B5": (dense([2, 2, 1], "sigmoid"), bce),
    "B6": (dense([2, 4, 3, 1], "relu"), bce),
    "B8 in training": (normalized(), nn.CrossEntropyLoss(label_smoothing=0.05)),
    "B8 in evaluation": (normalized().eval(), nn.CrossEntropyLoss(label_smoothing=0.05)),
    "C1": (dense([2, 64, 32, 1], "relu"), bce),
    "C1 from logits": (dense([2, 32, 32, 1], "relu", None), nn.BCEWithLogitsLoss()),
    "C2": (dense([3, 1], "sigmoid"), half_squares),
    "C3": (dense([2, 3, 1], "sigmoid"), half_squares),
    "C4": (dense([4, 8, 6, 3], "sigmoid"), half_squares),
    "C6 on smaller digits": (dense([64, 30, 10], "sigmoid"), half_squares),
    "C10 sigmoid": (dense([2, 4, 1], "sigmoid"), bce),
    "C10 tanh, squared error": (dense([2, 4, 1], "tanh"), squares),
    "C10 leaky ReLU": (dense([2, 4, 1], "leaky_relu"), squares),
    "C10 ELU": (dense([2, 4, 1], "elu"), squares),
    "C10 swish": (dense([2, 4, 1], "swish"), squares),
    "D1": (dense([2, 4, 1], "relu", weight_init=small_normal), bce),
    "E6": (dense([2, 2, 1], "sigmoid", bias=False, weight_init=uniform), half_squares),
    "E8 relu": (dense([2, 16, 16, 16, 16, 16, 1], "relu"), bce),
    "E8 tanh": (dense([2, 16, 16, 16, 16, 16, 1], "tanh"), bce),
    "E8 sigmoid": (dense([2, 16, 16, 16, 16, 16, 1], "sigmoid"), bce),
    "E8 regression": (dense([1, 32, 32, 1], "relu", None), squares),
    "E8, dropout off": (dense([2, 64, 64, 1], "relu", dropout=0.5).eval(), bce),
    "real data": (dense([30, 64, 32, 2], "relu", None), nn.CrossEntropyLoss()),
    "digits": (dense([64, 32, 10], "relu", None), nn.CrossEntropyLoss()),
}


LARGE = 300
"""Parameters from which on a check over all of them takes long."""


def of_any_size(networks):
    """The names; those of large networks for the exhaustive tier."""
    sizes = {name: sum(p.size for p in model.parameters()) for name, (model, _) in networks.items()}
    return [
        pytest.param(name, marks=pytest.mark.exhaustive if size > LARGE else [])
        for name, size in sizes.items()
    ]


def samples_of(model, loss):
    """Samples of the model's shapes, and targets of the loss's kind."""
    rng = np.random.default_rng(0)
    n_inputs, n_outputs = model[0].weight.shape[0], model[-1].weight.shape[1]
    X = rng.normal(size=(7, n_inputs))
    if isinstance(loss, nn.CrossEntropyLoss | nn.CategoricalCrossEntropyLoss):
        return X, rng.integers(0, n_outputs, 7)
    return X, rng.integers(0, 2, (7, n_outputs)).astype(float)


def checked(name, **options):
    model, loss = NETWORKS[name]
    return nn.gradient_difference(model, *samples_of(model, loss), loss=loss, **options)


@pytest.mark.parametrize("name", of_any_size(NETWORKS))
def test_a15_gradients_of_every_network_pass_the_check_over_all_parameters(name):
    assert checked(name) < THRESHOLD


@pytest.mark.exhaustive
def test_a15_the_network_of_784_inputs_passes_the_check():
    model = dense([784, 30, 10], "sigmoid", weight_init="lecun_normal")
    X, y = samples_of(model, half_squares)
    assert nn.gradient_difference(model, X, y, loss=half_squares) < THRESHOLD


def test_a15_the_seeds_own_step_of_1e_7_passes_as_well():
    assert checked("A5", step=1e-7) < THRESHOLD


MISTAKES = {
    "doubled": lambda g, y, x: 2 * g,
    "one unit": lambda g, y, x: g * np.where(np.arange(g.shape[1]) == 0, 1.001, 1.0),
    "sign": lambda g, y, x: -g,
}


class Mistaken(nn.Module):
    """Gives what it is given, with a mistake in the derivative."""

    def __init__(self, mistake):
        self.copy = differentiable(MISTAKES[mistake])(np.copy)

    def forward(self, x):
        return self.copy(x)


@pytest.mark.parametrize(
    "name",
    ["A3", pytest.param("A13, dropout off", marks=pytest.mark.exhaustive), "B5", "C4", "E6"],
)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a15_a_planted_mistake_fails_the_check(name, mistake):
    model, loss = NETWORKS[name]
    samples = samples_of(model, loss)
    first, *others = copy.deepcopy(model).layers
    mistaken = nn.Sequential(first, Mistaken(mistake), *others).eval()
    assert nn.gradient_difference(mistaken, *samples, loss=loss) > THRESHOLD


@looped("name", ["A5", "B1 tanh, 3 classes", "C4", "E6"])
def test_a15_the_comparison_of_gradients_agrees_with_the_differences_by_name(name):
    model, loss = NETWORKS[name]
    X, y = samples_of(model, loss)

    def value():
        return loss(model(X), y)

    slopes = {parameter: differences(value, parameter) for parameter in model.parameters()}
    report = compare_gradients(value(), slopes, tolerance=1e-6)
    assert report
    assert [row.name for row in report] == [name for name, _ in model.named_parameters()]


def test_a15_the_librarys_own_check_passes_on_the_first_network():
    model, _ = NETWORKS["A3"]
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(7, 2)), rng.integers(0, 2, (7, 1)).astype(float)

    def loss(W1, b1, W2, b2):
        return bce_with_epsilon(sigmoid(affine(relu(affine(X, W1, b1)), W2, b2)), y)

    assert gradcheck(loss, [parameter.data for parameter in model.parameters()])
