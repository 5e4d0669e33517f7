"""Layers that normalize, in the formula for the whole.

It is dx = (g - mean(g) - y mean(g y)) / s for y = (x - mean(x)) / s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.layers import rms_normalize, standardize
from autograd_lite.forensics.candidate import Candidate, joint, scaled, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Vjp, Wrong, sets_of_axes
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

Axes = tuple[int, ...]
Mean = Callable[[Array], Any]
NORMALIZATIONS = (standardize, rms_normalize)
"""Functions that normalize in one step."""


def normalizations(case: Case, chain: list[Place], node: Tensor, x: Tensor) -> Iterator[Candidate]:
    """Mistakes in the derivative from a node to what it is, normalized over some axes."""
    graph, y, epsilons = case.graph, node._array, _numbers_added(case.graph, node, x)
    for axes, centred in itertools.product(sets_of_axes(node.ndim), (True, False)):
        scale = _scale(x._array, y, axes, centred)
        if scale is None:
            continue
        unit = np.mean(y**2, axis=axes, keepdims=True)
        reduce = np.mean if abs(unit - 1).max() < 0.1 else np.sum
        mean = _over(axes, reduce)
        right = Terms(mean if centred else _nothing, mean, scale)
        length = y.size // scale.size if reduce is np.mean else 1
        others = [*_other_terms(right, mean, length)]
        for kind, what, terms in (
            *_over_other_axes(right, y, axes, reduce),
            *others,
            *([] if centred else _other_terms(right._replace(mean=mean), mean, length)),
            *_other_lengths(right, y.size // scale.size, y.shape if reduce is np.mean else ()),
            *_scaled_late(graph, node, right),
            *_not_scaled(graph, node, _changing(x, axes, centred, others)),
            *_other_epsilons(right, mean, epsilons),
            *_running(right, case.arrays, epsilons),
        ):
            words = f"in the derivative of what is normalized{what}"
            of_whole = lambda g, *_, of=terms, **k: of(g, y)
            yield joint(kind, words, as_a_whole(graph, chain, of_whole))


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


class Terms(NamedTuple):
    """The derivative (g - mean(g) - y mean(g y)) / scale, with what stands for both means."""

    mean: Mean
    mean_along: Mean
    scale: Any
    given: Any = 1.0  # what g is multiplied by besides
    given_first: Any = 1.0  # the same where it is no part of a mean
    is_along: bool = True  # whether the second mean is multiplied by y

    def __call__(self, g: Array, y: Array) -> Array:
        """What is sent on for what arrives."""
        g = g * self.given
        along = self.mean_along(g * y) * (y if self.is_along else 1.0)
        return np.asarray((g * self.given_first - self.mean(g) - along) / self.scale)

    def with_means(self, times: float) -> Terms:
        """The same with both means multiplied by a number."""
        means = _times(self.mean, times), _times(self.mean_along, times)
        return self._replace(mean=means[0], mean_along=means[1])


def _nothing(array: Array) -> float:
    return 0.0


def _times(mean: Mean, factor: Any) -> Mean:
    return lambda array: mean(array) * factor


def _over(axes: Axes, reduce: Any) -> Mean:
    return partial(reduce, axis=axes, keepdims=True)


OF_MEAN = ", y, the mean of g is", ", y, the mean of the batch is", ", y, mean and variance"
"""How words begin that tell of the mean that is subtracted."""
Others = Iterator[tuple[str, str, Terms]]
"""Kinds, words, and what is computed for the right terms."""


def _over_other_axes(right: Terms, y: Array, axes: Axes, reduce: Any) -> Others:
    name = "mean" if reduce is np.mean else "sum"
    for other in [other for other in sets_of_axes(y.ndim) if other != axes]:
        one = ", the wrong one" * (len(other) == 1)
        over = f"taken over {_in_words(other, y.ndim)}{one}, and not over "
        over += _in_words(axes, y.ndim)
        wrong = _over(other, reduce)
        lengths = [np.prod([y.shape[axis] for axis in each]) for each in (other, axes)]
        divided, centred = _times(wrong, lengths[0] / lengths[1]), right.mean is not _nothing
        for what, mean, mean_along in (
            (f"{name}s are", wrong, wrong),
            (f"sums are, for the {name}s,", divided, divided),
            (f"{name} of g is", wrong, right.mean_along),
            (f"{name} of g * y is", right.mean, wrong),
        ):
            terms = right._replace(mean=mean if centred else _nothing, mean_along=mean_along)
            yield "wrong axis", f" the {what} {over}", terms


def _in_words(axes: Axes, count: int) -> str:
    if len(axes) == count > 1:
        return "all axes"
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def _other_terms(right: Terms, mean: Mean, length: int) -> Others:
    """Terms that are left out or are others, another scale, sums for means over a length."""
    constant, formula = "constant statistics", "wrong formula"
    words = ", y, mean and variance of the batch are treated as constants"
    yield constant, words, right._replace(mean=_nothing, mean_along=_nothing)
    words = ", y, the variance of the batch is treated as a constant"
    yield constant, words, right._replace(mean_along=_nothing)
    words = ", y, the mean of the batch is treated as a constant"
    yield constant, words, right._replace(mean=_nothing)
    words = ", y, the mean of g * y is subtracted, not multiplied by y"
    yield formula, words, right._replace(is_along=False)
    for power, places in ((1, "in one of the two places"), (2, "in both places")):
        words = f", y, what is normalized stands for y {places}"
        yield formula, words, right._replace(mean_along=_times(mean, right.scale**power))
    words = ", y, y is multiplied by g * y, not by its mean"
    yield formula, words, right._replace(mean_along=lambda array: array)
    words = ", y, the Jacobian is taken as diagonal: each entry counts only itself in the means"
    own = _times(lambda array: array, 1 / length)
    of_mean = right.mean if right.mean is _nothing else own
    yield formula, words, right._replace(mean=of_mean, mean_along=own)
    yield formula, ", y, the mean of g is added", right._replace(mean=_times(mean, -1))
    words = ", y, y times the mean of g * y is added"
    yield formula, words, right._replace(mean_along=_times(mean, -1))
    yield formula, ", y, the mean of g is subtracted twice", right._replace(mean=_times(mean, 2))
    yield formula, ", y, the division by the deviation is left out", right._replace(scale=1.0)
    words = ", y, it is divided by the variance, not by its root"
    yield formula, words, right._replace(scale=right.scale**2)
    words = ", y, it is multiplied by the deviation, not divided by it"
    yield formula, words, right._replace(scale=1 / right.scale)
    yield constant, f" the means are divided by {length} twice", right.with_means(1 / length)
    yield constant, f" sums stand for means: 1/{length} is missing", right.with_means(length)


def _numbers_added(graph: Graph, node: Tensor, x: Tensor) -> set[float]:
    """The numbers, such as an epsilon, that are added between two nodes, or given to one."""
    found: set[float] = set()
    nodes, seen = [node], {node, x}
    for inner in nodes:
        given = map(plain, inner.arguments if inner.operation is not None else ())
        if inner is node or (inner.operation is not None and inner.operation.traits.additive):
            found |= {float(a) for a in given if isinstance(a, int | float) or np.shape(a) == ()}
        before = [place.argument for place in graph.places_of.get(inner, ())]
        nodes += [other for other in before if other not in seen]
        seen |= {*before}
    return {number for number in found if 0 < number < 1}


def _other_epsilons(right: Terms, mean: Mean, epsilons: Iterable[float]) -> Others:
    """The epsilon is left out of the scale, or is outside of the root, or under it."""
    for epsilon in epsilons:
        under, outside = np.sqrt(right.scale**2 - epsilon), right.scale - epsilon
        for words, scale in (
            (f"outside of the root: sqrt(variance) + {epsilon:g}", under + epsilon),
            (f"under the root: sqrt(variance + {epsilon:g})", np.sqrt(outside**2 + epsilon)),
            ("left out", under),
            ("left out", outside),
        ):
            along = _times(mean, (right.scale / scale) ** 2)
            for terms in (right, right._replace(mean_along=along)):
                what = f", y, the epsilon, {epsilon:g}, is {words}"
                yield "wrong formula", what, terms._replace(scale=scale)


def _running(right: Terms, arrays: Mapping[str, Array], epsilons: Iterable[float]) -> Others:
    """An array of the caller's for the variance, such as what is kept of earlier batches."""
    alike = [(n, a) for n, a in arrays.items() if a.size == np.size(right.scale) > 1]
    for (name, array), epsilon in itertools.product(alike, (*epsilons, 0.0)):
        scale = np.sqrt(array.reshape(np.shape(right.scale)) + epsilon)
        terms, words = right._replace(scale=scale), f", y, {name} stands for the batch's variance"
        if np.isfinite(scale).all() and scale.all():
            yield "other arrays", words, terms
            words += ", and mean and variance are treated as constants"
            yield "other arrays", words, terms._replace(mean=_nothing, mean_along=_nothing)


