"""Mistakes in a loop: what is not carried on, and what is of other steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Always, Candidate, Instead, joint, left_out
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import flat
from autograd_lite.forensics.place import Place, Vjp, Wrong, is_array, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.value_mistakes import elsewhere, is_mask
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def not_carried(case: Case) -> Iterator[Candidate]:
    """In a loop a state gets only what its own step sends, and nothing from later ones."""
    graph = case.graph
    words = "the state is not carried back: what arrives from later steps of the loop is left out"
    for group in graph.alike:
        states = [place.node for place in group]
        leading = _leading_to(graph, states)
        before = [use for state in states for use in leading.get(state, ())]
        if len({place.operation for place in before}) > 1:
            yield left_out(before, words)._replace(joint=True)


def states_as_constants(case: Case) -> Iterator[Candidate]:
    """In a loop of sums, as Euler's method is, the rate of change of a state is not differentiated.

    What a state is carried on with in the sum, and what the loss gives to it, is kept.
    """
    graph = case.graph
    sums: dict[Tensor, Place] = {}
    for place in graph.places:
        if place.argument not in sums and _is_carried(graph, place):
            sums[place.argument] = place
    if len(sums) > 1:
        leading = _leading_to(graph, [place.node for place in sums.values()])
        uses = [(node, use) for node in sums for use in leading.get(node, ())]
        left = [use for node, use in uses if use is not sums[node]]
        words = "the states of the loop are taken as constants: only the sum carries them on"
        yield left_out(left, words)._replace(joint=True)


def _leading_to(graph: Graph, ends: list[Tensor]) -> dict[Tensor, list[Place]]:
    """Of each node the uses over which it leads to one of some nodes."""
    leads, found = {*ends}, {}
    for node in graph.order:
        on = [use for use in graph.consumers.get(node, ()) if use.node in leads]
        if on:
            leads.add(node)
            found[node] = on
    return found


def _is_carried(graph: Graph, place: Place) -> bool:
    """Whether a sum's term is also in the others that it is added to."""
    state, others = place.argument, [*place.other_arguments]
    if not place.traits.additive or state.operation is None or len(graph.consumers[state]) < 2:
        return False
    for _ in range(NEAR):
        recorded = dict.fromkeys(other for other in others if is_recorded(other))
        if state in recorded:
            return place.node.shape == state.shape
        others = [argument for other in recorded for argument in other.arguments]
    return False


NEAR = 8
"""Steps between a state and the sum that carries it on."""


def forwards(case: Case) -> Iterator[Candidate]:
    """The loop runs forwards on the way back, too: each state gets what the one before sends."""
    graph = case.graph
    for group in graph.loops:
        steps = group[::-1]
        if not steps[0].bends or len({step.node.shape for step in steps}) > 1:
            continue
        pairs = itertools.pairwise(steps)
        ways = [graph.way(step.argument, before.node, 4) for before, step in pairs]
        if not all(ways):
            continue
        own = [graph.right[step.node] for step in steps]
        for number, way in enumerate(ways):
            own[number] = own[number] - graph.sent(way[-1])
        starts = [own, [own[-1], *[0 * g for g in own[1:]]]]  # The loss of all, or of the last.
        for arriving in starts[any(map(np.any, own[:-1])) ^ 1 :]:
            words = "the loop runs forwards on the way back, where it is to run from the last step"
            yield joint("other step", words, _run_forwards(steps, ways, arriving))


def _run_forwards(steps: list[Place], ways: list[list[Place]], arriving: list[Array]) -> Wrong:
    wrong: Wrong = {}
    carried: Any = 0.0
    for step, way, g in zip(steps, [ways[0], *ways], arriving):
        delta = step.unmatched(g + carried)
        wrong[step] = Always(delta)
        carried = delta
        for place in way:
            carried = place.unmatched(carried)
    return wrong


