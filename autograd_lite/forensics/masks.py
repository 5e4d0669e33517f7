"""Masks that are others: of a clip, of a choice by np.where, of dropout, of pairs.

Bounds of a clip are maxima and minima with numbers, one of them or both, as np.clip has them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.neural import dropout
from autograd_lite.forensics.candidate import Candidate, joint, times
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import flat
from autograd_lite.forensics.normalized import as_a_whole
from autograd_lite.forensics.place import Place, Wrong, is_array, is_bounded, is_recorded, is_square
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


class Clip(NamedTuple):
    """The steps from what is clipped back to what it is made of, and the numbers on each side."""

    chain: list[Place]
    lowest: float
    highest: float

    @property
    def name(self) -> str:
        """The function that it is called."""
        return "clip" if len(self.chain) > 1 else "{operation}"

    def with_mask(self, graph: Graph, mask: Array) -> Wrong:
        """The steps with another mask than the clip's."""
        return as_a_whole(graph, self.chain, times(mask))


def clipped(case: Case) -> Iterator[Candidate]:
    """Other masks of a clip, at what is clipped or at what is not; p - y with the clipped p."""
    graph = case.graph
    for clip in _clips(graph):
        node, x = clip.chain[0].node, clip.chain[-1].argument
        unclipped: Wrong = {graph.forward_step(node): lambda *_, of=x._array, **k: of}
        single = len(clip.chain) == 1
        for kind, words, mask in _masks(clip, x._array):
            wrong = clip.with_mask(graph, mask)
            if single and not mask.all():
                yield joint(kind, words, wrong)
            also = "what comes after it is taken with what was not clipped, and "
            yield joint(kind, also + words, wrong | unclipped)
        words = f"the mask of {clip.name} is forgotten, and the derivative of what is clipped is "
        words += "taken at what was clipped: as in p - y with the clipped p"
        for place in graph.places_of.get(x, ()):
            if place.traits.activation:
                at_clipped = place.given(lambda y, *own, of=node._array: (of, *own))
                forgotten = clip.with_mask(graph, np.ones_like(node._array))
                yield joint("wrong place", words, forgotten | {place: at_clipped})


def _clips(graph: Graph) -> Iterator[Clip]:
    for place in graph.places:
        after = graph.consumers.get(place.node, ())
        if not _has_bound(place) or any(map(_has_bound, after)):
            continue
        chain = [place]
        while (before := graph.places_of.get(chain[-1].argument, ())) and _has_bound(before[0]):
            chain.append(before[0])
        below = [n for p in chain for n in p.numbers if p.operation.function in BELOW]
        above = [n for p in chain for n in p.numbers if p.operation.function not in BELOW]
        yield Clip(chain, max(below, default=-np.inf), min(above, default=np.inf))


BELOW = np.maximum, np.fmax
"""Functions whose number is a lower bound."""


def _has_bound(place: Place) -> bool:
    """Whether a step is that of a maximum or minimum with a number, entry by entry."""
    alike = place.node.shape == place.argument.shape and not place.traits.rectifies
    return alike and is_bounded(place.node) and len(place.numbers) == 1


def _masks(clip: Clip, x: Array) -> Iterator[tuple[str, str, Array]]:
    """Kinds, words and masks that are another than that of a clip."""
    above, below = x > clip.lowest, x < clip.highest
    if above.all() and below.all():
        return
    words = f"the mask of {clip.name} is "
    yield "derivative forgotten", words + "forgotten: it is 0 beyond the bounds", np.ones_like(x)
    yield "branches", words + "inverted: 0 between the bounds, 1 beyond", 1.0 * ~(above & below)
    if not (above.all() or below.all()):
        yield "branches", words + "without the upper bound, which is forgotten", 1.0 * above
        yield "branches", words + "without the lower bound, which is forgotten", 1.0 * below


SIGNS = np.greater, np.less, np.greater_equal, np.less_equal
"""How the sign of an array is asked for."""


