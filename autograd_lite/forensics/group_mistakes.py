"""Mistakes in several steps at once, in the loss, or with a number that is to be found.

Each function here yields those of one kind that a case invites.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.candidate import (
    FACTOR,
    Always,
    Candidate,
    instead_of_all,
    joint,
    scaled,
    with_strength,
)
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.deltas import like_predictions
from autograd_lite.forensics.factors import both_signs, closest_factor, flat, multiples
from autograd_lite.forensics.other_data import are_shares
from autograd_lite.forensics.penalties import penalty_terms
from autograd_lite.forensics.place import Place, Wrong, grouped, is_recorded
from autograd_lite.forensics.replay import SAMPLES, Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def factors(case: Case) -> Iterator[Candidate]:
    """A constant factor in one step, or in all steps of one sort."""
    places = case.graph.places
    to_leaves = [place for place in places if place.argument.operation is None]
    alike = grouped(to_leaves, lambda place: (place.operation, place.slot))
    to_wrong = [place for place in to_leaves if place.argument in case.wrong]
    several = {tuple(group): group for group in (to_leaves, to_wrong, *alike.values())}
    several = {key: group for key, group in several.items() if len(group) > 1}
    for group in [*([place] for place in places), *several.values()]:
        yield with_strength("factor", FACTOR, scaled, group, neutral=1.0)


def widths_for_samples(case: Case) -> Iterator[Candidate]:
    """In each layer it is divided by its width, where the number of samples is right.

    Two layers have other widths: else it is one factor.
    """
    graph = case.graph
    samples = [length for length, name in graph.lengths.items() if name == SAMPLES]
    layers = [p for p in graph.places if p.multiplies_matrices and p.argument.operation is None]
    layers = [place for place in layers[::-1] if place.argument.ndim == 2]
    for inputs, length, with_biases in itertools.product((True, False), samples, (True, False)):
        widths = [p.argument.shape[(p.slot == 0) == inputs] for p in layers]
        wrong: Wrong = {}
        for place, width in zip(layers, widths):
            biases = _biases(graph, place) if with_biases else []
            wrong |= scaled([place, *biases], length / width)
        if len({*widths}) > 1:
            which, shown = "inputs" if inputs else "outputs", ", ".join(map(str, widths))
            words = f"in each layer it is divided by the number of its {which}, {shown}, "
            words += f"where {length}, that of samples, is right"
            yield joint("wrong axis", words, wrong)


def _biases(graph: Graph, place: Place) -> list[Place]:
    """The steps to parameters that are added to a product."""
    sums = [use.node for use in graph.consumers[place.node] if use.traits.additive]
    added = [step for node in sums for step in graph.places_of[node]]
    return [step for step in added if step.argument.operation is None]


def statistics(case: Case) -> Iterator[Candidate]:
    """Means, variances and sums that entries are divided by or shifted by, taken as constants."""
    bottlenecks = case.graph.bottlenecks
    runs: list[list[Place]] = [[]]
    for place in case.graph.places:
        within = place.node.ndim and place.argument.operation and place.node not in bottlenecks
        if place.multiplies_matrices:
            runs.append([])
        elif place.traits.reduces and within and _comes_back(case.graph, place):
            runs[-1].append(place)
    groups = [run for run in runs if run]
    groups += [[place] for run in groups for place in run if len(run) > 1]
    if len(runs) > 1:
        groups.append([place for run in runs for place in run])
    for places in groups:
        kind = "constant statistics"
        what = "statistics of the batch, such as its mean, are treated as constants"
        if len(places) == 1:
            squares = places[0].argument.operation.function in (np.square, np.power)
            statistic = "a variance" if squares else "a mean"
            what = f"{statistic}, a statistic of the batch, is treated as a constant"
        if not any(p.traits.averages or _is_subtracted(case.graph, p.node) for p in places):
            what = "what entries are divided by, such as their norm, is treated as a constant"
        if all(place.operation.function is neural.logsumexp for place in places):
            what = "what logsumexp passes on is left out, as if it were a constant"
        if all(place.argument.operation.function is np.exp for place in places):
            kind = "softmax cross terms"
            what = "the sum that softmax divides by is treated as a constant: no cross terms"
        yield Candidate(kind, what, scaled(places, 0.0))


def _comes_back(graph: Graph, place: Place) -> bool:
    """Whether what is reduced meets entries again, in what it is computed from, soon after."""
    node, size = place.node, place.argument.size
    for _ in range(SOON):
        uses = graph.consumers.get(node, [])
        if any(use.node.size >= size for use in uses):
            return True
        if not uses:
            return False
        node = uses[0].node
    return False


def at_each_entry(case: Case) -> Iterator[Candidate]:
    """A function of a mean is differentiated at each of the entries, and not at their mean."""
    graph = case.graph
    for place in graph.places:
        x, node, uses = place.argument, place.node, graph.consumers.get(place.node, ())
        bent = any(not (use.traits.additive or use.slot in use.traits.linear) for use in uses)
        along = place.traits.averages and x.ndim and x.shape[1:] == node.shape
        is_short = along and len(x) * graph.work <= MOST_WORK
        if is_short and bent and not _comes_back(graph, place):
            step = graph.forward_step(node)
            replays = [graph.replay({step: Always(one)}) for one in x._array]
            arriving = [replay[node] for replay in replays if replay is not None]
            if len(arriving) == len(x):
                words = "the derivative of what is computed from {operation} is taken at each "
                words += "entry, and not at their mean"
                shares = np.array(arriving) / len(x)
                yield Candidate("wrong place", words, {place: Always(shares)})


MOST_WORK = 10_000_000
"""Entries of a graph that is run again with each of the entries of a mean."""


def _is_subtracted(graph: Graph, node: Tensor) -> bool:
    """Whether what is reduced is taken off entries, as their mean is."""
    uses = graph.consumers.get(node, ())
    while len(uses) == 1 and uses[0].slot in uses[0].traits.linear and uses[0].numbers:
        uses = graph.consumers.get(uses[0].node, ())
    return any(use.operation.function is np.subtract and use.slot for use in uses)


SOON = 5
"""Steps from a statistic to where it meets the entries again."""


def other_slopes(case: Case) -> Iterator[Candidate]:
    """Rectifiers that pass on another share of what arrives where z < 0, or where z > 0."""
    rectifiers = [p for p in case.graph.places if p.is_straight_twice]
    alike = grouped(rectifiers, lambda place: place.operation).values()
    for group in [*([place] for place in rectifiers), *(g for g in alike if len(g) > 1)]:
        # Of what is 0 where z < 0 the other slope is a factor, and no more.
        sides = [(False, "z < 0"), (True, "z > 0")] if _passes_below_0(case, group) else SIDE_BELOW
        for above, side in sides:
            words = f"the derivative of {{operation}} is another number where {side}, "
            words += "and not its own slope there"
            yield with_strength("wrong formula", words, _sloped, group, above, number="but {}")
        if not group[0].traits.rectifies:
            words = "the derivative of {operation} is a multiple of what it is where z < 0: "
            words += "a factor is left out on that side, or is on the other one, too"
            said: dict[str, Any] = {"number": "{} times as large", "far_fetched": True}
            yield with_strength("wrong formula", words, _times_below_0, group, **said)


SIDE_BELOW = [(False, "z < 0")]


def _passes_below_0(case: Case, places: Sequence[Place]) -> bool:
    """Whether anything of what arrives at rectifiers is passed on where z < 0."""
    sent = ((case.graph.sent(place), place.argument._array) for place in places)
    return any(np.any((z < 0) & (passed != 0)) for passed, z in sent)


def _sloped(places: Sequence[Place], above: bool, slope: float) -> Wrong:
    def sloped(right: Array, g: Array, a: Array, z: Array, *rest: Any) -> Array:
        # On the right the slope of all rectifiers is 1.
        return np.where(z > 0, slope * g, right) if above else g * np.where(z > 0, 1, slope)

    return {place: place.changed(sloped) for place in places}


def _times_below_0(places: Sequence[Place], factor: float) -> Wrong:
    def times(right: Array, g: Array, a: Array, z: Array, *rest: Any) -> Array:
        return np.where(z > 0, right, factor * right)

    return {place: place.changed(times) for place in places}


def weights_of_terms(case: Case) -> Iterator[Candidate]:
    """The weights of the loss's two terms, such as those of two classes, are exchanged."""
    graph, wrong = case.graph, case.wrong_ones
    sums = [p for n, p in graph.places_of.items() if n.operation.traits.additive and len(p) == 2]
    given = flat(case.manual[t] for t in wrong) if case.are_usable(wrong) else np.zeros(0)
    for places in sums[:MOST_SUMS] if given.size > 2 else ():
        without = [graph.replay(scaled([place], 0.0)) for place in places]
        parts = [flat(graph.right[t] - r[t] for t in wrong) for r in without if r is not None]
        if len(parts) < 2:
            continue
        rest = flat(graph.right[t] for t in wrong) - sum(parts)
        one, other = multiples(parts, given - rest)
        if one > 0 and math.isclose(one * other, 1, rel_tol=1e-6) and not math.isclose(one, 1):
            words = f"the weights of two terms are exchanged: one counts {one:.6g} times as much, "
            words += f"the other {other:.6g} times"
            yield joint("swapped", words, scaled(places[:1], one) | scaled(places[1:], other))


