"""Sample inputs of convolutions."""

from functools import partial

from sampling import normal, sample

from autograd_lite.derivatives.convolutions import (
    convolution,
    kernel_correlation,
    transposed_convolution,
)

KINDS = {
    # Shapes of images and kernels, and how these are placed: of one to three axes, with strides,
    # borders, dilation and groups; with images that strides do not fill.
    "vectors": ((2, 2, 5), (3, 2, 3), {}),
    "images": ((2, 2, 5, 4), (3, 2, 2, 3), {"padding": (1, 2)}),
    "same": ((1, 3, 4, 3), (1, 3, 2, 3), {"padding": "same"}),
    "strides": ((2, 1, 6, 7), (2, 1, 3, 2), {"stride": (2, 3), "padding": 1}),
    "groups": ((1, 4, 5, 5), (2, 2, 2, 2), {"groups": 2, "dilation": (2, 1)}),
    "volumes": ((1, 2, 3, 4, 4), (2, 1, 2, 1, 3), {"stride": (1, 2, 1), "groups": 2}),
    "few": ((2, 4, 4, 4), (9, 4, 2, 2), {"padding": ((0, 1), (1, -1))}),
}


def placed(function, axes, options):
    """A partner of the convolution, of which the lengths of the result are known."""
    return partial(function, lengths=axes, **options)


def of_each_kind(make):
    return [make(x, w, options) for x, w, options in KINDS.values()]


def result_of(x, w, options):
    """What a convolution of these shapes gives."""
    return convolution(normal(*x), normal(*w), **options)


SAMPLES = {
    convolution: of_each_kind(
        lambda x, w, options: sample(partial(convolution, **options), normal(*x), normal(*w))
    ),
    transposed_convolution: of_each_kind(
        lambda x, w, options: sample(
            placed(transposed_convolution, x[2:], options), result_of(x, w, options), normal(*w)
        )
    ),
    kernel_correlation: of_each_kind(
        lambda x, w, options: sample(
            placed(kernel_correlation, w[2:], options), result_of(x, w, options), normal(*x)
        )
    ),
}
