"""What the engine refuses to do, and why: errors that name operations and tensors."""

from __future__ import annotations

import dis
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograd_lite.errors import (
    AutogradError,
    IndexingError,
    MutationError,
    ShapeError,
    UnsupportedError,
    describe,
    describe_one,
)

if TYPE_CHECKING:
    from autograd_lite.engine import Node
    from autograd_lite.table import Operation


def refuse_stale(node: Node) -> None:
    """Raise if a rule of `node` reads an array that was changed after the node was made."""
    assert node.operation is not None
    for position, changed in enumerate((node, *node.arguments), 1):
        if getattr(changed, "mutated", 0) > node.created:
            for vjp, argument in zip(node.operation.vjps, node.arguments):
                wanted = getattr(argument, "requires_grad", False)
                if wanted and _reads(vjp, position + node.operation.variadic):
                    raise MutationError(
                        f"backward of {node.operation.name}{describe(node.arguments)}",
                        f"{describe_one(changed)} was changed after it was used there",
                        "Call backward() before changing it, or compute with tensor.copy()",
                    )


def _reads(vjp: Callable[..., Any], position: int) -> bool:
    """Whether a rule reads its parameter at `position`; yes where that cannot be told."""
    code = getattr(vjp, "__code__", None)
    if code is None or position >= code.co_argcount:
        return True
    name = code.co_varnames[position]
    loaded = (step.argval for step in dis.get_instructions(code) if "LOAD_" in step.opname)
    return any(name == value or (type(value) is tuple and name in value) for value in loaded)


def refuse_without_rule(operation: Operation, arguments: tuple[Any, ...]) -> None:
    """Raise if an argument that requires grad is one that the operation has no vjp for."""
    if operation.variadic:
        return
    for index, argument in enumerate(arguments):
        without = index >= len(operation.vjps) or operation.vjps[index] is None
        if without and getattr(argument, "requires_grad", False):
            raise UnsupportedError(
                f"{operation.name}{describe(arguments)}",
                f"it has no derivative in its argument {index}, {describe_one(argument)}",
                "Hand it that argument as a plain array: tensor.data",
            )


def explained(error: Exception, operation: Operation, arguments: tuple[Any, ...]) -> AutogradError:
    """NumPy's own error, with the operation and the names and shapes of its arguments."""
    kind, remedy = {
        ValueError: (ShapeError, "Make the shapes agree: reshape, transpose or index one of them"),
        IndexError: (IndexingError, "Use an index, or an axis, within the shape"),
        TypeError: (UnsupportedError, "Give it arrays, numbers or tensors of numbers"),
    }[next(base for base in (IndexError, ValueError, TypeError) if isinstance(error, base))]
    return kind(f"{operation.name}{describe(arguments)}", str(error).rstrip("."), remedy)
