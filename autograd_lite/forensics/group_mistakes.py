"""Mistakes that concern several steps at once, or that have a strength to be found.

Each function here yields those of one kind that a graph invites.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.candidate import Candidate, multiplies_matrices
from autograd_lite.forensics.factors import factor_in_words
from autograd_lite.forensics.replay import Graph, Place, Vjp, Wrong, is_array, is_recorded
from autograd_lite.forensics.written import Always, Instead
from autograd_lite.node import Array, plain
from autograd_lite.table import TABLE
from autograd_lite.tensor import Tensor


def _scaled(places: Sequence[Place], factor: float) -> Wrong:
    """The steps, with their results multiplied by a factor."""

    def scaled(place: Place) -> Vjp:
        return lambda *given, **keywords: place.vjp(*given, **keywords) * factor

    return {place: scaled(place) for place in places}


def factors(graph: Graph) -> Iterator[Candidate]:
    """A constant factor in one step, or in all steps of one sort."""
    to_leaves = [place for place in graph.places if place.argument.operation is None]
    alike: dict[Any, list[Place]] = {}
    for place in to_leaves:
        alike.setdefault((place.operation, place.slot), []).append(place)
    several = [group for group in (to_leaves, *alike.values()) if len(group) > 1]
    for group in [*([place] for place in graph.places), *several]:
        what = "a constant factor is wrong"
        yield Candidate("factor", what, partial(_scaled, group), neutral=1.0)


def factors_in_every_layer(graph: Graph) -> Iterator[Candidate]:
    """The same factor in all products or activations: it has another power in each layer."""
    lengths = [float(length) for length in graph.lengths]
    strengths = (-1.0, 2.0, 0.5, *lengths, *(1 / length for length in lengths))
    alike: dict[Any, list[Place]] = {}
    for place in graph.places:
        if place.argument.operation is None:
            continue
        if multiplies_matrices(place.traits):
            alike.setdefault((place.operation, place.slot), []).append(place)
        elif place.traits.activation:
            alike.setdefault(place.operation, []).append(place)
            alike.setdefault("activations", []).append(place)
    for places in alike.values():
        if len(places) > 1:
            what = "a constant factor is wrong in every layer"
            yield Candidate("factor", what, partial(_scaled, places), strengths)


def penalties(graph: Graph) -> Iterator[Candidate]:
    """L1 or L2 terms with another strength, or on parameters that have none."""
    terms = [place for place in graph.places if _is_penalty(graph, place)]
    by_leaf: dict[Tensor, list[Place]] = {}
    for place in terms:
        by_leaf.setdefault(place.argument, []).append(place)
    for places in [terms, *by_leaf.values()] if terms else []:
        yield Candidate(
            "penalty",
            "the strength of the penalty on large weights is another one",
            partial(_scaled, places),
            neutral=1.0,
        )
    others = [leaf for leaf in graph.leaves if leaf not in by_leaf]
    unit = _coefficient(graph, terms[0]) if terms else 1.0
    weights = [leaf for leaf in others if leaf.ndim > 1]
    for leaves in [others, weights, *([leaf] for leaf in others)]:
        yield Candidate(
            "penalty",
            "a penalty on large weights is in the gradient that is not in the loss",
            partial(_with_decay, graph, leaves, unit),
            neutral=0.0,
            unit=unit,
            far_fetched=True,
        )


def _coefficient(graph: Graph, place: Place) -> float:
    """What a penalty's derivative multiplies the leaf with."""
    values, slope = place.argument._data, graph.contribution(place)
    square = float(np.vdot(values, values))
    return float(np.vdot(values, slope)) / square if square else 1.0


def _is_penalty(graph: Graph, place: Place) -> bool:
    """Whether a step is that of the sizes of a leaf's entries, which are a term of the loss."""
    leaf, node = place.argument, place.node
    if leaf.operation is not None or all(other.node is node for other in graph.consumers[leaf]):
        return False
    arrays = [a for a in node.arguments if is_array(plain(a)) and plain(a).ndim]
    if not place.traits.elementwise or any(a is not leaf for a in arrays):
        return False
    mirrored = [-leaf._data if a is leaf else plain(a) for a in node.arguments]
    even = np.array_equal(place.operation.compute(*mirrored, **node.keywords), node._data)
    return even and _is_term(graph, node)


