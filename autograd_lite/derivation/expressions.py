"""Arrays that record every NumPy function they are given to: how a rule becomes a formula.

A rule is NumPy code. Handed expressions in place of arrays it computes the same numbers, and what
it returns remembers the calls: those of the table, and comparisons, indices and sorting as well,
which tensors do not record.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.modes import Rule, recording
from autograd_lite.node import NO_KEYWORDS, Array, Node
from autograd_lite.operation import Operation


class Shape(tuple[int, ...]):
    """The shape of an expression, which remembers whose it is."""

    owner: Expression


class Expression(Node):
    """An array within a rule. Without operation it is what the rule was given.

    >>> x = leaf(np.array([1.0, 2.0]), True)
    >>> y = np.sort(x) * (x > 1)
    >>> y._data, y.operation.name, y.arguments[1].operation.name
    (array([0., 2.]), 'multiply', 'greater')
    """

    __slots__ = ()
    __array_priority__ = 2000
    __hash__ = Node.__hash__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or "out" in keywords:
            return NotImplemented
        return call(ufunc, *inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return call(function, *arguments, **keywords)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._data, dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        if name in ("ndim", "size", "dtype"):
            return getattr(self._data, name)
        function = _METHODS.get(name) or getattr(np, name, None)
        if function is None:
            raise AttributeError(f"an array within a rule has no attribute {name!r}")
        return lambda *arguments, **keywords: function(self, *arguments, **keywords)

    @property
    def shape(self) -> Shape:
        """Length of each axis."""
        shape = Shape(np.shape(self._data))
        shape.owner = self
        return shape

    @property
    def T(self) -> Any:  # noqa: N802
        """The axes in reverse order."""
        return call(np.transpose, self)

    def __getitem__(self, index: Any) -> Any:
        return call(operator.getitem, self, index)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __float__(self) -> float:
        return float(self._data)

    def __index__(self) -> int:
        return int(self._data)


def _spread(*shape: Any) -> Any:
    """Both spellings of a shape or of axes: reshape(2, 3) and reshape((2, 3))."""
    return shape[0] if len(shape) == 1 else shape


_METHODS: dict[str, Callable[..., Any]] = {
    "reshape": lambda x, *shape: np.reshape(x, _spread(*shape)),
    "transpose": lambda x, *axes: call(np.transpose, x, *((_spread(*axes),) if axes else ())),
    "astype": lambda x, dtype, **_: astype(x, np.dtype(dtype)),
    "flatten": np.ravel,
    "item": lambda x: x._data.item(),
    "tolist": lambda x: x._data.tolist(),
}


def _install_operators() -> None:
    """Give `Expression` Python's operators: each calls the ufunc that it stands for."""
    binary = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "truediv": np.divide,
        "floordiv": np.floor_divide,
        "mod": np.remainder,
        "pow": np.power,
        "matmul": np.matmul,
        "and": np.bitwise_and,
        "or": np.bitwise_or,
        "xor": np.bitwise_xor,
    }
    comparisons = {
        "eq": np.equal,
        "ne": np.not_equal,
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
    }
    unary = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
    for name, function in {**binary, **comparisons}.items():
        setattr(Expression, f"__{name}__", lambda a, b, f=function: call(f, a, b))
    for name, function in binary.items():
        setattr(Expression, f"__r{name}__", lambda a, b, f=function: call(f, b, a))
    for name, function in unary.items():
        setattr(Expression, f"__{name}__", lambda a, f=function: call(f, a))


_install_operators()


def leaf(data: Array, requires_grad: bool) -> Expression:
    """An expression for an array that was not computed here."""
    return _expression(data, requires_grad, None, (), NO_KEYWORDS)


def _expression(
    data: Array,
    requires_grad: bool,
    operation: Operation | None,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Expression:
    node = Expression.__new__(Expression)
    node._data = data
    node._requires_grad = requires_grad
    node.operation = operation
    node.arguments = arguments
    node.keywords = keywords
    node.name = node.grad = node.residual = None
    node.created = node.mutated = 0
    return node


def call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function gives for expressions among its arguments: expressions again.

    A tuple of arrays becomes one of expressions; what is no array stays what it is.
    """
    data = function(*map(plain, arguments), **{k: plain(v) for k, v in keywords.items()})
    operation = Operation(function, (), function)
    if isinstance(data, tuple) and data and all(isinstance(part, np.ndarray) for part in data):
        whole = _expression(data, False, operation, arguments, keywords)
        parts = [_part(whole, i) for i in range(len(data))]
        return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
    if not isinstance(data, np.ndarray | np.generic):
        return data
    requires_grad = data.dtype.kind == "f" and any(
        isinstance(argument, Node) and argument._requires_grad for argument in arguments
    )
    return _expression(data, requires_grad, operation, arguments, keywords)


def _part(whole: Expression, index: int) -> Expression:
    operation = Operation(operator.getitem, (), operator.getitem)
    return _expression(whole._data[index], True, operation, (whole, index), NO_KEYWORDS)


def plain(value: Any) -> Any:
    """The value with arrays in place of expressions, also within lists and tuples."""
    if isinstance(value, Node):
        return value._data
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value


class _Tracing:
    """What the engine records while a rule is traced becomes an expression too."""

    def recorded(self, node: Node) -> None:
        node.__class__ = Expression

    def around(self, rule: Rule) -> Rule:
        return rule


def traced(rule: Callable[..., Any], *given: Any, **keywords: Any) -> Any:
    """Run a rule on expressions."""
    token = recording.set(_Tracing())
    try:
        with np.errstate(all="ignore"):
            return rule(*given, **keywords)
    finally:
        recording.reset(token)
