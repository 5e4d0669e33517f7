"""Lines for terms: which of them get one, what it is called, and in which order they come."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from autograd_lite.program.loops import Loop
from autograd_lite.program.program import Step, steps_in
from autograd_lite.textbook.blocks import Block, Line, Repeater
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.line_names import LONG, LONG_LOSS, LineNames
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import is_short
from autograd_lite.textbook.repeated import with_loops
from autograd_lite.textbook.terms import needed_for, parts_written


class Listing(NamedTuple):
    """Formulas line by line, each using only names of inputs and of lines before it."""

    inputs: list[Step]  # in the order of their first use
    lines: list[Line | Block]
    names: dict[Step, str]
    shown: dict[Step, str]  # what mathematics calls terms of loops, where that is not their name
    terms: Collection[Step]  # all that are needed


def listing_of(
    gradients: Mapping[str, Any],
    for_gradients: Mapping[Step, list[Step]],
    values: Mapping[Step, str],
    cotangents: Mapping[Step, str],
    identifiers: Identifiers,
    of_values: Collection[Step],
    loss: Mapping[str, Any],
    formulas: Formulas | None = None,
    symbols: dict[str, str] | None = None,
) -> Listing:
    """Lines that compute results: values get some if they are needed, cotangents if long too.

    What is of the forward pass alone gets no name of a cotangent. Given formulas, of which all are
    terms, loops are completed, and named by what they are the cotangents of; symbols get what
    mathematics calls them.
    """
    results = {**loss, **gradients}
    needed = needed_for(loss.values(), for_gradients, formulas.parts if formulas else steps_in)
    leaves = [term for term in needed if term.function is None and term.arguments]
    large = [leaf for leaf in leaves if leaf not in values and not is_short(leaf.arguments[0])]
    values = {**values, **{leaf: identifiers.unique("constant") for leaf in large}}
    inputs = {leaf: values[leaf] for leaf in leaves if leaf in values}
    parts = with_loops(needed, [*results.values()], values, formulas)
    uses = _uses(results, parts, needed, for_gradients)
    naming = LineNames(values, cotangents, of_values, results, uses, identifiers)
    naming.weights |= dict.fromkeys(inputs, 0)
    shown = {} if symbols is None else symbols
    meant = formulas.values_of if formulas else {}
    repeater = Repeater(parts, uses, naming, meant, shown, [*results])
    lines: dict[str, Any] = {}
    for part in parts:
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
    return Listing(
        [*_used_first(inputs, lines.values(), names)], ordered, names, repeater.shown, needed
    )


def _uses(
    results: Mapping[str, Any],
    parts: Iterable[Step | Loop],
    needed: Mapping[Step, list[Step]],
    for_gradients: Collection[Step],
) -> Counter[Any]:
    """How often each term is written, but for arrays that loops begin with."""
    uses = Counter(results.values())
    for part in parts:
        if isinstance(part, Loop):
            used = [x for step in part.body for x in steps_in(step)]
            # What is computed before a loop is not computed again in each iteration.
            uses.update(used + [x for x in used if x not in part.body])
            firsts = [first for first, _ in part.carried.values() if isinstance(first, Step)]
            uses.update(first for first in firsts if first.function)
        else:
            # What gradients use too is written out again where the loss uses it.
            alone = part not in for_gradients
            uses.update(x for x in needed[part] if not (alone and x in for_gradients))
    return uses


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
    for _, term, *_ in (*line.before, *line.lines):
        yield from (term, *parts_written(term, names)) if isinstance(term, Step) else ()
    for _, slices in line.slices:
        yield from slices
