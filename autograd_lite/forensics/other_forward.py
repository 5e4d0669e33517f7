"""The derivation is of another forward pass: without masks, with other probabilities or targets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import Always, Candidate, Instead, joint, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.formula_mistakes import of_largest
from autograd_lite.forensics.loops import at_other_times
from autograd_lite.forensics.place import Place, Wrong, grouped, is_array, is_recorded, mask_of
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.step_mistakes import vjp_of
from autograd_lite.node import Array, plain
from autograd_lite.table import TABLE
from autograd_lite.tensor import Tensor


def _with_argument(graph: Graph, node: Tensor, slot: int, value: Any) -> Wrong:
    """Both passes with another plain argument of a node."""

    def replaced(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        # Without what the operation has kept of its forward pass.
        return *arguments[:slot], value, *arguments[slot + 1 : len(node.arguments)]

    compute = node.operation.compute
    given = lambda y, *arguments: (y, *replaced(arguments))
    wrong: Wrong = {place: place.given(given) for place in graph.places_of[node]}
    if not node.operation.residual:
        wrong[graph.forward_step(node)] = lambda *given, **k: compute(*replaced(given), **k)
    return wrong


def masks(case: Case) -> Iterator[Candidate]:
    """A mask, or what is added before a function such as noise, is left out in both passes."""
    for node in case.graph.places_of:
        mask = mask_of(node) if node.operation.traits.product else None
        for slot, argument in enumerate(node.arguments if mask is not None else ()):
            if plain(argument) is mask and not mask.all():
                wrong = _with_argument(case.graph, node, slot, np.full_like(mask, mask.max()))
                yield joint("dropout", "the mask is left out in both passes", wrong)
        for place in case.graph.places_of[node]:
            step = case.graph.forward_step(node)
            alone: Wrong = {step: lambda *given, slot=place.slot, **keywords: given[slot]}
            for kind, words in _may_be_left_out(case.graph, place):
                yield joint(kind, words, {place: unchanged} | alone)
            scales = place.multiplies_entries and node.ndim and {*place.numbers} - {0, 1, -1}
            for number in scales or ():
                words = f"{{operation}} by {number:.6g} is left out in "
                yield joint("wrong place", words + "the forward pass", {place: place.vjp} | alone)
                yield joint("another loss", words + "both passes", {place: unchanged} | alone)


def _may_be_left_out(graph: Graph, place: Place) -> Iterator[tuple[str, str]]:
    """An activation; an array that is added, if it is a mask of scores, or goes into a function."""
    if place.activates:
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


def other_activations(case: Case) -> Iterator[Candidate]:
    """Another activation than the loss's in both passes, at one layer or at all alike."""
    graph = case.graph
    own = [place for place in graph.places if place.activates and place.traits.elementwise]
    own = [place for place in own if not place.operation.residual]
    alike = [g for g in grouped(own, lambda place: place.operation).values() if len(g) > 1]
    for group in [*([place] for place in own if len(own) <= MOST_LAYERS), *alike]:
        for function in OTHERS:
            if group[0].operation.function is not function:
                wrong: Wrong = {}
                for place in group:
                    wrong[place] = partial(vjp_of, function, True)
                    wrong[graph.forward_step(place.node)] = lambda z, *_, of=function, **k: of(z)
                name = TABLE[function].name
                words = f"{name} stands for {{operation}} in both passes: it is another activation"
                yield joint("another loss", words, wrong)


def maxima_for_logsumexp(case: Case) -> Iterator[Candidate]:
    """Each logarithm of a sum of exponentials is a maximum in both passes: one path for all."""
    wrong: Wrong = {}
    nodes = [n for n in case.graph.places_of if n.operation.function is neural.logsumexp]
    for node in nodes if len(nodes) > 1 else ():
        wrong |= dict.fromkeys(case.graph.places_of[node][:1], of_largest)
        wrong[case.graph.forward_step(node)] = lambda x, *axis, **k: np.max(x, *axis, **k)
    words = "a maximum stands for {operation} in both passes, as the best path does for all of them"
    yield joint("another loss", words, wrong)


OTHERS = neural.relu, np.tanh, neural.sigmoid, neural.softplus, neural.leaky_relu, neural.elu
"""Activations that stand for others."""
MOST_LAYERS = 6
"""Activations of which each alone may be another one."""


def _masks_scores(place: Place) -> bool:
    """Whether some entries are made so small that softmax gives 0 for them."""
    chosen = place.operation.function is np.where
    others = [plain(a) for a in place.other_arguments if not is_recorded(a)]
    alike = (chosen or place.traits.additive) and place.node.shape == place.argument.shape
    return alike and any(np.min(a, initial=0.0) < SMALLEST for a in others if is_array(a) or chosen)


SMALLEST = -1e4
"""Scores below are those of masked entries."""


def softmax_in_forward(case: Case) -> Iterator[Candidate]:
    """The probabilities of the derivation are taken over another axis, or not normalized."""
    graph = case.graph
    for node, places in graph.places_of.items():
        function, x, place = node.operation.function, plain(node.arguments[0]), places[0]
        for other in range(x.ndim) if function in (neural.softmax, neural.log_softmax) else ():
            yield from _over_another_axis(graph, place, other)
        whole = function is cross_entropies.softmax_cross_entropy
        if np.ndim(x) != 2 or not (whole or function is neural.softmax):
            continue
        for kind, words, p in _other_probabilities(x):
            wrong: Wrong = {place: place.vjp, graph.forward_step(node): Always(p)}
            if whole:
                more = (p - neural.softmax(x)) / len(x)
                wrong = {place: place.changed(lambda result, g, *_, by=more: result + g * by)}
            yield joint(kind, f"the probabilities of {{operation}} are {words}", wrong)


def _over_another_axis(graph: Graph, place: Place, axis: int) -> Iterator[Candidate]:
    """In the forward pass, in both, or in all that the backward pass computes with."""
    node, compute = place.node, place.operation.compute
    words = f"{place.operation.name} is taken over axis {axis}, the wrong one, in "
    wrong: Wrong = {place: lambda g, y, x, *_, **k: place.vjp(g, y, x, axis=axis)}
    forward: Wrong = {graph.forward_step(node): lambda x, *_, **k: compute(x, axis=axis)}
    yield joint("wrong axis", words + "the forward pass", {place: place.vjp} | forward)
    yield joint("wrong axis", words + "both passes", wrong | forward)
    y = compute(place.argument._array, axis=axis)
    wrong = {place: lambda g, _, x, *__, **k: place.vjp(g, y, x, axis=axis)}
    for use in graph.consumers.get(node, ()):
        for beside in graph.places_of[use.node]:
            if beside is not use and use.traits.product:
                wrong[beside] = Instead(beside, use.slot, y)
    yield joint("wrong axis", words + "the backward pass", wrong)


def _other_probabilities(x: Array) -> Iterator[tuple[str, str, Array]]:
    exponentials = np.exp(x - x.max())
    words = "taken over the wrong axis in the forward pass"
    yield "wrong axis", words, exponentials / exponentials.sum(axis=0, keepdims=True)
    words = "divided by the sum over all entries in the forward pass"
    yield "wrong formula", words, exponentials / exponentials.sum()
    yield "wrong formula", "not divided by their sum in the forward pass", np.exp(x)


def targets_of_loops(case: Case) -> Iterator[Candidate]:
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
