"""What operators, methods and attributes give."""

from typing import Any, assert_type

import numpy as np

from autograd_lite import Tensor
from autograd_lite.typing import Array

x = np.ones((4, 3))
weight = Tensor(np.ones((3, 2)), requires_grad=True, name="W")
z = x @ weight
assert_type(z, Tensor)
assert_type(x.T @ z, Tensor)
assert_type(np.ones(2) * z, Tensor)
assert_type(z - np.ones(2), Tensor)
assert_type(z > 0, Array)
assert_type(z == z, Array)
assert_type(z.sum(axis=0, keepdims=True), Tensor)
assert_type(z.mean(), Tensor)
assert_type(z.reshape(2, 4).T, Tensor)
assert_type(z[0, 1], Tensor)
assert_type(z.relu().exp().log(), Tensor)
assert_type(z.var(axis=0), Tensor)
assert_type(z.argmax(axis=1), Array)
assert_type(z.data, Array)
assert_type(z.shape, tuple[int, ...])
z.sum().backward()
assert_type(z.grad, Any)
if (z > 1).all():
    print(weight.grad.round(2), z.name)
