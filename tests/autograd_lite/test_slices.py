"""Slices of one array add into one cotangent: in any order, beside other uses, to any order."""

import itertools
import tracemalloc

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, checkpoint, detect_anomaly, grad, hessian

X = np.random.default_rng(0).normal(size=(4, 5))
MASK = X > 0
ROWS = np.array([0, -1, 0, 2])

# The parts of x and, for each, the cotangent of sum(part**2), as a dense array.
PARTS = {
    "row": lambda x: x[1],
    "column": lambda x: x[:, 2],
    "steps": lambda x: x[::-2, 1:],
    "repeated": lambda x: x[ROWS],
    "mask": lambda x: x[MASK],
    "entry": lambda x: x[2, 3],
    "with arrays": lambda x: x[ROWS, [1, 2, 1, 0]],
    "with a number": lambda x: x[ROWS, 2],
    "broadcast": lambda x: x[ROWS[:, None], [0, 0, -1]],
    "with a mask": lambda x: x[ROWS, [True, True, False, True, True]],
    "with a slice": lambda x: x[1:, [0, 0, -1]],
    "new axis": lambda x: x[None, :, 0],
    "taken": lambda x: np.take(x, ROWS, axis=0),
    "taken along the last": lambda x: np.take(x, [4, 4, 0], axis=-1),
    "taken from all": lambda x: np.take(x, [3, 3, 19]),
    "taken modulo": lambda x: np.take(x, [3, 7], axis=0, mode="wrap"),
}


def by_differences(f, x, step=1e-6):
    slopes = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        slopes[index] = (f(x + shift) - f(x - shift)) / (2 * step)
    return slopes


@looped(("first", "second"), [*itertools.product(PARTS, PARTS)])
def test_two_parts_beside_other_uses(first, second):
    def f(x):
        moved = x + 1.0  # whose cotangent is that of x itself
        parts = [PARTS[first](x), PARTS[second](moved), PARTS[second](x), PARTS[first](moved)]
        return sum((part**2).sum() for part in parts) + (moved * x).sum()

    x = Tensor(X.copy(), requires_grad=True)
    f(x).backward()
    np.testing.assert_allclose(x.grad, by_differences(f, X), atol=1e-7)
    once = x.grad.copy()
    f(x).backward(leaves_only=True)
    np.testing.assert_allclose(x.grad, 2 * once, rtol=1e-14)


@looped("name", PARTS)
def test_second_derivatives_and_careful_nodes(name):
    def f(x):
        kept = np.where(MASK, x, 0.0)
        return (PARTS[name](kept) ** 3).sum() + (PARTS[name](x) ** 3 * PARTS[name](kept)).sum()

    np.testing.assert_allclose(grad(f)(X), by_differences(f, X), atol=1e-6)
    slopes = hessian(f)(X).reshape(20, 20)
    np.testing.assert_allclose(slopes, slopes.T, atol=1e-12)
    rows = by_differences(lambda x: (grad(f)(x) * np.arange(20.0).reshape(4, 5)).sum(), X)
    np.testing.assert_allclose(slopes @ np.arange(20.0), rows.ravel(), atol=1e-5)


def test_what_was_given_and_what_was_handed_out_is_not_written_to():
    x = Tensor(X.copy(), requires_grad=True)
    y = x * 1.0
    given = np.ones((4, 5))
    y.backward(given)
    total = (y[0] + y[1]).sum() + y.sum()
    before = y.grad
    kept = before.copy()
    total.backward()
    np.testing.assert_array_equal(before, kept)
    np.testing.assert_array_equal(given, np.ones((4, 5)))
    assert not np.shares_memory(x.grad, y.grad)
    assert x.grad is not y.grad
    np.testing.assert_array_equal(x.grad[:, 0], [3.0, 3.0, 2.0, 2.0])


def test_single_precision_and_numbers():
    x = Tensor(X.astype(np.float32), requires_grad=True)
    ((x[0] + x[1]).sum() * np.float64(2.0)).backward()
    assert x.grad.dtype == np.float32
    v = Tensor([1.0, 2.0], requires_grad=True)
    (v[0] * v[1] + v[0]).backward()
    np.testing.assert_array_equal(v.grad, [3.0, 1.0])


def test_within_anomaly_detection_and_checkpoints():
    def f(x):
        return sum((x[:, i] ** 2).sum() for i in range(5))

    x = Tensor(X.copy(), requires_grad=True)
    with detect_anomaly():
        f(x).backward()
    np.testing.assert_allclose(x.grad, 2 * X)
    x.zero_grad()
    checkpoint(f)(x).backward()
    np.testing.assert_allclose(x.grad, 2 * X)


@pytest.mark.parametrize(
    "part",
    [
        lambda x, i: x[i],
        lambda x, i: np.take(x, [i, i], axis=0),
        lambda x, i: x[[i, i, -1], [0, 0, 1]],
    ],
)
def test_backward_of_many_slices_takes_the_memory_of_one(part):
    x = Tensor(np.ones((200, 1000)), requires_grad=True)
    total = Tensor(0.0)
    for i in range(200):
        total = total + part(x, i).sum()
    tracemalloc.start()
    total.backward(leaves_only=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * x.data.nbytes
