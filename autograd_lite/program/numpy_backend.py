"""The back end that writes NumPy source: the calls of the engine, into buffers made in advance."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.backends import Runner, Task
from autograd_lite.program.folding import folded, has_guards
from autograd_lite.program.loops import Uneven
from autograd_lite.program.numpy_forms import takes_out
from autograd_lite.program.numpy_lines import Lines
from autograd_lite.program.numpy_names import Names
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import uncollected


@uncollected()
def numpy_backend(task: Task) -> Runner:
    """The steps, with the functions that the engine calls: equal to it to the last bit."""
    with np.errstate(all="ignore"):
        try:
            return _Writer(folded(task)).runner()
        except Uneven:
            return _Writer(task).runner()


class _Runner(Runner):
    def __init__(
        self,
        names: Names,
        inputs: Sequence[str],
        body: Sequence[str],
        views: Mapping[str, str],  # lines that make a view of an input, with the input
        is_own: bool,
    ) -> None:
        self._names, self._inputs, self._body, self._views = names, inputs, body, views
        # A context in which nothing warns takes a fraction of the time of entering one each time,
        # and is as good as that of the call for functions that look at nothing else in it.
        self._quiet = copy_context() if is_own else None

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        return self._run(*arrays)

    @functools.cached_property
    def _run(self) -> Callable[..., list[Array]]:
        return self.bound([], range(len(self._inputs)))

    def bound(self, arrays: Sequence[Any], given: Sequence[int]) -> Callable[..., list[Array]]:
        """What is the same in each run has a value among the names, and so have views of it."""
        self._names.bound.update(zip(self._inputs, arrays))
        inputs = [self._inputs[place] for place in given]
        once = [line for line, shown in self._views.items() if shown not in inputs]
        lines = [*once, *self._lines(inputs, once)]
        function: Callable[..., list[Array]] = self._names.run("\n".join(lines))["step"]
        if self._quiet:
            return functools.partial(self._quiet.run, function)
        return np.errstate(all="ignore")(function)

    def _lines(self, inputs: Sequence[str], once: Collection[str] = ()) -> list[str]:
        body = [f"    {line}" for line in self._body if line not in once]
        return [f"def step({', '.join(inputs)}):", *body]

    @functools.cached_property
    def source(self) -> str:  # type: ignore[override] # which is written where it is asked for
        return "\n".join([*self._names.preamble(), "", "", *self._lines(self._inputs), ""])


class _Writer:
    """The source of one function."""

    def __init__(self, task: Task) -> None:
        self.lines = lines = Lines(task.steps, task.inputs)
        new = lines.new
        self.inputs = lines.inputs
        self.outputs = [(new[step], target and new[target]) for step, target in task.outputs]
        self.guards = [
            g._replace(step=new[g.step]) for g in task.guards if type(new[g.step]) is Step
        ]
        ends = [step for step, _ in self.outputs] + [guard.step for guard in self.guards]
        ends += [new[step] for step in task.steps if has_guards(step)]
        wanted = [step for step in ends if type(step) is Step]
        steps = lines.need(wanted)
        named = [(new[step], name) for step, name in task.names.items() if step in new]
        self.names = Names({step: name for step, name in named if type(step) is Step})
        self.returned = {s for s, target in self.outputs if target is None and type(s) is Step}
        self.written: dict[Step, Step] = {}
        read = {x for step in steps for x in lines.used[step.number]}
        for step, target in self.outputs:
            if target is not None and target not in read and self._may_be_written(step, target):
                self.written[step] = target
                self.names.call(step, self.names.of(target))
        lines.lay_out(self.names, {*self.returned, *self.written}, wanted)
        lines.places |= self.written.keys()

    def _may_be_written(self, step: Any, target: Step) -> bool:
        """Whether a step's value can be computed in the memory of a target."""
        if type(step) is not Step or step in self.returned or step in self.written:
            return False
        lines = self.lines
        value, place = lines.value(step), lines.value(target)
        alike = (value.shape, value.dtype) == (place.shape, place.dtype)
        return alike and takes_out(step, lines.values) and place.flags.c_contiguous

    def runner(self) -> Runner:
        names = self.names
        inputs = [names.of(step) for step in self.inputs]
        body = self.lines.written()
        body += [names.miss(guard) for guard in self.guards] + self._ending()
        views = {line: names.of(shown) for line, shown in self.lines.of_inputs.items()}
        return _Runner(names, inputs, body, views, self.lines.are_own)

    def _ending(self) -> list[str]:
        names, lines, found = self.names, list[str](), list[str]()
        owners, given_out = self.lines.layout.owners, set[Step]()
        for step, target in self.outputs:
            if target is not None:
                continue
            if type(step) is not Step:
                found.append(names.fresh(step))
                continue
            alone = owners[step] is step and step not in given_out and step.function is not None
            is_array = isinstance(self.lines.value(step), np.ndarray)
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
            before = [names.unique("before") for _ in sources]
            lines += [f"{name} = {source}.copy()" for name, source in zip(before, sources)]
            sources = before
        for source, (_, target) in zip(sources, targets):
            lines.append(f"{names.of(target)}[...] = {source}")
        return [*lines, f"return [{', '.join(found)}]"]
