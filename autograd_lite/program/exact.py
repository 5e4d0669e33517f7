"""The program of a loss whose numbers are those of the engine, to the last bit.

`trace` writes rules as they stand in the table, where a rule computes again what the function kept
for it. Here a rule gets what was kept, sums are added up in the engine's order, and what cannot be
followed without a change of its numbers stays one step.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError
from autograd_lite.modes import Taken
from autograd_lite.node import Array, Node, plain
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Tape, Template, all_plain
from autograd_lite.program.outline import applied
from autograd_lite.program.program import Step, mapped
from autograd_lite.program.trace import (
    Tracer,
    arrays_of,
    contributions_to,
    recorded_slots,
    signature,
    with_arrays,
)
from autograd_lite.table import TABLE
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


class ExactTracer(Tracer):
    """A program in the making; templates of functions and rules are kept for the next one."""

    def __init__(self, loss: Node, templates: dict[Any, Any]) -> None:
        super().__init__(loss)
        self.templates = templates
        self.kept: dict[Node, Any] = {}
        self.signatures: dict[Node, int] = {}
        self.in_own_memory: set[Node] = set()

    def forward(self, node: Node) -> Step:
        given = self.given[node] = [*map(self.own_part, arrays_of(node))]
        template = self._template("forward", node, lambda: _forward(node))
        results = self._filled(template, given, node)
        self.kept[node] = results.get(1)
        step: Step = results[0]
        return step

    def guard(self, step: Step, outcome: Any) -> None:
        super().guard(step, outcome)
        entries = np.asarray(outcome)
        if entries.dtype.kind == "f" and not entries.all():
            # Zeros are equal, whatever their signs are.
            signs = np.signbit(entries)
            signed = self.program.step(np.signbit, (step,), {}, signs.shape, signs.dtype)
            super().guard(signed, signs)

    def backward(self, node: Node, careful: bool) -> None:
        first = node.arguments[0]
        if node.operation.add_to and isinstance(first, Node) and first._requires_grad:
            if first in self.in_own_memory:
                self._add(node, first)
                return
            if type(first._array) is np.ndarray:
                self.in_own_memory.add(first)
        super().backward(node, careful)

    def _add(self, node: Node, first: Node) -> None:
        program, array = self.program, first._array
        given = program.values[node], *self.own(node.arguments)
        if node.operation.function is operator.getitem:
            given = None, None, given[-1]  # the index is all that is read
        given = program.cotangents[node], *given
        keywords = node.keywords and self.own(node.keywords)
        program.cotangents[first] = program.step(
            adding(node.operation),
            (program.cotangents[first], *given),
            keywords,
            array.shape,
            array.dtype,
        )

    def results(self, node: Node, given: list[Any], careful: bool) -> dict[int, Any]:
        kept = _pairs(self.kept[node], node.residual)
        steps = [*given, *[step for step, _ in kept]]

        def template(seed: Array) -> Any:
            values = [node._array, *map(plain, arrays_of(node)), *[array for _, array in kept]]
            return _backward(node, [seed, *values], self.kept[node], careful)

        kind = "backward", careful
        found = self._template(kind, node, lambda: template(np.ones_like(node._array)[()]))
        if found is None:
            arguments = [*given[:2], *self.own(node.arguments)]
            arguments += [self.kept[node]] if node.operation.residual else []
            return applied(self, node, arguments, careful)
        if found.looks:
            found = template(self.value(given[0]))
        return self._filled(found, steps, node)

    def _filled(self, template: Template, given: list[Any], node: Node) -> dict[int, Any]:
        results, looks = template.filled(given, self.written)
        for look in looks:
            self.guard(look, np.copy(self.value(look)))
        return results

    def _template(self, kind: Any, node: Node, make: Callable[[], Any]) -> Any:
        number = self.signatures.get(node)
        if number is None:
            # A number, as what a signature holds takes long to compare.
            number = self.templates.setdefault(signature(node), len(self.templates))
            self.signatures[node] = number
        key = kind, number
        if key in self.templates:
            return self.templates[key]
        made = make()
        if not (made and made.looks):
            self.templates[key] = made
        return made


def program_of(
    result: Any, variables: Sequence[Any], calls: Sequence[Taken], templates: dict[Any, Any]
) -> tuple[ExactTracer, list[Any]]:
    """The program of a result, and of its gradient in variables; what each leaf of that is."""
    leaves = leaves_of(result)
    tracer = ExactTracer(result, templates)
    if not variables:
        for call in calls:
            tracer.note(call)
        outputs = [tracer.own_part(x) if isinstance(x, Node) else x for x in leaves]
        tracer.guard_noted(calls)
        return tracer, outputs
    if not isinstance(result, Node) or result.operation is None:
        raise ValueError("the result does not depend on what it is differentiated in")
    tracer.write(calls)
    program = tracer.program
    gradients = [
        program.cotangents[x] if x in program.cotangents else np.zeros(x.shape, x.dtype)
        for x in variables
    ]
    return tracer, [program.values[result], *gradients]


def _forward(node: Node) -> Template:
    """What a node is computed by: the steps of its function, or one step."""
    operation, arrays = node.operation, [*map(plain, arrays_of(node))]
    compute, outcome = operation.compute, (node._array, node.residual)
    if TABLE.get(operation.function) is not operation:
        raise UnsupportedError(
            f"program of {operation.name}",
            "it has no row in the table of derivatives",
            "Compute the loss without checkpoint",
        )
    tape = Tape(operation.name, arrays)
    arguments, keywords = with_arrays(node, tape.given)
    if isinstance(operation.function, FunctionType) and operation.is_own():
        try:
            result = tape.run(lambda *_: compute(*arguments, **keywords))
            parts = result if operation.residual else (result, None)
            template = tape.template({0: parts[0], 1: parts[1]})
            # One step looks at entries anew each time, which takes longer than a test does.
            followed = type(template.results[0]) is Step and all(map(_is_test, template.looks))
            if followed and _same_dtypes(parts, outcome):
                return template
        except UNFOLLOWED:
            pass
        tape = Tape(operation.name, arrays)
        arguments, keywords = with_arrays(node, tape.given)
    if not operation.residual:
        return tape.template({0: tape.expression(node._array, compute, arguments, keywords)})
    whole = tape.expression(None, compute, arguments, keywords)
    value, kept = _taken_apart(tape, whole, outcome)
    return tape.template({0: value, 1: kept})


def _is_test(look: Step) -> bool:
    return bool(look.shape == () and look.dtype == np.bool)


def _taken_apart(tape: Tape, whole: Any, outcome: Any) -> Any:
    """The parts of what a function returned, nested tuples, each taken by its index."""
    parts = []
    for index, part in enumerate(outcome):
        array = None if isinstance(part, tuple) else part
        if part is not None and not hasattr(array, "dtype") and array is not None:
            raise UnsupportedError("program", "it keeps what is no array", "Keep arrays")
        step = tape.expression(array, operator.getitem, (whole, index))
        parts.append(_taken_apart(tape, step, part) if isinstance(part, tuple) else step)
    return tuple(parts)


def _same_dtypes(parts: Any, outcome: Any) -> bool:
    found, wanted = leaves_of(all_plain(parts)), leaves_of(outcome)
    return len(found) == len(wanted) and all(
        getattr(x, "dtype", type(x)) == getattr(y, "dtype", type(y)) for x, y in zip(found, wanted)
    )


def _backward(node: Node, arrays: list[Array], kept: Any, careful: bool) -> Template | None:
    """What a node contributes, given its cotangent, its value, its arrays and what was kept.

    None where its rules cannot be followed.
    """
    operation = node.operation
    if not operation.is_own():
        return None
    tape, count = Tape(f"backward of {operation.name}", arrays), len(arrays_of(node))

    def contributions(g: Any, y: Any, *given: Any) -> dict[int, Any]:
        arguments, keywords = with_arrays(node, given[:count])
        rest = iter(given[count:])
        residual = mapped(lambda part: next(rest) if type(part) is Step else part, kept)
        all_given = [g, y, *arguments, *([residual] if operation.residual else [])]
        slots = recorded_slots(node)
        return contributions_to(slots, node, operation, all_given, keywords, careful)

    try:
        return tape.template(tape.run(contributions))
    except UNFOLLOWED:
        return None


def _pairs(kept: Any, residual: Any) -> list[tuple[Step, Array]]:
    """The steps among what was kept for a rule, each with its array."""
    if isinstance(kept, tuple):
        return [pair for both in zip(kept, residual) for pair in _pairs(*both)]
    return [(kept, residual)] if type(kept) is Step else []
