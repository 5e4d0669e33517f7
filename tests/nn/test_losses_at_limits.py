"""Losses of what is impossible, and of logits of any size."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor


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
