"""LRSchedule, GradientMonitor and GradientClipping."""

from typing import ClassVar

import numpy as np
import pytest
from looping import looped
from training_runs import Script, X, Y, assert_same, fit, hook, line, normalized, parameters, stop

import nn
import viz
from autograd_lite.arguments import WHOLE
from autograd_lite.errors import ArgumentError, MissingNameError, UnsupportedError
from nn.schema import ARRAY

# Schedules


def rates(schedule_of, every="epoch", epochs=3, **options):
    """The learning rate of each batch, two an epoch."""
    model = line()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    seen = []
    note = hook("gradients", lambda training: seen.append(optimizer.learning_rate))
    callback = nn.LRSchedule(schedule_of(optimizer), every, **options)
    scores = {"score": Script(*[1.0] * epochs)}
    fit(
        model,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=6,
        metrics=scores,
        callbacks=[callback, note],
    )
    return [*seen, optimizer.learning_rate]


def test_a_schedule_steps_after_each_epoch():
    halved = rates(lambda optimizer: nn.ExponentialDecay(optimizer, factor=0.5))
    assert halved == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]


def test_a_schedule_steps_after_each_batch():
    halved = rates(lambda optimizer: nn.ExponentialDecay(optimizer, factor=0.5), every="batch")
    assert halved == [0.5 * 0.5**t for t in range(7)]


@looped("wrapped", [False, True])
def test_reduce_on_plateau_is_given_its_figure(wrapped):
    def schedule_of(optimizer):
        plateau = nn.ReduceOnPlateau(optimizer, factor=0.1, patience=1)
        return nn.Warmup(optimizer, steps=1, then=plateau) if wrapped else plateau

    # The first score is the best, and two that are not better are too many; during a warm-up
    # nothing is looked at.
    by_epoch = rates(schedule_of, epochs=5, monitor="score")[::2]
    expected = [0.25, 0.5, 0.5, 0.5, 0.05, 0.05] if wrapped else [0.5] * 3 + [0.05] * 2 + [0.005]
    assert by_epoch == pytest.approx(expected)


@looped("wrapped", [False, True])
def test_a_figure_that_a_schedule_lacks_is_refused_before_training(wrapped):
    model = line()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    schedule = nn.ReduceOnPlateau(optimizer)
    if wrapped:
        schedule = nn.Warmup(optimizer, steps=2, then=schedule)
    before = parameters(model)
    with pytest.raises(ArgumentError, match="validation_loss"):
        fit(model, optimizer=optimizer, callbacks=[nn.LRSchedule(schedule)])
    assert_same(parameters(model), before)
    with pytest.raises(ArgumentError, match="batch"):
        nn.LRSchedule(schedule, every="batch")


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("monitor", "mode"), [("validation_loss", "max"), ("validation_accuracy", "min")]
)
def test_a_plateau_whose_mode_contradicts_the_figures_name_is_refused(monitor, mode, wrapped):
    optimizer = nn.SGD(line().parameters(), learning_rate=0.5)
    schedule = nn.ReduceOnPlateau(optimizer, mode=mode)
    if wrapped:
        schedule = nn.Warmup(optimizer, steps=2, then=schedule)
    with pytest.raises(ArgumentError, match=f"LRSchedule.*{monitor}.*{mode}"):
        nn.LRSchedule(schedule, monitor=monitor)
    nn.LRSchedule(schedule, monitor="score")
    nn.LRSchedule(nn.StepDecay(optimizer, every=2), monitor=monitor)


def test_other_schedules_need_no_figure():
    seen = rates(lambda optimizer: nn.StepDecay(optimizer, every=2), monitor="nothing")
    assert seen == pytest.approx([0.5] * 4 + [0.05] * 3)


def test_wrong_schedules_are_refused():
    model = line()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    with pytest.raises(UnsupportedError):
        nn.LRSchedule(optimizer)
    with pytest.raises(ArgumentError):
        nn.LRSchedule(nn.StepDecay(optimizer, every=2), every="step")
    callback = nn.LRSchedule(nn.StepDecay(optimizer, every=2))
    before = parameters(model)
    with pytest.raises(ArgumentError, match="another optimizer"):
        fit(model, callbacks=[callback])
    assert_same(parameters(model), before)


