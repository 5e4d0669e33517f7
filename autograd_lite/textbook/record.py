"""The nodes of a record as calls, among which what repeats is found, and read once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from autograd_lite.node import Node
from autograd_lite.program.expressions import as_called
from autograd_lite.program.loops import (
    Loop,
    Uneven,
    index_place,
    moving_in,
    with_moved,
    with_moved_parts,
)
from autograd_lite.program.loops import is_number as is_whole
from autograd_lite.program.program import Step, mapped, steps_in
from autograd_lite.program.rolling import between_slices, read_call
from autograd_lite.program.templates import arrays_of, recorded_slots
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.iterations import Iterations
from autograd_lite.textbook.repeated import loops_in
from autograd_lite.textbook.terms import is_call, is_number, shape_of


class Record:
    """The calls of a record: those of nodes, and by which data follow from others.

    While they are added, formulas have them as terms of nodes.
    """

    def __init__(self, formulas: Formulas) -> None:
        self.formulas = formulas
        self.steps: list[Step] = []
        self.nodes: dict[Step, Node] = {}  # by their calls, or by their leaves
        self._leaves: dict[Any, Step] = {}  # by the term, or the number, that is their argument
        self._bodies: dict[Step, tuple[Iterations, Any]] = {}  # terms, by calls in a loop

    def add(self, node: Node) -> None:
        """Take the next node; what it was computed from has a term."""
        formulas, elementwise = self.formulas, node.operation.traits.elementwise

        def own(x: Any) -> Any:
            if isinstance(x, Node | np.ndarray):
                leaf = self._leaf(formulas.term(x))
                if isinstance(x, Node) and x._requires_grad:
                    self.nodes[leaf] = x
                return leaf
            # A loop may begin with a number.
            return self._leaf(x) if elementwise and is_number(x) else x

        arguments = mapped(own, as_called(node.operation, node.arguments))
        keywords = node.keywords and mapped(own, node.keywords)
        step = self._step(node.operation.function, arguments, keywords, node._array.shape)
        self.nodes[step], formulas.known[node] = node, step

    def _step(self, function: Any, arguments: Any, keywords: Any, shape: Any) -> Step:
        self.formulas.terms.count += 1
        self.steps.append(Step(function, arguments, keywords, shape, self.formulas.terms.count))
        return self.steps[-1]

    def _leaf(self, term: Any) -> Any:
        """What stands for data, or the call of a node."""
        if term in self.nodes:
            return term
        key = term if isinstance(term, Step) else (type(term), repr(term))
        if key not in self._leaves:
            if is_call(term, np.concatenate):  # what the first iteration begins with
                pieces = [*map(self._leaf, term.arguments[0])]
                leaf = self._step(np.concatenate, (pieces,), term.keywords, term.shape)
            else:
                leaf = Step(None, (term,), {}, shape_of(term), -1)
            self._leaves[key] = leaf
        return self._leaves[key]

    def data_in(self, term: Step) -> list[Step]:
        """What data follow from; of nodes nothing."""
        return [] if term in self.nodes else steps_in(term)

    # What repeats

    def parts(self, named: Collection[Any], ends: Collection[Node]) -> list[Node | Iterations]:
        """The nodes in order, those that repeat as one; loops end behind some."""
        self.named = named
        own = {step for step in self.steps if self.nodes.get(step) in named}
        last = {step for step in self.steps if self.nodes.get(step) in ends}
        parts = self._parts(own, last)
        loops = [part for part in parts if isinstance(part, Loop)]
        before = {loop.originals[0][start - 1] for loop in loops if (start := _start_of(loop))}
        parts = self._parts(own, last | before) if before else parts
        return [
            self.formulas.iterations(part) if isinstance(part, Loop) else self.nodes[part]
            for part in parts
            if isinstance(part, Loop) or part in self.nodes
        ]

    def _parts(self, named: Collection[Step], last: Collection[Step]) -> list[Step | Loop]:
        """The calls, with loops, of which none begins before some of them and ends behind."""
        stretches = accumulate((step in last for step in self.steps), initial=0)
        for step, stretch in zip(self.steps, stretches):
            step.dtype = stretch  # what is not alike is not in one loop
        return loops_in(self.steps, named, between=self._between)

    def _between(self, one: Any, two: Any) -> Any:
        """How far apart data are, in bytes or by a number in an index, if that can be said."""
        if is_whole(one) and is_whole(two):
            return two - one
        if not (isinstance(one, Step) and isinstance(two, Step)):
            return 0
        if one.function is not None and one in self.nodes:
            return 0
        if one.number < 0 and two.number < 0:
            return self._between(one.arguments[0], two.arguments[0])
        if one.function is None:
            return between_slices(one, two)
        (form, parts), (other, others) = read_call(one), read_call(two)
        pairs = zip(parts, others) if form == other else ()
        found = {self._between(x, y) for x, y in pairs if x is not y and x != y}
        return found.pop() if len(found) == 1 else 0

    def settle(self, value: Any) -> Any:
        """Data, in terms of nodes."""
        if value in self.nodes:
            return self.formulas.term(self.nodes[value])
        if not isinstance(value, Step):
            return value
        if value.function is None:
            return self.settle(value.arguments[0]) if value.number < 0 else value
        arguments, keywords = with_moved(value, self.settle)
        return self.formulas.terms.build(value.function, arguments, keywords, value.shape)

    def read(self, found: Iterations) -> None:
        """Find the terms of an iteration.

        Raises:
            Uneven: what is computed in one is not what is in the others.
        """
        loop, formulas = found.loop, self.formulas
        own: dict[Any, Any] = {x: found.leaf(x.shape) for x in loop.carried}
        for place, (of, at) in loop.sliced.items():
            if isinstance(of, Step):
                own[place] = found.slice_of(*self._bodies[of], at)
            elif of:
                own[place] = found.unified([*map(self.settle, of)])
            else:
                own[place] = found.slice(of, at, place.shape)

        def term_of(part: Any) -> Any:
            return own[part] if part in own else self.settle(part)

        for step, column in zip(loop.body, zip(*loop.originals)):
            if column[1] in self.nodes:
                own[step] = self._compute(found, step, column, term_of)
            else:
                arguments, keywords = with_moved(step, term_of)
                own[step] = formulas.terms.build(step.function, arguments, keywords, step.shape)
            self._bodies[step] = found, own[step]
        for place, (first, then) in loop.carried.items():
            self._carry(found, own[place], first, loop.originals[1][loop.body.index(then)])
        for node, nodes in found.columns.items():
            for number, each in enumerate(nodes):
                formulas.places[each] = found, found.known[node], number
                if each in self.named:
                    found.named.add(found.known[node])

    def _carry(self, found: Iterations, place: Step, first: Step, then: Step) -> None:
        node = self.nodes.get(then)
        before = found.columns[node][0] if node in found.columns else None
        if node is None or before is None or before in found.before:
            raise Uneven(found.nodes())
        value = found.known[node]
        if not found.moves(value) or value.function is None:
            raise Uneven(found.nodes())
        found.before[before], found.known[before] = node, place
        found.carried[place] = self.settle(first), value
        if first in self.nodes:
            found.firsts[before] = self.nodes[first]

    def _compute(
        self, found: Iterations, step: Step, column: Sequence[Step], term_of: Callable[[Any], Any]
    ) -> Any:
        """The term of a node that stands for a column of them."""
        formulas, sliced, (first, *others) = self.formulas, found.loop.sliced, column
        nodes = [self.nodes[x] for x in others]
        if len({(recorded_slots(x), x._array.dtype) for x in nodes}) > 1:
            raise Uneven(found.nodes())
        node, place = nodes[0], index_place(step)
        found.columns[node] = [self.nodes.get(first), *nodes]
        formulas.alike[node] = [x for x in found.columns[node] if x is not None]
        if place and not moving_in(step).isdisjoint(sliced):
            formulas.moved[node] = with_moved_parts(step.arguments[place], True, term_of)
        inside = [x for x in steps_in(step) if x not in sliced or sliced[x].of]
        for x, *parts in zip(inside, *map(steps_in, column)):
            if x in sliced and parts[1] in self.nodes:
                found.moving[self.nodes[parts[1]]] = [*map(self.nodes.get, parts)]
        given = [x for x in inside if x.number >= 0 or not any(map(is_number, x.arguments))]
        if len(given) != len(arrays_of(node)):
            raise Uneven(found.nodes())
        formulas.compute(node, [*map(term_of, given)])
        found.known[node] = formulas.known.pop(node)
        return found.known[node]


def _start_of(loop: Loop) -> int:
    """At which of its calls a loop is to begin, so that the fewest values go on to the next one."""
    place = {step: number for number, step in enumerate(loop.body)}
    reads = set[tuple[int, int, bool]]()  # by which call, which one, and whether of the one before
    for step in loop.body:
        for x in moving_in(step):
            then = loop.carried[x][1] if x in loop.carried else x
            if then in place:
                reads.add((place[step], place[then], then is not x))

    def carried(start: int) -> int:
        ago = {(then, (then < start) - (by < start) + before) for by, then, before in reads}
        late = any(number > 1 for _, number in ago)
        return len(place) + 1 if late else sum(number for _, number in ago)

    return min(range(len(place)), key=carried)
