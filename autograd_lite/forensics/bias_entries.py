"""Mistakes with a bias that is a row or a column of the weights: that of an input of ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, is_round
from autograd_lite.forensics.penalties import strengths_of_penalties
from autograd_lite.forensics.place import Place
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

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