# Gradients


def test_hooks_that_would_not_be_called_or_fail_are_refused():
    for name, here in (("on_epoch_end", "epoch_end"), ("on_train_batch_end", "batch_end")):
        with pytest.raises(UnsupportedError, match=rf"{name}.*Write def {here}\(self, training\)"):
            type("Theirs", (nn.Callback,), {name: lambda self, *given: None})
    without = type("Without", (nn.Callback,), {"epoch_end": lambda self: None})
    with pytest.raises(UnsupportedError, match=r"Without\.epoch_end.*def epoch_end\(self, tr"):
        fit(line(), callbacks=[without()])
    for other, words in (
        (nn.CosineAnnealing(0.1, steps=9), r"nn\.LRSchedule\(schedule\)"),
        (print, "class of nn.Callback"),
        (nn.EarlyStopping, r"nn\.EarlyStopping\(\)"),
    ):
        with pytest.raises(UnsupportedError, match=words):
            fit(line(), callbacks=[other])


@looped(
    ("name", "told"),
    [
        ("stop_training", 'nothing would read it. Write training.stop_reason = "good enough"'),
        ("should_stop", "Write training.stop_reason"),
        ("stop_reson", "Write Training.stop_reason"),
        ("lr", "Write training.optimizer.learning_rate"),
        ("current_epoch", "Write training.epoch"),
        ("mine", "It has model, optimizer, rng, history, epochs"),
    ],
)
def test_what_a_training_does_not_know_is_not_set(name, told):
    with pytest.raises(MissingNameError, match=rf"Training\.{name} = True: it has no.*{told}"):
        fit(line(), callbacks=[hook("epoch_end", lambda training: setattr(training, name, True))])


@looped(("name", "told"), [("max_epochs", "training.epochs"), ("logs", r'history\["loss"\]')])
def test_what_trainings_are_asked_for_elsewhere_is_told(name, told):
    with pytest.raises(MissingNameError, match=rf"Training\.{name}: a training has no.*{told}"):
        fit(line(), callbacks=[hook("epoch_end", lambda training: getattr(training, name))])


def test_norms_are_means_over_the_batches_of_an_epoch():
    model = normalized()
    seen = []

    def note(training):
        seen.append([np.sqrt(np.sum(p.grad**2)) for p in model.parameters()])

    monitor = nn.GradientMonitor()
    fit(model, callbacks=[monitor, hook("gradients", note)], epochs=2)
    assert list(monitor.norms) == [name for name, _ in model.named_parameters()]
    means = np.array(seen).reshape(2, 3, -1).mean(axis=1)
    for norms, expected in zip(monitor.norms.values(), means.T, strict=True):
        np.testing.assert_allclose(norms, expected, rtol=1e-12)


def test_norms_of_float32_gradients_do_not_overflow():
    model = line().astype(np.float32)
    huge = hook("gradients", lambda training: model.weight.grad.fill(1e30))
    monitor = nn.GradientMonitor()
    small = X.astype(np.float32), Y.astype(np.float32)
    fit(model, *small, callbacks=[huge, monitor], epochs=1, learning_rate=1e-30)
    assert monitor.norms["weight"] == [pytest.approx(1e30 * 3**0.5, rel=1e-6)]


def test_parameters_that_are_not_learned_are_not_monitored():
    model = normalized()
    last = model.layers[2]
    model.layers[1].bias.requires_grad = False
    optimizer = nn.SGD([*last.parameters(), model.layers[1].bias], learning_rate=0.1)
    monitor = nn.GradientMonitor()
    fit(model, optimizer=optimizer, callbacks=[monitor], epochs=1)
    assert list(monitor.norms) == ["1.bias", "2.weight", "2.bias"]
    assert monitor.norms["1.bias"] == [0.0]
    assert monitor.norms["2.weight"][0] > 0


def test_norms_of_an_epoch_that_was_cut_short_are_dropped():
    monitor = nn.GradientMonitor()
    cut = hook("batch_end", stop, epoch=1, batch=0)
    fit(line(), callbacks=[monitor, cut])
    assert [len(norms) for norms in monitor.norms.values()] == [1, 1]
    first = dict(monitor.norms)
    fit(line(), callbacks=[monitor, cut])
    assert monitor.norms == first


