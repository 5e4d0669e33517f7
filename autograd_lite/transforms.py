"""Functions that turn a function of arrays into its derivatives.

They take and return arrays, or lists, tuples and dicts of arrays. Inside of one another, or given
tensors that require grad, they return tensors, so that they compose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.arguments import require_function
from autograd_lite.engine import backpropagate, backward_order, unshared
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.modes import enable_grad, take_entries, taken
from autograd_lite.node import Node, plain
from autograd_lite.tensor import Tensor
from autograd_lite.trees import leaves_of, map_tree, rebuilt

Argnums = int | tuple[int, ...]

_inside: ContextVar[bool] = ContextVar("inside a transform", default=False)


class _Linearization:
    """A function applied to fresh variables, ready to be pulled back.

    Attributes:
        value: what the function returned.
        variables: the leaves of the arguments that are differentiated in, as tensors.
        nested: whether results are to be tensors.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Sequence[Any],
        positions: Sequence[int],
        **keywords: Any,
    ) -> None:
        require_function(f, "derivative of", "Give a function of arrays")
        attempted = f"derivative of {_name(f)}"
        for position in positions:
            if not isinstance(position, int) or isinstance(position, bool):
                raise UnsupportedError(
                    f"{attempted} in argument {describe_one(position)}",
                    "positions are whole numbers",
                    "Give argnums such as 0 or (0, 1)",
                )
            if not -len(arguments) <= position < len(arguments):
                raise ArgumentError(
                    f"{attempted} in argument {position}",
                    f"it was given {len(arguments)} arguments",
                    "Give argnums that count positional arguments, from 0",
                )
        if len({position % len(arguments) for position in positions}) < len(positions):
            raise ArgumentError(
                f"{attempted} in arguments {tuple(positions)}",
                "one of them is given twice",
                "Give each position once",
            )
        self.f = f
        self.trees = [arguments[position] for position in positions]
        given = leaves_of(self.trees)
        self.nested = _inside.get() or any(
            isinstance(leaf, Tensor) and leaf.requires_grad for leaf in given
        )
        with _transforming():
            # A node of its own for each: f may hold the same tensor as a constant.
            self.variables = [
                +leaf
                if isinstance(leaf, Tensor) and leaf.requires_grad
                else Tensor(leaf.data if isinstance(leaf, Tensor) else leaf, requires_grad=True)
                for leaf in given
            ]
            fresh = rebuilt(self.trees, self.variables)
            changed = list(arguments)
            for position, tree in zip(positions, fresh):
                changed[position] = tree
            self.value = f(*changed, **keywords)
        if self.value is None:
            remedy = "Write return before what it computes"
            raise GradientError(attempted, "it returned None", remedy)
        for output in map(plain, leaves_of(self.value)):
            if not _is_real(output):
                raise UnsupportedError(
                    attempted,
                    f"it returned {describe_one(output)}",
                    "Return arrays or numbers, or lists, tuples and dicts of them",
                )
        if taken.get() is not None and not self.nested:
            self._note()

    def _note(self) -> None:
        """Note the entries of all tensors that plain results are computed from."""
        for output in leaves_of(self.value):
            for node in backward_order(output) if isinstance(output, Tensor) else ():
                known = [x for x in (node, *node.arguments) if isinstance(x, Node)]
                take_entries(*[x for x in known if x.operation is None])

    def pull(self, cotangent: Any, create_graph: bool | None = None) -> list[Any]:
        """The cotangents of the trees, given one for the value, of its structure."""
        if _shapes(cotangent) != _shapes(self.value):
            raise ShapeError(
                f"cotangent of {_name(self.f)}",
                f"it has the shapes {_shapes(cotangent)}, the output {_shapes(self.value)}",
                "Give one of the structure and shapes of the output",
            )
        found: dict[Node, Any] = {}
        with _transforming():
            total = 0.0
            for output, weight in zip(leaves_of(self.value), leaves_of(cotangent)):
                if isinstance(output, Tensor) and output.requires_grad:
                    total = total + (output * weight).sum()
            if isinstance(total, Tensor):
                recorded = self.nested if create_graph is None else create_graph
                cotangents = backpropagate(total, total._seed(None), recorded)
                found = {node: cotangents[node] for node in self.variables if node in cotangents}
        found = dict(unshared(found))
        gradients = [
            found[node] if node in found else np.zeros_like(node) for node in self.variables
        ]
        return list(rebuilt(self.trees, gradients))

    def result(self) -> Any:
        """The value as the caller gets it: with arrays for tensors, unless nested."""
        return self.value if self.nested else map_tree(plain, self.value)


