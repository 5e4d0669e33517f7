"""Programs in which what repeats is one step, whose function runs a body many times.

So all that comes after, simplification, layout and text, works on a body, and not on its copies.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.program.backends import Task
from autograd_lite.program.loops import Loop, Uneven, index_place, moving_in
from autograd_lite.program.program import Guard, Step, called, mapped, steps_in
from autograd_lite.program.rolling import rolled
from autograd_lite.program.simpler import layout_of

FEWEST = 100
"""Steps of programs in which loops are looked for."""


@dataclass(eq=False)
class Repeated:
    """A function that runs steps `count` times.

    It is given what is the same in all iterations; sequences, of which each takes an entry; and
    what is carried from one to the next, as it is at first. It returns a value for each output.
    """

    count: int
    body: list[Step] = field(default_factory=list)
    # In the body they stand for what it is given.
    given: list[Step] = field(default_factory=list)
    sliced: list[tuple[Step, range]] = field(default_factory=list)  # and which entries, in order
    carried: list[tuple[Step, Step]] = field(default_factory=list)  # and what is carried on
    # What is computed, and whether the values of all iterations are returned, as a list.
    outputs: list[tuple[Step, bool]] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)  # that hold in each iteration

    def __call__(self, given: Any, sequences: Any, firsts: Any) -> tuple[Any, ...]:
        """The values that it gives, of a loop that depends on no inputs."""
        carried, rows = firsts, list[Any]()
        for i in range(self.count):
            found = self._iteration(i, given, sequences, carried)
            carried = [found[then.number] for _, then in self.carried]
            rows.append([found[step.number] for step, _ in self.outputs])
        columns = zip(zip(*rows), self.outputs)
        return tuple([*column] if every else column[-1] for column, (_, every) in columns)

    def _iteration(self, i: int, given: Any, sequences: Any, carried: Any) -> dict[int, Any]:
        """All values of an iteration, by number."""
        found = dict(zip([x.number for x in self.given], given))
        found |= zip([x.number for x, _ in self.carried], carried)
        for x, (place, indices) in zip(sequences, self.sliced):
            found[place.number] = x[indices[i]]
        for step in self.body:
            found[step.number] = called(step, step.function, found)
        return found

    def example(self, given: Any, sequences: Any, firsts: Any) -> tuple[Any, ...]:
        """Values that are laid out as those that it gives: all are those of the first iteration.

        Raises:
            Uneven: what the next one works on is laid out otherwise.
        """
        found = self._iteration(0, given, sequences, firsts)
        carried_on = [found[then.number] for _, then in self.carried]
        moving = [
            {layout_of(x[i]) for i in indices} for x, (_, indices) in zip(sequences, self.sliced)
        ]
        if any(len(layouts) > 1 for layouts in moving):
            raise Uneven
        if [*map(layout_of, carried_on)] != [*map(layout_of, firsts)]:
            raise Uneven
        values = [(found[step.number], every) for step, every in self.outputs]
        return tuple([value] * self.count if every else value for value, every in values)


def has_guards(step: Step) -> bool:
    """Whether it is a loop that ends a run where entries are others than they were."""
    return isinstance(step.function, Repeated) and bool(step.function.guards)


def folded(task: Task) -> Task:
    """The task, with a step in place of steps that repeat."""
    if len(task.steps) < FEWEST:
        return task
    wanted = [step for step, _ in task.outputs]
    parts = rolled(task.steps, wanted)
    if not any(isinstance(part, Loop) for part in parts):
        return task
    folder = _Folder(task)
    for part in parts:
        if isinstance(part, Loop):
            folder.loop(part)
        else:
            folder.take(part)
    outputs = [(folder.own(step), target) for step, target in task.outputs]
    guards = [guard._replace(step=folder.own(guard.step)) for guard in folder.guards]
    return task._replace(steps=folder.steps, outputs=outputs, guards=guards)


class _Folder:
    """The steps of a task, in the making."""

    def __init__(self, task: Task) -> None:
        self.steps = [step for step in task.steps if step.function is None]
        self.guards = [*task.guards]
        self._outcomes: dict[Step, list[Any]] = {}
        for step, outcome in task.guards:
            self._outcomes.setdefault(step, []).append(outcome)
        self._new: dict[Step, Step] = {}  # what takes the place of a step
        # Of steps in a loop that others use: what gives all values, and which one it is.
        self._kept: dict[Step, tuple[Step, int]] = {}
        # Of steps of bodies: what gives all values, or the one for all iterations.
        self._all: dict[Step, Any] = {}
        self.same: dict[Step, Step] = {}

    def own(self, value: Any) -> Any:
        """A part of an argument, as it is computed here."""
        if type(value) is not Step:
            return value
        if value in self._kept:
            self._new[value] = self._step(operator.getitem, self._kept.pop(value), value)
        return self._new.get(value, value)

    def take(self, step: Step) -> None:
        """Take a step as it is."""
        if any(x in self._new or x in self._kept for x in steps_in(step)):
            arguments, keywords = mapped(self.own, step.arguments), mapped(self.own, step.keywords)
            self._new[step] = self._step(step.function, arguments, step, keywords)
        else:
            self.steps.append(step)

    def _step(self, function: Any, arguments: Any, of: Step | None, keywords: Any = None) -> Step:
        shape, dtype = (of.shape, of.dtype) if of else (None, None)
        step = Step(function, arguments, keywords or {}, shape, len(self.steps), dtype)
        self.steps.append(step)
        return step

    def loop(self, loop: Loop) -> None:
        """Take a loop: as one step, unless iterations differ in what cannot be told apart in it."""
        guards = self._guards_of(loop)
        if guards is None or any(_reads_unevenly(step, loop) for step in loop.body):
            for iteration in loop.originals:
                for step in iteration:
                    self.take(step)
            self._all |= zip(loop.body, map(list, zip(*loop.originals)))
            return
        body = _Body(self, loop)
        if body.made.body:  # else all of it is the same in each iteration
            step = self._step(body.made, body.arguments, None)
        for number, place in enumerate(body.outputs):
            every = body.made.outputs[number][1]
            originals = [iteration[place] for iteration in loop.originals]
            found = self._step(operator.getitem, (step, number), None if every else originals[-1])
            if every:
                self._all[loop.body[place]] = found
                self._kept |= {x: (found, j) for j, x in enumerate(originals)}
            else:
                self._new[originals[-1]] = found
        inside = {step for iteration in loop.originals for step in iteration}
        self.guards = [guard for guard in self.guards if guard.step not in inside]
        for place, outcome in guards:
            guarded = loop.body[place]
            if guarded in self.same:
                self.guards.append(Guard(self.same[guarded], outcome))
            else:
                body.made.guards.append(Guard(body.new[guarded], outcome))

    def _guards_of(self, loop: Loop) -> list[tuple[int, Any]] | None:
        """By place in the body, what is expected in each iteration; None if that differs."""
        found: list[tuple[int, Any]] = []
        for place, column in enumerate(zip(*loop.originals) if self._outcomes else ()):
            outcomes = [self._outcomes.get(step, []) for step in column]
            if not all(np.array_equal(outcomes[0], others) for others in outcomes[1:]):
                return None
            found += [(place, outcome) for outcome in outcomes[0]]
        return found

    def compute_once(self, step: Step, column: Sequence[Step]) -> None:
        """Take a step of a body, which is the same in each iteration, as it is in the first."""
        self.take(column[0])
        found = self.same[step] = self.own(column[0])
        self._new |= dict.fromkeys(column, found)

    def sequence(self, of: Any) -> Any:
        """What entries are taken from: steps, or one that gives the values of a loop's step."""
        found = of if type(of) is list else self._all[of]
        return [*map(self.own, found)] if type(found) is list else found


