"""What fits by chance: short numbers, which so many mistakes give that one or two show nothing."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.slips import Slip
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

FEW = 2
"""Short numbers, such as counts of signs and of ones, that say nothing."""
LEFT_OUT = {"dropped path", "derivative forgotten"}
"""Kinds of mistakes that often leave a short number, or 0."""
DECIMALS = 4
"""Those that short numbers have at most."""


def is_met_by_chance(
    case: Case, mistake: Candidate | Slip, explained: Collection[Tensor], is_all: bool
) -> bool:
    """Whether all that is explained is a few short numbers, where the right ones are none.

    Of data that are short themselves, as in a lesson, mistakes give short numbers, too.
    """
    given = [case.manual[tensor] for tensor in explained]
    # Zeros beside other numbers show nothing: what leaves those is one mistake.
    size = sum(map(np.count_nonzero, given)) or sum(array.size for array in given)
    if not 0 < size <= FEW:
        return False
    right = [case.graph.right[tensor] for tensor in explained]
    data = [*(leaf._array for leaf in case.graph.leaves), *case.graph.plain_arrays]
    if not all(map(_is_short, given)) or all(map(_is_short, right)) or all(map(_is_short, data)):
        return False
    is_left_out = mistake.kind in LEFT_OUT or mistake.factor == 0
    return not (is_left_out and (is_all or not any(map(np.any, given))))


def _is_short(array: Array) -> bool:
    return bool(np.all(array == np.round(array, DECIMALS)))