@contextmanager
def _transforming() -> Iterator[None]:
    token = _inside.set(True)
    try:
        with enable_grad():
            yield
    finally:
        _inside.reset(token)


def _name(f: Any) -> str:
    return getattr(f, "__name__", repr(f))


def _is_real(value: Any) -> bool:
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return dtype.kind in "fiub"


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [np.shape(plain(leaf)) for leaf in leaves_of(tree)]


def inner_product(xs: Any, ys: Any) -> Any:
    """The sum of the products of the entries of two structures."""
    return sum((x * y).sum() for x, y in zip(leaves_of(xs), leaves_of(ys), strict=True))


def slope(f: Callable[..., Any], direction: Sequence[Any]) -> Callable[..., Any]:
    """The function that computes how fast f grows in a direction of all of its arguments."""
    gradient = grad(f, tuple(range(len(direction))))
    return lambda *arguments: inner_product(gradient(*arguments), direction)


def _positions(argnums: Any) -> tuple[Any, ...]:
    return tuple(argnums) if isinstance(argnums, list | tuple) else (argnums,)


def _require_tangents(attempted: str, xs: Any, vs: Any) -> None:
    """Raise unless there is a tangent for each argument, of its structure."""
    for given in (xs, vs):
        if not isinstance(given, list | tuple):
            raise UnsupportedError(
                f"{attempted} with {describe_one(given)}",
                "arguments and tangents come in lists",
                "Write [x] and [v]",
            )
    if _shapes(xs) != _shapes(vs):
        raise ShapeError(
            attempted,
            f"the arguments have the shapes {_shapes(xs)}, and the tangents {_shapes(vs)}",
            "Give a tangent for each argument, of its structure",
        )


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., tuple[Any, Any]]:
    """The function that computes f and its gradient in some of its arguments.

    Args:
        f: takes arrays, or lists, tuples and dicts of arrays, and returns a scalar.
        argnums: the position of the argument to differentiate in, or several of them.

    Returns:
        A function of f's arguments that returns the value, and the gradient: of the structure of
        the argument, or a tuple of them for several.

    Raises:
        GradientError: f returns no scalar.

    >>> value, gradient = value_and_grad(lambda x: (x**2).sum())(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    positions = _positions(argnums)

    def evaluate(*arguments: Any, **keywords: Any) -> tuple[Any, Any]:
        linearization = _Linearization(f, arguments, positions, **keywords)
        value = linearization.value
        if isinstance(value, list | tuple | dict) or np.size(plain(value)) != 1:
            raise GradientError(
                f"gradient of {_name(f)}",
                f"it returned {describe_one(value)}, and only a scalar has a gradient",
                "Reduce its result, for instance by .sum() or .mean(), or use jacobian",
            )
        gradients = linearization.pull(np.ones_like(plain(value)))
        gradient = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return linearization.result(), gradient

    return evaluate


def grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the gradient of f, as `value_and_grad` does.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda p: (p["w"] * p["b"]).sum())({"w": np.array([1.0]), "b": np.array([2.0])})
    {'w': array([2.]), 'b': array([1.])}
    """
    evaluate = value_and_grad(f, argnums)

    def gradient(*arguments: Any, **keywords: Any) -> Any:
        return evaluate(*arguments, **keywords)[1]

    gradient.__name__ = f"gradient of {_name(f)}"
    return gradient


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of f, and the function that multiplies cotangents with its Jacobian.

    Args:
        f: takes and returns arrays, or structures of them.
        xs: its arguments.

    Returns:
        The value, and a function from a cotangent, of the value's structure, to a tuple with the
        cotangent of each argument.

    >>> y, pullback = vjp(lambda x: np.stack([x[0] * x[1], x[0]]), np.array([2.0, 3.0]))
    >>> y, pullback(np.array([1.0, 0.0]))
    (array([6., 2.]), (array([3., 2.]),))
    """
    linearization = _Linearization(f, xs, range(len(xs)))
    return linearization.result(), lambda cotangent: tuple(linearization.pull(cotangent))


def jvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, Any]:
    """The value of f, and the product of its Jacobian with tangents of its arguments.

    The pullback is linear in its cotangent; the transpose of that linear function is the jvp.

    Args:
        f: takes and returns arrays, or structures of them.
        xs: its arguments.
        vs: a tangent for each, of its structure.

    Returns:
        The value, and its tangent, of the value's structure.

    >>> jvp(lambda x: np.stack([x[0] * x[1], x[0]]), [np.array([2.0, 3.0])], [np.array([1.0, 0.0])])
    (array([6., 2.]), array([3., 1.]))
    """
    _require_tangents(f"jvp of {_name(f)}", xs, vs)
    linearization = _Linearization(f, xs, range(len(xs)))
    # Not at 0, where rules let an infinite derivative count as nothing.
    ones = map_tree(np.ones_like, linearization.value)

    def transposed(cotangent: Any) -> Any:
        return inner_product(linearization.pull(cotangent, create_graph=True), vs)

    return linearization.result(), grad(transposed)(ones)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all derivatives of f's outputs in some of its arguments.

    Args:
        f: takes and returns arrays, or structures of them.
        argnums: the position of the argument to differentiate in, or several of them.

    Returns:
        A function of f's arguments. For an array in and an array out it returns an array of shape
        (*output.shape, *input.shape); for structures, such an array for each pair of an output
        and an input: the structure of the inputs within that of the outputs.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """
    positions = _positions(argnums)

    def evaluate(*arguments: Any, **keywords: Any) -> Any:
        linearization = _Linearization(f, arguments, positions, **keywords)
        outputs = leaves_of(linearization.value)
        blocks = []
        for chosen, output in enumerate(outputs):
            rows = []
            for entry in range(np.size(plain(output))):
                cotangent = [np.zeros_like(plain(other)) for other in outputs]
                cotangent[chosen].reshape(-1)[entry] = 1
                pulled = linearization.pull(rebuilt(linearization.value, cotangent))
                rows.append(leaves_of(pulled))
            parts = []
            for number, variable in enumerate(linearization.variables):
                shape = (*np.shape(plain(output)), *variable.shape)
                column = np.stack([row[number] for row in rows]) if rows else np.zeros(shape)
                parts.append(column.reshape(shape))
            trees = rebuilt(linearization.trees, parts)
            blocks.append(trees[0] if isinstance(argnums, int) else tuple(trees))
        return rebuilt(linearization.value, blocks)

    return evaluate


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the second derivatives of a scalar function.

    For an array it returns an array of shape (*x.shape, *x.shape); for structures, as `jacobian`
    of `grad` does.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, ...]:
    """The product of the Hessian of a scalar function with a direction, without the Hessian.

    Args:
        f: takes arrays, or structures of them, and returns a scalar.
        xs: its arguments.
        vs: a direction for each, of its structure.

    Returns:
        A tuple with a product for each argument, of its structure.

    >>> hvp(lambda x: x[0] ** 2 * x[1], [np.array([1.0, 3.0])], [np.array([1.0, 0.0])])
    (array([6., 2.]),)
    """
    _require_tangents(f"hvp of {_name(f)}", xs, vs)
    products: tuple[Any, ...] = grad(slope(f, vs), tuple(range(len(xs))))(*xs)
    return products
