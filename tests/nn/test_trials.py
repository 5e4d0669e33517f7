"""Trials before a training: the learning rate, and whether a batch can be learned."""

import math

import numpy as np
import pytest
from looping import looped
from matplotlib.figure import Figure
from training_runs import X, Y, classifier, condition

import nn
from autograd_lite.errors import ArgumentError, GradientError
from nn.optimizers.groups import hyper_parameters

LABELS = np.arange(12) % 2


def tried(name, model, optimizer, y=LABELS, **options):
    given = {"loss": "cross_entropy", "optimizer": optimizer, **options}
    return getattr(nn, name)(model, X, y, **given)


def everything(model, optimizer):
    state = optimizer.state_dict()
    gradients = [None if each.grad is None else each.grad.tobytes() for each in model.parameters()]
    options = str([hyper_parameters(group) for group in optimizer.groups])
    return condition(model), str(state["state"]), optimizer.steps, options, gradients


@looped("name", ["find_learning_rate", "overfit_one_batch"])
def test_a_trial_leaves_all_as_it_was(name):
    nn.manual_seed(3)
    for rate in (0.01, nn.CosineAnnealing(0.1, steps=100)):
        model = classifier()
        optimizer = nn.Adam(model.parameters(), rate)
        nn.fit(model, X, LABELS, loss="cross_entropy", optimizer=optimizer, epochs=2, rng=0)
        model.eval()
        rng = np.random.default_rng(0)
        before, drawn = everything(model, optimizer), str(rng.bit_generator.state)
        options = {"rng": rng} if name == "find_learning_rate" else {}
        tried(name, model, optimizer, **options)
        assert everything(model, optimizer) == before
        assert str(rng.bit_generator.state) == drawn
        assert model[0].weight.data is optimizer._runs[0].value_views[0]
        with pytest.raises(ZeroDivisionError):
            tried(name, model, optimizer, loss=lambda p, t: 1 / 0, **options)
        assert everything(model, optimizer) == before


def test_the_curve_is_that_of_steps_with_rising_rates():
    model = nn.Dense(3, 1, rng=0)
    curve = nn.find_learning_rate(
        *(model, X, Y), loss="mse", optimizer=nn.SGD(model.parameters(), 0.1),
        lowest=1e-4, highest=1e-1, steps=4, batch_size=12, rng=0,
    )  # fmt: skip
    np.testing.assert_allclose(curve.learning_rates, [1e-4, 1e-3, 1e-2, 1e-1], rtol=1e-12)
    other, losses = nn.Dense(3, 1, rng=0), []
    for rate in curve.learning_rates:
        loss = nn.MSELoss()(other(X), Y)
        losses.append(loss.item())
        other.zero_grad()
        loss.backward()
        nn.SGD(other.parameters(), rate).step()
    np.testing.assert_allclose(curve.losses, losses, rtol=1e-12)
    weights = 0.1 * 0.9 ** np.arange(3, -1, -1)
    assert curve.smoothed[-1] == pytest.approx(losses @ weights / weights.sum(), rel=1e-12)


def test_the_suggestion_is_a_rate_that_learns_and_the_curve_is_drawn():
    model = classifier()
    optimizer = nn.Adam(model.parameters(), 1e-9)
    curve = tried("find_learning_rate", model, optimizer, rng=0)
    assert 1e-6 < curve.suggestion < 1
    assert f"suggestion={curve.suggestion:.3g}" in repr(curve)
    optimizer.learning_rate = curve.suggestion
    history = nn.fit(model, X, LABELS, loss="cross_entropy", optimizer=optimizer, epochs=30, rng=0)
    assert history["running_loss"][-1] < 0.8 * history["running_loss"][0]
    ax = Figure().subplots()
    assert curve.plot(ax) is ax.figure
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), curve.smoothed)
    assert ax.lines[2].get_xdata()[0] == curve.suggestion
    assert ax.get_xscale() == "log"


def test_noise_of_single_batches_decides_on_no_suggestion():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 2))
    targets = inputs[:, :1] * inputs[:, 1:] + rng.normal(size=(300, 1))
    for seed in range(3):
        model = nn.Sequential(nn.Dense(2, 16, "relu", rng=seed), nn.Dense(16, 1, rng=seed + 1))
        optimizer = nn.Adam(model.parameters(), 0.1)
        curve = nn.find_learning_rate(
            model, inputs, targets, loss="mse", optimizer=optimizer, rng=seed
        )
        assert 1e-4 < curve.suggestion < 0.3, seed


def test_it_ends_where_steps_diverge():
    model = nn.Dense(3, 1, rng=0)
    optimizer = nn.SGD(model.parameters(), 0.1)
    curve = nn.find_learning_rate(model, X, Y, loss="mse", optimizer=optimizer, highest=1e8, rng=0)
    assert curve.learning_rates[-1] < 1e3
    assert all(map(math.isfinite, curve.losses))


def test_a_loss_that_is_nan_from_the_first_step_on_is_refused():
    model = nn.Dense(3, 1, rng=0)
    optimizer = nn.SGD(model.parameters(), 0.1)
    with pytest.raises(ArgumentError, match="from the first step on"):
        nn.find_learning_rate(
            model, X, Y, loss=lambda p, t: (p * np.nan).mean(), optimizer=optimizer
        )


@pytest.mark.parametrize("trial", [nn.find_learning_rate, nn.overfit_one_batch])
def test_where_nothing_is_learned_the_error_says_so(trial):
    samples, targets = np.ones((4, 2)), np.ones((4, 1))
    frozen = nn.Dense(2, 1, rng=0)
    for parameter in frozen.parameters():
        parameter.requires_grad = False
    detached = nn.Sequential(nn.Dense(2, 1, rng=0), lambda x: x.detach())
    for model in (frozen, detached):
        optimizer = nn.SGD(model.parameters(), 0.1)
        with pytest.raises(GradientError, match="depends on no parameter that requires grad"):
            trial(model, samples, targets, loss="mse", optimizer=optimizer)


def test_a_batch_that_can_be_learned_is_told_from_one_that_cannot():
    model = nn.Sequential(nn.Dense(3, 16, "tanh", rng=0), nn.Dense(16, 1, rng=1))
    optimizer = nn.Adam(model.parameters(), 0.02)
    found = nn.overfit_one_batch(model, X, Y, loss="mse", optimizer=optimizer)
    assert found
    assert found.losses[-1] <= 0.1 * found.losses[0] < found.losses[-2]
    assert str(found).startswith("learned: the loss of one batch fell from")
    for each in model[1].parameters():
        each.requires_grad = False
    same = np.zeros_like(X)
    stuck = nn.overfit_one_batch(model, same, Y, loss="mse", optimizer=optimizer, steps=50)
    assert not stuck
    assert len(stuck.losses) == 51
    assert str(stuck).startswith("not learned: the loss of one batch went from")
