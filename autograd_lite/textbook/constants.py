"""Numbers of a record as what the caller computed them from: λ/m for 0.0125."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from autograd_lite.program.program import Step
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import is_number

NO_PART = {"lr", "learning_rate", "eta", "momentum"}
"""Names of numbers of an optimizer, which a loss is not computed from."""


def sources_of(
    terms: Iterable[Step], variables: Mapping[str, Any], taken: Collection[str], m: int | None
) -> tuple[dict[float, Step], dict[Step, str]]:
    """By number in terms, what it is in the caller's variables; and the names in that.

    It is a variable, its double or its half, or that over the number m of samples. A number that
    may be made of two variables stays a number, and so do those that are whole, and 1/2.
    """
    names = {
        Step(None, (), {}, (), -1): (name, float(value))
        for name, value in variables.items()
        if isinstance(value, float | np.floating)
        and name.isidentifier()
        and not name.startswith("_")
        and name not in NO_PART | {*taken}
    }
    numbers = {
        float(x) for term in terms for x in term.arguments if is_number(x) and _is_specific(x)
    }
    found = {}
    for number in numbers:
        guesses = [
            (leaf, above, below)
            for leaf, (_, value) in names.items()
            if _is_specific(value)
            for above, below in _fractions(m)
            if abs(value * above / below - number) <= 4e-16 * abs(number)
        ]
        if guesses and len({leaf for leaf, _, _ in guesses}) == 1:
            found[number] = _written(*guesses[0])
    return found, {leaf: name for leaf, (name, _) in names.items()}


def _is_specific(number: Any) -> bool:
    """Whether a number tells where it comes from."""
    return bool(np.isfinite(number) and number % 1 != 0 and number != 0.5)


def _fractions(m: int | None) -> list[tuple[int, Any]]:
    alone: list[tuple[int, Any]] = [(1, 1), (2, 1), (1, 2)]
    return alone + ([(1, Count(m)), (2, Count(m)), (1, 2 * m)] if m else [])


def _written(leaf: Step, above: int, below: Any) -> Step:
    term = leaf if above == 1 else Step(np.multiply, (above, leaf), {}, (), -1)
    if not isinstance(below, Count) and below > 2:
        below = Step(np.multiply, (2, Count(below // 2)), {}, (), -1)
    return term if type(below) is int and below == 1 else Step(np.divide, (term, below), {}, (), -1)
