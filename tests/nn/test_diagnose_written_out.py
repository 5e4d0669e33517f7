"""`diagnose` finds in networks that write their activations out what it finds in others."""

import numpy as np
import pytest
from diagnosed import CLASSES, LABELS, ONE_HOT, YES, YES_OR_NO, X, found, names
from looping import looped

import autograd_lite as al
import nn

# The exponential of a large number overflows, and the sigmoid is 0 there all the same.
pytestmark = pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tanh(z):
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.data.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def relu(z):
    return z * (z > 0)


RELUS = [
    relu,
    lambda z: np.maximum(0, z),
    lambda z: np.where(z > 0, z, 0.0),
    lambda z: np.clip(z, 0, None),
]


class Network(nn.Module):
    """Two layers by hand, and functions of what they give."""

    def __init__(self, hidden, outputs=1, last=None, scale=0.3, bias=0.0):
        rng = np.random.default_rng(0)
        self.W1 = nn.Parameter(rng.normal(0, scale, (8, 12)))
        self.b1 = nn.Parameter(np.full(12, bias))
        self.W2 = nn.Parameter(rng.normal(0, 0.3, (12, outputs)))
        self.hidden, self.last = hidden, last or (lambda z: z)

    def forward(self, x):
        return self.last(self.hidden(x @ self.W1 + self.b1) @ self.W2)


@looped("hidden", [*RELUS, sigmoid, tanh], ids=lambda f: f.__name__)
def test_a_healthy_network_has_no_findings(hidden):
    assert names(Network(hidden), X, YES, YES_OR_NO) == []
    assert names(Network(hidden, 10), X, LABELS, CLASSES) == []
    assert names(Network(hidden, last=sigmoid), X, YES, nn.BCELoss()) == []
    softmax_loss = nn.CategoricalCrossEntropyLoss()
    assert names(Network(hidden, 10, softmax), X, ONE_HOT, softmax_loss) == []


@looped("hidden", RELUS)
def test_dead_relus(hidden):
    finding = found(Network(hidden, bias=-99.0), X, YES, YES_OR_NO)["dead ReLUs"]
    assert (finding.where, finding.figure) == (("b1",), 1.0)


def test_leaky_relus_that_are_below_zero_are_not_dead():
    leaky = Network(lambda z: np.where(z > 0, z, 0.01 * z), bias=-99.0)
    assert "dead ReLUs" not in names(leaky, X, YES, YES_OR_NO)


@looped(("hidden", "function"), [(sigmoid, al.sigmoid), (tanh, np.tanh)])
def test_saturated_units(hidden, function):
    here, there = (
        found(Network(each, scale=10.0), X, YES, YES_OR_NO)["saturated units"]
        for each in (hidden, function)
    )
    assert here == there
    assert here.where == ("b1",)


@looped(
    ("last", "outputs", "y", "loss", "text"),
    [
        (softmax, 10, LABELS, CLASSES, "ends in softmax, and the loss applies softmax"),
        (sigmoid, 1, YES, YES_OR_NO, "ends in sigmoid, and the loss applies sigmoid"),
        (sigmoid, 10, LABELS, CLASSES, "ends in sigmoid, and the loss applies softmax"),
    ],
)
def test_probabilities_before_a_loss_of_logits(last, outputs, y, loss, text):
    findings = found(Network(np.tanh, outputs, last), X, y, loss)
    assert text in findings["probabilities given as logits"].meaning


def by_hand(p, t):
    return -(t * np.log(softmax(p))).sum(axis=1).mean()


def of_logits(z, t):
    return (np.logaddexp(0, z) - t * z).mean()


def test_losses_that_write_out_what_they_apply():
    findings = found(Network(np.tanh, 10, al.softmax), X, ONE_HOT, by_hand)
    assert "probabilities given as logits" in findings
    findings = found(Network(np.tanh, 1, al.sigmoid), X, YES, of_logits)
    assert "probabilities given as logits" in findings
    assert names(Network(np.tanh, 10), X, ONE_HOT, by_hand) == []
    assert names(Network(np.tanh), X, YES, of_logits) == []


@looped("hidden", RELUS)
def test_a_relu_on_the_logits(hidden):
    model = Network(np.tanh, 10, hidden)
    assert "ReLU on the logits" in names(model, X, LABELS, CLASSES)
    assert "ReLU on the logits" in names(model, X, ONE_HOT, by_hand)
    before = Network(np.tanh, 10, lambda z: softmax(hidden(z)))
    loss = nn.CategoricalCrossEntropyLoss()
    assert "ReLU on the logits" in names(before, X, ONE_HOT, loss)


def test_predictions_that_are_tiny_are_no_relu():
    bell = Network(np.tanh, last=lambda z: np.exp(-0.5 * (z - 12) ** 2))
    assert names(bell, X, YES, YES_OR_NO) == []


def test_a_loss_far_above_chance():
    model = Network(np.tanh, last=sigmoid)
    model.W2.data *= 100
    unsure = 0.5 * np.ones((64, 1))

    def yes_or_no(p, t):
        return -(t * np.log(p + 1e-30) + (1 - t) * np.log(1 - p + 1e-30)).mean()

    finding = found(model, X, 1 - YES, yes_or_no)["loss above chance"]
    assert yes_or_no(unsure, YES) == pytest.approx(np.log(2))
    assert finding.figure > finding.threshold


def test_a_gradient_that_overflows_where_it_is_written_out_is_said_to():
    model = Network(sigmoid, scale=1.0, bias=-800.0)
    assert "values not finite" in names(model, X, YES, YES_OR_NO)
    stable = Network(al.sigmoid, scale=1.0, bias=-800.0)
    assert "values not finite" not in names(stable, X, YES, YES_OR_NO)
