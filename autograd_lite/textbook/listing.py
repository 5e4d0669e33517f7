"""Lines for terms: which of them get one, what it is called, and in which order they come."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from autograd_lite.program.loops import Loop
from autograd_lite.program.program import Step, needed_for, steps_in
from autograd_lite.textbook.blocks import Block, Line, Repeater, terms_of
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import (
    LONG,
    LONG_LOSS,
    SHORT,
    is_short,
    needs_line,
    weight_of,
)
from autograd_lite.textbook.repeated import with_loops
from autograd_lite.textbook.terms import parts_written


class Listing:
    """Formulas line by line, each using only names of inputs and of lines before it.

    Values get a line if they are needed, cotangents if they are long too. Given formulas, of which
    all are terms, loops are completed, and named by what they are the cotangents of.

    Args:
        gradients: the results, by name, and so is the loss, if that is one.
        for_gradients: the terms that they need, and the parts of these.
        values: the names of what is computed or given, by term.
        cotangents: likewise; what is of the forward pass alone, `of_values`, gets none of them.
        symbols: what mathematics calls variables; those of loops are added.

    Attributes:
        inputs: in the order of their first use.
        lines: names with terms, and blocks.
        names: of terms, and of what stands for them in blocks.
        shown: what mathematics calls terms of loops, where that is not their name.
        terms: all that are needed, and their parts.
    """

    def __init__(
        self,
        gradients: Mapping[str, Any],
        for_gradients: Mapping[Step, list[Step]],
        values: Mapping[Step, str],
        identifiers: Identifiers,
        cotangents: Mapping[Step, str] = {},
        of_values: Collection[Step] = (),
        loss: Mapping[str, Any] = {},
        formulas: Formulas | None = None,
        symbols: dict[str, str] | None = None,
    ) -> None:
        self.results = results = {**loss, **gradients}
        self.identifiers, self.cotangents, self.of_values = identifiers, cotangents, of_values
        self.for_gradients = for_gradients
        parts_of = formulas.parts if formulas else steps_in
        self.terms = needed_for(loss.values(), for_gradients, parts_of)
        self.meant = formulas.values_of if formulas else {}
        self.symbols = {} if symbols is None else symbols
        leaves = [term for term in self.terms if term.function is None and term.arguments]
        large = [leaf for leaf in leaves if leaf not in values and not is_short(leaf.arguments[0])]
        self.values = {**values, **{leaf: identifiers.unique("constant") for leaf in large}}
        inputs = {leaf: self.values[leaf] for leaf in leaves if leaf in self.values}
        self.names = {**inputs}
        self.weights = dict.fromkeys(inputs, 0)
        self.temporaries = (identifiers.unique(f"t{count}") for count in itertools.count(1))
        self.aliases: dict[Any, list[str]] = {}
        for result, term in results.items():
            self.aliases.setdefault(term, []).append(result)
        first = {term: own[0] for term, own in self.aliases.items()}
        # The name that was given to a term.
        self.wish = {**first, **cotangents, **self.values}.get
        parts = with_loops(self.terms, [*results.values()], self.values, formulas)
        self.uses = self._uses(parts)
        repeater = Repeater(self, parts)
        lines: dict[str, Any] = {}
        for part in parts:
            if isinstance(part, Loop):
                lines[f"block {len(lines)}"] = repeater.block(part)
                self.weights |= dict.fromkeys(itertools.chain(*part.originals), 0)
            elif part not in inputs:
                lines |= dict.fromkeys(self._names_of(part), part)
        self.shown = repeater.shown
        missing = {name: x for name, x in results.items() if name not in lines}
        lines |= {name: x for name, x in missing.items() if self.names.get(x) != name}
        self.inputs = [*self._used_first(inputs, lines.items())]
        self.lines = self._in_order_of_results(lines)

    def _names_of(self, term: Step) -> list[str]:
        """What a term is called that comes after its parts; nothing if it is written out."""
        weight = sum(map(self.weights.__getitem__, self.terms[term])) + weight_of(term)
        longest = LONG if term in self.for_gradients else LONG_LOSS
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

    def _uses(self, parts: Iterable[Step | Loop]) -> Counter[Any]:
        """How often each term is written, but for arrays that loops begin with."""
        uses = Counter(self.results.values())
        for part in parts:
            if isinstance(part, Loop):
                used = [x for step in part.body for x in steps_in(step)]
                # What is computed before a loop is not computed again in each iteration.
                uses.update(used + [x for x in used if x not in part.body])
                firsts = [first for first, _ in part.carried.values() if isinstance(first, Step)]
                uses.update(first for first in firsts if first.function)
            else:
                # What gradients use too is written out again where the loss uses it.
                known = () if part in self.for_gradients else self.for_gradients
                uses.update(x for x in self.terms[part] if x not in known)
        return uses

    def _in_order_of_results(self, lines: Mapping[str, Any]) -> list[Line | Block]:
        """The lines, each run of final ones, which no other uses, in the order of the results."""
        results, names, uses = self.results.items(), self.names, self.uses
        final = {name for name, term in results if uses[term] == len(self.aliases[term])}
        final |= {name for name, term in results if names.get(term) != name}
        place = {name: position for position, name in enumerate(self.results)}
        ordered: list[Any] = []
        for is_final, run in itertools.groupby(lines.items(), lambda line: line[0] in final):
            group = [*run]
            ordered += sorted(group, key=lambda line: place[line[0]]) if is_final else group
        return [line[1] if isinstance(line[1], Block) else line for line in ordered]

    def _used_first(
        self, inputs: Mapping[Step, str], lines: Iterable[tuple[str, Any]]
    ) -> dict[Step, str]:
        """The inputs in the order of their first use."""
        used: dict[Step, str] = {}
        for line in lines:
            if len(used) < len(inputs):
                used |= {x: inputs[x] for x in self._written_in(line) if x in inputs}
        return {**used, **inputs}

    def _written_in(self, line: tuple[str, Any]) -> Iterator[Step]:
        """What stands in a line, or in those of a block."""
        for term in terms_of(line[1] if isinstance(line[1], Block) else line):
            yield from (term, *parts_written(term, self.names)) if isinstance(term, Step) else ()
