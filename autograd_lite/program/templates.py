"""What functions and rules compute, as templates: of each one for all nodes that are alike.

`Rules` has them as they stand in the table, where a rule computes again what the function kept for
it. With the engine's numbers, to the last bit, a rule gets what was kept, sums are added up in the
engine's order, and what cannot be followed without a change of its numbers stays one step.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from autograd_lite.cotangents import match, without_nan
from autograd_lite.errors import AutogradError, UnsupportedError, describe, describe_one
from autograd_lite.node import Array, Node, arrays_in, plain
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Tape, Template, all_plain, as_called
from autograd_lite.program.program import Step, is_choice, mapped
from autograd_lite.table import TABLE
from autograd_lite.trees import leaves_of

Vjps = Mapping[Callable[..., Any], Sequence[Callable[..., Any]]]
Slots = Sequence[int] | None


Made = TypeVar("Made", bound=Template | None)


class Templates:
    """Templates, in a dictionary that may be kept for the nodes of other records."""

    def __init__(self, known: dict[Any, Any] | None = None) -> None:
        self._known = {} if known is None else known
        self._numbers: dict[Node, int] = {}

    def of(self, node: Node, kind: Any, make: Callable[[], Made]) -> Made:
        """What is made for a node; kept for those that are alike, unless it looks at entries."""
        key = kind, self.number_of(node)
        known: Made = self._known[key] if key in self._known else make()
        if known is None or not known.looks:
            self._known[key] = known
        return known

    def number_of(self, node: Node) -> int:
        """A number of nodes that are alike, as what a signature holds takes long to compare."""
        number = self._numbers.get(node)
        if number is None:
            number = self._known.setdefault(signature(node), len(self._known))
            self._numbers[node] = number
        return number


class Rules:
    """What functions and rules do; some rules are replaced, some functions written out."""

    def __init__(self, replaced: Vjps, written_out: Callable[[Operation], Any]) -> None:
        self._replaced = replaced
        self._written_out = written_out
        self._rows: dict[Operation, Operation] = {}
        self._templates = Templates()

    def call(self, node: Node) -> Template:
        """What the function of a node does; one step, unless it is written out."""
        return self._templates.of(node, "forward", lambda: self._called(node))

    def _called(self, node: Node) -> Template:
        operation = node.operation
        require_row("derivation", node)
        tape, arguments, keywords = tape_of(node)
        function = self._written_out(operation)
        if function:
            with suppress(TypeError, ValueError):  # it changes arrays in place
                result = tape.run(lambda *_: function(*arguments, **keywords))
                return tape.template({0: result[0] if isinstance(result, tuple) else result})
        called = operation.function, as_called(operation, arguments), keywords
        return tape.template({0: tape.expression(node._array, *called)})

    def template(
        self, node: Node, values: Callable[[], list[Array]], careful: bool, slots: Slots
    ) -> Template:
        """What a node contributes to the cotangents of its arguments, or of some of them.

        Given are its cotangent, its value and its arrays; rules that look at entries get `values`.
        """
        rules = Contributions(node, self._with_rules(node.operation), careful, slots)

        def made() -> Template | None:
            ones = [np.ones_like(node._array)[()], node._array, *map(plain, arrays_of(node))]
            return rules.template(ones) if rules.operation.is_own() else None

        template = self._templates.of(node, (careful, slots), made)
        return template if template and not template.looks else rules.template(values())

    def _with_rules(self, operation: Operation) -> Operation:
        function, compute, residual = operation.function, operation.compute, operation.residual
        if function in self._replaced and operation not in self._rows:
            vjps = self._replaced[function]
            self._rows[operation] = Operation(function, vjps, compute, residual=residual)
        return self._rows.get(operation, operation)


@dataclass(slots=True, eq=False)
class Contributions:
    """What the rules of an operation give for arguments of a node, each with its shape and dtype.

    They are given the cotangent, the value and the arrays of the node, and what takes the place of
    steps in what was kept for the rules.
    """

    node: Node
    operation: Operation
    careful: bool  # no NaN arises from a cotangent of 0
    slots: Slots = None  # the arguments, by default those that require grad
    kept: Any = None

    def __call__(self, g: Any, y: Any, *given: Any) -> dict[int, Any]:
        node, operation, rest, found = self.node, self.operation, iter(given), {}
        arguments, keywords = with_arrays(node, rest)
        residual = mapped(lambda part: next(rest) if type(part) is Step else part, self.kept)
        left = [g, y, *arguments, *([residual] if operation.residual else [])]
        for slot in recorded_slots(node) if self.slots is None else self.slots:
            result = operation.contribution(slot, left, keywords)
            result = without_nan(result, g) if self.careful else result
            found[slot] = match(result, arguments[slot], node)
        return found

    def template(self, arrays: list[Array]) -> Template:
        """The calls by which they compute that, given arrays.

        Raises:
            UnsupportedError: they are a user's, and cannot be followed.
        """
        tape = Tape(f"backward of {self.operation.name}", arrays)
        if self.operation.is_own():
            return tape.template(tape.run(self))
        try:
            results = tape.run(self)
            with np.errstate(all="ignore"):
                right = self(*[array.copy() for array in arrays])
            for slot, result in results.items():
                if not np.allclose(all_plain(result), right[slot], equal_nan=True):
                    raise TypeError("it is random, or changes an array that has two names")
        except AutogradError:
            raise
        except (TypeError, ValueError, AttributeError) as error:
            raise UnsupportedError(
                f"source of the rule of {self.operation.name}",
                f"{error}, and only calls that return new arrays are followed",
                "Write it of functions of NumPy's that do, such as np.where to change some entries",
            ) from error
        return tape.template(results)


def require_row(attempted: str, node: Node) -> None:
    """Raise an UnsupportedError if the function of a node is not in the table."""
    operation = node.operation
    if TABLE.get(operation.function) is not operation:
        raise UnsupportedError(
            f"{attempted} of {operation.name}{describe(node.arguments)}",
            "it has no row in the table of derivatives",
            "Compute the loss without checkpoint",
        )


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


def tape_of(node: Node) -> tuple[Tape, tuple[Any, ...], dict[str, Any]]:
    """A tape that is given the arrays of a node; its arguments and keywords as expressions."""
    tape = Tape(node.operation.name, map(plain, arrays_of(node)))
    return tape, *with_arrays(node, tape.given)


def signature(node: Node) -> tuple[Any, ...]:
    """What tells nodes apart for which the rules may compute otherwise."""
    key = [node.operation, node._array.shape, node._array.dtype, *map(value_key, node.arguments)]
    return (*key, value_key(node.keywords)) if node.keywords else tuple(key)


def _form(array: Array) -> Any:
    return array.shape, array.dtype


_TOLD_BY_VALUE = (int, float, str, np.generic)


def value_key(value: Any, of_array: Callable[[Array], Any] = _form) -> Any:
    """What tells values apart: equal for equal numbers, and for arrays of one shape and dtype.

    Or else for arrays that are equal by what is told of each.
    """
    kind = type(value)
    if kind is Step:
        return value
    if isinstance(value, Node):
        array = value._array
        chosen = array.item() if is_choice(array) else None
        return value._requires_grad, array.shape, array.dtype, chosen
    if isinstance(value, _TOLD_BY_VALUE):
        return kind, value or repr(value)  # zeros have signs
    if isinstance(value, np.ndarray):
        return np.ndarray, of_array(value)
    if isinstance(value, list | tuple):
        return kind, *[value_key(part, of_array) for part in value]
    if kind is dict:
        return kind, *[value_key(part, of_array) for part in value.items()]
    if kind is slice:
        parts = value.start, value.stop, value.step
        return kind, *[value_key(part, of_array) for part in parts]
    return kind, id(value)


# With the engine's numbers, to the last bit


UNFOLLOWED = (TypeError, ValueError, AttributeError, UnsupportedError)
"""What a function raises that changes arrays in place, or asks what an array within is."""


class Adding:
    """Adds what reaches an argument to a cotangent, as the engine does in the memory of that."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.__name__ = f"backward of {operation.name}"

    def __call__(self, total: Array, *given: Any, **keywords: Any) -> Array:
        return self.in_place(total.copy(), *given, **keywords)

    def in_place(self, total: Array, *given: Any, **keywords: Any) -> Array:
        self.operation.add_to(total, *given, **keywords)  # type: ignore[misc] # asked only where there is one
        return total


