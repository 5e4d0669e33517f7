"""The table of derivatives, by subject.

Importing it fills `autograd_lite.table.TABLE` with the rows of the functions that most programs
use. The files of `LATER`, which would take as long again, are imported when a function that has no
row first meets a tensor: nobody who calls functions notices.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives import (  # noqa: F401 - for their rows
    elementwise,
    indexing,
    linear_algebra,
    neural,
    reductions,
    shaping,
    special,
)
from autograd_lite.operation import Operation
from autograd_lite.table import COMPOSED, TABLE, WITHOUT_DERIVATIVE

LATER = {
    "numpy": [
        "by_version",
        "calculus",
        "convolutions",
        "cross_entropies",
        "decompositions",
        "editing",
        "layers",
        "norms",
        "pooling",
        "recurrences",
        "signals",
        "statistics",
        "triangular_factors",
        "ufunc_methods",
    ],
    "scipy.special": ["scipy_special"],
}
"""Files of rows that are added when they are first asked for, by the library of the functions."""


def row_of(function: Callable[..., Any]) -> Operation | None:
    """The row of a function, if it has one, and what else the table says of it in its place.

    >>> import numpy as np
    >>> row_of(np.sort).name, row_of(np.trapezoid)
    ('sort', None)
    >>> np.trapezoid in COMPOSED
    True
    """
    if not (function in TABLE or function in COMPOSED or function in WITHOUT_DERIVATIVE):
        _add_rows("scipy.special" if is_of_scipy(function) else "numpy")
    return TABLE.get(function)


def all_rows() -> dict[Callable[..., Any], Operation]:
    """The whole table: all rows there are of the libraries that are imported."""
    for library in LATER.keys() & sys.modules.keys():
        _add_rows(library)
    return TABLE


def _add_rows(library: str) -> None:
    """Import the files of a library's functions; rows that users have defined before stay."""
    before = dict(TABLE)
    for name in LATER[library]:
        importlib.import_module(f"autograd_lite.derivatives.{name}")
    TABLE.update(before)


def is_of_scipy(function: Any) -> bool:
    """Whether it is one of `scipy.special`; ufuncs do not know where they are from."""
    found = getattr(sys.modules.get("scipy.special"), getattr(function, "__name__", ""), None)
    return isinstance(function, np.ufunc) and found is function
