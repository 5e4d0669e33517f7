"""Models to write for elsewhere, with the shape of a sample."""

import numpy as np

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
}
MODELS |= {name: (nn.Sequential(nn.Dense(3, 3, rng=0), f), (3,)) for name, f in FUNCTIONS.items()}
