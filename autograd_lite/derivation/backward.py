"""The backward pass of a graph as terms: the cotangent of every node.

The loss often is a constant times a sum, such as 1/m. Rules are linear in the cotangent, so that
the constant is carried along, and applied once where the first array with a name is complete.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivation.formulas import Formulas
from autograd_lite.derivation.spellings import Count, Share
from autograd_lite.derivation.terms import Term, Terms, is_broadcast, is_call, is_number
from autograd_lite.engine import backward_order
from autograd_lite.node import Array, Node


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
        return Factor(*(mine * its for mine, its in zip(self, other)))

    def value(self) -> float:
        """The number."""
        return self.numerator / self.denominator

    def to(self, terms: Terms, term: Any, lengths: Collection[int]) -> Any:
        """A term times the constant, reduced unless it is over the length of something."""
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
        return reduced


def _reduced(above: float, below: float) -> tuple[float, float]:
    """A fraction, of the smallest numbers if it is one of whole numbers."""
    if not (float(above).is_integer() and float(below).is_integer()):
        return above, below
    common = math.gcd(int(above), int(below))
    return int(above) // common, int(below) // common


def _times(terms: Terms, number: float, term: Any) -> Any:
    """A number times a term; of a product or quotient, times its first factor."""
    if isinstance(term, Term) and term.function in (np.multiply, np.divide):
        first, second = term.arguments
        return terms.call(term.function, _times(terms, number, first), second)
    return terms.call(np.multiply, number, term)


ONE = Factor(1, 1)


class Cotangent(NamedTuple):
    """A factor times an array: the array's term and its value."""

    factor: Factor
    term: Any
    value: Array


def cotangents(
    formulas: Formulas, loss: Node, named: Collection[Node], lengths: Collection[int]
) -> dict[Node, Any]:
    """The terms of the cotangents of all nodes that a tensor depends on.

    Args:
        formulas: with the terms of the nodes.
        loss: a scalar.
        named: nodes at which a constant factor is applied, as at all leaves.
        lengths: of the data, by which a constant is divided rather than reduced.
    """
    terms = formulas.terms
    parts: dict[Node, list[Cotangent]] = {loss: [Cotangent(ONE, 1.0, np.ones_like(loss._data))]}
    found = {}
    careful = False
    for node in backward_order(loss):
        factor, term, value = _sum(terms, parts.pop(node), lengths)
        found[node] = factor.to(terms, term, lengths)
        if node.operation is None:
            continue
        if node in named and not _is_constant(term):
            value = factor.value() * value
            factor, term = ONE, found[node]
        careful = careful or node.operation.traits.selects
        if is_number(term) and loss._data.dtype != float:
            term = loss._data.dtype.type(term)
        g = terms.broadcast(term, np.shape(node._data))
        since = terms.count
        for index, argument in enumerate(node.arguments):
            if isinstance(argument, Node) and argument._requires_grad:
                part, part_value = formulas.contribution(node, index, (g, value), careful=careful)
                own = ONE
                if factor != ONE or _is_constant(term):
                    own, part = _split(terms, part, since, node)
                elif is_call(part, np.negative):
                    own, part = Factor(-1, 1), part.arguments[0]
                part_value = part_value / own.value()
                arrived = Cotangent(factor.times(own), part, part_value)
                parts.setdefault(argument, []).append(arrived)
    return found


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
    value: Any = 0
    for part in parts:
        own = Factor(math.copysign(1, part.factor.numerator), 1) if common != ONE else part.factor
        term = own.to(terms, part.term, lengths)
        value = value + own.value() * part.value
        total = term if total is None else terms.call(np.add, total, term)
    if is_call(total, np.negative):
        common, total, value = common.times(Factor(-1, 1)), total.arguments[0], -value
    return Cotangent(common, total, value)


def _split(terms: Terms, term: Any, since: int, node: Node) -> tuple[Factor, Any]:
    """The constant factor of a product that the rule of a node gave, and what it multiplies.

    Terms of numbers up to `since` were looked at before, and have none unless they are one.
    """
    if isinstance(term, Share):
        return Factor(1, term.count, term.count), 1.0
    if is_number(term):
        return (Factor(float(term), 1), 1.0) if term and math.isfinite(term) else (ONE, term)
    seen = term.number <= since and not all(map(is_number, term.arguments))
    if seen or term.function not in _PRODUCTS:
        return ONE, term
    factor, inner = _split(terms, term.arguments[0], since, node)
    if term.function is np.negative:
        return factor.times(Factor(-1, 1)), inner
    other = term.arguments[1]
    if term.function is np.broadcast_to:
        return factor, terms.broadcast(inner, term.shape, term)
    if term.function is np.divide and is_number(other) and other and math.isfinite(other):
        return factor.times(Factor(1, other, _count(other, node))), inner
    if term.function is np.multiply:
        right, other = _split(terms, other, since, node)
        factor = factor.times(right)
    return factor, terms.broadcast(terms.call(term.function, inner, other), term.shape)


def _count(divisor: Any, node: Node) -> float:
    """The divisor if it may be the number of samples, else 1.

    Where samples are not yet summed, as in z / 10, a divisor that is as many is so by chance.
    1 and 2 are in formulas for other reasons.
    """
    assert node.operation is not None
    by_chance = node.operation.function is np.divide and divisor in np.shape(node._data)
    return float(divisor) if divisor > 2 and divisor % 1 == 0 and not by_chance else 1


_PRODUCTS = {np.negative, np.broadcast_to, np.divide, np.multiply}