def test_the_norms_are_what_gradient_flow_is_plotted_from():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monitor = nn.GradientMonitor()
    fit(normalized(), callbacks=[monitor], epochs=2)
    figure = viz.plot_gradient_flow(monitor.norms)
    widths = [bar.get_width() for bar in figure.axes[1].patches]
    pyplot.close(figure)
    assert widths == [norms[-1] for norms in monitor.norms.values()]


def clipped(**options):
    model = line()
    seen = []
    monitor, after = nn.GradientMonitor(), nn.GradientMonitor()
    note = hook("gradients", lambda t: seen.append([p.grad.copy() for p in model.parameters()]))
    clipping = nn.GradientClipping(**options)
    fit(model, callbacks=[monitor, clipping, after, note], epochs=1, batch_size=12)
    return seen[0], monitor.norms, after.norms


def test_gradients_are_clipped_by_their_joint_norm_after_what_comes_before_in_the_list():
    gradients, before, after = clipped(max_norm=0.5)
    assert np.sqrt(sum(np.sum(g**2) for g in gradients)) == pytest.approx(0.5)
    assert np.hypot(before["weight"][0], before["bias"][0]) > 1
    assert np.hypot(after["weight"][0], after["bias"][0]) == pytest.approx(0.5)


def test_gradients_are_clipped_by_value():
    gradients, before, _ = clipped(max_value=0.25)
    assert max(np.abs(g).max() for g in gradients) == 0.25
    assert before["weight"][0] > 0.5


@looped(
    "options",
    [
        {},
        {"max_norm": 1.0, "max_value": 1.0},
        {"max_norm": 0.0},
        {"max_norm": -1.0},
        {"max_value": np.nan},
        {"max_value": "1"},
    ],
)
def test_options_of_clipping_are_checked(options):
    with pytest.raises(ArgumentError):
        nn.GradientClipping(**options)


# State


@looped(
    "callback",
    [nn.EarlyStopping(), nn.GradientMonitor()],
    ids=["EarlyStopping", "GradientMonitor"],
)
@looped("state", [{}, {"norms": 3}, None, {"best_epoch": "1"}])
def test_a_state_of_something_else_is_refused(callback, state):
    before = callback.state_dict()
    with pytest.raises(ArgumentError):
        callback.load_state_dict(state)
    assert callback.state_dict() == before


def test_what_a_callback_declares_of_its_state_is_saved_and_checked(tmp_path):
    class Seen(nn.Callback):
        state_ranges: ClassVar = {"epochs": [WHOLE]}

        def __init__(self):
            self.epochs = []

        def epoch_end(self, training):
            self.epochs.append(training.epoch)

    path = tmp_path / "run.safetensors"
    fit(line(), epochs=2, callbacks=[Seen(), nn.Checkpoint(path)])
    seen = Seen()
    fit(line(), epochs=4, callbacks=[seen], resume_from=path)
    assert seen.epochs == [0, 1, 2, 3]
    with pytest.raises(ArgumentError, match=r"epochs\.1 is -1"):
        seen.load_state_dict({"epochs": [0, -1]})
    assert seen.epochs == [0, 1, 2, 3]


def test_a_state_shares_nothing_with_the_callback_that_it_is_of():
    class Summing(nn.Callback):
        state_ranges: ClassVar = {"sums": {...: ARRAY}}

        def __init__(self):
            self.sums = {"a": np.zeros(2)}

    callback, other = Summing(), Summing()
    state = callback.state_dict()
    other.load_state_dict(state)
    callback.sums["a"] += 1
    other.sums["a"] += 2
    np.testing.assert_array_equal(state["sums"]["a"], [0, 0])


def test_a_training_that_is_made_without_names_has_its_optimizer_among_those_by_name():
    model = line()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.1)
    training = nn.Training(model, optimizer, np.random.default_rng(0), nn.History(), epochs=1)
    assert training.optimizers == {"": optimizer}
    monitor = nn.GradientMonitor()
    monitor.fit_start(training)
    assert [*monitor.norms] == [name for name, _ in model.named_parameters()]
