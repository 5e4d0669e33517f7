"""EarlyStopping: when it stops, and what it restores."""

import os
import signal

import numpy as np
import pytest
from looping import looped
from training_runs import Script, X, Y, assert_same, fit, hook, line, normalized, parameters, stop

import nn
from autograd_lite.errors import ArgumentError, TrainingError


def scripted(figures, *others, model=None, epochs=None, **options):
    """A training whose figure "score" goes as given; the model, its states, what was returned.

    Lower is better, unless a mode is given.
    """
    model = model or normalized()
    states = []
    keep = hook("epoch_end", lambda training: states.append(model.state_dict()))
    stopping = nn.EarlyStopping(monitor="score", **{"mode": "min", **options})
    history = fit(
        model,
        metrics={"score": Script(*figures)},
        epochs=epochs or len(figures),
        callbacks=[keep, stopping, *others],
    )
    return model, states, stopping, history


def assert_state(model, state):
    assert_same(model.state_dict().values(), state.values())


@looped(
    ("figures", "options", "n_epochs", "best"),
    [
        ([3, 2, 1, 2, 2, 2, 2], {"patience": 2}, 5, 2),
        ([3, 2, 1, 2, 0, 2, 2], {"patience": 2}, 7, 4),
        ([3, 2, 1, 2, 2, 2, 2], {"patience": 1}, 4, 2),
        ([1, 1, 1, 1, 1], {"patience": 3}, 4, 0),
        ([5, 4, 3, 2, 1], {"patience": 1}, 5, 4),
        ([3, 2.5, 2.1, 1.9, 1.8, 1.7, 1], {"patience": 3, "min_delta": 1.0}, 7, 6),
        ([3, 2.5, 2.1, 2.05, 2.0], {"patience": 2, "min_delta": 1.0}, 3, 2),
        ([3, 2.5, 2.7, 2.05, 2.0], {"patience": 2, "min_delta": 1.0}, 3, 1),
        ([3, 2, 1], {"patience": 1, "min_delta": 1.0}, 2, 1),
        ([1, 2, 3, 1, 1, 5], {"patience": 2, "mode": "max"}, 5, 2),
        ([1, 1.4, 1.5, 2, 2, 2, 3], {"patience": 3, "mode": "max", "min_delta": 0.5}, 7, 6),
        ([np.nan, 3, np.nan, 2, np.nan, np.nan], {"patience": 2}, 6, 3),
        ([np.inf, 3, np.inf, 4, 1], {"patience": 2}, 4, 1),
        ([-np.inf, 3, 4, 4], {"patience": 2, "mode": "max"}, 4, 2),
    ],
)
def test_it_stops_after_patience_and_restores_the_best(figures, options, n_epochs, best):
    model, states, stopping, history = scripted(figures, **options)
    assert len(history["score"]) == n_epochs
    assert stopping.best_epoch == history.best_epoch == best
    assert stopping.best_value == figures[best]
    assert_state(model, states[best])
    fired = n_epochs < len(figures) or stopping.waited == options["patience"]
    assert (stopping.reason is not None) is fired
    assert history.stop_reason == (stopping.reason or "every epoch done")


def test_the_best_weights_are_restored_when_it_does_not_stop():
    model, states, stopping, history = scripted([3, 1, 2], patience=10)
    assert_state(model, states[1])
    assert history.best_epoch == 1
    assert stopping.reason is None
    assert history.stop_reason == "every epoch done"


def test_the_reason_says_what_was_not_better_and_for_how_long():
    *_, history = scripted([3, 2, 2, 2], patience=2)
    assert history.stop_reason == "for 2 epochs score was not lower than 2"
    *_, history = scripted([3, 2, 2, 2], patience=3, mode="max", min_delta=0.5)
    assert history.stop_reason == "for 3 epochs score was not higher than 3 by more than 0.5"
    *_, history = scripted([3, 2, 4], patience=1)
    assert history.stop_reason == "for 1 epoch score was not lower than 2"


def test_it_monitors_the_validation_loss_by_default():
    model = line()
    history = fit(
        model,
        validation=(X, -Y),
        epochs=50,
        callbacks=[nn.EarlyStopping(patience=3)],
        learning_rate=0.02,
    )
    values = history["validation_loss"]
    assert history.best_epoch == int(np.argmin(values)) == len(values) - 4
    restored = np.mean((nn.predict(model, X) + Y) ** 2)
    assert restored == pytest.approx(min(values), rel=1e-12)


