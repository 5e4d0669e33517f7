"""Functions that turn a function of arrays into its derivative."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.engine import Node, backpropagate, unshared
from autograd_lite.errors import ArgumentError, GradientError, describe_one
from autograd_lite.modes import enable_grad
from autograd_lite.tensor import Tensor

_inside: ContextVar[bool] = ContextVar("inside a transform", default=False)


def value_and_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., tuple[Any, Any]]:
    """The function that computes f and its gradient in some of its arguments.

    Args:
        f: takes arrays, or lists, tuples and dicts of arrays, and returns a scalar.
        argnums: the position of the argument to differentiate in, or several of them.

    Returns:
        A function of f's arguments that returns the value, and the gradient: of the structure of
        the argument, or a tuple of them for several. They are arrays; inside of another transform,
        or for tensors that require grad, they are tensors, to be differentiated again.

    Raises:
        GradientError: f returns no scalar.

    >>> value, gradient = value_and_grad(lambda x: (x**2).sum())(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def evaluate(*arguments: Any, **keywords: Any) -> tuple[Any, Any]:
        for position in positions:
            if not -len(arguments) <= position < len(arguments):
                raise ArgumentError(
                    f"gradient of {getattr(f, '__name__', f)} in argument {position}",
                    f"it was given {len(arguments)} arguments",
                    "Give argnums that count positional arguments, from 0",
                )
        leaves: list[Tensor] = []
        nested = _inside.get()

        def variable(leaf: Any) -> Tensor:
            nonlocal nested
            if isinstance(leaf, Tensor) and leaf.requires_grad:
                nested = True
                # A node of its own: f may hold the same tensor as a constant.
                leaves.append(+leaf)
            else:
                data = leaf.data if isinstance(leaf, Tensor) else leaf
                leaves.append(Tensor(data, requires_grad=True))
            return leaves[-1]

        inside = _inside.set(True)
        try:
            with enable_grad():
                variables = list(arguments)
                for position in positions:
                    variables[position] = map_tree(variable, arguments[position])
                value = f(*variables, **keywords)
                cotangents = _gradients(f, value, leaves, nested)
        finally:
            _inside.reset(inside)
        remaining = iter(cotangents)
        gradients = [map_tree(lambda _: next(remaining), arguments[i]) for i in positions]
        if not nested and isinstance(value, Tensor):
            value = value.data
        return value, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return evaluate


def _gradients(f: Any, value: Any, leaves: list[Tensor], create_graph: bool) -> list[Any]:
    """The cotangent of each leaf, zeros where the value does not depend on it."""
    if np.size(value.data if isinstance(value, Tensor) else value) != 1:
        raise GradientError(
            f"gradient of {getattr(f, '__name__', f)}",
            f"it returned {describe_one(value)}, and only a scalar has a gradient",
            "Reduce its result, for instance by .sum() or .mean()",
        )
    found: dict[Any, Any] = {}
    if isinstance(value, Tensor) and value.requires_grad:
        cotangents = backpropagate(value, value._seed(None), create_graph)
        wanted: dict[Node, Any] = {leaf: cotangents[leaf] for leaf in leaves if leaf in cotangents}
        found = dict(unshared(wanted))
    results = []
    for leaf in leaves:
        cotangent = found.get(leaf)
        results.append(np.zeros_like(leaf) if cotangent is None else cotangent)
    return results


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The function that computes the gradient of f, as `value_and_grad` does.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda p: (p["w"] * p["b"]).sum())({"w": np.array([1.0]), "b": np.array([2.0])})
    {'w': array([2.]), 'b': array([1.])}
    """
    evaluate = value_and_grad(f, argnums)
    return lambda *arguments, **keywords: evaluate(*arguments, **keywords)[1]


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each array in nested lists, tuples and dicts.

    >>> map_tree(lambda x: x + 1, {"a": 1, "b": [2, 3]})
    {'a': 2, 'b': [3, 4]}
    """
    if isinstance(tree, dict):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        items = [map_tree(function, value) for value in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*items)
        return type(tree)(items)
    return function(tree)
