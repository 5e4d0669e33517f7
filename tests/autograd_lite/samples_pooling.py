"""Sample inputs of maxima and means of windows, and of interpolation."""

import numpy as np
from sampling import normal, positive, sample

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

# Windows side by side, windows that overlap in images with borders, and dilated ones.
HALVES = ((2,), ((2,), ((0, 0),), (1,)))
OVERLAPPING = ((3, 2), ((1, 2), ((1, 1), (0, 1)), (1, 1)))
DILATED = ((2, 2), ((1, 1), ((0, 0), (1, 0)), (2, 1)))
IMAGES = {
    "halves": normal(2, 1, 6),
    "overlapping": normal(1, 2, 4, 5),
    "dilated": normal(1, 1, 4, 3),
}
WINDOWS = [
    (IMAGES["halves"], HALVES),
    (IMAGES["overlapping"], OVERLAPPING),
    (IMAGES["dilated"], DILATED),
]

SAMPLES = {
    max_pool: [
        *(sample(lambda x, how=how: max_pool(x, *how), images) for images, how in WINDOWS),
        sample(lambda x: max_pool(x, *HALVES), np.ones((1, 1, 4)), kink=True),
        sample(lambda x: max_pool(x, *HALVES), [[[1.0, 3.0, 2.0, 2.0]]], kink=True),
    ],
    to_maxima: [
        sample(lambda g, x, how=how: to_maxima(g, x, *how), positive(*max_pool(x, *how).shape), x)
        for x, how in WINDOWS
    ],
    at_maxima: [
        sample(lambda c, x, how=how: at_maxima(c, x, *how), positive(*x.shape), x)
        for x, how in WINDOWS
    ],
    average_pool: [
        sample(lambda x: average_pool(x, (2,), (2,), ((0, 0),), ((0, 0),)), normal(2, 1, 6)),
        sample(
            lambda x: average_pool(x, (3, 2), (1, 2), ((1, 2), (0, 1)), ((1, 1), (0, 0))),
            normal(1, 2, 4, 5),
        ),
    ],
    adaptive_average_pool: [
        sample(lambda x: adaptive_average_pool(x, (3,)), normal(2, 1, 5)),
        sample(lambda x: adaptive_average_pool(x, (2, 4)), normal(1, 2, 5, 3)),
    ],
    interpolate_nearest: [
        sample(lambda x: interpolate_nearest(x, (5,), (2.5,)), normal(2, 1, 2)),
        sample(lambda x: interpolate_nearest(x, (2, 6), (0.5, 2.0)), normal(1, 2, 4, 3)),
    ],
    interpolate_linear: [
        sample(lambda x: interpolate_linear(x, (5,), (2.5,), False), normal(2, 1, 2)),
        sample(lambda x: interpolate_linear(x, (2, 6), (0.5, 2.0), True), normal(1, 2, 4, 3)),
    ],
    transposed_resampling: [
        sample(
            lambda g, name=name, how=how: transposed_resampling(g, name, (4, 5), how),
            normal(1, 2, *lengths),
        )
        for name, how, lengths in (
            ("average_pool", ((3, 2), (1, 2), ((1, 2), (0, 1)), ((1, 1), (0, 0))), (5, 3)),
            ("adaptive_average_pool", ((2, 3),), (2, 3)),
            ("interpolate_nearest", ((2, 6), (0.5, 1.2)), (2, 6)),
            ("interpolate_linear", ((2, 6), (0.5, 1.2), True), (2, 6)),
        )
    ],
}
