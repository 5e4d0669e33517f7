"""Calls of functions in C as text, in which calls that repeat are loops.

What repeats is which functions are called. Where in memory they work is, in each iteration, a
place further by as much, or else taken from a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from autograd_lite.program.repeats import repeated


class CallInC(NamedTuple):
    """A call as text, with `{}` for each of some numbers."""

    text: str
    numbers: tuple[int, ...]


def lines_of(calls: Sequence[CallInC]) -> list[str]:
    """The text of calls, in order; a loop is one entry.

    >>> print(*lines_of([CallInC("f(p + {}, {});", (8 * t, t % 2)) for t in range(6)]))
    { static const long at[6][1] = {{0}, {1}, {0}, {1}, {0}, {1}};
      for (long t = 0; t < 6; t++) {
        f(p + 0 + 8 * t, at[t][0]);
      } }
    """
    known: dict[str, int] = {}
    kinds = np.array([known.setdefault(call.text, len(known)) for call in calls], int)
    lines, place = list[str](), 0
    for run in repeated(kinds):
        lines += [call.text.format(*call.numbers) for call in calls[place : run.start]]
        lines.append(_loop(calls[run.start : run.stop], run.times))
        place = run.stop
    return lines + [call.text.format(*call.numbers) for call in calls[place:]]


def _loop(calls: Sequence[CallInC], times: int) -> str:
    body = calls[: len(calls) // times]
    rows = np.array([*chain.from_iterable(call.numbers for call in calls)], int).reshape(times, -1)
    moves = np.diff(rows, axis=0)
    evenly = (moves == moves[0]).all(axis=0)
    table = rows[:, ~evenly]
    texts = [f"at[t][{column}]" for column in np.cumsum(~evenly) - 1]
    for column in np.flatnonzero(evenly):
        first, move = rows[0, column], moves[0, column]
        texts[column] = f"{first} + {move} * t" if move else f"{first}"
    rest = iter(texts)
    lines = ["    " + call.text.format(*[next(rest) for _ in call.numbers]) for call in body]
    opening = f"  for (long t = 0; t < {times}; t++) {{"
    if table.size:
        shown = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in table)
        at = f"static const long at[{times}][{table.shape[1]}] = {{{shown}}};"
    else:
        at = ""
    return "\n".join([f"{{ {at}", opening, *lines, "  } }"])
