"""How errors look that nothing explains: which entries are off, and by what."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.case import NEARLY, Case, relative_error
from autograd_lite.forensics.names import Names
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

LARGEST = 1_000_000
"""Entries up to which the rank of an error is looked at."""
LARGEST_RANK = 64
"""Ranks of larger matrices take long to compute, and say little."""


def pattern_of(case: Case, wrong: frozenset[Tensor], names: Names) -> str:
    """A sentence for each wrong gradient, in the order in which they were handed in."""
    sentences = [
        f"{names.cotangent(tensor)}: "
        f"{_of_one(case.manual[tensor], case.graph.right[tensor], case.tolerance)}."
        for tensor in case.manual
        if tensor in wrong
    ]
    return " ".join(sentences)


def _of_one(manual: Array, automatic: Array, tolerance: float) -> str:
    if manual.shape != automatic.shape:
        return f"its shape is {manual.shape}, the gradient's {automatic.shape}"
    for array, whose in ((manual, ""), (automatic, " in the automatic gradient")):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            first = tuple(bad[0].tolist())
            entries = f"{len(bad)} of {array.size} entries are NaN or infinite{whose}"
            return f"{entries}, the first at {first}"
    difference = manual - automatic
    off = np.abs(difference) > tolerance * max(np.abs(manual).max(), np.abs(automatic).max())
    error = relative_error(manual, automatic)
    if error <= NEARLY:
        share = (
            f"{int(off.sum())} of {off.size} entries are off by up to {error:.1g} of the largest"
        )
        return f"{share}, as finite differences, float32 or constants of few digits are"
    return "; ".join(_features(manual, automatic, difference, off))


def _features(manual: Array, automatic: Array, difference: Array, off: Array) -> Iterator[str]:
    count = int(off.sum())
    yield "all entries are off" if off.all() else f"{count} of {off.size} entries are off"
    if not off.all() and off.ndim == 2:
        rows, columns = np.flatnonzero(off.any(axis=1)), np.flatnonzero(off.any(axis=0))
        if len(rows) < off.shape[0]:
            yield f"only in {_listed('row', rows)}"
        if len(columns) < off.shape[1]:
            yield f"only in {_listed('column', columns)}"
    opposite = off & (np.abs(manual + automatic) <= 1e-6 * np.abs(automatic))
    if opposite.any():
        every = "all of these" if (opposite == off).all() else f"{int(opposite.sum())} of these"
        yield f"{every} have the opposite sign"
    if off.ndim == 2 and 1 < min(off.shape) <= LARGEST_RANK and count > 1 and off.size <= LARGEST:
        rank = int(np.linalg.matrix_rank(difference, tol=1e-6 * np.abs(difference).max()))
        if rank < min(off.shape):
            yield f"the error has rank {rank}"


def _listed(what: str, indices: Array) -> str:
    shown = ", ".join(map(str, indices[:5].tolist())) + (", ..." if len(indices) > 5 else "")
    return f"{what}{'s' if len(indices) > 1 else ''} {shown}"
