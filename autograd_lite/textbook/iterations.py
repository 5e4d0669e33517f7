"""Nodes that repeat, as one iteration in terms: what moves in it, what it is given, what it gives.

The terms of an iteration are those of the forward and of the backward pass. What goes on from one
iteration to the next, or is another one in each, is a leaf without an array. Iterations are
numbered as the forward pass does them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise
from typing import Any

from autograd_lite.node import Node
from autograd_lite.program.loops import (
    Loop,
    Sliced,
    is_number,
    moving_in,
    with_moved,
)
from autograd_lite.program.program import Step
from autograd_lite.program.rolling import between_slices
from autograd_lite.textbook.line_names import is_view
from autograd_lite.textbook.terms import Terms


class Uneven(Exception):  # noqa: N818 - no mistake, and nobody sees it
    """An iteration differs from the others in what is made of it: its nodes are no part of a loop.

    Attributes:
        nodes: those of that iteration, or of all.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.nodes = nodes


Outside = dict[Step, tuple["Iterations", Step, int]]
"""What leaves stand for outside of a loop: a term in it, at a number of iteration."""


class Iterations:
    """Nodes that repeat.

    Attributes:
        loop: what repeats, as calls.
        rows: by iteration the nodes; of the first, None for what is computed from data alone.
        known: the terms of those of the second iteration, and of what these read of the first.
        before: by node of the first iteration that the second reads: that in the second.
        firsts: by such a node: what the first iteration has in its place, if that is a node.
        moving: by node that the second iteration reads: those that each reads; None for arrays.
        named: those terms of which the user has a name.
        carried: by leaf: what it is in the first iteration, and whose value it is in the next one.
        back: the same in the backward pass.
        sliced: by leaf: what it is one after the other.
    """

    def __init__(
        self,
        terms: Terms,
        loop: Loop,
        rows: Sequence[Sequence[Any]],
        inside: dict[Step, Iterations],
        outside: Outside,
    ) -> None:
        self.terms, self.loop, self.rows, self.count = terms, loop, rows, len(rows)
        self.of_leaves, self.outside = inside, outside
        self.known: dict[Node, Any] = {}
        self.before: dict[Node, Node] = {}
        self.firsts: dict[Node, Node] = {}
        self.moving: dict[Node, list[Node | None]] = {}
        self.named: set[Any] = set()
        self.carried: dict[Step, tuple[Any, Any]] = {}
        self.back: dict[Step, tuple[Any, Any]] = {}
        self.sliced: dict[Step, Sliced] = {}
        self.values: dict[tuple[Step, int], Step] = {}  # what they are called outside
        self._moves: dict[Step, bool] = {}
        self._start = terms.count

    def leaf(self, shape: Any) -> Step:
        """A leaf that stands for something that moves."""
        leaf = self.terms.leaf(shape)
        self._moves[leaf], self.of_leaves[leaf] = True, self
        return leaf

    def slice(self, of: Any, indices: range, shape: Any) -> Step:
        """What stands for one thing after the other."""
        known = (leaf for leaf, sliced in self.sliced.items() if sliced == (of, indices))
        leaf = next(known, None) or self.leaf(shape)
        self.sliced[leaf] = Sliced(of, indices)
        return leaf

    def slice_of(self, other: Iterations, term: Any, indices: range) -> Any:
        """What stands for the values of a term in an earlier loop."""
        if not other.moves(term):
            return term
        if term.function is None:
            raise Uneven(self.nodes())
        return self.slice((other, term), indices, term.shape)

    def moves(self, value: Any) -> bool:
        """Whether a term may have another value in each iteration."""
        stack = [value] if type(value) is Step else []
        while stack:
            term = stack[-1]
            parts = [x for x in moving_in(term) if type(x) is Step and x.number > self._start]
            missing = [x for x in parts if x not in self._moves]
            if term in self._moves or not missing:
                self._moves.setdefault(term, any(map(self._moves.__getitem__, parts)))
                stack.pop()
            stack += missing if term not in self._moves else []
        return self._moves.get(value, False) if type(value) is Step else False

    def at(self, term: Any, number: int) -> Any:
        """What a term is in an iteration, to others outside."""
        if not self.moves(term):
            return term
        if term in self.carried:
            first, then = self.carried[term]
            return first if number == 0 else self.at(then, number - 1)
        if term in self.back:
            first, then = self.back[term]
            return first if number == self.count - 1 else self.at(then, number + 1)
        if term in self.sliced:
            of, indices = self.sliced[term]
            index = indices[number]
            if of is None:
                return index
            return of[index] if type(of) is list else of[0].at(of[1], index)
        if term not in self.named and is_view(term):
            arguments, keywords = with_moved(term, lambda part: self.at(part, number))
            return self.terms.build(term.function, arguments, keywords, term.shape)
        if (term, number) not in self.values:
            leaf = self.values[term, number] = self.terms.leaf(term.shape)
            self.outside[leaf] = self, term, number
        return self.values[term, number]

    def unified(self, column: Sequence[Any]) -> Any:
        """What stands in an iteration for terms, one for each.

        Raises:
            Uneven: they are not alike.
        """
        first, kinds = column[0], {*map(type, column)}
        if all(x is first for x in column):
            return first
        if kinds == {Step} and {x.function for x in column} == {None}:
            return self._unified_leaves(column)
        if kinds == {Step} and len({x.function for x in column}) == 1:
            parts = [(x.arguments, x.keywords) for x in column]
            arguments, keywords = self.unified(parts)
            return self.terms.build(first.function, arguments, keywords, first.shape)
        if kinds in ({tuple}, {list}) and len({*map(len, column)}) == 1:
            return type(first)([self.unified(parts) for parts in zip(*column)])
        if kinds == {slice}:
            return slice(*self.unified([(x.start, x.stop, x.step) for x in column]))
        if kinds == {dict} and len({*map(tuple, column)}) == 1:
            return {name: self.unified([x[name] for x in column]) for name in first}
        if len(kinds) == 1 and Step not in kinds and {*column} == {first}:
            return first
        if all(map(is_number, column)):
            return self.slice(None, self._evenly(column), ())
        raise Uneven(self.nodes())

    def _unified_leaves(self, column: Sequence[Step]) -> Step:
        found = [self.outside[x] for x in column if x in self.outside]
        if len(found) == len(column) and len({x[:2] for x in found}) == 1:
            return self.slice(found[0][:2], self._evenly([x[2] for x in found]), column[0].shape)
        between = [between_slices(*pair) for pair in pairwise(column) if all(x.arguments for x in pair)]
        if len({*between}) == 1 and between[0] and len(between) == self.count - 1:
            return self.slice([*column], range(self.count), column[0].shape)
        raise Uneven(self.nodes())

    def _evenly(self, numbers: Sequence[int]) -> range:
        step = numbers[1] - numbers[0]
        found = range(numbers[0], numbers[0] + step * len(numbers), step or 1)
        if [*found] != [*numbers]:
            raise Uneven(self.nodes())
        return found

    def nodes(self) -> list[Node]:
        """Those of all iterations."""
        return [node for node in chain.from_iterable(self.rows) if node is not None]

    @contextmanager
    def inside(self, known: dict[Any, Any]) -> Iterator[None]:
        """Let nodes have the terms that they have within an iteration."""
        outside = {node: known[node] for node in self.known if node in known}
        known |= self.known
        yield
        for node in self.known:
            del known[node]
        known |= outside

    def behind(self, leaf: Step) -> list[Step]:
        """The terms that a leaf takes its values from."""
        if leaf in self.sliced:
            of = self.sliced[leaf].of
            return of if type(of) is list else [of[1]] if of else []
        return [x for x in (self.carried.get(leaf) or self.back[leaf]) if type(x) is Step]

    def loops(self, needed: Collection[Step]) -> list[Loop]:
        """The loops of the forward and of the backward pass, as far as they are needed.

        That of the backward pass reads what the other one computed.
        """
        inside = [term for term in needed if term.function and self.moves(term)]
        values = self.terms.values
        forward = self._loop([x for x in inside if x.number <= values], self.carried, needed)
        used = {x for step in forward.body for x in moving_in(step)}
        for place, (of, at) in self.sliced.items():
            if place in used:
                forward.sliced[place] = Sliced(of[1] if type(of) is tuple else of, at)
        backward = self._loop([x for x in inside if x.number > values], self.back, needed)
        read = {x: x for x in (*backward.body, *self.back)}

        def own(x: Any) -> Any:
            if self.moves(x) and x not in read:
                place = read[x] = Step(None, (), {}, x.shape, -1)
                backward.sliced[place] = self._reversed(x)
            return read.get(x, x)

        for step in backward.body:
            step.arguments, step.keywords = with_moved(step, own)
        for loop in (forward, backward):
            nothing = Step(None, (), {}, (), -1)
            loop.originals = [
                [self.values.get((step, number), nothing) for step in loop.body]
                for number in (range(self.count) if loop is forward else range(self.count)[::-1])
            ]
        return [loop for loop in (forward, backward) if loop.body]

    def _loop(self, body: list[Step], carried: Any, needed: Collection[Step]) -> Loop:
        found = {place: carried[place] for place in carried if place in needed}
        return Loop(body, self.count, found)

    def _reversed(self, x: Step) -> Sliced:
        """How the backward pass reads what the iterations of the forward pass have."""
        if x in self.carried:
            return Sliced(self.carried[x][1], range(self.count - 2, -2, -1))
        of, at = self.sliced.get(x) or (x, range(self.count))
        if type(of) is list:
            return Sliced(of[::-1], at)
        if type(of) is tuple:
            other, of = of
            if of.number > self.terms.values:  # of a backward pass, too
                last = other.count - 1
                return Sliced(of, range(last - at[-1], last - at[0] + at.step, at.step))
        return Sliced(of, at[::-1])
