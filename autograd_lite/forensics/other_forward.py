"""The derivation is of another loss: with labels off by one, or other arrays or probabilities."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import cross_entropies, neural
from autograd_lite.forensics.candidate import Candidate, Instead, joint, unchanged
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.loops import at_other_times
from autograd_lite.forensics.place import (
    Place,
    Wrong,
    is_array,
    is_recorded,
    mask_of,
)
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.subsets import other_pairs
from autograd_lite.forensics.value_mistakes import next_slices
from autograd_lite.node import Array, arrays_in, plain
from autograd_lite.tensor import Tensor

Candidates = Iterator[Candidate]


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
        wrong[graph.forward_step(node)] = lambda *given, **k: compute(*replaced(given), **k)
    return wrong


# Other arrays than the loss's: in the backward pass, as hard labels for smooth ones, or in both


class Data(NamedTuple):
    """What the loss is computed from: a leaf, or an array with the parts of it that are used."""

    name: str
    array: Array
    place: Place  # a step from a node that it is used in; to itself, if it is a leaf
    parts: dict[int, Array]  # by their `id`, those that are it, its complement or views of it
    is_leaf: bool


def _data(case: Case) -> list[Data]:
    graph, found = case.graph, dict[int, Data]()
    uses = {id(plain(a)): p for p in graph.places[::-1] for a in arrays_in(p.node.arguments)}
    uses |= {id(place.argument._array): place for place in graph.places[::-1]}
    for step in graph.program.steps:
        array = step.arguments[0] if step.function is None else None
        place = uses.get(id(array))
        if array is None or place is None or array.size < 2 or array.dtype.kind not in "fiub":
            continue
        whole, is_leaf = array, place.argument._array is array
        name = (place.argument.name or "{argument}") if is_leaf else "other data"
        held = [*case.arrays.items(), *((data.name, data.array) for data in found.values())]
        for known, other in held if not is_leaf else ():
            alike = array.shape == other.shape
            alike = alike and any(np.array_equal(each, other) for each in (array, 1 - array))
            if alike or _is_view(array, other):
                name, whole = known, other
                break
        data = found.setdefault(id(whole), Data(name, whole, place, {}, is_leaf))
        data.parts[id(array)] = array
    return [*found.values()]


def _is_view(array: Array, whole: Array) -> bool:
    return array.base is whole and whole.flags.c_contiguous and array.dtype == whole.dtype


def _part(array: Array, whole: Array, other: Array) -> Array:
    """What is for another array what an array is for a whole: it, its complement, or a view."""
    other = other.astype(array.dtype, "C")
    if _is_view(array, whole):
        start = array.ctypes.data - whole.ctypes.data
        return np.ndarray(array.shape, array.dtype, other, start, array.strides)
    return other if array is whole or np.array_equal(array, whole) else 1 - other


def _held(case: Case, data: Data) -> Iterator[tuple[str, Array]]:
    """The caller's arrays that may stand for data, each once."""
    seen = {id(gradient) for gradient in case.manual.values()}
    for name, other in case.arrays.items():
        alike = other.shape == data.array.shape and other.dtype.kind in "fiub"
        if alike and id(other) not in seen and not np.array_equal(other, data.array):
            seen.add(id(other))
            yield name, other


def other_arrays(case: Case) -> Candidates:
    """Another array of the caller's is used in place of one of the loss's, or what it came from."""
    known = _data(case)
    for data in known if len(known) <= MOST_ARRAYS else ():
        uses = [
            (place, slot, data.parts[id(plain(argument))])
            for place in case.graph.places
            for slot, argument in place.others.items()
            if id(plain(argument)) in data.parts
        ]
        for words, other in _in_place_of(case, data):
            wrong: Wrong = {}
            for place, slot, part in uses:
                value = _part(part, data.array, other)
                written = words if np.array_equal(value, other) else f"(1 - {words})"
                wrong[place] = Instead(place, slot, value, written)
            spoken = words if words in case.arrays else words.replace("_", " ")
            spoken = f"the labels {words}" if spoken == words and are_shares(other) else spoken
            own = "{own}" if data.is_leaf else data.name
            what = f"it is computed with {spoken}, the loss with {own}"
            yield Candidate("other arrays", what, wrong)


