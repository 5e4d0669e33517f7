"""The backward pass of a record: the term of the cotangent of every node.

What repeats is gone through once. In terms of an iteration, what reaches the next one from behind
is a leaf, and what it passes on to the one before is what that leaf is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_lite.engine import step_through
from autograd_lite.node import Node, Pass, inputs_of
from autograd_lite.program.loops import Uneven
from autograd_lite.program.program import Step
from autograd_lite.textbook.factors import (
    MINUS_ONE,
    ONE,
    Cotangent,
    Factor,
    in_dtype,
    is_constant,
    summed,
    taken_out,
)
from autograd_lite.textbook.iterations import Iterations
from autograd_lite.textbook.reading import Reader
from autograd_lite.textbook.slopes import slope_in_logits, slope_of_written_out
from autograd_lite.textbook.terms import is_call

Nodes = Collection[Node]
Arrived = dict[Node, list[Cotangent]]
"""What reaches nodes."""


def cotangents(
    reader: Reader, wanted: Nodes | None = None, named: Nodes | None = None
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

    def __init__(self, reader: Reader, named: Nodes, wanted: Nodes | None) -> None:
        self.formulas, self.lengths, self.named = reader, reader.lengths(reader.data()), named
        formulas, nodes = reader, reader.nodes
        self.wanted = None if wanted is None else {*wanted}
        self.careful: dict[Node, bool] = {}
        computed = [node for node in reversed(nodes) if node.operation is not None]
        step_through({}, computed, Pass(), lambda x, _, way, is_: self.careful.update({x: is_}))
        self.parameters = {formulas.known.get(node) for node in nodes if node.operation is None}
        # Where a constant factor is applied, if it was not before: once, before a loop.
        readers = [node for node in nodes if node not in reader.places]
        before = [x for x in readers if not reader.places.keys().isdisjoint(inputs_of(x))]
        self.whole = {*named, *before}
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
        slope = None
        if wanted is not None:
            slope = slope_in_logits(formulas, node, term, self.parameters, wanted)
        if slope is not None:
            if slope.note:
                formulas.notes[slope.about] = slope.note
            self._pass(slope.node, (factor.times(Factor(slope.sign, 1)), slope.term))
        elif node in self.whole and not is_constant(term):
            self._contribute(node, ONE, whole)
        else:
            self._contribute(node, factor, term)

    def _contribute(self, node: Node, factor: Factor, term: Any) -> None:
        """Pass on what a node contributes to its arguments, given its cotangent."""
        formulas, terms, dtype = self.formulas, self.formulas.terms, node._array.dtype
        term = term if dtype.type is np.float64 else in_dtype(terms, term, dtype)
        g = terms.broadcast(term, node._array.shape)
        slope = None
        if self.wanted is not None:
            slope = slope_of_written_out(formulas, node, g, self.wanted)
        if slope is not None:
            self._pass(slope.node, (factor, slope.term))
            return
        loose, since = factor != ONE or is_constant(term), terms.count
        for slot, part in formulas.contributions(node, g, self.careful[node]).items():
            own = ONE
            if loose:
                own, part = taken_out(terms, part, since, node)
            elif is_call(part, np.negative):
                own, part = MINUS_ONE, part.arguments[0]
            self._pass(node.arguments[slot], (factor.times(own), part))

    def _pass(self, node: Node, part: Cotangent) -> None:
        arrived = self.arrived.setdefault(node, [])
        arrived.append(part)
        if node in self.sums:
            arrived[:] = [(ONE, self._total(arrived))]

    def _sum(self, parts: list[Cotangent]) -> Cotangent:
        return summed(self.formulas.terms, parts, self.lengths)

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
        self._mark(loop)
        seeds, lasts = self._from_outside(loop)
        uses = Counter(x for node in loop.columns for x in inputs_of(node))
        outer = [x for x in uses if not (x in loop.known or x in loop.moving)]
        lasts |= {x: self.arrived.pop(x, []) for x in outer}
        goals = {x: x for x in outer} | {node: before for before, node in loop.before.items()}
        read = uses + Counter(x for x in seeds if seeds[x])
        same = {x for before, x in loop.before.items() if _is_sum(x, before, read)}
        begun = {x: (loop.leaf(x._array.shape), self._total(lasts[x])) for x in goals}
        first = {x: lasts[x] if x in same else [(ONE, begun[x][0])] for x in goals}
        self.arrived |= {x: first.get(x, []) + seeds.get(x, []) for x in first | seeds}
        self.sums = {*outer}
        with loop.inside(self.formulas.known):
            for node in [*loop.columns][::-1]:
                if self.arrived.get(node):
                    self.at(node)
        self.sums = set()
        for x, goal in goals.items():
            arrived = self.arrived.pop(goal, [])
            if x not in same:
                arrived = self._go_on(loop, x, goal, arrived, begun[x]) or lasts[x]
            target = goal if goal is x else loop.firsts.get(goal)
            if target is not None and arrived:
                self.arrived.setdefault(target, []).extend(arrived)
        self._hand_out(loop)

    def _mark(self, loop: Iterations) -> None:
        """Let what holds for a node of any iteration hold for the one that stands for all."""
        self.whole.update(loop.columns)
        for node, column in loop.columns.items():
            if len({self.careful[x] for x in column[1:]}) > 1:
                raise Uneven(loop.nodes())
            if self.wanted and not self.wanted.isdisjoint(column):
                self.wanted.add(node)

    def _hand_out(self, loop: Iterations) -> None:
        """Pass on to what is another node in each iteration, and find cotangents with names."""
        for x, others in loop.moving.items():
            for factor, term in self.arrived.pop(x, ()):
                for number, other in enumerate(others):
                    if other is not None:
                        self._pass(other, (factor, loop.at(term, number)))
        shown = {*self.named, *(self.wanted or ())}
        for node, column in loop.columns.items():
            term = self.found.pop(node, None)
            for number, each in enumerate(column if term is not None else ()):
                if each in shown:
                    self.found[each] = loop.at(term, number)

    def _go_on(
        self, loop: Iterations, x: Node, goal: Node, arrived: list[Cotangent], begun: Any
    ) -> list[Cotangent]:
        """Carry on what arrived for x in the iteration before; what the last one hands out."""
        (leaf, first), total, values_of = begun, self._total(arrived), self.formulas.values_of
        if total is leaf and goal is x:
            return []
        if not loop.moves(total) or total.function is None:
            raise Uneven(loop.nodes())
        if total.number <= self.formulas.terms.values:  # a value, which is computed there again
            self.formulas.terms.count += 1
            total = replace(total, number=self.formulas.terms.count)
        loop.back[leaf] = first, total
        value: Any = loop.known.get(x) if goal is not x else self.formulas.term(x)
        if goal is x or self.found.get(x) is leaf:
            values_of.setdefault(total, value)
        values_of[leaf] = value
        if goal is not x and isinstance(first, Step):
            values_of.setdefault(first, loop.at(value, loop.count - 1))
        return [(ONE, loop.at(total, 0))]

    def _from_outside(self, loop: Iterations) -> tuple[Arrived, Arrived]:
        """What reaches the nodes of an iteration from others; and what reaches the last one alone.

        Raises:
            Uneven: something reaches another one.
        """
        seeds, lasts, carried = Arrived(), Arrived(), {*loop.before.values()}
        rows = [*zip(*loop.columns.values())]
        counts = [[len(self.arrived.get(node, ())) for node in row] for row in rows]
        for number, (one, two) in enumerate(pairwise(counts)):
            more = [node for node, m, n in zip(loop.columns, one, two) if m < n]
            ends = carried.issuperset(more) and all(m <= n for m, n in zip(one, two))
            if one != two and not (ends and number == loop.count - 2):
                raise Uneven(rows[number + ends][-1:])
        for (node, column), count in zip(loop.columns.items(), counts[0]):
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


def _is_sum(node: Node, before: Node, read: Counter[Node]) -> bool:
    """Whether a node adds to what it was before, and nothing else reads it.

    So its cotangent is the same in all iterations.
    """
    times, shape = 0, node._array.shape
    while node is not before:
        function = node.operation and node.operation.function
        operands = node.arguments[: 1 if function is np.subtract else 2]
        inside = [x for x in operands if isinstance(x, Node) and x._array.shape == shape]
        if read[node] != times or function not in (np.add, np.subtract) or not inside:
            return False
        node, times = next((x for x in inside if x is before), inside[0]), 1
    return read[before] == 1
