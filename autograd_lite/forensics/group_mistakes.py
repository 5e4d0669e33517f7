"""Mistakes that concern several steps at once, or that have a strength to be found.

Each function yields families: a number says how strong the mistake is, such as the factor of a
step, and the strength that reproduces a given gradient is solved for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.factors import factor_in_words, lengths_of
from autograd_lite.forensics.mistake import ACTIVATIONS
from autograd_lite.forensics.replay import Array, Graph, Place, Vjp, Wrong, is_array, vjp_of
from autograd_lite.forensics.written import Always, Instead
from autograd_lite.operation import Operation
from autograd_lite.operators import plain
from autograd_lite.tensor import Tensor


class Family(NamedTuple):
    """Wrong steps as a function of a strength; `kind` and `what` as in `mistake.Mistake`.

    `strengths` lists those to try where they are known; by default one is solved for. At the
    `neutral` one nothing is wrong; `unit` is what a strength of 1 stands for. What is far-fetched
    explains only where nothing else does.
    """

    kind: str
    what: str
    wrong: Callable[[float], Wrong]
    strengths: tuple[float, ...] = ()
    neutral: float = 0.0
    unit: float = 1.0
    far_fetched: bool = False


def families(graph: Graph, manual: Mapping[Tensor, Array]) -> Iterator[Family]:
    """All families that a graph, and the gradients that were derived for it, invite."""
    for mistakes in GROUP_MISTAKES:
        yield from mistakes(graph)
    yield from stale_weights(graph, manual)


def _scaled(places: Sequence[Place], factor: float) -> Wrong:
    """The steps, with their results multiplied by a factor."""

    def scaled(place: Place) -> Vjp:
        vjp = vjp_of(place)
        return lambda *given, **keywords: vjp(*given, **keywords) * factor

    return {place: scaled(place) for place in places}


def always(wrong: Wrong, strength: float) -> Wrong:
    """The same steps whatever the strength."""
    return wrong


def factors(graph: Graph) -> Iterator[Family]:
    """A constant factor in one step, or in all steps of one sort."""
    what = "a constant factor is wrong"
    for place in graph.places:
        yield Family("factor", what, partial(_scaled, [place]), neutral=1.0)
    to_leaves = [place for place in graph.places if place.argument.operation is None]
    groups: dict[Any, list[Place]] = {"leaves": to_leaves}
    for place in to_leaves:
        groups.setdefault((place.operation, place.slot), []).append(place)
    for places in groups.values():
        if len(places) > 1:
            yield Family("factor", what, partial(_scaled, places), neutral=1.0)
    yield from _factors_in_every_layer(graph, what)


def _factors_in_every_layer(graph: Graph, what: str) -> Iterator[Family]:
    """The same factor in all products or activations: it has another power in each layer."""
    lengths = [float(length) for length in lengths_of(graph)]
    strengths = (-1.0, 2.0, 0.5, *lengths, *(1 / length for length in lengths))
    alike: dict[Any, list[Place]] = {}
    for place in graph.places:
        if place.argument.operation is None:
            continue
        if place.operation.name in PRODUCTS_OF_LAYERS:
            alike.setdefault((place.operation, place.slot), []).append(place)
        elif place.operation.function in ACTIVATIONS:
            alike.setdefault(place.operation, []).append(place)
            alike.setdefault("activations", []).append(place)
    for places in alike.values():
        if len(places) > 1:
            yield Family("factor", what + " in every layer", partial(_scaled, places), strengths)


def penalties(graph: Graph) -> Iterator[Family]:
    """L1 or L2 terms with another strength, or on parameters that have none."""
    terms = [place for place in graph.places if _is_penalty(graph, place)]
    by_leaf: dict[Tensor, list[Place]] = {}
    for place in terms:
        by_leaf.setdefault(place.argument, []).append(place)
    for places in [terms, *by_leaf.values()] if terms else []:
        yield Family(
            "penalty",
            "the strength of the penalty on large weights is another one",
            partial(_scaled, places),
            neutral=1.0,
        )
    others = [leaf for leaf in graph.leaves() if leaf not in by_leaf]
    unit = _coefficient(graph, terms[0]) if terms else 1.0
    weights = [leaf for leaf in others if leaf.ndim > 1]
    for leaves in [others, weights, *([leaf] for leaf in others)]:
        yield Family(
            "penalty",
            "a penalty on large weights is in the gradient that is not in the loss",
            partial(_with_decay, graph, leaves, unit),
            unit=unit,
            far_fetched=True,
        )


def _coefficient(graph: Graph, place: Place) -> float:
    """What a penalty's derivative multiplies the leaf with."""
    values, slope = place.argument._data, graph.contribution(place)
    square = float(np.vdot(values, values))
    return float(np.vdot(values, slope)) / square if square else 1.0


def _is_penalty(graph: Graph, place: Place) -> bool:
    """Whether a step leads from a function of one leaf alone to a leaf that is used elsewhere."""
    leaf, node = place.argument, place.node
    arrays = [a for a in node.arguments if is_array(plain(a)) and plain(a).ndim]
    alone = leaf.operation is None and all(a is leaf for a in arrays)
    elsewhere = any(consumer.node is not node for consumer in graph.consumers[leaf])
    return alone and elsewhere and place.operation.name in PENALTIES


PENALTIES = {"square", "power", "multiply", "absolute"}
"""Functions of weights whose sums are penalties."""


