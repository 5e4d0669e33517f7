"""NumPy's functions of one argument, and of all the others through a name that checkers let be."""

from typing import Any

import numpy as np

from autograd_lite import Tensor

anp: Any = np
x = Tensor([0.5, 2.0], requires_grad=True)
y: Tensor = np.tanh(x) + np.exp(np.sin(x)) * np.sqrt(x)
joined: Tensor = anp.concatenate([x, y])
largest: Tensor = anp.maximum(x, 0.7)
chosen: Tensor = anp.where(x > 1, x, 0.0)
loss: Tensor = anp.mean(anp.stack([largest, chosen])) + joined.mean()
loss.backward()
print(x.grad)
