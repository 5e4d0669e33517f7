"""A step of one's own, several optimizers, and gradients accumulated over batches."""

import inspect
import os

import numpy as np
import pytest
from looping import looped
from training_runs import X, Y, assert_same, fit, hook, line, normalized, parameters

import nn
from autograd_lite.errors import ArgumentError, TrainingError, UnsupportedError


def usual(training, batch):
    samples, targets, *weights = batch
    given = {"weights": weights[0]} if weights else {}
    loss = nn.MSELoss()(training.model(samples), targets, **given)
    training.optimizer.zero_grad()
    loss.backward()
    training.optimizer.step()
    return loss


class Pair(nn.Module):
    """Two networks, as in adversarial training."""

    def __init__(self):
        self.generator = nn.Sequential(nn.Dense(2, 6, "relu", rng=0), nn.Dense(6, 3, rng=1))
        self.critic = nn.Sequential(nn.Dense(3, 6, "relu", rng=2), nn.Dense(6, 1, rng=3))
        self.rng = np.random.default_rng(4)


def adversarial(training, batch):
    loss, real = nn.BCEWithLogitsLoss(), batch[0]
    ones, zeros = np.ones((len(real), 1)), np.zeros((len(real), 1))
    model, optimizers = training.model, training.optimizers
    made = model.generator(model.rng.normal(size=(len(real), 2)))
    of_critic = loss(model.critic(real), ones) + loss(model.critic(made.detach()), zeros)
    optimizers["critic"].zero_grad()
    of_critic.backward()
    optimizers["critic"].step()
    of_generator = loss(model.critic(made), ones)
    optimizers["generator"].zero_grad()
    of_generator.backward()
    optimizers["generator"].step()
    return {"generator": of_generator, "critic": of_critic.item()}


def pair(epochs=3, step=adversarial, **options):
    model = Pair()
    optimizers = {
        "generator": nn.Adam(model.generator.parameters(), 0.01),
        "critic": nn.SGD(model.critic.parameters(), 0.05, momentum=0.9),
    }
    given = {"optimizer": optimizers, "epochs": epochs, "batch_size": 5, "rng": 0, "step": step}
    try:
        history = nn.fit(model, X, progress=False, **{**given, **options})
    except BaseException as error:
        error.model, error.optimizers = model, optimizers
        raise
    return model, optimizers, history


def states(model, optimizers):
    arrays = [*model.state_dict().values()]
    for optimizer in optimizers.values():
        for entry in optimizer.state_dict()["state"]:
            arrays += [np.asarray(value) for value in entry.values()]
    return arrays


@looped("options", [{}, {"sample_weight": np.arange(12.0)}, {"validation": 0.25}])
def test_a_step_written_out_is_the_usual_one(options):
    one, other = line(), line()
    history = fit(one, compile=False, **options)
    assert fit(other, step=usual, **options) == history
    assert_same(parameters(one), parameters(other))


def test_the_losses_that_a_step_returns_are_means_over_the_epoch():
    seen = []

    def step(training, batch):
        loss = usual(training, batch).item()
        seen.append((len(batch[0]), loss))
        return {"first": loss, "second": 2 * loss}

    history = fit(line(), step=step, epochs=1)
    mean = sum(n * loss for n, loss in seen) / 12
    assert history["first"] == [pytest.approx(mean, rel=1e-12)]
    assert history["second"] == [pytest.approx(2 * mean, rel=1e-12)]
    assert history["running_loss"] == [pytest.approx(3 * mean, rel=1e-12)]
    assert history.backend == "eager: the step is your own"


def test_several_optimizers_learn_with_callbacks_and_without_a_loss_or_targets():
    monitor, stopping = nn.GradientMonitor(), nn.EarlyStopping(2, "critic", mode="min")
    model, optimizers, history = pair(callbacks=[monitor, stopping])
    assert list(history) == ["running_loss", "generator", "critic"]
    assert history.best_epoch == history["critic"].index(min(history["critic"]))
    assert [optimizer.steps for optimizer in optimizers.values()] == [9, 9]
    assert {name: len(norms) for name, norms in monitor.norms.items()} == {
        name: 3 for name, _ in model.named_parameters()
    }


def test_gradients_are_clipped_before_each_step_of_each_optimizer():
    seen = []

    def note(training):
        (name,) = [n for n, each in training.optimizers.items() if each is training.optimizer]
        norms = [np.linalg.norm(each.grad) for each in training.optimizer.parameters]
        seen.append((name, bool(np.linalg.norm(norms) <= 1e-3 * (1 + 1e-9))))

    pair(epochs=1, callbacks=[nn.GradientClipping(max_norm=1e-3), hook("gradients", note)])
    assert seen == [("critic", True), ("generator", True)] * 3