def _with_decay(graph: Graph, leaves: Sequence[Tensor], unit: float, strength: float) -> Wrong:
    """Steps that add a multiple of a leaf itself to its gradient."""

    def decayed(leaf: Tensor, vjp: Vjp) -> Vjp:
        def added(*given: Any, **keywords: Any) -> Array:
            contribution = vjp(*given, **keywords)
            # The engine sums what was broadcast.
            copies = np.size(contribution) / leaf.size
            return contribution + strength * unit / copies * leaf._data

        return added

    used = [leaf for leaf in leaves if leaf.size and leaf in graph.consumers]
    first = {leaf: graph.consumers[leaf][0] for leaf in used}
    return {place: decayed(leaf, vjp_of(place)) for leaf, place in first.items()}


def statistics(graph: Graph) -> Iterator[Family]:
    """Means, variances and sums that entries are divided by or shifted by, taken as constants."""
    bottlenecks = set(graph.bottlenecks())
    reductions = {"mean", "sum", "var", "std", "max", "amax"}
    runs: list[list[Place]] = [[]]
    for place in graph.places:
        if place.operation.name in PRODUCTS_OF_LAYERS:
            runs.append([])
        elif (
            place.node.ndim
            and place.operation.name in reductions
            and place.node not in bottlenecks
            and place.argument.operation
        ):
            runs[-1].append(place)
    groups = [run for run in runs if run]
    groups += [[place] for run in groups for place in run if len(run) > 1]
    if len(runs) > 1:
        groups.append([place for run in runs for place in run])
    for places in groups:
        normalizes = all(
            place.argument.operation is not None and place.argument.operation.name == "exp"
            for place in places
        )
        kind = "softmax cross terms" if normalizes else "constant statistics"
        what = "statistics of the batch, such as its mean, are treated as constants"
        if normalizes:
            what = "the sum that softmax divides by is treated as a constant: no cross terms"
        yield Family(kind, what, partial(_scaled, places), (0.0,))


PRODUCTS_OF_LAYERS = {"matmul", "dot", "affine"}


def branches(graph: Graph) -> Iterator[Family]:
    """The two branches of where swapped."""
    for place in graph.places:
        if place.operation.name != "where":
            continue
        node = place.node
        wrong: dict[Place, Vjp] = {}
        for index in (1, 2):
            other = Place(node, index)
            vjp = vjp_of(other)
            wrong[other] = lambda g, y, condition, *rest, vjp=vjp: vjp(
                g, y, np.logical_not(condition), *rest
            )
        used = {
            p: v
            for p, v in wrong.items()
            if isinstance(p.argument, Tensor) and p.argument.requires_grad
        }
        what = "the branches of where are swapped"
        yield Family("branches", what, partial(always, used), (1.0,))


def stale_weights(graph: Graph, manual: Mapping[Tensor, Array]) -> Iterator[Family]:
    """Products with weights that were updated already, in one layer or in all."""
    products = [
        (place, slot, argument)
        for place in graph.places
        if place.operation.name in PRODUCTS_OF_LAYERS
        for slot, argument in enumerate(place.node.arguments)
        if slot != place.slot and isinstance(argument, Tensor) and argument.operation is None
        if argument.requires_grad and place.argument.operation is not None
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
        yield Family("stale weights", what, partial(updated, chosen))


def _update(graph: Graph, manual: Mapping[Tensor, Array], weight: Tensor) -> Array:
    """The gradient that a weight was updated with: the one by hand, if there is one."""
    gradient = manual.get(weight, graph.cotangents[weight])
    return gradient if gradient.shape == weight.shape else graph.cotangents[weight]


def plain_arrays(graph: Graph) -> list[Array]:
    """The arrays of numbers that are not differentiated, each once."""
    found = {}
    for place in graph.places:
        for argument in place.node.arguments:
            value = plain(argument)
            recorded = isinstance(argument, Tensor) and argument.requires_grad
            if not recorded and is_array(value) and value.dtype.kind in "fiu":
                found[id(value)] = value
    return list(found.values())


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


def other_losses(graph: Graph) -> Iterator[Family]:
    """The derivative of another loss at the predictions."""
    targets = plain_arrays(graph)
    for prediction in graph.bottlenecks():
        if prediction.operation is None or not _is_layer(prediction.operation):
            continue
        p = prediction._data
        for target in targets:
            y = _like_predictions(target, p)
            if np.shape(y) == np.shape(p) and np.ndim(p):
                for name, written, slope_of in SLOPES:
                    slope = slope_of(p, y)
                    own = _own_slope(slope, graph.cotangents[prediction], graph)
                    if np.isfinite(slope).all() and not own:
                        what = f"the loss's derivative is that of {name}"
                        wrong = partial(_at, graph, prediction, slope, written, target)
                        yield Family("another loss", what, wrong)


def _is_layer(operation: Operation) -> bool:
    """Whether predictions are what an operation like that gives: a layer's, not a loss's."""
    ends_layers = operation.name in PRODUCTS_OF_LAYERS | {"add", "divide"}
    return ends_layers or operation.function in ACTIVATIONS


def _like_predictions(target: Any, predictions: Array) -> Any:
    """Labels as the one-hot rows that they stand for."""
    labels = np.ndim(target) == 1 and np.asarray(target).dtype.kind in "iu"
    if labels and np.ndim(predictions) == 2 and len(target) == len(predictions):
        return neural.one_hot(target, predictions.shape[1], predictions.dtype)
    return target


def _own_slope(slope: Array, cotangent: Array, graph: Graph) -> bool:
    """Whether a slope is that of the loss itself, but for a factor and an epsilon."""
    product, square = float(np.vdot(slope, cotangent)), float(np.vdot(slope, slope))
    if not square:
        return True
    if slope.size == 1:
        factor = product / square
        return abs(factor - 1) < 1e-6 or bool(factor_in_words(factor, graph))
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


GROUP_MISTAKES: tuple[Callable[[Graph], Iterator[Family]], ...] = (
    factors,
    penalties,
    statistics,
    branches,
    other_losses,
)
