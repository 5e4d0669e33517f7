"""Losses: values and gradients against their formulas, and the shapes that they refuse."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import (
    AutogradError,
    Tensor,
    gradcheck,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

RNG = np.random.default_rng(0)
PREDICTIONS = RNG.normal(size=(6, 4))
TARGETS = RNG.normal(size=(6, 4))
PROBABILITIES = RNG.uniform(0.05, 0.95, size=(6, 4))
BINARY = RNG.integers(0, 2, size=(6, 4)).astype(float)
SOFT = RNG.uniform(size=(6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])
ONE_HOT = np.eye(4)[LABELS]


def sigma(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def binary(p, t):
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def cross(z, t):
    return -np.sum(t * np.log(softmax(z))) / len(z)


def binary_slope(p, t):
    return (p - t) / (p * (1 - p)) / p.size


FORMULAS = {
    "MSE": (
        nn.MSELoss(),
        PREDICTIONS,
        TARGETS,
        np.mean((PREDICTIONS - TARGETS) ** 2),
        2 * (PREDICTIONS - TARGETS) / 24,
    ),
    "MAE": (
        nn.MAELoss(),
        PREDICTIONS,
        TARGETS,
        np.mean(np.abs(PREDICTIONS - TARGETS)),
        np.sign(PREDICTIONS - TARGETS) / 24,
    ),
    "BCE": (
        nn.BCELoss(),
        PROBABILITIES,
        BINARY,
        binary(PROBABILITIES, BINARY),
        binary_slope(PROBABILITIES, BINARY),
    ),
    "BCE, soft targets": (
        nn.BCELoss(),
        PROBABILITIES,
        SOFT,
        binary(PROBABILITIES, SOFT),
        binary_slope(PROBABILITIES, SOFT),
    ),
    "BCE with logits": (
        nn.BCEWithLogitsLoss(),
        PREDICTIONS,
        BINARY,
        binary(sigma(PREDICTIONS), BINARY),
        (sigma(PREDICTIONS) - BINARY) / 24,
    ),
    "sigmoid_cross_entropy": (
        sigmoid_cross_entropy,
        PREDICTIONS,
        SOFT,
        binary(sigma(PREDICTIONS), SOFT),
        (sigma(PREDICTIONS) - SOFT) / 24,
    ),
    "cross-entropy of labels": (
        nn.CrossEntropyLoss(),
        PREDICTIONS,
        LABELS,
        cross(PREDICTIONS, ONE_HOT),
        (softmax(PREDICTIONS) - ONE_HOT) / 6,
    ),
    "cross-entropy of one-hot rows": (
        nn.CrossEntropyLoss(),
        PREDICTIONS,
        ONE_HOT,
        cross(PREDICTIONS, ONE_HOT),
        (softmax(PREDICTIONS) - ONE_HOT) / 6,
    ),
    "softmax_cross_entropy": (
        softmax_cross_entropy,
        PREDICTIONS,
        LABELS,
        cross(PREDICTIONS, ONE_HOT),
        (softmax(PREDICTIONS) - ONE_HOT) / 6,
    ),
}
EVERY = looped("name", FORMULAS)


@EVERY
def test_value_and_gradient_follow_the_formula(name):
    loss, z, targets, value, slope = FORMULAS[name]
    x = Tensor(z, requires_grad=True)
    result = loss(x, targets)
    result.backward()
    assert result.shape == ()
    assert result.item() == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(x.grad, slope, rtol=1e-12, atol=1e-15)


@EVERY
def test_gradients_are_right_to_second_order(name):
    loss, z, targets, *_ = FORMULAS[name]
    assert gradcheck(lambda x: loss(x, targets), z, order=2)


@EVERY
def test_targets_may_be_tensors(name):
    loss, z, targets, value, _ = FORMULAS[name]
    assert loss(Tensor(z), Tensor(targets)).item() == pytest.approx(value, rel=1e-12)


def test_absolute_error_has_slope_zero_where_the_prediction_is_exact():
    x = Tensor([1.0, 2.0], requires_grad=True)
    nn.MAELoss()(x, np.array([1.0, 0.0])).backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.5])


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint64])
def test_labels_of_any_integer_dtype(dtype):
    loss = nn.CrossEntropyLoss()(Tensor(PREDICTIONS), LABELS.astype(dtype))
    assert loss.item() == pytest.approx(cross(PREDICTIONS, ONE_HOT), rel=1e-12)


ELEMENTWISE = {
    "MSE": (nn.MSELoss(), PREDICTIONS),
    "MAE": (nn.MAELoss(), PREDICTIONS),
    "BCE": (nn.BCELoss(), PROBABILITIES),
    "BCE with logits": (nn.BCEWithLogitsLoss(), PREDICTIONS),
}
SHAPES = [
    ((6,), (6, 1)),
    ((6, 1), (6,)),
    ((6, 4), (4,)),
    ((6, 4), (6, 1)),
    ((6, 4), (4, 6)),
    ((6,), ()),
    ((1, 6), (6, 1)),
    ((6, 1), (6, 1, 1)),
]


@looped("name", ELEMENTWISE)
@looped("shapes", SHAPES, ids=str)
def test_shapes_that_would_broadcast_or_differ_are_refused_with_both(name, shapes):
    loss, _ = ELEMENTWISE[name]
    predictions, targets = (np.full(shape, 0.5) for shape in shapes)
    with pytest.raises(AutogradError) as caught:
        loss(Tensor(predictions, requires_grad=True), targets)
    for shape in shapes:
        assert str(shape) in str(caught.value)
    assert type(loss).__name__ in str(caught.value)


@looped("shapes", SHAPES, ids=str)
def test_the_fused_loss_refuses_shapes_that_would_broadcast_as_well(shapes):
    logits, targets = (np.full(shape, 0.5) for shape in shapes)
    with pytest.raises(AutogradError, match="sigmoid_cross_entropy"):
        sigmoid_cross_entropy(Tensor(logits, requires_grad=True), targets)


@looped("loss", [nn.CrossEntropyLoss(), softmax_cross_entropy])
@looped("bad", [-1, -4, 4, 100])
@looped("requires_grad", [True, False])
def test_labels_out_of_range_are_refused(loss, bad, requires_grad):
    labels = LABELS.copy()
    labels[2] = bad
    with pytest.raises(AutogradError, match=str(bad)):
        loss(Tensor(PREDICTIONS, requires_grad=requires_grad), labels)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:5],
        LABELS.reshape(6, 1),
        LABELS.reshape(1, 6),
        ONE_HOT[:, :3],
        ONE_HOT.T,
        LABELS.astype(float),
        np.array(["a"] * 6),
    ],
    ids=["too few", "column", "row", "too few classes", "transposed", "floats", "text"],
)
def test_labels_of_the_wrong_kind_are_refused(labels):
    with pytest.raises(AutogradError, match=r"\(6, 4\)"):
        nn.CrossEntropyLoss()(Tensor(PREDICTIONS, requires_grad=True), labels)


def test_probabilities_outside_of_zero_to_one_are_refused():
    for wrong in (-0.1, 1.5):
        with pytest.raises(AutogradError, match="BCEWithLogits"):
            nn.BCELoss()(Tensor([0.5, wrong], requires_grad=True), np.array([0.0, 1.0]))


@looped("name", FORMULAS)
def test_a_loss_keeps_float32(name):
    loss, z, targets, value, slope = FORMULAS[name]
    if targets.dtype == np.float64:
        targets = targets.astype(np.float32)
    x = Tensor(z.astype(np.float32), requires_grad=True)
    result = loss(x, targets)
    result.backward()
    assert result.dtype == x.grad.dtype == np.float32
    assert result.item() == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(x.grad, slope, rtol=1e-4, atol=1e-6)
