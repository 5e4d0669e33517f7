"""Sums of arrays that are 0 but for slices: as these slices side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.textbook.terms import Terms, is_call

MOST = 8
"""Slices that are written side by side."""


def joined(terms: Terms, parts: Sequence[Any]) -> Any:
    """The sum of terms, if each fills another slice of zeros, and all of them all; else None.

    >>> terms = Terms()
    >>> low, high = terms.leaf((2,)), terms.leaf((2,))
    >>> places = (high, np.s_[2:4]), (low, np.s_[:2])
    >>> term = joined(terms, [terms.build(scatter, (*at, (4,)), {}, (4,)) for at in places])
    >>> term.function.__name__, term.arguments == ([low, high],)
    ('concatenate', True)
    """
    found = [_placed(part) for part in parts] if 1 < len(parts) <= MOST else [None]
    if None in found:
        return None
    pieces = sorted([piece for piece in found if piece], key=lambda piece: piece[:3])
    axes, starts, stops, arrays = ([*column] for column in zip(*pieces))
    axis = axes[0]
    keywords = {"axis": axis} if axis else {}
    length = parts[0].shape[axis]
    if {*axes} != {axis} or starts[0] != 0:
        return None
    if stops == [None] * length and starts == [*range(length)]:
        return terms.build(np.stack, (arrays,), keywords, parts[0].shape)
    if stops[-1] == length and starts[1:] == stops[:-1]:
        return terms.build(np.concatenate, (arrays,), keywords, parts[0].shape)
    return None


def _placed(part: Any) -> tuple[int, int, int | None, Any] | None:
    """Of zeros with a slice in them: the axis, where it starts and stops, and what is there."""
    if not is_call(part, scatter):
        return None
    x, index, _ = part.arguments
    parts = index if isinstance(index, tuple) else (index,)
    own = [axis for axis, at in enumerate(parts) if at != slice(None)]
    if len(own) != 1 or not all(isinstance(at, slice | int) for at in parts):
        return None
    at, length = parts[own[0]], part.shape[own[0]]
    if isinstance(at, int):
        return own[0], at % length, None, x
    start, stop, step = at.indices(length)
    return (own[0], start, stop, x) if step == 1 and start < stop else None
