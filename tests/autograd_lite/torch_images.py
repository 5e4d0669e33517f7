"""What each row of images is in PyTorch, with arrays on which the two are compared."""

from samples_convolutions import KINDS, placed, result_of
from sampling import normal
from torch_equivalents import F, on, torch

from autograd_lite.derivatives.convolutions import (
    convolution,
    kernel_correlation,
    transposed_convolution,
)
from autograd_lite.derivatives.layers import rms_normalize
from autograd_lite.derivatives.pooling import (
    adaptive_average_pool,
    at_maxima,
    average_pool,
    interpolate_linear,
    interpolate_nearest,
    max_pool,
    to_maxima,
    transposed_resampling,
)

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
# PyTorch has no borders of two widths, and warns of those that "same" makes.
COMPARED = {name: kind for name, kind in KINDS.items() if name not in ("few", "same")}


def torch_convolution(options):
    return lambda x, w: CONVOLUTIONS[x.ndim - 3](x, w, None, **options)


def torch_partner(options, shape, of_kernels):
    """The derivative of the convolution, by PyTorch, in images or kernels of a shape."""

    def partner(x, other):
        start = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        pair = (other, start) if of_kernels else (start, other)
        y = torch_convolution(options)(*pair)
        return torch.autograd.grad(y, start, x, create_graph=True)[0]

    return partner


def _convolutions():
    for x, w, options in COMPARED.values():
        yield on(
            torch_convolution(options),
            normal(*x),
            normal(*w),
            as_called=lambda x, w, options=options: convolution(x, w, **options),
        )


def _partners(function, of_kernels):
    for x, w, options in COMPARED.values():
        mine, other = (w, x) if of_kernels else (x, w)
        yield on(
            torch_partner(options, mine, of_kernels),
            result_of(x, w, options),
            normal(*other),
            as_called=placed(function, mine[2:], options),
        )


IMAGES = normal(1, 2, 4, 6)
WINDOWS = ((3, 2), ((1, 2), ((1, 1), (1, 1)), (1, 1)))


def torch_maxima(x):
    return F.max_pool2d(x, (3, 2), (1, 2), 1, return_indices=True)


def torch_to_maxima(g, x):
    indices = torch_maxima(x)[1].flatten(2)
    flat = torch.zeros(1, 2, 24, dtype=torch.float64)
    return flat.scatter_add(2, indices, g.flatten(2)).reshape(x.shape)


def torch_at_maxima(c, x):
    largest, indices = torch_maxima(x)
    return c.flatten(2).gather(2, indices.flatten(2)).reshape(largest.shape)


def torch_transposed(function):
    """The derivative in images of such a shape, by PyTorch."""

    def transposed(g):
        start = torch.zeros(IMAGES.shape, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(function(start), start, g, create_graph=True)[0]

    return transposed


ROWS_OF_IMAGES = {
    convolution: [*_convolutions()],
    transposed_convolution: [*_partners(transposed_convolution, of_kernels=False)],
    kernel_correlation: [*_partners(kernel_correlation, of_kernels=True)],
    max_pool: [on(lambda x: torch_maxima(x)[0], IMAGES, as_called=lambda x: max_pool(x, *WINDOWS))],
    to_maxima: [
        on(
            torch_to_maxima,
            normal(1, 2, 4, 4),
            IMAGES,
            as_called=lambda g, x: to_maxima(g, x, *WINDOWS),
        )
    ],
    at_maxima: [
        on(
            torch_at_maxima,
            1.5 * IMAGES + 0.1,
            IMAGES,
            as_called=lambda c, x: at_maxima(c, x, *WINDOWS),
        )
    ],
    average_pool: [
        on(
            lambda x: F.avg_pool2d(x, (3, 2), (1, 2), 1),
            IMAGES,
            as_called=lambda x: average_pool(x, (3, 2), (1, 2), *[((1, 1), (1, 1))] * 2),
        )
    ],
    adaptive_average_pool: [
        on(F.adaptive_avg_pool2d, IMAGES, rest=((3, 4),)),
    ],
    interpolate_nearest: [
        on(
            lambda x: F.interpolate(x, (6, 3)),
            IMAGES,
            as_called=lambda x: interpolate_nearest(x, (6, 3), (1.5, 0.5)),
        )
    ],
    interpolate_linear: [
        on(
            lambda x, corners=corners: F.interpolate(
                x, (6, 3), mode="bilinear", align_corners=corners
            ),
            IMAGES,
            as_called=lambda x, corners=corners: interpolate_linear(x, (6, 3), (1.5, 0.5), corners),
        )
        for corners in (False, True)
    ],
    transposed_resampling: [
        on(
            torch_transposed(lambda x: F.avg_pool2d(x, (3, 2), (1, 2), 1)),
            normal(1, 2, 4, 4),
            as_called=lambda g: transposed_resampling(
                g, "average_pool", (4, 6), ((3, 2), (1, 2), *[((1, 1), (1, 1))] * 2)
            ),
        ),
        on(
            torch_transposed(lambda x: F.adaptive_avg_pool2d(x, (3, 4))),
            normal(1, 2, 3, 4),
            as_called=lambda g: transposed_resampling(
                g, "adaptive_average_pool", (4, 6), ((3, 4),)
            ),
        ),
    ],
    rms_normalize: [
        on(
            lambda x, _, epsilon: F.rms_norm(x, (4,), eps=epsilon),
            normal(3, 4),
            rest=((-1,), 0.1),
        )
    ],
}
