"""Stretches of a sequence in which kinds repeat with a period."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autograd_lite.node import Array

LEAST = 6
"""Iterations that make a loop of what repeats."""
OCCURRENCES = 8
"""So many of a kind may be in a body in which nothing is the only one of its kind."""


class Run(NamedTuple):
    """A stretch: `times` iterations of `period` places from the one at `start`."""

    start: int
    period: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.period * self.times


def repeated(kinds: Array, least: int = LEAST) -> list[Run]:
    """Stretches in which numbers of kinds repeat so often, in order and without overlap.

    >>> repeated(np.array([7, *[1, 2, 3] * 10, 7]))
    [Run(start=1, period=3, times=10)]
    """
    free = np.ones(len(kinds), dtype=bool)
    runs = []
    while run := _longest(kinds, free, least):
        runs.append(run)
        free[run.start : run.stop] = False
    return sorted(runs)


def _longest(kinds: Array, free: Array, least: int) -> Run | None:
    best = None
    for period in _periods(kinds, free, least):
        same = (kinds[:-period] == kinds[period:]) & free[:-period] & free[period:]
        start, length = longest_stretch(same)
        # A multiple of the period may cover a little more.
        covered = best.period * (best.times + 1) if best else 0
        if length and length + period > max(covered, least * period - 1):
            best = Run(start, period, (length + period) // period)
    return best


def longest_stretch(marked: Array) -> tuple[int, int]:
    """Where the longest stretch of True begins, and how long it is.

    >>> longest_stretch(np.array([True, False, True, True]))
    (2, 2)
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.view(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    longest = int(lengths.argmax()) if len(lengths) else 0
    return (int(edges[2 * longest]), int(lengths[longest])) if len(lengths) else (0, 0)


def _periods(kinds: Array, free: Array, least: int) -> list[int]:
    """Distances at which those of one kind often follow each other, the shortest first."""
    places = np.flatnonzero(free)
    order = places[np.argsort(kinds[places], kind="stable")]
    distances: set[int] = set()
    for apart in range(1, min(OCCURRENCES, len(order) - 1) + 1):
        one, two = order[:-apart], order[apart:]
        alike = kinds[one] == kinds[two]
        found, counts = np.unique((two - one)[alike], return_counts=True)
        distances.update(found[counts >= least - 1].tolist())
    return sorted(distances)
