"""What tells a value from others, as text that is the same in each process."""

from __future__ import annotations

import copyreg
import hashlib
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError, describe_one
from nn.random_state import is_generator

KNOWN: Mapping[int, str] = MappingProxyType({})
PLAIN = (type(None), bool, int, float, complex, str, bytes)


def identity(value: Any, attempted: str, known: Mapping[int, str] = KNOWN) -> str:
    """Text that is the same for two values if nothing in them differs.

    Numbers and arrays are told by their values, whether they are NumPy's or Python's. A function is
    told by its qualified name, its defaults and what it encloses, a lambda by its code as well; an
    object by its class and its state, as for pickling. Generators are not told from each other.
    `known` has the texts of some objects, by their ids.

    Raises:
        UnsupportedError: something inside has no state that could be told.

    >>> identity([np.float64(0.5), {"a": None}], "example")
    "list(0.5, dict(('a', None)))"
    """
    outer: list[int] = []

    def told(value: Any) -> str:
        if id(value) in known:
            return known[id(value)]
        value = value.item() if isinstance(value, np.generic) else value
        if type(value) in PLAIN:
            return repr(value)
        if id(value) in outer:
            return f"the {outer.index(id(value))}th around"
        name, inside = _opened(value, attempted)
        outer.append(id(value))
        texts = [told(item) for item in inside]
        outer.pop()
        if isinstance(value, dict | set | frozenset):
            texts.sort()
        return f"{name}({', '.join(texts)})" if texts or not name else name

    return told(value)


def _opened(value: Any, attempted: str) -> tuple[str, Iterable[Any]]:
    """A name for a value's kind, and what is in it."""
    kind = type(value)
    if isinstance(value, type | ModuleType):
        return _qualified(value), ()
    if is_generator(value):
        return "generator", ()
    if kind in (tuple, list, set, frozenset, dict):
        name = "" if kind is tuple else kind.__name__
        return name, value.items() if kind is dict else value
    if isinstance(value, Tensor):
        return "tensor", [value.data]
    if kind is np.ndarray:
        content = value.tolist() if value.dtype.hasobject else _digest(value.tobytes())
        return "array", [value.dtype.str, value.shape, content]
    if isinstance(value, CodeType):
        return "code", [_digest(value.co_code), value.co_names, value.co_consts]
    if isinstance(value, FunctionType):
        enclosed = [cell.cell_contents for cell in value.__closure__ or ()]
        code = [value.__code__] if value.__name__ == "<lambda>" else []
        inside = [*enclosed, value.__defaults__, value.__kwdefaults__, *code]
        return _qualified(value), [item for item in inside if item is not None]
    return _object(value, attempted)


def _object(value: Any, attempted: str) -> tuple[str, Iterable[Any]]:
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        reduced = reducer(value) if reducer else value.__reduce_ex__(2)
    except Exception as error:  # a class can refuse in any way
        raise UnsupportedError(
            attempted,
            f"nothing tells {describe_one(value)} from another {type(value).__name__}",
            "Keep numbers, text, arrays, functions, or objects with attributes of these there",
        ) from error
    if isinstance(reduced, str):
        return _qualified(type(value)), [reduced]
    made, arguments, state, items, entries = (*reduced, None, None, None)[:5]
    first = arguments[1:] if made is copyreg.__newobj__ else (made, *arguments)  # type: ignore[attr-defined]
    inside = [*first, state, items and list(items), entries and list(entries)]
    return _qualified(type(value)), [item for item in inside if item is not None]


def _qualified(value: Any) -> str:
    is_module = isinstance(value, ModuleType)
    return value.__name__ if is_module else f"{value.__module__}.{value.__qualname__}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
