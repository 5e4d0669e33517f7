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

    def signs(shape: tuple[int, ...]) -> Array:
        return np.sign(rng.random(shape) - 0.5)

    def shaken(value: Any) -> Any:
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind != "f":
            return value
        return value * (1 + precision * signs(value.shape)).astype(value.dtype)

    def noisy(g: Array, y: Array, *given: Any, **keywords: Any) -> Array:
        contribution = place.vjp(shaken(g), shaken(y), *map(shaken, given), **keywords)
        if np.shape(g) not in ((), np.shape(contribution)):
            return contribution
        # Derivatives such as p - y and 1 - y are of the size of 1 before they cancel.
        size = np.minimum(np.abs(g), max(1.0, np.max(np.abs(contribution), initial=0.0)))
        return contribution + precision * size * signs(np.shape(contribution))

    return noisy
