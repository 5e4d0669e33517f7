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
from autograd_lite.forensics.place import Place, Wrong
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

Axes = tuple[int, ...]
NORMALIZATIONS = (standardize, rms_normalize)
"""Functions that normalize in one step."""


def normalizations(
    graph: Graph, chain: list[Place], node: Tensor, x: Tensor
) -> Iterator[Candidate]:
    """Mistakes in the derivative from a node to what it is, normalized over some axes."""
    y = node._array
    for axes, centred in itertools.product(_sets_of_axes(node.ndim), (True, False)):
        scale = _scale(x._array, y, axes, centred)
        if scale is None:
            continue
        unit = np.mean(y**2, axis=axes, keepdims=True)
        reduce = np.mean if abs(unit - 1).max() < 0.1 else np.sum
        right = _centred if centred else _not_centred
        given = y, scale, axes, right, reduce
        rows = itertools.chain(_over_other_axes(*given), _other_terms(*given))
        for kind, what, formula in itertools.chain(rows, _scaled_late(graph, node, *given)):
            words = f"in the derivative of what is normalized{what}"
            first: Wrong = {chain[0]: lambda g, *_, formula=formula, **k: formula(g)}
            yield joint(kind, words, only(graph, chain) | first)


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


Terms = Callable[[Array, Array, Any, Any], Array]
"""Of g, y, and the means that g and g * y are subtracted with."""
Formulas = Iterator[tuple[str, str, Callable[[Array], Any]]]
"""Kinds, words, and what is computed for what arrives."""


def _centred(g: Array, y: Array, mean: Any, mean_along: Any) -> Array:
    return g - mean(g) - y * mean_along(g * y)


def _not_centred(g: Array, y: Array, mean: Any, mean_along: Any) -> Array:
    return g - y * mean_along(g * y)


def _over(axes: Axes, reduce: Any) -> Any:
    return partial(reduce, axis=axes, keepdims=True)


def _over_other_axes(y: Array, scale: Array, axes: Axes, right: Terms, reduce: Any) -> Formulas:
    mean, name = _over(axes, reduce), "mean" if reduce is np.mean else "sum"
    for other in [other for other in _sets_of_axes(y.ndim) if other != axes]:
        over = f"taken over {_in_words(other, y.ndim)}, the wrong one, and not over "
        over += _in_words(axes, y.ndim)
        wrong, share = _over(other, reduce), _share(y, axes, other)
        divided: Any = lambda a, wrong=wrong, share=share: wrong(a) * share
        for what, means in (
            (f"{name}s are", (wrong, wrong)),
            (f"sums are, for the {name}s,", (divided, divided)),
            (f"{name} of g is", (wrong, mean)),
            (f"{name} of g * y is", (mean, wrong)),
        ):
            formula: Any = lambda g, means=means: right(g, y, *means) / scale
            yield "wrong axis", f" the {what} {over}", formula


def _share(y: Array, axes: Axes, other: Axes) -> float:
    """How many more entries there are over some axes than over others."""
    lengths = [np.prod([y.shape[axis] for axis in each]) for each in (other, axes)]
    return float(lengths[0] / lengths[1])


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


def _other_terms(y: Array, scale: Array, axes: Axes, right: Terms, reduce: Any) -> Formulas:
    mean, length, statistics = _over(axes, reduce), y.size // scale.size, "constant statistics"
    for kind, what, terms in TERMS:
        with_terms: Any = lambda g, terms=terms: terms(g, y, mean) / scale
        yield kind, f", y, {what}", with_terms
    for words, by in (
        ("the division by the deviation is left out", 1.0),
        ("it is divided by the variance, not by its root", scale**2),
        ("it is multiplied by the deviation, not divided by it", 1 / scale),
    ):
        divided: Any = lambda g, by=by: right(g, y, mean, mean) / by
        yield "wrong formula", f", y, {words}", divided
    if reduce is np.mean:
        for words, factor in (
            (f" the means are divided by {length} twice", 1 / length),
            (f" sums stand for means: 1/{length} is missing", length),
        ):
            scaled_mean: Any = lambda a, by=factor: mean(a) * by
            formula: Any = lambda g, of=scaled_mean: right(g, y, of, of) / scale
            yield statistics, words, formula


def _scaled_late(
    graph: Graph, node: Tensor, y: Array, scale: Array, axes: Axes, right: Terms, reduce: Any
) -> Formulas:
    """What is normalized is multiplied by gamma after its means are subtracted, not before."""
    uses = graph.consumers.get(node, [])
    use = uses[0] if len(uses) == 1 else None
    if use is None or not use.multiplies_entries or len(use.other_arguments) != 1:
        return
    gamma, mean = plain(use.other_arguments[0]), _over(axes, reduce)
    if use.operation.function is np.divide or np.size(gamma) < 2 or not np.all(gamma):
        return
    words = " the factor of it, such as gamma, is multiplied in after the means are subtracted, "
    words += "and not before"
    yield "wrong place", words, lambda g: gamma * right(g / gamma, y, mean, mean) / scale
    words = " the factor of it, such as gamma, is "
    without: Any = lambda a: mean(a / gamma)
    twice: Any = lambda a: mean(a) * gamma
    for what, means in (
        ("multiplied in twice in y times the mean of g * y", (mean, twice)),
        ("left out of the means", (without, without)),
        ("left out of the mean of g * y", (mean, without)),
    ):
        formula: Any = lambda g, means=means: right(g, y, *means) / scale
        yield "wrong formula", words + what, formula


def only(graph: Graph, chain: list[Place]) -> Wrong:
    """What arrives is passed on as it is over some steps, and over no others of the same nodes."""
    wrong: Wrong = dict.fromkeys(chain, unchanged)
    for place in chain:
        others = [other for other in graph.places_of[place.node] if other is not place]
        wrong |= scaled(others, 0.0)
    return wrong
