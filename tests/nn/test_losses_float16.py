"""Losses of many samples in float16, whose sum is beyond its range."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor

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
