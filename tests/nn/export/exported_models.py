"""Models to write for elsewhere, with the shape of a sample."""

import numpy as np
from model_files import every_layer, layers_of_images, layers_of_sequences

import nn
from autograd_lite.table import activations

RNG = np.random.default_rng(0)


class TwoInputs(nn.Module):
    def __init__(self):
        self.left, self.right = nn.Dense(2, 3, rng=0), nn.Dense(4, 3, rng=1)

    def forward(self, left, right):
        return {
            "sum": self.left(left) + self.right(right),
            "product": left * self.left.weight[0, 0],
        }


class Recurrent(nn.Module):
    """A state that begins with zeros, as many as there are samples."""

    def __init__(self):
        self.step = nn.Dense(5, 3, "tanh", rng=0)

    def forward(self, x):
        state = np.zeros((len(x), 3))
        for t in range(4):
            state = self.step(np.concatenate([x[:, t], state], axis=1))
        return state


class Gathered(nn.Module):
    """Rows of a table by whole numbers."""

    def __init__(self):
        self.table = nn.Parameter(RNG.normal(size=(7, 3)))

    def forward(self, numbers):
        return self.table[numbers].reshape(-1, 6).sum(axis=1, keepdims=True)


def normalized(layer):
    layer.running_mean.data = RNG.normal(size=layer.running_mean.shape)
    layer.running_var.data = 0.5 + RNG.random(layer.running_var.shape)
    return layer


MODELS = {
    **{name: (nn.Dense(3, 4, name, rng=0), (3,)) for name in activations()},
    "batch norm": (nn.Sequential(nn.Dense(3, 4, rng=0), normalized(nn.BatchNorm1d(4))), (3,)),
    "layer norm": (nn.Sequential(nn.LayerNorm((2, 3)), nn.Flatten()), (2, 3)),
    "dropout": (nn.Sequential(nn.Dense(3, 3, rng=0), nn.Dropout(0.5)), (3,)),
    "residual": (nn.Residual(nn.Dense(3, 3, "relu", rng=0)), (3,)),
    "recurrent": (Recurrent(), (4, 2)),
    "states of cells": (nn.Sequential(nn.LSTM(2, 3, rng=0), lambda y: y[0]), (4, 2)),
    "long sequences": (nn.TransformerEncoderLayer(4, 4, 8, rng=0), (150, 4)),
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, rng=0),
            normalized(nn.BatchNorm2d(4)),
            nn.ReLU(),
            nn.MaxPool(2),
            nn.Conv2d(4, 4, (3, 2), stride=(2, 1), padding="valid", groups=2, rng=1),
            nn.AdaptiveAvgPool((2, 2)),
            nn.Flatten(),
        ),
        (2, 9, 8),
    ),
    "transposed": (
        nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1, rng=0),
        (3, 4, 5),
    ),
    "volumes": (nn.Sequential(nn.Conv3d(1, 2, 2, rng=0), nn.AvgPool(2)), (1, 5, 5, 6)),
    "vectors": (nn.Sequential(nn.Conv1d(2, 3, 3, dilation=2, rng=0), nn.GroupNorm(1, 3)), (2, 9)),
    "images": (nn.Sequential(nn.Upsample(scale_factor=2), nn.InstanceNorm(2)), (2, 3, 4)),
    "larger": (nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 5)),
    "root mean square": (nn.RMSNorm(3), (3,)),
    "one of many": (nn.Sequential(nn.Dense(3, 4, rng=0), lambda x: x.reshape(2 * len(x), 2)), (3,)),
}
FUNCTIONS = {
    "logarithms": lambda x: np.log1p(np.square(x)) + np.log(np.abs(x)) * np.log2(x * x),
    "exponentials": lambda x: np.expm1(x) + np.exp2(x) + np.logaddexp(x, 1.0),
    "circular": lambda x: np.sin(x) * np.arctan(x) - np.cosh(x) / (1 + x**2),
    "rounded": lambda x: np.clip(x, -0.5, 0.5) + np.maximum(x, 0.1) * np.sign(x),
    "chosen": lambda x: np.where(np.array([True, False, True]), x, -x),
    "reduced": lambda x: x.std(axis=1, keepdims=True) + x.max(axis=1, keepdims=True) - x.mean(),
    "moved": lambda x: np.stack([x[:, ::-1], x], axis=1).swapaxes(1, 2).transpose(0, 2, 1),
    "sliced": lambda x: np.concatenate([x[:, 1:, None], x[..., None, :2].squeeze(1)[..., None]], 1),
    "products": lambda x: (
        x[:, None, :] @ x[:, :, None] * np.broadcast_to(x[:, :1], (len(x), 3))[:, :1, None]
    ),
    "tested": lambda x: np.where((x > 0) & ~(x > 1) | np.isnan(x), x * (x > 0.5), -1),
    "counted": lambda x: (x * (x > -9)).sum(axis=1) / (1 + (x > 0).sum(axis=1)),
    "any and all": lambda x: np.where(np.any(x > 1, axis=1, keepdims=True), x, (x > -1).all() - x),
    "first of all": lambda x: x[np.arange(len(x)), np.argmax(x, axis=1)] + x.argmin(),
    "logical": lambda x: np.where(np.logical_xor(x > 0, np.logical_not(x)) ^ (x != 1), x, 2),
    "finite": lambda x: np.zeros_like(x) + np.isfinite(np.where(x > 0, x, np.inf)),
    "numbers": lambda x: np.clip(np.argmin(x, axis=1) ** 2 - 1, 0, 2) * 0.5 + np.argmax(x, axis=1),
    "which of many": lambda x: (x.argmax(axis=1)[:, None] == np.arange(3)).astype(float),
    "summed": lambda x: np.cumsum(x, axis=1) + np.einsum("ni,ni->n", x, x)[:, None],
    "a decision": lambda x: x > 0,
    "as many": lambda x: x * len(x) + np.maximum(x, x.shape[0]) - np.where(x > 0, x, x.size),
    "shares": lambda x: x.sum(axis=0, keepdims=True) / len(x) + np.clip(x, -1, len(x)),
}
MODELS |= {name: (nn.Sequential(nn.Dense(3, 3, rng=0), f), (3,)) for name, f in FUNCTIONS.items()}


