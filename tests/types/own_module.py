"""A model of one's own: a call takes and returns what its forward does."""

from typing import assert_type

import numpy as np

import nn
from autograd_lite import Tensor
from autograd_lite.typing import Array


class Pair(nn.Module):
    def __init__(self, n: int) -> None:
        self.first = nn.Dense(n, 4, "relu", rng=0)
        self.second = nn.Dense(4, 2, rng=1)
        self.scale = nn.Parameter([1.0, 2.0])

    def forward(self, x: Array, deep: bool = True) -> tuple[Tensor, Tensor]:
        hidden = self.first(x)
        return hidden, self.second(hidden) * self.scale if deep else hidden


model = Pair(3)
hidden, out = model(np.ones((5, 3)), deep=True)
assert_type(hidden, Tensor)
assert_type(out, Tensor)
out.sum().backward()
for name, parameter in model.named_parameters():
    assert_type(parameter, nn.Parameter)
    print(name, parameter.grad.shape)
assert_type(model.train(), Pair)
model.eval().astype(np.float32).zero_grad()
