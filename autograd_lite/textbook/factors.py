"""Constant factors in a program's backward pass: the term of the cotangent of every node.

The loss often is a constant times a sum, such as 1/m. Rules are linear in the cotangent, so that
the constant jumps over all steps of a rule, and is applied once where the first array with a name
is complete.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import backward_steps
from autograd_lite.node import Node, inputs_of
from autograd_lite.program.program import Step, steps_in
from autograd_lite.textbook.entropies import slope_in_logits
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.iterations import Iterations, Uneven
from autograd_lite.textbook.joined import joined
from autograd_lite.textbook.reading import Reader
from autograd_lite.textbook.spellings import Count, Reduced, Share, is_count
from autograd_lite.textbook.terms import Terms, is_broadcast, is_call, is_number, needed_for
from autograd_lite.textbook.written_out import slope_of_written_out

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
Arrived = dict[Node, list[Cotangent]]
"""What reaches nodes."""


def cotangents(
    reader: Reader, wanted: Collection[Node] | None = None, named: Collection[Node] | None = None
) -> dict[Node, Any]:
    """The terms of the cotangents of nodes.

    A constant factor is applied at leaves, at nodes that are named, by default those that have
    names, and before it would reach those that repeat. Given which
    cotangents are wanted, those of logits are p - y where that is what they are, and some others
    are left out. Of nodes that repeat those are found that are named or wanted.

    Raises:
        Uneven: an iteration is not like the others.
    """
    reader.terms.values = reader.terms.count
    backward = Backward(reader, reader.given if named is None else named, wanted)
    leaves = [node for node in reader.nodes if node.operation is None]
    for part in (*reader.passes[::-1], *leaves[::-1]):
        if isinstance(part, Iterations):
            backward.through(part)
        elif part in backward.arrived:
            backward.at(part)
    return backward.found


class Backward:
    """The backward pass, in the making."""

    def __init__(
        self,
        reader: Reader,
        named: Collection[Node],
        wanted: Collection[Node] | None,
    ) -> None:
        self.formulas, self.lengths, self.named = reader, reader.lengths(reader.data()), named
        formulas, nodes = reader, reader.nodes
        self.wanted = None if wanted is None else {*wanted}
        self.careful = dict(backward_steps(reversed(nodes)))
        self.parameters = {formulas.known.get(node) for node in nodes if node.operation is None}
        self.whole = {*named}
        self.arrived: Arrived = {nodes[-1]: [(ONE, 1.0)]}
        self.found: dict[Node, Any] = {}
        self.sums: set[Node] = set()  # what nodes in a loop add to

    def at(self, node: Node) -> None:
        """Find the cotangent of a node, and what it passes on of it."""
        formulas, terms, wanted = self.formulas, self.formulas.terms, self.wanted
        arrived = self.arrived.pop(node)
        if len(arrived) == 2 and arrived[0][1] is formulas.known.get(node):
            arrived.reverse()  # A share of the node itself, from a penalty, comes last in books.
        factor, term = self._sum(arrived)
        whole = self.found[node] = factor.to(terms, term, self.lengths)
        for own in (whole, term):
            if isinstance(own, Step) and own.number > terms.values:
                formulas.values_of.setdefault(own, formulas.term(node))
        if node.operation is None:
            return
        slope = (
            None
            if wanted is None
            else slope_in_logits(formulas, node, term, self.parameters, wanted)
        )
        if slope is not None:
            own = ONE if slope.sign > 0 else MINUS_ONE
            if slope.note:
                formulas.notes[slope.about] = slope.note
            self._pass(slope.node, (factor.times(own), slope.term))
            return
        if node in self.whole and not _is_constant(term):
            factor, term = ONE, whole
        careful = self.careful[node]
        for argument, own, part in _passed_on(formulas, node, factor, term, careful, wanted):
            self._pass(argument, (factor.times(own), part))

    def _pass(self, node: Node, part: Cotangent) -> None:
        arrived = self.arrived.setdefault(node, [])
        arrived.append(part)
        if node in self.sums:
            arrived[:] = [(ONE, self._total(arrived))]

    def _sum(self, parts: list[Cotangent]) -> Cotangent:
        return _sum(self.formulas.terms, parts, self.lengths)

    def _total(self, parts: list[Cotangent]) -> Any:
        """The sum of what arrived, with its factor; 0 of nothing."""
        if not parts:
            return 0
        factor, term = self._sum(parts)
        return factor.to(self.formulas.terms, term, self.lengths)

    def through(self, loop: Iterations) -> None:
        """Go through an iteration for all: what goes on from one to the one before is carried.

        So are sums, to which each of them adds.
        """
        columns, values_of = [*zip(*loop.rows)], self.formulas.values_of
        for column in columns:
            if len({self.careful[node] for node in column[1:]}) > 1:
                raise Uneven(loop.nodes())
            if self.wanted and not self.wanted.isdisjoint(column):
                self.wanted.add(column[1])
        self.whole.update(loop.rows[1])
        seeds, lasts = self._from_outside(loop)
        inputs = dict.fromkeys(x for node in loop.rows[1] for x in inputs_of(node))
        outer = [x for x in inputs if not (x in loop.known or x in loop.moving)]
        lasts |= {x: self.arrived.pop(x, []) for x in outer}
        goals = {x: x for x in outer} | {node: before for before, node in loop.before.items()}
        firsts = {x: self._total(lasts[x]) for x in goals}
        own = {x: loop.leaf(x._array.shape) for x in goals}
        with loop.inside(self.formulas.known):
            begun = {x: [(ONE, leaf)] for x, leaf in own.items()}
            totals = self._iteration(loop, seeds, begun, goals)
            same = {x: lasts[x] for x in goals if totals[x] is own[x]}
            if same:
                totals = self._iteration(loop, seeds, begun | same, goals)
                if not all(_are_equal(totals[x], firsts[x]) for x in same):
                    same, totals = {}, self._iteration(loop, seeds, begun, goals)
        for x, goal in goals.items():
            parts = self.arrived.pop(goal, [])
            if x not in same:
                if not loop.moves(totals[x]) or totals[x].function is None:
                    raise Uneven(loop.nodes())
                loop.back[own[x]] = firsts[x], totals[x]
                parts = [(ONE, loop.at(totals[x], 0))]
                if goal is x or self.found.get(x) is own[x]:
                    values_of.setdefault(totals[x], loop.known.get(x) or self.formulas.term(x))
                if goal is not x and isinstance(firsts[x], Step):
                    values_of.setdefault(firsts[x], loop.at(loop.known[x], loop.count - 1))
            first = goal if goal is x else loop.firsts.get(goal)
            if first is not None and parts:
                self.arrived.setdefault(first, []).extend(parts)
        for x, others in loop.moving.items():
            for factor, term in self.arrived.pop(x, ()):
                for number, other in enumerate(others):
                    if other is not None:
                        part = factor, loop.at(term, number)
                        self.arrived.setdefault(other, []).append(part)
        for column in columns:
            term = self.found.pop(column[1], None)
            for number, node in enumerate(column):
                if term is not None and (node in self.named or node in (self.wanted or ())):
                    self.found[node] = loop.at(term, number)

    def _from_outside(self, loop: Iterations) -> tuple[Arrived, Arrived]:
        """What reaches the nodes of an iteration from others; and what reaches the last one alone.

        Raises:
            Uneven: something reaches another one.
        """
        seeds, lasts = Arrived(), Arrived()
        counts = [[len(self.arrived.get(node, ())) for node in row] for row in loop.rows]
        carried = [node in {*loop.before.values()} for node in loop.rows[1]]
        for row, (one, two) in enumerate(pairwise(counts)):
            ends = all(m == n or (m < n and goes_on) for m, n, goes_on in zip(one, two, carried))
            if one != two and not (ends and row == loop.count - 2):
                raise Uneven(loop.rows[row + ends][-1:])
        for node, count, *column in zip(loop.rows[1], counts[0], *loop.rows):
            *parts, at_last = [self.arrived.pop(x, []) for x in column]
            for start in (len(at_last) - count, 0):
                with suppress(Uneven):
                    alike = [*zip(*parts, at_last[start : start + count])]
                    seeds[node] = [self._unified(loop, several) for several in alike]
                    lasts[node] = at_last[:start] + at_last[start + count :]
                    break
            else:
                raise Uneven(loop.nodes())
        return seeds, lasts

    def _unified(self, loop: Iterations, parts: Sequence[Cotangent]) -> Cotangent:
        factors = {factor for factor, _ in parts}
        if len(factors) == 1:
            return factors.pop(), loop.unified([term for _, term in parts])
        return ONE, loop.unified([self._total([part]) for part in parts])

    def _iteration(
        self, loop: Iterations, seeds: Arrived, begun: Arrived, goals: Mapping[Node, Node]
    ) -> dict[Node, Any]:
        """Go through an iteration, given what it begins with; what arrives at the goals."""
        for x in (*goals.values(), *loop.moving):
            self.arrived.pop(x, None)
        self.arrived |= {x: begun.get(x, []) + seeds.get(x, []) for x in seeds | begun}
        self.sums = {x for x, goal in goals.items() if x is goal}
        for node in loop.rows[1][::-1]:
            if self.arrived.get(node):
                self.at(node)
        self.sums = set()
        return {x: self._total(self.arrived.get(goal, [])) for x, goal in goals.items()}


def _are_equal(one: Any, other: Any) -> bool:
    return one is other or bool(is_number(one) and one == other)


def _passed_on(
    formulas: Formulas,
    node: Node,
    factor: Factor,
    term: Any,
    careful: bool,
    wanted: Collection[Node] | None,
) -> Iterable[tuple[Node, Factor, Any]]:
    """What a node passes on of its cotangent, which is a factor times a term."""
    if node._array.dtype.type is not np.float64:
        term = _in_dtype(formulas.terms, term, node._array.dtype)
    g = formulas.terms.broadcast(term, node._array.shape)
    slope = None if wanted is None else slope_of_written_out(formulas, node, g, wanted)
    if slope is not None:
        return [(slope.node, ONE, slope.term)]
    return _contributed(formulas, node, g, careful, factor != ONE or _is_constant(term))


def _contributed(
    formulas: Formulas, node: Node, g: Any, careful: bool, loose: bool
) -> Iterator[tuple[Any, Factor, Any]]:
    """What a node contributes to its arguments: signs, or if factors are loose these, and terms."""
    since = formulas.terms.count
    for slot, part in formulas.contributions(node, g, careful).items():
        own = ONE
        if loose:
            own, part = _split(formulas.terms, part, since, node)
        elif is_call(part, np.negative):
            own, part = MINUS_ONE, part.arguments[0]
        yield node.arguments[slot], own, part


def _in_dtype(terms: Terms, term: Any, dtype: np.dtype[Any]) -> Any:
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


def _is_constant(term: Any) -> bool:
    """Whether it is the same number everywhere."""
    return is_number(term) or (is_broadcast(term) and is_number(term.arguments[0]))


def _sum(terms: Terms, parts: list[Cotangent], lengths: Collection[int]) -> Cotangent:
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
    total = joined(terms, found)
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


def _split(terms: Terms, term: Any, since: int, node: Node) -> tuple[Factor, Any]:
    """The constant factor of a product that the rule of a node gave, and what it multiplies.

    Terms of numbers up to `since` were looked at before, and have none unless they are one.
    """
    if isinstance(term, Share):
        return Factor(1, term.count, term.count), 1.0
    if is_number(term):
        return (Factor(float(term), 1), 1.0) if term and math.isfinite(term) else (ONE, term)
    if term.number <= since and not (all(map(is_number, term.arguments)) or _is_constant(term)):
        return ONE, term
    function = term.function
    if function not in (np.negative, np.broadcast_to, np.multiply, np.divide):
        return ONE, term
    factor, inner = _split(terms, term.arguments[0], since, node)
    if function is np.negative:
        return factor.times(MINUS_ONE), inner
    if function is np.broadcast_to:
        return factor, terms.broadcast(inner, term.shape, term)
    other = term.arguments[1]
    if function is np.multiply:
        right, other = _split(terms, other, since, node)
        factor = factor.times(right)
    elif is_number(other) and other and math.isfinite(other):
        return factor.times(Factor(1, other, _count(other, node))), inner
    return factor, terms.broadcast(terms.call(function, inner, other), term.shape)


def _count(divisor: Any, node: Node) -> float:
    """The divisor if it may be the number of samples, else 1."""
    # Where samples are not yet summed, as in z / 10, a divisor that is as many is so by chance.
    by_chance = node.operation.function is np.divide and divisor in np.shape(node._array)
    return float(divisor) if is_count(divisor) and not by_chance else 1
