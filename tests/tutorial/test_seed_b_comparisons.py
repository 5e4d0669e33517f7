"""Rows B2, B3, B4 and B6: architectures, activations and gradient norms compared, and drawn."""

from functools import cache

import numpy as np
import pytest
import seed_b_by_hand as by_hand
from looping import looped
from matplotlib import pyplot as plt
from pictures import assert_boundary_shows
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import nn
import viz


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def prepared(X, labels):
    """Standardized, 30% held out: X, X_test, y, y_test."""
    X, X_test, y, y_test = train_test_split(X, labels[:, None], test_size=0.3, random_state=42)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


DATA = {
    "linear": prepared(
        *make_classification(
            200, n_features=2, n_redundant=0, n_clusters_per_class=1, random_state=42
        )
    ),
    "moons": prepared(*make_moons(200, noise=0.2, random_state=42)),
    "circles": prepared(*make_circles(200, noise=0.1, factor=0.5, random_state=42)),
}
ARCHITECTURES = ((2, 1), (2, 4, 1), (2, 8, 4, 1), (2, 16, 8, 4, 1))
DEEP = ARCHITECTURES[2:]


def train(sizes, hidden, X, y, epochs, seed):
    model = by_hand.network(sizes, hidden, seed)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.1)
    history = nn.fit(
        model,
        X,
        y,
        loss=nn.BCELoss(),
        optimizer=optimizer,
        epochs=epochs,
        progress=False,
        rng=seed,
    )
    return model, history


@cache
def trained(data, sizes, seed):
    X, _, y, _ = DATA[data]
    return train(sizes, "relu", X, y, epochs=300, seed=seed)[0]


def held_out(model, data):
    _, X_test, _, y_test = DATA[data]
    return nn.accuracy(nn.predict(model, X_test), y_test)


# --- B2: three data sets, four architectures

SEEDS = pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.exhaustive)])


@SEEDS
@pytest.mark.parametrize("sizes", DEEP, ids=str)
@pytest.mark.parametrize("data", ["moons", "circles"])
def test_b2_deep_networks_get_more_than_90_percent_of_what_was_held_out(data, sizes, seed):
    assert held_out(trained(data, sizes, seed), data) > 0.9


@SEEDS
@pytest.mark.parametrize("data", ["moons", "circles"])
def test_b2_a_network_without_hidden_layer_stays_below_90_percent_and_below_the_deep_ones(
    data, seed
):
    linear = held_out(trained(data, (2, 1), seed), data)
    assert linear < 0.9
    assert linear < min(held_out(trained(data, sizes, seed), data) for sizes in DEEP)


def test_b2_a_linear_model_is_near_chance_on_circles_and_as_good_as_any_on_linear_data():
    assert held_out(trained("circles", (2, 1), 0), "circles") < 0.6
    linear = held_out(trained("linear", (2, 1), 0), "linear")
    assert linear > 0.8
    assert linear > max(held_out(trained("linear", s, 0), "linear") for s in DEEP) - 0.05


@pytest.mark.parametrize(
    "names", [["moons"], pytest.param([*DATA], marks=pytest.mark.exhaustive)], ids=len
)
def test_b2_each_panel_shows_regions_points_and_accuracy_of_its_network(names):
    figure, axes = plt.subplots(len(names), 4, figsize=(16, 4 * len(names)), squeeze=False)
    for data, row in zip(names, axes, strict=True):
        _, X_test, _, y_test = DATA[data]
        for sizes, ax in zip(ARCHITECTURES, row, strict=True):
            model = trained(data, sizes, 0)
            assert viz.plot_decision_boundary(model, X_test, y_test, ax=ax) is figure
            assert_boundary_shows(ax, model, X_test, y_test)
            assert ax.get_title().startswith(f"{held_out(model, data):.1%} of 60")
    assert len(figure.axes) == 4 * len(names)


# --- B3: six activations over their derivatives


def logistic(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "sigmoid": (logistic, lambda x: logistic(x) * (1 - logistic(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float)),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x: np.where(x > 0, 1, 0.01),
    ),
    "elu": (lambda x: np.where(x > 0, x, np.exp(x) - 1), lambda x: np.where(x > 0, 1, np.exp(x))),
    "swish": (
        lambda x: x * logistic(x),
        lambda x: logistic(x) + x * logistic(x) * (1 - logistic(x)),
    ),
}


@cache
def figure_of_activations():
    return viz.plot_activations()


def panels():
    """The axes with functions, and those with their derivatives, in the same order."""
    return np.reshape(figure_of_activations().axes, (2, -1))


def test_b3_the_figure_has_the_activations_above_their_derivatives_from_minus_5_to_5():
    upper, lower = panels()
    assert set(ACTIVATIONS) <= {ax.get_title() for ax in upper}
    assert upper[0].get_ylabel() == "f(x)"
    assert lower[0].get_ylabel() == "f'(x)"
    for above, below in zip(upper, lower, strict=True):
        assert above.get_position().y0 > below.get_position().y1
        assert below.get_xlabel() == "x"
        x = below.lines[0].get_xdata()
        assert (x[0], x[-1]) == (-5, 5)


@looped("name", ACTIVATIONS)
def test_b3_both_curves_of_an_activation_follow_its_formulas(name):
    function, derivative = ACTIVATIONS[name]
    pairs = zip(*panels(), strict=True)
    [(upper, lower)] = [pair for pair in pairs if pair[0].get_title() == name]
    x, y = upper.lines[0].get_data()
    np.testing.assert_allclose(y, function(x), rtol=1e-12, atol=1e-15)
    x, slopes = lower.lines[0].get_data()
    # At 0 the leaky ReLU has no derivative: any number between 0.01 and 1 is one.
    away = x != 0
    np.testing.assert_allclose(slopes[away], derivative(x)[away], rtol=1e-12, atol=1e-15)


