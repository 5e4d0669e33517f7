"""Lines of NumPy that compute steps: into buffers made in advance, as views, or as new objects.

A loop is a body that is laid out once, over lists of the arrays it works on. What outlives an
iteration lies in arrays that are made in advance, one for each iteration, or two that take turns
where only the next one reads it. Numbers, and what a function makes anew, are variables, and are
appended to lists.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from textwrap import fill
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.program.folding import Repeated
from autograd_lite.program.joining import Joining
from autograd_lite.program.layout import Layout, added_to, is_dense, owners_of, replaceable, shows
from autograd_lite.program.loops import as_range
from autograd_lite.program.memory import Memory
from autograd_lite.program.numpy_forms import (
    entry_by_entry,
    expression,
    statements,
    takes_out,
    ufunc_of,
)
from autograd_lite.program.numpy_names import Names
from autograd_lite.program.program import Step, function_of, steps_in
from autograd_lite.program.simpler import Simpler, needed
from autograd_lite.program.templates import Adding

WIDTH = 96
"""Characters of a line in which a loop begins."""


class Lines:
    """The lines of steps, simplified: those of a function, or of the body of a loop.

    Attributes:
        new: by step the one in its place, or the value if it does not depend on inputs.
        places: steps that are computed into arrays which are there, with names of their own.
        fitting: steps that can be computed into an array.
        of_inputs: the lines that make a view of an input, by the line, with the input.
    """

    def __init__(self, steps: Sequence[Step], inputs: Sequence[Step]) -> None:
        simpler = Simpler(inputs)
        for step in steps:
            simpler.take(step)
        self.new, self.values, self.inputs = simpler.new, simpler.values, simpler.inputs
        self.kinds, self.used, self._all = simpler.kinds, simpler.used, simpler.steps
        self.places: set[Step] = set()
        self._static: set[Step] = set()
        self._calls: dict[int, str] = {}  # by kind, with `{}` in place of steps
        self.in_place: set[Step] = set()  # of those: in the place of what they add to
        self._loops: dict[Step, LoopLines] = {}
        self.of_inputs: dict[str, Step] = {}
        self._roots = {step: step for step in self.inputs}  # by view, the input that is viewed

    def value(self, step: Step) -> Any:
        return self.values[step.number]

    def need(self, wanted: Sequence[Step]) -> list[Step]:
        """Take the steps that others are computed from, and these."""
        self.steps = needed(self._all, wanted)
        one_of_each = {self.kinds[s.number]: s for s in self.steps}
        fits = {
            kind: takes_out(s, self.values) and is_dense(self.value(s))
            for kind, s in one_of_each.items()
        }
        self.fitting = {s for s in self.steps if fits[self.kinds[s.number]]}
        return self.steps

    def lay_out(self, names: Names, apart: Collection[Step], at_end: Iterable[Step]) -> None:
        """Give buffers to all steps that can be computed into one, but for some."""
        self.names = names
        adding = {total for s in self.steps for total in added_to(s)}
        buffered = self.fitting.difference(apart)
        kept = {
            s for s in buffered if function_of(s) is scatter and s not in adding and not _moves(s)
        }
        self.joining = Joining(self, buffered - kept)
        self.steps = self.joining.steps
        self.layout = Layout(self, buffered, kept, at_end)

    @property
    def are_own(self) -> bool:
        """Whether NumPy and the package alone compute, and no rule or function of a user's."""
        return all(map(_is_own, self.steps)) and all(x.body.are_own for x in self._loops.values())

    def written(self) -> list[str]:
        """The lines."""
        self._memory = self.names.memory(self.layout.size)
        return [
            line for step in self.steps if step.function is not None for line in self._lines(step)
        ]

    def _lines(self, step: Step) -> list[str]:
        names, layout = self.names, self.layout
        if isinstance(step.function, Repeated):
            used = {s.arguments[1] for s in self.steps if s.arguments and s.arguments[0] is step}
            self._loops[step] = LoopLines(step, used, self)
            return self._loops[step].written()
        loop = step.arguments[0] if step.function is operator.getitem else None
        if type(loop) is Step and loop in self._loops:
            names.call(step, self._loops[loop].results[step.arguments[1]])
            return []
        if step in layout.offsets:
            self._static.add(step)
            names.buffer(step, self.value(step), layout.offsets[step], self._memory)
        joined = self.joining.calls.get(step)
        if joined:
            return [self._joined_call(joined)] if joined[-1] is step else []
        if step in layout.offsets or step in self.places:
            in_place = step in self.in_place or step in layout.in_place
            copies = isinstance(function_of(step), Adding) and not in_place
            return [names.copied(step)] * copies + self._statements(step, names.of(step))
        if isinstance(function_of(step), Adding):
            return [
                f'{names.of(step)} = {names.text(step.arguments[0])}.copy("K")',
                *self._statements(step, names.of(step)),
            ]
        shown = shows(step)
        if layout.owners[step] is not step and shown in self._static and len(steps_in(step)) == 1:
            self._static.add(step)
            names.bind_view(step, expression(step, self.values, names))
            return []
        line = f"{names.of(step)} = {expression(step, self.values, names)}"
        if layout.owners[step] is not step and shown in self._roots and len(steps_in(step)) == 1:
            self.of_inputs[line] = self._roots[step] = self._roots[shown]
        return [line]

    def _statements(self, step: Step, out: str) -> list[str]:
        """The lines that compute a step into an array; those of one kind are written once."""
        kind = self.kinds[step.number]
        if kind not in self._calls:
            ufunc = ufunc_of(step)
            if not ufunc:
                return statements(step, out, self.values, self.names, step in self.layout.kept)
            self._calls[kind] = entry_by_entry(step, ufunc, self.values, self.names)
        given = [self.names.of(x) for x in step.arguments if type(x) is Step]
        return [self._calls[kind].format(*given, out=out)]

    def _joined_call(self, steps: Sequence[Step]) -> str:
        """The line that computes steps together, once all have their arrays."""
        strips, names = self.joining.strips, self.names
        out = strips[steps[0]]

        def text(step: Step) -> str:
            strip = strips[step]
            return names.strip(
                [*strip.places], strip.entries, strip.dtype, strip.offset, self._memory
            )

        given = [text(x) for x in steps[0].arguments if type(x) is Step]
        ufunc = function_of(steps[0])
        call = entry_by_entry(steps[0], ufunc, self.values, names, (out.entries,))
        return call.format(*given, out=text(steps[0]))


