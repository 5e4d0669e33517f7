"""What changed between two graphs of the same computation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from viz.vertices import Vertex


def with_changes(vertices: Sequence[Vertex], before: Sequence[Vertex]) -> tuple[Vertex, ...]:
    """The vertices; those whose entries are others than before stand out, with what they were.

    The first vertex of a title is compared with the first of that title, and so on.
    """
    earlier: dict[str, list[Vertex]] = {}
    for vertex in reversed(before):
        earlier.setdefault(vertex.title, []).append(vertex)
    found = []
    for vertex in vertices:
        same = earlier.get(vertex.title)
        old = same.pop() if same else None
        if old is None or old.digest != vertex.digest or old.shape != vertex.shape:
            was = ("new",) if old is None else old.value
            facts = (*vertex.facts, ("was", was))
            vertex = dataclasses.replace(vertex, facts=facts, highlighted=True)
        found.append(vertex)
    return tuple(found)
