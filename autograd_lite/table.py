"""The table of derivatives: how a row is added to it.

A row is a function and, for each of its arguments, the vector-Jacobian product (vjp). A vjp is
called as `vjp(g, y, *arguments, **keywords)`: g is the cotangent of the output, y the output, then
come the function's arguments as they were given: arrays, or Python numbers.

What it returns may have the shape of the argument broadcast with the others, which is summed, or
one that broadcasts to the argument's, which is expanded; the engine does both, and casts, for all
rows. When the backward pass is recorded, any of g, y and the arguments may be a tensor and any
other an array: so a vjp is written with operators and functions, `np.dot(a, b)` and never
`a.dot(b)`, and with functions that are in the table themselves.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from autograd_lite.engine import apply, computed
from autograd_lite.errors import UnsupportedError, describe, describe_one
from autograd_lite.modes import unrecorded
from autograd_lite.names import explains_keywords
from autograd_lite.node import FIRST, NONE, Node
from autograd_lite.operation import ELEMENTWISE, NO_TRAITS, Operation, Traits
from autograd_lite.refusals import raise_explained

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


TABLE: dict[Callable[..., Any], Operation] = {}
"""The table of derivatives: each differentiable function and its row."""

COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {}
"""Functions that are made of others of the table, and what they are made of."""

WITHOUT_DERIVATIVE: set[Callable[..., Any]] = set()
"""Functions whose results are plain arrays: comparisons, arg-functions, creation functions."""

_OPERATORS: dict[Callable[..., Any], Callable[..., Any]] = {
    # On scalars an operator takes a tenth of the time of the function.
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.power: operator.pow,
    np.negative: operator.neg,
    np.absolute: operator.abs,
    np.matmul: operator.matmul,
}


@explains_keywords
def define(
    function: Callable[..., Any],
    *vjps: Callable[..., Any] | None,
    compute: Callable[..., Any] | None = None,
    sequence: bool = False,
    variadic: bool = False,
    residual: bool = False,
    traits: Traits = NO_TRAITS,
) -> Operation:
    """Add a row to the table: an existing function, and the vjps of its arguments.

    Args:
        function: a ufunc, or a NumPy function that asks its arguments what to do.
        vjps: for each argument in turn `vjp(g, y, *arguments, **keywords)`, the product of the
            cotangent `g` of the output `y` with the Jacobian, a new array and never an argument
            itself; None where there is no derivative.
        compute: what to call with plain arrays, if not `function` itself.
        sequence: the first argument is a list of arrays; `compute` takes them one by one.
        variadic: there is one vjp for all arguments: `vjp(g, y, *arguments, **keywords)` returns a
            tuple with the contribution to each of them, None where there is no derivative; or a
            function from an argument's index to that contribution.
        residual: the function returns, besides its result, something that its vjps would otherwise
            compute again; they get it as their last argument, or None when the backward pass is
            recorded.
        traits: what the function is.

    Raises:
        UnsupportedError: the function does not ask its arguments, as `math.sin` and plain Python
            functions do not; or a vjp is not a function.

    >>> from autograd_lite import Tensor
    >>> row = define(np.spacing, lambda g, y, x: 0 * g)
    >>> x = Tensor(1.0, requires_grad=True)
    >>> np.spacing(x).backward()
    >>> float(x.grad)
    0.0
    >>> del TABLE[np.spacing]
    """
    if not callable(function) or not hasattr(function, "__name__"):
        raise UnsupportedError(
            f"define({describe_one(function)}, ...)", "it is no function", "Give one of NumPy's"
        )
    if not asks(function):
        raise UnsupportedError(
            f"define({function.__name__}, ...)",
            "it does not ask what to do with tensors, so that a row would have no effect",
            "Decorate a Python function with @differentiable(vjp, ...), and call that",
        )
    if compute is not None and not callable(compute):
        raise UnsupportedError(
            f"define({function.__name__}, ...) with compute={describe_one(compute)}",
            "it is no function",
            "Give what computes it with plain arrays, or leave it out",
        )
    chosen = compute or _OPERATORS.get(function, function)
    return _added(
        Operation(function, vjps, chosen, sequence, sequence is True or variadic, residual, traits)
    )


def _added(row: Operation) -> Operation:
    row.vjps = [*map(unrecorded, row.vjps)]
    TABLE[row.function] = row
    return row


def asks(function: Any) -> bool:
    """Whether a function, given a tensor, asks that what to do."""
    return isinstance(function, np.ufunc | type(np.sum)) or function is operator.getitem


@explains_keywords
def differentiable(
    *vjps: Callable[..., Any] | None,
    variadic: bool = False,
    residual: bool = False,
    traits: Traits = NO_TRAITS,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a function of arrays differentiable: the decorator form of `define`.

    The function is called with plain arrays, which neither it nor a rule may write to, and its
    result is recorded when it was given tensors. Differentiation inside it, or inside a rule, works
    as anywhere else: a SciPy solver may be given `value_and_grad(f)`.

    >>> from autograd_lite import Tensor
    >>> @differentiable(lambda g, y, x: g * 3 * x**2)
    ... def cube(x):
    ...     return x * x * x
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.])

    One rule for all arguments, which computes once what they share; here the adjoint of a solution
    x of x = f(x, a), which is g + gᵀ ∂f/∂x + ..., carried on to a:

    >>> from autograd_lite import grad, vjp
    >>> def heron(x, a):
    ...     return (x + a / x) / 2
    >>> def adjoint(g, x, start, a):
    ...     _, pullback = vjp(heron, x, a)
    ...     total = g
    ...     for _ in range(20):
    ...         total = g + pullback(total)[0]
    ...     return None, pullback(total)[1]
    >>> @differentiable(adjoint, variadic=True)
    ... def root(start, a):
    ...     for _ in range(20):
    ...         start = heron(start, a)
    ...     return start
    >>> grad(root, 1)(1.0, 4.0), grad(grad(root, 1), 1)(1.0, 4.0)
    (np.float64(0.25), np.float64(-0.03125))
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        if not callable(function):
            raise UnsupportedError(
                f"differentiable of {describe_one(function)}",
                "it decorates a function",
                "Write @differentiable(vjp, ...) above it, with a vjp for each argument",
            )

        @functools.wraps(function)
        def call(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            given: Any = arguments
            named: Any = keywords
            if named:
                given, named = in_places(given, named)
            elif len(given) == 1 and isinstance(x := given[0], Node):
                wanted = FIRST if x._requires_grad else NONE
                of_one: Result = computed(operation, given, (x._array,), named, wanted, x.lent)
                return of_one
            result: Result = apply(operation, given, named)
            return result

        def in_places(given: Any, named: Any) -> tuple[Any, Any]:
            """The call with operands first, as rules get them, and the residual after them all."""
            if not residual and told()[1].isdisjoint(named):
                return positional(function, given, named)
            try:
                bound = told()[0].bind(*given, **named)
            except TypeError as error:
                raise_explained(error, function.__name__, given, named)
            return bound.args, bound.kwargs

        @functools.cache
        def told() -> tuple[inspect.Signature, set[str]]:
            """The signature, and the names of the operands."""
            try:
                signature = inspect.signature(function)
            except ValueError:  # of a ufunc, before NumPy 2.4; it takes them by their places alone
                signature = inspect.Signature()
            return signature, {*list(signature.parameters)[: None if variadic else len(vjps)]}

        operation = _added(Operation(call, vjps, function, False, variadic, residual, traits))
        return call

    return decorate


def composed(
    function: Callable[..., Any],
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Say what a NumPy function is made of: it needs no derivative of its own then.

    The decorated function is called in place of NumPy's when an argument is a tensor. What is
    computed is recorded in its parts.

    >>> from autograd_lite import Tensor
    >>> @composed(np.trim_zeros)
    ... def first_row(x):
    ...     return x[0]
    >>> np.trim_zeros(Tensor([[1.0, 2.0], [3.0, 4.0]])).data
    array([1., 2.])
    >>> del COMPOSED[np.trim_zeros]
    """

    def decorate(implementation: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        COMPOSED[function] = implementation
        return implementation

    return decorate


def without_derivative(names: str) -> None:
    """Say of functions of NumPy's that their results are plain arrays."""
    WITHOUT_DERIVATIVE.update(getattr(np, name) for name in names.split())


def traits_of(function: Callable[..., Any]) -> Traits:
    """What a function is, in the table or not.

    >>> traits_of(np.multiply).linear, traits_of(np.greater).elementwise
    ((0, 1), True)
    """
    if function in TABLE:
        return TABLE[function].traits
    is_elementwise = isinstance(function, np.ufunc) and function.signature is None
    return ELEMENTWISE if is_elementwise else NO_TRAITS


def activations() -> dict[str, Callable[..., Any]]:
    """The activations of the table, by name.

    >>> activations()["tanh"] is np.tanh
    True
    """
    return {row.name: function for function, row in TABLE.items() if row.traits.activation}


def positional(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    moved: tuple[type, ...] = (Node,),
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with tensors, or what is of other types, that came by keyword at their positions.

    >>> from autograd_lite import Tensor
    >>> positional(np.swapaxes, (), {"a": Tensor([1.0]), "axis1": 0, "axis2": 0})
    ((Tensor([1.]), 0, 0), {})
    """
    if not any(isinstance(value, moved) for value in keywords.values()):
        return arguments, keywords
    bound = inspect.signature(function).bind(*arguments, **keywords)
    for name, value in bound.kwargs.items():
        if isinstance(value, Node):
            raise UnsupportedError(
                f"{function.__name__}{describe(arguments, keywords)}",
                f"its argument {name} takes no tensor",
                f"Give {name}=tensor.data",
            )
    return bound.args, bound.kwargs
