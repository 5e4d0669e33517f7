"""Layers that normalize, in the formula for the whole.

It is dx = (g - mean(g) - y mean(g y)) / s for y = (x - mean(x)) / s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.normalization import rms_normalize, standardize
from autograd_lite.forensics.candidate import Candidate, joint, scaled, unchanged
from autograd_lite.forensics.replay import Graph, Place, Vjp, Wrong
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

Axes = tuple[int, ...]
NORMALIZATIONS = (standardize, rms_normalize)
"""Functions that normalize in one step."""


class Normalized(NamedTuple):
    """What a node is: another one over its size, along axes, without its mean if centred."""

    graph: Graph
    chain: list[Place]  # the steps back to what is normalized
    y: Array
    scale: Any  # by which it is divided
    axes: Axes
    centred: bool

    @property
    def mean(self) -> Any:
        """The function that its size is measured with, a mean or a sum."""
        unit = np.mean(self.y**2, axis=self.axes, keepdims=True)
        return np.mean if abs(unit - 1).max() < 0.1 else np.sum

    def wrong(self, formula: Vjp) -> Wrong:
        """The formula from the output to the input, in the first step; the others pass it on."""
        return only(self.graph, self.chain) | {self.chain[0]: formula}

    def whole(self, kind: str, what: str, mean: Any = None, **other: Any) -> Candidate:
        """The right formula but for a mean, or for others of these numbers."""
        _, _, y, scale, axes, centred = self._replace(**other)
        mean = mean or self.mean

        def formula(g: Array, *given: Any, **keywords: Any) -> Array:
            along = y * mean(g * y, axis=axes, keepdims=True)
            return (g - mean(g, axis=axes, keepdims=True) * centred - along) / scale

        return joint(kind, what, self.wrong(formula))


def normalizations(
    graph: Graph, chain: list[Place], node: Tensor, x: Tensor
) -> Iterator[Candidate]:
    """Mistakes in the derivative from a node to what it is, normalized over some axes."""
    for axes, centred in itertools.product(_sets_of_axes(node.ndim), (True, False)):
        scale = _scale(x._array, node._array, axes, centred)
        if scale is not None:
            found = Normalized(graph, chain, node._array, scale, axes, centred)
            yield from _wrongly(found)
            yield from _scaled_late(found, node)


def _sets_of_axes(count: int) -> list[Axes]:
    """Each axis, several of them, and all."""
    return [a for n in range(1, count + 1) for a in itertools.combinations(range(count), n)]


def _scale(x: Array, y: Array, axes: Axes, centred: bool) -> Array | None:
    """What x, without its mean over an axis, is divided by, if that is its size there."""
    deviation = x - x.mean(axis=axes, keepdims=True) if centred else x
    square = np.mean(deviation**2, axis=axes, keepdims=True)
    ratio = np.mean(y**2, axis=axes, keepdims=True)
    scale = np.sqrt(square / ratio)
    if not np.isfinite(scale).all() or not np.allclose(deviation, y * scale, rtol=1e-6, atol=1e-9):
        return None
    length = x.size // scale.size
    per_entry = ratio if centred or abs(ratio - 1).max() < 0.1 else ratio * length
    return scale if np.all(abs(per_entry - 1) < 0.1) else None


def _wrongly(of: Normalized) -> Iterator[Candidate]:
    mean, axes, count = of.mean, of.axes, of.y.ndim
    words = "in the derivative of what is normalized"
    for other in _sets_of_axes(count):
        if other != axes:
            what = f"{words} the {'means' if mean is np.mean else 'sums'} are taken over "
            what += f"{_in_words(other, count)}, the wrong one, and not over "
            yield of.whole("wrong axis", what + _in_words(axes, count), axes=other)
    own = partial(mean, axis=axes, keepdims=True)
    for kind, what, rule in TERMS:
        formula: Vjp = lambda g, *_, of_terms=rule, **k: of_terms(g, of.y, own) / of.scale
        yield joint(kind, f"{words}, y, {what}", of.wrong(formula))
    what = "in the derivative what is normalized is not divided by its deviation"
    yield of.whole("wrong formula", what, scale=1.0)
    if mean is np.mean:
        kind, length = "constant statistics", of.y.size // np.size(of.scale)
        what = f"{words} the means are divided by {length} twice"
        yield of.whole(kind, what, lambda x, **over: np.mean(x, **over) / length)
        what = f"{words} sums stand for means: 1/{length} is missing"
        yield of.whole(kind, what, np.sum)


def _in_words(axes: Axes, count: int) -> str:
    if len(axes) == count > 1:
        return "all axes"
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


TERMS: tuple[tuple[str, str, Callable[[Array, Array, Any], Array]], ...] = (
    (
        "constant statistics",
        "mean and variance of the batch are treated as constants",
        lambda g, y, mean: g,
    ),
    (
        "constant statistics",
        "the variance of the batch is treated as a constant",
        lambda g, y, mean: g - mean(g),
    ),
    (
        "constant statistics",
        "the mean of the batch is treated as a constant",
        lambda g, y, mean: g - y * mean(g * y),
    ),
    (
        "wrong formula",
        "the mean of g * y is subtracted, not multiplied by y",
        lambda g, y, mean: g - mean(g) - mean(g * y),
    ),
    (
        "wrong formula",
        "y is multiplied by g * y, not by its mean",
        lambda g, y, mean: g - mean(g) - y * g * y,
    ),
    ("wrong formula", "the mean of g is added", lambda g, y, mean: g + mean(g) - y * mean(g * y)),
    (
        "wrong formula",
        "y times the mean of g * y is added",
        lambda g, y, mean: g - mean(g) + y * mean(g * y),
    ),
    (
        "wrong formula",
        "the mean of g is subtracted twice",
        lambda g, y, mean: g - 2 * mean(g) - y * mean(g * y),
    ),
)
"""Formulas in place of g - mean(g) - y mean(g y), with g for what arrives."""


def _scaled_late(of: Normalized, node: Tensor) -> Iterator[Candidate]:
    """What is normalized is multiplied by gamma after its means are subtracted, not before."""
    uses = of.graph.consumers.get(node, [])
    use = uses[0] if len(uses) == 1 else None
    if use is None or not use.multiplies_entries or len(use.others) != 1:
        return
    (gamma,) = map(plain, use.others.values())
    if use.operation.function is np.divide or np.size(gamma) < 2 or not np.all(gamma):
        return
    words = "the factor of what is normalized, such as gamma, is multiplied in after the means "
    words += "are subtracted, and not before"
    right = of.whole("wrong place", words)
    formula = right.wrong[of.chain[0]]
    late: Vjp = lambda g, *given, **k: gamma * formula(g / gamma, *given, **k)
    yield right._replace(wrong=of.wrong(late))


def only(graph: Graph, chain: list[Place]) -> Wrong:
    """What arrives is passed on as it is over some steps, and over no others of the same nodes."""
    wrong: Wrong = dict.fromkeys(chain, unchanged)
    for place in chain:
        others = [other for other in graph.places_of[place.node] if other is not place]
        wrong |= scaled(others, 0.0)
    return wrong
