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

    def in_words(self, factor: float) -> str:
        """What a gradient that is `factor` times the right one lacks or has too much of."""
        return factor_in_words(factor, self.graph.factors, self.tolerance)

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The largest difference over the largest entry of both; infinite if shapes differ."""
        given = self.manual[tensor]
        if given.shape != predicted.shape:
            return math.inf
        return largest_error(given, predicted, self.rounding[tensor])

    def fits(self, tensor: Tensor, predicted: Array) -> bool:
        """Whether the error is within the tolerance."""
        given = self.manual[tensor]
        if given.shape == predicted.shape and given.size:
            difference = float(abs(given - predicted).max())
            # No entry that is predicted is larger than this sum.
            at_most = self.largest[tensor] + difference
            if difference > max(self.rounding[tensor], 2 * self.tolerance * at_most):
                return False
        return self.error(tensor, predicted) <= self.tolerance

    def alike(self, given: Array, predicted: Array) -> bool:
        """Whether two arrays have one shape and differ by no more than the tolerance."""
        same = np.shape(given) == np.shape(predicted)
        return same and largest_error(given, predicted, 0.0) <= self.tolerance

    def fitted(self, replay: Replay) -> frozenset[Tensor]:
        """The tensors whose gradients are as predicted."""
        if replay.fitted is None:
            replay.fitted = frozenset(t for t in self.manual if self._is_fitted(t, replay))
        return replay.fitted

    def _is_fitted(self, tensor: Tensor, replay: Replay) -> bool:
        base = replay.base
        if base and base.fitted is not None and replay[tensor] is base[tensor]:
            return tensor in base.fitted
        return self.fits(tensor, replay[tensor])


def largest_error(given: Array, predicted: Array, rounding: float) -> float:
    """The largest difference of two entries over the largest entry; 0 within rounding."""
    if given.size == 0:
        return 0.0
    difference = float(abs(given - predicted).max())
    if difference <= rounding or difference == 0:
        return 0.0
    if not math.isfinite(difference):
        return 0.0 if np.array_equal(given, predicted) else math.inf
    return difference / max(float(abs(given).max()), float(abs(predicted).max()))
