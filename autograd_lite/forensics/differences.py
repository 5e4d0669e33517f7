"""Differences of the loss that are handed in for its gradient, with a step that is too large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.case import Case, relative_error
from autograd_lite.forensics.slips import Slip
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

STEPS = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 1e-3, 1e-4, 1e-5)
"""Steps that differences are taken with."""
WAYS = {"central": (1, -1), "forward": (1, 0), "backward": (0, -1)}
"""Differences, by the steps that the loss is taken after."""
MOST_ENTRIES = 200
"""Entries of the wrong gradients together, each of which takes two forward passes."""
MOST_WORK = 2_000_000
"""Entries of a graph whose loss is computed for each step."""
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
