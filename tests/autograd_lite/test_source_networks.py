"""Generated source for networks of `nn`, the examples' among them."""

import itertools

import numpy as np
import pytest
from generated import assert_same, function_of, generated
from looping import looped
from test_source_style import findings

import nn
from autograd_lite import Tensor, to_source
from examples import (
    digits,
    real_data,
    seed_a_training_pipeline,
    seed_b_comparing_networks,
    tutorial_mistake,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
ONE_COLUMN, THREE_COLUMNS = RNG.normal(size=(20, 1)), RNG.normal(size=(20, 3))
YES_OR_NO = RNG.integers(0, 2, (20, 1)).astype(float)
LABELS = RNG.integers(0, 3, 20)

ACTIVATIONS = ["relu", "leaky_relu", "elu", "sigmoid", "swish", "gelu", "softplus", "tanh"]
LOSSES = {
    "mse": (nn.MSELoss(), None, ONE_COLUMN),
    "half squared error": (nn.HalfSquaredErrorLoss(), None, ONE_COLUMN),
    "mae": (nn.MAELoss(), None, ONE_COLUMN),
    "rmse": (nn.RMSELoss(), None, ONE_COLUMN),
    "huber": (nn.HuberLoss(), None, ONE_COLUMN),
    "hinge": (nn.HingeLoss(), None, 2 * YES_OR_NO - 1),
    "bce": (nn.BCELoss(), "sigmoid", YES_OR_NO),
    "bce with epsilon": (nn.BCELoss(epsilon=1e-8), "sigmoid", YES_OR_NO),
    "bce with logits": (nn.BCEWithLogitsLoss(), None, YES_OR_NO),
    "weighted bce": (nn.BCEWithLogitsLoss(pos_weight=3.0), None, YES_OR_NO),
    "cce": (nn.CategoricalCrossEntropyLoss(), "softmax", LABELS),
    "cce of rows": (nn.CategoricalCrossEntropyLoss(), "softmax", np.eye(3)[LABELS]),
    "ce": (nn.CrossEntropyLoss(), None, LABELS),
    "smoothed ce": (nn.CrossEntropyLoss(label_smoothing=0.1), None, LABELS),
    "weighted ce": (nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0]), None, LABELS),
    "nll": (nn.NLLLoss(), nn.LogSoftmax(), LABELS),
    "kl": (nn.KLDivLoss(), nn.LogSoftmax(), np.full((20, 3), 1 / 3)),
}


def check(model, loss, **variables):
    """The source for all parameters computes what backward() does."""
    parameters = model.parameters()
    source, gradients = generated(loss, parameters, variables)
    loss.backward()
    assert_same(gradients, parameters, relative=1e-13)
    assert max(map(len, source.splitlines())) <= 110, source
    assert findings(source) == [], source
    return source


PAIRS = list(itertools.product(ACTIVATIONS, LOSSES))


@looped(("activation", "loss"), PAIRS[::3])
def test_each_activation_and_each_loss(activation, loss):
    check_pair(activation, loss)


@pytest.mark.exhaustive
@looped(("activation", "loss"), PAIRS)
def test_each_activation_with_each_loss(activation, loss):
    check_pair(activation, loss)


def check_pair(activation, loss):
    loss_function, output, targets = LOSSES[loss]
    columns = 1 if targets.shape == (20, 1) else 3
    model = nn.Sequential(
        nn.Dense(3, 5, activation, rng=1), nn.Dense(5, columns, output, bias=False, rng=2)
    )
    check(model, loss_function(model(X), targets), X=X, targets=targets)


@looped(
    "layer",
    [
        nn.BatchNorm1d(5),
        nn.BatchNorm1d(5).eval(),
        nn.LayerNorm(5),
        nn.Dropout(0.3, rng=0),
        nn.Residual(nn.Dense(5, 5, "tanh", rng=3)),
        nn.Residual(nn.Dense(5, 2, rng=3), nn.Dense(5, 2, bias=False, rng=4)),
    ],
    ids=lambda layer: f"{type(layer).__name__} {'in training' if layer.training else 'in use'}",
)
def test_each_layer(layer):
    width = 2 if isinstance(layer, nn.Residual) and layer.projection else 5
    model = nn.Sequential(nn.Dense(3, 5, "relu", rng=1), layer, nn.Dense(width, 3, rng=2))
    check(model, nn.CrossEntropyLoss()(model(X), LABELS), X=X, labels=LABELS)


