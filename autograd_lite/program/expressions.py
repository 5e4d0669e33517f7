"""Arrays that record every NumPy function they are given to: how a rule becomes steps.

A rule is NumPy code. Handed expressions in place of arrays it computes the same numbers, and what
it returns remembers the calls: those of the table, and comparisons, indices and sorting as well,
which tensors do not record. Where a rule looks at entries, as `if np.any(a == 0)` does, what it
looked at is remembered too: for other entries it may compute otherwise.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_lite.derivatives.shaping import astype
from autograd_lite.methods import unpacked
from autograd_lite.modes import recording
from autograd_lite.node import NO_KEYWORDS, Array, Node, arrays_in
from autograd_lite.node import plain as node_plain
from autograd_lite.operation import Operation
from autograd_lite.program.program import mapped
from autograd_lite.table import TABLE


class Shape(tuple[int, ...]):
    """The shape of an expression, which remembers whose it is."""

    owner: Any

    def owned_by(self, owner: Any) -> Shape:
        """The same numbers, as the shape of something else."""
        shape = Shape(self)
        shape.owner = owner
        return shape


class Expression(Node, NDArrayOperatorsMixin):
    """An array within a rule. Without operation it is what the rule was given.

    >>> y, _ = traced(lambda x: np.sort(x) * (x > 1), leaf(np.array([1.0, 2.0])))
    >>> y._array, y.operation.name, y.arguments[1].operation.name
    (array([0., 2.]), 'multiply', 'greater')
    """

    __slots__ = ()
    __array_priority__ = 2000
    __hash__ = Node.__hash__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or "out" in keywords:
            way = "with out=" if method == "__call__" else f"with its method {method}"
            raise TypeError(f"np.{ufunc.__name__} is called {way}")
        return call(ufunc, *inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        attribute = _ATTRIBUTES.get(function)
        return attribute(*arguments) if attribute else call(function, *arguments, **keywords)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(_looked_at(self), dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        if name in ("ndim", "size", "dtype"):
            return getattr(self._array, name)
        function = _METHODS.get(name) or getattr(np, name, None)
        if function is None:
            raise AttributeError(f"an array within a rule has no attribute {name!r}")

        def method(*arguments: Any, **keywords: Any) -> Any:
            if hasattr(np.ndarray, name):
                # NumPy's function of that name may return what the method changes, as np.sort does.
                getattr(self._array, name)(*plain(arguments), **plain(keywords))
            return function(self, *arguments, **keywords)

        return method

    @property
    def shape(self) -> Shape:
        """Length of each axis."""
        return Shape(np.shape(self._array)).owned_by(self)

    @property
    def T(self) -> Any:  # noqa: N802
        """The axes in reverse order."""
        return call(np.transpose, self)

    def __getitem__(self, index: Any) -> Any:
        return call(operator.getitem, self, index)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(_looked_at(self))

    def __int__(self) -> int:
        return int(_looked_at(self))

    def __float__(self) -> float:
        return float(_looked_at(self))

    __index__ = __int__


_METHODS: dict[str, Callable[..., Any]] = {
    "reshape": lambda x, *shape: np.reshape(x, unpacked(shape)),
    "transpose": lambda x, *axes: call(np.transpose, x, *((unpacked(axes),) if axes else ())),
    "astype": lambda x, dtype, **_: call(astype, x, np.dtype(dtype)),
    "flatten": np.ravel,
    "item": lambda x: _looked_at(x).item(),
    "tolist": lambda x: _looked_at(x).tolist(),
}
_ATTRIBUTES: dict[Callable[..., Any], Callable[..., Any]] = {
    np.shape: operator.attrgetter("shape"),
    np.ndim: operator.attrgetter("ndim"),
    np.size: lambda x, axis=None: np.size(plain(x), axis),
    np.result_type: lambda *arrays: np.result_type(*map(plain, arrays)),
    np.iscomplexobj: lambda x: False,
}
"""Functions that say nothing about entries."""


def _rebound(a: Expression, b: Any) -> Any:
    """Says that a += b is a = a + b here: expressions do not change.

    Raises:
        TypeError: a is not the rule's own array, or shows the memory of another.
    """
    if a.operation is None or any(
        np.may_share_memory(a._array, x._array) for x in nodes_in(a.arguments)
    ):
        raise TypeError("an array that was not made here is changed in place")
    return NotImplemented


def _fixed(data: Array) -> Array:
    """An array that no function can change."""
    if isinstance(data, np.ndarray):
        data = data.view()
        data.flags.writeable = False
    return data


for _name in vars(NDArrayOperatorsMixin):
    if _name.startswith("__i") and _name != "__invert__":
        setattr(Expression, _name, _rebound)


def leaf(data: Array) -> Expression:
    """An expression for an array that was not computed here."""
    return computed(data, None, (), NO_KEYWORDS)


def computed(
    data: Array,
    operation: Operation | None,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Expression:
    """An expression for what an operation gave."""
    node = Expression.__new__(Expression)
    node._array = _fixed(data)
    # So that functions which are called within a rule are recorded, whatever they are called with.
    node._requires_grad = data is not None and data.dtype.kind == "f"
    node.operation = operation  # type: ignore[assignment]
    node.arguments = arguments
    node.keywords = keywords
    node.name = node.grad = node.residual = None
    node.created = node.mutated = 0
    return node


def call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function gives for expressions among its arguments: expressions again.

    A tuple of arrays becomes one of expressions. What is no array is what it is for these entries.
    """
    if keywords and isinstance(function, np.ufunc):
        function = with_keywords(function)
    given = plain(arguments)
    data = function(*given, **plain(keywords))
    operation = called(function)
    if isinstance(data, tuple) and data and all(isinstance(part, np.ndarray) for part in data):
        whole = computed(None, operation, arguments, keywords)
        parts = [
            computed(part, called(operator.getitem), (whole, index), NO_KEYWORDS)
            for index, part in enumerate(data)
        ]
        return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
    array = isinstance(data, np.ndarray | np.generic)
    if not array or (function is operator.getitem and _is_mask(given[1])):
        for expression in nodes_in([*arguments, *keywords.values()]):
            _looked_at(expression)
    return computed(data, operation, arguments, keywords) if array else data


