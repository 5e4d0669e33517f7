"""The table of derivatives, by subject. Importing it fills `autograd_lite.table.TABLE`."""

from autograd_lite.derivatives import (  # noqa: F401
    calculus,
    cross_entropies,
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
    special,
    ufunc_methods,
)
