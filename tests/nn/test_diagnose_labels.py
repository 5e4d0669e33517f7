"""Labels that are indices where rows are wanted, and the other way round; values not finite."""

import numpy as np
import pytest
from looping import looped

import autograd_lite as al
import nn
from autograd_lite.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
LABELS = RNG.permutation(np.arange(40) % 4)
ONE_HOT = np.eye(4)[LABELS]
YES = (X[:, :1] > 0).astype(float)


def model(outputs, activation=None):
    return nn.Sequential(
        nn.Dense(5, 8, activation="tanh", rng=0), nn.Dense(8, outputs, activation, rng=1)
    )


def findings(outputs, y, loss, activation=None):
    report = nn.diagnose(model(outputs, activation), X, y, loss=loss)
    return [finding.name for finding in report.findings]


def picked(predictions, y):
    """Cross-entropy of labels, by hand."""
    return -al.log_softmax(predictions)[np.arange(len(y)), y].mean()


def picked_by_column(predictions, y):
    return -al.log_softmax(predictions)[np.arange(len(y))[:, None], y].mean()


def multiplied(predictions, y):
    """Cross-entropy of rows, by hand."""
    return -(y * al.log_softmax(predictions)).sum() / len(y)


def squared(predictions, y):
    return ((predictions - y) ** 2).mean()


def with_epsilon(p, y):
    return -(y * np.log(p + 1e-8) + (1 - y) * np.log(1 - p + 1e-8)).mean()


@looped(
    ("activation", "loss"),
    [
        (None, nn.BCEWithLogitsLoss()),
        (None, nn.BCEWithLogitsLoss(reduction="sum", pos_weight=2.0)),
        ("sigmoid", nn.BCELoss()),
        ("sigmoid", nn.BCELoss(reduction="sum")),
        ("sigmoid", with_epsilon),
    ],
)
def test_indices_given_to_a_binary_loss_are_found(activation, loss):
    assert "labels are indices" in findings(1, LABELS[:, None], loss, activation)
    assert "labels are indices" in findings(1, 2 * YES - 1, loss, activation)
    assert findings(1, YES, loss, activation) == []
    assert findings(4, ONE_HOT, loss, activation) == []


@looped(
    ("activation", "loss"),
    [
        (None, nn.CrossEntropyLoss()),
        (None, nn.CrossEntropyLoss(label_smoothing=0.1)),
        ("softmax", nn.CategoricalCrossEntropyLoss()),
        ("softmax", nn.CategoricalCrossEntropyLoss(epsilon=1e-8)),
        (None, multiplied),
    ],
)
def test_indices_in_the_shape_of_one_hot_rows_are_found(activation, loss):
    several = np.stack([LABELS] * 4, axis=1)
    assert "labels are indices" in findings(4, several, loss, activation)
    smoothed = 0.9 * ONE_HOT + 0.025
    for rows in (ONE_HOT, smoothed):
        assert findings(4, rows, loss, activation) == []


def test_the_range_of_the_labels_is_the_figure():
    (finding,) = nn.diagnose(model(1), X, LABELS[:, None], loss=nn.BCEWithLogitsLoss()).findings
    assert (finding.where, finding.figure, finding.threshold) == (("y",), 3.0, 1)
    assert "from 0 to 3" in finding.meaning


def test_targets_that_a_loss_refuses_and_that_are_no_indices_stay_refused():
    with pytest.raises(ArgumentError, match="range from"):
        findings(1, 1.5 * YES, nn.BCELoss(), "sigmoid")
    with pytest.raises(ArgumentError, match="labels range from"):
        findings(3, LABELS, nn.CrossEntropyLoss())


def test_numbers_to_be_predicted_may_be_whole_and_large():
    assert findings(1, 100 * LABELS[:, None], nn.MSELoss()) == []
    assert findings(4, np.stack([LABELS] * 4, axis=1), squared) == []
    assert findings(1, 2 * YES - 1, lambda z, y: al.softplus(-y * z).mean()) == []


def test_indices_multiplied_like_one_hot_rows_are_found():
    assert findings(4, LABELS[:, None], multiplied) == ["labels are broadcast"]
    assert findings(4, ONE_HOT, multiplied) == []


def test_targets_that_broadcast_to_a_square_are_found():
    report = nn.diagnose(model(1), X, YES.ravel(), loss=squared)
    (finding,) = report.findings
    assert finding.name == "labels are broadcast"
    assert finding.figure == 40
    assert "(40, 1)" in finding.meaning
    assert "(40, 40)" in finding.meaning
    assert findings(1, YES, squared) == []


def test_weights_of_samples_in_a_loss_may_broadcast():
    def weighted(predictions, y):
        return ((predictions - y) ** 2 * np.linspace(1, 2, 40)[:, None]).mean()

    def weighted_labels(predictions, y):
        weights = np.linspace(1, 2, 40)[:, None]
        return -(weights * al.log_softmax(predictions))[np.arange(40), y].mean()

    assert findings(4, RNG.normal(size=(40, 4)), weighted) == []
    assert findings(4, LABELS, weighted_labels) == []


def test_one_hot_rows_used_as_indices_are_found():
    assert findings(4, ONE_HOT.astype(int), picked_by_column) == ["labels are one-hot"]
    assert findings(4, LABELS[:, None], picked_by_column) == []
    assert findings(4, LABELS, picked) == []
    assert findings(4, ONE_HOT, nn.CrossEntropyLoss()) == []
    assert findings(4, LABELS, nn.CrossEntropyLoss()) == []
    assert findings(4, LABELS, nn.CrossEntropyLoss(reduction="sum")) == []


# Values that are not finite


@looped("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_counted_where_they_come_from(bad):
    broken = X.copy()
    broken[3, :2] = bad
    (finding,) = nn.diagnose(model(1), broken, YES, loss=nn.MSELoss()).findings
    assert (finding.name, finding.where, finding.figure) == ("values not finite", ("X",), 2)
    targets = YES.copy()
    targets[0] = bad
    assert nn.diagnose(model(1), X, targets, loss=nn.MSELoss()).findings[0].where == ("y",)
    diverged = model(1)
    diverged[0].weight.data[0, 0] = bad
    report = nn.diagnose(diverged, X, YES, loss=nn.BCELoss())
    assert [finding.where for finding in report.findings] == [("0.weight",)]


@looped(
    ("loss", "where"),
    [
        (lambda p, y: np.log(p * 0).mean(), "the loss"),
        (lambda p, y: ((p + 2e200) ** 2).mean(), "the loss"),
        (lambda p, y: np.sqrt(np.abs(p * 0)).mean(), "the gradient of 0.weight"),
    ],
    ids=["logarithm of 0", "overflow", "slope of a root at 0"],
)
def test_results_that_are_not_finite_are_found_without_a_warning(loss, where):
    network = model(1)
    optimizer = nn.SGD(network.parameters(), 0.1)
    report = nn.diagnose(network, X, YES, loss=loss, optimizer=optimizer)
    assert report.findings[0].name == "values not finite"
    assert report.findings[0].where[0] == where


def test_signs_given_to_a_binary_loss_are_told_as_such():
    report = nn.diagnose(model(1, None), X, 2 * YES - 1, loss="bce_with_logits")
    assert "(y + 1) / 2" in str(report)
    assert "-1 and 1" in str(report)
