"""The configuration of a module: its constructor's arguments, as attributes of the same names."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from autograd_lite import Tensor
from autograd_lite.errors import describe_one

if TYPE_CHECKING:
    from nn.module import Module

STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
"""How arguments of any number are written in a call."""


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

    Each is the attribute of the same name, but for two: `dtype` is that of the tensors, and a flag
    under whose name there is a tensor or None says whether there is one.
    """
    kept = dict(vars(module))
    tensors = module._state()
    if tensors:
        kept["dtype"] = next(iter(tensors.values())).dtype
    found = {}
    for name, parameter in arguments_of(type(module)).items():
        if name in kept:
            value = kept[name]
            is_flag = isinstance(parameter.default, bool)
            if is_flag and (value is None or isinstance(value, Tensor)):
                value = value is not None
            found[name] = value
    return found


def shown(module: Module) -> str:
    """The configuration as it is written in a call, without defaults and the modules inside."""
    children = [child for _, child in module.children()]
    values = configuration(module)
    texts = []
    is_complete = True
    for name, parameter in arguments_of(type(module)).items():
        if name not in values or _holds_any(values[name], children):
            is_complete = False
        elif parameter.kind in STARS:
            texts += [STARS[parameter.kind] + _text(values[name])] if values[name] else []
        elif _text(values[name]) != _text(parameter.default):
            is_optional = parameter.default is not parameter.empty
            is_named = is_optional or not is_complete or parameter.kind is parameter.KEYWORD_ONLY
            texts.append(f"{name}={_text(values[name])}" if is_named else _text(values[name]))
    return ", ".join(texts)


def heading(module: Module) -> str:
    """The class and the configuration, without what is inside."""
    return f"{type(module).__name__}({module.extra_repr()})"


def _holds_any(value: Any, modules: list[Module]) -> bool:
    items = value.values() if isinstance(value, dict) else value
    items = items if isinstance(value, dict | list | tuple) else (value,)
    return any(item is module for item in items for module in modules)


def _text(value: Any) -> str:
    """A function by its name; short values as they are written."""
    return getattr(value, "__name__", None) or describe_one(value)
