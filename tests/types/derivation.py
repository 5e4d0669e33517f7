"""A derivation is compared with the automatic gradients."""

from typing import assert_type

import numpy as np

from autograd_lite import Tensor, compare_gradients, derive, sigmoid, to_source
from autograd_lite.compare import GradientComparison
from autograd_lite.typing import Array

rng = np.random.default_rng(0)
X, y = rng.normal(size=(8, 2)), rng.integers(2, size=(8, 1)) * 1.0
W1 = Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="W1")
W2 = Tensor(rng.normal(size=(3, 1)), requires_grad=True, name="W2")
a1 = np.tanh(X @ W1)
p = sigmoid(a1 @ W2)
loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()

dz2: Array = (p.data - y) / len(X)
dW2: Array = a1.data.T @ dz2
dz1: Array = dz2 @ W2.data.T * (1 - a1.data**2)
report = compare_gradients(loss, {W1: X.T @ dz1, W2: dW2})
assert_type(report, GradientComparison)
if not report:
    report.raise_if_wrong()
print(derive(loss), to_source(loss), len(report))
