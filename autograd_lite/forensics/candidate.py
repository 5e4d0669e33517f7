"""What a mistake is that may have been made, before it is known to explain anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from autograd_lite.forensics.place import Place, Vjp, Wrong
from autograd_lite.node import Array

StepMistakes = Iterator[tuple[str, str, Vjp]]
"""Mistakes in one step: kind and words, as of a `Candidate`, and what takes the vjp's place."""

FACTOR = "a constant factor is wrong"
FACTORS = {"factor", "sign", "dropped path", "penalty"}
"""Kinds whose strength is a number that the right result is multiplied by."""
DROPPED = "dropped path", "a path is dropped: what arrives over this step is left out"
SIGN = "sign", "the sign is wrong"


class Candidate(NamedTuple):
    """A mistake that may have been made: the steps that are done wrongly with it.

    Its strength, if it has one, is a number that the gradients change linearly with.
    """

    kind: str  # one of `explain.KINDS`
    what: str  # in words, with {operation} for the function whose derivative it is
    wrong: Wrong  # with a strength of 1 where that is solved for
    solve: Callable[[float], Wrong] | None = None  # the steps for a strength
    strength: float = 1.0
    neutral: float | None = None  # the strength at which nothing is wrong
    unit: float = 1.0  # what a strength of 1 stands for
    number: str = ""  # how the strength is said, where it is no factor
    far_fetched: bool = False  # whether it explains only where nothing else does
    joint: bool = False  # whether its steps are one mistake, called by the first of them

    def at(self, strength: float) -> Candidate:
        """The same once its strength is known."""
        wrong = self.solve(strength) if self.solve else self.wrong
        kind, what = self.kind, self.what
        if kind == "factor" and strength in (0, -1):
            kind, what = DROPPED if strength == 0 else SIGN
        if kind == "penalty" and self.neutral == 1 and strength in (0, -1):
            what = "the penalty on large weights is left out"
            what = what if strength == 0 else "the sign of the penalty on large weights is wrong"
        return self._replace(kind=kind, what=what, wrong=wrong, strength=strength)

    @property
    def factor(self) -> float | None:
        """The number that a step is multiplied by, for mistakes that are one."""
        return self.strength if self.kind in FACTORS and self.strength != 1 else None

    @property
    def is_any_path(self) -> bool:
        """Whether a path is left out, and it is not said which of several."""
        return (self.kind, self.what) == DROPPED

    @property
    def says(self) -> Any:
        """What it shares with those that say the same: a factor may be anywhere on its path."""
        return tuple(self.wrong) if self.factor is None else (self.kind, f"{self.factor:.6g}")


def joint(kind: str, what: str, wrong: Wrong) -> Candidate:
    """A candidate of several steps that are one mistake."""
    return Candidate(kind, what, wrong, joint=True)


def left_out(steps: Iterable[Place], what: str = DROPPED[1]) -> Candidate:
    """A candidate in which steps add nothing."""
    return Candidate(DROPPED[0], what, scaled(steps, 0.0), strength=0.0)


def with_strength(
    kind: str, what: str, wrong_of: Callable[..., Wrong], *given: Any, **rest: Any
) -> Candidate:
    """A candidate whose strength, the last argument of a function, is solved for."""
    solve = partial(wrong_of, *given)
    return Candidate(kind, what, solve(1.0), solve, **rest)


@dataclass(frozen=True)
class Scaled:
    """The vjp of a step, with its result multiplied by a factor."""

    place: Place
    factor: float

    def __call__(self, *given: Any, **keywords: Any) -> Array:
        """The right result times the factor."""
        return self.place.vjp(*given, **keywords) * self.factor


def scaled(places: Iterable[Place], factor: float) -> Wrong:
    """The steps, with their results multiplied by a factor."""
    return {place: Scaled(place, factor) for place in places}


def unchanged(g: Array, *given: Any, **keywords: Any) -> Array:
    """The vjp of what does nothing."""
    return g


def negated(g: Array, *given: Any, **keywords: Any) -> Array:
    """The vjp of what does nothing but change the sign."""
    return -g


def times(value: Any) -> Vjp:
    """The vjp of a product with something fixed."""
    return lambda g, *given, **keywords: g * value


@dataclass(frozen=True)
class Instead:
    """The vjp of a step with another value for one of the node's arguments."""

    place: Place
    slot: int
    value: Array
    # In a formula, with {0} for the argument's name and {1} for that of the place's argument, none
    # if it is empty; or what has a name.
    written: Any = ""
    turned: bool = False  # whether what has a name is transposed

    def __call__(self, g: Array, y: Array, *given: Any, **keywords: Any) -> Array:
        """The right vjp with the other value."""
        changed = (*given[: self.slot], self.value, *given[self.slot + 1 :])
        return self.place.vjp(g, y, *changed, **keywords)


@dataclass(frozen=True)
class Arriving:
    """The vjp of a step with what arrives at another node."""

    place: Place
    written: Any  # that node, or array
    cotangent: Array

    def __call__(self, g: Array, *given: Any, **keywords: Any) -> Array:
        """The right vjp of the other cotangent."""
        return self.place.vjp(self.cotangent, *given, **keywords)


@dataclass(frozen=True)
class Valued(Arriving):
    """The same with the values of a node, or of an array of data, for what arrives."""


@dataclass(frozen=True)
class Always:
    """A fixed cotangent; `written` has {0} for the argument's name and {1} for the targets'."""

    value: Array
    written: str = ""
    targets: Array | None = None

    def __call__(self, *given: Any, **keywords: Any) -> Array:
        """The fixed cotangent."""
        return self.value


def instead_of_all(
    uses: Sequence[Place], value: Array, written: str = "", targets: Array | None = None
) -> Wrong:
    """The steps to a node, with a fixed cotangent for all that arrives there over its uses."""
    wrong: Wrong = {use: Always(0.0 * value, "0", targets) for use in uses}
    return wrong | {uses[0]: Always(value, written, targets)}
