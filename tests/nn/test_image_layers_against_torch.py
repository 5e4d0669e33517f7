"""Layers of images against PyTorch's: values and gradients, with options drawn at random."""

import warnings

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor

torch = pytest.importorskip("torch")

TOLERANCE = {"rtol": 1e-10, "atol": 1e-11}


class Drawn:
    """Numbers at random: whole ones for all axes of an image, or for each."""

    def __init__(self, rng):
        self.rng = rng
        self.axes = int(rng.integers(1, 4))

    def one(self, low, high):
        return int(self.rng.integers(low, high))

    def yes(self):
        return bool(self.rng.integers(2))

    def each(self, low, high):
        if self.yes():
            return self.one(low, high)
        return tuple(self.one(low, high) for _ in range(self.axes))

    def images(self, channels, low, high):
        lengths = [self.one(low, high) for _ in range(self.axes)]
        return self.rng.normal(size=(self.one(1, 4), channels, *lengths))


def convolution(drawn):
    groups = drawn.one(1, 4)
    channels, out = groups * drawn.one(1, 3), groups * drawn.one(1, 3)
    options = {"stride": drawn.each(1, 4), "dilation": drawn.each(1, 3), "bias": drawn.yes()}
    padding = drawn.one(0, 4)
    if padding == 3:
        options["stride"], padding = 1, ("valid", "same")[drawn.one(0, 2)]
    else:
        padding = drawn.each(0, 3)
    kernel = drawn.each(1, 4)
    ours = getattr(nn, f"Conv{drawn.axes}d")
    theirs = getattr(torch.nn, f"Conv{drawn.axes}d")
    given = (channels, out, kernel)
    options |= {"padding": padding, "groups": groups}
    images = drawn.images(channels, 6, 10)
    return ours(*given, **options), theirs(*given, **options, dtype=torch.float64), [images]


def transposed_convolution(drawn):
    drawn.axes = 2
    groups = drawn.one(1, 4)
    channels, out = groups * drawn.one(1, 3), groups * drawn.one(1, 3)
    stride, dilation, padding = drawn.each(1, 4), drawn.each(1, 3), drawn.each(0, 2)
    added = drawn.one(0, int(np.min(np.maximum(stride, dilation))))
    given = (channels, out, drawn.each(2, 4), stride, padding, added, groups, drawn.yes(), dilation)
    images = drawn.images(channels, 3, 6)
    theirs = torch.nn.ConvTranspose2d(*given, dtype=torch.float64)
    return nn.ConvTranspose2d(*given), theirs, [images]


def max_pool(drawn):
    given = (drawn.each(2, 4), drawn.each(1, 4), drawn.each(0, 2), drawn.each(1, 3))
    rounded_up = drawn.yes()
    theirs = getattr(torch.nn, f"MaxPool{drawn.axes}d")(*given, ceil_mode=rounded_up)
    return nn.MaxPool(*given, ceil_mode=rounded_up), theirs, [drawn.images(2, 5, 9)]


def average_pool(drawn):
    stride = drawn.each(1, 4) if drawn.yes() else None
    given = (drawn.each(2, 4), stride, drawn.each(0, 2), drawn.yes(), drawn.yes())
    theirs = getattr(torch.nn, f"AvgPool{drawn.axes}d")(*given)
    return nn.AvgPool(*given), theirs, [drawn.images(2, 4, 9)]


def adaptive_average_pool(drawn):
    size = drawn.each(1, 8)
    theirs = getattr(torch.nn, f"AdaptiveAvgPool{drawn.axes}d")(size)
    return nn.AdaptiveAvgPool(size), theirs, [drawn.images(2, 1, 9)]


def upsample(drawn):
    options = {"mode": "nearest"}
    if drawn.yes():
        drawn.axes = 2
        options = {"mode": "bilinear", "align_corners": drawn.yes()}
    if drawn.yes():
        options["size"] = drawn.each(1, 12)
    else:
        options["scale_factor"] = float(drawn.rng.choice([0.5, 0.8, 1.7, 2, 2.5, 3]))
    return nn.Upsample(**options), torch.nn.Upsample(**options), [drawn.images(2, 2, 9)]


def group_norm(drawn):
    groups = drawn.one(1, 4)
    given = (groups, groups * drawn.one(1, 4), float(drawn.rng.choice([1e-5, 0.1])), drawn.yes())
    theirs = torch.nn.GroupNorm(*given, dtype=torch.float64)
    return nn.GroupNorm(*given), theirs, [drawn.images(given[1], 2, 5)]


