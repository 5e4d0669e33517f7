"""Sample inputs of systems of equations, least squares and condition numbers."""

import numpy as np
from samples_decompositions import regular
from sampling import normal, sample

from autograd_lite.derivatives.norms import nearest_solution

linalg = np.linalg

SAMPLES = {
    nearest_solution: [
        sample(lambda a, b: nearest_solution(a, b, 1e-15), normal(4, 2), normal(4)),
        sample(lambda a, b: nearest_solution(a, b, 1e-15), normal(2, 4), normal(2, 3)),
    ],
    linalg.lstsq: [
        sample(lambda a, b: linalg.lstsq(a, b)[0], normal(4, 2), normal(4)),
        sample(lambda a, b: linalg.lstsq(a, b)[0], normal(2, 4), normal(2)),
        sample(lambda a, b: linalg.lstsq(a, b, rcond=None)[0], normal(3, 3), normal(3, 2)),
        sample(lambda a, b: linalg.lstsq(a, b)[1], normal(4, 2), normal(4)),
        sample(lambda a: linalg.lstsq(a, [1.0, 2.0, 4.0])[3], normal(3, 2)),
    ],
    linalg.cond: [
        *(
            sample(lambda a, p=p: linalg.cond(a, p), regular(3, 3))
            for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro")
        ),
        sample(linalg.cond, normal(4, 2)),
        sample(linalg.cond, normal(2, 3, 3)),
    ],
    linalg.tensorsolve: [
        sample(linalg.tensorsolve, normal(2, 3, 6), normal(2, 3)),
        sample(lambda a, b: linalg.tensorsolve(a, b, axes=(0,)), normal(4, 2, 2), normal(2, 2)),
    ],
    linalg.tensorinv: [
        sample(linalg.tensorinv, normal(2, 2, 4)),
        sample(lambda a: linalg.tensorinv(a, ind=1), normal(4, 2, 2)),
    ],
}
