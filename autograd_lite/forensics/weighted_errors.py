"""The error of pairs of points, as in t-SNE, that arrives with another factor than its own.

What arrives at a square array is c (q - p) f: p is data, q a value of the record, c a number, and f
a value of the record, one over it, or 1. By hand it is c (q - p) times another value.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import Candidate, instead_of_all, joint
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, is_round
from autograd_lite.forensics.place import is_square
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

LARGEST = 100_000
"""Entries of a node at which another factor is looked for."""
MOST_NODES = 100
"""Nodes of a graph in which such errors are looked for; where there are more, it is a loop."""
MOST_TARGETS = 4
"""Arrays of data that may be what an error is taken from."""
NEARBY = 16
"""Nodes before and after one whose values may be the factor."""
FEW = 3
"""Entries that are compared before all are, and rows in which data have more than two values."""
LEFT_OUT = "1: its factor is left out"
Factors = Iterator[tuple[str, Array]]
"""What a factor is, in words, and its values."""


class Weighted(NamedTuple):
    """What arrives: an error with its number, and the factor of it."""

    error: Array
    factor: Array
    words: str


def weighted_errors(case: Case) -> Iterator[Candidate]:
    """The factor of an error is left out, inverted, squared, or is another value nearby."""
    graph = case.graph
    pairs = [node for node in graph.places_of if node.ndim == 2 and is_square(node._array)]
    nodes = [node for node in pairs if node.size <= LARGEST]
    for node in nodes if len(nodes) <= MOST_NODES else ():
        here = graph.position[node]
        near = graph.order[max(here - NEARBY, 0) : here + NEARBY]
        alike = [other for other in near if other.shape == node.shape and other.operation]
        found = _weighted(graph, node, alike)
        if found is None:
            continue
        for words, factor in _other_factors(node, alike, found.factor):
            value = np.where(found.error == 0, 0.0, found.error * factor)
            if np.isfinite(value).all() and not np.allclose(value, graph.right[node]):
                kind = "derivative forgotten" if words is LEFT_OUT else "other values"
                what = f"what arrives there is an error times {words}, where {found.words} belongs"
                yield joint(kind, what, instead_of_all(graph.consumers[node], value))


def _weighted(graph: Graph, node: Tensor, alike: list[Tensor]) -> Weighted | None:
    """What arrives at a node as an error times a factor and a number, a round one if there is."""
    arriving, found = graph.right[node], None
    targets = [array for array in graph.plain_arrays if array.shape == node.shape]
    # A mask, or labels, may look like targets, too.
    own = [array for array in targets if len(np.unique(array[:FEW])) > 2]
    for target, other in itertools.product(own[:MOST_TARGETS], alike):
        error = other._array - target
        used = (error != 0) & (arriving != 0)
        if used.sum() < FEW or not np.isfinite(error).all():
            continue
        ratio = arriving[used] / error[used]
        for words, factor in _own_factors(node.shape, alike):
            few = ratio[:FEW] / factor[used][:FEW]
            if not np.ptp(few) <= 1e-6 * abs(few).max():
                continue
            by = closest_factor(ratio, factor[used])
            if np.allclose(ratio, by * factor[used], rtol=1e-6, atol=0):
                weighted = Weighted(np.where(used, by * error, 0.0), factor, words)
                if is_round(by):
                    return weighted
                found = found or weighted
    return found


def _own_factors(shape: tuple[int, ...], alike: list[Tensor]) -> Factors:
    yield "1", np.ones(shape)
    for other in alike:
        if np.ptp(other._array) > 0:
            yield f"what {other.operation.name} gives", other._array
            yield f"1 over what {other.operation.name} gives", 1 / other._array


def _other_factors(node: Tensor, alike: list[Tensor], own: Array) -> Factors:
    """Factors that people write instead, of what is right, of the node, and of what is near."""
    z = node._array
    yield LEFT_OUT, np.ones_like(own)
    yield "the square of its factor", own**2
    yield "the root of its factor", np.sqrt(abs(own))
    yield "1 over its factor", 1 / own
    root = np.sqrt(abs(z))
    for words, value in (
        ("1 / (1 + z)", 1 / (1 + z)),
        ("1 / (1 + z) ** 2", (1 + z) ** -2.0),
        ("1 / (1 + sqrt(z))", 1 / (1 + root)),
        ("exp(-z)", np.exp(-z)),
        ("z", z),
        ("sqrt(z)", root),
        ("1 / z", 1 / z),
        ("1 / sqrt(z)", 1 / root),
    ):
        yield f"{words} for z = {{argument}}", value
        yield f"{words} for z = {{argument}}, besides its own factor", value * own
    for other in alike:
        name = f"what {other.operation.name} gives"
        yield name, other._array
        yield f"1 over {name}", 1 / other._array
        yield f"{name}, besides its own factor", other._array * own
