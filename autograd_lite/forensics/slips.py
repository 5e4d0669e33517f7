"""Mistakes in one gradient as it was handed in: the backward pass behind it is right.

Each kind is one `yield`, with two arrays that are alike if the slip was made.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import FACTOR
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, multiples, rounded
from autograd_lite.forensics.penalties import (
    added_by_penalties,
    of_bias,
    penalized_bias,
    strengths_of_penalties,
)
from autograd_lite.forensics.place import lines_along, sets_of_axes
from autograd_lite.forensics.replay import Replay
from autograd_lite.forensics.updates import limited, made_of
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor


class Slip(NamedTuple):
    """What was done to right gradients; `factor` is the number that they were multiplied by."""

    kind: str
    what: str
    factor: float | None = None
    tensors: tuple[Tensor, ...] = ()
    other: Tensor | None = None  # that {0} in words stands for
    solved: bool = False  # whether a number in words is one that makes any single entry right

    @property
    def says(self) -> Any:
        """What it shares with those that say the same: a factor may be in a step, too."""
        factor = f"{self.factor or 0:.6g}"
        return (self.kind, factor) if self.factor else (self.tensors, self.kind, factor)


LARGEST = 100_000
"""Entries of a gradient up to which it is looked for in what else there is."""
Slipped = Iterator[tuple[Slip, Array, Array]]


def slips_in(case: Case, predicted: Replay, wrong: frozenset[Tensor]) -> list[Slip] | None:
    """The slips that turn predicted gradients into those handed in, or None if one has none."""
    found: dict[Any, Slip] = {}
    for tensor in case.manual:
        slip = _slip_in(case, predicted, tensor) if tensor in wrong else None
        if slip:
            key = slip.kind, slip.what, slip.factor, slip.other
            found[key] = slip._replace(tensors=(*found.get(key, slip).tensors, tensor))
        elif tensor in wrong:
            return None
    return [*found.values()]


def _slip_in(case: Case, predicted: Replay, tensor: Tensor) -> Slip | None:
    given, right = case.manual[tensor], predicted[tensor]
    if not np.isfinite(right).all():
        return None
    alike = given.shape == right.shape
    searches = [_of_one_shape if alike else _of_another_shape]
    # After another mistake, these explain too much.
    if predicted is case.graph.right and given.size <= LARGEST:
        searches.append(_copied)
        searches += OF_RIGHT if alike else ()
    slipped = (search(case, tensor, given, right) for search in searches)
    unknown: Slip | None = None  # A factor that means nothing, if nothing else explains the same.
    for slip, one, other in itertools.chain(_exchanged(case, predicted, tensor), *slipped):
        if case.alike(one, other):
            if not slip.factor or case.in_words(slip.factor):
                return slip
            unknown = slip
    return unknown or (None if alike else _wrong_axis(case, predicted, tensor))


def _exchanged(case: Case, predicted: Replay, tensor: Tensor) -> Slipped:
    """The gradient of another tensor, or of an earlier pass."""
    given, right = case.manual[tensor], predicted[tensor]
    for other in case.manual:
        if other is not tensor and case.alike(case.manual[other], right):
            words = "two gradients are swapped"
            if _are_factors(case, tensor, other):
                words += ", as where each takes its own values for those of the other factor"
            yield Slip("swapped", words), given, predicted[other]
        if other is not tensor and other.shape == right.shape and predicted[other].any():
            words = "the right d{0} is added to it"
            yield Slip("copied", words, other=other), given, right + predicted[other]
    earlier = tensor.grad._array if isinstance(tensor.grad, Tensor) else tensor.grad
    if earlier is not None and not case.alike(earlier, right):
        yield Slip("previous step", "it is the gradient of an earlier backward()"), given, earlier
        words = "an earlier gradient was not reset, and is added"
        yield Slip("previous step", words), given, earlier + right


def _are_factors(case: Case, one: Tensor, other: Tensor) -> bool:
    """Whether two tensors, or rows that are taken of them, are multiplied with each other."""
    nodes = case.graph.places_of.items()
    products = (places for node, places in nodes if node.operation.traits.product)
    return any({_taken_of(place.argument) for place in each} == {one, other} for each in products)


def _taken_of(node: Tensor) -> Tensor:
    """What a node is a part of, as rows are."""
    while node.operation is not None and node.operation.traits.indexes:
        node = node.arguments[0]
    return node


def _copied(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    """The gradient of another tensor, or what it gives along an axis."""
    for other, array in case.manual.items():
        if other is tensor or not np.any(array):
            continue
        # Of two that are wrong and equal neither is known to be the copy.
        if array.size == given.size and other in case.fitted(case.graph.right):
            words = "it is a copy of d{0}"
            yield Slip("copied", words, other=other), given, array.reshape(given.shape)
        for axis, reduce in itertools.product(range(array.ndim), (np.sum, np.mean)):
            reduced = reduce(array, axis=axis)
            if reduced.size == given.size:
                words = f"it is the {reduce.__name__} of d{{0}} over axis {axis}"
                yield Slip("copied", words, other=other), given, reduced.reshape(given.shape)


def _misplaced(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    """The right entries in another order, or only some of them."""
    if given.size < 3:
        return
    off = abs(given - right) > case.tolerance * abs(right).max()
    one, other = np.sort(given, axis=None), np.sort(right, axis=None)
    yield from _in_another_order(given, right)
    yield Slip("misplaced", _order(off)), one, other
    left_out = off & (given == 0)
    if 0 < left_out.sum() < given.size and off.sum() == left_out.sum():
        which = _which(left_out, given != 0)
        some = f"{left_out.sum()} of its {given.size}"
        which = (
            which
            or f"{'its negative' if np.array_equal(left_out, right < 0) else some} entries are"
        )
        yield Slip("misplaced", f"{which} left at 0"), given, np.where(left_out, 0, right)
    # Where no sign is left, the absolute values are said to be taken.
    turned = off & (given != 0) & np.any(given < 0)
    which = _which(turned, ~turned) if 0 < turned.sum() < given.size else ""
    if which and off.sum() == turned.sum():
        yield Slip("sign", f"{which} of the wrong sign"), given, np.where(turned, -right, right)


def _which(chosen: Array, others: Array) -> str:
    """Which entries are chosen: one, or a row or column in which there are no others; else ""."""
    places = np.argwhere(chosen)
    if len(places) == 1:
        index = ", ".join(map(str, places[0]))
        return f"its entry {index if chosen.ndim == 1 else f'({index})'} is"
    for axis, what in ((0, "row"), (-1, "column")) if chosen.ndim > 1 else ():
        own = np.unique(places[:, axis])
        if len(own) == 1 and not np.take(others, own[0], axis).any():
            return f"its {what} {own[0]} is"
    return ""


def _order(off: Array) -> str:
    if off.sum() == 2:
        places = " and ".join(str(tuple(place)) for place in np.argwhere(off).tolist())
        return f"two of its entries are swapped, {places}"
    return "its entries are in another order"


def _penalized_as_used(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    """The penalty on each row counts as often as the row is used, as in a loop over ratings."""
    penalty = strengths_of_penalties(case.graph).get(tensor, 0.0) * tensor._array
    along = tuple(range(1, right.ndim))
    if right.ndim < 2 or not penalty.any(axis=along).all():
        return
    more = ((given - right) * penalty).sum(axis=along) / (penalty**2).sum(axis=along)
    counts = np.round(more).reshape(-1, *[1] * (right.ndim - 1))
    words = "the penalty on each row counts several times, as often as the row is used"
    if counts.max() == 0:
        words = "the penalty is only on the rows that are used: it belongs on the others, too"
    elif counts.min() < 0:
        words = "the penalty on each row counts as often as the row is used, in others not at all"
    if len({*counts.ravel()}) > 1 and counts.min() >= -1:
        yield Slip("penalty", words), given, right + counts * penalty


def _penalized_elsewhere(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    """The penalty is on other entries than in the loss, as where an index is off by one."""
    penalty = strengths_of_penalties(case.graph).get(tensor, 0.0) * tensor._array
    if not penalty.all():
        return
    own = added_by_penalties(case.graph)[tensor][1] != 0
    here = own + np.round((given - right) / penalty) == 1
    more, less = here & ~own, own & ~here
    if more.any() and less.any():
        parts = [_which(each, ~each) or f"{each.sum()} of its entries are" for each in (more, less)]
        words = f"{parts[0]} penalized, and {parts[1]} not, unlike in the loss"
        yield Slip("penalty", words), given, right + penalty * (1.0 * here - own)


def _updated(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    for words, array in limited(given, right):
        yield Slip("another quantity", words, solved=True), given, array
    for words, array in made_of(case, tensor):
        yield Slip("another quantity", words), given, array


def _on_the_bias(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    for kind, words, array in of_bias(case, tensor, given, right):
        yield Slip(kind, words), given, array
    for kind, words, array in penalized_bias(case, tensor, given, right):
        yield Slip(kind, words, other=tensor), given, array


def _in_two_parts(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    """The part of a penalty has one wrong factor, the rest another one."""
    own = strengths_of_penalties(case.graph).get(tensor)
    if own is None or right.size < 3:
        return
    penalty = own * tensor._array
    factors = multiples([penalty, right - penalty], given)
    words = [case.in_words(factor) for factor in factors]
    if all(words) and 1 not in factors and factors[0] != factors[1]:
        what = f"in the part of the penalty {words[0]}; in the rest {words[1]}"
        both = factors[0] * penalty + factors[1] * (right - penalty)
        yield Slip("penalty", what), given, both


def _of_one_shape(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    if right.ndim == 2 and right.shape[0] == right.shape[1] > 1:
        yield Slip("transposed", "the gradient is transposed"), given, right.T
    if right.ndim > 1:
        words = "the gradient is reshaped where it is to be transposed"
        yield Slip("reshaped", words), given, right.T.reshape(right.shape)
        words = "the gradient is reshaped in the wrong order of entries"
        yield Slip("reshaped", words), given, right.reshape(right.shape, order="F")
    if np.any(right):
        yield Slip("factor", "all entries are 0", 0.0), given, np.zeros_like(right)
        if right.size > 2:
            words = "each of its entries is the sum of all: it is summed over all axes"
            yield Slip("wrong axis", words), given, np.full_like(right, right.sum())
    is_once = tensor.operation is None and len(case.graph.consumers.get(tensor, ())) == 1
    if is_once and right is case.graph.right[tensor]:
        return  # A factor there is a mistake in that step.
    factor = closest_factor(given, right)
    if rounded(factor) == -1:
        yield Slip("sign", "the sign is wrong", -1.0), given, -right
    if np.isfinite(factor):
        yield Slip("factor", FACTOR, factor), given, factor * right


def _in_another_order(given: Array, right: Array) -> Slipped:
    """The right entries elsewhere: shifted by one, reversed, or two of them swapped."""
    for axis, length in enumerate(right.shape):
        along = lines_along(right, axis)
        for shift in (1, -1) if length > 2 else ():
            words = f"the {along} are shifted by one: an index or a slice is off by one"
            rolled = np.roll(right, shift, axis)
            yield Slip("misplaced", words), given, rolled
            cut = rolled.copy()
            np.moveaxis(cut, axis, 0)[0 if shift > 0 else -1] = 0
            yield Slip("misplaced", words), given, cut
        if length > 1:
            words = f"the {along} are in reverse order"
            yield Slip("misplaced", words), given, np.flip(right, axis)
        order = _rows_of(given, right, axis)
        off = np.flatnonzero(order != np.arange(len(order)))
        if len(off) and order.min() >= 0:
            places = [", ".join(map(str, numbers)) for numbers in (off, order[off])]
            words = f"the {along} at {places[0]} are copies of those at {places[1]}"
            if len(off) == 2 and (order[off] == off[::-1]).all():
                words = f"{along} {off[0]} and {off[1]} are swapped"
            yield Slip("misplaced", words), given, np.take(right, order, axis)
    for quarters in (1, 2, 3) if right.ndim >= 2 else ():
        words = "it is turned by 90 degrees" if quarters != 2 else "it is flipped along both axes"
        turned = np.rot90(right, quarters, (-2, -1))
        yield Slip("misplaced", f"{words}, as a kernel is"), given, turned
    for one, other in itertools.combinations(range(right.ndim), 2) if right.ndim > 2 else ():
        turned = np.swapaxes(right, one, other)
        if turned.shape == given.shape:
            yield Slip("transposed", f"its axes {one} and {other} are exchanged"), given, turned


MOST_COMPARED = 1_000_000


def _rows_of(given: Array, right: Array, axis: int) -> Array:
    """Which row of one array each of another is, its own before others; -1 where it is none."""
    if right.size * right.shape[axis] > MOST_COMPARED:
        return np.arange(0)
    one, other = (np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1) for a in (given, right))
    alike = np.isclose(one[:, None], other, rtol=1e-6, atol=0).all(axis=2)
    found = np.where(alike.any(axis=1), alike.argmax(axis=1), -1)
    return np.where(alike.diagonal(), np.arange(len(one)), found)


def _by_another_variable(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    """The derivative by the logarithm, the exponential or the square of a parameter."""
    values = tensor._array
    known = right.size == 1 and case.in_words(float(np.sum(values)))
    if tensor.operation is not None or known:
        return
    for words, factor in (
        ("multiplied by {0}, as if it were the derivative by the logarithm of {0}", values),
        ("divided by 2 {0}, as if it were the derivative by the square of {0}", 0.5 / values),
        ("divided by exp({0}), as if it were the derivative by exp({0})", np.exp(-values)),
    ):
        yield Slip("another quantity", f"it is {words}", other=tensor), given, right * factor


def _of_another_shape(case: Case, tensor: Tensor, given: Array, right: Array) -> Slipped:
    yield Slip("transposed", "the gradient is transposed"), given.T, right
    if given.size == right.size:
        words = f"the shape is {given.shape} for {right.shape}: "
        words += "keepdims is lost, or an axis too many"
        yield Slip("not summed", words), given.reshape(right.shape), right
    for axes in sets_of_axes(given.ndim):
        summed = given.sum(axis=axes)
        if summed.size == right.size:
            axis = axes[0] if len(axes) == 1 else axes
            words = f"broadcasting is not undone: sum over axis {axis}"
            yield Slip("not summed", words), summed.reshape(right.shape), right


def _wrong_axis(case: Case, predicted: Replay, tensor: Tensor) -> Slip | None:
    given, right = case.manual[tensor], predicted[tensor]
    for place in case.graph.consumers.get(tensor, ()):
        cotangent = predicted[place.node]
        for unsummed in (cotangent, place.unmatched(cotangent)):
            for axis in (*range(np.ndim(unsummed)), None):
                for reduce in (np.sum, np.mean):
                    summed = reduce(unsummed, axis=axis)
                    # Sums of p - y over the classes are 0 but for rounding.
                    nothing = 1e-12 * np.max(np.abs(unsummed), initial=0.0)
                    if given.size == summed.size and np.allclose(
                        given.reshape(summed.shape), summed, rtol=1e-6, atol=nothing
                    ):
                        over = "all axes" if axis is None else f"axis {axis}, the wrong one"
                        if _is_sum_over(unsummed, axis, right):
                            return Slip("not summed", _without_axis(reduce, given, right))
                        return Slip("wrong axis", f"the {reduce.__name__} is taken over {over}")
    return None


def _is_sum_over(unsummed: Array, axis: int | None, right: Array) -> bool:
    """Whether an axis is the one that is to be summed over."""
    summed = np.sum(unsummed, axis=axis)
    return summed.size == right.size and np.allclose(summed.reshape(right.shape), right, rtol=1e-6)


def _without_axis(reduce: Any, given: Array, right: Array) -> str:
    words = "the mean is taken where the sum is right, and " if reduce is np.mean else ""
    return f"{words}the shape is {given.shape} for {right.shape}: keepdims is lost"


OF_RIGHT = (
    _on_the_bias,
    _penalized_as_used,
    _penalized_elsewhere,
    _misplaced,
    _by_another_variable,
    _updated,
    _in_two_parts,
)
