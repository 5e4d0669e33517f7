"""The table of derivatives, by subject. Importing it fills `autograd_lite.table.TABLE`."""

from autograd_lite.derivatives import (
    calculus,
    decompositions,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    neural,
    normalization,
    norms,
    reductions,
    shaping,
    sorting,
)

__all__ = [
    "calculus",
    "decompositions",
    "elementwise",
    "indexing",
    "joining",
    "linear_algebra",
    "neural",
    "normalization",
    "norms",
    "reductions",
    "shaping",
    "sorting",
]
