"""Rows E7, E8 and E10: inference, what goes wrong in training and how it shows, k-fold."""

from itertools import pairwise

import numpy as np
import pytest
from agreement import assert_agree

import nn
import viz
from autograd_lite import AutogradError, Tensor, no_grad
from autograd_lite.errors import TrainingError


def network(sizes, activation, rng, weight_init=None, output="sigmoid"):
    """Dense layers; the last one has an activation of its own."""
    activations = [activation] * (len(sizes) - 2) + [output]
    return nn.Sequential(
        *(
            nn.Dense(fan_in, fan_out, function, weight_init=weight_init, rng=rng)
            for (fan_in, fan_out), function in zip(pairwise(sizes), activations, strict=True)
        )
    )


# --- E7: inference


class Watched(nn.Module):
    """Remembers what its model gave, and in which mode it was."""

    def __init__(self, model):
        self.model = model

    def forward(self, x):
        self.output = self.model(x)
        self.output_in_training = self.model.training
        return self.output


def binary_model():
    return network([2, 3, 1], "tanh", np.random.default_rng(7))


def test_e7_predict_gives_the_forward_pass_as_a_plain_array_without_a_graph():
    X, _ = nn.datasets.blobs(20, rng=0)
    model = Watched(binary_model())
    probabilities = nn.predict(model, X)
    hidden, last = model.model
    a1 = np.tanh(X @ hidden.weight.data + hidden.bias.data)
    by_hand = 1 / (1 + np.exp(-(a1 @ last.weight.data + last.bias.data)))
    assert type(probabilities) is np.ndarray
    assert_agree(probabilities, by_hand)
    assert not model.output.requires_grad
    assert not model.output_in_training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_e7_with_no_grad_there_is_nothing_to_go_back_through_and_outside_there_is():
    X, _ = nn.datasets.blobs(20, rng=0)
    model = binary_model()
    with no_grad():
        output = model(X)
    assert not output.requires_grad
    with pytest.raises(AutogradError):
        output.sum().backward()
    recorded = model(X)
    recorded.sum().backward()
    assert_agree(output.data, recorded.data)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_e7_probabilities_of_one_output_give_the_class_at_one_half():
    X, y = nn.datasets.blobs(200, rng=1)
    model = binary_model()
    fit(model, X, y, nn.Adam(model.parameters(), 0.05), epochs=10)
    probabilities = nn.predict(model, X)
    assert np.all((probabilities > 0) & (probabilities < 1))
    classes = (probabilities > 0.5).astype(int)
    assert np.mean(classes == y) > 0.98
    assert nn.accuracy(probabilities, y) == np.mean(classes == y)


