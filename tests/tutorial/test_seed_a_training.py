"""Rows A3, A4, A5, A6, A9, A10, A13 and A14: what training learns, stops at and records.

Noise of 0.1 puts 8% of the points of the disc in a ring on the wrong side of the circle between
them: the circle itself gets 92% right, and so can no network be expected to get 95%. With noise of
0.05 the circle gets 96%.
"""

from functools import cache

import numpy as np
import pytest
import seed_a_by_hand as by_hand
from agreement import assert_agree
from matplotlib import pyplot as plt
from pictures import assert_boundary_shows, covers
from sklearn.model_selection import train_test_split

import nn
import viz

LOSS = nn.BCELoss(epsilon=by_hand.EPSILON)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def network(sizes, dropout=0.0, seed=0):
    """The seed's network, with its choice of initial weights."""
    np.random.seed(seed)
    return by_hand.as_model(by_hand.initial_parameters(sizes), dropout=dropout, rng=seed)


def fit(model, X, y, optimizer, epochs, **options):
    options = {"batch_size": 32, "progress": False, "rng": 0, **options}
    metrics = {"accuracy": nn.accuracy}
    return nn.fit(
        model, X, y, loss=LOSS, optimizer=optimizer, epochs=epochs, metrics=metrics, **options
    )


def right_by_the_circle(X, y):
    """The accuracy of the rule that the data were made with, before their noise."""
    return np.mean((np.linalg.norm(X, axis=1, keepdims=True) >= 0.5) == y)


def accuracy(model, X, y):
    return nn.accuracy(nn.predict(model, X), y)


# --- A3 and A4: the first network


@cache
def trained_on_blobs():
    """The seed's blobs and initial weights, 1000 steps on all samples: history, and by hand."""
    X, Y = by_hand.two_blobs()
    parameters = by_hand.initial_parameters([2, 4, 1])
    model = by_hand.as_model(parameters)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    history = fit(model, X.T, Y.T, optimizer, epochs=1000, batch_size=1000)
    costs = []
    for _ in range(1000):
        last = by_hand.forward(X, parameters)["A2"]
        costs.append(by_hand.cost(last, Y, parameters))
        steps = by_hand.of_parameters(by_hand.gradients(X, Y, parameters))
        parameters = {name: array - 0.5 * steps[name] for name, array in parameters.items()}
    return X, Y, model, history, parameters, costs


def test_a3_fit_takes_the_1000_steps_of_the_loop_by_hand():
    *_, model, history, parameters, costs = trained_on_blobs()
    np.testing.assert_allclose(history["running_loss"], costs, rtol=1e-9)
    assert_agree(by_hand.in_columns(model), parameters, tolerance=1e-9)


def test_a3_more_than_99_percent_of_the_seeds_blobs_are_right_after_1000_steps():
    X, Y, model, history, _, _ = trained_on_blobs()
    assert accuracy(model, X.T, Y.T) > 0.99
    assert history["running_loss"][0] > 0.2
    assert history["loss"][-1] < 0.02


@pytest.mark.exhaustive
def test_a3_more_than_99_percent_of_the_librarys_blobs_are_right_after_1000_steps():
    X, y = nn.datasets.blobs(1000, rng=0)
    model = network([2, 4, 1])
    fit(model, X, y, nn.SGD(model.parameters(), 0.5), epochs=1000, batch_size=1000)
    assert accuracy(model, X, y) > 0.99


def test_a4_a_probability_above_one_half_is_class_1_and_accuracy_the_share_that_is_right():
    X, Y, model, *_ = trained_on_blobs()
    predicted = nn.predict(model, X.T) > 0.5
    share = np.mean(predicted == Y.T)
    assert accuracy(model, X.T, Y.T) == share
    assert nn.accuracy(np.array([[0.5], [0.51]]), np.array([[0], [1]])) == 1


def test_a4_the_decision_boundary_has_each_blob_in_a_filled_region_of_its_own():
    X, Y, model, *_ = trained_on_blobs()
    figure = viz.plot_decision_boundary(model, X.T, Y.T)
    (ax,) = figure.axes
    assert_boundary_shows(ax, model, X.T, Y.T)
    lower_left, upper_right = (c for c in ax.collections if getattr(c, "filled", False))
    assert covers(lower_left, [(-2, -2)])
    assert covers(upper_right, [(2, 2)])


# --- A5 and A6: more layers, in mini-batches


def test_a5_a_deeper_network_learns_the_disc_in_the_ring_as_well_as_the_circle_itself():
    X, y = nn.datasets.disc_in_ring(1000, noise=0.1, rng=0)
    model = network([2, 16, 8, 1])
    fit(model, X, y, nn.SGD(model.parameters(), 0.5), epochs=500, batch_size=1000)
    assert accuracy(model, X, y) > right_by_the_circle(X, y) - 0.01
    clean = nn.datasets.disc_in_ring(1000, noise=0.0, rng=1)
    assert accuracy(model, *clean) > 0.95