def products_elsewhere(case: Case) -> Iterator[Candidate]:
    """In a loop all products are taken with values of the step before, or after, or of another."""
    products = [(group, slot) for group in case.graph.loops for slot in _factors_in(group)]
    for group, slot in products:
        own = [place.node.arguments[slot] for place in group]
        sums = [_sum_with(case.graph, place.node) for place in group]
        are_terms = all(sum_with is not None for sum_with in sums)
        new = [("the same step, which the product is a term of", sums)] * are_terms
        for what, chosen in [*_elsewhere(case.graph, own), *new, *_picked(own, group)]:
            words = f"the product is taken with the values of {what}"
            yield from _with_values("other step", words, group, slot, chosen)
        if not any(map(is_recorded, own)) and len({id(plain(each)) for each in own}) > 1:
            ones = [np.ones_like(plain(each)) for each in own]
            words = "the other factor of {operation}, such as a weight of the step, is left out"
            yield from _with_values("derivative forgotten", words, group, slot, ones)
    for group, slot in products[:MOST_PRODUCTS]:
        for steps, other in products[:MOST_PRODUCTS]:
            # A loop's first step, or last, may have constants where others have states.
            for others in (steps, *([steps[:-1], steps[1:]] * (len(steps) == len(group) + 1))):
                if len(group) == len(others) and _are_near(case.graph, group, others):
                    values = [place.node.arguments[other] for place in others]
                    own = group[0].node.arguments[slot]
                    words = f"the product is taken with {elsewhere(own, values[0])}"
                    yield from _with_values("other values", words, group, slot, values)


def steps_elsewhere(case: Case) -> Iterator[Candidate]:
    """In a loop all steps take what arrives at others, or the values that others are at."""
    for group in case.graph.loops:
        if group[0].traits.product and all(p.argument.operation is None for p in group):
            arriving = [case.graph.right[place.node] for place in group]
            others = [("before", [*arriving[1:], 0 * arriving[-1]])]
            others += [("after", [0 * arriving[0], *arriving[:-1]])]
            for what, chosen in others if len({a.shape for a in arriving}) == 1 else ():
                words = f"it is multiplied by what arrives at the step {what}"
                wrong: Wrong = {p: p.arriving(Always(g)) for p, g in zip(group, chosen)}
                yield Candidate("other step", words, wrong)
        nodes = [place.node for place in group if group[0].bends]
        for what, chosen in _elsewhere(case.graph, nodes) if nodes else ():
            wrong = {place: partial(_at, place, of) for place, of in zip(group, chosen)}
            words = f"the derivative of {{operation}} is evaluated at the values of {what}"
            if all(node.shape == place.node.shape for place, node in zip(group, chosen)):
                yield Candidate("other step", words, wrong)


def _factors_in(group: list[Place]) -> Iterator[int]:
    """The slots of the other factors of products."""
    for slot in group[0].others if group[0].traits.product else ():
        others = [plain(place.node.arguments[slot]) for place in group]
        if all(is_array(each) or isinstance(each, int | float) for each in others):
            yield slot


def _with_values(
    kind: str, words: str, group: list[Place], slot: int, chosen: list[Any]
) -> Iterator[Candidate]:
    """Products that are taken with other values of the same shapes, if they are others."""
    own = [plain(place.node.arguments[slot]) for place in group]
    others = [plain(each) for each in chosen]
    fits = all(np.shape(a) == np.shape(b) for a, b in zip(own, others))
    if all(map(is_mask, [*own, *others])):
        words = "the product is taken with another mask, that of another layer or step"
    if fits and any(a is not b for a, b in zip(own, others)):
        steps = [(p, a) for p, a, own in zip(group, chosen, own) if plain(a) is not own]
        yield Candidate(kind, words, {p: Instead(p, slot, plain(a), a) for p, a in steps})


def _picked(own: list[Any], group: list[Place]) -> Iterator[tuple[str, list[Any]]]:
    """Rows that are picked of an array with the number that belongs to the other factor."""
    pairs = list(zip(own, [place.argument for place in group]))
    picks = [a for pair in pairs for a in pair if is_recorded(a) and a.operation is not None]
    if len(picks) < 2 * len(pairs) or not all(_is_row(each) for each in picks):
        return
    rows = [(plain(a.arguments[0]), b.arguments[1]) for a, b in pairs]
    if all(number < len(whole) for whole, number in rows):
        yield "the row of the other factor's number", [whole[n] for whole, n in rows]


def _is_row(node: Tensor) -> bool:
    return node.operation.traits.indexes and isinstance(node.arguments[1], int | np.integer)


MOST_PRODUCTS = 40
"""Products in a loop of which one is taken with what belongs to another."""


