"""Where values that are not finite come from, and the errors that say so."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_lite.anomaly.watched import code_line_of
from autograd_lite.errors import AnomalyError, describe, describe_one
from autograd_lite.node import Array, Node, inputs_of, plain
from autograd_lite.operation import Operation
from autograd_lite.trees import leaves_of

SHOWN = 3
"""Entries that an error shows."""
LONGEST_CHAIN = 12


def is_finite(value: Any) -> bool:
    """Whether all entries of an array or a tensor are finite."""
    return bool(np.isfinite(plain(value)).all())


def floats_given(node: Node) -> list[Any]:
    """The tensors, arrays and numbers of floats that an operation was given."""
    given = leaves_of([node.arguments, node.keywords])
    kinds = [getattr(getattr(value, "dtype", None), "kind", "") for value in given]
    return [v for v, kind in zip(given, kinds) if kind == "f" or isinstance(v, float)]


def is_meant(operation: Operation, value: Any) -> bool:
    """Whether an input that is not finite is a mask, a bound or a border of the user's."""
    traits = operation.traits
    if not traits.masks or getattr(value, "requires_grad", False):
        return False
    number = traits.fills and np.ndim(plain(value)) == 0
    return number or bool(severity(value).max() < 2)


def severity(value: Any) -> Array:
    """For each entry 0 if it is finite, 1 if it is infinite, 2 if it is NaN."""
    array = _numpy(value)
    return 2 * np.isnan(array) + np.isinf(array)


def _numpy(value: Any) -> Any:
    """The numbers of a tensor or an array, in NumPy's memory."""
    value = plain(value)
    if not hasattr(value, "__array_function__"):
        return value
    return value.get() if hasattr(value, "get") else np.asarray(value)


def made_by(node: Node) -> Array:
    """Where a result is worse than what the operation was given."""
    given = [severity(value) for value in floats_given(node)]
    # Entry by entry where each depends on those alone that it is broadcast with.
    if node.operation.traits.elementwise:
        worst = functools.reduce(np.maximum, given, 0)
    else:
        worst = max((entries.max(initial=0) for entries in given), default=0)
    return severity(node) > worst


def bad_inputs(node: Node) -> list[Any]:
    """The inputs that a result is not finite for: they are not, and are not meant so."""
    if node.operation.traits.elementwise and not np.any((severity(node) > 0) & ~made_by(node)):
        return []
    bad = [value for value in floats_given(node) if not is_finite(value)]
    return [value for value in bad if not is_meant(node.operation, value)]


def origin_of(node: Node) -> Node:
    """The node that what is not finite in this one came from: it made it, or was given it."""
    while bad := bad_inputs(node):
        if not all(map(is_computed, bad)) or made_by(node).any():
            break
        node = bad[0]
    return node


def is_computed(value: Any) -> bool:
    """Whether a value is a tensor that was recorded."""
    return isinstance(value, Node) and value.operation is not None


# The errors


def forward_error(node: Node, reached: str = "") -> AnomalyError:
    """The error for a result that is not finite; `reached` says what has become of it."""
    operation = node.operation
    bad, made = severity(node) > 0, made_by(node)
    given = [value for value in bad_inputs(node) if not is_computed(value)]
    if made.any() and not given:
        bad = made
        lines = [f"it made {_count(bad)}{reached}"]
        lines += _entries(node, bad) or [_summary(value) for value in floats_given(node)]
        remedy = operation.traits.remedy
        remedy += ". If that is meant, compute it inside of np.errstate(all='ignore')"
    else:
        given = given or [value for value in floats_given(node) if not is_finite(value)]
        names = ", ".join(dict.fromkeys(map(describe_one, given)))
        lines = [f"its input {names} was not finite already{reached}"]
        lines += [_summary(value) for value in given]
        remedy = "Clean the data, or leave the entries out by np.where before"
        if any(getattr(value, "requires_grad", False) for value in given):
            remedy = "Look at the last change of it: a smaller learning rate, or clipped gradients"
    return _error("forward", node, lines, remedy, bad)


def backward_error(node: Node, argument: Node, cotangents: dict[Node, Array]) -> AnomalyError:
    """The error for a cotangent of an argument that is not finite after the rule of a node."""
    found, arriving = _numpy(cotangents[argument]), _numpy(cotangents[node])
    bad = ~np.isfinite(found)
    lines = [f"the gradient of its input {_called(argument)} has {_count(bad)}"]
    if np.shape(found) == np.shape(arriving):
        lines += _entries(node, bad, arriving, found)
    if len(lines) == 1:
        lines += [_summary(arriving, "the gradient of its result")]
        lines += [_summary(value) for value in floats_given(node)]
    remedy = (
        "Its derivative is not finite there: keep its inputs away from it, or select them by "
        "np.where before the operation"
    )
    return _error("backward", node, lines, remedy, bad)


