"""The constant factors that the numbers in a record explain, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.factors import (
    factors_of_axes,
    factors_of_constant,
    factors_of_mean,
    factors_of_power,
    factors_of_sum,
    rarer_factors,
    usual_factors,
)
from autograd_lite.forensics.place import Place, mask_of
from autograd_lite.forensics.replay import Graph

MOST_CONSTANTS = 5
"""Numbers in a record that explain a factor together with another one."""
MOST_NUMBERS = 500
"""Nodes among which a number that explains a factor is looked for."""


def usual(graph: Graph) -> Iterator[tuple[float, str]]:
    """The factors that people get wrong in a graph."""
    functions = {place.operation.function for place in graph.places}
    has_square = not functions.isdisjoint((np.power, np.square)) or any(
        node.operation.traits.product and len({*map(id, node.arguments)}) == 1
        for node in graph.places_of
    )
    return usual_factors(graph.lengths, graph.positions, has_square)


def rarer(graph: Graph) -> Iterator[tuple[float, str]]:
    """Learning rates, and several factors at once."""
    yield from rarer_factors(graph.lengths)
    yield from _with_constants(graph)
    yield from _computed_numbers(graph)


def _with_constants(graph: Graph) -> Iterator[tuple[float, str]]:
    """Numbers in the record together with the 2 of a square."""
    places = [place for place in graph.places if place.multiplies_entries]
    found = dict.fromkeys(number for place in places for number in place.numbers)
    for number in [n for n in found if n not in (0, 1, -1)][:MOST_CONSTANTS]:
        for sign, words in ((1.0, ""), (-1.0, ", and the sign is wrong")):
            named = f"the factors {number:.6g} and 2"
            yield sign / (2 * number), f"{named} are missing{words}"
            yield sign * 2 * number, f"{named} are once too often there{words}"
            yield sign * number / 2, f"a factor of 2 is missing, and {number:.6g} there{words}"


def _computed_numbers(graph: Graph) -> Iterator[tuple[float, str]]:
    """Numbers that were computed, such as a norm."""
    for node in graph.order[:MOST_NUMBERS]:
        if node.size == 1 and node.operation is not None and node is not graph.loss:
            number, name = float(np.sum(node._array)), node.operation.name
            what = f"{number:.6g}, which {name} has given"
            for by, of in ((number, what), (number**2, f"the square of {what}")):
                if by not in (0, 1, -1):
                    yield by, f"it is multiplied by {of}, or the division by it is forgotten"
                    yield 1 / by, f"it is divided by {of}, or the factor is forgotten"
            arriving = float(np.sum(graph.right[node]))
            if arriving not in (0, 1, -1):
                what = f"{arriving:.6g}, what arrives at {name}: it belongs to another term"
                yield arriving, f"it is multiplied by {what}"


COPIES = np.repeat, np.tile


def factors_at(graph: Graph, place: Place) -> Iterator[tuple[float, str]]:
    """The factors that the numbers in one step explain."""
    function, traits = place.operation.function, place.traits
    entries = place.argument.size // max(place.node.size, 1)
    broadcast = place.node.size // max(place.argument.size, 1)
    if traits.averages and entries > 1:
        yield from factors_of_mean(entries, graph.lengths)
        if not place.node.ndim or place.argument.ndim - place.node.ndim > 1:
            left = Counter(place.argument.shape) - Counter(place.node.shape)
            yield from factors_of_axes([*left.elements()])
    elif function is np.sum and entries > 1:
        yield from factors_of_sum(entries)
    elif broadcast > 1 and (traits.additive or function in COPIES):
        yield from factors_of_sum(broadcast)
    elif function is np.sqrt:
        yield from factors_of_power(0.5)
    elif function is np.power:
        for number in place.numbers:
            yield from factors_of_power(number)
    elif place.slot in traits.linear and place.multiplies_entries:
        mask = mask_of(place.node)
        if mask is not None and mask.max() > 1:
            yield from factors_of_constant(1 / float(mask.max()), True, ())
        yield from _of_numbers(graph, place)
    node, uses = place.node, graph.consumers.get(place.node, ())
    while len(uses) == 1 and uses[0].traits.additive:
        node, uses = uses[0].node, graph.consumers.get(uses[0].node, ())
    # A number that multiplies a sum may be forgotten in one of its terms.
    if node is not place.node and len(uses) == 1 and uses[0].multiplies_entries:
        yield from _of_numbers(graph, uses[0])


def _of_numbers(graph: Graph, place: Place) -> Iterator[tuple[float, str]]:
    for number in place.numbers:
        if number not in (0, 1, -1):
            divides = place.operation.function is np.divide
            yield from factors_of_constant(number, divides, graph.lengths)
