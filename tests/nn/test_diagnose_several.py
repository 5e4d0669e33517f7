"""Diagnoses of models of several inputs, and gradient differences of several outputs."""

import numpy as np
import pytest

import nn
from autograd_lite.errors import ArgumentError, UnsupportedError

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(24, 2)), RNG.normal(size=(24, 3))
Y = A[:, :1] - B[:, 1:2]


class Pair(nn.Module):
    def __init__(self):
        self.a = nn.Dense(2, 4, activation="relu", rng=0)
        self.b = nn.Dense(3, 4, activation="relu", rng=1)
        self.last = nn.Dense(8, 1, rng=2)

    def forward(self, a, b):
        return self.last(np.concatenate([self.a(a), self.b(b)], axis=1))


class Heads(nn.Module):
    def __init__(self):
        self.body, self.other = nn.Dense(2, 3, activation="tanh", rng=0), nn.Dense(3, 2, rng=1)

    def forward(self, x):
        h = self.body(x)
        return {"sum": h.sum(axis=1), "kind": self.other(h)}


@pytest.mark.parametrize("X", [(A, B), {"a": A, "b": B}, {"b": B, "a": A}])
def test_what_is_wrong_with_a_model_of_several_inputs_is_found(X):
    model = Pair()
    assert nn.diagnose(model, X, Y, loss="mse")
    model.b.bias.data -= 100
    sgd = nn.SGD(model.parameters(), 0.01)
    report = nn.diagnose(model, X, Y, loss="mse", optimizer=sgd)
    found = {finding.name: finding for finding in report.findings}
    assert found["dead ReLUs"].where == ("b",)
    assert "constant outputs" not in found
    model.b.bias.data += 100
    monitor = nn.DiagnosisMonitor(X, Y, loss="mse", every=1)
    nn.fit(
        model,
        X,
        Y,
        loss="mse",
        optimizer=sgd,
        epochs=1,
        callbacks=[monitor],
        progress=False,
    )
    assert list(monitor.reports) == [0, 1]


def test_of_several_inputs_the_one_that_is_not_finite_or_standardized_is_named():
    broken = B.copy()
    broken[3, 1] = np.nan
    (finding,) = nn.diagnose(Pair(), {"a": A, "b": broken}, Y, loss="mse").findings
    assert (finding.name, finding.where) == ("values not finite", ("X['b']",))
    (finding,) = nn.diagnose(Pair(), (A, 1e4 * B), Y, loss="mse").findings
    assert finding.where == ("what enters layer b",)
    with pytest.raises(ArgumentError, match="no samples"):
        nn.diagnose(Pair(), (A, B[:0]), Y, loss="mse")


def heads_loss(predictions, targets):
    wrong = nn.MSELoss()(predictions["sum"], targets["sum"])
    return wrong + nn.CrossEntropyLoss()(predictions["kind"], targets["kind"])


def test_gradients_of_several_outputs_are_compared_and_a_diagnosis_is_of_one():
    targets = {"sum": Y[:, 0], "kind": (Y[:, 0] > 0).astype(int)}
    assert nn.gradient_difference(Heads(), A, targets, loss=heads_loss) < 1e-7
    assert nn.gradient_difference(Pair(), (A, B), Y, loss="mse") < 1e-7
    for given in (targets, Y[:, 0]):
        with pytest.raises(UnsupportedError, match="of one output"):
            nn.diagnose(Heads(), A, given, loss=heads_loss)
