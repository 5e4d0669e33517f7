"""The architecture of a model as data for JSON, and models built from such data.

What data says is looked up in the table of activations and among registered classes; nothing is
imported or executed on its behalf. In JSON an object is a module, or something that JSON lacks,
under the one key that says what:

    {"class": "Dense", "in_features": 2, ...}    a module, by its class and its configuration
    {"repeats": 0}                               the module that was described first
    {"function": "relu"}                         an activation of the table
    {"dtype": "float64"}  {"tuple": [...]}  {"dict": {...}}
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.modes import setting
from autograd_lite.names import explains_keywords
from autograd_lite.table import activations
from nn.configuration import arguments_of, configuration
from nn.module import Module
from nn.random_state import drawing

ModuleClass = TypeVar("ModuleClass", bound=type[Module])

REGISTERED: dict[str, type[Module]] = {}
"""The classes that can be built from a file, by the names that stand in files."""

TIED = 2
"""How many times as large as a file its layers may be before the constructors tie some."""
DEPTH = 64
"""How many modules may be inside of each other in a file."""


@explains_keywords
def register(kind: ModuleClass) -> ModuleClass:
    """Let `nn.save` write, and `nn.load` rebuild, modules of a class.

    A file then contains the name of the class, the arguments of its constructor, and the tensors,
    but no code; nothing is pickled or executed. Before a file is loaded the class has to be
    registered, usually by importing the module that defines it.

    Each argument is read from the attribute of the same name: a number, text, a dtype, an
    activation, a module, or a list, tuple or dict of them. `dtype` is read from the tensors, and a
    flag such as `bias` is true if the attribute is a tensor, and false if it is None. Arguments
    that only determine initial values, `rng` and names that end in `_init`, are not saved. The
    constructor has to make all other attributes from these arguments, modules included; a module
    that it makes by itself needs no registration. `nn.save` rebuilds the model to check this, and
    refuses it if an attribute differs, generators excepted.

    Raises:
        UnsupportedError: it is not a class of modules.
        ArgumentError: another class of that name is registered.

    >>> import tempfile
    >>> import nn
    >>> @nn.register
    ... class ScaledBy(nn.Module):
    ...     def __init__(self, features, start=1.0):
    ...         self.features = features
    ...         self.start = start
    ...         self.factor = nn.Parameter(np.full(features, start))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save(ScaledBy(2, start=0.5), f"{folder}/model.safetensors")
    ...     print(nn.load(f"{folder}/model.safetensors"))
    ScaledBy(2, start=0.5)  # 2 parameters
    """
    if not isinstance(kind, type) or not issubclass(kind, Module):
        raise UnsupportedError(
            f"register of {describe_one(kind)}",
            "it is no class of modules",
            "Write @nn.register above a class that is derived from nn.Module",
        )
    other = REGISTERED.get(kind.__name__, kind)
    if (other.__module__, other.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ArgumentError(
            f"register of {kind.__name__} from {kind.__module__}",
            f"files know {other.__name__} from {other.__module__} by that name",
            "Give the class another name",
        )
    REGISTERED[kind.__name__] = kind
    return kind


def architecture_of(module: Module, seen: dict[Module, int] | None = None) -> dict[str, Any]:
    """What `build` needs; `seen` has the modules that were described, with their numbers.

    Raises:
        UnsupportedError: a class is not registered, or does not keep its arguments; or one of them
            is none that a file can hold.
    """
    seen = {} if seen is None else seen
    if module in seen:
        return {"repeats": seen[module]}
    kind = type(module)
    if REGISTERED.get(kind.__name__) is not kind:
        raise UnsupportedError(
            f"nn.save of {kind.__name__}",
            "a file holds no code, so that a class that is not registered cannot be built again",
            f"Write @nn.register above class {kind.__name__}, or save model.state_dict() and write "
            "nn.load(path, model)",
        )
    arguments = configuration(module)
    missing = arguments_of(kind).keys() - arguments.keys()
    if missing:
        raise UnsupportedError(
            f"nn.save of {kind.__name__}",
            f"it does not keep what it was built with: {', '.join(sorted(missing))}",
            f"Assign each in __init__: self.{min(missing)} = {min(missing)}",
        )
    data = {
        name: _as_data(value, f"{kind.__name__} with {name}", seen)
        for name, value in arguments.items()
    }
    seen[module] = len(seen)
    return {"class": kind.__name__, **data}


def _as_data(value: Any, owner: str, seen: dict[Module, int]) -> Any:
    """A value of a configuration as data for JSON; the owner is for errors."""
    if isinstance(value, Module):
        return architecture_of(value, seen)
    if type(value) is list:
        return [_as_data(item, owner, seen) for item in value]
    if type(value) is tuple:
        return {"tuple": _as_data(list(value), owner, seen)}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _as_data(item, owner, seen) for key, item in value.items()}}
    if isinstance(value, np.dtype):
        return {"dtype": value.name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    names = [name for name, function in activations().items() if function is value]
    if not names:
        raise UnsupportedError(
            f"nn.save of {owner}={getattr(value, '__qualname__', describe_one(value))}",
            "a file holds no code, and no objects but those of configurations",
            f"Use an activation of {', '.join(activations())}, a module, or numbers and text; or "
            "save model.state_dict() and write nn.load(path, model)",
        )
    return {"function": names[0]}


def build(description: Any, entries: float = math.inf) -> Module:
    """The module that was described, of a file with that many numbers in its tensors.

    Layers that are larger than the file are refused before they are made, and initial weights are
    not drawn. Any exception may come of a description that `architecture_of` did not make; what
    comes of one is a module of the same description.
    """
    import json

    with setting(drawing, False):
        module = _Builder(TIED * entries).module(description)
    if json.dumps(architecture_of(module), sort_keys=True) != json.dumps(
        description, sort_keys=True
    ):
        raise ValueError("what it builds has another configuration")
    return module


def _dtype(name: Any) -> Any:
    """The dtype of floats of that name; NumPy would read other things as dtypes, too."""
    dtypes = {dtype.name: dtype for dtype in map(np.dtype, "efdg")}
    if name not in dtypes:
        raise ValueError(f"{name!r} is no dtype of floats")
    return dtypes[name]


def _is_registered(name: str) -> bool:
    """Whether there is a class of that name; some of `nn` are there once they are asked for."""
    if name not in REGISTERED and name in nn.__all__:
        getattr(nn, name)
    return name in REGISTERED


class _Builder:
    """Modules as they are described, in order, with no more than so many entries in all."""

    def __init__(self, entries: float) -> None:
        self.entries = entries
        self.depth = 0
        self.built: list[Module] = []
        self.counted: set[Module | Tensor] = set()

    def module(self, description: Any) -> Module:
        data = dict(description)
        name = data.pop("class")
        if not isinstance(name, str) or not _is_registered(name):
            raise ValueError(
                f"there is no layer {name!r} in nn, and none is registered: import the module that "
                "defines it"
            )
        kind = REGISTERED[name]
        if data.keys() != arguments_of(kind).keys():
            differing = ", ".join(sorted(data.keys() ^ arguments_of(kind).keys()))
            raise ValueError(f"{name} takes other arguments: {differing}")
        self.depth += 1
        if self.depth > DEPTH:
            raise RecursionError(f"modules are nested more than {DEPTH} deep")
        arguments = {key: self.value(value) for key, value in data.items()}
        self.depth -= 1
        if kind._least_entries(arguments) > self.entries:
            raise ValueError(f"{name} is larger than the file")  # before it fills the memory
        bound = inspect.BoundArguments(inspect.signature(kind), arguments)
        self.built.append(kind(*bound.args, **bound.kwargs))
        self.count(self.built[-1])
        return self.built[-1]

    def value(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self.value(item) for item in data]
        if not isinstance(data, dict):
            return data
        if "class" in data:
            return self.module(data)
        readers: dict[str, Callable[[Any], Any]] = {
            "repeats": self.built.__getitem__,
            "function": activations().__getitem__,
            "dtype": _dtype,
            "tuple": lambda items: tuple(map(self.value, items)),
            "dict": lambda items: {key: self.value(item) for key, item in items.items()},
        }
        [(kind, content)] = data.items()
        return readers[kind](content)

    def count(self, module: Module) -> None:
        """Take the tensors in a module that are new from the entries that are left."""
        for _, part in module._members():
            if isinstance(part, Module | Tensor) and part not in self.counted:
                self.counted.add(part)
                if isinstance(part, Module):
                    self.count(part)
                else:
                    self.entries -= part.size
        if self.entries < 0:
            raise ValueError(f"with {type(module).__name__} the layers are larger than the file")
