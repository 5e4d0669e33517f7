"""Losses against PyTorch's, in every reduction, with weights and smoothing."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(1)
Z = 2 * RNG.normal(size=(7, 5))
TARGETS = RNG.normal(size=(7, 5))
P = RNG.uniform(0.02, 0.98, size=(7, 5))
SOFT = RNG.uniform(size=(7, 5))
LABELS = RNG.integers(0, 5, size=7)
ROWS = RNG.dirichlet(np.ones(5), size=7)
LOG_P = np.log(RNG.dirichlet(np.ones(5), size=7))
WEIGHT = RNG.uniform(0.5, 3, size=5)
REDUCTIONS = ["mean", "sum", "none"]

SAME = {
    "mse": ("MSELoss", "MSELoss", {}, Z, TARGETS),
    "mae": ("MAELoss", "L1Loss", {}, Z, TARGETS),
    "huber": ("HuberLoss", "HuberLoss", {}, Z, TARGETS),
    "huber 2.5": ("HuberLoss", "HuberLoss", {"delta": 2.5}, Z, TARGETS),
    "bce": ("BCELoss", "BCELoss", {}, P, SOFT),
    "logits": ("BCEWithLogitsLoss", "BCEWithLogitsLoss", {}, Z, SOFT),
    "logits, weight": ("BCEWithLogitsLoss", "BCEWithLogitsLoss", {"pos_weight": WEIGHT}, Z, SOFT),
    "nll": ("NLLLoss", "NLLLoss", {}, LOG_P, LABELS),
    "nll, weight": ("NLLLoss", "NLLLoss", {"weight": WEIGHT}, LOG_P, LABELS),
    "kl": ("KLDivLoss", "KLDivLoss", {}, LOG_P, ROWS),
}
for targets_name, targets in {"labels": LABELS, "rows": ROWS}.items():
    for options in (
        {},
        {"weight": WEIGHT},
        {"label_smoothing": 0.2},
        {"weight": WEIGHT, "label_smoothing": 0.2},
        {"label_smoothing": 1.0},
    ):
        name = " ".join(["cross-entropy of", targets_name, *map(str, options)])
        SAME[f"{name} {options.get('label_smoothing')}"] = (
            "CrossEntropyLoss",
            "CrossEntropyLoss",
            options,
            Z,
            targets,
        )


def torch_options(options):
    return {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in options.items()
    }


def assert_same(loss, torch_loss, predictions, targets, rtol=1e-10):
    x = Tensor(predictions, requires_grad=True)
    ours = loss(x, targets)
    ours.sum().backward()
    y = torch.tensor(predictions, requires_grad=True)
    theirs = torch_loss(y, torch.tensor(targets))
    theirs.sum().backward()
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=rtol, atol=1e-12)


@looped("name", SAME)
@looped("reduction", REDUCTIONS)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_values_and_gradients_are_those_of_pytorch(name, reduction):
    ours, theirs, options, predictions, targets = SAME[name]
    loss = getattr(nn, ours)(**options, reduction=reduction)
    torch_loss = getattr(torch.nn, theirs)(**torch_options(options), reduction=reduction)
    assert_same(loss, torch_loss, predictions, targets)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
@looped("name", SAME)
def test_defaults_are_those_of_pytorch(name):
    ours, theirs, _, predictions, targets = SAME[name]
    assert_same(getattr(nn, ours)(), getattr(torch.nn, theirs)(), predictions, targets)


def test_kl_divergence_by_batchmean_is_that_of_pytorch():
    loss, torch_loss = (package.KLDivLoss(reduction="batchmean") for package in (nn, torch.nn))
    assert_same(loss, torch_loss, LOG_P, ROWS)
    assert_same(loss, torch_loss, LOG_P, np.eye(5)[LABELS])


def test_certain_and_wrong_probabilities_cost_what_they_do_in_pytorch():
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    for reduction in REDUCTIONS:
        loss, torch_loss = (package.BCELoss(reduction=reduction) for package in (nn, torch.nn))
        # PyTorch's smallest divisor is 1e-12 rounded to float32.
        assert_same(loss, torch_loss, p, t, rtol=1e-8)
