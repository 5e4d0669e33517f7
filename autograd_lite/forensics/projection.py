"""What mistakes in single steps do to the gradients, without a replay: by random projections.

A backward pass is linear. What a step adds to a cotangent changes the inner product of a gradient
with a fixed direction by its own inner product with the tangent that the argument of the step has
in that direction; and all tangents come out of one forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import Candidate, Scaled
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Vjp, Wrong
from autograd_lite.forensics.replay import Graph, Replay
from autograd_lite.node import Array, plain
from autograd_lite.program.program import called
from autograd_lite.tensor import Tensor

STEP = 1e-6
"""How far, relative to an array, a function is followed that has no simpler derivative."""
CLOSE = 1e-5
"""Relative error of an inner product up to which gradients may be equal."""

MOST_TANGENTS = 50_000
"""Tangents, of each node for each gradient, that take no longer than the replays they save."""

Key = tuple[Tensor, int]
"""A tensor whose gradient it is, and the number of a direction."""


class Change(NamedTuple):
    """How inner products change, and how exactly that is known."""

    by: dict[Key, float]
    exactly_to: dict[Key, float]

    def plus(self, other: Change, times: float) -> Change:
        """With a multiple of another change."""
        return Change(
            {key: number + times * other.by[key] for key, number in self.by.items()},
            {k: e + abs(times) * other.exactly_to[k] for k, e in self.exactly_to.items()},
        )


class Projection:
    """Inner products of the gradients of one case with random directions, two for each."""

    def __init__(self, case: Case) -> None:
        self.graph = case.graph
        rng = np.random.default_rng(0)
        self.precision = math.sqrt(np.finfo(case.graph.loss.dtype).eps)
        self.tangents: dict[Key, dict[Tensor, Array]] = {}
        self.sizes: dict[Key, dict[Tensor, float]] = {}
        self.missing: dict[Key, float] = {}
        """By how much the inner products of the gradients handed in differ from the right ones."""
        self.allowed: dict[Key, float] = {}
        norms: dict[Tensor, float] = {}
        right = case.fitted(case.graph.right)
        self.pays = len(case.manual) * len(case.graph.order) <= MOST_TANGENTS
        for tensor, given in case.manual.items() if self.pays else ():
            for number in (0,) if tensor in right else (0, 1):
                direction = rng.choice([-1.0, -0.7, 0.6, 1.0], tensor.shape)
                key = tensor, number
                of = self.tangents[key] = tangents(self.graph, tensor, direction)
                self.sizes[key] = self.sizes.get((tensor, 0)) or _sizes(self.graph, of, norms)
                self._compare(case, key, given, direction)

    def _compare(self, case: Case, key: Key, given: Array, direction: Array) -> None:
        tensor, right = key[0], case.graph.right[key[0]]
        self.missing[key], self.allowed[key] = math.nan, 0.0
        if given.shape == right.shape:
            self.missing[key] = float(np.vdot(given - right, direction))
            size = float(np.abs(given).sum() + np.abs(right).sum())
            close = max(CLOSE, case.tolerance)
            self.allowed[key] = close * size + float(case.rounding[tensor].sum())

    def takes(self, candidate: Candidate) -> bool:
        """Whether the steps of a candidate are backward steps that do not build on each other."""
        if not self.pays or any(place.slot < 0 for place in candidate.wrong):
            return False
        is_one = len(candidate.wrong) == 1
        return is_one or all(place.argument.operation is None for place in candidate.wrong)

    def change(self, wrong: Wrong, base: Replay | None = None) -> Change | None:
        """What steps that are done wrongly change; None if they cannot be done.

        A base is what comes out of other mistakes, none of which is below these steps.
        """
        found, values = self.none(), (base or self.graph.right).values
        for place, vjp in wrong.items():
            try:
                more = self._added(place, vjp, values)
                size = _norm(more)
            except Exception:  # An operation of the user's may not stand such values.
                return None
            for key, of in self.tangents.items():
                if place.argument in of:
                    found.by[key] += float(np.vdot(more, of[place.argument]))
                    exact = self.precision * size * self.sizes[key][place.argument]
                    found.exactly_to[key] += exact
        return found

    def between(self, base: Replay, other: Replay) -> Change:
        """By how much what comes out of one replay is more than what comes out of another."""
        found = self.none()
        for (tensor, number), of in self.tangents.items():
            before, after = base[tensor], other[tensor]
            if after is not before:
                found.by[tensor, number] = float(np.vdot(after - before, of[tensor]))
        return found

    def none(self) -> Change:
        """The change by nothing."""
        return Change(dict.fromkeys(self.missing, 0.0), dict.fromkeys(self.missing, 0.0))

    def _added(self, place: Place, vjp: Vjp, values: list[Array]) -> Array:
        if isinstance(vjp, Scaled):
            return (vjp.factor - 1) * values[place.number]
        (replaced,) = self.graph.steps_of({place: vjp}).values()
        step = self.graph.program.steps[place.number]
        return called(step, replaced, values) - values[place.number]

    def fitted(self, change: Change) -> frozenset[Tensor]:
        """The tensors whose gradients may be as they were handed in, after a change."""
        off = {key[0] for key in self.missing if not self._is_close(key, change)}
        return frozenset(tensor for tensor, _ in self.missing if tensor not in off)

    def fits(self, change: Change) -> bool:
        """Whether all gradients may be as they were handed in, after a change."""
        return self.pays and all(self._is_close(key, change) for key in self.missing)

    def of(self, replay: Replay) -> dict[Key, float]:
        """The inner products of gradients that come out of a replay."""
        pairs = ((key, replay[key[0]], of[key[0]]) for key, of in self.tangents.items())
        return {key: float(np.vdot(one, other)) for key, one, other in pairs}

    def fitted_but_for_factors(self, right: dict[Key, float], change: Change) -> frozenset[Tensor]:
        """The tensors whose gradients may be multiples of those handed in, after a change."""
        found = set()
        for tensor, _ in self.missing:
            keys = [key for key in ((tensor, 0), (tensor, 1)) if key in self.missing]
            given = [right[key] + self.missing[key] for key in keys]
            changed = [right[key] + change.by[key] for key in keys]
            exact = sum(self.allowed[key] + change.exactly_to[key] for key in keys)
            one, other = given[0] * changed[-1], given[-1] * changed[0]
            size = sum(map(abs, (*given, *changed)))
            found |= {tensor} if abs(one - other) <= exact * size else set()
        return frozenset(found)

    def _is_close(self, key: Key, change: Change) -> bool:
        error = abs(change.by[key] - self.missing[key])
        return error <= self.allowed[key] + change.exactly_to[key]

    def with_strengths(
        self, fixed: Change, slope: Change, wrong: Iterable[Tensor]
    ) -> Iterator[Change]:
        """The changes with a multiple of a slope that may make one of the wrong gradients fit."""
        for tensor in wrong:
            keys = [key for key in ((tensor, 0), (tensor, 1)) if key in self.missing]
            square = sum(slope.by[key] * slope.by[key] for key in keys)
            if 0 < square < math.inf:
                rest = sum(slope.by[k] * (self.missing[k] - fixed.by[k]) for k in keys)
                change = fixed.plus(slope, rest / square)
                if all(self._is_close(key, change) for key in keys):
                    yield change


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


def _sizes(
    graph: Graph, of: dict[Tensor, Array], norms: dict[Tensor, float]
) -> dict[Tensor, float]:
    """How large tangents are, or those that they come from where they cancel."""
    found: dict[Tensor, float] = {}
    for node, tangent in of.items():
        size = _norm(tangent)
        for place in graph.places_of.get(node, ()):
            argument = place.argument
            if argument in found:
                for each in (node, argument):
                    if each not in norms:
                        norms[each] = _norm(each._array)
                size = max(size, found[argument] * norms[node] / (norms[argument] or 1.0))
        found[node] = size
    return found


def _norm(array: Array) -> float:
    return math.sqrt(float(np.vdot(array, array)))


def _along(place: Place, tangent: Array) -> Array:
    """The product of a step's Jacobian, from its argument to its node, with a tangent."""
    node, slot, traits = place.node, place.slot, place.traits
    arguments = [*map(plain, node.arguments)]

    def moved(by: Any) -> Array:
        given = (*arguments[:slot], by, *arguments[slot + 1 :])
        return node.operation.value(*given, **node.keywords)

    if traits.additive:
        arguments = [np.zeros_like(a) for a in arguments]
    if traits.additive or slot in traits.linear:
        return moved(tangent)
    if traits.elementwise and node.shape == place.argument.shape:
        return place.unmatched(tangent)
    size = np.abs(arguments[slot]).max(initial=0.0) or 1.0
    step = STEP * size / (np.abs(tangent).max(initial=0.0) or 1.0)
    after, before = (moved(arguments[slot] + by * tangent) for by in (step, -step))
    return (after - before) / (2 * step)
