"""Nodes that repeat, as one iteration in terms: what moves in it, what it is given, what it gives.

The terms of an iteration are those of the forward and of the backward pass. What goes on from one
iteration to the next, or is another one in each, is a leaf without an array. Iterations are
numbered as the forward pass does them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograd_lite.node import Node
from autograd_lite.program.loops import Loop, Sliced, Uneven, as_range, moving_in, with_moved
from autograd_lite.program.loops import is_number as is_whole
from autograd_lite.program.program import Step
from autograd_lite.program.rolling import read_call
from autograd_lite.textbook.numpy_source import is_view
from autograd_lite.textbook.terms import Terms, is_number


class Iterations:
    """Nodes that repeat.

    Attributes:
        loop: what repeats, as calls.
        columns: by node of the second iteration: those of all; None for a first one that is
            computed from data alone.
        known: the terms of those of the second iteration, and of what these read of the first.
        before: by node of the first iteration that the second reads: that in the second.
        firsts: by such a node: what the first iteration has in its place, if that is a node.
        moving: by node that the second iteration reads: those that each reads; None for arrays.
        named: those terms of which the user has a name.
        carried: by leaf: what it is in the first iteration, and whose value it is in the next one.
        back: the same in the backward pass.
        sliced: by leaf: what it is one after the other: steps, or numbers, or the values of a term
            in a loop.
        values: by term, and number of an iteration: the leaf that stands for it outside.
        shown: by such a leaf: what it stands for.
        owners: by leaf, of these or of others: those that it is of.
    """

    def __init__(self, terms: Terms, loop: Loop, owners: dict[Step, Iterations]) -> None:
        self.terms, self.loop, self.count, self.owners = terms, loop, loop.count, owners
        self.columns: dict[Node, list[Any]] = {}
        self.known: dict[Node, Any] = {}
        self.before: dict[Node, Node] = {}
        self.firsts: dict[Node, Node] = {}
        self.moving: dict[Node, list[Node | None]] = {}
        self.named: set[Any] = set()
        self.carried: dict[Step, tuple[Any, Any]] = {}
        self.back: dict[Step, tuple[Any, Any]] = {}
        self.sliced: dict[Step, Sliced] = {}
        self.values: dict[tuple[Step, int], Step] = {}
        self.shown: dict[Step, tuple[Iterations, Step, int]] = {}
        self._moves: dict[Step, bool] = {}
        self._start = terms.count

    def leaf(self, shape: Any) -> Step:
        """A leaf that stands for something that moves."""
        leaf = self.terms.leaf(shape)
        self._moves[leaf], self.owners[leaf] = True, self
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
            self.shown[leaf], self.owners[leaf] = (self, term, number), self
        return self.values[term, number]

    def unified(self, column: Sequence[Any]) -> Any:
        """What stands in an iteration for terms, one for each.

        Raises:
            Uneven: they are not alike.
        """
        first = column[0]
        if all(x is first or (is_number(x) and x == first) for x in column):
            return first
        if all(map(is_whole, column)):
            return self.slice(None, self._evenly(column), ())
        if not all(isinstance(x, Step) for x in column):
            raise Uneven(self.nodes())
        owners = [(self.owners[x], x) for x in column if x in self.owners]
        found = [owner.shown[x] for owner, x in owners if x in owner.shown]
        if len(found) == self.count and len({x[:2] for x in found}) == 1:
            return self.slice(found[0][:2], self._evenly([x[2] for x in found]), first.shape)
        if all(x.arguments and not x.function for x in column):
            return self.slice([*column], range(self.count), first.shape)
        forms, parts = zip(*map(read_call, column))
        if len({*forms}) > 1 or first.function is None:
            raise Uneven(self.nodes())
        own = map(self.unified, zip(*parts))
        arguments, keywords = with_moved(first, lambda _: next(own))
        return self.terms.build(first.function, arguments, keywords, first.shape)

    def _evenly(self, numbers: Sequence[int]) -> range:
        found = as_range(numbers)
        if found is None:
            raise Uneven(self.nodes())
        return found

    def nodes(self) -> list[Node]:
        """Those of all iterations."""
        return [x for column in self.columns.values() for x in column if x is not None]

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
        if leaf in self.shown:
            return [self.shown[leaf][1]]
        if leaf in self.sliced:
            of = self.sliced[leaf].of
            return of if type(of) is list else [of[1]] if of else []
        return [x for x in (self.carried.get(leaf) or self.back[leaf]) if type(x) is Step]
