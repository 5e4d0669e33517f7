"""fit: what it records, validation, hooks, and what it refuses."""

import signal

import numpy as np
import pytest
from looping import looped
from training_runs import Spy, X, Y, assert_same, fit, hook, line, normalized, parameters, stop

import nn
from autograd_lite import AutogradError
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError

# The history


def test_running_loss_is_taken_while_weights_change_and_loss_at_the_end():
    model = line()
    w, b = model.weight.data.copy(), model.bias.data.copy()
    history = fit(model, epochs=4, batch_size=5)
    order_rng = np.random.default_rng(0)
    running, final = [], []
    for _ in range(4):
        order = order_rng.permutation(12)
        total = 0.0
        for part in (order[:5], order[5:10], order[10:]):
            d = X[part] @ w + b - Y[part]
            total += np.sum(d * d)
            w, b = w - 0.05 * X[part].T @ d * 2 / len(d), b - 0.05 * d.sum(0) * 2 / len(d)
        running.append(total / 12)
        final.append(np.mean((X @ w + b - Y) ** 2))
    np.testing.assert_allclose(history["running_loss"], running, rtol=1e-12)
    np.testing.assert_allclose(history["loss"], final, rtol=1e-12)


def test_loss_and_metrics_at_the_end_are_those_in_evaluation_mode():
    model = nn.Sequential(nn.Dense(3, 8, rng=0), nn.Dropout(0.5, rng=0), nn.Dense(8, 1, rng=0))
    history = fit(model, metrics={"mae": lambda p, t: abs(p - t).mean()}, validation=(X[:4], Y[:4]))
    predictions = nn.predict(model, X)
    assert history["loss"][-1] == pytest.approx(np.mean((predictions - Y) ** 2), rel=1e-12)
    assert history["mae"][-1] == pytest.approx(abs(predictions - Y).mean(), rel=1e-12)
    assert history["validation_mae"][-1] == pytest.approx(
        abs(predictions - Y)[:4].mean(), rel=1e-12
    )


def test_many_samples_are_evaluated_in_parts_that_add_up():
    rng = np.random.default_rng(1)
    many = rng.normal(size=(5000, 3))
    targets = many.sum(axis=1, keepdims=True)
    model = Spy()
    history = fit(model, many, targets, epochs=1, batch_size=1000)
    assert model.seen[False] == many[:, 0].tolist()
    expected = np.mean((nn.predict(model, many) - targets) ** 2)
    assert history["loss"][-1] == pytest.approx(expected, rel=1e-12)


@looped("loss", [nn.MSELoss, nn.MAELoss, nn.HuberLoss])
def test_a_loss_that_is_a_sum_is_recorded_per_sample(loss):
    two = np.concatenate([Y, 2 * Y], axis=1)
    model, same = nn.Dense(3, 2, rng=0), nn.Dense(3, 2, rng=0)
    # Steps of no length, so that the figures of both reductions are those of the same weights.
    options = {"y": two, "learning_rate": 0.0, "validation": (X[:4], two[:4])}
    of_sum = fit(model, loss=loss(reduction="sum"), **options)
    of_mean = fit(same, loss=loss(), **options)
    for name in ("running_loss", "loss", "validation_loss"):
        np.testing.assert_allclose(of_sum[name], 2 * np.array(of_mean[name]), rtol=1e-12)


def test_the_loss_of_a_batch_stays_as_the_loss_function_gives_it():
    model, losses = line(), []
    note = hook("batch_end", lambda training: losses.append(training.batch_loss))
    loss = nn.HalfSquaredErrorLoss()
    expected = loss(model(X), Y).item()
    history = fit(model, loss=loss, epochs=1, batch_size=12, callbacks=[note])
    assert losses == pytest.approx([expected], rel=1e-12)
    assert history["running_loss"] == pytest.approx([expected / 12], rel=1e-12)


def test_history_as_arrays():
    history = fit(line(), validation=(X, Y))
    arrays = history.as_arrays()
    assert type(arrays) is dict
    assert arrays.keys() == history.keys()
    for name, values in arrays.items():
        assert values.dtype == np.float64
        assert values.tolist() == history[name]


