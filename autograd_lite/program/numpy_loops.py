"""Lines of a source in NumPy that repeat, as loops over the arrays that they work on.

Those arrays are made in advance. What lines make anew is in local variables, which no other
iteration may use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.numpy_names import Names
from autograd_lite.program.repeats import LEAST, Run, longest_stretch, repeated

FEWEST = 100
"""Lines of sources in which loops are looked for."""
MOVING = re.compile(r"\b([ct]_?\d+\w*|(?<=\[)\d+(?=\]))")
"""What may be another in each iteration: names that are made up here, and numbers in an index."""


def in_loops(lines: Sequence[str], names: Names) -> list[str]:
    """The lines of a function, with a loop in place of those that repeat."""
    text = "\n".join(lines)
    anew = text.count(" = ")
    # Strings may hold what looks like names.
    if len(lines) < max(FEWEST, 4 * anew) or "{" in text or "'" in text:
        return [*lines]
    source = _Source(text, names)
    found, place = list[str](), 0
    for run in map(source.kept_apart, repeated(source.kinds)):
        if run is not None:
            found += [*lines[place : run.start], *source.loop(run)]
            place = run.stop
    return [*found, *lines[place:]]


class _Source:
    """Lines, and what may move in each."""

    def __init__(self, text: str, names: Names) -> None:
        self.names = names
        parts = MOVING.split(text)
        moving = parts[1::2]
        self.forms = "{}".join(parts[::2]).split("\n")
        known: dict[str, int] = {}
        self.kinds = np.array([known.setdefault(form, len(known)) for form in self.forms])
        counts = np.array([form.count("{}") for form in known])[self.kinds]
        self.ends = np.cumsum([0, *counts])
        local = {x for x in {*moving} if not x.isdigit() and names.bound.get(x) is None}
        self.moving = np.array(moving, object)
        self.is_local = np.array([*map(local.__contains__, moving)], bool)
        variables = self.moving[self.is_local].tolist()
        lines = np.repeat(np.arange(len(counts)), counts)[self.is_local].tolist()
        # The first and the last line that each local variable is in.
        self.first: dict[str, int] = dict(zip(variables[::-1], lines[::-1]))
        self.last: dict[str, int] = dict(zip(variables, lines))

    def rows(self, run: Run) -> tuple[Array, Array]:
        """By iteration, what may move in it; and whether those are local variables that do."""
        places = slice(*self.ends[[run.start, run.stop]])
        rows = self.moving[places].reshape(run.times, -1)
        # The first and the last iteration may have others from before and after the loop.
        moves = (rows[1:-1] != rows[1]).any(axis=0)
        return rows, self.is_local[places].reshape(run.times, -1) & moves

    def kept_apart(self, run: Run) -> Run | None:
        """The longest part of a run in which iterations use no local variables of each other."""
        start = run.start + self._beginning(run)
        run = Run(start, run.period, (run.stop - start) // run.period)
        if run.times < LEAST:
            return None
        rows, local = self.rows(run)
        same = (rows[1:-1] == rows[1]).all(axis=0)
        apart = (rows[:, same] == rows[1, same]).all(axis=1) & (local == local[1]).all(axis=1)
        first = rows[1, local[1]]
        for iteration in np.flatnonzero(apart):
            begin, mine = start + iteration * run.period, rows[iteration, local[iteration]]
            inside = all(begin <= self.first[x] and self.last[x] < begin + run.period for x in mine)
            apart[iteration] = inside and len({*zip(mine, first)}) == len({*mine}) == len({*first})
        at, count = longest_stretch(apart)
        return Run(start + at * run.period, run.period, count) if count >= LEAST else None

    def _beginning(self, run: Run) -> int:
        """After how many lines an iteration begins, so that few local variables outlive it."""
        inside = [x for x, line in self.first.items() if run.start <= line < run.stop]
        spans = np.array([(self.first[x], self.last[x]) for x in inside]).reshape(-1, 2) - run.start
        outlive = [
            int(np.ptp((spans - shift) // run.period, axis=1).astype(bool).sum())
            for shift in range(run.period)
        ]
        return int(np.argmin(outlive))

    def loop(self, run: Run) -> list[str]:
        """The lines of a run as a loop."""
        names, (rows, local) = self.names, self.rows(run)
        texts, columns = [*rows[0]], dict[tuple[str, ...], str]()
        for place in np.flatnonzero((rows != rows[0]).any(axis=0) & ~local[0]):
            column = tuple(rows[:, place])
            if column not in columns:
                columns[column] = names.unique("i" if column[0].isdigit() else f"{column[0]}_i")
            texts[place] = columns[column]
        rest = iter(texts)
        forms = self.forms[run.start : run.start + run.period]
        body = [
            f"    {form.format(*[next(rest) for _ in range(form.count('{}'))])}" for form in forms
        ]
        if not columns:
            return [f"    for _ in range({run.times}):", *body]
        found = [*zip(*columns)]
        values = [tuple(int(x) if x.isdigit() else names.bound[x] for x in row) for row in found]
        shown = ", ".join(f"({', '.join(row)},)" for row in found)
        table = names.bind(values, "rows", f"[{shown}]")
        return [f"    for {', '.join(columns.values())}, in {table}:", *body]