def test_a_penalty_and_one_parameter_used_twice():
    layer = nn.Dense(3, 3, "tanh", rng=1)
    model = nn.Sequential(layer, layer, nn.Dense(3, 1, rng=2))
    penalty = sum((p**2).sum() for p in model.parameters() if p.ndim == 2)
    loss = nn.MSELoss()(model(X), ONE_COLUMN) + 0.01 / (2 * len(X)) * penalty
    check(model, loss, X=X, y=ONE_COLUMN)


def test_float32_networks_stay_in_float32():
    model = nn.Sequential(
        nn.Dense(3, 5, "relu", rng=1), nn.BatchNorm1d(5), nn.Dense(5, 3, rng=2)
    ).astype(np.float32)
    loss = nn.CrossEntropyLoss()(model(X.astype(np.float32)), LABELS)
    parameters = model.parameters()
    _, gradients = generated(loss, parameters, {})
    loss.backward()
    assert_same(gradients, parameters, relative=1e-5)


EXAMPLES = {
    "digits": digits.network(3, 8, 3, np.random.default_rng(1)),
    "real data": real_data.network(3, 3, np.random.default_rng(1)),
    "pipeline": seed_a_training_pipeline.network([3, 8, 4, 1], np.random.default_rng(1), 0.2),
    "relu": seed_b_comparing_networks.network([3, 16, 8, 1], "relu"),
    "tanh": seed_b_comparing_networks.network([3, 16, 8, 1], "tanh"),
}


@looped("name", EXAMPLES)
def test_each_network_of_the_examples(name):
    model = EXAMPLES[name]
    if name in ("digits", "real data"):
        check(model, nn.CrossEntropyLoss()(model(X), LABELS), X=X, labels=LABELS)
    else:
        check(model, nn.BCELoss(epsilon=1e-8)(model(X), YES_OR_NO), X=X, y=YES_OR_NO)


def test_the_network_of_the_tutorials_mistake_is_derived_rightly():
    X, y = tutorial_mistake.X, tutorial_mistake.Y
    W1, W2 = (Tensor(W, requires_grad=True) for W in tutorial_mistake.initial_weights())
    loss = ((tutorial_mistake.forward(W1, W2)[-1] - y) ** 2).sum() / 2
    backward = function_of(to_source(loss))
    by_hand = tutorial_mistake.gradients_by_hand(W1.data, W2.data, mistaken=False)
    for gradient, expected in zip(backward(X, y, W1.data, W2.data), by_hand, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-13)


def test_batch_statistics_are_computed_from_the_data_that_the_function_is_given():
    first = nn.Dense(3, 5, bias=False, rng=1)
    model = nn.Sequential(first, nn.BatchNorm1d(5), nn.Dense(5, 1, rng=2))
    loss = nn.MSELoss()(model(X), ONE_COLUMN)
    backward = function_of(to_source(loss, model.parameters()))
    others, targets = np.random.default_rng(7).normal(size=(9, 3)), ONE_COLUMN[:9]
    arrays = [parameter.data for parameter in model.parameters()]
    gradients = backward(others, targets, *arrays)
    nn.MSELoss()(model(others), targets).backward()
    assert_same(gradients, model.parameters(), relative=1e-14)


def test_the_mask_of_dropout_is_an_input():
    model = nn.Sequential(nn.Dense(3, 5, rng=1), nn.Dropout(0.3, rng=0), nn.Dense(5, 1, rng=2))
    source = check(model, nn.MSELoss()(model(X), ONE_COLUMN), X=X, y=ONE_COLUMN)
    assert "def backward(X, mask, y, W1, b1, W2, b2):" in source
    assert "* mask / 0.7" in source