MOST_ARRAYS = 20
"""Arrays in a loss; where there are more, they are parts of others, in a loop."""


def _in_place_of(case: Case, data: Data) -> Iterator[tuple[str, Array]]:
    yield from _held(case, data)
    array = data.array
    if data.is_leaf:
        return
    if array.dtype.kind == "f" and array.ndim == 2:
        for axis in (0, 1):
            hard = array == array.max(axis=axis, keepdims=True)
            if (hard.sum(axis=axis) == 1).all() and not np.isin(array, (0, 1)).all():
                yield "hard_labels", hard
    if ((array >= 0) & (array <= 1)).all() and array.dtype.kind in "fi":
        yield "(1 - labels)", 1 - array
        if len(np.unique(array)) == 2 and not np.isin(array, (0, 1)).all():
            yield "hard_labels", (array > 0.5).astype(array.dtype)
        if np.isin(array, (0, 1)).all():
            yield "labels_of_minus_1_and_1", 2 * array - 1


def are_shares(array: Array) -> bool:
    """Whether rows are the classes' shares, as one-hot or smoothed labels are."""
    return array.ndim == 2 and bool((array >= 0).all()) and np.allclose(array.sum(axis=1), 1)


Change = tuple[str, str, list[tuple[Data, Array]]]
"""A kind, words, and what stands in both passes in place of data."""

MOST_RUN = 50_000
"""Steps that are run again in all; each change takes both passes, and the time of some more."""


