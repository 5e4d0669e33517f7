"""Sample inputs of the methods of ufuncs."""

from typing import Any

import numpy as np
from sampling import Sample, normal, positive, sample

from autograd_lite.derivatives import all_rows

UFUNCS = (np.add, np.multiply, np.subtract, np.maximum, np.minimum, np.logaddexp)


def reduced(ufunc: Any) -> list[Sample]:
    several: list[Any] = [] if ufunc is np.subtract else [None, (0, 1), (2, 0)]
    return [
        sample(ufunc.reduce, normal(3)),
        sample(ufunc.reduce, normal(2, 3)),
        *(
            sample(lambda x, axis=axis: ufunc.reduce(x, axis), normal(2, 3, 4))
            for axis in [0, -1, np.int64(1), *several]
        ),
        sample(lambda x: ufunc.reduce(x, axis=1, keepdims=True), normal(2, 3)),
    ]


def accumulated(ufunc: Any) -> list[Sample]:
    return [
        sample(ufunc.accumulate, normal(4)),
        sample(ufunc.accumulate, normal(1, 3)),
        sample(lambda x: ufunc.accumulate(x, -1), normal(2, 3)),
        sample(lambda x: ufunc.accumulate(x, axis=1), normal(2, 3, 2)),
    ]


def outer(ufunc: Any) -> list[Sample]:
    return [
        sample(ufunc.outer, normal(3), normal(2)),
        sample(ufunc.outer, normal(2, 3), normal(4)),
        sample(lambda b: ufunc.outer([1.0, 2.0], b), normal(2, 2)),
        sample(lambda a: ufunc.outer(a, 0.5), normal(3)),
    ]


SAMPLES = {
    **{ufunc.reduce: reduced(ufunc) for ufunc in UFUNCS},
    **{ufunc.accumulate: accumulated(ufunc) for ufunc in UFUNCS},
    **{
        ufunc.outer: [sample(ufunc.outer, positive(3), positive(2, 2))]
        for ufunc in all_rows()
        if isinstance(ufunc, np.ufunc)
        and ufunc.nin == 2
        and ufunc.signature is None
        and ufunc is not np.ldexp
        and hasattr(np, ufunc.__name__)
    },
    **{ufunc.outer: outer(ufunc) for ufunc in UFUNCS},
    np.ldexp.outer: [sample(lambda x: np.ldexp.outer(x, [1, 2]), normal(3))],
}
