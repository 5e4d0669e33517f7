"""The forward pass of a model as steps, for any number of samples."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from autograd_lite import Tensor, enable_grad
from autograd_lite.arguments import require_real
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.modes import Followed, Taken
from autograd_lite.node import Node, plain
from autograd_lite.operation import Operation
from autograd_lite.program.program import Step, mapped, row_of
from autograd_lite.program.templates import Rules, arrays_of
from autograd_lite.program.trace import Tracer, guarded
from autograd_lite.textbook.spellings import Count
from autograd_lite.trees import leaves_of, map_tree
from nn.calls import evaluation
from nn.layers.activations import Function
from nn.module import Module, require_model
from nn.training.evaluation import in_precision
from nn.training.inputs import as_arrays, at, called, count, is_tree, named_leaves

DECIDING = "entries of tensors decide on what it computes"
OTHERWISE = "it computes otherwise for other samples, or more of them"


@dataclass
class Forward:
    """What a model computes in evaluation mode, step by step, each after its arguments.

    Whole numbers among the arguments that are the number of samples, or a multiple of it, are each
    a `Count`.
    """

    steps: list[Step]
    inputs: dict[str, Step]
    outputs: dict[str, Step]
    weights: dict[Step, str]
    """The parameters and buffers, with their names."""
    samples: int
    counts: dict[int, int]
    """What `Count` there is, and how many times the number of samples that is."""


def traced(
    attempted: str,
    model: Callable[..., Any],
    example: Any,
    written_out: Callable[[Operation], Any],
) -> Forward:
    """The steps of a model; what depends on the number of samples is seen from two recordings.

    Args:
        attempted: what errors call it.
        model: what computes, a module or a function of one tensor.
        example: samples, as `nn.predict` takes them.
        written_out: an operation as a function of NumPy's functions, or None for one step.

    Raises:
        ArgumentError: two inputs, or outputs, would have the same name.
        UnsupportedError: it is no module, or entries decide on what it computes, or it computes
            otherwise for another number of samples, or beside the record.
        ShapeError: there are no samples.
    """
    model = _as_module(attempted, model)
    example = as_arrays(example, f"{attempted} with example")
    for name, array in named_leaves(example, f"{attempted} with example"):
        require_real(array, name)
    example = in_precision(model, example)
    n = count(example, f"{attempted} with example")
    if not n:
        raise ShapeError(f"{attempted} with example", "it has no samples", "Give at least one")
    forward = _recorded(attempted, model, example, written_out)
    m = 2 * n + 1
    other = _recorded_again(attempted, model, at(example, np.arange(1, m + 1) % n), written_out)
    if len(forward.steps) != len(other.steps):
        raise _refusal(attempted, OTHERWISE)
    given = {*forward.inputs.values()}
    for step, twin in zip(forward.steps, other.steps):
        if step not in given:
            _tell_counts(attempted, step, twin, n, m, forward.counts)
    for known, twins in ((forward.inputs, other.inputs), (forward.outputs, other.outputs)):
        for name, step in known.items():
            lengths = zip(step.shape, twins[name].shape)
            step.shape = tuple(one if one == two else Count(one) for one, two in lengths)
    forward.samples = n
    return forward


def _as_module(attempted: str, model: Callable[..., Any]) -> Module:
    """A module as it is, a function as one."""
    made = Function(model) if callable(model) and not isinstance(model, Module | type) else model
    require_model(made, f"{attempted} of")
    return cast(Module, made)


def _recorded_again(
    attempted: str, model: Module, example: Any, written_out: Callable[[Operation], Any]
) -> Forward:
    """Of other numbers, where the model takes them: what they make, or decide on, differs."""
    for factor in (-1 - 2**-10, 1 + 2**-10):
        others = map_tree(partial(_otherwise, factor=factor), example)
        with suppress(Exception), np.errstate(all="ignore"):
            return _recorded(attempted, model, others, written_out)
    return _recorded(attempted, model, example, written_out)


def _otherwise(array: Any, factor: float) -> Any:
    return array * factor + 2**-10 if array.dtype.kind == "f" else array


def _recorded(
    attempted: str, model: Module, example: Any, written_out: Callable[[Operation], Any]
) -> Forward:
    """The steps from inputs to outputs, of which parameters and inputs are told by their arrays."""
    given = map_tree(lambda x: Tensor(x.view(), requires_grad=x.dtype.kind == "f"), example)
    with evaluation(), enable_grad(), _followed() as noted:
        results = _named(called(model, given), "output", attempted)
    known = {id(x) for x in (*leaves_of(given), *(call.outcome for call in noted))}
    for result in results.values():
        recorded = isinstance(result, Tensor) and result.operation is not None
        if not recorded and id(result) not in known:
            raise _refusal(attempted, f"it returns {describe_one(result)}, which was not recorded")
    if any(not isinstance(call.outcome, Node) for call in noted):
        raise _refusal(attempted, DECIDING)
    tracer = _Follower(next(iter(results.values())))
    tracer.attempted = attempted
    tracer.rules = Rules({}, written_out)
    for call in noted:
        tracer.note(call)
    outputs = {name: tracer.own_part(result) for name, result in results.items()}
    program = tracer.program
    if program.guards:
        raise _refusal(attempted, DECIDING)
    by_array = {id(step.arguments[0]): step for step in program.steps if step.function is None}
    tensors = model._state().items()
    weights = {by_array[id(x._array)]: name for name, x in tensors if id(x._array) in by_array}
    arrays = {name: x._array for name, x in _named(given, "x", attempted).items()}
    inputs = {name: by_array[id(x)] for name, x in arrays.items() if id(x) in by_array}
    if len(inputs) < len(arrays):
        raise _refusal(
            attempted, f"it does not compute with {', '.join(arrays.keys() - inputs.keys())}"
        )
    return Forward(program.steps, inputs, outputs, weights, 0, {})


class _followed(guarded):  # noqa: N801 - used like no_grad
    """Remember what is computed beside the record, and let it be tensors, which are followed."""

    def _key(self) -> list[Taken]:
        return Followed()


class _Follower(Tracer):
    """A program in which what was noted is written as what was recorded, and arrays are steps."""

    attempted: str
    rules: Rules

    def noted(self, call: Taken) -> Step:
        return self.called(call)

    def called(self, call: Taken) -> Step:
        if call.function is plain:  # of a detached tensor
            return cast(Step, self.own_part(call.arguments[0]))
        row = row_of(call.function)
        if row is None:
            return super().called(call)
        node = object.__new__(Node)
        node._array, node.operation = call.outcome._array, row
        node.arguments, node.keywords = call.arguments, call.keywords
        return self.forward(node)

    def forward(self, node: Node) -> Step:
        template = self.rules.call(node)
        if template.looks:
            raise _refusal(self.attempted, DECIDING)
        return cast(Step, self.filled(template, [*map(self.own_part, arrays_of(node))])[0])

    def written(self, step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Step:
        return super().written(step, *mapped(self.own_part, [arguments, keywords]))


def _named(values: Any, name: str, attempted: str) -> dict[str, Any]:
    """One array under the name, several under their keys, or the name and their places."""
    if not (is_tree(values) or isinstance(values, list)):
        return {name: values}
    values = tuple(values) if isinstance(values, list) else values
    found: dict[str, Any] = {}
    for path, x in named_leaves(values, ""):
        key = re.sub(r"\W+", "_", path).strip("_")
        own = key if key.isidentifier() else f"{name}_{key}"
        if own in found:
            raise ArgumentError(
                f"{attempted} with several {'outputs' if name == 'output' else 'inputs'}",
                f"two of them would be called {own!r}",
                "Give them keys that differ in their letters and digits",
            )
        found[own] = x
    return found


def _tell_counts(
    attempted: str, step: Step, twin: Step, n: int, m: int, counts: dict[int, int]
) -> None:
    """Put a `Count` for what differs between two recordings as their samples, n and m, do."""

    def of_samples(value: Any, other: Any) -> Any:
        if type(value) is int and type(other) is int and value != other:
            if value * m == other * n:
                counts[value] = value // n
                return Count(value)
        elif isinstance(value, list | tuple) and len(value) == len(other):
            return type(value)([*map(of_samples, value, other)])
        elif isinstance(value, dict) and [*value] == [*other]:
            return {key: of_samples(each, other[key]) for key, each in value.items()}
        elif isinstance(value, slice) and isinstance(other, slice):
            parts = [(getattr(value, at), getattr(other, at)) for at in ("start", "stop", "step")]
            return slice(*[of_samples(*pair) for pair in parts])
        elif _is_same(value, other):
            return value
        raise _refusal(
            attempted,
            f"{getattr(step.function, '__name__', 'an array')} depends on {describe_one(value)}, "
            f"which is {describe_one(other)} for other samples, or more of them",
        )

    if step.function is not twin.function:
        raise _refusal(attempted, OTHERWISE)
    if step.function is None and step.shape != twin.shape:
        array, other = step.arguments[0], twin.arguments[0]
        shape = of_samples(array.shape, other.shape)
        if _is_filled(array, other):
            step.function, step.arguments = np.full, (shape, array.flat[0])
            return
        if _is_range(array) and _is_range(other):
            step.function, step.arguments = np.arange, shape
            return
    step.arguments = of_samples(step.arguments, twin.arguments)
    step.keywords = of_samples(step.keywords, twin.keywords)


def _is_same(value: Any, other: Any) -> bool:
    """Whether two recordings have the same step or value at a place."""
    if type(value) is Step and type(other) is Step:
        return value.number == other.number
    if isinstance(value, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(value, other, equal_nan=value.dtype.kind == "f")
    return type(value) is type(other) and bool(value is other or value == other or value != value)


def _is_filled(array: Any, other: Any) -> bool:
    """Whether arrays of two shapes hold one number, as initial states of zeros do."""
    return array.size > 0 and bool(
        (array == array.flat[0]).all() and (other == array.flat[0]).all()
    )


def _is_range(array: Any) -> bool:
    return bool(array.ndim == 1 and array.dtype == int and (array == np.arange(len(array))).all())


def _refusal(attempted: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        attempted,
        reason,
        "Write forward with functions of NumPy and autograd_lite, of tensors that it is given",
    )
