"""Sample inputs of the functions that pick, repeat or mask entries."""

import operator
from typing import Any

import numpy as np
from sampling import Sample, normal, sample

from autograd_lite.derivatives.indexing import scatter

MASK = np.array([[True, False, True], [False, False, True]])

INDICES: list[tuple[Any, tuple[int, ...]]] = [
    (1, (3,)),
    (-1, (2, 3)),
    (np.int64(1), (2, 3)),
    ((1, 2), (2, 3)),
    (slice(None), (3,)),
    (slice(1, None), (4,)),
    (slice(None, None, -2), (5,)),
    (slice(2, 2), (3,)),
    ((slice(None), slice(0, 2)), (2, 3)),
    (None, (3,)),
    ((slice(None), None), (3,)),
    (Ellipsis, (2, 3)),
    ((Ellipsis, 0), (2, 3, 4)),
    ((0, Ellipsis, None), (2, 3, 4)),
    ((), (2, 3)),
    ((), ()),
    (MASK, (2, 3)),
    (MASK, (2, 3, 2)),
    (np.array([False, False]), (2, 3)),
    ([True, False, True], (3, 2)),
    ((slice(None), np.array([True, False, True])), (2, 3)),
    (np.array([0, 0, 2, 0]), (3,)),
    (np.array([[0, 1], [1, 1]]), (2, 3)),
    ([1, 1], (2, 3)),
    (np.array([], int), (3,)),
    ((np.array([0, 1, 1]), np.array([2, 0, 0])), (2, 3)),
    ((slice(None), np.array([-1, 2, 0])), (2, 3)),
    ((np.array([0, 0]), slice(None), np.array([1, 1])), (2, 3, 4)),
    ((np.array([0, 1]), 1), (2, 3)),
    ((np.array([[0], [1]]), np.array([0, 0, 2])), (2, 3)),
    ((None, np.array([1, 1]), Ellipsis), (2, 3)),
]


def indexing() -> list[Sample]:
    return [sample(lambda x, index=index: x[index], normal(*shape)) for index, shape in INDICES] + [
        sample(lambda x: x[np.array([0, 0])] * x[0], normal(3, 2))
    ]


def scattering() -> list[Sample]:
    return [
        sample(
            lambda x, index=index, shape=shape: scatter(x, index, shape),
            normal(*normal(*shape)[index].shape),
        )
        for index, shape in INDICES
    ]


CONDITION = np.array([True, False, True])
BORDERS = [1, (2, 1), ((1, 0), (0, 2)), 0]


def padding(mode: str) -> list[Sample]:
    return [
        *(sample(lambda x, w=w: np.pad(x, w, mode), normal(3, 4)) for w in BORDERS),
        sample(lambda x: np.pad(x, (5, 7), mode=mode), normal(3)),
        sample(lambda x: np.pad(x, 2, mode), normal(1)),
        sample(lambda x: np.pad(x, ((1, 1), (0, 0)), mode), normal(2, 0)),
    ]


def triangle(f: Any) -> list[Sample]:
    return [
        *(sample(lambda x, k=k: f(x, k), normal(3, 4)) for k in (-5, -1, 0, 2)),
        sample(lambda x: f(x, k=-1), normal(2, 4, 3)),
        sample(f, normal(3)),
        sample(f, normal(1, 1)),
        sample(f, normal(0, 2)),
    ]


