"""What "agrees" means here: to 1e-12 of the largest entry of the hand-derived array."""

import numpy as np


def assert_agree(computed, by_hand):
    """Compare arrays, or dicts of arrays that are compared name by name.

    >>> assert_agree({"W": np.array([1.0])}, {"W": np.array([1.0 + 1e-13])})
    """
    if isinstance(by_hand, dict):
        assert set(computed) == set(by_hand)
        for name, array in by_hand.items():
            _assert_close(computed[name], array, name)
    else:
        _assert_close(computed, by_hand, "the array")


def _assert_close(computed, by_hand, name):
    assert np.shape(computed) == np.shape(by_hand), name
    error = np.max(np.abs(computed - by_hand))
    assert error <= 1e-12 * np.max(np.abs(by_hand)), f"{name} is off by {error}"
