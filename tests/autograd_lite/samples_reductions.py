"""Sample inputs of the reductions."""

import numpy as np
from sampling import normal, reducing, sample

import autograd_lite as al

SAMPLES = {
    np.sum: [*reducing(np.sum), sample(np.sum, normal(0))],
    np.mean: reducing(np.mean),
    np.max: [*reducing(np.max), sample(np.max, [1.0, 3.0, 3.0], kink=True)],
    np.min: [*reducing(np.min), sample(np.min, [3.0, 1.0, 1.0], kink=True)],
    al.logsumexp: reducing(al.logsumexp),
}
