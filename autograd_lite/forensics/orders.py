"""Operations in another order: the square of a sum for a sum of squares, r (h U) for (r h) U."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from autograd_lite.forensics.candidate import Candidate, Instead, joint, scaled, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong, is_square
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def squares_of_sums(case: Case) -> Iterator[Candidate]:
    """The sum, or the mean, is squared where the squares are summed, or the other way around."""
    graph = case.graph
    for node in graph.places_of:
        steps = _of_square(graph, node)
        before = graph.places_of.get(steps[0].argument, ()) if steps else ()
        for use in graph.consumers.get(node, ()) if steps else ():
            if use.traits.reduces and not use.traits.extremum:
                name = "mean" if use.traits.averages else "sum"
                words = f"the {name} is squared, where the {name} of the squares belongs"
                yield joint("wrong formula", words, _squared_at(steps, _reduced(use, steps[0])))
        if len(before) == 1 and before[0].traits.reduces and not before[0].traits.extremum:
            name = "mean" if before[0].traits.averages else "sum"
            words = f"the {name} of the squares is taken, where the {name} is to be squared"
            entries = before[0].argument._array
            by = before[0].changed(lambda result, *_, of=entries: result * 2 * of)
            wrong: Wrong = {steps[0]: unchanged, before[0]: by}
            yield joint("wrong formula", words, scaled(steps[1:], 0.0) | wrong)


def _of_square(graph: Graph, node: Tensor) -> list[Place]:
    """The steps from a node to what it is the square of; none if it is no square."""
    places = graph.places_of[node]
    if places[0].squares:
        return places
    twice = (
        node.operation.function is np.multiply and len({place.argument for place in places}) == 1
    )
    return places if twice and len(places) == 2 else []


def _reduced(use: Place, square: Place) -> Array:
    """What a reduction of what is squared gives, at each of the entries that it is made of."""
    given = square.argument._array, *map(plain, use.node.arguments[1:])
    total = use.operation.compute(*given, **use.node.keywords)
    whole = use.unmatched(total) / use.unmatched(np.ones_like(total))
    return np.broadcast_to(whole, square.argument.shape)


def _squared_at(steps: list[Place], value: Array) -> Wrong:
    if len(steps) == 2:
        return {place: Instead(place, 1 - place.slot, value) for place in steps}
    return {steps[0]: steps[0].given(lambda y, x, *rest: (value**2, value, *rest))}


def products_regrouped(case: Case) -> Iterator[Candidate]:
    """r (h U) for (r h) U: entries are multiplied after a matrix is, where before is right."""
    for outer, places in case.graph.places_of.items():
        for place in places:
            inner = case.graph.places_of.get(place.argument, ())
            if inner and place.multiplies_matrices and inner[0].multiplies_entries:
                if place.slot == 0:
                    yield from _regrouped(case.graph, outer, place.argument, True)
            elif inner and place.multiplies_entries and inner[0].multiplies_matrices:
                yield from _regrouped(case.graph, outer, place.argument, False)


def _regrouped(graph: Graph, outer: Tensor, inner: Tensor, after: bool) -> Iterator[Candidate]:
    product, entries = (outer, inner) if after else (inner, outer)
    if len(product.arguments) != 2 or entries.operation.function is not np.multiply:
        return
    first, matrix = map(plain, product.arguments)
    for kept, factor in enumerate(entries.arguments):
        r, h = plain(factor), plain(entries.arguments[1 - kept]) if after else first
        fits = np.shape(r) == np.shape(h) == outer.shape and is_square(matrix) and matrix.ndim == 2
        if factor is inner or not fits:
            continue
        own, other = ("after", "before") if after else ("before", "after")
        words = f"a factor is multiplied in {own} the product with the matrix, and not {other} it"
        to_r, to_h, to_u = (partial(rule, r, h, matrix) for rule in (AFTER if after else BEFORE))
        wrong: Wrong = dict.fromkeys(graph.places_of[outer], unchanged)
        of_entries = [place for place in graph.places_of[entries] if place.argument is not inner]
        wrong |= {place: to_r if place.slot == kept else to_h for place in of_entries}
        of_product = [place for place in graph.places_of[product] if place.argument is not inner]
        wrong |= {place: to_u if place.slot else to_h for place in of_product}
        yield joint("wrong formula", words, wrong)


Rules = tuple[Callable[..., Array], ...]
AFTER: Rules = (
    lambda r, h, u, g, *_, **k: g * (h @ u),
    lambda r, h, u, g, *_, **k: (g * r) @ u.T,
    lambda r, h, u, g, *_, **k: np.atleast_2d(h).T @ np.atleast_2d(g * r),
)
BEFORE: Rules = (
    lambda r, h, u, g, *_, **k: (g @ u.T) * h,
    lambda r, h, u, g, *_, **k: (g @ u.T) * r,
    lambda r, h, u, g, *_, **k: np.atleast_2d(r * h).T @ np.atleast_2d(g),
)
"""What arrives at the factor r, at what it multiplies, h, and at u, of r (h u) and of (r h) u."""
