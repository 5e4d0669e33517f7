"""Names of `nn` that are asked of a part of it, as in `nn.layers.Dense`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any


def told_of_names(part: str) -> Callable[[str], Any]:
    """The `__getattr__` of a part of `nn`, whose errors say where names are."""

    def __getattr__(name: str) -> Any:  # noqa: N807 - by this name it is known who asked
        # Of Python's own, which asks at each import for some, and for files that come to be known.
        if name.startswith("_") or find_spec(f"{part}.{name}"):
            raise AttributeError(name)
        from nn.elsewhere import missing_of_part

        raise missing_of_part(part, name)

    return __getattr__