def _moves(scattered: Step) -> bool:
    """Whether it is put in another place each time."""
    return bool(steps_in([scattered.arguments[1]]))


def _is_own(step: Step) -> bool:
    """Whether NumPy and the package alone compute a step, and no rule or function of a user's."""
    function = function_of(step)
    function = getattr(function, "func", function)  # of one with keywords
    module = getattr(function, "__module__", None) or "numpy"
    is_function = isinstance(function, FUNCTIONS)
    return is_function and module.partition(".")[0] in PACKAGES


FUNCTIONS = (type(None), BuiltinFunctionType, FunctionType, np.ufunc, type(np.dot), Repeated)
PACKAGES = {"numpy", "autograd_lite", "operator", "_operator", "builtins"}


class LoopLines:
    """The lines of a loop.

    Attributes:
        body: the lines of an iteration.
        results: by number of an output, the text that gives it after the loop.
    """

    def __init__(self, step: Step, used: Collection[int], outer: Lines) -> None:
        self.made: Repeated = step.function
        self.names, self._values = outer.names, outer.values
        made, (given, sequences, firsts) = self.made, step.arguments
        places = [*made.given, *[x for x, _ in made.sliced], *[x for x, _ in made.carried]]
        # As they are in the first iteration.
        entries = [
            self._value(sequence)[indices[0]]
            for sequence, (_, indices) in zip(sequences, made.sliced)
        ]
        for place, x in zip(places, (*given, *entries, *firsts)):
            place.arguments = (self._value(x),)
        self.body = Lines(made.body, places)
        new = self.body.new
        self.results: dict[int, str] = {}
        outputs = [(number, *output) for number, output in enumerate(made.outputs)]
        self.outputs = [(number, new[x], every) for number, x, every in outputs if number in used]
        guards = [guard._replace(step=new[guard.step]) for guard in made.guards]
        self.guards = [guard for guard in guards if type(guard.step) is Step]
        self.carried = self._needed({new[place]: new[then] for place, then in made.carried})
        self.first = dict(zip([new[place] for place, _ in made.carried], firsts))
        for place, x in zip(made.given, given):
            self.names.call(new[place], self.names.text(x))
        self.sequences = [
            (new[place], self._sequence(x, indices))
            for x, (place, indices) in zip(sequences, made.sliced)
            if new[place] in self.body.steps
        ]
        self._lay_out()

    def _value(self, x: Any) -> Any:
        return self._values[x.number] if type(x) is Step else x

    def _needed(self, carried: dict[Step, Any]) -> dict[Step, Any]:
        """What is carried, of which something is computed that is used."""
        wanted = [x for _, x, _ in self.outputs if type(x) is Step] + [g.step for g in self.guards]
        found: dict[Step, Any] = {}
        while True:
            steps = {*self.body.need(wanted)}
            more = {x: then for x, then in carried.items() if x in steps and x not in found}
            if not more:
                return found
            found |= more
            wanted += [then for then in more.values() if type(then) is Step]

    def _lay_out(self) -> None:
        """Say where values lie that outlive an iteration, and lay out the others."""
        body, carried = self.body, self.carried
        results = [(x, every) for _, x, every in self.outputs if type(x) is Step]
        results += [(then, False) for then in carried.values() if type(then) is Step]
        owners, _ = owners_of(body, body.fitting)
        shown = {owners[x] for x, _ in results}
        self.slotted = shown & body.fitting
        self.lasting: set[Step] = set()  # of those: for each iteration an array of its own
        for x, every in results:
            owner: Any = owners[x]
            if owner in carried:
                then = carried[owner]
                owner = owners[then] if type(then) is Step else None
            if owner in body.fitting and (every or owner is not x):
                self.lasting.add(owner)
        self.added = self._added(shown)
        body.in_place = {*chain.from_iterable(self.added.values())}
        body.places = self.slotted | body.in_place
        at_end = [x for x, _ in results] + [guard.step for guard in self.guards]
        body.lay_out(self.names, body.places, at_end)

    def _added(self, shown: Collection[Step]) -> dict[Step, list[Step]]:
        """By what is carried and only added to in each iteration: the steps that do so."""
        self._readers: dict[Step, list[Step]] = {}
        for step in self.body.steps:
            for x in self.body.used[step.number]:
                self._readers.setdefault(x, []).append(step)
        thens, found = [*self.carried.values()], dict[Step, list[Step]]()
        for place, then in self.carried.items():
            alone = thens.count(then) == 1 and place not in shown
            steps = self._adding(place, then) if alone and then in self.slotted else []
            if steps and then not in self.lasting and not any(x in shown for x in steps[1:]):
                found[place] = steps
        return found

    def _adding(self, place: Step, then: Step) -> list[Step]:
        """The steps by which alone what is carried becomes what is carried on, in its memory.

        The last one comes first; there are none if something else reads it.
        """
        steps = [then]
        while self._readers.get(place) != steps[-1:]:
            before = added_to(steps[-1])
            if not before or before[0] not in self.body.fitting:
                return []
            steps += before
            if self._readers[before[0]] != [steps[-2]]:
                return []
        return steps if place in replaceable(steps[-1], self.body.used) else []

    def _sequence(self, sequence: Any, indices: range) -> str:
        """The text of what entries are taken from, one after the other."""
        if type(sequence) is Step:
            text, length = self.names.of(sequence), len(self._value(sequence))
        elif steps_in(sequence):
            text, length = self.names.text(sequence), len(sequence)
        else:
            text, length = self._indices(sequence), len(sequence)
        if indices == range(length):
            return text
        start, stop, step = indices.start, indices.stop, indices.step
        end = "" if stop < 0 else str(stop)
        return f"{text}[{start}:{end}{'' if step == 1 else f':{step}'}]"

    def _indices(self, values: Sequence[Any]) -> str:
        """The text of values that are no steps, one for each iteration."""
        numbers = as_range(values) if all(type(x) is int for x in values) else None
        return repr(numbers) if numbers else self.names.bind([*values], "indices")

    def written(self) -> list[str]:
        """The lines of the loop, and of what is before it."""
        names, body, before = self.names, self.body, list[str]()
        over = self._slots() + [(names.of(place), text) for place, text in self.sequences]
        moved: list[tuple[str, Any]] = []
        for place, then in self.carried.items():
            first = names.text(self.first[place])
            if place in self.added:
                for x in (place, *self.added[place][1:]):
                    names.call(x, names.of(then))
                before.append(f"{names.function(np.copyto)}({names.of(then)}, {first})")
            elif then in self.slotted:
                over.append((names.of(place), f"[{first}, *{self.lists[then]}]"))
            else:
                before.append(f"{names.of(place)} = {first}")
                moved.append((names.of(place), then))
        lines = body.written() + [names.miss(guard) for guard in self.guards]
        for number, x, every in self.outputs:
            self.results[number], more = self._result(x, every, {name for name, _ in moved})
            before += [f"{self.results[number]} = []"] if every and more else []
            lines += more
        if moved:
            values = ", ".join(names.text(then) for _, then in moved)
            lines.append(f"{', '.join(name for name, _ in moved)} = {values}")
        if not (lines or over):
            return before  # each result is one of what it is given
        opening = [f"for _ in range({self.made.count}):"]
        if over:
            variables, lists = (", ".join(each) for each in zip(*over))
            # Broken within the parentheses alone.
            whole = f"for ({variables},)\0in\0zip({lists}):"
            parts = fill(whole, WIDTH, subsequent_indent=" " * 8, break_on_hyphens=False)
            opening = parts.replace("\0", " ").split("\n")
        return [*before, *opening, *[f"    {line}" for line in lines or ["pass"]]]

    def _result(self, x: Any, every: bool, moved: Collection[str]) -> tuple[str, list[str]]:
        """The text that gives an output, and what an iteration does for it."""
        names = self.names
        text = names.text(x)
        if type(x) is not Step:
            return (f"[{text}] * {self.made.count}" if every else text), []
        if every:
            if x in self.lists:
                return self.lists[x], []
            name = names.unique(f"{text}_all")
            return name, [f"{name}.append({text})"]
        if text in moved:
            name = names.unique(f"{text}_last")
            return name, [f"{name} = {text}"]
        return text, []

    def _slots(self) -> list[tuple[str, str]]:
        """Make the arrays of what outlives an iteration; variables for them, and lists."""
        names, memory, body = self.names, Memory(), self.body
        count, adding = self.made.count, {steps[0] for steps in self.added.values()}
        slotted = [step for step in body.steps if step in self.slotted]
        offsets = {}
        for step in slotted:
            number = 1 if step in adding else count if step in self.lasting else 2
            offsets[step] = [memory.take(body.value(step).nbytes) for _ in range(number)]
        room = names.memory(memory.size)
        self.lists: dict[Step, str] = {}
        for step in slotted:
            if step in adding:
                names.buffer(step, body.value(step), offsets[step][0], room)
            else:
                wish = f"{names.of(step)}_all"
                self.lists[step] = names.slots(wish, body.value(step), offsets[step], count, room)
        return [(names.of(step), text) for step, text in self.lists.items()]
