"""Make a program from the record of a loss: the engine's own backward pass writes its steps."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.engine import backward_order, backward_steps
from autograd_lite.errors import AutogradError, UnsupportedError, describe, describe_one
from autograd_lite.fitting import match, without_nan
from autograd_lite.modes import SetForAWhile, Taken, taken
from autograd_lite.node import Array, Node, arrays_in, plain
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Tape, Template, all_plain, as_called
from autograd_lite.program.program import Guard, Program, Step, mapped, run_steps, same, steps_in
from autograd_lite.table import TABLE

Vjps = Mapping[Callable[..., Any], Sequence[Callable[..., Any]]]


class Rules:
    """What functions and rules do; some rules are replaced, some functions written out."""

    def __init__(self, replaced: Vjps, written_out: Callable[[Operation], Any]) -> None:
        self._replaced = replaced
        self._written_out = written_out
        self._templates: dict[Any, Template] = {}
        self._kinds: dict[Any, int] = {}

    def _kind(self, node: Node) -> int:
        """A number that is the same for all nodes that are alike."""
        if node not in self._kinds:
            self._kinds[node] = self._kinds.setdefault(signature(node), len(self._kinds))
        return self._kinds[node]

    def call(self, node: Node) -> Template:
        """What the function of a node does; one step, unless it is written out."""
        key = self._kind(node)
        if key in self._templates:
            return self._templates[key]
        operation, template = node.operation, None
        if TABLE.get(operation.function) is not operation:
            raise UnsupportedError(
                f"derivation of {operation.name}{describe(node.arguments)}",
                "it has no row in the table of derivatives",
                "Compute the loss without checkpoint",
            )
        tape = Tape(operation.name, map(plain, arrays_of(node)))
        arguments, keywords = with_arrays(node, tape.given)
        function = self._written_out(operation)
        if function:
            try:
                result = tape.run(lambda *_: function(*arguments, **keywords))
                template = tape.template({0: result[0] if isinstance(result, tuple) else result})
            except (TypeError, ValueError):
                pass  # It changes arrays in place.
        if template is None:
            called = operation.function, as_called(operation, arguments), keywords
            template = tape.template({0: tape.expression(node._array, *called)})
        if not template.looks:
            self._templates[key] = template
        return template

    def template(
        self,
        node: Node,
        values: Callable[[], list[Array]],
        careful: bool = False,
        slots: tuple[int, ...] | None = None,
    ) -> Template:
        """What a node contributes to the cotangents of its arguments, or of some of them.

        Given are its cotangent, its value and its arrays; rules that look at entries get `values`.
        """
        operation = node.operation
        key = self._kind(node), careful, slots
        if key in self._templates:
            return self._templates[key]
        vjps = self._replaced.get(operation.function)
        if vjps:
            compute, residual = operation.compute, operation.residual
            operation = Operation(operation.function, vjps, compute, residual=residual)
        slots = recorded_slots(node) if slots is None else slots
        if operation.is_own():
            ones = [np.ones_like(node._array)[()], node._array, *map(plain, arrays_of(node))]
            template = _traced(node, operation, ones, careful, slots)
            if not template.looks:
                self._templates[key] = template
                return template
        return _traced(node, operation, values(), careful, slots)


def _traced(
    node: Node, operation: Operation, arrays: list[Array], careful: bool, slots: tuple[int, ...]
) -> Template:
    tape = Tape(f"backward of {operation.name}", arrays)

    def contributions(g: Any, y: Any, *given: Any) -> dict[int, Any]:
        arguments, keywords = with_arrays(node, given)
        all_given = [g, y, *arguments, *([None] if operation.residual else [])]
        return contributions_to(slots, node, operation, all_given, keywords, careful)

    if operation.is_own():
        return tape.template(tape.run(contributions))
    try:
        results = tape.run(contributions)
        with np.errstate(all="ignore"):
            right = contributions(*[array.copy() for array in arrays])
        for slot, result in results.items():
            if not np.allclose(all_plain(result), right[slot], equal_nan=True):
                raise TypeError("it is random, or changes an array that has two names")
    except AutogradError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise UnsupportedError(
            f"source of the rule of {operation.name}",
            f"{error}, and only calls that return new arrays are followed",
            "Write it of functions of NumPy's that do, such as np.where to change some entries",
        ) from error
    return tape.template(results)


def contributions_to(
    slots: Iterable[int],
    node: Node,
    operation: Operation,
    given: Sequence[Any],
    keywords: dict[str, Any],
    careful: bool,
) -> dict[int, Any]:
    """What the rules of an operation give for some arguments, each with its shape and dtype."""
    left, found = [*given], {}
    for slot in slots:
        result = operation.contribution(slot, left, keywords)
        result = without_nan(result, given[0]) if careful else result
        found[slot] = match(result, given[2 + slot], node)
    return found


def require_numpy(array: Any) -> None:
    """Raise an UnsupportedError unless it is an array of NumPy's."""
    if not isinstance(array, np.ndarray | np.generic):
        raise UnsupportedError(
            f"trace of what was computed from {describe_one(array)}",
            "it is no array of NumPy's",
            "Compute the loss from NumPy arrays",
        )