@pytest.mark.exhaustive
def test_a5_more_than_95_percent_are_right_where_the_noise_allows_it():
    X, y = nn.datasets.disc_in_ring(1000, noise=0.05, rng=0)
    model = network([2, 16, 8, 1])
    fit(model, X, y, nn.SGD(model.parameters(), 0.5), epochs=1000, batch_size=1000)
    assert accuracy(model, X, y) > 0.95


def test_a6_mini_batches_learn_in_far_fewer_passes_over_the_data():
    X, y = nn.datasets.disc_in_ring(1000, noise=0.1, rng=0)
    losses = {}
    for batch_size in (32, 1000):
        model = network([2, 16, 8, 1])
        optimizer = nn.SGD(model.parameters(), 0.5)
        history = fit(model, X, y, optimizer, epochs=20, batch_size=batch_size)
        losses[batch_size] = history["loss"][-1]
    assert losses[32] < 0.25 < 0.45 < losses[1000]


# --- A9: three optimizers

OPTIMIZERS = {
    "gradient descent": lambda p: nn.SGD(p, learning_rate=0.5),
    "momentum": lambda p: nn.SGD(p, learning_rate=0.5, momentum=0.9, average=True),
    "Adam": lambda p: nn.Adam(p, learning_rate=0.01),
}


@cache
def optimizers_compared():
    X, y = nn.datasets.disc_in_ring(1000, noise=0.1, rng=0)
    runs = {}
    for name, optimizer in OPTIMIZERS.items():
        model = network([2, 16, 8, 1])
        runs[name] = fit(model, X, y, optimizer(model.parameters()), epochs=30)
    return runs, right_by_the_circle(X, y)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a9_each_of_three_optimizers_gets_as_much_right_as_the_circle_in_30_epochs(name):
    runs, right = optimizers_compared()
    assert max(runs[name]["accuracy"]) > right - 0.01
    assert runs[name]["loss"][-1] < 0.5 * runs[name]["running_loss"][0]


def test_a9_momentum_and_adam_keep_the_loss_from_jumping_as_that_of_gradient_descent_does():
    runs, _ = optimizers_compared()
    jumps = {name: np.mean(np.abs(np.diff(run["loss"][-15:]))) for name, run in runs.items()}
    assert jumps["momentum"] < jumps["gradient descent"] / 2
    assert jumps["Adam"] < jumps["gradient descent"] / 2


# --- A10: early stopping


@cache
def stopped_early():
    X, y = nn.datasets.disc_in_ring(400, noise=0.1, rng=0)
    X, X_held_out, y, y_held_out = train_test_split(X, y, test_size=0.2, random_state=0)
    model = network([2, 16, 8, 1])
    stopping = nn.EarlyStopping(patience=20)
    optimizer = nn.Adam(model.parameters(), learning_rate=0.02)
    held_out = X_held_out, y_held_out
    history = fit(model, X, y, optimizer, 500, validation=held_out, callbacks=[stopping])
    return model, history, stopping, held_out


def test_a10_training_stops_20_epochs_after_the_lowest_validation_loss_and_says_so():
    _, history, stopping, _ = stopped_early()
    best = int(np.argmin(history["validation_loss"]))
    assert history.best_epoch == stopping.best_epoch == best
    assert stopping.best_value == history["validation_loss"][best]
    assert len(history["validation_loss"]) == best + 1 + 20 < 500
    assert history.stop_reason == stopping.reason
    assert "20 epochs" in history.stop_reason


def test_a10_the_weights_are_those_of_the_best_epoch():
    model, history, _, (X, y) = stopped_early()
    losses = history["validation_loss"]
    assert LOSS(nn.predict(model, X), y) == pytest.approx(min(losses), rel=1e-12)
    assert losses[-1] > 1.02 * min(losses)


def test_a10_a_share_held_out_by_fit_is_not_trained_on():
    X, y = nn.datasets.disc_in_ring(100, rng=0)
    model = network([2, 4, 1])
    seen = []

    def noting(predictions, targets):
        if model.training:
            seen.append(len(targets))
        return LOSS(predictions, targets)

    history = nn.fit(
        model,
        X,
        y,
        loss=noting,
        optimizer=nn.SGD(model.parameters(), 0.1),
        epochs=1,
        batch_size=100,
        validation=0.2,
        progress=False,
        rng=0,
    )
    assert seen == [80]
    assert len(history["validation_loss"]) == 1


# --- A13: all of it together

SIZES = [2, 32, 16, 8, 1]


