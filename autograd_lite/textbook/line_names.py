"""Which terms get a line, and what it is called."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
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


@dataclass
class LineNames:
    """Says which terms get a line, and its names."""

    values: Mapping[Step, str]
    cotangents: Mapping[Step, str]
    of_values: Collection[Step]
    results: InitVar[Mapping[str, Any]]
    uses: Counter[Any]
    identifiers: Identifiers
    names: dict[Step, str] = field(default_factory=dict)
    weights: dict[Step, int] = field(default_factory=dict)

    def __post_init__(self, results: Mapping[str, Any]) -> None:
        unique = self.identifiers.unique
        self.temporaries = (unique(f"t{count}") for count in itertools.count(1))
        self.aliases: dict[Any, list[str]] = {}
        for result, term in results.items():
            self.aliases.setdefault(term, []).append(result)
        first = {term: own[0] for term, own in self.aliases.items()}
        # The name that was given to a term.
        self.wish = {**first, **self.cotangents, **self.values}.get

    def names_of(self, term: Step, parts: Iterable[Step], longest: int) -> list[str]:
        """What a term is called that comes after its parts; nothing if it is written out."""
        weight = sum(map(self.weights.__getitem__, parts)) + weight_of(term)
        name = self._given(term, weight)
        if not name and needs_line(term, weight, self.uses[term], longest):
            name = next(self.temporaries)
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


def needs_line(term: Step, weight: int, uses: int, longest: int = LONG) -> bool:
    """Whether a term gets a line whether there is a name for it or not."""
    return weight > longest or (uses > 1 and not is_trivial(term, weight))


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
