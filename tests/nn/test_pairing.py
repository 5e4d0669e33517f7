"""Losses and metrics that compare each prediction with every target are found before training."""

import functools

import numpy as np
import pytest
from looping import looped
from training_runs import LABELS, X, Y, assert_refused, fit, line

import nn
from autograd_lite.errors import ArgumentError, ShapeError

COMPARING = {
    "as they are": lambda p, t: ((p - t) ** 2).mean(),
    "computed before": lambda p, t: np.abs(np.exp(p) * 2 - (1 - t) ** 2).mean(),
    "the log likelihood": lambda p, t: (np.logaddexp(0, p) - t * p).mean(),
    "the larger one": lambda p, t: np.maximum(t, p).sum(),
    "of a sum with others": lambda p, t: (p**2).mean() + ((t - p) ** 2).mean(),
}
MEANING_IT = {
    "laid out": lambda p, t: ((p.reshape(-1, 1) - t.reshape(1, -1)) ** 2).mean(),
    "by axes": lambda p, t: ((p[:, :, None] - t[None, None]) ** 2).mean(),
    "pairs of predictions": lambda p, t: ((p - p.T) * (t[:, None] - t)).mean() + (p**2).mean(),
    "squeezed": lambda p, t: ((p[:, 0] - t) ** 2).mean(),
    "of what is no array": lambda p, t: ((p[:, 0] - np.array(t.tolist())) ** 2).mean(),
    "of nothing of the targets": lambda p, t: ((p - np.arange(len(t))) ** 2).mean(),
    "weighted means": lambda p, t: (p.mean() - t.mean()) ** 2 + (t * p.mean()).mean(),
}


@looped("loss", COMPARING.values(), ids=COMPARING)
def test_a_loss_that_compares_each_prediction_with_every_target_is_found(loss):
    told = r"predictions \(8, 1\) and targets \(8,\).* y.reshape\(-1, 1\); what means pairs"
    for targets in (Y[:, 0], LABELS):
        assert_refused(ShapeError, told, y=targets, loss=loss, model=line())
    model = line()
    optimizer = nn.SGD(model.parameters(), 0.1)
    for trial in (nn.overfit_one_batch, nn.find_learning_rate):
        with pytest.raises(ShapeError, match="every target"):
            trial(model, X, Y[:, 0], loss=loss, optimizer=optimizer)
    flat = nn.Sequential(line(), lambda x: x[:, 0])
    assert_refused(ShapeError, r"Give y.reshape\(-1\)", y=Y[:, :1], loss=loss, model=flat)


@looped("loss", COMPARING.values(), ids=COMPARING)
def test_so_it_is_by_a_compiled_step_which_changes_nothing(loss):
    model = line()
    before = model.state_dict()
    step = nn.compile(model, loss, nn.SGD(model.parameters(), 0.1))
    for _ in range(2):
        with pytest.raises(ShapeError, match=r"compiled step.*every target.*y.reshape\(-1, 1\)"):
            step(X, Y[:, 0])
    assert all((model.state_dict()[name] == array).all() for name, array in before.items())


def test_looking_at_a_loss_draws_no_random_numbers_of_its_own():
    def noisy(p, t, rng):
        return ((p[:, 0] - t + rng.normal(size=len(t))) ** 2).mean()

    found = []
    for compiled in (True, False):
        rng, model = np.random.default_rng(0), line()
        optimizer = nn.SGD(model.parameters(), 0.1)
        loss = functools.partial(noisy, rng=rng)
        if compiled:
            found.append([nn.compile(model, loss, optimizer)(X, Y[:, 0])])
        else:
            found.append([loss(model(X), Y[:, 0]).item()])
    assert found[0] == found[1]


def test_the_losses_of_samples_with_weights_are_compared_with_their_own_targets():
    options = {"y": Y[:, 0], "model": line(), "sample_weight": LABELS + 1.0}
    assert_refused(ShapeError, "every target", loss=lambda p, t: (p - t) ** 2, **options)