def _is_term(graph: Graph, node: Tensor) -> bool:
    """Whether the loss is a multiple of a node, or of its sum, and something else."""
    while node is not graph.loss:
        place, *others = graph.consumers[node]
        recorded = [argument for argument in place.other_arguments if is_recorded(argument)]
        linear = place.slot in place.traits.linear and not recorded
        if others or not (linear or place.traits.additive):
            return False
        node = place.node
    return True


def _with_decay(graph: Graph, leaves: Sequence[Tensor], unit: float, strength: float) -> Wrong:
    """Steps that add a multiple of a leaf itself to its gradient."""

    def decayed(leaf: Tensor, place: Place) -> Vjp:
        def added(*given: Any, **keywords: Any) -> Array:
            contribution = place.vjp(*given, **keywords)
            # The engine sums what was broadcast.
            copies = np.size(contribution) / leaf.size
            return contribution + strength * unit / copies * leaf._data

        return added

    used = [leaf for leaf in leaves if leaf.size and leaf in graph.consumers]
    first = {leaf: graph.consumers[leaf][0] for leaf in used}
    return {place: decayed(leaf, place) for leaf, place in first.items()}


def statistics(graph: Graph) -> Iterator[Candidate]:
    """Means, variances and sums that entries are divided by or shifted by, taken as constants."""
    bottlenecks = {*graph.bottlenecks}
    runs: list[list[Place]] = [[]]
    for place in graph.places:
        if multiplies_matrices(place.traits):
            runs.append([])
        elif (
            place.node.ndim
            and place.traits.reduces
            and place.node not in bottlenecks
            and place.argument.operation
        ):
            runs[-1].append(place)
    groups = [run for run in runs if run]
    groups += [[place] for run in groups for place in run if len(run) > 1]
    if len(runs) > 1:
        groups.append([place for run in runs for place in run])
    for places in groups:
        if all(_normalizes(place) for place in places):
            kind = "softmax cross terms"
            what = "the sum that softmax divides by is treated as a constant: no cross terms"
        else:
            kind = "constant statistics"
            what = "statistics of the batch, such as its mean, are treated as constants"
        yield Candidate(kind, what, _scaled(places, 0.0))


def _normalizes(place: Place) -> bool:
    """Whether it is a sum of exponentials."""
    operation = place.argument.operation
    return operation is not None and operation.function is np.exp


def branches(graph: Graph) -> Iterator[Candidate]:
    """The two branches of where swapped."""
    for node in graph.nodes_by.get(TABLE[np.where], []):
        wrong = {place: _swapped(place) for place in graph.places_of[node]}
        yield Candidate("branches", "the branches of where are swapped", wrong)


def _swapped(place: Place) -> Vjp:
    return lambda g, y, condition, *rest: place.vjp(g, y, np.logical_not(condition), *rest)


def stale_weights(graph: Graph, manual: Mapping[Tensor, Array]) -> Iterator[Candidate]:
    """Products with weights that were updated already, in one layer or in all."""
    products = [
        (place, slot, argument)
        for place in graph.places
        if multiplies_matrices(place.traits) and place.argument.operation is not None
        for slot, argument in enumerate(place.node.arguments)
        if slot != place.slot and is_recorded(argument) and argument.operation is None
    ]
    updates = {weight: _update(graph, manual, weight) for _, _, weight in products}

    def updated(chosen: list[tuple[Place, int, Tensor]], rate: float) -> Wrong:
        return {
            place: Instead(
                *(place, slot, weight._data - rate * updates[weight]),
                written=f"({{0}} - {rate:.6g} * d{{0}})",
            )
            for place, slot, weight in chosen
        }

    for chosen in [[product] for product in products] + [products] * (len(products) > 1):
        what = "the weights are read after their update, W - learning_rate dW"
        yield Candidate("stale weights", what, partial(updated, chosen), neutral=0.0)


