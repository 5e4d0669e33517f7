"""The three mistakes that are in the tutorials' own code, named from its formulas."""

import numpy as np
import pytest
from by_hand import relu, relu_slope, sigmoid, sigmoid_slope, softmax
from recorded import named, parameters

from autograd_lite import compare_gradients
from autograd_lite import relu as relu_of
from autograd_lite import sigmoid as sigmoid_of
from autograd_lite import softmax as softmax_of


def diagnosis(loss, manual):
    """The first explanation of gradients that are wrong, and its only mistake."""
    report = compare_gradients(loss, manual)
    assert not report
    explanation = report.explanations[0]
    (mistake,) = explanation.mistakes
    assert " ".join(explanation.sentence.split()) in " ".join(str(report).split())
    return explanation, mistake


# 1 (E6): the helper x (1 - x), meant for an activation, is called with the pre-activation

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


def xor_weights():
    np.random.seed(42)
    return {"W1": np.random.uniform(size=(2, 2)), "W2": np.random.uniform(size=(2, 1))}


def xor_tensors(arrays):
    t = parameters(arrays, ["W1", "W2"])
    t["z1"] = named(X @ t["W1"], "z1")
    t["a1"] = named(sigmoid_of(t["z1"]), "a1")
    t["z2"] = named(t["a1"] @ t["W2"], "z2")
    t["a2"] = named(sigmoid_of(t["z2"]), "a2")
    return t, 0.5 * ((Y - t["a2"]) ** 2).sum()


def slope_by_value(x):
    return x * (1 - x)


def xor_gradients(W1, W2, hidden_slope_at):
    z1 = X @ W1
    a1 = sigmoid(z1)
    a2 = sigmoid(a1 @ W2)
    d2 = (a2 - Y) * slope_by_value(a2)
    d1 = d2 @ W2.T * slope_by_value({"z1": z1, "a1": a1}[hidden_slope_at])
    return {"W1": X.T @ d1, "W2": a1.T @ d2}


def test_mistake_1_the_slope_at_the_pre_activation_is_named():
    arrays = xor_weights()
    t, loss = xor_tensors(arrays)
    manual = xor_gradients(**arrays, hidden_slope_at="z1")
    assert manual["W1"][0, 0] == pytest.approx(-0.0066, abs=5e-5)
    explanation, mistake = diagnosis(loss, {t[name]: g for name, g in manual.items()})
    assert (mistake.kind, mistake.tensor, mistake.operation) == ("wrong place", "z1", "sigmoid")
    assert explanation.error < 1e-9
    assert "W1" in explanation.explained
    assert "z1" in mistake.used
    assert "a1" in mistake.right
    for word in ("sigmoid", "z1", "a1"):
        assert word in explanation.sentence


def test_mistake_1_is_not_seen_in_the_right_line():
    arrays = xor_weights()
    t, loss = xor_tensors(arrays)
    manual = xor_gradients(**arrays, hidden_slope_at="a1")
    report = compare_gradients(loss, {t[name]: g for name, g in manual.items()})
    assert report
    assert report.explanations == []


# 2 (C10): (p - y) / n, the derivative in the logits, is multiplied by the activation's derivative


def classifier(output, targets, seed=3):
    """[3, 4, k], ReLU then softmax or sigmoid, samples in columns, with its cross-entropy."""
    rng = np.random.default_rng(seed)
    k = len(targets)
    v = {"X": rng.normal(size=(3, targets.shape[1])), "Y": targets}
    v |= {"W1": rng.normal(size=(4, 3)), "b1": rng.normal(size=(4, 1)) * 0.1}
    v |= {"W2": rng.normal(size=(k, 4)), "b2": rng.normal(size=(k, 1)) * 0.1}
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["z1"] = named(t["W1"] @ v["X"] + t["b1"], "z1")
    t["a1"] = named(relu_of(t["z1"]), "a1")
    t["z2"] = named(t["W2"] @ t["a1"] + t["b2"], "z2")
    p = softmax_of(t["z2"], axis=0) if output == "softmax" else sigmoid_of(t["z2"])
    t["a2"] = named(p, "a2")
    n = targets.shape[1]
    loss = -(targets * np.log(p)).sum() / n
    if output == "sigmoid":
        loss = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum() / n
    return v, t, loss


def classifier_gradients(v, output, slope):
    """With dz2 = (p - y)/n * slope(z2, p), as the code has it."""
    n = v["X"].shape[1]
    z1 = v["W1"] @ v["X"] + v["b1"]
    a1 = relu(z1)
    z2 = v["W2"] @ a1 + v["b2"]
    p = softmax(z2, axis=0) if output == "softmax" else sigmoid(z2)
    d2 = (p - v["Y"]) / n * slope(z2, p)
    d1 = v["W2"].T @ d2 * relu_slope(z1)
    return {
        "W1": d1 @ v["X"].T,
        "b1": d1.sum(axis=1, keepdims=True),
        "W2": d2 @ a1.T,
        "b2": d2.sum(axis=1, keepdims=True),
    }


