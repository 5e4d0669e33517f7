"""What was handed in, and when a prediction fits it: what rounding explains does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.forensics.replay import Graph, Place, Replay, Vjp
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

REPEATS = 3
SAFETY = 32.0
"""How much more than the effect of noise is still taken for rounding."""


@dataclass
class Case:
    """What was handed in: a graph, gradients, the relative error allowed, the nodes with a name."""

    graph: Graph
    manual: dict[Tensor, Array]
    tolerance: float
    named: frozenset[Any]

    def __post_init__(self) -> None:
        right = self.graph.right
        self.everything = frozenset(self.manual)
        self.steps = {tensor: right.cotangents[tensor].number for tensor in self.manual}
        """The number of the step of the program that gives each gradient."""
        self.largest = {t: float(abs(g).max(initial=0.0)) for t, g in self.manual.items()}
        self.rounding = dict.fromkeys(self.manual, 0.0)
        """The largest error of an entry that rounding explains."""
        rng = np.random.default_rng(0)
        for _ in range(REPEATS):
            noisy = self.graph.replay({place: _noisy(place, rng) for place in self.graph.places})
            if noisy is None:
                continue
            for tensor, known in self.rounding.items():
                error = SAFETY * float(abs(noisy[tensor] - right[tensor]).max(initial=0.0))
                self.rounding[tensor] = max(known, error if math.isfinite(error) else 0.0)

    def in_words(self, factor: float) -> str:
        """What a gradient that is `factor` times the right one lacks or has; empty if unknown."""
        for known, words in self.graph.factors:
            if math.isclose(factor, known, rel_tol=max(1e-6, self.tolerance)):
                return words
        return ""

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The relative error of a prediction, 0 within rounding."""
        given, rounding = self.manual[tensor], self.rounding[tensor]
        return relative_error(given, predicted, rounding, self.largest[tensor])

    def alike(self, given: Array, predicted: Array) -> bool:
        """Whether two arrays have one shape and differ by no more than the tolerance."""
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

    def differ(self, one: Replay, other: Replay) -> bool:
        """Whether any of the gradients differ in two replays."""
        for number in self.steps.values():
            a, b = one.values[number], other.values[number]
            if a is not b and (a != b).any():
                return True
        return False


def relative_error(
    given: Array, predicted: Array, rounding: float = 0.0, largest: float | None = None
) -> float:
    """The largest difference of two entries, if beyond rounding, over the largest entry."""
    if given.shape != predicted.shape:
        return math.inf
    if given.size == 0:
        return 0.0
    difference = float(abs(given - predicted).max())
    if difference <= rounding or difference == 0:
        return 0.0
    if not math.isfinite(difference):
        return 0.0 if np.array_equal(given, predicted) else math.inf
    largest = float(abs(given).max()) if largest is None else largest
    return difference / max(largest, float(abs(predicted).max()))


def _noisy(place: Place, rng: np.random.Generator) -> Vjp:
    """The step with noise of the size of a rounding error in all that it computes with."""
    precision = float(np.finfo(place.node.dtype).eps)
    # Derivatives such as p - y and 1 - y * y are of the size of 1 before they cancel.
    before = 1.0 if place.traits.activation or place.traits.link else 0.0

    def noise(shape: tuple[int, ...]) -> Array:
        return precision * np.sign(rng.random(shape) - 0.5)

    def shaken(value: Any) -> Any:
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind != "f":
            return value
        return value * (1 + noise(value.shape)).astype(value.dtype)

    def noisy(*given: Any, **keywords: Any) -> Array:
        cotangent, contribution = given[0], place.vjp(*map(shaken, given), **keywords)
        shape = np.shape(contribution)
        if cotangent.shape not in ((), shape):
            return contribution
        size = np.minimum(abs(cotangent), np.max(abs(contribution), initial=before))
        return contribution + size * noise(shape)

    return noisy
