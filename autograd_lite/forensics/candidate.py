"""What a mistake is that may have been made, before it is known to explain anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from autograd_lite.forensics.replay import Place, Wrong, is_array
from autograd_lite.node import plain
from autograd_lite.operation import Traits


class Candidate(NamedTuple):
    """A mistake that may have been made: the steps that are done wrongly with it.

    Attributes:
        kind: what sort it is; `ranking.KINDS` has all.
        what: the same in words, with `{operation}` for the function whose derivative it is.
        wrong: the steps; where the mistake has a strength, such as a factor, a function of it.
        strengths: those to try. By default that is solved for which reproduces a gradient.
        neutral: the strength at which nothing is wrong.
        unit: what a strength of 1 stands for.
        far_fetched: whether it explains only where nothing else does.
    """

    kind: str
    what: str
    wrong: Wrong | Callable[[float], Wrong]
    strengths: tuple[float, ...] = ()
    neutral: float | None = None
    unit: float = 1.0
    far_fetched: bool = False

    @property
    def is_solved(self) -> bool:
        """Whether its strength is solved for."""
        return callable(self.wrong) and not self.strengths

    def steps(self, strength: float) -> Wrong:
        """The steps that are done wrongly, for a strength."""
        return self.wrong(strength) if callable(self.wrong) else self.wrong


def bends(place: Place) -> bool:
    """Whether the function has one argument, and a result like it that is not linear in it."""
    traits = place.traits
    if traits.additive or place.slot in traits.linear:
        return False
    arrays = [a for a in place.node.arguments if is_array(plain(a))]
    return len(arrays) == 1 and place.node.shape == place.argument.shape


def multiplies_entries(traits: Traits) -> bool:
    """Whether a function is a product, or a quotient, entry by entry."""
    return traits.product and traits.elementwise


def multiplies_matrices(traits: Traits) -> bool:
    """Whether a function is a product with a matrix, as layers have them."""
    return traits.product and not traits.elementwise
