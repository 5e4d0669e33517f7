"""The text of a step: what is looked at, run and changed, in line.

Nothing is quicker, as each call, attribute or loop in between takes longer than a small layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import mutation
from autograd_lite.errors import CompilerError
from autograd_lite.modes import nothing_unusual
from autograd_lite.node import Array
from autograd_lite.program.usual import Names, named
from nn.optimizers.traced import Update
from nn.random_state import set_state, state_of
from nn.training.recorded import Ready, WholeStep, kind_of

if TYPE_CHECKING:
    from autograd_lite.program.c_steps import StepInC
    from nn.training.compiled import CompiledSteps


def whole_step(
    batch: Sequence[Array], found: Ready, steps: CompiledSteps, update: Update | None, by_rule: bool
) -> WholeStep:
    """A function of the arrays of such a batch: its loss, after the update.

    None if something is not as it was, unless it `is_known` to be, or if it is refused. The update
    is the compiled one, or that of the optimizer's rule, or none.
    """
    names: Names = {"steps": steps, "mutation": mutation, "this": found, "isfinite": math.isfinite}
    names |= {"are_unchanged": steps.outside.are_unchanged}
    names |= {"state_of": state_of, "set_state": set_state, "generators": steps.generators}
    arguments = [f"a{i}" for i in range(len(batch))]
    given = [f"{named(names, draw)}()" for draw in found.draws]
    given += [f"{named(names, tensor)}._array" for tensor in found.given]
    in_c = update and _step_in_c(batch, found, update)
    if update and in_c:
        text = _in_one_call(names, batch, arguments, given, found, steps, update, in_c)
    else:
        given = [*compress(arguments, found.used), *given]
        run = _in_parts(names, given, found, update, steps.in_fit)
        looks = [*_looks(names), "are_unchanged()", *(_looks_at_optimizer(names, steps, update))]
        text = STEP.format(
            arguments=", ".join(arguments),
            looks=" and ".join([*looks, *_kinds(names, kind_of, arguments, batch)]),
            run="\n        ".join(run),
            after="steps.by_rule(this)" if by_rule else "",
            **_drawing(found),
        )
    exec(text, names)
    step: WholeStep = names["step"]
    return step


def _looks(names: Names) -> list[str]:
    """Whether a program may be run, and nothing has changed that counts as such."""
    return [nothing_unusual(names), "mutation.latest == steps.seen"]


def _looks_at_optimizer(names: Names, steps: CompiledSteps, update: Update | None) -> list[str]:
    """Whether it is as it was, or is made so."""
    if not update:
        return []
    names |= {"optimizer": steps.optimizer, "update": update}
    accepted = "optimizer.groups == optimizer._seen and not optimizer._scheduled"
    fits = f"update.seen == optimizer._changes and update.made == {update.made}"
    return [
        f"({accepted} or optimizer.accept() is None)",
        f"({fits} or update.fitting() == {update.made})",
    ]


def _kinds(names: Names, kind: Any, arguments: Sequence[str], batch: Sequence[Array]) -> list[str]:
    """Whether a batch is of the kind of this one."""
    names["kind"] = kind
    return [f"kind({a}) == {named(names, kind(x))}" for a, x in zip(arguments, batch)]


def _drawing(found: Ready) -> dict[str, str]:
    """What comes before a step, and what undoes it if that is refused."""
    return {
        "before": "states = [*map(state_of, generators)]" if found.draws else "",
        "refused": "for _ in map(set_state, generators, states): pass" if found.draws else "",
    }


# With NumPy, and in C where there is more to do than calls of C

STEP = """
def step({arguments}, is_known=False):
    if not is_known:
        try:
            if not ({looks}): return None
        except Exception: return None  # what is done next says better
    {before}
    loss = None
    try:
        {run}
    except Exception: loss = None  # what the eager step says better
    if loss is None:
        {refused}
        return None
    {after}
    steps.seen, steps.shown = mutation.latest, False
    return loss
