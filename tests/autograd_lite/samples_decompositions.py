"""Sample inputs of `np.linalg`: inverses, determinants, norms, decompositions."""

from typing import Any

import numpy as np
from sampling import Sample, normal, sample

from autograd_lite.derivatives import decompositions, triangular_factors
from autograd_lite.derivatives.norms import p_norm

linalg = np.linalg

SQUARE_SHAPES = [(3, 3), (1, 1), (2, 3, 3), (2, 1, 2, 2), (0, 0), (0, 2, 2)]

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 4, 2), (2, 2, 3), (1, 1), (1, 3), (3, 1), (0, 2, 3)]

NORM_AXES: list[tuple[Any, tuple[int, ...]]] = [
    (None, (4,)),
    (None, (1,)),
    (0, (2, 3)),
    (-1, (2, 3)),
    (1, (2, 3, 2)),
]

MATRIX_NORM_AXES: list[tuple[Any, tuple[int, ...]]] = [
    (None, (2, 3)),
    (None, (1, 1)),
    ((0, 1), (3, 2)),
    ((-1, 0), (2, 3)),
    ((1, 2), (2, 3, 2)),
    ((2, 0), (2, 3, 2)),
]


def transposed(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def regular(*shape: int) -> Any:
    """Matrices that are far from singular."""
    return np.eye(shape[-1]) + normal(*shape) / 4


def symmetric(x: Any) -> Any:
    """A symmetric positive definite matrix, computed from any: only such have a derivative."""
    return x @ transposed(x) / 4 + (x + transposed(x)) / 8 + np.eye(x.shape[-1], dtype=x.dtype)


def of_square(f: Any) -> list[Sample]:
    return [sample(f, regular(*shape)) for shape in SQUARE_SHAPES]


def of_symmetric(f: Any) -> list[Sample]:
    return [sample(lambda x: f(symmetric(x)), normal(*shape)) for shape in SQUARE_SHAPES]


def of_any(f: Any) -> list[Sample]:
    return [sample(f, normal(*shape)) for shape in SHAPES]


def norms(f: Any, orders: Any, cases: Any) -> list[Sample]:
    return [
        sample(
            lambda x, order=order, axis=axis, keep=keep: f(x, ord=order, axis=axis, keepdims=keep),
            normal(*shape),
        )
        for order in orders
        for axis, shape in cases
        for keep in (False, True)
    ]


SAMPLES = {
    linalg.inv: of_square(linalg.inv),
    linalg.pinv: [
        *of_any(linalg.pinv),
        sample(lambda x: linalg.pinv(x, 1e-10), normal(3, 2)),
        sample(lambda x: linalg.pinv(symmetric(x), hermitian=True), normal(3, 3)),
    ],
    linalg.solve: [
        *(
            sample(linalg.solve, regular(*a), normal(*b))
            for a, b in [
                ((3, 3), (3,)),
                ((3, 3), (3, 2)),
                ((3, 3), (3, 0)),
                ((1, 1), (1,)),
                ((2, 3, 3), (3,)),
                ((2, 3, 3), (3, 2)),
                ((3, 3), (2, 3, 1)),
                ((2, 1, 3, 3), (4, 3, 2)),
                ((0, 0), (0,)),
            ]
        ),
        sample(lambda b: linalg.solve([[2, 1], [0, 3]], b), normal(2)),
        sample(lambda a: linalg.solve(a, [1, 2]), regular(2, 2)),
    ],
    # Determinants
    linalg.det: [
        *of_square(linalg.det),
        sample(linalg.det, -regular(3, 3)),
    ],
    decompositions.cofactors: of_square(decompositions.cofactors),
    linalg.slogdet: of_square(lambda x: linalg.slogdet(x).sign * linalg.slogdet(x)[1]),
    decompositions.sign_of_determinant: of_square(decompositions.sign_of_determinant),
    decompositions.log_of_determinant: of_square(decompositions.log_of_determinant),
    # Norms
    p_norm: [
        *norms(
            lambda x, **options: p_norm(x, options.pop("ord"), **options),
            (1, 2, 3, 1.5),
            NORM_AXES + MATRIX_NORM_AXES[:1],
        ),
        sample(p_norm, [0.0, 3.0, -4.0]),
        sample(p_norm, np.zeros(3), kink=True),
    ],
    linalg.norm: [
        *norms(linalg.norm, (None, 1, 2, 3, -1, np.inf, -np.inf), NORM_AXES),
        *norms(linalg.norm, (None, "fro", 1, -1, np.inf, -np.inf), MATRIX_NORM_AXES),
        *norms(linalg.norm, (2, -2, "nuc"), MATRIX_NORM_AXES),
        *(sample(linalg.norm, normal(*shape)) for shape in [(), (2, 3, 4), (1, 1)]),
        sample(lambda x: linalg.norm(x, axis=1), normal(0, 3)),
        sample(lambda x: linalg.norm(x, 0) + x.sum(), normal(3)),
        sample(lambda x: linalg.norm(x, np.inf), [1.0, -1.0], kink=True),
        sample(lambda x: linalg.norm(x, 1), [0.0, 2.0], kink=True),
        sample(lambda x: linalg.norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]], kink=True),
    ],
    linalg.vector_norm: [
        *norms(linalg.vector_norm, (1, 2, np.inf), [*NORM_AXES, (None, (2, 3)), ((0, 1), (2, 3))]),
        sample(linalg.vector_norm, normal(2, 3)),
    ],
    linalg.matrix_norm: [
        sample(lambda x, order=order: linalg.matrix_norm(x, ord=order), normal(*shape))
        for order in ("fro", 1, -np.inf, 2, "nuc")
        for shape in [(2, 3), (2, 3, 2)]
    ],
    # Eigenvalues and singular values
    linalg.eigvalsh: [
        *of_symmetric(linalg.eigvalsh),
        *of_symmetric(lambda x: linalg.eigvalsh(x, UPLO="U")),
    ],
    decompositions.reciprocal_gaps: [
        sample(decompositions.reciprocal_gaps, normal(3)),
        sample(decompositions.reciprocal_gaps, normal(2, 4)),
        sample(decompositions.reciprocal_gaps, normal(1)),
    ],
    decompositions.eigenvectors: of_symmetric(decompositions.eigenvectors),
    linalg.eigh: [
        *of_symmetric(lambda x: linalg.eigh(x).eigenvectors * linalg.eigh(x)[0][..., None, :]),
        *of_symmetric(lambda x: linalg.eigh(x, "U").eigenvectors),
    ],
    linalg.svdvals: of_any(linalg.svdvals),
    decompositions.left_singular_vectors: of_any(decompositions.left_singular_vectors),
    decompositions.right_singular_vectors: of_any(decompositions.right_singular_vectors),
    linalg.svd: [
        *of_any(lambda x: linalg.svd(x, compute_uv=False)),
        *of_any(lambda x: linalg.svd(x, full_matrices=False).U),
        *of_any(lambda x: linalg.svd(x, full_matrices=False).Vh),
        sample(lambda x: linalg.svd(x, compute_uv=False, hermitian=True), normal(1, 1)),
        sample(lambda x: linalg.svd(x).U @ linalg.svd(x).Vh, normal(3, 3)),
    ],
    # Triangular factors
    linalg.cholesky: [
        *of_symmetric(linalg.cholesky),
        *of_symmetric(lambda x: linalg.cholesky(x, upper=True)),
    ],
    triangular_factors.orthonormal_columns: [
        sample(triangular_factors.orthonormal_columns, normal(*shape))
        for shape in SHAPES
        if shape[-2] >= shape[-1]
    ],
    triangular_factors.triangular_factor: of_any(triangular_factors.triangular_factor),
    linalg.qr: [
        *of_any(lambda x: linalg.qr(x).Q),
        *of_any(lambda x: linalg.qr(x)[1]),
        *of_any(lambda x: linalg.qr(x, mode="r")),
        sample(lambda x: linalg.qr(x, mode="complete").Q, normal(2, 3)),
    ],
}
