"""Make a program from the record of a loss: the engine's own backward pass writes its steps.

In a `trace` these are the calls that functions and rules make, in an `outline` the rules.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from operator import itemgetter
from typing import Any, cast

import numpy as np

from autograd_lite.engine import backward_order, step_through
from autograd_lite.modes import SetForAWhile, Taken, taken
from autograd_lite.node import Array, Node, Pass, arrays_in, plain
from autograd_lite.program.expressions import Template, is_plain
from autograd_lite.program.program import (
    Guard,
    Program,
    Step,
    deciding_on_shape,
    mapped,
    needed_for,
    run_steps,
    steps_in,
)
from autograd_lite.program.templates import (
    Contribution,
    Templates,
    adding,
    arrays_of,
    backward_of,
    forward_of,
    kept_steps,
    recorded_slots,
    require_numpy,
)
from autograd_lite.pullback import is_live_leaf


def trace(loss: Node, taken: Iterable[Taken] = ()) -> Program:
    """The program of a loss: what was recorded, and the backward pass.

    It follows the branches that the record took; where a rule looks at entries, it has a guard.
    What was `taken` from tensors beside the record, as `guarded` notes it, is in it too. What was
    computed unnoticed from tensors that do not require grad is held fixed.

    Raises:
        UnsupportedError: it was computed with a function that is not in the table, or with arrays
            that are not NumPy's.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.program.program import row_of
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> [row_of(step.function).name for step in trace(np.tanh(x).sum()).steps if step.function]
    ['tanh', 'sum', 'broadcast_to', 'multiply', 'subtract', 'multiply']
    """
    tracer = Tracer(loss)
    tracer.write([*taken])
    return tracer.program


def outline(loss: Node) -> Program:
    """The program of a loss, with one step for what a node contributes to one argument.

    It takes what cannot be traced, such as checkpoints, and has the engine's values.

    >>> from autograd_lite import Tensor
    >>> program = outline(Tensor(1.0, requires_grad=True).exp().tanh())
    >>> [step.function.__name__ for step in program.steps if step.function]
    ['exp', 'tanh', 'backward of tanh', 'backward of exp']
    """
    outliner = _Outliner(loss)
    outliner.write()
    program = outliner.program
    found = run_steps(program.steps, outliner.found)
    program.recorded = [found[number] for number in range(len(found))]
    return program


class Tracer:
    """A program in the making; templates of functions and rules are kept for the next one."""

    def __init__(self, loss: Node, templates: dict[Any, Any] | None = None) -> None:
        self.program = Program(loss)
        self.templates = Templates(templates)
        self.given: dict[Node, list[Any]] = {}
        self.kept: dict[Node, Any] = {}  # what functions keep for their rules
        self.found: dict[int, Array] = {}
        self.made: dict[int, Node | Taken | Step] = {}
        self.places: dict[int, int] = {}  # of noted calls, by `id`: in which order they were made
        self.in_own_memory: set[Node] = set()
        self.likes: dict[Any, Step | None] = {}  # of what is added to cotangents: one of a kind

    def write(self, noted: Sequence[Taken] = ()) -> None:
        """Write the forward and the backward pass, and what was noted beside the record."""
        for call in noted:
            self.note(call)
        loss, program = self.program.loss, self.program
        order = self.include(loss)
        program.cotangents[loss] = self.leaf(np.ones_like(loss._array)[()])
        nodes = [node for node in order if node.operation is not None]
        step_through({}, nodes, Pass(), lambda node, _, way, careful: self.backward(node, careful))
        self.guard_noted(noted)

    def guard_noted(self, noted: Iterable[Taken]) -> None:
        """Write what was noted that gave plain values, which decided on what is computed."""
        for call in noted:
            if not isinstance(call.outcome, Node):
                self.guard(self.called(call), call.outcome)
        given = {step for value, step in self.program.inputs.items() if isinstance(value, Node)}
        decisive = {x: None for step in self.program.steps for x in deciding_on_shape(step)}
        for step in decisive:
            if step.function or step in given:
                total = np.sum(self.value(step))
                counted = self.program.step(np.sum, (step,), {}, (), total.dtype)
                self.guard(counted, total)

    def leaf(self, array: Array) -> Step:
        require_numpy(array)
        return self.program.step(None, (array,), {}, array.shape, array.dtype)

    def own(self, value: Any) -> Any:
        """An argument of a node, with steps in place of nodes and arrays."""
        return mapped(self.own_part, value)

    def own_part(self, value: Any) -> Any:
        """The step of a node or an array; any other value as it is."""
        if not isinstance(value, Node):
            return self.input(value) if isinstance(value, np.ndarray) else value
        program = self.program
        known = program.values.get(value) or program.inputs.get(value)
        if known is None and value.operation is not None:
            self.include(value)
            known = program.values[value]
        if known is None:
            # What a transform made, and is done with, is the array that it was made of.
            is_own = value._requires_grad and is_live_leaf(value)
            known = self.leaf(value._array) if is_own else self.input(value._array)
            if known.function is None:
                program.inputs[value] = known
        return known

    def input(self, array: Array) -> Step:
        """The step of an array that was computed, or else of one that the loss came from."""
        inputs = self.program.inputs
        array = self.data_of(array)
        # Popped, as a tensor asks for its own array.
        made = self.made.pop(id(array), None)
        if made is None:
            known = inputs.get(id(array)) or self.leaf(array)
            if id(array.base) in self.made:
                # It shows what was computed: its entries were used as they were.
                self.guard(self.input(array.base), array.base.copy())
        else:
            if isinstance(made, Taken):
                self.write_before(made)
                known = self.noted(made)
            else:
                known = self.own_part(made)
            self.made[id(array)] = known
        if known.function is None:
            inputs[id(array)] = known
        return known

    def data_of(self, array: Array) -> Array:
        """What was computed, if that is shown whole, as `tensor.data` shows it; else the array."""
        base = array.base
        shown = not array.flags.writeable and isinstance(base, np.ndarray) and id(base) in self.made
        whole = shown and (array.shape, array.strides) == (base.shape, base.strides)
        return base if whole and array.dtype == base.dtype else array

    def note(self, call: Taken) -> None:
        """Remember of the arrays of tensors which tensor, or which noted call, they come from."""
        for x in arrays_in([call.arguments, call.keywords]):
            if isinstance(x, Node):
                self.made.setdefault(id(x._array), x)
        if isinstance(call.outcome, Node):
            self.made.setdefault(id(call.outcome._array), call)
            self.places[id(call)] = len(self.places)

    def write_before(self, call: Taken) -> None:
        """Write what a noted call comes from, as that was made: thousands may lie behind it."""
        found, seen, waiting = list[Taken](), {id(call)}, list[Any]([call])
        while waiting:
            each = waiting.pop()
            for x in arrays_in([each.arguments, each.keywords]):
                is_computed = isinstance(x, Node) and x.operation is not None
                made = x if is_computed else self.made.get(id(self.data_of(plain(x))))
                is_open = isinstance(made, Taken) or (is_computed and x not in self.program.values)
                if is_open and id(made) not in seen:
                    seen.add(id(made))
                    waiting.append(made)
                    found += [made] if isinstance(made, Taken) else []
        for each in sorted(found, key=lambda each: self.places[id(each)]):
            self.input(each.outcome._array)

    def noted(self, call: Taken) -> Step:
        """The step of a noted call that gave a tensor."""
        data, step = call.outcome._array, self.called(call)
        if np.array_equal(self.value(step), data, equal_nan=True):
            return step
        # It is random, or was changed in place since.
        for given in steps_in(step):
            self.guard(given, np.copy(self.value(given)))
        return self.leaf(data)

    def called(self, call: Taken) -> Step:
        arguments, keywords = self.own(call.arguments), self.own(call.keywords)
        data = plain(call.outcome)
        is_array = data is not call.outcome or isinstance(call.function, np.ufunc)
        known = (data.shape, data.dtype) if is_array else (None, None)
        return self.program.step(call.function, arguments, keywords, *known)

    def guard(self, step: Step, outcome: Any) -> None:
        self.program.guards.append(Guard(step, outcome))
        entries = np.asarray(outcome)
        if entries.dtype.kind == "f" and not entries.all():
            # Zeros are equal, whatever their signs are.
            signs = np.signbit(entries)
            signed = self.program.step(np.signbit, (step,), {}, signs.shape, signs.dtype)
            self.program.guards.append(Guard(signed, signs))

    def include(self, root: Node) -> list[Node]:
        """Write the steps of what a tensor was computed from, and of itself; their order."""
        values, order = self.program.values, backward_order(root)
        for node in order:
            if node.operation is not None:
                array = node._array
                for argument in node.arguments:
                    if argument is array or getattr(argument, "_array", None) is array:
                        break
                else:
                    self.made.setdefault(id(array), node)
        for node in reversed(order):
            if node not in values:
                values[node] = self.own(node) if node.operation is None else self.forward(node)
        return order

    def forward(self, node: Node) -> Step:
        given = self.given[node] = [*map(self.own_part, arrays_of(node))]
        template = self.templates.of(node, "forward", lambda: forward_of(node))
        results = self.filled(template, given)
        self.kept[node] = results.get(1)
        return cast(Step, results[0])

    def backward(self, node: Node, careful: bool) -> None:
        """Write the steps by which a node adds to the cotangents of its arguments."""
        program, cotangents = self.program, self.program.cotangents
        if self.is_added(node):
            return
        given = [cotangents[node], program.values[node], *self.given[node]]
        contributions = program.contributions[node] = {}
        for slot, result in self.results(node, given, careful).items():
            argument = node.arguments[slot]
            if type(result) is not Step:
                result = self.input(np.asarray(result))
            contributions[slot] = result
            if argument in cotangents:
                both, array = (cotangents[argument], result), argument._array
                result = program.step(operator.add, both, {}, array.shape, array.dtype)
                result.like = self.likes.setdefault((array.shape, array.dtype), result)
            cotangents[argument] = result

    def is_added(self, node: Node) -> bool:
        """Whether the engine adds to a cotangent in its memory; then the step is written."""
        first = node.arguments[0]
        if not (node.operation.add_to and isinstance(first, Node) and first._requires_grad):
            return False
        program, array = self.program, first._array
        if first not in self.in_own_memory:
            if type(array) is np.ndarray:
                self.in_own_memory.add(first)
            return False
        read: list[Any] = [None, None]  # of what is indexed nothing but the index
        if node.operation.function is operator.getitem:
            read.append(self.own(node.arguments[-1]))
        else:
            read = [program.values[node], *self.own(node.arguments)]
        given = program.cotangents[first], program.cotangents[node], *read
        keywords = node.keywords and self.own(node.keywords)
        step = program.step(adding(node.operation), given, keywords, array.shape, array.dtype)
        kind = self.templates.number_of(node)
        if kind not in self.likes:
            self.likes[kind] = step if is_plain(step) else None
        step.like = self.likes[kind]
        program.cotangents[first] = step
        return True

    def results(self, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
        """Write the steps of the rules of a node; what they give, by argument."""
        kept = kept_steps(self.kept[node], node.residual)

        def made(seed: Array) -> Template | None:
            values = [node._array, *map(plain, arrays_of(node)), *[array for _, array in kept]]
            return backward_of(node, [seed, *values], self.kept[node], careful)

        kind = "backward", careful
        template = self.templates.of(node, kind, lambda: made(np.ones_like(node._array)[()]))
        if template and template.looks:
            template = made(self.value(given[0]))
        if template:
            return self.filled(template, [*given, *[step for step, _ in kept]])
        arguments = [*given[:2], *self.own(node.arguments)]
        arguments += [self.kept[node]] if node.operation.residual else []
        return self.applied(node, arguments, careful)

    def applied(self, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
        """For each argument a step that applies its rule, given all that rules are given."""
        found = {}
        for slot in recorded_slots(node):
            array, rule = node.arguments[slot]._array, Contribution(node, slot, careful)
            found[slot] = self.program.step(rule, given, {}, array.shape, array.dtype)
        return found

    def filled(self, template: Template, given: list[Any]) -> dict[int, Any]:
        """Write the steps of a template, and guards for what it looks at; its results."""
        results, looks = template.filled(given, self.written)
        for look in looks:
            self.guard(look, np.copy(self.value(look)))
        return results

    def written(self, step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Step:
        steps, own = self.program.steps, tuple(arguments)
        new = Step(step.function, own, keywords, step.shape, len(steps), step.dtype, step.like)
        steps.append(new)
        return new

    def value(self, step: Step) -> Array:
        """The value of a step, for which no others are computed than those that it needs."""
        found = self.found

        def missing(of: Step) -> list[Step]:
            return [part for part in steps_in(of) if part.number not in found]

        if step.number not in found:
            run_steps(needed_for([step], parts=missing), found)
        return found[step.number]


class _Outliner(Tracer):
    """A program in which a rule is one step, whatever it computes: to be run again."""

    def input(self, array: Array) -> Step:
        return self.leaf(array)

    def leaf(self, array: Array) -> Step:
        return self.program.step(None, (array,), {}, array.shape, array.dtype)

    def forward(self, node: Node) -> Step:
        operation, data, program = node.operation, node._array, self.program
        given = self.given[node] = [*map(self.own, node.arguments)]
        step = program.step(operation.compute, given, node.keywords, data.shape, data.dtype)
        self.found[step.number] = data
        if operation.residual:
            pair, step.shape, self.found[step.number] = step, None, (data, node.residual)
            step, residual = (program.step(itemgetter(i), (pair,), {}, None, None) for i in (0, 1))
            given.append(residual)
        return step

    def is_added(self, node: Node) -> bool:
        return False

    def results(self, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
        return self.applied(node, given, careful)


class guarded(SetForAWhile):  # noqa: N801 - used like no_grad
    """Remember what is computed from tensors beside the record, as a context.

    That is what comparisons give, `bool`, `float`, `int`, `item`, `tolist`, `numpy` and `format`,
    functions without a derivative such as `np.argmax`, and changes in place, of which `trace`
    makes guards; and tensors that do not require grad, `detach()` included, whose steps it
    writes. Not seen is what is computed from `.data`, `.grad`, plain arrays and the text of `str`.
    """

    def _key(self) -> list[Taken]:
        return []

    def _settings(self, key: list[Taken]) -> Iterable[tuple[ContextVar[Any], Any]]:
        return ((taken, key),)

    def __enter__(self) -> list[Taken]:
        super().__enter__()
        found: list[Taken] = self._keys[-1]
        return found
