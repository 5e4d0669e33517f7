"""Mistakes that show in several steps: of layers, overlapping windows, parts, all arguments."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Always, Candidate, Scaled, joint, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import flat
from autograd_lite.forensics.place import Place, Vjp, Wrong, mask_of
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.sums import OVERWRITTEN
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.numpy_source import NumpySource

Axes = int | tuple[int, ...]


def derivative_in_one_direction(case: Case) -> Iterator[Candidate]:
    """An activation's derivative is in one delta, for the parameters or for the layer below."""
    graph = case.graph
    alike: dict[Any, Wrong] = {}
    for activation in graph.places:
        if not activation.bends:
            continue
        own, below = _parameters_and_below(graph, activation.argument)
        leaves = [place.argument for place in own]
        in_parameters = "in the parameters' gradients; the layer below has it", below
        in_layers = "on the way down to the layer below; the parameters have it", own
        for what, kept in (in_parameters, in_layers):
            if own and below:
                wrong = alike.setdefault((activation.operation, what, *leaves), {})
                wrong[activation] = unchanged
                after = lambda g, *_, of=activation: of.unmatched(g)
                wrong |= {place: place.arriving(after) for place in kept}
    for (_, what, *_), wrong in alike.items():
        words = f"the derivative of {{operation}} is forgotten {what}"
        yield joint("derivative forgotten", words, wrong)


def _parameters_and_below(graph: Graph, z: Tensor) -> tuple[list[Place], list[Place]]:
    """Where a delta goes that arrives at z: to parameters, and on to layers below."""
    own: list[Place] = []
    below: list[Place] = []
    nodes = [z]
    for node in nodes:
        for place in graph.places_of.get(node, ()):
            if place.argument.operation is None:
                own.append(place)
            elif place.traits.additive:
                nodes.append(place.argument)
            else:
                below.append(place)
    return own, below


def slopes_before_products(case: Case) -> Iterator[Candidate]:
    """A derivative, or a mask, is multiplied in before the product of the layer above."""
    graph = case.graph
    for place in graph.places:
        uses = graph.consumers.get(place.node, ())
        if len(uses) != 1 or not (place.activates or mask_of(place.node) is not None):
            continue
        (use,) = uses
        if use.multiplies_matrices and use.node.shape == place.node.shape:
            what = f"derivative of {place.operation.name}" if place.activates else "mask"
            words = f"the {what} is multiplied in before the product, not after it"
            before = use.arriving_times(place.slopes)
            yield joint("wrong place", words, {use: before, place: unchanged})


def skipped_layers(case: Case) -> Iterator[Candidate]:
    """What arrives at a layer's output is passed on to the layer below it, as if it were not."""
    graph = case.graph
    for place in graph.places:
        after = graph.consumers.get(place.node, ())
        while len(after) == 1 and after[0].traits.additive:
            after = graph.consumers.get(after[0].node, ())
        below = place.argument.operation is not None and place.multiplies_matrices
        if below and len(after) == 1 and after[0].activates:
            arriving = graph.right[after[0].node]
            if arriving.shape == place.argument.shape:
                words = "a layer is skipped: what arrives at its output stands for what it sends on"
                yield joint("wrong place", words, {place: Always(arriving)})


# Windows that are written as slices


def overlapping_windows(case: Case) -> Iterator[Candidate]:
    """Where windows overlap, the gradient of one of them is assigned, not added."""
    graph = case.graph
    for tensor, places in graph.consumers.items():
        windows = [p for p in places if p.traits.indexes and p.node.size < tensor.size]
        if len(windows) < 2 or tensor.ndim == 0:
            continue
        try:
            taken = [place.taken() for place in windows]
        except (IndexError, TypeError):
            continue
        entries = flat(taken)
        if len(np.unique(entries)) == len(entries):
            continue
        in_part = _overlap_in_part(taken)
        sent = [graph.sent(place) != 0 for place in windows]  # As by a maximum.
        # Consumers are in the order of the backward pass.
        orders = (1, "first"), (-1, "last")
        for (order, which), masked in itertools.product(orders, (False, True)):
            owner = np.full(tensor.size, -1)
            for number in [*range(len(windows))][::order]:
                entries = np.ravel(taken[number])
                owner[entries[np.ravel(sent[number])[entries]] if masked else entries] = number
            shown = [(owner == number).reshape(tensor.shape) for number in range(len(windows))]
            wrong: Wrong = {place: place.result_times(own) for place, own in zip(windows, shown)}
            words = f"{OVERWRITTEN}: only the {which} window counts there"
            if not in_part:
                words = "an index repeats: what arrives at a row that is used more than once is "
                words += f"overwritten (=), not added (+=): only its {which} use counts"
            yield joint("repeated index", words, wrong)


def _overlap_in_part(windows: list[Array]) -> bool:
    """Whether windows share entries that are not the same ones, as rows that are repeated are."""
    distinct = {tuple(np.unique(window)) for window in windows}
    entries = [entry for window in distinct for entry in window]
    return len({*entries}) < len(entries)


