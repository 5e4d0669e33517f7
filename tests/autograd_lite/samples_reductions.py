"""Sample inputs of the reductions."""

from typing import Any

import numpy as np
from sampling import Sample, along_axis, normal, positive, reducing, sample

import autograd_lite as al

ONE_NAN = np.array([[1.0, np.nan, 1.0], [1.0, 1.0, 1.0]])
TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
ONE_ZERO = np.array([1.5, 0.0, -2.0, 0.5])
TWO_ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 0.5, 3.0]])


def extremes(f: Any) -> list[Sample]:
    return [
        *reducing(f),
        sample(f, [1.0, 3.0, 3.0], kink=True),
        sample(lambda x: f(x, axis=1), TIED, kink=True),
        sample(lambda x: f(x, axis=(0, -1), keepdims=True), TIED, kink=True),
    ]


def with_zeros(f: Any) -> list[Sample]:
    return [
        sample(f, ONE_ZERO),
        sample(f, 0.0),
        sample(f, [0.0]),
        sample(f, TWO_ZEROS),
        sample(lambda x: f(x, 0), TWO_ZEROS),
        sample(lambda x: f(x, axis=-1), [[0.0, 2.0, 0.0], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]),
    ]


def with_missing(f: Any) -> list[Sample]:
    return [
        *reducing(f),
        sample(lambda x: f(x * ONE_NAN, axis=1), normal(2, 3)),
        sample(lambda x: f(np.concatenate([x, [np.nan]]), keepdims=True), normal(3)),
    ]


def spread(f: Any) -> list[Sample]:
    return [
        sample(f, normal(4)),
        *(
            sample(lambda x, axis=axis: f(x, axis=axis, keepdims=True), normal(2, 3, 4))
            for axis in (None, 0, -1, (0, 2), (-1, 0))
        ),
        sample(lambda x: f(x, 1), normal(2, 3)),
        sample(lambda x: f(x, ddof=1), normal(2, 3)),
        sample(lambda x: f(x, axis=(0, 1), ddof=1), normal(2, 3)),
        sample(lambda x: f(x, axis=-1, correction=1), normal(2, 3)),
        sample(lambda x: f(x, axis=1), normal(0, 3)),
        sample(f, normal(1), kink=True),
        sample(f, normal(), kink=True),
        sample(lambda x: f(x, axis=1), [[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], kink=True),
    ]


SAMPLES = {
    np.sum: [
        *reducing(np.sum),
        sample(np.sum, normal(0)),
        sample(lambda x: np.sum(x, axis=-1), normal()),
    ],
    np.mean: reducing(np.mean),
    np.nansum: [*with_missing(np.nansum), sample(np.nansum, normal(0))],
    np.nanmean: with_missing(np.nanmean),
    np.average: [
        *reducing(np.average)[:-1],  # NumPy divides by the number of results, 0
        sample(lambda x, w: np.average(x, weights=w), normal(2, 3), positive(2, 3)),
        sample(lambda x, w: np.average(x, 1, w), normal(2, 3), positive(3)),
        sample(lambda x, w: np.average(x, axis=-2, weights=w), normal(2, 3), positive(2)),
        sample(lambda x, w: np.average(x, (2, 0), w), normal(2, 3, 4), positive(4, 2)),
        sample(lambda x: np.average(x, weights=[1, 2, 3], keepdims=True), normal(3)),
        sample(lambda w: np.average([1.0, 2.0, 4.0], weights=w), positive(3)),
        sample(lambda w: np.add(*np.average(np.eye(3), 0, w, returned=True)), positive(3)),
        sample(lambda x: np.average(x, axis=1, returned=True)[0], normal(2, 3)),
    ],
    np.prod: [*reducing(np.prod), *with_zeros(np.prod), sample(np.prod, normal(0))],
    np.cumsum: [
        *along_axis(np.cumsum),
        sample(np.cumsum, normal()),
        sample(lambda x: np.cumsum(x, axis=-1), normal(1, 3)),
    ],
    np.cumprod: [
        *along_axis(np.cumprod),
        *with_zeros(np.cumprod),
        sample(lambda x: np.cumprod(x, axis=-1), normal(1, 3)),
    ],
    np.max: extremes(np.max),
    np.min: extremes(np.min),
    np.amax: extremes(np.amax),
    np.amin: extremes(np.amin),
    np.ptp: extremes(np.ptp),
    np.var: spread(np.var),
    np.std: spread(np.std),
    np.median: [
        *reducing(np.median),
        sample(np.median, normal(4)),
        sample(np.median, [1.0, 3.0, 3.0], kink=True),
        sample(lambda x: np.median(x, axis=1), TIED[:1], kink=True),
    ],
    al.logsumexp: reducing(al.logsumexp),
}
