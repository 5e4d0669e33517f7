"""Arrays that record every NumPy function they are given to: how a rule becomes steps.

A rule is NumPy code. Handed expressions in place of arrays it computes the same numbers, and what
it returns remembers the calls: those of the table, and comparisons, indices and sorting as well,
which tensors do not record. Where a rule looks at entries, as `if np.any(a == 0)` does, what it
looked at is remembered too: for other entries it may compute otherwise.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_lite.derivatives.shaping import astype
from autograd_lite.errors import UnsupportedError
from autograd_lite.methods import unpacked
from autograd_lite.modes import recording
from autograd_lite.node import NO_KEYWORDS, Array, Node, arrays_in, plain
from autograd_lite.operation import Operation
from autograd_lite.program.program import Step, mapped, steps_in


class OwnedShape(tuple[int, ...]):
    """The shape of an expression, which remembers whose it is."""

    owner: Any

    def owned_by(self, owner: Any) -> OwnedShape:
        """The same numbers, as the shape of something else."""
        shape = OwnedShape(self)
        shape.owner = owner
        return shape


class Expression(Node, NDArrayOperatorsMixin):
    """An array within a rule, of which the tape of the rule has the step."""

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
                getattr(self._array, name)(*all_plain(arguments), **all_plain(keywords))
            return function(self, *arguments, **keywords)

        return method

    @property
    def shape(self) -> OwnedShape:
        return OwnedShape(np.shape(self._array)).owned_by(self)

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return call(np.transpose, self)

    def __getitem__(self, index: Any) -> Any:
        return call(operator.getitem, self, index)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


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
    np.size: lambda x, axis=None: np.size(all_plain(x), axis),
    np.result_type: lambda *arrays: np.result_type(*map(all_plain, arrays)),
    np.iscomplexobj: lambda x: False,
}
"""Functions that say nothing about entries."""


def _rebound(a: Expression, b: Any) -> Any:
    """Says that a += b is a = a + b here, if a is the rule's own: expressions do not change."""
    steps = _tape.get().steps
    shown = [x for x, step in steps.items() if step in steps[a].arguments]
    if steps[a].function is None or any(np.may_share_memory(a._array, x._array) for x in shown):
        raise TypeError("an array that was not made here is changed in place")
    return NotImplemented


for _name, _number in {"bool": bool, "int": int, "float": float, "index": int}.items():
    setattr(Expression, f"__{_name}__", lambda self, to=_number: to(_looked_at(self)))
for _name in vars(NDArrayOperatorsMixin):
    if _name.startswith("__i") and _name != "__invert__":
        setattr(Expression, _name, _rebound)


def call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function gives for expressions among its arguments: expressions again.

    A tuple of arrays becomes one of expressions. What is no array is what it is for these entries.
    """
    if keywords and isinstance(function, np.ufunc):
        function = _with_keywords(function)
    tape, given = _tape.get(), all_plain(arguments)
    data = function(*given, **all_plain(keywords))
    if isinstance(data, tuple) and data and all(isinstance(part, np.ndarray) for part in data):
        whole = tape.expression(None, function, arguments, keywords)
        parts = [
            tape.expression(part, operator.getitem, (whole, index))
            for index, part in enumerate(data)
        ]
        return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
    array = isinstance(data, np.ndarray | np.generic)
    masks = function is operator.getitem and _is_mask(given[1])
    if masks or not array:
        decides = [arguments[1]] if masks else [arguments, keywords]
        tape.looks += [x for x in arrays_in(decides) if isinstance(x, Node)]
    return tape.expression(data, function, arguments, keywords) if array else data


def _is_mask(index: Any) -> bool:
    """Whether the shape of what an index gives depends on its entries."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(getattr(part, "dtype", None) == np.bool for part in parts)


@functools.cache
def _with_keywords(ufunc: Any) -> Callable[..., Any]:
    """A ufunc that is given keywords: another function, as its row takes none."""
    function = functools.partial(ufunc)
    function.__name__, function.__module__ = ufunc.__name__, "numpy"  # type: ignore[attr-defined] # a partial takes them
    return function


def all_plain(value: Any) -> Any:
    """The value with arrays in place of expressions, also within lists and tuples."""
    return mapped(plain, value)


class Template(NamedTuple):
    """What a function or a rule computes from steps that it is given later."""

    # Numbered after those that are given; each like itself if steps are arguments, and not in them.
    steps: list[Step]
    results: dict[int, Any]  # steps, or plain values; of a rule by index of the argument
    looks: list[Step]  # whose entries it looked at, so that it may compute otherwise for others

    def filled(
        self, given: Iterable[Any], write: Callable[[Step, list[Any], dict[str, Any]], Any]
    ) -> tuple[dict[int, Any], list[Any]]:
        """The results, and what is looked at, with what `write` makes of each step in its place.

        It gets the step, and its arguments and keywords with such things in place of steps.
        """
        new = [*given]

        def own(value: Any) -> Any:
            if type(value) is Step:
                return new[value.number]
            return value.owned_by(new[value.owner.number]) if type(value) is OwnedShape else value

        for step in self.steps:
            if step.like is step:
                arguments = [new[x.number] if type(x) is Step else x for x in step.arguments]
                new.append(write(step, arguments, step.keywords))
            else:
                arguments, keywords = mapped(own, [*step.arguments]), mapped(own, step.keywords)
                new.append(write(step, arguments, keywords))
        results = {
            slot: new[x.number] if type(x) is Step else mapped(own, x)
            for slot, x in self.results.items()
        }
        return results, [*map(own, self.looks)] if self.looks else self.looks


