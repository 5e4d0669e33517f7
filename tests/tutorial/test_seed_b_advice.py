"""Rows B7 and B8: each exercise and each piece of advice is something the library offers."""

from functools import cache

import numpy as np
import pytest
import seed_b_by_hand as by_hand
from looping import looped
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tiers import in_second_tier

import nn
from autograd_lite.errors import ArgumentError, TrainingError

MOONS, CLASSES = make_moons(200, noise=0.2, random_state=42)
MOONS = StandardScaler().fit_transform(MOONS)
CLASSES = CLASSES[:, None]


def fit(model, X, y, optimizer, epochs, loss=None, **options):
    options = {"progress": False, "rng": 0, **options}
    loss = loss or nn.BCELoss()
    return nn.fit(model, X, y, loss=loss, optimizer=optimizer, epochs=epochs, **options)


def deep(make_layer, n_layers=12):
    """A first layer, hidden layers of one kind, and an output, on 8 units each."""
    rng = np.random.default_rng(0)
    hidden = [make_layer(rng) for _ in range(n_layers)]
    return nn.Sequential(
        nn.Dense(2, 8, "tanh", rng=rng), *hidden, nn.Dense(8, 1, "sigmoid", rng=rng)
    )


def sigmoid_layer(rng):
    return nn.Dense(8, 8, "sigmoid", rng=rng)


def share_that_arrives(model):
    """The norm of the gradient of the first weights over that of the last ones."""
    nn.BCELoss()(model(MOONS), CLASSES).backward()
    weights = [p for name, p in model.named_parameters() if name.endswith("weight") and p.ndim == 2]
    return np.linalg.norm(weights[0].grad) / np.linalg.norm(weights[-1].grad)


# --- B7: the exercises


def gradient_descent(parameters):
    return nn.SGD(parameters, 0.1)


OPTIMIZERS = {
    "momentum": lambda p: nn.SGD(p, 0.1, momentum=0.9),
    "Nesterov": lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "Adagrad": lambda p: nn.Adagrad(p, 0.1),
    "RMSprop": lambda p: nn.RMSprop(p, 0.01),
    "Adam": lambda p: nn.Adam(p, 0.02),
    "AdamW": lambda p: nn.AdamW(p, 0.02),
    "NAdam": lambda p: nn.NAdam(p, 0.02),
}


@cache
def loss_after(optimizer, epochs=25):
    model = by_hand.network([2, 8, 4, 1], "relu")
    return fit(model, MOONS, CLASSES, optimizer(model.parameters()), epochs)["loss"][-1]


@pytest.mark.parametrize("name", in_second_tier(OPTIMIZERS, but=("momentum", "Adam")))
def test_b7_each_further_optimizer_learns_the_moons_faster_than_gradient_descent(name):
    assert loss_after(OPTIMIZERS[name]) < 0.75 * loss_after(gradient_descent)


PENALTIES = {
    "L2": {"l2": 0.02},
    "L1": {"l1": 0.005},
    "decoupled decay": {"weight_decay": 2.0},
    "dropout": {"dropout": 0.7},
}


@cache
def losses_on_few_noisy_samples(dropout=0.0, **options):
    """At the end of training: of the 40 samples, and of 260 held out."""
    X, y = make_moons(300, noise=0.35, random_state=1)
    X, X_test, y, y_test = train_test_split(X, y[:, None], train_size=40, random_state=0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Dense(2, 32, "relu", rng=rng),
        nn.Dropout(dropout, rng=rng),
        nn.Dense(32, 32, "relu", rng=rng),
        nn.Dropout(dropout, rng=rng),
        nn.Dense(32, 1, "sigmoid", rng=rng),
    )
    optimizer = nn.Adam(model.parameters(), learning_rate=0.005, **options)
    history = fit(model, X, y, optimizer, epochs=150, validation=(X_test, y_test))
    return history["loss"][-1], history["validation_loss"][-1]


