"""Mistakes in some uses of a tensor, in steps that are alike, or on one way that leads on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import (
    DROPPED,
    FACTOR,
    Arriving,
    Candidate,
    Instead,
    Scaled,
    StepMistakes,
    Valued,
    joint,
    left_out,
    scaled,
    with_strength,
)
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import is_round
from autograd_lite.forensics.formula_mistakes import softmax, whole_losses
from autograd_lite.forensics.place import Place, Wrong, grouped, is_recorded
from autograd_lite.forensics.recorded_factors import factors_at
from autograd_lite.forensics.replay import LARGE, Graph, nearest
from autograd_lite.forensics.step_mistakes import forgotten_or_twice, misplaced
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

FEW_USES = 4
"""Uses of a tensor of which all subsets are tried."""


def dropped_uses(case: Case) -> Iterator[Candidate]:
    """All uses of a tensor but one, or but those that are alike, are left out."""
    graph = case.graph
    several = [u for t in case.wrong_ones if len(u := graph.consumers.get(t, ())) > 1]
    for index, which in ((0, "last"), (-1, "first")) if len(several) > 1 else ():
        what = f"only the {which} use of each is counted: the gradients are overwritten"
        what += " (=), not added (+=)"
        others = [use for uses in several for use in uses if use is not uses[index]]
        yield left_out(others, what)._replace(joint=True)
    for tensor, uses in graph.consumers.items():
        if len(uses) <= FEW_USES and tensor.operation is None:
            for one, other in itertools.permutations(uses, 2):
                what = "one use is counted twice, and another one, as if it were alike, is not"
                yield joint(DROPPED[0], what, scaled([other], 0.0) | scaled([one], 2.0))
        kept = [[use] for use in uses] if len(uses) > 2 else []
        kept = kept if len(uses) <= LARGE else [kept[0], kept[-1]]
        kept += [group for group in graph.alike_among(uses) if len(group) < len(uses) - 1]
        in_time = graph.in_time(uses)
        ends = {in_time[-1]: "the first use is", in_time[0]: "the last use is"}
        for group in kept:
            chosen = {*group}
            others = [use for use in uses if use not in chosen]
            which = f"{len(group)} of {len(uses)} uses are"
            if len(group) == 1:
                which = ends.get(group[0], "one use is")
            what = f"only {which} counted: what arrives over the other uses is left out"
            yield left_out(others, what)
        for words, dropped in _of_loops(graph.in_time(uses)):
            yield left_out(dropped, f"{words}: what arrives over the others is left out")
        for count in range(2, len(uses) if 2 < len(uses) <= FEW_USES else 0):
            for some in itertools.combinations(uses, count):
                yield with_strength("factor", FACTOR, scaled, some, neutral=1.0)


def decaying_uses(case: Case) -> Iterator[Candidate]:
    """The uses of each tensor, as in a loop over samples, count by the powers of one number."""
    graph, rng = case.graph, np.random.default_rng(0)
    wrong = case.wrong_ones
    every = {t: graph.in_time(graph.consumers.get(t, ())) for t in wrong}
    tensor = max(wrong, key=lambda t: t.size)
    # A number that was solved for is no evidence in less entries.
    enough = tensor.size >= FEWEST and case.are_usable([tensor])
    if not enough or not 2 < len(every[tensor]) <= MOST_USES:
        return
    along = rng.normal(size=tensor.shape)
    shares = [float(np.vdot(along, graph.sent(use))) for use in every[tensor]]
    total = float(np.vdot(along, case.manual[tensor]))
    if not np.isfinite(shares).all():
        return
    for order in (1, -1):
        first, *others = shares[::order]
        roots = np.roots(np.array([*others[::-1], first - total]))
        for by in (root.real for root in roots if abs(root.imag) < 1e-9 < root.real):
            if not is_round(by) and not is_round(1 - by):
                continue  # Some number explains any gradient of one direction.
            neighbor = "after" if order == 1 else "before"
            what = f"each use counts {by:.6g} times as much as the one {neighbor}: momentum, "
            what += "or a decay, is in the loop that sums up"
            powers = [(use, by**n) for own in every.values() for n, use in enumerate(own[::order])]
            steps = {use: Scaled(use, factor) for use, factor in powers}
            yield joint("another quantity", what, {**steps})


def _of_loops(uses: list[Place]) -> Iterator[tuple[str, list[Place]]]:
    """Uses, the last first, that are left out: those of some steps, or of one step of each loop."""
    count = len(uses)
    if not 4 <= count <= LARGE:
        return
    for number in range(2, count - 1):
        yield f"only the last {number} of {count} uses are counted", uses[number:]
        yield f"only the first {number} of {count} uses are counted", uses[:-number]
    for length in range(2, count // 2 + 1) if count > 5 else ():
        for start in range(length if count % length == 0 else 0):
            one = uses[start::length]
            others = [use for number, use in enumerate(uses) if number % length != start]
            of_each = f"of {length} uses in each of {len(one)} loops"
            which = f"number {length - start}"
            yield f"all {of_each} are counted but {which}", one
            yield f"only {which} {of_each} is counted", others


FEWEST = 3
"""Entries of a gradient from which on a number is looked for that all uses count by."""
MOST_USES = 50
"""Uses of a tensor whose weights are looked for as powers of a number."""


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


def factors_alike(case: Case) -> Iterator[Candidate]:
    """A constant factor in steps that play one role, or in all layers: a power of it in each."""
    graph = case.graph
    inner = [place for place in graph.places if place.argument.operation is not None]
    bent = [place for place in inner if place.traits.activation]
    products = [place for place in inner if place.multiplies_matrices]
    layers = [bent, *grouped(products, lambda place: (place.operation, place.slot)).values()]
    lengths = [float(length) for length in graph.lengths]
    for group in [*graph.alike, *layers]:
        known_there = itertools.islice(factors_at(graph, group[0]), 2) if group else ()
        own = [factor for factor, _ in known_there]
        known = [-1.0, 2.0, 0.5, *own, *lengths, *(1 / length for length in lengths)]
        if len(group) > 1 and not set(group).isdisjoint(inner):
            for factor in dict.fromkeys(known):
                yield Candidate("factor", FACTOR, scaled(group, factor)).at(factor)


def wrong_cotangent(graph: Graph, place: Place) -> StepMistakes:
    """A gradient is computed from what arrives at another node: da where dz is."""
    nodes = _in_other_terms(graph, place.node) if place.traits.additive else iter(())
    if place.argument.operation is None:
        nodes = itertools.chain(_near(graph, place.node), nodes, _after(graph, place.node))
    for node, words in nodes:
        cotangent, own = graph.right[node], graph.right[place.node]
        if node.shape == place.node.shape and not np.array_equal(abs(cotangent), abs(own)):
            kind = "derivative forgotten" if "forgotten" in words else "other values"
            yield kind, words, Arriving(place, node, cotangent)


def values_for_cotangents(graph: Graph, place: Place) -> StepMistakes:
    """The values of another array stand for what arrives, as where inputs are summed for a bias."""
    node = place.node
    if place.argument.operation is not None or node.size < 2:
        return
    data = (array for array in graph.plain_arrays if array.shape == node.shape)
    first = itertools.islice(data, MOST_VALUES)
    for other in [*graph.nearest(node, MOST_VALUES), *first]:
        words = "the values of {other} stand where what arrives belongs"
        yield "other values", words, Valued(place, other, plain(other))


MOST_VALUES = 8
"""Nodes, and arrays of data, whose values may stand for what arrives."""


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
            words = "it is multiplied by what arrives at another layer, {other}"
            if graph.position[other] > here:
                words += ": the delta is carried on, or changed in place, before it is used here"
            yield other, words
    for use in graph.consumers.get(node, ()):
        for argument in use.other_arguments if use.traits.additive else ():
            if is_recorded(argument) and len(graph.consumers[argument]) > 1:
                words = "it is multiplied by all that arrives at {other}: "
                yield argument, words + "the delta was changed in place (+=) by another name for it"
    after, branches = node, len(graph.places_of[node]) > 1
    while len(graph.consumers.get(after, ())) == 1:
        (place,) = graph.consumers[after]
        after, branches = place.node, branches or len(graph.places_of[place.node]) > 1
        if place.bends:
            if branches:  # Else it is forgotten there.
                yield after, f"the derivative of {place.operation.name} is forgotten, only here"
            break


def _after(graph: Graph, node: Tensor) -> Iterator[tuple[Tensor, str]]:
    """Nodes of its shape that are reached after a node on the way back; and what is said then."""
    words = "it is multiplied by what arrives at {other}, which comes after: what arrives here "
    words += "was overwritten with that before"
    onward = lambda n: [p.argument for p in graph.places_of.get(n, ()) if p.argument.operation]
    yield from ((other, words) for other in nearest(node, onward) if other.shape == node.shape)


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
    recorded = use.node._array, *map(plain, use.node.arguments)
    without = Instead(use, use.slot, rest)(graph.right[use.node], *recorded, **use.node.keywords)
    words = f"its own value is left out of the derivative of {use.operation.name}"
    yield "dropped path", f"{words}, as if it were 0", place.arriving(lambda *_: without)


# What shows on one of the ways that lead on from a node only


ONLY_HERE = ", only here"


@dataclass(frozen=True)
class OnOneWay:
    """The vjp of a step that more arrives at, as where a use of the node is done wrongly."""

    place: Place
    use: Place
    more: Array

    def __call__(self, g: Array, *given: Any, **keywords: Any) -> Array:
        """The right vjp of what arrives then."""
        return self.place.vjp(g + self.more, *given, **keywords)


def on_one_way(graph: Graph, place: Place) -> StepMistakes:
    """A step before is done wrongly in the formula for a parameter, and rightly elsewhere."""
    node = place.node
    if len(graph.places_of[node]) < 2:
        return
    for use in graph.consumers.get(node, ()):
        right = graph.sent(use)
        for words, other in _done_wrongly(graph, use, right):
            if np.shape(other) == right.shape and not np.array_equal(other, right):
                yield "one path", words + ONLY_HERE, OnOneWay(place, use, other - right)


def _done_wrongly(graph: Graph, use: Place, right: Array) -> Iterator[tuple[str, Any]]:
    name = use.operation.name
    if len(graph.consumers[use.argument]) > 1:
        yield f"of what arrives through {name} the sign is wrong", -right
        yield f"what arrives through {name} is left out", 0 * right
    given = graph.right[use.node], use.node._array, *map(plain, use.node.arguments)
    for mistakes in (forgotten_or_twice, misplaced, softmax, whole_losses):
        for _, words, vjp in mistakes(graph, use):
            yield words.replace("{operation}", name), vjp(*given, **use.node.keywords)


def skip_before_block(case: Case) -> Iterator[Candidate]:
    """What arrives over a skip connection is added at the block's output, or within, not below."""
    graph = case.graph
    for x, uses in graph.consumers.items():
        added = [use for use in uses if use.operation.function is not np.where]  # It chooses.
        skips = [use for use in added if use.node.shape == x.shape]
        if x.ndim == 0 or not 1 < len(uses) <= FEW_USES or x.operation is None:
            continue
        within = [(skip, node) for skip in skips for node in _within_block(graph, x, skip)]
        for skip, node in within:
            carried = graph.sent(skip)
            more: Wrong = {p: p.arriving_plus(carried) for p in graph.places_of[node]}
            words = "what arrives over the skip connection is added before the derivative of what "
            words += "it skips, and not after it"
            found = joint("one path", words, scaled([skip], 0.0) | more)
            yield found._replace(far_fetched=not _carries(skip))


