"""What functions and rules compute, traced once for all nodes that are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from autograd_lite.errors import UnsupportedError
from autograd_lite.node import Node
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Expression, Shape, nodes_in


class Slot(int):
    """Stands for a step: its index among those that a template is filled with."""


class Call(NamedTuple):
    """A step with slots in place of the steps among its arguments.

    It is flat if these are arguments themselves, none inside of lists.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    shape: Any
    dtype: Any
    flat: bool


class Template(NamedTuple):
    """What a function or a rule computes.

    Attributes:
        calls: in order; their slots come after those of what was given.
        results: slots, or plain values; of a rule by index of the argument.
        looks: the slots of what it has looked at, so that it may compute otherwise for other
            entries.
    """

    calls: list[Call]
    results: dict[int, Any]
    looks: list[Slot]


def template_of(
    given: Iterable[Expression], results: Mapping[int, Any], looks: Iterable[Expression], name: str
) -> Template:
    """The calls that lead from what was given to results, and to what was looked at.

    Raises:
        UnsupportedError: there is a tensor among them that is not given.
    """
    slots: dict[Node, Slot] = {}
    for expression in given:
        slots[expression] = Slot(len(slots))
    calls: list[Call] = []
    count = len(slots)

    def emptied(value: Any) -> Any:
        if isinstance(value, Node):
            return slots[value]
        if isinstance(value, Shape):
            owner = slots.get(value.owner, count)
            return value.owned_by(owner) if owner < count else tuple(value)
        if type(value) in (list, tuple):
            return type(value)([emptied(part) for part in value])
        return value

    stack: list[Any] = [*nodes_in([*results.values(), *looks])][::-1]
    while stack:
        node = stack.pop()
        if node is None:
            # What the node below this marker is computed from has its calls: now it is its turn.
            node = stack.pop()
            if node not in slots:
                operation, data = node.operation, node._data
                keywords = {key: emptied(value) for key, value in node.keywords.items()}
                arguments = as_called(operation, emptied(node.arguments))
                shape, dtype = (None, None) if data is None else (data.shape, data.dtype)
                flat = not keywords and not any(isinstance(x, list | tuple) for x in arguments)
                calls.append(Call(operation.function, arguments, keywords, shape, dtype, flat))
                slots[node] = Slot(len(slots))
        elif node not in slots:
            if node.operation is None:
                raise UnsupportedError(
                    f"trace of {name}",
                    "it computes with a tensor that it was not given",
                    "Give the tensor as an argument, or compute with tensor.data",
                )
            stack += (node, None, *nodes_in([node.arguments, *node.keywords.values()]))
    return Template(calls, {key: emptied(x) for key, x in results.items()}, emptied([*looks]))


def as_called(operation: Operation, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as those of the function: a list where the operation takes one by one."""
    return ([*arguments],) if operation.sequence else arguments


def filled(value: Any, steps: list[Any]) -> Any:
    """A value of a template with steps in place of slots."""
    kind = type(value)
    if kind is Slot:
        return steps[value]
    if kind is tuple or kind is list:
        return kind([filled(part, steps) for part in value])
    return value.owned_by(steps[value.owner]) if kind is Shape else value
