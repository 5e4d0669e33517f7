"""Sample inputs of the functions that leave out, put in, choose and arrange entries."""

import numpy as np
from sampling import normal, positive, sample

ROWS = np.array([True, False, True])
WHOLE = np.array([[0, 2, 1], [1, 1, 0]])

SAMPLES = {
    np.insert: [
        sample(lambda x, v: np.insert(x, 1, v), normal(4), normal()),
        sample(lambda x, v: np.insert(x, [0, 2, 2], v), normal(4), normal(3)),
        sample(lambda x, v: np.insert(x, 1, v, axis=1), normal(2, 3), normal(2)),
        sample(lambda x, v: np.insert(x, [0, -1], v, axis=0), normal(2, 3), normal(2, 3)),
        sample(lambda x: np.insert(x, slice(0, 2), 5.0), normal(2, 2)),
        sample(lambda x: np.insert(x, 2, [1.0, 2.0]), normal(3)),
        sample(lambda v: np.insert(np.eye(2), 0, v, 0), normal(2)),
    ],
    np.delete: [
        sample(lambda x: np.delete(x, 1), normal(4)),
        sample(lambda x: np.delete(x, [0, -1], axis=1), normal(2, 3)),
        sample(lambda x: np.delete(x, slice(0, 2), 0), normal(3, 2)),
        sample(lambda x: np.delete(x, ROWS, axis=0), normal(3, 2)),
    ],
    np.resize: [
        sample(lambda x: np.resize(x, (2, 5)), normal(2, 2)),
        sample(lambda x: np.resize(x, 3), normal(5)),
        sample(lambda x: np.resize(x, (2, 0)), normal(5)),
    ],
    np.compress: [
        sample(lambda x: np.compress(ROWS, x, axis=0), normal(3, 2)),
        sample(lambda x: np.compress([False, True], x, -1), normal(3, 2)),
        sample(lambda x: np.compress(ROWS, x), normal(2, 3)),
    ],
    np.extract: [
        sample(lambda x: np.extract(x > 0, x), normal(2, 3)),
        sample(lambda x: np.extract(ROWS, x), normal(3)),
    ],
    np.choose: [
        sample(lambda a, b, c: np.choose(WHOLE, [a, b, c]), normal(2, 3), normal(3), normal()),
        sample(lambda a: np.choose([3, -1], [a, 2 * a], mode="wrap"), normal(2)),
        sample(lambda a: np.choose([3, -1], [a, 2 * a], mode="clip"), normal(2)),
        sample(lambda a: np.choose([0, 1, 0], a), normal(2, 3)),
    ],
    np.piecewise: [
        sample(lambda x: np.piecewise(x, [x < 0, x >= 0], [np.negative, np.square]), normal(2, 3)),
        sample(lambda x: np.piecewise(x, [x < -0.5, x > 0.5], [-1.0, np.exp, np.sin]), normal(4)),
        sample(lambda x: np.piecewise(x, x > 0, [np.log]), normal(4)),
        sample(
            lambda x: np.piecewise(
                x, [x > -1, x > 0], [lambda x, k: np.exp(x), lambda x, k: k * x], 3
            ),
            normal(4),
        ),
        sample(lambda x: np.piecewise(x, [x > 0], [np.sqrt, 0.0]), positive()),
    ],
    np.apply_along_axis: [
        sample(lambda x: np.apply_along_axis(np.sum, 0, x), normal(2, 3)),
        sample(lambda x: np.apply_along_axis(lambda v: v * v[0], 1, x), normal(2, 3)),
        sample(lambda x: np.apply_along_axis(np.outer, 1, x, [1.0, 2.0]), normal(2, 3, 2)),
        sample(lambda x: np.apply_along_axis(np.max, -1, x), normal(3)),
    ],
    np.block: [
        sample(lambda a, b: np.block([[a, b], [b.T, a[:1, :1]]]), normal(3, 3), normal(3, 1)),
        sample(lambda a: np.block([a, 2 * a]), normal(3)),
        sample(lambda a: np.block([[a, 1.0], [2.0, a]]), normal()),
        sample(lambda a: np.block([[a], [np.eye(2)]]), normal(2)),
        sample(lambda a: np.block([[[a, a]], [[a, a]]]), normal(2, 1)),
    ],
    np.bincount: [
        sample(lambda w: np.bincount([0, 2, 2], w), normal(3)),
        sample(lambda w: np.bincount(np.array([1, 0, 1]), weights=w, minlength=5), normal(3)),
    ],
}
