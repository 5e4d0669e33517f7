"""How far rounding alone may take a gradient off.

The backward pass is repeated with noise of the size of a rounding error in everything that it
computes with. A formula by hand that is right differs from the engine's by as much.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.forensics.replay import Graph, Place, Vjp
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

REPEATS = 3
SAFETY = 32.0
"""How much more than the noise's effect is still taken for rounding."""


def rounding_of(graph: Graph, tensors: list[Tensor]) -> dict[Tensor, float]:
    """The largest error of an entry, for the gradient of each tensor, that rounding explains."""
    rng = np.random.default_rng(0)
    largest = dict.fromkeys(tensors, 0.0)
    for _ in range(REPEATS):
        noisy = graph.replay({place: _noisy(place, rng) for place in graph.places})
        assert noisy is not None
        for tensor in tensors:
            right = graph.right[tensor]
            error = float(np.max(np.abs(noisy[tensor] - right), initial=0.0))
            largest[tensor] = max(largest[tensor], SAFETY * error if np.isfinite(error) else 0.0)
    return largest


def _noisy(place: Place, rng: np.random.Generator) -> Vjp:
    precision = float(np.finfo(place.node.dtype).eps)

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
        # Derivatives such as p - y and 1 - y are of the size of 1 before they cancel.
        size = np.minimum(abs(cotangent), max(1.0, abs(contribution).max(initial=0.0)))
        return contribution + size * noise(shape)

    return noisy
