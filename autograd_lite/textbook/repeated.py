"""Terms in an order in which they can be computed, with loops in place of what repeats."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from autograd_lite.program.loops import Loop, Sliced, replaced, with_moved
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.rolling import collect, rolled
from autograd_lite.textbook.completed import completed
from autograd_lite.textbook.line_names import is_trivial, is_view, weight_of
from autograd_lite.textbook.terms import Terms
from autograd_lite.textbook.written_out import input_of_activation


def with_loops(
    needed: Mapping[Step, list[Step]],
    first: int,
    results: Collection[Any],
    terms: Terms,
    named: Collection[Step],
) -> list[Step | Loop]:
    """Computed terms in an order in which that can be done, with loops in place of what repeats.

    Values come as they were computed. Of what is from `first` on, the backward pass, sums come as
    early as they can, so that a loop adds what it contributes.
    """
    computed = {term: parts for term, parts in needed.items() if term.function}
    values = sorted([term for term in computed if term.number < first], key=attrgetter("number"))
    gradients = {term: parts for term, parts in computed.items() if term.number >= first}
    parts = completed(_busy(rolled([*values, *_early(gradients)])), terms)
    _write_again([part for part in parts if isinstance(part, Loop)], named)
    parts = _busy(parts)
    collect(parts, results, is_view)
    return parts


def _busy(parts: Sequence[Step | Loop]) -> list[Step | Loop]:
    """The parts, with single steps for loops that do no more than to look at slices.

    What others read from is left.
    """
    loops = [part for part in parts if isinstance(part, Loop)]
    read = {of for loop in loops for of, _ in loop.sliced.values() if isinstance(of, Step)}
    idle = {loop for loop in loops if all(is_view(s) and s not in read for s in loop.body)}
    found: list[Step | Loop] = []
    for part in parts:
        found += itertools.chain(*part.originals) if part in idle else [part]
    return found


def _early(terms: Mapping[Step, list[Step]]) -> list[Step]:
    """The terms, given with their parts, each sum as soon as both of its parts are there.

    So are parts of a sum that are multiples of others.
    """
    early = {term for term in terms if term.function is np.add}
    for term in [*terms][::-1]:
        used = terms[term] if term in early else ()
        early.update(x for x in used if x in terms and _is_multiple(x))
    missing = {term: {part for part in terms[term] if part in terms} for term in early}
    waiting: dict[Step, list[Step]] = {}
    for term, parts in missing.items():
        for part in parts:
            waiting.setdefault(part, []).append(term)
    found: dict[Step, None] = {}
    ready = [term for term in waiting if not missing.get(term, True)]
    for term in (*ready, *terms):
        stack = [] if term in found or missing.get(term) else [term]
        while stack:
            done = stack.pop()
            found[done] = None
            for later in waiting.get(done, ())[::-1]:
                missing[later].discard(done)
                if not missing[later]:
                    stack.append(later)
    return [*found]


def _is_multiple(term: Step) -> bool:
    return term.function in (np.multiply, np.divide, np.negative) and len(steps_in(term)) == 1


def _write_again(loops: Sequence[Loop], named: Collection[Step]) -> None:
    """Let loops compute again what is trivial and unnamed, such as 1 - a or x[t], not read it."""
    owner = {step: loop for loop in loops for step in loop.body}
    for loop in loops:
        again = {}
        for place, (of, indices) in [*loop.sliced.items()]:
            if isinstance(of, Step) and min(indices) >= 0 and _is_again(of, owner[of], named):
                again[place] = _again(loop, of, indices, owner[of])
                del loop.sliced[place]
        for step in loop.body if again else ():
            step.arguments, step.keywords = replaced(step, again)


def _is_again(step: Step, loop: Loop, named: Collection[Step]) -> bool:
    place = loop.body.index(step)
    return (
        is_trivial(step, weight_of(step))
        and input_of_activation(step) is None
        and not any(iteration[place] in named for iteration in loop.originals)
    )


def _again(loop: Loop, step: Step, indices: range, earlier: Loop) -> Step:
    """A step of an earlier loop, for a loop that reads its value at some iterations."""
    places = {(id(of), at): place for place, (of, at) in loop.sliced.items()}

    def own(part: Any) -> Any:
        of, at = part, indices
        if part in earlier.sliced:
            of, inner = earlier.sliced[part]
            at = _range(inner[indices[0]], inner.step * indices.step, len(indices))
        elif part in earlier.carried:
            of, at = earlier.carried[part][1], _range(indices[0] - 1, indices.step, len(indices))
        elif part not in earlier.body:
            return part
        key = id(of), at
        if key not in places:
            places[key] = Step(None, (), {}, part.shape, -1, part.dtype)
            loop.sliced[places[key]] = Sliced(of, at)
        return places[key]

    arguments, keywords = with_moved(step, own)
    return Step(step.function, arguments, keywords, step.shape, step.number, step.dtype)


def _range(start: int, step: int, length: int) -> range:
    return range(start, start + step * length, step)
