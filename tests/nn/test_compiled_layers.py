"""Compiled steps of each layer and each loss against eager ones, with both back ends."""

import numpy as np
import pytest
from looping import raise_named

import nn
from autograd_lite import Tensor

STEPS = 5
VECTORS, SEQUENCES, IMAGES = (6, 4), (3, 5, 4), (2, 2, 6, 6)
ABSTRACT = {"Module", "Sequential", "Function", "Lambda"}


class Parts(nn.Module):
    """A layer that takes several inputs, or gives several outputs, as one of others."""

    def __init__(self, inner, call):
        self.inner, self.call = inner, call

    def forward(self, x):
        return self.call(self.inner, x)


def first(inner, x):
    return inner(x)[0]


def numbers_of(inner, x):
    """Of an embedding: an integer for each feature, as no gradient flows to those."""
    return inner(np.arange(x.shape[1])) * x.sum()


def cell(inner, x):
    return inner(x[:, 0], inner(x[:, 1]))


def cell_with_memory(inner, x):
    return inner(x[:, 0], inner(x[:, 1]))[0]


LAYERS = {
    **{
        name: (VECTORS, kind)
        for name, kind in vars(nn).items()
        if name in ("ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax")
        or name in ("Softplus", "Swish", "Tanh")
    },
    "Dense": (VECTORS, lambda: nn.Dense(4, 5)),
    "Bilinear": (VECTORS, lambda: Parts(nn.Bilinear(4, 4, 3), lambda inner, x: inner(x, x * 2))),
    "BatchNorm1d": (VECTORS, lambda: nn.BatchNorm1d(4)),
    "Dropout": (VECTORS, lambda: nn.Dropout(0.4)),
    "LayerNorm": (VECTORS, lambda: nn.LayerNorm(4)),
    "RMSNorm": (VECTORS, lambda: nn.RMSNorm(4)),
    "Residual": (VECTORS, lambda: nn.Residual(nn.Dense(4, 4))),
    "Flatten": (IMAGES, nn.Flatten),
    "Embedding": (VECTORS, lambda: Parts(nn.Embedding(9, 3), numbers_of)),
    "Conv1d": (SEQUENCES, lambda: nn.Conv1d(5, 2, 3)),
    "Conv2d": (IMAGES, lambda: nn.Conv2d(2, 3, 3, padding=1)),
    "Conv3d": ((1, 2, 4, 4, 4), lambda: nn.Conv3d(2, 2, 2)),
    "ConvTranspose2d": (IMAGES, lambda: nn.ConvTranspose2d(2, 3, 3, stride=2)),
    "MaxPool": (IMAGES, lambda: nn.MaxPool(2)),
    "AvgPool": (IMAGES, lambda: nn.AvgPool(2)),
    "AdaptiveAvgPool": (IMAGES, lambda: nn.AdaptiveAvgPool(3)),
    "Upsample": (IMAGES, lambda: nn.Upsample(2)),
    "BatchNorm2d": (IMAGES, lambda: nn.BatchNorm2d(2)),
    "Dropout2d": (IMAGES, lambda: nn.Dropout2d(0.4)),
    "GroupNorm": (IMAGES, lambda: nn.GroupNorm(2, 2)),
    "InstanceNorm": (IMAGES, lambda: nn.InstanceNorm(2)),
    "RNN": (SEQUENCES, lambda: Parts(nn.RNN(4, 3), first)),
    "GRU": (SEQUENCES, lambda: Parts(nn.GRU(4, 3), first)),
    "LSTM": (SEQUENCES, lambda: Parts(nn.LSTM(4, 3), first)),
    "RNNCell": (SEQUENCES, lambda: Parts(nn.RNNCell(4, 3), cell)),
    "GRUCell": (SEQUENCES, lambda: Parts(nn.GRUCell(4, 3), cell)),
    "LSTMCell": (SEQUENCES, lambda: Parts(nn.LSTMCell(4, 3), cell_with_memory)),
    "MultiHeadAttention": (
        SEQUENCES,
        lambda: Parts(nn.MultiHeadAttention(4, 2, 0.3), lambda inner, x: inner(x, x, x)[0]),
    ),
    "PositionalEncoding": (SEQUENCES, lambda: nn.PositionalEncoding(4, 8)),
    "TransformerEncoderLayer": (SEQUENCES, lambda: nn.TransformerEncoderLayer(4, 2, 6)),
    "TransformerDecoderLayer": (
        SEQUENCES,
        lambda: Parts(nn.TransformerDecoderLayer(4, 2, 6), lambda inner, x: inner(x, x * 2)),
    ),
}


