"""What was handed in, and which differences are no mistakes: by rounding, epsilons, kinks."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import cross_entropies
from autograd_lite.engine import backward_order
from autograd_lite.errors import MutationError, describe_one
from autograd_lite.forensics.candidate import Always, unchanged
from autograd_lite.forensics.place import Place, Vjp, Wrong, is_recorded
from autograd_lite.forensics.recorded_factors import OWN, factors_at, of_arrays, rarer, usual
from autograd_lite.forensics.replay import SAMPLES, Graph, Replay
from autograd_lite.forensics.rounding import rounding_of
from autograd_lite.forensics.shares import choices_at_ties
from autograd_lite.node import Array, Node, plain
from autograd_lite.tensor import Tensor

ALMOST = 1e-4
"""Relative error up to which an array counts as computed from others, in any dtype."""
NEARLY = 1e-5
"""Relative error up to which a gradient was derived rightly, and computed inexactly."""
SAMPLED = 1000
"""Entries of large arrays that are compared before all are."""
EPSILONS = tuple(10.0**-power for power in range(5, 17))
"""What people add inside of a logarithm or to a denominator."""


@dataclass
class Case:
    """What was handed in: a graph, gradients, the relative error allowed.

    Besides, the names of the nodes that have one, and the arrays that the caller has, by name.
    """

    graph: Graph
    manual: dict[Tensor, Array]
    tolerance: float
    named: Mapping[Any, str]
    arrays: Mapping[str, Array]

    def __post_init__(self) -> None:
        right = self.graph.right
        self.everything = frozenset(self.manual)
        self.steps = {tensor: right.cotangents[tensor].number for tensor in self.manual}
        """The number of the step of the program that gives each gradient."""
        self.largest = {t: float(abs(g).max(initial=0.0)) for t, g in self.manual.items()}
        self.rounding = rounding_of(self.graph, self.manual)
        """The error of each entry that rounding explains."""

    @functools.cached_property
    def usual_factors(self) -> list[tuple[float, str]]:
        """The factors that people get wrong here, in words."""
        return [*usual(self.graph)]

    @functools.cached_property
    def rarer_factors(self) -> list[tuple[float, str]]:
        """Learning rates, several factors at once, sums of the caller's arrays, in words."""
        return [*rarer(self.graph, self.named), *of_arrays(self.arrays, self.graph.lengths)]

    def in_words(self, factor: float, place: Place | None = None) -> str:
        """What a gradient that is `factor` times the right one lacks or has; empty if unknown."""
        return self.usual_words(factor, place) or self._words(factor, self.rarer_factors)

    def usual_words(self, factor: float, place: Place | None = None) -> str:
        """The same, without learning rates and products; at a place, of its own numbers too."""
        usual, here = self._words(factor, self.usual_factors), self.words_here(factor, place)
        counts = "1/" in usual or "divided" in usual
        if here and place is not None and not (place.traits.averages and "square" in usual):
            own = place.traits.averages or place.operation.function in OWN
            if own or (counts and self.graph.is_within(place)):
                return here
        named = here and "square" in usual and place and not place.traits.averages
        if place is None or (usual and not named):
            return usual
        return here or self._words(factor, factors_at(self.graph, place))

    def words_here(self, factor: float, place: Place | None) -> str:
        """The same for the constant that a step multiplies or divides by, or averages over."""
        averages = place is not None and place.traits.averages and place.node.size > 1
        of_samples = SAMPLES in self._words(factor, self.usual_factors)
        averages = averages and not (of_samples and not self._is_layer(place))
        own = place is not None and place.operation.function in OWN
        if place is None or not (place.multiplies_entries or averages or own):
            return ""
        here = self._words(factor, factors_at(self.graph, place))
        another = here.endswith("is right") and "square" in self._words(factor, self.usual_factors)
        return "" if another else here

    def _is_layer(self, place: Place | None) -> bool:
        """Whether a step is within the network, and its result does not meet the entries again."""
        if place is None or not self.graph.is_within(place):
            return False
        uses = [use for use in self.graph.consumers[place.node] if use.traits.elementwise]
        return all(use.node.size < place.argument.size for use in uses)

    def _words(self, factor: float, known: Iterable[tuple[float, str]]) -> str:
        for number, words in known:
            if math.isclose(factor, number, rel_tol=max(1e-6, self.tolerance)):
                return words
        return ""

    def error(self, tensor: Tensor, predicted: Array) -> float:
        """The relative error of a prediction, 0 within rounding."""
        given, rounding = self.manual[tensor], self.rounding[tensor]
        return relative_error(given, predicted, rounding, self.largest[tensor])

    def alike(self, given: Array, predicted: Array) -> bool:
        """Whether two arrays have one shape and differ by no more than the tolerance."""
        if given.shape == predicted.shape and given.size > SAMPLED:
            some = slice(None, None, given.size // SAMPLED)
            sample = relative_error(given.flat[some], predicted.flat[some])
            if not sample <= max(ALMOST, 1000 * self.tolerance):
                return False
        return relative_error(given, predicted) <= self.tolerance

    def fitted(self, replay: Replay) -> frozenset[Tensor]:
        """The tensors whose gradients are as predicted."""
        if replay.fitted is None:
            base = replay.base or replay
            found = []
            for tensor, number in self.steps.items():
                predicted = replay.values[number]
                if base.fitted is not None and predicted is base.values[number]:
                    fits = tensor in base.fitted
                else:
                    fits = self.error(tensor, predicted) <= self.tolerance
                found += [tensor] * fits
            replay.fitted = frozenset(found)
        return replay.fitted

    @functools.cached_property
    def wrong_ones(self) -> tuple[Tensor, ...]:
        """The tensors whose gradients are not right, in the order in which they were handed in."""
        return tuple(t for t in self.manual if t not in self.fitted(self.graph.right))

    @functools.cached_property
    def wrong(self) -> frozenset[Tensor]:
        """The same as a set."""
        return frozenset(self.wrong_ones)

    def differ(self, one: Replay, other: Replay) -> bool:
        """Whether any of the gradients differ in two replays."""
        for number in self.steps.values():
            a, b = one.values[number], other.values[number]
            if a is not b and (a != b).any():
                return True
        return False


def relative_error(
    given: Array, predicted: Array, rounding: Any = 0.0, largest: float | None = None
) -> float:
    """The largest difference of two entries, if beyond rounding, over the largest entry."""
    if given.shape != predicted.shape:
        return math.inf
    if given.size == 0:
        return 0.0
    differences = abs(given - predicted)
    difference = float(differences.max())
    if difference == 0:
        return 0.0
    if not math.isfinite(difference):
        return 0.0 if np.array_equal(given, predicted) else math.inf
    difference = float(differences.max(where=differences > rounding, initial=0.0))
    largest = float(abs(given).max()) if largest is None else largest
    return difference / max(largest, float(abs(predicted).max()))


def refuse_changed(loss: Tensor) -> None:
    """Raise if an array of the record is not what its operation gives for its arguments.

    Raises:
        MutationError: one of them was written into since.
    """
    for node in reversed(backward_order(loss)):
        row = node.operation
        if row is None:
            continue
        again, recorded = row.value(*map(plain, node.arguments), **node.keywords), node._array
        if np.array_equal(again, recorded, equal_nan=True):
            continue
        # BLAS may round otherwise in another memory layout.
        if not relative_error(np.asarray(again), np.asarray(recorded)) <= ALMOST:
            arrays = [describe_one(a) for a in (node, *node.arguments) if isinstance(a, Node)]
            raise MutationError(
                f"compare_gradients of loss {describe_one(loss)}",
                "the record was changed after it was made: of "
                f"{', '.join(dict.fromkeys(arrays))}, one was written into, and {row.name} "
                "does not give that result any more",
                "Compute by hand with tensor.data.copy(), and compute the loss anew",
            )


# An epsilon more or less, another choice at a kink


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
    found += [("kink", words, graph.replay(wrong), False) for words, wrong in _kinks(graph)]
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


def _kinks(graph: Graph) -> Iterator[tuple[str, Wrong]]:
    """Other slopes at ties, where any between those on both sides is as right, of each function."""
    yield from itertools.islice(_ways(graph, lambda p, choices: (p.operation, *choices)), MOST_WAYS)


def kinks_one_by_one(graph: Graph) -> Iterator[Variation]:
    """The same with a choice of its own at each node that has ties, where that is no long work."""
    work = sum(node.size for node in graph.order) + OF_A_STEP * len(graph.places)
    for words, wrong in _ways(graph, lambda place, _: place.node, MOST_WORK // work):
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
OF_A_STEP = 1000
"""Entries that take as long as a step does with few of them."""


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
    elif place.traits.extremum:
        yield from choices_at_ties(place)
        return
    elif place.operation.function is np.sort:
        yield from _orders_of_equals(place)
        return
    else:
        return
    for words, slope in slopes.items() if ties.any() else ():
        yield (
            words,
            place.changed(lambda result, g, *given, slope=slope: np.where(ties, g * slope, result)),
        )
