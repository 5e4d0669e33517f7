"""Constant factors in a program's backward pass: the term of the cotangent of every node.

The loss often is a constant times a sum, such as 1/m. Rules are linear in the cotangent, so that
the constant jumps over all steps of a rule, and is applied once where the first array with a name
is complete. Sums of arrays that are 0 but for slices are these slices side by side.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.node import Node
from autograd_lite.program.program import Step, needed_for, steps_in
from autograd_lite.textbook.spellings import Count, Reduced, Share, is_count
from autograd_lite.textbook.terms import Terms, is_broadcast, is_call, is_number


class Factor(NamedTuple):
    """A constant, as what to multiply with and what to divide by."""

    numerator: float
    denominator: float
    # What of it may be a number of samples: a mean is over so many, or a sum was divided by it.
    counted: float = 1

    def times(self, other: Factor) -> Factor:
        return self if other is ONE else Factor(*map(operator.mul, self, other))

    def to(self, terms: Terms, term: Any, lengths: Collection[int]) -> Any:
        """A term times the constant, reduced unless it is over the length of something."""
        if self in SIGNS:
            return term if self == ONE else terms.call(np.negative, term)
        above, below = self._fraction(lengths)
        scaled = terms.call(np.divide, _times(terms, above, term), below)
        return scaled if self.numerator >= 0 else terms.call(np.negative, scaled)

    def _fraction(self, lengths: Collection[int]) -> tuple[float, float]:
        """The constant without its sign, over a `Count` of samples if one is in it."""
        above, below = abs(self.numerator), self.denominator
        reduced = _reduced(above, below)
        by_count = above / (below / self.counted), self.counted
        for numerator, denominator in ((above, below), reduced, by_count):
            if denominator in lengths and self.counted % denominator == 0:
                return numerator, Count(denominator)
        above, below = reduced
        return above, Reduced(below) if self.counted > 1 and type(below) is int else below


def _reduced(above: float, below: float) -> tuple[float, float]:
    """A fraction, of the smallest numbers if it is one of whole numbers."""
    if not (float(above).is_integer() and float(below).is_integer()):
        return above, below
    common = math.gcd(int(above), int(below))
    return int(above) // common, int(below) // common


def _times(terms: Terms, number: float, term: Any) -> Any:
    """A number times a term; of a product or quotient, times its first factor."""
    if isinstance(term, Step) and term.function in (np.multiply, np.divide):
        first, second = term.arguments
        return terms.call(term.function, _times(terms, number, first), second)
    return terms.call(np.multiply, number, term)


ONE = Factor(1, 1)
MINUS_ONE = Factor(-1, 1)
SIGNS = (ONE, MINUS_ONE)


Cotangent = tuple[Factor, Any]
"""A factor times the term of an array."""


def in_dtype(terms: Terms, term: Any, dtype: np.dtype[Any]) -> Any:
    """The term, as a scalar of a dtype if it is of numbers alone."""
    number = term.arguments[0] if is_broadcast(term) else term
    if is_number(number):
        return dtype.type(number)
    if is_broadcast(term) and value_of(number) is not None:
        return terms.build(dtype.type, (number,), {}, ())
    return term


def value_of(term: Any) -> Any:
    """The value of a term of numbers alone, else None."""
    stack = [term] if isinstance(term, Step) else []
    while stack:
        part = stack.pop()
        if part.function is None or part.keywords or part.shape != ():
            return None
        stack += steps_in(part)
    values: dict[Any, Any] = {}
    for part in needed_for([term]):
        values[part] = part.function(*[values.get(x, x) for x in part.arguments])
    return values.get(term, term if is_number(term) else None)


def is_constant(term: Any) -> bool:
    """Whether it is the same number everywhere."""
    return is_number(term) or (is_broadcast(term) and is_number(term.arguments[0]))


def summed(terms: Terms, parts: list[Cotangent], lengths: Collection[int]) -> Cotangent:
    """The sum of what arrived at a node, in the order of arrival; what is alike is one."""
    if len(parts) > 1:
        parts = _collected(parts)
    if len(parts) == 1:
        return parts[0]
    sizes = {(abs(factor.numerator), *factor[1:]) for factor, _ in parts}
    common = Factor(*sizes.pop()) if len(sizes) == 1 else ONE
    found = []
    for factor, part in parts:
        own = Factor(math.copysign(1, factor.numerator), 1) if common != ONE else factor
        found.append(own.to(terms, part, lengths))
    total = _joined(terms, found)
    if total is None:
        total = functools.reduce(functools.partial(terms.call, np.add), found)
    if is_call(total, np.negative):
        return common.times(MINUS_ONE), total.arguments[0]
    return common, total


def _collected(parts: list[Cotangent]) -> list[Cotangent]:
    """Parts, with the sum of the factors for multiples of one term."""
    found: dict[Any, Cotangent] = {}
    for place, (factor, term) in enumerate(parts):
        key = (term, *factor[1:]) if isinstance(term, Step) else place
        above = found[key][0].numerator if key in found else 0
        found[key] = Factor(above + factor.numerator, *factor[1:]), term
    return [(factor, term) for factor, term in found.values() if factor.numerator] or parts


MOST = 8
"""Slices that are written side by side."""


def _joined(terms: Terms, parts: Sequence[Any]) -> Any:
    """The sum of terms, if each fills another slice of zeros, and all of them all; else None.

    >>> terms = Terms()
    >>> low, high = terms.leaf((2,)), terms.leaf((2,))
    >>> places = (high, np.s_[2:4]), (low, np.s_[:2])
    >>> term = _joined(terms, [terms.build(scatter, (*at, (4,)), {}, (4,)) for at in places])
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


def taken_out(terms: Terms, term: Any, since: int, node: Node) -> tuple[Factor, Any]:
    """The constant factor of a product that the rule of a node gave, and what it multiplies.

    Terms of numbers up to `since` were looked at before, and have none unless they are one.
    """
    if isinstance(term, Share):
        return Factor(1, term.count, term.count), 1.0
    if is_number(term):
        return (Factor(float(term), 1), 1.0) if term and math.isfinite(term) else (ONE, term)
    if term.number <= since and not (all(map(is_number, term.arguments)) or is_constant(term)):
        return ONE, term
    function = term.function
    if function not in (np.negative, np.broadcast_to, np.multiply, np.divide):
        return ONE, term
    factor, inner = taken_out(terms, term.arguments[0], since, node)
    if function is np.negative:
        return factor.times(MINUS_ONE), inner
    if function is np.broadcast_to:
        return factor, terms.broadcast(inner, term.shape, term)
    other = term.arguments[1]
    if function is np.multiply:
        right, other = taken_out(terms, other, since, node)
        factor = factor.times(right)
    elif is_number(other) and other and math.isfinite(other):
        return factor.times(Factor(1, other, _count(other, node))), inner
    return factor, terms.broadcast(terms.call(function, inner, other), term.shape)


def _count(divisor: Any, node: Node) -> float:
    """The divisor if it may be the number of samples, else 1."""
    # Where samples are not yet summed, as in z / 10, a divisor that is as many is so by chance.
    by_chance = node.operation.function is np.divide and divisor in np.shape(node._array)
    return float(divisor) if is_count(divisor) and not by_chance else 1
