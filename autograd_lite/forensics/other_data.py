"""The derivative is computed with other data than the loss: hard labels for smooth ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.candidate import Candidate, Instead
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong, is_recorded
from autograd_lite.node import Array, plain


def other_arrays(case: Case) -> Iterator[Candidate]:
    """Another array of the caller's is used in place of one of the loss's, or what it came from."""
    names = {id(array): name for name, array in case.arrays.items()}
    uses: dict[int, list[tuple[Place, int]]] = {}
    for place in case.graph.places:
        for slot, argument in place.others.items():
            if not is_recorded(argument):
                uses.setdefault(id(plain(argument)), []).append((place, slot))
    arrays = [a for a in case.graph.plain_arrays if isinstance(a, np.ndarray) and a.size > 1]
    for array in arrays if len(arrays) <= MOST_ARRAYS else ():
        # 1 - y is an array of its own.
        complements = [a for a in arrays if _are_complements(a, array)]
        name = names.get(id(array), "the data")
        for words, other in _in_place_of(case, array):
            wrong = _with(uses[id(array)], other, words)
            for complement in complements:
                wrong |= _with(uses[id(complement)], 1 - other, f"(1 - {words})")
            spoken = words if words in case.arrays else words.replace("_", " ")
            spoken = f"the labels {words}" if spoken == words and are_shares(other) else spoken
            what = f"it is computed with {spoken}, the loss with {name}"
            yield Candidate("other arrays", what, wrong)


MOST_ARRAYS = 20
"""Arrays in a loss; where there are more, they are parts of others, in a loop."""


def _in_place_of(case: Case, array: Array) -> Iterator[tuple[str, Array]]:
    for name, other in case.arrays.items():
        if other.shape == array.shape and other.dtype.kind in "fiub":
            if not np.array_equal(other, array):
                yield name, other.astype(array.dtype)
    if array.dtype.kind == "f" and array.ndim == 2:
        for axis in (0, 1):
            hard = array == array.max(axis=axis, keepdims=True)
            if (hard.sum(axis=axis) == 1).all() and not np.isin(array, (0, 1)).all():
                yield "hard_labels", hard.astype(array.dtype)
    if ((array >= 0) & (array <= 1)).all() and array.dtype.kind in "fi":
        yield "(1 - labels)", 1 - array
        if np.isin(array, (0, 1)).all():
            yield "labels_of_minus_1_and_1", 2 * array - 1


def are_shares(array: Array) -> bool:
    """Whether rows are the classes' shares, as one-hot or smoothed labels are."""
    return array.ndim == 2 and bool((array >= 0).all()) and np.allclose(array.sum(axis=1), 1)


def _are_complements(one: Array, other: Array) -> bool:
    alike = np.shape(one) == other.shape and one is not other
    return alike and np.allclose(one + other, 1, rtol=0, atol=1e-12)


def _with(uses: list[tuple[Place, int]], other: Array, written: str) -> Wrong:
    """All steps of nodes that have an array among their arguments, with another one."""
    return {place: Instead(place, slot, other, written) for place, slot in uses}
