"""What functions depend on besides their arguments, and whether they do more than compute."""

from __future__ import annotations

import dis
import functools
import re
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib.machinery import BuiltinImporter, ExtensionFileLoader
from operator import is_
from pathlib import PurePath
from random import Random
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GenericAlias,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np

from autograd_lite.node import Array, Node

GENERATORS = (np.random.Generator, np.random.RandomState, Random)
PACKAGES: tuple[str, ...] = (
    "autograd_lite",
    "nn",
    "numpy",
    "builtins",
    "math",
    "operator",
    "functools",
    "scipy",
)
PACKAGES += ("_operator", "_functools", "_collections", "itertools")
"""Whose functions are not looked into."""
CONTAINERS = (list, dict, tuple, set, frozenset, deque, MappingProxyType)
CONSTANT: tuple[type, ...] = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    np.generic,
    np.dtype,
    np.ufunc,
)
CONSTANT += (slice, range, type(...), re.Pattern, CodeType, GenericAlias, PurePath)
CONSTANT += (date, time, timedelta, Decimal, Fraction)
"""What never changes."""
STORES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_SLICE", "DELETE_ATTR"}
STORES |= {"DELETE_SUBSCR", "DELETE_GLOBAL", "IMPORT_NAME", "YIELD_VALUE", "STORE_DEREF"}
CHANGES = {"append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "now"}
CHANGES |= {"discard", "setdefault", "reverse", "write", "writelines", "print", "input"}
CHANGES |= {"random", "setattr", "delattr", "fill", "put", "next", "send", "open", "exec", "eval"}
CHANGES |= {"breakpoint", "data", "grad", "numpy", "item", "tolist", "seed", "time", "iter"}
CHANGES |= {"perf_counter", "globals", "locals", "vars", "__import__"}
"""Names of what changes something, or gives what is not recorded."""
NOT_CALLED = {"__init__", "__new__", "__init_subclass__", "__repr__", "__del__", "__setattr__"}
NOT_CALLED |= {"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__copy__"}
NOT_CALLED |= {"__deepcopy__", "__delattr__", "__setitem__", "__delitem__", "__set_name__"}
"""Methods that computing does not call, or not without a word of it."""
LARGE = 2**16
"""Bytes of an array from which its entries are not compared in each run."""
MOST = 20_000
"""Entries of containers that are compared in each run."""


class Surroundings:
    """What functions read from outside: variables, attributes, entries of containers and arrays.

    All that is reached is either looked at in each run, or is known not to change, or is told of in
    `unseen`: nothing else.

    Attributes:
        acts: what they do besides computing, in words; empty if nothing was found.
        unseen: what they read of which it is not seen whether it changes, in words.
    """

    def __init__(self, roots: Iterable[Any], strict: bool, given: Iterable[Node] = ()) -> None:
        self.acts = self.unseen = ""
        self._mappings: list[tuple[Any, list[Any], list[Any]]] = []
        self._collections: list[tuple[Any, list[Any]]] = []
        self._variables: list[tuple[Any, Any, Any]] = []
        self._arrays: list[tuple[Array, bytes]] = []
        self._large: list[Array] = []
        given = [*given]
        self._seen: dict[int, Any] = {id(node): node for node in given}
        self._names: set[Any] = set()
        self._owners: list[Any] = []
        self._entries = 0
        self._waiting = [*roots]
        while self._waiting and not self.unseen and not (strict and self.acts):
            self._visit(self._waiting.pop())
        if "data" in self._names:
            for node in given:
                self._visit_array(node._array)

    def are_unchanged(self) -> bool:
        """Whether all of them are the same objects, and the arrays have the same entries."""
        try:
            for held, keys, values in self._mappings:
                if [*held] != keys or not all(map(is_, held.values(), values)):
                    return False
            for held, values in self._collections:
                if len(held) != len(values) or not all(map(is_, held, values)):
                    return False
            for held, name, value in self._variables:
                if read(held, name) is not value:
                    return False
            return all([array.tobytes() == kept for array, kept in self._arrays])  # noqa: C419 - faster
        except (ValueError, AttributeError, KeyError, RuntimeError):  # it is not there any more
            return False

    def read_past(self, given: Collection[Array]) -> str:
        """Words for a large array that is read and is none of those that a run is given."""
        for array in self._large:
            if not any(np.may_share_memory(array, other) for other in given):
                return f"entries of an array {array.shape} are read, which may change unseen"
        return ""

    def _visit(self, value: Any) -> None:
        if id(value) in self._seen or isinstance(value, CONSTANT):
            return
        self._seen[id(value)] = value
        if isinstance(value, Node):
            self._watch(value, "_array")
        elif isinstance(value, np.ndarray):
            self._visit_array(value)
        elif isinstance(value, CONTAINERS):
            self._hold(value)
            self._visit_attributes(value)
        elif isinstance(value, MethodType):
            self._waiting += [value.__self__, value.__func__]
        elif isinstance(value, BuiltinFunctionType | MethodWrapperType):
            self._visit_builtin(value)
        elif isinstance(value, functools.partial):
            self._waiting += [value.func, value.args, value.keywords]
        elif isinstance(value, FunctionType):
            self._visit_function(value)
        elif isinstance(value, ModuleType):
            self._visit_module(value)
        elif isinstance(value, type):
            self._visit_class(value)
        else:
            self._visit_object(value)

    def _visit_module(self, module: ModuleType) -> None:
        if not _is_package(module.__name__):
            self._own(module)

    def _visit_array(self, array: Any) -> None:
        if not isinstance(array, np.ndarray):
            return
        if array.dtype.hasobject:
            self._waiting.append(array.tolist())
        if array.nbytes < LARGE:
            self._arrays.append((array, array.tobytes()))
        else:
            self._large.append(array)

    def _visit_builtin(self, function: Any) -> None:
        owner = function.__self__
        if owner is None or isinstance(owner, ModuleType):
            name = owner.__name__ if owner else function.__module__ or "builtins"
            if not _is_package(name):
                self._miss(f"{name}.{function.__name__}")
        else:
            self._waiting.append(owner)

    def _visit_class(self, kind: type) -> None:
        for each in kind.__mro__:
            if not _is_of_packages(each) and id(each.__dict__) not in self._seen:
                self._seen[id(each.__dict__)] = each.__dict__
                self._mappings.append((each.__dict__, [*vars(each)], [*vars(each).values()]))
                self._own(each)
                self._waiting += _called_unnamed(each)

    def _visit_object(self, value: Any) -> None:
        kind = type(value)
        if isinstance(value, GENERATORS):
            self.acts = self.acts or "it draws random numbers"
            return
        has_attributes = hasattr(value, "__dict__") or any(_slots(kind))
        hidden = any(map(_is_compiled, kind.__mro__)) or not has_attributes
        hides = hasattr(kind, "__next__") or isinstance(value, bytearray | memoryview)
        if hides or (hidden and not _is_of_packages(kind)):
            self._miss(f"a {kind.__module__}.{kind.__qualname__}")
        else:
            self._visit_attributes(value)

    def _visit_attributes(self, value: Any) -> None:
        kind = type(value)
        self._visit_class(kind)
        for name in _slots(kind):
            if hasattr(value, name):
                self._watch(value, name)
        if hasattr(value, "__dict__"):
            self._hold(vars(value), leaving_generators=_is_of_packages(kind))

    def _miss(self, what: str) -> None:
        self.unseen = self.unseen or f"{what} is used, which may change unseen"

    def _hold(self, held: Any, leaving_generators: bool = False) -> None:
        parts = [*held]
        self._entries += len(parts)
        if held is sys.modules or self._entries > MOST:
            self._miss(f"a {type(held).__name__} of {len(held)} entries")
            return
        if isinstance(held, dict | MappingProxyType):
            values = [*held.values()]
            self._mappings.append((held, parts, values))
            parts = parts + values
        elif not isinstance(held, tuple):
            self._collections.append((held, parts))
        # What layers draw is noted, and drawn anew.
        left = GENERATORS if leaving_generators else ()
        self._waiting += [part for part in parts if not isinstance(part, left)]

    def _visit_function(self, function: FunctionType) -> None:
        if _is_of_packages(function):
            return
        self._waiting += [function.__defaults__, function.__kwdefaults__, vars(function)]
        for cell in function.__closure__ or ():
            self._watch(cell, "cell_contents")
        for code in _codes(function.__code__):
            for instruction in dis.get_instructions(code):
                self._look(function, instruction)

    def _look(self, function: FunctionType, instruction: dis.Instruction) -> None:
        name, what = instruction.argval, instruction.opname
        if what == "LOAD_GLOBAL" and name in function.__globals__:
            self._watch(function.__globals__, name)
        # A string may be the name of what getattr asks for.
        if what in ("LOAD_ATTR", "LOAD_METHOD") or (what == "LOAD_CONST" and type(name) is str):
            self._ask(name)
        loads = what.startswith("LOAD_") and what != "LOAD_CONST" and name in CHANGES
        if not self.acts and (what in STORES or loads):
            known = name if isinstance(name, str) else what
            self.acts = f"{function.__qualname__} does more than compute: {known}"

    def _own(self, owner: Any) -> None:
        """Look at what functions ask of a class or of a module."""
        self._owners.append(owner)
        for name in [*self._names]:
            self._visit_member(owner, name)

    def _ask(self, name: str) -> None:
        if name not in self._names:
            self._names.add(name)
            for owner in [*self._owners]:
                self._visit_member(owner, name)

    def _visit_member(self, owner: Any, name: str) -> None:
        if name not in vars(owner):
            return
        if isinstance(owner, ModuleType):
            self._watch(vars(owner), name)
        else:
            member = vars(owner)[name]
            self._waiting.append(getattr(member, "fget", getattr(member, "__func__", member)))

    def _watch(self, held: Any, name: str) -> None:
        try:
            value = read(held, name)
        except ValueError:  # a cell that is empty yet
            return
        self._variables.append((held, name, value))
        self._waiting.append(value)


def read(held: Any, name: str) -> Any:
    """A variable of a module, or an attribute."""
    return held[name] if type(held) is dict else getattr(held, name)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """That of a function, and of the functions that it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _called_unnamed(kind: type) -> list[Any]:
    """The methods that operators and calls reach; those of the standard library only compute."""
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        return []
    return [
        member
        for name, member in vars(kind).items()
        if isinstance(member, FunctionType) and name[:2] == "__" and name not in NOT_CALLED
    ]


def _slots(kind: type) -> Iterator[str]:
    for each in kind.__mro__:
        names = vars(each).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__"):
                private = name.startswith("__") and not name.endswith("__")
                yield f"_{each.__name__.lstrip('_')}{name}" if private else name


def _is_compiled(kind: type) -> bool:
    """Whether a class comes from C, whose objects keep what is no attribute."""
    spec = getattr(sys.modules.get(kind.__module__), "__spec__", None)
    loader = getattr(spec, "loader", None)
    is_builtin = loader is BuiltinImporter and kind.__module__ != "builtins"
    return is_builtin or isinstance(loader, ExtensionFileLoader)


def _is_package(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def _is_of_packages(value: Any) -> bool:
    return _is_package(getattr(value, "__module__", None) or type(value).__module__)