@pytest.mark.parametrize("name", in_second_tier(PENALTIES, but=("L2", "dropout")))
def test_b7_regularization_keeps_a_network_from_learning_its_few_noisy_samples_by_heart(name):
    loss, validation_loss = losses_on_few_noisy_samples()
    kept_loss, kept_validation_loss = losses_on_few_noisy_samples(**PENALTIES[name])
    assert kept_loss > 1.1 * loss
    assert kept_validation_loss < 0.9 * validation_loss


def test_b7_a_network_with_softmax_tells_several_classes_apart():
    X, labels = make_blobs(300, centers=4, cluster_std=1.0, random_state=3)
    X, X_test, labels, labels_test = train_test_split(X, labels, test_size=0.3, random_state=0)
    scaler = StandardScaler().fit(X)
    model = by_hand.network([2, 16, 4], "relu")
    optimizer = nn.Adam(model.parameters(), learning_rate=0.02)
    loss = nn.CategoricalCrossEntropyLoss(epsilon=1e-8)
    fit(model, scaler.transform(X), labels, optimizer, epochs=30, loss=loss)
    assert nn.accuracy(nn.predict(model, scaler.transform(X_test)), labels_test) > 0.95


# --- B8: the advice


def test_b8_learning_rate_schedules_change_the_rate_from_epoch_to_epoch():
    model = by_hand.network([2, 1], "relu")
    optimizer = nn.SGD(model.parameters(), learning_rate=0.4)
    rates = []

    class Rates(nn.Callback):
        def batch_end(self, training):
            rates.append(training.optimizer.learning_rate)

    schedule = nn.LRSchedule(nn.StepDecay(optimizer, every=2, factor=0.5))
    fit(model, MOONS, CLASSES, optimizer, 5, batch_size=200, callbacks=[schedule, Rates()])
    assert rates == [0.4, 0.4, 0.2, 0.2, 0.1]


@looped(
    ("limit", "size"),
    [({"max_norm": 0.5}, np.linalg.norm), ({"max_value": 0.5}, lambda step: np.abs(step).max())],
)
def test_b8_gradient_clipping_bounds_the_step(limit, size):
    steps = []
    for callbacks in ([], [nn.GradientClipping(**limit)]):
        model = nn.Dense(2, 1, weight_init="zeros")
        optimizer = nn.SGD(model.parameters(), learning_rate=1.0)
        targets = 1000 * MOONS[:, :1]
        options = {"loss": nn.MSELoss(), "batch_size": 200, "callbacks": callbacks}
        fit(model, MOONS, targets, optimizer, 1, **options)
        steps.append(size(np.append(model.weight.data, model.bias.data)))
    assert steps[0] > 100
    assert steps[1] == pytest.approx(0.5)


def test_b8_l1_sets_what_does_not_matter_to_about_zero_and_l2_only_shrinks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    y = X[:, :1] - 2 * X[:, 1:2] + rng.normal(0, 0.5, (200, 1))
    found = {}
    for name, options in {"none": {}, "l1": {"l1": 0.2}, "l2": {"l2": 0.2}}.items():
        model = nn.Dense(6, 1, bias=False, rng=0)
        optimizer = nn.SGD(model.parameters(), learning_rate=0.02, **options)
        fit(model, X, y, optimizer, 120, loss=nn.MSELoss(), batch_size=200)
        found[name] = np.abs(model.weight.data.ravel())
    assert found["l1"][2:].max() < 0.01 < found["none"][2:].max()
    assert np.all(found["l1"][:2] > 0.5)
    assert np.linalg.norm(found["l2"]) < 0.95 * np.linalg.norm(found["none"])
    assert found["l2"][2:].max() > 0.01


def test_b8_batch_normalization_lets_the_gradient_arrive_at_the_first_of_many_layers():
    def normalized(rng):
        return nn.Sequential(nn.Dense(8, 8, rng=rng), nn.BatchNorm1d(8), nn.Sigmoid())

    assert share_that_arrives(deep(sigmoid_layer)) < 1e-6
    assert share_that_arrives(deep(normalized)) > 1e-2


def test_b8_skip_connections_let_the_gradient_arrive_at_the_first_of_many_layers():
    assert share_that_arrives(deep(sigmoid_layer)) < 1e-6
    assert share_that_arrives(deep(lambda rng: nn.Residual(sigmoid_layer(rng)))) > 1e-2


