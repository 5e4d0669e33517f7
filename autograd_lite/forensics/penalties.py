"""Penalties on large weights, and the bias that is a row of the weights, which none belongs on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Always, Candidate, joint, scaled, with_strength
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, is_round
from autograd_lite.forensics.place import Place, Wrong, grouped, is_array, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def penalties(case: Case) -> Iterator[Candidate]:
    """L1 or L2 terms with another strength, or on parameters that have none."""
    graph = case.graph
    terms = [place for term in penalty_terms(graph) for place in term]
    by_leaf = grouped(terms, lambda place: place.argument)
    of_wrong = [place for place in terms if place.argument in case.wrong]
    groups = {tuple(places): places for places in (terms, of_wrong, *by_leaf.values()) if places}
    for places in groups.values():
        what = "the strength of the penalty on large weights is another one"
        number = "{} times the loss's"
        yield with_strength("penalty", what, scaled, places, neutral=1.0, number=number)
    for one, other in itertools.combinations(terms if len(terms) <= MOST_TERMS else (), 2):
        if one.argument is other.argument and one.operation is not other.operation:
            sizes = [_strength(graph, place) for place in (one, other)]
            if all(sizes) and not math.isclose(*sizes):
                words = "the strengths of two penalties are exchanged"
                wrong = scaled([one], sizes[1] / sizes[0]) | scaled([other], sizes[0] / sizes[1])
                yield joint("penalty", words, wrong)
    unit = 1.0
    if terms:
        coefficient = closest_factor(graph.unmatched[terms[0]], terms[0].argument._array)
        unit = 1.0 if math.isnan(coefficient) else coefficient
    others = [leaf for leaf in graph.leaves if leaf not in by_leaf]
    weights = [leaf for leaf in others if leaf.ndim > 1]
    for leaves in [others, weights, *([leaf] for leaf in others)]:
        what = "a penalty on large weights is in the gradient that is not in the loss"
        said: dict[str, Any] = {"unit": unit, "number": "with strength {}", "far_fetched": True}
        decay = _with_decay, graph, leaves, unit
        yield with_strength("penalty", what, *decay, neutral=0.0, **said)


MOST_TERMS = 8
"""Steps from penalties to leaves, two of which exchange their strengths."""


def _strength(graph: Graph, place: Place) -> float:
    """By what a penalty multiplies entries, or their signs."""
    values = place.argument._array
    along = np.sign(values) if place.operation.function is np.absolute else values
    return closest_factor(graph.sent(place), along)


def penalty_terms(graph: Graph) -> list[list[Place]]:
    """The steps to leaves of each term of the loss that is one on the size of their entries."""
    found = []
    stack = [graph.loss]
    while stack:
        node = stack.pop()
        if node.operation is None:
            continue
        traits, recorded = node.operation.traits, graph.places_of[node]
        linear = len(recorded) == 1 and recorded[0].slot in traits.linear
        if traits.additive or linear:
            stack += [place.argument for place in recorded]
        else:
            steps = _of_leaves_alone(graph, node)
            leaves = {step.argument for step in steps}
            elsewhere = all({*graph.consumers[leaf]} - {*steps} for leaf in leaves)
            grows = all(map(partial(_grows, graph), steps))
            if steps and elsewhere and grows and _is_even(graph, node, leaves):
                found.append(steps)
    return found


def strengths_of_penalties(graph: Graph) -> dict[Tensor, float]:
    """By what the loss's penalties multiply the entries of leaves, where that is one number."""
    terms = [
        (leaf, a[a != 0], leaf._array[a != 0]) for leaf, (_, a) in added_by_penalties(graph).items()
    ]
    return {leaf: closest_factor(added, own) for leaf, added, own in terms}


def added_by_penalties(graph: Graph) -> dict[Tensor, tuple[list[Place], Array]]:
    """The steps from penalties to each leaf, and what they add to its gradient."""
    steps = grouped((p for term in penalty_terms(graph) for p in term), lambda p: p.argument)
    return {leaf: (own, sum(map(graph.sent, own))) for leaf, own in steps.items()}


def _of_leaves_alone(graph: Graph, node: Tensor) -> list[Place]:
    """The steps from a term to leaves; none if anything but numbers is in it besides."""
    found: list[Place] = []
    stack, seen = [node], {node}
    while stack:
        for place in graph.places_of[stack.pop()]:
            arrays = [plain(a) for a in place.node.arguments if not is_recorded(a)]
            if any(is_array(a) and a.ndim and a.dtype.kind == "f" for a in arrays):
                return []
            if place.argument.operation is None:
                found.append(place)
            elif place.argument not in seen:
                seen.add(place.argument)
                stack.append(place.argument)
    return found


def _grows(graph: Graph, step: Place) -> bool:
    """Whether what arrives at a leaf lies along its entries, or against all of them."""
    along = graph.sent(step) * step.argument._array
    return bool((along >= 0).all() or (along <= 0).all())


def _is_even(graph: Graph, term: Tensor, leaves: set[Tensor]) -> bool:
    """Whether a term is the same for the negative of each that it is computed from."""
    inputs, number = graph.program.inputs, graph.program.values[term].number
    for leaf in leaves:
        replay = graph.run_again({inputs[leaf].number: np.negative}, graph.right)
        if replay is None or not np.array_equal(replay.values[number], term._array):
            return False
    return True


