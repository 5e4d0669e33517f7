"""The derivation is of another loss: with labels off by one, or other arrays or probabilities."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import Candidate, Instead, joint, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.loops import at_other_times
from autograd_lite.forensics.place import Place, Wrong, index_parts, is_array, is_recorded, mask_of
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

Candidates = Iterator[Candidate]


def _forward(graph: Graph, node: Tensor) -> Place:
    """The step that computes a node, which a candidate may replace too."""
    row = node.operation
    return Place(node, -1, graph.loss, row, row.traits, graph.program.values[node].number)


def _with_argument(graph: Graph, node: Tensor, slot: int, value: Any) -> Wrong:
    """Both passes with another plain argument of a node."""

    def replaced(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        # Without what the operation has kept of its forward pass.
        return *arguments[:slot], value, *arguments[slot + 1 : len(node.arguments)]

    compute = node.operation.compute
    wrong: Wrong = {
        place: place.given(lambda y, *arguments: (y, *replaced(arguments)))
        for place in graph.places_of[node]
    }
    if not node.operation.residual:
        wrong[_forward(graph, node)] = lambda *given, **k: compute(*replaced(given), **k)
    return wrong


def labels(case: Case) -> Candidates:
    """The labels or targets are off by one: those of another class, or of another sample."""
    graph = case.graph
    for node in graph.places_of:
        for slot, index in _labels_in(node):
            values = index[1] if isinstance(index, tuple) else index
            classes = plain(node.arguments[0]).shape[1]
            for words, others in (
                ("off by one: those of the class after", (values + 1) % classes),
                ("off by one: those of the class before", (values - 1) % classes),
                ("off by one sample: those of the next", np.roll(values, -1)),
                ("off by one sample: those of the one before", np.roll(values, 1)),
            ):
                other = (index[0], others) if isinstance(index, tuple) else others
                wrong = _with_argument(graph, node, slot, other)
                yield joint("labels", f"the labels are {words}", wrong)
    for targets in graph.plain_arrays:
        yield from _targets(case, targets)


def _labels_in(node: Tensor) -> Iterator[tuple[int, Any]]:
    """Labels that a node is given as integers, or picks entries by, as p[np.arange(m), y]."""
    if node.operation.function is cross_entropies.softmax_cross_entropy:
        yield 1, plain(node.arguments[1])
    if node.operation.function is operator.getitem and np.ndim(plain(node.arguments[0])) == 2:
        index = index_parts(node.arguments[1])
        if len(index) == 2 and all(is_array(part) and part.ndim == 1 for part in index):
            rows, values = index
            if values.dtype.kind in "iu" and np.array_equal(rows, np.arange(len(rows))):
                yield 1, (rows, values)


# Other arrays than the loss's: in the backward pass, as hard labels for smooth ones, or in both


def other_arrays(case: Case) -> Candidates:
    """Another array of the caller's is used in place of one of the loss's, or what it came from."""
    graph, names = case.graph, {id(array): name for name, array in case.arrays.items()}
    arrays = [a for a in graph.plain_arrays if isinstance(a, np.ndarray) and a.size > 1]
    for array in arrays if len(arrays) <= MOST_ARRAYS else ():
        uses, name = _uses(graph, array), names.get(id(array), "the data")
        for words, other in _in_place_of(case, array):
            wrong: Wrong = {}
            for node, slot, value in _instead(uses, other):
                written = words if value is other else f"(1 - {words})"
                steps = [place for place in graph.places_of[node] if place.slot != slot]
                wrong |= {place: Instead(place, slot, value, written) for place in steps}
            spoken = words if words in case.arrays else words.replace("_", " ")
            spoken = f"the labels {words}" if spoken == words and are_shares(other) else spoken
            what = f"it is computed with {spoken}, the loss with {name}"
            yield Candidate("other arrays", what, wrong)


MOST_ARRAYS = 20
"""Arrays in a loss; where there are more, they are parts of others, in a loop."""


def _in_place_of(case: Case, array: Array) -> Iterator[tuple[str, Array]]:
    for name, other in case.arrays.items():
        if other.shape == array.shape and other.dtype.kind in "fiub":
            if not np.array_equal(other, array):
                yield name, other.astype(array.dtype)
    if array.dtype.kind == "f" and array.ndim == 2:
        for axis in (0, 1):
            hard = array == array.max(axis=axis, keepdims=True)
            if (hard.sum(axis=axis) == 1).all() and not np.isin(array, (0, 1)).all():
                yield "hard_labels", hard.astype(array.dtype)
    if ((array >= 0) & (array <= 1)).all() and array.dtype.kind in "fi":
        yield "(1 - labels)", 1 - array
        if np.isin(array, (0, 1)).all():
            yield "labels_of_minus_1_and_1", 2 * array - 1


def are_shares(array: Array) -> bool:
    """Whether rows are the classes' shares, as one-hot or smoothed labels are."""
    return array.ndim == 2 and bool((array >= 0).all()) and np.allclose(array.sum(axis=1), 1)