def _reads_unevenly(step: Step, loop: Loop) -> bool:
    """Whether an index has numbers that move, beside what is computed."""
    place = index_place(step)
    parts = steps_in([step.arguments[place]]) if place else []
    moving = [x for x in parts if x in loop.sliced and loop.sliced[x].of is None]
    return bool(moving) and len(moving) < len(parts)


class _Body:
    """The steps of a loop as a function runs them, in the making."""

    def __init__(self, folder: _Folder, loop: Loop) -> None:
        self.made = Repeated(loop.count)
        self.new: dict[Step, Step] = {}  # in place of the loop's placeholders and steps
        self.outputs: list[int] = []  # places in the body
        self._folder = folder
        self._given: dict[Step, Step] = {}  # by step outside
        self._sequences: list[Any] = []
        self._count = 0
        numbers = {place for place, (of, _) in loop.sliced.items() if of is None}
        for place, (of, indices) in loop.sliced.items():
            if type(of) is Step and of in folder.same:
                folder.same[place] = folder.same[of]
            elif of is not None:
                self.new[place] = self._slice(folder.sequence(of), indices, place)
        self.new |= {place: self._numbered(None, (), {}, place) for place in loop.carried}
        for step, column in zip(loop.body, zip(*loop.originals)):
            if any(x in self.new or x in numbers for x in moving_in(step)):
                self._take(step, column, numbers)
            else:
                folder.compute_once(step, column)
        made = self.made
        made.carried = [(self.new[x], self._own(then)) for x, (_, then) in loop.carried.items()]
        for number, step in enumerate(loop.body):
            if step in self.new and step in loop.collected:
                self.outputs.append(number)
                every = loop.collected[step] != {loop.count - 1}
                made.outputs.append((self.new[step], every))
        made.given = [*self._given.values()]
        firsts = [folder.own(first) for first, _ in loop.carried.values()]
        self.arguments = [*self._given], self._sequences, firsts

    def _numbered(self, function: Any, arguments: Any, keywords: Any, of: Step) -> Step:
        self._count += 1
        return Step(function, arguments, keywords, of.shape, self._count, of.dtype)

    def _take(self, step: Step, column: Sequence[Step], numbers: Collection[Step]) -> None:
        place, arguments = index_place(step), [*step.arguments]
        if place and any(x in numbers for x in moving_in(step)):
            indices = [original.arguments[place] for original in column]
            arguments[place] = index = self._slice(indices, range(len(indices)), column[0])
            self.new[index] = index
        own = tuple(mapped(self._own, arguments)), mapped(self._own, step.keywords)
        self.new[step] = self._numbered(step.function, *own, step)
        self.made.body.append(self.new[step])

    def _slice(self, sequence: Any, indices: range, of: Step) -> Step:
        self._sequences.append(sequence)
        place = self._numbered(None, (), {}, of)
        self.made.sliced.append((place, indices))
        return place

    def _own(self, value: Any) -> Any:
        """A part of an argument, with what stands for it in the body."""
        if type(value) is not Step or value in self.new:
            return self.new[value] if type(value) is Step else value
        outside = self._folder.same.get(value) or self._folder.own(value)
        if outside not in self._given:
            self._given[outside] = self._numbered(None, (), {}, outside)
        return self._given[outside]
