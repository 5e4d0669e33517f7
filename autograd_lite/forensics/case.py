"""What was handed in, and when a prediction fits it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.forensics.factors import factor_in_words
from autograd_lite.forensics.replay import Graph, Replay
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor


@dataclass
class Case:
    """What was handed in: a graph, gradients, how far rounding may take each off, known nodes."""

    graph: Graph
    manual: dict[Tensor, Array]
    tolerance: float
    rounding: dict[Tensor, float]
    named: frozenset[Any]

    def __post_init__(self) -> None:
        self.everything = frozenset(self.manual)
        self.largest = {t: float(abs(g).max(initial=0.0)) for t, g in self.manual.items()}
        self.steps = {tensor: self.graph.right.cotangents[tensor].number for tensor in self.manual}

    def in_words(self, factor: float) -> str:
        """What a gradient that is `factor` times the right one lacks or has too much of."""
        return factor_in_words(factor, self.graph.factors, self.tolerance)

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The relative error of a prediction, 0 within rounding."""
        return relative_error(
            self.manual[tensor], predicted, self.rounding[tensor], self.largest[tensor]
        )

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
    """The largest difference of two entries over the largest entry; infinite if shapes differ.

    A difference within `rounding` is none, and `largest` is that of the entries given, if known.
    """
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
