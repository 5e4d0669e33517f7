"""Estimators that are used on: their predictions, and settings that change after a fit."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import ArgumentError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from nn.estimators import NeuralClassifier, NeuralRegressor

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")
LABELS = np.stack([X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)


def outputs(network):
    return nn.predict(network.model_, X)


def shares(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


SCALES = {
    "rates": ("poisson_nll", np.arange(60.0) % 5, np.exp),
    "rates as they are": (nn.PoissonNLLLoss(log_input=False), np.arange(60.0) % 5, np.array),
    "probabilities": ("bce_with_logits", np.arange(60) / 60, lambda p: 1 / (1 + np.exp(-p))),
    "shares": ("cross_entropy", np.tile([0.2, 0.3, 0.5], (60, 1)), shares),
    "numbers": ("huber", X[:, :2], np.array),
    "a loss of one's own": (lambda p, t: ((p - t) ** 2).mean(), X[:, 0], np.array),
}


@looped(("loss", "y", "expected"), SCALES.values(), ids=SCALES)
def test_a_regressor_predicts_what_targets_are_whatever_its_loss_takes(loss, y, expected):
    activation = "softplus" if isinstance(loss, nn.PoissonNLLLoss) else None

    def layers(features, n):
        return nn.Dense(features, n, activation, rng=0)

    network = NeuralRegressor(layers, loss=loss, epochs=2, random_state=0).fit(X, y)
    predicted = network.predict(X)
    assert predicted.shape == y.shape
    np.testing.assert_allclose(predicted.reshape(60, -1), expected(outputs(network)), rtol=1e-12)


@looped("y", [Y, LABELS], ids=["two classes", "labels"])
def test_probabilities_are_of_the_loss_that_was_learned_not_of_a_later_one(y):
    network = NeuralClassifier([4], epochs=2, random_state=0).fit(X, y)
    before = network.predict_proba(X)
    network.set_params(loss="cross_entropy")
    np.testing.assert_array_equal(network.predict_proba(X), before)
    assert before.shape == (60, 2)


def test_a_model_does_not_go_on_as_one_of_other_layers():
    network = NeuralClassifier([4], epochs=2, random_state=0, warm_start=True).fit(X, Y)
    network.set_params(layers=(4,)).fit(X, Y)
    for changed in ({"layers": [8]}, {"layers": 4}, {"layers": nn.Dense}, {"activation": "tanh"}):
        network.set_params(**{"layers": [4], "activation": "relu"} | changed)
        for go_on in (network.fit, network.partial_fit):
            with pytest.raises(ArgumentError, match=r"built from \[4\] and 'relu'"):
                go_on(X, Y)
    assert len(outputs(network.set_params(warm_start=False, layers=[8]).fit(X, Y))) == 60
    assert network.model_[0].out_features == 8


def test_classes_that_are_announced_differently_later_are_refused():
    network = NeuralClassifier([4]).partial_fit(X, Y, classes=["yes", "no", "maybe"])
    network.partial_fit(X, Y, classes=["maybe", "yes", "no"])
    with pytest.raises(ArgumentError, match="they were 'maybe', 'no', 'yes'"):
        network.partial_fit(X, Y, classes=["yes", "no"])
    several = NeuralClassifier([4])
    several.partial_fit(X, LABELS, classes=[0, 1]).partial_fit(X, LABELS, classes=[0, 1])
    assert several.fit(X, Y).classes_.tolist() == ["no", "yes"]


def test_classes_that_were_announced_to_what_failed_are_forgotten():
    network = NeuralClassifier([4], epochs=1)
    with pytest.raises(ValueError, match="NaN"):
        network.partial_fit(X * np.nan, Y, classes=["yes", "no", "maybe"])
    assert network.fit(X, Y).classes_.tolist() == ["no", "yes"]


def test_without_a_random_state_manual_seed_seeds_estimators_too(monkeypatch):
    from nn.default_generator import DEFAULT

    def drawn():
        return NeuralRegressor([4], epochs=1).fit(X, X[:, 0]).predict(X)

    monkeypatch.setattr(DEFAULT, "seeded", False)
    np.random.seed(0)
    first = drawn()
    np.random.seed(0)
    np.testing.assert_array_equal(drawn(), first)
    nn.manual_seed(0)
    first, second = drawn(), drawn()
    nn.manual_seed(0)
    np.testing.assert_array_equal(drawn(), first)
    assert not np.array_equal(first, second)
