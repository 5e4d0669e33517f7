"""Terms of formulas: steps, simplified as they are built.

No simplification changes a number: what is dropped is a product with 1, a sum over no axis, a
broadcast that NumPy does by itself. What moves, a sign or an axis of length 1, moves exactly.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.operation import Traits
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.templates import value_key
from autograd_lite.table import traits_of

Shape = tuple[int, ...]


class Terms:
    """All terms of some formulas. Equal calls are one term."""

    def __init__(self) -> None:
        self._by_key: dict[Any, Step] = {}
        self.count = 0
        self.values = sys.maxsize  # the number of the last term that is of a value

    def leaf(self, shape: Shape, *array: Any) -> Step:
        """A new term for something that is not computed: data, a parameter, a cotangent."""
        self.count += 1
        return Step(None, array, {}, shape, self.count)

    def call(self, function: Any, *arguments: Any, **keywords: Any) -> Any:
        """The term of an elementwise function, whose shape is that of its broadcast arguments."""
        return self.build(function, arguments, keywords, _broadcast_shape(arguments))

    def build(
        self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], shape: Any
    ) -> Any:
        """The term of a call, or a simpler one with the same value, or a number."""
        traits = traits_of(function)
        if shape and function is np.multiply and shape_of(arguments[1]) == ():
            arguments = arguments[::-1]  # g * x and x * g are one term, if g is a scalar
        # Of an elementwise function, but for +x, only what may move makes a call simpler, and a
        # number that is 0 or 1, or beside others.
        may_be_simpler = not traits.elementwise or function is np.positive
        parts, numbers = [], 0
        for x in arguments:
            if type(x) is Step:
                parts.append(x.number)
                may_be_simpler = may_be_simpler or x.function in _MOVABLE
            else:
                parts.append(value_key(x))
                numbers += 1
                may_be_simpler = may_be_simpler or type(x) is not float or x in (0, 1)
        if may_be_simpler or numbers > 1 or numbers == len(arguments):
            simpler = self._simpler(function, traits, arguments, keywords, shape)
            if simpler is not None:
                return simpler
        key = (function, *parts, *(keywords and map(value_key, keywords.items())))
        term = self._by_key.get(key)
        if term is None:
            self.count += 1
            term = self._by_key[key] = Step(function, arguments, keywords, shape, self.count)
        return term

    def _simpler(
        self, function: Any, traits: Traits, arguments: Any, keywords: Any, shape: Shape
    ) -> Any:
        """A term, or a number, with the same value as a call; None where that is the simplest."""
        if traits.elementwise and function is not astype:
            if any(map(is_broadcast, arguments)):
                wide = next(x for x in arguments if is_broadcast(x))
                inner = [x.arguments[0] if is_broadcast(x) else x for x in arguments]
                return self.broadcast(self.call(function, *inner, **keywords), shape, wide)
            inner = [_without_leading_axes(x) for x in arguments]
            if [*arguments] != inner and _broadcast_shape(inner) == shape:
                return self.call(function, *inner, **keywords)
        if arguments and arguments[-1] is None and _is_default(function, len(arguments) - 1):
            return self.build(function, arguments[:-1], keywords, shape)
        if traits.moves and function is not np.broadcast_to:
            moved = arguments[0].arguments[0] if is_broadcast(arguments[0]) else arguments[0]
            if is_number(moved) or (moved is not arguments[0] and moved.shape == ()):
                return self.broadcast(moved, shape)
        for position in () if function in (np.negative, np.broadcast_to) else traits.linear:
            if is_call(arguments[position], np.negative):
                inner = [*arguments]
                inner[position] = arguments[position].arguments[0]
                term = self.build(function, tuple(inner), keywords, shape)
                return self.build(np.negative, (term,), {}, shape)
        simplify = SIMPLER.get(function)
        return None if simplify is None else simplify(self, shape, *arguments, **keywords)

    def broadcast(self, term: Any, shape: Shape, wide: Step | None = None) -> Any:
        """The term in a shape, which may be written like that of another broadcast term."""
        if shape_of(term) == shape:
            return term
        target = wide.arguments[1] if wide is not None and wide.shape == shape else shape
        return self.build(np.broadcast_to, (term, target), {}, shape)


def _broadcast_shape(arguments: Iterable[Any]) -> Shape:
    """The shape of terms and numbers that are broadcast with each other."""
    shapes = {x.shape for x in arguments if type(x) is Step and x.shape}
    return np.broadcast_shapes(*shapes) if len(shapes) > 1 else shapes.pop() if shapes else ()


_MOVABLE = {np.negative, np.broadcast_to, np.expand_dims}
"""What may move out of what it is given to, or disappear in it; numbers may too."""


def is_number(value: Any) -> bool:
    """Whether this is a number that was written down."""
    return type(value) is not Step and isinstance(value, _NUMBERS)


_NUMBERS = (int, float, np.number, np.bool)


def is_one(value: Any) -> bool:
    """Whether it is the number 1."""
    return is_number(value) and bool(value == 1)


def is_one_number(index: Any) -> bool:
    """Whether an index is a number, or stands for one that moves."""
    return isinstance(index, int) or (is_call(index, None) and not index.arguments)


def shape_of(value: Any) -> Shape:
    """The shape of a term; that of a number is ()."""
    return value.shape if type(value) is Step else ()


def is_call(value: Any, function: Any) -> bool:
    """Whether it is the term of a call of that function."""
    return type(value) is Step and value.function is function


def is_broadcast(value: Any) -> bool:
    """Whether it is the term of a value that was broadcast."""
    return type(value) is Step and value.function is np.broadcast_to


@functools.cache
def _is_default(function: Any, position: int) -> bool:
    """Whether None is what an argument is unless it is given, such as an axis."""
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except ValueError:
        return False
    return position < len(parameters) and parameters[position].default is None


def _without_leading_axes(value: Any) -> Any:
    """The term without axes of length 1 in front, which broadcasting adds by itself."""
    if is_call(value, np.expand_dims):
        inner = value.arguments[0]
        if value.shape == (1,) * (len(value.shape) - len(inner.shape)) + inner.shape:
            return inner
    return value


def parts_written(term: Step, names: Collection[Step]) -> Iterator[Step]:
    """What stands in the formula of a term, from left to right; of what has a name only that."""
    stack = steps_in(term)[::-1]
    while stack:
        part = stack.pop()
        yield part
        if part not in names:
            stack += steps_in(part)[::-1] if part.function else []


# One function each: the simpler term, or None


def _add(terms: Terms, shape: Shape, a: Any, b: Any) -> Any:
    for one, other in ((a, b), (b, a)):
        if is_number(one) and is_number(other):
            return one + other
        if is_number(one) and one == 0 and shape_of(other) == shape:
            return other
        if is_call(other, np.negative):
            return terms.call(np.subtract, one, other.arguments[0])
    return None


def _subtract(terms: Terms, shape: Shape, a: Any, b: Any) -> Any:
    if is_number(b) and b == 0 and shape_of(a) == shape:
        return a
    if is_call(b, np.negative):
        return terms.call(np.add, a, b.arguments[0])
    if is_call(a, np.negative):
        return terms.call(np.negative, terms.call(np.add, a.arguments[0], b))
    return None


def _multiply(terms: Terms, shape: Shape, a: Any, b: Any) -> Any:
    for one, other in ((a, b), (b, a)):
        if is_one(one) and shape_of(other) == shape:
            return other
        if one is False:
            return terms.broadcast(0, shape)
    return a * b if is_number(a) and is_number(b) else None


def _negative(terms: Terms, shape: Shape, x: Any) -> Any:
    if is_number(x):
        return -x
    return x.arguments[0] if is_call(x, np.negative) else None


def _power(terms: Terms, shape: Shape, base: Any, exponent: Any) -> Any:
    if is_number(exponent) and exponent == 0:
        return terms.broadcast(1.0, shape)
    return base if is_one(exponent) and shape_of(base) == shape else None


def _where(terms: Terms, shape: Shape, condition: Any, a: Any, b: Any) -> Any:
    if isinstance(condition, bool):
        return terms.broadcast(a if condition else b, shape)
    equal = is_number(a) and is_number(b) and a == b
    return terms.broadcast(a, shape) if equal else None


def _broadcast_to(terms: Terms, shape: Shape, x: Any, target: Any) -> Any:
    if shape_of(x) == shape:
        return x
    inner = x.arguments[0] if is_broadcast(x) else _without_leading_axes(x)
    return None if inner is x else terms.build(np.broadcast_to, (inner, target), {}, shape)


def _reshape(terms: Terms, shape: Shape, x: Any, target: Any, order: str = "C") -> Any:
    if x.shape == shape:
        return x
    new = _inserted(x.shape, shape)
    if new is not None:
        return terms.build(np.expand_dims, (x, new), {}, shape)
    gone = _inserted(shape, x.shape)
    if not gone:
        return None
    if (
        is_call(x, np.sum)
        and x.keywords.get("keepdims")
        and gone == tuple(sorted(several(x.keywords.get("axis", ()))))
    ):
        return terms.build(np.sum, x.arguments, {"axis": x.keywords["axis"]}, shape)
    return terms.build(np.squeeze, (x, gone if len(gone) > 1 else gone[0]), {}, shape)


def several(axis: Any) -> tuple[int, ...]:
    """The axes of an argument that may be one or several."""
    return axis if isinstance(axis, tuple) else (axis,)


def _inserted(short: Shape, long: Shape) -> Shape | None:
    """The axes of length 1 that a shape has beyond those of another, or None."""
    axes, rest = [], list(short)
    for axis, length in enumerate(long):
        if rest and length == rest[0]:
            rest.pop(0)
        elif length == 1:
            axes.append(axis)
        else:
            return None
    return None if rest else tuple(axes)


def _reordering(function: Any) -> Any:
    """Leaves out what keeps the order of axes, and calls its reverse a transpose."""

    def simplify(terms: Terms, shape: Shape, x: Any, *how: Any) -> Any:
        if is_call(x, np.transpose) and not how and len(x.arguments) == 1:
            return x.arguments[0]
        if is_call(x, np.matmul) and len(shape) == 2 and not how and x.number > terms.values:
            turned = [_turned(terms, part) for part in x.arguments[::-1]]
            return terms.build(np.matmul, tuple(turned), {}, shape) if None not in turned else None
        # Without entries, as all axes are told apart by their lengths.
        lengths = tuple(range(len(shape)))
        axes = [part.arguments[0] if isinstance(part, Step) else part for part in how]
        order = function(np.empty(lengths), *axes).shape
        if order == lengths:
            return x
        is_reverse = how and order == lengths[::-1]
        return terms.build(np.transpose, (x,), {}, shape) if is_reverse else None

    return simplify


def _turned(terms: Terms, x: Any) -> Any:
    """The transpose of a factor, if that is a matrix."""
    shape = shape_of(x)
    return terms.build(np.transpose, (x,), {}, shape[::-1]) if len(shape) == 2 else None


def _reduction(function: Any) -> Any:
    """Writes the axis as a keyword, and leaves out what is NumPy's default."""

    def simplify(terms: Terms, shape: Shape, x: Any, *axis: Any, **keywords: Any) -> Any:
        named = {"axis": axis[0], **keywords} if axis else keywords
        defaults = {"axis": None, "keepdims": False, "dtype": np.float64}
        kept = {k: v for k, v in named.items() if k not in defaults or v != defaults[k]}
        if kept.get("axis") == () and function not in (np.var, np.std):
            return x
        if function is np.sum and is_broadcast(x) and x.arguments[0] == 0:
            return terms.broadcast(x.arguments[0], shape)
        if "correction" in kept:
            kept["ddof"] = kept.pop("correction")
        if not x.shape:  # a number has but one entry to reduce
            kept.pop("axis", None)
        if "axis" in kept:
            axes = [i % len(x.shape) for i in several(kept["axis"])]
            kept["axis"] = tuple(axes) if len(axes) > 1 else axes[0]
        return terms.build(function, (x,), kept, shape) if axis or kept != keywords else None

    return simplify


