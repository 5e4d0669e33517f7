"""Arrays that follow from others, found by their values or their memory.

Only tensors are recorded: where data are plain arrays, `1 - Y` is one more array, and so are the
statistics of a batch.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import Node
from autograd_lite.program.loops import distance_between
from autograd_lite.program.program import Step
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.terms import Terms

Known = Iterable[tuple[Step, Any]]
"""Terms and their values."""
Guess = tuple[Any, tuple[Any, ...], dict[str, Any]]

ENTRIES = 16


def recognized(terms: Terms, array: Any, operands: Known, twins: Known, visible: Known) -> Any:
    """The term by which an array follows from one of others that have terms, or None.

    Of the operands that it is used with, it may say where they are positive, or be a mean or a
    variance. It may be 1 minus a twin, which stands elsewhere in its place, as Y does in
    Y * log(A) + (1 - Y) * log(1 - A). Of what else is visible it may be anything.
    """
    several = [(operands, _of_operand), (twins, _of_twin)]
    # Short ones, and zeros and ones, such as sample weights, may be equal to 1 - Y by chance.
    if array.size >= ENTRIES and len(np.unique(array)) > 1 and not np.isin(array, (0, 1)).all():
        several.append((visible, _of_visible))
    guesses = (
        (term, x, guess)
        for known, guess_of in several
        for term, x in known
        for guess in guess_of(x, array)
    )
    for term, x, (function, arguments, keywords) in guesses:
        guess = function(*arguments, **keywords)
        if guess.dtype == array.dtype and np.array_equal(guess, array):
            own = tuple(term if argument is x else argument for argument in arguments)
            return terms.build(function, own, keywords, array.shape)
    return None


def sliced(terms: Terms, array: Any, visible: Known) -> Any:
    """The term of an array that is in the memory of another as its slice, or None.

    That is one at a number, x[t], or one of as many axes, x[t:t + 3].
    """
    for term, x in visible:
        if array.base is None or array.base is not (x if x.base is None else x.base):
            continue
        if array.dtype != x.dtype or not array.size:
            continue
        distance = distance_between(x, array)
        if x.ndim == array.ndim + 1:
            index = _number(x, array, distance)
        else:
            index = _stretch(x, array, distance) if x.ndim == array.ndim else None
        if index is not None:
            return terms.build(operator.getitem, (term, index), {}, array.shape)
    return None


def _number(x: Any, array: Any, distance: int) -> Any:
    """The index of a slice at a number along one axis."""
    for axis, (length, stride) in enumerate(zip(x.shape, x.strides)):
        rest = (*x.strides[:axis], *x.strides[axis + 1 :])
        number = distance // stride if stride else 0
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        whole = array.shape == shape and array.strides == rest
        if whole and 0 <= number < length and number * stride == distance:
            return (*[slice(None)] * axis, number) if axis else number
    return None


def _stretch(x: Any, array: Any, distance: int) -> Any:
    """The index of a slice that is shorter along some axes."""
    if array.strides != x.strides or min(x.strides, default=0) <= 0 or array.shape == x.shape:
        return None
    starts = [0] * x.ndim
    for axis in sorted(range(x.ndim), key=x.strides.__getitem__, reverse=True):
        starts[axis], distance = divmod(distance, x.strides[axis])
    places = [*zip(starts, array.shape, x.shape)]
    if distance or not all(start >= 0 and start + n <= whole for start, n, whole in places):
        return None
    index = tuple(
        slice(None) if n == whole else slice(start, start + n) for start, n, whole in places
    )
    return index if len(index) > 1 else index[0]


def begun(formulas: Formulas, array: Any, joins: Iterable[Node], visible: Known) -> Any:
    """The term of an array that was joined of zeros and a slice, as tensors are later; or None.

    So is the first state of a recurrence, if that is an array, beside the first input.
    """
    for node in joins:
        parts, axis = node.arguments, node.keywords.get("axis", 0)
        if axis is None:
            continue
        ends = np.cumsum([np.shape(part)[axis] for part in parts])[:-1]
        pairs = zip(parts, np.split(array, ends, axis))
        found = [_begun(formulas, part, piece, [*visible]) for part, piece in pairs]
        if not any(term is None for term in found):
            keywords = formulas.plain(node.keywords)
            return formulas.terms.build(np.concatenate, (found,), keywords, array.shape)
    return None


def _begun(formulas: Formulas, part: Any, piece: Any, visible: Known) -> Any:
    """The term of what takes the place of a tensor, if it is 0, or of a slice, if it is one too."""
    if isinstance(part, Node):
        return None if piece.any() else formulas.plain(piece.copy())
    term = sliced(formulas.terms, part, visible)
    of, index = term.arguments if term is not None else (None, None)
    if of is None or len(of.shape) != len(term.shape) + 1:
        return None
    before = index[:-1] if isinstance(index, tuple) else ()
    x = next(x for leaf, x in visible if leaf is of)
    for number in range(x.shape[len(before)]):
        if np.array_equal(x[(*before, number)], piece):
            own = (*before, number) if before else number
            return formulas.terms.build(operator.getitem, (of, own), {}, piece.shape)
    return None


def _of_operand(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array that is used together with x."""
    if x.shape == array.shape and array.dtype == bool:
        yield np.greater, (x, 0), {}
    if x.ndim == array.ndim and array.any():
        axes = tuple(i for i in range(x.ndim) if array.shape[i] == 1 != x.shape[i])
        if axes and all(i in axes or m == n for i, (m, n) in enumerate(zip(x.shape, array.shape))):
            for function in (np.mean, np.var):
                yield function, (x,), {"axis": axes, "keepdims": True}


def _of_twin(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array that is used as x is."""
    if x.shape == array.shape and x.dtype != bool:
        yield np.subtract, (1, x), {}


def _of_visible(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array from any x."""
    yield from _of_operand(x, array)
    yield from _of_twin(x, array)
    if x.shape == array.shape:
        yield (np.copy, (x,), {}) if x.dtype == array.dtype else (astype, (x, array.dtype), {})
        if x.dtype != bool:
            yield np.negative, (x,), {}
    if x.shape[::-1] == array.shape:
        yield np.transpose, (x,), {}
