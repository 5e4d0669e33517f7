"""fit that ends early: by figures that are not finite, by Ctrl-C, by faults of callbacks."""

import os
import signal
import threading

import numpy as np
import pytest
from looping import looped
from training_runs import (
    LABELS,
    X,
    Y,
    assert_same,
    classifier,
    condition,
    fit,
    hook,
    line,
    normalized,
    parameters,
    stop,
)

import nn
from autograd_lite.errors import GradientError, TrainingError

# Figures that are not finite


def states_before_batches(model):
    """A callback's list of the parameters and buffers before each batch but the first."""
    states = []
    return states, hook("batch_end", lambda training: states.append(model.state_dict()))


@looped("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_named_and_all_is_as_before_its_batch(bad):
    model = normalized()
    states, keep = states_before_batches(model)

    def loss(predictions, targets):
        result = np.square(predictions - targets).mean()
        return result * bad if len(states) == 6 else result

    with pytest.raises(TrainingError, match=rf"epoch 2, batch 3.*loss is {bad}"):
        fit(model, loss=loss, callbacks=[keep], batch_size=3)
    assert len(states) == 6
    assert_same(model.state_dict().values(), states[-1].values())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_is_learned_from_it(bad, dtype):
    model = normalized().astype(dtype)
    states, keep = states_before_batches(model)

    def spoil(training):
        model.layers[2].weight.grad[1, 0] = bad

    spoiler = hook("gradients", spoil, epoch=1, batch=2)
    optimizer = nn.Adam(model.parameters())
    with pytest.raises(TrainingError, match=r"epoch 2, batch 3.*gradient of 2\.weight is"):
        fit(
            model,
            X.astype(dtype),
            Y.astype(dtype),
            callbacks=[keep, spoiler],
            optimizer=optimizer,
            batch_size=3,
        )
    assert len(states) == 6
    assert_same(model.state_dict().values(), states[-1].values())
    assert {entry["steps"] for entry in optimizer.state_dict()["state"]} == {6}
    assert all(module.training for _, module in model.named_modules())


def test_the_error_has_the_figures_of_the_epochs_before():
    model, same = line(), line()
    spoil = hook("gradients", lambda t: model.weight.grad.fill(np.nan), epoch=2, batch=1)
    stopping = nn.EarlyStopping(monitor="loss")
    with pytest.raises(TrainingError) as caught:
        fit(model, callbacks=[spoil, stopping], epochs=5)
    history = caught.value.history
    assert history == fit(same, epochs=2)
    assert history.best_epoch == stopping.best_epoch == 1
    assert history.stop_reason == "ended by TrainingError"
    assert TrainingError("a", "b", "c").history is None


def test_large_gradients_that_are_finite_are_no_error():
    model = nn.Dense(3, 1, weight_init="zeros")
    huge = hook("gradients", lambda training: model.weight.grad.fill(1e200))
    fit(model, callbacks=[huge], learning_rate=1e-200, epochs=1, batch_size=12)
    np.testing.assert_allclose(model.weight.data, -1.0)


def test_a_nan_gradient_that_clipping_finds_is_named_too():
    model = line()
    spoil = hook("gradients", lambda training: model.bias.grad.fill(np.nan))
    with pytest.raises(TrainingError, match=r"epoch 1, batch 1.*gradient of bias"):
        fit(model, callbacks=[spoil, nn.GradientClipping(max_norm=1.0)])


def no_gradient(*arguments):
    raise GradientError("backward()", "nothing was recorded", "Record something")


@looped("options", [{"loss": no_gradient}, {"callbacks": [hook("gradients", no_gradient)]}])
def test_gradient_errors_of_other_kinds_come_out_as_they_are(options):
    with pytest.raises(GradientError, match="nothing was recorded"):
        fit(line(), **options)


# Interruptions


def press_ctrl_c(training):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", ["gradients", "batch_end"])
@pytest.mark.parametrize("batch", [0, 1])
def test_ctrl_c_ends_after_the_batch_with_what_was_learned(name, batch):
    model, same = normalized(), normalized()
    model.layers[2].eval()
    history = fit(model, callbacks=[hook(name, press_ctrl_c, epoch=1, batch=batch)], batch_size=4)
    assert history.stop_reason == f"interrupted in epoch 2, batch {batch + 1}"
    assert [len(values) for values in history.values()] == [1, 1]
    fit(same, callbacks=[hook("batch_end", stop, epoch=1, batch=batch)], batch_size=4)
    assert_same(model.state_dict().values(), same.state_dict().values())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not model.layers[2].training


def test_ctrl_c_in_the_last_batch_of_an_epoch_or_after_it_keeps_the_epoch():
    for name, batch in (("batch_end", 2), ("epoch_end", None)):
        history = fit(line(), callbacks=[hook(name, press_ctrl_c, epoch=1, batch=batch)])
        assert [len(values) for values in history.values()] == [2, 2]
        assert history.stop_reason == "interrupted in epoch 2, batch 3"


@looped("name", ["fit_start", "gradients", "batch_end", "epoch_end"])
def test_a_second_ctrl_c_raises(name):
    def twice(training):
        press_ctrl_c(training)
        press_ctrl_c(training)

    model = line().eval()
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[hook(name, twice)])
    assert not model.training
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_ctrl_c_when_every_epoch_is_done_does_not_change_the_reason():
    ended = []
    after = hook("fit_end", lambda training: ended.append(training.stop_reason))
    history = fit(line(), callbacks=[hook("fit_end", press_ctrl_c), after])
    assert history.stop_reason == "every epoch done"
    assert ended == ["every epoch done"]


