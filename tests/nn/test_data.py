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


def test_batches_come_again_in_another_order_each_time():
    loader, rng = nn.batches(X, Y, batch_size=4, rng=3), np.random.default_rng(3)
    assert len(loader) == 3
    for _ in range(3):
        found = [*loader]
        assert len(found) == len(loader)
        np.testing.assert_array_equal(np.concatenate([y for _, y in found]), rng.permutation(10))
    in_order = nn.batches(X, batch_size=5, shuffle=False)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([x for (x,) in in_order]), X)
    assert repr(loader) == "3 batches of up to 4 of 10 samples"
    assert len(nn.batches(np.arange(0), batch_size=4)) == 0


def test_batches_that_are_made_once_train_all_epochs():
    loader, mean = nn.batches(X, Y[:, None], batch_size=4, shuffle=False), nn.MSELoss()
    by_fit, by_hand = nn.Dense(2, 1, rng=0), nn.Dense(2, 1, rng=0)
    optimizer = nn.SGD(by_fit.parameters(), 0.001)
    nn.fit(by_fit, loader, loss="mse", optimizer=optimizer, epochs=3, progress=False)
    optimizer = nn.SGD(by_hand.parameters(), 0.001)
    for _ in range(3):
        for inputs, targets in loader:
            optimizer.zero_grad()
            mean(by_hand(inputs), targets).backward()
            optimizer.step()
    np.testing.assert_allclose(by_fit.weight.data, by_hand.weight.data, rtol=1e-12)


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
