"""Sample inputs of the functions that sort."""

import numpy as np
from sampling import along_axis, normal, sample

SAMPLES = {
    np.sort: [
        *along_axis(np.sort),
        sample(lambda x: np.sort(x, axis=None), normal(2, 3)),
        sample(lambda x: np.sort(x, kind="stable"), normal(5)),
        sample(lambda x: np.sort(x, stable=True), normal(5)),
        sample(np.sort, [2.0, 1.0, 2.0, 0.0, 1.0, 2.0], kink=True),
        sample(lambda x: np.sort(x, axis=0), [[2.0, 1.0], [2.0, 1.0], [1.0, 1.0]], kink=True),
    ],
    np.partition: [
        *along_axis(lambda x, axis=-1: np.partition(x, 0 if x.size else -1, axis)),
        sample(lambda x: np.partition(x, 2), normal(6)),
        sample(lambda x: np.partition(x, kth=(0, 3), axis=None), normal(2, 3)),
        sample(lambda x: np.partition(x, 2), [2.0, 1.0, 2.0, 0.0, 1.0, 2.0], kink=True),
    ],
}
