"""What is clipped: masks that are others, and what comes after it taken with what was not clipped.

Bounds are maxima and minima with numbers, one of them or both, as np.clip has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from autograd_lite.forensics.candidate import Candidate, joint, times
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.normalized import only
from autograd_lite.forensics.place import Place, Wrong, is_bounded
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array


class Clip(NamedTuple):
    """The steps from what is clipped back to what it is made of, and the numbers on each side."""

    chain: list[Place]
    lowest: float
    highest: float

    @property
    def name(self) -> str:
        """The function that it is called."""
        return "clip" if len(self.chain) > 1 else "{operation}"

    def with_mask(self, graph: Graph, mask: Array) -> Wrong:
        """The steps with another mask than the clip's."""
        first: Wrong = {self.chain[0]: times(mask)}
        return only(graph, self.chain) | first


def clipped(case: Case) -> Iterator[Candidate]:
    """Other masks of a clip, at what is clipped or at what is not; p - y with the clipped p."""
    graph = case.graph
    for clip in _clips(graph):
        node, x = clip.chain[0].node, clip.chain[-1].argument
        unclipped: Wrong = {graph.forward_step(node): lambda *_, of=x._array, **k: of}
        single = len(clip.chain) == 1
        for kind, words, mask in _masks(clip, x._array):
            wrong = clip.with_mask(graph, mask)
            if single and not mask.all():
                yield joint(kind, words, wrong)
            also = "what comes after it is taken with what was not clipped, and "
            yield joint(kind, also + words, wrong | unclipped)
        words = f"the mask of {clip.name} is forgotten, and the derivative of what is clipped is "
        words += "taken at what was clipped: as in p - y with the clipped p"
        for place in graph.places_of.get(x, ()):
            if place.traits.activation:
                at_clipped = place.given(lambda y, *own, of=node._array: (of, *own))
                forgotten = clip.with_mask(graph, np.ones_like(node._array))
                yield joint("wrong place", words, forgotten | {place: at_clipped})


def _clips(graph: Graph) -> Iterator[Clip]:
    for place in graph.places:
        after = graph.consumers.get(place.node, ())
        if not _has_bound(place) or any(map(_has_bound, after)):
            continue
        chain = [place]
        while (before := graph.places_of.get(chain[-1].argument, ())) and _has_bound(before[0]):
            chain.append(before[0])
        below = [n for p in chain for n in p.numbers if p.operation.function in BELOW]
        above = [n for p in chain for n in p.numbers if p.operation.function not in BELOW]
        yield Clip(chain, max(below, default=-np.inf), min(above, default=np.inf))


BELOW = np.maximum, np.fmax
"""Functions whose number is a lower bound."""


def _has_bound(place: Place) -> bool:
    """Whether a step is that of a maximum or minimum with a number, entry by entry."""
    alike = place.node.shape == place.argument.shape and not place.traits.rectifies
    return alike and is_bounded(place.node) and len(place.numbers) == 1


def _masks(clip: Clip, x: Array) -> Iterator[tuple[str, str, Array]]:
    """Kinds, words and masks that are another than that of a clip."""
    above, below = x > clip.lowest, x < clip.highest
    if above.all() and below.all():
        return
    words = f"the mask of {clip.name} is "
    yield "derivative forgotten", words + "forgotten: it is 0 beyond the bounds", np.ones_like(x)
    yield "branches", words + "inverted: 0 between the bounds, 1 beyond", 1.0 * ~(above & below)
    if not (above.all() or below.all()):
        yield "branches", words + "without the upper bound, which is forgotten", 1.0 * above
        yield "branches", words + "without the lower bound, which is forgotten", 1.0 * below