def instance_norm(drawn):
    features, epsilon, affine = drawn.one(1, 4), float(drawn.rng.choice([1e-5, 0.1])), drawn.yes()
    theirs = getattr(torch.nn, f"InstanceNorm{drawn.axes}d")
    theirs = theirs(features, epsilon, affine=affine, dtype=torch.float64)
    return nn.InstanceNorm(features, epsilon, affine), theirs, [drawn.images(features, 2, 5)]


def rms_norm(drawn):
    images = drawn.images(2, 2, 5)
    given = (images.shape[-drawn.one(1, 3) :], 0.1 if drawn.yes() else None)
    return nn.RMSNorm(*given), torch.nn.RMSNorm(*given, dtype=torch.float64), [images]


def bilinear(drawn):
    first, second = drawn.one(1, 5), drawn.one(1, 5)
    given = (first, second, drawn.one(1, 5), drawn.yes())
    inputs = [drawn.rng.normal(size=(3, 2, features)) for features in (first, second)]
    return nn.Bilinear(*given), torch.nn.Bilinear(*given, dtype=torch.float64), inputs


def assert_same(ours, theirs, inputs, rng):
    """Values, and gradients in inputs and parameters, from the same parameters."""
    parameters = dict(theirs.named_parameters())
    assert {name for name, _ in ours.named_parameters()} == parameters.keys()
    for name, parameter in ours.named_parameters():
        assert parameter.shape == tuple(parameters[name].shape)
        parameter.data = rng.normal(size=parameter.shape)
        parameters[name].data = torch.tensor(parameter.data)
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    ts = [torch.tensor(x, requires_grad=True) for x in inputs]
    y, t = ours(*xs), theirs(*ts)
    assert y.shape == tuple(t.shape)
    cotangent = rng.normal(size=y.shape)
    y.backward(cotangent)
    t.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(y.data, t.detach().numpy(), **TOLERANCE)
    for mine, other in zip([*xs, *ours.parameters()], [*ts, *parameters.values()], strict=True):
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), **TOLERANCE)


def assert_agree(make, seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        ours, theirs, inputs = make(Drawn(rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of borders that cost a copy
                assert_same(ours, theirs, inputs, rng)
        except Exception as error:
            shapes = [x.shape for x in inputs]
            raise AssertionError(f"seed {seed}: {ours} of {shapes}: {error}") from error


KINDS = (
    *(convolution, transposed_convolution, max_pool, average_pool, adaptive_average_pool),
    *(upsample, group_norm, instance_norm, rms_norm, bilinear),
)


@looped("make", KINDS)
def test_a_layer_is_that_of_pytorch_whatever_its_options(make):
    assert_agree(make, range(8))


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", KINDS)
def test_a_layer_is_that_of_pytorch_for_many_options(make):
    assert_agree(make, range(8, 200))


def test_batch_norm_of_images_in_training_and_evaluation_is_that_of_pytorch():
    rng = np.random.default_rng(0)
    ours = nn.BatchNorm2d(3, momentum=0.3)
    theirs = torch.nn.BatchNorm2d(3, momentum=0.3, dtype=torch.float64)
    for step in range(6):
        ours.train(step % 3 != 2)
        theirs.train(step % 3 != 2)
        ours.zero_grad()
        theirs.zero_grad()
        assert_same(ours, theirs, [rng.normal(2, 3, (2, 3, 4, step + 1))], rng)
        for name in ("running_mean", "running_var"):
            running, expected = getattr(ours, name).data, getattr(theirs, name).numpy()
            np.testing.assert_allclose(running, expected, **TOLERANCE)


def test_dropout_of_channels_leaves_out_what_pytorch_would():
    x = Tensor(np.ones((200, 5, 3, 2)), requires_grad=True)
    y = nn.Dropout2d(0.25, rng=0)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    by_channel = y.data.reshape(1000, 6)
    assert {*by_channel.min(axis=1), *by_channel.max(axis=1)} == {0.0, 1 / 0.75}
    assert (by_channel == by_channel[:, :1]).all()
    assert 0.7 < (by_channel[:, 0] > 0).mean() < 0.8
    assert nn.Dropout2d(0.25).eval()(x) is x
