"""What a mistake is that may have been made, before it is known to explain anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from autograd_lite.forensics.replay import Place, Vjp, Wrong, is_array
from autograd_lite.operation import Traits
from autograd_lite.operators import plain


class Candidate(NamedTuple):
    """A mistake that may have been made: the steps that are done wrongly with it.

    Attributes:
        kind: what sort it is; `ranking.KINDS` has all.
        what: the same in words, with `{operation}` for the function whose derivative it is.
        wrong: the steps, with a strength of 1 where that is solved for.
        solve: the steps as a function of the strength, a number such as a factor that the
            gradients change linearly with.
        strength: a known one, where it is not solved for.
        neutral: the strength at which nothing is wrong, if there is one.
        unit: what a strength of 1 stands for.
        far_fetched: whether it explains only where nothing else does.
    """

    kind: str
    what: str
    wrong: Wrong
    solve: Callable[[float], Wrong] | None = None
    strength: float = 1.0
    neutral: float | None = None
    unit: float = 1.0
    far_fetched: bool = False


def with_strength(kind: str, what: str, steps: Callable[[float], Wrong], **rest: Any) -> Candidate:
    """A candidate whose strength is solved for."""
    return Candidate(kind, what, steps(1.0), steps, **rest)


def scaled(places: Iterable[Place], factor: float) -> Wrong:
    """The steps, with their results multiplied by a factor."""

    def times(place: Place) -> Vjp:
        return lambda *given, **keywords: place.vjp(*given, **keywords) * factor

    return {place: times(place) for place in places}


def bends(place: Place) -> bool:
    """Whether the function has one argument, and a result like it that is not linear in it."""
    if place.traits.additive or place.slot in place.traits.linear:
        return False
    arrays = [a for a in place.node.arguments if is_array(plain(a))]
    return len(arrays) == 1 and place.node.shape == place.argument.shape


def multiplies_entries(traits: Traits) -> bool:
    """Whether a function is a product, or a quotient, entry by entry."""
    return traits.product and traits.elementwise


def multiplies_matrices(traits: Traits) -> bool:
    """Whether a function is a product with a matrix, as layers have them."""
    return traits.product and not traits.elementwise
