"""Mistakes in all gradients as they were handed in: none, multiples, or those at other weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.case import Case, relative_error
from autograd_lite.forensics.curvature import curved_step
from autograd_lite.forensics.factors import RATES, closest_factor, flat, rounded
from autograd_lite.forensics.place import Vjp
from autograd_lite.forensics.replay import Replay
from autograd_lite.forensics.slips import Slip


def nothing_arrives(case: Case) -> list[Slip] | None:
    """The slip if several gradients are handed in, and all are 0."""
    if len(case.manual) == 1 or any(map(np.any, case.manual.values())):
        return None
    if not any(np.any(case.graph.right[tensor]) for tensor in case.wrong):
        return None  # They are 0 rightly, and of another shape.
    words = "every gradient is zero: nothing arrives from the loss, as where it is a constant, is "
    words += "detached, is multiplied by 0, or where the gradients were reset before they were read"
    return [Slip("dropped path", words, tensors=case.wrong_ones)]


def of_all(case: Case) -> list[Slip] | None:
    """The slip if every gradient is the right one times one number, whatever that is."""
    right, tensors = case.graph.right, case.wrong_ones
    if case.wrong != case.everything or len(tensors) < 2 or not case.are_usable(tensors):
        return None
    pairs = [(case.manual[tensor], right[tensor]) for tensor in tensors]
    given, array = map(flat, zip(*pairs))
    factor = closest_factor(given, array)
    if not all(case.alike(one, factor * other) for one, other in pairs):
        return None
    words = "every gradient is the right one times one number, so that "
    words += "a constant factor is wrong in the derivative of the loss"
    return [Slip("factor", words, rounded(factor), tensors)]


def of_second_order(case: Case) -> list[Slip] | None:
    """The slip if the wrong gradients are steps that divide by a curvature, such as Newton's."""
    words = curved_step(case)
    return [Slip("another quantity", f"it is {words}", tensors=case.wrong_ones)] if words else None


def of_other_weights(case: Case) -> list[Slip] | None:
    """The slip if all gradients are those at other weights, such as those before an update."""
    apart = _largest_error(case, case.graph.right)
    for words, moved in _moved_weights(case):
        gradients = case.graph.run_again(moved, case.graph.right)
        # They may differ by an epsilon in a logarithm.
        if gradients and _largest_error(case, gradients) <= min(1e-5, apart / 1000):
            words = f"the gradients are those {words}"
            return [Slip("previous step", words, tensors=tuple(case.manual))]
    return None


def _moved_weights(case: Case) -> Iterator[tuple[str, dict[int, Vjp]]]:
    """Weights less an update with the gradients, or with some of an array of the caller's."""
    manual, inputs = case.manual, case.graph.program.inputs
    leaves = [tensor for tensor in manual if tensor.operation is None]
    if not case.are_usable(manual):
        return
    for rate in RATES if leaves and case.wrong == case.everything else ():
        words = f"of the previous step, before W - {rate:g} dW"
        yield words, {inputs[t].number: lambda x, t=t, r=rate: x + r * manual[t] for t in leaves}
    for leaf in leaves if len(leaves) == 1 else ():
        arrays = {n: a for n, a in case.arrays.items() if a.shape == leaf.shape and a.size > 1}
        for (name, array), share in itertools.product([*arrays.items()][:MOST_ARRAYS], SHARES):
            words = f"at other weights, with {share:g} {name} added"
            yield words, {inputs[leaf].number: lambda x, by=share * array: x + by}


MOST_ARRAYS = 5
SHARES = (1.0, -1.0, 0.9, -0.9, 0.95, 0.99, 0.5)
"""Arrays, and how much of them, with which weights are looked for that a gradient is of."""


def _largest_error(case: Case, predicted: Replay) -> float:
    return max(relative_error(given, predicted[t]) for t, given in case.manual.items())