def other_conditions(case: Case) -> Iterator[Candidate]:
    """What a choice is made by is the sign of another array than its own; one branch gets all.

    It is done so in one choice, or in all, as in the layers of a network.
    """
    graph = case.graph
    found: dict[tuple[str, str], list[Wrong]] = {}
    for node, places in graph.places_of.items():
        condition = plain(node.arguments[0])
        if node.operation.function is not np.where or not is_condition(condition):
            continue
        for kind, words, other in _others(graph, node, condition):
            chosen = lambda y, own, *both, of=other: (y, of, *both)
            wrong: Wrong = {place: place.given(chosen) for place in places}
            found.setdefault((kind, words), []).append(wrong)
    for (kind, words), several in found.items():
        if len(several) > 1:
            every: Wrong = {place: vjp for wrong in several for place, vjp in wrong.items()}
            yield joint(kind, f"{words}, in all {len(several)} choices", every)
        yield from (joint(kind, words, wrong) for wrong in several)


def is_condition(array: Any) -> bool:
    """Whether an array can be what a choice is made by: truth values, and both of them."""
    if not is_array(array) or array.dtype.kind not in "biu":
        return False
    return bool(0 < np.count_nonzero(array) < array.size)


def chooses_by(graph: Graph, arrays: Container[int]) -> bool:
    """Whether one of the arrays, by their `id`, is the condition of a choice."""
    found = graph.of_operation.items()
    choices = (node for row, nodes in found if row.function is np.where for node in nodes)
    return any(id(plain(node.arguments[0])) in arrays for node in choices)


def _others(graph: Graph, node: Tensor, condition: Array) -> Iterator[tuple[str, str, Array]]:
    known = {condition.astype(bool).tobytes()}
    words = "the condition of {operation} is "
    for what, array in (("its result", node._array), ("what arrives", graph.right[node])):
        for ask in _signs_asked_for(node, condition):
            mask = ask(array, 0)
            if mask.shape == condition.shape and mask.tobytes() not in known:
                known.add(mask.tobytes())
                alike = mask.all() or not mask.any()
                everywhere = f", which is {bool(mask.flat[0])} everywhere" * bool(alike)
                which = f"the sign of {what}{everywhere}, not that of its input"
                yield "branches", words + which, mask
    if len(graph.places_of[node]) < 2:  # One branch is a mask, which others say is forgotten.
        return
    for branch, value in (("first", True), ("second", False)):
        mask = np.full(condition.shape, value)
        if mask.tobytes() not in known:
            yield "one path", words + f"forgotten: the {branch} branch gets all that arrives", mask


def _signs_asked_for(node: Tensor, condition: Array) -> list[Any]:
    """What the condition asks of a branch, or of what a branch is computed from, if of any."""
    branches = [a for a in node.arguments[1:] if isinstance(a, Tensor)]
    before = [a for branch in branches if branch.operation for a in branch.arguments]
    values = [a for a in map(plain, (*branches, *before)) if np.shape(a) == condition.shape]
    chosen = condition.astype(bool)
    return [ask for ask in SIGNS if any(np.array_equal(chosen, ask(a, 0)) for a in values)]


# Masks whose entries are solved for

MOST_ENTRIES = 150
"""Entries of a mask that is looked for."""
MOST_REPLAYED = 20_000_000
"""Entries of a graph, times those of a mask, up to which it is run again with each of these."""
TOGETHER = 12
"""Entries of which all subsets are tried."""


def other_masks(case: Case) -> Iterator[Candidate]:
    """What arrives is masked by another mask than that of dropout, or of a rectifier."""
    for place in case.graph.places:
        values, size, shape = _two_values(place), place.node.size, place.node.shape
        if values is None or not 4 <= size <= MOST_ENTRIES or shape != place.argument.shape:
            continue
        by = partial(_masked, place)
        mask = _mask_that_fits(case, by, np.eye(size).reshape(size, *shape), *values)
        if mask is not None:
            words = "another mask is used than in the forward pass: it was drawn anew, or is that "
            yield Candidate("another mask", words + "of another layer", by(mask))


def some_samples(case: Case) -> Iterator[Candidate]:
    """Only some samples count, such as half of them."""
    nodes = [n for n in case.graph.bottlenecks if n.ndim and 4 <= len(n._array) <= MOST_ENTRIES]
    for node in nodes[:1]:
        (use, *others), size = case.graph.consumers[node], len(node._array)
        by = partial(_masked_after, use)
        units = np.eye(size).reshape(size, size, *[1] * (node.ndim - 1))
        mask = None if others else _mask_that_fits(case, by, units, 0.0, 1.0)
        if mask is not None:
            kept = ", ".join(map(str, np.flatnonzero(mask)))
            words = f"only the samples {kept} count: what arrives at the others is lost"
            yield Candidate("entries left out", words, by(mask))


