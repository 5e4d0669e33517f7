"""Mistakes in a gradient as it was handed in: the backward pass behind it is right."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from autograd_lite.forensics.factors import rounded
from autograd_lite.forensics.replay import Graph, Replay
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

Fits = Callable[[Array, Array], bool]
"""Whether an array by hand is, up to rounding, the one that was predicted."""


class Slip(NamedTuple):
    """What was done to a right gradient; `factor` is the number that it was multiplied by."""

    kind: str
    what: str
    factor: float | None = None


def slips(
    graph: Graph,
    predicted: Replay,
    tensor: Tensor,
    manual: Mapping[Tensor, Array],
    fits: Fits,
) -> Iterator[Slip]:
    """The slips that turn the predicted gradient of a tensor into the one that was handed in."""
    given, right = manual[tensor], predicted[tensor]
    yield from _swapped(predicted, tensor, manual, fits)
    yield from _earlier(tensor, given, right, fits)
    if given.shape == right.shape:
        one_step = tensor.operation is None and len(graph.consumers.get(tensor, ())) == 1
        yield from _of_one_shape(given, right, one_step, fits)
    else:
        yield from _of_another_shape(graph, predicted, tensor, given, fits)


def _swapped(
    predicted: Replay, tensor: Tensor, manual: Mapping[Tensor, Array], fits: Fits
) -> Iterator[Slip]:
    for other in manual:
        both_ways = other is not tensor and fits(manual[tensor], predicted[other])
        if both_ways and fits(manual[other], predicted[tensor]):
            yield Slip("swapped", "two gradients are swapped")


def _earlier(tensor: Tensor, given: Array, right: Array, fits: Fits) -> Iterator[Slip]:
    earlier = tensor.grad.data if isinstance(tensor.grad, Tensor) else tensor.grad
    if earlier is None or fits(earlier, right):
        return
    if fits(given, earlier):
        yield Slip("previous step", "it is the gradient of an earlier backward()")
    elif fits(given, earlier + right):
        yield Slip("previous step", "an earlier gradient was not reset, and is added")


RATES = tuple(digit * 10.0**-power for power in range(6) for digit in (1, 2, 3, 5))
"""Learning rates that an update may have been made with."""


def previous_step(graph: Graph, manual: Mapping[Tensor, Array]) -> Slip | None:
    """Whether all gradients are those at the weights before an update with them."""
    leaves = [tensor for tensor in manual if tensor.operation is None]
    fit = all(t.shape == g.shape and np.isfinite(g).all() for t, g in manual.items())
    for rate in RATES if leaves and fit else ():
        before: dict[Tensor, Array] = {leaf: leaf._data + rate * manual[leaf] for leaf in leaves}
        gradients = graph.gradients_at(before)
        if gradients and all(_near(manual[t], gradients[t]) for t in manual):
            words = f"the gradients are those of the previous step, before W - {rate:g} dW"
            return Slip("previous step", words)
    return None


def _near(given: Array, predicted: Array) -> bool:
    """Equal but for an epsilon in a logarithm."""
    scale = max(np.max(np.abs(given), initial=0.0), np.max(np.abs(predicted), initial=0.0))
    return bool(np.max(np.abs(given - predicted), initial=0.0) <= 1e-5 * scale)


def _of_one_shape(given: Array, right: Array, one_step: bool, fits: Fits) -> Iterator[Slip]:
    if right.ndim == 2 and right.shape[0] == right.shape[1] > 1 and fits(given, right.T):
        yield Slip("transposed", "the gradient is transposed")
    if right.ndim > 1:
        if fits(given, right.T.reshape(right.shape)):
            yield Slip("reshaped", "the gradient is reshaped where it is to be transposed")
        elif fits(given, right.reshape(right.shape, order="F")):
            yield Slip("reshaped", "the gradient is reshaped in the wrong order of entries")
    if np.any(right) and not np.any(given):
        yield Slip("factor", "all entries are 0", 0.0)
    if one_step:
        return  # A factor there is a mistake in that step.
    factor = float(np.vdot(right, given) / np.vdot(right, right))
    if rounded(factor) == -1 and fits(given, -right):
        yield Slip("sign", "the sign is wrong", -1.0)
    elif np.isfinite(factor) and fits(given, factor * right):
        yield Slip("factor", "a constant factor is wrong", factor)


def _of_another_shape(
    graph: Graph, predicted: Replay, tensor: Tensor, given: Array, fits: Fits
) -> Iterator[Slip]:
    right = predicted[tensor]
    if given.T.shape == right.shape and fits(given.T, right):
        yield Slip("transposed", "the gradient is transposed")
        return
    if given.size == right.size and fits(given.reshape(right.shape), right):
        yield Slip(
            "not summed",
            f"the shape is {given.shape} for {right.shape}: keepdims is lost, or an axis too many",
        )
        return
    for count in range(1, given.ndim + 1):
        for axes in itertools.combinations(range(given.ndim), count):
            summed = given.sum(axis=axes)
            if summed.size == right.size and fits(summed.reshape(right.shape), right):
                axis = axes[0] if count == 1 else axes
                yield Slip("not summed", f"broadcasting is not undone: sum over axis {axis}")
                return
    for place in graph.consumers.get(tensor, ()):
        cotangent = predicted[place.node]
        product = place.unmatched(cotangent)
        for unsummed in (cotangent, product):
            for axis in (*range(np.ndim(unsummed)), None):
                for reduce in (np.sum, np.mean):
                    if _is_sum(given, unsummed, reduce(unsummed, axis=axis)):
                        over = "all axes" if axis is None else f"axis {axis}, the wrong one"
                        words = f"the {reduce.__name__} is taken over {over}"
                        yield Slip("wrong axis", words)
                        return


def _is_sum(given: Array, unsummed: Array, summed: Array) -> bool:
    if given.size != summed.size:
        return False
    # Sums of p - y over the classes are 0 but for rounding.
    nothing = 1e-12 * np.max(np.abs(unsummed), initial=0.0)
    return np.allclose(given.reshape(summed.shape), summed, rtol=1e-6, atol=nothing)
