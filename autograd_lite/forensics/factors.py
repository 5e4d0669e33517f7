"""Numbers that are round, or take one array to another, and the arrays they are solved for in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite.node import Array

RATES = tuple(digit * 10.0**-power for power in range(6) for digit in (1, 2, 3, 5))
"""Learning rates that an update may have been made with."""


def is_round(number: float) -> bool:
    """Whether a number has one significant digit, or two that end in 5.

    >>> is_round(0.003), is_round(0.25), is_round(0.123)
    (True, True, False)
    """
    if not 1e-9 < abs(number) < 1e9:
        return False
    digits = abs(number) / 10.0 ** math.floor(math.log10(abs(number)))
    return math.isclose(digits * 2, round(digits * 2), rel_tol=1e-6)


def both_signs(array: Array) -> bool:
    """Whether there are positive and negative entries, so that signs are not one number.

    >>> both_signs(np.array([1.0, 0.0, -2.0])), both_signs(np.array([1.0, 0.0]))
    (True, False)
    """
    return bool(np.any(array > 0) and np.any(array < 0))


def flat(arrays: Iterable[Array]) -> Array:
    """All entries of some arrays, one after the other.

    >>> flat([np.array([[1.0, 2.0]]), np.array(3.0)]).tolist()
    [1.0, 2.0, 3.0]
    """
    return np.concatenate([np.ravel(array) for array in arrays])


def closest_factor(given: Array, right: Array) -> float:
    """The number that takes one array closest to another; NaN if there is none.

    >>> closest_factor(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    2.0
    """
    square = float(np.vdot(right, right))
    return float(np.vdot(right, given)) / square if square else math.nan


def factor_between(given: Array, right: Array) -> float | None:
    """The number that is all there is between two arrays; None if there is more.

    >>> factor_between(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    2.0
    >>> factor_between(np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    """
    by = closest_factor(given, right)
    multiple = by * right
    nothing = 1e-9 * np.max(abs(multiple), initial=0.0)
    return by if np.allclose(given, multiple, rtol=1e-6, atol=nothing) else None


def distinct_masks(own: Array, masks: Iterable[tuple[Any, Array]]) -> Iterator[tuple[Any, Array]]:
    """Masks, and what each stands for, that are others than one's own, and not all.

    >>> z = np.array([1.0, 2.0])
    >>> [number for number, _ in distinct_masks(z > 1, [(n, z > n) for n in (0, 1, 2, 3)])]
    [2]
    """
    known = {own.tobytes()}
    for of, mask in masks:
        if mask.tobytes() not in known and not mask.all():
            known.add(mask.tobytes())
            yield of, mask


def is_one_number(array: Array, within: float = 0.0) -> bool:
    """Whether all entries, of two or more, are equal, up to a share of the largest.

    >>> is_one_number(np.array([2.0, 2.0])), is_one_number(np.array([2.0, 2.1]))
    (True, False)
    """
    return array.size > 1 and bool(np.ptp(array) <= within * np.max(abs(array)))


def multiples(arrays: Sequence[Array], given: Array) -> list[float]:
    """How much of each array there is in another one; NaN where some entries are not finite.

    >>> multiples([np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])], np.array([2.0, 3.0, 5.0]))
    [2.0, 3.0]
    """
    values = np.stack([np.ravel(array) for array in arrays], axis=1)
    if not (np.isfinite(values).all() and np.isfinite(given).all()):
        return [math.nan] * len(arrays)
    found: list[float] = np.linalg.lstsq(values, np.ravel(given))[0].tolist()
    return [*map(rounded, found)]


def rounded(number: float) -> float:
    """The round number close by, if there is one, else the number itself."""
    short = float(f"{number:.6g}")
    return short if math.isclose(short, number, rel_tol=1e-6) else number


MOST_EXACT = 1000
"""Whole numbers over which 1 is said, and whose roots are."""


def root_of(number: float) -> int:
    """The whole number that a number is the root of; 0 if it is of none, or whole itself.

    >>> root_of(math.sqrt(5)), root_of(3.0), root_of(2.2)
    (5, 0, 0)
    """
    square = round(number**2) if 1 < number**2 <= MOST_EXACT else 0
    is_root = number > 0 and math.isclose(number**2, square, rel_tol=1e-9)
    return square if is_root and math.isqrt(square) ** 2 != square else 0


def as_written(number: float) -> str:
    """A number as people write it: 1/18, or a root, if it is one, else with six digits.

    >>> as_written(1 / 18), as_written(math.sqrt(5)), as_written(0.05), as_written(2 / 7)
    ('1/18', 'np.sqrt(5)', '0.05', '0.285714')
    """
    short = f"{number:.6g}"
    if not number or not math.isfinite(number) or math.isclose(float(short), number, rel_tol=1e-9):
        return short
    sign, size = "-" * (number < 0), abs(number)
    if root_of(size):
        return f"{sign}np.sqrt({root_of(size)})"
    if root_of(1 / size):
        return f"{sign}1/np.sqrt({root_of(1 / size)})"
    whole = round(1 / size) if 1 / size <= MOST_EXACT else 0
    return f"{sign}1/{whole}" if math.isclose(whole * size, 1, rel_tol=1e-9) else short
