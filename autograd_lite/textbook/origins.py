"""What an array without a name was computed from, by its values.

Only tensors are recorded. Where data are plain arrays, `1 - Y` is one more array, and so are the
statistics of a batch: they are recognized by being equal to what can be computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.program.program import Step
from autograd_lite.textbook.terms import Terms

Known = Iterable[tuple[Step, Any]]
"""Terms and their values."""
Guess = tuple[Any, tuple[Any, ...], dict[str, Any]]

ENTRIES = 16
"""A shorter array is equal to another by chance too easily."""


def recognized(terms: Terms, array: Any, operands: Known, twins: Known, visible: Known) -> Any:
    """The term by which an array follows from one of others that have terms, or None.

    Args:
        terms: to build it of.
        array: without a name.
        operands: what the function got that the array was given to: it may say where they are
            positive, or be a mean or a variance of them.
        twins: what stands elsewhere in its place, as Y does in Y * log(A) + (1 - Y) * log(1 - A):
            the array may be 1 minus one of them.
        visible: all others. To be compared with them the array must be long, and have more than
            zeros and ones, since sample weights, say, may be equal to 1 - Y by chance.

    >>> terms = Terms()
    >>> y = terms.leaf((3,)), np.array([0.0, 1.0, 1.0])
    >>> found = recognized(terms, np.array([1.0, 0.0, 0.0]), [], [y], [])
    >>> found is terms.call(np.subtract, 1, y[0])
    True
    >>> recognized(terms, np.array([1.0, 0.0, 0.0]), [], [], [y])
    """
    guesses = [
        *((term, x, guess) for term, x in operands for guess in _of_operand(x, array)),
        *((term, x, guess) for term, x in twins for guess in _of_twin(x, array)),
    ]
    if array.size >= ENTRIES and len(np.unique(array)) > 1 and not np.isin(array, (0, 1)).all():
        guesses += ((term, x, guess) for term, x in visible for guess in _of_visible(x, array))
    for term, x, (function, arguments, keywords) in guesses:
        guess = function(*arguments, **keywords)
        if guess.dtype == array.dtype and np.array_equal(guess, array):
            own = tuple(term if argument is x else argument for argument in arguments)
            return terms.build(function, own, keywords, array.shape)
    return None


def _of_operand(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array that is used together with x."""
    if x.shape == array.shape and array.dtype == bool:
        yield np.greater, (x, 0), {}
    if x.ndim == array.ndim and array.any():
        axes = tuple(i for i in range(x.ndim) if array.shape[i] == 1 != x.shape[i])
        if axes and all(i in axes or m == n for i, (m, n) in enumerate(zip(x.shape, array.shape))):
            yield np.mean, (x,), {"axis": axes, "keepdims": True}
            yield np.var, (x,), {"axis": axes, "keepdims": True}


def _of_twin(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array that is used as x is."""
    if x.shape == array.shape and x.dtype != bool:
        yield np.subtract, (1, x), {}


def _of_visible(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array from any x."""
    yield from _of_operand(x, array)
    yield from _of_twin(x, array)
    if x.shape == array.shape:
        same = x.dtype == array.dtype
        yield (np.copy, (x,), {}) if same else (astype, (x, array.dtype), {})
        if x.dtype != bool:
            yield np.negative, (x,), {}
    if x.shape[::-1] == array.shape:
        yield np.transpose, (x,), {}
