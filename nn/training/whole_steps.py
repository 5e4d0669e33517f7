"""A step of training as one function, written as text: what is looked at, run and changed, in line.

Nothing is quicker, as each call, attribute or loop in between takes longer than a small layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from autograd_lite import modes, mutation
from autograd_lite.node import Array
from nn.optimizers.traced import Update
from nn.random_state import set_state, state_of
from nn.training.recorded import Ready, WholeStep, kind_of

if TYPE_CHECKING:
    from nn.training.compiled import CompiledSteps


Names = dict[str, Any]
"""What the text of a step reads, by name."""
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


def whole_step(
    batch: Sequence[Array], found: Ready, steps: CompiledSteps, update: Update | None, by_rule: bool
) -> WholeStep:
    """A function of the arrays of such a batch: its loss, after the update.

    None if something is not as it was, unless it `is_known` to be, or if it is refused. The update
    is the compiled one, or that of the optimizer's rule, or none.
    """
    names: Names = {"steps": steps, "mutation": mutation, "this": found, "isfinite": math.isfinite}
    names |= {"recording": modes.recording.get, "set_now": modes.set_now.get}
    names |= {"numpy_settings": modes.numpy_settings, "raises_errors": modes.raises_errors}
    names |= {"are_unchanged": steps.outside.are_unchanged}
    names |= {"state_of": state_of, "set_state": set_state, "generators": steps.generators}
    arguments = [f"a{i}" for i in range(len(batch))]
    # What functions ask first stands here too, as calls of Python's take longer than all of it.
    looks = ["recording() is True", "not set_now()"]
    looks += ["(numpy_settings(None) is None or not raises_errors())"]
    looks += ["mutation.latest == steps.seen", "are_unchanged()"]
    in_one = bool(update and update.in_c and hasattr(found.run, "followed_by") and not found.moved)
    # In C a batch is copied to where it is read, so that it does not matter how it lies in memory.
    names["kind"] = kind = attrgetter("__class__", "shape", "dtype") if in_one else kind_of
    looks += [f"kind({a}) == {_named(names, kind(x))}" for a, x in zip(arguments, batch)]
    if update:
        names |= {"optimizer": steps.optimizer, "update": update}
        accepted = "optimizer.groups == optimizer._seen and not optimizer._scheduled"
        fits = f"update.seen == optimizer._changes and update.made == {update.made}"
        looks += [f"({accepted} or optimizer.accept() is None)"]
        looks += [f"({fits} or update.fitting() == {update.made})"]
    given = [*compress(arguments, found.used)]
    given += [f"{_named(names, draw)}()" for draw in found.draws]
    given += [f"{_named(names, tensor)}._array" for tensor in found.given]
    if update and in_one:
        run = _as_one_call(names, given, found.run, update)
    else:
        run = _in_parts(names, given, found, update, steps.in_fit)
    text = STEP.format(
        arguments=", ".join(arguments),
        looks=" and ".join(looks),
        before="states = [*map(state_of, generators)]" if found.draws else "",
        run="\n        ".join(run),
        refused="for _ in map(set_state, generators, states): pass" if found.draws else "",
        after="steps.by_rule(this)" if by_rule else "",
    )
    exec(text, names)
    step: WholeStep = names["step"]
    return step


def _named(names: Names, value: Any) -> str:
    name = f"x{len(names)}"
    names[name] = value
    return name


def _as_one_call(names: Names, given: Sequence[str], program: Any, update: Update) -> list[str]:
    """Program and update as one call of C, which refuses what is not finite."""
    lines = [f"{_named(names, x)}[...] = {text}" for x, text in zip(program.places, given)]
    numbers, counting = update.written_into(names)
    names["chained"], address, names["kept"] = program.followed_by(update.calls)
    names["addresses"] = [address]
    counting.append(f"loss = float({_named(names, program.results[0])}())")
    lines += [*numbers, "refused, = map(chained, addresses)", "if not refused:"]
    return [*lines, *[f"    {line}" for line in counting]]


def _in_parts(
    names: Names, given: Sequence[str], found: Ready, update: Update | None, in_fit: bool
) -> list[str]:
    """The program, and where it gave finite numbers buffers and the update."""
    moved = "*moved" if found.moved else ""
    lines = [f"found, {moved} = {_named(names, found.run)}({', '.join(given)})"]
    # `item` of NumPy's own numbers takes four times as long.
    lines += ["found = float(found) if isinstance(found, float) else found.item()"]
    lines += ["if not isfinite(found): raise ArithmeticError"]
    for run, flat in found.gradients if in_fit else ():
        lines.append(f"{_named(names, run.refuse_unless_finite)}({_named(names, flat)})")
    moving = [f"{_named(names, x)}.data = moved[{i}]" for i, x in enumerate(found.moved)]
    return [*lines, *(update.called_in(names, moving) if update else moving), "loss = found"]