def _other_lengths(right: Terms, length: int, others: Iterable[int]) -> Others:
    for other in set(others) - {length, 1}:
        words = f" the sums are divided by {other}, where the means are over {length} entries"
        yield "wrong axis", words, right.with_means(length / other)


def _factor_after(graph: Graph, node: Tensor) -> Array | None:
    """What the only use of what is normalized multiplies it by, such as gamma; none if it is 0."""
    uses = graph.consumers.get(node, [])
    use = uses[0] if len(uses) == 1 else None
    if use is None or not use.multiplies_entries or len(use.other_arguments) != 1:
        return None
    gamma: Array = plain(use.other_arguments[0])
    divides = use.operation.function is np.divide
    return None if divides or np.size(gamma) < 2 or not np.all(gamma) else gamma


def _changing(x: Tensor, axes: Axes, centred: bool, others: list[Any]) -> list[Any]:
    """Those of other terms that matter: what has no mean is not centred once more."""
    mean, size = x._array.mean(axis=axes), abs(x._array).max(initial=0.0)
    has_mean = centred and np.max(abs(mean), initial=0.0) > 1e-9 * size
    return [each for each in others if has_mean or not each[1].startswith(OF_MEAN)]


def _not_scaled(graph: Graph, node: Tensor, others: list[Any]) -> Others:
    """The factor of what is normalized, such as gamma, is forgotten besides another mistake."""
    gamma = _factor_after(graph, node)
    if gamma is None:
        return
    for kind, words, terms in others:
        both = f"{words}; besides, the factor of it, such as gamma, is forgotten"
        yield kind, both, terms._replace(given=1 / gamma)
    words = " all is forgotten, the factor of it, such as gamma, too: what arrives is passed on"
    yield "derivative forgotten", words, Terms(_nothing, _nothing, 1.0, 1 / gamma)


