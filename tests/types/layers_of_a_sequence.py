"""The layers of a Sequential are known where they are given one by one."""

from itertools import pairwise
from typing import assert_type

import numpy as np

import nn
from autograd_lite import Tensor
from autograd_lite.typing import Array

model = nn.Sequential(nn.Dense(2, 8, rng=0), nn.ReLU(), nn.Dense(8, 1, rng=1), np.tanh)
assert_type(model[0], nn.Dense)
assert_type(model[0].weight, nn.Parameter)
assert_type(model[1], nn.ReLU)
assert_type(model[2].weight.data, Array)
assert_type(model[0](np.ones((4, 2))), Tensor)
first: nn.Sequential = model[:2]
sizes = [2, 8, 8, 1]
deep = nn.Sequential(*(nn.Dense(n, m, "tanh") for n, m in pairwise(sizes)))
deep.append(nn.Softmax())


def count(network: nn.Sequential) -> int:
    print(network[0].weight.shape)
    return sum(parameter.size for parameter in network.parameters())


print(count(model), count(deep), len(first))
