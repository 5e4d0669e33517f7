"""What was handed in: gradients, what rounding explains of them, and the words for factors."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.engine import backward_order
from autograd_lite.errors import MutationError, describe_one
from autograd_lite.forensics.place import Place
from autograd_lite.forensics.recorded_factors import (
    OWN,
    factors_at,
    of_arrays,
    of_numbers,
    rarer,
    usual,
)
from autograd_lite.forensics.replay import AXIS, SAMPLES, TERMS, Graph, Replay
from autograd_lite.forensics.rounding import rounding_of
from autograd_lite.node import Array, Node, plain
from autograd_lite.tensor import Tensor

ALMOST = 1e-4
"""Relative error up to which an array counts as computed from others, in any dtype."""
NEARLY = 1e-5
"""Relative error up to which a gradient was derived rightly, and computed inexactly."""
SAMPLED = 1000
"""Entries of large arrays that are compared before all are."""


@dataclass
class Case:
    """What was handed in: a graph, gradients, the relative error allowed.

    Besides, the names of the nodes that have one, and the caller's arrays and numbers, by name.
    """

    graph: Graph
    manual: dict[Tensor, Array]
    tolerance: float
    named: Mapping[Any, str]
    arrays: Mapping[str, Array]
    numbers: Mapping[str, float] = field(default_factory=dict)
    within: frozenset[Any] = frozenset()  # the only nodes with mistakes, if any are given

    def __post_init__(self) -> None:
        right = self.graph.right
        self.everything = frozenset(self.manual)
        self.steps = {tensor: right.cotangents[tensor].number for tensor in self.manual}
        """The number of the step of the program that gives each gradient."""
        self.largest = {t: float(abs(g).max(initial=0.0)) for t, g in self.manual.items()}
        self.rounding = rounding_of(self.graph, self.manual)
        """The error of each entry that rounding explains."""

    @functools.cached_property
    def usual_factors(self) -> list[tuple[float, str]]:
        """The factors that people get wrong here, in words."""
        return [*usual(self.graph)]

    @functools.cached_property
    def rarer_factors(self) -> list[tuple[float, str]]:
        """Learning rates, several factors at once, sums of the caller's arrays, in words."""
        own = [*of_arrays(self.arrays, self.graph.lengths), *of_numbers(self.numbers)]
        return [*rarer(self.graph, self.named), *own]

    def in_words(self, factor: float, place: Place | None = None) -> str:
        """What a gradient that is `factor` times the right one lacks or has; empty if unknown."""
        return self.usual_words(factor, place) or self._words(factor, self.rarer_factors)

    def usual_words(self, factor: float, place: Place | None = None) -> str:
        """The same, without learning rates and products; at a place, of its own numbers too."""
        usual, here = self._words(factor, self.usual_factors), self.words_here(factor, place)
        counts = "1/" in usual or "divided" in usual
        if here and place is not None and not (place.traits.averages and "square" in usual):
            own = place.traits.averages or place.operation.function in OWN
            within = AXIS in usual or self.graph.is_within(place)
            if own or TERMS in usual or (counts and within):
                return here
        named = here and "square" in usual and place and not place.traits.averages
        if place is None or (usual and not named):
            its_own = place is None or place in self._near_squares
            return usual if its_own else usual.replace(", the 2 of the", ", such as that of a")
        return here or self._words(factor, factors_at(self.graph, place))

    @functools.cached_property
    def _near_squares(self) -> set[Place]:
        """The steps before squares, and those after ones that lead to no gradient that is right."""
        right, places = self.graph.right, self.graph.places
        # What is 0 is so with any factor.
        fine = {t for t in self.fitted(right) if (abs(right[t]) > self.rounding[t]).any()}
        equal = (p for p in places if len({*map(id, p.node.arguments)}) == 1 and p.traits.product)
        squares = {*equal, *(place for place in places if place.squares)}
        before, after = {place.node for place in squares}, set[Tensor]()
        for place in reversed(places):
            fine |= {place.node} if place.argument in fine else set()
            before |= {place.node} if place.argument in before else set()
        for place in places:
            if place.node in after or (place in squares and place.node not in fine):
                after.add(place.argument)
        return {place for place in places if place.node in after or place.node in before}

    def words_here(self, factor: float, place: Place | None) -> str:
        """The same for the constant that a step multiplies or divides by, or averages over."""
        if place is None:
            return ""
        averages = place.traits.averages and place.node.size > 1
        of_samples = SAMPLES in self._words(factor, self.usual_factors)
        averages = averages and not (of_samples and self._is_statistic(place))
        if not (place.multiplies_entries or averages or place.operation.function in OWN):
            return ""
        here = self._words(factor, factors_at(self.graph, place))
        another = here.endswith("is right") and "square" in self._words(factor, self.usual_factors)
        return "" if another else here

    def _is_statistic(self, place: Place) -> bool:
        """Whether a result meets the entries again that it was reduced from, as a batch's mean."""
        uses = self.graph.consumers.get(place.node, ())
        return any(u.traits.elementwise and u.node.size >= place.argument.size for u in uses)

    def _words(self, factor: float, known: Iterable[tuple[float, str]]) -> str:
        for number, words in known:
            if math.isclose(factor, number, rel_tol=max(1e-6, self.tolerance)):
                return words
        return ""

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The relative error of a prediction, 0 within rounding."""
        given, rounding = self.manual[tensor], self.rounding[tensor]
        return relative_error(given, predicted, rounding, self.largest[tensor])

    def alike(self, given: Array, predicted: Array) -> bool:
        """Whether two arrays have one shape and differ by no more than the tolerance."""
        if given.shape == predicted.shape and given.size > SAMPLED:
            some = slice(None, None, given.size // SAMPLED)
            sample = relative_error(given.flat[some], predicted.flat[some])
            if not sample <= max(ALMOST, 1000 * self.tolerance):
                return False
        return relative_error(given, predicted) <= self.tolerance

    def fitted(self, replay: Replay) -> frozenset[Tensor]:
        """The tensors whose gradients are as predicted."""
        if replay.fitted is None:
            base = replay.base or replay
            found = []
            for tensor, number in self.steps.items():
                predicted = replay.values[number]
                if base.fitted is not None and predicted is base.values[number]:
                    fits = tensor in base.fitted
                else:
                    fits = self.error(tensor, predicted) <= self.tolerance
                found += [tensor] * fits
            replay.fitted = frozenset(found)
        return replay.fitted

    @functools.cached_property
    def wrong_ones(self) -> tuple[Tensor, ...]:
        """The tensors whose gradients are not right, in the order in which they were handed in."""
        return tuple(t for t in self.manual if t not in self.fitted(self.graph.right))

    @functools.cached_property
    def wrong(self) -> frozenset[Tensor]:
        """The same as a set."""
        return frozenset(self.wrong_ones)

    def are_usable(self, tensors: Iterable[Tensor]) -> bool:
        """Whether what was handed in for tensors has their shapes, and is finite throughout."""
        given = [(tensor, self.manual[tensor]) for tensor in tensors]
        return all(g.shape == t.shape and np.isfinite(g).all() for t, g in given)

    def differ(self, one: Replay, other: Replay) -> bool:
        """Whether any of the gradients differ in two replays."""
        for number in self.steps.values():
            a, b = one.values[number], other.values[number]
            if a is not b and (a != b).any():
                return True
        return False


def relative_error(
    given: Array, predicted: Array, rounding: Any = 0.0, largest: float | None = None
) -> float:
    """The largest difference of two entries, if beyond rounding, over the largest entry."""
    if given.shape != predicted.shape:
        return math.inf
    if given.size == 0:
        return 0.0
    differences = abs(given - predicted)
    difference = float(differences.max())
    if difference == 0:
        return 0.0
    if not math.isfinite(difference):
        return 0.0 if np.array_equal(given, predicted) else math.inf
    difference = float(differences.max(where=differences > rounding, initial=0.0))
    largest = float(abs(given).max()) if largest is None else largest
    return difference / max(largest, float(abs(predicted).max()))


def refuse_changed(loss: Tensor) -> None:
    """Raise if an array of the record is not what its operation gives for its arguments.

    Raises:
        MutationError: one of them was written into since.
    """
    for node in reversed(backward_order(loss)):
        row = node.operation
        if row is None:
            continue
        again, recorded = row.value(*map(plain, node.arguments), **node.keywords), node._array
        if np.array_equal(again, recorded, equal_nan=True):
            continue
        # BLAS may round otherwise in another memory layout.
        if not relative_error(np.asarray(again), np.asarray(recorded)) <= ALMOST:
            arrays = [describe_one(a) for a in (node, *node.arguments) if isinstance(a, Node)]
            raise MutationError(
                f"compare_gradients of loss {describe_one(loss)}",
                "the record was changed after it was made: of "
                f"{', '.join(dict.fromkeys(arrays))}, one was written into, and {row.name} "
                "does not give that result any more",
                "Compute by hand with tensor.data.copy(), and compute the loss anew",
            )
