"""Make a program from the record of a loss: the engine's own backward pass writes its steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import backward_order, backward_steps, match, without_nan
from autograd_lite.errors import UnsupportedError, describe, describe_one
from autograd_lite.modes import Taken
from autograd_lite.node import Array, Node, arrays_in, plain
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Expression, Shape, leaf, traced
from autograd_lite.program.program import Guard, Program, Step, mapped, run_steps, same, steps_in
from autograd_lite.program.rules import Template, as_called, template_of
from autograd_lite.table import TABLE


class Textbook(NamedTuple):
    """How a textbook writes some rules, and some functions.

    Attributes:
        rules: vjps that take the place of the table's, by function.
        written_out: what a row's function does, where it is written out rather than called.
    """

    rules: Mapping[Callable[..., Any], list[Callable[..., Any]]]
    written_out: Callable[[Operation], Callable[..., Any] | None]


def trace(loss: Node, textbook: Textbook | None = None, taken: Iterable[Taken] = ()) -> Program:
    """The program of a loss: what was recorded, and the backward pass.

    It follows the branches that the record took. Rules are traced once for all nodes with the
    same function, shapes and plain arguments. Where a rule looks at entries, the program has a
    guard.

    Args:
        loss: a tensor that was recorded; the cotangent that its backward pass starts from is 1.
        textbook: what takes the place of the table.
        taken: plain values that were taken out of tensors meanwhile, as `guarded` notes them.

    Raises:
        UnsupportedError: it was computed with a function that is not in the table, or with arrays
            that are not NumPy's.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> [step.function.__name__ for step in trace(np.tanh(x).sum()).steps if step.function]
    ['tanh', 'sum', 'broadcast_to', 'multiply', 'subtract', 'multiply']
    """
    tracer = _Tracer(loss, textbook)
    program = tracer.program
    tracer.include(loss)
    program.cotangents[loss] = tracer.leaf(np.ones_like(loss._data)[()])
    for node, careful in backward_steps(loss):
        tracer.backward(node, careful)
    for call in taken:
        tracer.guard(call)
    return program


def trace_rule(node: Node, slots: Sequence[int], textbook: Textbook) -> Program:
    """What a node contributes to the cotangents of some arguments, as a program of its own.

    The value of the node and its cotangent are not computed in it, and its arguments are inputs.
    """
    tracer = _Tracer(node, textbook, slots)
    program = tracer.program
    program.values[node] = tracer.leaf(node._data)
    tracer.meet(node)
    program.cotangents[node] = tracer.leaf(np.ones_like(node._data)[()])
    tracer.backward(node)
    return program


class _Tracer:
    """A program in the making: of all cotangents, or only of some arguments of each node."""

    def __init__(
        self, loss: Node, textbook: Textbook | None, slots: Sequence[int] | None = None
    ) -> None:
        self.program = Program(loss)
        self.slots = slots
        self.textbook = textbook or Textbook({}, lambda operation: None)
        self.templates: dict[Any, Template] = {}
        self.keys: dict[Node, Any] = {}
        self.found: list[Array] = []

    def leaf(self, array: Array) -> Step:
        """A step for an array that is not computed."""
        if not isinstance(array, np.ndarray | np.generic):
            raise UnsupportedError(
                f"trace of what was computed from {describe_one(array)}",
                "it is no array of NumPy's",
                "Compute the loss from NumPy arrays",
            )
        return self.program.step(None, (array,), {}, array.shape, array.dtype)

    def own(self, value: Any) -> Any:
        """An argument of a node, with steps in place of nodes and arrays."""
        return mapped(self.own_part, value)

    def own_part(self, value: Any) -> Any:
        """The step of a node or an array; any other value as it is."""
        if isinstance(value, Node):
            known = self.program.values.get(value)
            if known is None:
                array = value._data
                known = self.leaf(array) if value._requires_grad else self.input(array)
                self.program.inputs[value] = known
            return known
        return self.input(value) if isinstance(value, np.ndarray) else value

    def input(self, array: Array) -> Step:
        """The step of an array that the loss was computed from, be it a tensor's or not."""
        inputs = self.program.inputs
        if id(array) not in inputs:
            inputs[id(array)] = self.leaf(array)
        return inputs[id(array)]

    def include(self, root: Node) -> None:
        """Write the steps of what a tensor was computed from, and of itself."""
        values = self.program.values
        for node in reversed(backward_order(root)):
            if node not in values:
                values[node] = self.own(node) if node.operation is None else self.forward(node)

    def guard(self, call: Taken) -> None:
        """Write the step that computes a plain value again."""
        given = arrays_in([call.arguments, [*call.keywords.values()]])
        nodes = [node for node in given if isinstance(node, Node)]
        for node in nodes:
            if node._requires_grad:
                self.include(node)
        step, known = None, self.program.inputs
        if all(node in self.program.values or id(node._data) in known for node in nodes):
            arguments, keywords = self.own(call.arguments), self.own(call.keywords)
            step = self.program.step(call.function, arguments, keywords, None, None)
        self.program.guards.append(Guard(step, call.outcome, call.function.__name__))

    def forward(self, node: Node) -> Step:
        """The step of a computed node."""
        operation = node.operation
        if TABLE.get(operation.function) is not operation:
            raise UnsupportedError(
                f"derivation of {operation.name}{describe(node.arguments)}",
                "it has no row in the table of derivatives",
                "Compute the loss without checkpoint",
            )
        arguments, keywords = self.meet(node)
        function = self.textbook.written_out(operation)
        template = function and self.forward_template(node, function)
        if template:
            result: Step = self.fill(template, self.program.given[node], operation)[0]
            return result
        data, arguments = node._data, as_called(operation, arguments)
        return self.program.step(operation.function, arguments, keywords, data.shape, data.dtype)

    def meet(self, node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments and keywords of a node; what is asked for again is kept."""
        values, given = self.program.values, []
        arguments, key = [], [node.operation, node._data.shape, node._data.dtype]
        for argument in node.arguments:
            step = values.get(argument) if isinstance(argument, Node) else None
            if step is None:
                own = self.own(argument)
                given += steps_in((own,))
                key.append(_key(own))
            else:
                own = step
                given.append(step)
                key += (step.shape, step.dtype)
            arguments.append(own)
        keywords = node.keywords
        if keywords:
            keywords = self.own(keywords)
            given += steps_in([*keywords.values()])
            key.append(_key([*keywords.items()]))
        self.program.given[node], self.keys[node] = given, tuple(key)
        return tuple(arguments), keywords

    def forward_template(self, node: Node, function: Callable[..., Any]) -> Template | None:
        """What a function does that is written out; None where it changes arrays in place."""
        key = self.keys[node], function
        if key not in self.templates:
            leaves, arguments, keywords = _expressions(node, _arrays_of(node))
            try:
                result, looks = traced(function, *arguments, **keywords)
            except TypeError:
                return None
            result = result[0] if isinstance(result, tuple) else result
            template = template_of(leaves, {0: result}, looks, function.__name__)
            if template.looks:
                return template
            self.templates[key] = template
        return self.templates[key]

    def backward(self, node: Node, careful: bool = False) -> None:
        """Write the steps by which a node adds to the cotangents of its arguments."""
        operation, cotangents = node.operation, self.program.cotangents
        given = [cotangents[node], self.program.values[node], *self.program.given[node]]
        template = self.backward_template(node, given, careful)
        contributions = self.program.contributions[node] = {}
        first = len(self.program.steps)
        for slot, result in self.fill(template, given, operation).items():
            argument = node.arguments[slot]
            shape, dtype = argument._data.shape, argument._data.dtype
            if type(result) is not Step or result.number < first:
                result = self.program.step(same, (result,), {}, shape, dtype)
            contributions[slot] = result
            if argument in cotangents:
                both = cotangents[argument], result
                result = self.program.step(np.add, both, {}, shape, dtype)
            cotangents[argument] = result

    def backward_template(self, node: Node, given: list[Step], careful: bool) -> Template:
        """What the rules of a node compute: for all nodes like it, unless they look at entries."""
        key = self.keys[node], careful
        if key in self.templates:
            return self.templates[key]
        operation = node.operation
        rules = self.textbook.rules.get(operation.function)
        if rules:
            operation = dataclasses.replace(operation, vjps=rules, variadic=False)
        arrays = [np.ones_like(node._data)[()], node._data, *_arrays_of(node)]
        template = self.traced_rules(node, operation, arrays, careful)
        if template.looks or not _is_own(operation):
            return self.traced_rules(node, operation, [*map(self.value, given)], careful)
        self.templates[key] = template
        return template

    def traced_rules(
        self, node: Node, operation: Operation, arrays: list[Array], careful: bool
    ) -> Template:
        """What the rules of a node compute from its cotangent, its value and its arguments."""
        g, y = map(leaf, arrays[:2])
        leaves, arguments, keywords = _expressions(node, arrays[2:])
        wanted = [
            i for i, x in enumerate(node.arguments) if isinstance(x, Node) and x._requires_grad
        ]

        def contributions() -> dict[int, Any]:
            given = [g, y, *arguments, *([None] if operation.residual else [])]
            found = {}
            for slot in wanted if self.slots is None else self.slots:
                result = operation.contribution(slot, given, keywords)
                result = without_nan(result, g) if careful else result
                found[slot] = match(result, arguments[slot], node)
            return found

        results, looks = traced(contributions)
        return template_of([g, y, *leaves], results, looks, f"backward of {operation.name}")

    def fill(self, template: Template, given: list[Step], operation: Operation) -> dict[int, Any]:
        """Write the steps of a template; returns its results."""
        new = [*given]

        def own(value: Any) -> Any:
            if type(value) is Step:
                return new[value.number]
            return value.owned_by(new[value.owner.number]) if type(value) is Shape else value

        for call in template.steps:
            arguments = tuple(
                [new[x.number] if type(x) is Step else mapped(own, x) for x in call.arguments]
            )
            keywords = call.keywords and mapped(own, call.keywords)
            step = self.program.step(call.function, arguments, keywords, call.shape, call.dtype)
            new.append(step)
        for look in map(own, template.looks):
            self.program.guards.append(Guard(look, self.value(look), operation.name))
        found: dict[int, Any] = mapped(own, template.results)
        return found

    def value(self, step: Step) -> Array:
        """The value of a step, for the arrays as they are."""
        new = self.program.steps[len(self.found) : step.number + 1]
        self.found += [step.arguments[0] if step.function is None else None for step in new]
        run_steps(new, self.found)
        return self.found[step.number]


def _arrays_of(node: Node) -> list[Array]:
    """The arrays among the arguments of a node, and in its nodes."""
    return [*map(plain, arrays_in([node.arguments, [*node.keywords.values()]]))]


def _is_own(operation: Operation) -> bool:
    """Whether the rules are the project's, which compute from nothing but what they are given."""
    package = __name__.partition(".")[0]
    modules = [getattr(vjp, "__module__", "") for vjp in operation.vjps if vjp]
    return all(module.partition(".")[0] == package for module in modules)


def _expressions(
    node: Node, arrays: list[Array]
) -> tuple[list[Expression], tuple[Any, ...], dict[str, Any]]:
    """Expressions for arrays, and the arguments and keywords of a node with them in place."""
    leaves = [*map(leaf, arrays)]
    rest = iter(leaves)

    def own(value: Any) -> Any:
        return next(rest) if isinstance(value, Node | np.ndarray) else value

    return leaves, mapped(own, node.arguments), mapped(own, node.keywords)


def _key(value: Any) -> Any:
    """What tells arguments apart for which a rule may compute otherwise."""
    if type(value) is Step:
        return Step, value.shape, value.dtype
    if isinstance(value, list | tuple):
        return type(value), *map(_key, value)
    if isinstance(value, slice):
        return slice, *map(_key, (value.start, value.stop, value.step))
    if isinstance(value, int | float | str | np.generic):
        return type(value), value or repr(value)
    return type(value), id(value)
