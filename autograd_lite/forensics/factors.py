"""Names for the constant factors that people get wrong."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from autograd_lite.node import Array

SMALL = 10
"""Whole numbers that another one may be mistaken for."""
RATES = tuple(digit * 10.0**-power for power in range(6) for digit in (1, 2, 3, 5))
"""Learning rates that an update may have been made with."""
SAMPLES = "the number of samples"
AXIS = "the length of an axis"
USES = "the number of times that it is used"


def is_round(number: float) -> bool:
    """Whether a number has one significant digit, or two that end in 5.

    >>> is_round(0.003), is_round(0.25), is_round(0.123)
    (True, True, False)
    """
    if not 1e-9 < abs(number) < 1e9:
        return False
    digits = abs(number) / 10.0 ** math.floor(math.log10(abs(number)))
    return math.isclose(digits * 2, round(digits * 2), rel_tol=1e-6)


def closest_factor(given: Array, right: Array) -> float:
    """The number that takes one array closest to another; NaN if there is none.

    >>> closest_factor(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    2.0
    """
    square = float(np.vdot(right, right))
    return float(np.vdot(right, given)) / square if square else math.nan


def rounded(number: float) -> float:
    """The round number close by, if there is one, else the number itself."""
    short = float(f"{number:.6g}")
    return short if math.isclose(short, number, rel_tol=1e-6) else number


def usual_factors(
    lengths: Mapping[int, str], positions: Mapping[int, str], has_square: bool
) -> Iterator[tuple[float, str]]:
    """Factors, and what a gradient that is off by one lacks or has too much of.

    `lengths` are of axes, with what they count; `positions` of several axes at once; the 2 of a
    square may be missing.

    >>> dict(usual_factors({8: SAMPLES}, {}, has_square=False))[1 / 8]
    'it is divided by 8, the number of samples, once too often'
    """
    yield -1.0, "the sign is wrong"
    yield 0.0, "it is missing"
    samples = {length: name for length, name in lengths.items() if name == SAMPLES}
    yield from _of_lengths(samples)
    if has_square:
        yield 0.5, "a factor of 2 is missing, the 2 of the square"
        yield -0.5, "the 2 of the square is missing, and the sign is wrong"
    yield 0.5, "a factor of 2 is missing, such as that of a square"
    yield 2.0, "a factor of 2 too many"
    yield -2.0, "a factor of 2 too many, and the sign is wrong"
    yield from _of_lengths({length: lengths[length] for length in lengths.keys() - samples})
    for length, name in positions.items():
        yield float(length), f"1/{length} is missing, one over {name}"
        yield 1 / length, f"it is divided by {length}, over {name}, once too often"


def rarer_factors(lengths: Mapping[int, str]) -> Iterator[tuple[float, str]]:
    """Factors that are in the wrong place, or several at once."""
    yield 0.25, "a factor of 4 is missing: that of a square twice, or of two uses"
    for rate in [rate for rate in RATES if rate < 1]:
        yield rate, f"it is multiplied by {rate:g}, as if by a learning rate"
        yield -rate, f"it is multiplied by {-rate:g}, as if by a negative learning rate"
    for length, name in lengths.items():
        yield 2.0 * length, f"a factor of 2 too many, and 1/{length} is missing, one over {name}"
        yield length / 2, f"1/{length} is missing, one over {name}, and so is a factor of 2"
        yield 2 / length, f"a factor of 2 too many, and divided by {length}, {name}, once too often"
        yield 0.5 / length, f"a factor of 2 is missing, and divided by {length}, {name}"
        yield float(length) ** -2, f"it is divided by {length}, {name}, twice too often"
        yield float(length) ** 2, f"1/{length} is missing twice, one over {name}"
    for (one, _), (other, _) in itertools.combinations(lengths.items(), 2):
        product = one * other
        yield float(product), f"1/{product} is missing, one over {one} times {other}"
        yield 1 / product, f"it is divided by {product}, {one} times {other}, once too often"
    for one, other in itertools.permutations(lengths, 2):
        yield one / other, f"it is divided by {other}, {lengths[other]}, where {one} is right"


def factors_of_mean(entries: int, lengths: Iterable[int]) -> Iterator[tuple[float, str]]:
    """Factors that a step back through a mean over so many entries may be off by."""
    yield float(entries), f"1/{entries} is missing, of the mean over {entries} entries"
    yield 1 / entries, f"it is divided by {entries}, of the mean over these entries, twice"
    if entries > 2:
        words = f"it is divided by {entries - 1}, as for the unbiased variance, not by {entries}"
        yield entries / (entries - 1), words
    for length in set(lengths) - {entries}:
        yield entries / length, f"it is divided by {length}, where the mean is over {entries} entries"


def factors_of_axes(lengths: Iterable[int]) -> Iterator[tuple[float, str]]:
    """Factors that a step back through a mean over several axes may be off by."""
    entries = math.prod(lengths)
    for length in lengths:
        words = f"it is divided by {length}, the length of one axis of the mean, and not by"
        yield entries / length, f"{words} {entries}, that of all"


def factors_of_sum(entries: int) -> Iterator[tuple[float, str]]:
    """Factors that a step back through a sum over so many entries may be off by."""
    yield 1 / entries, f"it is divided by {entries}: a mean over these entries where the sum is"


def factors_of_constant(
    constant: float, divides: bool, lengths: Iterable[int]
) -> Iterator[tuple[float, str]]:
    """Factors that a step back through a product with a number, or a quotient, may be off by."""
    whole = round(1 / constant) if constant else 0
    if not (divides or is_round(constant)) and math.isclose(whole * constant, 1.0):
        divides, constant = True, float(whole)
    number = f"{constant:.6g}"
    if divides:
        yield constant, f"1/{number} is missing: the division by {number} is left out"
        yield 1 / constant, f"it is divided by {number} once too often"
        yield constant**2, f"it is multiplied by {number}, and not divided by it"
        if constant > 0 and is_round(math.sqrt(constant)):
            root = math.sqrt(constant)
            yield root, f"it is divided by {root:g}, where {number}, its square, is right"
        if 0 < constant < 1:
            rest = 1 - constant
            yield constant / rest, f"it is divided by {rest:.6g}, where {number} is right"
        for length in lengths:
            yield constant / length, f"it is divided by {length}, where {number} is right"
        if math.isclose(constant**2, round(constant**2)):
            for length in lengths:
                words = f"it is divided by the root of {length}, where that of {constant**2:.6g} is"
                yield constant / math.sqrt(length), f"{words} right"
        for whole in range(2, SMALL) if constant == round(constant) else ():
            yield constant / whole, f"it is divided by {whole}, where {number} is right"
    else:
        yield 1 / constant, f"the factor {number} is missing"
        square = f"{constant * constant:.6g}"
        yield constant, f"it is multiplied by {number} once too often, or by {square} in its place"
        yield constant**-2, f"it is divided by {number}, and not multiplied by it"


def factors_of_power(exponent: float) -> Iterator[tuple[float, str]]:
    """Factors that a step back through a power may be off by."""
    if exponent == 0.5:
        yield 2.0, "a factor of 2 too many: the 1/2 of the square root is missing"
    elif exponent not in (2, 0, 1):
        yield 1 / exponent, f"the exponent {exponent:g} is missing as a factor"


def _of_lengths(lengths: Mapping[int, str]) -> Iterator[tuple[float, str]]:
    for length, name in lengths.items():
        yield float(length), f"1/{length} is missing, one over {name}"
        words = f"it is divided by {length}, {name}, once too often"
        yield 1 / length, words + ", or only one of its uses counts" * (name == USES)
        yield float(-length), f"1/{length} is missing, one over {name}, and the sign is wrong"
        yield -1 / length, f"it is divided by {length}, {name}, once too often; the sign is wrong"
