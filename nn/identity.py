"""What tells a value from others, as text that is the same in each process."""

from __future__ import annotations

import copyreg
import hashlib
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError, describe_one
from nn.random_state import is_generator


def identity(value: Any, attempted: str, names: Mapping[int, str] | None = None) -> str:
    """Text that is the same for two values if nothing in them differs.

    Numbers and arrays are told by their values, whether they are NumPy's or Python's. A function is
    told by its qualified name, its defaults and what it encloses, a lambda by its code as well; an
    object by its class and its state, as for pickling. Generators are not told from each other.

    Args:
        value: what is to be told.
        attempted: what for, in an error.
        names: the texts of some objects, by their ids.

    Raises:
        UnsupportedError: something inside has no state that could be told.
    """
    known = names or {}
    outer: list[int] = []

    def several(values: Iterable[Any]) -> str:
        return ", ".join(map(told, values))

    def told(value: Any) -> str:
        if id(value) in known:
            return known[id(value)]
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or type(value) in (bool, int, float, complex, str, bytes):
            return repr(value)
        if isinstance(value, type | ModuleType):
            return _qualified(value)
        if is_generator(value):
            return "generator"
        if id(value) in outer:
            return f"the {outer.index(id(value))}th around"
        outer.append(id(value))
        text = compound(value)
        outer.pop()
        return text

    def compound(value: Any) -> str:
        if type(value) in (list, tuple):
            return f"{type(value).__name__}({several(value)})"
        if type(value) in (set, frozenset):
            return f"{type(value).__name__}({', '.join(sorted(map(told, value)))})"
        if type(value) is dict:
            pairs = (f"{told(key)}: {told(item)}" for key, item in value.items())
            return f"dict({', '.join(sorted(pairs))})"
        if isinstance(value, Tensor):
            return f"tensor {told(value.data)}"
        if type(value) is np.ndarray:
            digest = told(value.tolist()) if value.dtype.hasobject else _digest(value.tobytes())
            return f"array {value.dtype} {value.shape} {digest}"
        if isinstance(value, CodeType):
            return f"code({_digest(value.co_code)}, {several((value.co_names, value.co_consts))})"
        return function(value) if isinstance(value, FunctionType) else instance(value)

    def function(value: Any) -> str:
        inside = [cell.cell_contents for cell in value.__closure__ or ()]
        inside += [each for each in (value.__defaults__, value.__kwdefaults__) if each]
        if value.__name__ == "<lambda>":
            inside.append(value.__code__)
        return _qualified(value) + (f"({several(inside)})" if inside else "")

    def instance(value: Any) -> str:
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            reduced = reducer(value) if reducer else value.__reduce_ex__(2)
        except Exception as error:  # a class can refuse in any way
            raise UnsupportedError(
                attempted,
                f"nothing tells {describe_one(value)} from another {type(value).__name__}",
                "Keep numbers, text, arrays, functions, or objects with attributes of these there",
            ) from error
        if isinstance(reduced, str):
            return f"{_qualified(type(value))} {reduced}"
        made, arguments, state, items, entries = (*reduced, None, None, None)[:5]
        if made is copyreg.__newobj__:  # type: ignore[attr-defined]
            made, *arguments = arguments
        texts = [told(item) for item in arguments]
        if type(state) is dict:
            texts += sorted(f"{name}={told(item)}" for name, item in state.items())
        elif state is not None:
            texts.append(told(state))
        texts += [several(each) for each in (items, entries) if each is not None]
        return f"{told(made)}({', '.join(texts)})"

    return told(value)


def _qualified(value: Any) -> str:
    named = value.__name__ if isinstance(value, ModuleType) else value.__qualname__
    return f"{getattr(value, '__module__', '')}.{named}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
