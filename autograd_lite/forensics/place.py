"""The steps of a recorded backward pass: where a mistake can be made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from autograd_lite.engine import given_to_rules
from autograd_lite.node import Array, Node, plain
from autograd_lite.operation import Operation, Traits
from autograd_lite.tensor import Tensor

Vjp = Callable[..., Any]
"""Called as the vjps of the table are: `vjp(g, y, *arguments, **keywords)`."""


@dataclass(eq=False, slots=True)
class Place:
    """Where a mistake can be made: the step from a node to one of its arguments."""

    node: Tensor
    slot: int  # of the argument; -1 for the forward step, which has the loss for an argument
    argument: Tensor
    operation: Operation
    traits: Traits
    number: int  # of the step in the program

    def vjp(self, *given: Any, **keywords: Any) -> Any:
        """The right vjp of the step."""
        return self.operation.contribution(self.slot, [*given], keywords)

    def unmatched(self, cotangent: Array) -> Array:
        """What the step gives for a cotangent, before it is summed to the argument's shape."""
        given = given_to_rules(self.node, cotangent, create_graph=False)
        return self.operation.contribution(self.slot, given, self.node.keywords)

    def changed(self, change: Callable[..., Any]) -> Vjp:
        """The vjp with something done to its result: `change(result, g, y, *arguments)`."""
        return lambda *given, **keywords: change(self.vjp(*given, **keywords), *given)

    def arriving(self, change: Callable[..., Any]) -> Vjp:
        """The vjp of something else than what arrives: `change(g, y, *arguments)`."""
        return lambda *given, **keywords: self.vjp(change(*given), *given[1:], **keywords)

    def result_times(self, by: Any) -> Vjp:
        """The vjp with its result multiplied by something."""
        return self.changed(lambda result, *_: result * by)

    def arriving_times(self, by: Any) -> Vjp:
        """The vjp of what arrives, multiplied by something."""
        return self.arriving(lambda g, *_: g * by)

    def arriving_plus(self, more: Any) -> Vjp:
        """The vjp of what arrives and something more."""
        return self.arriving(lambda g, *_: g + more)

    def given(self, change: Callable[..., tuple[Any, ...]]) -> Vjp:
        """The vjp with others, `change(y, *arguments)`, than its own output and arguments."""
        return lambda g, *own, **keywords: self.vjp(g, *change(*own), **keywords)

    def taken(self) -> Array:
        """For each entry of the node, which is taken of the argument, the number of that one."""
        return indexed(self.node)

    @property
    def bends(self) -> bool:
        """Whether the function has one argument, and a result like it that is not linear in it."""
        if self.traits.additive or self.slot in self.traits.linear:
            return False
        arrays = [a for a in self.node.arguments if is_array(plain(a))]
        return len(arrays) == 1 and self.node.shape == self.argument.shape

    @property
    def activates(self) -> bool:
        """Whether the function is an activation, of its argument alone, that is not linear."""
        return self.bends and self.traits.activation

    @property
    def is_straight_twice(self) -> bool:
        """Whether the function is an activation of two straight parts, or of one, as elu."""
        return self.traits.kink and self.traits.activation

    @property
    def slopes(self) -> Array:
        """What the step gives where all that arrives is 1: the derivative, entry by entry."""
        return self.unmatched(np.ones_like(self.node._array))

    @property
    def squares(self) -> bool:
        """Whether the function is the square, as one of its argument alone."""
        function = self.operation.function
        return function is np.square or (function is np.power and self.numbers == [2])

    @property
    def has_minus(self) -> bool:
        """Whether there is a minus in the step's derivative, which may be forgotten."""
        if self.operation.function is np.power:
            return self.slot == 0 and min(self.numbers, default=0) < 0
        return (self.operation.function, self.slot) in WITH_MINUS

    @property
    def multiplies_entries(self) -> bool:
        """Whether the function is a product, or a quotient, entry by entry."""
        return self.traits.product and self.traits.elementwise

    @property
    def multiplies_matrices(self) -> bool:
        """Whether the function is a product with a matrix, as layers have them."""
        return self.traits.product and not self.traits.elementwise

    @property
    def others(self) -> dict[int, Any]:
        """The arguments of the node besides the one that the step leads to, by their slots."""
        return {slot: a for slot, a in enumerate(self.node.arguments) if slot != self.slot}

    @property
    def other_arguments(self) -> list[Any]:
        """The same without the slots."""
        return [*self.others.values()]

    @property
    def numbers(self) -> list[float]:
        """Those of the other arguments that are a number, of a size that people write."""
        others = [plain(a) for a in self.other_arguments if not is_recorded(a)]
        return [float(np.sum(a)) for a in others if np.size(a) == 1 and is_usual(np.sum(a))]


