"""The forward pass of the derivation is another: with labels off by one, or other probabilities."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import Candidate, joint, unchanged
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


def _uses_of_targets(graph: Graph, targets: Array) -> list[tuple[Tensor, int, bool]]:
    """Nodes and slots that have targets, or one minus them, which is said by True."""
    uses: list[tuple[Tensor, int, bool]] = []
    for node in graph.places_of:
        traits = node.operation.traits
        for slot, argument in enumerate(node.arguments):
            values = plain(argument)
            if is_recorded(argument) or not is_array(values) or values.shape != targets.shape:
                continue
            if values.ndim == 0 or not (traits.elementwise and (traits.product or traits.additive)):
                continue
            if values is targets or np.array_equal(values, targets):
                uses.append((node, slot, False))
            elif np.array_equal(values, 1 - targets):
                uses.append((node, slot, True))
    return uses


def _targets(case: Case, targets: Array) -> Candidates:
    """The rows or columns of targets, or of one minus them, are shifted by one."""
    graph, uses = case.graph, _uses_of_targets(case.graph, targets)
    if not uses or uses[0][2] or targets.dtype.kind not in "fiu":
        return

    def instead(others: Array) -> Wrong:
        wrong: Wrong = {}
        for node, slot, complement in uses:
            wrong |= _with_argument(graph, node, slot, 1 - others if complement else others)
        return wrong

    for name, array in case.arrays.items() if targets.size > 1 else ():
        if array.shape == targets.shape and not np.array_equal(array, targets):
            words = f"it is computed with {name} in both passes, the loss with other targets"
            yield joint("other arrays", words, instead(array))
    if targets.dtype.kind == "f" and 1 < targets.size == len(targets):
        words = "the mean of the targets stands for each, as where (m, 1) - (m,) gives (m, m)"
        yield joint("labels", words, instead(np.full_like(targets, targets.mean())))
    for axis in range(min(targets.ndim, 2)):
        what = f"the {'columns' if axis else 'rows'} of the labels or targets are"
        for words, others in (
            ("shifted by one: an index is off by one", np.roll(targets, 1, axis)),
            ("shifted by one: an index is off by one", np.roll(targets, -1, axis)),
            ("in reverse order", np.flip(targets, axis)),
        ):
            if targets.shape[axis] > 1:
                yield joint("labels", f"{what} {words}", instead(others))


def masks(case: Case) -> Candidates:
    """A mask, or what is added before a function such as noise, is left out in both passes."""
    for node in case.graph.places_of:
        mask = mask_of(node) if node.operation.traits.product else None
        for slot, argument in enumerate(node.arguments if mask is not None else ()):
            if plain(argument) is mask and not mask.all():
                wrong = _with_argument(case.graph, node, slot, np.full_like(mask, mask.max()))
                yield joint("dropout", "the mask is left out in both passes", wrong)
        for place in case.graph.places_of[node]:
            if place.bends and place.traits.activation:
                wrong = {place: unchanged, _forward(case.graph, node): _argument_alone(place.slot)}
                words = "{operation} is left out in both passes, as if its argument were its result"
                yield joint("another loss", words, wrong)
            for kind, words in _is_added(case.graph, place):
                wrong = {place: unchanged, _forward(case.graph, node): _argument_alone(place.slot)}
                yield joint(kind, words, wrong)


def _is_added(graph: Graph, place: Place) -> Iterator[tuple[str, str]]:
    """What an array that is added is, if it is a mask of scores, or goes into a function."""
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


def _argument_alone(slot: int) -> Callable[..., Any]:
    return lambda *given, **keywords: given[slot]


SMALLEST = -1e4
"""Scores below are those of masked entries."""


def softmax_in_forward(case: Case) -> Candidates:
    """The probabilities of the derivation are taken over another axis, or not normalized."""
    graph = case.graph
    words = "the probabilities of {operation} are "
    others: tuple[tuple[str, Any], ...] = (
        ("taken over the wrong axis in the forward pass", lambda x, axis: _softmax(x, 1 - axis)),
        (
            "divided by the sum over all entries in the forward pass",
            lambda x, axis: _softmax(x, None),
        ),
        ("not divided by their sum in the forward pass", lambda x, axis: np.exp(x)),
    )
    for node, places in graph.places_of.items():
        function, x, place = node.operation.function, plain(node.arguments[0]), places[0]
        whole = function is cross_entropies.softmax_cross_entropy
        if np.ndim(x) != 2 or not (whole or function is neural.softmax):
            continue
        for what, probabilities in others:
            kind = "wrong axis" if "axis" in what else "wrong formula"
            if whole:
                vjp = place.changed(
                    lambda result, g, y, z, *_, of=probabilities: (
                        result + g * (of(z, 1) - neural.softmax(z)) / len(z)
                    )
                )
                yield joint(kind, words + what, {place: vjp})
                continue
            axis = node.keywords.get("axis", node.arguments[1] if len(node.arguments) > 1 else -1)
            of = partial(_probabilities, probabilities, axis % 2)
            yield joint(kind, words + what, {place: place.vjp, _forward(graph, node): of})


def _softmax(x: Array, axis: int | None) -> Array:
    exponentials = np.exp(x - x.max())
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def _probabilities(of: Any, along: int, x: Array, *rest: Any, **keywords: Any) -> Array:
    return of(x, along)


def targets_of_loops(case: Case) -> Candidates:
    """In a loop each step has the target, or the label, of another one."""
    graph = case.graph
    for steps in graph.alike:
        nodes = [*{place.node: None for place in graph.in_time(steps)}]
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


OTHER_FORWARD: tuple[Callable[[Case], Candidates], ...] = (
    *(labels, targets_of_loops, masks, softmax_in_forward),
)
