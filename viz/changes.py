"""What changed between two graphs of the same computation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from viz.vertices import Vertex


def with_changes(vertices: Sequence[Vertex], before: Sequence[Vertex]) -> tuple[Vertex, ...]:
    """The vertices; those whose entries are others than before stand out, with what they were.

    The first vertex of a title is compared with the first of that title, and so on, if they differ
    in shape by the number of samples alone.
    """
    earlier: dict[tuple[str, str], list[Vertex]] = {}
    for vertex in reversed(before):
        earlier.setdefault(_kind(vertex), []).append(vertex)
    found = []
    for vertex in vertices:
        same = earlier.get(_kind(vertex))
        old = same.pop() if same else None
        if old is None or old.digest != vertex.digest or old.shape != vertex.shape:
            was = ("new",) if old is None else old.value
            facts = (*vertex.facts, ("was", was))
            vertex = dataclasses.replace(vertex, facts=facts, highlighted=True)
        found.append(vertex)
    return tuple(found)


def _kind(vertex: Vertex) -> tuple[str, str]:
    """Its title, and its shape but for the first axis."""
    return vertex.title, vertex.shape.partition(",")[2]