def squares(predictions, targets):
    return ((predictions - 0.3) ** 2).mean() * targets.mean()


def classes(rng):
    return rng.integers(3, size=6)


def yes(rng):
    return np.round(rng.uniform(size=(6, 3)))


def shares(rng):
    return rng.dirichlet(np.ones(3), 6)


def numbers(rng):
    return rng.normal(size=(6, 3))


LOSSES = {
    "MSELoss": (nn.MSELoss, None, numbers),
    "HalfSquaredErrorLoss": (nn.HalfSquaredErrorLoss, None, numbers),
    "MAELoss": (nn.MAELoss, None, numbers),
    "RMSELoss": (nn.RMSELoss, None, numbers),
    "HuberLoss": (nn.HuberLoss, None, numbers),
    "HingeLoss": (nn.HingeLoss, None, lambda rng: 2 * yes(rng) - 1),
    "BCELoss": (nn.BCELoss, nn.Sigmoid, yes),
    "BCEWithLogitsLoss": (lambda: nn.BCEWithLogitsLoss(label_smoothing=0.1), None, yes),
    "CategoricalCrossEntropyLoss": (nn.CategoricalCrossEntropyLoss, nn.Softmax, classes),
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0]), None, classes),
    "NLLLoss": (nn.NLLLoss, nn.LogSoftmax, classes),
    "KLDivLoss": (nn.KLDivLoss, nn.LogSoftmax, shares),
    "PoissonNLLLoss": (nn.PoissonNLLLoss, None, yes),
    "GaussianNLLLoss": (
        lambda: lambda p, y: nn.GaussianNLLLoss()(p, y, np.exp(p) + 0.1),
        None,
        numbers,
    ),
    "CosineEmbeddingLoss": (
        lambda: lambda p, y: nn.CosineEmbeddingLoss()(p, p * p, y),
        None,
        lambda rng: rng.choice([-1, 1], size=6),
    ),
    "TripletMarginLoss": (
        lambda: lambda p, y: nn.TripletMarginLoss()(p, y, p * 2 + 1),
        None,
        numbers,
    ),
}


def cases():
    """By name: the shape of a batch, what makes model and loss, and targets."""
    for name, (shape, make) in LAYERS.items():
        yield name, (shape, make, lambda: squares, lambda rng: rng.uniform(size=3))
    for name, (loss, last, targets) in LOSSES.items():

        def make(last=last):
            return nn.Sequential(nn.Dense(4, 3), *([last()] if last else []))

        yield name, (VECTORS, make, loss, targets)


def run(shape, make, loss, targets, backend):
    """Losses, parameters and buffers after each step, and what ran last."""
    nn.manual_seed(1)
    # Something is learned of layers without parameters, too.
    model = nn.Sequential(nn.Dense(shape[-1], shape[-1], activation="tanh"), make())
    optimizer, loss, found = nn.SGD(model.parameters(), 0.1), loss(), []
    step = backend and nn.compile(model, loss, optimizer, backend)
    for number in range(STEPS):
        rng = np.random.default_rng(number)
        X, y = rng.normal(size=shape), targets(rng)
        if step:
            value = step(X, y)
        else:
            computed = loss(model(Tensor(X)), y)
            optimizer.zero_grad()
            computed.backward()
            optimizer.step()
            value = computed.item()
        found.append([np.float64(value), *model.state_dict().values()])
    return found, step.backend if step else ""


def assert_steps_are_eager_ones(backend, rounding, every=1):
    failures = []
    for name, case in [*cases()][::every]:
        try:
            expected, _ = run(*case, None)
            found, ran = run(*case, backend)
            assert ran == backend
            for own, wanted in zip(found, expected, strict=True):
                for a, b in zip(own, wanted, strict=True):
                    exact = a.tobytes() == b.tobytes()
                    assert exact or (rounding and np.allclose(a, b, rounding, rounding))
        except Exception as error:
            failures.append((f"{name}: {error}", error))
    raise_named(failures)


def test_each_layer_and_each_loss_is_among_them():
    kinds = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    layers = {name for name in kinds if issubclass(getattr(nn, name), nn.Module)} - ABSTRACT
    assert layers == LAYERS.keys()
    assert {name for name in kinds if name.endswith("Loss")} == LOSSES.keys()


def test_some_have_the_bits_of_eager_steps():
    assert_steps_are_eager_ones("numpy", 0, every=6)


@pytest.mark.exhaustive
def test_each_has_the_bits_of_eager_steps():
    assert_steps_are_eager_ones("numpy", 0)


@pytest.mark.exhaustive
def test_each_is_right_in_c(quick_c_compiler):
    assert_steps_are_eager_ones("c", 1e-11)
