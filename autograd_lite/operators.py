"""What can be computed with a tensor: operators and NumPy's protocols.

Each is a row of the table of derivatives; there is no mathematics here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_lite.derivatives  # noqa: F401 - fills the table
from autograd_lite.engine import apply, record
from autograd_lite.errors import AutogradError, MutationError, UnsupportedError, describe
from autograd_lite.modes import take, watching
from autograd_lite.node import NO_KEYWORDS, Node
from autograd_lite.refusals import explained
from autograd_lite.table import COMPOSED, TABLE, WITHOUT_DERIVATIVE, positional

if TYPE_CHECKING:
    from autograd_lite.tensor import Tensor

_apply: Callable[..., Tensor] = apply
_record: Callable[..., Tensor] = record


def _operator(function: Any) -> tuple[Callable[[Any, Any], Tensor], Callable[[Any, Any], Tensor]]:
    """The methods of a binary operator: of its left operand, and of its right one."""
    operation = TABLE[function]
    compute = operation.compute

    def left(self: Node, other: Any) -> Tensor:
        if not isinstance(other, Node):
            return _apply(operation, (self, _operand(other)), NO_KEYWORDS)
        # What `apply` would do, without its loop: graphs of scalars are made of these.
        try:
            data = compute(self._data, other._data)
        except (ValueError, TypeError) as error:
            raise explained(error, operation.name, (self, other), NO_KEYWORDS) from error
        wanted = self._requires_grad or other._requires_grad
        return _record(data, operation, (self, other), NO_KEYWORDS, wanted)

    def right(self: Node, other: Any) -> Tensor:
        return _apply(operation, (_operand(other), self), NO_KEYWORDS)

    return left, right


def _comparison(compare: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
    """The method of a comparison, which gives a plain array."""

    def method(self: Node, other: Any) -> Any:
        try:
            outcome = compare(self._data, plain(other))
        except (ValueError, TypeError) as error:
            raise explained(error, name, (self, other), NO_KEYWORDS) from error
        take(compare, (self, other), NO_KEYWORDS, outcome)
        return outcome

    return method


def _operand(value: Any) -> Any:
    """Nested lists and tuples as the array they mean."""
    return np.asarray(value) if isinstance(value, list | tuple) else value


class Operators(Node):
    """A node that can be computed with as if it were its array."""

    __slots__ = ()
    __hash__ = Node.__hash__

    __add__, __radd__ = _operator(np.add)
    __sub__, __rsub__ = _operator(np.subtract)
    __mul__, __rmul__ = _operator(np.multiply)
    __truediv__, __rtruediv__ = _operator(np.divide)
    __pow__, __rpow__ = _operator(np.power)
    __matmul__, __rmatmul__ = _operator(np.matmul)

    def __neg__(self) -> Tensor:
        return _apply(TABLE[np.negative], (self,), NO_KEYWORDS)

    def __pos__(self) -> Tensor:
        return _apply(TABLE[np.positive], (self,), NO_KEYWORDS)

    def __abs__(self) -> Tensor:
        return _apply(TABLE[np.absolute], (self,), NO_KEYWORDS)

    __lt__ = _comparison(operator.lt, "less")
    __le__ = _comparison(operator.le, "less_equal")
    __gt__ = _comparison(operator.gt, "greater")
    __ge__ = _comparison(operator.ge, "greater_equal")
    __eq__ = _comparison(operator.eq, "equal")
    __ne__ = _comparison(operator.ne, "not_equal")

    def __getitem__(self, index: Any) -> Tensor:
        return _apply(TABLE[operator.getitem], (self, plain_index(index)), NO_KEYWORDS)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if "out" in keywords:
            raise MutationError(
                f"np.{ufunc.__name__}{describe(inputs)} into an existing array",
                "a change in place is not recorded",
                f"Write array = np.{ufunc.__name__}(...), which makes a new one",
            )
        if method != "__call__":
            raise _without_row(f"np.{ufunc.__name__}.{method}", inputs)
        if keywords and ufunc.signature is None:
            raise UnsupportedError(
                f"np.{ufunc.__name__}{describe(inputs)} with {', '.join(keywords)}=",
                "keyword arguments of elementwise functions are not recorded",
                "Leave them out; np.where selects entries, tensor.astype changes the dtype",
            )
        return _dispatch(ufunc, inputs, keywords)

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        return _dispatch(function, arguments, keywords)


def plain(value: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return value._data if isinstance(value, Node) else value


def plain_index(index: Any) -> Any:
    """An index with arrays in place of tensors."""
    if isinstance(index, tuple):
        return tuple(plain(part) for part in index)
    return plain(index)


def _dispatch(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Apply a NumPy function that was given a tensor somewhere."""
    if function in WITHOUT_DERIVATIVE:
        plain_keywords = {name: plain(value) for name, value in keywords.items()}
        try:
            outcome = function(*map(plain, arguments), **plain_keywords)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, function.__name__, arguments, keywords) from error
        take(function, arguments, keywords, outcome)
        return outcome
    implementation = COMPOSED.get(function)
    if implementation is not None:
        watch = watching.get()
        if watch:
            implementation = watch.within(function, implementation)
        try:
            return implementation(*arguments, **keywords)
        except AutogradError:
            raise
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, function.__name__, arguments, keywords) from error
    arguments, keywords = positional(function, arguments, keywords)
    operation = TABLE.get(function)
    if operation is None:
        raise _without_row(full_name(function), arguments)
    if operation.sequence:
        # np.stack(tensors, axis) becomes stack(*tensors, axis=axis).
        names = operation.compute.__kwdefaults__ or {}
        if len(arguments) > 1 + len(names):
            raise UnsupportedError(
                f"{full_name(function)}{describe(arguments, keywords)}",
                f"only {', '.join(names)} may follow the arrays",
                "Leave the others out; out= cannot be differentiated",
            )
        keywords = {**dict(zip(names, arguments[1:])), **keywords}
        arguments = tuple(arguments[0])
        differentiable = len(arguments)
    else:
        differentiable = len(operation.vjps)
    arguments = (*map(_operand, arguments[:differentiable]), *arguments[differentiable:])
    return apply(operation, arguments, keywords)


def full_name(function: Any) -> str:
    """np.tanh, np.linalg.inv; other libraries' functions with the names of their modules.

    >>> full_name(np.linalg.inv)
    'np.linalg.inv'
    """
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{function.__name__}".replace("numpy.", "np.", 1)


def _without_row(name: str, arguments: tuple[Any, ...]) -> UnsupportedError:
    return UnsupportedError(
        f"{name}{describe(arguments)}",
        "it has no row in the table of derivatives",
        "Give it tensor.data if no gradient is to flow, or add a row: "
        f"autograd_lite.define({name}, vjp)",
    )
