"""What the tests of fit share: samples, models, and short trainings."""

import numpy as np
import pytest

import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.25
LABELS = np.array([0] * 8 + [1] * 4)


def line(rng=0):
    return nn.Dense(3, 1, rng=rng)


def fit(model, X=X, y=Y, loss=None, learning_rate=0.05, **options):
    options = {"epochs": 3, "batch_size": 5, "progress": False, "rng": 0, **options}
    optimizer = options.pop("optimizer", None) or nn.SGD(model.parameters(), learning_rate)
    return nn.fit(model, X, y, loss=loss or nn.MSELoss(), optimizer=optimizer, **options)


def hook(name, function, epoch=None, batch=None):
    """A callback whose class has that one hook."""

    def call(self, training):
        if epoch in (None, training.epoch) and batch in (None, training.batch):
            function(training)

    return type("Hooked", (nn.Callback,), {name: call})()


class Spy(nn.Module):
    """A model that notes the first feature of each sample that it is given, by mode."""

    def __init__(self):
        self.inner = line()
        self.seen = {True: [], False: []}

    def forward(self, x):
        self.seen[self.training] += x[:, 0].tolist()
        return self.inner(x)


def parameters(model):
    return [parameter.data.copy() for parameter in model.parameters()]


def assert_same(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        assert array.tobytes() == other.tobytes()


def normalized():
    return nn.Sequential(nn.Dense(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dense(4, 1, rng=1))


def stop(training):
    training.stop_reason = "enough"


class Script:
    """A metric that gives figures one after the other, on training samples."""

    def __init__(self, *figures):
        self.figures = list(figures)

    def __call__(self, predictions, targets):
        return self.figures.pop(0)


def classifier():
    return nn.Sequential(
        nn.Dense(3, 8, rng=0), nn.BatchNorm1d(8), nn.Dropout(0.5, rng=1), nn.Dense(8, 2, rng=2)
    )


def condition(model):
    """All that training would change."""
    generators = [m.rng.bit_generator.state for _, m in model.named_modules() if hasattr(m, "rng")]
    modes = [module.training for _, module in model.named_modules()]
    of_numpy = np.random.get_state(legacy=False)["state"]["key"].tolist()
    state = {name: array.tobytes() for name, array in model.state_dict().items()}
    return state, generators, modes, of_numpy


def assert_refused(error, match, model=None, **options):
    model, rng = model or classifier(), np.random.default_rng(0)
    before, first = condition(model), rng.bit_generator.state
    trained = []
    note = hook("gradients", lambda training: trained.append(1))
    options = {"y": LABELS, "loss": nn.CrossEntropyLoss(), "rng": rng, **options}
    with pytest.raises(error, match=match):
        fit(model, callbacks=[note, *options.pop("callbacks", [])], **options)
    assert trained == []
    assert condition(model) == before
    assert rng.bit_generator.state == first
