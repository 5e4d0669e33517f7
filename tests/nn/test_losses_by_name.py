"""Losses by name and of one's own, and what they say of their predictions."""

import numpy as np
import pytest
from looping import looped

import autograd_lite
import nn
from autograd_lite import Tensor
from nn.losses.loss_function import LOSSES, loss_function

RNG = np.random.default_rng(0)
PREDICTIONS = RNG.normal(size=(6, 4))
PROBABILITIES = RNG.uniform(0.05, 0.95, size=(6, 4))
BINARY = RNG.integers(0, 2, size=(6, 4)).astype(float)
LABELS = np.array([0, 3, 1, 1, 2, 0])


@looped("name", LOSSES)
def test_a_loss_of_a_name_is_that_loss_with_its_defaults(name):
    loss = loss_function(name)
    assert type(loss) is LOSSES[name]
    assert repr(loss) == repr(LOSSES[name]())


def test_a_function_of_two_tensors_is_a_loss():
    def cubic(predictions, targets):
        return (abs(predictions - targets) ** 3).mean()

    assert loss_function(cubic) is cubic
    X = np.linspace(-1, 1, 32).reshape(32, 1)
    model = nn.Dense(1, 1, rng=0)
    optimizer = nn.Adam(model.parameters(), learning_rate=0.1)
    history = nn.fit(model, X, X, loss=cubic, optimizer=optimizer, epochs=40, progress=False, rng=0)
    assert history["loss"][-1] < 1e-2 * history["loss"][0]


@looped(
    ("loss", "takes", "link", "threshold"),
    [
        (nn.MSELoss(), "values", None, 0.5),
        (nn.HingeLoss(), "scores", None, 0.0),
        (nn.BCELoss(), "probabilities", "sigmoid", 0.5),
        (nn.BCEWithLogitsLoss(), "logits", "sigmoid", 0.0),
        (nn.CategoricalCrossEntropyLoss(), "probabilities", "softmax", 0.5),
        (nn.CrossEntropyLoss(), "logits", "softmax", 0.0),
        (nn.NLLLoss(), "log-probabilities", "softmax", np.log(0.5)),
        (nn.KLDivLoss(), "log-probabilities", "softmax", np.log(0.5)),
    ],
)
def test_a_loss_says_what_its_predictions_are(loss, takes, link, threshold):
    assert (loss.takes, loss.link, loss.threshold) == (takes, link, threshold)


@looped(
    ("of_logits", "of_probabilities", "targets"),
    [
        (nn.BCEWithLogitsLoss, nn.BCELoss, BINARY),
        (nn.CrossEntropyLoss, nn.CategoricalCrossEntropyLoss, LABELS),
    ],
)
def test_the_link_of_a_loss_makes_probabilities_of_its_logits(of_logits, of_probabilities, targets):
    assert of_logits.link == of_probabilities.link
    probabilities = getattr(autograd_lite, of_logits.link)(PREDICTIONS)
    expected = of_probabilities()(Tensor(probabilities), targets).item()
    assert of_logits()(Tensor(PREDICTIONS), targets).item() == pytest.approx(expected, rel=1e-12)


def test_a_loss_shows_its_options():
    assert repr(nn.HuberLoss(delta=2.0)) == "HuberLoss(reduction='mean', delta=2.0)"


@looped(
    ("loss", "predictions", "targets", "row"),
    [
        (nn.CrossEntropyLoss(), PREDICTIONS, LABELS, "softmax_cross_entropy"),
        (nn.BCEWithLogitsLoss(), PREDICTIONS, BINARY, "sigmoid_cross_entropy"),
        (nn.BCELoss(), PROBABILITIES, BINARY, "binary_cross_entropy"),
    ],
)
def test_a_mean_cross_entropy_is_one_operation(loss, predictions, targets, row):
    x = Tensor(predictions, requires_grad=True)
    result = loss(x, targets)
    assert result.operation.name == row
    assert result.arguments[0] is x