def test_a_training_that_was_not_stopped_says_so():
    history = fit(line())
    assert history.stop_reason == "every epoch done"
    assert history.best_epoch is None


def test_a_history_shows_the_last_figures():
    history = fit(line(), epochs=2)
    running, loss = history["running_loss"][-1], history["loss"][-1]
    assert str(history) == f"running_loss {running:.4g}, loss {loss:.4g}"
    assert str(nn.History(loss=[0.000012345678])) == "loss 1.235e-05"
    assert str(nn.History(loss=[])) == ""


# Validation samples


def test_a_share_is_held_out_and_never_trained_on():
    model = Spy()
    history = fit(model, validation=0.25, epochs=2)
    trained = sorted(set(model.seen[True]))
    assert len(trained) == 9
    assert len(model.seen[True]) == 18
    held_out = sorted(set(X[:, 0]) - set(trained))
    evaluated = model.seen[False]
    assert sorted(evaluated[:9]) == trained
    assert sorted(evaluated[9:12]) == held_out
    rows = [X[:, 0].tolist().index(value) for value in evaluated[9:12]]
    expected = np.mean((nn.predict(model, X[rows]) - Y[rows]) ** 2)
    assert history["validation_loss"][-1] == pytest.approx(expected, rel=1e-12)


def held_out(rng):
    model = Spy()
    fit(model, validation=0.25, epochs=1, rng=rng)
    return sorted(set(X[:, 0]) - set(model.seen[True]))


def test_the_share_is_drawn_by_the_generator():
    assert held_out(0) == held_out(0)
    assert len({tuple(held_out(seed)) for seed in range(6)}) > 1


@looped("share", [0.0, 1.0, 1.5, -0.2, 0.01, 0.99, float("nan"), 1, "half", True])
def test_a_share_that_leaves_nothing_is_refused(share):
    model = line()
    before = parameters(model)
    with pytest.raises(AutogradError):
        fit(model, validation=share)
    assert_same(parameters(model), before)


@looped(
    "validation",
    [(X, Y[:4]), (X[:, :2], Y), (X, Y[:, 0]), (X[:0], Y[:0]), (X,), (X, Y, Y), (X, Y + np.nan)],
)
def test_validation_samples_that_do_not_fit_are_refused_before_training(validation):
    model = line()
    before = parameters(model)
    with pytest.raises(AutogradError):
        fit(model, validation=validation)
    assert_same(parameters(model), before)


# Hooks


class Recorder(nn.Callback):
    def __init__(self):
        self.calls = []

    def note(self, name, training):
        figures = {len(values) for values in training.history.values()}
        self.calls.append((name, training.epoch, training.batch, figures.pop()))

    def fit_start(self, training):
        self.note("fit_start", training)

    def gradients(self, training):
        assert training.model.weight.grad is not None
        self.before = training.model.weight.data.copy()
        self.note("gradients", training)

    def batch_end(self, training):
        assert not np.array_equal(training.model.weight.data, self.before)
        self.note("batch_end", training)

    def epoch_end(self, training):
        self.note("epoch_end", training)

    def fit_end(self, training):
        self.note("fit_end", training)


def test_hooks_are_called_in_order_with_what_is_done_so_far():
    recorder = Recorder()
    fit(line(), epochs=2, batch_size=6, callbacks=[recorder])
    epoch = [("gradients", 0), ("batch_end", 0), ("gradients", 1), ("batch_end", 1)]
    assert recorder.calls == [
        ("fit_start", 0, 0, 0),
        *[(name, 0, batch, 0) for name, batch in epoch],
        ("epoch_end", 0, 1, 1),
        *[(name, 1, batch, 1) for name, batch in epoch],
        ("epoch_end", 1, 1, 2),
        ("fit_end", 2, 1, 2),
    ]