def groups(model, strength):
    """The weights with L2, and the biases without."""
    layers = [layer for layer in model.layers if isinstance(layer, nn.Dense)]
    return [
        {"parameters": [layer.weight for layer in layers], "l2": strength},
        {"parameters": [layer.bias for layer in layers]},
    ]


def test_a13_an_epoch_of_the_pipeline_is_the_one_by_hand_with_the_same_masks_and_batches():
    keep, strength, m = 0.8, 0.01, 32
    np.random.seed(13)
    parameters = by_hand.initial_parameters(SIZES)
    model = by_hand.as_model(parameters, dropout=1 - keep, rng=5)
    X, y = nn.datasets.disc_in_ring(10 * m, rng=0)
    fit(model, X, y, nn.Adam(groups(model, strength / m), 1e-3), epochs=1, rng=7)

    draws = np.random.default_rng(5)
    first, second = {}, {}
    for t, (xs, ys) in enumerate(nn.batches(X, y, batch_size=m, rng=7), 1):
        masks = [(draws.random((m, n)) >= 1 - keep).T for n in SIZES[1:-1]]
        found = by_hand.gradients(xs.T, ys.T, parameters, strength=strength, masks=masks, keep=keep)
        for name, g in by_hand.of_parameters(found).items():
            first[name] = 0.9 * first.get(name, 0) + 0.1 * g
            second[name] = 0.999 * second.get(name, 0) + 0.001 * g**2
            corrected = first[name] / (1 - 0.9**t), second[name] / (1 - 0.999**t)
            step = 1e-3 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
            parameters[name] = parameters[name] - step
    assert_agree(by_hand.in_columns(model), parameters, tolerance=1e-10)


@cache
def pipeline(noise, epochs):
    X, y = nn.datasets.disc_in_ring(2000, noise=noise, rng=0)
    X, X_held_out, y, y_held_out = train_test_split(X, y, test_size=0.2, random_state=0)
    model = network(SIZES, dropout=0.2)
    history = fit(
        model,
        X,
        y,
        nn.Adam(groups(model, 0.01 / 32), learning_rate=1e-3),
        epochs,
        validation=(X_held_out, y_held_out),
        callbacks=[nn.EarlyStopping(patience=30)],
    )
    return model, history, (X, y), (X_held_out, y_held_out)


def test_a13_the_pipeline_learns_the_disc_in_the_ring_as_well_as_the_circle_itself():
    model, history, train, held_out = pipeline(noise=0.1, epochs=30)
    assert accuracy(model, *train) > right_by_the_circle(*train) - 0.01
    assert accuracy(model, *held_out) > right_by_the_circle(*held_out) - 0.02
    assert accuracy(model, *nn.datasets.disc_in_ring(1000, noise=0.0, rng=1)) > 0.95
    assert history.best_epoch == np.argmin(history["validation_loss"])


@pytest.mark.exhaustive
def test_a13_more_than_95_percent_are_right_where_the_noise_allows_it():
    model, _, train, held_out = pipeline(noise=0.04, epochs=40)
    assert accuracy(model, *train) > 0.95
    assert accuracy(model, *held_out) > 0.95


# --- A14: history


def test_a14_the_history_has_loss_and_accuracy_of_both_sets_at_the_end_of_each_epoch():
    model, history, train, held_out = pipeline(noise=0.1, epochs=30)
    n_epochs = len(history["loss"])
    names = {"loss", "accuracy", "validation_loss", "validation_accuracy", "running_loss"}
    assert history.keys() == names
    assert {len(values) for values in history.values()} == {n_epochs}
    best = history.best_epoch
    assert history["accuracy"][best] == accuracy(model, *train)
    assert history["validation_accuracy"][best] == accuracy(model, *held_out)
    assert LOSS(nn.predict(model, train[0]), train[1]) == pytest.approx(history["loss"][best])
    arrays = history.as_arrays()
    assert arrays.keys() == names
    assert all(array.shape == (n_epochs,) for array in arrays.values())


def test_a14_the_plot_shows_training_and_validation_with_the_best_epoch_marked():
    _, history, _, _ = pipeline(noise=0.1, epochs=30)
    figure = viz.plot_history(history)
    assert [ax.get_title() for ax in figure.axes] == ["loss", "accuracy"]
    epochs = np.arange(1, len(history["loss"]) + 1)
    marked = history.best_epoch + 1
    for ax, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in ax.lines}
        for label, key in (("training", name), ("validation", f"validation_{name}")):
            np.testing.assert_array_equal(lines[label].get_xdata(), epochs)
            np.testing.assert_array_equal(lines[label].get_ydata(), history[key])
        assert set(lines[f"best epoch: {marked}"].get_xdata()) == {marked}
        assert ax.get_xlabel() == "epoch"