def test_b8_standardized_inputs_are_learned_where_raw_ones_are_not():
    raw = MOONS * [100.0, 0.01] + [500.0, 0.0]
    right = []
    for X in (raw, StandardScaler().fit_transform(raw)):
        model = by_hand.network([2, 8, 4, 1], "tanh")
        fit(model, X, CLASSES, nn.SGD(model.parameters(), 0.1), epochs=60)
        right.append(nn.accuracy(nn.predict(model, X), CLASSES))
    assert right[0] < 0.7
    assert right[1] > 0.85


@looped("bad", [np.nan, np.inf])
def test_b8_samples_that_are_nan_or_infinite_are_refused_before_anything_is_learned(bad):
    model = by_hand.network([2, 4, 1], "relu")
    before = model.state_dict()
    X = MOONS.copy()
    X[17, 1] = bad
    with pytest.raises(ArgumentError, match=r"17, 1"):
        fit(model, X, CLASSES, nn.SGD(model.parameters(), 0.1), epochs=1)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_b8_a_loss_that_explodes_stops_training_and_says_where():
    model = nn.Sequential(nn.Dense(2, 4, rng=0), nn.Dense(4, 1, rng=1))
    optimizer = nn.SGD(model.parameters(), learning_rate=1e3)
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match=r"(?s)epoch.*batch"):
        fit(model, MOONS, CLASSES, optimizer, epochs=50, loss=nn.MSELoss())
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_b8_the_same_seeds_give_the_same_network_bit_for_bit_and_others_another():
    def trained(seed):
        rng = np.random.default_rng(seed)
        model = nn.Sequential(
            nn.Dense(2, 8, "relu", rng=rng), nn.Dropout(0.2, rng=rng), nn.Dense(8, 1, rng=rng)
        )
        loss = nn.BCEWithLogitsLoss()
        fit(model, MOONS, CLASSES, nn.Adam(model.parameters()), 3, loss=loss, rng=rng)
        return b"".join(array.tobytes() for array in model.state_dict().values())

    assert trained(7) == trained(7)
    assert trained(7) != trained(8)


def test_b8_monitored_gradients_show_that_those_of_sigmoids_vanish_and_those_of_relus_do_not():
    shares = {}
    for hidden in ("sigmoid", "relu"):
        model = by_hand.network([2, 8, 8, 8, 8, 8, 1], hidden)
        monitor = nn.GradientMonitor()
        fit(model, MOONS, CLASSES, nn.SGD(model.parameters(), 0.1), 3, callbacks=[monitor])
        shares[hidden] = monitor.norms["0.weight"][-1] / monitor.norms["5.weight"][-1]
    assert shares["sigmoid"] < 1e-2
    assert shares["relu"] > 0.1


def test_b8_weights_that_begin_at_zero_learn_all_the_same_and_random_ones_do_not():
    differ = {}
    for weight_init in ("zeros", "xavier_normal"):
        model = nn.Sequential(
            nn.Dense(2, 4, "tanh", rng=0, weight_init=weight_init),
            nn.Dense(4, 1, "sigmoid", rng=0, weight_init="constant"),
        )
        fit(model, MOONS, CLASSES, nn.SGD(model.parameters(), 0.1), epochs=5)
        differ[weight_init] = np.ptp(model[0].weight.data, axis=1).max()
    assert differ["zeros"] < 1e-12
    assert differ["xavier_normal"] > 0.1


def test_b8_class_weights_find_more_of_a_rare_class():
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(float)[:, None]
    X = rng.normal(size=(400, 2)) + 1.2 * y
    found = {}
    for class_weight in (None, "balanced"):
        model = nn.Dense(2, 1, "sigmoid", rng=0)
        optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
        fit(model, X, y, optimizer, 20, class_weight=class_weight)
        found[class_weight] = recall_score(y, nn.predict(model, X) > 0.5)
    assert found[None] < 0.3
    assert found["balanced"] > 0.7
