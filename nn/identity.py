"""What tells a value from others: the same in each process, and for equal values."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Mapping
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError, describe_one
from nn.random_state import is_generator

PLAIN = (type(None), bool, int, float, complex, str, bytes)


def identity(value: Any, attempted: str, known: Mapping[int, str] = MappingProxyType({})) -> str:
    """A digest that is the same for two values if nothing in them differs.

    Numbers and arrays are told by their values, whether they are NumPy's or Python's. A function is
    told by its qualified name, one inside of a function by its defaults and what it encloses, too,
    and a lambda by its code; an object by its class and its state, as for pickling. Generators are
    not told from each other.
    `known` has what tells some objects, by their ids.

    Raises:
        UnsupportedError: something inside has no state that could be told, or holds itself.
    """
    stream = io.BytesIO()
    try:
        _Teller(stream, known).dump(value)
    except Exception as error:  # a class can refuse in any way
        raise UnsupportedError(
            attempted,
            f"nothing tells {describe_one(value)} from another {type(value).__name__}: {error}",
            "Keep numbers, text, arrays, functions, or objects with attributes of these there",
        ) from error
    import hashlib

    return hashlib.sha256(stream.getvalue()).hexdigest()[:16]


class _Teller(pickle.Pickler):
    """Pickles what tells objects from others, which need not build them again."""

    def __init__(self, stream: io.BytesIO, known: Mapping[int, str]) -> None:
        super().__init__(stream, protocol=4)
        self.fast = True  # as equal things are told by their values, however often they are there
        self.known = known

    def persistent_id(self, value: Any) -> Any:
        value = value.item() if isinstance(value, np.generic) else value
        kind = type(value)
        if id(value) in self.known:
            return self.known[id(value)]
        if kind in PLAIN:
            return repr(value)
        if kind in (set, frozenset):
            return [kind.__name__, *sorted(identity(each, "set", self.known) for each in value)]
        if kind is np.ndarray and not value.dtype.hasobject:
            return "array", value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, ModuleType):
            return value.__name__
        return "generator" if is_generator(value) else None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return str, ("tensor", value.data)
        if isinstance(value, CodeType):
            return str, (value.co_code, value.co_names, value.co_consts)
        if value is str or not isinstance(value, type | FunctionType):
            return NotImplemented
        told: list[Any] = [value.__module__, value.__qualname__]
        if isinstance(value, FunctionType) and not _is_found_by_name(value):
            told += [cell.cell_contents for cell in value.__closure__ or ()]
            told += [value.__defaults__, value.__kwdefaults__]
            told += [value.__code__] if value.__name__ == "<lambda>" else []
        return str, tuple(told)


def _is_found_by_name(function: FunctionType) -> bool:
    found: Any = sys.modules.get(function.__module__)
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function
