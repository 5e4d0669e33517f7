"""Loops completed by iterations that differ from the others only in what is not there.

In the backward pass of a recurrence no next step hands a cotangent to the last one, sums of
gradients have no terms yet, and nobody asks for the cotangent of what the first step began with. A
textbook lets sums and cotangents begin with 0, and computes the last cotangent all the same; then
one loop does all steps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from autograd_lite.program.loops import Loop, Sliced, moving_in, replaced
from autograd_lite.program.program import Step, steps_in
from autograd_lite.program.rolling import between_slices
from autograd_lite.textbook.line_names import is_view
from autograd_lite.textbook.terms import Terms, is_number
from autograd_lite.textbook.turned import turned_by

Parts = list[Step | Loop]


def completed(parts: Parts, terms: Terms) -> Parts:
    """Parts in an order in which they can be computed, with loops that took in single steps."""
    # Steps that loops do besides those that are needed, and terms of the same values.
    again: dict[Step, Step] = {}
    known = terms.count  # the number of the last term that nobody made to try
    for loop in _loops(parts):
        _let_carried_be_last(loop)
        parts = _longest(parts, loop, terms, again, known)
        # Where it begins was found by chance: if it begins elsewhere it may do more.
        read = {x for each in _loops(parts) for x in read_from(each)}
        found = [(parts, dict(vars(loop)))]
        for start in range(1, len(loop.body)) if read.isdisjoint(loop.body) else ():
            longer = _longest(_turned(parts, loop, start, again), loop, terms, again, known)
            found.append((longer, dict(vars(loop))))
            vars(loop).update(found[0][1])
        parts, state = min(found, key=lambda each: (len(each[0]), len(each[1]["carried"])))
        vars(loop).update(state)
    return parts


def _let_carried_be_last(loop: Loop) -> None:
    """Let what only the next iteration reads be the last in the body, but for sums that go on."""
    read = {x for step in loop.body for x in steps_in(step)}
    last = {then for place, (_, then) in loop.carried.items() if place not in steps_in(then)} - read
    order = sorted(range(len(loop.body)), key=lambda place: loop.body[place] in last)
    for row in (loop.body, *loop.originals):
        row[:] = [row[place] for place in order]


def _turned(parts: Parts, loop: Loop, start: int, again: Mapping[Step, Step]) -> Parts:
    """The parts, with a loop that begins at a place in its body, if it can."""
    turned = turned_by(loop, start)
    if turned is None:
        return parts
    steps = loop.originals[0][:start], loop.originals[-1][start:]
    before, behind = ([step for step in row if step not in again] for row in steps)
    vars(loop).update(vars(turned))
    firsts = {place: again.get(first, first) for place, (first, _) in loop.carried.items()}
    loop.carried = {place: (firsts[place], then) for place, (_, then) in loop.carried.items()}
    own = parts.index(loop)
    return [*parts[:own], *before, loop, *behind, *parts[own + 1 :]]


def _longest(parts: Parts, loop: Loop, terms: Terms, again: dict[Step, Step], known: int) -> Parts:
    """The parts, with a loop that does all iterations that it can."""
    _read_views(loop, parts, terms)
    for at_end in (False, True):
        while (longer := _extended(parts, loop, terms, again, known, at_end)) is not None:
            parts = longer
    return parts


def _extended(
    parts: Parts, loop: Loop, terms: Terms, again: dict[Step, Step], known: int, at_end: bool
) -> Parts | None:
    """The parts, if a loop does one more iteration, before its others or after them.

    That is what its body makes of what it is given then. Equal calls are one term, so that it is
    seen which of the single steps these are; what is none of them is computed in vain.
    """
    given = _carried_into(loop, at_end)
    index = loop.count if at_end else -1
    given |= {place: _at(index, sliced, parts) for place, sliced in loop.sliced.items()}
    if not all(_fits(place, value, loop) for place, value in given.items()):
        return None
    iteration = _iteration(loop.body, given, terms)
    made = dict(zip(loop.body, iteration))
    if not all(isinstance(term, Step) for term in iteration):
        return None
    if not at_end and any(made[then] is not first for first, then in loop.carried.values()):
        return None
    # What a sum with 0 makes of a value that is there stays that value's.
    twins = {x: replace(x) for x in given.values() if isinstance(x, Step) and x in iteration}
    iteration = [twins.get(term, term) for term in iteration]
    again.update({twin: term for term, twin in twins.items()})
    found = {part for part in parts if isinstance(part, Step)}.intersection(iteration)
    loops = _loops(parts)
    inside = {*chain.from_iterable(chain.from_iterable(each.originals for each in loops))}
    seen = {step for step in iteration if is_view(step) and step.number <= known}
    moving = {place for place, (of, _) in loop.sliced.items() if of is None}
    there = found | inside | seen
    vain = [own for own, step in made.items() if step not in there]
    if (
        len(vain) > len(found)
        or not moving.isdisjoint(x for own in vain for x in moving_in(own))
        or not all(map(is_view, inside.intersection(iteration)))
    ):
        return None
    rest = [part for part in parts if part not in found or is_view(part)]
    ordered = _in_order(rest, loop, iteration, given.values())
    if ordered is not None:
        again.update({made[own]: made[own] for own in vain})
        _add(loop, iteration, given, at_end, loops)
    return ordered


def _loops(parts: Parts) -> list[Loop]:
    return [part for part in parts if isinstance(part, Loop)]


def _read_views(loop: Loop, parts: Parts, terms: Terms) -> None:
    """Let a loop look again at what it looked at in the iteration before, such as h.T."""
    for place, (first, then) in [*loop.carried.items()]:
        seen = [x for x in steps_in(then) if x in loop.sliced]
        inside = any(x in loop.body or x in loop.carried for x in steps_in(then))
        if not is_view(then) or len(seen) != 1 or inside:
            continue
        of, at = loop.sliced[seen[0]]
        value = _at(-1, loop.sliced[seen[0]], parts)
        made = None if value is None else _iteration([then], {seen[0]: value}, terms)[0]
        if made is not first or isinstance(of, list):
            continue
        new = Step(None, (), {}, seen[0].shape, -1, seen[0].dtype)
        loop.sliced[new] = Sliced(of, range(at[0] - at.step, at[-1], at.step))
        own = Step(then.function, (), {}, then.shape, then.number, then.dtype)
        own.arguments, own.keywords = replaced(then, {seen[0]: new})
        position = loop.body.index(then)
        before: list[Any] = [first, *(row[position] for row in loop.originals)]
        for step in loop.body:
            step.arguments, step.keywords = replaced(step, {place: own})
        loop.body.insert(0, own)
        for row, term in zip(loop.originals, before):
            row.insert(0, term)
        del loop.carried[place]
        if not any(then in steps_in(step) for step in loop.body):
            for row in (loop.body, *loop.originals):
                del row[position + 1]


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
            for part, inner in zip(_flat(step.arguments), _flat(term.arguments)):
                if isinstance(part, Step):
                    found.setdefault(part, inner)
    return {place: found.get(place, 0) for place in loop.carried}


def _flat(arguments: Iterable[Any]) -> list[Any]:
    """Arguments, and those within lists."""
    return [*chain.from_iterable(x if isinstance(x, list) else [x] for x in arguments)]


def _is_like(step: Step, term: Step, added: Step) -> bool:
    """Whether a term adds what a step of a body adds to something carried."""
    if term.function is not np.add:
        return False
    other = term.arguments[step.arguments.index(added)]
    return isinstance(other, Step) and other.function is added.function


def _at(index: int, sliced: Sliced, parts: Parts) -> Any:
    """What a loop reads at an iteration that it does not do; None if there is nothing."""
    start, step = sliced.indices.start, sliced.indices.step
    number = start + step * index
    if sliced.of is None:
        return number if (number < 0) == (start < 0) else None
    if isinstance(sliced.of, list):
        if len(sliced.of) < 2:
            return None  # of one slice nothing says which is next
        single = [part for part in parts if isinstance(part, Step)]
        read = dict.fromkeys(x for part in single for x in steps_in(part))
        leaves = [x for x in read if x.function is None]
        one, two = sliced.of[:2]
        between = between_slices(one, two)
        for leaf in leaves:
            pair = (leaf, one) if index < 0 else (sliced.of[-1], leaf)
            if leaf.arguments and between_slices(*pair) == between:
                return leaf
        return None
    for loop in _loops(parts):
        if sliced.of in loop.body and 0 <= number < loop.count:
            return loop.originals[number][loop.body.index(sliced.of)]
        if sliced.of in loop.body and number == -1:
            return next((x for x, then in loop.carried.values() if then is sliced.of), None)
    return None


def _fits(place: Step, value: Any, loop: Loop) -> bool:
    """Whether an iteration may be given a value: 0 is for sums alone, or for differences."""
    if isinstance(value, Step):
        return bool(value.shape == place.shape)
    if place in loop.sliced:
        return value is not None
    sums = {np.add, np.subtract} if place.shape == () else {np.add}
    users = {step.function for step in loop.body if place in steps_in(step)}
    return is_number(value) and value == 0 and users <= sums


def _iteration(body: list[Step], given: Mapping[Step, Any], terms: Terms) -> list[Any]:
    """The terms of a body, in order, up to one that is a number."""
    found, made = {**given}, []
    for step in body:
        arguments, keywords = replaced(step, found)
        found[step] = terms.build(step.function, arguments, keywords, step.shape)
        made.append(found[step])
        if not isinstance(found[step], Step):
            break
    return made


def _in_order(
    parts: Parts, loop: Loop, iteration: Collection[Any], given: Iterable[Any]
) -> Parts | None:
    """Parts in an order in which they can be computed, if a loop does one more iteration."""
    owner: dict[Any, Step | Loop] = {part: part for part in parts if isinstance(part, Step)}
    for each in _loops(parts):
        owner |= dict.fromkeys(chain(each.body, *each.originals), each)
    owner |= dict.fromkeys(iteration, loop)
    needs: dict[Step | Loop, list[Step | Loop]] = {}
    for part in parts:
        used: list[Any] = steps_in(part) if isinstance(part, Step) else read_from(part)
        if isinstance(part, Loop):
            used += [x for step in part.body for x in steps_in(step)]
            used += [first for first, _ in part.carried.values()]
        used += given if part is loop else ()
        for x in used:
            used += steps_in(x) if isinstance(x, Step) and is_view(x) else ()
        found = dict.fromkeys(owner[x] for x in used if x in owner and not is_view(x))
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


def read_from(loop: Loop) -> list[Step]:
    """The steps of earlier loops that a loop reads."""
    return [of for of, _ in loop.sliced.values() if isinstance(of, Step)]


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