def test_where_every_figure_is_nan_nothing_is_restored():
    model, states, stopping, history = scripted([np.nan] * 5, patience=3)
    assert len(states) == 3
    assert stopping.best_epoch is history.best_epoch is None
    assert history.stop_reason == "for 3 epochs score was NaN or infinite"
    assert_state(model, states[-1])


def press_ctrl_c(training):
    os.kill(os.getpid(), signal.SIGINT)


@looped("ending", [press_ctrl_c, stop])
def test_the_best_weights_are_restored_after_an_interruption(ending):
    other = hook("batch_end", ending, epoch=3, batch=1)
    model, states, _, history = scripted([3, 1, 2, 2, 2], other)
    assert len(states) == 3
    assert history.best_epoch == 1
    assert_state(model, states[1])


def test_the_best_weights_are_restored_after_a_second_ctrl_c():
    def twice(training):
        press_ctrl_c(training)
        press_ctrl_c(training)

    model = line()
    before = parameters(model)
    after = []
    keep = hook("epoch_end", lambda training: after.append(parameters(model)))
    stopping = nn.EarlyStopping(monitor="loss")
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[keep, stopping, hook("batch_end", twice, epoch=1, batch=1)])
    assert_same(parameters(model), after[0])
    assert not np.array_equal(before[0], after[0][0])


@looped("where", ["loss", "gradient", "callback"])
def test_the_best_weights_are_restored_after_an_error(where):
    model = normalized()
    states = []
    keep = hook("epoch_end", lambda training: states.append(model.state_dict()))

    def loss(predictions, targets):
        result = np.square(predictions - targets).mean()
        return result * np.nan if where == "loss" and len(states) == 3 else result

    def spoil(training):
        if where == "gradient":
            model.layers[0].weight.grad[0, 0] = np.nan
        if where == "callback":
            raise TrainingError("a", "b", "c")

    stopping = nn.EarlyStopping(monitor="score", mode="min")
    with pytest.raises(TrainingError):
        fit(
            model,
            loss=loss,
            epochs=5,
            metrics={"score": Script(3, 1, 2, 2, 2)},
            callbacks=[keep, stopping, hook("gradients", spoil, epoch=3, batch=1)],
        )
    assert len(states) == 3
    assert stopping.best_epoch == 1
    assert_state(model, states[1])


def test_an_error_before_the_first_epoch_has_ended_restores_nothing():
    model = line()
    with pytest.raises(ZeroDivisionError):
        fit(
            model,
            callbacks=[nn.EarlyStopping(monitor="loss"), hook("batch_end", lambda t: 1 / 0)],
        )
    assert not np.array_equal(model.weight.data, line().weight.data)


def test_a_second_training_begins_anew():
    stopping = nn.EarlyStopping(patience=2, monitor="score", mode="min")
    model = line()
    states = []
    keep = hook("epoch_end", lambda training: states.append(model.state_dict()))
    for figures in ([2, 1, 3, 3], [6, 5, 7, 7]):
        states.clear()
        script = {"score": Script(*figures)}
        history = fit(model, metrics=script, epochs=4, callbacks=[keep, stopping])
        assert stopping.best_epoch == history.best_epoch == 1
        assert stopping.best_value == figures[1]
        assert_state(model, states[1])


def test_training_goes_on_from_the_restored_weights():
    model, states, _, _ = scripted([3, 1, 2, 2, 2, 2], patience=3)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.0)
    fit(model.eval(), optimizer=optimizer, epochs=1)
    assert_same(parameters(model), [states[1][name] for name, _ in model.named_parameters()])


@looped("ending", [press_ctrl_c, stop])
def test_patience_that_ends_with_an_interruption_leaves_its_reason(ending):
    # In the last batch of the epoch after which patience has ended, too.
    _, _, stopping, history = scripted(
        [3, 4, 5], hook("batch_end", ending, epoch=2, batch=2), patience=2
    )
    assert len(history["score"]) == 3
    assert stopping.waited == 2
    assert stopping.reason is None
    expected = "enough" if ending is stop else "interrupted in epoch 3, batch 3"
    assert history.stop_reason == expected


