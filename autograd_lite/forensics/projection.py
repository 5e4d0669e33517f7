"""What mistakes in single steps do to the gradients, without a replay: by random projections.

A backward pass is linear. What a step adds to a cotangent changes the inner product of a gradient
with a fixed direction by its own inner product with the tangent that the argument of the step has
in that direction; and all tangents come out of one forward pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Candidate
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Graph, Place, Vjp, Wrong
from autograd_lite.node import Array, plain
from autograd_lite.program.program import called
from autograd_lite.tensor import Tensor

STEP = 1e-6
"""How far, relative to an array, a function is followed that has no simpler derivative."""
CLOSE = 1e-5
"""Relative error of an inner product up to which gradients may be equal."""

Change = dict[tuple[Tensor, int], float]
"""How inner products change, by the tensor whose gradient it is and the number of the direction."""


class Projection:
    """Inner products of the gradients of one case with random directions, two for each."""

    def __init__(self, case: Case) -> None:
        self.graph = case.graph
        rng = np.random.default_rng(0)
        self.tangents: dict[tuple[Tensor, int], dict[Tensor, Array]] = {}
        self.missing: Change = {}
        """By how much the inner products of the gradients handed in differ from the right ones."""
        self.allowed: Change = {}
        for tensor, number in itertools.product(case.manual, (0, 1)):
            given, right = case.manual[tensor], case.graph.right[tensor]
            if given.shape != right.shape:
                continue
            direction = rng.choice([-1.0, -0.7, 0.6, 1.0], tensor.shape)
            key = tensor, number
            self.tangents[key] = tangents(self.graph, tensor, direction)
            self.missing[key] = float(np.vdot(given - right, direction))
            size = np.abs(given).sum() + np.abs(right).sum()
            self.allowed[key] = CLOSE * float(size) + case.rounding[tensor] * tensor.size

    def takes(self, candidate: Candidate) -> bool:
        """Whether the steps of a candidate are backward steps that do not build on each other."""
        return all(place.slot >= 0 for place in candidate.wrong) and (
            len(candidate.wrong) == 1
            or all(place.argument.operation is None for place in candidate.wrong)
        )

    def change(self, wrong: Wrong) -> Change | None:
        """What steps that are done wrongly change; None if they cannot be done."""
        found = dict.fromkeys(self.missing, 0.0)
        for place, vjp in wrong.items():
            try:
                more = self._added(place, vjp) - self.graph.right.values[place.number]
            except Exception:  # An operation of the user's may not stand such values.
                return None
            for key, of in self.tangents.items():
                if place.argument in of:
                    found[key] += float(np.vdot(more, of[place.argument]))
        return found

    def _added(self, place: Place, vjp: Vjp) -> Array:
        (replaced,) = self.graph.steps_of({place: vjp}).values()
        step = self.graph.program.steps[place.number]
        return called(step, replaced, self.graph.right.values)

    def fitted(self, change: Change) -> frozenset[Tensor]:
        """The tensors whose gradients may be as they were handed in, after a change."""
        off = {key[0] for key, d in change.items() if not self._is_close(key, d)}
        return frozenset(tensor for tensor, _ in self.missing if tensor not in off)

    def _is_close(self, key: tuple[Tensor, int], change: float) -> bool:
        return abs(change - self.missing[key]) <= self.allowed[key]

    def strengths(self, fixed: Change, slopes: Change, wrong: Iterable[Tensor]) -> list[float]:
        """By what to multiply slopes so that one of the wrong gradients may fit."""
        found = []
        for tensor in wrong:
            keys = [key for key in ((tensor, 0), (tensor, 1)) if key in self.missing]
            square = sum(slopes[key] ** 2 for key in keys)
            if square > 0:
                rest = sum(slopes[key] * (self.missing[key] - fixed[key]) for key in keys)
                strength = rest / square
                if all(self._is_close(k, fixed[k] + strength * slopes[k]) for k in keys):
                    found.append(strength)
        return found


def tangents(graph: Graph, tensor: Tensor, direction: Array) -> dict[Tensor, Array]:
    """The tangents of all that is computed from a tensor, where that has a direction's."""
    found: dict[Tensor, Array] = {tensor: direction}
    for node in reversed(graph.order):
        if node is tensor or node.operation is None:
            continue
        moved = [place for place in graph.places_of[node] if place.argument in found]
        if moved:
            found[node] = sum(_along(place, found[place.argument]) for place in moved)
    return found


def _along(place: Place, tangent: Array) -> Array:
    """The product of a step's Jacobian, from its argument to its node, with a tangent."""
    node, slot, traits = place.node, place.slot, place.traits
    arguments = [*map(plain, node.arguments)]

    def moved(by: Any) -> Array:
        given = (*arguments[:slot], by, *arguments[slot + 1 :])
        result = node.operation.compute(*given, **node.keywords)
        return result[0] if node.operation.residual else result

    if traits.additive:
        arguments = [np.zeros_like(a) for a in arguments]
    if traits.additive or slot in traits.linear:
        return moved(tangent)
    if traits.elementwise and node.shape == place.argument.shape:
        return place.unmatched(tangent)
    size = np.abs(arguments[slot]).max(initial=0.0) or 1.0
    step = STEP * size / (np.abs(tangent).max(initial=0.0) or 1.0)
    return (moved(arguments[slot] + step * tangent) - moved(arguments[slot] - step * tangent)) / (
        2 * step
    )
