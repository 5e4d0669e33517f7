"""Bad input of the layers of images, and of those beside them."""

import numpy as np
from declarations_layers import ONE_ARRAY, dtype, generator, transposed
from declaring import Spreads, array, bad, declare, number
from world import nans

import nn
from autograd_lite.errors import ArgumentError, ShapeError


def convolution(kind, *axes):
    """What all convolutions refuse, given the lengths of an image."""
    channels = np.ones((2, 4, *axes))
    return [
        number("in_channels", lambda w, v: kind(v, 2, 3), 0, -1, 2.0, True),
        number("out_channels", lambda w, v: kind(2, v, 3), 0, 1.5),
        number("kernel_size", lambda w, v: kind(2, 3, v), 0, -1, 2.5),
        number("stride", lambda w, v: kind(2, 3, 3, stride=v), 0, 0.5),
        number("padding", lambda w, v: kind(2, 3, 3, padding=v), -1, 0.5),
        number("dilation", lambda w, v: kind(2, 3, 3, dilation=v), 0, 1.5),
        number("groups", lambda w, v: kind(2, 4, 3, groups=v), 0, 1.5, 4),
        bad("range", lambda w: kind(4, 3, 3, groups=2), ArgumentError, "out_channels=3"),
        bad("length", lambda w: kind(2, 3, (3,) * (len(axes) + 1)), ArgumentError, "kernel_size"),
        bad(
            "range",
            lambda w: kind(2, 3, 3, weight_init="hee"),
            ArgumentError,
            "'hee'",
            named="weight_init",
        ),
        bad("shape", lambda w: kind(2, 3, 3, weight_init=transposed), ShapeError, "fan_in first"),
        dtype(lambda dtype: kind(2, 3, 3, dtype=dtype)),
        generator(lambda rng: kind(2, 3, 3, rng=rng)),
        bad(
            "shape",
            lambda w: kind(3, 2, 3)(channels),
            ShapeError,
            str(channels.shape),
            "axis 1",
            "(2, 3" if kind is not nn.ConvTranspose2d else "(3, 2",
        ),
        bad("shape", lambda w: kind(4, 2, 3)(channels[0]), ShapeError, str(channels.shape[1:])),
        array(lambda w, x: kind(4, 2, 3)(x)),
        Spreads(lambda w: kind(1, 2, 3)(nans(1, 1, *axes))),
    ]


def too_small(kind, *axes):
    images = np.ones((2, 1, *axes))
    return bad("shape", lambda w: kind(1, 2, 5)(images), ShapeError, str(images.shape), "axis 2")


def pooling(kind):
    images = np.ones((2, 3, 4, 9))
    return [
        number("kernel_size", lambda w, v: kind(v), 0, 1.5),
        number("stride", lambda w, v: kind(2, v), 0, 1.5),
        number("padding", lambda w, v: kind(2, padding=v), -1, 0.5, 2),
        bad("type", lambda w: kind(2, ceil_mode="yes"), ArgumentError, "ceil_mode='yes'"),
        bad("shape", lambda w: kind(5)(images), ShapeError, "(2, 3, 4, 9)", "axis 2"),
        bad("shape", lambda w: kind((2, 2))(images[0]), ShapeError, "(3, 4, 9)", "(2, 2)"),
        bad("shape", lambda w: kind(2)(images[0, 0]), ShapeError, "(4, 9)"),
        bad("length", lambda w: kind(()), ArgumentError, "kernel_size=()"),
        array(lambda w, x: kind(2)(x)),
        Spreads(lambda w: kind(2)(nans(1, 1, 4, 4))),
    ]