def parts_exchanged(case: Case) -> Iterator[Candidate]:
    """Two parts of an array, such as those of gates, are exchanged on the way back."""
    alike: dict[Any, Wrong] = {}
    for tensor, places in case.graph.consumers.items():
        parts = [p for p in places if p.traits.indexes and p.node.size < tensor.size]
        for one, other in itertools.combinations(parts[:MOST_PARTS], 2):
            if one.node.shape == other.node.shape and tensor.operation and _apart(one, other):
                indices = [_index(place.node.arguments[1]) for place in (one, other)]
                wrong = alike.setdefault((tensor.operation, *indices), {})
                for place, exchanged in ((one, other), (other, one)):
                    wrong[place] = lambda g, *_, of=exchanged, **k: of.unmatched(g)
    for (_, one_index, other_index), wrong in alike.items():
        words = f"the parts {one_index} and {other_index} are exchanged: they are in another order"
        yield joint("misplaced", words, wrong)


def _index(index: Any) -> str:
    return f"[{NumpySource({}).index(index)}]"


def _apart(one: Place, other: Place) -> bool:
    """Whether two parts of an array have no entry in common."""
    return not np.isin(one.taken(), other.taken()).any()


MOST_PARTS = 6
"""Parts of one array, two of which are exchanged."""


def to_all_arguments(case: Case) -> Iterator[Candidate]:
    """What an operation sends to its arguments is exchanged between them, or turned."""
    for node, places in case.graph.places_of.items():
        traits, function = node.operation.traits, node.operation.function
        wrong: Wrong
        if function is np.where:
            swapped = {place: place.given(_with_branches_swapped) for place in places}
            yield Candidate("branches", "the branches of where are swapped", swapped)
            turned: Wrong = {place: partial(_negative, vjp) for place, vjp in swapped.items()}
            yield joint("branches", f"the branches of where are swapped{EXCHANGED}", turned)
        if traits.extremum and traits.elementwise and len(places) == 2:
            words = "the branches of {operation} are swapped: what it is not gets what arrives"
            to_other = lambda slot, g, y, *pair: g * (pair[slot] != y)
            wrong = {place: partial(to_other, place.slot) for place in places}
            yield joint("branches", words, wrong)
            turned = {place: partial(_negative, vjp) for place, vjp in wrong.items()}
            yield joint("branches", words + EXCHANGED, turned)
        if traits.product and len(places) == 2 and places[0].argument is places[1].argument:
            wrong = {places[0]: unchanged, places[1]: Scaled(places[1], 0.0)}
            yield joint("derivative forgotten", "the derivative of the square is forgotten", wrong)
        if function is np.divide and len(places) == 2:
            for words, rules in OF_QUOTIENTS:
                wrong = {place: rules[place.slot] for place in places}
                yield joint("wrong formula", words, wrong)
        if function is np.linalg.solve:
            for kind, words, other in _other_matrices(plain(node.arguments[0])):
                wrong = {p: p.given(lambda y, a, b, of=other: (y, of, b)) for p in places}
                for chosen in (wrong, *({p: wrong[p]} for p in wrong if len(wrong) > 1)):
                    yield joint(kind, words, chosen)


OF_QUOTIENTS: tuple[tuple[str, tuple[Any, Any]], ...] = (
    (
        "the quotient is turned round: numerator and denominator are exchanged in its derivative",
        (lambda g, y, a, b: -g * b / a / a, lambda g, y, a, b: g / a),
    ),
    (
        "in the derivative of the quotient the denominator is not squared",
        (lambda g, y, a, b: g, lambda g, y, a, b: -g * a / b),
    ),
    (
        "in the derivative of the quotient the division by the denominator is left out",
        (lambda g, y, a, b: g * b, lambda g, y, a, b: -g * a),
    ),
    (
        "the quotient a / b is differentiated as 1 / b is, -a / b ** 2, and b as a constant",
        (lambda g, y, a, b: -g * a / b / b, lambda g, y, a, b: 0 * g),
    ),
)
"""What is said of a quotient's derivative, and how it is computed for both arguments."""


def _other_matrices(matrix: Array) -> Iterator[tuple[str, str, Array]]:
    words = "the matrix is to be transposed in the system on the way back, and is not"
    yield "transposed", words, np.swapaxes(matrix, -1, -2)
    words = "it is multiplied by the transposed matrix, where the system is to be solved"
    yield "transposed", words, np.linalg.inv(matrix)
    words = "the system is not solved on the way back: the inverse matrix is left out"
    yield "derivative forgotten", words, np.eye(len(matrix))


EXCHANGED = ", and the sign is wrong, as where their factors are exchanged, tau and 1 - tau"
"""What swapped branches of a quantile loss are besides."""


def _negative(vjp: Vjp, *given: Any, **keywords: Any) -> Any:
    return -vjp(*given, **keywords)


def _with_branches_swapped(y: Array, condition: Array, *both: Array) -> tuple[Array, ...]:
    return y, np.logical_not(condition), *both


def logarithms_of_sums(case: Case) -> Iterator[Candidate]:
    """The logarithm of a sum of exponentials, differentiated as the largest entry."""
    graph = case.graph
    for first in graph.places:
        for total in graph.places_of.get(first.argument, ()) if first.traits.logarithm else ():
            for last in graph.places_of.get(total.argument, ()) if total.traits.reduces else ():
                if last.operation.function is np.exp:
                    words = "the logarithm of a sum of exponentials is differentiated as a maximum"
                    e, how = last.node._array, total.node.keywords
                    most = np.max(e, *map(plain, total.node.arguments[1:]), **how)
                    largest = e == total.unmatched(most)
                    of_largest = last.arriving(lambda g, y, *_, by=largest / e: g * by)
                    yield joint("wrong formula", words, {first: unchanged, last: of_largest})