METRICS = {
    "differences": lambda p, t: abs(p - t).mean(),
    "agreement": lambda p, t: ((p > 0.5) == t).mean(),
    "of other types": lambda p, t: ((p > 0.5).astype(int) == t.astype(int)).mean(),
    "rounded": lambda p, t: (np.round(np.clip(p, 0, 1)) != t).mean(),
    "determination": lambda p, t: 1 - ((t - p) ** 2).sum() / ((t - t.mean()) ** 2).sum(),
    "both": lambda p, t: np.logical_and(p > 0, t > 0).sum(),
    "in place": lambda p, t: np.subtract(p, t, out=np.empty((len(t), len(t)))).std(),
    "the targets first": lambda y_true, p: np.maximum(y_true, p).mean(),
}
METRICS_MEANING_IT = {
    "a column": lambda p, t: abs(p[:, 0] - t).mean(),
    "flat": lambda p, t: abs(p.ravel() - t).mean(),
    "a new axis": lambda p, t: abs(p - t[:, None]).mean(),
    "laid out": lambda p, t: (p.reshape(-1, 1) > t.reshape(1, -1)).mean(),
    "statistics": lambda p, t: p.std() - t.std() + np.corrcoef(p.T, t)[0, 1],
    "products": lambda p, t: float((p.T @ t)[0]),
    "of one alone": lambda p, t: float(((p - p.T) ** 2).mean()),
}


@looped("metric", METRICS.values(), ids=METRICS)
def test_so_is_a_metric_that_compares_each_prediction_with_every_target(metric):
    told = r"the metric 'off': .*predictions \(8, 1\) and targets \(8,\).*what means pairs"
    options = {"y": Y[:, 0], "model": line(), "loss": lambda p, t: ((p[:, 0] - t) ** 2).mean()}
    assert_refused(ShapeError, told, metrics={"off": metric}, **options)


@looped("metric", METRICS_MEANING_IT.values(), ids=METRICS_MEANING_IT)
def test_a_metric_that_lays_out_its_operands_is_measured(metric):
    options = {"y": Y[:, 0], "model": line(), "loss": lambda p, t: ((p[:, 0] - t) ** 2).mean()}
    history = fit(metrics={"own": metric}, **options)
    predictions = nn.predict(options["model"], X)
    assert history["own"][-1] == pytest.approx(float(metric(predictions, Y[:, 0])))


@looped("loss", MEANING_IT.values(), ids=MEANING_IT)
def test_a_loss_that_means_pairs_or_lays_out_its_operands_trains(loss):
    fit(y=Y[:, 0], loss=loss, model=line())


def pinball(target, output):
    return np.maximum(0.9 * (target - output), -0.1 * (target - output)).mean()


def entropy(y, p):
    return -(y * np.log(1e-8 + p * p) + (1 - y) * np.log(1 + np.exp(p))).mean()


TARGETS_FIRST = {
    "a function": (pinball, pinball),
    "of other names": (entropy, entropy),
    "one of several": ({"a": pinball}, pinball),
    "of samples with weights": (lambda targets, p: np.exp(targets - p)[:, 0], "loss"),
}


@looped(("loss", "named"), TARGETS_FIRST.values(), ids=TARGETS_FIRST)
def test_a_loss_whose_names_tell_that_the_targets_come_first_is_found(loss, named):
    targets = Y[:, :1]
    named = getattr(named, "__name__", named)
    told = rf"parameter is \w+, and.*\b{named}\(targets, predictions\); or, if \w+ are the predic"
    options = {"sample_weight": np.ones(len(Y))} if named == "loss" else {}
    model = line()
    if isinstance(loss, dict):
        model, targets = nn.Sequential(line(), lambda x: {"a": x}), {"a": targets}
    assert_refused(ArgumentError, told, y=targets, loss=loss, model=model, **options)
    if callable(loss) and not options:
        optimizer = nn.SGD(model.parameters(), 0.1)
        with pytest.raises(ArgumentError, match=told):
            nn.overfit_one_batch(model, X, targets, loss=loss, optimizer=optimizer)
        with pytest.raises(ArgumentError, match=told):
            nn.compile(model, loss, optimizer)(X, targets)


def test_a_loss_that_is_the_same_in_either_order_may_call_them_as_it_likes():
    by_name = fit(line(), y=Y[:, :1], loss=lambda y, y_hat: ((y - y_hat) ** 2).mean())
    assert by_name == fit(line(), y=Y[:, :1], loss=lambda p, t: ((p - t) ** 2).mean())


def test_metrics_are_given_the_targets_first_where_their_names_tell():
    def below(targets, predictions):
        return (targets - predictions).mean()

    metrics = {
        "below": below,
        "another": lambda y, y_hat: (y - y_hat).mean(),
        "above": lambda p, t: (p - t).mean(),
        "of outputs": lambda output, target: (output - target).mean(),
    }
    history = fit(line(), y=Y[:, :1], loss="mse", metrics=metrics, epochs=1)
    assert history["below"] == history["another"]
    assert history["above"] == history["of outputs"] == [-history["below"][0]]
