"""What functions depend on besides their arguments, and whether they do more than compute."""

from __future__ import annotations

import dis
import functools
import inspect
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib.machinery import BuiltinImporter, ExtensionFileLoader
from itertools import pairwise
from operator import attrgetter, methodcaller
from pathlib import PurePath
from random import Random
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GenericAlias,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np

from autograd_lite.node import Node
from autograd_lite.program.watched import MOST, Watched

GENERATORS = (np.random.Generator, np.random.RandomState, Random)
PACKAGES = {"autograd_lite", "nn", "numpy", "scipy", "builtins", "math", "operator", "functools"}
PACKAGES |= {"_operator", "_functools", "_collections", "itertools", "typing", "abc"}
"""Whose functions are not looked into."""
CONTAINERS = (list, dict, tuple, set, frozenset, deque, MappingProxyType)
CONSTANT: tuple[type, ...] = (type(None), bool, int, float, complex, str, bytes, np.generic)
CONSTANT += (np.dtype, np.ufunc)
CONSTANT += (slice, range, type(...), re.Pattern, CodeType, GenericAlias, PurePath)
CONSTANT += (date, time, timedelta, Decimal, Fraction)
"""What never changes."""
STORES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_SLICE", "DELETE_ATTR"}
STORES |= {"DELETE_SUBSCR", "DELETE_GLOBAL", "IMPORT_NAME"}
CHANGES = {"append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "now"}
CHANGES |= {"discard", "setdefault", "reverse", "write", "writelines", "print", "input"}
CHANGES |= {"random", "setattr", "delattr", "fill", "put", "next", "send", "open", "exec", "eval"}
CHANGES |= {"breakpoint", "data", "grad", "numpy", "item", "tolist", "seed", "time", "iter"}
CHANGES |= {"perf_counter", "globals", "locals", "vars", "__import__"}
"""Names of what changes something, or gives what is not recorded."""
UNSEEN = {"now", "today", "utcnow", "random", "rvs", "open", "read_text", "read_bytes", "load"}
UNSEEN |= {"loadtxt", "genfromtxt", "fromfile", "memmap", "geterr", "get_printoptions"}
UNSEEN |= {"exists", "stat", "is_file", "is_dir", "iterdir", "glob"}
UNSEEN |= {"globals", "eval", "exec", "import_module", "__import__"}
"""Names of what reads from where nothing is looked at: clocks, generators, files, settings."""
BY_NAME = {"getattr", "hasattr", "vars", "dir", "__dict__"}
"""Names of what asks for attributes by names that need not stand in the code."""
ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"}
LOADS = {"LOAD_GLOBAL", "LOAD_NAME"} | ATTRIBUTES
NOT_CALLED = {"__init__", "__new__", "__init_subclass__", "__repr__", "__del__", "__setattr__"}
NOT_CALLED |= {"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__copy__"}
NOT_CALLED |= {"__deepcopy__", "__delattr__", "__setitem__", "__delitem__", "__set_name__"}
"""Methods that computing does not call, or not without a word of it."""
CACHED = type(functools.cache(len))
"""Functions that give out again what they gave before."""
MAKES = {"BUILD_LIST", "BUILD_MAP", "BUILD_CONST_KEY_MAP"}
"""Instructions that make a list, or a dict."""
HEAP_TYPE = 1 << 9
"""The flag of types that were not written as constants in C."""


class Surroundings:
    """What functions read from outside: variables, attributes, entries of containers and arrays.

    All that is reached is either looked at in each run, or is known not to change, or is told of in
    `unseen`: nothing else.

    Attributes:
        acts: what they do besides computing, in words; empty if nothing was found.
        unseen: what they read of which it is not seen whether it changes, in words.
        are_unchanged: tells whether all that is read is what it was.
        watched: what compares it.
    """

    def __init__(self, roots: Iterable[Any], strict: bool, given: Iterable[Node] = ()) -> None:
        self.acts = self.unseen = ""
        self._waiting = [*roots]
        self.watched = Watched(self._waiting.append)
        self._seen: dict[int, Any] = {id(node): node for node in given}
        self._names: set[Any] = set()
        self._owners: list[Any] = []
        self._any_name = False
        while self._waiting and not self.unseen and not (strict and self.acts):
            self._visit(self._waiting.pop())
        if "data" in self._names:
            self._miss("data")
        self.are_unchanged = self.watched.begin()

    def _visit(self, value: Any) -> None:
        if id(value) in self._seen or isinstance(value, CONSTANT):
            return
        self._seen[id(value)] = value
        if isinstance(value, Node):
            for name in ("_array", "_requires_grad", "grad", "name"):
                self.watched.attribute(value, name)
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
        if module is np.random:
            self._miss("numpy.random")
        elif not _is_package(module.__name__):
            self._own(module)
            self._waiting.append(vars(module).get("__getattr__"))

    def _visit_array(self, array: Any) -> None:
        if array.dtype.hasobject:
            self._waiting.append(array.tolist())
        if not self.watched.array(array):
            self._miss(f"an array {array.shape}, too large to be compared,")

    def _visit_builtin(self, function: Any) -> None:
        owner = function.__self__
        if owner is None or isinstance(owner, ModuleType):
            name = owner.__name__ if owner else function.__module__ or "builtins"
            if not _is_package(name):
                self._miss(f"{name}.{function.__name__}")
        else:
            self._waiting.append(owner)

    def _visit_class(self, kind: type) -> None:
        for each in (*kind.__mro__, *type.mro(type(kind))):
            if not _is_of_packages(each) and id(each.__dict__) not in self._seen:
                self._seen[id(each.__dict__)] = each.__dict__
                self.watched.container(each.__dict__)
                self._own(each)
                self._waiting += _called_unnamed(each)

    def _visit_object(self, value: Any) -> None:
        kind = type(value)
        if isinstance(value, GENERATORS):
            self.unseen = self.unseen or "it draws random numbers"
            return
        if isinstance(value, attrgetter | methodcaller):
            self._miss(repr(value))
            return
        if isinstance(value, CACHED):
            # It may give out again what was changed since.
            if not _is_of_packages(value):
                self._miss(f"what {value.__qualname__} keeps")
            return
        if _is_of_packages(kind) and hasattr(value, "__wrapped__"):
            self._waiting.append(value.__wrapped__)
            return
        slotted = any("__slots__" in vars(each) for each in kind.__mro__)
        hidden = any(map(_is_compiled, kind.__mro__)) or not (slotted or hasattr(value, "__dict__"))
        hides = hasattr(kind, "__next__") or isinstance(value, bytearray | memoryview)
        if hides or (hidden and not _is_of_packages(kind)):
            self._miss(f"a {_module_of(kind)}.{kind.__qualname__}")
        else:
            self._visit_attributes(value)

    def _visit_attributes(self, value: Any) -> None:
        kind = type(value)
        self._visit_class(kind)
        for name in _slots(kind):
            self.watched.attribute(value, name)
        if hasattr(value, "__dict__"):
            self._hold(vars(value), of_packages=_is_of_packages(kind))

    def _miss(self, what: str) -> None:
        self.unseen = self.unseen or f"{what} is used, which may change unseen"

    def _hold(self, held: Any, of_packages: bool = False) -> None:
        """Look at a container; the attributes of what comes from packages are read by name."""
        if held is sys.modules or self.watched.size + len(held) > MOST:
            self._miss(f"a {type(held).__name__} of {len(held)} entries")
            return
        watched = self.watched.container
        parts = [*held] if isinstance(held, tuple) else watched(held, ordered=not of_packages)
        # What layers draw is noted, and drawn anew.
        left = GENERATORS if of_packages else ()
        self._waiting += [part for part in parts if not isinstance(part, left)]

    def _visit_function(self, function: FunctionType) -> None:
        if _is_of_packages(function):
            self._waiting += _made_of(function)
            return
        self._waiting.append(vars(function))
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            self.watched.attribute(function, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                self.watched.attribute(cell, "cell_contents")
            except ValueError:  # it is empty yet
                self._miss(name)
        for code in _codes(function.__code__):
            instructions = [*dis.get_instructions(code)]
            own = _own_containers(code, instructions)
            for place, instruction in enumerate(instructions):
                recent = instructions[max(0, place - 2) : place + 1]
                if not _changes_own(recent, own):
                    computes = _loads_function_of_packages(function, recent)
                    acts = not computes and _acts(function, code, instruction)
                    self._look(function, instruction, acts)

    def _look(self, function: FunctionType, instruction: dis.Instruction, acts: bool) -> None:
        name, what = instruction.argval, instruction.opname
        if what in ("LOAD_GLOBAL", "LOAD_NAME"):
            self.watched.variable(function.__globals__, name)
        elif what == "IMPORT_NAME":
            self.watched.variable(sys.modules, name)
        if what in LOADS and name in UNSEEN:
            self._miss(name)
        if what in LOADS and name in BY_NAME and not self._any_name:
            self._any_name = True
            for owner in [*self._owners]:
                self._visit_members(owner)
        # A string may be the name of what getattr asks for.
        if what in ATTRIBUTES or (what == "LOAD_CONST" and type(name) is str):
            self._ask(name)
        if acts and not self.acts:
            known = name if isinstance(name, str) else what
            self.acts = f"{function.__qualname__} does more than compute: {known}"

    def _own(self, owner: Any) -> None:
        """Look at what functions ask of a class or of a module."""
        self._owners.append(owner)
        if self._any_name:
            self._visit_members(owner)
        for name in [*self._names]:
            self._visit_member(owner, name)

    def _ask(self, name: str) -> None:
        if name not in self._names:
            self._names.add(name)
            for owner in [*self._owners]:
                self._visit_member(owner, name)

    def _visit_members(self, owner: Any) -> None:
        for name in [*vars(owner)]:
            if not name.startswith("__"):
                self._visit_member(owner, name)
        if isinstance(owner, ModuleType):
            self.watched.container(dict.keys(vars(owner)))

    def _visit_member(self, owner: Any, name: str) -> None:
        if isinstance(owner, ModuleType):
            self.watched.variable(vars(owner), name)
        elif name in vars(owner):
            member = vars(owner)[name]
            self._waiting.append(getattr(member, "fget", getattr(member, "__func__", member)))


def _own_containers(code: CodeType, instructions: Sequence[dis.Instruction]) -> set[str]:
    """The local variables of a function that are lists or dicts which it makes itself."""
    stars = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    count = code.co_argcount + code.co_kwonlyargcount + stars
    made, others = set[str](), {*code.co_varnames[:count]}
    for before, instruction in pairwise(instructions):
        what, name = instruction.opname, instruction.argval
        if what == "STORE_FAST" and before.opname in MAKES:
            made.add(name)
        elif "STORE_FAST" in what:  # later Pythons have instructions for two variables
            others.update(name if isinstance(name, tuple) else (name,))
    return made - others


def _changes_own(recent: Sequence[dis.Instruction], own: set[str]) -> bool:
    """Whether the last instruction changes a container in one of a function's own variables."""
    *before, last = recent
    if last.opname == "STORE_SUBSCR":
        is_plain = len(before) == 2 and before[1].opname in ("LOAD_CONST", "LOAD_FAST")
        before = before[:1] if is_plain else []
    elif last.argval not in ("append", "extend", "update"):
        return False
    return bool(before) and before[-1].opname == "LOAD_FAST" and before[-1].argval in own


def _loads_function_of_packages(function: FunctionType, recent: Sequence[dis.Instruction]) -> bool:
    """Whether the last instruction loads one by its name, as `grad` is, or `autograd_lite.grad`."""
    *before, last = recent
    variables: Any = {}
    if last.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
        variables = function.__globals__
    elif last.opname in ATTRIBUTES and before and before[-1].opname == "LOAD_GLOBAL":
        owner = function.__globals__.get(before[-1].argval)
        variables = vars(owner) if isinstance(owner, ModuleType) else {}
    found = variables.get(last.argval)
    return isinstance(found, FunctionType) and _is_of_packages(found)


def _acts(function: FunctionType, code: CodeType, instruction: dis.Instruction) -> bool:
    """Whether an instruction of a function, or of one within it, does more than compute."""
    what, name = instruction.opname, instruction.argval
    if what == "YIELD_VALUE":
        return code.co_name != "<genexpr>"  # which only what computes reads
    if what == "STORE_DEREF":
        return name in code.co_freevars
    # What local variables are was loaded, or given, before.
    given = what in ("LOAD_DEREF", "LOAD_CLOSURE") and name in function.__code__.co_freevars
    return what in STORES or (name in CHANGES and (given or what in LOADS))


def _made_of(function: FunctionType) -> list[Any]:
    """The functions that one of the packages was given to make itself of."""
    found = [vars(function).get(name) for name in ("__wrapped__", "registry")]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty yet
            found.append(cell.cell_contents)
    functions = FunctionType, MethodType, functools.partial, MappingProxyType
    return [x for x in found if isinstance(x, functions)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """That of a function, and of the functions that it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _called_unnamed(kind: type) -> list[Any]:
    """The methods that operators and calls reach; those of the standard library only compute."""
    if _module_of(kind).partition(".")[0] in sys.stdlib_module_names:
        return []
    return [
        member
        for name, member in vars(kind).items()
        if isinstance(member, FunctionType) and name[:2] == "__" and name not in NOT_CALLED
    ]


def _slots(kind: type) -> Iterator[str]:
    for each in kind.__mro__:
        for name, member in vars(each).items():
            if isinstance(member, MemberDescriptorType):
                yield name


def _is_compiled(kind: type) -> bool:
    """Whether a class comes from C, whose objects keep what is no attribute."""
    spec = getattr(sys.modules.get(_module_of(kind)), "__spec__", None)
    loader = getattr(spec, "loader", None)
    is_builtin = loader is BuiltinImporter and _module_of(kind) != "builtins"
    is_static = not kind.__flags__ & HEAP_TYPE and kind not in (object, *CONTAINERS)
    return is_builtin or is_static or isinstance(loader, ExtensionFileLoader)


def _is_package(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def _is_of_packages(value: Any) -> bool:
    if isinstance(value, FunctionType):  # which may have been given the name of another one
        return _is_package(value.__globals__.get("__name__") or "")
    return _is_package(_module_of(value))


def _module_of(value: Any) -> str:
    """The name of the module that an object, or its class, comes from."""
    module = getattr(value, "__module__", None) or type(value).__module__
    return module if isinstance(module, str) else ""
