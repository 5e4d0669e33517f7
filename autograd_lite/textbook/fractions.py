"""Quotients as one fraction: what is above, and what is below."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from typing import Any

import numpy as np

from autograd_lite.program.program import Step
from autograd_lite.textbook.spellings import Count, Share
from autograd_lite.textbook.terms import is_call, is_number, shape_of


def fraction(
    quotient: Step, names: Collection[Step], counts: Collection[int] = ()
) -> tuple[Any, Any]:
    """What is above and below in a quotient, of whose parts those with names stay whole.

    A share of so many is written as one over that, if it is among the counts, which have names.

    >>> from autograd_lite.textbook.terms import Terms
    >>> terms = Terms()
    >>> a, b = terms.leaf(()), terms.leaf(())
    >>> inner = terms.call(np.divide, terms.call(np.multiply, 2, a), b)
    >>> above, below = fraction(terms.call(np.divide, inner, terms.call(np.multiply, 4, b)), {})
    >>> above is a, [part.function and part.function.__name__ for part in below.arguments[1:]]
    (True, ['power'])
    """
    numbers, parts = [1, 1], list[list[Any]]([[], []])
    stack = [(quotient.arguments[1], 1), (quotient.arguments[0], 0)]
    while stack:
        term, side = stack.pop()
        whole = is_number(term) and not isinstance(term, Count | Share) and term % 1 == 0
        if whole and term:
            numbers[side] *= int(term)
        elif isinstance(term, Share):
            if term.count in counts:
                parts[1 - side].append(Count(term.count))
            else:
                numbers[1 - side] *= term.count
        elif is_call(term, np.divide) and term not in names:
            stack += [(term.arguments[1], 1 - side), (term.arguments[0], side)]
        elif is_call(term, np.multiply) and term not in names and _has_scalar(term):
            stack += [(part, side) for part in term.arguments[::-1]]
        else:
            parts[side].append(term)
    common = math.gcd(*numbers)
    above, below = (_product(n // common, several) for n, several in zip(numbers, parts))
    return above, below


def has_share(product: Step, names: Collection[Step]) -> bool:
    """Whether a share, or a quotient of numbers alone, is a factor of a product with numbers."""
    stack: list[Any] = [product]
    while stack:
        term = stack.pop()
        if isinstance(term, Share):
            return True
        if is_call(term, np.divide) and term not in names and shape_of(term) == ():
            return True
        if is_call(term, np.multiply) and term not in names and _has_scalar(term):
            stack += term.arguments
    return False


def _has_scalar(product: Step) -> bool:
    return () in map(shape_of, product.arguments)


def _product(number: int, parts: list[Any]) -> Any:
    """A number times other factors, as a term."""
    factors: list[Any] = [number] if number != 1 or not parts else []
    # Scalars first.
    ordered = sorted(parts, key=lambda part: shape_of(part) != ())
    for part, equal in itertools.groupby(ordered):
        count = len([*equal])
        factors.append(part if count == 1 else _call(np.power, part, count))
    product = factors[0]
    for factor in factors[1:]:
        product = _call(np.multiply, product, factor)
    return product


def _call(function: Any, a: Any, b: Any) -> Step:
    return Step(function, (a, b), {}, np.broadcast_shapes(shape_of(a), shape_of(b)), -1)
