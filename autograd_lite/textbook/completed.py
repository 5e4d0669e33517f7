"""Loops completed by iterations that differ from the others only in what is not there.

In the backward pass of a recurrence no next step hands a cotangent to the last one, sums of
gradients have no terms yet, and nobody asks for the cotangent of what the first step began with. A
textbook lets sums and cotangents begin with 0, and computes the last cotangent all the same; then
one loop does all steps.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.program.loops import Loop, Sliced, with_moved
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.rolling import between_slices
from autograd_lite.textbook.terms import Terms

Parts = list[Step | Loop]


def completed(parts: Parts, terms: Terms) -> Parts:
    """Parts in an order in which they can be computed, with loops that took in single steps."""
    for loop in [part for part in parts if isinstance(part, Loop)]:
        for at_end in (False, True):
            while (longer := _extended(parts, loop, terms, at_end)) is not None:
                parts = longer
    return parts


def _extended(parts: Parts, loop: Loop, terms: Terms, at_end: bool) -> Parts | None:
    """The parts, if a loop does one more iteration, before its others or after them.

    That is what its body makes of what it is given then. Equal calls are one term, so that it is
    seen which of the single steps these are; what is none of them is computed in vain.
    """
    single = {part for part in parts if isinstance(part, Step)}
    loops = [part for part in parts if isinstance(part, Loop)]
    given = _carried_into(loop, at_end)
    index = loop.count if at_end else -1
    given |= {place: _at(index, sliced, loops, single) for place, sliced in loop.sliced.items()}
    if not all(_fits(place, value, loop) for place, value in given.items()):
        return None
    iteration = _iteration(loop, given, terms)
    made = dict(zip(loop.body, iteration))
    if not at_end and any(made[then] is not first for first, then in loop.carried.values()):
        return None
    vain = [own for own, step in made.items() if step not in single]
    found = single.intersection(iteration)
    inside = {step for each in loops for steps in each.originals for step in steps}
    if (
        len(vain) > len(found)
        or any(own.function in (operator.getitem, scatter) for own in vain)
        or not inside.isdisjoint(iteration)
    ):
        return None
    rest = [part for part in parts if part not in found]
    ordered = _in_order(rest, loop, iteration, given.values())
    if ordered is not None:
        _add(loop, iteration, given, at_end, loops)
    return ordered


def _carried_into(loop: Loop, at_end: bool) -> dict[Step, Any]:
    """What is carried into an iteration after the last one, or before the first.

    That is read off what the first begins with. Where the body adds to something carried, and that
    is no such sum, it was 0.
    """
    if at_end:
        last = dict(zip(loop.body, loop.originals[-1]))
        return {place: last.get(then) for place, (_, then) in loop.carried.items()}
    found: dict[Step, Any] = {}
    for first, then in loop.carried.values():
        found.setdefault(then, first)
    for step in reversed(loop.body):
        term, parts = found.get(step), steps_in(step)
        added = [part for part in parts if part not in loop.carried]
        if not isinstance(term, Step):
            continue
        if step.function is np.add and len(added) == 1 and not _is_like(step, term, added[0]):
            found.setdefault(added[0], term)
        elif step.function is term.function:
            for part, inner in zip(parts, steps_in(term)):
                found.setdefault(part, inner)
    return {place: found.get(place, 0) for place in loop.carried}


def _is_like(step: Step, term: Step, added: Step) -> bool:
    """Whether a term adds what a step of a body adds to something carried."""
    if term.function is not np.add:
        return False
    other = term.arguments[step.arguments.index(added)]
    return isinstance(other, Step) and other.function is added.function


def _at(index: int, sliced: Sliced, loops: Iterable[Loop], single: Iterable[Step]) -> Any:
    """What a loop reads at an iteration that it does not do; None if there is nothing."""
    start, step = sliced.indices.start, sliced.indices.step
    number = start + step * index
    if sliced.of is None:
        return number if (number < 0) == (start < 0) else None
    if isinstance(sliced.of, list):
        leaves = {x for part in single for x in steps_in(part) if x.function is None}
        one, two = sliced.of[:2]
        between = between_slices(one, two)
        for leaf in leaves:
            pair = (leaf, one) if index < 0 else (sliced.of[-1], leaf)
            if leaf.arguments and between_slices(*pair) == between:
                return leaf
        return None
    for loop in loops:
        if sliced.of in loop.body and 0 <= number < loop.count:
            return loop.originals[number][loop.body.index(sliced.of)]
        if sliced.of in loop.body and number == -1:
            return next((x for x, then in loop.carried.values() if then is sliced.of), None)
    return None


def _fits(place: Step, value: Any, loop: Loop) -> bool:
    """Whether an iteration may be given a value: 0 is for sums alone."""
    if isinstance(value, Step):
        return bool(value.shape == place.shape)
    if place in loop.sliced:
        return value is not None
    return value == 0 and all(
        step.function is np.add for step in loop.body if place in steps_in(step)
    )


def _iteration(loop: Loop, given: Mapping[Step, Any], terms: Terms) -> list[Any]:
    """The terms of a body, in order."""
    found = {**given}
    for step in loop.body:
        arguments, keywords = with_moved(step, lambda part: found.get(part, part))
        found[step] = terms.build(step.function, arguments, keywords, step.shape)
    return [found[step] for step in loop.body]


def _in_order(
    parts: Parts, loop: Loop, iteration: Collection[Any], given: Iterable[Any]
) -> Parts | None:
    """Parts in an order in which they can be computed, if a loop does one more iteration."""
    owner = {step: part for part in parts for step in _steps_of(part)}
    owner |= dict.fromkeys(iteration, loop)
    needs: dict[Step | Loop, list[Step | Loop]] = {}
    for part in parts:
        used = [x for step in _steps_of(part) for x in steps_in(step)]
        used += given if part is loop else ()
        found = dict.fromkeys(owner[x] for x in used if isinstance(x, Step) and x in owner)
        needs[part] = [x for x in found if x is not part]
    ordered: dict[Step | Loop, None] = {}
    begun: set[Step | Loop] = set()
    for part in parts:
        stack = [part]
        while stack:
            missing = [x for x in needs[stack[-1]] if x not in ordered]
            if not missing:
                ordered[stack.pop()] = None
            elif stack[-1] in begun:
                return None  # it needs itself
            else:
                begun.add(stack[-1])
                stack += missing[::-1]
    return [*ordered]


def _steps_of(part: Step | Loop) -> list[Step]:
    return [part] if isinstance(part, Step) else [x for steps in part.originals for x in steps]


def _add(
    loop: Loop, iteration: list[Step], given: Mapping[Step, Any], at_end: bool, loops: list[Loop]
) -> None:
    """Let a loop do one more iteration."""
    loop.count += 1
    loop.originals.insert(loop.count if at_end else 0, iteration)
    for place, (of, indices) in loop.sliced.items():
        start, step = indices.start, indices.step
        if isinstance(of, list):
            of.insert(loop.count if at_end else 0, given[place])
        elif not at_end:
            start -= step
        loop.sliced[place] = Sliced(of, range(start, start + step * loop.count, step))
    if at_end:
        return
    loop.carried = {place: (given[place], then) for place, (_, then) in loop.carried.items()}
    for other in loops:
        for place, (of, indices) in other.sliced.items():
            if isinstance(of, Step) and of in loop.body:
                start, step = indices.start + 1, indices.step
                other.sliced[place] = Sliced(of, range(start, start + step * len(indices), step))
