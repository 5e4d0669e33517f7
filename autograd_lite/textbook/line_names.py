"""Which terms get a line, and what it is called."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import NumpySource
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import is_number

SHORT, LONG, LONG_LOSS = 2, 8, 12
"""A cotangent of at most so many operations is written where it is used, if that is one place;
anything of more gets a line, and a part of the loss later."""


class LineNames:
    """Says which terms get a line, and its names."""

    def __init__(
        self,
        values: Mapping[Step, str],
        cotangents: Mapping[Step, str],
        of_values: Collection[Step],
        results: Mapping[str, Any],
        uses: Counter[Any],
        identifiers: Identifiers,
    ) -> None:
        self.values = values
        self.cotangents = cotangents
        self.of_values = of_values
        self.uses = uses
        self.temporaries = (identifiers.unique(f"t{count}") for count in itertools.count(1))
        self.aliases: dict[Any, list[str]] = {}
        for result, term in results.items():
            self.aliases.setdefault(term, []).append(result)
        self.names: dict[Step, str] = {}
        self.weights: dict[Step, int] = {}

    def wish(self, term: Step) -> str | None:
        """The name that was given to a term."""
        aliases = self.aliases.get(term, ())
        return self.values.get(term) or self.cotangents.get(term) or next(iter(aliases), None)

    def names_of(self, term: Step, parts: Iterable[Step], longest: int) -> list[str]:
        """What a term is called that comes after its parts; nothing if it is written out."""
        weight = sum(map(self.weights.__getitem__, parts)) + weight_of(term)
        name = self._given(term, weight) or self._temporary(term, weight, longest)
        self.weights[term] = 0 if name else weight
        if not name:
            return []
        self.names[term] = name
        return [name, *(self.aliases.get(term, ()) if term not in self.values else ())]

    def _given(self, term: Step, weight: int) -> str | None:
        name, own = self.values.get(term), self.aliases.get(term)
        cotangent = self.cotangents.get(term)
        if own and not name and term not in self.of_values:
            # That of the cotangent of another tensor, or the first of its own.
            name = own[0] if cotangent in (None, *own) else cotangent
        if not name and (weight > SHORT or self.uses[term] > 1):
            name = cotangent
        return name

    def _temporary(self, term: Step, weight: int, longest: int) -> str | None:
        again = self.uses[term] > 1 and not is_trivial(term, weight)
        return next(self.temporaries) if weight > longest or again else None


def is_long(term: Step, weights: dict[Step, int], uses: int) -> bool:
    """Whether a term in a loop gets a line; its weight is noted."""
    weight = sum(weights.get(part, 0) for part in steps_in(term)) + weight_of(term)
    weights[term] = weight
    return weight > LONG or (uses > 1 and not is_trivial(term, weight))


def weight_of(term: Step) -> int:
    """How much a call, or an array without a name, adds to the length of a line."""
    if is_view(term):
        return int(len(term.arguments) > 1 and term.function in (np.transpose, np.flip, np.reshape))
    return 1 if term.function and traits_of(term.function).elementwise else 2


_VIEWS = {operator.getitem, np.negative, np.shape}


def is_view(term: Step) -> bool:
    """Whether it is written out each time that it is used: an index, or another way to look."""
    function = term.function
    if function is None or function in _VIEWS:
        return function is not None
    return traits_of(function).moves and len(steps_in(term)) == 1


def is_trivial(term: Step, weight: int) -> bool:
    """Whether a person writes it again rather than give it a name: 1 - a, x > 0, -x, x.T."""
    if weight != weight_of(term) or weight > 1:
        return False
    numbers = [x for x in term.arguments if is_number(x) and not isinstance(x, Count)]
    return is_view(term) or (term.function in NumpySource.infix and len(numbers) > 0)
