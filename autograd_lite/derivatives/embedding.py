"""Vectors that are looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import INDEXES, add_at_index, scatter
from autograd_lite.foreign import beside
from autograd_lite.table import TABLE, differentiable


def _without_padding(g: Any, indices: Any, padding_idx: int | None) -> Any:
    if padding_idx is None:
        return g
    return np.where(beside((indices == padding_idx)[..., None], g), 0, g)


def _weight_vjp(g: Any, y: Any, weight: Any, indices: Any, padding_idx: int | None = None) -> Any:
    return scatter(_without_padding(g, indices, padding_idx), indices, weight.shape)


@differentiable(_weight_vjp, None, traits=INDEXES)
def embedding(weight: Any, indices: Any, padding_idx: int | None = None) -> Any:
    """The rows of a matrix that numbers name; what reaches one that is named twice adds up.

    Args:
        weight: (n, features).
        indices: whole numbers, 0 to n - 1, of any shape.
        padding_idx: the row that stands for what is no entry: nothing reaches it.

    >>> embedding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0, 1]))
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    if getattr(indices, "dtype", np.dtype(float)).kind not in "iu":
        raise TypeError(
            f"rows are named by whole numbers, and these have dtype {np.result_type(indices)}",
            "Write indices.astype(int)",
        )
    # A negative number is too large when unsigned.
    if indices.size and indices.astype(np.uintp).max() >= len(weight):
        raise ValueError(
            f"numbers range from {indices.min()} to {indices.max()}, and axis 0 of the weight has "
            f"{len(weight)} rows, numbered from 0",
            "Number what is embedded from 0, or make the matrix larger",
        )
    return weight[indices]


def _add_to(
    total: Any, g: Any, y: Any, weight: Any, indices: Any, padding_idx: int | None = None
) -> None:
    """Add to the rows that are named, without zeros for the others."""
    add_at_index(total, _without_padding(g, indices, padding_idx), y, weight, indices)


TABLE[embedding].add_to = _add_to