SAMPLES = {
    operator.getitem: indexing(),
    scatter: scattering(),
    np.repeat: [
        sample(lambda x: np.repeat(x, 3), normal(2, 3)),
        sample(lambda x: np.repeat(x, 2), normal()),
        sample(lambda x: np.repeat(x, 2, axis=-1), normal(2, 3)),
        sample(lambda x: np.repeat(x, [2, 0, 1], 1), normal(2, 3)),
        sample(lambda x: np.repeat(x, 0, axis=0), normal(2, 3)),
        sample(lambda x: np.repeat(x, 2), normal(0)),
    ],
    np.tile: [
        sample(lambda x: np.tile(x, 3), normal(2, 3)),
        sample(lambda x: np.tile(x, (2, 1, 3)), normal(2, 3)),
        sample(lambda x: np.tile(x, (2,)), normal()),
        sample(lambda x: np.tile(x, ()), normal(3)),
        sample(lambda x: np.tile(x, (0, 2)), normal(1, 3)),
    ],
    np.take: [
        sample(lambda x: np.take(x, 4), normal(2, 3)),
        sample(lambda x: np.take(x, [0, 5, 0, -1]), normal(2, 3)),
        sample(lambda x: np.take(x, [[0, 1], [1, 1]], 1), normal(2, 3)),
        sample(lambda x: np.take(x, -1, axis=-2), normal(2, 3, 4)),
        sample(lambda x: np.take(x, [7, -5], axis=0, mode="wrap"), normal(2, 3)),
        sample(lambda x: np.take(x, [7, -5], mode="clip"), normal(4)),
        sample(lambda x: np.take(x, [], axis=0, mode="clip"), normal(4)),
    ],
    np.take_along_axis: [
        sample(lambda x: np.take_along_axis(x, np.array([[0, 0, 2, 1]]), 1), normal(2, 3)),
        sample(lambda x: np.take_along_axis(x, np.array([[1, 0, -1]]), axis=0), normal(2, 3)),
        sample(lambda x: np.take_along_axis(x, np.argsort(x, axis=-2), axis=-2), normal(3, 2)),
        sample(lambda x: np.take_along_axis(x, np.array([5, 0, 0]), axis=None), normal(2, 3)),
    ],
    np.diagonal: [
        *(sample(lambda x, k=k: np.diagonal(x, k), normal(3, 4)) for k in (-3, -1, 0, 2)),
        sample(lambda x: np.diagonal(x, axis1=-1, axis2=0), normal(2, 4, 3)),
        sample(lambda x: np.diagonal(x, 1, 0, 1), normal(2, 4, 3)),
        sample(np.diagonal, normal(1, 1)),
        sample(np.diagonal, normal(0, 2)),
    ],
    np.diag: [
        *(sample(lambda x, k=k: np.diag(x, k), normal(3, 4)) for k in (-1, 0, 2)),
        *(sample(lambda x, k=k: np.diag(x, k=k), normal(3)) for k in (-1, 0, 2)),
        sample(np.diag, normal(0)),
    ],
    np.diagflat: [
        sample(lambda x: np.diagflat(x, 1), normal(2, 3)),
        sample(np.diagflat, normal()),
    ],
    np.tril: triangle(np.tril),
    np.triu: triangle(np.triu),
    np.pad: [
        *padding("constant"),
        *padding("edge")[:-1],
        *padding("reflect")[:-1],
        *padding("symmetric")[:-1],
        *padding("wrap")[:-1],
        sample(lambda x: np.pad(x, 2, constant_values=((1, 2), (3, 4))), normal(2, 3)),
        sample(lambda x: np.pad(x, 1), normal()),
    ],
    np.where: [
        *(
            sample(lambda a, b: np.where(CONDITION, a, b), normal(*a), 2 * normal(*b))
            for a, b in [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 1)), ((), (3,)), ((), ())]
        ),
        sample(lambda a: np.where(CONDITION, a, 0), normal(2, 3)),
        sample(lambda b: np.where(CONDITION, 1.5, b), normal(3)),
        sample(lambda x: np.where(x > 0, x, 2 * x), normal(2, 3)),
        sample(lambda a, b: np.where(True, a, b), normal(3), normal(2, 1)),
    ],
    np.select: [
        sample(lambda a, b: np.select([a > 0, b > 0], [a, 2 * b], a * b), normal(2, 3), normal(3)),
        sample(lambda a: np.select([CONDITION, ~CONDITION], [a, 1.5]), normal(2, 3)),
        sample(lambda a: np.select([CONDITION], [2 * a], default=[1.0, 2.0, 3.0]), normal(3)),
        sample(lambda a: np.select([a < 0], [a]), normal()),
    ],
}
