"""resume_from compares two runs, and names what differs; may_differ lets it."""

import numpy as np
import pytest

import nn
from autograd_lite import ArgumentError, UnsupportedError

pytest.importorskip("safetensors")

X = np.linspace(-1, 1, 24).reshape(8, 3)
Y = X[:, :1] ** 2


class Weighted:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, predictions, targets):
        return ((predictions - targets) ** 2).mean() * self.factor


def train(epochs=2, *, p=0.5, activation="tanh", optimizer=nn.Adam, loss="mse", schedule=None,
          rate=0.01, X=X, y=Y, validation=None, batch_size=4, sample_weight=None, callbacks=(),
          **options):  # fmt: skip
    last = {"epsilon": options.pop("epsilon")} if "epsilon" in options else {}
    model = nn.Sequential(
        nn.Dense(3, 4, activation=activation, rng=0), nn.Dropout(p, rng=1), nn.Dense(4, 1, rng=2)
    )
    optimizer = optimizer(model.parameters(), learning_rate=rate, **last)
    callbacks = [*callbacks, *([nn.LRSchedule(schedule(optimizer))] if schedule else [])]
    nn.fit(model, X, y, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=batch_size,
           validation=validation, sample_weight=sample_weight, callbacks=callbacks, rng=0,
           progress=False, **options)  # fmt: skip
    return model, optimizer


CHANGED = np.where(X > 0.9, 0.5, X)
CHANGES = {
    "learning_rate": {"rate": 0.02},
    "epsilon": {"epsilon": 1e-6},
    "optimizer": {"optimizer": nn.NAdam},
    "layer 0": {"activation": "relu"},
    "layer 1": {"p": 0.25},
    "loss": {"loss": Weighted(2.0)},
    "batch_size": {"batch_size": 2},
    "X": {"X": CHANGED},
    "y": {"y": 2 * Y},
    "validation X": {"validation": (CHANGED, Y)},
    "weights": {"sample_weight": np.arange(1.0, 9.0)},
    "schedule": {"schedule": lambda optimizer: nn.StepDecay(optimizer, every=3)},
    "GradientClipping": {"callbacks": [nn.GradientClipping(max_norm=0.5)]},
    "ExponentialMovingAverage": {"callbacks": [nn.ExponentialMovingAverage(0.5)]},
    "StochasticWeightAveraging": {"callbacks": [nn.StochasticWeightAveraging(1)]},
    "EarlyStopping": {"callbacks": [nn.EarlyStopping(monitor="loss", min_delta=0.5)]},
}
CALLBACKS = {
    "GradientClipping": nn.GradientClipping(max_norm=1.0),
    "ExponentialMovingAverage": nn.ExponentialMovingAverage(0.75),
    "StochasticWeightAveraging": nn.StochasticWeightAveraging(),
    "EarlyStopping": nn.EarlyStopping(monitor="loss"),
}


def given(name, path):
    """Options of the run that writes, where the ones that are left out would be others."""
    first = {"loss": Weighted(1.0)} if name == "loss" else {}
    first |= {"validation": (X, Y)} if name == "validation X" else {}
    first |= {"schedule": lambda o: nn.StepDecay(o, every=2)} if name == "schedule" else {}
    first |= {"sample_weight": np.ones(8) * np.arange(2.0, 10.0)} if name == "weights" else {}
    first |= {"callbacks": [CALLBACKS[name]]} if name in CALLBACKS else {}
    train(**{**first, "callbacks": [*first.get("callbacks", ()), nn.Checkpoint(path)]})
    return first


@pytest.mark.parametrize("name", CHANGES)
def test_what_differs_is_named(name, tmp_path):
    path = tmp_path / "run"
    same = given(name, path)
    train(3, resume_from=path, **same)
    with pytest.raises(ArgumentError, match=rf"{name} is .* and was ") as caught:
        train(3, resume_from=path, **{**same, **CHANGES[name]})
    differing = caught.value.args[1].split("; ")
    assert all(text.startswith(name) for text in differing) or name == "optimizer"


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"optimizer"}))
def test_what_may_differ_passes(name, tmp_path):
    path = tmp_path / "run"
    options = {**given(name, path), **CHANGES[name]}
    model, optimizer = train(3, resume_from=path, may_differ=[name], **options)
    if name == "learning_rate":
        assert optimizer.learning_rate == 0.02
    if name == "epsilon":
        assert optimizer.epsilon == 1e-6
    assert np.isfinite(nn.predict(model, X)).all()


def test_what_is_left_out_is_named_and_may_be(tmp_path):
    path = tmp_path / "run"
    same = given("GradientClipping", path)
    with pytest.raises(ArgumentError, match=r"GradientClipping is None, and was \['max_norm=1"):
        train(3, resume_from=path)
    train(3, resume_from=path, may_differ=["GradientClipping"])
    train(3, resume_from=path, **same)


def test_another_rate_is_used_from_there_on(tmp_path):
    path = tmp_path / "run"
    train(callbacks=[nn.Checkpoint(path)])
    stopped, _ = train(3, rate=0.0, resume_from=path, may_differ=["learning_rate"])
    for array, expected in zip(stopped.state_dict().values(), train(2)[0].state_dict().values()):
        np.testing.assert_array_equal(array, expected)


def test_a_rate_that_a_schedule_sets_is_no_other(tmp_path):
    path, decay = tmp_path / "run", lambda optimizer: nn.ExponentialDecay(optimizer, factor=0.5)
    train(callbacks=[nn.Checkpoint(path)], schedule=decay)
    with pytest.raises(ArgumentError, match="a schedule sets it"):
        train(3, rate=0.5, schedule=decay, resume_from=path, may_differ=["learning_rate"])


def test_a_run_that_went_on_is_gone_on_with(tmp_path):
    path = tmp_path / "run"
    for epochs in (2, 4, 6):
        resume_from = path if epochs > 2 else None
        model, _ = train(epochs, callbacks=[nn.Checkpoint(path)], resume_from=resume_from)
    for array, expected in zip(model.state_dict().values(), train(6)[0].state_dict().values()):
        np.testing.assert_array_equal(array, expected)


def test_a_loss_that_holds_the_model_is_told_without_its_weights(tmp_path):
    path = tmp_path / "run"

    def run(rng, **options):
        model = nn.Dense(3, 1, rng=rng)

        def loss(predictions, targets):
            return ((predictions - targets) ** 2).mean() + 0.1 * (model.weight**2).sum()

        nn.fit(model, X, Y, loss=loss, optimizer=nn.SGD(model.parameters(), 0.1), progress=False,
               epochs=2, rng=0, **options)  # fmt: skip

    run(0, callbacks=[nn.Checkpoint(path)])
    run(1, resume_from=path)


@pytest.mark.parametrize(
    ("may_differ", "error", "words"),
    [
        ("learning_rate", UnsupportedError, "no list of names"),
        (["rate"], ArgumentError, "'rate' is not among .*learning_rate"),
        ([3], UnsupportedError, "no list of names"),
    ],
)
def test_what_is_no_name_is_refused(may_differ, error, words, tmp_path):
    path = tmp_path / "run"
    train(callbacks=[nn.Checkpoint(path)])
    with pytest.raises(error) as caught:
        train(3, resume_from=path, may_differ=may_differ)
    assert words.split(".*")[0] in str(caught.value)
