"""A gradient within a loss."""

import numpy as np

from autograd_lite import Tensor, grad

weight = Tensor(3.0, requires_grad=True)
x = Tensor([0.1, 0.2], requires_grad=True)
y = (np.sin(weight * x)).sum()
y.backward(create_graph=True)
penalty: Tensor = (x.grad**2).sum()
penalty.backward()
print(weight.grad, grad(grad(np.sin))(0.5))
