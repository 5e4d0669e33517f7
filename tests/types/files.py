"""Saving, loading, and weights as arrays."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import nn
from autograd_lite.typing import Array

model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.BatchNorm1d(3), nn.Dense(3, 1, rng=1))
state: dict[str, Array] = model.state_dict()
model.load_state_dict({name: 2 * array for name, array in state.items()})
with TemporaryDirectory() as folder:
    path = Path(folder) / "model.safetensors"
    nn.save(model, path)
    same = nn.load(path)
print(nn.predict(same, np.ones((2, 2))), nn.summary(model, (2,)))