def test_e7_probabilities_of_softmax_sum_to_1_and_the_largest_gives_the_class():
    X, y = nn.datasets.blobs(200, rng=1)
    labels = y.ravel().astype(int)
    model = network([2, 3, 2], "tanh", np.random.default_rng(7), output=None)
    optimizer = nn.Adam(model.parameters(), 0.05)
    fit(model, X, labels, optimizer, epochs=10, loss=nn.CrossEntropyLoss())
    probabilities = nn.predict(nn.Sequential(*model, nn.Softmax()), X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    assert np.mean(probabilities.argmax(axis=1) == labels) > 0.98
    assert nn.accuracy(probabilities, labels) == np.mean(probabilities.argmax(axis=1) == labels)


# --- E8: diagnosing


def fit(model, X, y, optimizer, epochs, loss=None, callbacks=(), validation=None):
    return nn.fit(
        model,
        X,
        y,
        loss=loss or nn.BCELoss(),
        optimizer=optimizer,
        epochs=epochs,
        callbacks=callbacks,
        validation=validation,
        progress=False,
        rng=0,
    )


def norms_by_layer(activation, weight_init, epochs=3):
    """Of the weights of 8 layers with 16 units each, the mean over the last epoch."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(200, 2))
    y = (X.prod(axis=1, keepdims=True) > 0).astype(float)
    model = network([2, *7 * [16], 1], activation, rng, weight_init)
    monitor = nn.GradientMonitor()
    fit(model, X, y, nn.SGD(model.parameters(), 1e-3), epochs, callbacks=[monitor])
    assert list(monitor.norms) == [name for name, _ in model.named_parameters()]
    assert all(len(norms) == epochs for norms in monitor.norms.values())
    return [monitor.norms[f"{layer}.weight"][-1] for layer in range(8)]


def test_e8_gradients_vanish_layer_by_layer_through_sigmoids():
    norms = norms_by_layer("sigmoid", "xavier_uniform")
    assert all(earlier < 0.6 * later for earlier, later in pairwise(norms))
    assert norms[0] < 1e-3 * norms[-1]


def test_e8_gradients_neither_vanish_nor_explode_through_relus_that_start_as_he_has_it():
    norms = norms_by_layer("relu", "he_normal")
    assert max(norms) < 10 * min(norms)


def test_e8_gradient_norms_are_those_of_the_hand_derived_gradients():
    X, y = nn.datasets.blobs(50, rng=0)
    model = nn.Sequential(nn.Dense(2, 1, "sigmoid", rng=0))
    w, b = model[0].weight.data.copy(), model[0].bias.data.copy()
    monitor = nn.GradientMonitor()
    nn.fit(
        model,
        X,
        y,
        loss=nn.BCELoss(),
        optimizer=nn.SGD(model.parameters(), 0.1),
        epochs=1,
        batch_size=50,
        callbacks=[monitor],
        progress=False,
    )
    delta = (1 / (1 + np.exp(-(X @ w + b))) - y) / 50
    assert monitor.norms["0.weight"] == pytest.approx([np.linalg.norm(X.T @ delta)], rel=1e-12)
    assert monitor.norms["0.bias"] == pytest.approx([abs(delta.sum())], rel=1e-12)


def linear_layers():
    return network([4, *5 * [16], 1], None, np.random.default_rng(1), "he_normal", output=None)


def fit_too_fast(model, callbacks=()):
    """At a learning rate at which the gradients of `linear_layers` explode."""
    X = np.random.default_rng(0).normal(size=(128, 4))
    y = X.sum(axis=1, keepdims=True)
    optimizer = nn.SGD(model.parameters(), 0.05)
    with np.errstate(over="ignore", invalid="ignore"):
        return fit(model, X, y, optimizer, 30, nn.MSELoss(), callbacks)


def test_e8_exploding_gradients_stop_training_at_a_batch_that_is_named_with_finite_weights():
    model = linear_layers()
    with pytest.raises(TrainingError, match=r"epoch 1, batch \d"):
        fit_too_fast(model)
    assert all(np.isfinite(parameter.data).all() for parameter in model.parameters())


@pytest.mark.parametrize("limit", [{"max_norm": 0.5}, {"max_value": 0.02}], ids=str)
def test_e8_clipping_keeps_the_same_training_from_exploding(limit):
    model, clipped = linear_layers(), nn.GradientMonitor()
    history = fit_too_fast(model, [nn.GradientClipping(**limit), clipped])
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    for name, parameter in model.named_parameters():
        bound = limit.get("max_norm", 0.02 * np.sqrt(parameter.size))
        assert max(clipped.norms[name]) <= bound * (1 + 1e-12)


def test_e8_clipping_by_norm_keeps_the_direction_and_by_value_the_range():
    gradients = np.array([3.0, -4.0, 0.1])

    def with_gradients():
        x = Tensor(np.zeros(3), requires_grad=True)
        (x * gradients).sum().backward()
        return x

    x = with_gradients()
    assert nn.clip_gradient_norm([x], max_norm=0.5) == pytest.approx(np.linalg.norm(gradients))
    assert_agree(x.grad, gradients * 0.5 / np.linalg.norm(gradients))
    x = with_gradients()
    nn.clip_gradient_value([x], max_value=0.5)
    assert x.grad.tolist() == [0.5, -0.5, 0.1]


@pytest.fixture
def pyplot():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def dead_units(model, X):
    """As the picture counts them, which has to be right."""
    activations = nn.predict(model[0], X)
    title = viz.plot_activation_histograms({"hidden": activations}).axes[0].get_title()
    dead = int(np.all(activations == 0, axis=0).sum())
    assert title == f"hidden\n{dead} of 16 units dead"
    return dead


@pytest.mark.usefixtures("pyplot")
@pytest.mark.parametrize(
    ("activation", "learning_rate", "die"),
    [("relu", 5.0, True), ("relu", 0.1, False), ("leaky_relu", 5.0, False)],
)
def test_e8_relus_die_of_a_large_learning_rate_and_leaky_ones_do_not(
    activation, learning_rate, die
):
    X, y = nn.datasets.spirals(200, rng=0)
    X /= X.std(axis=0)
    model = network([2, 16, 1], activation, np.random.default_rng(0))
    assert dead_units(model, X) == 0
    fit(model, X, y, nn.SGD(model.parameters(), learning_rate), epochs=20)
    dead = dead_units(model, X)
    assert dead >= 4 if die else dead == 0


@pytest.fixture(scope="module")
def few_noisy_samples():
    """60 samples to learn from and 400 others, one in five of both with the wrong label."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(460, 2))
    y = (X.sum(axis=1, keepdims=True) > 0).astype(float)
    y = np.where(rng.random(y.shape) < 0.2, 1 - y, y)
    return X[:60], y[:60], (X[60:], y[60:])


def fit_to_few(few_noisy_samples, callbacks=()):
    X, y, validation = few_noisy_samples
    model = network([2, 64, 64, 1], "relu", np.random.default_rng(0))
    optimizer = nn.Adam(model.parameters(), 0.01)
    history = fit(model, X, y, optimizer, 100, callbacks=callbacks, validation=validation)
    return model, history


def test_e8_overfitting_shows_as_a_validation_loss_that_rises_while_the_loss_falls(
    few_noisy_samples,
):
    _, history = fit_to_few(few_noisy_samples)
    loss, validation_loss = history["loss"], history["validation_loss"]
    best = int(np.argmin(validation_loss))
    assert best < 50
    assert loss[-1] < 0.5 * loss[best]
    assert validation_loss[-1] > 2 * validation_loss[best]


def test_e8_early_stopping_ends_it_with_the_weights_of_the_best_epoch(few_noisy_samples):
    stopping = nn.EarlyStopping(patience=10)
    model, history = fit_to_few(few_noisy_samples, [stopping])
    validation_loss = history["validation_loss"]
    best = int(np.argmin(validation_loss))
    assert history.best_epoch == stopping.best_epoch == best
    assert len(validation_loss) == best + 1 + 10
    X, y = few_noisy_samples[2]
    assert nn.BCELoss()(model(X), y).item() == pytest.approx(validation_loss[best], rel=1e-12)


# --- E10: k-fold cross-validation


def test_e10_k_folds_test_each_sample_once_on_a_network_that_has_not_seen_it():
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    X, y = datasets.load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
    predictions, accuracies = np.full(y.shape, np.nan), []
    for fold, (training, held_out) in enumerate(folds.split(X, y)):
        scaler = StandardScaler().fit(X[training])
        model = network([30, 16, 1], "relu", np.random.default_rng(fold))
        targets = y[training, np.newaxis]
        optimizer = nn.Adam(model.parameters(), 0.01)
        fit(model, scaler.transform(X[training]), targets, optimizer, epochs=15)
        probabilities = nn.predict(model, scaler.transform(X[held_out]))
        assert np.isnan(predictions[held_out]).all()
        predictions[held_out] = probabilities.ravel() > 0.5
        accuracies.append(nn.accuracy(probabilities, y[held_out]))
    assert min(accuracies) > 0.93
    assert np.mean(accuracies) > 0.96
    assert np.mean(predictions == y) == pytest.approx(np.mean(accuracies), abs=1e-3)