class Masked(nn.Module):
    """Attention with each kind of mask, for those that keys are padded by."""

    def __init__(self, mask=None, **options):
        self.attention = nn.MultiHeadAttention(4, 2, rng=0)
        self.mask, self.options = mask, options

    def forward(self, x, padding):
        given = {"key_padding_mask": padding, "attn_mask": self.mask}
        return self.attention(x, x, x, **given, **self.options)[0]


class Tokens(nn.Module):
    """Padding is seen from the numbers themselves."""

    def __init__(self):
        self.embedding = nn.Embedding(9, 4, padding_idx=0, rng=0)
        self.encoder = nn.TransformerEncoderLayer(4, 2, 8, rng=0)

    def forward(self, tokens):
        padding = tokens == 0
        y = self.encoder(self.embedding(tokens), src_key_padding_mask=padding, is_causal=True)
        own = ~padding[..., None]
        return (y * own).sum(axis=1) / np.maximum(own.sum(axis=1), 1)


class OfLengths(nn.Module):
    """Sequences of several lengths."""

    def __init__(self, kind):
        self.layer = kind(4, 3, 2, bidirectional=True, rng=0)

    def forward(self, x, lengths):
        return self.layer(x, lengths=lengths)[0]


def all_layers():
    """The layers of the library, and what they take."""
    made = [
        (layer, [RNG.normal(size=shape) for shape in shapes])
        for layer, shapes in layers_of_images()
    ]
    one = every_layer(), [RNG.normal(size=(5, 2))]
    return [(layer, tuple(inputs)) for layer, inputs in [one, *layers_of_sequences(), *made]]


def more_of(array):
    """More samples than there are, of the same kind."""
    if array.dtype.kind != "f":
        return np.concatenate([array, array[::-1]])
    return RNG.normal(size=(len(array) + 3, *array.shape[1:]))


def frozen(model):
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model


def sequences(n):
    return RNG.normal(size=(n, 5, 4))


def padded(n):
    """Which of five keys are hidden; of the first sample all of them."""
    return np.concatenate([np.full((1, 5), True), RNG.random((n - 1, 5)) < 0.4])


def tokens(n):
    return RNG.integers(0, 9, (n, 5))


later = np.triu(np.full((5, 5), True), 1)
MASKED = {
    "of truth values": (Masked(), lambda n: (sequences(n), padded(n))),
    "of numbers": (Masked(), lambda n: (sequences(n), np.where(padded(n), -np.inf, 0))),
    "of both": (Masked(later, need_weights=False), lambda n: (sequences(n), padded(n))),
    "numbers for all": (Masked(np.where(later, -9.0, 0)), lambda n: (sequences(n), padded(n))),
    "causal": (Masked(is_causal=True), lambda n: (sequences(n), padded(n))),
    "tokens": (Tokens(), tokens),
    "tokens as floats": (Tokens(), lambda n: tokens(n).astype(np.float32)),
    "frozen": (frozen(Tokens()), tokens),
    **{
        f"lengths of {kind.__name__}": (
            OfLengths(kind),
            lambda n: (sequences(n), RNG.integers(1, 6, n)),
        )
        for kind in (nn.RNN, nn.GRU, nn.LSTM)
    },
}
"""Models, and what makes n samples for them."""
