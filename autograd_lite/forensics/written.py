"""Wrong vjps that know how a person would write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.derivation.formulas import contribution_formula
from autograd_lite.forensics.replay import Place, Vjp
from autograd_lite.node import Array, plain


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
    argument = place.node.arguments[vjp.slot]
    own = names.get(_key(argument), "x")
    written = vjp.written
    name = written.format(own) if isinstance(written, str) else names.get(_key(written), "another")
    formula = contribution_formula(place.node, place.slot, {**names, _key(argument): name})
    return formula.replace(".T.T", "")


def _key(value: Any) -> Any:
    """What names are found by: a tensor itself, the id of a plain array."""
    return id(value) if isinstance(plain(value), np.ndarray) and plain(value) is value else value
