"""Loops of steps: a body, and how often it runs.

What an iteration reads is the same in all, or a result of the one before, or the next slice of an
array, number in an index, or value of an earlier loop. How loops are found is in `rolling.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.node import Array, Node
from autograd_lite.program.program import Step, mapped
from autograd_lite.program.templates import adds_at


class Sliced(NamedTuple):
    """What a loop reads one after the other: at iteration j what is at `indices[j]`.

    Attributes:
        of: a step in the body of an earlier loop, of which it reads the value at that iteration; or
            a list of arrays as steps, which are slices of one array; or None: it is the index
            itself. At index -1 a step that is carried has what it is at first.
        indices: one for each iteration.
    """

    of: Any
    indices: range


class Uneven(Exception):  # noqa: N818 - no mistake, and nobody sees it
    """An iteration differs from others in how it is laid out, or in what is made of it.

    Attributes:
        nodes: those behind which another loop has to begin.
    """

    def __init__(self, nodes: Sequence[Node] = ()) -> None:
        super().__init__()
        self.nodes = nodes


@dataclass(eq=False)
class Loop:
    """Steps that run `count` times.

    Arguments in the body are steps of the body, steps before the loop, and placeholders: steps
    without function and array, which are keys of `carried` or `sliced`. To run it, set the carried
    ones to what they are at first. In each iteration set the sliced ones; compute the body, in
    order; keep the values that are collected; and set the carried ones to what they are next, all
    at once, as that may be the value of another one.

    Attributes:
        carried: by placeholder: the step before the loop that it is at first, and the step of the
            body, or other placeholder, whose value it has in the next iteration.
        sliced: by placeholder: an array, or a number in an index.
        collected: by step of the body: the iterations of which the value is used after the loop.
        originals: by iteration: the steps that those of the body stand for; later steps name them
            so.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.program.rolling import rolled
    >>> from autograd_lite.program.trace import trace
    >>> x, w, h = np.ones((8, 2)), Tensor([1.0, 2.0], requires_grad=True), np.zeros(2)
    >>> for t in range(8):
    ...     h = np.tanh(w * h + x[t])
    >>> loop, *rest = rolled(trace(h.sum()).steps)
    >>> [step.function.__name__ for step in loop.body], loop.count
    (['mul', 'add', 'tanh'], 8)
    >>> [(len(of), indices) for of, indices in loop.sliced.values()]
    [(8, range(0, 8))]
    >>> [(at_first.arguments[0], then is loop.body[-1]) for at_first, then in loop.carried.values()]
    [(array([0., 0.]), True)]
    """

    body: list[Step]
    count: int
    carried: dict[Step, tuple[Any, Step]] = field(default_factory=dict)
    sliced: dict[Step, Sliced] = field(default_factory=dict)
    collected: dict[Step, set[int]] = field(default_factory=dict)
    originals: list[list[Step]] = field(default_factory=list, repr=False)


def with_moved(step: Step, own: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments and keywords of a step, with others in place of steps, and of numbers in an
    index."""
    index = index_place(step)
    parts = enumerate(step.arguments)
    arguments = tuple([with_moved_parts(value, place == index, own) for place, value in parts])
    return arguments, step.keywords and with_moved_parts(step.keywords, False, own)


def with_moved_parts(value: Any, is_index: bool, own: Callable[[Any], Any]) -> Any:
    """An argument of a step, with others in place of steps, and of numbers if it is an index."""

    def moved(part: Any) -> Any:
        if is_index and type(part) is slice:
            return slice(*with_moved_parts((part.start, part.stop, part.step), True, own))
        return own(part) if type(part) is Step or (is_index and is_number(part)) else part

    return mapped(moved, value)


def moving_in(step: Step) -> set[Any]:
    """What may be another in each iteration, also in the slices of an index."""
    found: set[Any] = set()
    with_moved(step, found.add)
    return found


def index_place(step: Step) -> int | None:
    """Which argument of a step is an index, never the first one; None if none is."""
    if step.function in (operator.getitem, scatter):
        return 1
    return len(step.arguments) - 1 if adds_at(step.function) else None


def is_number(value: Any) -> bool:
    """Whether it is a whole number, which may move in an index."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def evenly(start: int, step: int, count: int) -> range:
    """So many numbers from one on."""
    return range(start, start + step * count, step)


def as_range(numbers: Sequence[int]) -> range | None:
    """The range that different numbers are, if they lie evenly."""
    step = numbers[1] - numbers[0]
    found = evenly(numbers[0], step or 1, len(numbers))
    return found if [*found] == [*numbers] else None


def distance_between(one: Array, two: Array) -> int:
    """How many bytes lie between the beginnings of arrays."""
    first, second = (x.__array_interface__["data"][0] for x in (one, two))
    return int(second - first)