def _with_decay(graph: Graph, leaves: Sequence[Tensor], unit: float, strength: float) -> Wrong:
    """Steps that add a multiple of a leaf itself to its gradient."""

    def decayed(result: Array, leaf: Tensor) -> Array:
        # The engine sums what was broadcast.
        return result + strength * unit * leaf.size / np.size(result) * leaf._array

    used = [graph.consumers[leaf][0] for leaf in leaves if leaf.size and leaf in graph.consumers]
    return {step: step.changed(lambda r, *_, of=step.argument: decayed(r, of)) for step in used}


def other_penalties(case: Case) -> Iterator[Candidate]:
    """What a penalty adds is its value, one number, and not its derivative, or that of a norm."""
    for leaf, (places, added) in added_by_penalties(case.graph).items():
        along = float(np.vdot(added, leaf._array))
        norm = float(np.linalg.norm(leaf._array))
        for words, value in (
            ("the value of the penalty itself", along / 2),  # Of a square.
            ("the value of the penalty itself", along),  # Of absolute values, or of a norm.
            ("the sum of the entries of the penalty's derivative, one number,", np.sum(added)),
            ("the derivative of the norm, not of its square,", added / (norm or 1.0)),
            ("the derivative of the norm, not of its square,", added / (2 * norm or 1.0)),
            ("the penalty's derivative without its signs", abs(added)),
            ("the norm of the penalty's derivative, one number,", np.linalg.norm(added)),
        ):
            if leaf.size > 1 and np.all((added != 0) | (leaf._array == 0)):
                what = f"{words} is added to the gradient, where its derivative belongs"
                yield _added_instead(what, places, np.broadcast_to(value, leaf.shape))
        for what, value in _of_other_weights(case, leaf, added):
            yield _added_instead(what, places, value)


def _added_instead(what: str, places: list[Place], value: Array) -> Candidate:
    first, *others = places
    return joint("penalty", what, scaled(others, 0.0) | {first: Always(value)})


def _of_other_weights(case: Case, leaf: Tensor, added: Array) -> Iterator[tuple[str, Array]]:
    """What the same penalty adds for another parameter."""
    own = added != 0
    by = closest_factor(added[own], leaf._array[own])
    for other in case.graph.leaves:
        for values in {id(a): a for a in (other._array, other._array.T)}.values():
            if other is not leaf and values.shape == leaf.shape and leaf.ndim:
                words = f"the penalty is computed with {case.named.get(other, 'another parameter')}"
                yield f"{words}, and not with {case.named.get(leaf, 'its own')}", by * own * values


Treated = Iterator[tuple[str, str, Array]]
"""Kinds and words, with {0} for the tensor, and the gradient that is right but for that."""


def entries_of_bias(graph: Graph, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """What the row or column that meets ones is called, and where its entries are."""
    known = set()
    for place in graph.consumers.get(tensor, ()):
        axis = 0 if place.slot or tensor.ndim == 1 else tensor.ndim - 1
        for index in _ones(place) if place.multiplies_matrices else ():
            if (axis, index) not in known and tensor.shape[axis] > 1:
                known.add((axis, index))
                within = np.zeros(tensor.shape, bool)
                np.moveaxis(within, axis, 0)[index] = True
                what = "entry" if tensor.ndim == 1 else "row" if axis == 0 else "column"
                yield f"{'first' if index == 0 else 'last'} {what}", within


def _ones(place: Place) -> Iterator[int]:
    """Which of the first and the last index of the other factor, summed over, has ones."""
    others = [*map(plain, place.other_arguments)]
    if len(others) != 1 or not np.ndim(others[0]):
        return
    (other,) = others
    axis = max(other.ndim - 2, 0) if place.slot == 0 else other.ndim - 1
    for index in (0, -1):
        if np.all(np.take(other, index, axis) == 1):
            yield index


def of_bias(case: Case, tensor: Tensor, given: Array, right: Array) -> Treated:
    """The bias's entries are left at 0, or have another factor, or a penalty's share is missing."""
    own = strengths_of_penalties(case.graph).get(tensor)
    for which, within in entries_of_bias(case.graph, tensor):
        of_ones = f"its {which}, that of the bias, whose input is 1,"
        yield "entries left out", f"{of_ones} is left at 0", np.where(within, 0, right)
        factor = closest_factor(given[within], right[within])
        reason = case.in_words(factor) if np.isfinite(factor) and factor else ""
        if reason:
            words = f"{of_ones} has another factor than the rest: {reason}"
            yield "factor", words, np.where(within, factor * right, right)
        if own and np.isfinite(own):
            words = f"of {of_ones} the penalty on large weights is left out, where the loss has it"
            yield "penalty", words, right - own * within * tensor._array


def penalized_bias(case: Case, tensor: Tensor, given: Array, right: Array) -> Treated:
    """A column or row, such as that of the bias, is penalized, or gets what ones would get."""
    difference, penalties = given - right, strengths_of_penalties(case.graph)
    for axis in range(given.ndim):
        for index in (0, -1):
            within = np.zeros(given.shape, bool)
            np.moveaxis(within, axis, 0)[index] = True
            what = f"{'row' if axis == 0 else 'column'} {index % given.shape[axis]}"
            for of_what, term in (("1", np.ones_like(right)), ("{0}", tensor._array)):
                share = closest_factor(difference[within], term[within])
                own = penalties.get(tensor, 0.0)
                known = is_round(share) or (own and case.alike(np.array(share), np.array(own)))
                if within.all() or not share > 0 or within.sum() < (1 if known else 3):
                    continue
                words = f"{share:.6g} times {of_what} is added in {what}, that of the bias"
                words += ": a penalty that is not in the loss"
                kind = "penalty" if penalties else "another quantity"
                yield kind, words, right + share * within * term