def _is_mask(index: Any) -> bool:
    """Whether the shape of what an index gives depends on its entries."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(getattr(part, "dtype", None) == np.bool for part in parts)


def nodes_in(values: Any) -> list[Expression]:
    """The expressions among values, also within lists and tuples."""
    return [value for value in arrays_in(values) if isinstance(value, Node)]  # type: ignore[misc]


@functools.cache
def called(function: Callable[..., Any]) -> Operation:
    """A function as it is called within rules: without derivatives."""
    row = TABLE.get(function) if isinstance(function, np.ufunc) else None
    return Operation(function, (), row.compute if row else function)


@functools.cache
def with_keywords(ufunc: Any) -> Callable[..., Any]:
    """A ufunc that is given keywords: another function, as its row takes none."""
    function = functools.partial(ufunc)
    function.__name__, function.__module__ = ufunc.__name__, "numpy"  # type: ignore[attr-defined]
    return function


def plain(value: Any) -> Any:
    """The value with arrays in place of expressions, also within lists and tuples."""
    return mapped(node_plain, value)


class _Tracing:
    """What the engine records while a rule is traced becomes an expression too."""

    def recorded(self, node: Node) -> None:
        node.__class__ = Expression
        node._array = _fixed(node._array)


_looks: ContextVar[list[Expression]] = ContextVar("looks")


def _looked_at(expression: Expression) -> Array:
    """The entries of an expression, which decide on what follows."""
    _looks.get().append(expression)
    return expression._array


def traced(rule: Callable[..., Any], *given: Any, **keywords: Any) -> tuple[Any, list[Expression]]:
    """What a rule gives for expressions, and those of them whose entries it looked at."""
    looks: list[Expression] = []
    tokens = recording.set(_Tracing()), _looks.set(looks)
    try:
        with np.errstate(all="ignore"):
            return rule(*given, **keywords), looks
    finally:
        recording.reset(tokens[0])
        _looks.reset(tokens[1])
