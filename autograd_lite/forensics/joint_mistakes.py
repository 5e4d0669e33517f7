"""Mistakes that show in several steps: of layers, overlapping windows, parts, whole functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import numpy as np

from autograd_lite.forensics.candidate import Always, Candidate, Scaled, joint, times, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import distinct_masks, flat, is_one_number
from autograd_lite.forensics.normalized import NORMALIZATIONS, as_a_whole, normalizations
from autograd_lite.forensics.place import Place, Vjp, Wrong, is_bounded, is_recorded, mask_of
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.step_mistakes import vjp_of
from autograd_lite.forensics.sums import OVERWRITTEN
from autograd_lite.node import Array, Node, plain
from autograd_lite.recognition import behind
from autograd_lite.table import activations
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


# What several steps are together


def differentiated_as_a_whole(case: Case) -> Iterator[Candidate]:
    """What lies between two nodes is forgotten, or done wrongly in the formula for the whole."""
    graph = case.graph
    position: dict[Node, int] = {node: -number for node, number in graph.position.items()}
    for node in graph.places_of:
        if node.operation.function in NORMALIZATIONS:
            yield from normalizations(graph, graph.places_of[node][:1], node, node.arguments[0])
        if not node.operation.traits.elementwise or node.ndim < 1:
            continue
        for found, parts in behind(node, position, frozenset()):
            x = cast(Tensor, found)
            chain = graph.way(node, x)
            if len(parts) < 2 or not chain or not any(map(_bends, parts)):
                continue
            # A sum that passes on what arrives is no part of what is forgotten.
            same = np.array_equal(graph.sent(chain[0]), graph.right[node])
            if not (chain[0].traits.additive and same):
                names = ", ".join(dict.fromkeys(part.operation.name for part in parts[::-1]))
                words = f"what is computed in between, {names}, is not differentiated: "
                words += "the inner derivative of the chain rule is forgotten"
                if is_bounded(node) and all(map(_is_straight, parts)):
                    yield from _of_bounded(graph, chain, parts)
                if all(map(is_bounded, parts)):
                    yield from _of_clip(graph, chain, node, x)
                    words = "the mask of clip is forgotten: its derivative is 0 beyond the bounds"
                lost = is_one_number(graph.right[node])
                kind = "cotangent lost" if lost else "derivative forgotten"
                # A step that others lead on from as well would be another mistake on these.
                inner, within = [place.argument for place in chain[:-1]], {*parts}
                if all(use.node in within for each in inner for use in graph.consumers[each]):
                    yield joint(kind, words, as_a_whole(graph, chain))
                    yield from _turned_round(graph, chain, parts, names)
            if node.ndim > 1:
                yield from normalizations(graph, chain, node, x)


def _turned_round(
    graph: Graph, chain: list[Place], parts: list[Node], names: str
) -> Iterator[Candidate]:
    """The derivative of several functions together is taken to be 1 over what it is."""
    node, x = chain[0].node, chain[-1].argument
    slopes: dict[Node, Array] = {node: np.ones_like(node._array)}
    for part in parts:
        for place in graph.places_of[cast(Tensor, part)]:
            if not place.traits.elementwise or place.argument.shape != node.shape:
                return
            more = place.unmatched(slopes[part])
            slopes[place.argument] = slopes.get(place.argument, 0.0) + more
    if np.all(slopes[x]) and not np.allclose(slopes[x], 1):
        words = f"the derivative of what is computed in between, {names}, is taken to be 1 over "
        words += "what it is"
        yield joint("wrong formula", words, as_a_whole(graph, chain, times(1 / slopes[x])))


def _of_clip(graph: Graph, chain: list[Place], node: Tensor, x: Tensor) -> Iterator[Candidate]:
    words, beyond = "the derivative of clip is taken to be ", node._array != x._array
    for kind, what, slope in (
        ("wrong formula", "the clipped value, not a mask", node._array),
        ("wrong formula", "what was clipped, not a mask", x._array),
        ("branches", "1 beyond the bounds and 0 between them: the mask is inverted", beyond),
    ):
        yield joint(kind, words + what, as_a_whole(graph, chain, times(slope)))


def _of_bounded(graph: Graph, chain: list[Place], parts: list[Node]) -> Iterator[Candidate]:
    """A function of straight parts, such as a hard sigmoid, with other bounds, or a smooth one."""
    node, x = chain[0].node, chain[-1].argument._array
    bounds = {number for place in chain for number in place.numbers if is_bounded(place.node)}
    arriving, sent = graph.right[node], graph.sent(chain[-1])
    slopes = (sent / arriving)[(sent != 0) & (arriving != 0)]
    if not is_one_number(slopes, within=1e-9):
        return
    inner = slopes.flat[0]
    name = "clip" if all(map(is_bounded, parts)) else "what is bounded"
    words = f"the derivative of {name} is "
    own = {*itertools.product({*bounds, -np.inf}, {*bounds, np.inf})}
    # Of windows with the same mask the one with the own bounds is said.
    windows = [*own, *itertools.product({0.0, -np.inf} - bounds, {*bounds, np.inf})]
    arrays = ("its input", x), ("what is bounded", node._array)
    ways = [(what, at, low, high) for low, high in windows for what, at in arrays]
    masks = ((_between(what, low, high), (at > low) & (at < high)) for what, at, low, high in ways)
    for own_mask, mask in distinct_masks(np.ones(x.shape, bool), masks):
        wrong = as_a_whole(graph, chain, times(inner * mask))
        yield joint("branches", words + own_mask, wrong)
    if inner != 1:
        what = f"the mask of {name} is forgotten: its derivative is 0 beyond the bounds"
        wrong = as_a_whole(graph, chain, times(inner * np.ones_like(x)))
        yield joint("derivative forgotten", what, wrong)
    for other, function in activations().items():
        wrong = as_a_whole(graph, chain, times(vjp_of(function, True, np.ones_like(x), x, x)))
        yield joint("another derivative", f"{words}that of {other}", wrong)


def _between(what: str, low: float, high: float) -> str:
    if np.isfinite((low, high)).all():
        words = f"not 0 where {what} is between {low:g} and {high:g}"
        return f"{words}: another mask than its own"
    if np.isfinite(low):
        return f"0 only where {what} is below {low:g}: the upper bound is forgotten"
    return f"0 only where {what} is above {high:g}: the lower bound is forgotten"


def _is_straight(node: Node) -> bool:
    """Whether an operation is a maximum or a minimum, entry by entry, or linear, and no mask."""
    if node.operation.traits.product and any(np.size(plain(a)) > 1 for a in _fixed(node)):
        return False
    return node.operation.traits.elementwise and (is_bounded(node) or not _bends(node))


def _fixed(node: Node) -> list[Any]:
    """The arguments of a node that are not differentiated."""
    return [argument for argument in node.arguments if not is_recorded(argument)]


def _bends(node: Node) -> bool:
    """Whether an operation is not linear in what is recorded."""
    traits = node.operation.traits
    recorded = [slot for slot, a in enumerate(node.arguments) if is_recorded(a)]
    return not traits.additive and not (len(recorded) == 1 and recorded[0] in traits.linear)
