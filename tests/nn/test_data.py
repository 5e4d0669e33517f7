"""Mini-batches of arrays."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite.errors import ArgumentError, ShapeError

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def sizes(n, batch_size):
    return [len(part) for (part,) in nn.batches(np.arange(n), batch_size=batch_size)]


@looped(
    ("n", "batch_size", "expected"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 4, [3]), (3, 1, [1, 1, 1]), (0, 4, [])],
)
def test_the_last_batch_is_smaller(n, batch_size, expected):
    assert sizes(n, batch_size) == expected


def test_rows_of_all_arrays_stay_together_and_come_once():
    parts = list(nn.batches(X, Y, batch_size=3, rng=0))
    together = np.concatenate([y for _, y in parts])
    assert sorted(together) == list(range(10))
    assert together.tolist() != list(range(10))
    for x, y in parts:
        np.testing.assert_array_equal(x, X[y])


def test_the_order_is_one_permutation_of_the_generator():
    rng, same = np.random.default_rng(3), np.random.default_rng(3)
    parts = [y for (y,) in nn.batches(Y, batch_size=4, rng=rng)]
    np.testing.assert_array_equal(np.concatenate(parts), same.permutation(10))
    assert rng.bit_generator.state == same.bit_generator.state


def test_without_shuffling_batches_are_views_in_order_and_nothing_is_drawn():
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    parts = [x for (x,) in nn.batches(X, batch_size=4, rng=rng, shuffle=False)]
    np.testing.assert_array_equal(np.concatenate(parts), X)
    assert all(np.shares_memory(part, X) for part in parts)
    assert rng.bit_generator.state == before


def test_shuffled_batches_share_no_memory_with_the_arrays():
    assert not any(np.shares_memory(x, X) for (x,) in nn.batches(X, batch_size=4, rng=0))


def test_lists_and_arrays_of_any_dtype_are_taken_as_they_are():
    (numbers, names), _ = nn.batches(
        [1, 2, 3], np.array(["a", "b", "c"]), batch_size=2, shuffle=False
    )
    assert numbers.tolist() == [1, 2]
    assert names.tolist() == ["a", "b"]
    assert numbers.dtype == int


@looped(
    ("arrays", "options", "error"),
    [
        ((X, Y[:9]), {"batch_size": 2}, ShapeError),
        ((), {"batch_size": 2}, ShapeError),
        ((X, 3.0), {"batch_size": 2}, ShapeError),
        ((3.0,), {"batch_size": 2}, ShapeError),
        ((X,), {"batch_size": 0}, ArgumentError),
        ((X,), {"batch_size": -1}, ArgumentError),
        ((X,), {"batch_size": 2.0}, ArgumentError),
        ((X,), {"batch_size": True}, ArgumentError),
    ],
)
def test_bad_arguments_are_refused_when_it_is_called(arrays, options, error):
    with pytest.raises(error):
        nn.batches(*arrays, **options)
