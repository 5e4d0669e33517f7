"""Sample inputs of the functions that change the shape, the order of axes or entries, the dtype."""

from typing import Any

import numpy as np
from sampling import Sample, normal, sample, unary

from autograd_lite.derivatives.shaping import astype


def at_least(f: Any) -> list[Sample]:
    shapes = [(), (3,), (1,), (2, 3), (2, 1, 3), (0,), (2, 1, 3, 1)]
    return [
        *(sample(f, normal(*shape)) for shape in shapes),
        sample(lambda a, b: np.add(*f(a, b)), normal(), normal(3)),
        sample(lambda a: f([1.0, 2.0], a)[1], normal(3)),
    ]


SAMPLES = {
    np.reshape: [
        sample(lambda x: np.reshape(x, (3, 2)), normal(2, 3)),
        sample(lambda x: np.reshape(x, -1), normal(2, 3)),
        sample(lambda x: np.reshape(x, (2, -1, 1)), normal(3, 2)),
        sample(lambda x: np.reshape(x, (1, 1)), normal()),
        sample(lambda x: np.reshape(x, ()), normal(1, 1)),
        sample(lambda x: np.reshape(x, (3, 0)), normal(0, 2)),
        sample(lambda x: np.reshape(x, (3, 2, 2), order="F"), normal(2, 6)),
        sample(lambda x: np.reshape(x, (3, -1), "C"), normal(2, 6)),
    ],
    np.ravel: [
        *unary(np.ravel),
        sample(lambda x: np.ravel(x, order="F"), normal(2, 3, 4)),
        sample(lambda x: np.ravel(x, "C"), normal(2, 3)),
    ],
    np.expand_dims: [
        *unary(lambda x: np.expand_dims(x, 0)),
        sample(lambda x: np.expand_dims(x, (0, -1, 2)), normal(2, 3)),
        sample(lambda x: np.expand_dims(x, axis=-2), normal(2, 3)),
        sample(lambda x: np.expand_dims(x, ()), normal(2, 3)),
    ],
    np.squeeze: [
        *unary(np.squeeze),
        sample(np.squeeze, normal(1, 1)),
        sample(lambda x: np.squeeze(x, 1), normal(2, 1, 1)),
        sample(lambda x: np.squeeze(x, axis=(0, -2)), normal(1, 2, 1, 3)),
    ],
    np.atleast_1d: at_least(np.atleast_1d),
    np.atleast_2d: at_least(np.atleast_2d),
    np.atleast_3d: at_least(np.atleast_3d),
    np.transpose: [
        sample(np.transpose, normal()),
        sample(np.transpose, normal(3)),
        sample(np.transpose, normal(2, 3)),
        sample(np.transpose, normal(0, 3)),
        sample(lambda x: np.transpose(x, (2, 0, 1)), normal(2, 3, 4)),
        sample(lambda x: np.transpose(x, axes=[-1, 0, -2]), normal(2, 3, 4)),
    ],
    np.swapaxes: [
        sample(lambda x: np.swapaxes(x, 0, 1), normal(2, 3)),
        sample(lambda x: np.swapaxes(x, -1, 0), normal(2, 3, 4)),
        sample(lambda x: np.swapaxes(x, 0, 0), normal(0, 2)),
    ],
    np.broadcast_to: [
        sample(lambda x: np.broadcast_to(x, (2, 3)), normal(3)),
        sample(lambda x: np.broadcast_to(x, (2, 2)), normal()),
        sample(lambda x: np.broadcast_to(x, (4, 2, 5)), normal(2, 1)),
        sample(lambda x: np.broadcast_to(x, 3), normal(1)),
        sample(lambda x: np.broadcast_to(x, (0, 3)), normal(3)),
    ],
    np.broadcast_arrays: [
        sample(lambda a, b: np.add(*np.broadcast_arrays(a, b)), normal(2, 1), normal(3)),
        sample(lambda a: np.broadcast_arrays([[1.0], [2.0]], a, 3)[1], normal(1, 3)),
        sample(lambda a: np.broadcast_arrays(a)[0], normal()),
    ],
    np.matrix_transpose: [
        sample(np.matrix_transpose, normal(*shape)) for shape in [(2, 3), (1, 3), (2, 3, 4), (0, 2)]
    ],
    np.moveaxis: [
        sample(lambda x: np.moveaxis(x, 0, -1), normal(2, 3, 4)),
        sample(lambda x: np.moveaxis(x, [0, -1], (1, 0)), normal(2, 3, 4)),
        sample(lambda x: np.moveaxis(x, source=1, destination=0), normal(0, 2)),
        sample(lambda x: np.moveaxis(x, (), ()), normal()),
    ],
    np.rollaxis: [
        sample(lambda x: np.rollaxis(x, 2), normal(2, 3, 4)),
        sample(lambda x: np.rollaxis(x, -2, 3), normal(2, 3, 4)),
        sample(lambda x: np.rollaxis(x, axis=1, start=1), normal(2, 3)),
    ],
    np.flip: [
        *unary(np.flip),
        sample(lambda x: np.flip(x, 1), normal(2, 3, 4)),
        sample(lambda x: np.flip(x, axis=(0, -1)), normal(2, 3, 4)),
        sample(lambda x: np.flip(x, ()), normal(2, 3)),
    ],
    np.fliplr: [sample(np.fliplr, normal(2, 3)), sample(np.fliplr, normal(3, 1, 2))],
    np.flipud: [sample(np.flipud, normal(3)), sample(np.flipud, normal(3, 2))],
    np.roll: [
        *unary(lambda x: np.roll(x, 1)),
        sample(lambda x: np.roll(x, -2, axis=-1), normal(2, 3)),
        sample(lambda x: np.roll(x, (1, 2), (0, 1)), normal(2, 3)),
        sample(lambda x: np.roll(x, [1, 1], axis=1), normal(2, 3)),
        sample(lambda x: np.roll(x, 1, axis=(0, 1)), normal(2, 3)),
        sample(lambda x: np.roll(x, 7, 0), normal(3)),
    ],
    np.rot90: [
        *(sample(lambda x, k=k: np.rot90(x, k), normal(2, 3)) for k in (-1, 0, 1, 2, 3, 5)),
        sample(lambda x: np.rot90(x, axes=(-1, 0)), normal(2, 3, 4)),
        sample(np.rot90, normal(0, 2)),
    ],
    np.copy: unary(np.copy),
    astype: unary(lambda x: astype(x, np.float64)),
    # NumPy 2.0 takes no scalar.
    np.astype: unary(lambda x: np.astype(np.atleast_1d(x), np.float64)),
}
