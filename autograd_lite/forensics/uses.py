"""Mistakes in some uses of a tensor, and in steps that are alike, as in a loop over time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import (
    Candidate,
    Instead,
    StepMistakes,
    joint,
    left_out,
    scaled,
    with_strength,
)
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.recorded_factors import factors_at
from autograd_lite.forensics.replay import (
    LARGE,
    Graph,
    Place,
    Wrong,
    grouped,
    is_array,
    is_recorded,
)
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

FACTOR = "a constant factor is wrong"


def dropped_uses(case: Case) -> Iterator[Candidate]:
    """All uses of a tensor but one, or but those that are alike, are left out."""
    graph = case.graph
    wrong = [graph.consumers.get(t, ()) for t in case.manual if t not in case.fitted(graph.right)]
    several = [uses for uses in wrong if len(uses) > 1]
    for index, which in ((0, "last"), (-1, "first")) if len(several) > 1 else ():
        what = f"only the {which} use of each is counted: the gradients are overwritten"
        what += " (=), not added (+=)"
        others = [use for uses in several for use in uses if use is not uses[index]]
        yield left_out(others, what)._replace(joint=True)
    for tensor, uses in graph.consumers.items():
        if len(uses) == 2 and tensor.operation is None:
            for one, other in (uses, uses[::-1]):
                what = "one use is counted twice, and the other one, as if it were alike, is not"
                once = left_out([other], what)
                yield once._replace(wrong=once.wrong | scaled([one], 2.0))
        kept = [[use] for use in uses] if len(uses) > 2 else []
        kept = kept if len(uses) <= LARGE else [kept[0], kept[-1]]
        kept += [group for group in graph.alike_among(uses) if len(group) < len(uses) - 1]
        for group in kept:
            chosen = {*group}
            others = [use for use in uses if use not in chosen]
            which = "one use is" if len(group) == 1 else f"{len(group)} of {len(uses)} uses are"
            what = f"only {which} counted: what arrives over the other uses is left out"
            yield left_out(others, what)


def dropped_alike(case: Case) -> Iterator[Candidate]:
    """What arrives over a step is left out at all times, as where a state is not carried on.

    Or at all but the last, where that is what the backward pass starts with.
    """
    graph = case.graph
    for group in graph.alike:
        if all(place.argument.operation is None for place in group):
            yield with_strength("factor", FACTOR, scaled, group, neutral=1.0)
            continue
        for chosen in (group, *([group[1:], group[:-1]] if 2 < len(group) <= LARGE else ())):
            yield left_out(chosen)


def not_carried(case: Case) -> Iterator[Candidate]:
    """In a loop a state gets only what its own step sends, and nothing from later ones."""
    graph = case.graph
    words = "the state is not carried back: what arrives from later steps of the loop is left out"
    for group in graph.alike:
        states = {place.node for place in group}
        leads: set[Tensor] = set()
        before = []
        for node in graph.order:
            on = [
                use
                for use in graph.consumers.get(node, ())
                if use.node in leads or use.node in states
            ]
            if on:
                leads.add(node)
            if node in states:
                before += on
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
    leads = {place.node for place in sums.values()}
    left: list[Place] = []
    for node in graph.order:
        on = [use for use in graph.consumers.get(node, ()) if use.node in leads]
        leads |= {node} if on else set()
        left += [use for use in on if node in sums and use is not sums[node]]
    if len(sums) > 1:
        words = "the states of the loop are taken as constants: only the sum carries them on"
        yield left_out(left, words)._replace(joint=True)


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
    graph, distance = case.graph, case.graph.distance
    for unordered in graph.alike:
        steps = sorted(unordered, key=lambda place: -distance[place.node])
        if not steps[0].bends or len({step.node.shape for step in steps}) > 1:
            continue
        ways = [
            graph.way(step.argument, before.node, 4) for before, step in itertools.pairwise(steps)
        ]
        if not all(ways):
            continue
        own = [graph.right[step.node] for step in steps]
        for number, way in enumerate(ways):
            own[number] = own[number] - graph.right.values[way[-1].number]
        starts = [own, [own[-1], *[0 * g for g in own[1:]]]]  # The loss of all, or of the last.
        for arriving in starts[any(map(np.any, own[:-1])) ^ 1 :]:
            words = "the loop runs forwards on the way back, where it is to run from the last step"
            yield joint("other step", words, _run_forwards(steps, ways, arriving))


def _run_forwards(steps: list[Place], ways: list[list[Place]], arriving: list[Array]) -> Wrong:
    wrong: Wrong = {}
    carried: Any = 0.0
    for step, way, g in zip(steps, [ways[0], *ways], arriving):
        delta = step.unmatched(g + carried)
        wrong[step] = lambda *_, value=delta, **keywords: value
        carried = delta
        for place in way:
            carried = place.unmatched(carried)
    return wrong


def factors_alike(case: Case) -> Iterator[Candidate]:
    """A constant factor in steps that play one role, or in all layers: a power of it in each."""
    graph = case.graph
    inner = [place for place in graph.places if place.argument.operation is not None]
    bent = [place for place in inner if place.traits.activation]
    products = [place for place in inner if place.multiplies_matrices]
    layers = [bent, *grouped(products, lambda place: (place.operation, place.slot)).values()]
    lengths = [float(length) for length in graph.lengths]
    for group in [*graph.alike, *layers]:
        own = (
            [factor for factor, _ in itertools.islice(factors_at(graph, group[0]), 2)]
            if group
            else []
        )
        known = [-1.0, 2.0, 0.5, *own, *lengths, *(1 / length for length in lengths)]
        if len(group) > 1 and not set(group).isdisjoint(inner):
            for factor in dict.fromkeys(known):
                yield Candidate("factor", FACTOR, scaled(group, factor)).at(factor)


def wrong_cotangent(graph: Graph, place: Place) -> StepMistakes:
    """A gradient is computed from what arrives at another node: da where dz is."""
    nodes = _in_other_terms(graph, place.node) if place.traits.additive else iter(())
    if place.argument.operation is None:
        nodes = itertools.chain(_near(graph, place.node), nodes)
    for node, words in nodes:
        cotangent, own = graph.right[node], graph.right[place.node]
        if node.shape == place.node.shape and not np.array_equal(abs(cotangent), abs(own)):
            kind = "derivative forgotten" if "forgotten" in words else "other values"
            yield kind, words, place.arriving(lambda *_, of=cotangent: of)


def _in_other_terms(graph: Graph, node: Tensor) -> Iterator[tuple[Tensor, str]]:
    """What the terms of a sum are functions of, or multiples; and what is said then."""
    for term in graph.places_of[node]:
        for inner in graph.places_of.get(term.argument, ()):
            if inner.bends or inner.multiplies_entries:
                what = f"derivative of {inner.operation.name}" if inner.bends else "factor"
                yield inner.argument, f"it is multiplied, besides, by the {what} of another term"


def _near(graph: Graph, node: Tensor) -> Iterator[tuple[Tensor, str]]:
    """Nodes that are computed from a node, or like it in other layers; and what is said then."""
    here, users = graph.position[node], _users(graph, node)
    near = sorted(graph.close_to(node), key=lambda other: abs(graph.position[other] - here))
    for other in near[:2]:
        if users.isdisjoint(_users(graph, other)):  # Else they are parts of one array.
            yield other, "it is multiplied by what arrives at another layer"
    after, branches = node, len(graph.places_of[node]) > 1
    while len(graph.consumers.get(after, ())) == 1:
        (place,) = graph.consumers[after]
        after, branches = place.node, branches or len(graph.places_of[place.node]) > 1
        if place.bends:
            if branches:  # Else it is forgotten there.
                yield after, f"the derivative of {place.operation.name} is forgotten, only here"
            break


def _users(graph: Graph, node: Tensor) -> set[Tensor]:
    return {use.node for use in graph.consumers.get(node, ())}


def own_term(graph: Graph, place: Place) -> StepMistakes:
    """In the derivative of a difference's square, say, one side of it is left out."""
    leaf, uses = place.argument, graph.consumers.get(place.node, [])
    if leaf.operation is not None or not place.traits.additive or len(uses) != 1:
        return
    (use,) = uses
    if not use.traits.elementwise or use.slot in use.traits.linear or use.traits.additive:
        return
    given = [plain(a) * 0 if a is leaf else plain(a) for a in place.node.arguments]
    rest = place.operation.compute(*given, **place.node.keywords)
    instead = Instead(use, use.slot, rest)
    arguments = [*map(plain, use.node.arguments)]

    def vjp(g: Array, *own: Any, **keywords: Any) -> Array:
        arriving = graph.right[use.node]
        without = instead(arriving, use.node._array, *arguments, **use.node.keywords)
        return place.vjp(without, *own, **keywords)

    words = f"its own value is left out of the derivative of {use.operation.name}"
    yield "dropped path", f"{words}, as if it were 0", vjp