def recorded_slots(node: Node) -> tuple[int, ...]:
    """The indices of the arguments that require grad."""
    return tuple([i for i in node.wanted if node.arguments[i]._requires_grad])


def arrays_of(node: Node) -> list[Any]:
    """The nodes and arrays among the arguments and the keywords of a node."""
    return arrays_in([node.arguments, node.keywords] if node.keywords else node.arguments)


def with_arrays(node: Node, values: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments and keywords of a node, with values in place of its nodes and arrays."""
    rest = iter(values)

    def own(value: Any) -> Any:
        return next(rest) if isinstance(value, Node | np.ndarray) else value

    return mapped(own, node.arguments), node.keywords and mapped(own, node.keywords)


def signature(node: Node) -> tuple[Any, ...]:
    """What tells nodes apart for which the rules may compute otherwise."""
    key = [node.operation, node._array.shape, node._array.dtype, *map(value_key, node.arguments)]
    return (*key, value_key([*node.keywords.items()])) if node.keywords else tuple(key)


_TOLD_BY_VALUE = (int, float, str, np.generic)


def value_key(value: Any) -> Any:
    """What tells values apart: equal for equal numbers, and for arrays of one shape and dtype."""
    if isinstance(value, Node):
        return value._requires_grad, value._array.shape, value._array.dtype
    if isinstance(value, _TOLD_BY_VALUE):
        return type(value), value or repr(value)
    if isinstance(value, np.ndarray):
        return np.ndarray, value.shape, value.dtype
    if isinstance(value, list | tuple):
        return type(value), *map(value_key, value)
    if isinstance(value, slice):
        return slice, *map(value_key, (value.start, value.stop, value.step))
    return value if type(value) is Step else (type(value), id(value))


def trace(loss: Node, taken: Iterable[Taken] = ()) -> Program:
    """The program of a loss: what was recorded, and the backward pass.

    It follows the branches that the record took; where a rule looks at entries, it has a guard.
    What was `taken` from tensors beside the record, as `guarded` notes it, is in it too. What was
    computed unnoticed from tensors that do not require grad is held fixed.

    Raises:
        UnsupportedError: it was computed with a function that is not in the table, or with arrays
            that are not NumPy's.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> [step.function.__name__ for step in trace(np.tanh(x).sum()).steps if step.function]
    ['tanh', 'sum', 'broadcast_to', 'multiply', 'subtract', 'multiply']
    """
    tracer = Tracer(loss)
    tracer.write([*taken])
    return tracer.program


class Tracer:
    """A program in the making."""

    def __init__(self, loss: Node) -> None:
        self.program = Program(loss)
        self.rules = Rules({}, lambda operation: None)
        self.given: dict[Node, list[Any]] = {}
        self.found: dict[int, Array] = {}
        self.made: dict[int, Node | Taken | Step] = {}

    def write(self, noted: Sequence[Taken] = ()) -> None:
        """Write the forward and the backward pass, and what was noted beside the record."""
        for call in noted:
            self.note(call)
        loss, program = self.program.loss, self.program
        self.include(loss)
        program.cotangents[loss] = self.leaf(np.ones_like(loss._array)[()])
        for node, careful in backward_steps(backward_order(loss)):
            self.backward(node, careful)
        self.guard_noted(noted)

    def guard_noted(self, noted: Iterable[Taken]) -> None:
        """Write what was noted that gave plain values, which decided on what is computed."""
        for call in noted:
            if not isinstance(call.outcome, Node):
                self.guard(self.called(call), call.outcome)

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
            array = value._array
            known = self.leaf(array) if value._requires_grad else self.input(array)
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
            known = self.noted(made) if isinstance(made, Taken) else self.own_part(made)
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

    def include(self, root: Node) -> None:
        """Write the steps of what a tensor was computed from, and of itself."""
        values, order = self.program.values, backward_order(root)
        for node in order:
            if node.operation is not None and not any(
                plain(argument) is node._array for argument in node.arguments
            ):
                self.made.setdefault(id(node._array), node)
        for node in reversed(order):
            if node not in values:
                values[node] = self.own(node) if node.operation is None else self.forward(node)

    def forward(self, node: Node) -> Step:
        given = self.given[node] = [*map(self.own_part, arrays_of(node))]
        step: Step = self.rules.call(node).filled(given, self.written)[0][0]
        return step

    def backward(self, node: Node, careful: bool) -> None:
        """Write the steps by which a node adds to the cotangents of its arguments."""
        program, cotangents = self.program, self.program.cotangents
        given = [cotangents[node], program.values[node], *self.given[node]]
        first = len(program.steps)
        contributions = program.contributions[node] = {}
        for slot, result in self.results(node, given, careful).items():
            argument = node.arguments[slot]
            shape, dtype = argument._array.shape, argument._array.dtype
            if type(result) is not Step or result.number < first:
                result = program.step(same, (result,), {}, shape, dtype)
            contributions[slot] = result
            if argument in cotangents:
                both = cotangents[argument], result
                result = program.step(operator.add, both, {}, shape, dtype)
            cotangents[argument] = result

    def results(self, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
        """Write the steps of the rules of a node; what they give, by argument."""
        template = self.rules.template(node, lambda: [*map(self.value, given)], careful)
        results, looks = template.filled(given, self.written)
        for look in looks:
            self.guard(look, np.copy(self.value(look)))
        return results

    def written(self, step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Step:
        shape, dtype = step.shape, step.dtype
        return self.program.step(step.function, arguments, keywords, shape, dtype, step.like)

    def value(self, step: Step) -> Array:
        """The value of a step, for which no others are computed than those that it needs."""
        missing, stack = dict[int, Step](), [step]
        while stack:
            one = stack.pop()
            if one.number not in self.found and one.number not in missing:
                missing[one.number] = one
                stack += steps_in(one)
        run_steps([missing[number] for number in sorted(missing)], self.found)
        return self.found[step.number]


class guarded(SetForAWhile):  # noqa: N801 - used like no_grad
    """Remember what is computed from tensors beside the record, as a context.

    That is what comparisons give, `bool`, `float`, `int`, `item`, `tolist`, `numpy` and `format`,
    functions without a derivative such as `np.argmax`, and changes in place, of which `trace`
    makes guards; and tensors that do not require grad, `detach()` included, whose steps it
    writes. Not seen is what is computed from `tensor.data` or `tensor.grad`, from plain arrays,
    or from the text that `str` gives.
    """

    def _key(self) -> list[Taken]:
        return []

    def _settings(self, key: list[Taken]) -> Iterable[tuple[ContextVar[Any], Any]]:
        return ((taken, key),)

    def __enter__(self) -> list[Taken]:
        super().__enter__()
        found: list[Taken] = self._keys[-1]
        return found
