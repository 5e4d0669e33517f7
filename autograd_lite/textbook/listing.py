"""Lines for terms: which of them get one, what it is called, and in which order they come."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.program.loops import Loop
from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import NumpySource, is_short
from autograd_lite.textbook.repeated import Block, Line, Repeater, with_loops
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import is_number, needed_for, parts_written

SHORT, LONG, LONG_LOSS = 2, 8, 12
"""A cotangent of at most so many operations is written where it is used, if that is one place;
anything of more gets a line, and a part of the loss later."""


class Listing(NamedTuple):
    """Formulas line by line, each using only names of inputs and of lines before it."""

    inputs: list[Step]  # in the order of their first use
    lines: list[Line | Block]
    names: dict[Step, str]
    terms: Collection[Step]  # all that are needed


def listing_of(
    gradients: Mapping[str, Any],
    for_gradients: Mapping[Step, list[Step]],
    values: Mapping[Step, str],
    cotangents: Mapping[Step, str],
    identifiers: Identifiers,
    of_values: Collection[Step],
    loss: Mapping[str, Any],
    first: int,
) -> Listing:
    """Lines that compute results: values get some if they are needed, cotangents if long too.

    What is of the forward pass alone gets no name of a cotangent.
    """
    results = {**loss, **gradients}
    needed = needed_for(loss.values(), for_gradients)
    leaves = [term for term in needed if term.function is None]
    large = [leaf for leaf in leaves if leaf not in values and not is_short(leaf.arguments[0])]
    values = {**values, **{leaf: identifiers.unique("constant") for leaf in large}}
    inputs = {leaf: values[leaf] for leaf in leaves if leaf in values}
    uses = _uses(results, needed, for_gradients)
    naming = _Naming(values, cotangents, of_values, results, uses, identifiers)
    naming.weights |= dict.fromkeys(inputs, 0)
    repeater = Repeater(identifiers, naming.wish, naming.temporaries, _is_long)
    parts = with_loops(needed, first, results.values(), _is_view)
    has_loops = any(isinstance(part, Loop) for part in parts)
    lines: dict[str, Any] = {}
    for part in [*leaves, *parts] if has_loops else needed:
        if isinstance(part, Loop):
            lines[f"block {len(lines)}"] = repeater.block(part)
            naming.weights |= dict.fromkeys(itertools.chain(*part.originals), 0)
        elif part not in inputs:
            longest = LONG if part in for_gradients else LONG_LOSS
            lines |= dict.fromkeys(naming.names_of(part, needed[part], longest), part)
    inside = repeater.names
    lines |= {
        name: term
        for name, term in results.items()
        if name not in lines and inside.get(term) != name
    }
    names = inputs | naming.names | inside
    final = {name for name, term in results.items() if uses[term] == len(naming.aliases[term])}
    final |= {name for name, term in results.items() if names.get(term) != name}
    ordered = _in_order_of_results(lines, final, results)
    return Listing([*_used_first(inputs, lines.values(), names)], ordered, names, needed)


def _uses(
    results: Mapping[str, Any],
    needed: Mapping[Step, list[Step]],
    for_gradients: Collection[Step],
) -> Counter[Any]:
    """How often each term is used."""
    uses = Counter(results.values())
    uses.update(
        part
        for term, parts in needed.items()
        for part in parts
        # What gradients use too is written out again where the loss uses it.
        if term in for_gradients or part not in for_gradients
    )
    return uses


class _Naming:
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
        weight = sum(map(self.weights.__getitem__, parts)) + _weight(term)
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
        again = self.uses[term] > 1 and not _is_trivial(term, weight)
        return next(self.temporaries) if weight > longest or again else None


def _in_order_of_results(
    lines: Mapping[str, Any], final: Collection[str], results: Mapping[str, Any]
) -> list[Line | Block]:
    """The lines, each run of final ones, which no other line uses, in the order of the results."""
    place = {name: position for position, name in enumerate(results)}
    ordered: list[Any] = []
    for is_final, run in itertools.groupby(lines.items(), lambda line: line[0] in final):
        group = [*run]
        ordered += sorted(group, key=lambda line: place[line[0]]) if is_final else group
    return [line[1] if isinstance(line[1], Block) else line for line in ordered]


def _used_first(
    inputs: Mapping[Step, str], lines: Iterable[Any], names: Collection[Step]
) -> dict[Step, str]:
    """The inputs in the order of their first use."""
    used: dict[Step, str] = {}
    for line in lines:
        if len(used) < len(inputs):
            used |= {x: inputs[x] for x in _written_in(line, names) if x in inputs}
    return {**used, **inputs}


def _written_in(line: Any, names: Collection[Step]) -> Iterator[Step]:
    """What stands in a line, or in those of a block."""
    if not isinstance(line, Block):
        yield from parts_written(line, names) if isinstance(line, Step) else ()
        return
    for _, term in (*line.before, *line.lines):
        yield from (term, *parts_written(term, names)) if isinstance(term, Step) else ()
    for _, slices in line.slices:
        yield from slices


def _is_long(term: Step, weights: dict[Step, int], uses: int) -> bool:
    """Whether a term in a loop gets a line; its weight is noted."""
    weight = sum(weights.get(part, 0) for part in steps_in(term)) + _weight(term)
    weights[term] = weight
    return weight > LONG or (uses > 1 and not _is_trivial(term, weight))


def _weight(term: Step) -> int:
    """How much a call, or an array without a name, adds to the length of a line."""
    if _is_view(term):
        return int(len(term.arguments) > 1 and term.function in (np.transpose, np.flip, np.reshape))
    return 1 if term.function and traits_of(term.function).elementwise else 2


_VIEWS = {operator.getitem, np.negative, np.shape}


def _is_view(term: Step) -> bool:
    """Whether it is written out each time that it is used: an index, or another way to look."""
    function = term.function
    if function is None or function in _VIEWS:
        return function is not None
    return traits_of(function).moves and len(steps_in(term)) == 1


def _is_trivial(term: Step, weight: int) -> bool:
    """Whether a person writes it again rather than give it a name: 1 - a, x > 0, -x, x.T."""
    if weight != _weight(term) or weight > 1:
        return False
    numbers = [x for x in term.arguments if is_number(x) and not isinstance(x, Count)]
    return _is_view(term) or (term.function in NumpySource.infix and len(numbers) > 0)
