"""Terms and factors: one of several that arrive, a constant, one too many, another order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.engine import given_to_rules
from autograd_lite.forensics.candidate import (
    Arriving,
    Candidate,
    Instead,
    StepMistakes,
    joint,
    scaled,
    unchanged,
)
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor
from autograd_lite.forensics.formula_mistakes import formulas, softmax
from autograd_lite.forensics.harmless import EPSILONS
from autograd_lite.forensics.place import Place, Vjp, Wrong, is_array, is_recorded, is_square
from autograd_lite.forensics.replay import Graph, nearest
from autograd_lite.forensics.value_mistakes import complements
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

# What arrives over several ways

DEEP = 3
"""Steps below a node that several things arrive at, in which one of them is treated otherwise."""
MOST_WAYS = 4


def of_one_summand(graph: Graph, place: Place) -> StepMistakes:
    """Of a sum that arrives only a part is multiplied by a derivative: parentheses are missing."""
    to_parameter = place.multiplies_matrices and place.argument.operation is None
    if not (place.bends or place.multiplies_entries or to_parameter) or not place.node.ndim:
        return
    what = "derivative of {operation}" if place.bends else "factor of {operation}"
    same = place.node.shape == place.argument.shape and not to_parameter
    for use, part in _summands(graph, place.node, DEEP):
        of_which = f"in what arrives over {use.operation.name}, one of several terms"
        if same:
            words = f"the {what} is forgotten {of_which}: parentheses are missing"
            yield "one path", words, _otherwise(place, part, unchanged)
        for slot, other in place.others.items() if to_parameter else ():
            words = f"the other factor of {{operation}} is left out {of_which}, which is summed up"
            alone = Instead(place, slot, np.ones_like(plain(other)))
            yield "one path", f"{words}: parentheses are missing", _otherwise(place, part, alone)
        for _, words, vjp in (*formulas(graph, place), *softmax(graph, place)):
            yield "one path", f"{words}, {of_which}", _otherwise(place, part, vjp)


def past_a_block(graph: Graph, place: Place) -> StepMistakes:
    """A skip connection passes on what arrives after what is done with the sum, as a norm."""
    if not place.traits.additive or len(graph.consumers[place.argument]) < 2:
        return
    after = nearest(place.node, lambda node: [use.node for use in graph.consumers.get(node, ())])
    own = graph.right[place.node]
    for node in [node for node in after if node.shape == place.node.shape]:
        if not np.array_equal(abs(graph.right[node]), abs(own)):
            words = "what arrives at {other} is passed on over it, as if nothing were computed in "
            words += "between: a skip connection that skips too much"
            yield "one path", words, Arriving(place, node, graph.right[node])


def _summands(graph: Graph, node: Tensor, depth: int) -> Iterator[tuple[Place, Array]]:
    """What arrives at a node over one of several ways, as the nearest nodes above have them."""
    uses = graph.consumers.get(node, ())
    if 1 < len(uses) <= MOST_WAYS:
        parts = ((use, graph.sent(use)) for use in uses)
        yield from ((use, part) for use, part in parts if np.any(part))
    for use in uses if depth > 1 and len(uses) <= MOST_WAYS else ():
        for way, part in _summands(graph, use.node, depth - 1):
            moved = use.unmatched(part)
            if np.any(moved) and np.size(moved) <= node.size:
                yield way, np.broadcast_to(moved, node.shape)


def _otherwise(place: Place, part: Array, vjp: Vjp) -> Vjp:
    """The vjp of a step in which a part of what arrives is treated otherwise."""
    return lambda g, *given, **k: place.vjp(g - part, *given, **k) + vjp(part, *given, **k)


# Constants


def without_constants(case: Case) -> Iterator[Candidate]:
    """Numbers that are added, such as a margin or what smooths a quotient, are left out."""
    graph = case.graph
    named: list[tuple[str, Wrong]] = []
    wherever: dict[float, Wrong] = {}
    for place in graph.places:
        function = place.operation.function
        numbers = place.numbers if function in (np.add, np.subtract) else []
        if len(numbers) == 1 and abs(numbers[0]) > 1.1 * EPSILONS[0]:
            sign = -1 if function is np.subtract and place.slot == 1 else 1
            alone = lambda *given, slot=place.slot, by=sign, **keywords: by * given[slot]
            wrong: Wrong = {place: place.vjp, graph.forward_step(place.node): alone}
            words = f"a constant that is added, {numbers[0]:.6g}, is left out in both passes"
            named.append((words, wrong))
            wherever[numbers[0]] = wherever.get(numbers[0], {}) | wrong
    for number, wrong in wherever.items():
        words = f"in both passes the constant {number:.6g} is left out where it is added, each time"
        named += [(words, wrong)] * (len(wrong) > 2)
    if len(wherever) > 1:
        every = {place: vjp for wrong in wherever.values() for place, vjp in wrong.items()}
        named.append(("all constants that are added are left out in both passes", every))
    for words, wrong in named:
        yield joint("another loss", words, wrong)


# What is no part of the loss's derivative


def not_detached(case: Case) -> Iterator[Candidate]:
    """Constants made of a tensor's values, as advantages and targets are, are differentiated."""
    graph = case.graph
    computed = [node for node in graph.places_of if node.size > 2][:MOST_COMPUTED]
    for node in graph.places_of:
        for slot, argument in enumerate(node.arguments):
            array = plain(argument)
            if is_recorded(argument) or not is_array(array) or array.dtype.kind != "f":
                continue
            alike = [other for other in computed if other.shape == array.shape]
            held = [a for a in case.arrays.values() if a.shape == array.shape and a is not array]
            for added, other in itertools.product([0.0, *held] if alike else [], alike):
                by = closest_factor(array - added, other._array)
                if by and np.allclose(by * other._array, array - added, rtol=1e-9, atol=1e-12):
                    yield from _with_more(graph, node, slot, other, by)