def _carries(use: Place) -> bool:
    """Whether a skip connection may pass: a sum, a scale or a gate, no function and no data."""
    gated = use.multiplies_entries and any(map(is_recorded, use.other_arguments))
    return use.traits.additive or gated or (use.multiplies_entries and bool(use.numbers))


def _within_block(graph: Graph, x: Tensor, skip: Place) -> list[Tensor]:
    """What is computed in the next operations from a node that a skip connection starts at."""
    uses = graph.consumers
    onward = lambda n: [use.node for use in uses.get(n, ()) if use.node is not skip.node]
    return [node for node in nearest(x, onward) if node.shape == x.shape]


def past_the_slope(graph: Graph, place: Place) -> StepMistakes:
    """What one of several ways brings is added after an activation's derivative, not before."""
    before = [b for b in graph.places_of.get(place.argument, ()) if b.activates]
    # The last state of a loop has one use, where those before it have more.
    alike = graph.of_operation[place.argument.operation] if before else ()
    if all(len(graph.consumers.get(node, ())) < 2 for node in alike):
        return
    slope, name = before[0].slopes, before[0].operation.name
    if np.all(slope):
        words = f"what arrives over it is not multiplied by the derivative of {name}"
        yield "derivative forgotten", words, place.changed(lambda result, *_: result / slope)