def _update(graph: Graph, manual: Mapping[Tensor, Array], weight: Tensor) -> Array:
    """The gradient that a weight was updated with: the one by hand, if there is one."""
    gradient = manual.get(weight, graph.right[weight])
    return gradient if gradient.shape == weight.shape else graph.right[weight]


SLOPES: tuple[tuple[str, str, Callable[[Array, Array], Array]], ...] = (
    ("squared errors", "({0} - {1})", lambda p, y: p - y),
    ("absolute errors", "np.sign({0} - {1})", lambda p, y: np.sign(p - y)),
    (
        "binary cross-entropy",
        "({0} - {1}) / ({0} * (1 - {0}))",
        lambda p, y: (p - y) / (p * (1 - p)),
    ),
    ("cross-entropy", "(-{1} / {0})", lambda p, y: -y / p),
    (
        "binary cross-entropy of logits",
        "(sigmoid({0}) - {1})",
        lambda p, y: neural.sigmoid(p) - y,
    ),
)
"""Losses, how their derivatives in the predictions are written, and what they are."""


def other_losses(graph: Graph) -> Iterator[Candidate]:
    """The derivative of another loss at the predictions."""
    for prediction in graph.bottlenecks:
        p = prediction._data
        if not _is_layer(prediction) or not np.ndim(p):
            continue
        for target in graph.plain_arrays:
            y = _like_predictions(target, p)
            if np.shape(y) != np.shape(p):
                continue
            for name, written, slope_of in SLOPES:
                slope = slope_of(p, y)
                own = _own_slope(slope, graph.right[prediction], graph)
                if np.isfinite(slope).all() and not own:
                    what = f"the loss's derivative is that of {name}"
                    wrong = partial(_at, graph, prediction, slope, written, target)
                    yield Candidate("another loss", what, wrong)


def _is_layer(node: Tensor) -> bool:
    """Whether predictions are what an operation like that gives: a layer's, not a loss's."""
    operation = node.operation
    assert operation is not None
    ends_layers = operation.traits.activation or multiplies_matrices(operation.traits)
    return ends_layers or operation.function in (np.add, np.divide)


def _like_predictions(target: Any, predictions: Array) -> Any:
    """Labels as the one-hot rows that they stand for."""
    labels = np.ndim(target) == 1 and np.asarray(target).dtype.kind in "iu"
    if labels and np.ndim(predictions) == 2 and len(target) == len(predictions):
        rows = np.equal(target[:, None], np.arange(predictions.shape[1]))
        return rows.astype(predictions.dtype)
    return target


def _own_slope(slope: Array, cotangent: Array, graph: Graph) -> bool:
    """Whether a slope is that of the loss itself, but for a factor and an epsilon."""
    product, square = float(np.vdot(slope, cotangent)), float(np.vdot(slope, slope))
    if not square:
        return True
    if slope.size == 1:
        factor = product / square
        return abs(factor - 1) < 1e-6 or bool(factor_in_words(factor, graph.factors))
    length = math.sqrt(square) * math.sqrt(float(np.vdot(cotangent, cotangent)))
    return abs(product) >= (1 - 1e-9) * length


def _at(
    graph: Graph, node: Tensor, cotangent: Array, written: str, targets: Array, strength: float
) -> Wrong:
    """A multiple of a given cotangent at a node, whatever arrives there."""
    first, *others = graph.consumers[node]
    factor = "" if strength == 1 else f"{strength:.6g} * "
    wrong = {place: Always(0.0 * cotangent, "0", targets) for place in others}
    return {first: Always(strength * cotangent, factor + written, targets), **wrong}


GROUP_MISTAKES: tuple[Callable[[Graph], Iterator[Candidate]], ...] = (
    factors,
    factors_in_every_layer,
    penalties,
    statistics,
    branches,
    other_losses,
)
