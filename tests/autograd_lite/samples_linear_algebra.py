"""Sample inputs of products of vectors and matrices."""

from typing import Any

import numpy as np
from sampling import Sample, normal, positive, sample

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

DOT_SHAPES = [
    ((), ()),
    ((), (2, 3)),
    ((2, 3), ()),
    ((5, 4, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((4, 3), (5, 3, 2)),
    ((5, 4, 3), (2, 3, 1)),
]

VECTOR_SHAPES = [
    ((3,), (3,)),
    ((1,), (1,)),
    ((0,), (0,)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), (2, 3)),
    ((2, 1, 3), (4, 3)),
    ((0, 3), (3,)),
]

MATRIX_VECTOR_SHAPES = [
    ((2, 3), (3,)),
    ((5, 2, 3), (3,)),
    ((2, 3), (5, 3)),
    ((5, 2, 3), (5, 3)),
    ((4, 1, 2, 3), (5, 3)),
    ((1, 1), (1,)),
    ((0, 3), (3,)),
]

EVERY_SHAPES = [
    ((), ()),
    ((), (3,)),
    ((2, 3), ()),
    ((3,), (2,)),
    ((2, 3), (2, 2)),
    ((3,), (2, 1, 2)),
    ((2, 1, 2), (1, 3)),
    ((0,), (3,)),
]

EINSUMS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ba,cb", ((2, 3), (4, 2))),
    ("i,i", ((3,), (3,))),
    ("i,j->ji", ((3,), (2,))),
    (" ij , jk -> ", ((2, 3), (3, 4))),
    ("bij,bjk,bkl->bil", ((2, 2, 3), (2, 3, 2), (2, 2, 2))),
    ("ij->ji", ((2, 3),)),
    ("ba", ((2, 3),)),
    ("ij->i", ((2, 3),)),
    ("ij->", ((2, 3),)),
    ("->", ((),)),
    (",i->i", ((), (3,))),
    # Letters repeated in one operand
    ("ii", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iii->i", ((2, 2, 2),)),
    ("iij->j", ((2, 2, 3),)),
    ("iij->i", ((2, 2, 3),)),
    ("iji->ij", ((2, 3, 2),)),
    ("iijj->ij", ((2, 2, 3, 3),)),
    ("ii,i->i", ((1, 1), (3,))),
    ("ii,jj->ij", ((2, 2), (3, 3))),
    ("iij,jk->ik", ((2, 2, 3), (3, 2))),
    # Letters summed in one operand only
    ("ij,k->k", ((2, 3), (4,))),
    ("ij,jk->j", ((2, 3), (3, 4))),
    ("ii,j->j", ((2, 2), (3,))),
    # Ellipses
    ("...->...", ((2, 3),)),
    ("i...->...", ((2, 3),)),
    ("...i,...i->...", ((2, 3), (3,))),
    ("...ij,...jk->...ik", ((5, 2, 3), (3, 2))),
    ("...ij,...jk", ((2, 1, 2, 3), (4, 3, 2))),
    ("i...,i...", ((3, 2), (3, 1))),
    ("...i,i", ((2, 3), (3,))),
    ("ij...,jk...->...ki", ((2, 3, 1), (3, 2, 4))),
    ("...ii->...i", ((4, 3, 3),)),
    ("...,...", ((2, 3), ())),
    # Axes of length 1 that broadcast, and of length 0
    ("ij,ij->ij", ((1, 3), (2, 3))),
    ("ij,jk->ik", ((2, 1), (3, 4))),
    ("ij,jk->ik", ((2, 3), (1, 4))),
    ("i,i->", ((1,), (3,))),
    ("ij,jk->ik", ((2, 0), (0, 4))),
    ("ij,jk->ik", ((0, 3), (3, 4))),
]


def products(f: Any, shapes: Any) -> list[Sample]:
    return [sample(f, normal(*a), 1.1 * normal(*b)) for a, b in shapes]


def matrix_products(f: Any, shapes: Any) -> list[Sample]:
    """Also with a plain array on either side, of integers too, and of one tensor with itself."""
    return [
        *products(f, MATRIX_SHAPES + shapes),
        sample(lambda x: f(x, x), normal(3, 3)),
        sample(lambda x: f(x, np.arange(6).reshape(3, 2)), normal(2, 3)),
        sample(lambda x: f(np.arange(6.0).reshape(2, 3), x), normal(3, 2)),
        sample(lambda x: f([[1, 2], [3, 4]], x), normal(2, 3)),
    ]


def vector_products(f: Any, shapes: Any) -> list[Sample]:
    return [*products(f, shapes), sample(lambda x: f([[1, 2, 3]] * 3, x), normal(3))]


def along_axes(f: Any, shapes: Any, **axes: Any) -> list[Sample]:
    return products(lambda a, b: f(a, b, **axes), shapes)


def contractions(f: Any) -> list[Sample]:
    return [
        *products(f, [((2, 3), (2, 3)), ((4, 2, 3), (2, 3, 2)), ((2, 0), (2, 0, 3))]),
        *along_axes(f, [((2, 3), (3, 4)), ((3,), (3,)), ((4, 2, 3), (3,))], axes=1),
        *along_axes(f, [((2, 3), (2,)), ((), (3,)), ((), ())], axes=0),
        *along_axes(f, [((2, 3), (4, 2))], axes=(0, 1)),
        *along_axes(f, [((2, 3), (4, 2))], axes=(-2, -1)),
        *along_axes(f, [((3, 4, 2), (2, 5, 3))], axes=([0, -1], [2, 0])),
        *along_axes(f, [((1, 2), (2, 1))], axes=([0, 1], [1, 0])),
        sample(lambda x: f([[1, 2], [3, 4]], x, axes=1), normal(2, 3)),
    ]


def chains(*shapes: tuple[int, ...]) -> Sample:
    return sample(lambda *arrays: np.linalg.multi_dot(arrays), *(normal(*s) for s in shapes))


SAMPLES = {
    np.matmul: matrix_products(np.matmul, BATCHED_SHAPES),
    np.linalg.matmul: matrix_products(np.linalg.matmul, BATCHED_SHAPES[-2:]),
    np.dot: matrix_products(np.dot, DOT_SHAPES),
    al.affine: [
        sample(al.affine, normal(4, 3), normal(3, 2), normal(2)),
        sample(al.affine, normal(3), normal(3, 2), normal(2)),
        sample(al.affine, normal(5, 4, 3), normal(3, 2), normal(2)),
        sample(al.affine, normal(1, 1), normal(1, 1), normal(1)),
        sample(al.affine, normal(0, 3), normal(3, 2), normal(2)),
        sample(al.affine, normal(4, 3), normal(3, 2), normal(4, 2)),
        sample(al.affine, normal(4, 3), normal(3, 2), normal(1)),
        sample(al.affine, normal(4, 3), normal(3, 2), normal(1, 2)),
        sample(lambda w, b: al.affine(np.ones((4, 3)), w, b), normal(3, 2), normal(2)),
    ],
    np.vdot: products(np.vdot, [((3,), (3,)), ((2, 3), (3, 2)), ((), ()), ((0,), (0, 2))]),
    np.inner: [
        *products(np.inner, VECTOR_SHAPES[:6]),
        *products(np.inner, [((), (2, 3)), ((2, 3), ()), ((4, 3), (2, 5, 3)), ((2, 0), (3, 0))]),
        sample(lambda x: np.inner([1, 2, 3], x), normal(2, 3)),
    ],
    np.outer: [*products(np.outer, EVERY_SHAPES), sample(lambda x: np.outer(x, [1, 2]), normal(3))],
    np.linalg.outer: products(np.linalg.outer, [((3,), (2,)), ((1,), (1,)), ((0,), (3,))]),
    np.vecdot: vector_products(np.vecdot, VECTOR_SHAPES),
    np.linalg.vecdot: [
        *vector_products(np.linalg.vecdot, VECTOR_SHAPES),
        *along_axes(np.linalg.vecdot, [((3, 2), (3, 2)), ((3, 2), (3, 1))], axis=0),
        *along_axes(np.linalg.vecdot, [((4, 3, 2), (3, 2))], axis=-2),
    ],
    np.tensordot: contractions(np.tensordot),
    np.linalg.tensordot: contractions(np.linalg.tensordot),
    np.kron: [*products(np.kron, EVERY_SHAPES), sample(lambda x: np.kron([1, 2], x), normal(3))],
    np.cross: [
        *products(np.cross, [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3)), ((0, 3), (3,))]),
        *along_axes(np.cross, [((3, 2), (3, 2))], axis=0),
        *along_axes(np.cross, [((3, 2), (2, 3))], axisa=0, axisb=-1, axisc=-2),
        sample(lambda x: np.cross([1, 2, 3], x), normal(3)),
    ],
    np.linalg.cross: [
        *products(np.linalg.cross, [((3,), (3,)), ((2, 3), (3,))]),
        *along_axes(np.linalg.cross, [((3, 2), (3, 2))], axis=0),
    ],
    np.trace: [
        *(sample(np.trace, normal(*shape)) for shape in [(3, 3), (2, 3), (1, 1), (3, 3, 2)]),
        sample(lambda x: np.trace(x, 1), normal(3, 4)),
        sample(lambda x: np.trace(x, offset=-1, axis1=2, axis2=0), normal(3, 2, 4)),
    ],
    np.linalg.trace: [
        *(sample(np.linalg.trace, normal(*shape)) for shape in [(3, 3), (2, 3), (4, 3, 3)]),
        sample(lambda x: np.linalg.trace(x, offset=-1), normal(2, 3, 4)),
    ],
    np.linalg.diagonal: [
        *(sample(np.linalg.diagonal, normal(*shape)) for shape in [(3, 3), (2, 3), (4, 3, 3)]),
        sample(lambda x: np.linalg.diagonal(x, offset=1), normal(2, 3, 4)),
    ],
    np.linalg.matrix_transpose: [
        sample(np.linalg.matrix_transpose, normal(*shape)) for shape in [(2, 3), (4, 2, 3), (0, 3)]
    ],
    np.linalg.matrix_power: [
        *(
            sample(lambda x, n=n: np.linalg.matrix_power(x, n), positive(*shape))
            for n in (-2, -1, 1, 2, 3, 6, 7)
            for shape in [(2, 2), (3, 2, 2)]
        ),
        sample(lambda x: np.linalg.matrix_power(x, 0) + x, normal(2, 2)),
        sample(lambda x: np.linalg.matrix_power(x, 3), normal(0, 0)),
    ],
    np.linalg.multi_dot: [
        chains((2, 3), (3, 4)),
        chains((3,), (3,)),
        chains((2, 3), (3, 4), (4, 1)),
        chains((3,), (3, 4), (4, 2), (2,)),
        chains((4, 1), (1, 4), (4, 1), (1, 4), (4,)),
        chains((0, 3), (3, 0), (0, 2)),
    ],
    np.einsum: [
        *(
            sample(lambda *x, s=subscripts: np.einsum(s, *x), *(normal(*shape) for shape in shapes))
            for subscripts, shapes in EINSUMS
        ),
        sample(lambda x: np.einsum("ij,ji->i", x, x), normal(3, 3)),
        sample(lambda x: np.einsum("ij,j", x, [1, 2, 3]), normal(2, 3)),
        sample(lambda x: np.einsum("ij,i", np.eye(2), x), normal(2)),
        *(
            sample(
                lambda a, b, c, how=how: np.einsum("ij,jk,kl->il", a, b, c, optimize=how),
                normal(2, 3),
                normal(3, 4),
                normal(4, 2),
            )
            for how in (True, False, "greedy", "optimal", ["einsum_path", (0, 1), (0, 1)])
        ),
        # Axes as numbers
        sample(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), normal(2, 3), normal(3, 4)),
        sample(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), normal(2, 3), normal(3, 4)),
        sample(lambda a, b: np.einsum(a, [..., 0], b, [0], [...]), normal(2, 3), normal(3)),
        sample(lambda a, b: np.einsum(a, [30, 5], b, [5, 2]), normal(2, 3), normal(3, 4)),
        sample(lambda a: np.einsum(a, [1, 1, 0]), normal(2, 2, 3)),
        sample(lambda a: np.einsum(a, [0, 0], []), normal(2, 2)),
        sample(lambda x: np.einsum([[1, 2], [3, 4]], [0, 1], x, [1, 2]), normal(2, 3)),
    ],
}
