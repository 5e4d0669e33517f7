"""How mistakes are looked for: what is evidence, what is harmless, what is said, and how long."""

import io
import sys
import time

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, compare_gradients, leaky_relu, relu, sigmoid, softmax
from autograd_lite.errors import MutationError


def parameter(values, name):
    return Tensor(values, requires_grad=True, name=name)


def first(report):
    """The first explanation, in one line."""
    assert not report
    return report.explanations[0].sentence


# What is no evidence


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 20))]
)
def test_two_numbers_at_random_are_explained_by_nothing(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=6), rng.normal(size=6)
    a, b = parameter(rng.normal(), "a"), parameter(rng.normal(), "b")
    loss = ((np.tanh(a * x) + b - y) ** 2).sum()
    report = compare_gradients(loss, {a: rng.normal(), b: rng.normal()})
    assert not report
    assert report.explanations == []


def test_a_difference_of_the_size_of_finite_differences_is_explained_by_nothing():
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(8, 4)), rng.normal(size=8), parameter(rng.normal(size=4), "w")
    loss = ((np.sin(X @ w) - y) ** 2).sum()
    right = X.T @ (2 * (np.sin(X @ w.data) - y) * np.cos(X @ w.data))
    report = compare_gradients(loss, {w: right * (1 + 1e-7 * rng.normal(size=4))})
    assert not report
    assert report.explanations == []


@looped("size", [1e100, 1e200])
def test_mistakes_in_large_gradients_are_named_and_noise_is_not(size):
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(5, 3)), parameter(rng.normal(size=(3, 2)), "W")
    h = np.tanh(X @ W)
    loss = size * (h**2).sum()
    right = size * X.T @ (2 * h.data * (1 - h.data**2))
    assert "sign is wrong" in first(compare_gradients(loss, {W: -right}))
    report = compare_gradients(loss, {W: size * rng.normal(size=(3, 2))}, seconds=0.3)
    assert not report.explanations
    assert "all entries are off" in report.pattern


# What is harmless


def hinge(z):
    return np.maximum(0, 1 - z)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (relu, lambda z: z >= 0),
        (lambda z: leaky_relu(z, 0.2), lambda z: np.where(z >= 0, 1, 0.2)),
        (np.abs, lambda z: np.where(z >= 0, 1.0, -1.0)),
        (lambda z: hinge(z + 1), lambda z: -1.0 * (z <= 0)),
        (relu, lambda z: np.heaviside(z, 0.5)),
    ],
    ids=["relu", "leaky_relu", "absolute", "hinge", "half"],
)
def test_another_slope_exactly_at_a_kink_is_a_convention(function, slope):
    rng = np.random.default_rng(0)
    X = np.r_[np.zeros((2, 3)), rng.normal(size=(4, 3))]
    W, b = parameter(rng.normal(size=(3, 2)), "W"), parameter(np.zeros(2), "b")
    z, C = X @ W + b, rng.normal(size=(6, 2))
    dz = C * slope(z.data)
    report = compare_gradients((function(z) * C).sum(), {W: X.T @ dz, b: dz.sum(axis=0)})
    assert report, str(report)
    assert "kink" in report.rows[1].verdict


def test_a_record_that_was_written_into_is_refused_before_anything_is_diagnosed():
    rng = np.random.default_rng(0)
    W = parameter(rng.normal(size=(3, 4)), "W")
    p = softmax(rng.normal(size=(5, 3)) @ W, axis=1)
    loss = -np.log(p[:, 0]).mean()
    p._array.flags.writeable = True
    p._array[:, 0] -= 1
    with pytest.raises(MutationError, match=r"softmax|record was changed"):
        compare_gradients(loss, {W: np.ones((3, 4))})


# What is said


def two_layers(seed=0, epsilon=0.0):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(8, 3)), rng.integers(0, 2, (8, 1)).astype(float)
    W1, b1 = parameter(rng.normal(size=(3, 4)), "W1"), parameter(np.zeros(4), "b1")
    W2, b2 = parameter(rng.normal(size=(4, 1)), "W2"), parameter(np.zeros(1), "b2")
    h = np.tanh(X @ W1 + b1)
    p = sigmoid(h @ W2 + b2)
    loss = -(Y * np.log(p + epsilon) + (1 - Y) * np.log(1 - p + epsilon)).sum() / 8
    d2 = (p.data - Y) / 8
    d1 = d2 @ W2.data.T * (1 - h.data**2)
    return loss, {W1: X.T @ d1, b1: d1.sum(0), W2: h.data.T @ d2, b2: d2.sum(0)}


@pytest.mark.parametrize("epsilon", [pytest.param(0.0, marks=pytest.mark.exhaustive), 1e-8])
def test_what_explains_one_of_two_wrong_gradients_is_said_and_what_stays_unexplained(epsilon):
    loss, gradients = two_layers(epsilon=epsilon)
    _, b1, W2, _ = gradients
    noise = np.random.default_rng(1).normal(size=4)
    report = compare_gradients(loss, gradients | {W2: 20 * gradients[W2], b1: noise})
    assert [row.name for row in report if not row.agrees] == ["b1", "W2"]
    (explanation,) = report.explanations
    assert explanation.explained == ["W2"]
    assert explanation.mistakes[0].factor == pytest.approx(20)
    assert "db1 is wrong too, and nothing explains that" in explanation.sentence


