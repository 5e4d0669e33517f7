"""A record that grows from step to step is noticed, once; others are not."""

import warnings

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, jacobian
from autograd_lite.growth import HELD


def warned(run, steps=2 * HELD + 10):
    """The warnings of a loop, after a pass of another record."""
    (Tensor(1.0, requires_grad=True) * 2.0).backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(steps)
    return [(str(warning.message), warning.filename) for warning in caught]


def scalar():
    return Tensor(1.0, requires_grad=True)


def sum_of_losses(steps):
    w, total = scalar(), 0.0
    for _ in range(steps):
        total += w * w
        total.backward(leaves_only=True)


def state_that_is_carried_on(steps, detached=False):
    w, hidden = Tensor(np.eye(2), requires_grad=True), np.zeros(2)
    for _ in range(steps // 5):
        hidden = np.tanh(hidden @ w + np.ones(2) @ w)
        (hidden**2).sum().backward()
        if detached:
            hidden = hidden.detach()


def sum_for_the_log(steps):
    w, total = scalar(), 0.0
    for _ in range(steps):
        loss = w * w
        loss.backward(leaves_only=True)
        total += loss


def losses_in_a_list(steps):
    w, losses = scalar(), []
    for _ in range(steps):
        losses.append(w * w)
        losses[-1].backward()


@pytest.mark.parametrize(
    "run", [sum_of_losses, state_that_is_carried_on, sum_for_the_log, losses_in_a_list]
)
def test_what_grows_is_noticed_once(run):
    ((message, file),) = warned(run)
    assert message.startswith("backward() from tensor (): ")
    assert "loss.item()" in message
    assert "hidden.detach()" in message
    assert file == __file__


def sequences_of_growing_length(steps):
    w = Tensor(np.eye(2), requires_grad=True)
    for length in range(1, steps // 5):
        hidden = np.zeros(2)
        for _ in range(length):
            hidden = np.tanh(hidden @ w)
        (hidden**2).sum().backward()


def two_losses(steps):
    w = scalar()
    for _ in range(steps):
        first, second = w * w, w * 3.0
        first.backward(leaves_only=True)
        second.backward()


def entries_of_one_result(steps):
    y = scalar() * np.ones(steps)
    for i in range(steps):
        y[i].backward()
    jacobian(lambda x: x * x)(np.ones(steps))


def the_same_loss(steps):
    loss = scalar() * 2.0
    for _ in range(steps):
        loss.backward()


def steps_that_are_differentiated(steps):
    w = scalar()
    for _ in range(50):
        loss = w * w
        loss.backward(create_graph=True)
        w = w - 0.01 * loss


def losses_that_are_compared(steps):
    w, losses = scalar(), []
    for _ in range(steps):
        losses.append(w * w)
        assert compare_gradients(losses[-1], {w: 2.0})


@pytest.mark.parametrize(
    "run",
    [
        sequences_of_growing_length,
        two_losses,
        entries_of_one_result,
        the_same_loss,
        steps_that_are_differentiated,
        losses_that_are_compared,
        lambda steps: state_that_is_carried_on(steps, detached=True),
    ],
)
def test_what_does_not_is_left_alone(run):
    assert not warned(run)
