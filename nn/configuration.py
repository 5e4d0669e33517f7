"""What tells a module from others, its configuration, and any value: a digest of what is in it."""

from __future__ import annotations

import inspect
import io
import pickle
import sys
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.modes import setting
from nn.random_state import is_generator

if TYPE_CHECKING:
    from nn.module import Module

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


STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
"""How arguments of any number are written in a call."""


_shown: ContextVar[set[Module] | None] = ContextVar("shown", default=None)
"""The modules in the text that is being written: what a shared one holds is written once."""

MAPPINGS = (dict, UserDict, MappingProxyType, ChainMap)
CONTAINERS = (*MAPPINGS, list, tuple, deque, UserList)


def opened(items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    """Items, and in place of lists, tuples and dicts what is in them at any depth, by dotted name.

    A container that is there twice, or in itself, is opened once.

    >>> list(opened({"a": 1, "b": [2, {"c": (3,)}]}.items()))
    [('a', 1), ('b.0', 2), ('b.1.c.0', 3)]
    """
    seen = set()

    def walk(items: Iterable[tuple[Any, Any]], prefix: str) -> Iterator[tuple[str, Any]]:
        for key, item in items:
            if not isinstance(item, CONTAINERS):
                yield f"{prefix}{key}", item
            elif id(item) not in seen:
                seen.add(id(item))
                inside = item.items() if isinstance(item, MAPPINGS) else enumerate(item)
                yield from walk(inside, f"{prefix}{key}.")

    return walk(items, "")


def arguments_of(kind: type[Module]) -> dict[str, inspect.Parameter]:
    """The arguments of a class that belong to its configuration.

    `rng`, and those whose names end in `_init`, do not: they say what the tensors begin with.
    """
    return {
        name: parameter
        for name, parameter in inspect.signature(kind).parameters.items()
        if name != "rng" and not name.endswith("_init")
    }


def configuration(module: Module) -> dict[str, Any]:
    """The arguments that build a module like this one, as far as it keeps them.

    Each is the attribute or property of the same name, but for two: `dtype` is that of the tensors,
    float64 if it is declared and there are none; and a flag under whose name there is a tensor or
    None says whether there is one.
    """
    found: dict[str, Any] = {}
    for name, parameter in arguments_of(type(module)).items():
        if name == "dtype" and (tensors := module._state()):
            found[name] = next(iter(tensors.values())).dtype
        elif name in vars(module) or isinstance(getattr(type(module), name, None), property):
            value = getattr(module, name)
            is_flag = isinstance(parameter.default, bool) and isinstance(value, Tensor | None)
            found[name] = value is not None if is_flag else value
        elif name == "dtype" and name in type(module)._fields:
            found[name] = np.dtype(float)
    return found


def shown(module: Module) -> str:
    """The configuration as it is written in a call, without defaults and the modules inside."""
    children = {id(child) for _, child in [("", module), *module.children()]}
    values = configuration(module)
    texts = []
    is_complete = True
    for name, parameter in arguments_of(type(module)).items():
        if any(id(item) in children for _, item in opened([("", values.get(name, module))])):
            is_complete = False
        elif parameter.kind in STARS:
            texts += [STARS[parameter.kind] + _text(values[name])] if values[name] else []
        elif not _is_default(parameter, values[name]):
            is_optional = parameter.default is not parameter.empty
            is_named = is_optional or not is_complete or parameter.kind is parameter.KEYWORD_ONLY
            texts.append(f"{name}={_text(values[name])}" if is_named else _text(values[name]))
    return ", ".join(texts)


def text_of(module: Module) -> str:
    """The text of a module: its configuration, the modules inside, and how much it learns."""
    children = list(module.children())
    shown_before = _shown.get() or set()
    if children and module in shown_before:
        return f"{type(module).__name__}(...)"
    shown_before.add(module)
    with setting(_shown, shown_before):
        lines = [f"  {name}: {child!r}".replace("\n", "\n  ") for name, child in children]
    inside = "\n".join([module.extra_repr(), *lines, ""]) if lines else module.extra_repr()
    parameters = module.parameters()
    count = sum(parameter.size for parameter in parameters)
    frozen = sum(each.size for each in parameters if not each.requires_grad)
    counted = f"  # {count:,} parameter{'s' if count > 1 else ''}" if count else ""
    counted += f", {frozen:,} of them frozen" if 0 < frozen < count else ""
    counted += ", frozen" if 0 < frozen == count else ""
    return f"{type(module).__name__}({inside}){counted}"


def heading(module: Module) -> str:
    """The class and the configuration, without what is inside."""
    return f"{type(module).__name__}({module._text_is_of().extra_repr()})"


def _is_default(parameter: inspect.Parameter, value: Any) -> bool:
    default = parameter.default
    if default is parameter.empty or default is value:
        return default is value
    if isinstance(value, np.dtype):
        return bool(np.dtype(default) == value)  # and None is float64
    try:
        return identity(value, "text of") == identity(default, "text of")
    except UnsupportedError:
        return False


def _text(value: Any) -> str:
    """A function by its name; short values as they are written."""
    return getattr(value, "__name__", None) or describe_one(value)
