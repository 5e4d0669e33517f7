"""Wrong vjps that know how a person would write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograd_lite.derivation.formulas import contribution_formula
from autograd_lite.derivation.naming import key_of
from autograd_lite.forensics.replay import Place, Vjp
from autograd_lite.node import Array


@dataclass(frozen=True)
class Instead:
    """The vjp of a step with another value for one of the node's arguments.

    `written` stands for that value in a formula, with {0} for the argument's own name; or it is
    the tensor or array itself, whose name is used.
    """

    place: Place
    slot: int
    value: Array
    written: Any

    def __call__(self, g: Array, y: Array, *given: Any, **keywords: Any) -> Array:
        """The right vjp with the other value."""
        changed = (*given[: self.slot], self.value, *given[self.slot + 1 :])
        return self.place.vjp(g, y, *changed, **keywords)


@dataclass(frozen=True)
class Always:
    """A fixed cotangent, whatever arrives, computed from the argument and from targets.

    `written` has {0} for the name of the argument and {1} for that of the targets.
    """

    value: Array
    written: str
    targets: Array

    def __call__(self, *given: Any, **keywords: Any) -> Array:
        """The fixed cotangent."""
        return self.value


def formula_of(place: Place, vjp: Vjp, names: Mapping[Any, str]) -> str:
    """What a wrong vjp computes, as NumPy source."""
    if isinstance(vjp, Always):
        return vjp.written.format(names[place.argument], names.get(id(vjp.targets), "y"))
    if not isinstance(vjp, Instead):
        return contribution_formula(place.node, place.slot, names, vjp)
    key = key_of(place.node.arguments[vjp.slot])
    if isinstance(vjp.written, str):
        name = vjp.written.format(names.get(key, "x"))
    else:
        name = names.get(key_of(vjp.written), "another")
    formula = contribution_formula(place.node, place.slot, {**names, key: name})
    return formula.replace(".T.T", "")