class Tape:
    """The calls that a rule makes, as steps; what the engine records meanwhile is one too."""

    def __init__(self, name: str, given: Iterable[Array]) -> None:
        self.name = name
        self.steps: dict[Node, Step] = {}
        self.looks: list[Any] = []
        self.given = [self.expression(array, None, ()) for array in given]

    def run(self, rule: Callable[..., Any]) -> Any:
        """What a rule returns for expressions in place of the arrays."""
        return copy_context().run(self._run, rule)

    def _run(self, rule: Callable[..., Any]) -> Any:
        recording.set(self)
        _tape.set(self)
        with np.errstate(all="ignore"):
            return rule(*self.given)

    def expression(
        self, data: Array, function: Any, arguments: Any, keywords: Any = NO_KEYWORDS
    ) -> Expression:
        """An expression for what a function gave, or for what the rule was given."""
        node = Expression.__new__(Expression)
        node._array = data
        # So that functions which are called within a rule are recorded, whatever is given to them.
        node._requires_grad = data is not None and data.dtype.kind == "f"
        node.operation = node.name = node.grad = node.residual = None  # type: ignore[assignment] # it stands for no tensor
        node.arguments, node.wanted, node.keywords = (), (), NO_KEYWORDS
        node.lent = True
        node.created = node.mutated = 0
        self._write(node, function, arguments, keywords)
        return node

    def recorded(self, node: Node) -> None:
        """Take what the engine recorded."""
        if node.operation is None:
            self.steps[node] = Step(None, (), NO_KEYWORDS, None, len(self.steps))
        else:
            node.__class__ = Expression
            arguments = as_called(node.operation, node.arguments)
            self._write(node, node.operation.function, arguments, node.keywords)

    def _write(self, node: Node, function: Any, arguments: Any, keywords: dict[str, Any]) -> None:
        data = node._array
        if isinstance(data, np.ndarray):
            node._array = data = data.view()
            data.flags.writeable = False
        shape, dtype = (None, None) if data is None else (data.shape, data.dtype)
        arguments, keywords = mapped(self._own, arguments), mapped(self._own, keywords)
        step = Step(function, arguments, keywords, shape, len(self.steps), dtype)
        self.steps[node] = step

    def _own(self, value: Any) -> Any:
        """A part of an argument, with steps in place of expressions."""
        if isinstance(value, Node):
            if value not in self.steps:
                # Recorded by what a rule turned recording on for, or a tensor that it knows.
                self.recorded(value)
            return self.steps[value]
        if isinstance(value, OwnedShape):
            owner = self.steps[value.owner]
            return value.owned_by(owner) if owner.number < len(self.given) else tuple(value)
        return value

    def template(self, results: dict[int, Any]) -> Template:
        """The calls that lead from what was given to results, and to what was looked at."""
        results, looks = mapped(self._own, results), mapped(self._own, self.looks)
        found, steps = {self.steps[x] for x in self.given}, list[Step]()
        stack: list[Any] = steps_in([*results.values(), *looks])[::-1]
        while stack:
            step = stack.pop()
            if step is None:
                # What the step below this marker uses is written: now it is its turn.
                step = stack.pop()
                step.number = len(self.given) + len(steps)
                step.like = step if is_plain(step) else None
                steps.append(step)
            elif step not in found:
                if step.function is None:
                    raise UnsupportedError(
                        f"trace of {self.name}",
                        "it computes with a tensor that it was not given",
                        "Give the tensor as an argument, or compute with tensor.data",
                    )
                found.add(step)
                stack += [step, None, *steps_in(step)[::-1]]
        return Template(steps, results, looks)


def is_plain(step: Step) -> bool:
    """Whether no step, or shape of one, stands within lists, tuples or keywords."""
    parts: list[Any] = []
    mapped(parts.append, [[x for x in step.arguments if type(x) is not Step], step.keywords])
    return not any(type(part) in (Step, OwnedShape) for part in parts)


_tape: ContextVar[Tape] = ContextVar("tape")


def _looked_at(expression: Expression) -> Array:
    """The entries of an expression, which decide on what follows."""
    _tape.get().looks.append(expression)
    return expression._array


def as_called(operation: Operation, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as those of the function: a list where the operation takes one by one."""
    return ([*arguments],) if operation.sequence else arguments
