"""Functions that not every supported NumPy has, or calls without a warning."""

import warnings

import numpy as np
import pytest
from sampling import of_this_numpy

from autograd_lite import Tensor


@pytest.mark.parametrize("function", of_this_numpy({"fix": None}))
def test_what_numpy_deprecates_does_not_warn_of_a_tensor(function):
    x = Tensor([-1.7, 0.2, 1.7], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = function(x)
    np.testing.assert_array_equal(y.data, [-1.0, 0.0, 1.0])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 0.0)


@pytest.mark.parametrize("function", of_this_numpy({"unstack": None}))
def test_a_scalar_cannot_be_taken_apart(function):
    with pytest.raises(ValueError, match=r"unstack.*one axis or more"):
        function(Tensor(1.0, requires_grad=True))


TOTALS = of_this_numpy({"cumulative_sum": None, "cumulative_prod": None})


@pytest.mark.parametrize("function", TOTALS)
def test_totals_of_no_entries_with_their_start_are_the_start(function):
    x = np.zeros((2, 0))
    y = function(Tensor(x, requires_grad=True), axis=1, include_initial=True)
    np.testing.assert_array_equal(y.data, function(x, axis=1, include_initial=True))
    y.sum().backward()
