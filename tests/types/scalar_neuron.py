"""micrograd's neuron, with numbers."""

from typing import assert_type

import numpy as np

from autograd_lite import Tensor

x = [Tensor(2.0), Tensor(-1.0)]
w = [Tensor(0.5, requires_grad=True), Tensor(1.5, requires_grad=True)]
b = Tensor(0.1, requires_grad=True)
activation = sum((xi * wi for xi, wi in zip(x, w)), b)
out = assert_type(activation, Tensor).tanh()
assert_type(out, Tensor).backward()
for parameter in (*w, b):
    parameter.data -= 0.1 * parameter.grad
    parameter.zero_grad()
assert_type(out.item(), float)
assert_type(2 * out - 1 / out, Tensor)
assert_type(np.float64(2.0) * out, Tensor)
assert_type(-out, Tensor)
assert_type(abs(out), Tensor)