Use = tuple[Tensor, int, bool]
"""A node, the slot of an array, and whether 1 minus it stands there, an array of its own."""


def _uses(graph: Graph, array: Array) -> list[Use]:
    found: list[Use] = []
    for node in graph.places_of:
        for slot, argument in enumerate(node.arguments):
            values = plain(argument)
            if is_recorded(argument) or not is_array(values) or values.shape != array.shape:
                continue
            if values is array or np.array_equal(values, array):
                found.append((node, slot, False))
            elif values.dtype.kind in "fiu" and np.allclose(values, 1 - array, rtol=0, atol=1e-12):
                found.append((node, slot, True))
    return found


def _instead(uses: list[Use], other: Array) -> Iterator[tuple[Tensor, int, Array]]:
    for node, slot, complement in uses:
        yield node, slot, 1 - other if complement else other


def _targets(case: Case, targets: Array) -> Candidates:
    """Both passes are computed with other targets, such as with rows that are shifted by one."""
    uses: list[Use] = []
    if targets.ndim and targets.dtype.kind in "fiu":
        traits = {use: use[0].operation.traits for use in _uses(case.graph, targets)}
        uses = [u for u, t in traits.items() if t.elementwise and (t.product or t.additive)]
    for kind, words, others in _other_targets(case, targets) if uses and not uses[0][2] else ():
        wrong: Wrong = {}
        for use in _instead(uses, others):
            wrong |= _with_argument(case.graph, *use)
        yield joint(kind, words, wrong)


def _other_targets(case: Case, targets: Array) -> Iterator[tuple[str, str, Array]]:
    for name, array in case.arrays.items() if targets.size > 1 else ():
        if array.shape == targets.shape and not np.array_equal(array, targets):
            words = f"it is computed with {name} in both passes, the loss with other targets"
            yield "other arrays", words, array
    if targets.dtype.kind == "f" and 1 < targets.size == len(targets):
        words = "the mean of the targets stands for each, as where (m, 1) - (m,) gives (m, m)"
        yield "labels", words, np.full_like(targets, targets.mean())
    for axis in [axis for axis in range(min(targets.ndim, 2)) if targets.shape[axis] > 1]:
        what = f"the {'columns' if axis else 'rows'} of the labels or targets are"
        for shift in (1, -1):
            words = f"{what} shifted by one: an index is off by one"
            yield "labels", words, np.roll(targets, shift, axis)
        yield "labels", f"{what} in reverse order", np.flip(targets, axis)


def masks(case: Case) -> Candidates:
    """A mask, or what is added before a function such as noise, is left out in both passes."""
    for node in case.graph.places_of:
        mask = mask_of(node) if node.operation.traits.product else None
        for slot, argument in enumerate(node.arguments if mask is not None else ()):
            if plain(argument) is mask and not mask.all():
                wrong = _with_argument(case.graph, node, slot, np.full_like(mask, mask.max()))
                yield joint("dropout", "the mask is left out in both passes", wrong)
        for place in case.graph.places_of[node]:
            for kind, words in _may_be_left_out(case.graph, place):
                alone = lambda *given, slot=place.slot, **keywords: given[slot]
                wrong = {place: unchanged, _forward(case.graph, node): alone}
                yield joint(kind, words, wrong)


