"""Losses and statistics of many samples in float16, whose sum is beyond its range."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor, sigmoid

N = 70_000
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, 3)).astype(np.float16)
LOG_P = LOGITS - np.log(np.exp(LOGITS.astype(float)).sum(axis=1, keepdims=True))
LABELS = np.arange(N) % 3
ROWS = np.eye(3)[LABELS]
WEIGHT = [1.0, 2.0, 3.0]
LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss(weight=WEIGHT), LOGITS, LABELS),
    "likelihood": (nn.NLLLoss(weight=WEIGHT), LOG_P.astype(np.float16), LABELS),
    "divergence": (nn.KLDivLoss(reduction="batchmean"), LOG_P.astype(np.float16), ROWS),
}


def test_a_root_mean_square_is_finite_where_the_norm_is_not():
    half = Tensor(np.full(N, 300.0, np.float16), requires_grad=True)
    loss = nn.RMSELoss()(half, np.zeros(N))
    loss.backward()
    assert (loss.item(), loss.dtype) == (300.0, np.float16)
    np.testing.assert_allclose(half.grad, 1 / N, rtol=0.01)


LARGE = np.stack([300.0 + 10.0 * (np.arange(N) % 2), 200.0 * (np.arange(N) % 3)], axis=1)


@pytest.mark.parametrize("recorded", [True, False])
def test_normalization_takes_statistics_of_float16_in_float32(recorded):
    half, exact = nn.BatchNorm1d(2, dtype=np.float16), nn.BatchNorm1d(2)
    x = Tensor(LARGE.astype(np.float16), requires_grad=recorded)
    y, expected = half(x), exact(LARGE)
    assert y.dtype == half.running_var.dtype == np.float16
    np.testing.assert_allclose(y.data, expected.data, atol=2e-3)
    np.testing.assert_allclose(half.running_mean.data, exact.running_mean.data, rtol=1e-3)
    np.testing.assert_allclose(half.running_var.data, exact.running_var.data, rtol=1e-3)
    rows = np.array([[3000.0, -2000.0, 100.0]])
    half, exact = (
        Tensor(rows.astype(np.float16), requires_grad=True),
        Tensor(rows, requires_grad=True),
    )
    for row, dtype in ((half, np.float16), (exact, np.float64)):
        (nn.LayerNorm(3, dtype=dtype)(row) * np.array([1.0, 2.0, 3.0], dtype)).sum().backward()
    np.testing.assert_allclose(half.grad, exact.grad, atol=2e-6)


SATURATED = [-40.0, -30.0, -12.0, -10.0, 3.0, 9.0, 12.0, 30.0]
BINARY_LOSSES = [
    nn.BCELoss(),
    nn.BCELoss(reduction="sum"),
    nn.BCELoss(pos_weight=2.0),
    nn.BCELoss(label_smoothing=0.1),
]


@pytest.mark.parametrize("loss", BINARY_LOSSES, ids=repr)
@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_slopes_of_saturated_probabilities_are_finite(loss, answer):
    logits = Tensor(np.array(SATURATED, np.float16), requires_grad=True)
    p = sigmoid(logits)
    loss(p, np.full(len(SATURATED), answer)).backward()
    assert np.isfinite(p.grad).all()
    assert np.isfinite(logits.grad).all()


def test_the_slope_of_a_small_probability_is_as_precise_as_that():
    logits = Tensor(np.array([-10.0, 3.0, 1.0, 0.0], np.float16), requires_grad=True)
    nn.BCELoss(reduction="mean")(sigmoid(logits), np.array([1.0, 0.0, 1.0, 0.0])).backward()
    exact = 1 / (1 + np.exp(-logits.data.astype(float))) - [1.0, 0.0, 1.0, 0.0]
    np.testing.assert_allclose(logits.grad, exact / 4, rtol=3e-3)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_what_keeps_a_loss_finite_is_not_0_in_a_lower_precision(kind):
    zero, one = np.zeros((2, 3), kind), np.ones((2, 3), kind)
    signs = np.array([1, -1])
    for loss, *given, wanted in (
        (nn.CosineEmbeddingLoss(), zero, one, signs, 0.5),
        (nn.CosineEmbeddingLoss(), 240 * one, 240 * one, signs, 0.5),
        (nn.PoissonNLLLoss(log_input=False), zero, zero, 0.0),
        (nn.PoissonNLLLoss(log_input=False), zero, one, -np.log(1e-8)),
        (
            nn.CategoricalCrossEntropyLoss(epsilon=1e-7),
            np.eye(2, 3, dtype=kind),
            [1, 0],
            -np.log(1e-7),
        ),
    ):
        value = loss(Tensor(given[0]), *given[1:])
        assert value.dtype == kind
        assert value.item() == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def test_targets_make_no_loss_of_means_and_variances_wider():
    mean = Tensor(np.zeros((3, 1), np.float32), requires_grad=True)
    loss = nn.GaussianNLLLoss(full=True)(mean, np.ones((3, 1)), np.ones((3, 1), np.float32))
    loss.backward()
    assert loss.dtype == mean.grad.dtype == np.float32


@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, N)])
@pytest.mark.parametrize(("loss", "predictions", "targets"), LOSSES.values(), ids=LOSSES)
def test_means_over_other_numbers_than_that_of_losses_stay_finite(
    loss, predictions, targets, weights
):
    half = Tensor(predictions, requires_grad=True)
    exact = Tensor(predictions.astype(float), requires_grad=True)
    value, expected = loss(half, targets, weights), loss(exact, targets, weights)
    value.backward()
    expected.backward()
    assert value.dtype == half.grad.dtype == np.float16
    assert value.item() == pytest.approx(expected.item(), rel=2e-3)
    np.testing.assert_allclose(half.grad, exact.grad, atol=2e-7)
