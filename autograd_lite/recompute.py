"""Compute again in backward instead of storing."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.arguments import require_function
from autograd_lite.engine import apply
from autograd_lite.errors import GradientError, UnsupportedError, describe_one, own_cause
from autograd_lite.modes import draws, enable_grad, moves, no_grad, redraws, setting
from autograd_lite.names import explains_keywords
from autograd_lite.node import Array, Node, clock, inputs_of, plain
from autograd_lite.operation import Operation
from autograd_lite.pullback import Pullback, requires_grad
from autograd_lite.tensor import Tensor


@explains_keywords
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but it keeps only its arguments and no intermediate results.

    Backward computes f again, so f must be deterministic. Layers may draw random numbers: the masks
    of a Dropout are kept, and running statistics move only once. Tensors that f uses besides its
    arguments, such as a model's parameters, get their gradients too.

    Args:
        f: takes tensors and returns one.

    Raises:
        UnsupportedError: f is not a function, or returns something else.
        GradientError: in backward, f computes other numbers than before.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = checkpoint(lambda x: (x * x).exp())(x)
    >>> y.arguments == (x,)
    True
    >>> y.sum().backward()
    >>> x.grad.round(2)
    array([  5.44, 218.39])
    """
    require_function(f, "checkpoint of", "Give a function of tensors")

    @functools.wraps(f)
    def call(*arguments: Any, **keywords: Any) -> Any:
        drawn: list[Any] = []
        start = next(clock)
        with enable_grad(), setting(draws, drawn):
            variables = [_leaf(argument) for argument in arguments]
            try:
                result = f(*variables, **keywords)
            except ValueError as error:
                raise own_cause(error)  # noqa: B904 - it is that error, or its cause
        if (noted := draws.get()) is not None:
            noted += drawn
        if not isinstance(result, Tensor):
            if hasattr(result, "dtype") or isinstance(result, int | float):
                return result
            raise _refusal(f, f"it returned {describe_one(result)}", "Return one tensor")
        data, others = result._array, []
        if result.requires_grad:
            others = _from_outside(result, variables, start)

        def vjp(g: Array, y: Array, *given: Any) -> Callable[[int], Array]:
            recorded = isinstance(y, Node)
            kept = iter([array for array, _ in drawn])
            with enable_grad(), setting(redraws, kept), setting(draws, None), setting(moves, {}):
                again = [
                    +argument if recorded and isinstance(argument, Tensor) else _leaf(argument)
                    for argument in arguments
                ]
                result = f(*again, **keywords)
            _require_same(f, plain(y), plain(result))
            nodes: list[Any] = [*again, *others]
            reached = [index for index, node in enumerate(nodes) if requires_grad(node)]
            pullback = Pullback([result], [nodes[index] for index in reached])
            with enable_grad() if recorded else no_grad():
                found = pullback.pull([g])
            return dict(zip(reached, found)).__getitem__

        operation = Operation(call, [vjp], compute=lambda *values: data, variadic=True)
        return apply(operation, (*arguments, *others), {})

    return call


def _leaf(argument: Any) -> Any:
    """A tensor on the same data without its history, if it requires grad."""
    wanted = isinstance(argument, Tensor) and argument.requires_grad
    return Tensor(argument._array, requires_grad=True, name=argument.name) if wanted else argument


def _from_outside(result: Tensor, variables: list[Any], start: int) -> list[Node]:
    """The tensors that a result depends on besides variables, and that were there at the start.

    Not what these were computed from: a transform around may differentiate in any of them.
    """
    seen: set[Any] = {*filter(requires_grad, variables)}
    found: list[Node] = []
    waiting: list[Node] = [result]
    while waiting:
        node = waiting.pop()
        if node in seen or not node._requires_grad:
            continue
        seen.add(node)
        if node.created > start:
            waiting += inputs_of(node)
        else:
            found.append(node)
    return found


def _require_same(f: Callable[..., Any], before: Array, again: Array) -> None:
    """Raise if what was computed again is something else, but for rounding."""
    if not isinstance(before, np.ndarray | np.generic):
        return
    close = math.sqrt(np.finfo(before.dtype).eps)
    rounding = close * np.max(np.abs(before), initial=0, where=np.isfinite(before))
    same = before.shape == again.shape
    if not same or not np.allclose(again, before, close, rounding, equal_nan=True):
        raise GradientError(
            f"backward of checkpoint of {getattr(f, '__name__', f)}",
            "computed again it gives other numbers: it draws at random, or something that it uses "
            "was changed since",
            "Draw outside, and hand over what is drawn; call backward() before changing arrays",
        )


def _refusal(f: Callable[..., Any], reason: str, remedy: str) -> UnsupportedError:
    return UnsupportedError(f"checkpoint of {getattr(f, '__name__', f)}", reason, remedy)
