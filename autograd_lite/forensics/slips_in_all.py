"""Mistakes in all gradients as they were handed in.

These are none, multiples, those at other weights, differences of the loss, sums with those of other
data, or in a loop over samples that updates the weights after each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from autograd_lite.forensics.case import Case, relative_error
from autograd_lite.forensics.factors import RATES, closest_factor, flat, rounded
from autograd_lite.forensics.other_data import other_data
from autograd_lite.forensics.place import Vjp
from autograd_lite.forensics.replay import SAMPLES, Replay
from autograd_lite.forensics.slips import Slip
from autograd_lite.forensics.updates import curved_step
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor


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
    """The slip if all gradients are those at other weights, such as those before an update.

    Where several updates give them, as far out, where softmax saturates, none of them shows.
    """
    apart = _largest_error(case, case.graph.right)
    found = []
    for words, moved in _moved_weights(case):
        gradients = case.graph.run_again(moved, case.graph.right)
        # They may differ by an epsilon in a logarithm.
        if gradients and _largest_error(case, gradients) <= min(1e-5, apart / 1000):
            found.append(f"the gradients are those {words}")
    alone = len(found) == 1
    return [Slip("previous step", found[0], tensors=tuple(case.manual))] if alone else None


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


# Differences of the loss, with a step that is too large

STEPS = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 1e-3, 1e-4, 1e-5)
"""Steps that differences are taken with."""
WAYS = {"central": (1, -1), "forward": (1, 0), "backward": (0, -1)}
"""Differences, by the steps that the loss is taken after."""
MOST_ENTRIES = 200
"""Entries of the wrong gradients together, each of which takes two forward passes."""
MOST_WORK = 2_000_000
"""Entries of a graph that is run again with each step, or learning rate."""
CLOSE = 1e-6
"""Relative error that rounding leaves in a difference, but for a thousandth of what is off."""


def differences(case: Case) -> list[Slip] | None:
    """The slip if the wrong gradients are differences of the loss."""
    wrong = case.wrong_ones
    are_leaves = all(tensor.operation is None and tensor.size for tensor in wrong)
    is_small = case.graph.work <= MOST_WORK and sum(t.size for t in wrong) <= MOST_ENTRIES
    if not are_leaves or not case.are_usable(wrong) or not is_small:
        return None
    apart = max(relative_error(case.manual[t], case.graph.right[t]) for t in wrong)
    close = min(CLOSE, apart / 1000)
    for step, way in _ways_at_one_entry(case, wrong[0], close):
        if all(_are_differences(case, tensor, step, way, close) for tensor in wrong):
            words = f"these are {way} differences of the loss with a step of {step:g}, which are "
            return [Slip("another quantity", f"{words}not exact", tensors=wrong)]
    return None


def _ways_at_one_entry(case: Case, tensor: Tensor, close: float) -> Iterator[tuple[float, str]]:
    """Steps and ways that the entry of a gradient which is most off comes out of."""
    given, right = case.manual[tensor], case.graph.right[tensor]
    number = int(np.argmax(abs(given - right)))
    for step in STEPS:
        for way in WAYS:
            error = abs(_difference(case, tensor, number, step, way) - given.flat[number])
            if error <= close * abs(given).max():
                yield step, way


def _are_differences(case: Case, tensor: Tensor, step: float, way: str, close: float) -> bool:
    found = [_difference(case, tensor, number, step, way) for number in range(tensor.size)]
    return relative_error(case.manual[tensor], np.reshape(found, tensor.shape)) <= close


def _difference(case: Case, tensor: Tensor, number: int, step: float, way: str) -> float:
    """How much the loss changes along one entry, over the step."""
    graph, losses = case.graph, []
    for by in WAYS[way]:

        def moved(array: Array, by: float = by * step) -> Array:
            other = np.array(array)
            other.flat[number] += by
            return other

        replay = graph.run_again({graph.program.inputs[tensor].number: moved}, graph.right)
        if replay is None:
            return np.nan
        losses.append(float(np.sum(replay.values[graph.program.values[graph.loss].number])))
    first, last = WAYS[way]
    return (losses[0] - losses[1]) / (step * (first - last))


# Weights that are updated meanwhile

MOST_SAMPLES = 32
MOST_OF_ONE = 100_000
"""Samples, and entries of a graph, with which a pass of each for each learning rate is short."""

Gradients = dict[Tensor, Array]


def sample_by_sample(case: Case) -> list[Slip] | None:
    """The slip if the wrong gradients are those of samples, each at weights updated before."""
    graph, wrong = case.graph, case.wrong_ones
    nodes = [n for n in graph.bottlenecks if n.ndim and graph.lengths.get(len(n._array)) == SAMPLES]
    nodes = [node for node in nodes if len(node._array) <= MOST_SAMPLES]
    single = nodes and len(graph.consumers[nodes[0]]) == 1 and graph.work <= MOST_OF_ONE
    if not single or not case.are_usable(wrong) or any(t.operation is not None for t in wrong):
        return None
    for words, totals in _totals(case, nodes[0]):
        if all(relative_error(case.manual[t], totals[t]) <= CLOSE for t in wrong):
            return [Slip("stale weights", words, tensors=wrong)]
    return None


def _totals(case: Case, node: Tensor) -> Iterator[tuple[str, Gradients]]:
    """Sums of gradients for each learning rate, and what is said of them."""
    count = len(node._array)
    for rate in [rate for rate in RATES if rate < 1]:
        words = f"the weights are updated after each sample, less {rate:g} times its gradient, and "
        words += "not after all: each gradient is at weights that the samples before have changed"
        for share in (1.0, float(count)):  # Of a mean each sample's gradient is a share.
            total = _total(case, node, rate * share)
            if total is not None:
                yield words, total
                yield words, {tensor: share * array for tensor, array in total.items()}


def _total(case: Case, node: Tensor, rate: float) -> Gradients | None:
    """The sum of the samples' gradients, if a multiple of each is taken off the weights."""
    graph, (use,) = case.graph, case.graph.consumers[node]
    total = {tensor: np.zeros(tensor.shape) for tensor in case.wrong_ones}
    inputs, length = graph.program.inputs, len(node._array)
    for sample in range(length):
        mask = np.reshape(np.arange(length) == sample, (-1, *[1] * (node.ndim - 1)))
        alone = use.result_times(mask)
        moved = {inputs[t].number: lambda x, by=rate * a: x - by for t, a in total.items()}
        replay = graph.run_again({**graph.steps_of({use: alone}), **moved}, graph.right)
        if replay is None:
            return None
        total = {tensor: array + replay[tensor] for tensor, array in total.items()}
    return total