def test_a_factor_of_one_gradient_is_said_whatever_the_time():
    loss, gradients = two_layers(epsilon=1e-8)
    _, b1, W2, _ = gradients
    noise = np.random.default_rng(1).normal(size=4)
    report = compare_gradients(loss, gradients | {W2: 20 * gradients[W2], b1: noise}, seconds=0)
    (explanation,) = report.explanations
    assert explanation.explained == ["W2"]
    assert "a factor of 20 too many" in explanation.sentence


def test_a_temperature_is_no_learning_rate():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), np.eye(4)[rng.integers(4, size=6)]
    W = parameter(rng.normal(size=(3, 4)), "W")
    loss = -(Y * np.log(softmax(X @ W / 0.1, axis=1))).sum()
    p = softmax(X @ W.data / 0.1, axis=1)
    for wrong in (1.0, 0.1**-2):
        sentence = first(compare_gradients(loss, {W: wrong * X.T @ (p - Y)}))
        assert "0.1" in sentence
        assert "learning rate" not in sentence


def test_a_mean_over_several_axes_is_said_with_their_lengths():
    rng = np.random.default_rng(0)
    x, K = rng.normal(size=(3, 4, 4)), parameter(rng.normal(size=(4, 4)), "K")
    loss = (np.tanh(x * K) ** 2).mean()
    a = np.tanh(x * K.data)
    sentence = first(compare_gradients(loss, {K: (2 * a * (1 - a**2) * x).sum(axis=0)}))
    assert "1/48 is missing" in sentence
    assert "3·4·4 positions" in sentence or "48 entries" in sentence


def test_the_sign_of_a_penalty_is_said_of_the_penalty():
    rng = np.random.default_rng(0)
    u, v = parameter(rng.normal(size=4), "u"), parameter(rng.normal(size=4), "v")
    loss = -np.log(sigmoid(u @ v)) + 0.05 * (u @ u + v @ v)
    s = sigmoid(-(u.data @ v.data))
    manual = {u: -s * v.data - 0.1 * u.data, v: -s * u.data - 0.1 * v.data}
    sentence = first(compare_gradients(loss, manual))
    assert "sign of the penalty" in sentence
    assert "dloss to dloss" not in sentence


def test_the_line_that_sets_the_variable_is_named():
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(5, 3)), parameter(rng.normal(size=(3, 2)), "W")
    z = X @ W
    activated = np.tanh(z)
    loss = (activated**2).sum()
    report = compare_gradients(loss, {W: X.T @ (2 * activated.data)})
    mistake = report.explanations[0].mistakes[0]
    assert mistake.source.startswith(f"{__file__}, line ")
    assert mistake.operation == "tanh"


# How long it takes


def recurrent(steps, mistake):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(steps, 2, 4)), rng.normal(size=(2, 4))
    W, U = parameter(rng.normal(size=(4, 4)) * 0.4, "W"), parameter(np.eye(4) * 0.9, "U")
    H = [np.zeros((2, 4))]
    for x in X:
        H.append(np.tanh(x @ W + H[-1] @ U))
    loss = sum(((h - y) ** 2).sum() for h in H[1:])
    values = [H[0], *(h.data for h in H[1:])]
    dW, dU, carried = 0, 0, 0
    for t in range(steps, 0, -1):
        dz = (2 * (values[t] - y) + carried) * (1 - values[t] ** 2)
        dW, dU = dW + X[t - 1].T @ dz, dU + values[t - 1].T @ dz
        carried = 0 * dz if mistake == "not carried" else dz @ U.data.T
    if mistake == "noise":
        dU = rng.normal(size=(4, 4))
    return loss, {W: dW, U: dU}


@pytest.mark.parametrize("steps", [20, pytest.param(60, marks=pytest.mark.exhaustive)])
def test_the_same_mistake_in_all_steps_of_a_long_loop_is_named_once(steps):
    loss, manual = recurrent(steps, "not carried")
    sentence = first(compare_gradients(loss, manual))
    assert f"in all {steps - 1} steps" in sentence
    assert "left out" in sentence
    assert len(sentence) < 600


def test_the_search_ends_when_its_seconds_are_over():
    loss, manual = recurrent(200, "noise")
    start = time.process_time()
    report = compare_gradients(loss, manual, seconds=0.2)
    assert not report
    assert report.explanations == []
    assert time.process_time() - start < 10


def test_a_large_layer_is_searched_within_the_budget():
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(16, 600)), parameter(rng.normal(size=(600, 600)) / 24, "W")
    b = parameter(np.zeros(600), "b")
    a = np.tanh(X @ W + b)
    loss = (a**2).mean()
    d = 2 * a.data / a.size
    sentence = first(compare_gradients(loss, {W: X.T @ d, b: d.sum(axis=0)}, seconds=30))
    assert "tanh is forgotten" in sentence


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_search_says_on_a_terminal_how_long_it_takes_and_takes_the_line_away(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("autograd_lite.forensics.search.DELAY", 0.0)
    W = Tensor([[0.5, 0.3]], requires_grad=True, name="W")
    assert not compare_gradients((W**2).sum(), {W: W.data})
    written = sys.stderr.getvalue()
    assert "of 5.0 s" in written
    assert written.endswith("\r")


def test_a_search_says_nothing_where_there_is_no_terminal(capsys):
    W = Tensor([[0.5, 0.3]], requires_grad=True, name="W")
    assert not compare_gradients((W**2).sum(), {W: W.data})
    assert capsys.readouterr().err == ""