MOST_COMPUTED = 50
"""Nodes of which a constant may be made."""


def _with_more(
    graph: Graph, node: Tensor, slot: int, other: Tensor, by: float
) -> Iterator[Candidate]:
    given = given_to_rules(node, graph.right[node], create_graph=False)
    try:
        more = by * node.operation.contribution(slot, given, node.keywords)
    except Exception:  # It may have no derivative by that argument.
        return
    uses = graph.consumers.get(other, ())
    if np.shape(more) == other.shape and uses:
        words = "what is a constant in the loss is differentiated, too: it is computed from this "
        words += "tensor's values, but is detached from it"
        wrong: Wrong = {uses[0]: uses[0].changed(lambda result, *_: result + more)}
        yield joint("one path", words, wrong)


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
    if node.operation.function is not np.multiply or len(places) != 2:
        return []
    return places if places[0].argument is places[1].argument else []


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


def weights_exchanged(case: Case) -> Iterator[Candidate]:
    """The weights u and 1 - u of a mixture are exchanged, in what it is of or in all."""
    found: dict[str, list[Wrong]] = {}
    for node, places in case.graph.places_of.items():
        products = [n for n in (place.argument for place in places) if _has_two_factors(n)]
        pairs = itertools.combinations(products, 2) if node.operation.traits.additive else ()
        for one, other in pairs:
            for slots in itertools.product((0, 1), repeat=2):
                weights = [n.arguments[slot] for n, slot in zip((one, other), slots)]
                if one.shape == other.shape and _vary(*map(plain, weights)):
                    for words, wrong in _exchanged(case.graph, (one, other), slots, weights):
                        found.setdefault(words, []).append(wrong)
    for words, several in found.items():
        if len(several) > 1:
            every: Wrong = {place: vjp for wrong in several for place, vjp in wrong.items()}
            yield joint("swapped", f"{words}, in all {len(several)} of them", every)
        yield from (joint("swapped", words, wrong) for wrong in several)


def _has_two_factors(node: Tensor) -> bool:
    return node.operation is not None and node.operation.function is np.multiply


def _vary(one: Any, other: Any) -> bool:
    """Whether two weights add up to 1, and are not one number everywhere."""
    alike = is_array(one) and is_array(other) and one.shape == other.shape
    return alike and complements(one, other) and bool(np.ptp(one) > 0)


def _exchanged(
    graph: Graph, products: tuple[Tensor, Tensor], slots: tuple[int, ...], weights: list[Any]
) -> Iterator[tuple[str, Wrong]]:
    """The weights of two products are exchanged, or what is mixed: of the weights the sign."""
    wrong: Wrong = {}
    turned: Wrong = {}
    for node, slot, other in zip(products, slots, weights[::-1]):
        for place in graph.places_of[node]:
            if place.slot != slot:
                wrong[place] = Instead(place, slot, plain(other), other)
            else:
                turned[place] = place.result_times(-1)
    words = "the weights of a mixture, u and 1 - u, are exchanged: "
    words += "{other} stands where 1 minus that belongs"
    yield words, wrong
    if turned:
        yield f"{words}, and the sign of what they get is wrong", wrong | turned


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
