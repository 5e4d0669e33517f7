"""NumPy's keywords: those at their defaults say nothing, and dtype= is a conversion before."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.errors import UnsupportedError, describe
from autograd_lite.node import Array
from autograd_lite.refusals import explained
from autograd_lite.table import COMPOSED, TABLE
from autograd_lite.trees import map_tree

_UNSIGNED: dict[Callable[..., Any], Callable[..., Any]] = {
    np.dot: lambda a, b, out=None: ...,
    np.concatenate: lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": ...,
}
"""Functions that had no signature before NumPy 2.4, and the signature that they have since."""

_UNNAMED: dict[Callable[..., Any], dict[str, Any]] = {
    np.einsum: {"dtype": None, "order": "K", "casting": "safe"},
}
"""Keywords that a signature has no names for, and their defaults."""

# Those of ufuncs and their methods, which had no signature before NumPy 2.4.
_OF_UFUNCS: dict[str, Any] = {
    "where": True,
    "casting": "same_kind",
    "order": "K",
    "subok": True,
    "dtype": None,
    "signature": None,
    "out": None,
}
_LAST = frozenset({"dtype", "out", "copy", "subok", "order", "kind", "casting", "where", "initial"})


_Signature = tuple[tuple[str, ...], dict[str, Any], int]
"""What NumPy says of the arguments of a function: their names, none where positions do not tell
them; defaults; and the position of the first argument that may not matter to a derivative."""


@functools.cache
def _signature(function: Callable[..., Any]) -> _Signature:
    owner = getattr(function, "__self__", function)
    if isinstance(owner, np.ufunc):
        of_methods = ("array", "axis", "dtype", "out", "keepdims")
        names = of_methods if function in (owner.reduce, owner.accumulate) else ()
        return names, _OF_UFUNCS | {"keepdims": False}, 2
    try:
        parameters = inspect.signature(_UNSIGNED.get(function, function)).parameters
    except ValueError:
        return (), _OF_UFUNCS, 0
    by_position = all(p.kind is not p.VAR_POSITIONAL for p in parameters.values())
    optional = [i for i, name in enumerate(parameters) if i and name in _LAST]
    defaults = {
        name: _OF_UFUNCS.get(name) if p.default is np._NoValue else p.default
        for name, p in parameters.items()
        if p.default is not p.empty
    }
    defaults |= _UNNAMED.get(function, {})
    return tuple(parameters) if by_position else (), defaults, min(optional, default=99)


def _is_default(value: Any, default: Any) -> bool:
    """Whether a value is the default; arrays are compared with nothing."""
    same = isinstance(value, str | int) and value == default
    return value is default or value is np._NoValue or same


def understood(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call without what NumPy would do anyway, the first argument at its position.

    And with dtype= as a conversion.

    >>> understood(np.sum, (np.ones(2), 0, None), {"out": None, "keepdims": True})
    ((array([1., 1.]), 0), {'keepdims': True})
    """
    names, defaults, optional = _signature(function)
    if not arguments and names and names[0] in keywords:
        # Rows and what functions are made of may call it otherwise, and dtype= is to convert it.
        arguments = (keywords[names[0]],)
        keywords = {name: value for name, value in keywords.items() if name != names[0]}
    if optional < len(arguments) <= len(names):
        keywords = {**dict(zip(names[optional:], arguments[optional:])), **keywords}
        arguments = arguments[:optional]
    keywords = {
        name: value
        for name, value in keywords.items()
        if name not in defaults or not _is_default(value, defaults[name])
    }
    made_of = None if function in TABLE else COMPOSED.get(function)
    if "dtype" in keywords and not _has_dtype(made_of):
        try:
            dtype = np.dtype(keywords.pop("dtype"))
        except TypeError as error:
            raise explained(error, function.__name__, arguments, keywords) from error
        if dtype.kind != "f":
            raise UnsupportedError(
                f"{function.__name__}{describe(arguments)} with dtype={dtype}",
                "what is not of floats cannot be differentiated",
                "Leave dtype= out, or give it tensor.data",
            )
        if isinstance(function, np.ufunc):
            arguments = tuple(np.asarray(x) if isinstance(x, list) else x for x in arguments)
        arguments = map_tree(lambda value: _converted(value, dtype), arguments)
    if keywords and isinstance(function, np.ufunc) and function.signature is None:
        raise UnsupportedError(
            f"np.{function.__name__}{describe(arguments)} with {', '.join(keywords)}=",
            "these keyword arguments of elementwise functions are not recorded",
            "Leave them out; np.where selects entries",
        )
    return arguments, keywords


@functools.cache
def _has_dtype(implementation: Callable[..., Any] | None) -> bool:
    return implementation is not None and "dtype" in inspect.signature(implementation).parameters


def _converted(value: Any, dtype: np.dtype) -> Array:
    """An array or a tensor of numbers with another dtype, anything else as it is."""
    numbers = getattr(getattr(value, "dtype", None), "kind", "") == "f"
    return astype(value, dtype) if numbers else value