MOST_SUMS = 20
"""Sums, those next to the loss, whose terms may have other weights."""


def _slopes(p: Array, y: Array) -> Iterator[tuple[str, str, Array]]:
    """Losses, how their derivatives in the predictions are written, and what they are."""
    y = np.asarray(y, p.dtype)  # Unsigned numbers have no negative ones.
    yield "squared errors", "({0} - {1})", p - y
    yield "absolute errors", "np.sign({0} - {1})", np.sign(p - y)
    yield "binary cross-entropy", "({0} - {1}) / ({0} * (1 - {0}))", (p - y) / (p * (1 - p))
    yield "cross-entropy", "(-{1} / {0})", -y / p
    yield "binary cross-entropy of logits", "(sigmoid({0}) - {1})", neural.sigmoid(p) - y
    if p.ndim > 1:
        yield "cross-entropy after softmax", "(softmax({0}) - {1})", neural.softmax(p) - y
    if (y > 0).all():
        words = "the divergence of the predictions from the targets, sum(p * log(p / y))"
        yield words, "(np.log({0} / {1}) + 1)", np.log(p / y) + 1
    yield "the sum of the predictions themselves: the loss is left out", "1", np.ones_like(p)
    yield "a prediction that is rounded to a label", "(({0} > 0) - {1})", (p > 0) - y