def test_callbacks_see_the_training():
    model, rng = line(), np.random.default_rng(0)
    optimizer = nn.SGD(model.parameters(), 0.1)
    losses = []

    def check(training):
        assert training.model is model
        assert training.optimizer is optimizer
        assert training.rng is rng
        assert training.epochs == 2
        assert training.stop_reason is None
        losses.append(training.batch_loss)

    history = fit(
        model,
        optimizer=optimizer,
        rng=rng,
        epochs=2,
        batch_size=6,
        callbacks=[hook("batch_end", check)],
    )
    running = np.array(losses).reshape(2, 2).mean(axis=1)
    np.testing.assert_allclose(history["running_loss"], running, rtol=1e-12)


@looped(
    ("name", "batch", "n_batches", "n_epochs"),
    [
        ("fit_start", None, 0, 0),
        ("gradients", 1, 5, 1),
        ("batch_end", 1, 5, 1),
        ("batch_end", 2, 6, 2),
        ("epoch_end", None, 6, 2),
    ],
)
def test_a_callback_stops_after_the_batch_or_the_epoch(name, batch, n_batches, n_epochs):
    counted = []
    count = hook("batch_end", lambda training: counted.append(1))
    epoch = None if name == "fit_start" else 1
    history = fit(line(), callbacks=[hook(name, stop, epoch, batch), count])
    assert len(counted) == n_batches
    assert {len(values) for values in history.values()} == {n_epochs}
    assert history.stop_reason == "enough"


@looped("name", ["fit_start", "gradients", "batch_end", "epoch_end", "fit_end"])
def test_an_error_in_a_hook_comes_out_and_the_mode_is_as_before(name):
    model = normalized()
    model.layers[1].eval()
    before = [module.training for _, module in model.named_modules()]
    with pytest.raises(ZeroDivisionError):
        fit(model, callbacks=[hook(name, lambda training: 1 / 0)])
    assert [module.training for _, module in model.named_modules()] == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_fit_end_comes_also_after_an_error_in_another_one():
    ended = []

    def fail(training):
        ended.append("fail")
        raise ZeroDivisionError("first")

    def fail_too(training):
        ended.append("fail too")
        raise KeyError("second")

    callbacks = [hook("fit_end", fail), hook("fit_end", fail_too)]
    callbacks.append(hook("fit_end", lambda training: ended.append("end")))
    with pytest.raises(ZeroDivisionError, match="first") as caught:
        fit(line(), callbacks=callbacks)
    assert ended == ["fail", "fail too", "end"]
    assert caught.value.__notes__ == ["fit_end raised as well: KeyError('second')"]


def test_an_error_of_the_training_comes_before_one_of_its_end():
    callbacks = [hook("batch_end", lambda t: 1 / 0), hook("fit_end", lambda t: {}["key"])]
    with pytest.raises(ZeroDivisionError) as caught:
        fit(line(), callbacks=callbacks)
    assert caught.value.__notes__ == ["fit_end raised as well: KeyError('key')"]


def test_an_error_that_is_being_handled_outside_is_none_of_the_training():
    try:
        raise KeyError("outside")
    except KeyError:
        assert fit(line()).stop_reason == "every epoch done"


def test_an_error_in_fit_start_refuses_the_training_and_nothing_is_ended():
    ended = []
    model = line()
    before = parameters(model)
    callbacks = [hook("fit_end", ended.append), hook("fit_start", lambda training: 1 / 0)]
    with pytest.raises(ZeroDivisionError):
        fit(model, callbacks=callbacks)
    assert ended == []
    assert_same(parameters(model), before)


def test_hooks_that_are_set_on_an_instance_are_called():
    callback, called = nn.Callback(), []
    for name in ("fit_start", "gradients", "batch_end", "epoch_end", "fit_end"):
        setattr(callback, name, lambda training, name=name: called.append(name))
    fit(line(), callbacks=[callback], epochs=1, batch_size=12)
    assert called == ["fit_start", "gradients", "batch_end", "epoch_end", "fit_end"]


@looped("name", ["fit_start", "epoch_end"])
def test_every_epoch_begins_in_training_mode(name):
    model, modes = nn.Sequential(nn.Dropout(0.5, rng=0), line()), []
    evaluate = hook(name, lambda training: training.model.eval())
    note = hook("gradients", lambda t: modes.append([m.training for _, m in model.named_modules()]))
    fit(model.eval(), callbacks=[evaluate, note])
    assert modes == [[True] * 3] * 9
    assert not model.training


