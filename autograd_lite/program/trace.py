"""Make a program from the record of a loss: the engine's own backward pass writes its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import backward_order, backward_steps, match, without_nan
from autograd_lite.errors import AutogradError, UnsupportedError, describe, describe_one
from autograd_lite.modes import Taken
from autograd_lite.node import Array, Node, arrays_in, inputs_of, plain
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
        taken: what was computed from tensors beside the record, as `guarded` notes it. What was
            computed unnoticed from tensors that do not require grad is held fixed.

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
    noted = [*taken]
    for call in noted:
        tracer.note(call)
    tracer.include(loss)
    program.cotangents[loss] = tracer.leaf(np.ones_like(loss._array)[()])
    for node, careful in backward_steps(loss):
        tracer.backward(node, careful)
    for call in noted:
        if not isinstance(call.outcome, Node):
            arguments, keywords = tracer.own(call.arguments), tracer.own(call.keywords)
            step = program.step(call.function, arguments, keywords, None, None)
            program.guards.append(Guard(step, call.outcome, call.function.__name__))
    return program


def trace_rule(node: Node, slots: Sequence[int], textbook: Textbook) -> Program:
    """What a node contributes to the cotangents of some arguments, as a program of its own.

    The value of the node and its cotangent are not computed in it, and its arguments are inputs.
    """
    tracer = _Tracer(node, textbook, slots)
    program = tracer.program
    program.values[node] = tracer.leaf(node._array)
    program.inputs |= {x: tracer.leaf(x._array) for x in dict.fromkeys(inputs_of(node))}
    tracer.meet(node)
    program.cotangents[node] = tracer.leaf(np.ones_like(node._array)[()])
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
        self.made: dict[int, Node | Taken | Step] = {}

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
                computed = self.input(array.base)
                self.program.guards.append(Guard(computed, array.base.copy(), "data"))
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
        given = [x for x in arrays_in([call.arguments, call.keywords]) if isinstance(x, Node)]
        for node in given:
            self.made.setdefault(id(node._array), node)
        if isinstance(call.outcome, Node):
            self.made.setdefault(id(call.outcome._array), call)

    def noted(self, call: Taken) -> Step:
        """The step of a noted call that gave a tensor."""
        arguments, keywords = self.own(call.arguments), self.own(call.keywords)
        data, where = call.outcome._array, call.function.__name__
        step = self.program.step(call.function, arguments, keywords, data.shape, data.dtype)
        if np.array_equal(self.value(step), data, equal_nan=True):
            return step
        # It is random, or was changed in place since.
        for given in steps_in([*arguments, *keywords.values()]):
            self.program.guards.append(Guard(given, np.copy(self.value(given)), where))
        return self.leaf(data)

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
        data, arguments = node._array, as_called(operation, arguments)
        return self.program.step(operation.function, arguments, keywords, data.shape, data.dtype)

    def meet(self, node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments and keywords of a node; what is asked for again is kept."""
        values, given = self.program.values, []
        arguments, key = [], [node.operation, node._array.shape, node._array.dtype]
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
            leaves = [*map(leaf, _arrays_of(node))]
            arguments, keywords = _with(node, leaves)
            try:
                result, looks = traced(function, *arguments, **keywords)
            except (TypeError, ValueError):
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
            shape, dtype = argument._array.shape, argument._array.dtype
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
            operation = Operation(
                operation.function, rules, operation.compute, residual=operation.residual
            )
        if _is_own(operation):
            arrays = [np.ones_like(node._array)[()], node._array, *_arrays_of(node)]
            template = self.traced_rules(node, operation, arrays, careful)
            if not template.looks:
                self.templates[key] = template
                return template
        return self.traced_rules(node, operation, [*map(self.value, given)], careful)

    def traced_rules(
        self, node: Node, operation: Operation, arrays: list[Array], careful: bool
    ) -> Template:
        """What the rules of a node compute from its cotangent, its value and its arguments."""
        leaves = [*map(leaf, arrays)]
        wanted = [
            i for i, x in enumerate(node.arguments) if isinstance(x, Node) and x._requires_grad
        ]

        def contributions(g: Any, y: Any, *given: Any) -> dict[int, Any]:
            arguments, keywords = _with(node, given)
            all_given = [g, y, *arguments, *([None] if operation.residual else [])]
            found = {}
            for slot in wanted if self.slots is None else self.slots:
                result = operation.contribution(slot, all_given, keywords)
                result = without_nan(result, g) if careful else result
                found[slot] = match(result, arguments[slot], node)
            return found

        if _is_own(operation):
            results, looks = traced(contributions, *leaves)
        else:
            results, looks = _traced_own(contributions, leaves, operation)
        return template_of(leaves, results, looks, f"backward of {operation.name}")

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
            self.program.guards.append(Guard(look, np.copy(self.value(look)), operation.name))
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


def _traced_own(
    contributions: Callable[..., dict[int, Any]], leaves: list[Expression], operation: Operation
) -> tuple[dict[int, Any], list[Expression]]:
    """What a user's rules give for expressions, which is what they give for arrays."""
    try:
        results, looks = traced(contributions, *leaves)
        with np.errstate(all="ignore"):
            right = contributions(*[x._array.copy() for x in leaves])
        for slot, result in results.items():
            if not np.allclose(plain(result), right[slot], equal_nan=True):
                raise TypeError("it is random, or changes an array that has two names")
    except AutogradError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise UnsupportedError(
            f"source of the rule of {operation.name}",
            f"{error}, and only calls that return new arrays are followed",
            "Write it of functions of NumPy's that do, such as np.where to change some entries",
        ) from error
    return results, looks


def _with(node: Node, values: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments and keywords of a node, with values in place of its nodes and arrays."""
    rest = iter(values)

    def own(value: Any) -> Any:
        return next(rest) if isinstance(value, Node | np.ndarray) else value

    return mapped(own, node.arguments), mapped(own, node.keywords)


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
