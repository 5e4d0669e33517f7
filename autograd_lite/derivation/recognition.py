"""What an array without a name was computed from, by its values.

Only tensors are recorded. Where data are plain arrays, `1 - Y` is one more array, and so are the
statistics of a batch: they are recognized by being equal to what can be computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.derivation.terms import Term, Terms
from autograd_lite.derivatives.shaping import astype


def recognized(terms: Terms, array: Any, known: Iterable[tuple[Term, Any]]) -> Any:
    """The term by which an array follows from one of others that have terms, or None.

    >>> terms = Terms()
    >>> y = terms.leaf((3,))
    >>> found = recognized(terms, np.array([1.0, 0.0, 0.0]), [(y, np.array([0.0, 1.0, 1.0]))])
    >>> found is terms.call(np.subtract, 1, y)
    True
    """
    for term, value in known:
        for function, arguments, keywords in _guesses(value, array):
            guess = function(*arguments, **keywords)
            if guess.dtype == array.dtype and np.array_equal(guess, array):
                own = tuple(term if argument is value else argument for argument in arguments)
                return terms.build(function, own, keywords, array.shape)
    return None


def _guesses(x: Any, array: Any) -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """Calls that could have given an array, if it was computed from x."""
    if x.shape == array.shape:
        if array.dtype == bool:
            yield np.greater, (x, 0), {}
        else:
            yield astype, (x, array.dtype), {}
            if x.dtype != bool:
                yield np.subtract, (1, x), {}
                yield np.negative, (x,), {}
    if x.shape[::-1] == array.shape:
        yield np.transpose, (x,), {}
    if x.ndim == array.ndim:
        axes = tuple(i for i in range(x.ndim) if array.shape[i] == 1 != x.shape[i])
        if axes and all(i in axes or m == n for i, (m, n) in enumerate(zip(x.shape, array.shape))):
            yield np.mean, (x,), {"axis": axes, "keepdims": True}
            yield np.var, (x,), {"axis": axes, "keepdims": True}
