"""A loop of one's own."""

from typing import assert_type

import numpy as np

import nn
from autograd_lite import Tensor
from autograd_lite.typing import Array

rng = np.random.default_rng(0)
X, y = rng.normal(size=(64, 4)), rng.normal(size=(64, 1))
model = nn.Sequential(nn.Dense(4, 8, "relu", rng=0), nn.Dense(8, 1, rng=1))
optimizer, loss_function = nn.SGD(model.parameters(), learning_rate=0.01), nn.MSELoss()
losses: list[float] = []
for inputs, targets in nn.batches(X, y, batch_size=32, rng=rng):
    assert_type(targets, Array)
    loss = loss_function(model(inputs), targets)
    assert_type(loss, Tensor)
    model.zero_grad()
    loss.backward()
    norm = nn.clip_gradient_norm(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(losses, norm)
