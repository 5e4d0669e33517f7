"""Differences that are no mistakes: an epsilon more or less, another choice at a kink."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import cross_entropies
from autograd_lite.forensics.candidate import Always, unchanged
from autograd_lite.forensics.place import Place, Vjp, Wrong, is_recorded
from autograd_lite.forensics.replay import Graph, Replay
from autograd_lite.forensics.sums import choices_at_ties
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

EPSILONS = tuple(10.0**-power for power in range(5, 17))
"""What people add inside of a logarithm or to a denominator."""


class Variation(NamedTuple):
    """A difference that is no mistake, what comes out with it, and whether it is far-fetched."""

    kind: str
    what: str
    replay: Replay
    far_fetched: bool = False


def harmless(graph: Graph) -> list[Variation]:
    """Variations of the backward pass that are as right as the engine's."""
    bare, words = _without_epsilons(graph), "the loss's epsilon is left out"
    found = [("epsilon", words, bare, False)]
    for wrong in _shortcuts(graph, bare) if bare else ():
        found.append(("epsilon", words, graph.replay(wrong, bare), False))
    logarithms = [place for place in graph.places if place.traits.logarithm]
    words = "an epsilon is added inside of the logarithm"
    for epsilon in EPSILONS if logarithms else ():
        with_epsilon = {place: _with_epsilon(place, epsilon) for place in logarithms}
        found.append(("epsilon", words, graph.replay(with_epsilon), True))
    # Any slope between those on both sides of a tie is as right, of each function.
    ways = itertools.islice(_ways(graph, lambda p, choices: (p.operation, *choices)), MOST_WAYS)
    found += [("kink", words, graph.replay(wrong), False) for words, wrong in ways]
    return [Variation(k, w, replay, far) for k, w, replay, far in found if replay is not None]


def _without_epsilons(graph: Graph) -> Replay | None:
    """Both passes without epsilons that are added, and without clips, if there are any."""
    replaced: dict[int, Vjp] = {}
    for node, places in graph.places_of.items():
        slot = _guarded(node)
        if slot is not None:
            value = graph.program.values[node].number
            replaced[value] = lambda *given, slot=slot, **keywords: given[slot]
            replaced |= graph.steps_of(dict.fromkeys(places, unchanged))
    return graph.run_again(replaced, graph.right) if replaced else None


def _guarded(node: Tensor) -> int | None:
    """The index of what an epsilon is added to, or what is clipped just above 0 or just below 1."""
    if node.operation is None or not node.operation.traits.commutative:
        return None
    traits = node.operation.traits
    inner = [slot for slot, a in enumerate(node.arguments) if is_recorded(a)]
    others = [plain(a) for a in node.arguments if not is_recorded(a)]
    sizes = [np.size(each) for each in others]
    if not (traits.additive or traits.extremum) or len(inner) != 1 or sizes != [1]:
        return None
    number = float(np.sum(others[0]))
    at_most = node.operation.function in (np.minimum, np.fmin)
    distance = abs(1 - number) if at_most else abs(number)
    return inner[0] if 0 < distance <= 1.1 * EPSILONS[0] else None


def _shortcuts(graph: Graph, bare: Replay) -> Iterator[Wrong]:
    """p - y for the logits, which is right where p saturates and y / p is not a number any more."""
    for place in graph.places:
        probabilities = place.traits.probabilities
        if not place.traits.activation or probabilities is None:
            continue
        slope = bare[place.argument]
        p = probabilities(place.node._array, place.argument._array)
        for y in [array for array in graph.plain_arrays if array.shape == p.shape]:
            usual = (np.abs(p - y) > 1e-3) & np.isfinite(slope) & (slope != 0)
            ratios = (slope / np.where(usual, p - y, 1.0))[usual]
            if ratios.size and np.ptp(ratios) <= 1e-6 * np.max(np.abs(ratios)):
                yield {place: Always(np.median(ratios) * (p - y), "({0} - {1})", y)}


def _with_epsilon(place: Place, epsilon: float) -> Vjp:
    if place.operation.function is cross_entropies.binary_cross_entropy:
        return lambda g, y, p, t: ((1 - t) / (1 - p + epsilon) - t / (p + epsilon)) * g / p.size
    return place.given(lambda y, x, *rest: (y, x + epsilon, *rest))


