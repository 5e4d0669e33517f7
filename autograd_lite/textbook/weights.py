"""How long terms are to a reader: which of them get a line, and which are written again."""

from __future__ import annotations

import operator

import numpy as np

from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.numpy_source import NumpySource
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import is_number

SHORT, LONG, LONG_LOSS = 2, 8, 12
"""A cotangent of at most so many operations is written where it is used, if that is one place;
anything of more gets a line, and a part of the loss later."""


def needs_line(term: Step, weight: int, uses: int, longest: int = LONG) -> bool:
    """Whether a term gets a line whether there is a name for it or not."""
    return weight > longest or (uses > 1 and not is_trivial(term, weight))


def weight_of(term: Step) -> int:
    """How much a call, or an array without a name, adds to the length of a line."""
    if is_view(term):
        return int(len(term.arguments) > 1 and term.function in (np.transpose, np.flip, np.reshape))
    return 1 if term.function and traits_of(term.function).elementwise else 2


_VIEWS = {operator.getitem, np.negative, np.shape}


def is_view(term: Step) -> bool:
    """Whether it is written out each time that it is used: an index, or another way to look."""
    function = term.function
    if function is None or function in _VIEWS:
        return function is not None
    return traits_of(function).moves and len(steps_in(term)) == 1


def is_trivial(term: Step, weight: int) -> bool:
    """Whether a person writes it again rather than give it a name: 1 - a, x > 0, -x, x.T."""
    if weight != weight_of(term) or weight > 1:
        return False
    numbers = [x for x in term.arguments if is_number(x) and not isinstance(x, Count)]
    return is_view(term) or (term.function in NumpySource.infix and len(numbers) > 0)
