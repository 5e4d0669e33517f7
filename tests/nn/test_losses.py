"""Losses against their formulas in NumPy: reductions, weights, smoothing."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor, gradcheck
from nn.losses.loss import binary_cross_entropies, bounded_log

RNG = np.random.default_rng(0)
N, CLASSES = 6, 4
PREDICTIONS = RNG.normal(size=(N, CLASSES))
TARGETS = RNG.normal(size=(N, CLASSES))
PROBABILITIES = RNG.uniform(0.05, 0.95, size=(N, CLASSES))
BINARY = RNG.integers(0, 2, size=(N, CLASSES)).astype(float)
SIGNS = 2 * BINARY - 1
LABELS = np.array([0, 3, 1, 1, 2, 0])
ONE_HOT = np.eye(CLASSES)[LABELS]
ROWS = RNG.dirichlet(np.ones(CLASSES), size=N)
WEIGHT = np.array([0.5, 1.0, 2.0, 3.0])
ERRORS = PREDICTIONS - TARGETS


def sigma(z):
    return 1 / (1 + np.exp(-z))


def log_softmax(z):
    return z - np.log(np.exp(z).sum(1, keepdims=True))


SOFTMAX = np.exp(log_softmax(PREDICTIONS))
LOG_P = log_softmax(PREDICTIONS)


def binary(p, t, w=1.0):
    """Entries of binary cross-entropy, and their derivatives in p."""
    return -(w * t * np.log(p) + (1 - t) * np.log(1 - p)), -w * t / p + (1 - t) / (1 - p)


def from_logits(p_slope):
    """The same with derivatives in the logits."""
    losses, slopes = p_slope
    p = sigma(PREDICTIONS)
    return losses, slopes * p * (1 - p)


# For each loss: the losses before reduction, and the derivative of their sum.
ENTRIES = {
    "mse": (nn.MSELoss, {}, PREDICTIONS, TARGETS, ERRORS**2, 2 * ERRORS),
    "mae": (nn.MAELoss, {}, PREDICTIONS, TARGETS, np.abs(ERRORS), np.sign(ERRORS)),
    "half squared": (
        nn.HalfSquaredErrorLoss,
        {},
        PREDICTIONS,
        TARGETS,
        (ERRORS**2).sum(1) / 2,
        ERRORS,
    ),
    "huber": (
        nn.HuberLoss,
        {},
        PREDICTIONS,
        TARGETS,
        np.where(np.abs(ERRORS) <= 1, ERRORS**2 / 2, np.abs(ERRORS) - 0.5),
        np.clip(ERRORS, -1, 1),
    ),
    "huber 0.3": (
        nn.HuberLoss,
        {"delta": 0.3},
        PREDICTIONS,
        TARGETS,
        np.where(np.abs(ERRORS) <= 0.3, ERRORS**2 / 2, 0.3 * (np.abs(ERRORS) - 0.15)),
        np.clip(ERRORS, -0.3, 0.3),
    ),
    "hinge": (
        nn.HingeLoss,
        {},
        PREDICTIONS,
        SIGNS,
        np.maximum(0, 1 - SIGNS * PREDICTIONS),
        np.where(SIGNS * PREDICTIONS < 1, -SIGNS, 0),
    ),
    "bce": (nn.BCELoss, {}, PROBABILITIES, BINARY, *binary(PROBABILITIES, BINARY)),
    "bce soft": (nn.BCELoss, {}, PROBABILITIES, ROWS, *binary(PROBABILITIES, ROWS)),
    "bce epsilon": (
        nn.BCELoss,
        {"epsilon": 0.01},
        PROBABILITIES,
        BINARY,
        -(BINARY * np.log(PROBABILITIES + 0.01) + (1 - BINARY) * np.log(1.01 - PROBABILITIES)),
        -BINARY / (PROBABILITIES + 0.01) + (1 - BINARY) / (1.01 - PROBABILITIES),
    ),
    "bce weighted": (
        nn.BCELoss,
        {"pos_weight": 3},
        PROBABILITIES,
        ROWS,
        *binary(PROBABILITIES, ROWS, 3.0),
    ),
    "bce smoothed": (
        nn.BCELoss,
        {"label_smoothing": 0.2},
        PROBABILITIES,
        BINARY,
        *binary(PROBABILITIES, 0.8 * BINARY + 0.1),
    ),
    "logits": (
        nn.BCEWithLogitsLoss,
        {},
        PREDICTIONS,
        BINARY,
        *from_logits(binary(sigma(PREDICTIONS), BINARY)),
    ),
    "logits weighted and smoothed": (
        nn.BCEWithLogitsLoss,
        {"pos_weight": WEIGHT, "label_smoothing": 0.2},
        PREDICTIONS,
        BINARY,
        *from_logits(binary(sigma(PREDICTIONS), 0.8 * BINARY + 0.1, WEIGHT)),
    ),
    "cross-entropy": (
        nn.CrossEntropyLoss,
        {},
        PREDICTIONS,
        LABELS,
        -(ONE_HOT * LOG_P).sum(1),
        SOFTMAX - ONE_HOT,
    ),
    "cross-entropy of rows": (
        nn.CrossEntropyLoss,
        {},
        PREDICTIONS,
        ROWS,
        -(ROWS * LOG_P).sum(1),
        SOFTMAX - ROWS,
    ),
    "cross-entropy of rows, weighted": (
        nn.CrossEntropyLoss,
        {"weight": WEIGHT},
        PREDICTIONS,
        ROWS,
        -(WEIGHT * ROWS * LOG_P).sum(1),
        SOFTMAX * (WEIGHT * ROWS).sum(1, keepdims=True) - WEIGHT * ROWS,
    ),
    "cross-entropy smoothed": (
        nn.CrossEntropyLoss,
        {"label_smoothing": 0.2},
        PREDICTIONS,
        LABELS,
        -((0.8 * ONE_HOT + 0.05) * LOG_P).sum(1),
        SOFTMAX - (0.8 * ONE_HOT + 0.05),
    ),
    "categorical": (
        nn.CategoricalCrossEntropyLoss,
        {},
        SOFTMAX,
        LABELS,
        -(ONE_HOT * LOG_P).sum(1),
        -ONE_HOT / SOFTMAX,
    ),
    "categorical rows, epsilon": (
        nn.CategoricalCrossEntropyLoss,
        {"epsilon": 0.01},
        SOFTMAX,
        ROWS,
        -(ROWS * np.log(SOFTMAX + 0.01)).sum(1),
        -ROWS / (SOFTMAX + 0.01),
    ),
    "nll": (nn.NLLLoss, {}, LOG_P, LABELS, -(ONE_HOT * LOG_P).sum(1), -ONE_HOT),
    "kl": (nn.KLDivLoss, {}, LOG_P, ROWS, ROWS * (np.log(ROWS) - LOG_P), -ROWS),
    "kl of one-hot": (nn.KLDivLoss, {}, LOG_P, ONE_HOT, -ONE_HOT * LOG_P, -ONE_HOT),
}
EVERY = looped("name", ENTRIES)


@EVERY
@looped("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_follow_the_formula_in_every_reduction(name, reduction):
    loss, options, predictions, targets, losses, slope = ENTRIES[name]
    x = Tensor(predictions, requires_grad=True)
    result = loss(**options, reduction=reduction)(x, targets)
    result.sum().backward()
    expected = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.data, expected, rtol=1e-12, atol=1e-15)
    count = losses.size if reduction == "mean" else 1
    np.testing.assert_allclose(x.grad, slope / count, rtol=1e-12, atol=1e-14)


@EVERY
@looped("reduction", ["mean", "none"])
def test_gradients_are_right_to_second_order(name, reduction):
    loss, options, predictions, targets, *_ = ENTRIES[name]
    loss = loss(**options, reduction=reduction)
    # Inside of the differences, no probability is out of its range.
    assert gradcheck(lambda x: loss(x, targets), predictions, order=2)


@EVERY
@looped("reduction", ["mean", "sum", "none"])
def test_float32_stays_float32_whatever_the_targets_are(name, reduction):
    loss, options, predictions, targets, *_ = ENTRIES[name]
    x = Tensor(predictions.astype(np.float32), requires_grad=True)
    result = loss(**options, reduction=reduction)(x, targets)
    result.sum().backward()
    assert result.dtype == x.grad.dtype == np.float32


@EVERY
def test_targets_may_be_tensors_or_lists(name):
    loss, options, predictions, targets, *_ = ENTRIES[name]
    loss = loss(**options)
    expected = loss(Tensor(predictions), targets).item()
    assert loss(Tensor(predictions), Tensor(targets)).item() == expected
    assert loss(Tensor(predictions), targets.tolist()).item() == expected
    assert loss(predictions, targets) == expected


@pytest.mark.parametrize(
    ("loss", "predictions"),
    [
        (nn.CrossEntropyLoss, PREDICTIONS),
        (nn.CategoricalCrossEntropyLoss, SOFTMAX),
        (nn.NLLLoss, LOG_P),
    ],
)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_weighted_losses_of_labels_are_averaged_by_the_labels_weights(loss, predictions, smoothing):
    options = {"weight": WEIGHT, "label_smoothing": smoothing}
    rows = (1 - smoothing) * ONE_HOT + smoothing / CLASSES
    losses = -(WEIGHT * rows * LOG_P).sum(1)
    total = loss(**options, reduction="sum")(Tensor(predictions), LABELS)
    mean = loss(**options)(Tensor(predictions), LABELS)
    assert total.item() == pytest.approx(losses.sum(), rel=1e-12)
    assert mean.item() == pytest.approx(losses.sum() / WEIGHT[LABELS].sum(), rel=1e-12)


WEIGHTS = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.5])


@EVERY
@looped("reduction", ["mean", "sum", "none"])
def test_weights_of_samples_multiply_their_losses_before_the_reduction(name, reduction):
    loss, options, predictions, targets, losses, slope = ENTRIES[name]
    weights = WEIGHTS if losses.ndim == 1 else WEIGHTS[:, None]
    x = Tensor(predictions, requires_grad=True)
    result = loss(**options, reduction=reduction)(x, targets, weights=WEIGHTS)
    result.sum().backward()
    expected = weights * losses
    expected = {"mean": expected.mean(), "sum": expected.sum(), "none": expected}[reduction]
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.data, expected, rtol=1e-12, atol=1e-15)
    count = losses.size if reduction == "mean" else 1
    np.testing.assert_allclose(x.grad, WEIGHTS[:, None] * slope / count, rtol=1e-12, atol=1e-14)


@EVERY
@looped("ones", [np.ones(N), [1] * N, np.ones(N, bool), Tensor(np.ones(N))])
def test_weights_of_1_leave_a_loss_and_its_dtype_as_they_are(name, ones):
    loss, options, predictions, targets, *_ = ENTRIES[name]
    loss, predictions = loss(**options), predictions.astype(np.float32)
    result = loss(Tensor(predictions), targets, ones)
    assert result.dtype == np.float32
    assert result.item() == pytest.approx(loss(Tensor(predictions), targets).item(), rel=1e-6)


def test_weights_have_a_gradient_where_they_are_learned():
    weights = Tensor(WEIGHTS, requires_grad=True)
    nn.MSELoss()(Tensor(PREDICTIONS), TARGETS, weights).backward()
    np.testing.assert_allclose(weights.grad, (ERRORS**2).sum(1) / ERRORS.size, rtol=1e-12)


def test_a_root_mean_square_is_that_of_weighted_squares():
    x = Tensor(PREDICTIONS, requires_grad=True)
    result = nn.RMSELoss()(x, TARGETS, WEIGHTS)
    result.backward()
    value = np.sqrt(np.mean(WEIGHTS[:, None] * ERRORS**2))
    assert result.item() == pytest.approx(value, rel=1e-12)
    slope = WEIGHTS[:, None] * ERRORS / (ERRORS.size * value)
    np.testing.assert_allclose(x.grad, slope, rtol=1e-12)
    x.zero_grad()
    nn.RMSELoss()(x, TARGETS, 0 * WEIGHTS).backward()
    np.testing.assert_array_equal(x.grad, 0 * ERRORS)


def test_weighted_losses_of_labels_are_averaged_by_the_weights_of_classes_alone():
    losses = -(ONE_HOT * LOG_P).sum(1)
    result = nn.CrossEntropyLoss(weight=WEIGHT)(Tensor(PREDICTIONS), LABELS, WEIGHTS)
    expected = (WEIGHTS * WEIGHT[LABELS] * losses).sum() / WEIGHT[LABELS].sum()
    assert result.item() == pytest.approx(expected, rel=1e-12)


def test_equal_weights_change_nothing():
    plain = nn.CrossEntropyLoss()(Tensor(PREDICTIONS), LABELS).item()
    weighted = nn.CrossEntropyLoss(weight=[2, 2, 2, 2])(Tensor(PREDICTIONS), LABELS).item()
    assert weighted == pytest.approx(plain, rel=1e-13)


def test_root_mean_squared_error_is_the_root_of_the_mean():
    x = Tensor(PREDICTIONS, requires_grad=True)
    result = nn.RMSELoss()(x, TARGETS)
    result.backward()
    value = np.sqrt(np.mean(ERRORS**2))
    assert result.item() == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(x.grad, ERRORS / (ERRORS.size * value), rtol=1e-12)
    assert gradcheck(lambda x: nn.RMSELoss()(x, TARGETS), PREDICTIONS, order=2)


@looped("loss", [nn.MSELoss, nn.MAELoss, nn.RMSELoss, nn.HuberLoss, nn.HalfSquaredErrorLoss])
def test_exact_predictions_have_loss_and_slope_zero(loss):
    x = Tensor([1.0, 2.0], requires_grad=True)
    result = loss()(x, np.array([1.0, 2.0]))
    result.backward()
    assert result.item() == 0
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_kl_divergence_by_batchmean_is_the_mean_divergence_and_zero_between_equals():
    divergences = (ROWS * (np.log(ROWS) - LOG_P)).sum(1)
    loss = nn.KLDivLoss(reduction="batchmean")
    assert loss(Tensor(LOG_P), ROWS).item() == pytest.approx(divergences.mean(), rel=1e-12)
    assert loss(Tensor(np.log(ROWS)), ROWS).item() == pytest.approx(0, abs=1e-15)


def test_kl_divergence_has_a_gradient_in_the_targets_as_well():
    targets = Tensor(ROWS, requires_grad=True)
    nn.KLDivLoss(reduction="sum")(Tensor(LOG_P), targets).backward()
    np.testing.assert_allclose(targets.grad, np.log(ROWS) + 1 - LOG_P, rtol=1e-12)


def test_worked_numbers_of_the_tutorial():
    y = np.array([1, 0, 1, 1, 0])
    p = Tensor([0.9, 0.2, 0.8, 0.6, 0.1])
    three = Tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert nn.MSELoss()(p, y).item() == pytest.approx(0.052, rel=1e-12)
    assert nn.MAELoss()(p, y).item() == pytest.approx(0.2, rel=1e-12)
    for epsilon in (0.0, 1e-8):
        assert nn.BCELoss(epsilon=epsilon)(p, y).item() == pytest.approx(0.233567, abs=5e-7)
        categorical = nn.CategoricalCrossEntropyLoss(epsilon=epsilon)
        assert categorical(three, np.array([0, 1, 2])).item() == pytest.approx(0.267654, abs=5e-7)
        assert categorical(three, np.eye(3)).item() == pytest.approx(0.267654, abs=5e-7)
    exact = -np.mean(y * np.log(p.data + 1e-8) + (1 - y) * np.log(1 - p.data + 1e-8))
    assert nn.BCELoss(epsilon=1e-8)(p, y).item() == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pos_weight", [None, 2.0])
def test_probabilities_0_and_1_have_finite_losses_and_gradients(reduction, pos_weight):
    p = Tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = nn.BCELoss(reduction=reduction, pos_weight=pos_weight)
    result = loss(p, np.array([1.0, 0.0, 0.0, 1.0]))
    result.sum().backward()
    assert np.all(np.isfinite(result.data))
    assert np.all(np.isfinite(p.grad))


def test_a_class_of_probability_zero_costs_100_and_with_epsilon_its_logarithm():
    p, labels = Tensor([[0.0, 1.0]], requires_grad=True), np.array([0])
    result = nn.CategoricalCrossEntropyLoss()(p, labels)
    result.backward()
    assert result.item() == 100
    np.testing.assert_allclose(p.grad, [[-1e12, 0]], rtol=1e-15)
    result = nn.CategoricalCrossEntropyLoss(epsilon=1e-8)(p, labels)
    assert result.item() == pytest.approx(-np.log(1e-8), rel=1e-12)


@looped("options", [{}, {"reduction": "sum"}, {"weight": [1.0, 2.0]}])
def test_a_class_that_is_excluded_by_its_logit_costs_the_others_nothing(options):
    z = Tensor([[-np.inf, 0.0]], requires_grad=True)
    result = nn.CrossEntropyLoss(**options)(z, np.array([1]))
    result.backward()
    assert result.item() == 0
    np.testing.assert_array_equal(z.grad, [[0.0, 0.0]])


def test_the_rows_of_the_table_that_losses_add_are_right_to_second_order():
    assert gradcheck(bounded_log, PROBABILITIES, order=2)
    assert gradcheck(lambda p: binary_cross_entropies(p, ROWS), PROBABILITIES, order=2)
    assert bounded_log(Tensor(PROBABILITIES)).requires_grad is False
