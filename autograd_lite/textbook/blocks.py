"""Lines that repeat: the loops of a program as a person writes them, with names for what they keep.

Values that are carried from one iteration to the next are variables, and those that are read later
are appended to lists: h[t] in mathematics, and h[t-1] for what the iteration began with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd_lite.program.loops import Loop, Sliced, evenly
from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.numpy_source import SHORT, needs_line, weight_of
from autograd_lite.textbook.slopes import input_of_activation
from autograd_lite.textbook.terms import parts_written

if TYPE_CHECKING:
    from autograd_lite.textbook.listing import Listing

Line = tuple[str, Any]
"""name = term."""
TEMPORARY = re.compile(r"t\d+(_\d+)?")


class Block(NamedTuple):
    """Lines that are run as often as their loop."""

    loop: Loop
    variable: str
    indices: range  # the values of the variable
    before: list[tuple[str, Any, Step]]  # what is carried, at first, and its placeholder
    # Names of lists; the placeholder that is first in them, if any; and what is appended to them.
    lists: list[tuple[str, Step | None, Step]]
    slices: list[tuple[str, list[Step]]]  # names of lists of arrays, and these
    lines: list[Line]
    carried: list[tuple[str, str]]  # variables that take the value of others at the end


def terms_of(line: Line | Block) -> list[Any]:
    """What a line computes, or those of a loop do."""
    if not isinstance(line, Block):
        return [line[1]]
    inside = [part[1] for part in (*line.before, *line.lines)]
    return [*inside, *(part for _, parts in line.slices for part in parts)]


class Kept(NamedTuple):
    """The list of what a step of a body gives."""

    name: str  # of the list
    shown: str  # what mathematics calls it
    indices: range  # the numbers of its entries there
    before: int  # 1 if it begins with what was carried into the first iteration


class Repeater:
    """Writes loops of a listing as blocks, and names what they compute.

    Attributes:
        shown: what mathematics calls steps and placeholders, where that is not their name.
    """

    def __init__(self, listing: Listing, parts: Iterable[Step | Loop]) -> None:
        self.listing, self.unique = listing, listing.identifiers.unique
        self.names, self.meant, self.symbols = listing.names, listing.meant, listing.symbols
        self.variable = ""
        self.lists: dict[Step, Kept] = {}  # by step of a body
        self.slices: dict[int, str] = {}  # names, by id of a list
        self.shown: dict[Step, str] = {}
        self.taken: set[str] = set()  # the names of steps in bodies
        self.wished: dict[Step, str | None] = {}  # names for steps in bodies
        # Of steps in bodies, by what they are of.
        self.activations: dict[Step, Step] = {}
        loops = [part for part in parts if isinstance(part, Loop)]
        read = [sliced for loop in loops for sliced in loop.sliced.values()]
        self.from_first = {of for of, at in read if isinstance(of, Step) and min(at) < 0}

    def block(self, loop: Loop) -> Block:
        self.variable = self.variable or self.unique("t")
        indices = self._indices(loop)
        slices = []
        for place, sliced in loop.sliced.items():
            if isinstance(sliced.of, list) and id(sliced.of) not in self.slices:
                name = self.slices[id(sliced.of)] = self.unique("slices")
                slices.append((name, sliced.of))
            self.names[place], self.shown[place] = self._read(sliced, indices)
        self._note_values(loop)
        lines = self._lines(loop)
        lists = self._name_results(loop, indices)
        before, carried = self._carried(loop, lines, indices)
        return Block(loop, self.variable, indices, before, lists, slices, lines, carried)

    def _indices(self, loop: Loop) -> range:
        """The values of a variable that indexes most of what a loop reads by itself."""
        read = [self._shown(sliced) for sliced in loop.sliced.values()]
        counts = Counter(at for at in read if at.step in (1, -1) and min(at) >= 0)
        if counts:
            return max(counts, key=lambda at: (counts[at], -min(at)))
        step = next((at.step for at in read if at.step in (1, -1)), 1)
        return range(loop.count)[::step]

    def _shown(self, sliced: Sliced) -> range:
        """The numbers of what is read, in mathematics."""
        of, at = sliced
        if not (isinstance(of, Step) and of in self.lists):
            return at
        over = self.lists[of].indices
        return evenly(over[0] + over.step * at[0], over.step * at.step, len(at))

    def _read(self, sliced: Sliced, over: range) -> tuple[str, str]:
        """What is read, in a source and in mathematics."""
        of, at = sliced
        kept = self.lists.get(of) if isinstance(of, Step) else None
        shift = kept.before if kept else 0
        own = self._index(range(at[0] + shift, at[0] + shift + at.step, at.step), over)
        if kept:
            index = self._index(self._shown(sliced), over).replace(" ", "")
            return f"{kept.name}[{own}]", f"{kept.shown}[{index}]"
        name = self.slices.get(id(of))
        index = own.replace(" ", "")
        return (f"{name}[{own}]", f"{name}[{index}]") if name else (own, index)

    def _index(self, at: range, over: range) -> str:
        """A number that moves, in terms of the variable."""
        step = at.step * over.step  # that of the variable is 1 or -1
        rest = at.start - step * over.start
        moving = self.variable if abs(step) == 1 else f"{abs(step)} * {self.variable}"
        if step < 0:
            return f"{rest} - {moving}"
        return f"{moving} {'-+'[rest > 0]} {abs(rest)}" if rest else moving

    def _note_values(self, loop: Loop) -> None:
        for step in loop.body:
            self.wished[step] = next(
                filter(None, map(self.listing.wish, _column(loop, step))), None
            )
            if isinstance(x := input_of_activation(step), Step):
                self.activations[x] = step

    # Names

    def _lines(self, loop: Loop) -> list[Line]:
        """The lines of an iteration; what is long, used often or used later has a name.

        What only the next iteration reads comes last.
        """
        kept = {*loop.collected, *(then for _, then in loop.carried.values())}
        uses = Counter(part for step in loop.body for part in steps_in(step))
        weights: dict[Step, int] = {}
        lines = []
        beside = {x for step in loop.body if step.function in _JOINED for x in steps_in(step)}
        for step in loop.body:
            weight = sum(weights.get(part, 0) for part in steps_in(step)) + weight_of(step)
            weights[step] = weight
            long = needs_line(step, weight, uses[step]) or (step in beside and weight > SHORT)
            if step in kept or long:
                name = self.names[step] = self._name(loop, step)
                self.taken.add(name)
                weights[step] = 0
                lines.append((name, step))
        last = {then for place, (_, then) in loop.carried.items() if place not in steps_in(then)}
        return sorted(lines, key=lambda line: line[1] in last and not uses[line[1]])

    def _name(self, loop: Loop, step: Step) -> str:
        """The name of a step in a body: one that is wished for, or what it is the cotangent of."""
        column = _column(loop, step)
        carried = [(place, first) for place, (first, then) in loop.carried.items() if then is step]
        wishes = [*filter(None, map(self.listing.wish, column))]
        numbered = {wish.rstrip("0123456789") for wish in wishes}
        if len(wishes) > 1 and len(numbered) == 1 and numbered != {""}:
            return self.unique(numbered.pop())
        wish = next((wish for wish in wishes if wish not in self.taken), None)
        if wish:
            return wish
        for _, first in carried:
            name = self.listing.wish(first) if isinstance(first, Step) else None
            if name and first in self.meant and self.listing.uses[first] == 1:
                return name  # that of the cotangent which it begins with
        later = [self._meant(place) for place, _ in carried]  # of what reaches it from behind
        followed = [tuple(f"{name}_next" for name in names) for names in later if names]
        for own, symbol in filter(None, (self._meant(step), *followed)):
            name = self.unique(own)
            self.symbols[name] = symbol + name.removeprefix(own)
            return name
        return self._structural(loop, step) or next(self.listing.temporaries)

    def _structural(self, loop: Loop, step: Step) -> str | None:
        """What is called by its place: a state h, also c if no weight multiplies it; or a."""
        activations = {*self.activations.values()}.intersection(loop.body)
        places = [place for place, (_, then) in loop.carried.items() if then is step]
        users = [own for own in loop.body for place in places if place in steps_in(own)]
        is_value = not any(x in self.meant for x in loop.body)
        if is_value and step.function in _JOINED:
            return self.unique("z")
        if is_value and places and activations and step not in users:
            is_state = step in activations or any(map(_multiplies, users))
            return self.unique("h" if is_state else "c")
        return self.unique("a") if step in activations else None

    def _meant(self, cotangent: Step) -> tuple[str, str] | None:
        """What a cotangent is called, in a source and in mathematics, if there is a word for it."""
        value = self.meant.get(cotangent)
        if value is None:
            return None
        name = self.names.get(value) or self.wished.get(value) or self.listing.wish(value)
        if name and not TEMPORARY.fullmatch(name):
            return f"d{name}", f"∂{name}"
        behind = self.activations.get(value)
        activation = self.names.get(behind) if behind else None
        if activation and len(self.activations) == 1:
            return "dz", "δ"
        return (f"dz_{activation}", f"δ{activation}") if activation else None

    def _name_results(self, loop: Loop, indices: range) -> list[tuple[str, Step | None, Step]]:
        """Say what the values are called that are used after the loop; and which are in lists."""
        lists = []
        for step, iterations in loop.collected.items():
            column, name = _column(loop, step)[::-1], self.names[step]
            if iterations != {loop.count - 1} or step in self.from_first:
                begins = [place for place, (_, then) in loop.carried.items() if then is step]
                before = step in self.from_first
                own, shown = self.unique(f"{name}_list"), self.symbols.get(name, name)
                self.lists[step] = Kept(own, shown, indices, before)
                lists.append((own, begins[0] if before else None, step))
                self.shown[step] = f"{shown}[{self.variable}]"
                for j in iterations:
                    self.names[column[j]] = f"{own}[{j + before}]"
                    self.shown[column[j]] = f"{shown}[{indices[j]}]"
            if loop.count - 1 in iterations:
                self.names[column[-1]] = name
        return lists

    def _carried(
        self, loop: Loop, lines: list[Line], indices: range
    ) -> tuple[list[tuple[str, Any, Step]], list[tuple[str, str]]]:
        """What is carried at first; and what takes other values at the end of an iteration.

        A value is in the variable that it is carried in, if that is not read any more.
        """
        before, carried = [], []
        taken: set[Step] = set()
        written = [{*parts_written(step, self.names)} for _, step in lines]
        for place, (first, then) in loop.carried.items():
            own = next(i for i, (_, step) in enumerate(lines) if step is then)
            free = not any(place in parts for parts in written[own + 1 :]) and then not in taken
            if free:
                taken.add(then)
                self.names[place] = self.names[then]
            else:
                self.names[place] = self.unique(f"{self.names[then]}_before")
                carried.append((self.names[place], self.names[then]))
            if then in self.lists:
                shown = self.lists[then].shown
                self.shown[place] = f"{shown}[{self.variable}{-indices.step:+}]"
            if first == 0:
                first = self._zeros(then)
            if self.names.get(first) != self.names[place]:
                before.append((self.names[place], first, place))
        order = {name: number for number, name in enumerate(self.listing.results)}
        before.sort(key=lambda line: order.get(line[0], -1))
        return before, carried

    def _zeros(self, total: Step) -> Any:
        """What a sum begins with: zeros like a parameter, if it is the gradient of that."""
        value = self.meant.get(total)
        if value is None or value.function is not None or not self.listing.wish(value):
            return 0
        shape = Step(np.shape, (value,), {}, (len(value.shape),), -1)
        return Step(np.broadcast_to, (0, shape), {}, value.shape, -1)


def _multiplies(step: Step) -> bool:
    """Whether it is a product of matrices, or puts a state beside an input for one."""
    traits = traits_of(step.function)
    return (traits.product and not traits.elementwise) or step.function in _JOINED


_JOINED = (np.concatenate, np.hstack, np.vstack, np.stack)


def _column(loop: Loop, step: Step) -> list[Step]:
    """What a step of a body stands for, that of the last iteration first."""
    position = loop.body.index(step)
    return [iteration[position] for iteration in loop.originals[::-1]]
