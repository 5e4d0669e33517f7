"""What `diagnose` finds in targets, in losses of the wrong sign, and in units all alike."""

import numpy as np
from diagnosed import CLASSES, LABELS, YES, YES_OR_NO, X, found, names, network

import autograd_lite as al
import nn

NUMBER = X[:, :1]
SQUARES = nn.MSELoss()


def constant(value, *sizes):
    model = network(sizes, "tanh")
    for parameter in model.parameters():
        parameter.data[...] = value
    return model


def with_dropout(p):
    return nn.Sequential(nn.Dense(8, 64, "relu", rng=0), nn.Dropout(p, rng=0), nn.Dense(64, 1))


class Recurrent(nn.Module):
    """A linear recurrence, whose weights have this size."""

    def __init__(self, size):
        rng = np.random.default_rng(0)
        self.W = nn.Parameter(size * rng.normal(size=(8, 8)) / np.sqrt(8))
        self.U, self.V = (
            nn.Parameter(rng.normal(size=(1, 8))),
            nn.Parameter(rng.normal(size=(8, 1))),
        )

    def forward(self, x):
        state = np.zeros((len(x), 8))
        for t in range(x.shape[1]):
            state = state @ self.W + x[:, t : t + 1] @ self.U
        return state @ self.V


SERIES = np.random.default_rng(0).normal(size=(32, 40))
RARE = (np.arange(200) < 2).astype(float).reshape(-1, 1)
MANY = np.random.default_rng(0).normal(size=(200, 8))

WRONG = {
    "exploding gradients": (Recurrent(4.0), SERIES, SERIES.sum(axis=1, keepdims=True), SQUARES),
    "equal units": (constant(0.5, 8, 16, 1), X, YES, YES_OR_NO),
    "one class only": (network([8, 16, 1]), X, np.ones_like(YES), YES_OR_NO),
    "imbalanced classes": (network([8, 16, 1]), MANY, RARE, YES_OR_NO),
    "targets not standardized": (network([8, 16, 1]), X, 1e6 * (NUMBER + 3), SQUARES),
    "targets out of range": (network([8, 16, 1], "tanh", "tanh"), X, 5 * NUMBER, SQUARES),
    "negated loss": (network([8, 16, 1]), X, NUMBER, lambda p, t: -((p - t) ** 2).mean()),
    "large dropout": (with_dropout(0.98), X, YES, YES_OR_NO),
    "class indices as numbers": (network([8, 16, 1]), X, LABELS.reshape(-1, 1) * 1.0, SQUARES),
}


def test_each_kind_is_found_alone():
    for name, case in WRONG.items():
        assert names(*case) == [name]


def test_the_other_forms_of_each_kind_are_found():
    logits, classes, sigmoids = (
        network([8, 16, 1]),
        network([8, 16, 10]),
        network([8, 1], output="sigmoid"),
    )
    softmaxes = network([8, 10], output="softmax")
    labels = (np.arange(200) < 2).astype(int)
    same = np.zeros(64, dtype=int)
    cases = [
        ("one class only", classes, X, same, CLASSES),
        ("one class only", softmaxes, X, np.eye(10)[same], nn.CategoricalCrossEntropyLoss()),
        ("imbalanced classes", network([8, 16, 2]), MANY, labels, CLASSES),
        ("targets out of range", network([8, 16, 1], "relu", "relu"), X, NUMBER, SQUARES),
        ("targets out of range", sigmoids, X, NUMBER, SQUARES),
        ("negated loss", logits, X, YES, lambda p, t: -YES_OR_NO(p, t)),
        ("negated loss", classes, X, LABELS, lambda p, t: -CLASSES(p, t)),
        (
            "negated loss",
            *(sigmoids, X, YES),
            lambda p, t: (t * np.log(p) + (1 - t) * np.log(1 - p)).mean(),
        ),
        (
            "negated loss",
            *(softmaxes, X, np.eye(10)[LABELS]),
            lambda p, t: (t * np.log(p)).sum() / 64,
        ),
        ("class indices as numbers", logits, X, LABELS.reshape(-1, 1) % 3, SQUARES),
    ]
    for number, (name, *case) in enumerate(cases):
        assert name in names(*case), (number, name)


def test_a_note_is_no_fault():
    report = nn.diagnose(*WRONG["imbalanced classes"][:3], loss=YES_OR_NO)
    assert bool(report)
    assert str(report).startswith("note: imbalanced classes (y): One class has 99.0% of the 200")
    assert not nn.diagnose(*WRONG["one class only"][:3], loss=YES_OR_NO)


def test_units_of_sure_wrong_networks_are_saturated_whatever_the_seed():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(64, 4))
        y = (x[:, :1] > 0).astype(float)
        layers = [nn.Dense(4, 16, "tanh", rng=rng), nn.Dense(16, 16, "sigmoid", rng=rng)]
        for layer in layers:
            layer.weight.data = rng.normal(0, 10, layer.weight.shape)
        model = nn.Sequential(*layers, nn.Dense(16, 1, rng=rng))
        assert "saturated units" in names(model, x, y, YES_OR_NO), seed


def test_what_only_looks_like_it_is_nothing():
    rng = np.random.default_rng(0)
    smooth = (
        nn.CrossEntropyLoss(label_smoothing=0.2) if hasattr(CLASSES, "label_smoothing") else CLASSES
    )
    counts = rng.poisson(2.0, (64, 1)) * 1.0
    poisson = {"loss": lambda p, t: (np.exp(p) - t * p).mean()}
    cases = [
        (network([8, 16, 1]), X, counts, SQUARES),
        (network([8, 16, 1]), X, counts, poisson["loss"]),
        (network([8, 16, 10]), X, LABELS, smooth),
        (network([8, 16, 1], "relu", "relu"), X, abs(NUMBER), SQUARES),
        (network([8, 16, 1], "tanh", "tanh"), X, np.tanh(NUMBER), SQUARES),
        (network([8, 16, 1]), X, 150 + 50 * NUMBER, SQUARES),
        (network([8, 16, 1]), X[:8], YES[:8] * 0 + 1, YES_OR_NO),
        (Recurrent(0.9), SERIES, SERIES.sum(axis=1, keepdims=True), SQUARES),
        (network([8, 16, 1]), X, 2 * YES - 1, lambda p, t: al.relu(1 - p * t).mean()),
        (network([8, 16, 8]), X, X, SQUARES),
        (with_dropout(0.5), X, YES, YES_OR_NO),
    ]
    for number, case in enumerate(cases):
        assert names(*case) == [], number


def test_the_figure_of_what_is_found_is_beyond_its_threshold():
    for name, case in WRONG.items():
        finding = found(*case)[name]
        assert finding.figure >= finding.threshold, name
