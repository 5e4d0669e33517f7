"""Losses of what is impossible, and of logits of any size."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor, sigmoid, softmax
from autograd_lite.derivatives.cross_entropies import as_divisor


def test_what_has_no_share_costs_nothing_however_impossible_it_is():
    logits, shares = np.array([[1.0, 2.0, -np.inf]]), np.array([[0.3, 0.7, 0.0]])
    logs = logits - np.logaddexp(1.0, 2.0)
    wanted = -(shares[:, :2] * logs[:, :2]).sum()
    entropy = (shares[:, :2] * np.log(shares[:, :2])).sum()
    cases = [
        (nn.CrossEntropyLoss(), logits, wanted, np.exp(logs) - shares),
        (nn.NLLLoss(), logs, wanted, -shares),
        (nn.KLDivLoss(reduction="sum"), logs, wanted + entropy, -shares),
        (nn.PoissonNLLLoss(reduction="sum"), logs, wanted + 1, np.exp(logs) - shares),
    ]
    for loss, given, value, slopes in cases:
        predictions = Tensor(given, requires_grad=True)
        result = loss(predictions, shares)
        result.backward()
        np.testing.assert_allclose(result.item(), value, rtol=1e-12, err_msg=repr(loss))
        np.testing.assert_allclose(predictions.grad, slopes, atol=1e-15, err_msg=repr(loss))
        assert loss(Tensor(given), shares[:, ::-1]).item() == np.inf


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pos_weight", [None, 2.0])
def test_logits_of_any_size_do_not_overflow(reduction, pos_weight):
    z = Tensor([1000.0, -1000.0], requires_grad=True)
    loss = nn.BCEWithLogitsLoss(reduction=reduction, pos_weight=pos_weight)
    result = loss(z, np.array([0.0, 1.0]))
    result.sum().backward()
    w = pos_weight or 1.0
    assert result.sum().item() == (1000 + w * 1000) / (2 if reduction == "mean" else 1)
    np.testing.assert_allclose(z.grad, np.array([1, -w]) / (2 if reduction == "mean" else 1))


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_a_certain_and_wrong_probability_has_the_slope_of_the_loss_that_is_computed(reduction):
    p = np.array([1e-9, 1e-14, 1e-20, 1e-40, 1 - 2**-52])
    t = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    wanted = [-1e9, -1e14, -1e20, -1e40, 2.0**52]
    predictions = Tensor(p, requires_grad=True)
    nn.BCELoss(reduction=reduction)(predictions, t).sum().backward()
    np.testing.assert_allclose(predictions.grad, wanted, rtol=1e-15)
    rows = Tensor(np.array([[1e-9, 1], [1e-14, 1], [1e-40, 1]]), requires_grad=True)
    nn.CategoricalCrossEntropyLoss(reduction=reduction)(rows, np.zeros(3, int)).sum().backward()
    np.testing.assert_allclose(rows.grad[:, 0], [-1e9, -1e14, -1e40], rtol=1e-15)


def test_what_reaches_saturated_logits_over_their_probabilities_is_their_error():
    z = np.array([-90.0, -30.0, -28.0, 0.5, 33.0])
    for dtype, dense in ((np.float64, z), (np.float32, z[1:4])):
        logits = Tensor(dense.astype(dtype), requires_grad=True)
        p = sigmoid(logits)
        targets = (dense < 0).astype(dtype)
        nn.BCELoss(reduction="sum")(p, targets).backward()
        np.testing.assert_allclose(logits.grad, p.data - targets, rtol=4 * np.finfo(dtype).eps)
    logits = Tensor([[40.0, 0.0, 0.0], [0.0, 85.0, 1.0]], requires_grad=True)
    p = softmax(logits)
    nn.CategoricalCrossEntropyLoss(reduction="sum")(p, np.array([1, 2])).backward()
    np.testing.assert_allclose(logits.grad, p.data - np.eye(3)[[1, 2]], atol=1e-15)


def test_the_slope_of_a_logarithm_is_finite_in_each_dtype_however_small_the_probability():
    for dtype in (np.float16, np.float32, np.float64):
        least = np.finfo(dtype).tiny / dtype(2)
        smallest = max(least, dtype(np.exp(-100)))
        p = np.array([0, np.finfo(dtype).smallest_subnormal, smallest, 1.01 * smallest], dtype)
        slopes = 1 / as_divisor(p)
        assert slopes.dtype == dtype
        assert np.isfinite(slopes).all()
        assert slopes[3] == 1 / p[3]
        assert slopes[0] == slopes[1] == 1 / max(dtype(1e-12), least)
        assert np.isnan(as_divisor(np.array([np.nan], dtype))).all()