def _are_near(graph: Graph, group: list[Place], others: list[Place]) -> bool:
    """Whether the first, and the last, of some steps are close to those of others."""
    apart = [abs(graph.index[group[n]] - graph.index[others[n]]) for n in (0, -1)]
    return group is not others and max(apart) <= STEPS_APART


STEPS_APART = 24


def _sum_with(graph: Graph, node: Tensor) -> Tensor | None:
    """The sum of the same shape that a node is a term of."""
    sums = [use.node for use in graph.consumers.get(node, ()) if use.traits.additive]
    return sums[0] if sums and sums[0].shape == node.shape else None


def clipped(case: Case) -> Iterator[Candidate]:
    """What arrives is clipped, at each step of a loop or at one node."""
    graph = case.graph
    sets: list[tuple[str, list[Place], list[Array], Callable[..., Vjp]]] = []
    loops = [[place.node for place in group] for group in graph.alike if group[0].bends]
    for nodes in [*loops, *([node] for node in graph.bottlenecks if node.ndim)]:
        words = "what arrives is clipped at {:g}" + " in each step" * (len(nodes) > 1)
        places = [place for node in nodes for place in graph.places_of[node]]
        sets.append((words, places, [graph.right[node] for node in nodes], Place.arriving))
    for group in graph.alike:
        if group[0].multiplies_matrices and group[0].argument.operation is not None:
            words = "what is carried on to the step before is clipped at {:g}"
            sets.append((words, group, [graph.sent(place) for place in group], Place.changed))
    for words, places, arrays, how in sets:
        sizes = abs(flat(arrays))
        # What is beyond the bound throughout is lost, and not clipped.
        within = sizes.min(initial=math.inf), sizes.max(initial=0.0)
        for bound in [bound for bound in BOUNDS if within[0] < bound < within[1]]:
            clip = lambda array, *_, to=bound: np.clip(array, -to, to)
            wrong: Wrong = {place: how(place, clip) for place in places}
            yield joint("cotangent lost", words.format(bound), wrong)


BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""What people clip at."""


def _elsewhere(graph: Graph, own: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The values that steps take, the last step first, at other times."""
    start = _start_of(graph, own[-1]) if is_recorded(own[-1]) else None
    if start is not None:
        yield "the step before", [*own[1:], start]
    yield from _of_other_leaves(graph, own)
    arrays = {id(plain(each)) for each in own}
    if len(arrays) > 1 and all(is_array(plain(each)) for each in own):
        yield from at_other_times(own)


def _of_other_leaves(graph: Graph, own: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """What the same indices take of another parameter, as of the other one of two kernels."""
    taken = [a for a in own if is_recorded(a) and a.operation and a.operation.traits.indexes]
    for leaf in graph.leaves if len(taken) == len(own) else ():
        if all(a.arguments[0].shape == leaf.shape and a.arguments[0] is not leaf for a in taken):
            values = [a.operation.compute(leaf._array, *map(plain, a.arguments[1:])) for a in taken]
            yield f"another parameter, {leaf.name or 'of the same shape'}", values


def at_other_times(own: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """What the steps of a loop have, the last step first, as others of them have it."""
    yield "the step before", [*own[1:], own[-1]]
    yield "the step before, in the first step of the last", [*own[1:], own[0]]
    yield "the step after", [own[0], *own[:-1]]
    yield "the step after, in the last step of the first", [own[-1], *own[:-1]]
    yield "the last step, in all of them", [own[0]] * len(own)
    yield "the first step, in all of them", [own[-1]] * len(own)
    yield "the steps in reverse order", own[::-1]


def _at(place: Place, node: Any, g: Array, y: Array, *given: Any, **keywords: Any) -> Array:
    arguments = getattr(node, "arguments", (node, *given[1:]))  # A constant is its own input.
    return place.vjp(g, plain(node), *map(plain, arguments), **keywords)


def _start_of(graph: Graph, state: Tensor) -> Array | None:
    """The constant with which a loop starts that a state is carried on in."""
    found: Iterator[Array] = (
        plain(other.arguments[use.slot])
        for use in graph.consumers.get(state, ())
        for other in graph.of_operation[use.operation]
        if len(other.arguments) > use.slot and not is_recorded(other.arguments[use.slot])
    )
    return next((a for a in found if is_array(a) and a.shape == state.shape), None)