def test_a_training_of_several_optimizers_goes_on_bit_for_bit(tmp_path):
    path = tmp_path / "run.safetensors"
    pair(epochs=2, callbacks=[nn.Checkpoint(path)])
    model, optimizers, history = pair(epochs=4, resume_from=path)
    straight, others, expected = pair(epochs=4)
    assert history == expected
    assert_same(states(model, optimizers), states(straight, others))
    with pytest.raises(ArgumentError, match=r"step is .*usual.*, and was .*adversarial"):
        pair(epochs=4, resume_from=path, step=usual)
    model = Pair()
    alone = {"optimizer": nn.SGD(model.parameters(), 0.1), "epochs": 4, "step": adversarial}
    with pytest.raises(ArgumentError, match="the number of optimizers is 1, and was 2"):
        nn.fit(model, X, resume_from=path, **alone)


def broken_off(error):
    """A step that learns with one optimizer, and fails before the other one's turn."""

    def step(training, batch):
        if (training.epoch, training.batch) == (1, 1):
            adversarial(training, batch)
            training.model.generator[0].bias.data += 1.0
            training.model.note = 1
            error(training)
        return adversarial(training, batch)

    return step


def raise_(error):
    raise error


def nan_gradient(training):
    training.optimizers["critic"].parameters[0].grad[0] = np.nan
    training.optimizers["critic"].step()


FAULTS = {
    "an error": (lambda training: raise_(KeyError("a")), KeyError, "'a'"),
    "an interruption": (lambda training: raise_(SystemExit(3)), SystemExit, "3"),
    "a gradient": (nan_gradient, TrainingError, r"epoch 2, batch 2.* gradient of critic.0.weight"),
}


@looped("name", FAULTS)
def test_a_step_that_is_broken_off_is_undone(name):
    fault, error, words = FAULTS[name]
    kept = []

    def before(training, batch):
        if (training.epoch, training.batch) == (1, 1):
            kept.extend(states(training.model, training.optimizers))
        return broken_off(fault)(training, batch)

    with pytest.raises(error, match=words) as caught:
        pair(step=before)
    assert_same(states(caught.value.model, caught.value.optimizers), kept)
    assert len(caught.value.history["critic"]) == 1


def test_a_loss_that_is_not_finite_ends_the_training_and_is_undone():
    def step(training, batch):
        losses = adversarial(training, batch)
        return {**losses, "critic": np.nan if training.epoch else losses["critic"]}

    with pytest.raises(
        TrainingError, match=r"epoch 2, batch 1: the loss 'critic' is nan"
    ) as caught:
        pair(step=step)
    assert_same(states(caught.value.model, caught.value.optimizers), states(*pair(epochs=1)[:2]))


def test_ctrl_c_in_a_step_ends_the_training_after_it():
    def step(training, batch):
        if training.epoch == 1:
            os.kill(os.getpid(), 2)
        return adversarial(training, batch)

    _, optimizers, history = pair(step=step)
    assert history.stop_reason == "interrupted in epoch 2, batch 1"
    assert [optimizer.steps for optimizer in optimizers.values()] == [4, 4]


def test_an_optimizer_that_fit_was_not_given_takes_no_step():
    model = line()
    other = nn.SGD(model.parameters(), 0.1)

    def step(training, batch):
        loss = nn.MSELoss()(training.model(batch[0]), batch[1])
        loss.backward()
        other.step()
        return loss

    before = parameters(model)
    with pytest.raises(UnsupportedError, match=r"SGD take a step.*none of those"):
        fit(model, step=step)
    assert_same(parameters(model), before)


@looped(
    ("returned", "error", "words"),
    [
        (None, UnsupportedError, "returned None"),
        ("a", UnsupportedError, "no number"),
        (np.ones(2), UnsupportedError, "no number"),
        ({"a": np.ones(2)}, UnsupportedError, "a is array"),
        ({"loss": 1.0}, ArgumentError, "'loss'"),
        ({3: 1.0}, ArgumentError, "3"),
    ],
)
def test_what_is_no_loss_is_refused(returned, error, words):
    with pytest.raises(error, match=words):
        fit(line(), step=lambda training, batch: returned)


@looped(
    ("options", "written"),
    [
        ({"step": lambda batch: 1.0}, r"def step\(training, batch\)"),
        ({"loss": lambda predictions: predictions.sum()}, r"def loss\(predictions, targets\)"),
        ({"loss": lambda p, t, scale: (p - t).sum()}, r"def loss\(predictions, targets\)"),
    ],
)
def test_functions_of_other_arguments_are_refused_before_training(options, written):
    with pytest.raises(UnsupportedError, match=f"2 arguments.*{written}"):
        fit(line(), **options)


