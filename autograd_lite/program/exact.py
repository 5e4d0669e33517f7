"""What functions and rules compute with the engine's numbers, to the last bit.

`templates` writes rules as they stand in the table, where a rule computes again what the function
kept for it. Here a rule gets what was kept, sums are added up in the engine's order, and what
cannot be followed without a change of its numbers stays one step.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError
from autograd_lite.fitting import match, without_nan
from autograd_lite.node import Array, Node
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Tape, Template, all_plain
from autograd_lite.program.program import Step
from autograd_lite.program.templates import require_row, rules_of, tape_of
from autograd_lite.trees import leaves_of

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
    operation = node.operation
    if operation.is_own():
        tape = Tape(f"backward of {operation.name}", arrays)
        with suppress(*UNFOLLOWED):
            return tape.template(tape.run(rules_of(node, operation, careful, kept)))
    return None


def kept_steps(kept: Any, residual: Any) -> list[tuple[Step, Array]]:
    """The steps among what was kept for a rule, each with its array."""
    if isinstance(kept, tuple):
        return [pair for both in zip(kept, residual) for pair in kept_steps(*both)]
    return [(kept, residual)] if type(kept) is Step else []
