"""The back end that writes NumPy source: the calls of the engine, into buffers made in advance."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextvars import copy_context
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.node import Array
from autograd_lite.program.backends import Runner, Task
from autograd_lite.program.exact import Adding
from autograd_lite.program.layout import Layout, added_to, is_dense, shows
from autograd_lite.program.numpy_forms import (
    entry_by_entry,
    expression,
    statements,
    takes_out,
    ufunc_of,
)
from autograd_lite.program.numpy_loops import in_loops
from autograd_lite.program.numpy_names import Names
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.recordings import uncollected
from autograd_lite.program.simpler import Simpler, function_of, needed

LARGE = 2**16
"""Bytes from which an array that is no buffer is dropped as soon as it is not used any more."""


@uncollected()
def numpy_backend(task: Task) -> Runner:
    """The steps, with the functions that the engine calls: equal to it to the last bit."""
    with np.errstate(all="ignore"):
        return _Writer(task).runner()


class _Runner(Runner):
    def __init__(self, function: Any, names: Names, lines: Sequence[str], is_own: bool) -> None:
        self._function = function
        self._names, self._lines = names, lines
        # A context in which nothing warns takes a fraction of the time of entering one each time,
        # and is as good as that of the call for functions that look at nothing else in it.
        self._quiet = copy_context() if is_own else None

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        if self._quiet:
            return self._quiet.run(self._function, *arrays)
        with np.errstate(all="ignore"):
            found: list[Array] = self._function(*arrays)
        return found

    @functools.cached_property
    def source(self) -> str:  # type: ignore[override] # which is written where it is asked for
        return "\n".join([*self._names.preamble(), "", "", *self._lines, ""])


def _is_own(step: Step) -> bool:
    """Whether NumPy and the package alone compute a step, and no rule or function of a user's."""
    function = function_of(step)
    function = getattr(function, "func", function)  # of one with keywords
    module = getattr(function, "__module__", None) or "numpy"
    is_function = isinstance(function, FUNCTIONS)
    return is_function and module.partition(".")[0] in PACKAGES


FUNCTIONS = (type(None), BuiltinFunctionType, FunctionType, np.ufunc, type(np.dot))
PACKAGES = {"numpy", "autograd_lite", "operator", "_operator", "builtins"}


class _Writer:
    """The source of one function."""

    def __init__(self, task: Task) -> None:
        simpler = Simpler(task.inputs)
        for step in task.steps:
            simpler.take(step)
        new, self.values, self.inputs = simpler.new, simpler.values, simpler.inputs
        self.kinds, used = simpler.kinds, simpler.used
        self.outputs = [(new[step], target and new[target]) for step, target in task.outputs]
        self.guards = [
            g._replace(step=new[g.step]) for g in task.guards if type(new[g.step]) is Step
        ]
        wanted = [step for step, _ in self.outputs if type(step) is Step]
        wanted += [guard.step for guard in self.guards]
        self.steps = needed(simpler.steps, wanted)
        named = [(new[step], name) for step, name in task.names.items() if step in new]
        self.names = Names({step: name for step, name in named if type(step) is Step})
        self.returned = {s for s, target in self.outputs if target is None and type(s) is Step}
        self.written: dict[Step, Step] = {}
        read = {x for step in self.steps for x in used[step.number]}
        for step, target in self.outputs:
            if target is not None and target not in read and self._may_be_written(step, target):
                self.written[step] = target
                self.names.share(step, target)
        own = [s for s in self.steps if s not in self.returned and s not in self.written]
        one_of_each = {self.kinds[s.number]: s for s in own}
        fits = {
            kind: takes_out(s, self.values) and is_dense(self._value(s))
            for kind, s in one_of_each.items()
        }
        buffered = {s for s in own if fits[self.kinds[s.number]]}
        adding = {total for s in self.steps for total in added_to(s)}
        kept = {s for s in buffered if function_of(s) is scatter and s not in adding}
        at_end = [*wanted, *[s for s, _ in self.outputs if type(s) is Step]]
        self.layout = Layout(self.steps, self.values, used, buffered, kept, at_end)
        self.static: set[Step] = set()
        self._calls: dict[int, str] = {}  # by kind, with `{}` in place of steps

    def _value(self, step: Step) -> Any:
        return self.values[step.number]

    def _may_be_written(self, step: Any, target: Step) -> bool:
        """Whether a step's value can be computed in the memory of a target."""
        if type(step) is not Step or step in self.returned or step in self.written:
            return False
        value, place = self._value(step), self._value(target)
        alike = (value.shape, value.dtype) == (place.shape, place.dtype)
        return alike and takes_out(step, self.values) and place.flags.c_contiguous

    def runner(self) -> Runner:
        names, layout = self.names, self.layout
        arguments = ", ".join(names.of(step) for step in self.inputs)
        lines = [f"def step({arguments}):"]
        for step, target in self.written.items():
            names.share(step, target)
        memory = names.memory(layout.size)
        for step in self.steps:
            if step.function is not None:
                lines += [f"    {line}" for line in self._lines_of(step, memory)]
        for guard in self.guards:
            lines += [f"    {names.miss(guard)}"]
        lines += [f"    {line}" for line in self._ending()]
        lines = in_loops(lines, names)
        text = "\n".join(lines)
        is_own = all(map(_is_own, self.steps))
        return _Runner(names.run(text)["step"], names, lines, is_own)

    def _lines_of(self, step: Step, memory: Any) -> list[str]:
        names, layout = self.names, self.layout
        if step in self.written:
            lines = [names.copied(step)] if isinstance(function_of(step), Adding) else []
            return lines + self._statements(step, names.of(self.written[step]))
        if step in layout.offsets:
            self.static.add(step)
            names.buffer(step, self._value(step), layout.offsets[step], memory)
            lines = []
            if isinstance(function_of(step), Adding) and step not in layout.in_place:
                lines = [names.copied(step)]
            return lines + self._statements(step, names.of(step))
        if isinstance(function_of(step), Adding):
            return [
                f'{names.of(step)} = {names.text(step.arguments[0])}.copy("K")',
                *self._statements(step, names.of(step)),
            ]
        shown = shows(step)
        if layout.owners[step] is not step and shown in self.static and len(steps_in(step)) == 1:
            self.static.add(step)
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

    def _ending(self) -> list[str]:
        names, lines, found = self.names, list[str](), list[str]()
        owners, given_out = self.layout.owners, set[Step]()
        for step, target in self.outputs:
            if target is not None:
                continue
            if type(step) is not Step:
                found.append(names.fresh_constant(step))
                continue
            alone = owners[step] is step and step not in given_out and step.function is not None
            is_array = isinstance(self._value(step), np.ndarray)
            found.append(names.of(step) if alone or not is_array else names.fresh(step))
            given_out.add(owners[step])
        targets = [
            (s, t)
            for s, t in self.outputs
            if t is not None and (type(s) is not Step or self.written.get(s) is not t)
        ]
        sources = [names.text(step) for step, _ in targets]
        if any(type(s) is Step and owners.get(s, s).function is None for s, _ in targets):
            # One may be what another one is written to.
            sources = [names.taken_before(source, lines) for source in sources]
        for source, (_, target) in zip(sources, targets):
            lines.append(f"{names.of(target)}[...] = {source}")
        return [*lines, f"return [{', '.join(found)}]"]