def _two_values(place: Place) -> tuple[float, float] | None:
    """The two numbers that a step multiplies by, where it is a mask."""
    ones = np.ones(place.node.shape)
    fixed = place.multiplies_entries and not any(map(is_recorded, place.other_arguments))
    drops = fixed or place.operation.function is dropout
    if not drops and not place.is_straight_twice:
        return None
    slopes = np.unique(place.unmatched(ones))
    if len(slopes) != 2 or (drops and slopes[0] != 0):
        return None
    return float(slopes[0]), float(slopes[1])


def _masked(place: Place, mask: Array) -> Wrong:
    return {place: times(mask)}


def _masked_after(place: Place, mask: Array) -> Wrong:
    return {place: place.result_times(mask)}


WithMask = Callable[[Array], Wrong]
"""The steps that are done wrongly with a mask."""


def _mask_that_fits(
    case: Case, with_mask: WithMask, units: Array, low: float, high: float
) -> Array | None:
    """The mask of units, some high and the others low, that the gradients are those of, if any."""
    graph = case.graph
    wrong = case.wrong_ones
    replayed = len(units) * sum(node.size for node in graph.order)
    if replayed > MOST_REPLAYED or not case.are_usable(wrong):
        return None

    def gradients(mask: Array) -> Array | None:
        replay = graph.replay(with_mask(mask))
        return None if replay is None else flat(replay[t] for t in wrong)

    base = gradients(np.full(units.shape[1:], low))
    with_one = [gradients(low + (high - low) * unit) for unit in units]
    columns = [each - base for each in with_one if each is not None and base is not None]
    if base is None or len(columns) < len(units):
        return None
    target = flat(case.manual[t] for t in wrong) - base
    matrix = np.array(columns).T
    chosen = np.zeros(len(units), bool)
    for entries, rows in _components(abs(matrix) > 1e-14 * abs(matrix).max()):
        found = _subset(matrix[np.ix_(rows, entries)], target[rows])
        if found is None:
            return None
        chosen[entries] = found
    close = np.allclose(matrix @ chosen, target, rtol=1e-6, atol=1e-8 * abs(target).max())
    if not close or chosen.all() or not chosen.any():
        return None
    return np.asarray(low + (high - low) * np.tensordot(chosen * 1.0, units, 1))


def _components(linked: Array) -> Iterator[tuple[Array, Array]]:
    """Columns of a matrix that share rows with one another, with these rows."""
    left = np.ones(linked.shape[1], bool)
    while left.any():
        columns = np.zeros_like(left)
        columns[np.argmax(left)] = True
        while True:
            rows = linked[:, columns].any(axis=1)
            more = linked[rows].any(axis=0)
            if not (more & ~columns).any():
                break
            columns |= more
        left &= ~columns
        yield np.flatnonzero(columns), np.flatnonzero(rows)


def _subset(matrix: Array, target: Array) -> Array | None:
    """Which columns of a matrix sum up to a target, if some do and there are equations enough."""
    if len(target) < 2:
        return None
    count = matrix.shape[1]
    solution, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=1e-9)
    if rank == count:
        chosen = solution > 0.5
        return chosen if np.allclose(solution, chosen, atol=1e-5) else None
    if count > TOGETHER:
        return None
    every = np.array([*itertools.product((False, True), repeat=count)])
    errors = abs(every @ matrix.T - target).max(axis=1)
    best = int(np.argmin(errors))
    return every[best] if errors[best] <= 1e-7 * abs(matrix).max() else None


def other_pairs(matrix: Array) -> Iterator[tuple[str, Array]]:
    """What a square matrix of two numbers chooses, such as a mask of pairs, with others chosen."""
    values = np.unique(matrix)
    if not is_square(matrix) or matrix.ndim != 2 or len(values) != 2:
        return
    own, diagonal = matrix == values[1], np.eye(len(matrix)) > 0
    for words, chosen in (
        ("the diagonal is left out of the pairs that count", own & ~diagonal),
        ("the diagonal is among the pairs that count, too", own | diagonal),
        ("all pairs count: the mask of pairs is left out", own | True),
        ("the mask of pairs is transposed: those before for those after", own.T),
        ("the mask of pairs is inverted", ~own),
    ):
        if not np.array_equal(chosen, own):
            words = f"in both passes {words}"
            yield words, np.where(chosen, values[1], values[0]).astype(matrix.dtype)
