"""Which terms get lines of their own, and under which names."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import NumpySource, is_short
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import is_number

SHORT, LONG = 2, 8
"""A cotangent of at most so many operations is written where it is used, if that is one place;
anything of more gets a line."""


@dataclass(frozen=True)
class Line:
    """name = term."""

    name: str
    term: Any


@dataclass(frozen=True)
class Layout:
    """Formulas line by line, each using only names of inputs and of lines before it.

    The inputs come in the order of their first use; terms are all that are needed.
    """

    inputs: list[Step]
    lines: list[Line]
    names: dict[Step, str]
    terms: Collection[Step]


def laid_out(
    results: Mapping[str, Any],
    values: Mapping[Step, str],
    cotangents: Mapping[Step, str],
    identifiers: Identifiers,
) -> Layout:
    """Lines that compute terms, by the names that are wanted for them, and nothing else.

    Values, of the forward pass, get lines if they are needed; cotangents if they are long too.
    """
    needed = needed_for(results.values())
    uses = Counter(itertools.chain(results.values(), *needed.values()))
    leaves = [term for term in needed if term.function is None]
    large = [leaf for leaf in leaves if leaf not in values and not is_short(leaf.arguments[0])]
    values = {**values, **{leaf: identifiers.unique("constant") for leaf in large}}
    inputs = {leaf: values[leaf] for leaf in leaves if leaf in values}
    temporaries = (identifiers.unique(f"t{count}") for count in itertools.count(1))
    aliases: dict[Any, list[str]] = {}
    for result, term in results.items():
        aliases.setdefault(term, []).append(result)
    names: dict[Step, str] = {}
    weights = dict.fromkeys(inputs, 0)
    for term, parts in needed.items():
        if term in inputs:
            continue
        name = values.get(term) or _among(aliases.get(term), cotangents.get(term))
        weight = sum(map(weights.__getitem__, parts)) + _weight(term)
        if not name and term in cotangents and (weight > SHORT or uses[term] > 1):
            name = cotangents[term]
        if not name and (weight > LONG or (uses[term] > 1 and not _is_trivial(term, weight))):
            name = next(temporaries)
        weights[term] = 0 if name else weight
        if name:
            names[term] = name
    lines: list[Line] = []
    for term, name in names.items():
        again = () if term in values else aliases.get(term, ())
        lines += [Line(name, term), *(Line(alias, term) for alias in again if alias != name)]
    done = {line.name for line in lines}
    lines += [Line(name, term) for name, term in results.items() if name not in done]
    final = {name for name, term in results.items() if uses[term] == len(aliases.get(term, ()))}
    final |= {name for name, term in results.items() if names.get(term) != name}
    ordered = _sorted(lines, [*results], final)
    names = inputs | names
    used = [part for line in lines for part in written_out(line.term, names) if part in inputs]
    return Layout([*dict.fromkeys([*used, *inputs])], ordered, names, needed)


def _among(aliases: list[str] | None, cotangent: str | None) -> str | None:
    """The name of a result: that of the cotangent of another tensor, or the first of its own."""
    if not aliases:
        return None
    return cotangent if cotangent and cotangent not in aliases else aliases[0]


def _sorted(lines: list[Line], results: list[str], final: set[str]) -> list[Line]:
    """Lines with each run of final ones, which no other line uses, in the order of the results."""
    ordered: list[Line] = []
    for is_final, run in itertools.groupby(lines, lambda line: line.name in final):
        group = list(run)
        ordered += sorted(group, key=lambda line: results.index(line.name)) if is_final else group
    return ordered


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


def written_out(term: Step, names: Collection[Step]) -> Iterator[Step]:
    """What stands in the formula of a term, from left to right; of what has a name only that."""
    stack = steps_in(term)[::-1]
    while stack:
        part = stack.pop()
        yield part
        if part not in names:
            stack += steps_in(part)[::-1] if part.function else []


def needed_for(results: Any) -> dict[Step, list[Step]]:
    """The terms that results are computed from, themselves included, in order; with their parts."""
    found: dict[Step, list[Step]] = {}
    stack = [term for term in results if isinstance(term, Step)]
    while stack:
        term = stack.pop()
        if term not in found:
            found[term] = steps_in(term)
            stack += found[term]
    return {term: found[term] for term in sorted(found, key=lambda term: term.number)}
