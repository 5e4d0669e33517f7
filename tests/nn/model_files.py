"""What the tests of model files share: models, and files read and written by hand."""

import json

import numpy as np
import pytest

import nn
from autograd_lite.errors import ArgumentError

safetensors_numpy = pytest.importorskip("safetensors.numpy")


def every_layer(dtype=np.float64):
    return nn.Sequential(
        nn.Dense(2, 4, activation="relu", rng=0, dtype=dtype),
        nn.Dropout(0.25),
        nn.Sequential(nn.Dense(4, 4, bias=False, rng=1, dtype=dtype), nn.LeakyReLU(0.2)),
        nn.ReLU(),
        nn.ELU(0.5),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Swish(),
        nn.GELU(),
        nn.Softplus(),
        nn.Dense(4, 3, activation="gelu", rng=2, dtype=dtype),
        nn.BatchNorm1d(3, epsilon=1e-3, momentum=0.2, dtype=dtype),
        nn.Residual(nn.Dense(3, 3, rng=3, dtype=dtype)),
        nn.Residual(
            nn.LayerNorm(3, epsilon=1e-4, dtype=dtype),
            projection=nn.Dense(3, 3, rng=4, dtype=dtype),
        ),
        nn.Flatten(),
        nn.LogSoftmax(0),
        nn.Softmax(axis=1),
        nn.Function(np.tanh),
    )


class OwnModel(nn.Module):
    def __init__(self, rng=0):
        self.scale = nn.Parameter(2.0)
        self.blocks = [nn.Dense(2, 2, rng=rng), nn.Dense(2, 1, rng=rng)]

    def forward(self, x):
        return self.blocks[1](self.blocks[0](x)) * self.scale


def small(rng=0, dtype=np.float64):
    return nn.Sequential(
        nn.Dense(2, 3, activation="relu", rng=rng, dtype=dtype),
        nn.Dense(3, 1, rng=rng, dtype=dtype),
    )


def assert_same_bits(model, other):
    state, expected = model.state_dict(), other.state_dict()
    assert list(state) == list(expected)
    for name in expected:
        assert state[name].dtype == expected[name].dtype, name
        assert state[name].shape == expected[name].shape, name
        assert state[name].tobytes() == expected[name].tobytes(), name


def content(path):
    """The tensors and the metadata's JSON of a file."""
    header_length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + header_length])
    return safetensors_numpy.load_file(path), json.loads(header["__metadata__"]["autograd_lite"])


def rewrite(path, *, tensors=None, architecture=None, text=None):
    """Write a file again with some of its tensors, or of its first layer's arguments, changed."""
    old_tensors, entry = content(path)
    entry["architecture"]["layers"][0] |= architecture or {}
    new_tensors = {
        name: array for name, array in (old_tensors | (tensors or {})).items() if array is not None
    }
    metadata = {"autograd_lite": json.dumps(entry) if text is None else text}
    path.write_bytes(safetensors_numpy.save(new_tensors, metadata))


def refusal(path, model=None):
    """The three parts of the error; a given model is as before."""
    before = None if model is None else model.state_dict()
    with pytest.raises(ArgumentError) as info:
        nn.load(path, model)
    attempted, reason, remedy = info.value.args
    assert str(path) in attempted
    assert remedy
    for name, array in (before or {}).items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
    return reason
