"""Sample inputs of the functions that move entries."""

import operator
from typing import Any

import numpy as np
from sampling import Sample, normal, sample, unary

from autograd_lite.derivatives.shaping import astype, scatter

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


def joining(f: Any) -> list[Sample]:
    return [
        sample(lambda a: f([a]), normal(3)),
        sample(lambda a, b: f([a, b]), normal(3), 2 * normal(3)),
        sample(lambda a, b: f((a, b, a)), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a, b: f([a, b], axis=1), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a, b: f([a, b], -1), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a: f([np.ones((2, 3)), a, np.ones((2, 3))], axis=-2), normal(2, 3)),
        sample(lambda a, b: f([a, b]), normal(0, 3), normal(0, 3)),
    ]


CONDITION = np.array([True, False, True])

SAMPLES = {
    np.reshape: [
        sample(lambda x: np.reshape(x, (3, 2)), normal(2, 3)),
        sample(lambda x: np.reshape(x, -1), normal(2, 3)),
        sample(lambda x: np.reshape(x, (2, -1, 1)), normal(3, 2)),
        sample(lambda x: np.reshape(x, (1, 1)), normal()),
        sample(lambda x: np.reshape(x, ()), normal(1, 1)),
        sample(lambda x: np.reshape(x, (3, 0)), normal(0, 2)),
    ],
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
    np.copy: unary(np.copy),
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
    astype: unary(lambda x: astype(x, np.float64)),
    scatter: scattering(),
    operator.getitem: indexing(),
    np.concatenate: [
        *joining(np.concatenate),
        sample(lambda a, b: np.concatenate([a, b]), normal(2, 3), normal(4, 3)),
        sample(lambda a, b: np.concatenate([a, b], axis=-1), normal(2, 1), normal(2, 4)),
        sample(lambda a, b: np.concatenate([a, b], axis=None), normal(2, 3), normal(4)),
        sample(lambda a, b: np.concatenate([a, b]), normal(0), normal(4)),
    ],
    np.stack: [*joining(np.stack), sample(lambda a, b: np.stack([a, b]), normal(), 2 * normal())],
}