"""


def _in_parts(
    names: Names, given: Sequence[str], found: Ready, update: Update | None, in_fit: bool
) -> list[str]:
    """The program, and where it gave finite numbers buffers and the update."""
    moved = "*moved" if found.moved else ""
    lines = [f"found, {moved} = {named(names, found.run)}({', '.join(given)})"]
    # `item` of NumPy's own numbers takes four times as long.
    lines += ["found = float(found) if isinstance(found, float) else found.item()"]
    lines += ["if not isfinite(found): raise ArithmeticError"]
    for run, flat in found.gradients if in_fit else ():
        lines.append(f"{named(names, run.refuse_unless_finite)}({named(names, flat)})")
    moving = [f"{named(names, x)}.data = moved[{i}]" for i, x in enumerate(found.moved)]
    return [*lines, *(update.called_in(names, moving) if update else moving), "loss = found"]


# In C

STEP_IN_C = """
def looked(): return {looked} and take()

def step({arguments}, is_known=False):
    try:
        if is_known: now = bare
        elif not ({looks}): return None
        elif {is_usual}: now = table
        elif looked(): now = bare
        else: return None
    except Exception: return None  # what is done next says better
    {before}
    loss = None
    try:
        {numbers}
        missed = run[now, {arguments}]
        if missed == 1:
            if now != bare:
                {refused}
                return again({arguments}, True) if looked() else None
            if {kinds}:  # written otherwise
                {copies}
                missed = run[now, {copied}]
        if not missed:
            {counting}
    except Exception: loss = None  # what the eager step says better
    if loss is None:
        {refused}
        return None
    steps.seen, steps.shown = mutation.latest, False
    return loss

again = step
"""


def _step_in_c(batch: Sequence[Array], found: Ready, update: Update) -> StepInC | None:
    """Program and update as one call, if there is nothing else to do, on arrays that C can take."""
    program: Any = found.run
    are_plain = all(found.used) and all(type(array) is np.ndarray for array in batch)
    if update.in_c and hasattr(program, "step") and not found.moved and are_plain:
        with suppress(CompilerError):  # a disk may be full by now
            step: StepInC = program.step(batch, update.calls)
            return step
    return None


def _in_one_call(
    names: Names,
    batch: Sequence[Array],
    arguments: Sequence[str],
    given: Sequence[str],
    found: Ready,
    steps: CompiledSteps,
    update: Update,
    in_c: StepInC,
) -> str:
    """Program and update as one call of C, which refuses what is not finite.

    It knows what containers held, and is told anew when something is otherwise: but only where the
    optimizer has not changed meanwhile, as that takes as long as three steps, and some have another
    learning rate in each.
    """
    program: Any = found.run
    watched, optimizer = steps.outside.watched, steps.optimizer

    def take() -> bool:
        if optimizer._changes == names["last"] and not optimizer._scheduled:
            names["table"] = in_c.table([*watched.plain, optimizer.groups, *optimizer.groups])
            names["groups"], names["seen"] = optimizer.groups, optimizer._changes
        names["last"] = optimizer._changes
        return True

    looked = ["are_unchanged()", *_looks_at_optimizer(names, steps, update)]
    is_usual = "optimizer._changes == seen and optimizer.groups is groups"
    if watched.others_are_unchanged:
        names["others_are_unchanged"] = watched.others_are_unchanged
        is_usual += " and others_are_unchanged()"
    names |= {"take": take, "run": in_c.run, "bare": in_c.bare, "last": optimizer._changes}
    names |= dict.fromkeys(("table", "groups", "seen"))
    take()
    numbers, counting = update.written_into(names)
    places = program.places[len(batch) :]
    copying = [f"{named(names, x)}[...] = {text}" for x, text in zip(places, given)]
    counting.append(f"loss = {named(names, program.shown(0))}.item()")
    copied = [named(names, np.empty(x.shape, x.dtype)) for x in batch]
    kind = attrgetter("__class__", "shape", "dtype")
    return STEP_IN_C.format(
        arguments=", ".join(arguments),
        looked=" and ".join(looked),
        looks=" and ".join(_looks(names)),
        is_usual=is_usual,
        numbers="\n        ".join([*copying, *numbers]),
        kinds=" and ".join(_kinds(names, kind, arguments, batch)),
        copies="; ".join(f"{own}[...] = {a}" for own, a in zip(copied, arguments)),
        copied=", ".join(copied),
        counting="\n            ".join(counting),
        **_drawing(found),
    )
