"""fit, predict and accuracy."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.25


def line(rng=0):
    return nn.Dense(3, 1, rng=rng)


def run(model, X=X, y=Y, loss=None, learning_rate=0.05, **options):
    options = {"epochs": 3, "batch_size": 4, "progress": False, "rng": 0, **options}
    optimizer = nn.SGD(model.parameters(), learning_rate=learning_rate)
    return nn.fit(model, X, y, loss=loss or nn.MSELoss(), optimizer=optimizer, **options)


class Spy(nn.Module):
    """A model that notes the batches and modes in which it is called."""

    def __init__(self):
        self.inner = line()
        self.calls = []

    def forward(self, x):
        self.calls.append((len(x), self.training))
        if np.any(np.asarray(getattr(x, "data", x)) > 90):
            raise ZeroDivisionError
        return self.inner(x)


def test_history_has_one_figure_for_each_epoch():
    history = run(
        line(), validation=(X[:4], Y[:4]), metrics={"mae": lambda p, t: abs(p - t).mean()}
    )
    assert isinstance(history, nn.History)
    assert sorted(history) == ["loss", "mae", "running_loss", "validation_loss", "validation_mae"]
    assert [len(values) for values in history.values()] == [3] * 5
    assert all(type(v) is float for values in history.values() for v in values)


def test_fit_does_gradient_descent_on_the_whole_batch():
    model = line()
    w, b = model.weight.data.copy(), model.bias.data.copy()
    history = run(model, batch_size=10, epochs=5)
    losses = []
    for _ in range(5):
        d = X @ w + b - Y
        losses.append(np.mean(d * d))
        w, b = w - 0.05 * X.T @ d * 2 / 10, b - 0.05 * d.sum(0) * 2 / 10
    np.testing.assert_allclose(model.weight.data, w, rtol=1e-12)
    np.testing.assert_allclose(model.bias.data, b, rtol=1e-12)
    np.testing.assert_allclose(history["running_loss"], losses, rtol=1e-12)


def test_every_sample_is_seen_once_an_epoch_and_the_last_batch_is_smaller():
    model = Spy()
    run(model, epochs=2, batch_size=4)
    assert [n for n, training in model.calls if training] == [4, 4, 2, 4, 4, 2]


def test_the_running_loss_weighs_a_smaller_last_batch_by_its_samples():
    model = line()
    before = np.mean((X @ model.weight.data + model.bias.data - Y) ** 2)
    history = run(model, epochs=1, batch_size=4, learning_rate=1e-15)
    assert history["running_loss"][0] == pytest.approx(before, rel=1e-10)


def test_the_loss_is_that_of_all_samples_after_the_epoch():
    model = line()
    history = run(model, epochs=2, batch_size=4)
    after = np.mean((X @ model.weight.data + model.bias.data - Y) ** 2)
    assert history["loss"][-1] == pytest.approx(after, rel=1e-12)


def test_validation_figures_are_those_after_the_epoch():
    model = line()
    history = run(model, epochs=2, validation=(X, Y))
    after = np.mean((X @ model.weight.data + model.bias.data - Y) ** 2)
    assert history["validation_loss"][-1] == pytest.approx(after, rel=1e-12)


def test_validation_data_are_not_trained_on_and_are_evaluated_in_evaluation_mode():
    trained, alone = Spy(), Spy()
    run(trained, validation=(X[:3], Y[:3] + 100))
    run(alone)
    np.testing.assert_array_equal(trained.inner.weight.data, alone.inner.weight.data)
    assert {training for n, training in trained.calls if n == 3} == {False}


def network():
    return nn.Sequential(
        nn.Dense(3, 8, activation="relu", rng=1), nn.Dropout(0.3, rng=2), nn.Dense(8, 1, rng=3)
    )


def test_the_same_seeds_train_to_the_same_bits():
    first, second = network(), network()
    one, two = run(first, rng=7), run(second, rng=7)
    assert one == two
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert a.data.tobytes() == b.data.tobytes()
    third = network()
    run(third, rng=8)
    assert any(
        a.data.tobytes() != c.data.tobytes()
        for a, c in zip(first.parameters(), third.parameters(), strict=True)
    )


def test_global_random_state_is_neither_used_nor_changed():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    run(network())
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_the_data_of_the_user_are_not_changed():
    x, y = X.copy(), Y.copy()
    run(line(), x, y)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_afterwards_as_before(training):
    model = network().train(training)
    run(model, validation=(X, Y))
    assert [m.training for _, m in model.named_modules()] == [training] * 4
    nn.predict(model, X)
    assert [m.training for _, m in model.named_modules()] == [training] * 4


def test_the_mode_of_each_module_by_itself_is_afterwards_as_before():
    model = network()
    dict(model.children())["1"].eval()
    before = [m.training for _, m in model.named_modules()]
    run(model)
    nn.predict(model, X)
    assert [m.training for _, m in model.named_modules()] == before


@pytest.mark.parametrize("training", [True, False])
def test_an_exception_leaves_the_mode_as_before(training):
    model = Spy().train(training)
    bad = X.copy()
    bad[5] = 99.0
    with pytest.raises(ZeroDivisionError):
        run(model, bad)
    assert model.training is training
    with pytest.raises(ZeroDivisionError):
        nn.predict(model, bad)
    assert model.training is training
    assert model(X).requires_grad


def test_an_exception_in_a_metric_leaves_the_mode_as_before():
    model = network()
    with pytest.raises(ZeroDivisionError):
        run(model, metrics={"bad": lambda p, t: 1 / 0})
    assert model.training


@looped("bad", [np.nan, np.inf, -np.inf])
@looped("where", ["X", "y", "validation X", "validation y"])
def test_nan_and_infinity_are_refused_before_anything_is_trained(where, bad):
    data = {"X": X.copy(), "y": Y.copy(), "validation X": X.copy(), "validation y": Y.copy()}
    data[where][4, 0] = bad
    model = Spy()
    before = model.inner.weight.data.copy()
    with pytest.raises(AutogradError, match="NaN"):
        run(model, data["X"], data["y"], validation=(data["validation X"], data["validation y"]))
    assert model.calls == []
    np.testing.assert_array_equal(model.inner.weight.data, before)


@pytest.mark.parametrize(
    "options",
    [
        {"y": Y[:9]},
        {"X": X[:0], "y": Y[:0]},
        {"batch_size": 0},
        {"batch_size": -2},
        {"epochs": -1},
        {"validation": (X, Y[:3])},
        {"y": Y[:, 0]},
    ],
    ids=[
        "lengths",
        "empty",
        "no batch",
        "negative batch",
        "negative epochs",
        "validation lengths",
        "targets of another shape",
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_trained(options):
    model = line()
    before = model.weight.data.copy()
    with pytest.raises(AutogradError):
        run(model, **options)
    np.testing.assert_array_equal(model.weight.data, before)
    assert model.training


def test_classification_with_labels_learns():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(120, 2)) + np.repeat([[-2, 0], [2, 0], [0, 3]], 40, axis=0)
    labels = np.repeat([0, 1, 2], 40)
    model = nn.Sequential(nn.Dense(2, 16, activation="relu", rng=0), nn.Dense(16, 3, rng=1))
    history = nn.fit(
        model,
        points,
        labels,
        loss=nn.CrossEntropyLoss(),
        optimizer=nn.Adam(model.parameters(), learning_rate=0.02),
        epochs=40,
        metrics={"accuracy": nn.accuracy},
        progress=False,
        rng=0,
    )
    assert history["accuracy"][-1] > 0.93
    assert history["accuracy"][-1] == nn.accuracy(nn.predict(model, points), labels)


def test_progress_is_one_line_that_is_updated(capsys):
    run(line(), progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "loss" in captured.err
    assert captured.err.rstrip("\n").count("\n") == 0


def test_no_progress_prints_nothing(capsys):
    run(line())
    assert capsys.readouterr() == ("", "")


def test_predict_gives_a_plain_array_in_evaluation_mode():
    model = network()
    result = nn.predict(model, X)
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, nn.predict(model, X))
    np.testing.assert_array_equal(result, model.eval()(X).data)


@pytest.mark.parametrize("batch_size", [1, 3, 10, 99])
def test_predict_in_batches_gives_the_same(batch_size):
    model = network()
    np.testing.assert_allclose(
        nn.predict(model, X, batch_size=batch_size), nn.predict(model, X), rtol=1e-12
    )


def test_predictions_can_be_written_to_without_harm_to_the_model():
    model = line()
    first = nn.predict(model, X)
    kept = first.copy()
    first += 100
    np.testing.assert_array_equal(nn.predict(model, X), kept)


SCORES = np.array([[0.1, 2.0, 0.3], [3.0, 0.2, 0.1], [0.0, 0.1, 0.2], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("predictions", "targets", "expected"),
    [
        (SCORES, np.array([1, 0, 0, 0]), 0.75),
        (SCORES, np.array([[1], [0], [0], [0]]), 0.75),
        (SCORES, np.eye(3)[[1, 0, 0, 0]], 0.75),
        (np.array([0.9, 0.2, 0.6, 0.4]), np.array([1, 0, 0, 0]), 0.75),
        (np.array([[0.9], [0.2], [0.6], [0.4]]), np.array([[1], [0], [0], [0]]), 0.75),
        (np.array([[0.9], [0.2], [0.6], [0.4]]), np.array([1, 0, 0, 0]), 0.75),
        (np.array([0.9, 0.2, 0.6, 0.4]), np.array([[1], [0], [0], [0]]), 0.75),
    ],
)
def test_accuracy_is_the_fraction_that_is_right(predictions, targets, expected):
    result = nn.accuracy(predictions, targets)
    assert type(result) is float
    assert result == expected


def test_accuracy_of_logits_uses_the_threshold_zero():
    assert nn.accuracy(np.array([2.0, -1.0, 0.3]), np.array([1, 0, 1]), threshold=0) == 1.0


def test_accuracy_refuses_different_numbers_of_samples():
    with pytest.raises(AutogradError):
        nn.accuracy(SCORES, np.array([1, 0]))
