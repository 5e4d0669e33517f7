"""Run generated source, and compare what it returns with what backward() gives."""

import numpy as np

from autograd_lite.textbook.lines import lines_of
from autograd_lite.textbook.source import source_of


def function_of(source):
    """The function that a program defines."""
    namespace = {}
    exec(source, namespace)
    return namespace["backward"]


def generated(loss, wrt, variables):
    """The source, and the gradients that it computes on the recorded arrays."""
    lines = lines_of(loss, wrt, variables)
    source = source_of(lines)
    # What a formula divides by may be 0 where the engine's guards are silent too.
    with np.errstate(all="ignore"):
        gradients = function_of(source)(**lines.inputs)
    return source, gradients if len(wrt) > 1 else (gradients,)


def assert_same(gradients, tensors, relative=0.0):
    """Compare with `.grad`: shape, dtype and numbers, relative to the largest.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> (2 * x).sum().backward()
    >>> assert_same([np.array([2.0])], [x])
    """
    for gradient, tensor in zip(gradients, tensors, strict=True):
        gradient = np.asarray(gradient)
        assert gradient.shape == tensor.shape
        assert gradient.dtype == tensor.dtype
        if relative == 0:
            np.testing.assert_array_equal(gradient, tensor.grad)
        else:
            largest = np.abs(tensor.grad).max(initial=0)
            np.testing.assert_allclose(gradient, tensor.grad, rtol=0, atol=relative * largest)
