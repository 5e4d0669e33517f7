"""The nodes of a record as calls, among which what repeats is found, and read once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from autograd_lite.node import Node
from autograd_lite.program.expressions import as_called
from autograd_lite.program.loops import (
    Loop,
    index_place,
    moving_in,
    with_moved,
    with_moved_parts,
)
from autograd_lite.program.program import Step, mapped, steps_in
from autograd_lite.program.templates import recorded_slots
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.iterations import Iterations, Uneven
from autograd_lite.textbook.repeated import loops_in
from autograd_lite.textbook.terms import is_call, is_number


class Record:
    """The calls of a record: those of nodes, and by which data follow from others.

    While they are added, formulas have them as terms of nodes.
    """

    def __init__(self, formulas: Formulas) -> None:
        self.formulas = formulas
        self.steps: list[Step] = []
        self.nodes: dict[Step, Node] = {}  # by their calls, or by their leaves
        self._numbers: dict[Any, Step] = {}  # leaves, as a loop may begin with a number
        self._data: dict[Any, Step] = {}  # by key of an array
        self._same: dict[Step, Any] = {}  # what places for what is carried stand for always
        self._bodies: dict[Step, tuple[Iterations, Any]] = {}  # terms, by calls in a loop

    def add(self, node: Node) -> None:
        """Take the next node; what it was computed from has a term."""
        elementwise = node.operation.traits.elementwise

        def own(x: Any) -> Any:
            if isinstance(x, Node | np.ndarray):
                return self._operand(x)
            return self._number(x) if elementwise and is_number(x) else x

        arguments = mapped(own, as_called(node.operation, node.arguments))
        keywords = mapped(own, node.keywords)
        step = self._step(node.operation.function, arguments, keywords, node._array.shape)
        self.nodes[step], self.formulas.known[node] = node, step

    def _step(self, function: Any, arguments: Any, keywords: Any, shape: Any) -> Step:
        self.formulas.terms.count += 1
        self.steps.append(Step(function, arguments, keywords, shape, self.formulas.terms.count))
        return self.steps[-1]

    def _operand(self, value: Any) -> Any:
        term = self.formulas.term(value)
        if not isinstance(term, Step):
            return self._number(term)
        if isinstance(value, Node) and value._requires_grad:
            self.nodes[term] = value
        if term in self.nodes or not self._may_move(term):
            return term
        if is_call(term, operator.getitem):
            return self._again(term)  # the next iteration may read it, too
        key = self.formulas.key(value)
        if key not in self._data:
            self._data[key] = self._again(term)
        return self._data[key]

    def _number(self, value: Any) -> Step:
        key = type(value), repr(value)
        if key not in self._numbers:
            self._numbers[key] = Step(None, (value,), {}, (), -1)
        return self._numbers[key]

    def _again(self, term: Any) -> Any:
        """The call by which data follow, beside the node that uses it, if it may move."""
        if not isinstance(term, Step) or term in self.nodes or not term.function:
            return term
        arguments, keywords = with_moved(term, self._again)
        return self._step(term.function, arguments, keywords, term.shape)

    def _may_move(self, term: Step) -> bool:
        return any(x in self.nodes or index_place(x) for x in self.data_in(term))

    def data_in(self, term: Any) -> list[Step]:
        """A term of data, and those in it, up to nodes."""
        found, stack = [], [term] if isinstance(term, Step) else []
        while stack:
            found.append(stack.pop())
            stack += steps_in(found[-1]) if found[-1] not in self.nodes else []
        return found

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
        return loops_in(self.steps, named)

    def settle(self, value: Any) -> Any:
        """A term of data, in terms of nodes; a number that was a leaf."""
        if not isinstance(value, Step) or value.function is None:
            return value.arguments[0] if isinstance(value, Step) and _is_number(value) else value
        if value in self.nodes:
            return self.formulas.term(self.nodes[value])
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
            else:
                several = [*map(self.settle, of)] if isinstance(of, list) else None
                own[place] = found.slice(several, at, place.shape)

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
        formulas.compute(node, [term_of(x) for x in inside if not _is_number(x)])
        found.known[node] = formulas.known.pop(node)
        return found.known[node]


def _is_number(step: Step) -> bool:
    """Whether it is a leaf for a number, and none of an array."""
    return step.number < 0 and step.arguments != ()


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
