"""What "agrees" means here: for hand-derived arrays, and for differences of a loss."""

import numpy as np

from autograd_lite import no_grad


def assert_agree(computed, by_hand, tolerance=1e-12):
    """Compare arrays, or dicts of arrays name by name, relative to the largest entry by hand.

    >>> assert_agree({"W": np.array([1.0])}, {"W": np.array([1.0 + 1e-13])})
    """
    if isinstance(by_hand, dict):
        assert set(computed) == set(by_hand)
        for name, array in by_hand.items():
            _assert_close(computed[name], array, name, tolerance)
    else:
        _assert_close(computed, by_hand, "the array", tolerance)


def _assert_close(computed, by_hand, name, tolerance):
    assert np.shape(computed) == np.shape(by_hand), name
    error = np.max(np.abs(computed - by_hand))
    assert error <= tolerance * np.max(np.abs(by_hand)), f"{name} is off by {error}"


def differences(loss, parameter, step=1e-6):
    """The central differences of a loss in each entry of a parameter, in its shape."""
    slopes = np.empty(parameter.shape)
    array = parameter.data
    with no_grad():
        for index, value in np.ndenumerate(array.copy()):
            array[index] = value + step
            above = loss().item()
            array[index] = value - step
            below = loss().item()
            array[index] = value
            slopes[index] = (above - below) / (2 * step)
    return slopes
