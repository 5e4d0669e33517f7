"""Steps that are hard to compile, against the eager ones."""

import numpy as np
import pytest
from looping import raise_named
from steps_that_change import TRAPS

import nn

STEPS = 7


def run(make, backend):
    """Losses, and what model and optimizer are after each step; how many were compiled."""
    nn.manual_seed(3)
    model, loss, optimizer, batches = make()
    step = backend and nn.compile(model, loss, optimizer, backend)
    found, compiled = [], 0
    for number in range(STEPS):
        X, y = batches(number)
        if step:
            value = step(X, y)
            compiled += step.backend == backend
        else:
            given = X if isinstance(X, tuple) else (X,)
            computed = loss(model(*given), y)
            optimizer.zero_grad()
            computed.backward()
            optimizer.step()
            value = computed.item()
        arrays = [run.kept.copy() for run in optimizer._runs]
        found.append([np.float64(value), *model.state_dict().values(), *arrays])
    return found, compiled


def assert_steps_are_eager_ones(backend, rounding):
    failures, compiled = [], 0
    for name, make in TRAPS.items():
        try:
            with np.errstate(all="ignore"):
                expected, _ = run(make, None)
                found, count = run(make, backend)
            compiled += count > 0
            for number, pair in enumerate(zip(found, expected, strict=True)):
                for a, b in zip(*pair, strict=True):
                    exact = a.tobytes() == b.tobytes()
                    # A bias before a batch norm is nothing but rounding.
                    close = rounding and np.allclose(a, b, rounding, 100 * rounding)
                    assert exact or close, number
        except Exception as error:
            failures.append((f"{name}: {error}", error))
    raise_named(failures)
    assert compiled > 0.7 * len(TRAPS)


def test_steps_have_the_bits_of_eager_ones_whatever_is_changed():
    assert_steps_are_eager_ones("numpy", 0)


@pytest.mark.exhaustive
def test_steps_in_c_are_eager_ones_whatever_is_changed(quick_c_compiler):
    assert_steps_are_eager_ones("c", 1e-9)