def _dot(terms: Terms, shape: Shape, a: Any, b: Any) -> Any:
    ndims = {len(shape_of(a)), len(shape_of(b))}
    function = np.multiply if 0 in ndims else np.matmul
    return terms.build(function, (a, b), {}, shape) if 0 in ndims or ndims <= {1, 2} else None


REDUCTIONS = (np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std)
SIMPLER: dict[Any, Callable[..., Any]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: lambda terms, shape, a, b: a if is_one(b) and shape_of(a) == shape else None,
    np.negative: _negative,
    np.positive: lambda terms, shape, x: x,
    operator.getitem: lambda terms, shape, x, index: x if index == () else None,
    np.copy: lambda terms, shape, x: x,
    np.power: _power,
    np.where: _where,
    np.bitwise_and: lambda terms, shape, a, b: False if a is False or b is False else None,
    np.bitwise_or: lambda terms, shape, a, b: b if a is False else a if b is False else None,
    np.zeros_like: lambda terms, shape, x: terms.broadcast(0, shape),
    np.broadcast_to: _broadcast_to,
    np.reshape: _reshape,
    **{f: _reordering(f) for f in (np.transpose, np.moveaxis, np.swapaxes)},
    np.dot: _dot,
    np.einsum: lambda terms, shape, *operands, **how: (
        terms.build(np.einsum, operands, {}, shape) if how.get("optimize") is False else None
    ),
    astype: lambda terms, shape, x, dtype: dtype.type(x) if is_number(x) else None,
    **{f: _reduction(f) for f in REDUCTIONS},
    np.amax: _reduction(np.max),
    np.amin: _reduction(np.min),
}
