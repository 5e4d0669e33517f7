"""Lines of NumPy that compute steps: into buffers made in advance, as views, or as new objects."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.program.exact import Adding
from autograd_lite.program.folding import Repeated
from autograd_lite.program.layout import Layout, added_to, is_dense, shows
from autograd_lite.program.numpy_forms import (
    entry_by_entry,
    expression,
    statements,
    takes_out,
    ufunc_of,
)
from autograd_lite.program.numpy_loops import LoopLines
from autograd_lite.program.numpy_names import Names
from autograd_lite.program.program import Step, function_of, steps_in
from autograd_lite.program.simpler import Simpler, needed


class Lines:
    """The lines of steps, simplified: those of a function, or of the body of a loop.

    Attributes:
        new: by step the one in its place, or the value if it does not depend on inputs.
        places: steps that are computed into arrays which are there, with names of their own.
        fitting: steps that can be computed into an array.
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
        self.layout = Layout(self.steps, self.values, self.used, buffered, kept, at_end)

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
        return [f"{names.of(step)} = {expression(step, self.values, names)}"]

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
