"""What functions and rules compute, traced once for all nodes that are alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from autograd_lite.errors import UnsupportedError
from autograd_lite.node import Node
from autograd_lite.operation import Operation
from autograd_lite.program.expressions import Expression, Shape, nodes_in
from autograd_lite.program.program import Step, mapped


class Template(NamedTuple):
    """What a function or a rule computes from steps that it is given later.

    Attributes:
        steps: in order, numbered from the number of those that are given.
        results: steps, or plain values; of a rule by index of the argument.
        looks: the steps whose entries it has looked at, so that it may compute otherwise for
            others.
    """

    steps: list[Step]
    results: dict[int, Any]
    looks: list[Step]


def template_of(
    given: Iterable[Expression], results: dict[int, Any], looks: list[Expression], name: str
) -> Template:
    """The calls that lead from what was given to results, and to what was looked at.

    Raises:
        UnsupportedError: there is a tensor among them that is not given.
    """
    known: dict[Node, Step] = {}
    for expression in given:
        known[expression] = Step(None, (), {}, None, len(known))
    count = len(known)

    def own(value: Any) -> Any:
        if isinstance(value, Node):
            return known[value]
        if isinstance(value, Shape):
            owner = known.get(value.owner)
            is_given = owner is not None and owner.number < count
            return value.owned_by(owner) if is_given else tuple(value)
        return value

    steps: list[Step] = []
    stack: list[Any] = nodes_in([*results.values(), *looks])[::-1]
    while stack:
        node = stack.pop()
        if node is None:
            # What the node below this marker is computed from has its steps: now it is its turn.
            node = stack.pop()
            if node not in known:
                operation, data = node.operation, node._array
                arguments = as_called(operation, mapped(own, node.arguments))
                keywords = mapped(own, node.keywords)
                shape, dtype = (None, None) if data is None else (data.shape, data.dtype)
                step = Step(operation.function, arguments, keywords, shape, len(known), dtype)
                known[node] = step
                steps.append(step)
        elif node not in known:
            if node.operation is None:
                raise UnsupportedError(
                    f"trace of {name}",
                    "it computes with a tensor that it was not given",
                    "Give the tensor as an argument, or compute with tensor.data",
                )
            stack += (node, None, *nodes_in([node.arguments, *node.keywords.values()]))
    return Template(steps, mapped(own, results), mapped(own, looks))


def as_called(operation: Operation, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as those of the function: a list where the operation takes one by one."""
    return ([*arguments],) if operation.sequence else arguments