DECLARED = {
    "nn.Conv1d": declare(convolution(nn.Conv1d, 6), too_small(nn.Conv1d, 4)),
    "nn.Conv2d": declare(
        convolution(nn.Conv2d, 6, 6),
        too_small(nn.Conv2d, 4, 6),
        bad("range", lambda w: nn.Conv2d(1, 2, 3, padding="sane"), ArgumentError, "'sane'"),
        bad("range", lambda w: nn.Conv2d(1, 2, 3, 2, "same"), ArgumentError, "stride=2"),
        bad("range", lambda w: nn.Conv2d(1, 2, 3, (1, 2), "same"), ArgumentError, "(1, 2)"),
    ),
    "nn.Conv3d": declare(convolution(nn.Conv3d, 4, 4, 4), too_small(nn.Conv3d, 4, 6, 6)),
    "nn.ConvTranspose2d": declare(
        convolution(nn.ConvTranspose2d, 4, 4),
        number(
            "output_padding", lambda w, v: nn.ConvTranspose2d(2, 3, 3, 2, output_padding=v), -1, 2
        ),
        bad("shape", lambda w: nn.ConvTranspose2d(1, 2, 1, padding=3)(np.ones((1, 1, 4, 9))),
            ShapeError, "(1, 1, 4, 9)", "axis 2"),
    ),
    "nn.MaxPool": declare(
        pooling(nn.MaxPool), number("dilation", lambda w, v: nn.MaxPool(2, dilation=v), 0, 1.5)
    ),
    "nn.AvgPool": declare(
        pooling(nn.AvgPool),
        bad("type", lambda w: nn.AvgPool(2, count_include_pad=1), ArgumentError,
            "count_include_pad=1"),
    ),
    "nn.AdaptiveAvgPool": declare(
        number("output_size", lambda w, v: nn.AdaptiveAvgPool(v), 0, -1, 1.5),
        bad("shape", lambda w: nn.AdaptiveAvgPool((2, 2))(np.ones((1, 2, 3))), ShapeError,
            "(1, 2, 3)", "(2, 2)"),
        bad("length", lambda w: nn.AdaptiveAvgPool(()), ArgumentError, "output_size=()"),
        array(lambda w, x: nn.AdaptiveAvgPool(2)(x)),
        Spreads(lambda w: nn.AdaptiveAvgPool(2)(nans(1, 1, 4))),
    ),
    "nn.Upsample": declare(
        number("size", lambda w, v: nn.Upsample(v), 0, 1.5),
        number("scale_factor", lambda w, v: nn.Upsample(scale_factor=v), 0, -1),
        bad("range", lambda w: nn.Upsample(), ArgumentError, "size=None"),
        bad("range", lambda w: nn.Upsample(2, 2), ArgumentError, "size=2"),
        bad("range", lambda w: nn.Upsample(2, mode="cubic"), ArgumentError, "'cubic'"),
        bad("type", lambda w: nn.Upsample(2, align_corners=1), ArgumentError, "align_corners=1"),
        bad("range", lambda w: nn.Upsample(2, align_corners=True), ArgumentError, "nearest"),
        bad("shape", lambda w: nn.Upsample(2, mode="bilinear")(np.ones((1, 2, 3))), ShapeError,
            "(1, 2, 3)"),
        bad("shape", lambda w: nn.Upsample(scale_factor=0.1)(np.ones((1, 2, 3))), ShapeError,
            "(1, 2, 3)", "axis 2"),
        bad("length", lambda w: nn.Upsample((2, 2))(np.ones((1, 2, 3))), ShapeError, "(2, 2)"),
        array(lambda w, x: nn.Upsample(2)(x)),
        Spreads(lambda w: nn.Upsample(2)(nans(1, 1, 4))),
    ),
    "nn.BatchNorm2d": declare(
        number("num_features", lambda w, v: nn.BatchNorm2d(v), 0, -1, 2.0),
        number("epsilon", lambda w, v: nn.BatchNorm2d(3, epsilon=v), 0, -1e-5),
        number("momentum", lambda w, v: nn.BatchNorm2d(3, momentum=v), -0.1, 1.1),
        dtype(lambda dtype: nn.BatchNorm2d(3, dtype=dtype)),
        bad("shape", lambda w: nn.BatchNorm2d(3)(np.ones((2, 4, 5, 5))), ShapeError,
            "(2, 4, 5, 5)", "(n, 3, height, width)"),
        bad("shape", lambda w: nn.BatchNorm2d(3)(np.ones((2, 3))), ShapeError, "(2, 3)"),
        bad("length", lambda w: nn.BatchNorm2d(3)(np.ones((1, 3, 1, 1))), ShapeError,
            "(1, 3, 1, 1)"),
        array(lambda w, x: nn.BatchNorm2d(3)(x)),
        Spreads(lambda w: nn.BatchNorm2d(3)(nans(2, 3, 2, 2))),
    ),
    "nn.GroupNorm": declare(
        number("num_groups", lambda w, v: nn.GroupNorm(v, 4), 0, 1.5, 3),
        number("num_channels", lambda w, v: nn.GroupNorm(2, v), 0, 1.5, 3),
        number("epsilon", lambda w, v: nn.GroupNorm(2, 4, v), 0, -1),
        bad("type", lambda w: nn.GroupNorm(2, 4, affine=1), ArgumentError, "affine=1"),
        dtype(lambda dtype: nn.GroupNorm(2, 4, dtype=dtype)),
        bad("shape", lambda w: nn.GroupNorm(2, 4)(np.ones((2, 3, 5))), ShapeError, "(2, 3, 5)",
            "axis 1"),
        array(lambda w, x: nn.GroupNorm(1, 2)(x)),
        Spreads(lambda w: nn.GroupNorm(1, 2)(nans(2, 2, 3))),
        length=ONE_ARRAY,
    ),
    "nn.InstanceNorm": declare(
        number("num_features", lambda w, v: nn.InstanceNorm(v), 0, 1.5),
        number("epsilon", lambda w, v: nn.InstanceNorm(2, v), 0, -1),
        bad("type", lambda w: nn.InstanceNorm(2, affine=1), ArgumentError, "affine=1"),
        dtype(lambda dtype: nn.InstanceNorm(2, dtype=dtype)),
        bad("shape", lambda w: nn.InstanceNorm(2)(np.ones((2, 3, 5))), ShapeError, "(2, 3, 5)",
            "axis 1"),
        bad("length", lambda w: nn.InstanceNorm(2)(np.ones((2, 2, 1))), ShapeError, "(2, 2, 1)"),
        array(lambda w, x: nn.InstanceNorm(2)(x)),
        Spreads(lambda w: nn.InstanceNorm(2)(nans(2, 2, 3))),
    ),
    "nn.RMSNorm": declare(
        bad("type", lambda w: nn.RMSNorm(None), ArgumentError, "normalized_shape"),
        bad("range", lambda w: nn.RMSNorm(0), ArgumentError, "(0,)"),
        number("epsilon", lambda w, v: nn.RMSNorm(2, v), 0, -1),
        dtype(lambda dtype: nn.RMSNorm(2, dtype=dtype)),
        bad("type", lambda w: nn.RMSNorm(2, elementwise_affine=0), ArgumentError, "affine=0"),
        bad("shape", lambda w: nn.RMSNorm((2, 3))(np.ones((4, 3))), ShapeError, "(4, 3)",
            "(2, 3)"),
        bad("length", lambda w: nn.RMSNorm(()), ArgumentError, "normalized_shape=()"),
        array(lambda w, x: nn.RMSNorm(2)(x)),
        Spreads(lambda w: nn.RMSNorm(2)(nans(4, 2))),
    ),
    "nn.Dropout2d": declare(
        number("p", lambda w, v: nn.Dropout2d(v), -0.1, 1, 1.5),
        generator(lambda rng: nn.Dropout2d(0.5, rng=rng)),
        bad("shape", lambda w: nn.Dropout2d()(np.ones((4, 3))), ShapeError, "(4, 3)"),
        array(lambda w, x: nn.Dropout2d()(x)),
        Spreads(lambda w: nn.Dropout2d(0.5, rng=0)(nans(4, 2, 2))),
        length=ONE_ARRAY,
    ),
    "nn.Bilinear": declare(
        number("in1_features", lambda w, v: nn.Bilinear(v, 2, 2), 0, 1.5),
        number("in2_features", lambda w, v: nn.Bilinear(2, v, 2), 0, 1.5),
        number("out_features", lambda w, v: nn.Bilinear(2, 2, v), 0, 1.5),
        bad("range", lambda w: nn.Bilinear(2, 3, 4, weight_init="hee"), ArgumentError, "'hee'",
            named="weight_init"),
        bad("shape", lambda w: nn.Bilinear(2, 3, 4, weight_init=transposed), ShapeError, "(4, 6)"),
        dtype(lambda dtype: nn.Bilinear(2, 3, 4, dtype=dtype)),
        generator(lambda rng: nn.Bilinear(2, 3, 4, rng=rng)),
        bad("shape", lambda w: nn.Bilinear(2, 3, 4)(np.ones((5, 3)), np.ones((5, 3))), ShapeError,
            "(5, 3)", "(..., 2)"),
        bad("length", lambda w: nn.Bilinear(2, 3, 4)(np.ones((5, 2)), np.ones((4, 3))), ShapeError,
            "(5, 2)", "(4, 3)"),
        array(lambda w, x: nn.Bilinear(2, 3, 4)(x, np.ones((2, 3)))),
        Spreads(lambda w: nn.Bilinear(2, 3, 4)(nans(5, 2), np.ones((5, 3)))),
    ),
    "nn.Lambda": declare(
        bad("type", lambda w: nn.Lambda("tanh"), ArgumentError, "function='tanh'",
            named="function"),
        **dict.fromkeys(("shape", "range", "length", "nan"), "the function itself sees to that"),
    ),
}  # fmt: skip
