"""What rows of linear algebra, and those that not every NumPy has, are in PyTorch."""

import functools

import numpy as np
from sampling import normal, of_this_numpy
from torch_equivalents import (
    elementwise,
    joined,
    joined_squares,
    linalg,
    on,
    parts,
    regular,
    squared,
    symmetric,
    tlinalg,
    torch,
)

from autograd_lite.derivatives import decompositions, norms, triangular_factors

MATRIX_SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((4, 3), (3,)),
    ((4, 3), (3, 2)),
    ((5, 4, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((2, 1, 4, 3), (5, 3, 2)),
]


def products(function, *shapes, **how):
    return [on(function, normal(*a), 1.1 * normal(*b), **how) for a, b in shapes]


def einsums(*cases):
    return [
        on(
            functools.partial(torch.einsum, subscripts),
            *(normal(*shape) for shape in shapes),
            as_called=functools.partial(np.einsum, subscripts),
        )
        for subscripts, *shapes in cases
    ]


PRODUCTS = {
    np.matmul: products(torch.matmul, *MATRIX_SHAPES),
    linalg.matmul: products(torch.matmul, *MATRIX_SHAPES[-1:]),
    np.dot: products(torch.matmul, *MATRIX_SHAPES[:5])
    + products(lambda a, b: torch.tensordot(a, b, ([-1], [-2])), ((4, 3), (5, 3, 2))),
    np.inner: products(torch.inner, ((3,), (3,)), ((4, 3), (2, 5, 3))),
    np.vdot: products(lambda a, b: a.ravel() @ b.ravel(), ((2, 3), (3, 2))),
    np.outer: products(torch.outer, ((3,), (2,))),
    linalg.outer: products(torch.outer, ((3,), (2,))),
    np.vecdot: products(tlinalg.vecdot, ((2, 1, 3), (4, 3))),
    linalg.vecdot: products(tlinalg.vecdot, ((2, 1, 3), (4, 3))),
    np.tensordot: products(torch.tensordot, ((2, 3), (4, 2)), rest=(([0], [1]),)),
    linalg.tensordot: products(functools.partial(torch.tensordot, dims=2), ((2, 3), (2, 3))),
    np.kron: products(torch.kron, ((2, 3), (2, 2)), ((3,), (2,))),
    np.cross: products(tlinalg.cross, ((2, 3), (2, 3))),
    linalg.cross: products(tlinalg.cross, ((2, 3), (2, 3))),
    np.einsum: einsums(
        ("ij,jk->ki", (2, 3), (3, 4)),
        ("iij->j", (2, 2, 3)),
        ("...ij,jk,k->...i", (5, 2, 3), (3, 2), (2,)),
        ("i,j->", (3,), (2,)),
    ),
    np.trace: [on(torch.trace, normal(3, 3))],
    linalg.trace: [on(torch.trace, normal(3, 3))],
    linalg.matrix_power: [
        on(tlinalg.matrix_power, regular(2, 3, 3), rest=(n,)) for n in (-2, -1, 1, 2, 3)
    ],
    linalg.multi_dot: [on(tlinalg.multi_dot, normal(3), normal(3, 4), normal(4, 2), listed=True)],
}
BY_VERSION = of_this_numpy(
    {
        "fix": elementwise(torch.fix, normal),
        "unstack": parts(torch.unbind),
        "matvec": products(torch.matmul, ((5, 2, 3), (3,))),
        "vecmat": products(torch.matmul, ((3,), (5, 3, 2))),
    }
)

MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]
VECTOR_ORDERS = [None, 1, 2, 3, np.inf, -np.inf]
THIN = {"full_matrices": False}


def svd(x):
    return tlinalg.svd(x, full_matrices=False)


def reciprocal_gaps(x):
    differences = x[..., None, :] - x[..., None]
    same = torch.eye(x.shape[-1], dtype=bool)
    return (1 / differences.masked_fill(same, 1.0)).masked_fill(same, 0.0)


def cofactors(x):
    return tlinalg.det(x)[..., None, None] * tlinalg.inv(x).mT


DECOMPOSITIONS = {
    norms.p_norm: [on(tlinalg.vector_norm, normal(4), rest=(p,)) for p in (1, 2, 3, 1.5)],
    linalg.norm: [
        *(on(tlinalg.norm, normal(4), rest=(order,)) for order in VECTOR_ORDERS),
        *(on(tlinalg.norm, normal(2, 3), rest=(order,)) for order in MATRIX_ORDERS),
    ],
    linalg.vector_norm: [on(tlinalg.vector_norm, normal(2, 3))],
    linalg.matrix_norm: [on(tlinalg.matrix_norm, normal(2, 2, 3))],
    linalg.inv: [on(tlinalg.inv, regular(2, 3, 3))],
    linalg.det: [on(tlinalg.det, regular(2, 3, 3))],
    linalg.pinv: [on(tlinalg.pinv, normal(2, 4, 3))],
    linalg.solve: [
        on(tlinalg.solve, regular(3, 3), normal(3)),
        on(tlinalg.solve, regular(2, 3, 3), normal(2, 3, 2)),
    ],
    linalg.slogdet: [on(tlinalg.slogdet, -regular(3, 3), after=joined)],
    linalg.cholesky: [on(tlinalg.cholesky, regular(3, 3), before=symmetric)],
    linalg.eigvalsh: [on(tlinalg.eigvalsh, regular(3, 3), before=symmetric)],
    linalg.eigh: [on(tlinalg.eigh, regular(3, 3), before=symmetric, after=joined_squares)],
    linalg.svdvals: [on(tlinalg.svdvals, normal(2, 4, 3))],
    linalg.svd: [on(tlinalg.svd, normal(4, 3), named=THIN, after=joined_squares)],
    linalg.qr: [on(tlinalg.qr, normal(*shape), after=joined) for shape in [(4, 3), (2, 3)]],
    decompositions.cofactors: [on(cofactors, regular(2, 3, 3))],
    decompositions.sign_of_determinant: [on(lambda x: tlinalg.slogdet(x)[0], -regular(3, 3))],
    decompositions.log_of_determinant: [on(lambda x: tlinalg.slogdet(x)[1], -regular(3, 3))],
    decompositions.reciprocal_gaps: [on(reciprocal_gaps, normal(2, 3))],
    decompositions.eigenvectors: [
        on(lambda x: tlinalg.eigh(x)[1], regular(3, 3), before=symmetric, after=squared)
    ],
    decompositions.left_singular_vectors: [on(lambda x: svd(x)[0], normal(4, 3), after=squared)],
    decompositions.right_singular_vectors: [on(lambda x: svd(x)[2], normal(3, 4), after=squared)],
    triangular_factors.orthonormal_columns: [on(lambda x: tlinalg.qr(x)[0], normal(4, 3))],
    triangular_factors.triangular_factor: [on(lambda x: tlinalg.qr(x)[1], normal(4, 3))],
}