def other_losses(case: Case) -> Iterator[Candidate]:
    """The derivative of another loss at the predictions."""
    graph = case.graph
    own = {id(array) for array in graph.plain_arrays}
    others = [a for a in case.arrays.values() if id(a) not in own and a.dtype.kind in "fiu"]
    # Others than labels may be parts of the derivation itself, which explain anything.
    arrays = [*graph.plain_arrays, *filter(are_shares, others)]
    arrays += [a for a in others if np.array_equal(a, np.round(a))]
    for prediction in _predictions(graph):
        p = prediction._array
        sums = [use for use in graph.consumers[prediction] if use.traits.additive]
        beside = [argument for use in sums for argument in use.other_arguments]
        targets = arrays if _is_layer(prediction) and np.ndim(p) else []
        for target, y in [(each, y) for each in targets for y in like_predictions(each, p)]:
            for name, written, slope in _slopes(p, y):
                is_own = _own_slope(slope, graph.right[prediction], case)
                if "binary" in name:  # For squared errors the derivative of sigmoid is forgotten.
                    links = [use.node for use in graph.consumers[prediction] if use.traits.link]
                    nodes = {prediction, *links} - case.wrong
                    nodes = {node for node in nodes if node.shape == p.shape}
                    errors = [(node._array - y, graph.right[node]) for node in nodes]
                    is_own |= any(_own_slope(*error, case) for error in errors)
                # Absolute errors of one sign have the derivative of their sum.
                is_sum = name == "absolute errors" and not both_signs(slope)
                is_constant = slope.size > 1 and not np.ptp(slope) and "sum" not in name
                if np.isfinite(slope).all() and not is_own and (is_sum or not is_constant):
                    what = f"the loss's derivative is that of {name}"
                    if any(plain(a) is not target and np.size(plain(a)) > 1 for a in beside):
                        what += ", and what is added to the prediction is left out"
                    if "binary" in name and prediction.operation.traits.link == "sigmoid":
                        what += ": p - y is left, as if the derivative of sigmoid is forgotten"
                    given_to = graph, prediction, slope, written, target
                    far_fetched = is_sum or id(target) not in own
                    if slope.size == 1:  # A multiple of it is the loss's own, with a factor.
                        alone = Candidate("another loss", what, _at(*given_to, 1.0))
                        yield alone._replace(far_fetched=far_fetched)
                        continue
                    said = {"number": "times {}", "far_fetched": far_fetched}
                    yield with_strength("another loss", what, _at, *given_to, **said)


def _predictions(graph: Graph) -> list[Tensor]:
    """Nodes that every path from the loss goes through, those of penalties left out."""
    to_leaves = {place for term in penalty_terms(graph) for place in term}
    aside: set[Tensor] = set()
    for node in reversed(graph.order):
        places = graph.places_of.get(node, [])
        if places and all(place in to_leaves or place.argument in aside for place in places):
            aside.add(node)
    left_out = [p for p in graph.places if p.node in aside or p.argument in aside]
    return [*graph.bottlenecks_without(frozenset(left_out))]


def _is_layer(node: Tensor) -> bool:
    """Whether predictions are what an operation like that gives: a layer's, not a loss's."""
    traits = node.operation.traits
    ends_layers = traits.activation or (traits.product and not traits.elementwise)
    given = [a.operation for a in node.arguments if is_recorded(a)]
    weighs = given and all(r and r.traits.product and r.traits.elementwise for r in given)
    adds = node.operation.function is np.add and not (weighs and len(given) > 1)
    return ends_layers or adds or node.operation.function is np.divide


def _own_slope(slope: Array, cotangent: Array, case: Case) -> bool:
    """Whether a slope is that of the loss itself, but for a factor and an epsilon."""
    factor = closest_factor(cotangent, slope)
    if math.isnan(factor):
        return True
    if slope.size == 1:
        return abs(factor - 1) < 1e-6 or bool(case.in_words(factor))
    # The square of the cosine of the angle between the two is 1.
    return not factor * closest_factor(slope, cotangent) < 1 - 2e-9


def _at(
    graph: Graph, node: Tensor, cotangent: Array, written: str, targets: Array, strength: float
) -> Wrong:
    """A multiple of a given cotangent at a node, whatever arrives there."""
    factor = "" if strength == 1 else f"{strength:.6g} * "
    return instead_of_all(graph.consumers[node], strength * cotangent, factor + written, targets)