def accumulated(case: Case) -> list[Slip] | None:
    """The slip if there is more in the wrong gradients: those of the same loss with other data."""
    right, wrong = case.graph.right, case.wrong_ones
    is_small = case.graph.work <= MOST_WORK and case.are_usable(wrong)
    changes = (c for c in other_data(case) if c.kind == "other arrays") if is_small else ()
    for candidate in changes:
        others = case.graph.replay(candidate.wrong)
        if others and all(case.alike(case.manual[t], right[t] + others[t]) for t in wrong):
            words = "two gradients are added, as when the previous one was not reset to 0: "
            what = words + candidate.what.replace("it is", "one is", 1)
            return [Slip("previous step", what, tensors=wrong)]
    return None


def computed_after_updates(case: Case) -> list[Slip] | None:
    """The slip if what is wrong was computed anew with the updates of what is right."""
    fine = [t for t in case.manual if t not in case.wrong and t.operation is None]
    alike = all(case.manual[t].shape == t.shape and t.operation is None for t in case.wrong)
    for rate in RATES if fine and alike and case.graph.work <= MOST_WORK else ():
        if case.wrong <= _after_updates(case, fine, rate):
            words = f"computed anew after {{0}} was updated, to {{0}} - {rate:g} d{{0}}: "
            words += "all gradients are to be computed first, and only then all parameters updated"
            return [Slip("stale weights", words, tensors=case.wrong_ones, other=fine[0])]
    return None


def _after_updates(case: Case, fine: Sequence[Tensor], rate: float) -> frozenset[Tensor]:
    """Whose gradients are those at updated weights: of all that is right by then, one by one."""
    graph, updated = case.graph, frozenset(fine)
    while not updated >= case.wrong:
        less = [(graph.program.inputs[t].number, rate * case.manual[t]) for t in updated]
        moved = {number: lambda x, by=by: x - by for number, by in less}
        replay = graph.run_again(moved, graph.right)
        fitted = (case.fitted(replay) & case.wrong) - updated if replay else frozenset()
        if not fitted:
            break
        updated |= fitted
    return updated