def values_of_other_steps(case: Case) -> Iterator[Candidate]:
    """In a loop all steps take the values of the step before, or after, or those of one."""
    distance = case.graph.distance
    for unordered in case.graph.alike:
        group = sorted(unordered, key=lambda place: distance[place.node])
        for slot in group[0].others if group[0].traits.product else ():
            own = [place.node.arguments[slot] for place in group]
            sums = [_sum_with(case.graph, place.node) for place in group]
            new = [("the same step, which the product is a term of", sums)]
            new = new if all(each is not None for each in sums) else []
            for what, chosen in [*_elsewhere(case.graph, own), *new]:
                if all(np.shape(plain(a)) == np.shape(plain(b)) for a, b in zip(own, chosen)):
                    vjps = [Instead(p, slot, plain(a), a) for p, a in zip(group, chosen)]
                    words = f"the product is taken with the values of {what}"
                    yield Candidate("other step", words, dict(zip(group, vjps)))
        if group[0].traits.product and all(p.argument.operation is None for p in group):
            arriving = [case.graph.right[place.node] for place in group]
            others = [("before", [*arriving[1:], 0 * arriving[-1]])]
            others += [("after", [0 * arriving[0], *arriving[:-1]])]
            for what, chosen in others if len({a.shape for a in arriving}) == 1 else ():
                words = f"it is multiplied by what arrives at the step {what}"
                wrong: Wrong = {
                    p: p.arriving(lambda *_, other=g: other) for p, g in zip(group, chosen)
                }
                yield Candidate("other step", words, wrong)
        if group[0].bends:
            states = [place.node for place in group]
            for what, chosen in _elsewhere(case.graph, states):
                wrong = {place: partial(_at, place, of) for place, of in zip(group, chosen)}
                words = f"the derivative of {{operation}} is evaluated at the values of {what}"
                if all(node.shape == place.node.shape for place, node in zip(group, chosen)):
                    yield Candidate("other step", words, wrong)


