"""Convolutions."""

from typing import assert_type

import numpy as np

import nn
from autograd_lite import Tensor

model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool(2), nn.Flatten(), nn.Dense(64, 10)
)
x = np.random.default_rng(0).normal(size=(2, 1, 8, 8))
assert_type(model[0], nn.Conv2d)
assert_type(model[0].weight, nn.Parameter)
assert_type(model[-1], nn.Dense)
features: Tensor = model[0](x)
print(features.shape, model(x).shape)
