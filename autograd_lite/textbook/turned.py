"""Loops that begin elsewhere in the body."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

from autograd_lite.program.loops import Loop, Sliced, with_moved
from autograd_lite.program.program import Step


def turned_by(loop: Loop, start: int) -> Loop | None:
    """The loop of one iteration less that begins at a place in the body; None if there is none.

    The steps before it are those of the next iteration. What is left over are the first ones of
    the first iteration, and the others of the last.
    """
    turning = _Turning(loop, start)
    for step in loop.body:
        own = turning.new[step]
        try:
            own.arguments, own.keywords = with_moved(step, partial(turning.argument, step))
        except LookupError:
            return None
    return turning.loop


class _Turning:
    """Writes the arguments in a body that begins at another place."""

    def __init__(self, old: Loop, start: int) -> None:
        self.old, self.start = old, start
        self.place = {step: place for place, step in enumerate(old.body)}
        self.new = {s: Step(s.function, (), {}, s.shape, s.number, s.dtype) for s in old.body}
        body = [self.new[step] for step in (*old.body[start:], *old.body[:start])]
        rows = itertools.pairwise(old.originals)
        originals = [[*one[start:], *two[:start]] for one, two in rows]
        self.loop = Loop(body, old.count - 1, originals=originals)
        self.places: dict[Any, Step] = {}

    def argument(self, of: Step, part: Any) -> Any:
        """What stands for an argument of a step."""
        later = self.place[of] < self.start  # of the next iteration
        if part in self.old.sliced:
            return self._sliced(part, later)
        if part in self.place:
            then, ago = part, 0
        elif part in self.old.carried:
            then, ago = self.old.carried[part][1], 1
        else:
            return part
        # In which iteration of the new loop it was computed, counted from that of the step.
        ago += (self.place[then] < self.start) - later
        if ago == 0:
            return self.new[then]
        if ago > 1:
            raise LookupError("it is from two iterations before")
        first = self.old.carried[part][0] if part in self.old.carried else None
        if self.place[then] < self.start:
            first = self.old.originals[0][self.place[then]]
        return self._carried(then, first)

    def _carried(self, then: Step, first: Any) -> Step:
        if then not in self.places:
            place = self.places[then] = Step(None, (), {}, then.shape, -1, then.dtype)
            self.loop.carried[place] = first, self.new[then]
        return self.places[then]

    def _sliced(self, part: Step, later: bool) -> Step:
        if (part, later) not in self.places:
            of, at = self.old.sliced[part]
            place = self.places[part, later] = Step(None, (), {}, part.shape, -1, part.dtype)
            if isinstance(of, list):
                of, at = of[later : later + self.loop.count], range(self.loop.count)
            start = at.start + at.step * (later and not isinstance(of, list))
            self.loop.sliced[place] = Sliced(
                of, range(start, start + at.step * self.loop.count, at.step)
            )
        return self.places[part, later]