adding = functools.cache(Adding)


def adds_at(function: Any) -> bool:
    """Whether it adds to a cotangent what reaches it over an index."""
    return isinstance(function, Adding) and function.operation.function is operator.getitem


@dataclass(slots=True, eq=False)
class Contribution:
    """What a node contributes to the cotangent of one argument, given what its rules are given."""

    node: Node
    slot: int
    careful: bool  # no NaN arises from a cotangent of 0
    vjp: Callable[..., Array] | None = None  # in place of the rule

    def __call__(self, *given: Any) -> Array:
        node, slot = self.node, self.slot
        if self.vjp:
            result = self.vjp(*given, **node.keywords)
        else:
            result = node.operation.contribution(slot, [*given], node.keywords)
        result = without_nan(result, given[0]) if self.careful else result
        return match(result, node.arguments[slot]._array, node)

    @property
    def __name__(self) -> str:
        return f"backward of {self.node.operation.name}"


def _var(a: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    mean = np.mean(a, axis=axis, keepdims=True)
    deviation = a - mean
    total = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / max(a.size // max(mean.size, 1) - ddof, 0)


def _std(a: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    return np.sqrt(_var(a, axis, ddof, keepdims))


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {np.var: _var, np.std: _std}
"""Functions of NumPy's as it computes them, so that others share the parts."""


def definition_of(row: Operation) -> Callable[..., Any] | None:
    """What computes a function by calls that may be followed, where the project has that."""
    own = isinstance(row.function, FunctionType) and row.is_own()
    return WRITTEN_OUT.get(row.function, row.compute if own else None)


def forward_of(node: Node) -> Template:
    """What a node is computed by: the steps of its function, or one step."""
    operation, outcome = node.operation, (node._array, node.residual)
    require_row("program", node)
    tape, arguments, keywords = tape_of(node)
    function = definition_of(operation)
    if function:
        with suppress(*UNFOLLOWED):
            result = tape.run(lambda *_: function(*arguments, **keywords))
            parts = result if operation.residual else (result, None)
            template = tape.template({0: parts[0], 1: parts[1]})
            # One step looks at entries anew each time, which takes longer than a test does.
            tests = all(x.shape == () and x.dtype == np.bool for x in template.looks)
            followed = tests and type(template.results[0]) is Step
            if followed and _dtypes(all_plain(parts)) == _dtypes(outcome):
                return template
        tape, arguments, keywords = tape_of(node)
    data = None if operation.residual else node._array
    whole = tape.expression(data, operation.compute, arguments, keywords)
    parts = _taken_apart(tape, whole, outcome) if operation.residual else (whole, None)
    return tape.template({0: parts[0], 1: parts[1]})


def _taken_apart(tape: Tape, whole: Any, outcome: Any) -> Any:
    """The parts of what a function returned, nested tuples, each taken by its index."""
    parts = []
    for index, part in enumerate(outcome):
        several = isinstance(part, tuple)
        if not (several or part is None or hasattr(part, "dtype")):
            raise UnsupportedError("program", "it keeps what is no array", "Keep arrays")
        step = tape.expression(None if several else part, operator.getitem, (whole, index))
        parts.append(_taken_apart(tape, step, part) if several else step)
    return tuple(parts)


def _dtypes(values: Any) -> list[Any]:
    return [getattr(x, "dtype", type(x)) for x in leaves_of(values)]


def backward_of(node: Node, arrays: list[Array], kept: Any, careful: bool) -> Template | None:
    """What a node contributes, given its cotangent, its value, its arrays and what was kept.

    None where its rules cannot be followed.
    """
    if node.operation.is_own():
        with suppress(*UNFOLLOWED):
            return Contributions(node, node.operation, careful, kept=kept).template(arrays)
    return None


def kept_steps(kept: Any, residual: Any) -> list[tuple[Step, Array]]:
    """The steps among what was kept for a rule, each with its array."""
    if isinstance(kept, tuple):
        return [pair for both in zip(kept, residual) for pair in kept_steps(*both)]
    return [(kept, residual)] if type(kept) is Step else []
