"""Sample inputs for every row of the table of derivatives: the one place to declare them.

A row is exercised by a list of samples: a function that applies it to tensors, the arrays that it
is applied to. `kink` marks samples at a point where the function has one-sided derivatives only.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as al
from autograd_lite.derivatives.shaping import astype, scatter


class Sample(NamedTuple):
    """A function of tensors, and the arrays it is applied to."""

    function: Callable[..., Any]
    arrays: tuple[Any, ...]
    kink: bool = False


def sample(function: Callable[..., Any], *arrays: Any, kink: bool = False) -> Sample:
    return Sample(function, tuple(np.asarray(array, float) for array in arrays), kink)


def normal(*shape: int) -> Any:
    """Standard normal numbers, all different, none within 1e-3 of 0."""
    rng = np.random.default_rng(sum(shape) + 10 * len(shape))
    numbers = rng.normal(size=shape)
    return numbers + 1e-3 * np.sign(numbers)


def positive(*shape: int) -> Any:
    """Numbers from 0.5 to 2.5."""
    return np.random.default_rng(len(shape)).uniform(0.5, 2.5, shape)


UNARY_SHAPES = [(), (1,), (4,), (2, 3), (2, 1, 3), (0,), (0, 3)]

BINARY_SHAPES = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((1, 1), (3,)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((), ()),
    ((0, 3), (3,)),
    ((1,), (0,)),
]


def unary(f: Any, numbers: Any = normal) -> list[Sample]:
    return [sample(f, numbers(*shape)) for shape in UNARY_SHAPES]


def binary(f: Any, left: Any = normal, right: Any = normal) -> list[Sample]:
    """Broadcasting both ways, numbers on either side, plain arrays, one tensor twice."""
    shapes = [sample(f, left(*a), 1.1 * right(*b)) for a, b in BINARY_SHAPES]
    integers, floats = np.array([1, 2, 3]), np.array([[0.3], [1.7]])
    return [
        *shapes,
        sample(lambda a: f(a, 2.5), left(2, 3)),
        sample(lambda b: f(2, b), right(2, 3)),
        sample(lambda a: f(a, integers), left(2, 3)),
        sample(lambda b: f(floats, b), right(3)),
        sample(lambda a, b: f(a, b) + f(b, a), positive(3), 1 + positive(2, 1)),
    ]


def reducing(f: Any) -> list[Sample]:
    axes = [None, 0, 1, -1, (0,), (0, 1), (-1, 0), (0, 1, 2), ()]
    kept = itertools.product(axes, [False, True])
    return [
        *(
            sample(lambda x, axis=axis, keep=keep: f(x, axis=axis, keepdims=keep), normal(2, 3, 4))
            for axis, keep in kept
        ),
        sample(f, normal()),
        sample(f, normal(1)),
        sample(lambda x: f(x, 1), normal(3, 1)),
        sample(lambda x: f(x, axis=(0, 2)), normal(1, 3, 1)),
        sample(lambda x: f(x, axis=1), normal(0, 3)),
    ]


def along_axis(f: Any) -> list[Sample]:
    return [
        sample(f, normal(4)),
        sample(f, normal(1)),
        sample(f, normal(2, 3)),
        sample(f, normal(0, 3)),
        sample(lambda x: f(x, axis=0), normal(2, 3)),
        sample(lambda x: f(x, 1), normal(2, 3, 4)),
        sample(lambda x: f(x, axis=-2), normal(2, 3, 4)),
    ]


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


LABELS = np.array([2, 0, 2, 1])
CONDITION = np.array([True, False, True])

SAMPLES: dict[Callable[..., Any], list[Sample]] = {
    # Arithmetic
    np.add: binary(np.add),
    np.subtract: binary(np.subtract),
    np.multiply: binary(np.multiply),
    np.divide: binary(np.divide, right=positive),
    np.negative: unary(np.negative),
    np.positive: unary(np.positive),
    np.square: unary(np.square),
    np.sqrt: unary(np.sqrt, positive),
    np.power: [
        *binary(np.power, left=positive),
        *(sample(lambda x, n=n: x**n, normal(4)) for n in (0, 1, 2, 3, -1, -2, 2.0)),
        *(sample(lambda x, n=n: x**n, np.zeros(2)) for n in (0, 1, 2, 3)),
        sample(lambda x: x ** np.array([[0], [1], [2], [3]]), normal(1, 3)),
        sample(lambda x: 0.0**x, positive(3)),
        sample(lambda x: x**x, positive(3)),
    ],
    # Exponentials and logarithms
    np.exp: unary(np.exp),
    np.expm1: unary(np.expm1),
    np.log: unary(np.log, positive),
    np.log1p: unary(np.log1p, positive),
    np.tanh: unary(np.tanh),
    # Order
    np.absolute: [*unary(np.absolute), sample(np.absolute, [0.0, 1.0], kink=True)],
    np.maximum: [
        *binary(np.maximum),
        sample(np.maximum, [1.0, 2.0], [1.0, 3.0], kink=True),
        sample(lambda x: np.maximum(x, 0), [0.0, -1.0], kink=True),
    ],
    np.minimum: [
        *binary(np.minimum),
        sample(np.minimum, [1.0, 2.0], [1.0, 3.0], kink=True),
        sample(lambda x: np.minimum(0, x), [0.0, -1.0], kink=True),
    ],
    # Linear algebra
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
    # Reductions
    np.sum: [*reducing(np.sum), sample(np.sum, normal(0))],
    np.mean: reducing(np.mean),
    np.max: [*reducing(np.max), sample(np.max, [1.0, 3.0, 3.0], kink=True)],
    np.min: [*reducing(np.min), sample(np.min, [3.0, 1.0, 1.0], kink=True)],
    al.logsumexp: reducing(al.logsumexp),
    # Shaping
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
    # Neural
    al.relu: [*unary(al.relu), sample(al.relu, [0.0, 1.0], kink=True)],
    al.leaky_relu: [
        *unary(al.leaky_relu),
        sample(lambda x: al.leaky_relu(x, 0.3), normal(2, 3)),
        sample(lambda x: al.leaky_relu(x, negative_slope=0.3), normal(2, 3)),
        sample(al.leaky_relu, [0.0, 1.0], kink=True),
    ],
    al.elu: [
        *unary(al.elu),
        sample(lambda x: al.elu(x, 0.5), normal(2, 3)),
        sample(lambda x: al.elu(x, alpha=0.5), normal(2, 3)),
        sample(lambda x: al.elu(x, 0.5), [0.0, 1.0], kink=True),
    ],
    al.sigmoid: unary(al.sigmoid),
    al.swish: unary(al.swish),
    al.softplus: unary(al.softplus),
    al.softmax: along_axis(al.softmax),
    al.log_softmax: along_axis(al.log_softmax),
    al.binary_cross_entropy: [
        sample(lambda p: al.binary_cross_entropy(p, CONDITION), positive(3) / 3),
        sample(lambda p: al.binary_cross_entropy(p, np.eye(2)), positive(2, 2) / 3),
        sample(lambda p: al.binary_cross_entropy(p, np.float64(0.3)), positive() / 3),
    ],
    al.sigmoid_cross_entropy: [
        sample(al.sigmoid_cross_entropy, normal(4), positive(4) / 3),
        sample(al.sigmoid_cross_entropy, normal(2, 3), positive(2, 3) / 3),
        sample(al.sigmoid_cross_entropy, normal(), positive() / 3),
        sample(lambda x: al.sigmoid_cross_entropy(x, CONDITION), normal(3)),
    ],
    al.softmax_cross_entropy: [
        sample(lambda x: al.softmax_cross_entropy(x, LABELS), normal(4, 3)),
        sample(lambda x: al.softmax_cross_entropy(x, LABELS[:1]), normal(1, 5)),
        sample(lambda x: al.softmax_cross_entropy(x, 0 * LABELS), normal(4, 1)),
    ],
}
"""Every differentiable function, as a user calls it, with its samples."""
