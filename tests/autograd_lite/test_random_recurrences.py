"""Sources of recurrences that are drawn at random: several states, and loops that read others."""

import numpy as np
import pytest
from generated import assert_same, generated

import autograd_lite as al
from autograd_lite import Tensor
from autograd_lite.engine import backward_order

CALLS = (
    lambda a, b, w: np.tanh(a * w[0]),
    lambda a, b, w: a @ w[1],
    lambda a, b, w: a + b,
    lambda a, b, w: a * b,
    lambda a, b, w: np.maximum(a, w[2]),
    lambda a, b, w: al.sigmoid(a + w[2]),
    lambda a, b, w: a - 0.5 * b,
    lambda a, b, w: np.tanh(a @ w[1] + b),
    lambda a, b, w: np.where(a > 0, a * 1.0, b * w[0]),
)
"""What a step may compute of two values, and of weights."""


def drawn(seed):
    """A loss of one or two loops over some steps, in which states are computed of any values."""
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(3, 9))
    x = rng.normal(size=(steps + 2, 3))
    w = [Tensor(0.5 * rng.normal(size=s), requires_grad=True) for s in ((3,), (3, 3), (3,))]
    starts = np.zeros(3), np.ones(3), w[0] * 1.0
    start = [starts[kind] for kind in rng.integers(3, size=rng.integers(1, 4))]
    calls = rng.integers([len(CALLS), 100, 100], size=(rng.integers(2, 7), 3))
    updates, looked_at = rng.integers(100, size=len(start)), int(rng.integers(100))
    each_step, back, second, goes_on = rng.random(4) < (0.5, 0.3, 0.4, 0.5)

    def run(inputs, states):
        loss, kept = 0.0, []
        for t in reversed(range(steps)) if back else range(steps):
            values = [*states, inputs[t], inputs[t + 1]]
            for call, i, j in calls:
                values.append(CALLS[call](values[i % len(values)], values[j % len(values)], w))
            if each_step:
                loss = loss + (values[looked_at % len(values)] * w[2]).mean()
            kept.append(values[(looked_at + 1) % len(values)])
            states = [np.tanh(values[-1 - i % (len(values) - 1)] * 1.0) for i in updates]
        return states, loss, kept

    states, loss, kept = run(x, start)
    if second:
        states, more, kept = run([*kept, x[0]], states if goes_on else start)
        loss = loss + more
    loss = loss + sum(((state * w[0]) ** 2).sum() for state in states)
    ends = (
        lambda: 0.0,
        lambda: (np.stack([value * w[2] for value in kept]) ** 2).mean(),
        lambda: (kept[steps // 2] * w[2]).sum(),
        lambda: 0.1 * sum((each**2).sum() for each in w),
    )
    loss = loss + ends[rng.integers(4)]()
    reached = {*backward_order(loss)}
    return loss, [each for each in w if each in reached], {"x": x}


def assert_right(seed):
    with np.errstate(all="ignore"):
        loss, tensors, data = drawn(seed)
    _, gradients = generated(loss, tensors, data)
    loss.backward()
    assert_same(gradients, tensors, relative=1e-10)


def test_sources_of_random_recurrences_have_their_gradients():
    for seed in range(12):
        assert_right(seed)


@pytest.mark.exhaustive
def test_sources_of_many_random_recurrences_have_their_gradients():
    for seed in range(12, 400):
        assert_right(seed)
