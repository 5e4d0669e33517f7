"""Functions that turn a function of arrays into its derivatives.

They take and return arrays, or structures of them, see `trees`. What they return is a tensor where
it depends, besides the variables, on tensors that require grad and recording is on: such as the
variables of another transform around them, or the parameters of a network. So they compose. They
go no further back than their variables.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from types import MethodType
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from autograd_lite.arguments import require_function
from autograd_lite.cotangents import ONE
from autograd_lite.errors import GradientError, describe_one
from autograd_lite.linearization import Linearization, name_of, require_tangents
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of, map_tree, rebuilt

if TYPE_CHECKING:
    from autograd_lite.program.functions import Compiled
    from autograd_lite.typing import Parameters


Argnums = int | tuple[int, ...]


class Derived:
    """A function that a transform has made of another one.

    It is copied and pickled as what it is made of, so that it goes through pools of processes where
    that one does, and is a method in a class, as functions are.

    Attributes:
        evaluate: what it computes.
        made_of: the function, the transform and its `argnums`.
    """

    def __init__(self, evaluate: Callable[..., Any], what: str, *made_of: Any) -> None:
        self.evaluate, self.made_of = evaluate, made_of
        self.__name__ = f"{what} of {name_of(made_of[0])}"
        self.__module__ = getattr(made_of[0], "__module__", None) or __name__

    def __call__(self, /, *arguments: Any, **keywords: Any) -> Any:
        """What it computes of the arguments of the function that it is made of."""
        return self.evaluate(*arguments, **keywords)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.made_of[0])

    def __repr__(self) -> str:
        return f"<{self.__name__}>"

    def __reduce__(self) -> Any:
        f, transform, argnums = self.made_of
        name = getattr(f, "__qualname__", "")
        with suppress(KeyError, AttributeError):
            # It stands where the function was, as a decorator's result does.
            if attrgetter(name)(sys.modules[self.__module__]) is self:
                return name
        return transform, (f, argnums)


def inner_product(xs: Any, ys: Any) -> Any:
    """The sum of the products of the entries of two structures."""
    return sum((x * y).sum() for x, y in zip(leaves_of(xs), leaves_of(ys), strict=True))


def slope(f: Callable[..., Any], direction: Sequence[Any]) -> Callable[..., Any]:
    """The function that computes how fast f grows in a direction of all of its arguments.

    The direction is given by its leaves.
    """

    def along(*arguments: Any) -> Any:
        return inner_product(grad(f, tuple(range(len(arguments))))(*arguments), direction)

    along.__name__ = f"slope of {name_of(f)}"
    return along


def _ones_of_floats(output: Any) -> Any:
    """Ones of the shape of an output, in which integers have the derivative 0."""
    dtype = np.result_type(plain(output))
    return np.ones(np.shape(plain(output)), dtype if dtype.kind == "f" else float)


def require_differentiable(f: Any) -> None:
    """Raise at once, and not when what was made of it is called."""
    remedy = "Give a function of arrays; gradients of a recorded loss come by loss.backward()"
    require_function(f, "derivative of", remedy)


def positions_of(argnums: Any) -> tuple[Any, ...]:
    """The positions of the arguments to differentiate in."""
    return tuple(argnums) if isinstance(argnums, list | tuple) else (argnums,)


@overload
def value_and_grad(f: Compiled, argnums: Argnums = 0) -> Compiled: ...
@overload
def value_and_grad(f: np.ufunc, argnums: Argnums = 0) -> Callable[..., tuple[Any, Any]]: ...
@overload
def value_and_grad(
    f: Callable[Parameters, Any], argnums: Argnums = 0
) -> Callable[Parameters, tuple[Any, Any]]: ...
@explains_keywords
def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes f and its gradient with respect to some of its arguments.

    Args:
        f: takes arrays, or lists, tuples and dicts of arrays, and returns a scalar.
        argnums: the position of the argument to differentiate in, or several positions.

    Returns:
        A function of f's arguments that returns the value and the gradient: with the structure of
        the argument, or a tuple of gradients for several. They are tensors if they depend on
        tensors that require grad and recording is on, otherwise arrays.

    Raises:
        GradientError: f does not return a scalar, or returns a whole number or a truth value.

    >>> value, gradient = value_and_grad(lambda x: (x**2).sum())(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    if hasattr(f, "differentiated") and not isinstance(f, MethodType):
        return f.differentiated(argnums)  # type: ignore[no-any-return] # the class is not imported here
    require_differentiable(f)
    positions = positions_of(argnums)

    def evaluate(*arguments: Any, **keywords: Any) -> tuple[Any, Any]:
        linearization = Linearization(f, arguments, positions, keywords)
        value, outputs = linearization.value, linearization.outputs
        array = plain(value)
        # Of most, which are so, all that follows takes as long as a small function.
        if type(array) is np.float64:
            return _with_gradient(linearization, ONE)
        is_leaf = len(outputs) == 1 and outputs[0] is value
        if not is_leaf or math.prod(np.shape(array)) != 1:
            raise GradientError(
                f"gradient of {name_of(f)}",
                f"it returned {describe_one(value)}, and only a scalar has a gradient",
                "Reduce its result, for instance by .sum() or .mean(), or use jacobian",
            )
        if np.result_type(array).kind != "f":
            raise GradientError(
                f"gradient of {name_of(f)}",
                f"it returned {describe_one(value)} of {np.result_type(array)}, whose "
                "derivative is 0 wherever it has one",
                "Return floats: what is counted, compared or picked by argmax has no slope; a "
                "constant is 0.0",
            )
        return _with_gradient(linearization, np.ones_like(array)[()])

    def _with_gradient(linearization: Linearization, one: Any) -> tuple[Any, Any]:
        gradients = linearization.pull_leaves([one])
        gradient = tuple(gradients) if isinstance(argnums, list | tuple) else gradients[0]
        return linearization.result(), gradient

    return Derived(evaluate, "value and gradient", f, value_and_grad, argnums)


@overload
def grad(f: np.ufunc, argnums: Argnums = 0) -> Callable[..., Any]: ...
@overload
def grad(f: Callable[Parameters, Any], argnums: Argnums = 0) -> Callable[Parameters, Any]: ...
@explains_keywords
def grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the gradient of f, as `value_and_grad` does.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda p: (p["w"] * p["b"]).sum())({"w": np.array([1.0]), "b": np.array([2.0])})
    {'w': array([2.]), 'b': array([1.])}

    Within a loss, the gradient in the input of a network is a tensor, as its weights are:

    >>> from autograd_lite import Tensor
    >>> weight = Tensor(3.0, requires_grad=True)
    >>> slope = grad(lambda x: np.sin(weight * x))(0.0)
    >>> (slope**2).backward()
    >>> weight.grad
    np.float64(6.0)
    """
    both = value_and_grad(f, argnums)
    evaluate = both.evaluate if isinstance(both, Derived) else both

    def gradient(*arguments: Any, **keywords: Any) -> Any:
        return evaluate(*arguments, **keywords)[1]

    return Derived(gradient, "gradient", f, grad, argnums)