# --- B4: three activations compared

HIDDEN = ("sigmoid", "tanh", "relu")


@cache
def activations_compared():
    X, X_test, y, y_test = prepared(*make_moons(500, noise=0.2, random_state=42))
    runs = {hidden: train([2, 16, 8, 1], hidden, X, y, epochs=100, seed=0) for hidden in HIDDEN}
    return runs, X_test, y_test


def test_b4_relu_and_tanh_learn_the_moons_in_100_epochs_and_sigmoid_lags_behind():
    runs, X_test, y_test = activations_compared()
    right = {h: nn.accuracy(nn.predict(model, X_test), y_test) for h, (model, _) in runs.items()}
    losses = {hidden: history["loss"][-1] for hidden, (_, history) in runs.items()}
    assert min(right["relu"], right["tanh"]) > 0.95
    assert 0.8 < right["sigmoid"] < 0.9
    assert losses["relu"] < losses["tanh"] < losses["sigmoid"] / 2


def test_b4_learning_curves_stand_above_the_decision_boundaries():
    runs, X_test, y_test = activations_compared()
    _, axes = plt.subplots(2, 3, figsize=(15, 10))
    for (hidden, (model, history)), (upper, lower) in zip(runs.items(), axes.T, strict=True):
        viz.plot_history({"loss": history["loss"]}, ax=upper)
        upper.set_title(hidden)
        viz.plot_decision_boundary(model, X_test, y_test, ax=lower)
        curve = upper.lines[0]
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 101))
        np.testing.assert_array_equal(curve.get_ydata(), history["loss"])
        assert upper.get_xlabel() == "epoch"
        assert_boundary_shows(lower, model, X_test, y_test)


# --- B6: gradient norms


@cache
def monitored():
    """50 steps on all samples: the monitor's norms, and those by hand."""
    rng = np.random.default_rng(6)
    X = rng.normal(size=(100, 2))
    y = (X.sum(axis=1, keepdims=True) > 0).astype(float)
    model = by_hand.network([2, 4, 3, 1], "relu", rng=rng)
    weights, biases = by_hand.arrays_of(model)
    monitor = nn.GradientMonitor()
    nn.fit(
        model,
        X,
        y,
        loss=nn.BCELoss(),
        optimizer=nn.SGD(model.parameters(), learning_rate=0.01),
        epochs=50,
        batch_size=100,
        callbacks=[monitor],
        progress=False,
        rng=0,
    )
    norms = {f"{i}.{kind}": [] for i in range(3) for kind in ("weight", "bias")}
    for _ in range(50):
        dW, db = by_hand.gradients(X, y, weights, biases, "relu")
        for i in range(3):
            norms[f"{i}.weight"].append(np.linalg.norm(dW[i]))
            norms[f"{i}.bias"].append(np.linalg.norm(db[i]))
        weights = [W - 0.01 * d for W, d in zip(weights, dW, strict=True)]
        biases = [b - 0.01 * d for b, d in zip(biases, db, strict=True)]
    return monitor.norms, norms


def test_b6_the_monitor_records_the_norm_of_each_layers_gradient_in_each_of_50_epochs():
    recorded, expected = monitored()
    assert list(recorded) == list(expected)
    for name, norms in expected.items():
        assert len(recorded[name]) == 50
        np.testing.assert_allclose(recorded[name], norms, rtol=1e-9, err_msg=name)


def test_b6_the_norms_of_an_epoch_in_mini_batches_are_the_means_of_the_batches():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(50, 2)), rng.integers(0, 2, (50, 1)).astype(float)
    model = by_hand.network([2, 4, 1], "tanh", rng=1)
    weights, biases = by_hand.arrays_of(model)
    monitor = nn.GradientMonitor()
    nn.fit(
        model,
        X,
        y,
        loss=nn.BCELoss(),
        # A step of 0 keeps the weights for all batches.
        optimizer=nn.SGD(model.parameters(), learning_rate=0.0),
        epochs=1,
        batch_size=20,
        callbacks=[monitor],
        progress=False,
        rng=3,
    )
    found = [
        by_hand.gradients(*batch, weights, biases, "tanh")[0][0]
        for batch in nn.batches(X, y, batch_size=20, rng=3)
    ]
    mean = np.mean([np.linalg.norm(gradient) for gradient in found])
    assert monitor.norms["0.weight"] == pytest.approx([mean], rel=1e-12)


def test_b6_the_figure_has_a_line_for_each_layer_and_its_last_norm_as_a_bar():
    recorded, _ = monitored()
    weights = {name: norms for name, norms in recorded.items() if name.endswith("weight")}
    by_epoch, last = viz.plot_gradient_flow(weights).axes
    assert by_epoch.get_title() == "gradient norms"
    assert by_epoch.get_xlabel() == "epoch"
    assert [line.get_label() for line in by_epoch.lines] == ["0.weight", "1.weight", "2.weight"]
    for line, norms in zip(by_epoch.lines, weights.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 51))
        np.testing.assert_array_equal(line.get_ydata(), norms)
    assert [bar.get_width() for bar in last.patches] == [norms[-1] for norms in weights.values()]
    for label, name in zip(last.get_yticklabels(), weights, strict=True):
        assert label.get_text() == f"{name}: {weights[name][-1]:.2g}"
