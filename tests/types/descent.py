"""A curve is fitted by hand-written descent."""

import numpy as np

from autograd_lite import Tensor

t = np.linspace(0, 1, 50)
measured = 2.0 * np.exp(-3.0 * t)
p = Tensor([1.0, 1.0], requires_grad=True)
for _ in range(20):
    loss = ((p[0] * np.exp(-p[1] * t) - measured) ** 2).mean()
    p.zero_grad()
    loss.backward()
    p.data -= 1.0 * p.grad
print(f"{loss.item():.3f}", p.data.round(2).tolist())
