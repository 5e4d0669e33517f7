"""Gradients that are summed up in a loop over samples that updates the weights after each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.case import Case, relative_error
from autograd_lite.forensics.factors import RATES
from autograd_lite.forensics.replay import SAMPLES
from autograd_lite.forensics.slips import Slip
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

MOST_SAMPLES = 32
MOST_WORK = 100_000
"""Samples, and entries of a graph, with which a pass of each for each learning rate is short."""
CLOSE = 1e-6

Gradients = dict[Tensor, Array]


def sample_by_sample(case: Case) -> list[Slip] | None:
    """The slip if the wrong gradients are those of samples, each at weights updated before."""
    graph, wrong = case.graph, case.wrong_ones
    nodes = [n for n in graph.bottlenecks if n.ndim and graph.lengths.get(len(n._array)) == SAMPLES]
    nodes = [node for node in nodes if len(node._array) <= MOST_SAMPLES]
    single = nodes and len(graph.consumers[nodes[0]]) == 1 and graph.work <= MOST_WORK
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
        alone = use.changed(lambda result, *_, of=mask: result * of)
        moved = {inputs[t].number: lambda x, by=rate * a: x - by for t, a in total.items()}
        replay = graph.run_again({**graph.steps_of({use: alone}), **moved}, graph.right)
        if replay is None:
            return None
        total = {tensor: array + replay[tensor] for tensor, array in total.items()}
    return total