@explains_keywords
def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of f, and the function that multiplies cotangents by its Jacobian.

    Args:
        f: takes and returns arrays, or structures of them.
        xs: its arguments.

    Returns:
        The value, and a function that takes a cotangent, with the value's structure and matched by
        key, to a tuple with the cotangent of each argument.

    >>> y, pullback = vjp(lambda x: np.stack([x[0] * x[1], x[0]]), np.array([2.0, 3.0]))
    >>> y, pullback(np.array([1.0, 0.0]))
    (array([6., 2.]), (array([3., 2.]),))
    """
    own = [map_tree(_copied, x) for x in xs]  # may be changed before a cotangent comes
    linearization = Linearization(f, own, range(len(own)), {})
    return linearization.result(), lambda cotangent: tuple(linearization.pull(cotangent))


def _copied(value: Any) -> Any:
    return value.copy() if type(value) is np.ndarray else value


@explains_keywords
def jvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, Any]:
    """The value of f, and the product of its Jacobian with tangents of its arguments.

    The pullback is linear in its cotangent; the transpose of that linear function is the jvp.

    Args:
        f: takes and returns arrays, or structures of them.
        xs: its arguments.
        vs: a tangent for each argument, with its structure, matched by key.

    Returns:
        The value, and its tangent with the same structure.

    >>> jvp(lambda x: np.stack([x[0] * x[1], x[0]]), [np.array([2.0, 3.0])], [np.array([1.0, 0.0])])
    (array([6., 2.]), array([3., 1.]))
    """
    tangents = require_tangents(f"jvp of {name_of(f)}", xs, vs)
    linearization = Linearization(f, xs, range(len(xs)), {})
    # Not at 0, where rules let an infinite derivative count as nothing.
    ones = map_tree(_ones_of_floats, linearization.value)

    def transposed(cotangent: Any) -> Any:
        return inner_product(linearization.pull(cotangent), tangents)

    return linearization.result(), grad(transposed)(ones)


@explains_keywords
def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all derivatives of f's outputs with respect to its arguments.

    Args:
        f: takes and returns arrays, or structures of them.
        argnums: the position of the argument to differentiate in, or several positions.

    Returns:
        A function of f's arguments. For an array in and an array out it returns an array of shape
        (*output.shape, *input.shape); for structures, one such array for each pair of an output and
        an input: the structure of the inputs inside that of the outputs.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """
    require_differentiable(f)
    positions = positions_of(argnums)

    def evaluate(*arguments: Any, **keywords: Any) -> Any:
        linearization = Linearization(f, arguments, positions, keywords)
        blocks = []
        for output in linearization.outputs:
            shape = np.shape(plain(output))
            rows = zip(linearization.pullback.rows(output), linearization.variables)
            parts = [found.reshape((*shape, *variable.shape)) for found, variable in rows]
            trees = rebuilt(linearization.trees, parts)
            blocks.append(tuple(trees) if isinstance(argnums, list | tuple) else trees[0])
        return rebuilt(linearization.value, blocks)

    return Derived(evaluate, "Jacobian", f, jacobian, argnums)


@explains_keywords
def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the second derivatives of a scalar function.

    For an array it returns an array of shape (*x.shape, *x.shape); for structures, as `jacobian`
    of `grad` does.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


@explains_keywords
def hvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, ...]:
    """The product of the Hessian of a scalar function and a direction, without the Hessian.

    Args:
        f: takes arrays, or structures of them, and returns a scalar.
        xs: its arguments.
        vs: a direction for each argument, with its structure.

    Returns:
        A tuple with a product for each argument, with its structure.

    >>> hvp(lambda x: x[0] ** 2 * x[1], [np.array([1.0, 3.0])], [np.array([1.0, 0.0])])
    (array([6., 2.]),)
    """
    directions = require_tangents(f"hvp of {name_of(f)}", xs, vs)
    products: tuple[Any, ...] = grad(slope(f, directions), tuple(range(len(xs))))(*xs)
    return products
