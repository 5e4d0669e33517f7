"""Sample inputs of the functions that not every supported NumPy has, those of this one."""

from samples_joining import all_entries
from samples_linear_algebra import MATRIX_VECTOR_SHAPES, products, vector_products
from sampling import normal, of_this_numpy, sample, unary


def cumulative(f):
    return [
        sample(f, normal(4)),
        sample(lambda x: f(x, axis=-1), normal(2, 3)),
        sample(lambda x: f(x, axis=0, include_initial=True), normal(2, 3)),
        sample(lambda x: f(x, include_initial=True), normal(1)),
    ]


def taking_apart(f):
    return [
        sample(lambda x: all_entries(f(x)), normal(4)),
        sample(lambda x: all_entries(f(x, axis=-1)), normal(2, 3)),
    ]


def row_products(f):
    return [
        *products(f, [((3,), (3, 2)), ((5, 3), (3, 2)), ((3,), (5, 3, 2)), ((4, 1, 3), (5, 3, 2))]),
        *products(f, [((1,), (1, 1)), ((3,), (3, 0)), ((0,), (0, 3))]),
        sample(lambda x: f([1, 2, 3], x), normal(3, 2)),
    ]


BY_NAME = {
    "fix": unary,
    "unstack": taking_apart,
    "cumulative_sum": cumulative,
    "cumulative_prod": cumulative,
    "matvec": lambda f: vector_products(f, MATRIX_VECTOR_SHAPES),
    "vecmat": row_products,
}

SAMPLES = {f: samples(f) for f, samples in of_this_numpy(BY_NAME).items()}
