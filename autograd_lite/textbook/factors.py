"""Constant factors in a program's backward pass: the term of the cotangent of every node.

The loss often is a constant times a sum, such as 1/m. Rules are linear in the cotangent, so that
the constant jumps over all steps of a rule, and is applied once where the first array with a name
is complete.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.node import Node
from autograd_lite.program.program import Step
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.layout import needed_for
from autograd_lite.textbook.spellings import Count, Reduced, Share
from autograd_lite.textbook.terms import Terms, is_broadcast, is_call, is_number


class Factor(NamedTuple):
    """A constant, as what to multiply with and what to divide by.

    `counted` is the part of the denominator that may be a number of samples: a mean is over so
    many, or a sum was divided by it.
    """

    numerator: float
    denominator: float
    counted: float = 1

    def times(self, other: Factor) -> Factor:
        """The product."""
        if other is ONE:
            return self
        return Factor(*(mine * its for mine, its in zip(self, other)))

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


class Cotangent(NamedTuple):
    """A factor times an array."""

    factor: Factor
    term: Any


def cotangents(
    formulas: Formulas, named: Collection[Node], lengths: Collection[int]
) -> dict[Node, Any]:
    """The terms of the cotangents of all nodes of a program.

    A constant factor is applied at leaves, and at nodes that are named. It is reduced, unless its
    denominator is among the lengths of the data.
    """
    terms, program = formulas.terms, formulas.program
    parts: dict[Node, list[Cotangent]] = {program.loss: [Cotangent(ONE, 1.0)]}
    found = {}
    for node, step in reversed(program.values.items()):
        factor, term = _sum(terms, parts.pop(node), lengths)
        found[node] = factor.to(terms, term, lengths)
        if node.operation is None:
            continue
        if node in named and not _is_constant(term):
            factor, term = ONE, found[node]
        number = term.arguments[0] if is_broadcast(term) else term
        if is_number(number) and step.dtype != float:
            term = step.dtype.type(number)
        elif is_broadcast(term) and step.dtype != float and value_of(number) is not None:
            term = terms.build(step.dtype.type, (number,), {}, ())
        formulas.known[program.cotangents[node]] = terms.broadcast(term, step.shape)
        since, loose = terms.count, factor != ONE or _is_constant(term)
        for slot, contribution in program.contributions[node].items():
            own, part = ONE, formulas.term(contribution)
            if loose:
                own, part = _split(terms, part, since, node)
            elif is_call(part, np.negative):
                own, part = MINUS_ONE, part.arguments[0]
            arrived = Cotangent(factor.times(own), part)
            parts.setdefault(node.arguments[slot], []).append(arrived)
    return found


def value_of(term: Any) -> Any:
    """The value of a term of numbers alone, else None."""
    values: dict[Any, Any] = {}
    for part in needed_for([term]):
        if part.function is None or part.keywords or part.shape != ():
            return None
        values[part] = part.function(*[values.get(x, x) for x in part.arguments])
    return values.get(term, term if is_number(term) else None)


def _is_constant(term: Any) -> bool:
    """Whether it is the same number everywhere."""
    return is_number(term) or (is_broadcast(term) and is_number(term.arguments[0]))


def _sum(terms: Terms, parts: list[Cotangent], lengths: Collection[int]) -> Cotangent:
    """The sum of what arrived at a node, in the order of arrival."""
    first, *others = parts
    if not others:
        return first
    sizes = {(abs(part.factor.numerator), *part.factor[1:]) for part in parts}
    common = Factor(*sizes.pop()) if len(sizes) == 1 else ONE
    total: Any = None
    for part in parts:
        own = Factor(math.copysign(1, part.factor.numerator), 1) if common != ONE else part.factor
        term = own.to(terms, part.term, lengths)
        total = term if total is None else terms.call(np.add, total, term)
    if is_call(total, np.negative):
        common, total = common.times(MINUS_ONE), total.arguments[0]
    return Cotangent(common, total)


def _split(terms: Terms, term: Any, since: int, node: Node) -> tuple[Factor, Any]:
    """The constant factor of a product that the rule of a node gave, and what it multiplies.

    Terms of numbers up to `since` were looked at before, and have none unless they are one.
    """
    if isinstance(term, Share):
        return Factor(1, term.count, term.count), 1.0
    if is_number(term):
        return (Factor(float(term), 1), 1.0) if term and math.isfinite(term) else (ONE, term)
    if term.number <= since and not all(map(is_number, term.arguments)):
        return ONE, term
    function, (first, *others) = term.function, term.arguments or (None,)
    if function is np.negative:
        factor, inner = _split(terms, first, since, node)
        return factor.times(MINUS_ONE), inner
    if function is np.broadcast_to:
        factor, inner = _split(terms, first, since, node)
        return factor, terms.broadcast(inner, term.shape, term)
    if function not in (np.multiply, np.divide):
        return ONE, term
    factor, inner = _split(terms, first, since, node)
    other = others[0]
    if function is np.multiply:
        right, other = _split(terms, other, since, node)
        factor = factor.times(right)
    elif is_number(other) and other and math.isfinite(other):
        return factor.times(Factor(1, other, _count(other, node))), inner
    return factor, terms.broadcast(terms.call(function, inner, other), term.shape)


def _count(divisor: Any, node: Node) -> float:
    """The divisor if it may be the number of samples, else 1.

    Where samples are not yet summed, as in z / 10, a divisor that is as many is so by chance.
    1 and 2 are in formulas for other reasons.
    """
    by_chance = node.operation.function is np.divide and divisor in np.shape(node._array)
    return float(divisor) if divisor > 2 and divisor % 1 == 0 and not by_chance else 1
