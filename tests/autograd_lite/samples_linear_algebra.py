"""Sample inputs of linear algebra."""

from typing import Any

import numpy as np
from sampling import Sample, normal, sample

import autograd_lite as al

MATRIX_SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((4, 3), (3,)),
    ((4, 3), (3, 2)),
    ((1, 3), (3, 1)),
    ((0, 3), (3, 2)),
    ((4, 0), (0, 2)),
]

BATCHED_SHAPES = [
    ((3,), (5, 3, 2)),
    ((3,), (2, 5, 3, 2)),
    ((5, 4, 3), (3,)),
    ((2, 5, 4, 3), (3,)),
    ((4, 3), (5, 3, 2)),
    ((5, 4, 3), (3, 2)),
    ((5, 4, 3), (5, 3, 2)),
    ((1, 4, 3), (5, 3, 2)),
    ((5, 4, 3), (1, 3, 2)),
    ((2, 1, 4, 3), (5, 3, 2)),
    ((2, 1, 4, 3), (1, 5, 3, 2)),
    ((3, 3, 3), (3, 3)),
    ((3, 3), (3, 3, 3)),
]


def products(f: Any, shapes: Any) -> list[Sample]:
    return [
        *(sample(f, normal(*a), 1.1 * normal(*b)) for a, b in shapes),
        sample(lambda x: f(x, x), normal(3, 3)),
        sample(lambda x: f(x, np.arange(6).reshape(3, 2)), normal(2, 3)),
        sample(lambda x: f(np.arange(6.0).reshape(2, 3), x), normal(3, 2)),
    ]


SAMPLES = {
    np.matmul: products(np.matmul, MATRIX_SHAPES + BATCHED_SHAPES),
    np.dot: products(np.dot, MATRIX_SHAPES),
    al.affine: [
        sample(al.affine, normal(4, 3), normal(3, 2), normal(2)),
        sample(al.affine, normal(3), normal(3, 2), normal(2)),
        sample(al.affine, normal(5, 4, 3), normal(3, 2), normal(2)),
        sample(al.affine, normal(1, 1), normal(1, 1), normal(1)),
        sample(al.affine, normal(0, 3), normal(3, 2), normal(2)),
        sample(lambda w, b: al.affine(np.ones((4, 3)), w, b), normal(3, 2), normal(2)),
    ],
}