def seed_error(node: Node, seed: Array) -> AnomalyError:
    """The error for a gradient given to `backward` that is not finite."""
    bad = ~np.isfinite(_numpy(seed))
    lines = ["the gradient that backward() was given is not finite", _summary(_numpy(seed))]
    return _error("backward", node, lines, "Give finite numbers", bad)


def _error(direction: str, node: Node, lines: list[str], remedy: str, bad: Array) -> AnomalyError:
    operation, code_line, chain = node.operation, code_line_of(node), _chain(node)
    place = str(code_line or "Recorded outside of detect_anomaly(), so that its line is not known")
    lines += [*place.split("\n"), f"Computed from: {' <- '.join(chain)}"]
    error = AnomalyError(
        f"{direction} of {operation.name}{describe(node.arguments, node.keywords)}",
        "\n  ".join(lines),
        remedy,
    )
    error.operation, error.direction, error.chain = operation.name, direction, tuple(chain)
    error.entries = tuple(_first(bad))
    if code_line:
        error.file, error.line = code_line.file, code_line.line
    return error


# Their parts


def _first(bad: Array) -> list[tuple[int, ...]]:
    """The indices of the first entries that are True."""
    return [tuple(index) for index in np.argwhere(bad)[:SHOWN].tolist()]


def _count(bad: Array) -> str:
    """How many entries are True, that is not finite, and where the first are."""
    if np.ndim(bad) == 0:
        return "its only entry not finite"
    number = int(np.sum(bad))
    places = ", ".join(str(list(index)) for index in _first(bad))
    return f"{number} of {np.size(bad)} entries not finite, at {places}{', ...' * (number > SHOWN)}"


def _entries(node: Node, bad: Array, *gradients: Array) -> list[str]:
    """What an operation computed at the first bad entries, if from inputs at these alone."""
    lines = []
    for index in _first(bad):
        inputs = _inputs_at(node, index)
        if inputs is None:
            return []
        result = f"{node.operation.name}{inputs} = {_numpy(node)[index]:.6g}"
        if gradients:
            before, after = (gradient[index] for gradient in gradients)
            result += f", where the gradient {before:.6g} becomes {after:.6g}"
        lines.append(f"{list(index)}: {result}" if index else result)
    return lines


def _inputs_at(node: Node, index: tuple[int, ...]) -> str | None:
    """The inputs that an entry of the result is computed from, if they alone give its value."""
    operation = node.operation
    shape, place = np.shape(node._array), tuple(slice(i, i + 1) for i in index)
    arrays = np.ndarray, np.generic
    try:
        with np.errstate(all="ignore"):
            inputs = [
                np.broadcast_to(value, shape)[place] if isinstance(value, arrays) else value
                for value in map(_numpy, node.arguments)
            ]
            result = operation.value(*inputs, **node.keywords)
            same = np.allclose(result, _numpy(node)[place], equal_nan=True)
    except Exception:  # whatever a function of the user's raises for a single entry
        return None
    if not same or np.shape(result) != (1,) * len(shape):
        return None
    texts = [f"{x.item():.6g}" if isinstance(x, arrays) else describe_one(x) for x in inputs]
    return f"({', '.join(texts)})"


def _summary(value: Any, name: str = "") -> str:
    """One line on an input: what is not finite in it, or its range."""
    array, name = _numpy(value), name or _called(value)
    bad = ~np.isfinite(array)
    if np.ndim(array) == 0 or np.size(array) == 0:
        return f"{name}: {array:.6g}" if np.size(array) else f"{name}: no entries"
    if bad.any():
        values = ", ".join(f"{array[index]:.6g}" for index in _first(bad))
        return f"{name}: {_count(bad)}: {values}"
    return f"{name}: from {array.min():.6g} to {array.max():.6g}"


def _called(value: Any) -> str:
    """A tensor by its name, or by its operation; anything else as errors call it."""
    if is_computed(value) and value.name is None:
        return f"{value.operation.name} {value.shape}"
    return describe_one(value)


def _chain(node: Node) -> list[str]:
    """What a node was computed from, up to the nearest leaf that requires grad."""
    chain = [_called(step) for step in _path_to_leaf(node)]
    if len(chain) > LONGEST_CHAIN:
        left_out = f"({len(chain) - LONGEST_CHAIN} more)"
        chain[LONGEST_CHAIN // 2 : -LONGEST_CHAIN // 2] = [left_out]
    return chain


def _path_to_leaf(node: Node) -> list[Node]:
    """The nodes on the way to the nearest leaf that requires grad, breadth first."""
    consumer: dict[Node, Node | None] = {node: None}
    met = [node]
    for step in met:
        if step.operation is None:
            break
        new = [argument for argument in inputs_of(step) if argument not in consumer]
        consumer.update(dict.fromkeys(new, step))
        met += new
    path = [step]
    while (link := consumer[path[-1]]) is not None:
        path.append(link)
    return path[::-1]
