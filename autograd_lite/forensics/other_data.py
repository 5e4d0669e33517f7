"""The derivation is of a loss with other data: labels off by one, other arrays, no biases."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import cross_entropies
from autograd_lite.forensics.candidate import Candidate, Instead, joint
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import factor_between
from autograd_lite.forensics.masks import chooses_by, is_condition, other_pairs
from autograd_lite.forensics.place import (
    Place,
    Vjp,
    Wrong,
    index_parts,
    is_recorded,
    lines_along,
    numbers_in,
)
from autograd_lite.forensics.value_mistakes import next_slices
from autograd_lite.node import Array, arrays_in, plain
from autograd_lite.tensor import Tensor


class Data(NamedTuple):
    """What the loss is computed from: a leaf, or an array with the parts of it that are used."""

    name: str
    array: Array
    place: Place  # a step from a node that it is used in; to itself, if it is a leaf
    parts: dict[int, Array]  # by their `id`, those that are it, its complement or views of it
    is_leaf: bool
    places: dict[int, Place]  # that each of the parts is used in


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
        first = itertools.islice(found.values(), MOST_WHOLES)
        held = [*case.arrays.items(), *((data.name, data.array) for data in first)]
        for known, other in held if not is_leaf else ():
            in_order = _is_in_order(array, other) or _is_in_order(1 - array, other)
            if in_order or _is_view(array, other):
                name, whole = known, other
                break
        data = found.setdefault(id(whole), Data(name, whole, place, {}, is_leaf, {}))
        data.parts[id(array)], data.places[id(array)] = array, place
    return [*found.values()]


MOST_WHOLES = 20
"""Arrays of a record, of which others may be views: in a loop there is one in each step."""


MOST_PARTS = 4
"""Views of one array that are looked at one by one, such as inputs and targets of one text."""


def _alone(case: Case, data: Data) -> Iterator[Data]:
    """Each view of an array by itself, where it is used, called as the caller calls it."""
    for key, part in data.parts.items() if len(data.parts) <= MOST_PARTS else ():
        names = (name for name, array in case.arrays.items() if _is_in_order(part, array))
        if _is_view(part, data.array):
            name, place = next(names, "other data"), data.places[key]
            yield data._replace(name=name, array=part, parts={key: part}, place=place)


def _is_view(array: Array, whole: Array) -> bool:
    return array.base is whole and whole.flags.c_contiguous and array.dtype == whole.dtype


def _is_in_order(array: Array, whole: Array) -> bool:
    """Whether an array has the entries of a whole, up to axes of length 1: Y and Y[:, None]."""
    alike = array.size == whole.size and np.squeeze(array).shape == np.squeeze(whole).shape
    return alike and bool(np.array_equal(array.ravel(), whole.ravel()))


def _part(array: Array, whole: Array, other: Array) -> Array:
    """What is for another array what an array is for a whole: it, its complement, or a view."""
    if other.dtype.kind != "f" or np.array_equal(other, np.round(other)):
        other = other.astype(array.dtype)  # Means of labels stay what they are.
    if array is whole or _is_in_order(array, whole):
        return other.reshape(array.shape)
    if _is_view(array, whole):
        return other.ravel()[numbers_in(whole, array)]
    return 1 - other.reshape(array.shape)


def _held(case: Case, data: Data) -> Iterator[tuple[str, Array]]:
    """The caller's arrays that may stand for data, each once."""
    seen = {id(gradient) for gradient in case.manual.values()}
    chooses = chooses_by(case.graph, data.parts)
    for name, other in case.arrays.items():
        alike = other.shape == data.array.shape and (not chooses or is_condition(other))
        alike = alike and id(other) not in seen and not np.array_equal(other, data.array)
        if alike and not _is_delta(case, other):
            seen.add(id(other))
            yield name, other


def _is_delta(case: Case, array: Array) -> bool:
    """Whether a gradient that was handed in is made of an array as of what arrives at a step.

    Or as of the gradients of samples, which are averaged or summed.
    """
    if array.dtype == bool:
        return False
    given = [case.manual[t] for t in case.wrong_ones if array.ndim > 1]
    given = [gradient for gradient in given if gradient.shape == array.shape[1:]]
    if any(factor_between(gradient, array.sum(axis=0)) for gradient in given):
        return True
    uses = [(t, use) for t in case.wrong_ones for use in case.graph.consumers.get(t, ())]
    return any(
        use.node.shape == array.shape and case.alike(case.manual[tensor], use.unmatched(array))
        for tensor, use in uses[:MOST_USES]
    )


MOST_USES = 50
"""Uses of parameters in which it is looked for what was taken to arrive there."""


def other_arrays(case: Case) -> Iterator[Candidate]:
    """Another array of the caller's is used in place of one of the loss's, or what it came from."""
    known = _data(case)
    views = [alone for data in known for alone in _alone(case, data)]
    for data in (*known, *views) if len(known) <= MOST_ARRAYS else ():
        given = [(p, slot, id(plain(a))) for p in case.graph.places for slot, a in p.others.items()]
        uses = [(p, slot, data.parts[key]) for p, slot, key in given if key in data.parts]
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