def _may_be_left_out(graph: Graph, place: Place) -> Iterator[tuple[str, str]]:
    """An activation; an array that is added, if it is a mask of scores, or goes into a function."""
    if place.bends and place.traits.activation:
        words = "{operation} is left out in both passes, as if its argument were its result"
        yield "another loss", words
    if _masks_scores(place):
        yield "dropout", "the mask is left out in both passes"
    adds = place.operation.function is np.add and place.node.shape == place.argument.shape
    arrays = [plain(a) for a in place.other_arguments if adds and not is_recorded(a)]
    uses = graph.consumers.get(place.node, ()) if adds else ()
    uses = [*uses, *(use for each in uses for use in graph.consumers.get(each.node, ()))]
    if any(map(np.ndim, arrays)) and any(use.traits.activation or use.traits.link for use in uses):
        yield "wrong place", "what is added there, such as noise, is left out in both passes"


def _masks_scores(place: Place) -> bool:
    """Whether some entries are made so small that softmax gives 0 for them."""
    chosen = place.operation.function is np.where
    others = [plain(a) for a in place.other_arguments if not is_recorded(a)]
    alike = (chosen or place.traits.additive) and place.node.shape == place.argument.shape
    return alike and any(np.min(a, initial=0.0) < SMALLEST for a in others if is_array(a) or chosen)


SMALLEST = -1e4
"""Scores below are those of masked entries."""


def softmax_in_forward(case: Case) -> Candidates:
    """The probabilities of the derivation are taken over another axis, or not normalized."""
    graph = case.graph
    for node, places in graph.places_of.items():
        function, x, place = node.operation.function, plain(node.arguments[0]), places[0]
        whole = function is cross_entropies.softmax_cross_entropy
        if np.ndim(x) != 2 or not (whole or function is neural.softmax):
            continue
        given = dict(zip(("axis",), node.arguments[1:])) | node.keywords
        axis = 1 if whole else given.get("axis", -1) % 2
        for kind, words, p in _other_probabilities(x, axis):
            wrong: Wrong = {place: place.vjp, _forward(graph, node): lambda *_, of=p, **k: of}
            if whole:
                more = (p - neural.softmax(x)) / len(x)
                wrong = {place: place.changed(lambda result, g, *_, by=more: result + g * by)}
            yield joint(kind, f"the probabilities of {{operation}} are {words}", wrong)


def _other_probabilities(x: Array, axis: int) -> Iterator[tuple[str, str, Array]]:
    exponentials = np.exp(x - x.max())
    words = "taken over the wrong axis in the forward pass"
    yield "wrong axis", words, exponentials / exponentials.sum(axis=1 - axis, keepdims=True)
    words = "divided by the sum over all entries in the forward pass"
    yield "wrong formula", words, exponentials / exponentials.sum()
    yield "wrong formula", "not divided by their sum in the forward pass", np.exp(x)


def targets_of_loops(case: Case) -> Candidates:
    """In a loop each step has the target, or the label, of another one."""
    graph = case.graph
    for steps in graph.loops:
        nodes = [*{place.node: None for place in steps}]
        for slot, argument in enumerate(nodes[0].arguments if len(nodes) > 1 else ()):
            own = [plain(node.arguments[slot]) for node in nodes]
            if is_recorded(argument) or not _are_targets(nodes[0], own):
                continue
            classes = np.size(plain(nodes[0].arguments[0])) if nodes[0].ndim == 0 else 0
            more = _from_outside(own, classes) if isinstance(own[0], int | np.integer) else ()
            for which, others in (*at_other_times(own), *more):
                wrong: Wrong = {}
                for node, other in zip(nodes, others):
                    wrong |= _with_argument(graph, node, slot, other)
                yield joint("labels", f"the target, or label, is that of {which}", wrong)


def _from_outside(own: list[Any], classes: int) -> Iterator[tuple[str, list[Any]]]:
    """The labels of the step beside, where one is of a step that is no part of the loss."""
    for label in range(min(classes, MOST_CLASSES)):
        yield "the step before", [*own[1:], label]
        yield "the step after", [label, *own[:-1]]


MOST_CLASSES = 30
"""Classes of which a label that is in no step may be one."""


def _are_targets(node: Tensor, values: list[Any]) -> bool:
    """Whether numbers or arrays are what a loss compares with, or entries that it picks."""
    traits = node.operation.traits
    compares = traits.elementwise and traits.additive and node.ndim <= 1
    picks = traits.indexes and node.ndim == 0
    whole = all(is_array(v) or isinstance(v, int | float) for v in values)
    if not (compares or picks) or not whole or len({np.shape(v) for v in values}) > 1:
        return False
    return any(not np.array_equal(values[0], other) for other in values[1:])
