"""Sample inputs of covariances, correlations and fits."""

import numpy as np
from sampling import normal, positive, sample

from autograd_lite.derivatives.statistics import correlation

COUNTS = np.array([1, 3, 2, 1])
X = np.array([0.0, 0.5, 2.0, 2.5, 3.0])

SAMPLES = {
    np.cov: [
        sample(lambda x: np.cov(x), normal(4)),
        sample(lambda x: np.cov(x), normal(3, 4)),
        sample(lambda x, y: np.cov(x, y), normal(4), 1 + normal(2, 4)),
        sample(lambda x: np.cov(x, rowvar=False), normal(4, 2)),
        sample(lambda x: np.cov(x, bias=True), normal(2, 4)),
        sample(lambda x: np.cov(x, ddof=0), normal(2, 4)),
        sample(lambda x: np.cov(x, fweights=COUNTS), normal(2, 4)),
        sample(lambda x, w: np.cov(x, aweights=w), normal(2, 4), positive(4)),
        sample(lambda x, w: np.cov(x, fweights=COUNTS, aweights=w), normal(2, 4), positive(4)),
    ],
    np.corrcoef: [
        sample(lambda x: np.corrcoef(x), normal(3, 5)),
        sample(lambda x, y: np.corrcoef(x, y)[0, 1], normal(4), normal(2, 4)[1]),
        sample(lambda x: np.corrcoef(x, rowvar=False), normal(5, 2)),
    ],
    correlation: [sample(correlation, np.array([-0.5, 0.25]))],
    np.polyval: [
        sample(np.polyval, normal(3), 1 + normal(2, 3)),
        sample(lambda x: np.polyval([1.0, -2.0, 0.5], x), normal(4)),
        sample(lambda p: np.polyval(p, 2.0), normal(4)),
    ],
    np.polyfit: [
        sample(lambda y: np.polyfit(X, y, 2), normal(5)),
        sample(lambda x, y: np.polyfit(x, y, 1), X, normal(5)),
        sample(lambda y: np.polyfit(X, y, 1), normal(5, 2)),
        sample(lambda y, w: np.polyfit(X, y, 1, w=w), normal(5), positive(5)),
    ],
}
