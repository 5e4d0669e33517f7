"""Calls that are made as one: those of the same function, on arrays that lie one behind the other.

A call of NumPy's for a few hundred entries takes little longer than for one. So what several layers
have computed alike, and independently, is one call for all of them, as the slopes of ReLU are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.program.memory import in_lines
from autograd_lite.program.numpy_forms import FLOATS, takes_doubles, ufunc_of
from autograd_lite.program.numpy_names import Names
from autograd_lite.program.program import Step
from autograd_lite.program.simpler import layout_of

if TYPE_CHECKING:
    from autograd_lite.program.numpy_lines import Lines

MOST = 2**15
"""Bytes of the arrays that are joined: a part of the processor's nearest cache."""
BY_PLACE = {np.fmax, np.fmin}
"""Of zeros with other signs they give one at the end of an array, and the other before."""


class Strip:
    """Buffers that lie one behind the other, as far as lines of the cache.

    Attributes:
        places: of steps, in bytes from its beginning.
        left: how many are still used.
        offset: where it begins, once it has a place.
    """

    def __init__(self, steps: Sequence[Step], lines: Lines) -> None:
        self.places: dict[Step, int] = {}
        self.size = 0
        for step in steps:
            self.places[step] = self.size
            self.size += in_lines(lines.value(step).nbytes)
        self.left, self.offset = len(steps), -1
        self.dtype = lines.value(steps[0]).dtype
        self.entries = self.size // self.dtype.itemsize


class Joining:
    """The steps that are computed by one call.

    Attributes:
        steps: all of them, those of one call together.
        strips: by step, the one that its buffer is in.
        calls: by step, all those that are computed with it, in order.
    """

    def __init__(self, lines: Lines, buffered: Collection[Step]) -> None:
        self.steps = lines.steps
        self.strips: dict[Step, Strip] = {}
        self.calls: dict[Step, list[Step]] = {}
        self._lines, self._buffered = lines, buffered
        kinds = {step: self._kind(step) for step in self.steps if step in buffered}
        self._alike = {step: kind for step, kind in kinds.items() if kind is not None}
        # What is computed from what was joined may come together, too.
        while sum(map(self._join, self._groups())):
            self.steps = [x for step in self.steps for x in self._computed_with(step)]

    def _kind(self, step: Step) -> Any:
        """What is the same for steps that may be one call; None for those that may not."""
        ufunc, value, lines = ufunc_of(step), self._lines.value(step), self._lines
        if ufunc is None or ufunc in BY_PLACE or ufunc.signature or step.keywords:
            return None
        if value.nbytes > MOST:
            return None
        for x in lines.used[step.number]:
            if x not in self._buffered or layout_of(lines.value(x)) != layout_of(value):
                return None
        numbers = [x for x in step.arguments if type(x) is not Step]
        if not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
            return None
        may_differ = value.dtype in FLOATS and takes_doubles(ufunc)
        given = [type(x) is not Step and (may_differ or repr(x)) for x in step.arguments]
        return ufunc, value.dtype, *given

    def _groups(self) -> list[list[Step]]:
        """Steps of a kind that can be computed where the first of them is."""
        groups: list[list[Step]] = []
        waiting: dict[Any, list[Step]] = {}
        places = {step: place for place, step in enumerate(self.steps)}
        for step in self.steps:
            if step not in self._alike or step in self.calls:
                continue
            group = waiting.get(self._alike[step], [])
            known = all(
                places[x] < places[group[0]] for x in self._lines.used[step.number] if group
            )
            sizes = [in_lines(self._lines.value(x).nbytes) for x in (*group, step)]
            if not (group and known and sum(sizes) <= MOST):
                group = waiting[self._alike[step]] = []
                groups.append(group)
            group.append(step)
        return [group for group in groups if len(group) > 1]

    def _join(self, group: list[Step]) -> bool:
        """Let steps be one call, if their arrays can lie behind one another; whether they do."""
        operands = zip(*[x.arguments for x in group])
        wanted = dict.fromkeys(
            [tuple(group), *[each for each in operands if type(each[0]) is Step]]
        )
        together = [x for steps in wanted for x in steps]
        if len({*together}) < len(together):
            return False
        for steps in wanted:
            known = [self.strips[x] for x in steps if x in self.strips]
            if known and (*known[0].places,) != steps:
                return False
        for steps in wanted:
            if steps[0] not in self.strips:
                self.strips |= dict.fromkeys(steps, Strip(steps, self._lines))
        self.calls |= dict.fromkeys(group, group)
        return True

    def as_one(self, group: Sequence[Step], names: Names) -> Step:
        """A step for all of a group, with arrays for numbers that are others in each."""
        strip = self.strips[group[0]]
        sizes = [in_lines(self._lines.value(x).nbytes) // strip.dtype.itemsize for x in group]

        def together(given: Sequence[Any]) -> Any:
            if type(given[0]) is Step or len({*map(repr, given)}) == 1:
                return given[0]
            numbers = np.array(given, strip.dtype).repeat(sizes)
            text = f"np.array({[*given]}, np.{strip.dtype.name}).repeat({sizes})"
            names.bind(numbers, "numbers", text)
            return numbers

        arguments = [together(given) for given in zip(*[x.arguments for x in group])]
        return replace(group[0], arguments=tuple(arguments))

    def _computed_with(self, step: Step) -> list[Step]:
        """The steps of a call where the first one is, and nothing where the others are."""
        group = self.calls.get(step, [step])
        return group if group[0] is step else []