def elsewhere(case: Case) -> Iterator[Candidate]:
    """A derivative is taken at an array of the caller's, or a product with it, not with a node."""
    known = [*case.manual.values(), *(leaf._array for leaf in case.graph.leaves)]
    held = [(n, a) for n, a in case.arrays.items() if a.dtype.kind == "f"][:MOST_HELD]
    held = [(n, a) for n, a in held if not any(np.array_equal(a, other) for other in known)]
    held = [(name, array) for name, array in held if not _is_delta(case, array)]
    for place in case.graph.places if len(case.graph.places) <= MOST_STEPS else ():
        bends = place.bends and place.traits.elementwise
        slots = [place.slot] if bends else [*place.others] if place.traits.product else []
        for slot, (name, array) in itertools.product(slots, held):
            own = place.node.arguments[slot]
            if is_recorded(own) and own.shape == array.shape:
                what = f"the derivative of {{operation}} is taken at {name}, not at {{argument}}"
                vjp: Vjp = place.given(partial(_with_output, place, array))
                if not bends:
                    what = f"the product is taken with {name}, where {{own}} belongs"
                    vjp = Instead(place, slot, array, name)
                yield Candidate("other arrays", what, {place: vjp})


def _with_output(place: Place, array: Array, y: Array, *given: Any) -> tuple[Any, ...]:
    """An array for the argument of a step, with what the function gives for it."""
    given = *given[: place.slot], array, *given[place.slot + 1 :]
    return place.operation.value(*given, **place.node.keywords), *given


MOST_STEPS = 200
MOST_HELD = 10
"""Steps, and arrays of the caller's, of which one is taken with one of these."""


def _in_place_of(case: Case, data: Data) -> Iterator[tuple[str, Array]]:
    yield from _held(case, data)
    array = data.array
    if data.is_leaf:
        return
    yield from (("another_slice_of_the_same_array", other) for other in next_slices(array))
    if array.dtype.kind == "f" and array.ndim == 2:
        for axis in [axis for axis in (0, 1) if are_shares(array if axis else array.T)]:
            hard = array == array.max(axis=axis, keepdims=True)
            if (hard.sum(axis=axis) == 1).all() and not np.isin(array, (0, 1)).all():
                yield "hard_labels", hard
    if ((array >= 0) & (array <= 1)).all() and array.dtype.kind in "fi":
        yield "(1 - labels)", 1 - array
        if len(np.unique(array)) == 2 and not np.isin(array, (0, 1)).all():
            yield "hard_labels", (array > 0.5).astype(array.dtype)
        if np.isin(array, (0, 1)).all():
            yield "labels_of_minus_1_and_1", 2 * array - 1
            if array.dtype.kind == "i" and array.ndim == 1:
                name = data.name.replace(" ", "_")
                yield f"{name}_taken_for_an_index", np.bincount(array, minlength=len(array))


def are_shares(array: Array) -> bool:
    """Whether rows are the classes' shares, as one-hot or smoothed labels are."""
    return array.ndim == 2 and bool((array >= 0).all()) and np.allclose(array.sum(axis=1), 1)


Change = tuple[str, str, list[tuple[Data, Array]]]
"""A kind, words, and what stands in both passes in place of data."""

MOST_RUN = 50_000
"""Steps that are run again in all; each change takes both passes, and the time of some more."""


def other_data(case: Case) -> Iterator[Candidate]:
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
            words = "the labels, or inputs, are shifted by one in both passes: another slice of "
            words += "the same array"
            alone = data._replace(array=part, parts={key: part}, place=data.places[key])
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
    views = (alone for data in known for alone in _alone(case, data))
    of_views = [(alone, *each) for alone in views for each in _held(case, alone)]
    one_by_one = ([change] for change in (*single, *of_views))
    for several in itertools.chain(one_by_one, alike.values(), pairs):
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


def _numbers_rows(array: Array, index: Any) -> bool:
    """Whether an array of an index for two axes is that of the rows, and not the labels."""
    parts = index_parts(index) if isinstance(index, tuple) else []
    return [np.array_equal(array, part) for part in parts] == [True, False]


def _other_labels(labels: Array, node: Tensor) -> Iterator[tuple[str, Array]]:
    """Labels that are off by one, if a node picks by them; targets, if it compares with them."""
    scores, traits = plain(node.arguments[0]), node.operation.traits
    picks = traits.indexes and isinstance(node.arguments[1], tuple)
    picks = picks or node.operation.function is cross_entropies.softmax_cross_entropy
    picks = picks and not _numbers_rows(labels, node.arguments[1])
    if picks and labels.ndim == 1 and np.ndim(scores) == 2 and labels.dtype.kind in "iu":
        for by, which in ((1, "after"), (-1, "before")):
            words = f"the labels are off by one: those of the class {which}"
            yield words, (labels.astype(int) + by) % scores.shape[1]
            words = f"the labels are off by one sample: those of the one {which}"
            yield words, np.roll(labels, -by)
        yield "the labels are in reverse order", np.flip(labels)
    if not traits.elementwise or not (traits.product or traits.additive):
        return
    if 1 < labels.size == len(labels):
        words = "the mean of the targets stands for each, as where (m, 1) - (m,) gives (m, m)"
        yield words, np.full(labels.shape, labels.mean())
    for axis in [axis for axis in range(min(labels.ndim, 2)) if labels.shape[axis] > 1]:
        what = f"the {lines_along(labels, axis)} of the labels or targets are"
        for shift in (1, -1):
            yield f"{what} shifted by one: an index is off by one", np.roll(labels, shift, axis)
        yield f"{what} in reverse order", np.flip(labels, axis)
