"""Sample inputs of quantiles, percentiles and the median of what is no NaN."""

from typing import Any

import numpy as np
from samples_missing import SOME_NAN
from sampling import Sample, normal, positive, sample

from autograd_lite.derivatives.statistics import CONTINUOUS, STEPS


def quantiles(f: Any, scale: float) -> list[Sample]:
    return [
        sample(lambda x: f(x, 0.3 * scale), normal(5)),
        sample(lambda x: f(x, 0.0), normal(4)),
        sample(lambda x: f(x, scale), normal(2, 3)),
        sample(lambda x: f(x, [0.1 * scale, 0.62 * scale]), normal(2, 3)),
        sample(lambda x: f(x, 0.4 * scale, 1), normal(2, 3)),
        sample(lambda x: f(x, [[0.2 * scale], [0.7 * scale]], axis=0), normal(3, 2)),
        sample(lambda x: f(x, 0.4 * scale, axis=(0, -1), keepdims=True), normal(2, 3, 4)),
        sample(lambda x: f(x, [0.1, 0.4 * scale], axis=1, keepdims=True), normal(2, 3)),
        sample(lambda x: f(x, 0.5 * scale), normal()),
        *(
            # Positive ones: with float32 NumPy 2.0 rounds the places, which shows near 0.
            sample(
                lambda x, method=method: f(x, 0.37 * scale, axis=0, method=method), positive(4, 2)
            )
            for method in (*CONTINUOUS, *STEPS)
        ),
        sample(lambda x: f(x, 0.5 * scale), [1.0, 3.0, 3.0], kink=True),
    ]


def with_missing(f: Any, scale: float) -> list[Sample]:
    return [
        *quantiles(f, scale),
        sample(lambda x: f(x * SOME_NAN, 0.4 * scale, axis=1), normal(2, 4)),
        sample(lambda x: f(x * SOME_NAN, [0.1, 0.8 * scale], axis=-1), normal(2, 4)),
        sample(lambda x: f(x * SOME_NAN, 0.3 * scale), normal(2, 4)),
    ]


SAMPLES = {
    np.quantile: [
        *quantiles(np.quantile, 1.0),
        sample(lambda x, q: np.quantile(x, q), normal(5), [0.3, 0.6]),
    ],
    np.percentile: quantiles(np.percentile, 100.0),
    np.nanquantile: with_missing(np.nanquantile, 1.0),
    np.nanpercentile: with_missing(np.nanpercentile, 100.0),
    np.nanmedian: [
        sample(np.nanmedian, normal(4)),
        sample(lambda x: np.nanmedian(x * SOME_NAN), normal(2, 4)),
        sample(lambda x: np.nanmedian(x * SOME_NAN, axis=1, keepdims=True), normal(2, 4)),
    ],
}
