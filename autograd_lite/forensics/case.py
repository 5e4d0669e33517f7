"""What was handed in, and when a prediction fits it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

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

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The largest difference over the largest entry of both; infinite if shapes differ."""
        given = self.manual[tensor]
        if given.shape != predicted.shape:
            return math.inf
        return largest_error(given, predicted, self.rounding[tensor])

    def alike(self, given: Array, predicted: Array) -> bool:
        """Whether two arrays have one shape and differ by no more than the tolerance."""
        same = np.shape(given) == np.shape(predicted)
        return same and largest_error(given, predicted, 0.0) <= self.tolerance

    def errors(self, replay: Replay) -> dict[Tensor, float]:
        """The error that a replay leaves in each gradient."""
        if replay.errors is None:
            replay.errors = {tensor: self._error(tensor, replay) for tensor in self.manual}
        return replay.errors

    def _error(self, tensor: Tensor, replay: Replay) -> float:
        base = replay.base
        if base and base.errors is not None and replay[tensor] is base[tensor]:
            return base.errors[tensor]
        return self.error(tensor, replay[tensor])

    def fitted(self, replay: Replay) -> frozenset[Tensor]:
        """The tensors whose gradients are as predicted."""
        errors = self.errors(replay)
        return frozenset(tensor for tensor in errors if errors[tensor] <= self.tolerance)


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
