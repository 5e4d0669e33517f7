"""Recordings of one computation on different data: what they are, and whether they agree.

That two calls computed alike is seen in the records, in a part of the time that writing their
programs takes; what differs, in the programs.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import computed_and_leaves
from autograd_lite.errors import describe_one
from autograd_lite.modes import Taken
from autograd_lite.node import Array, Node, arrays_in
from autograd_lite.program.backends import Output, Task
from autograd_lite.program.program import Guard, Program, Step, function_of, is_choice
from autograd_lite.program.trace import Tracer
from autograd_lite.trees import leaves_of

RECORDINGS = 12
"""How often is recorded, at most: beyond that what is computed changes too often."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Make what lasts without the garbage collector, which would walk it again and again.

    >>> @uncollected()
    ... def made():
    ...     return gc.isenabled()
    >>> made(), gc.isenabled()
    (False, True)
    """
    before = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if before:
            gc.enable()


class Difference(NamedTuple):
    """Where two recordings differ, in words."""

    text: str
    of_value: bool  # in what is computed with, and not in what is computed


def difference(
    steps: Sequence[Step], others: Sequence[Step], inputs: Collection[Step]
) -> Difference | None:
    """Where two recordings differ, besides in the arrays of inputs; None if nowhere."""
    if len(steps) != len(others):
        return Difference(f"it takes {len(steps)} steps, and {len(others)} for other data", False)
    for step, other in zip(steps, others):
        name, other_name = _called(step)[1], _called(other)[1]
        if _called(step) != _called(other):
            text = f"step {step.number} calls {name}, and {other_name} for other data"
            return Difference(text, False)
        if step in inputs:
            continue
        leaves, other_leaves = _leaves(step), _leaves(other)
        if len(leaves) != len(other_leaves):
            return Difference(f"{name} has other arguments for other data", False)
        for a, b in zip(leaves, other_leaves):
            if not same_value(a, b):
                used = f"in step {step.number}, {name}," if name else "that it computes with"
                return Difference(f"{describe_one(a)} {used} is another for other data", True)
    return None


def task_of(
    program: Program, inputs: Sequence[Step], outputs: Sequence[Output], names: dict[Step, str]
) -> tuple[Task, list[Array]]:
    """What a back end is given, and the arrays that its runner is given after those of inputs.

    These are constants: given in each run they may be written to.
    """
    known = {*inputs}
    leaves = [step for step in program.steps if step.function is None]
    arrays = [step for step in leaves if isinstance(step.arguments[0], np.ndarray)]
    fixed = [step for step in arrays if step not in known]
    known.update(fixed)
    steps = [step for step in program.steps if step not in known]
    task = Task(steps, [*inputs, *fixed], outputs, program.guards, names)
    return task, [step.arguments[0] for step in fixed]


def _called(step: Step) -> Any:
    function = function_of(step)
    return type(function), getattr(function, "__name__", None)


def _leaves(step: Step) -> list[Any]:
    return leaves_of((step.arguments, step.keywords))


def same_outcomes(guards: Sequence[Guard], others: Sequence[Guard]) -> bool:
    """Whether what decided on what is computed was the same in two recordings."""
    pairs = zip(guards, others)
    return all(same_value(one.outcome, other.outcome) for one, other in pairs)


def same_value(a: Any, b: Any) -> bool:
    """Whether values that are computed with are the same, or steps at the same place."""
    if type(a) is Step and type(b) is Step:
        return a.number == b.number
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        alike = (a.shape, a.dtype) == (b.shape, b.dtype)
        return alike and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if type(a) is not type(b):
        return False
    if isinstance(a, float | np.floating):
        return a == b or (a != a and b != b)
    if isinstance(a, int | str | slice | np.generic | np.dtype):
        return bool(a == b)
    return a is b or callable(a)


class Record(NamedTuple):
    """What a function gave for tensors, and what it computed beside the record."""

    result: Any
    given: list[Any]  # the tensors
    variables: list[Any]  # those of them that it is differentiated in
    calls: Sequence[Taken]
    arrays: list[Array]  # what it was given besides, another one each time

    def computed(self) -> list[Node]:
        """The nodes that were recorded, in order."""
        called = [arrays_in([call.arguments, call.keywords]) for call in self.calls]
        found = [*leaves_of(self.result), *[x for each in called for x in each]]
        roots = [x for x in found if isinstance(x, Node) and x._requires_grad]
        return computed_and_leaves(roots, ())[0][::-1]


def are_alike(one: Record, other: Record) -> bool:
    """Whether all that was computed is the same, but for what was given; if not, that is to be seen
    in programs, which may still be.
    """
    nodes, others = one.computed(), other.computed()
    if len(nodes) != len(others) or len(one.calls) != len(other.calls):
        return False
    pairs = {**dict(zip(nodes, others)), **dict(zip(one.given, other.given))}
    for call, again in zip(one.calls, other.calls):
        if isinstance(call.outcome, Node) and isinstance(again.outcome, Node):
            pairs[call.outcome] = again.outcome
    same = _Same(pairs, zip(one.arrays, other.arrays))
    for a, b in zip(nodes, others):
        x, y = a._array, b._array
        if a.operation is not b.operation or x.shape != y.shape or x.dtype != y.dtype:
            return False
        if not same(a.arguments, b.arguments):
            return False
        if a.keywords is not b.keywords and not same(a.keywords, b.keywords):
            return False
    return all(
        a.function is b.function
        and same(a.arguments, b.arguments)
        and same(a.keywords, b.keywords)
        and isinstance(a.outcome, Node) == isinstance(b.outcome, Node)
        for a, b in zip(one.calls, other.calls)
    ) and same(leaves_of(one.result), leaves_of(other.result))


class _Same:
    """Whether parts of arguments are the same, given the nodes that stand for each other."""

    def __init__(self, pairs: dict[Node, Node], arrays: Iterable[tuple[Array, Array]]) -> None:
        self._pairs = pairs
        self._arrays = {id(a._array): b._array for a, b in pairs.items()}
        self._arrays |= {id(a): b for a, b in arrays}

    def __call__(self, a: Any, b: Any) -> bool:
        if isinstance(a, Node):
            return self._pairs.get(a, a) is b
        if type(a) is not type(b):
            return False
        if isinstance(a, list | tuple):
            return len(a) == len(b) and all(map(self, a, b))
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(self(a[key], b[key]) for key in a)
        return self._arrays.get(id(a), a) is b or same_value(a, b)


def program_of(
    result: Any, variables: Sequence[Any], calls: Sequence[Taken], templates: dict[Any, Any]
) -> tuple[Tracer, list[Any]]:
    """The program of a result, and of its gradient in variables; what each leaf of that is."""
    leaves = leaves_of(result)
    tracer = Tracer(result, templates)
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


# What a computation is given


form = attrgetter("shape", "strides", "dtype")
"""What is the same for arrays of which everything is computed alike, to the last bit."""


def key_of(value: Any, arrays: list[Array]) -> Any:
    """What tells calls apart that compute otherwise, or None; the arrays are listed."""
    kind = type(value)
    if kind is np.ndarray or isinstance(value, np.generic):
        if value.dtype.kind not in "fiub":
            return None
        if not value.ndim and is_choice(value):
            return kind, value.dtype, value.item()
        arrays.append(value)
        return form(value)
    if kind in (tuple, list):
        parts = [key_of(part, arrays) for part in value]
        return None if None in parts else (kind, *parts)
    parts, attributes = [], getattr(value, "__dict__", None)
    if attributes and attributes is not value:
        return None
    if isinstance(value, dict):
        parts = [_plain(name) for name in value]
        value = value.values()
    elif not hasattr(kind, "_fields"):
        return _plain(value)
    parts += [key_of(part, arrays) for part in value]
    return None if None in parts else (kind, *parts)


def _plain(value: Any) -> Any:
    """The same for equal numbers of one type and for equal texts; None for what is neither."""
    if type(value) is tuple:
        parts = [*map(_plain, value)]
        return None if None in parts else (tuple, *parts)
    is_plain = type(value) in (int, float, bool, str) or value is None
    return (type(value), repr(value)) if is_plain else None


def in_new_object(array: Array) -> Array:
    """The same entries, as an object that nobody else has."""
    return array.view() if isinstance(array, np.ndarray) else array.dtype.type(array)


def nearby(array: Array) -> Array:
    """Other entries, which are not far from these."""
    if array.dtype.kind == "f":
        moved = np.where(array == 0, 2.0**-20, array * (1 + 2.0**-10))
        return moved.astype(array.dtype)[()]
    return np.roll(array, 1)[()]


def are_equal(arrays: Sequence[Array], others: Sequence[Array]) -> bool:
    """Whether arrays of two calls have the same entries."""
    return all(np.array_equal(a, b) for a, b in zip(arrays, others))
