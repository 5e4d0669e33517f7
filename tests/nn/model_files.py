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


def layers_of_images(dtype=np.float64):
    """Layers, and the shapes of what they take."""
    return [
        (nn.Conv1d(2, 3, 3, padding="same", rng=0, dtype=dtype), [(4, 2, 7)]),
        (
            nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, groups=2, rng=0, dtype=dtype),
            [(3, 4, 6, 5)],
        ),
        (nn.Conv3d(1, 2, 2, dilation=(1, 2, 1), bias=False, rng=0, dtype=dtype), [(2, 1, 3, 4, 3)]),
        (
            nn.ConvTranspose2d(4, 2, 3, 2, 1, output_padding=1, rng=0, dtype=dtype),
            [(2, 4, 3, 3)],
        ),
        (nn.MaxPool((2, 3), stride=1, padding=(0, 1), ceil_mode=True), [(2, 3, 5, 5)]),
        (nn.AvgPool(3, 2, 1, count_include_pad=False), [(2, 3, 5, 6)]),
        (nn.AdaptiveAvgPool((2, None)), [(2, 3, 5, 4)]),
        (nn.Upsample(scale_factor=1.5, mode="bilinear", align_corners=True), [(2, 3, 4, 4)]),
        (nn.BatchNorm2d(3, 1e-3, 0.2, dtype=dtype), [(2, 3, 4, 4)]),
        (nn.GroupNorm(2, 4, 1e-3, dtype=dtype), [(2, 4, 3)]),
        (nn.InstanceNorm(3, affine=True, dtype=dtype), [(2, 3, 4)]),
        (nn.RMSNorm((3, 2), 1e-3, dtype=dtype), [(4, 3, 2)]),
        (nn.LayerNorm((3, 2), elementwise_affine=False), [(4, 3, 2)]),
        (nn.BatchNorm1d(3, affine=False, dtype=dtype), [(4, 3, 2)]),
        (nn.Dropout2d(0.25), [(2, 3, 4, 4)]),
        (nn.Bilinear(2, 3, 4, rng=0, dtype=dtype), [(5, 2), (5, 3)]),
    ]


def layers_of_sequences(dtype=np.float64):
    """Layers, and the arrays that they take."""
    rng = np.random.default_rng(4)

    def sequences(*shape):
        return rng.normal(size=shape).astype(dtype)

    numbers = rng.integers(0, 5, (3, 4))
    memory = (sequences(3, 4, 6), sequences(3, 5, 6))
    return [
        (nn.Embedding(5, 3, 1, rng=0, dtype=dtype), (numbers,)),
        (nn.PositionalEncoding(4, 7), (sequences(2, 5, 4),)),
        (nn.PositionalEncoding(4, 7, learned=True, rng=0, dtype=dtype), (sequences(2, 5, 4),)),
        (nn.RNN(2, 3, 2, "relu", False, rng=0, dtype=dtype), (sequences(3, 4, 2),)),
        (nn.GRU(2, 3, bidirectional=True, rng=0, dtype=dtype), (sequences(3, 4, 2),)),
        (
            nn.LSTM(2, 3, 2, batch_first=False, dropout=0.25, proj_size=2, rng=0, dtype=dtype),
            (sequences(4, 3, 2),),
        ),
        (nn.RNNCell(2, 3, nonlinearity="relu", rng=0, dtype=dtype), (sequences(4, 2),)),
        (nn.GRUCell(2, 3, bias=False, rng=0, dtype=dtype), (sequences(4, 2),)),
        (nn.LSTMCell(2, 3, rng=0, dtype=dtype), (sequences(4, 2),)),
        (
            nn.MultiHeadAttention(4, 2, 0.1, False, 3, 5, rng=0, dtype=dtype),
            (sequences(3, 2, 4), sequences(3, 5, 3), sequences(3, 5, 5)),
        ),
        (
            nn.TransformerEncoderLayer(6, 3, 5, 0.2, "gelu", 1e-3, rng=0, dtype=dtype),
            (sequences(3, 4, 6),),
        ),
        (
            nn.TransformerDecoderLayer(6, 2, 5, norm_first=True, bias=False, rng=0, dtype=dtype),
            memory,
        ),
    ]


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