def other_data(case: Case) -> Candidates:
    """Both passes are computed with other arrays, or without some parameters."""
    graph, inputs = case.graph, [step for step in case.graph.program.steps if not step.function]
    changes = itertools.islice(_changes(case), MOST_RUN // (len(graph.places) + 200))
    for kind, words, chosen in changes:
        wrong: Wrong = {}
        for data, other in chosen:
            at = data.place
            wrong[at] = at.vjp
            parts = data.parts.items()
            values = {key: _part(part, data.array, other) for key, part in parts}
            for step in [step for step in inputs if id(step.arguments[0]) in values]:
                place = Place(at.node, -1, graph.loss, at.operation, at.traits, step.number)
                wrong[place] = lambda array, values=values: values[id(array)]
        yield joint(kind, words, wrong)


def _changes(case: Case) -> Iterator[Change]:
    """Rows that are shifted; parameters left out; arrays alone, several called alike, and pairs."""
    known = _data(case)
    for data in known:
        labels = () if data.is_leaf else _other_labels(data.array, data.place.node)
        yield from (("labels", words, [(data, other)]) for words, other in labels)
        for key, part in data.parts.items() if not data.is_leaf else ():
            words = "the labels, or inputs, are shifted by one: another slice of the same array"
            alone = data._replace(array=part, parts={key: part})
            yield from (("labels", words, [(alone, other)]) for other in next_slices(part))
        chosen = () if data.is_leaf else other_pairs(data.array)
        yield from (("another mask", words, [(data, other)]) for words, other in chosen)
    for number, every in ((0.0, "any bias"), (1.0, "any scale")):
        left_out = [(d, np.full_like(d.array, number)) for d in known if _neutral(d) == number]
        for several_of in (*([each] for each in left_out), left_out):
            own = every if several_of[1:] else _named(data.name for data, _ in several_of)
            words = f"without {own} in both passes: as if it were {number:g}"
            yield "other arrays", words, several_of
    single = [(data, *each) for data in known for each in _held(case, data)]
    alike: dict[Any, list[Any]] = {}
    for change in single:
        suffix = change[1].partition("_")[2].rstrip(string.digits)
        same = alike.setdefault((suffix, change[0].is_leaf), [])
        if all(change[0] is not data and change[2] is not other for data, _, other in same):
            same.append(change)
    # One number is easily met by chance among so many.
    of_pairs = single if sum(tensor.size for tensor in case.wrong) > 1 else ()
    pairs = (p for p in itertools.combinations(of_pairs, 2) if p[0][0] is not p[1][0])
    for several in itertools.chain(([change] for change in single), alike.values(), pairs):
        own, others = _named(data.name for data, *_ in several), _named(n for _, n, _ in several)
        which = "the other weights " if all(data.is_leaf for data, *_ in several) else ""
        words = f"it is computed with {which}{others} in both passes, the loss with {own}"
        yield "other arrays", words, [(data, other) for data, _, other in several]


def _named(names: Iterable[str]) -> str:
    several = [*names]
    return "others" if several[1:] and "{argument}" in several else " and ".join(several)


def _neutral(data: Data) -> float | None:
    """The number that does nothing as a parameter that is added, or that entries are scaled by."""
    place = data.place
    if not (data.is_leaf and data.array.size < place.node.size and place.traits.elementwise):
        return None
    return 0.0 if place.traits.additive else 1.0 if place.traits.product else None


def _other_labels(labels: Array, node: Tensor) -> Iterator[tuple[str, Array]]:
    """Labels that are off by one, if a node picks by them; targets, if it compares with them."""
    scores, traits = plain(node.arguments[0]), node.operation.traits
    picks = traits.indexes and isinstance(node.arguments[1], tuple)
    picks = picks or node.operation.function is cross_entropies.softmax_cross_entropy
    if picks and labels.ndim == 1 and np.ndim(scores) == 2 and labels.dtype.kind in "iu":
        for by, which in ((1, "after"), (-1, "before")):
            words = f"the labels are off by one: those of the class {which}"
            yield words, (labels.astype(int) + by) % scores.shape[1]
            words = f"the labels are off by one sample: those of the one {which}"
            yield words, np.roll(labels, -by)
    if not traits.elementwise or not (traits.product or traits.additive):
        return
    if labels.dtype.kind == "f" and 1 < labels.size == len(labels):
        words = "the mean of the targets stands for each, as where (m, 1) - (m,) gives (m, m)"
        yield words, np.full_like(labels, labels.mean())
    for axis in [axis for axis in range(min(labels.ndim, 2)) if labels.shape[axis] > 1]:
        what = f"the {'columns' if axis else 'rows'} of the labels or targets are"
        for shift in (1, -1):
            words = f"{what} shifted by one: an index is off by one"
            yield words, np.roll(labels, shift, axis)
        yield f"{what} in reverse order", np.flip(labels, axis)


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
                wrong = {place: unchanged, case.graph.forward_step(node): alone}
                yield joint(kind, words, wrong)
            scales = place.multiplies_entries and node.ndim and {*place.numbers} - {0, 1, -1}
            for number in scales or ():
                alone = lambda *given, slot=place.slot, **keywords: given[slot]
                words = f"{{operation}} by {number:.6g} is left out in the forward pass"
                wrong = {place: place.vjp, case.graph.forward_step(node): alone}
                yield joint("wrong place", words, wrong)
                wrong = {place: unchanged, case.graph.forward_step(node): alone}
                words = f"{{operation}} by {number:.6g} is left out in both passes"
                yield joint("another loss", words, wrong)


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
        for other in range(x.ndim) if function in (neural.softmax, neural.log_softmax) else ():
            yield from _over_another_axis(graph, place, other)
        whole = function is cross_entropies.softmax_cross_entropy
        if np.ndim(x) != 2 or not (whole or function is neural.softmax):
            continue
        for kind, words, p in _other_probabilities(x):
            wrong: Wrong = {place: place.vjp, graph.forward_step(node): lambda *_, of=p, **k: of}
            if whole:
                more = (p - neural.softmax(x)) / len(x)
                wrong = {place: place.changed(lambda result, g, *_, by=more: result + g * by)}
            yield joint(kind, f"the probabilities of {{operation}} are {words}", wrong)


def _over_another_axis(graph: Graph, place: Place, axis: int) -> Candidates:
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