def test_a_second_ctrl_c_at_the_end_raises_when_all_callbacks_have_ended():
    ended = []
    press = [hook("fit_end", press_ctrl_c), hook("fit_end", press_ctrl_c)]
    with pytest.raises(KeyboardInterrupt):
        fit(line(), callbacks=[*press, hook("fit_end", ended.append)])
    assert len(ended) == 1


def test_ctrl_c_between_two_epochs_names_the_first_batch_of_the_second():
    class Rng(np.random.Generator):
        def permutation(self, n):
            if len(history_so_far[0].history["loss"]) == 2:
                press_ctrl_c(None)
            return super().permutation(n)

    history_so_far = []
    note = hook("fit_start", history_so_far.append)
    history = fit(line(), callbacks=[note], rng=Rng(np.random.PCG64(0)))
    assert history.stop_reason == "interrupted in epoch 3, batch 1"


@looped("name", ["gradients", "batch_end", "epoch_end"])
def test_a_keyboard_interrupt_from_inside_ends_the_training_too(name):
    history = fit(line(), callbacks=[hook(name, interrupt, epoch=1)])
    expected = 2 if name == "epoch_end" else 1
    assert [len(values) for values in history.values()] == [expected] * 2
    assert history.stop_reason.startswith("interrupted in epoch 2")


@looped("ending", [interrupt, press_ctrl_c])
def test_an_interruption_before_the_first_batch_raises_as_nothing_was_learned(ending):
    model = line()
    before = parameters(model)
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[hook("fit_start", ending)])
    assert_same(parameters(model), before)


def test_a_keyboard_interrupt_in_a_metric_leaves_all_lists_of_one_length():
    calls = []

    def metric(predictions, targets):
        calls.append(1)
        # Twice each before training and in the first epoch, once in the second.
        return 0.0 if len(calls) < 6 else interrupt()

    history = fit(line(), metrics={"metric": metric}, validation=(X, Y))
    assert {len(values) for values in history.values()} == {1}


def test_another_handler_of_ctrl_c_stays_in_place():
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(1))
    try:
        history = fit(line(), callbacks=[hook("batch_end", press_ctrl_c, epoch=1, batch=0)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [1]
    assert history.stop_reason == "every epoch done"


def test_fit_works_in_a_thread_where_signals_cannot_be_handled():
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(line())))
    thread.start()
    thread.join()
    assert results == [fit(line())]


@looped(
    ("fault", "last"),
    [
        (("gradients", 1, 1), ("batch_end", 1, 0)),
        (("batch_end", 1, 1), ("batch_end", 1, 1)),
        (("epoch_end", 1, None), ("epoch_end", 1, None)),
    ],
)
def test_a_fault_in_a_callback_leaves_what_was_learned_up_to_there(fault, last):
    def trained(name, function, epoch, batch):
        model, ended = classifier(), []
        optimizer = nn.Adam(model.parameters(), 0.01)
        callbacks = [hook(name, function, epoch, batch), hook("fit_end", ended.append)]
        options = {"y": LABELS, "loss": "cross_entropy", "optimizer": optimizer}
        try:
            history = fit(model, callbacks=callbacks, **options)
        except OSError as error:
            history = error.history
        assert history.stop_reason == ended[0].stop_reason
        return condition(model), history, optimizer

    def fails(training):
        raise OSError("the disk is full")

    found, expected = trained(fault[0], fails, *fault[1:]), trained(last[0], stop, *last[1:])
    assert found[1].stop_reason == "ended by OSError"
    assert found[:2] == expected[:2]
    states = [each[2].state_dict()["state"] for each in (found, expected)]
    for one, other in zip(*states, strict=True):
        assert one.keys() == other.keys()
        assert_same(list(map(np.asarray, one.values())), list(map(np.asarray, other.values())))
