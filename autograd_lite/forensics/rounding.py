"""How far rounding can take a gradient: passes with noise of its size in every step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.forensics.place import Place, Vjp
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

REPEATS = 3
LONG = 1000
"""Steps of a graph from which on one pass with noise has to do."""
MANY = 3_000_000
"""Entries of all its arrays from which on that is so, too."""
SAFETY = 32.0
"""How much more than the effect of noise is still taken for rounding."""
SHARE = 1e-3
"""How much of the largest effect on an entry that on the others is at least."""


def rounding_of(graph: Graph, tensors: Iterable[Tensor]) -> dict[Tensor, Array]:
    """The error that rounding explains of each entry of the tensors' gradients."""
    right, rng = graph.right, np.random.default_rng(0)
    found = {tensor: np.zeros(tensor.shape) for tensor in tensors}
    entries = sum(node.size for node in graph.order)
    is_large = len(graph.places) >= LONG or entries >= MANY
    for _ in range(1 if is_large else REPEATS):
        backward = graph.steps_of({place: _noisy(graph, place, rng) for place in graph.places})
        computed = [node for node in graph.order if node.operation is not None]
        forward = dict(_computed(graph, node, rng) for node in computed)
        noisy = graph.run_again({**forward, **backward}, right)
        noisy = noisy or graph.run_again(backward, right)
        if noisy is None:
            continue
        for tensor, known in found.items():
            error = abs(noisy[tensor] - right[tensor])
            if np.isfinite(error).all():
                found[tensor] = np.maximum(known, error)
    # Below the normal numbers an error is relative to nothing.
    least = {tensor: np.finfo(right[tensor].dtype).smallest_subnormal for tensor in found}
    shares = {tensor: SHARE * error.max(initial=0.0) for tensor, error in found.items()}
    return {t: SAFETY * np.maximum(found[t], max(shares[t], float(least[t]))) for t in found}


class _Noise:
    """Noise of the size of a rounding error in a dtype."""

    def __init__(self, dtype: Any, rng: np.random.Generator) -> None:
        self.precision, self.rng = float(np.finfo(dtype).eps), rng

    def of(self, shape: tuple[int, ...]) -> Array:
        """That of numbers of the size of 1."""
        return self.precision * self.rng.normal(size=shape)

    def shaken(self, value: Any) -> Any:
        """Each number with an error in its last place; what is none as it is."""
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind != "f":
            return value
        return value * (1 + self.of(value.shape)).astype(value.dtype)


def _computed(graph: Graph, node: Tensor, rng: np.random.Generator) -> tuple[int, Vjp]:
    """The number of the step that computes a node, and what computes it with noise.

    What jumps keeps its value: on which side of a jump it is, is no matter of rounding.
    """
    row, step = node.operation, graph.program.values[node]
    if row.residual:
        step = step.arguments[0]
    noise, recorded = _Noise(node.dtype, rng), node._array
    moves = row.traits.moves or row.traits.indexes or any(map(_picks, graph.places_of[node]))
    far = math.sqrt(noise.precision) * max(1.0, float(abs(recorded).max(initial=0.0)))

    def noisy(*given: Any, **keywords: Any) -> Any:
        given = given if moves or row.traits.elementwise else tuple(map(noise.shaken, given))
        result = row.compute(*given, **keywords)
        value = result[0] if row.residual else result
        if not abs(value - recorded).max(initial=0.0) <= far:
            return (recorded, node.residual) if row.residual else recorded
        return result if moves or row.residual else noise.shaken(result)

    return step.number, noisy


def _noisy(graph: Graph, place: Place, rng: np.random.Generator) -> Vjp:
    """The backward step with noise in all that it computes with.

    Which entry is largest, and on which side of a kink one is, is not decided anew: that is no
    matter of rounding.
    """
    noise = _Noise(place.node.dtype, rng)
    picks = _picks(place)
    own = place.node._array, *map(plain, place.node.arguments)
    # Derivatives such as p - y and 1 - y * y are of the size of 1 before they cancel.
    links = bool(place.traits.link) or _is_of_softplus(graph, place)
    before = 1.0 if place.traits.activation or links else 0.0

    def noisy(*given: Any, **keywords: Any) -> Array:
        cotangent = given[0]
        rest = given[1:]
        if picks or place.traits.kink:
            rest = *own, *rest[len(own) :]
        rest = rest if picks else tuple(map(noise.shaken, rest))
        contribution = place.vjp(noise.shaken(cotangent), *rest, **keywords)
        shape = np.shape(contribution)
        if links and cotangent.shape != shape:
            cotangent = np.max(abs(cotangent), initial=0.0)
        if place.multiplies_entries or np.shape(cotangent) not in ((), shape):
            return contribution
        largest = abs(contribution)
        if before or not place.traits.elementwise:
            largest = np.max(largest, initial=before)
        size = np.minimum(abs(cotangent), largest)
        return contribution + size * noise.of(shape)

    return noisy


def _is_of_softplus(graph: Graph, place: Place) -> bool:
    """Whether it leads to log(1 + exp(z)), as logaddexp or by steps: its slope is p, or 1 - p."""
    if place.operation.function is not np.exp:
        return place.operation.function is np.logaddexp
    uses = graph.consumers.get(place.node, ())
    after = [u for use in uses if use.traits.additive for u in graph.consumers.get(use.node, ())]
    after += [use for use in uses if not use.traits.additive]
    logarithms = [u for u in after if u.traits.logarithm or u.operation.function is np.log1p]
    return bool(after) and logarithms == after


def _picks(place: Place) -> bool:
    """Whether a result is made of entries that are chosen by their size, as sort does it."""
    traits, values = place.traits, place.argument._array
    computes = traits.elementwise or traits.reduces or traits.activation or traits.product
    if traits.extremum or computes or traits.moves or place.slot in traits.linear:
        return traits.extremum
    return bool(np.isin(place.node._array, values).all())
