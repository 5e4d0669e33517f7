"""Sample inputs of the reductions that leave NaN out."""

from typing import Any

import numpy as np
from samples_reductions import ONE_NAN, with_missing
from sampling import Sample, along_axis, normal, reducing, sample

SOME_NAN = np.array([[1.0, np.nan, 1.0, np.nan], [1.0, 1.0, 1.0, 1.0]])


def running(f: Any) -> list[Sample]:
    return [
        *along_axis(f),
        sample(lambda x: f(x * ONE_NAN), normal(2, 3)),
        sample(lambda x: f(x * ONE_NAN, axis=1), normal(2, 3)),
    ]


def spread(f: Any) -> list[Sample]:
    return [
        sample(f, normal(4)),
        *(
            sample(lambda x, axis=axis: f(x, axis=axis, keepdims=True), normal(2, 3, 4))
            for axis in (None, 0, -1, (0, 2))
        ),
        sample(lambda x: f(x * SOME_NAN, axis=1), normal(2, 4)),
        sample(lambda x: f(x * SOME_NAN, 1, ddof=1), normal(2, 4)),
        sample(lambda x: f(x * SOME_NAN, correction=1), normal(2, 4)),
    ]


EXTREMES = [np.nanmax, np.nanmin]

SAMPLES = {
    **{
        f: [
            *reducing(f),
            sample(lambda x, f=f: f(x * ONE_NAN, axis=1), normal(2, 3)),
            sample(lambda x, f=f: f(x * ONE_NAN, keepdims=True), normal(2, 3)),
            sample(f, [1.0, 3.0, 3.0, 1.0], kink=True),
        ]
        for f in EXTREMES
    },
    np.nanprod: with_missing(np.nanprod),
    np.nancumsum: running(np.nancumsum),
    np.nancumprod: running(np.nancumprod),
    np.nanvar: spread(np.nanvar),
    np.nanstd: spread(np.nanstd),
}