WITH_MINUS = {
    *((function, 0) for function in (np.negative, np.cos, np.arccos, np.reciprocal, np.linalg.inv)),
    *((function, 1) for function in (np.subtract, np.divide)),
}
"""Functions, and their arguments, whose derivatives have a minus."""


def indexed(node: Tensor) -> Array:
    """For each entry of a node, which is taken of its first argument, the number of that one."""
    whole, *others = map(plain, node.arguments)
    numbers = np.arange(whole.size).reshape(whole.shape)
    return np.asarray(node.operation.compute(numbers, *others, **node.keywords))


def numbers_in(whole: Array, view: Array) -> Array:
    """For each entry of a view of an array, which is contiguous, the number of that one."""
    size, numbers = whole.itemsize, np.arange(whole.size)
    strides = [stride // size * numbers.itemsize for stride in view.strides]
    start = (view.ctypes.data - whole.ctypes.data) // size * numbers.itemsize
    return np.ndarray(view.shape, numbers.dtype, numbers, start, strides)


Wrong = dict[Place, Vjp]
"""Steps that are done wrongly, and how."""


def is_array(value: Any) -> bool:
    """Whether it is an array, or one of NumPy's numbers, and no tensor, index or name."""
    return isinstance(value, np.ndarray | np.generic)


def is_usual(number: Any) -> bool:
    """Whether a number is 0, or of a size whose square is a number, too, and so is 1 over it."""
    return bool(number == 0 or 1e-100 < abs(number) < 1e100)


def is_recorded(value: Any) -> bool:
    """Whether it is a tensor that requires grad."""
    return isinstance(value, Tensor) and value.requires_grad


def is_square(value: Any) -> bool:
    """Whether it is a square matrix of more than one entry, or several."""
    return is_array(value) and value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1


def mask_of(node: Tensor) -> Array | None:
    """A plain array argument of a product whose entries are 0 or one other value, if any."""
    for argument in node.arguments:
        values = plain(argument)
        if is_recorded(argument) or not isinstance(values, np.ndarray):
            continue
        if values.ndim == node.ndim and 1 < values.size <= node.size:
            present = np.unique(values)
            if len(present) <= 2 and present[-1] > 0 and present[0] == 0:
                return values
    return None


def lines_along(array: Any, axis: int) -> str:
    """What lies along an axis of an array: rows, columns, or entries."""
    if array.ndim == 1:
        return "entries"
    return "columns" if axis == array.ndim - 1 else "rows"


def index_parts(index: Any) -> list[Any]:
    """What an index has for each axis, with lists, ranges and tensors as arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return [np.asarray(p) if isinstance(p, list | range) else plain(p) for p in parts]


def is_bounded(node: Node) -> bool:
    """Whether a computed node is a maximum or a minimum, entry by entry, such as relu."""
    traits = node.operation.traits
    return traits.rectifies or (traits.extremum and traits.elementwise)


Grouped = TypeVar("Grouped")


def grouped(items: Iterable[Grouped], key: Callable[[Grouped], Any]) -> dict[Any, list[Grouped]]:
    """The places, or nodes, that have a key, such as the operation, in common."""
    groups: dict[Any, list[Grouped]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def sets_of_axes(count: int) -> list[tuple[int, ...]]:
    """Each of so many axes, several of them, and all."""
    return [a for n in range(1, count + 1) for a in itertools.combinations(range(count), n)]
