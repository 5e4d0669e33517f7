"""Sample inputs of the functions that make ranges and grids."""

import numpy as np
from sampling import normal, positive, sample

SAMPLES = {
    np.linspace: [
        sample(lambda a, b: np.linspace(a, b, 5), normal(), positive()),
        sample(lambda a, b: np.linspace(a, b, 4, endpoint=False), normal(3), positive(2, 1)),
        sample(lambda a: np.linspace(a, 2.0, 3, axis=-1), normal(2)),
        sample(lambda b: np.linspace(0.0, b, 1), positive()),
        sample(lambda b: np.multiply(*np.linspace(0, b, 5, retstep=True)), positive()),
    ],
    np.logspace: [
        sample(lambda a, b: np.logspace(a, b, 5), normal() / 3, positive()),
        sample(lambda a: np.logspace(a, 1.0, 4, endpoint=False, base=2.0), normal(2)),
        sample(lambda b: np.logspace(0.0, 1.0, 4, base=b), positive()),
        sample(lambda a, b: np.logspace(0.0, a, 3, base=b), positive(2), 1 + positive(2)),
    ],
    np.geomspace: [
        sample(lambda a, b: np.geomspace(a, b, 5), positive(), 3 * positive()),
        sample(lambda a, b: np.geomspace(-a, -b, 4, endpoint=False), positive(2), positive(1)),
        sample(lambda a: np.geomspace(a, 9.0, 3, axis=1), positive(2)),
        sample(lambda a: np.geomspace(a, 9.0, 1), positive()),
    ],
    np.meshgrid: [
        sample(lambda a, b: np.multiply(*np.meshgrid(a, b)), normal(3), normal(2)),
        sample(lambda a: np.multiply(*np.meshgrid(a, a, indexing="ij")), normal(3)),
        sample(lambda a: np.multiply(*np.meshgrid(a, [1.0, 2.0], sparse=True)), normal(3)),
        sample(lambda a: np.meshgrid(a)[0], normal(3)),
        sample(lambda b: np.meshgrid([1.0, 2.0], b, [1.0, 3.0])[1], normal(3)),
    ],
    np.vander: [
        sample(lambda x: np.vander(x), normal(4)),
        sample(lambda x: np.vander(x, 2), normal(3)),
        sample(lambda x: np.vander(x, 4, increasing=True), normal(3)),
    ],
}