def test_fit_end_comes_also_after_an_error():
    ended = []
    end = hook("fit_end", lambda training: ended.append(training.epoch))
    with pytest.raises(ZeroDivisionError):
        fit(line(), callbacks=[hook("batch_end", lambda t: 1 / 0, epoch=1), end])
    assert ended == [1]


# Other arguments


@looped(
    ("options", "error"),
    [
        ({"epochs": 0}, ArgumentError),
        ({"epochs": 2.0}, ArgumentError),
        ({"epochs": True}, ArgumentError),
        ({"batch_size": 0}, ArgumentError),
        ({"batch_size": "8"}, ArgumentError),
        ({"loss": nn.MSELoss}, ArgumentError),
        ({"loss": "squares"}, ArgumentError),
        ({"loss": nn.MSELoss(reduction="none")}, UnsupportedError),
        ({"loss": lambda p, t: 1.0}, UnsupportedError),
        ({"optimizer": nn.SGD}, UnsupportedError),
        ({"optimizer": nn.SGD(line().parameters(), 0.1)}, ArgumentError),
        ({"metrics": nn.accuracy}, UnsupportedError),
        ({"metrics": {"accuracy": 0.5}}, UnsupportedError),
        ({"metrics": {"loss": nn.accuracy}}, ArgumentError),
        ({"metrics": {"running_loss": nn.accuracy}}, ArgumentError),
        ({"metrics": {"validation_loss": nn.accuracy}}, ArgumentError),
        ({"metrics": {1: nn.accuracy}}, ArgumentError),
        ({"callbacks": nn.EarlyStopping()}, UnsupportedError),
        ({"callbacks": [nn.EarlyStopping]}, UnsupportedError),
        ({"callbacks": [print]}, UnsupportedError),
        ({"callbacks": None}, UnsupportedError),
        ({"X": X.astype(str)}, UnsupportedError),
        ({"X": X[:11]}, ShapeError),
    ],
)
def test_bad_arguments_are_refused_before_training(options, error):
    model = line().eval()
    before = parameters(model)
    with pytest.raises(error):
        fit(model, **options)
    assert_same(parameters(model), before)
    assert not model.training


@looped(("name", "loss"), [("mse", nn.MSELoss()), ("huber", nn.HuberLoss())])
def test_a_loss_may_be_given_by_name(name, loss):
    by_name, by_instance = line(), line()
    assert fit(by_name, loss=name) == fit(by_instance, loss=loss)
    assert_same(parameters(by_name), parameters(by_instance))
    assert nn.diagnose(line(), X, Y, loss=name) == nn.diagnose(line(), X, Y, loss=loss)
    difference = nn.gradient_difference(line(), X, Y, loss=name)
    assert difference == nn.gradient_difference(line(), X, Y, loss=loss)


@looped(("loss", "outputs"), [(nn.BCEWithLogitsLoss(), None), (nn.BCELoss(), "sigmoid")])
def test_accuracy_has_the_threshold_of_the_loss(loss, outputs):
    model = nn.Dense(3, 1, activation=outputs, rng=0)
    y = (Y > 0).astype(float)
    history = fit(model, y=y, loss=loss, metrics={"accuracy": nn.accuracy}, validation=(X, y))
    expected = nn.accuracy(nn.predict(model, X), y, threshold=loss.threshold)
    assert history["accuracy"][-1] == history["validation_accuracy"][-1] == expected
    assert nn.accuracy(nn.predict(model, X), y, loss=loss) == expected
    if outputs is None:
        assert expected != nn.accuracy(nn.predict(model, X), y, threshold=0.5)
        with pytest.raises(ArgumentError, match=r"no probabilities.*loss=nn\.BCEWithLogitsLoss"):
            nn.accuracy(nn.predict(model, X), y)


def test_a_function_is_no_model():
    model = line()
    with pytest.raises(UnsupportedError, match="module"):
        nn.fit(
            lambda x: model(x),
            X,
            Y,
            loss=nn.MSELoss(),
            optimizer=nn.SGD(model.parameters(), 0.1),
            epochs=1,
        )