THREE_CLASSES = np.eye(3)[:, [0, 2, 1, 1, 0]]
TWO_CLASSES = np.array([[1.0, 0.0, 1.0, 1.0, 0.0]])


def test_mistake_2_the_softmax_shortcut_times_the_derivative_again_is_named():
    v, t, loss = classifier("softmax", THREE_CLASSES)
    manual = classifier_gradients(v, "softmax", lambda z, p: p * (1 - p))
    explanation, mistake = diagnosis(loss, {t[name]: g for name, g in manual.items()})
    assert mistake.kind == "derivative twice"
    assert mistake.tensor == "z2"
    assert explanation.error < 1e-9
    assert "z2" in explanation.sentence
    assert "softmax" in explanation.sentence


def test_mistake_2_the_sigmoid_shortcut_times_the_derivative_again_is_named():
    v, t, loss = classifier("sigmoid", TWO_CLASSES)
    manual = classifier_gradients(v, "sigmoid", lambda z, p: sigmoid_slope(z))
    explanation, mistake = diagnosis(loss, {t[name]: g for name, g in manual.items()})
    # The derivative of half the squares gives the same numbers.
    assert (mistake.kind, mistake.tensor) in [("derivative twice", "z2"), ("another loss", "a2")]
    assert explanation.error < 1e-9
    assert mistake.tensor in explanation.sentence


def test_mistake_2_is_not_seen_in_the_shortcut_alone():
    v, t, loss = classifier("softmax", THREE_CLASSES)
    manual = classifier_gradients(v, "softmax", lambda z, p: 1)
    report = compare_gradients(loss, {t[name]: g for name, g in manual.items()})
    assert report
    assert report.explanations == []


# 3 (C11): the layer divides by the batch size what the loss's derivative has divided already


def mean_squares(seed=5, m=8):
    """[2, 4, 1], ReLU then sigmoid, samples in columns, mean of the squares."""
    rng = np.random.default_rng(seed)
    v = {"X": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, (1, m)).astype(float)}
    v |= {"W1": rng.normal(size=(4, 2)), "b1": rng.normal(size=(4, 1)) * 0.1}
    v |= {"W2": rng.normal(size=(1, 4)), "b2": rng.normal(size=(1, 1)) * 0.1}
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["z1"] = named(t["W1"] @ v["X"] + t["b1"], "z1")
    t["a1"] = named(relu_of(t["z1"]), "a1")
    t["z2"] = named(t["W2"] @ t["a1"] + t["b2"], "z2")
    t["a2"] = named(sigmoid_of(t["z2"]), "a2")
    return v, t, ((v["Y"] - t["a2"]) ** 2).mean()


def mean_squares_gradients(v, layers_divide_too):
    m = v["X"].shape[1]
    z1 = v["W1"] @ v["X"] + v["b1"]
    a1 = relu(z1)
    z2 = v["W2"] @ a1 + v["b2"]
    over = m if layers_divide_too else 1
    d2 = 2 * (sigmoid(z2) - v["Y"]) / v["Y"].size * sigmoid_slope(z2)
    d1 = v["W2"].T @ d2 * relu_slope(z1)
    return {
        "z1": d1,
        "z2": d2,
        "W1": d1 @ v["X"].T / over,
        "b1": d1.sum(axis=1, keepdims=True) / over,
        "W2": d2 @ a1.T / over,
        "b2": d2.sum(axis=1, keepdims=True) / over,
    }


def test_mistake_3_the_second_division_by_the_batch_size_is_named():
    v, t, loss = mean_squares()
    manual = mean_squares_gradients(v, layers_divide_too=True)
    names = ["W1", "b1", "W2", "b2"]
    explanation, mistake = diagnosis(loss, {t[name]: manual[name] for name in names})
    assert mistake.kind == "factor"
    assert mistake.factor == pytest.approx(1 / 8)
    assert explanation.error < 1e-9
    assert "divided by 8" in explanation.sentence


def test_mistake_3_is_placed_after_the_deltas_where_those_are_handed_in_too():
    v, t, loss = mean_squares()
    manual = mean_squares_gradients(v, layers_divide_too=True)
    report = compare_gradients(loss, {t[name]: g for name, g in manual.items()})
    assert [row.name for row in report if row.agrees] == ["z1", "z2"]
    mistakes = report.explanations[0].mistakes
    assert {mistake.kind for mistake in mistakes} == {"factor"}
    assert {mistake.tensor for mistake in mistakes} <= {"W1", "b1", "W2", "b2"}
    assert all(mistake.factor == pytest.approx(1 / 8) for mistake in mistakes)


def test_mistake_3_is_not_seen_where_only_the_loss_divides():
    v, t, loss = mean_squares()
    manual = mean_squares_gradients(v, layers_divide_too=False)
    assert compare_gradients(loss, {t[name]: g for name, g in manual.items()})
