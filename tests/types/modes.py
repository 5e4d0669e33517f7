"""Contexts and decorators."""

import numpy as np

from autograd_lite import Tensor, checkpoint, detect_anomaly, enable_grad, no_grad

x = Tensor(np.ones(3), requires_grad=True)


@no_grad()
def norm(t: Tensor) -> float:
    return float((t**2).sum().item() ** 0.5)


with detect_anomaly():
    y = checkpoint(np.sin)(x)
with no_grad():
    x[0] = 2.0
    x += 1
    with enable_grad():
        loss = (x * 2).sum()
loss.backward()
print(norm(x), y, loss.detach().requires_grad)