@looped("refusing", [[], [hook("fit_start", lambda training: 1 / 0)]])
def test_a_training_that_is_refused_leaves_the_model_as_it_is(refusing):
    model, stopping = normalized(), nn.EarlyStopping(patience=5)
    fit(model, validation=(X, Y), callbacks=[stopping])
    fit(model, epochs=2)
    before = model.state_dict()
    error = ZeroDivisionError if refusing else ArgumentError
    validation = (X, Y) if refusing else None
    with pytest.raises(error):
        fit(model, validation=validation, callbacks=[stopping, *refusing])
    assert_state(model, before)
    assert stopping.best_epoch is None


# Options


@looped("monitor", ["accuracy", "validation_accuracy", "score", "lossless"])
def test_a_mode_that_the_figures_name_does_not_tell_has_to_be_given(monitor):
    with pytest.raises(ArgumentError, match=f'{monitor}.*mode="max" if higher is better'):
        nn.EarlyStopping(monitor=monitor)
    assert nn.EarlyStopping(monitor=monitor, mode="max").mode == "max"


@looped("monitor", ["loss", "running_loss", "validation_loss", "hinge_loss"])
def test_of_losses_lower_is_better(monitor):
    assert nn.EarlyStopping(monitor=monitor).mode == "min"


@looped(("monitor", "mode"), [("validation_loss", "max"), ("validation_accuracy", "min")])
def test_a_mode_that_contradicts_the_figures_name_is_refused(monitor, mode):
    with pytest.raises(ArgumentError, match=f"{monitor}.*{mode}"):
        nn.EarlyStopping(monitor=monitor, mode=mode)
    assert nn.EarlyStopping(monitor="neg_log_loss", mode="max").mode == "max"
    assert nn.EarlyStopping(monitor="inaccuracy", mode="min").mode == "min"


def test_with_mode_max_the_epoch_of_the_highest_accuracy_is_restored():
    model, labels = nn.Dense(3, 2, rng=0), (Y[:, 0] > 0).astype(int)
    history = fit(
        model,
        y=labels,
        loss=nn.CrossEntropyLoss(),
        learning_rate=2.0,
        epochs=10,
        metrics={"accuracy": nn.accuracy},
        callbacks=[nn.EarlyStopping(monitor="accuracy", mode="max")],
    )
    assert min(history["accuracy"]) < max(history["accuracy"])
    assert nn.accuracy(nn.predict(model, X), labels) == max(history["accuracy"])


@looped(
    "options",
    [
        {"patience": 0},
        {"patience": 1.5},
        {"min_delta": -0.1},
        {"min_delta": np.nan},
        {"mode": "least"},
    ],
)
def test_options_of_early_stopping_are_checked(options):
    with pytest.raises(ArgumentError):
        nn.EarlyStopping(**options)


@looped(("monitor", "mode"), [("validation_loss", None), ("accuracy", "max")])
def test_a_figure_that_is_not_recorded_is_refused_before_training(monitor, mode):
    model = line()
    before = parameters(model)
    with pytest.raises(ArgumentError, match=f"{monitor}.*running_loss, loss"):
        fit(model, callbacks=[nn.EarlyStopping(monitor=monitor, mode=mode)])
    assert_same(parameters(model), before)


def test_an_option_that_is_assigned_before_training_is_used():
    stopping = nn.EarlyStopping(monitor="score", mode="min")
    stopping.patience, stopping.min_delta, stopping.mode = 2, 0.5, "max"
    scores = {"score": Script(1, 1.25, 1.5, 9)}
    history = fit(normalized(), metrics=scores, epochs=4, callbacks=[stopping])
    assert (len(history["score"]), stopping.best_epoch, stopping.waited) == (3, 2, 2)


@looped(("name", "value", "best"), [("min_delta", 0.5, 3), ("mode", "max", 4), ("patience", 9, 1)])
def test_an_option_that_is_assigned_in_training_begins_the_comparison_anew(name, value, best):
    change = hook("epoch_end", lambda t: setattr(t.callbacks[1], name, value), epoch=1)
    _, _, stopping, _ = scripted([3, 1, 4, 2, 5], change, patience=8)
    assert stopping.best_epoch == best


def test_the_best_value_of_another_figure_or_mode_is_not_taken_over():
    kept = nn.EarlyStopping(2, "loss").state_dict()
    with pytest.raises(ArgumentError, match="monitor is 'loss' instead of 'running_loss'"):
        nn.EarlyStopping(2, "running_loss").load_state_dict(kept)
    kept = nn.EarlyStopping(2, "score", mode="min").state_dict()
    with pytest.raises(ArgumentError, match="mode is 'min' instead of 'max'"):
        nn.EarlyStopping(2, "score", mode="max").load_state_dict(kept)
