"""Which functions of NumPy and SciPy have derivatives, read off the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.table import COMPOSED, TABLE, WITHOUT_DERIVATIVE

NAMESPACES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}


def pages() -> dict[str, str]:
    """One page with a list for each answer."""
    rows, made, plain, without = [], [], [], []
    for name, function in _functions():
        if function in TABLE:
            rows.append(name)
        elif function in COMPOSED:
            made.append(name)
        elif function in WITHOUT_DERIVATIVE:
            plain.append(name)
        else:
            without.append(name)
    import scipy.special

    import autograd_lite.derivatives.scipy_special  # noqa: F401 - adds its rows

    special = [
        f"scipy.special.{n}" for n in sorted(dir(scipy.special)) if _has_row(scipy.special, n)
    ]
    parts = [
        "# Functions of NumPy and SciPy",
        _section("With a row of their own", rows),
        _section("Made of others that have rows", made),
        _section("SciPy's, as soon as one of them is given a tensor", special),
        _section("Without a derivative: the results are plain arrays", plain),
        _section("Refused by name: no gradient is lost silently", without),
    ]
    return {"functions": "\n\n".join(parts) + "\n"}


def _has_row(module: Any, name: str) -> bool:
    function = getattr(module, name)
    return isinstance(function, np.ufunc) and (function in TABLE or function in COMPOSED)


def _functions() -> Iterator[tuple[str, Any]]:
    """Public functions that ask a tensor what to do, each under its first name."""
    seen: set[Any] = set()
    for prefix, module in NAMESPACES.items():
        for name in sorted(dir(module)):
            function = getattr(module, name)
            asks = isinstance(function, np.ufunc | type(np.sum))
            if asks and not name.startswith("_") and function not in seen:
                seen.add(function)
                yield f"{prefix}.{name}", function


def _section(title: str, names: list[str]) -> str:
    return f"## {title}\n\n{len(names)}: " + ", ".join(f"`{name}`" for name in names)