def _sum_with(graph: Graph, node: Tensor) -> Tensor | None:
    """The sum of the same shape that a node is a term of."""
    sums = [use.node for use in graph.consumers.get(node, ()) if use.traits.additive]
    return sums[0] if sums and sums[0].shape == node.shape else None


def clipped(case: Case) -> Iterator[Candidate]:
    """What arrives at each step of a loop is clipped."""
    for group in case.graph.alike:
        largest = max(abs(case.graph.right[place.node]).max(initial=0.0) for place in group)
        for bound in BOUNDS if group[0].bends else ():
            if bound < largest:
                words = f"what arrives is clipped at {bound:g} in each step"
                bounds = -bound, bound
                wrong: Wrong = {
                    place: place.arriving(lambda g, *_, by=bounds: g.clip(*by)) for place in group
                }
                yield Candidate("cotangent lost", words, wrong)


BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""What people clip at."""


def _elsewhere(graph: Graph, own: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The values that steps take, the last step first, at other times."""
    start = _start_of(graph, own[-1]) if is_recorded(own[-1]) else None
    if start is not None:
        yield "the step before", [*own[1:], start]
    arrays = {id(plain(each)) for each in own}
    if len(arrays) > 1 and all(is_array(plain(each)) for each in own):
        yield from at_other_times(own)


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
