"""Mistakes in several steps at once, or with a number that is to be found.

Each function here yields those of one kind that a graph invites.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import (
    Candidate,
    Instead,
    multiplies_matrices,
    scaled,
    with_strength,
)
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Place, Vjp, Wrong, grouped, is_recorded
from autograd_lite.tensor import Tensor


def factors(case: Case) -> Iterator[Candidate]:
    """A constant factor in one step, or in all steps of one sort."""
    places = case.graph.places
    to_leaves = [place for place in places if place.argument.operation is None]
    alike = grouped(to_leaves, lambda place: (place.operation, place.slot))
    several = [group for group in (to_leaves, *alike.values()) if len(group) > 1]
    for group in [*([place] for place in places), *several]:
        what = "a constant factor is wrong"
        yield with_strength("factor", what, partial(scaled, group), neutral=1.0)


def factors_in_every_layer(case: Case) -> Iterator[Candidate]:
    """The same factor in all products or activations: it has another power in each layer."""
    lengths = [float(length) for length in case.graph.lengths]
    inner = [place for place in case.graph.places if place.argument.operation is not None]
    products = [place for place in inner if multiplies_matrices(place.traits)]
    bent = [place for place in inner if place.traits.activation]
    for places in (
        *grouped(products, lambda place: (place.operation, place.slot)).values(),
        *grouped(bent, lambda place: place.operation).values(),
        bent,
    ):
        for factor in (-1.0, 2.0, 0.5, *lengths, *(1 / length for length in lengths)):
            if len(places) > 1:
                what = "a constant factor is wrong in every layer"
                yield Candidate("factor", what, scaled(places, factor)).at(factor)


def statistics(case: Case) -> Iterator[Candidate]:
    """Means, variances and sums that entries are divided by or shifted by, taken as constants."""
    bottlenecks = {*case.graph.bottlenecks}
    runs: list[list[Place]] = [[]]
    for place in case.graph.places:
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
        yield Candidate(kind, what, scaled(places, 0.0))


def _normalizes(place: Place) -> bool:
    """Whether it is a sum of exponentials."""
    operation = place.argument.operation
    return operation is not None and operation.function is np.exp


def branches(case: Case) -> Iterator[Candidate]:
    """The two branches of where swapped."""
    for node, places in case.graph.places_of.items():
        if node.operation and node.operation.function is np.where:
            wrong = {place: _swapped(place) for place in places}
            yield Candidate("branches", "the branches of where are swapped", wrong)


def _swapped(place: Place) -> Vjp:
    return lambda g, y, condition, *rest: place.vjp(g, y, np.logical_not(condition), *rest)


def stale_weights(case: Case) -> Iterator[Candidate]:
    """Products with weights that were updated already, in one layer or in all."""
    products = [
        (place, slot, argument)
        for place in case.graph.places
        if multiplies_matrices(place.traits) and place.argument.operation is not None
        for slot, argument in enumerate(place.node.arguments)
        if slot != place.slot and is_recorded(argument) and argument.operation is None
    ]

    def updated(chosen: list[tuple[Place, int, Tensor]], rate: float) -> Wrong:
        wrong: dict[Place, Vjp] = {}
        for place, slot, weight in chosen:
            # Updated with the gradient by hand, if there is one.
            right = case.graph.right[weight]
            by_hand: Any = case.manual.get(weight, right)
            update = by_hand if by_hand.shape == weight.shape else right
            written = f"({{0}} - {rate:.6g} * d{{0}})"
            wrong[place] = Instead(place, slot, weight._data - rate * update, written)
        return wrong

    for chosen in [[product] for product in products] + [products] * (len(products) > 1):
        what = "the weights are read after their update, W - learning_rate dW"
        yield with_strength(
            "stale weights",
            what,
            partial(updated, chosen),
            neutral=0.0,
            number="with learning_rate {:.6g}",
        )


GROUP_MISTAKES = (factors, factors_in_every_layer, statistics, branches, stale_weights)
