"""Layers that normalize, in the formula for the whole.

It is dx = (g - mean(g) - y mean(g y)) / s for y = (x - mean(x)) / s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives.normalization import rms_normalize, standardize
from autograd_lite.forensics.candidate import Candidate, joint, scaled, unchanged
from autograd_lite.forensics.replay import Graph, Place, Wrong
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

Axes = tuple[int, ...]
NORMALIZATIONS = (standardize, rms_normalize)
"""Functions that normalize in one step."""


def normalizations(
    graph: Graph, chain: list[Place], node: Tensor, x: Tensor
) -> Iterator[Candidate]:
    """Mistakes in the derivative from a node to what it is, normalized over some axes."""
    for axes, centred in itertools.product(_sets_of_axes(node.ndim), (True, False)):
        scale = _scale(x._array, node._array, axes, centred)
        if scale is not None:
            yield from _normalized(graph, chain, node, axes, centred, scale)
            yield from _scaled_late(graph, chain, node, axes, centred, scale)


def _sets_of_axes(count: int) -> list[Axes]:
    """Each axis, several of them, and all."""
    return [a for n in range(1, count + 1) for a in itertools.combinations(range(count), n)]


def _scale(x: Array, y: Array, axes: Axes, centred: bool) -> Array | None:
    """What x, without its mean over an axis, is divided by, if that is its size there."""
    if np.array_equal(x, y):
        return None
    deviation = x - x.mean(axis=axes, keepdims=True) if centred else x
    square = np.mean(deviation**2, axis=axes, keepdims=True)
    ratio = np.mean(y**2, axis=axes, keepdims=True)
    scale = np.sqrt(square / ratio)
    if not np.isfinite(scale).all() or not np.allclose(deviation, y * scale, rtol=1e-6, atol=1e-9):
        return None
    length = x.size // scale.size
    per_entry = ratio if centred or abs(ratio - 1).max() < 0.1 else ratio * length
    return scale if np.all(abs(per_entry - 1) < 0.1) else None


def _normalized(
    graph: Graph, chain: list[Place], node: Tensor, axes: Axes, centred: bool, scale: Array
) -> Iterator[Candidate]:
    y, length = node._array, node.size // np.size(scale)
    unit = np.mean(y**2, axis=axes, keepdims=True)
    mean = np.mean if abs(unit - 1).max() < 0.1 else np.sum
    name = "means" if mean is np.mean else "sums"
    for other in _sets_of_axes(node.ndim):
        if other != axes:
            what = f"in the derivative of what is normalized the {name} are taken over "
            what += f"{_in_words(other, node.ndim)}, the wrong one, and not over "
            what += _in_words(axes, node.ndim)
            yield _whole(graph, chain, what, "wrong axis", y, scale, mean, other, centred)
    for kind, what, of in TERMS:
        formula = partial(_with_terms, of, y, scale, partial(mean, axis=axes, keepdims=True))
        words = f"in the derivative of what is normalized, y, {what}"
        yield joint(kind, words, only(graph, chain) | {chain[0]: formula})
    for what, other_scale in (("what is normalized is not divided by its deviation", 1.0),):
        what = f"in the derivative {what}"
        yield _whole(graph, chain, what, "wrong formula", y, other_scale, mean, axes, centred)
    if mean is np.mean:
        what = f"in the derivative of what is normalized the means are divided by {length} twice"
        twice: Any = lambda x, **over: np.mean(x, **over) / length
        yield _whole(graph, chain, what, "constant statistics", y, scale, twice, axes, centred)
        what = "in the derivative of what is normalized sums stand for means: 1/{0} is missing"
        what = what.format(length)
        yield _whole(graph, chain, what, "constant statistics", y, scale, np.sum, axes, centred)


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


def _with_terms(
    of: Any, y: Array, scale: Any, mean: Any, g: Array, *given: Any, **keywords: Any
) -> Array:
    return of(g, y, mean) / scale


def _scaled_late(
    graph: Graph, chain: list[Place], node: Tensor, axes: Axes, centred: bool, scale: Array
) -> Iterator[Candidate]:
    """What is normalized is multiplied by gamma after its means are subtracted, not before."""
    uses = graph.consumers.get(node, [])
    use = uses[0] if len(uses) == 1 else None
    if use is None or not use.multiplies_entries or len(use.other_arguments) != 1:
        return
    gamma = plain(use.other_arguments[0])
    if use.operation.function is np.divide or np.size(gamma) < 2 or not np.all(gamma):
        return
    y, unit = node._array, np.mean(node._array**2, axis=axes, keepdims=True)
    mean = np.mean if abs(unit - 1).max() < 0.1 else np.sum
    words = "the factor of what is normalized, such as gamma, is multiplied in after the means "
    words += "are subtracted, and not before"
    right = _whole(graph, chain, words, "wrong place", y, scale, mean, axes, centred)
    formula = right.wrong[chain[0]]
    late: Wrong = {chain[0]: lambda g, *given, **k: gamma * formula(g / gamma, *given, **k)}
    yield right._replace(wrong={**right.wrong, **late})


def _whole(
    graph: Graph,
    chain: list[Place],
    what: str,
    kind: str,
    y: Array,
    scale: Any,
    mean: Any,
    axes: Any,
    centred: bool,
) -> Candidate:
    """The formula from the output to the input, in the first step; the others pass it on."""

    def formula(g: Array, *given: Any, **keywords: Any) -> Array:
        along = y * mean(g * y, axis=axes, keepdims=True)
        return (g - mean(g, axis=axes, keepdims=True) * centred - along) / scale

    return joint(kind, what, only(graph, chain) | {chain[0]: formula})


def only(graph: Graph, chain: list[Place]) -> Wrong:
    """What arrives is passed on as it is over some steps, and over no others of the same nodes."""
    wrong: Wrong = dict.fromkeys(chain, unchanged)
    for place in chain:
        others = [other for other in graph.places_of[place.node] if other is not place]
        wrong |= scaled(others, 0.0)
    return wrong
