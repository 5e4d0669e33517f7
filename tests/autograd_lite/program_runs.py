"""What the tests of programs share."""

import numpy as np


def assert_gradients(gradients, tensors):
    for tensor in tensors:
        if tensor.grad is not None:
            largest = np.abs(tensor.grad).max(initial=0)
            np.testing.assert_allclose(gradients[tensor], tensor.grad, 0, 1e-14 * largest)
            assert gradients[tensor].dtype == tensor.dtype
