"""The configuration of a module: its constructor's arguments, as attributes of the same names."""

from __future__ import annotations

import inspect
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.modes import setting
from nn.identity import identity

if TYPE_CHECKING:
    from nn.module import Module

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