def _scaled_late(graph: Graph, node: Tensor, right: Terms) -> Others:
    """What is normalized is multiplied by gamma after its means are subtracted, not before."""
    gamma, mean = _factor_after(graph, node), right.mean_along
    if gamma is None:
        return
    words = " the factor of it, such as gamma, is multiplied in after the means are subtracted, "
    words += "and not before"
    yield "wrong place", words, right._replace(given=1 / gamma, scale=right.scale / gamma)
    words = " the factor of it, such as gamma, is "
    in_along = "multiplied in twice in y times the mean of g * y"
    yield "wrong formula", words + in_along, right._replace(mean_along=_times(mean, gamma))
    without = lambda array: mean(array / gamma)
    terms = {"g itself": {"given_first": 1 / gamma}, "the mean of g * y": {"mean_along": without}}
    terms |= {"the mean of g": {"mean": without}} if right.mean is not _nothing else {}
    some = [itertools.combinations(terms, count) for count in range(1, len(terms))]
    for chosen in itertools.chain(*some):
        what = f"left out of {' and of '.join(chosen)}"
        changes = {name: value for each in chosen for name, value in terms[each].items()}
        yield "wrong formula", words + what, right._replace(**changes)


def as_a_whole(graph: Graph, chain: list[Place], vjp: Vjp = unchanged) -> Wrong:
    """What a vjp gives is passed on over some steps, and nothing over others of the same nodes."""
    wrong: Wrong = dict.fromkeys(chain, unchanged)
    for place in chain:
        others = [other for other in graph.places_of[place.node] if other is not place]
        wrong |= scaled(others, 0.0)
    return wrong | {chain[0]: vjp}
