"""A tensor of a tensor, an array of an array, a number of a number."""

from typing import assert_type

import numpy as np

from autograd_lite import (
    Tensor,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    softplus,
    swish,
)
from autograd_lite.typing import Array

array, tensor = np.array([[0.5, -1.0]]), Tensor([[0.5, -1.0]], requires_grad=True)
for activation in (relu, sigmoid, softplus, swish, gelu):
    assert_type(activation(tensor), Tensor)
    assert_type(activation(array), Array)
assert_type(leaky_relu(tensor, 0.1), Tensor)
assert_type(elu(array, alpha=0.5), Array)
assert_type(softmax(tensor, axis=0), Tensor)
assert_type(log_softmax(array), Array)
assert_type(logsumexp(tensor, axis=1, keepdims=True), Tensor)
assert_type(softmax_cross_entropy(tensor, np.array([1])), Tensor)
assert_type(relu(2.0), float)
