"""Compiled functions of arrays that choose: entries, how many there are, axes and branches."""

import itertools

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, compile, differentiable, value_and_grad

x = np.array([0.5, 1.5, -1.0, 3.0])
square = np.arange(1.0, 10.0).reshape(3, 3) ** 1.2
masks = [np.array(m, bool) for m in ([1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0])]
counts = [np.array(n) for n in ([1, 2, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1], [2, 2, 2, 2])]
whole = [np.int64(0), np.int64(1), np.int64(-1), np.array(0), np.array(2)]

CHOICES = {
    "entries of a mask": (lambda x, m: (x[m] ** 2).sum(), x, masks),
    "the mean of a mask": (lambda x, m: x[m].sum() / (1.0 + x[m].size), x, masks),
    "rows of a mask": (lambda x, m: np.exp(np.outer(x, x)[m]).sum(), x, masks),
    "compress": (lambda x, m: (np.compress(m, x) ** 2).sum(), x, masks),
    "extract": (lambda x, m: (np.extract(m, x) ** 2).sum(), x, masks),
    "piecewise": (lambda x, m: np.piecewise(x, [m], [np.exp, np.sin]).sum(), x, masks),
    "repeat": (lambda x, n: (np.exp(np.repeat(x, n)) ** 2).sum(), x, counts),
    "choose": (lambda x, n: np.choose(n, [x, x**2, x**3]).sum(), x, counts),
    "bincount": (lambda x, n: (np.bincount(n, weights=x) ** 2).sum(), x, counts),
    "delete": (lambda x, n: (np.delete(x, n) * np.delete([1.0, 2, 3, 4], n)).sum(), x, counts),
    "insert": (lambda x, n: (np.insert(x, n, 9.0) ** 2).sum(), x, counts),
    "a place": (lambda x, k: (x[k] ** 2 * x[0]).sum(), square, whole),
    "a column": (lambda x, k: (x[:, k] ** 2 * x[0]).sum(), square, whole),
    "an axis": (lambda x, k: (x.sum(axis=k % 2, keepdims=True) * x).sum(), square, whole),
    "a diagonal": (lambda x, k: (np.diag(x, k) ** 2).sum(), square, whole),
    "a slice": (lambda x, k: (x[:k] ** 2).sum(), square, whole),
    "so many": (lambda x, k: sum((x * i).sum() for i in range(k)) + x.sum(), square, whole),
    "states one after another": (
        lambda x, n: sum(x[a, b] ** 2 for a, b in itertools.pairwise(n)),
        square,
        [np.array(n) for n in ([0, 1, 2], [2, 1, 0], [0, 0, 0])],
    ),
    "an axis of several": (
        lambda x, n: ((x - x.max(axis=n[0], keepdims=True)) * np.arange(3.0)).sum(),
        square,
        [np.array([0, 1]), np.array([1, 0])],
    ),
    "a diagonal of several": (
        lambda x, n: np.exp(np.diag(x, n.max()) / 9).sum(),
        square,
        [np.array([0, 0]), np.array([0, 2]), np.array([1, 0])],
    ),
    "quantiles": (
        lambda x, q: (np.quantile(x, q) ** 2).sum(),
        x,
        [np.array([0.2, 0.5]), np.array([0.3, 0.9]), np.array([0.0, 1.0])],
    ),
    "percentile": (lambda x, q: np.percentile(x, q) ** 2, x, [np.float64(20), np.float64(70)]),
}


IN_C = ["entries of a mask", "rows of a mask", "repeat", "delete", "a place"]


@looped(("backend", "name"), [("numpy", x) for x in CHOICES] + [("c", x) for x in IN_C])
def test_what_is_chosen_by_an_argument_is_that_of_each_call(backend, name, quick_c_compiler):
    """Also where one entry is left, which NumPy spreads over as many as there were."""
    f, given, choices = CHOICES[name]
    for first in choices[:2] if backend == "numpy" else choices[1:2]:  # the second mask is of none
        fast, slow = value_and_grad(compile(f, backend)), value_and_grad(f)
        for turn in range(3):
            fast(given + turn, first)
        for choice in choices:
            (value, gradient), (expected, right) = fast(given, choice), slow(given, choice)
            np.testing.assert_allclose(value, expected, rtol=1e-12, err_msg=f"{first}, {choice}")
            np.testing.assert_allclose(gradient, right, rtol=1e-12, err_msg=f"{first}, {choice}")


