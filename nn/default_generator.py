"""The generator of what was given none: a file of its own, as NumPy's take long to import."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nn.random_state import generator, set_state, state_of


class _Default(np.random.Generator):
    """Of a process there is one, also for copies."""

    seeded = False

    def __reduce__(self) -> Any:
        return generator, (None, "default")

    def __deepcopy__(self, memo: Any) -> Any:
        return self


DEFAULT = _Default(np.random.PCG64())


def _differ_from_parent() -> None:
    if not DEFAULT.seeded:
        set_state(DEFAULT, state_of(np.random.default_rng()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_differ_from_parent)