def kinks_one_by_one(graph: Graph) -> Iterator[Variation]:
    """Other slopes at ties, with a choice at each node that has any, where that is no long work."""
    for words, wrong in _ways(graph, lambda place, _: place.node, MOST_WORK // graph.work):
        replay = graph.replay(wrong)
        if replay is not None:
            yield Variation("kink", words, replay)


def _ways(
    graph: Graph, key: Callable[[Place, list[str]], Any], most: float = math.inf
) -> Iterator[tuple[str, Wrong]]:
    """What can be chosen at ties, the same at all places that have a key in common.

    None where there are more ways than the most.
    """
    chosen: dict[Any, dict[str, Wrong]] = {}
    for place in graph.places:
        choices = dict(_at_ties(place))
        for words, vjp in choices.items():
            alike = chosen.setdefault(key(place, [*choices]), {})
            alike.setdefault(words, {})[place] = vjp
    if math.prod(1 + len(each) for each in chosen.values()) > most:
        return
    ways = itertools.product(*[[("", Wrong()), *each.items()] for each in chosen.values()])
    for way in itertools.islice(ways, 1, None):
        words = " and ".join(dict.fromkeys(words for words, _ in way if words))
        yield f"at ties {words}", {p: vjp for _, wrong in way for p, vjp in wrong.items()}


MOST_WAYS = 63
"""Choices at ties, one for each function, that are tried."""
MOST_WORK = 20_000_000
"""Entries that are computed for choices at ties, one for each node."""


def _orders_of_equals(place: Place) -> Iterator[tuple[str, Vjp]]:
    """Of a sort: each of several equal entries gets what arrives at one of their places."""
    x, axis = place.argument._array, place.node.keywords.get("axis", -1)
    if not (np.diff(place.node._array, axis=axis) == 0).any():
        return
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
    for words, order in (
        ("equals stay in their order", np.argsort(x, axis, kind="stable")),
        ("equals are in reverse order", x.shape[axis] - 1 - backwards),
        ("equals are as argsort has them", np.argsort(x, axis)),
    ):
        back = np.argsort(order, axis)
        yield words, lambda g, *_, by=back, **k: np.take_along_axis(g, by, axis)


def _where_branches_meet(node: Tensor) -> Array:
    """Where the branches of a choice are equal, if it is the larger, or the smaller, of both."""
    _, *branches = map(plain, node.arguments)
    ties = np.broadcast_to(np.equal(*branches), node.shape)
    larger = np.array_equal(node._array, np.maximum(*branches))
    is_bound = larger or np.array_equal(node._array, np.minimum(*branches))
    return ties & (is_bound and not ties.all())


def _slopes_beside_0(place: Place) -> list[float]:
    """The slopes of a function with a kink at 0, just below it and just above."""
    row, own = place.operation, [plain(argument) for argument in place.node.arguments]
    slopes = []
    for x in np.array([-1, 1], place.node.dtype) * np.finfo(place.node.dtype).tiny:
        own[place.slot] = x
        slope = place.vjp(1.0, row.value(*own, **place.node.keywords), *own, **place.node.keywords)
        slopes += [float(slope)] * (np.size(slope) == 1)
    return slopes


def _at_ties(place: Place) -> Iterator[tuple[str, Vjp]]:
    """The choices that there are where arguments, or entries, are equal."""
    others = place.other_arguments
    slopes = {"the slope is 0": 0.0, "the slope is 1": 1.0, "the slope is 1/2": 0.5}
    if place.traits.kink:
        ties = place.argument._array == 0
        slopes |= {f"the slope is {slope:g}": slope for slope in _slopes_beside_0(place)}
    elif place.traits.extremum and place.traits.elementwise and len(others) == 1:
        ties = np.equal(place.argument._array, plain(others[0]))
        if is_recorded(others[0]):
            slopes = {"all goes to the first": 1 - place.slot, "all goes to the second": place.slot}
    elif place.operation.function is np.where and place.slot:
        ties = _where_branches_meet(place.node)
        slopes = {"all goes to the first": 2 - place.slot, "all goes to the second": place.slot - 1}
    elif place.traits.extremum:
        yield from choices_at_ties(place)
        return
    elif place.operation.function is np.sort:
        yield from _orders_of_equals(place)
        return
    else:
        return
    for words, slope in slopes.items() if ties.any() else ():
        by_slope = lambda result, g, *_, slope=slope: np.where(ties, g * slope, result)
        yield words, place.changed(by_slope)