def test_entries_of_masks_with_as_many_run_as_one_function():
    fast = compile(lambda x, m: (x[m] ** 2).sum())
    for mask in itertools.islice(itertools.permutations([True, False, True, False]), 20):
        m = np.array(mask)
        assert fast(x, m) == (x[m] ** 2).sum()
    assert fast.backend == "numpy"


def test_a_number_that_is_written_to_later_is_what_it_was():
    fast, k = compile(lambda x, k: x[k] * 2), np.array(1)
    for turn in range(3):
        fast(x + turn, k)
    k[...] = 3
    assert fast(x, np.array(1)) == 3.0
    assert fast(x, k) == 6.0


def test_what_is_infinite_later_is_seen():
    parts = compile(lambda x: np.modf(x)[0])
    upper = value_and_grad(compile(lambda x: np.quantile(x, 0.75)))
    for data in ([1.5, 2.0, 3.25, 4.0, 5.0], [1.5, 2.0, 3.5, 4.0, 5.0], [1.0, 2.0, 3.0, np.inf, 5]):
        data = np.array(data)
        np.testing.assert_array_equal(parts(data), np.modf(data)[0])
        value, gradient = upper(data)
        assert value == np.sort(data)[3]
        np.testing.assert_array_equal(gradient, data == value)


def test_the_rank_of_a_matrix_is_looked_at_in_each_run():
    solve = compile(lambda a: np.linalg.lstsq(a, np.ones(3), rcond=None)[0])
    regular = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]])
    for turn in range(3):
        solve(regular + turn)
    with pytest.raises(ValueError, match="the matrix has rank 1"):
        value_and_grad(lambda a: solve(a).sum())(np.ones((3, 2)))


@looped("dtype", [int, np.int8, bool])
def test_floats_become_whole_numbers_in_c(dtype, quick_c_compiler):
    fast = compile(lambda x: (x.astype(dtype) * x).sum(), "c")
    for turn in range(4):
        data = x * (1 + turn)
        assert fast(data) == pytest.approx((data.astype(dtype) * data).sum())
    assert fast.backend == "c"


class OfOnesOwnError(Exception):
    pass


def asserted(x):
    assert isinstance(x, np.ndarray)
    return x * 2


def refused(x):
    if not isinstance(x, np.ndarray):
        raise OfOnesOwnError
    return x * 2


def divided(x):
    return x * 2 / isinstance(x, np.ndarray)


@looped("f", [asserted, refused, divided])
def test_a_function_that_takes_no_tensors_runs_as_it_was_written(f):
    fast = compile(f)
    for turn in range(3):
        np.testing.assert_array_equal(fast(x + turn), (x + turn) * 2)
    assert fast.backend.startswith("eager: ")


@looped(("name", "value"), [("grad", np.full(4, 5.0)), ("name", "other"), ("data", np.ones(4))])
def test_what_a_tensor_from_outside_is_is_looked_at(name, value):
    held = Tensor(np.full(4, 2.0), requires_grad=True, name="first")
    held.grad = np.full(4, 3.0)
    f = {
        "grad": lambda x: (x * held.grad).sum(),
        "name": lambda x: x.sum() * len(held.name),
        "data": lambda x: (x * held.detach()).sum(),
    }[name]
    fast = compile(f)
    for turn in range(3):
        fast(x + turn)
    setattr(held, name, value)
    assert fast(x) == np.asarray(f(x))


def test_the_mean_of_large_whole_numbers_is_that_of_floats_in_c(quick_c_compiler):
    fast, times = compile(lambda x, n: x * n.mean(), "c"), np.full(20, 1_700_000_000_000_000_000)
    for turn in range(3):
        assert fast(x + turn, times - turn)[0] == pytest.approx((x[0] + turn) * 1.7e18)
    assert fast.backend == "c"


def scattered(g, y, x):
    found = np.zeros_like(x)
    found[x > 0] = g
    return found


@differentiable(scattered)
def positive(x):
    return x[x > 0]


@looped("backend", ["numpy", "c"])
def test_an_operation_of_ones_own_may_give_more_or_less(backend, quick_c_compiler):
    fast = compile(lambda x: (positive(x) ** 2).sum(), backend)
    for data in (sign * x + shift for sign in (1, -1) for shift in (0.0, 0.1, 0.2, -2, -9, 9)):
        assert fast(data) == pytest.approx((data[data > 0] ** 2).sum())
