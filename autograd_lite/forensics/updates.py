"""What an optimizer makes of a gradient, handed in instead of the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from autograd_lite.forensics.case import Case
from autograd_lite.forensics.curvature import for_a_root
from autograd_lite.forensics.factors import closest_factor, flat, is_round, multiples, rounded
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

FEWEST = 4
"""Entries of a gradient that two numbers are solved for in."""
MOST_ENTRIES = 100_000
"""Entries of several gradients together that two numbers are solved for in."""


def made_of(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """What is handed in for a gradient at times: words, and the array."""
    given, right = case.manual[tensor], case.graph.right[tensor]
    norm = float(np.linalg.norm(right))
    everything = math.sqrt(sum(float(np.sum(case.graph.right[t] ** 2)) for t in case.manual))
    factor = closest_factor(given, right)
    for size, of_what in ((norm, "it is"), (everything, "all gradients together are")):
        if is_round(factor * size) and factor > 0 and right.size > 1:
            yield f"{of_what} scaled to the norm {rounded(factor * size):g}", factor * right
    signs = np.sign(right)
    if right.size > 2 and len(np.unique(signs)) > 1:
        yield from _multiple(given, signs, "it is the sign of the gradient")
        yield "it is the square of the gradient", right**2
        yield "the signs are lost: these are the absolute values of the gradient", abs(right)
    weights = tensor._array
    if tensor.operation is None and weights.any():
        yield "these are the values of the parameter itself, and not its gradient", weights
    rate = closest_factor(weights - given, right)
    if is_round(rate) and rate > 0 and weights.any() and tensor.operation is None:
        what = f"these are the weights after an update with learning rate {rounded(rate):g}"
        yield what, weights - rounded(rate) * right
    strength = closest_factor(given - right, np.sign(weights))
    if is_round(strength) and right.size > 2:
        what = f"an L1 penalty of strength {rounded(strength):g} is added that is not in the loss"
        yield what, right + rounded(strength) * np.sign(weights)
    for axes in (None, *range(right.ndim)) if right.size > 2 else ():
        over = "" if axes is None else f" over axis {axes}"
        mean = right.mean(axis=axes, keepdims=True)
        yield f"it is centred: its mean{over} is subtracted from it", right - mean
    yield from for_a_root(case, tensor)
    yield from _by_its_size(case, tensor)
    yield from _with_velocity(case, tensor)


def limited(given: Array, right: Array) -> Iterator[tuple[str, Array]]:
    """The gradient with a bound for its entries, or with a few of their digits."""
    largest = float(abs(given).max(initial=0.0))
    if is_round(largest):
        yield f"its entries are clipped at {rounded(largest):g}", right.clip(-largest, largest)
    for decimals in range(1, 7):
        yield f"it is rounded to {decimals} decimals", right.round(decimals)
        power = 10.0**decimals
        yield f"it is cut off after {decimals} decimals", np.trunc(right * power) / power
    cut = "it is cut off to whole numbers, as in an array of integers"
    for words, cut_off in (
        (cut, np.trunc),
        ("it is rounded to whole numbers", np.rint),
        ("it is rounded down to whole numbers, as by //", np.floor),
    ):
        yield words, cut_off(right)


def _by_its_size(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """The gradient over its own size, lr g / sqrt(s g² + e) or lr g / (sqrt(s) |g| + e).

    The two numbers are those of the gradient alone, or of all that are wrong.
    """
    right = case.graph.right[tensor]
    for group in ([tensor], case.wrong_ones) if len(case.wrong_ones) > 1 else ([tensor],):
        if not case.are_usable(group):
            continue
        if sum(case.graph.right[t].size for t in group) > MOST_ENTRIES:
            continue
        given, own = map(flat, zip(*[(case.manual[t], case.graph.right[t]) for t in group]))
        if not np.array_equal(given == 0, own == 0):
            continue
        given, own = given[given != 0], own[own != 0]
        # What is one number in all entries fits anything.
        if given.size < FEWEST or len(np.unique(given)) < FEWEST:
            continue
        quotient = own / given
        if not np.ptp(quotient) > 0.01 * abs(quotient).max():
            continue  # It is a multiple.
        for power, how in (
            (1, "root of its square plus a number"),
            (2, "root of the sum of its square and a number"),
        ):
            share, number = multiples([abs(own) ** power, np.ones_like(own)], quotient**power)
            if share > 0 and number >= 0:
                by = (share * abs(right) ** power + number) ** (1 / power)
                words = f"it is divided by the {how}, as by Adagrad, RMSprop or Adam"
                yield words, np.divide(right, by, np.zeros_like(right), where=right != 0)


def _multiple(given: Array, array: Array, words: str) -> Iterator[tuple[str, Array]]:
    factor = rounded(closest_factor(given, array))
    if factor == 1:
        yield words, array
    elif is_round(factor):
        yield f"{words}, times {factor:g}", factor * array


def _with_velocity(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """The weights, or an array of the caller's, that are added, such as momentum's velocity."""
    given, right, weights = case.manual[tensor], case.graph.right[tensor], tensor._array
    leaves = [leaf._array for leaf in case.graph.leaves]
    own = {n: a for n, a in case.arrays.items() if not any(np.array_equal(a, w) for w in leaves)}
    for name, array in ({"the weights": weights} | own).items():
        if array.shape != given.shape or array.size < FEWEST - 1 or case.alike(array, given):
            continue
        if case.alike(closest_factor(array, right) * right, array):
            continue
        share, rate = multiples([array, right], given)
        words = _of_weights(rate, share) if array is weights else _of_velocity(name, rate, share)
        if words:
            yield words, rate * right + share * array


def _of_weights(rate: float, share: float) -> str:
    if not is_round(rate) or rate == 1:
        return ""  # What is added to the gradient itself is a penalty.
    if rate < 0 and 0.5 < share < 1 and is_round(rounded(1 - share)):
        words = "these are the weights after an update with weight decay"
        return f"{words}: {share:g} times the weights, less {-rate:g} times it"
    decays = is_round(share) and rate > 0 and share > 0
    return f"{rate:g} times it and {share:g} times the weights are added: weight decay" * decays


def _of_velocity(name: str, rate: float, share: float) -> str:
    times = "it" if rate == 1 else f"{abs(rate):g} times it"
    if (rate, share) == (1, -1):
        return f"{name}, which is to be added, is left out"
    if is_round(share) and is_round(rate) and share > 0:
        if rate > 0:
            return f"{times} and {share:g} {name} are added, as by momentum"
        return f"it is {share:g} {name} less {times}, as by momentum with a learning rate"
    momentum = rounded(rate - 1)
    if is_round(momentum) and math.isclose(share, momentum**2):
        return f"{momentum:g} times the velocity of momentum is added, made with {name}: Nesterov's"
    return ""