class Scaled:
    """A loss that is an object, as many are."""

    __signature__ = inspect.signature(lambda scale: None)

    def __call__(self, predictions, targets):
        return 2.0 * ((predictions - targets) ** 2).mean()


def test_an_object_that_is_called_with_predictions_and_targets_is_a_loss():
    assert fit(line(), loss=Scaled(), epochs=1)["loss"][0] > 0


@looped("options", [{}, {"sample_weight": np.arange(12.0)}, {"loss": nn.MSELoss(reduction="sum")}])
def test_accumulated_gradients_are_those_of_one_large_batch(options):
    one, other = line(), line()
    expected = fit(one, batch_size=6, learning_rate=0.01, **options)
    history = fit(other, batch_size=2, accumulate=3, learning_rate=0.01, **options)
    for name, figures in expected.items():
        np.testing.assert_allclose(history[name], figures, rtol=1e-12)
    for array, wanted in zip(parameters(other), parameters(one), strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-12)


def test_what_is_no_mean_over_batches_is_not_accumulated():
    labels = np.array([0, 1, -1, -1, -1, 1])
    one, other = nn.Dense(3, 2, rng=0), nn.Dense(3, 2, rng=0)
    for loss in (nn.CrossEntropyLoss(weight=[1.0, 4.0]), nn.NLLLoss(ignore_index=-1)):
        y = labels if loss.weight is None else abs(labels)
        model = nn.Sequential(one, nn.LogSoftmax())
        with pytest.raises(UnsupportedError, match=r"accumulate=3.*reduction=\"sum\""):
            fit(model, X=np.ones((6, 3)), y=y, loss=loss, accumulate=3, batch_size=2)
    with pytest.raises(UnsupportedError, match="MSELoss for RMSELoss"):
        fit(line(), loss="rmse", accumulate=3)
    options = {"X": np.ones((6, 3)), "y": labels, "epochs": 1}
    options["loss"] = nn.CrossEntropyLoss(ignore_index=-1, reduction="sum")
    fit(one, **options, batch_size=6)
    fit(other, **options, batch_size=2, accumulate=3)
    np.testing.assert_allclose(other.weight.data, one.weight.data, rtol=1e-12)


def test_only_as_many_samples_as_a_batch_has_go_through_at_once():
    sizes = []
    model = normalized()
    model.register_forward_hook(
        lambda module, inputs, output: sizes.append(len(output)) if module.training else None
    )
    fit(model, batch_size=4, accumulate=2, epochs=1)
    assert sizes == [4, 4, 4]


def test_a_loop_of_ones_own_has_the_same_parts():
    model = line()
    optimizer = nn.SGD(model.parameters(), 0.05)
    stopping = nn.EarlyStopping(3, "loss")
    history = nn.History(loss=[])
    rng = np.random.default_rng(0)
    training = nn.Training(model, optimizer, rng, history, epochs=5, callbacks=[stopping])
    stopping.fit_start(training)
    with nn.ProgressBar(5, shown=False) as bar:
        for training.epoch in range(5):
            for samples, targets in nn.batches(X, Y, batch_size=5, rng=rng):
                loss = nn.MSELoss()(model(samples), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            history.record(loss=nn.MSELoss()(model(X), Y).item())
            stopping.epoch_end(training)
            bar.update(history)
    stopping.fit_end(training)
    other = line()
    expected = fit(other, epochs=5, callbacks=[nn.EarlyStopping(3, "loss")], compile=False)
    assert history["loss"] == expected["loss"]
    assert_same(parameters(model), parameters(other))


def test_batches_from_elsewhere_go_through_a_step():
    batches = [(X[start : start + 4], Y[start : start + 4]) for start in range(0, 12, 4)]
    one, other = line(), line()
    history = fit(one, X=batches, y=None, step=usual)
    assert fit(other, X=batches, y=None, compile=False) == history
    assert_same(parameters(one), parameters(other))


@looped("weights", [(), (np.arange(12.0) / 5.5,)])
def test_batches_from_elsewhere_are_accumulated_though_some_are_smaller(weights):
    def cut(*places):
        parts = [slice(*pair) for pair in zip((0, *places), (*places, 12))]
        return lambda: iter([(X[p], Y[p], *[each[p] for each in weights]) for p in parts])

    one, other, sizes = line(), line(), []
    expected = fit(one, X=cut(7), y=None, epochs=2)
    other.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    history = fit(other, X=cut(3, 6, 7, 10), y=None, accumulate=3, epochs=2, metrics=None)
    for array, wanted in zip(parameters(other), parameters(one), strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-12)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-12)
    assert max(sizes) == 3
