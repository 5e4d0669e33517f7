"""Losses of sequences, pairs, triplets, variances and counts against PyTorch's."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(2)
REDUCTIONS = ("mean", "sum", "none")
ROWS = [RNG.normal(size=(5, 3)) for _ in range(3)]
SIGNS = np.array([1, -1, 1, -1, -1])
VARIANCES = RNG.uniform(0.1, 2, (5, 3))
COUNTS = RNG.poisson(2, (5, 3)).astype(float)


def assert_same(loss, torch_loss, arrays, constants=()):
    for reduction in REDUCTIONS:
        xs = [Tensor(x, requires_grad=True) for x in arrays]
        ts = [torch.tensor(x, requires_grad=True) for x in arrays]
        value = loss(reduction)(*xs, *constants)
        expected = torch_loss(reduction)(*ts, *map(torch.tensor, constants))
        cotangent = RNG.normal(size=value.shape)
        value.backward(cotangent)
        expected.backward(torch.tensor(cotangent))
        np.testing.assert_allclose(value.data, expected.detach().numpy(), 1e-10, 1e-12)
        for x, t in zip(xs, ts, strict=True):
            np.testing.assert_allclose(x.grad, t.grad.numpy(), 1e-10, 1e-12)


def test_losses_of_pairs_and_triplets_are_those_of_pytorch():
    for margin in (0.0, 0.4):
        assert_same(
            lambda r, m=margin: nn.CosineEmbeddingLoss(margin=m, reduction=r),
            lambda r, m=margin: torch.nn.CosineEmbeddingLoss(m, reduction=r),
            ROWS[:2],
            [SIGNS],
        )
    for options in ({}, {"margin": 3.0, "swap": True}, {"p": 1.0}, {"p": 3.0, "margin": 0.5}):
        assert_same(
            lambda r, o=options: nn.TripletMarginLoss(reduction=r, **o),
            lambda r, o=options: torch.nn.TripletMarginLoss(reduction=r, **o),
            ROWS,
        )


def test_likelihoods_are_those_of_pytorch():
    for full in (False, True):
        for variances in (VARIANCES, VARIANCES[:, :1]):
            assert_same(
                lambda r, f=full: nn.GaussianNLLLoss(full=f, reduction=r),
                lambda r, f=full: torch.nn.GaussianNLLLoss(full=f, reduction=r),
                [*ROWS[:2], variances],
            )
        for log_input in (False, True):
            assert_same(
                lambda r, f=full, li=log_input: nn.PoissonNLLLoss(
                    log_input=li, full=f, reduction=r
                ),
                lambda r, f=full, li=log_input: torch.nn.PoissonNLLLoss(
                    log_input=li, full=f, reduction=r
                ),
                [ROWS[0] if log_input else VARIANCES],
                [COUNTS],
            )


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 6), (2, 4, 3, 5)])
def test_cross_entropy_of_sequences_and_images_is_that_of_pytorch(shape):
    weight = RNG.uniform(0.5, 2, 4)
    logits = RNG.normal(size=shape)
    labels = RNG.integers(0, 4, (shape[0], *shape[2:]))
    some = np.where(RNG.random(labels.shape) < 0.4, -100, labels)
    some.flat[:2] = 1
    shares = np.moveaxis(RNG.dirichlet(np.ones(4), labels.shape), -1, 1)
    for w in (None, weight):
        for smoothing in (0.0, 0.2):
            for targets, ignored in ((labels, None), (some, -100), (some % 4, 2), (shares, None)):
                assert_same(
                    lambda r, w=w, s=smoothing, i=ignored: nn.CrossEntropyLoss(
                        reduction=r, weight=w, label_smoothing=s, ignore_index=i
                    ),
                    lambda r, w=w, s=smoothing, i=ignored: torch.nn.CrossEntropyLoss(
                        None if w is None else torch.tensor(w),
                        reduction=r,
                        label_smoothing=s,
                        ignore_index=-100 if i is None else i,
                    ),
                    [logits],
                    [np.ascontiguousarray(targets)],
                )


def test_labels_of_sequences_cost_in_probabilities_what_they_cost_in_logits():
    logits, labels = RNG.normal(size=(3, 4, 5)), RNG.integers(0, 4, (3, 5))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = nn.CrossEntropyLoss()(Tensor(logits), labels).item()
    assert np.isclose(nn.CategoricalCrossEntropyLoss()(Tensor(p), labels).item(), expected, 1e-12)
    assert np.isclose(nn.NLLLoss()(Tensor(np.log(p)), labels).item(), expected, 1e-12)


def test_steps_of_amsgrad_and_lion_agree_with_pytorch_and_the_formula():
    start, target = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
    ours = Tensor(start.copy(), requires_grad=True)
    theirs = torch.tensor(start, requires_grad=True)
    pairs = [
        (nn.AMSGrad([ours], 0.05), ours),
        (torch.optim.Adam([theirs], 0.05, amsgrad=True), theirs),
    ]
    for step in range(60):
        for optimizer, x in pairs:
            optimizer.zero_grad()
            other = target if x is ours else torch.tensor(target)
            (((x - other) ** 2).sum() * (1 + step % 7)).backward()
            optimizer.step()
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), 1e-10, 1e-12)

    lion = Tensor(start.copy(), requires_grad=True)
    optimizer = nn.Lion([lion], 0.01, weight_decay=0.1)
    values, moment = start.copy(), 0.0
    for _ in range(30):
        optimizer.zero_grad()
        ((lion - target) ** 2).sum().backward()
        optimizer.step()
        g = 2 * (values - target)
        values = values * (1 - 0.01 * 0.1) - 0.01 * np.sign(0.9 * moment + 0.1 * g)
        moment = 0.99 * moment + 0.01 * g
    np.testing.assert_allclose(lion.data, values, 1e-12, 1e-12)
